/* Layers between connections and protocols: where they are put, and what becomes of them. */
#include "toy_layer.h"

/* A peer behind a toy layer, and a plain socket at the other end. */
static int toy_and_socket(struct toy_layer *toy, struct peer *peer, int *socket, int *rc)
{
  int fds[2];
  eddy_connection_options options = {
      .sock = &fds[0], .tls = &toy->base, .server_hostname = "there"};
  CHECK_OK(test_pair(fds));
  *socket = fds[1];
  CHECK_OK(eddy_sock_sendall(fds[1], "!", 1));
  *rc = eddy_loop_create_connection(
      NULL, peer_factory, peer, NULL, 0, &options, NULL, NULL);
  test_fd_closed(fds[0]);
  return 0;
}

EDDY_TASK_TEST(layer, a_connection_is_made_when_the_layer_is_ready)
{
  struct toy_layer *toy = new_toy();
  struct peer *peer = new_peer("");
  char bytes[8];
  size_t got;
  int socket, rc;
  CHECK_OK(toy_and_socket(toy, peer, &socket, &rc));
  CHECK_OK(rc);
  CHECK_EQ(peer->made, 1);
  CHECK_STR(toy->server_hostname, "there");
  CHECK_PTR(eddy_transport_get_type(peer->transport), &toy_transport_type);
  CHECK_OK(eddy_transport_write(peer->transport, "\x0f", 1));
  CHECK_OK(eddy_sock_recv(socket, bytes, sizeof bytes, &got));
  if (got == 1) CHECK_OK(eddy_sock_recv(socket, bytes + 1, 1, &got));
  CHECK_MEM(bytes, "!\xf0", 2);
  CHECK_OK(eddy_sock_sendall(socket, "\xf0", 1));
  CHECK_OK(wait_for_bytes(peer, 1));
  CHECK_MEM(peer->bytes, "\x0f", 1);
  CHECK_OK(peer_end(peer));
  CHECK_TRACE("made data(1) lost");
  return 0;
}

EDDY_TASK_TEST(layer, a_connection_that_the_layer_refuses_is_never_made)
{
  struct toy_layer *toy = new_toy();
  struct peer *peer = new_peer("");
  int fds[2];
  eddy_connection_options options = {
      .sock = &fds[0], .tls = &toy->base, .server_hostname = ""};
  CHECK_OK(test_pair(fds));
  CHECK_OK(eddy_sock_sendall(fds[1], "?", 1));
  int rc = eddy_loop_create_connection(
      NULL, peer_factory, peer, NULL, 0, &options, NULL, NULL);
  test_fd_closed(fds[0]);
  CHECK_CODE(rc, EDDY_EPROTO);
  CHECK_STR(eddy_message(rc), "toy: the peer has no manners");
  CHECK_STR(toy->server_hostname, "(none)");
  CHECK_OK(wait_until(&peer->released));
  CHECK_EQ(peer->made, 0);
  CHECK_EQ(peer->lost, 0);
  return 0;
}

EDDY_TASK_TEST(layer, a_layer_that_cannot_be_made_leaves_the_instance_released_once)
{
  struct toy_layer *toy = new_toy();
  struct peer *peer = new_peer("");
  int socket, rc;
  toy->fail = EDDY_ENOTSUP;
  CHECK_OK(toy_and_socket(toy, peer, &socket, &rc));
  CHECK_CODE(rc, EDDY_ENOTSUP);
  CHECK_STR(eddy_message(rc), "toy: no");
  CHECK_EQ(peer->released, 1);
  return 0;
}

static int connect_silently(void *arg)
{
  struct peer *peer = ((void **)arg)[1];
  int *fds = ((void **)arg)[2];
  struct toy_layer *toy = ((void **)arg)[0];
  eddy_connection_options options = {
      .sock = &fds[0], .tls = &toy->base, .server_hostname = "there"};
  return eddy_loop_create_connection(
      NULL, peer_factory, peer, NULL, 0, &options, NULL, NULL);
}

