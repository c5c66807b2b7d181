/* Sending and receiving. */
#include <signal.h>

#include "sock_calls.h"

static int both_ways(enum kind kind, int fds[2])
{
  struct call *calls[4];
  CHECK_OK(call_start(kind, RECV, fds[0], NULL, 10, &calls[0]));
  CHECK_OK(call_start(kind, RECV_INTO, fds[1], NULL, 10, &calls[1]));
  CHECK_OK(look_around());
  CHECK_OK(call_start(kind, SEND, fds[0], "to b", 4, &calls[2]));
  CHECK_OK(call_start(kind, SENDALL, fds[1], "to a!", 5, &calls[3]));
  for (int i = 4; i-- > 0;) {
    CHECK_OK(call_join(calls[i]));
  }
  CHECK_EQ(calls[0]->moved, 5);
  CHECK_MEM(calls[0]->bytes, "to a!", 5);
  CHECK_EQ(calls[1]->moved, 4);
  CHECK_MEM(calls[1]->bytes, "to b", 4);
  CHECK_EQ(calls[2]->moved, 4);
  return 0;
}

EDDY_TASK_TEST(sock, bytes_go_both_ways)
{
  return each_stream(both_ways);
}

static int pieces(enum kind kind, int fds[2])
{
  (void)kind;
  char bytes[16] = "";
  size_t got;
  CHECK_OK(eddy_sock_sendall(fds[0], "0123456789", 10));
  CHECK_OK(eddy_sock_recv(fds[1], bytes, 4, &got));
  CHECK_EQ(got, 4);
  CHECK_MEM(bytes, "0123", 4);
  CHECK_OK(eddy_sock_recv(fds[1], bytes, sizeof bytes, &got));
  CHECK_EQ(got, 6);
  CHECK_MEM(bytes, "456789", 6);
  return 0;
}

EDDY_TASK_TEST(sock, recv_takes_what_there_is_and_leaves_the_rest)
{
  return each_stream(pieces);
}

EDDY_TASK_TEST(sock, recv_behind_a_short_one_has_at_once_what_this_loop_sent_since)
{
  char bytes[8];
  size_t got;
  int fds[2];
  CHECK_OK(test_pair(fds));
  CHECK_OK(eddy_sock_sendall(fds[0], "ab", 2));
  CHECK_OK(eddy_sock_recv(fds[1], bytes, sizeof bytes, &got));
  CHECK_EQ(got, 2);
  uint64_t steps = eddy_task_steps(eddy_current_task());
  CHECK_OK(eddy_sock_sendall(fds[1], "answer", 6));
  CHECK_OK(eddy_sock_sendall(fds[0], "cde", 3));
  CHECK_OK(eddy_sock_recv(fds[1], bytes, sizeof bytes, &got));
  CHECK_EQ(got, 3);
  CHECK_OK(eddy_sock_shutdown(fds[0], EDDY_SHUTDOWN_WRITE));
  CHECK_OK(eddy_sock_recv(fds[1], bytes, sizeof bytes, &got));
  CHECK_EQ(got, 0);
  CHECK_OK(eddy_sock_recv(fds[0], bytes, sizeof bytes, &got));
  CHECK_EQ(got, 6);
  test_fd_closed(fds[1]);
  CHECK_OK(eddy_sock_close(fds[1]));
  CHECK_OK(eddy_sock_recv(fds[0], bytes, sizeof bytes, &got));
  CHECK_EQ(got, 0);
  CHECK_EQ(eddy_task_steps(eddy_current_task()), steps);
  return 0;
}

static int nothing(enum kind kind, int fds[2])
{
  (void)kind;
  size_t moved = 7;
  uint64_t steps = eddy_task_steps(eddy_current_task());
  CHECK_OK(eddy_sock_recv(fds[0], NULL, 0, &moved));
  CHECK_EQ(moved, 0);
  moved = 7;
  CHECK_OK(eddy_sock_send(fds[0], NULL, 0, &moved));
  CHECK_EQ(moved, 0);
  CHECK_OK(eddy_sock_sendall(fds[0], NULL, 0));
  CHECK_EQ(eddy_task_steps(eddy_current_task()), steps);
  return 0;
}

EDDY_TASK_TEST(sock, moving_no_bytes_takes_no_time)
{
  return each_stream(nothing);
}

static int two_directions(enum kind kind, int fds[2])
{
  struct call *in, *out;
  enum { SIZE = 1 << 16 };
  char *bytes = test_new(SIZE);
  CHECK_OK(fill_up(fds[0]));
  CHECK_OK(call_start(kind, RECV, fds[0], NULL, 1, &in));
  CHECK_OK(call_start(kind, SENDALL, fds[0], "xyz", 3, &out));
  CHECK_OK(look_around());
  CHECK(call_waits(in));
  CHECK(call_waits(out));
  CHECK_OK(eddy_sock_sendall(fds[1], "x", 1));
  CHECK_OK(call_join(in));
  CHECK(call_waits(out));
  while (!eddy_task_done(out->task)) {
    size_t got;
    CHECK_OK(eddy_sock_recv(fds[1], bytes, SIZE, &got));
    CHECK_OK(look_around());
  }
  CHECK_OK(out->rc);
  return 0;
}

