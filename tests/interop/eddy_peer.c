/*
 * eddy's end of conversations with programs that are not ours.
 *
 *     eddy_peer serve WHERE [--tls CERT KEY]     echoes; prints "listening on ..."
 *     eddy_peer load WHERE [OPTION ...]          connections with random pieces, verified
 *     eddy_peer cat WHERE [OPTION ...]           stdin to the peer, then half-close; what comes
 *                                                goes to stdout
 *     eddy_peer udp-serve                        echoes datagrams
 *     eddy_peer udp WHERE                        datagrams of random sizes, verified
 *
 * WHERE is a port of 127.0.0.1, or the path of a Unix socket. OPTIONs of clients: --connections
 * N, --bytes N (each sends up to so many), --ca FILE (use TLS and trust this authority), --name
 * NAME (who the certificate has to be made out to). The exit code is 0 if all was right.
 */
#define _DEFAULT_SOURCE

#include <eddy.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef WITH_TLS
#include <eddy/tls.h>
#endif

static struct {
  const char *where;
  int connections;
  size_t bytes;
  const char *cert, *key; /* a server's */
  const char *ca, *name;  /* a client's */
  eddy_layer *layer;      /* NULL: no TLS */
  size_t received;
} peer = {.connections = 1, .bytes = 100000};

static bool is_path(const char *where)
{
  return strchr(where, '/') != NULL;
}

static int set_up_tls(void)
{
  if (peer.cert == NULL && peer.ca == NULL) return 0;
#ifdef WITH_TLS
  static eddy_tls_context *context; /* left to the end of the process */
  int rc = peer.cert != NULL ? eddy_tls_context_new_server(&context)
                             : eddy_tls_context_new_client(&context);
  if (rc == 0 && peer.cert != NULL)
    rc = eddy_tls_context_load_cert_chain(context, peer.cert, peer.key);
  if (rc == 0 && peer.ca != NULL)
    rc = eddy_tls_context_load_verify_locations(context, peer.ca, NULL);
  if (rc == 0) peer.layer = eddy_tls_layer(context);
  return rc;
#else
  return eddy_raise(EDDY_ENOTSUP, "built without TLS");
#endif
}

/* ---- a server ---- */

static int echo(eddy_stream_reader *reader, eddy_stream_writer *writer, void *unused)
{
  char data[8192];
  size_t size = 0;
  int rc;
  (void)unused;
  while ((rc = eddy_stream_reader_read(reader, data, sizeof(data), &size)) == 0 &&
         size > 0) {
    rc = eddy_stream_writer_write(writer, data, size);
    if (rc == 0) rc = eddy_stream_writer_drain(writer);
    if (rc < 0) break;
  }
  return rc == EDDY_ECONNRESET || rc == EDDY_EPIPE ? 0 : rc;
}

static int say_where(int listener)
{
  eddy_address address;
  char text[EDDY_ADDRESS_TEXT];
  int rc = eddy_sock_getsockname(listener, &address);
  if (rc < 0) return rc;
  printf("listening on %s\n", eddy_address_format(&address, text, sizeof(text)));
  fflush(stdout);
  return 0;
}

static int serve(void)
{
  const eddy_server_options how = {.tls = peer.layer};
  const eddy_stream_options options = {.server = &how};
  eddy_server *server;
  int rc = is_path(peer.where)
               ? eddy_start_unix_server(echo, NULL, peer.where, &options, &server)
               : eddy_start_server(
                     echo, NULL, "127.0.0.1", atoi(peer.where), &options, &server);
  if (rc < 0) return rc;
  rc = say_where(eddy_server_sockets(server, NULL)[0]);
  while (rc == 0) {
    rc = eddy_sleep(EDDY_S(3600));
  }
  eddy_server_close(server);
  eddy_server_abort_clients(server);
  eddy_server_unref(server);
  return rc;
}

/* ---- clients ---- */

struct link {
  eddy_stream_reader *reader;
  eddy_stream_writer *writer;
  unsigned number;
  size_t total;
};

static int connect_link(struct link *link)
{
  const eddy_connection_options how = {.tls = peer.layer, .server_hostname = peer.name};
  const eddy_stream_options options = {.connection = &how};
  if (is_path(peer.where))
    return eddy_open_unix_connection(peer.where, &options, &link->reader, &link->writer);
  return eddy_open_connection(
      "127.0.0.1", atoi(peer.where), &options, &link->reader, &link->writer);
}

static void drop_link(struct link *link)
{
  eddy_stream_writer_unref(link->writer);
  eddy_stream_reader_unref(link->reader);
}

/* The connection's byte at a place. */
static char byte_at(const struct link *link, size_t place)
{
  return (char)((place * 2654435761u + link->number * 40503u) >> 11);
}