EDDY_TASK_TEST(layer, a_cancelled_connection_is_closed_before_it_was_made)
{
  struct peer *peer = new_peer("");
  int *fds = test_new(2 * sizeof *fds);
  void **arg = test_new(3 * sizeof *arg);
  eddy_task *task;
  CHECK_OK(test_pair(fds));
  arg[0] = new_toy();
  arg[1] = peer;
  arg[2] = fds;
  CHECK_OK(test_task(connect_silently, arg, &task));
  CHECK_OK(eddy_sleep(0));
  CHECK_OK(eddy_sleep(0));
  CHECK_OK(eddy_sleep(0));
  CHECK(eddy_task_cancel(task, NULL));
  CHECK_CODE(eddy_task_await(task, NULL), EDDY_ECANCELLED);
  test_fd_closed(fds[0]);
  CHECK_OK(wait_until(&peer->released));
  CHECK_EQ(peer->made + peer->lost, 0);
  return 0;
}

EDDY_TASK_TEST(layer, options_of_tls_mean_nothing_without_it)
{
  struct peer *peer = new_peer("");
  eddy_server *server;
  eddy_connection_options connection = {.server_hostname = "there"};
  eddy_server_options serving = {.ssl_shutdown_timeout = EDDY_S(1)};
  int rc = eddy_loop_create_connection(
      NULL, peer_factory, peer, "127.0.0.1", 1, &connection, NULL, NULL);
  CHECK_CODE(rc, EDDY_EINVAL);
  CHECK_STR(
      eddy_message(rc), "create_connection: server_hostname means nothing without tls");
  connection = (eddy_connection_options){.ssl_handshake_timeout = EDDY_S(1)};
  CHECK_CODE(eddy_loop_create_unix_connection(
                 NULL, peer_factory, peer, "/nowhere", &connection, NULL, NULL),
      EDDY_EINVAL);
  connection = (eddy_connection_options){
      .ssl_shutdown_timeout = -1, .tls = &new_toy()->base};
  CHECK_CODE(eddy_loop_create_connection(
                 NULL, peer_factory, peer, "127.0.0.1", 1, &connection, NULL, NULL),
      EDDY_EINVAL);
  CHECK_CODE(eddy_loop_create_unix_connection(NULL, peer_factory, peer, "/nowhere",
                 &(eddy_connection_options){.tls = &new_toy()->base}, NULL, NULL),
      EDDY_EINVAL);
  rc = eddy_loop_create_server(
      NULL, peer_factory, peer, "127.0.0.1", 0, &serving, &server);
  CHECK_CODE(rc, EDDY_EINVAL);
  CHECK_STR(
      eddy_message(rc), "create_server: ssl_shutdown_timeout means nothing without tls");
  return 0;
}

static void end_server(void *server)
{
  eddy_server_close(server);
  eddy_server_unref(server);
}

/* Answers each line in a stream's own words. */
static int answer(eddy_stream_reader *reader, eddy_stream_writer *writer, void *arg)
{
  const char *line;
  size_t size;
  (void)arg;
  int rc = eddy_stream_reader_readline(reader, &line, &size);
  if (rc == 0) rc = eddy_stream_writer_write(writer, line, size);
  if (rc == 0) rc = eddy_stream_writer_drain(writer);
  return rc;
}

EDDY_TASK_TEST(layer, streams_talk_through_it_with_unchanged_code)
{
  struct toy_layer *toy = new_toy();
  eddy_server_options serving = {.tls = &toy->base};
  struct toy_layer *near = new_toy();
  eddy_connection_options connecting = {.tls = &near->base};
  eddy_stream_options options = {.server = &serving, .connection = &connecting};
  struct stream stream;
  eddy_server *server;
  eddy_address at;
  const char *line;
  size_t size;
  CHECK_OK(eddy_start_server(answer, NULL, "127.0.0.1", 0, &options, &server));
  test_defer(end_server, server);
  CHECK_EQ(toy->refs, 1);
  CHECK_OK(eddy_sock_getsockname(eddy_server_sockets(server, NULL)[0], &at));
  CHECK_OK(eddy_open_connection(
      "127.0.0.1", eddy_address_port(&at), &options, &stream.reader, &stream.writer));

  test_defer_late(unref_reader, stream.reader);
  test_defer(unref_writer, stream.writer);
  CHECK_STR(near->server_hostname, "127.0.0.1"); /* the host */
  CHECK_STR(toy->server_hostname, "(none)");
  CHECK_OK(eddy_stream_writer_write(stream.writer, "hello\n", 6));
  CHECK_OK(eddy_stream_reader_readline(stream.reader, &line, &size));
  CHECK_BYTES(line, size, "hello\n");
  CHECK_OK(eddy_stream_reader_readline(stream.reader, &line, &size));
  CHECK_EQ(size, 0);
  return 0;
}

