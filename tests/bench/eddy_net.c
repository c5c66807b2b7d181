/*
 * The echo services of the network rows, on the backend that EDDY_BACKEND names:
 *
 *     bench_eddy_net API [BUFFER [CERTIFICATE_AND_KEY]]
 *
 *     tasks            a task per connection, on a socket
 *     streams          a task per connection, on a reader and a writer
 *     protocols        functions that the loop calls
 *     tasks_exactly    BUFFER bytes are read and written at a time
 *     streams_exactly  the same on a reader and a writer, writes gathered
 *     udp_protocols, udp_tasks
 *
 * With a certificate and its key in one file streams and protocols are TLS (built with eddy-tls
 * only). Prints where it listens, and ends on SIGTERM.
 */
#define _DEFAULT_SOURCE

#include <eddy.h>
#ifdef BENCH_TLS
#include <eddy/tls.h>
#endif
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../examples/raise_limit.h"

#define BACKLOG 1024
#define SMALL 1024 /* fits the first page of a task's stack beside what else is there */
#define LARGE 131072

static size_t buffer_size = SMALL;
static const char *certificate;
static eddy_layer *tls; /* NULL: none */

static int load_tls(const char *file)
{
#ifdef BENCH_TLS
  eddy_tls_context *context;
  int rc = eddy_tls_context_new_server(&context);
  if (rc == 0) rc = eddy_tls_context_load_cert_chain(context, file, NULL);
  if (rc == 0) tls = eddy_tls_layer(context);
  return rc;
#else
  (void)file;
  return EDDY_ENOTSUP;
#endif
}

static int print_listening(int fd)
{
  eddy_address address;
  char text[EDDY_ADDRESS_TEXT];
  eddy_loop_stats stats;
  int rc = eddy_sock_getsockname(fd, &address);
  if (rc < 0) return rc;
  eddy_loop_get_stats(eddy_get_running_loop(), &stats);
  printf("listening on %s (eddy on %s)\n",
      eddy_address_format(&address, text, sizeof(text)), stats.backend);
  fflush(stdout);
  return 0;
}

static int end_of(int rc)
{
  return rc == EDDY_ECONNRESET || rc == EDDY_EPIPE ? 0 : rc;
}

/* ---- tasks ---- */

static int echo_with(int fd, void *data, size_t room)
{
  size_t size = 0;
  int rc = 0;
  while (rc == 0 && (rc = eddy_sock_recv(fd, data, room, &size)) == 0 && size > 0) {
    rc = eddy_sock_sendall(fd, data, size);
  }
  eddy_sock_close(fd);
  return end_of(rc);
}

static int echo_small(void *arg)
{
  char data[SMALL];
  return echo_with((int)(intptr_t)arg, data, buffer_size);
}

static int echo_large(void *arg)
{
  char *data = malloc(buffer_size);
  int rc = data != NULL ? echo_with((int)(intptr_t)arg, data, buffer_size) : EDDY_ENOMEM;
  free(data);
  return rc;
}

static void drop(void *arg)
{
  eddy_sock_close((int)(intptr_t)arg);
}

static int serve_tasks(void)
{
  const eddy_listen_options options = {.backlog = BACKLOG};
  const eddy_task_options task = {.unstarted = drop, .site = EDDY_SITE("echo")};
  int listener, fd;
  int rc = eddy_sock_listen("127.0.0.1", 0, &options, &listener);
  if (rc < 0) return rc;
  rc = print_listening(listener);
  while (rc == 0 && (rc = eddy_sock_accept(listener, &fd, NULL)) == 0) {
    rc = eddy_loop_create_task_with(NULL, buffer_size <= SMALL ? echo_small : echo_large,
        (void *)(intptr_t)fd, &task, NULL);
  }
  eddy_sock_close(listener);
  return rc;
}

/* ---- streams ---- */

static int serve_until_stopped(eddy_server *server)
{
  int rc = print_listening(eddy_server_sockets(server, NULL)[0]);
  while (rc == 0) {
    rc = eddy_sleep(EDDY_S(3600));
  }
  eddy_server_close(server);
  eddy_server_abort_clients(server);
  eddy_server_unref(server);
  return rc;
}

static int write_and_drain(eddy_stream_writer *writer, const void *data, size_t size)
{
  int rc = eddy_stream_writer_write(writer, data, size);
  return rc == 0 ? eddy_stream_writer_drain(writer) : rc;
}

static int echo_stream_with(
    eddy_stream_reader *reader, eddy_stream_writer *writer, void *data)
{
  size_t size = 0;
  int rc;
  while (
      (rc = eddy_stream_reader_read(reader, data, buffer_size, &size)) == 0 && size > 0) {
    rc = write_and_drain(writer, data, size);
    if (rc < 0) break;
  }
  return end_of(rc);
}

static int echo_stream_small(
    eddy_stream_reader *reader, eddy_stream_writer *writer, void *unused)
{
  char data[SMALL];
  (void)unused;
  return echo_stream_with(reader, writer, data);
}

static int echo_stream_large(
    eddy_stream_reader *reader, eddy_stream_writer *writer, void *unused)
{
  char *data = malloc(buffer_size);
  (void)unused;
  int rc = data != NULL ? echo_stream_with(reader, writer, data) : EDDY_ENOMEM;
  free(data);
  return rc;
}

static int echo_exactly(
    eddy_stream_reader *reader, eddy_stream_writer *writer, void *unused)
{
  char data[SMALL];
  (void)unused;
  int rc = eddy_transport_gather_writes(eddy_stream_writer_transport(writer), true);
  while (rc == 0 &&
         (rc = eddy_stream_reader_readexactly(reader, data, buffer_size, NULL)) == 0) {
    rc = write_and_drain(writer, data, buffer_size);
    if (rc < 0) break;
  }
  return rc == EDDY_EINCOMPLETEREAD ? 0 : end_of(rc);
}

