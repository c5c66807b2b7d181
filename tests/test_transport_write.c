/* Writing: what is sent at once, what is queued, and flow control. */
#include "transports.h"

#define MORE ((size_t)4 << 20) /* than any socket takes at once */

static char *pattern(size_t size)
{
  char *bytes = test_new(size);
  for (size_t i = 0; i < size; i++) {
    bytes[i] = (char)byte_at(i);
  }
  return bytes;
}

/* Receives so many bytes and compares them with the pattern. */
static int drain(int socket, size_t size)
{
  static char block[65536];
  for (size_t total = 0, got; total < size; total += got) {
    size_t wanted = size - total < sizeof block ? size - total : sizeof block;
    CHECK_OK(eddy_sock_recv(socket, block, wanted, &got));
    CHECK(got > 0);
    for (size_t i = 0; i < got; i++) {
      if (block[i] != (char)byte_at(total + i)) CHECK_EQ(total + i, SIZE_MAX);
    }
  }
  return 0;
}

static int nothing_more(int socket)
{
  char byte;
  size_t got;
  CHECK_OK(eddy_sock_recv(socket, &byte, 1, &got));
  CHECK_EQ(got, 0);
  return 0;
}

EDDY_TASK_TEST(transport_write, small_data_is_sent_at_once)
{
  struct peer *a = new_peer("");
  int other;
  char bytes[8];
  CHECK_OK(peer_and_socket(a, &other));
  CHECK_OK(eddy_transport_write(a->transport, "hello", 5));
  CHECK_OK(eddy_transport_write(a->transport, NULL, 0));
  CHECK_EQ(eddy_transport_get_write_buffer_size(a->transport), 0);
  CHECK_OK(recv_all(other, bytes, 5));
  CHECK_MEM(bytes, "hello", 5);
  CHECK_CODE(eddy_transport_write(a->transport, NULL, 1), EDDY_EINVAL);
  CHECK_CODE(eddy_transport_write(NULL, "x", 1), EDDY_EINVAL);
  return peer_end(a);
}

EDDY_TASK_TEST(transport_write, what_the_socket_does_not_take_is_queued_and_follows)
{
  struct peer *a = new_peer("");
  int other;
  char *bytes = pattern(MORE);
  CHECK_OK(peer_and_socket(a, &other));
  test_trace_clear();
  CHECK_OK(eddy_transport_write(a->transport, bytes, MORE / 2));
  CHECK_TRACE("pause"); /* from inside write */
  CHECK_BETWEEN(1, eddy_transport_get_write_buffer_size(a->transport), MORE / 2 - 1);
  for (size_t at = MORE / 2; at < MORE; at += 1000) {
    size_t size = MORE - at < 1000 ? MORE - at : 1000;
    CHECK_OK(eddy_transport_write(a->transport, bytes + at, size));
  }
  CHECK_TRACE("");
  memset(bytes, 0, MORE); /* the queue has a copy */
  CHECK_OK(drain(other, MORE));
  CHECK_OK(settle());
  CHECK_EQ(eddy_transport_get_write_buffer_size(a->transport), 0);
  CHECK_TRACE("resume");
  return peer_end(a);
}