EDDY_TASK_TEST(sock, one_task_may_receive_while_another_sends)
{
  return each_stream(two_directions);
}

static int parked(enum kind kind, int fds[2])
{
  struct call *call;
  char text[100];
  eddy_loop_stats before, after;
  CHECK_OK(call_start(kind, RECV, fds[0], NULL, 1, &call));
  CHECK_OK(look_around());
  eddy_loop_get_stats(eddy_get_running_loop(), &before);
  for (int i = 0; i < 300; i++) {
    CHECK_OK(eddy_sleep(0));
  }
  eddy_loop_get_stats(eddy_get_running_loop(), &after);
  CHECK_EQ(eddy_task_steps(call->task), 1);
  CHECK_CONTAINS(eddy_task_waits_for(call->task, text, sizeof text), "recv");
  CHECK_EQ(after.operations, 1);
  CHECK_EQ(after.callbacks - before.callbacks, 300); /* our own steps */
  CHECK_OK(eddy_sock_sendall(fds[1], "x", 1));
  CHECK_OK(call_join(call));
  CHECK_EQ(eddy_task_steps(call->task), 2);
  eddy_loop_get_stats(eddy_get_running_loop(), &after);
  CHECK_EQ(after.operations, 0);
  return 0;
}

EDDY_TASK_TEST(sock, waiting_receiver_is_not_resumed_before_there_is_something)
{
  return each_stream(parked);
}

/* ---- the three ends of a stream ---- */

static int end_of_input(enum kind kind, int fds[2])
{
  struct call *calls[2];
  char bytes[4];
  size_t got = 9;
  CHECK_OK(call_start(kind, RECV, fds[0], NULL, 8, &calls[0]));
  CHECK_OK(look_around());
  CHECK_OK(eddy_sock_sendall(fds[1], "last", 4));
  CHECK_OK(eddy_sock_close(fds[1]));
  CHECK_OK(call_join(calls[0]));
  CHECK_EQ(calls[0]->moved, 4);
  CHECK_OK(call_start(kind, RECV, fds[0], NULL, 8, &calls[1]));
  CHECK_OK(call_join(calls[1]));
  CHECK_EQ(calls[1]->moved, 0);
  CHECK_OK(eddy_sock_recv(fds[0], bytes, sizeof bytes, &got)); /* it stays so */
  CHECK_EQ(got, 0);
  return 0;
}

EDDY_TASK_TEST(sock, end_of_input_is_nothing_received)
{
  return each_stream(end_of_input);
}

static int end_wakes(enum kind kind, int fds[2])
{
  struct call *call;
  CHECK_OK(call_start(kind, RECV, fds[0], NULL, 8, &call));
  CHECK_OK(look_around());
  call->moved = 9;
  CHECK_OK(eddy_sock_close(fds[1]));
  CHECK_OK(call_join(call));
  CHECK_EQ(call->moved, 0);
  return 0;
}

EDDY_TASK_TEST(sock, end_of_input_wakes_the_receiver)
{
  return each_stream(end_wakes);
}

static int half_close(enum kind kind, int fds[2])
{
  struct call *call;
  char bytes[8];
  size_t got = 9;
  CHECK_OK(call_start(kind, RECV, fds[1], NULL, 8, &call));
  CHECK_OK(look_around());
  CHECK_OK(eddy_sock_shutdown(fds[0], EDDY_SHUTDOWN_WRITE));
  CHECK_OK(call_join(call));
  CHECK_EQ(call->moved, 0);
  CHECK_CODE(eddy_sock_sendall(fds[0], "x", 1), EDDY_EPIPE);
  /* The other direction is as before. */
  CHECK_OK(eddy_sock_sendall(fds[1], "still", 5));
  CHECK_OK(eddy_sock_recv(fds[0], bytes, sizeof bytes, &got));
  CHECK_EQ(got, 5);
  CHECK_OK(eddy_sock_shutdown(fds[1], EDDY_SHUTDOWN_WRITE));
  CHECK_OK(eddy_sock_recv(fds[0], bytes, sizeof bytes, &got));
  CHECK_EQ(got, 0);
  return 0;
}

EDDY_TASK_TEST(sock, half_close_ends_one_direction_alone)
{
  return each_stream(half_close);
}

static int shut_reading(enum kind kind, int fds[2])
{
  struct call *call;
  CHECK_OK(call_start(kind, RECV, fds[0], NULL, 8, &call));
  CHECK_OK(look_around());
  call->moved = 9;
  CHECK_OK(eddy_sock_shutdown(fds[0], EDDY_SHUTDOWN_READ));
  CHECK_OK(call_join(call));
  CHECK_EQ(call->moved, 0);
  CHECK_OK(eddy_sock_sendall(fds[0], "x", 1));
  CHECK_OK(recv_all(fds[1], call->bytes, 1));
  return 0;
}

