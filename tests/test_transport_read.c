/* Reading: pauses, bounded reads, buffered protocols, and changing the protocol. */
#include "transports.h"

EDDY_TASK_TEST(transport_read, paused_gets_nothing_until_it_is_resumed)
{
  struct peer *a = new_peer("");
  int other;
  CHECK_OK(peer_and_socket(a, &other));
  eddy_transport *t = a->transport;
  CHECK(eddy_transport_is_reading(t));
  eddy_transport_pause_reading(t);
  eddy_transport_pause_reading(t);
  CHECK(!eddy_transport_is_reading(t));
  CHECK_OK(eddy_sock_sendall(other, "abc", 3));
  CHECK_OK(look_around());
  CHECK_EQ(a->size, 0);
  CHECK_OK(eddy_transport_resume_reading(t));
  CHECK_OK(eddy_transport_resume_reading(t));
  CHECK(eddy_transport_is_reading(t));
  CHECK_EQ(a->size, 0);
  CHECK_OK(wait_for_bytes(a, 3));
  eddy_transport_pause_reading(t);
  eddy_transport_close(t);
  CHECK_OK(eddy_transport_resume_reading(t));
  CHECK(!eddy_transport_is_reading(t));
  return peer_end(a);
}

static int pause_it(struct peer *peer)
{
  eddy_transport_pause_reading(peer->transport);
  return 0;
}

EDDY_TASK_TEST(transport_read, paused_in_connection_made_never_begins)
{
  struct peer *a = new_peer("");
  int other;
  a->on_made = pause_it;
  CHECK_OK(peer_and_socket(a, &other));
  CHECK_OK(eddy_sock_sendall(other, "abc", 3));
  CHECK_OK(look_around());
  CHECK_EQ(a->size, 0);
  CHECK_OK(eddy_transport_resume_reading(a->transport));
  CHECK_OK(wait_for_bytes(a, 3));
  return peer_end(a);
}

static int pause_on_data(struct peer *peer, const void *data, size_t size)
{
  (void)data;
  (void)size;
  eddy_transport_pause_reading(peer->transport);
  return 0;
}

EDDY_TASK_TEST(transport_read, paused_in_data_received_gets_no_more)
{
  struct peer *a = new_peer("");
  int other;
  a->on_data = pause_on_data;
  CHECK_OK(peer_and_socket(a, &other));
  CHECK_OK(eddy_sock_sendall(other, "abc", 3));
  CHECK_OK(wait_for_bytes(a, 3));
  CHECK_OK(eddy_sock_sendall(other, "def", 3));
  CHECK_OK(look_around());
  CHECK_EQ(a->size, 3);
  CHECK_OK(eddy_transport_resume_reading(a->transport));
  CHECK_OK(wait_for_bytes(a, 6));
  CHECK_MEM(a->bytes, "abcdef", 6);
  return peer_end(a);
}

static int close_on_data(struct peer *peer, const void *data, size_t size)
{
  (void)data;
  (void)size;
  eddy_transport_close(peer->transport);
  return 0;
}

EDDY_TASK_TEST(transport_read, closed_in_data_received_gets_no_more)
{
  struct peer *a = new_peer("");
  int other;
  a->on_data = close_on_data;
  CHECK_OK(peer_and_socket(a, &other));
  test_trace_clear();
  CHECK_OK(eddy_sock_sendall(other, "abc", 3));
  CHECK_OK(eddy_sock_shutdown(other, EDDY_SHUTDOWN_WRITE));
  CHECK_OK(wait_until(&a->released));
  CHECK_TRACE("data(3) lost");
  return 0;
}

static int echo_back(struct peer *peer, const void *data, size_t size)
{
  return eddy_transport_write(peer->transport, data, size);
}

static int send_much(void *arg)
{
  static char block[100000];
  for (size_t i = 0; i < sizeof block; i++) {
    block[i] = (char)byte_at(i);
  }
  for (int i = 0; i < 20; i++) {
    CHECK_OK(eddy_sock_sendall(*(int *)arg, block, sizeof block));
  }
  return 0;
}