/* ---- start_tls ---- */

/* A call in a task of either kind. */
struct upgrade {
  eddy_frame frame; /* first */
  struct peer *peer;
  struct stream stream;
  struct toy_layer *toy;
  eddy_transport *made;
  int rc;
  char message[80];
  eddy_task *task;
};

static int upgrade_make(struct upgrade *call)
{
  void *self;
  if (call->stream.writer != NULL) {
    return eddy_stream_writer_start_tls(call->stream.writer, &call->toy->base, NULL);
  }
  const eddy_protocol *protocol = eddy_transport_get_protocol(
      call->peer->transport, &self);
  return eddy_loop_start_tls(NULL, call->peer->transport, protocol, call->peer,
      &call->toy->base, NULL, &call->made);
}

static int upgrade_ended(struct upgrade *call, int rc)
{
  call->rc = rc;
  snprintf(call->message, sizeof call->message, "%s", rc < 0 ? eddy_message(rc) : "");
  if (call->made != NULL) test_defer_late(unref_transport, call->made);
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

static int upgrade_start(
    enum kind kind, struct peer *peer, const struct stream *stream, struct upgrade **out)
{
  struct upgrade *call = test_new(sizeof *call);
  call->peer = peer;
  if (stream != NULL) {
    call->stream = *stream;
    test_defer_late(unref_writer, eddy_stream_writer_ref(stream->writer));
  }
  call->toy = new_toy();
  call->rc = EDDY_PENDING;
  *out = call;
  CHECK_OK(start_kind(kind, upgrade_body, upgrade_frame, &call->frame, &call->task));
  return eddy_sleep(0);
}

/* The greeting of the layer at the other end, which answers it. */
static int greet(int socket)
{
  char byte;
  CHECK_OK(recv_all(socket, &byte, 1));
  CHECK_EQ(byte, TOY_HELLO);
  return eddy_sock_sendall(socket, "!", 1);
}

static int protocol_keeps_its_connection(enum kind kind)
{
  struct peer *peer = new_peer("");
  struct upgrade *call;
  char byte;
  int socket;
  CHECK_OK(peer_and_socket(peer, &socket));
  CHECK_OK(eddy_transport_write(peer->transport, "a", 1));
  CHECK_OK(recv_all(socket, &byte, 1));
  CHECK_OK(upgrade_start(kind, peer, NULL, &call));
  CHECK_OK(greet(socket));
  CHECK_OK(eddy_task_await(call->task, NULL));
  CHECK_OK(call->rc);
  CHECK_OK(eddy_transport_write(call->made, "\x0f", 1));
  CHECK_OK(recv_all(socket, &byte, 1));
  CHECK_EQ((unsigned char)byte, 0xf0);
  CHECK_OK(eddy_sock_sendall(socket, "\xf0", 1));
  CHECK_OK(wait_for_bytes(peer, 1));
  eddy_transport_close(call->made);
  CHECK_OK(wait_until(&peer->released));
  CHECK_TRACE("made data(1) lost");
  return 0;
}

EDDY_TASK_TEST(layer, start_tls_leaves_the_protocol_its_connection)
{
  return each_kind(protocol_keeps_its_connection);
}

static int cancelled_upgrade(enum kind kind)
{
  struct peer *peer = new_peer("");
  struct upgrade *call;
  int socket;
  CHECK_OK(peer_and_socket(peer, &socket));
  CHECK_OK(upgrade_start(kind, peer, NULL, &call));
  CHECK_OK(eddy_sleep(0));
  CHECK(eddy_task_cancel(call->task, NULL));
  CHECK_CODE(eddy_task_await(call->task, NULL), EDDY_ECANCELLED);
  CHECK_OK(wait_until(&peer->released));
  CHECK_EQ(peer->lost, 1);
  test_trace_clear();
  return 0;
}

EDDY_TASK_TEST(layer, a_cancelled_start_tls_closes_the_connection)
{
  return each_kind(cancelled_upgrade);
}

static int failed_upgrade(enum kind kind)
{
  struct peer *peer = new_peer("");
  struct upgrade *call;
  int socket;
  CHECK_OK(peer_and_socket(peer, &socket));
  CHECK_OK(upgrade_start(kind, peer, NULL, &call));
  CHECK_OK(eddy_sock_close(socket));
  test_fd_closed(socket);
  CHECK_OK(eddy_task_await(call->task, NULL));
  CHECK(call->rc < 0);
  CHECK_STR(call->message, "toy: lost before the greeting");
  CHECK_OK(wait_until(&peer->released));
  CHECK_EQ(peer->lost, 1);
  CHECK_EQ(peer->error, call->rc);
  CHECK_STR(peer->message, call->message);
  test_trace_clear();
  return 0;
}

EDDY_TASK_TEST(layer, a_peer_that_goes_ends_start_tls)
{
  return each_kind(failed_upgrade);
}

EDDY_TASK_TEST(layer, start_tls_refuses_what_it_cannot_do)
{
  struct peer *peer = new_peer("");
  struct toy_layer *toy = new_toy();
  eddy_transport *made;
  int socket;
  CHECK_OK(peer_and_socket(peer, &socket));
  eddy_transport *transport = peer->transport;
  CHECK_CODE(
      eddy_loop_start_tls(NULL, transport, &peer_protocol, peer, NULL, NULL, &made),
      EDDY_EINVAL);
  CHECK_CODE(eddy_loop_start_tls(NULL, transport, &peer_protocol, peer, &toy->base,
                 &(eddy_start_tls_options){.ssl_handshake_timeout = -1}, &made),
      EDDY_EINVAL);
  toy->fail = EDDY_ENOTSUP;
  CHECK_CODE(
      eddy_loop_start_tls(NULL, transport, &peer_protocol, peer, &toy->base, NULL, &made),
      EDDY_ENOTSUP);
  CHECK(!eddy_transport_is_closing(transport));
  CHECK_OK(eddy_sock_sendall(socket, "x", 1)); /* all is as it was */
  CHECK_OK(wait_for_bytes(peer, 1));
  eddy_transport_close(transport);
  CHECK_CODE(
      eddy_loop_start_tls(NULL, transport, &peer_protocol, peer, &toy->base, NULL, &made),
      EDDY_EINVALIDSTATE);
  return peer_end(peer);
}

/* ---- streams ---- */

static int stream_goes_on(enum kind kind)
{
  struct stream s;
  struct upgrade *call;
  const char *line;
  size_t size;
  char bytes[8];
  CHECK_OK(stream_and_socket(EDDY_STREAM_LIMIT, &s));
  CHECK_OK(eddy_sock_sendall(s.other, "plain\n", 6));
  CHECK_OK(eddy_stream_reader_readline(s.reader, &line, &size));
  CHECK_BYTES(line, size, "plain\n");
  CHECK_OK(upgrade_start(kind, NULL, &s, &call));
  CHECK_OK(greet(s.other));
  CHECK_OK(eddy_task_await(call->task, NULL));
  CHECK_OK(call->rc);
  CHECK_OK(eddy_sock_sendall(s.other, "\x97\xf5", 2));
  CHECK_OK(eddy_stream_reader_readline(s.reader, &line, &size));
  CHECK_BYTES(line, size, "h\n");
  CHECK_OK(eddy_stream_writer_write(s.writer, "\x0f", 1));
  CHECK_OK(recv_all(s.other, bytes, 1));
  CHECK_MEM(bytes, "\xf0", 1);
  return 0;
}

EDDY_TASK_TEST(layer, a_stream_goes_on_behind_the_layer)
{
  return each_kind(stream_goes_on);
}

/* What came before is the layer's: here its greeting, and one byte. */
static int early_bytes(enum kind kind)
{
  struct stream s;
  struct upgrade *call;
  char byte;
  size_t got;
  CHECK_OK(stream_and_socket(EDDY_STREAM_LIMIT, &s));
  CHECK_OK(eddy_sock_sendall(s.other, "!\x97", 2));
  for (int turns = 0; eddy_stream_reader_buffered(s.reader) < 2; turns++) {
    CHECK(turns < 5000);
    CHECK_OK(eddy_sleep(EDDY_MS(1)));
  }
  CHECK_OK(upgrade_start(kind, NULL, &s, &call));
  CHECK_OK(eddy_task_await(call->task, NULL));
  CHECK_OK(call->rc);
  CHECK_OK(eddy_stream_reader_read(s.reader, &byte, 1, &got));
  CHECK_BYTES(&byte, got, "h");
  return 0;
}

EDDY_TASK_TEST(layer, what_a_stream_had_buffered_goes_through_the_layer)
{
  return each_kind(early_bytes);
}