EDDY_TASK_TEST(transport_write, limits_have_asyncios_defaults)
{
  struct peer *a = new_peer("");
  int other;
  size_t low, high;
  CHECK_OK(peer_and_socket(a, &other));
  eddy_transport *t = a->transport;
  eddy_transport_get_write_buffer_limits(t, &low, &high);
  CHECK_EQ(high, 65536);
  CHECK_EQ(low, 16384);
  CHECK_OK(eddy_transport_set_write_buffer_limits(t, EDDY_LIMIT_DEFAULT, 100));
  eddy_transport_get_write_buffer_limits(t, &low, &high);
  CHECK_EQ(high, 400);
  CHECK_EQ(low, 100);
  CHECK_OK(eddy_transport_set_write_buffer_limits(t, 1000, EDDY_LIMIT_DEFAULT));
  eddy_transport_get_write_buffer_limits(t, &low, &high);
  CHECK_EQ(high, 1000);
  CHECK_EQ(low, 250);
  CHECK_OK(eddy_transport_set_write_buffer_limits(t, 0, EDDY_LIMIT_DEFAULT));
  eddy_transport_get_write_buffer_limits(t, &low, NULL);
  CHECK_EQ(low, 0);
  CHECK_CODE(eddy_transport_set_write_buffer_limits(t, 10, 11), EDDY_EINVAL);
  CHECK_CONTAINS(eddy_message(EDDY_EINVAL), "low (11) must not be above high (10)");
  eddy_transport_get_write_buffer_limits(t, NULL, &high);
  CHECK_EQ(high, 0);
  CHECK_OK(
      eddy_transport_set_write_buffer_limits(t, EDDY_LIMIT_DEFAULT, EDDY_LIMIT_DEFAULT));
  eddy_transport_get_write_buffer_limits(t, &low, &high);
  CHECK_EQ(high, 65536);
  CHECK_EQ(low, 16384);
  return peer_end(a);
}

EDDY_TASK_TEST(transport_write, pauses_strictly_above_the_high_mark)
{
  struct peer *a = new_peer("");
  int other;
  static char bytes[1000];
  CHECK_OK(peer_and_socket(a, &other));
  CHECK_OK(fill_up(eddy_transport_get_fd(a->transport)));
  CHECK_OK(eddy_transport_set_write_buffer_limits(a->transport, 1000, 10));
  test_trace_clear();
  CHECK_OK(eddy_transport_write(a->transport, bytes, 1000));
  CHECK_EQ(eddy_transport_get_write_buffer_size(a->transport), 1000);
  CHECK_TRACE("");
  CHECK_OK(eddy_transport_write(a->transport, bytes, 1));
  CHECK_TRACE("pause");
  CHECK_OK(eddy_transport_write(a->transport, bytes, 1000));
  CHECK_TRACE(""); /* the calls alternate */
  eddy_transport_abort(a->transport);
  CHECK_EQ(eddy_transport_get_write_buffer_size(a->transport), 0);
  CHECK_OK(settle());
  CHECK_TRACE("lost"); /* and nobody resumes a lost connection */
  return 0;
}

EDDY_TASK_TEST(transport_write, a_lower_mark_pauses_at_once)
{
  struct peer *a = new_peer("");
  int other;
  static char bytes[1000];
  CHECK_OK(peer_and_socket(a, &other));
  CHECK_OK(fill_up(eddy_transport_get_fd(a->transport)));
  CHECK_OK(eddy_transport_write(a->transport, bytes, 1000));
  test_trace_clear();
  CHECK_OK(eddy_transport_set_write_buffer_limits(a->transport, 999, EDDY_LIMIT_DEFAULT));
  CHECK_TRACE("pause");
  eddy_transport_abort(a->transport);
  return peer_end(a);
}

static int write_again(struct peer *peer)
{
  static char bytes[100000];
  peer->on_resume = NULL;
  return eddy_transport_write(peer->transport, bytes, sizeof bytes);
}

EDDY_TASK_TEST(transport_write, resume_writing_may_write)
{
  struct peer *a = new_peer("");
  int other;
  size_t size = MORE;
  CHECK_OK(peer_and_socket(a, &other));
  a->on_resume = write_again;
  CHECK_OK(eddy_transport_write(a->transport, pattern(size), size));
  CHECK_OK(drain(other, size));
  char *rest = test_new(100000);
  CHECK_OK(recv_all(other, rest, 100000));
  return peer_end(a);
}

static int abort_now(struct peer *peer)
{
  eddy_transport_abort(peer->transport);
  return 0;
}

