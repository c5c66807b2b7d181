/* Two waiters, and descriptors that are closed while somebody waits. */
#include "sock_calls.h"

static const char *word(enum call_kind kind)
{
  static const char *const words[] = {
      "recv", "recv", "send", "send", "accept", "connect"};
  return words[kind];
}

static int refuse_second(enum kind kind, int fds[2], enum call_kind what)
{
  struct call *first, *second;
  CHECK_OK(call_start(kind, what, fds[0], NULL, 3, &first));
  CHECK_OK(look_around());
  CHECK(call_waits(first));
  for (int i = 0; i < 2; i++) {
    CHECK_OK(call_start(i == 0 ? kind : STACKFUL, what, fds[0], NULL, 3, &second));
    CHECK_CODE(call_join(second), EDDY_EBUSY);
    CHECK_CONTAINS(second->message, word(what));
    CHECK_CONTAINS(second->message, "another task");
    char number[24];
    snprintf(number, sizeof number, "descriptor %d", fds[0]);
    CHECK_CONTAINS(second->message, number);
  }
  CHECK(call_waits(first));
  return 0;
}

static int two_receivers(enum kind kind, int fds[2])
{
  struct call *first, *second;
  CHECK_OK(refuse_second(kind, fds, RECV));
  CHECK_OK(call_start(kind, RECV_INTO, fds[1], NULL, 3, &first));
  CHECK_OK(look_around());
  CHECK(call_waits(first));
  CHECK_OK(call_start(kind, RECV, fds[1], NULL, 3, &second));
  CHECK_CODE(call_join(second), EDDY_EBUSY);
  /* The first one still waits, and is served. */
  CHECK_OK(eddy_sock_sendall(fds[0], "abc", 3));
  CHECK_OK(call_join(first));
  CHECK_EQ(first->moved, 3);
  /* And then the direction is free again. */
  CHECK_OK(call_start(kind, RECV, fds[1], NULL, 3, &second));
  CHECK_OK(look_around());
  CHECK_OK(eddy_sock_sendall(fds[0], "def", 3));
  CHECK_OK(call_join(second));
  CHECK_MEM(second->bytes, "def", 3);
  return 0;
}

EDDY_TASK_TEST(sock_closed, second_receiver_is_refused_with_a_clear_message)
{
  return each_stream(two_receivers);
}

static int two_senders(enum kind kind, int fds[2])
{
  CHECK_OK(fill_up(fds[0]));
  CHECK_OK(refuse_second(kind, fds, SEND));
  struct call *third;
  CHECK_OK(call_start(kind, SENDALL, fds[0], NULL, 3, &third));
  CHECK_CODE(call_join(third), EDDY_EBUSY);
  return 0;
}

EDDY_TASK_TEST(sock_closed, second_sender_is_refused_with_a_clear_message)
{
  return each_stream(two_senders);
}

/* A receiver in front of a waiting one must not take its bytes. */
static int no_overtaking(enum kind kind, int fds[2])
{
  struct call *first;
  char byte;
  size_t got;
  CHECK_OK(call_start(kind, RECV, fds[0], NULL, 3, &first));
  CHECK_OK(look_around());
  CHECK(call_waits(first));
  CHECK_OK(eddy_sock_sendall(fds[1], "abc", 3));
  CHECK_CODE(eddy_sock_recv(fds[0], &byte, 1, &got), EDDY_EBUSY);
  CHECK_OK(call_join(first));
  CHECK_EQ(first->moved, 3);
  return 0;
}

EDDY_TASK_TEST(sock_closed, nobody_receives_ahead_of_the_one_who_waits)
{
  return each_stream(no_overtaking);
}

static int two_acceptors(enum kind kind)
{
  int listener;
  eddy_address address;
  struct call *first, *second;
  CHECK_OK(listen_at("127.0.0.1", &listener, &address));
  CHECK_OK(call_start(kind, ACCEPT, listener, NULL, 0, &first));
  CHECK_OK(look_around());
  CHECK(call_waits(first));
  CHECK_OK(call_start(kind, ACCEPT, listener, NULL, 0, &second));
  CHECK_CODE(call_join(second), EDDY_EBUSY);
  CHECK_CONTAINS(second->message, "accept");
  CHECK(call_waits(first));
  return close_now(listener);
}

