/* TLS on connections under way. */
#include "tls.h"

/* ---- for protocols ---- */

/* One side of an upgrade, in a task of either kind. */
struct upgrade {
  eddy_frame frame; /* first */
  struct peer *peer;
  eddy_stream_writer *writer; /* or this */
  eddy_tls_context *context;
  eddy_start_tls_options options;
  eddy_transport *made;
  int rc;
  char message[160];
  eddy_task *task;
};

static int upgrade_make(struct upgrade *call)
{
  eddy_layer *layer = eddy_tls_layer(call->context);
  if (call->writer != NULL)
    return eddy_stream_writer_start_tls(call->writer, layer, &call->options);
  return eddy_loop_start_tls(NULL, call->peer->transport, &peer_protocol, call->peer,
      layer, &call->options, &call->made);
}

static int upgrade_ended(struct upgrade *call, int rc)
{
  call->rc = rc;
  snprintf(call->message, sizeof call->message, "%s", rc < 0 ? eddy_message(rc) : "");
  if (call->made != NULL) {
    test_defer_late(unref_transport, call->made);
    call->peer->transport = call->made;
  }
  return rc == EDDY_ECANCELLED ? rc : 0;
}

static int upgrade_body(void *arg)
{
  return upgrade_ended(arg, upgrade_make(arg));
}

static int upgrade_frame(eddy_frame *frame)
{
  struct upgrade *call = (struct upgrade *)frame;
  int rc;
  EDDY_BEGIN(frame);
  EDDY_AWAIT(frame, rc, upgrade_make(call));
  rc = upgrade_ended(call, rc);
  if (rc < 0) EDDY_RAISE(frame, rc);
  EDDY_END(frame);
}

static int upgrade_start(enum kind kind, struct peer *peer, eddy_tls_context *context,
    bool server_side, struct upgrade **out)
{
  struct upgrade *call = test_new(sizeof *call);
  *out = call;
  call->peer = peer;
  call->context = context;
  call->options.server_side = server_side;
  if (!server_side) call->options.server_hostname = "localhost";
  call->rc = EDDY_PENDING;
  return start_kind(kind, upgrade_body, upgrade_frame, &call->frame, &call->task);
}

/* Two peers that speak in the clear. */
static int two_peers(struct peer **client, struct peer **server)
{
  int fds[2];
  *client = new_peer("c:");
  *server = new_peer("s:");
  (*client)->quiet = (*server)->quiet = true;
  CHECK_OK(test_pair(fds));
  CHECK_OK(attach_peer(*client, fds[0]));
  CHECK_OK(attach_peer(*server, fds[1]));
  return 0;
}

static int both_ways(enum kind kind)
{
  struct both both;
  struct peer *client, *server;
  struct upgrade *ours, *theirs;
  CHECK_OK(new_both(&both));
  CHECK_OK(two_peers(&client, &server));
  CHECK_OK(eddy_transport_write(client->transport, "starttls", 8));
  CHECK_OK(wait_for_bytes(server, 8));
  CHECK_OK(eddy_transport_write(server->transport, "go", 2));
  CHECK_OK(wait_for_bytes(client, 2));
  CHECK_OK(upgrade_start(kind, server, both.server, true, &theirs));
  CHECK_OK(upgrade_start(kind, client, both.client, false, &ours));
  CHECK_OK(eddy_task_await(ours->task, NULL));
  CHECK_OK(eddy_task_await(theirs->task, NULL));
  CHECK_OK(ours->rc);
  CHECK_OK(theirs->rc);
  CHECK(eddy_transport_get_extra_info(client->transport, "ssl_object") != NULL);
  CHECK_OK(eddy_transport_write(client->transport, "secret", 6));
  CHECK_OK(wait_for_bytes(server, 14));
  CHECK_MEM(server->bytes, "starttlssecret", 14);
  CHECK_OK(eddy_transport_write(server->transport, "words", 5));
  CHECK_OK(wait_for_bytes(client, 7));
  eddy_transport_close(client->transport);
  CHECK_OK(wait_until(&client->released));
  CHECK_OK(wait_until(&server->released));
  CHECK_EQ(client->made, 1);
  CHECK_EQ(client->lost, 1);
  CHECK_EQ(server->lost, 1);
  CHECK_EQ(server->released, 1);
  CHECK_CODE(client->error, 0);
  CHECK_CODE(server->error, 0);
  return 0;
}

EDDY_TASK_TEST(tls_start, a_connection_becomes_tls_on_both_sides)
{
  return each_kind(both_ways);
}

static int refused(enum kind kind)
{
  struct both both, other;
  struct peer *client, *server;
  struct upgrade *ours, *theirs;
  CHECK_OK(new_both(&both));
  CHECK_OK(new_both(&other));
  CHECK_OK(two_peers(&client, &server));
  CHECK_OK(upgrade_start(kind, server, other.server, true, &theirs));
  CHECK_OK(upgrade_start(kind, client, both.client, false, &ours));
  CHECK_OK(eddy_task_await(ours->task, NULL));
  CHECK_OK(eddy_task_await(theirs->task, NULL));
  CHECK_CODE(ours->rc, EDDY_ECERTIFICATE);
  CHECK_OK(wait_until(&client->released));
  CHECK_OK(wait_until(&server->released));
  CHECK_EQ(client->lost, 1); /* the protocol had its connection */
  CHECK_CODE(client->error, EDDY_ECERTIFICATE);
  CHECK_STR(client->message, ours->message);
  CHECK_EQ(server->lost, 1);
  CHECK(server->error < 0);
  return 0;
}