EDDY_TASK_TEST(transport_read, an_echo_gives_back_all_it_got)
{
  struct peer *a = new_peer("");
  int *other = test_new(sizeof *other);
  eddy_task *sender;
  a->on_data = echo_back;
  a->quiet = true;
  CHECK_OK(peer_and_socket(a, other));
  CHECK_OK(test_task(send_much, other, &sender));
  char *bytes = test_new(100000);
  for (int i = 0; i < 20; i++) {
    CHECK_OK(recv_all(*other, bytes, 100000));
    for (size_t k = 0; k < 100000; k += 997) {
      CHECK_EQ(bytes[k], (char)byte_at(k));
    }
  }
  CHECK_OK(eddy_task_await(sender, NULL));
  return peer_end(a);
}

EDDY_TASK_TEST(transport_read, one_read_is_bounded)
{
  struct peer *a = new_peer("");
  int other;
  static char block[4096];
  a->on_made = pause_it;
  CHECK_OK(peer_and_socket(a, &other));
  size_t sent = 0;
  for (int i = 0; i < 12; i++) {
    CHECK_OK(eddy_sock_sendall(other, block, sizeof block));
    sent += sizeof block;
  }
  test_trace_clear();
  CHECK_OK(eddy_transport_resume_reading(a->transport));
  CHECK_OK(wait_for_bytes(a, sent));
  CHECK_TRACE("data(49152)");
  return peer_end(a);
}

/* ---- buffered protocols ---- */

struct taker {
  struct peer peer; /* first: it is a peer in all else */
  char buffer[8];
  size_t size;
  size_t updates;
  int fail_get, fail_update;
  bool no_buffer;
  void (*in_get)(struct taker *taker);
};

static int taker_get(void *self, size_t hint, void **buffer, size_t *size)
{
  struct taker *taker = self;
  CHECK_EQ(hint, 0);
  trace("get");
  if (taker->in_get != NULL) taker->in_get(taker);
  if (taker->fail_get < 0) return taker->fail_get;
  *buffer = taker->buffer;
  *size = taker->no_buffer ? 0 : taker->size;
  return 0;
}

static int taker_updated(void *self, size_t size)
{
  struct taker *taker = self;
  trace("updated(%zu)", size);
  taker->updates++;
  CHECK_OK(peer_keep(&taker->peer, taker->buffer, size));
  return taker->fail_update;
}

static const eddy_protocol taker_protocol = {
    .connection_made = peer_made,
    .connection_lost = peer_lost,
    .release = peer_release,
    .eof_received = peer_eof,
    .get_buffer = taker_get,
    .buffer_updated = taker_updated,
};

static int taker_factory(void *arg, const eddy_protocol **protocol, void **self)
{
  *protocol = &taker_protocol;
  *self = arg;
  return 0;
}

static int taker_and_socket(struct taker **out, int *socket)
{
  int fds[2];
  struct taker *taker = test_new(sizeof *taker);
  taker->peer.name = "";
  taker->size = sizeof taker->buffer;
  *out = taker;
  *socket = -1;
  CHECK_OK(test_pair(fds));
  test_fd_closed(fds[0]);
  int rc = eddy_loop_connect_accepted_socket(
      NULL, taker_factory, taker, fds[0], NULL, NULL, NULL);
  if (rc < 0) (void)eddy_sock_close(fds[0]);
  *socket = fds[1];
  test_trace_clear();
  return rc;
}

EDDY_TASK_TEST(transport_read, a_buffered_protocol_lends_its_own_memory)
{
  struct taker *taker;
  int other;
  CHECK_OK(taker_and_socket(&taker, &other));
  CHECK_OK(look_around());
  CHECK_TRACE(""); /* idle, it is not asked for any */
  CHECK_OK(eddy_sock_sendall(other, "0123456789ab", 12));
  CHECK_OK(wait_for_bytes(&taker->peer, 12));
  CHECK_TRACE("get updated(8) get updated(4)");
  CHECK_MEM(taker->peer.bytes, "0123456789ab", 12);
  CHECK_OK(eddy_sock_shutdown(other, EDDY_SHUTDOWN_WRITE));
  CHECK_OK(wait_until(&taker->peer.released));
  CHECK_TRACE("get eof lost");
  return 0;
}