EDDY_TASK_TEST(sock_closed, second_acceptor_is_refused)
{
  return each_kind(two_acceptors);
}

static int note_readable(void *unused)
{
  (void)unused;
  trace("readable");
  return 0;
}

EDDY_TASK_TEST(sock_closed, watch_and_waiting_task_exclude_each_other)
{
  int fds[2];
  struct call *call;
  char byte;
  size_t got;
  eddy_loop *loop = eddy_get_running_loop();
  CHECK_OK(test_pair(fds));
  CHECK_OK(eddy_loop_add_reader(loop, fds[0], note_readable, NULL));
  CHECK_CODE(eddy_sock_recv(fds[0], &byte, 1, &got), EDDY_EBUSY);
  CHECK(eddy_loop_remove_reader(loop, fds[0]));
  CHECK_OK(call_start(STACKFUL, RECV, fds[0], NULL, 1, &call));
  CHECK_OK(look_around());
  CHECK_CODE(eddy_loop_add_reader(loop, fds[0], note_readable, NULL), EDDY_EBUSY);
  CHECK_OK(eddy_sock_sendall(fds[1], "x", 1));
  CHECK_OK(call_join(call));
  CHECK_TRACE("");
  return 0;
}

/* ---- closed while somebody waits ---- */

static int close_under(enum kind kind, int fds[2], enum call_kind what)
{
  struct call *call;
  CHECK_OK(call_start(kind, what, fds[0], NULL, 3, &call));
  CHECK_OK(look_around());
  CHECK(call_waits(call));
  CHECK_OK(eddy_sock_close(fds[0]));
  CHECK(call_waits(call)); /* it is woken, not run */
  CHECK_CODE(call_join(call), EDDY_EBADF);
  CHECK_CONTAINS(call->message, word(what));
  return 0;
}

static int close_under_recv(enum kind kind, int fds[2])
{
  return close_under(kind, fds, RECV);
}

static int close_under_send(enum kind kind, int fds[2])
{
  CHECK_OK(fill_up(fds[0]));
  return close_under(kind, fds, SEND);
}

static int close_under_sendall(enum kind kind, int fds[2])
{
  CHECK_OK(fill_up(fds[0]));
  return close_under(kind, fds, SENDALL);
}

EDDY_TASK_TEST(sock_closed, closing_wakes_the_receiver_with_an_error)
{
  return each_stream(close_under_recv);
}

EDDY_TASK_TEST(sock_closed, closing_wakes_the_sender_with_an_error)
{
  CHECK_OK(each_stream(close_under_send));
  return each_stream(close_under_sendall);
}

static int close_under_both(enum kind kind, int fds[2])
{
  struct call *in, *out;
  CHECK_OK(fill_up(fds[0]));
  CHECK_OK(call_start(kind, RECV, fds[0], NULL, 3, &in));
  CHECK_OK(call_start(kind, SEND, fds[0], "x", 1, &out));
  CHECK_OK(look_around());
  CHECK_OK(eddy_sock_close(fds[0]));
  CHECK_CODE(call_join(in), EDDY_EBADF);
  CHECK_CODE(call_join(out), EDDY_EBADF);
  return 0;
}

EDDY_TASK_TEST(sock_closed, closing_wakes_both_waiters)
{
  return each_stream(close_under_both);
}

static int close_under_accept(enum kind kind)
{
  int listener;
  eddy_address address;
  struct call *call;
  CHECK_OK(listen_at("127.0.0.1", &listener, &address));
  CHECK_OK(call_start(kind, ACCEPT, listener, NULL, 0, &call));
  CHECK_OK(look_around());
  CHECK_OK(close_now(listener));
  CHECK_CODE(call_join(call), EDDY_EBADF);
  CHECK_EQ(call->connection, -1);
  return 0;
}

