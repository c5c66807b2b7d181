/*
 * The echo service, on the scheduler named at the start, in three ways:
 *
 *     echo_server [--host H] [--port P] [--backend NAME] [--api API] [--tls CERT KEY]
 *                 [--workers N] [--stats]
 *
 *     --api tasks       a task per connection, on sockets (the default)
 *     --api streams     a task per connection, on a reader and a writer
 *     --api protocols   no tasks: functions that the loop calls
 *     --tls CERT KEY    in TLS, with the certificate and key of these files (PEM)
 *     --workers N       on so many loops, in as many threads, that listen on one port
 *
 * It prints one line when it listens, and ends with exit code 0 on SIGINT or SIGTERM: the
 * main task is cancelled, and when it has returned eddy_run cancels the connections'
 * tasks, each of which closes its socket on the way out.
 */
#define _DEFAULT_SOURCE

#include <eddy.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef WITH_TLS
#include <eddy/tls.h>
#endif

#include "raise_limit.h"

#define DESCRIPTORS 65536
#define BACKLOG 1024

/* A way of serving: has it start; then it runs until the main task is cancelled. */
struct api {
  const char *name;
  int (*serve)(void);
};

static struct {
  const char *host;
  int port;
  const struct api *api;
  const char *certificate; /* NULL: no TLS */
  const char *key;
  eddy_layer *
      tls; /* of all workers, so that each resumes what another one began; NULL: no TLS */
  size_t workers;
  /* The first worker's, for each other one; NULL: there is one. */
  eddy_thread_queue *ports;
  bool stats;
  atomic_bool started; /* the main task ran, and reports its own errors */
} server = {.host = "127.0.0.1", .port = 7000, .workers = 1};

/* Each worker's own: tasks never move to another thread. */
static _Thread_local struct {
  int port;
  uint64_t connections;
  uint64_t requests; /* pieces received and sent back */
  uint64_t bytes;
} own;

/* What the workers that have ended did together. */
static struct {
  _Atomic(const char *) backend;
  atomic_ullong connections, requests, bytes, iterations, polls, callbacks;
} total;

static void add_stats(void)
{
  eddy_loop_stats stats;
  eddy_loop_get_stats(eddy_get_running_loop(), &stats);
  atomic_store(&total.backend, stats.backend);
  atomic_fetch_add(&total.connections, own.connections);
  atomic_fetch_add(&total.requests, own.requests);
  atomic_fetch_add(&total.bytes, own.bytes);
  atomic_fetch_add(&total.iterations, stats.iterations);
  atomic_fetch_add(&total.polls, stats.polls);
  atomic_fetch_add(&total.callbacks, stats.callbacks);
}

static void print_stats(void)
{
  printf("stats backend=%s connections=%llu requests=%llu bytes=%llu iterations=%llu "
         "polls=%llu callbacks=%llu cpu_us=%.0f\n",
      total.backend, total.connections, total.requests, total.bytes, total.iterations,
      total.polls, total.callbacks, (double)clock() * 1e6 / (double)CLOCKS_PER_SEC);
}

/* ---- one port for all workers ---- */

/* The first one may have been given port 0, which is another one each time: the others wait for
 * what it has got. */
static int choose_port(void)
{
  eddy_value port = eddy_int(server.port);
  int rc = 0;
  if (eddy_worker_index() > 0) rc = eddy_thread_queue_get(server.ports, &port);
  own.port = (int)port.i;
  return rc;
}

static int tell_port(const eddy_address *address)
{
  int rc = 0;
  if (eddy_worker_index() != 0) return 0;
  for (size_t i = 1; i < server.workers && rc == 0; i++) {
    rc = eddy_thread_queue_put(server.ports, eddy_int(eddy_address_port(address)));
  }
  return rc;
}