EDDY_TASK_TEST(sock, ending_input_wakes_the_receiver)
{
  return each_stream(shut_reading);
}

static int shut_both(enum kind kind, int fds[2])
{
  struct call *call;
  size_t got = 9;
  char byte;
  CHECK_OK(call_start(kind, RECV, fds[1], NULL, 8, &call));
  CHECK_OK(look_around());
  CHECK_OK(eddy_sock_shutdown(fds[0], EDDY_SHUTDOWN_BOTH));
  CHECK_OK(call_join(call));
  CHECK_EQ(call->moved, 0);
  CHECK_OK(eddy_sock_recv(fds[0], &byte, 1, &got));
  CHECK_EQ(got, 0);
  CHECK_CODE(eddy_sock_sendall(fds[0], "x", 1), EDDY_EPIPE);
  return 0;
}

EDDY_TASK_TEST(sock, both_directions_end_at_once)
{
  return each_stream(shut_both);
}

/* Who closes with bytes unread breaks the connection off. */
static int reset(enum kind kind, int fds[2])
{
  struct call *call;
  size_t got = 9;
  CHECK_OK(eddy_sock_sendall(fds[0], "unread", 6));
  CHECK_OK(call_start(kind, RECV, fds[0], NULL, 8, &call));
  CHECK_OK(look_around());
  CHECK_OK(eddy_sock_close(fds[1]));
  CHECK_CODE(call_join(call), EDDY_ECONNRESET);
  CHECK_CONTAINS(call->message, "recv");
  CHECK_CONTAINS(call->message, "reset");
  CHECK_EQ(call->moved, 0);
  /* It is told once; what is left of the stream is its end. */
  CHECK_OK(eddy_sock_recv(fds[0], call->bytes, 8, &got));
  CHECK_EQ(got, 0);
  CHECK_CODE(eddy_sock_sendall(fds[0], "x", 1), EDDY_EPIPE);
  return 0;
}

EDDY_TASK_TEST(sock, reset_is_an_error_and_not_an_end)
{
  return each_stream(reset);
}

/* ---- a peer that is gone ---- */

static struct sigaction former_action;

static void restore_sigpipe(void *unused)
{
  (void)unused;
  sigaction(SIGPIPE, &former_action, NULL);
}

static int send_until_refused(enum kind kind, int fds[2])
{
  struct call *call = NULL;
  CHECK_OK(eddy_sock_close(fds[1]));
  /* TCP learns of it from the answer to the first bytes. */
  for (int i = 0; i < 100 && (call == NULL || call->rc == 0); i++) {
    CHECK_OK(call_start(kind, i % 2 ? SEND : SENDALL, fds[0], "x", 1, &call));
    (void)call_join(call);
    if (call->rc == 0) CHECK_OK(eddy_sleep(EDDY_MS(1)));
  }
  CHECK(call->rc == EDDY_EPIPE || call->rc == EDDY_ECONNRESET);
  CHECK_CONTAINS(call->message, "send");
  return 0;
}

EDDY_TASK_TEST(sock, sending_to_nobody_is_an_error_and_raises_no_signal)
{
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = SIG_DFL; /* it would end the process */
  sigaction(SIGPIPE, &action, &former_action);
  test_defer(restore_sigpipe, NULL);
  CHECK_OK(each_stream(send_until_refused));
  struct sigaction now;
  sigaction(SIGPIPE, NULL, &now);
  CHECK(now.sa_handler == SIG_DFL);
  return 0;
}

static int blocked_sender(enum kind kind, int fds[2])
{
  struct call *call;
  CHECK_OK(fill_up(fds[0]));
  CHECK_OK(call_start(kind, SEND, fds[0], "x", 1, &call));
  CHECK_OK(look_around());
  CHECK(call_waits(call));
  CHECK_OK(eddy_sock_close(fds[1]));
  int rc = call_join(call);
  CHECK(rc == EDDY_EPIPE || rc == EDDY_ECONNRESET);
  return 0;
}

EDDY_TASK_TEST(sock, sender_that_waits_learns_that_the_peer_is_gone)
{
  return each_stream(blocked_sender);
}

static int room_again(enum kind kind, int fds[2])
{
  enum { SIZE = 1 << 16 };
  struct call *call;
  char *bytes = test_new(SIZE);
  size_t got;
  CHECK_OK(fill_up(fds[0]));
  CHECK_OK(call_start(kind, SEND, fds[0], "x", 1, &call));
  CHECK_OK(look_around());
  CHECK(call_waits(call));
  while (!eddy_task_done(call->task)) {
    CHECK_OK(eddy_sock_recv(fds[1], bytes, SIZE, &got));
    CHECK_OK(look_around());
  }
  CHECK_OK(call->rc);
  CHECK_EQ(call->moved, 1);
  return 0;
}

EDDY_TASK_TEST(sock, send_waits_until_there_is_room)
{
  return each_stream(room_again);
}