EDDY_TASK_TEST(sock_closed, closing_wakes_the_acceptor)
{
  return each_kind(close_under_accept);
}

/* The bytes are there and the task is due, but the descriptor is closed before its step. */
static int close_after_arrival(enum kind kind, int fds[2])
{
  struct call *call;
  CHECK_OK(call_start(kind, RECV, fds[0], NULL, 3, &call));
  CHECK_OK(look_around());
  CHECK_OK(eddy_sock_sendall(fds[1], "abc", 3));
  CHECK_OK(eddy_sock_close(fds[0]));
  CHECK_CODE(call_join(call), EDDY_EBADF);
  CHECK_EQ(call->moved, 0);
  return 0;
}

EDDY_TASK_TEST(sock_closed, closing_counts_even_if_bytes_have_arrived)
{
  return each_stream(close_after_arrival);
}

static int close_when_cancelled(enum kind kind, int fds[2])
{
  struct call *call;
  CHECK_OK(call_start(kind, RECV, fds[0], NULL, 3, &call));
  CHECK_OK(look_around());
  CHECK(eddy_task_cancel(call->task, NULL));
  CHECK_OK(eddy_sock_close(fds[0]));
  CHECK_CODE(call_join(call), EDDY_ECANCELLED);
  CHECK_OK(call_start(kind, RECV, fds[1], NULL, 3, &call));
  CHECK_OK(look_around());
  CHECK_OK(call->rc);
  return 0;
}

EDDY_TASK_TEST(sock_closed, cancellation_that_came_first_is_what_the_task_gets)
{
  return each_stream(close_when_cancelled);
}

EDDY_TASK_TEST(sock_closed, closing_removes_the_watches)
{
  int fds[2];
  eddy_loop *loop = eddy_get_running_loop();
  eddy_loop_stats stats;
  CHECK_OK(test_pair(fds));
  CHECK_OK(eddy_loop_add_reader(loop, fds[0], note_readable, NULL));
  CHECK_OK(eddy_loop_add_writer(loop, fds[0], note_readable, NULL));
  CHECK_OK(eddy_sock_sendall(fds[1], "x", 1));
  CHECK_OK(close_now(fds[0]));
  CHECK_OK(look_around());
  CHECK_TRACE("");
  CHECK(!eddy_loop_remove_reader(loop, fds[0]));
  eddy_loop_get_stats(loop, &stats);
  CHECK_EQ(stats.operations, 0);
  return 0;
}

/* ---- the loop ends under those who wait ---- */

static int wait_for_ever(void *unused)
{
  int fds[2];
  char byte;
  size_t got;
  (void)unused;
  CHECK_OK(eddy_sock_pair(fds));
  int rc = eddy_sock_recv(fds[0], &byte, 1, &got);
  trace("%s", eddy_err_name(rc));
  rc = eddy_sock_recv(fds[0], &byte, 1, &got);
  trace("%s", eddy_err_name(rc));
  CHECK_OK(eddy_sock_close(fds[0]));
  CHECK_OK(eddy_sock_close(fds[1]));
  return rc;
}

static int stop_loop(void *loop)
{
  eddy_loop_stop(loop);
  return 0;
}

static int ignore_report(
    eddy_loop *loop, const eddy_exception_context *context, void *unused)
{
  (void)loop;
  (void)context;
  (void)unused;
  return 0;
}

EDDY_TEST(sock_closed, task_that_waits_is_told_when_the_loop_is_closed)
{
  eddy_loop *loop;
  CHECK_OK(test_loop(&loop));
  eddy_loop_set_exception_handler(loop, ignore_report, NULL);
  CHECK_OK(eddy_loop_create_task(loop, wait_for_ever, NULL, NULL));
  CHECK_OK(eddy_loop_call_later(loop, EDDY_MS(2), stop_loop, loop, NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_OK(eddy_loop_close(loop));
  CHECK_TRACE("EGENERATOREXIT EGENERATOREXIT");
  return 0;
}