static int is_listening(int listener)
{
  eddy_loop_stats stats;
  eddy_address address;
  char text[EDDY_ADDRESS_TEXT];
  int rc = eddy_sock_getsockname(listener, &address);
  if (rc < 0 || eddy_worker_index() > 0) return rc;
  eddy_loop_get_stats(eddy_get_running_loop(), &stats);
  printf("listening on %s (%s)", eddy_address_format(&address, text, sizeof(text)),
      stats.backend);
  if (server.workers > 1) printf(" with %zu workers", server.workers);
  puts("");
  fflush(stdout);
  return tell_port(&address);
}

/* ---- tasks ---- */

static void drop(void *arg)
{
  eddy_sock_close((int)(intptr_t)arg);
}

static int echo(void *arg)
{
  int fd = (int)(intptr_t)arg;
  char data[4096];
  size_t size = 0;
  int rc = 0;
  while (
      rc == 0 && (rc = eddy_sock_recv(fd, data, sizeof(data), &size)) == 0 && size > 0) {
    own.requests++;
    own.bytes += size;
    rc = eddy_sock_sendall(fd, data, size);
  }
  eddy_sock_close(fd);
  /* A peer that went away in the middle is everyday life, not this server's failure. */
  return rc == EDDY_ECONNRESET || rc == EDDY_EPIPE ? 0 : rc;
}

static int echo_stream(
    eddy_stream_reader *reader, eddy_stream_writer *writer, void *unused);

/* Sockets know nothing of TLS: a stream is put on the connection, and its handshake waited
 * for. */
static int echo_in_tls(void *arg)
{
  const eddy_connection_options options = {.tls = server.tls};
  int fd = (int)(intptr_t)arg;
  eddy_stream_reader *reader;
  eddy_stream_writer *writer;
  eddy_transport *transport;
  int rc = eddy_stream_reader_new(EDDY_STREAM_LIMIT, &reader);
  if (rc < 0) {
    eddy_sock_close(fd);
    return rc;
  }
  rc = eddy_loop_connect_accepted_socket(
      NULL, eddy_stream_protocol, reader, fd, &options, &transport, NULL);
  if (rc < 0) goto no_connection;
  rc = eddy_stream_writer_new(transport, &writer);
  if (rc == 0) {
    rc = echo_stream(reader, writer, NULL);
    eddy_stream_writer_unref(writer); /* closes the connection */
  } else {
    eddy_transport_abort(transport);
  }
  eddy_transport_unref(transport);
no_connection:
  eddy_stream_reader_unref(reader);
  return rc == EDDY_ECANCELLED || rc == EDDY_ENOMEM ? rc : 0;
}

static int accept_all(int listener)
{
  /* `drop` closes a connection whose task is cancelled before it ran at all. */
  const eddy_task_options options = {.unstarted = drop, .site = EDDY_SITE("echo")};
  eddy_fn *body = server.tls != NULL ? echo_in_tls : echo;
  for (;;) {
    int fd;
    int rc = eddy_sock_accept(listener, &fd, NULL);
    if (rc < 0) return rc;
    if (server.tls == NULL) own.connections++;
    rc = eddy_loop_create_task_with(NULL, body, (void *)(intptr_t)fd, &options, NULL);
    if (rc < 0) {
      fprintf(stderr, "echo_server: connection refused: %s\n", eddy_message(rc));
      eddy_sock_close(fd);
    }
  }
}

static int serve_tasks(void)
{
  const eddy_listen_options options = {
      .backlog = BACKLOG, .reuse_port = server.workers > 1};
  int listener;
  int rc = eddy_sock_listen(server.host, own.port, &options, &listener);
  if (rc < 0) return rc;
  rc = is_listening(listener);
  if (rc == 0) rc = accept_all(listener);
  eddy_sock_close(listener);
  return rc;
}

/* ---- streams ---- */

/* Waits for the signal; then all connections end. */
static int serve_until_stopped(eddy_server *echo_server)
{
  int rc = is_listening(eddy_server_sockets(echo_server, NULL)[0]);
  while (rc == 0) {
    rc = eddy_sleep(EDDY_S(3600));
  }
  eddy_server_close(echo_server);
  eddy_server_abort_clients(echo_server);
  eddy_server_unref(echo_server);
  return rc;
}