static int serve_streams_with(eddy_stream_handler *handler)
{
  const eddy_server_options how = {.backlog = BACKLOG, .tls = tls};
  const eddy_stream_options options = {.server = &how};
  eddy_server *server;
  int rc = eddy_start_server(handler, NULL, "127.0.0.1", 0, &options, &server);
  return rc < 0 ? rc : serve_until_stopped(server);
}

static int serve_streams(void)
{
  return serve_streams_with(buffer_size <= SMALL ? echo_stream_small : echo_stream_large);
}

static int serve_exactly(void)
{
  return serve_streams_with(echo_exactly);
}

/* ---- protocols: an instance is its transport ---- */

struct connection {
  eddy_transport *transport;
};

static int made(void *self, eddy_transport *transport)
{
  ((struct connection *)self)->transport = transport;
  return 0;
}

static int received(void *self, const void *data, size_t size)
{
  return eddy_transport_write(((struct connection *)self)->transport, data, size);
}

static int hold(void *self)
{
  eddy_transport_pause_reading(((struct connection *)self)->transport);
  return 0;
}

static int go_on(void *self)
{
  return eddy_transport_resume_reading(((struct connection *)self)->transport);
}

static int datagram(void *self, const void *data, size_t size, const eddy_address *from)
{
  return eddy_transport_sendto(((struct connection *)self)->transport, data, size, from);
}

static const eddy_protocol protocol = {
    .connection_made = made,
    .data_received = received,
    .datagram_received = datagram,
    .pause_writing = hold,
    .resume_writing = go_on,
    .release = free,
};

static int make(void *unused, const eddy_protocol **out, void **self)
{
  (void)unused;
  *self = calloc(1, sizeof(struct connection));
  *out = &protocol;
  return *self != NULL ? 0 : EDDY_ENOMEM;
}

static int serve_protocols(void)
{
  const eddy_server_options options = {.backlog = BACKLOG, .tls = tls};
  eddy_server *server;
  int rc = eddy_loop_create_server(NULL, make, NULL, "127.0.0.1", 0, &options, &server);
  return rc < 0 ? rc : serve_until_stopped(server);
}

/* ---- datagrams ---- */

static int serve_udp_protocols(void)
{
  const eddy_endpoint_options options = {.local_host = "127.0.0.1"};
  eddy_transport *transport;
  int rc = eddy_loop_create_datagram_endpoint(
      NULL, make, NULL, &options, &transport, NULL);
  if (rc < 0) return rc;
  rc = print_listening(eddy_transport_get_fd(transport));
  while (rc == 0) {
    rc = eddy_sleep(EDDY_S(3600));
  }
  eddy_transport_abort(transport);
  eddy_transport_unref(transport);
  return rc;
}

static int echo_batches(int fd)
{
  static char room[16][2048];
  eddy_datagram datagrams[16] = {0};
  for (;;) {
    size_t got;
    for (size_t i = 0; i < 16; i++) {
      datagrams[i].data = room[i];
      datagrams[i].size = sizeof(room[i]);
    }
    int rc = eddy_sock_recv_batch(fd, datagrams, 16, &got);
    for (size_t i = 0; rc == 0 && i < got; i++) {
      rc = eddy_sock_sendto(fd, datagrams[i].data, datagrams[i].size, &datagrams[i].from);
    }
    if (rc < 0) return rc;
  }
}

static int serve_udp_tasks(void)
{
  eddy_address address;
  int fd;
  int rc = eddy_address_parse("127.0.0.1", 0, &address);
  if (rc == 0) rc = eddy_sock_open_datagram(&address, NULL, &fd);
  if (rc < 0) return rc;
  rc = print_listening(fd);
  if (rc == 0) rc = echo_batches(fd);
  eddy_sock_close(fd);
  return rc;
}

/* ---- the program ---- */

static const struct api {
  const char *name;
  int (*serve)(void);
} apis[] = {{"tasks", serve_tasks}, {"streams", serve_streams},
    {"protocols", serve_protocols}, {"tasks_exactly", serve_tasks},
    {"streams_exactly", serve_exactly}, {"udp_protocols", serve_udp_protocols},
    {"udp_tasks", serve_udp_tasks}};

static int stop(void *main_task)
{
  eddy_task_cancel(main_task, NULL);
  return 0;
}

static int serve(void *arg)
{
  const struct api *api = arg;
  eddy_loop *loop = eddy_get_running_loop();
  int rc = eddy_loop_add_signal_handler(loop, SIGTERM, stop, eddy_current_task());
  if (rc == 0 && certificate != NULL) rc = load_tls(certificate);
  if (rc == 0) rc = api->serve();
  if (rc < 0 && rc != EDDY_ECANCELLED)
    fprintf(stderr, "bench_eddy_net: %s\n", eddy_message(rc));
  return rc == EDDY_ECANCELLED ? 0 : rc;
}

int main(int argc, char **argv)
{
  raise_limit(65536);
  if (argc > 2) buffer_size = strtoul(argv[2], NULL, 10);
  if (argc > 3) certificate = argv[3];
  for (size_t i = 0; argc > 1 && i < sizeof(apis) / sizeof(apis[0]); i++) {
    if (strcmp(argv[1], apis[i].name) != 0) continue;
    if (buffer_size == 0 || buffer_size > LARGE) break;
    return eddy_run(serve, (void *)(uintptr_t)&apis[i]) < 0;
  }
  fprintf(stderr,
      "usage: bench_eddy_net API [BUFFER of 1 to %d bytes [CERTIFICATE_AND_KEY]]\n",
      LARGE);
  return 2;
}
