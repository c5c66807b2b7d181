/* Cancelling socket calls, and giving up the turn. */
#include "sock_calls.h"

static int cancel_waiting(enum kind kind, int fds[2])
{
  struct call *call;
  char bytes[8];
  CHECK_OK(call_start(kind, RECV, fds[0], NULL, 8, &call));
  CHECK_OK(look_around());
  CHECK(eddy_task_cancel(call->task, NULL));
  CHECK_CODE(call_join(call), EDDY_ECANCELLED);
  CHECK(eddy_task_cancelled(call->task));
  CHECK_EQ(call->moved, 0);
  CHECK_OK(eddy_sock_sendall(fds[1], "whole", 5));
  CHECK_OK(recv_all(fds[0], bytes, 5));
  CHECK_MEM(bytes, "whole", 5);
  return 0;
}

EDDY_TASK_TEST(sock_cancel, recv_that_waits_is_cancelled)
{
  return each_stream(cancel_waiting);
}

/* The bytes are there, but the loop has not seen them. */
static int cancel_after_arrival(enum kind kind, int fds[2])
{
  struct call *call;
  char bytes[8];
  CHECK_OK(call_start(kind, RECV, fds[0], NULL, 8, &call));
  CHECK_OK(look_around());
  CHECK_OK(eddy_sock_sendall(fds[1], "whole", 5));
  CHECK(eddy_task_cancel(call->task, NULL));
  CHECK_CODE(call_join(call), EDDY_ECANCELLED);
  CHECK_EQ(call->moved, 0);
  CHECK_OK(recv_all(fds[0], bytes, 5));
  CHECK_MEM(bytes, "whole", 5);
  return 0;
}

EDDY_TASK_TEST(sock_cancel, cancelled_recv_has_taken_nothing)
{
  return each_stream(cancel_after_arrival);
}

/* Cancels as soon as the loop has woken the task, before the task's step. */
static int cancel_when_woken(void *arg)
{
  struct call *call = arg;
  char text[100];
  if (eddy_task_done(call->task)) return 0;
  if (strcmp(eddy_task_waits_for(call->task, text, sizeof text), "ready") != 0) {
    return eddy_loop_call_soon(eddy_get_running_loop(), cancel_when_woken, call, NULL);
  }
  trace("woken");
  (void)eddy_task_cancel(call->task, NULL);
  return 0;
}

static int cancel_woken(enum kind kind, int fds[2])
{
  struct call *call;
  char bytes[8];
  CHECK_OK(call_start(kind, RECV, fds[0], NULL, 8, &call));
  CHECK_OK(look_around());
  CHECK_OK(eddy_loop_call_soon(eddy_get_running_loop(), cancel_when_woken, call, NULL));
  CHECK_OK(eddy_sock_sendall(fds[1], "whole", 5));
  CHECK_CODE(call_join(call), EDDY_ECANCELLED);
  CHECK_TRACE("woken");
  CHECK_OK(recv_all(fds[0], bytes, 5));
  CHECK_MEM(bytes, "whole", 5);
  return 0;
}

EDDY_TASK_TEST(sock_cancel, recv_cancelled_after_its_wake_has_taken_nothing)
{
  return each_stream(cancel_woken);
}

static int cancel_send(enum kind kind, int fds[2])
{
  enum { SIZE = 1 << 16 };
  struct call *call;
  char *bytes = test_new(SIZE);
  size_t got = 1;
  CHECK_OK(fill_up(fds[0])); /* zeros */
  CHECK_OK(call_start(kind, SEND, fds[0], "\1\1\1", 3, &call));
  CHECK_OK(look_around());
  CHECK(eddy_task_cancel(call->task, NULL));
  CHECK_CODE(call_join(call), EDDY_ECANCELLED);
  CHECK_OK(eddy_sock_shutdown(fds[0], EDDY_SHUTDOWN_WRITE));
  while (got > 0) {
    CHECK_OK(eddy_sock_recv(fds[1], bytes, SIZE, &got));
    CHECK(memchr(bytes, 1, got) == NULL);
  }
  return 0;
}

EDDY_TASK_TEST(sock_cancel, cancelled_send_has_sent_nothing)
{
  return each_stream(cancel_send);
}

static int cancel_sendall(enum kind kind, int fds[2])
{
  enum { SIZE = 8 << 20 };
  struct call *call;
  CHECK_OK(call_start(kind, SENDALL, fds[0], NULL, SIZE, &call));
  CHECK_OK(look_around());
  CHECK(call_waits(call));
  CHECK(eddy_task_cancel(call->task, NULL));
  CHECK_CODE(call_join(call), EDDY_ECANCELLED);
  /* The buffer is not looked at any more. */
  memset(call->bytes, 1, SIZE);
  CHECK_OK(eddy_sock_close(fds[0]));
  char *bytes = test_new(1 << 16);
  for (size_t got = 1; got > 0;) {
    CHECK_OK(eddy_sock_recv(fds[1], bytes, 1 << 16, &got));
    CHECK(memchr(bytes, 1, got) == NULL);
  }
  return 0;
}

EDDY_TASK_TEST(sock_cancel, cancelled_sendall_lets_go_of_its_buffer)
{
  return each_stream(cancel_sendall);
}

/* Cancelled before its first step: the call is never made. */
static int cancel_unstarted(enum kind kind, int fds[2])
{
  struct call *call;
  char bytes[8];
  CHECK_OK(eddy_sock_sendall(fds[1], "whole", 5));
  CHECK_OK(call_start(kind, RECV, fds[0], NULL, 8, &call));
  CHECK(eddy_task_cancel(call->task, NULL));
  CHECK_CODE(eddy_task_await(call->task, NULL), EDDY_ECANCELLED);
  CHECK_EQ(call->rc, EDDY_PENDING); /* it was not made */
  CHECK_OK(recv_all(fds[0], bytes, 5));
  return 0;
}