static int echo_stream(
    eddy_stream_reader *reader, eddy_stream_writer *writer, void *unused)
{
  char data[4096];
  size_t size = 0;
  int rc;
  (void)unused;
  own.connections++;
  while ((rc = eddy_stream_reader_read(reader, data, sizeof(data), &size)) == 0 &&
         size > 0) {
    own.requests++;
    own.bytes += size;
    rc = eddy_stream_writer_write(writer, data, size);
    if (rc == 0) rc = eddy_stream_writer_drain(writer);
    if (rc < 0) break;
  }
  bool gone = rc == EDDY_ECONNRESET || rc == EDDY_EPIPE || rc == EDDY_ETRUNCATED ||
              rc == EDDY_ETLS;
  return gone ? 0 : rc;
}

static int serve_streams(void)
{
  const eddy_server_options how = {
      .backlog = BACKLOG, .tls = server.tls, .reuse_port = server.workers > 1};
  const eddy_stream_options options = {.server = &how};
  eddy_server *echo_server;
  int rc = eddy_start_server(
      echo_stream, NULL, server.host, own.port, &options, &echo_server);
  return rc < 0 ? rc : serve_until_stopped(echo_server);
}

/* ---- protocols ---- */

/* The instance of a connection is its transport, once there is one. */
struct connection {
  eddy_transport *transport;
};

static int made(void *self, eddy_transport *transport)
{
  struct connection *connection = self;
  connection->transport = transport;
  own.connections++;
  return 0;
}

static int received(void *self, const void *data, size_t size)
{
  struct connection *connection = self;
  own.requests++;
  own.bytes += size;
  return eddy_transport_write(connection->transport, data, size);
}

/* A client that does not read is not read from. */
static int hold(void *self)
{
  struct connection *connection = self;
  eddy_transport_pause_reading(connection->transport);
  return 0;
}

static int go_on(void *self)
{
  struct connection *connection = self;
  return eddy_transport_resume_reading(connection->transport);
}

static const eddy_protocol echo_protocol = {
    .connection_made = made,
    .data_received = received,
    .pause_writing = hold,
    .resume_writing = go_on,
    .release = free,
};

static int make_connection(void *unused, const eddy_protocol **protocol, void **self)
{
  (void)unused;
  *self = calloc(1, sizeof(struct connection));
  *protocol = &echo_protocol;
  return *self != NULL ? 0 : EDDY_ENOMEM;
}

static int serve_protocols(void)
{
  const eddy_server_options options = {
      .backlog = BACKLOG, .tls = server.tls, .reuse_port = server.workers > 1};
  eddy_server *echo_server;
  int rc = eddy_loop_create_server(
      NULL, make_connection, NULL, server.host, own.port, &options, &echo_server);
  return rc < 0 ? rc : serve_until_stopped(echo_server);
}

/* ---- the program ---- */

static const struct api apis[] = {
    {"tasks", serve_tasks}, {"streams", serve_streams}, {"protocols", serve_protocols}};

static const struct api *find_api(const char *name)
{
  for (size_t i = 0; i < sizeof(apis) / sizeof(apis[0]); i++) {
    if (strcmp(apis[i].name, name) == 0) return &apis[i];
  }
  return NULL;
}

/* The main task, and that of each worker. */
static int serve(void *arg)
{
  (void)arg;
  server.started = true;
  int rc = choose_port();
  if (rc == EDDY_EQUEUESHUTDOWN)
    return 0; /* the first worker has no port, and says why */
  if (rc == 0) rc = server.api->serve();
  if (rc < 0 && rc != EDDY_ECANCELLED)
    fprintf(stderr, "echo_server: %s\n", eddy_message(rc));
  if (eddy_worker_index() == 0) eddy_thread_queue_shutdown(server.ports, true);
  add_stats();
  return rc == EDDY_ECANCELLED ? 0 : rc;
}

