/* Streams and servers over TLS: the code of a service does not change. */
#include "tls.h"

struct service {
  struct both both;
  eddy_server *server;
  int port;
  int handled;
  int failed; /* handlers that ended with an error */
};

static int echo_lines(eddy_stream_reader *reader, eddy_stream_writer *writer, void *arg)
{
  struct service *service = arg;
  const char *line;
  size_t size;
  int rc;
  service->handled++;
  while ((rc = eddy_stream_reader_readline(reader, &line, &size)) == 0 && size > 0) {
    rc = eddy_stream_writer_write(writer, line, size);
    if (rc == 0) rc = eddy_stream_writer_drain(writer);
    if (rc < 0) break;
  }
  if (rc < 0 && rc != EDDY_ECANCELLED) service->failed++;
  return 0;
}

static void end_service(void *arg)
{
  struct service *service = arg;
  eddy_server_close(service->server);
  eddy_server_unref(service->server);
}

static int serve(struct service **out)
{
  struct service *service = test_new(sizeof *service);
  *out = service;
  CHECK_OK(new_both(&service->both));
  eddy_server_options serving = {.tls = eddy_tls_layer(service->both.server)};
  eddy_stream_options options = {.server = &serving};
  CHECK_OK(
      eddy_start_server(echo_lines, service, "127.0.0.1", 0, &options, &service->server));
  test_defer(end_service, service);
  eddy_address at;
  CHECK_OK(eddy_sock_getsockname(eddy_server_sockets(service->server, NULL)[0], &at));
  service->port = eddy_address_port(&at);
  return 0;
}

/* The host is an address, so that is what the certificate has to be for. */
static int connect_to(struct service *service, struct stream *s)
{
  eddy_connection_options connecting = {.tls = eddy_tls_layer(service->both.client)};
  eddy_stream_options options = {.connection = &connecting};
  CHECK_OK(
      eddy_open_connection("127.0.0.1", service->port, &options, &s->reader, &s->writer));
  test_defer_late(unref_reader, s->reader);
  test_defer(unref_writer, s->writer);
  return 0;
}

static int say(struct stream *s, const char *text)
{
  const char *line;
  size_t size;
  CHECK_OK(eddy_stream_writer_write(s->writer, text, strlen(text)));
  CHECK_OK(eddy_stream_reader_readline(s->reader, &line, &size));
  CHECK_BYTES(line, size, text);
  return 0;
}

EDDY_TASK_TEST(tls_stream, a_server_serves_many)
{
  struct service *service;
  struct stream clients[5];
  CHECK_OK(serve(&service));
  for (int i = 0; i < 5; i++)
    CHECK_OK(connect_to(service, &clients[i]));
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < 5; i++)
      CHECK_OK(say(&clients[i], "hello\n"));
  }
  CHECK_EQ(service->handled, 5);
  for (int i = 0; i < 5; i++) {
    CHECK_CODE(eddy_stream_writer_write_eof(clients[i].writer), EDDY_ENOTSUP);
    eddy_stream_writer_close(clients[i].writer);
    CHECK_OK(eddy_stream_writer_wait_closed(clients[i].writer));
  }
  eddy_server_close(service->server);
  CHECK_OK(eddy_server_wait_closed(service->server));
  CHECK_EQ(service->failed, 0);
  return 0;
}

/* A connection that fails before it has begun is the server's own affair. */
EDDY_TASK_TEST(tls_stream, a_server_survives_clients_that_fail)
{
  struct service *service;
  struct stream s;
  CHECK_OK(serve(&service));
  for (int i = 0; i < 5; i++) {
    eddy_address at;
    int fd;
    CHECK_OK(eddy_address_parse("127.0.0.1", service->port, &at));
    CHECK_OK(open_socket(&at, &fd));
    CHECK_OK(eddy_sock_connect(fd, &at));
    if (i % 2 == 0) CHECK_OK(eddy_sock_sendall(fd, "rubbish, rubbish", 16));
    CHECK_OK(eddy_sock_close(fd));
    test_fd_closed(fd);
  }
  CHECK_OK(connect_to(service, &s));
  CHECK_OK(say(&s, "still there\n"));
  CHECK_EQ(service->handled, 1);
  return 0;
}