static unsigned chance(unsigned *state)
{
  *state = *state * 1103515245u + 12345u;
  return *state >> 8;
}

/* In pieces of random sizes, with a half-close at the end where there is one. */
static int send_all(void *arg)
{
  struct link *link = arg;
  char piece[5000];
  unsigned state = link->number;
  int rc = 0;
  for (size_t at = 0; at < link->total && rc == 0;) {
    size_t size = chance(&state) % sizeof(piece) + 1;
    if (size > link->total - at) size = link->total - at;
    for (size_t i = 0; i < size; i++) {
      piece[i] = byte_at(link, at + i);
    }
    rc = eddy_stream_writer_write(link->writer, piece, size);
    if (rc == 0) rc = eddy_stream_writer_drain(link->writer);
    if (rc == 0 && chance(&state) % 4 == 0) rc = eddy_sleep(0);
    at += size;
  }
  if (rc < 0 || peer.layer != NULL) return rc;
  return eddy_stream_writer_write_eof(link->writer);
}

static int receive_all(struct link *link)
{
  char data[8192];
  size_t size = 1;
  for (size_t at = 0; at < link->total || peer.layer == NULL; at += size) {
    int rc = eddy_stream_reader_read(link->reader, data, sizeof(data), &size);
    if (rc < 0) return rc;
    if (size == 0 && at == link->total) return 0;
    if (size == 0 || size > link->total - at)
      return eddy_raise(EDDY_EPROTO, "connection %u: %zu bytes of %zu, then %zu",
          link->number, at, link->total, size);
    for (size_t i = 0; i < size; i++) {
      if (data[i] != byte_at(link, at + i))
        return eddy_raise(EDDY_EPROTO, "connection %u: byte %zu", link->number, at + i);
    }
    peer.received += size;
  }
  return 0;
}

static int run_link(void *number)
{
  struct link link = {.number = (unsigned)(intptr_t)number};
  eddy_task *sender;
  unsigned state = link.number + 77;
  int rc = connect_link(&link);
  if (rc < 0) return rc;
  link.total = chance(&state) % peer.bytes + 1;
  rc = eddy_create_task(send_all, &link, &sender);
  if (rc == 0) {
    rc = receive_all(&link);
    if (rc < 0) eddy_task_cancel(sender, NULL);
    int sent = eddy_task_await(sender, NULL);
    if (rc == 0) rc = sent;
    eddy_task_unref(sender);
  }
  eddy_stream_writer_close(link.writer);
  if (rc == 0) rc = eddy_stream_writer_wait_closed(link.writer);
  drop_link(&link);
  return rc;
}

static int load(void)
{
  eddy_task_group group = {0};
  int rc = eddy_task_group_enter(&group);
  if (rc < 0) return rc;
  for (int i = 0; i < peer.connections && rc == 0; i++) {
    rc = eddy_task_group_create_task(&group, run_link, (void *)(intptr_t)i, NULL);
  }
  rc = eddy_task_group_exit(&group, rc);
  if (rc == 0) printf("verified %zu bytes\n", peer.received);
  return rc;
}

static int send_input(void *arg)
{
  struct link *link = arg;
  char data[8192];
  size_t size = 0;
  int rc;
  while (
      (rc = eddy_file_read(STDIN_FILENO, data, sizeof(data), &size)) == 0 && size > 0) {
    link->total += size;
    rc = eddy_stream_writer_write(link->writer, data, size);
    if (rc == 0) rc = eddy_stream_writer_drain(link->writer);
    if (rc < 0) break;
  }
  if (rc < 0 || peer.layer != NULL) return rc;
  return eddy_stream_writer_write_eof(link->writer);
}

static int cat(void)
{
  struct link link = {.number = 0};
  eddy_task *sender;
  char data[8192];
  size_t size = 0;
  int rc = connect_link(&link);
  if (rc < 0) return rc;
  rc = eddy_create_task(send_input, &link, &sender);
  if (rc < 0) goto end;
  /* TLS has no half-close: there it is over when as much has come as was sent. */
  if (peer.layer != NULL) rc = eddy_task_await(sender, NULL);
  size_t received = 0;
  while (rc == 0 && (peer.layer == NULL || received < link.total) &&
         (rc = eddy_stream_reader_read(link.reader, data, sizeof(data), &size)) == 0 &&
         size > 0) {
    received += size;
    if (fwrite(data, 1, size, stdout) != size) rc = EDDY_EIO;
    if (rc < 0) break;
  }
  int sent = eddy_task_await(sender, NULL);
  if (rc == 0) rc = sent;
  eddy_task_unref(sender);
end:
  drop_link(&link);
  return rc;
}

/* ---- datagrams ---- */