EDDY_TASK_TEST(transport_write, resume_writing_may_abort)
{
  struct peer *a = new_peer("");
  int other;
  size_t got = 1;
  char *block = test_new(65536);
  CHECK_OK(peer_and_socket(a, &other));
  a->on_resume = abort_now;
  CHECK_OK(eddy_transport_write(a->transport, pattern(MORE), MORE));
  while (got > 0) {
    int rc = eddy_sock_recv(other, block, 65536, &got);
    if (rc < 0) CHECK_CODE(rc, EDDY_ECONNRESET);
    if (rc < 0) got = 0;
  }
  CHECK_OK(wait_until(&a->released));
  CHECK_EQ(a->lost, 1);
  return 0;
}

static int only_told(eddy_loop *loop, const eddy_exception_context *context, void *arg)
{
  (void)loop;
  (void)arg;
  trace("report(%s)", context->message);
  return 0;
}

EDDY_TASK_TEST(transport_write, an_error_in_pause_writing_is_only_reported)
{
  struct peer *a = new_peer("");
  int other;
  CHECK_OK(peer_and_socket(a, &other));
  a->fail_pause = EDDY_EINVAL;
  eddy_loop_set_exception_handler(eddy_get_running_loop(), only_told, NULL);
  test_trace_clear();
  CHECK_OK(eddy_transport_write(a->transport, pattern(MORE), MORE));
  CHECK_TRACE("pause report(pause_writing failed)");
  CHECK_OK(drain(other, MORE));
  CHECK_OK(settle());
  CHECK_TRACE("resume");
  return peer_end(a);
}

EDDY_TASK_TEST(transport_write, close_sends_what_is_queued_first)
{
  struct peer *a = new_peer("");
  int other;
  CHECK_OK(peer_and_socket(a, &other));
  CHECK_OK(eddy_transport_write(a->transport, pattern(MORE), MORE / 2));
  eddy_transport_close(a->transport);
  CHECK(eddy_transport_is_closing(a->transport));
  CHECK(!eddy_transport_is_reading(a->transport));
  /* As in asyncio, more may be written while that goes on. */
  CHECK_OK(eddy_transport_write(a->transport, pattern(MORE) + MORE / 2, MORE / 2));
  CHECK_OK(eddy_sock_sendall(other, "unread", 6));
  CHECK_OK(drain(other, MORE));
  CHECK_OK(wait_until(&a->released));
  CHECK_EQ(a->error, 0);
  CHECK_EQ(a->size, 0);
  return 0;
}

EDDY_TASK_TEST(transport_write, abort_drops_what_is_queued)
{
  struct peer *a = new_peer("");
  int other;
  CHECK_OK(peer_and_socket(a, &other));
  CHECK_OK(eddy_transport_write(a->transport, pattern(MORE), MORE));
  eddy_transport_close(a->transport);
  CHECK_OK(look_around());
  CHECK_EQ(a->lost, 0);
  eddy_transport_abort(a->transport);
  CHECK_EQ(eddy_transport_get_write_buffer_size(a->transport), 0);
  CHECK_OK(eddy_sleep(0));
  CHECK_EQ(a->released, 1);
  CHECK_EQ(a->error, 0);
  return 0;
}

EDDY_TASK_TEST(transport_write, after_the_loss_is_dropped_and_reported_from_the_fifth)
{
  struct peer *a = new_peer("");
  int other;
  CHECK_OK(peer_and_socket(a, &other));
  eddy_loop_set_exception_handler(eddy_get_running_loop(), only_told, NULL);
  eddy_transport_close(a->transport);
  test_trace_clear();
  for (int i = 1; i <= 6; i++) {
    trace("%d", i);
    CHECK_OK(eddy_transport_write(a->transport, "x", 1));
  }
  CHECK_TRACE("1 2 3 4 5 report(write: the connection is lost; the data is dropped) 6 "
              "report(write: the connection is lost; the data is dropped)");
  CHECK_OK(wait_until(&a->released));
  CHECK_OK(eddy_transport_write(a->transport, "x", 1));
  return nothing_more(other);
}