EDDY_TASK_TEST(tls_stream, a_connection_that_is_refused_tells_why)
{
  struct service *service;
  struct stream s;
  eddy_tls_context *strict;
  CHECK_OK(serve(&service));
  CHECK_OK(eddy_tls_context_new_client(&strict));
  test_defer_late(unref_context, strict);
  eddy_connection_options connecting = {.tls = eddy_tls_layer(strict)};
  eddy_stream_options options = {.connection = &connecting};
  int rc = eddy_open_connection(
      "127.0.0.1", service->port, &options, &s.reader, &s.writer);
  CHECK_CODE(rc, EDDY_ECERTIFICATE);
  CHECK_CONTAINS(eddy_message(rc), "TLS handshake with 127.0.0.1:");
  CHECK_CONTAINS(eddy_message(rc), "unable to get local issuer certificate");
  return 0;
}

EDDY_TASK_TEST(tls_stream, close_clients_ends_them_in_the_right_way)
{
  struct service *service;
  struct stream s;
  char byte;
  size_t got;
  CHECK_OK(serve(&service));
  CHECK_OK(connect_to(service, &s));
  CHECK_OK(say(&s, "hello\n"));
  eddy_server_close(service->server);
  eddy_server_close_clients(service->server);
  CHECK_OK(eddy_stream_reader_read(s.reader, &byte, 1, &got)); /* and not ETRUNCATED */
  CHECK_EQ(got, 0);
  return eddy_server_wait_closed(service->server);
}

EDDY_TASK_TEST(tls_stream, abort_clients_ends_them_at_once)
{
  struct service *service;
  struct stream s;
  char byte;
  size_t got;
  CHECK_OK(serve(&service));
  CHECK_OK(connect_to(service, &s));
  CHECK_OK(say(&s, "hello\n"));
  eddy_server_abort_clients(service->server);
  int rc = eddy_stream_reader_read(s.reader, &byte, 1, &got);
  CHECK(rc == EDDY_ETRUNCATED || rc == EDDY_ECONNRESET);
  eddy_server_close(service->server);
  return eddy_server_wait_closed(service->server);
}

EDDY_TASK_TEST(tls_stream, a_reader_is_told_of_truncation)
{
  struct tls_pair *pair;
  struct stream s;
  char bytes[4];
  size_t got;
  int near[2];
  CHECK_OK(new_tls_pair(&pair));
  CHECK_OK(test_pair(near));
  pair->server.fd = near[1];
  pair->server.options.tls = eddy_tls_layer(pair->server.context);
  CHECK_OK(test_task(tls_accept, &pair->server, &pair->server.task));
  eddy_connection_options connecting = {.tls = eddy_tls_layer(pair->client.context),
      .sock = &near[0],
      .server_hostname = "localhost"};
  eddy_stream_options options = {.connection = &connecting};
  CHECK_OK(eddy_open_connection(NULL, 0, &options, &s.reader, &s.writer));
  test_fd_closed(near[0]);
  test_defer_late(unref_reader, s.reader);
  test_defer(unref_writer, s.writer);
  CHECK_OK(eddy_task_await(pair->server.task, NULL));
  CHECK_OK(eddy_transport_write(pair->server.peer->transport, "abcd", 4));
  CHECK_OK(eddy_stream_reader_readexactly(s.reader, bytes, 4, &got));
  eddy_transport_abort(pair->server.peer->transport);
  int rc = eddy_stream_reader_read(s.reader, bytes, 4, &got);
  CHECK(rc == EDDY_ETRUNCATED || rc == EDDY_ECONNRESET);
  CHECK_OK(wait_until(&pair->server.peer->released));
  return 0;
}

EDDY_TASK_TEST(tls_stream, unix_sockets_carry_it)
{
  struct service *service = test_new(sizeof *service);
  struct stream s;
  const char *path = new_path();
  CHECK_OK(new_both(&service->both));
  eddy_server_options serving = {.tls = eddy_tls_layer(service->both.server)};
  eddy_connection_options connecting = {
      .tls = eddy_tls_layer(service->both.client), .server_hostname = "localhost"};
  eddy_stream_options options = {.server = &serving, .connection = &connecting};
  CHECK_OK(eddy_start_unix_server(echo_lines, service, path, &options, &service->server));
  test_defer(end_service, service);
  CHECK_OK(eddy_open_unix_connection(path, &options, &s.reader, &s.writer));
  test_defer_late(unref_reader, s.reader);
  test_defer(unref_writer, s.writer);
  return say(&s, "hello\n");
}