EDDY_TASK_TEST(tls_start, a_refused_certificate_ends_the_connection)
{
  return each_kind(refused);
}

static int corrupted(enum kind kind)
{
  struct both both;
  struct peer *client;
  struct upgrade *ours;
  int socket;
  char byte;
  CHECK_OK(new_both(&both));
  client = new_peer("c:");
  client->quiet = true;
  CHECK_OK(peer_and_socket(client, &socket));
  CHECK_OK(upgrade_start(kind, client, both.client, false, &ours));
  CHECK_OK(recv_all(socket, &byte, 1));
  CHECK_OK(eddy_sock_sendall(socket, "please wait\r\n", 13));
  CHECK_OK(eddy_task_await(ours->task, NULL));
  CHECK_CODE(ours->rc, EDDY_ETLS);
  CHECK_OK(wait_until(&client->released));
  CHECK_CODE(client->error, EDDY_ETLS);
  return 0;
}

EDDY_TASK_TEST(tls_start, a_peer_that_goes_on_in_the_clear_is_refused)
{
  return each_kind(corrupted);
}

static int cancelled(enum kind kind)
{
  struct both both;
  struct peer *client, *server;
  struct upgrade *ours;
  CHECK_OK(new_both(&both));
  CHECK_OK(two_peers(&client, &server));
  CHECK_OK(upgrade_start(kind, client, both.client, false, &ours));
  CHECK_OK(settle());
  CHECK(eddy_task_cancel(ours->task, NULL));
  CHECK_CODE(eddy_task_await(ours->task, NULL), EDDY_ECANCELLED);
  CHECK_OK(wait_until(&client->released));
  CHECK_OK(wait_until(&server->released));
  CHECK_EQ(client->lost, 1);
  return 0;
}

EDDY_TASK_TEST(tls_start, a_cancelled_call_closes_the_connection)
{
  return each_kind(cancelled);
}

static int too_slow(enum kind kind)
{
  struct both both;
  struct peer *client, *server;
  struct upgrade *ours;
  CHECK_OK(new_both(&both));
  CHECK_OK(two_peers(&client, &server));
  CHECK_OK(upgrade_start(kind, client, both.client, false, &ours));
  ours->options.ssl_handshake_timeout = EDDY_S(5);
  CHECK_OK(eddy_task_await(ours->task, NULL));
  CHECK_CODE(ours->rc, EDDY_ECONNABORTED);
  CHECK_CONTAINS(ours->message, "it takes longer than 5 s");
  CHECK_OK(wait_until(&client->released));
  CHECK_OK(wait_until(&server->released));
  CHECK_CODE(client->error, EDDY_ECONNABORTED);
  return 0;
}

EDDY_TASK_TEST_VIRTUAL(tls_start, the_handshake_has_a_time_limit)
{
  return each_kind(too_slow);
}

EDDY_TASK_TEST(tls_start, what_is_written_before_the_handshake_waits_for_it)
{
  struct both both;
  struct peer *client, *server;
  struct upgrade *ours, *theirs;
  CHECK_OK(new_both(&both));
  CHECK_OK(two_peers(&client, &server));
  CHECK_OK(upgrade_start(STACKFUL, server, both.server, true, &theirs));
  CHECK_OK(eddy_sleep(0));
  CHECK_EQ(server->made, 1);
  CHECK_OK(upgrade_start(STACKFUL, client, both.client, false, &ours));
  CHECK_OK(eddy_task_await(theirs->task, NULL));
  CHECK_OK(eddy_transport_write(theirs->made, "first", 5));
  CHECK_OK(eddy_task_await(ours->task, NULL));
  CHECK_OK(wait_for_bytes(client, 5));
  eddy_transport_close(ours->made);
  CHECK_OK(wait_until(&client->released));
  return wait_until(&server->released);
}

/* ---- inside another ---- */

EDDY_TASK_TEST(tls_start, tls_goes_through_tls)
{
  struct tls_pair *pair;
  struct upgrade *ours, *theirs;
  struct both inner;
  CHECK_OK(open_tls_pair(&pair));
  CHECK_OK(new_both(&inner));
  CHECK_OK(upgrade_start(STACKFUL, pair->server.peer, inner.server, true, &theirs));
  CHECK_OK(upgrade_start(STACKLESS, pair->client.peer, inner.client, false, &ours));
  CHECK_OK(eddy_task_await(ours->task, NULL));
  CHECK_OK(eddy_task_await(theirs->task, NULL));
  CHECK_OK(ours->rc);
  CHECK_OK(theirs->rc);
  static char block[300000];
  memset(block, 'z', sizeof block);
  CHECK_OK(eddy_transport_write(ours->made, block, sizeof block));
  CHECK_OK(wait_for_bytes(pair->server.peer, sizeof block));
  CHECK_MEM(pair->server.peer->bytes, block, sizeof block);
  CHECK_PTR(eddy_transport_get_extra_info(ours->made, "sslcontext"), inner.client);
  return tls_pair_close(pair);
}

