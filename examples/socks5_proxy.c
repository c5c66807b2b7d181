/*
 * A SOCKS5 proxy (RFC 1928): it connects its clients to where they ask for.
 *
 *     socks5_proxy [--host H] [--port P] [--user NAME:PASSWORD] [--patience SECONDS]
 *                  [--idle SECONDS] [--grace SECONDS]
 *
 *     curl --socks5-hostname 127.0.0.1:1080 http://example.org/
 *
 * A binary protocol reads well in a task: negotiate() is the RFC from top to bottom, with
 * readexactly wherever that says how many bytes come, and one deadline around all of it. Then
 * the two connections are one (relay.h). Only CONNECT is served. With --user the clients have to
 * say name and password (RFC 1929), which anybody on the way can read.
 *
 * It listens on the loopback address unless it is told otherwise: whoever reaches it gets
 * connected to whatever it can reach.
 */
#define _DEFAULT_SOURCE

#include <arpa/inet.h>
#include <eddy.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "raise_limit.h"
#include "relay.h"
#include "service.h"

enum { LIMIT = 32 * 1024, DESCRIPTORS = 65536 };

enum { VERSION = 5, NO_AUTHENTICATION = 0, PASSWORD = 2, NO_METHOD = 0xff };
enum { PASSWORD_VERSION = 1, PASSWORD_RIGHT = 0, PASSWORD_WRONG = 1 };
enum { CONNECT = 1 };
enum { IPV4 = 1, DOMAIN = 3, IPV6 = 4 };
enum {
  SUCCEEDED = 0,
  FAILED = 1,
  NOT_ALLOWED = 2,
  NETWORK_UNREACHABLE = 3,
  HOST_UNREACHABLE = 4,
  REFUSED = 5,
  NO_SUCH_COMMAND = 7,
  NO_SUCH_ADDRESS = 8
};

static struct {
  const char *host;
  const char *user; /* "name:password" */
  long port, patience, idle, grace;
} proxy = {.host = "127.0.0.1", .port = 1080, .patience = 15, .idle = 600, .grace = 10};

/* ---- what the client wants ---- */

static int get(const struct side *client, void *out, size_t size)
{
  return eddy_stream_reader_readexactly(client->reader, out, size, NULL);
}

static int put(const struct side *client, const void *data, size_t size)
{
  return eddy_stream_writer_write(client->writer, data, size);
}

/* Its name and password: 0, also if they are wrong, which is told and ends it with EDDY_EACCES. */
static int check_password(const struct side *client)
{
  unsigned char head[2], given[256 + 256], size, answer[2] = {PASSWORD_VERSION};
  int rc = get(client, head, 2);
  if (rc == 0 && head[0] != PASSWORD_VERSION) return EDDY_EPROTO;
  if (rc == 0) rc = get(client, given, head[1]);
  if (rc == 0) rc = get(client, &size, 1);
  if (rc == 0) rc = get(client, given + head[1] + 1, size);
  if (rc < 0) return rc;
  given[head[1]] = ':';
  size_t length = (size_t)head[1] + 1 + size;
  /* All of it is compared, so that the time does not tell how much is right. */
  size_t expected = strlen(proxy.user);
  unsigned char difference = length != expected;
  for (size_t i = 0; i < length; i++) {
    difference |= (unsigned char)(given[i] ^
                                  (unsigned char)proxy.user[i % (expected + 1)]);
  }
  answer[1] = difference == 0 ? PASSWORD_RIGHT : PASSWORD_WRONG;
  rc = put(client, answer, 2);
  return rc == 0 && difference != 0 ? EDDY_EACCES : rc;
}

static int authenticate(const struct side *client)
{
  const unsigned char wanted = proxy.user != NULL ? PASSWORD : NO_AUTHENTICATION;
  unsigned char head[2], methods[255], answer[2] = {VERSION, NO_METHOD};
  int rc = get(client, head, 2);
  if (rc == 0 && head[0] != VERSION) return EDDY_EPROTO;
  if (rc == 0) rc = get(client, methods, head[1]);
  if (rc < 0) return rc;
  if (memchr(methods, wanted, head[1]) != NULL) answer[1] = wanted;
  rc = put(client, answer, 2);
  if (rc == 0 && answer[1] == NO_METHOD) rc = EDDY_EACCES;
  return rc == 0 && wanted == PASSWORD ? check_password(client) : rc;
}

