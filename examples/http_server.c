/*
 * An HTTP/1.1 server: a task for each connection, on streams.
 *
 *     http_server [--host H] [--port P] [--root DIRECTORY] [--idle SECONDS]
 *                 [--patience SECONDS] [--grace SECONDS] [--most CONNECTIONS]
 *                 [--body-limit BYTES] [--tls CERTIFICATE KEY]
 *
 *     GET /hello       a line of text
 *     POST /count      how many bytes the body has, and their sum
 *     GET /...         a file below the root, if there is one
 *
 * The parser is llhttp, the one of Node.js: http/request.c puts it in front of a connection's
 * bytes. http/connection.c is the loop of a connection: read a head, call the handler below,
 * skip what it has left of the body. http/files.c sends files, and holds up nobody with it.
 *
 * A server must not wait for its peers without a bound, nor keep what they send without one:
 * heads, bodies, the number of connections and each wait have a limit here.
 *
 * On SIGINT or SIGTERM no more connections are taken, those that are idle end at once, and the
 * others after the answer they are at, for which they have `grace`.
 */
#define _DEFAULT_SOURCE

#include <eddy.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/http.h"
#include "raise_limit.h"
#include "service.h"
#include "service_tls.h"

enum { BACKLOG = 1024, DESCRIPTORS = 65536 };

static struct {
  const char *host;
  const char *root;
  const char *certificate, *key; /* files; NULL: no TLS */
  long port, idle, patience, grace, most, body_limit;
  struct http http;
  eddy_event *stopped;
} server = {.host = "127.0.0.1",
    .port = 8080,
    .idle = 60,
    .patience = 20,
    .grace = 10,
    .most = 10000,
    .body_limit = 64 << 20};

/* ---- what it answers ---- */

static int hello(struct http_connection *connection)
{
  static const char text[] = "hello, world\n";
  return http_answer(connection, 200, "text/plain", text, sizeof(text) - 1);
}

/* The body is looked at piece by piece, as it comes: however large, it takes no memory. */
static int count(struct http_connection *connection)
{
  const char *data;
  size_t size;
  uint64_t bytes = 0, sum = 0;
  char text[64];
  int rc;
  while ((rc = http_read_body(connection, &data, &size)) == 0 && size > 0) {
    bytes += size;
    for (size_t i = 0; i < size; i++) {
      sum += (unsigned char)data[i];
    }
  }
  if (rc < 0) return rc;
  snprintf(text, sizeof(text), "%" PRIu64 " bytes, sum %" PRIu64 "\n", bytes, sum);
  return http_answer(connection, 200, "text/plain", text, strlen(text));
}

static int handle(struct http_connection *connection)
{
  const struct http_request *request = &connection->request;
  llhttp_method_t method = http_request_method(request);
  bool get = method == HTTP_GET || method == HTTP_HEAD;
  if (strcmp(request->target, "/hello") == 0)
    return get ? hello(connection) : http_answer_status(connection, 405);
  if (strcmp(request->target, "/count") == 0)
    return method == HTTP_POST ? count(connection) : http_answer_status(connection, 405);
  if (!get) return http_answer_status(connection, 405);
  if (server.root == NULL) return http_answer_status(connection, 404);
  return http_answer_file(connection, server.root);
}

/* ---- its life ---- */

static int stop(void *stopped)
{
  eddy_event_set(stopped);
  return 0;
}

static int serve_until_stopped(eddy_server *listener)
{
  eddy_timeout scope;
  int rc = service_print_listening(listener);
  if (rc == 0) rc = eddy_event_wait(server.stopped);
  eddy_server_close(listener);
  http_stop(&server.http);
  if (rc == 0) rc = eddy_timeout_enter(&scope, EDDY_S(server.grace));
  if (rc == 0) rc = eddy_timeout_exit(&scope, eddy_server_wait_closed(listener));
  eddy_server_abort_clients(listener);
  return rc == EDDY_ETIMEDOUT ? 0 : rc;
}

static int run(void *unused)
{
  (void)unused;
  eddy_server_options how = {.backlog = BACKLOG};
  const eddy_stream_options options = {.server = &how};
  eddy_loop *loop = eddy_get_running_loop();
  eddy_server *listener;
  int rc = eddy_event_new(&server.stopped);
  if (rc == 0 && server.certificate != NULL) {
    rc = service_tls(server.certificate, server.key, &how.tls);
    how.ssl_handshake_timeout = how.ssl_shutdown_timeout = server.http.patience;
  }
  if (rc == 0) rc = eddy_loop_add_signal_handler(loop, SIGINT, stop, server.stopped);
  if (rc == 0) rc = eddy_loop_add_signal_handler(loop, SIGTERM, stop, server.stopped);
  if (rc == 0)
    rc = eddy_start_server(
        http_serve, &server.http, server.host, (int)server.port, &options, &listener);
  if (rc == 0) {
    rc = serve_until_stopped(listener);
    eddy_server_unref(listener);
  }
  eddy_loop_remove_signal_handler(loop, SIGINT);
  eddy_loop_remove_signal_handler(loop, SIGTERM);
  eddy_event_unref(server.stopped);
  if (rc < 0) fprintf(stderr, "http_server: %s\n", eddy_message(rc));
  return rc;
}

static int usage(const char *problem, const char *what)
{
  fprintf(stderr,
      "http_server: %s%s\n"
      "usage: http_server [--host H] [--port P] [--root DIRECTORY] [--idle SECONDS]\n"
      "                   [--patience SECONDS] [--grace SECONDS] [--most CONNECTIONS]\n"
      "                   [--body-limit BYTES] [--tls CERTIFICATE KEY]\n",
      problem, what);
  return 2;
}

int main(int argc, char **argv)
{
  const struct {
    const char *name;
    long least, most;
    long *value;
  } numbers[] = {{"--port", 0, 65535, &server.port}, {"--idle", 1, 86400, &server.idle},
      {"--patience", 1, 86400, &server.patience}, {"--grace", 0, 86400, &server.grace},
      {"--most", 1, 1000000, &server.most},
      {"--body-limit", 0, 1L << 30, &server.body_limit}};
  for (int i = 1; i < argc; i++) {
    const char *option = argv[i], *value = argv[i + 1];
    bool known = false;
    if (value == NULL) return usage("not an option, or its value is missing: ", option);
    i++;
    for (size_t n = 0; n < sizeof(numbers) / sizeof(numbers[0]); n++) {
      if (strcmp(option, numbers[n].name) != 0) continue;
      known = true;
      if (!service_number(value, numbers[n].least, numbers[n].most, numbers[n].value))
        return usage("not a number that it can be: ", value);
    }
    if (strcmp(option, "--host") == 0) {
      server.host = value;
    } else if (strcmp(option, "--root") == 0) {
      server.root = value;
    } else if (strcmp(option, "--tls") == 0) {
      server.certificate = value;
      server.key = argv[++i];
      if (server.key == NULL) return usage("its key is missing: ", value);
    } else if (!known) {
      return usage("unknown option: ", option);
    }
  }
  raise_limit(DESCRIPTORS);
  server.http = (struct http){.handler = handle,
      .idle = EDDY_S(server.idle),
      .patience = EDDY_S(server.patience),
      .body_limit = (uint64_t)server.body_limit,
      .most = (size_t)server.most};
  return eddy_run(run, NULL) < 0;
}