static int note(eddy_loop *loop, const eddy_exception_context *context, void *arg)
{
  (void)loop;
  (void)arg;
  trace("report(%s)", context->message);
  return 0;
}

EDDY_TASK_TEST(transport_read, an_error_in_get_buffer_aborts)
{
  for (int variant = 0; variant < 2; variant++) {
    struct taker *taker;
    int other;
    CHECK_OK(taker_and_socket(&taker, &other));
    eddy_loop_set_exception_handler(eddy_get_running_loop(), note, NULL);
    if (variant == 0)
      taker->fail_get = EDDY_EPERM;
    else
      taker->no_buffer = true;
    CHECK_OK(eddy_sock_sendall(other, "0", 1));
    CHECK_OK(wait_until(&taker->peer.released));
    CHECK_TRACE(
        variant == 0
            ? "get report(get_buffer failed; the connection is aborted) lost(EPERM)"
            : "get report(get_buffer failed; the connection is aborted) lost(ERUNTIME)");
  }
  return 0;
}

EDDY_TASK_TEST(transport_read, an_error_in_buffer_updated_aborts)
{
  struct taker *taker;
  int other;
  CHECK_OK(taker_and_socket(&taker, &other));
  eddy_loop_set_exception_handler(eddy_get_running_loop(), note, NULL);
  taker->fail_update = EDDY_EPERM;
  CHECK_OK(eddy_sock_sendall(other, "0", 1));
  CHECK_OK(wait_until(&taker->peer.released));
  CHECK_TRACE("get updated(1) report(buffer_updated failed; the connection is aborted) "
              "lost(EPERM)");
  return 0;
}

static void pause_in_get(struct taker *taker)
{
  eddy_transport_pause_reading(taker->peer.transport);
  taker->in_get = NULL;
}

static void abort_in_get(struct taker *taker)
{
  eddy_transport_abort(taker->peer.transport);
}

EDDY_TASK_TEST(transport_read, get_buffer_may_pause_or_end_it)
{
  struct taker *taker;
  int other;
  CHECK_OK(taker_and_socket(&taker, &other));
  taker->in_get = pause_in_get;
  CHECK_OK(eddy_sock_sendall(other, "01", 2));
  CHECK_OK(look_around());
  CHECK_TRACE("get");
  CHECK_OK(eddy_transport_resume_reading(taker->peer.transport));
  CHECK_OK(wait_for_bytes(&taker->peer, 2));
  CHECK_TRACE("get updated(2)");
  taker->in_get = abort_in_get;
  CHECK_OK(eddy_sock_sendall(other, "01", 2));
  CHECK_OK(wait_until(&taker->peer.released));
  CHECK_TRACE("get lost");
  return 0;
}

/* ---- another protocol ---- */

EDDY_TASK_TEST(transport_read, the_protocol_can_change_between_plain_and_buffered)
{
  struct peer *plain = new_peer("");
  struct taker *taker;
  int other;
  void *self;
  CHECK_OK(taker_and_socket(&taker, &other));
  eddy_transport *t = taker->peer.transport;
  CHECK_PTR(eddy_transport_get_protocol(t, &self), &taker_protocol);
  CHECK_PTR(self, taker);
  CHECK_OK(eddy_transport_set_protocol(t, &peer_protocol, plain));
  CHECK_PTR(eddy_transport_get_protocol(t, NULL), &peer_protocol);
  CHECK_OK(eddy_sock_sendall(other, "01", 2));
  CHECK_OK(wait_for_bytes(plain, 2));
  CHECK_TRACE("data(2)");
  CHECK_OK(eddy_transport_set_protocol(t, &taker_protocol, taker));
  CHECK_OK(eddy_sock_sendall(other, "234", 3));
  CHECK_OK(wait_for_bytes(&taker->peer, 3));
  CHECK_TRACE("get updated(3)");
  CHECK_CODE(eddy_transport_set_protocol(t, NULL, NULL), EDDY_EINVAL);
  CHECK_OK(peer_end(&taker->peer));
  CHECK_EQ(plain->lost, 0);
  CHECK_EQ(plain->released, 0);
  CHECK_CODE(eddy_transport_set_protocol(t, &peer_protocol, plain), EDDY_EINVALIDSTATE);
  return 0;
}