/* Reads the host as text, and the port: 0, with *refused changed if it is none. */
static int read_address(
    const struct side *client, int type, char host[256], int *port, int *refused)
{
  unsigned char bytes[255], size = 16, number[2];
  int rc = 0;
  if (type == IPV4) {
    rc = get(client, bytes, 4);
    if (rc == 0) inet_ntop(AF_INET, bytes, host, 256);
  } else if (type == IPV6) {
    rc = get(client, bytes, size);
    if (rc == 0) inet_ntop(AF_INET6, bytes, host, 256);
  } else if (type == DOMAIN) {
    rc = get(client, &size, 1);
    if (rc == 0) rc = get(client, bytes, size);
    if (rc < 0) return rc;
    if (size == 0 || memchr(bytes, '\0', size) != NULL) *refused = FAILED;
    memcpy(host, bytes, size);
    host[size] = '\0';
  } else {
    *refused = NO_SUCH_ADDRESS; /* how long it is, only the type would say */
    return 0;
  }
  if (rc == 0) rc = get(client, number, 2);
  if (rc == 0) *port = number[0] << 8 | number[1];
  return rc;
}

/* Tells how it went and, if it went well, the address that the target sees. */
static int answer(const struct side *client, int status, const eddy_address *own)
{
  unsigned char text[4 + 16 + 2] = {VERSION, (unsigned char)status, 0, IPV4};
  size_t size = 4 + 4 + 2;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
  if (own != NULL && own->length == sizeof(v4)) {
    memcpy(&v4, own->storage.bytes, sizeof(v4));
    memcpy(text + 4, &v4.sin_addr, 4);
    memcpy(text + 8, &v4.sin_port, 2);
  } else if (own != NULL && own->length == sizeof(v6)) {
    text[3] = IPV6;
    size = sizeof(text);
    memcpy(&v6, own->storage.bytes, sizeof(v6));
    memcpy(text + 4, &v6.sin6_addr, 16);
    memcpy(text + 20, &v6.sin6_port, 2);
  }
  return put(client, text, size);
}

static int status_of(int rc)
{
  switch (rc) {
  case EDDY_ECONNREFUSED:
    return REFUSED;
  case EDDY_ENETUNREACH:
    return NETWORK_UNREACHABLE;
  case EDDY_EHOSTUNREACH:
  case EDDY_ETIMEDOUT:
  case EDDY_EAI_NONAME:
  case EDDY_EAI_NODATA:
  case EDDY_EAI_AGAIN:
    return HOST_UNREACHABLE;
  case EDDY_EACCES:
  case EDDY_EPERM:
    return NOT_ALLOWED;
  default:
    return FAILED;
  }
}

/* ---- a connection ---- */

static int connect_target(
    const struct side *client, const char *host, int port, struct side *target)
{
  const eddy_connection_options connection = {.happy_eyeballs_delay = EDDY_MS(250)};
  const eddy_stream_options options = {.limit = LIMIT, .connection = &connection};
  eddy_timeout scope;
  eddy_address own;
  int rc = eddy_timeout_enter(&scope, EDDY_S(proxy.patience));
  if (rc < 0) return rc;
  rc = eddy_open_connection(host, port, &options, &target->reader, &target->writer);
  rc = eddy_timeout_exit(&scope, rc);
  if (rc == EDDY_ECANCELLED) return rc;
  if (rc < 0) {
    fprintf(stderr, "socks5_proxy: %s port %d: %s\n", host, port, eddy_message(rc));
    (void)answer(client, status_of(rc), NULL);
    return rc;
  }
  bool known = eddy_transport_get_sockname(
                   eddy_stream_writer_transport(target->writer), &own) == 0;
  rc = answer(client, SUCCEEDED, known ? &own : NULL);
  if (rc == 0) return 0;
  eddy_stream_writer_unref(target->writer);
  eddy_stream_reader_unref(target->reader);
  return rc;
}