EDDY_TASK_TEST(transport_write, eof_follows_what_is_queued)
{
  struct peer *a = new_peer("");
  int other;
  CHECK_OK(peer_and_socket(a, &other));
  CHECK(eddy_transport_can_write_eof(a->transport));
  CHECK_OK(eddy_transport_write(a->transport, pattern(MORE), MORE));
  CHECK_OK(eddy_transport_write_eof(a->transport));
  CHECK_OK(eddy_transport_write_eof(a->transport));
  CHECK_CODE(eddy_transport_write(a->transport, "x", 1), EDDY_ERUNTIME);
  CHECK_CONTAINS(eddy_message(EDDY_ERUNTIME), "write_eof");
  CHECK_OK(drain(other, MORE));
  CHECK_OK(nothing_more(other));
  CHECK(!eddy_transport_is_closing(a->transport));
  CHECK_OK(eddy_sock_sendall(other, "back", 4));
  CHECK_OK(wait_for_bytes(a, 4));
  CHECK_OK(peer_end(a));
  CHECK_OK(eddy_transport_write_eof(a->transport));
  CHECK_CODE(eddy_transport_write(a->transport, "x", 1), EDDY_ERUNTIME);
  return 0;
}

EDDY_TASK_TEST(transport_write, lines_are_sent_as_one)
{
  struct peer *a = new_peer("");
  int other;
  char bytes[16];
  CHECK_OK(peer_and_socket(a, &other));
  eddy_buffer lines[] = {{"one", 3}, {NULL, 0}, {"two", 3}, {"", 0}, {"three", 5}};
  CHECK_OK(eddy_transport_writelines(a->transport, lines, 5));
  size_t got;
  CHECK_OK(eddy_sock_recv(other, bytes, sizeof bytes, &got));
  CHECK_EQ(got, 11);
  CHECK_MEM(bytes, "onetwothree", 11);
  CHECK_OK(eddy_transport_writelines(a->transport, NULL, 0));
  CHECK_CODE(eddy_transport_writelines(a->transport, NULL, 1), EDDY_EINVAL);
  return peer_end(a);
}

EDDY_TASK_TEST(transport_write, lines_obey_flow_control_and_the_loss)
{
  struct peer *a = new_peer("");
  int other;
  char *bytes = pattern(MORE);
  eddy_buffer *lines = test_new(3000 * sizeof *lines);
  size_t count = 0;
  /* Sizes of all kinds: gathered ones, large ones, empty ones. */
  for (size_t at = 0; at < MORE;) {
    size_t size = (at * 7 + count * 131) % (count % 10 == 0 ? 70000 : 1500);
    if (size > MORE - at || count == 2998) size = MORE - at;
    lines[count++] = (eddy_buffer){bytes + at, size};
    at += size;
  }
  CHECK_OK(peer_and_socket(a, &other));
  test_trace_clear();
  CHECK_OK(eddy_transport_writelines(a->transport, lines, count));
  CHECK_TRACE("pause");
  CHECK_OK(drain(other, MORE));
  CHECK_OK(settle());
  CHECK_TRACE("resume");
  CHECK_OK(peer_end(a));
  CHECK_OK(eddy_transport_writelines(a->transport, lines, count));
  CHECK_EQ(eddy_transport_get_write_buffer_size(a->transport), 0);
  return 0;
}

EDDY_TASK_TEST(transport_write, a_peer_that_resets_ends_the_connection)
{
  struct peer *a = new_peer("");
  int other;
  CHECK_OK(peer_and_socket(a, &other));
  CHECK_OK(eddy_transport_write(a->transport, pattern(MORE), MORE));
  test_fd_closed(other);
  CHECK_OK(eddy_sock_close(other));
  CHECK_OK(wait_until(&a->released));
  CHECK(a->error == EDDY_ECONNRESET || a->error == EDDY_EPIPE);
  return 0;
}
