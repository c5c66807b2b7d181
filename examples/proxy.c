/*
 * A reverse proxy for TCP and TLS: it hands each connection to one of several upstreams, by turns.
 *
 *     proxy [--host H] [--port P] [--connect-timeout SECONDS] [--grace SECONDS]
 *           [--tls CERTIFICATE KEY] [--upstream-tls AUTHORITIES] UPSTREAM_HOST:PORT ...
 *
 * Each connection is two loops (relay.h), one for each direction, and each of them is `read,
 * write, drain`. What that gives:
 *
 * - Back-pressure. drain waits while the other side is slow; meanwhile nothing is read, the
 *   sender's TCP window fills up, and the sender waits, too. Between them is never more than the
 *   reader's and the writer's limit.
 * - Half-close. The end of one direction is passed on with write_eof; the other goes on. (TLS
 *   has no such thing: the end of one direction is the end of the connection.)
 * - A reset of one side is passed on as a reset of the other.
 *
 * An upstream that cannot be reached is passed over; if none can, the connection is closed.
 * On SIGINT or SIGTERM no more connections are taken, and those under way may end.
 */
#define _DEFAULT_SOURCE

#include <eddy.h>
#include <stdio.h>
#include <string.h>

#include "raise_limit.h"
#include "relay.h"
#include "service.h"
#include "service_tls.h"

enum { UPSTREAMS = 16, LIMIT = 32 * 1024, DESCRIPTORS = 65536 };

struct upstream {
  char host[256];
  int port;
};

static struct {
  const char *host;
  long port;
  long connect_timeout;
  long grace;
  const char *certificate, *key; /* files, for the clients; NULL: no TLS */
  const char *authorities;       /* a file, for the upstreams; NULL: no TLS */
  eddy_layer *upstream_tls;
  struct upstream upstreams[UPSTREAMS];
  size_t count;
  size_t turn;
} proxy = {.host = "127.0.0.1", .port = 7001, .connect_timeout = 5, .grace = 10};

/* ---- a connection ---- */

/* The next upstream that can be reached in time. */
static int connect_upstream(struct side *out)
{
  const eddy_connection_options connection = {.tls = proxy.upstream_tls};
  const eddy_stream_options options = {.limit = LIMIT, .connection = &connection};
  int rc = 0;
  for (size_t tries = 0; tries < proxy.count; tries++) {
    const struct upstream *upstream = &proxy.upstreams[proxy.turn++ % proxy.count];
    eddy_timeout scope;
    rc = eddy_timeout_enter(&scope, EDDY_S(proxy.connect_timeout));
    if (rc < 0) return rc;
    rc = eddy_open_connection(
        upstream->host, upstream->port, &options, &out->reader, &out->writer);
    rc = eddy_timeout_exit(&scope, rc);
    if (rc == 0 || rc == EDDY_ECANCELLED) return rc;
    fprintf(stderr, "proxy: upstream %s:%d: %s\n", upstream->host, upstream->port,
        eddy_message(rc));
  }
  return rc;
}

static int connection(
    eddy_stream_reader *reader, eddy_stream_writer *writer, void *unused)
{
  struct relay pair = {.client = {reader, writer}};
  (void)unused;
  int rc = connect_upstream(&pair.upstream);
  if (rc < 0) return rc == EDDY_ECANCELLED ? rc : 0; /* that was reported */
  rc = relay_run(&pair);
  eddy_stream_writer_unref(pair.upstream.writer);
  eddy_stream_reader_unref(pair.upstream.reader);
  return rc;
}

/* ---- the program ---- */

static int serve(void *unused)
{
  eddy_server_options how = {0};
  const eddy_stream_options options = {.limit = LIMIT, .server = &how};
  eddy_server *server;
  int rc = 0;
  (void)unused;
  if (proxy.certificate != NULL) {
    rc = service_tls(proxy.certificate, proxy.key, &how.tls);
    how.ssl_handshake_timeout = EDDY_S(proxy.connect_timeout);
  }
  if (rc == 0 && proxy.authorities != NULL)
    rc = service_tls_client(proxy.authorities, &proxy.upstream_tls);
  if (rc == 0)
    rc = eddy_start_server(
        connection, NULL, proxy.host, (int)proxy.port, &options, &server);
  if (rc < 0) return rc;
  rc = service_run(server, EDDY_S(proxy.grace));
  eddy_server_unref(server);
  return rc;
}

static int usage(const char *problem, const char *what)
{
  fprintf(stderr,
      "proxy: %s%s\n"
      "usage: proxy [--host H] [--port P] [--connect-timeout SECONDS] [--grace SECONDS]\n"
      "             [--tls CERTIFICATE KEY] [--upstream-tls AUTHORITIES]\n"
      "             UPSTREAM_HOST:PORT ...\n",
      problem, what);
  return 2;
}

/* "host:port" or "[::1]:port". */
static bool add_upstream(const char *text)
{
  struct upstream *upstream = &proxy.upstreams[proxy.count];
  const char *colon = strrchr(text, ':');
  long port;
  if (proxy.count == UPSTREAMS || colon == NULL) return false;
  size_t length = (size_t)(colon - text);
  if (length >= 2 && text[0] == '[' && colon[-1] == ']') {
    text++;
    length -= 2;
  }
  if (length == 0 || length >= sizeof(upstream->host)) return false;
  if (!service_number(colon + 1, 1, 65535, &port)) return false;
  memcpy(upstream->host, text, length);
  upstream->port = (int)port;
  proxy.count++;
  return true;
}

int main(int argc, char **argv)
{
  for (int i = 1; i < argc; i++) {
    const char *option = argv[i];
    if (strncmp(option, "--", 2) != 0) {
      if (!add_upstream(option))
        return usage("not an upstream, or one too many: ", option);
      continue;
    }
    if (i + 1 == argc) return usage("not an option, or its value is missing: ", option);
    const char *value = argv[++i];
    if (strcmp(option, "--host") == 0) {
      proxy.host = value;
    } else if (strcmp(option, "--port") == 0) {
      if (!service_number(value, 0, 65535, &proxy.port))
        return usage("not a port: ", value);
    } else if (strcmp(option, "--connect-timeout") == 0) {
      if (!service_number(value, 1, 3600, &proxy.connect_timeout))
        return usage("not a number of seconds: ", value);
    } else if (strcmp(option, "--grace") == 0) {
      if (!service_number(value, 0, 3600, &proxy.grace))
        return usage("not a number of seconds: ", value);
    } else if (strcmp(option, "--tls") == 0) {
      if (i + 1 == argc) return usage("its key is missing: ", value);
      proxy.certificate = value;
      proxy.key = argv[++i];
    } else if (strcmp(option, "--upstream-tls") == 0) {
      proxy.authorities = value;
    } else {
      return usage("unknown option: ", option);
    }
  }
  if (proxy.count == 0) return usage("no upstream is named", "");
  raise_limit(DESCRIPTORS);
  int rc = eddy_run(serve, NULL);
  if (rc < 0) fprintf(stderr, "proxy: %s\n", eddy_message(rc));
  return rc < 0;
}