EDDY_TASK_TEST(sock_cancel, task_cancelled_before_it_ran_receives_nothing)
{
  return each_stream(cancel_unstarted);
}

EDDY_TASK_TEST_VIRTUAL(sock_cancel, timeout_around_a_recv_is_exact)
{
  int fds[2];
  eddy_timeout scope;
  char bytes[8];
  size_t got = 7;
  CHECK_OK(test_pair(fds));
  CHECK_OK(eddy_timeout_enter(&scope, EDDY_S(5)));
  int rc = eddy_sock_recv(fds[0], bytes, sizeof bytes, &got);
  CHECK_CODE(eddy_timeout_exit(&scope, rc), EDDY_ETIMEDOUT);
  CHECK_EQ(eddy_loop_time(eddy_get_running_loop()), EDDY_S(5));
  CHECK_EQ(got, 7);
  CHECK_OK(eddy_sock_sendall(fds[1], "whole", 5));
  CHECK_OK(recv_all(fds[0], bytes, 5));
  return 0;
}

/* ---- a busy connection lets the others run ---- */

enum { CALLS = 200 };

struct busy {
  eddy_frame frame;
  int fd;
  int done;
  int rc;
  char byte;
  size_t got;
  uint64_t steps_after_64, steps;
};

static void busy_note(struct busy *self)
{
  self->done++;
  uint64_t steps = eddy_task_steps(eddy_current_task());
  if (self->done == 64) self->steps_after_64 = steps;
  self->steps = steps;
}

static int busy_body(void *arg)
{
  struct busy *self = arg;
  while (self->done < CALLS) {
    self->rc = eddy_sock_recv(self->fd, &self->byte, 1, &self->got);
    if (self->rc < 0) return self->rc;
    busy_note(self);
  }
  return 0;
}

static int busy_frame(eddy_frame *frame)
{
  struct busy *self = (struct busy *)frame;
  EDDY_BEGIN(frame);
  while (self->done < CALLS) {
    EDDY_AWAIT(frame, self->rc, eddy_sock_recv(self->fd, &self->byte, 1, &self->got));
    if (self->rc < 0) EDDY_RAISE(frame, self->rc);
    busy_note(self);
  }
  EDDY_END(frame);
}

static int start_busy(enum kind kind, int fds[2], struct busy **out, eddy_task **task)
{
  char *bytes = test_new(CALLS + 5);
  struct busy *busy = test_new(sizeof *busy);
  busy->fd = fds[0];
  CHECK_OK(eddy_sock_sendall(fds[1], bytes, CALLS + 5));
  *out = busy;
  return start_kind(kind, busy_body, busy_frame, &busy->frame, task);
}

static int fair(enum kind kind, int fds[2])
{
  struct busy *busy = NULL;
  eddy_task *task;
  CHECK_OK(start_busy(kind, fds, &busy, &task));
  CHECK_OK(eddy_task_await(task, NULL));
  CHECK_EQ(busy->steps_after_64, 1);
  CHECK_EQ(busy->steps, 4); /* a turn given up in each 64 or 65 calls: three in 200 */
  return 0;
}

EDDY_TASK_TEST(sock_cancel, task_gives_up_its_turn_after_64_calls_that_did_not_wait)
{
  return each_stream(fair);
}

static int others_run(enum kind kind, int fds[2])
{
  struct busy *busy = NULL;
  eddy_task *task;
  CHECK_OK(start_busy(kind, fds, &busy, &task));
  CHECK_OK(eddy_sleep(0));
  CHECK_BETWEEN(64, busy->done, 65);
  CHECK_OK(eddy_sleep(0));
  CHECK_BETWEEN(128, busy->done, 130);
  /* Giving up the turn is a suspension: there it can be cancelled, between two calls. */
  int done = busy->done;
  char bytes[CALLS];
  CHECK(eddy_task_cancel(task, NULL));
  CHECK_CODE(eddy_task_await(task, NULL), EDDY_ECANCELLED);
  CHECK_EQ(busy->done, done);
  CHECK_OK(recv_all(fds[0], bytes, (size_t)(CALLS + 5 - done)));
  return 0;
}

EDDY_TASK_TEST(sock_cancel, busy_task_lets_others_run_and_can_be_cancelled)
{
  return each_stream(others_run);
}

/* A wait of any call counts as a turn given up. */
static int wait_in_between(enum kind kind, int fds[2])
{
  (void)kind;
  char byte;
  size_t got;
  eddy_timeout scope;
  uint64_t steps = 0;
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < 40; i++) {
      CHECK_OK(eddy_sock_sendall(fds[0], "x", 1));
      if (i == 0) steps = eddy_task_steps(eddy_current_task());
    }
    CHECK_EQ(eddy_task_steps(eddy_current_task()), steps);
    CHECK_OK(eddy_timeout_enter(&scope, EDDY_MS(1)));
    int rc = eddy_sock_recv(fds[0], &byte, 1, &got); /* waits in vain */
    CHECK_CODE(eddy_timeout_exit(&scope, rc), EDDY_ETIMEDOUT);
    CHECK_EQ(eddy_task_steps(eddy_current_task()), steps + 1);
  }
  return 0;
}

EDDY_TASK_TEST(sock_cancel, call_that_waits_starts_the_count_afresh)
{
  return each_stream(wait_in_between);
}