/* Finds out where the client wants to be connected to. */
static int negotiate(const struct side *client, char host[256], int *port)
{
  unsigned char head[4];
  int refused = SUCCEEDED;
  int rc = authenticate(client);
  if (rc == 0) rc = get(client, head, 4);
  if (rc == 0 && head[0] != VERSION) rc = EDDY_EPROTO;
  if (rc == 0) rc = read_address(client, head[3], host, port, &refused);
  if (rc < 0) return rc;
  if (refused == SUCCEEDED && head[1] != CONNECT) refused = NO_SUCH_COMMAND;
  if (refused == SUCCEEDED) return 0;
  rc = answer(client, refused, NULL);
  return rc == 0 ? EDDY_EPROTO : rc;
}

static int connection(
    eddy_stream_reader *reader, eddy_stream_writer *writer, void *unused)
{
  struct relay pair = {.client = {reader, writer}, .idle = EDDY_S(proxy.idle)};
  eddy_timeout scope;
  char host[256];
  int port = 0;
  (void)unused;
  int rc = eddy_timeout_enter(&scope, EDDY_S(proxy.patience));
  if (rc < 0) return rc;
  rc = eddy_timeout_exit(&scope, negotiate(&pair.client, host, &port));
  if (rc == 0) rc = connect_target(&pair.client, host, port, &pair.upstream);
  /* What a client does is not this server's failure: the connection is closed, that is all. */
  if (rc < 0) return rc == EDDY_ECANCELLED ? rc : 0;
  rc = relay_run(&pair);
  eddy_stream_writer_unref(pair.upstream.writer);
  eddy_stream_reader_unref(pair.upstream.reader);
  return rc;
}

/* ---- the program ---- */

static int serve(void *unused)
{
  const eddy_stream_options options = {.limit = LIMIT};
  eddy_server *server;
  (void)unused;
  int rc = eddy_start_server(
      connection, NULL, proxy.host, (int)proxy.port, &options, &server);
  if (rc < 0) return rc;
  rc = service_run(server, EDDY_S(proxy.grace));
  eddy_server_unref(server);
  return rc;
}

static int usage(const char *problem, const char *what)
{
  fprintf(stderr,
      "socks5_proxy: %s%s\n"
      "usage: socks5_proxy [--host H] [--port P] [--user NAME:PASSWORD]\n"
      "                    [--patience SECONDS] [--idle SECONDS] [--grace SECONDS]\n",
      problem, what);
  return 2;
}

int main(int argc, char **argv)
{
  for (int i = 1; i < argc; i += 2) {
    const char *option = argv[i], *value = argv[i + 1];
    long *number = strcmp(option, "--patience") == 0 ? &proxy.patience
                   : strcmp(option, "--idle") == 0   ? &proxy.idle
                   : strcmp(option, "--grace") == 0  ? &proxy.grace
                                                     : NULL;
    if (value == NULL) return usage("not an option, or its value is missing: ", option);
    if (strcmp(option, "--host") == 0) {
      proxy.host = value;
    } else if (strcmp(option, "--user") == 0) {
      if (strchr(value, ':') == NULL) return usage("not a name and a password: ", value);
      proxy.user = value;
    } else if (strcmp(option, "--port") == 0) {
      if (!service_number(value, 0, 65535, &proxy.port))
        return usage("not a port: ", value);
    } else if (number == NULL) {
      return usage("unknown option: ", option);
    } else if (!service_number(value, 1, 86400, number)) {
      return usage("not a number of seconds: ", value);
    }
  }
  raise_limit(DESCRIPTORS);
  int rc = eddy_run(serve, NULL);
  if (rc < 0) fprintf(stderr, "socks5_proxy: %s\n", eddy_message(rc));
  return rc < 0;
}
