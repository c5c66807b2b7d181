/* Gathered writes. */
#include "endpoints.h"
#include "transports.h"

static int gathering_peer(struct peer *peer, int *socket)
{
  CHECK_OK(peer_and_socket(peer, socket));
  return eddy_transport_gather_writes(peer->transport, true);
}

static size_t kept(const struct peer *peer)
{
  return eddy_transport_get_write_buffer_size(peer->transport);
}

/* Receives so many bytes: pieces of the pattern from its beginning on. */
static int expect(int socket, size_t size)
{
  char *bytes = test_new(size);
  CHECK_OK(recv_all(socket, bytes, size));
  for (size_t i = 0; i < size; i++) {
    if (bytes[i] != (char)byte_at(i)) CHECK_EQ(i, SIZE_MAX);
  }
  return 0;
}

/* Writes the bytes of the pattern between these two places. */
static int write_part(const struct peer *peer, size_t from, size_t to)
{
  char *bytes = test_new(to - from);
  for (size_t i = from; i < to; i++) {
    bytes[i - from] = (char)byte_at(i);
  }
  return eddy_transport_write(peer->transport, bytes, to - from);
}

EDDY_TASK_TEST(transport_gather, small_writes_leave_together_at_the_next_iteration)
{
  struct peer *a = new_peer("");
  int other;
  size_t got;
  char bytes[16];
  CHECK_OK(gathering_peer(a, &other));
  CHECK_OK(eddy_transport_write(a->transport, "one", 3));
  CHECK_OK(eddy_transport_write(a->transport, "", 0));
  CHECK_OK(eddy_transport_write(a->transport, "two", 3));
  CHECK_EQ(kept(a), 6);
  CHECK_OK(eddy_sleep(0));
  CHECK_EQ(kept(a), 0);
  CHECK_OK(eddy_sock_recv(other, bytes, sizeof bytes, &got));
  CHECK_EQ(got, 6);
  CHECK_MEM(bytes, "onetwo", 6);
  CHECK_OK(eddy_transport_write(a->transport, "again", 5));
  CHECK_EQ(kept(a), 5);
  CHECK_OK(recv_all(other, bytes, 5));
  CHECK_MEM(bytes, "again", 5);
  return peer_end(a);
}

EDDY_TASK_TEST(transport_gather, order_is_kept_whatever_the_sizes)
{
  static const size_t sizes[] = {
      1, 100, 20000, 1, 16384, 16383, 5000, 5000, 5000, 5000, 3};
  struct peer *a = new_peer("");
  int other;
  size_t end = 0;
  CHECK_OK(gathering_peer(a, &other));
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    CHECK_OK(write_part(a, end, end + sizes[i]));
    end += sizes[i];
  }
  CHECK_OK(expect(other, end));
  CHECK_EQ(kept(a), 0);
  return peer_end(a);
}

EDDY_TASK_TEST(transport_gather, much_does_not_wait)
{
  struct peer *a = new_peer("");
  int other;
  CHECK_OK(gathering_peer(a, &other));
  CHECK_OK(write_part(a, 0, 16384));
  CHECK_EQ(kept(a), 0);
  CHECK_OK(expect(other, 16384));
  for (size_t i = 0; i < 16; i++) {
    CHECK_EQ(kept(a), i * 1024);
    CHECK_OK(write_part(a, i * 1024, (i + 1) * 1024));
  }
  CHECK_EQ(kept(a), 0);
  CHECK_OK(write_part(a, 16384, 16385));
  CHECK_EQ(kept(a), 1);
  CHECK_OK(expect(other, 16385));
  return peer_end(a);
}

EDDY_TASK_TEST(transport_gather, what_the_socket_does_not_take_follows)
{
  enum { MANY = 3000 };
  struct peer *a = new_peer("");
  int other;
  CHECK_OK(gathering_peer(a, &other));
  test_trace_clear();
  for (size_t i = 0; i < MANY; i++) {
    CHECK_OK(write_part(a, i * 1000, (i + 1) * 1000));
  }
  CHECK_TRACE("pause");
  CHECK_BETWEEN(1, kept(a), MANY * 1000);
  CHECK_OK(eddy_sleep(0)); /* at the iteration's end it is tried once more */
  CHECK_OK(expect(other, MANY * 1000));
  CHECK_OK(settle());
  CHECK_TRACE("resume");
  return peer_end(a);
}

EDDY_TASK_TEST(transport_gather, what_is_gathered_is_held_against_the_marks)
{
  struct peer *a = new_peer("");
  int other;
  CHECK_OK(gathering_peer(a, &other));
  CHECK_OK(eddy_transport_set_write_buffer_limits(a->transport, 4, 0));
  test_trace_clear();
  CHECK_OK(write_part(a, 0, 4));
  CHECK_TRACE("");
  CHECK_OK(write_part(a, 4, 5));
  CHECK_TRACE("pause");
  CHECK_OK(eddy_sleep(0));
  CHECK_TRACE("resume");
  CHECK_OK(expect(other, 5));
  return peer_end(a);
}