static int stop(void *main_task)
{
  eddy_task_cancel(main_task, "stopped by a signal");
  return 0;
}

static int serve_alone(void *arg)
{
  eddy_loop *loop = eddy_get_running_loop();
  int rc = eddy_loop_add_signal_handler(loop, SIGINT, stop, eddy_current_task());
  if (rc == 0)
    rc = eddy_loop_add_signal_handler(loop, SIGTERM, stop, eddy_current_task());
  return rc < 0 ? rc : serve(arg);
}

/* Until a signal comes. */
static int run(const eddy_loop_options *loop)
{
  const eddy_task_options task = {.name = "server", .site = EDDY_SITE("serve")};
  const eddy_workers_options workers = {.count = server.workers, .loop = loop};
  if (server.workers == 1) return eddy_run_with(serve_alone, NULL, loop, &task, NULL);
  int rc = eddy_thread_queue_new(0, &server.ports);
  if (rc < 0) return rc;
  rc = eddy_workers_run(&workers, serve, NULL, EDDY_S(10));
  eddy_thread_queue_unref(server.ports);
  return rc;
}

#ifdef WITH_TLS
static int run_in_tls(const eddy_loop_options *loop)
{
  eddy_tls_context *context;
  int rc = eddy_tls_context_new_server(&context);
  if (rc < 0) return rc;
  rc = eddy_tls_context_load_cert_chain(context, server.certificate, server.key);
  server.tls = eddy_tls_layer(context);
  if (rc == 0) rc = run(loop);
  eddy_tls_context_unref(context);
  return rc;
}
#else
static int run_in_tls(const eddy_loop_options *loop)
{
  (void)loop;
  return eddy_raise(EDDY_ENOTSUP, "--tls: this program was built without eddy-tls");
}
#endif

static int usage(const char *problem, const char *what)
{
  fprintf(stderr,
      "echo_server: %s%s\n"
      "usage: echo_server [--host H] [--port P] [--backend NAME]\n"
      "                   [--api tasks|streams|protocols] [--tls CERT KEY] [--workers "
      "N]\n"
      "                   [--stats]\n",
      problem, what);
  return 2;
}

/* A whole number from `least` to `most`, or -1. */
static long number(const char *text, long least, long most)
{
  char *end;
  long value = strtol(text, &end, 10);
  return end == text || *end != '\0' || value < least || value > most ? -1 : value;
}

int main(int argc, char **argv)
{
  eddy_loop_options loop = {0};
  server.api = &apis[0];
  for (int i = 1; i < argc; i++) {
    const char *option = argv[i];
    if (strcmp(option, "--stats") == 0) {
      server.stats = true;
      continue;
    }
    if (i + 1 == argc) return usage("not an option, or its value is missing: ", option);
    const char *value = argv[++i];
    if (strcmp(option, "--host") == 0) {
      server.host = value;
    } else if (strcmp(option, "--backend") == 0) {
      loop.backend = value;
    } else if (strcmp(option, "--api") == 0) {
      server.api = find_api(value);
      if (server.api == NULL) return usage("not an api: ", value);
    } else if (strcmp(option, "--tls") == 0) {
      if (i + 1 == argc) return usage("the file of the key is missing: ", option);
      server.certificate = value;
      server.key = argv[++i];
    } else if (strcmp(option, "--port") == 0) {
      server.port = (int)number(value, 0, 65535);
      if (server.port < 0) return usage("not a port: ", value);
    } else if (strcmp(option, "--workers") == 0) {
      if (number(value, 1, 1024) < 0) return usage("not a number of workers: ", value);
      server.workers = (size_t)number(value, 1, 1024);
    } else {
      return usage("unknown option: ", option);
    }
  }
  raise_limit(DESCRIPTORS);
  int rc = server.certificate != NULL ? run_in_tls(&loop) : run(&loop);
  if (rc < 0 && !server.started) fprintf(stderr, "echo_server: %s\n", eddy_message(rc));
  if (rc == 0 && server.stats) print_stats();
  return rc < 0 ? 1 : 0;
}