static int open_udp(int *fd)
{
  eddy_address address;
  int rc = eddy_address_parse("127.0.0.1", 0, &address);
  return rc < 0 ? rc : eddy_sock_open_datagram(&address, NULL, fd);
}

static int udp_serve(void)
{
  static char data[65536];
  int fd;
  int rc = open_udp(&fd);
  if (rc < 0) return rc;
  rc = say_where(fd);
  while (rc == 0) {
    eddy_address from;
    size_t size;
    rc = eddy_sock_recvfrom(fd, data, sizeof(data), &size, &from);
    if (rc == 0) rc = eddy_sock_sendto(fd, data, size, &from);
  }
  eddy_sock_close(fd);
  return rc;
}

/* Sends a datagram until its echo has come: on the way it may be lost. */
static int exchange(int fd, unsigned number, size_t size)
{
  static char data[65536], answer[65536];
  for (size_t i = 0; i < size; i++) {
    data[i] = byte_at(&(struct link){.number = number}, i);
  }
  for (int tries = 0; tries < 10; tries++) {
    eddy_timeout scope;
    size_t got = 0;
    int rc = eddy_sock_send(fd, data, size, &got);
    if (rc == 0) rc = eddy_timeout_enter(&scope, EDDY_S(2));
    if (rc < 0) return rc;
    while ((rc = eddy_sock_recv(fd, answer, sizeof(answer), &got)) == 0) {
      if (got == size && memcmp(data, answer, size) == 0) break;
    }
    rc = eddy_timeout_exit(&scope, rc);
    if (rc != EDDY_ETIMEDOUT) return rc;
  }
  return eddy_raise(EDDY_ETIMEDOUT, "datagram %u of %zu bytes has no echo", number, size);
}

static int udp(void)
{
  eddy_address address;
  int fd;
  int rc = eddy_address_parse("127.0.0.1", atoi(peer.where), &address);
  if (rc == 0) rc = open_udp(&fd);
  if (rc < 0) return rc;
  rc = eddy_sock_connect(fd, &address);
  unsigned state = 5;
  for (unsigned i = 0; i < 300 && rc == 0; i++) {
    /* Not empty ones: before 3.13 asyncio answers none. */
    rc = exchange(fd, i, chance(&state) % (i < 250 ? 1400 : 60000) + 1);
  }
  eddy_sock_close(fd);
  if (rc == 0) printf("verified 300 datagrams\n");
  return rc;
}

/* ---- the program ---- */

static int stop(void *main_task)
{
  eddy_task_cancel(main_task, "stopped by a signal");
  return 0;
}

static int run(void *what)
{
  int (*const *fn)(void) = what;
  eddy_loop *loop = eddy_get_running_loop();
  int rc = eddy_loop_add_signal_handler(loop, SIGTERM, stop, eddy_current_task());
  if (rc == 0) rc = set_up_tls();
  if (rc == 0) rc = (*fn)();
  if (rc < 0 && rc != EDDY_ECANCELLED)
    fprintf(stderr, "eddy_peer: %s: %s\n", eddy_err_name(rc), eddy_message(rc));
  return rc == EDDY_ECANCELLED ? 0 : rc;
}

static int parse_options(int argc, char **argv)
{
  for (int i = 0; i < argc; i += 2) {
    if (i + 1 >= argc) return -1;
    const char *value = argv[i + 1];
    if (strcmp(argv[i], "--connections") == 0) {
      peer.connections = atoi(value);
    } else if (strcmp(argv[i], "--bytes") == 0) {
      peer.bytes = (size_t)atol(value);
    } else if (strcmp(argv[i], "--ca") == 0) {
      peer.ca = value;
    } else if (strcmp(argv[i], "--name") == 0) {
      peer.name = value;
    } else if (strcmp(argv[i], "--tls") == 0 && i + 2 < argc) {
      peer.cert = value;
      peer.key = argv[++i + 1];
    } else {
      return -1;
    }
  }
  return 0;
}

int main(int argc, char **argv)
{
  static const struct {
    const char *name;
    int (*fn)(void);
    int arguments;
  } ways[] = {{"serve", serve, 1}, {"load", load, 1}, {"cat", cat, 1},
      {"udp-serve", udp_serve, 0}, {"udp", udp, 1}};
  for (size_t i = 0; argc > 1 && i < sizeof(ways) / sizeof(ways[0]); i++) {
    if (strcmp(argv[1], ways[i].name) != 0 || argc < 2 + ways[i].arguments) continue;
    peer.where = ways[i].arguments > 0 ? argv[2] : "";
    int at = 2 + ways[i].arguments;
    if (parse_options(argc - at, argv + at) < 0) break;
    int (*fn)(void) = ways[i].fn;
    return eddy_run(run, &fn) < 0;
  }
  fprintf(stderr, "eddy_peer: see the top of its source\n");
  return 2;
}