EDDY_TASK_TEST(transport_gather, close_sends_it_first)
{
  struct peer *a = new_peer("");
  int other;
  CHECK_OK(gathering_peer(a, &other));
  CHECK_OK(write_part(a, 0, 10));
  eddy_transport_close(a->transport);
  CHECK_OK(write_part(a, 10, 20000)); /* and all of it at once */
  CHECK_OK(expect(other, 20000));
  CHECK_OK(wait_until(&a->released));
  CHECK_EQ(a->error, 0);
  char byte;
  size_t got = 1;
  CHECK_OK(eddy_sock_recv(other, &byte, 1, &got));
  CHECK_EQ(got, 0);
  return 0;
}

EDDY_TASK_TEST(transport_gather, close_after_all_was_sent_ends_it_once)
{
  struct peer *a = new_peer("");
  int other;
  CHECK_OK(gathering_peer(a, &other));
  CHECK_OK(write_part(a, 0, 10));
  CHECK_OK(
      write_part(a, 10, 16400)); /* sends everything; the iteration's end is to come */
  CHECK_EQ(kept(a), 0);
  eddy_transport_close(a->transport);
  CHECK_OK(expect(other, 16400));
  CHECK_OK(wait_until(&a->released));
  CHECK_EQ(a->lost, 1);
  return 0;
}

EDDY_TASK_TEST(transport_gather, end_of_output_follows_it)
{
  for (int all = 0; all < 2; all++) {
    struct peer *a = new_peer("");
    int other;
    size_t size = all ? 16400 : 100, got = 1;
    char byte;
    CHECK_OK(gathering_peer(a, &other));
    a->keep_open = true;
    CHECK_OK(write_part(a, 0, 10));
    CHECK_OK(write_part(a, 10, size));
    CHECK_OK(eddy_transport_write_eof(a->transport));
    CHECK_OK(expect(other, size));
    CHECK_OK(eddy_sock_recv(other, &byte, 1, &got));
    CHECK_EQ(got, 0);
    CHECK_OK(eddy_sock_sendall(other, "back", 4));
    CHECK_OK(wait_for_bytes(a, 4));
    CHECK_OK(peer_end(a));
    CHECK_EQ(a->error, 0);
  }
  return 0;
}

EDDY_TASK_TEST(transport_gather, abort_drops_it)
{
  struct peer *a = new_peer("");
  int other;
  char byte;
  size_t got = 1;
  CHECK_OK(gathering_peer(a, &other));
  CHECK_OK(write_part(a, 0, 10));
  eddy_transport_abort(a->transport);
  CHECK_EQ(kept(a), 0);
  CHECK_OK(eddy_sleep(0));
  CHECK_EQ(a->released, 1);
  CHECK_OK(eddy_sock_recv(other, &byte, 1, &got));
  CHECK_EQ(got, 0);
  return 0;
}

EDDY_TASK_TEST(transport_gather, turned_off_the_next_write_is_sent_at_once)
{
  struct peer *a = new_peer("");
  int other;
  CHECK_OK(gathering_peer(a, &other));
  CHECK_OK(write_part(a, 0, 10));
  CHECK_OK(eddy_transport_gather_writes(a->transport, false));
  CHECK_EQ(kept(a), 10);
  CHECK_OK(write_part(a, 10, 20)); /* behind what is queued */
  CHECK_EQ(kept(a), 20);
  CHECK_OK(expect(other, 20));
  CHECK_OK(write_part(a, 0, 5));
  CHECK_EQ(kept(a), 0);
  CHECK_OK(expect(other, 5));
  return peer_end(a);
}

EDDY_TASK_TEST(transport_gather, peer_that_is_gone_ends_the_connection)
{
  struct peer *a = new_peer("");
  int other;
  CHECK_OK(gathering_peer(a, &other));
  a->keep_open = true;
  test_fd_closed(other);
  CHECK_OK(eddy_sock_close(other));
  CHECK_OK(write_part(a, 0, 10));
  CHECK_OK(wait_until(&a->released));
  CHECK(a->error == EDDY_EPIPE || a->error == EDDY_ECONNRESET);
  CHECK_OK(eddy_transport_gather_writes(a->transport, true)); /* changes nothing */
  return 0;
}

static int left;

static int leave_it(void *arg)
{
  CHECK_OK(gathering_peer(arg, &left));
  test_fd_closed(left);
  return write_part(arg, 0, 10);
}

EDDY_TEST(transport_gather, loop_that_is_closed_forgets_it)
{
  struct peer *a = new_peer("");
  CHECK_OK(eddy_run(leave_it, a));
  if (!test_is_virtual()) close(left);
  CHECK_EQ(a->released, 1);
  return 0;
}

EDDY_TASK_TEST(transport_gather, not_every_transport_can)
{
  struct end *end = end_new("");
  CHECK_CODE(eddy_transport_gather_writes(NULL, true), EDDY_EINVAL);
  CHECK_CODE(end_run(STACKFUL, end), 0);
  CHECK_CODE(eddy_transport_gather_writes(end->transport, true), EDDY_ENOTSUP);
  CHECK_CONTAINS(eddy_message(EDDY_ENOTSUP), "datagram transport");
  return end_close(end);
}