EDDY_TASK_TEST(tls_start, inside_tls_an_unknown_authority_is_refused_with_its_reason)
{
  struct tls_pair *pair;
  struct upgrade *ours, *theirs;
  struct both inner;
  CHECK_OK(open_tls_pair(&pair));
  CHECK_OK(new_both(&inner));
  CHECK_OK(upgrade_start(STACKFUL, pair->server.peer, inner.server, true, &theirs));
  CHECK_OK(upgrade_start(STACKFUL, pair->client.peer, pair->both.client, false, &ours));
  CHECK_OK(eddy_task_await(ours->task, NULL));
  CHECK_CODE(ours->rc, EDDY_ECERTIFICATE);
  CHECK_CONTAINS(ours->message, "unable to get local issuer certificate");
  return tls_pair_gone(pair);
}

/* ---- streams ---- */

/* A line in the clear, then TLS, then a line. */
static int mail(eddy_stream_reader *reader, eddy_stream_writer *writer, void *arg)
{
  const char *line;
  size_t size;
  int rc = eddy_stream_reader_readline(reader, &line, &size);
  if (rc == 0) rc = eddy_stream_writer_write(writer, "220 go\n", 7);
  if (rc == 0) rc = eddy_stream_writer_start_tls(writer, arg, NULL);
  if (rc == 0) rc = eddy_stream_reader_readline(reader, &line, &size);
  if (rc == 0) rc = eddy_stream_writer_write(writer, line, size);
  if (rc == 0) rc = eddy_stream_writer_drain(writer);
  return rc;
}

static void end_server(void *server)
{
  eddy_server_close(server);
  eddy_server_unref(server);
}

static int start_mail(eddy_tls_context *context, struct stream *s)
{
  eddy_server *server;
  eddy_address at;
  CHECK_OK(
      eddy_start_server(mail, eddy_tls_layer(context), "127.0.0.1", 0, NULL, &server));
  test_defer(end_server, server);
  CHECK_OK(eddy_sock_getsockname(eddy_server_sockets(server, NULL)[0], &at));
  CHECK_OK(eddy_open_connection(
      "127.0.0.1", eddy_address_port(&at), NULL, &s->reader, &s->writer));
  test_defer_late(unref_reader, s->reader);
  test_defer(unref_writer, s->writer);
  return 0;
}

static int streams_start(enum kind kind)
{
  struct both both;
  struct stream s;
  struct upgrade *call = test_new(sizeof *call);
  const char *line;
  size_t size;
  CHECK_OK(new_both(&both));
  CHECK_OK(start_mail(both.server, &s));
  CHECK_OK(eddy_stream_writer_write(s.writer, "STARTTLS\n", 9));
  CHECK_OK(eddy_stream_reader_readline(s.reader, &line, &size));
  CHECK_BYTES(line, size, "220 go\n");
  call->writer = s.writer;
  call->context = both.client;
  call->options.server_hostname = "localhost";
  CHECK_OK(start_kind(kind, upgrade_body, upgrade_frame, &call->frame, &call->task));
  CHECK_OK(eddy_task_await(call->task, NULL));
  CHECK_OK(call->rc);
  CHECK(eddy_stream_writer_get_extra_info(s.writer, "cipher") != NULL);
  CHECK_OK(eddy_stream_writer_write(s.writer, "hello\n", 6));
  CHECK_OK(eddy_stream_reader_readline(s.reader, &line, &size));
  CHECK_BYTES(line, size, "hello\n");
  CHECK_OK(eddy_stream_reader_readline(s.reader, &line, &size));
  CHECK_EQ(size, 0);
  eddy_stream_writer_close(s.writer);
  return eddy_stream_writer_wait_closed(s.writer);
}

EDDY_TASK_TEST(tls_start, streams_go_on_in_tls)
{
  return each_kind(streams_start);
}

/* Somebody on the way has put a command behind "STARTTLS", in the clear: it must not be taken for
 * one that came through TLS. */
EDDY_TASK_TEST(tls_start, what_was_smuggled_in_before_is_never_read)
{
  struct both both;
  struct stream s;
  const char *line;
  size_t size;
  CHECK_OK(new_both(&both));
  CHECK_OK(start_mail(both.server, &s));
  CHECK_OK(eddy_stream_writer_write(s.writer, "STARTTLS\nEVIL\n", 14));
  CHECK_OK(eddy_stream_reader_readline(s.reader, &line, &size));
  CHECK_BYTES(line, size, "220 go\n");
  int rc = eddy_stream_writer_start_tls(s.writer, eddy_tls_layer(both.client),
      &(eddy_start_tls_options){.server_hostname = "localhost"});
  CHECK(rc < 0);
  return 0;
}
