/* Timeout scopes (rules 37 to 42). */
#include "tasks.h"

struct body {
  eddy_frame frame;
  eddy_timeout outer, inner;
  eddy_time limit;
  eddy_time delay;
  eddy_future *future;
  uint64_t began;
  int rc;
};

static void trace_state(const struct body *self)
{
  trace("%s", self->rc == 0 ? "ok" : eddy_err_name(self->rc));
  trace("%s", eddy_timeout_expired(&self->outer) ? "expired" : "not-expired");
  trace("%u", eddy_task_cancelling(eddy_current_task()));
}

static struct body *new_body(eddy_time limit, eddy_time delay)
{
  struct body *body = test_new(sizeof *body);
  body->limit = limit;
  body->delay = delay;
  return body;
}

/* A task of the kind that runs fn with a limit and a delay; waits for its end. */
static int run_body(int kind, struct body *body, eddy_frame_fn *fn)
{
  eddy_task *task;
  int rc = test_frame_task(kind, body, fn, &task);
  return rc < 0 ? rc : eddy_task_await(task, NULL);
}

/* Sleeps in a scope. */
static int sleep_in_scope(eddy_frame *frame)
{
  struct body *self = (struct body *)frame;
  EDDY_BEGIN(frame);
  self->began = test_iteration();
  CHECK_OK(eddy_timeout_enter(&self->outer, self->limit));
  EDDY_AWAIT(frame, self->rc, eddy_sleep(self->delay));
  self->rc = eddy_timeout_exit(&self->outer, self->rc);
  trace_state(self);
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  EDDY_END(frame);
}

/* ---- expiry (rules 37, 38) ---- */

EDDY_TASK_TEST(timeout, expiry_becomes_a_timeout_error)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_time before = eddy_loop_time(eddy_get_running_loop());
    CHECK_CODE(
        run_body(kind, new_body(EDDY_MS(1), EDDY_S(10)), sleep_in_scope), EDDY_ETIMEDOUT);
    CHECK_TRACE("ETIMEDOUT expired 0");
    eddy_time took = eddy_loop_time(eddy_get_running_loop()) - before;
    CHECK(took >= EDDY_MS(1));
    if (test_is_virtual()) CHECK_EQ(took, EDDY_MS(1));
  }
  return 0;
}

EDDY_TASK_TEST(timeout, error_says_where_the_scope_stands)
{
  eddy_timeout scope;
  CHECK_OK(eddy_task_set_name(eddy_current_task(), "fetch"));
  CHECK_OK(eddy_timeout_enter(&scope, EDDY_MS(1)));
  CHECK_CODE(eddy_timeout_exit(&scope, eddy_sleep(EDDY_S(10))), EDDY_ETIMEDOUT);
  CHECK_CONTAINS(eddy_message(EDDY_ETIMEDOUT), "task fetch");
  CHECK_CONTAINS(eddy_message(EDDY_ETIMEDOUT), "test_timeout.c:");
  CHECK_OK((eddy_timeout_enter)(&scope, EDDY_MS(1)));
  CHECK_CODE(eddy_timeout_exit(&scope, eddy_sleep(EDDY_S(10))), EDDY_ETIMEDOUT);
  CHECK_CONTAINS(eddy_message(EDDY_ETIMEDOUT), "timed out");
  return 0;
}

EDDY_TASK_TEST(timeout, body_that_is_quick_enough_is_left_alone)
{
  eddy_loop_stats before, after;
  eddy_loop_get_stats(eddy_get_running_loop(), &before);
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    CHECK_OK(run_body(kind, new_body(EDDY_S(10), EDDY_MS(1)), sleep_in_scope));
    CHECK_TRACE("ok not-expired 0");
    CHECK_OK(run_body(kind, new_body(EDDY_NEVER, EDDY_MS(1)), sleep_in_scope));
    CHECK_TRACE("ok not-expired 0");
    CHECK_OK(run_body(kind, new_body(EDDY_NEVER - 1, EDDY_MS(1)), sleep_in_scope));
    CHECK_TRACE("ok not-expired 0");
  }
  eddy_loop_get_stats(eddy_get_running_loop(), &after);
  CHECK_EQ(after.timers, before.timers);
  return 0;
}

EDDY_TASK_TEST(timeout, other_errors_of_the_body_pass_through)
{
  eddy_timeout scope;
  CHECK_OK(eddy_timeout_enter(&scope, EDDY_S(10)));
  CHECK_CODE(eddy_timeout_exit(&scope, EDDY_EIO), EDDY_EIO);
  CHECK(!eddy_timeout_expired(&scope));
  return 0;
}

EDDY_TASK_TEST(timeout, deadline_in_the_past_strikes_at_the_next_suspension)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    for (int past = 0; past < 2; past++) {
      struct body *body = new_body(past ? EDDY_S(-5) : 0, EDDY_S(10));
      CHECK_CODE(run_body(kind, body, sleep_in_scope), EDDY_ETIMEDOUT);
      CHECK_TRACE("ETIMEDOUT expired 0");
      body = new_body(past ? EDDY_S(-5) : 0, 0);
      CHECK_CODE(run_body(kind, body, sleep_in_scope), EDDY_ETIMEDOUT);
      CHECK_TRACE("ETIMEDOUT expired 0");
    }
  }
  eddy_timeout scope;
  CHECK_OK(eddy_timeout_enter(&scope, 0));
  CHECK_OK(eddy_timeout_exit(&scope, 0));
  CHECK(!eddy_timeout_expired(&scope));
  CHECK_OK(eddy_sleep(0)); /* what was queued does not strike any more */
  return 0;
}

EDDY_TASK_TEST(timeout, at_is_a_point_of_the_loops_clock)
{
  eddy_timeout scope;
  eddy_time when = eddy_loop_time(eddy_get_running_loop()) + EDDY_MS(1);
  CHECK_OK(eddy_timeout_at_enter(&scope, when));
  CHECK_EQ(eddy_timeout_when(&scope), when);
  CHECK_CODE(eddy_timeout_exit(&scope, eddy_sleep(EDDY_S(10))), EDDY_ETIMEDOUT);
  CHECK(eddy_loop_time(eddy_get_running_loop()) >= when);
  CHECK_OK((eddy_timeout_at_enter)(&scope, EDDY_NEVER));
  CHECK_EQ(eddy_timeout_when(&scope), EDDY_NEVER);
  CHECK_OK(eddy_timeout_exit(&scope, 0));
  return 0;
}

static int wait_in_scope(eddy_frame *frame)
{
  struct body *self = (struct body *)frame;
  EDDY_BEGIN(frame);
  CHECK_OK(eddy_timeout_enter(&self->outer, self->limit));
  EDDY_AWAIT(frame, self->rc, eddy_await(self->future, NULL));
  self->rc = eddy_timeout_exit(&self->outer, self->rc);
  trace_state(self);
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  EDDY_END(frame);
}

static int trace_sleep(void *arg)
{
  (void)arg;
  int rc = eddy_sleep(EDDY_S(3600));
  trace("inner:%s", eddy_err_name(rc));
  return rc;
}

EDDY_TASK_TEST(timeout, scope_around_a_task_cancels_that_task)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct body *body = new_body(EDDY_MS(1), 0);
    eddy_task *task;
    CHECK_OK(test_task(trace_sleep, NULL, &task));
    body->future = eddy_task_future(task);
    CHECK_CODE(run_body(kind, body, wait_in_scope), EDDY_ETIMEDOUT);
    CHECK(eddy_task_cancelled(task));
    CHECK_TRACE("inner:ECANCELLED ETIMEDOUT expired 0");
  }
  return 0;
}

/* ---- who else cancels (rule 39) ---- */

static int cancel_task(void *task)
{
  CHECK(eddy_task_cancel(task, NULL));
  return 0;
}

/* The cancel is booked before the scope, or after it: both are due in one iteration. */
EDDY_TASK_TEST_VIRTUAL(timeout, external_cancel_and_expiry_together_give_cancel)
{
  eddy_loop *loop = eddy_get_running_loop();
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    for (int first = 0; first < 2; first++) {
      eddy_task *task;
      CHECK_OK(
          test_frame_task(kind, new_body(EDDY_S(1), EDDY_S(10)), sleep_in_scope, &task));
      if (!first) CHECK_OK(eddy_sleep(0));
      CHECK_OK(eddy_loop_call_later(loop, EDDY_S(1), cancel_task, task, NULL));
      CHECK_CODE(eddy_task_await(task, NULL), EDDY_ECANCELLED);
      CHECK_EQ(eddy_task_cancelling(task), 1);
      CHECK_TRACE("ECANCELLED expired 1");
    }
  }
  return 0;
}

/* A scope in a scope; the inner one's outcome is traced too. */
static int sleep_in_two_scopes(eddy_frame *frame)
{
  struct body *self = (struct body *)frame;
  EDDY_BEGIN(frame);
  CHECK_OK(eddy_timeout_enter(&self->outer, self->limit));
  CHECK_OK(eddy_timeout_enter(&self->inner, EDDY_S(1)));
  EDDY_AWAIT(frame, self->rc, eddy_sleep(self->delay));
  self->rc = eddy_timeout_exit(&self->inner, self->rc);
  trace("inner:%s", self->rc == 0 ? "ok" : eddy_err_name(self->rc));
  trace("%s", eddy_timeout_expired(&self->inner) ? "expired" : "not-expired");
  if (self->rc == EDDY_ETIMEDOUT) EDDY_AWAIT(frame, self->rc, eddy_sleep(EDDY_MS(1)));
  self->rc = eddy_timeout_exit(&self->outer, self->rc);
  trace_state(self);
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  EDDY_END(frame);
}

EDDY_TASK_TEST_VIRTUAL(timeout, nested_scopes_expiring_together_convert_outermost)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct body *body = new_body(EDDY_S(1), EDDY_S(10));
    CHECK_CODE(run_body(kind, body, sleep_in_two_scopes), EDDY_ETIMEDOUT);
    CHECK_TRACE("inner:ECANCELLED expired ETIMEDOUT expired 0");
  }
  return 0;
}

EDDY_TASK_TEST_VIRTUAL(timeout, inner_scope_expiring_earlier_converts)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct body *body = new_body(EDDY_S(2), EDDY_S(10));
    CHECK_OK(run_body(kind, body, sleep_in_two_scopes));
    CHECK_TRACE("inner:ETIMEDOUT expired ok not-expired 0");
  }
  return 0;
}

static int swallow_then_scope(eddy_frame *frame)
{
  struct body *self = (struct body *)frame;
  EDDY_BEGIN(frame);
  EDDY_AWAIT(frame, self->rc, eddy_sleep(self->delay));
  CHECK_OK(eddy_timeout_enter(&self->outer, self->limit));
  EDDY_AWAIT(frame, self->rc, eddy_sleep(self->delay));
  self->rc = eddy_timeout_exit(&self->outer, self->rc);
  trace_state(self);
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  EDDY_END(frame);
}

EDDY_TASK_TEST(timeout, old_swallowed_cancel_does_not_disturb)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_task *task;
    struct body *body = new_body(EDDY_MS(1), EDDY_S(10));
    CHECK_OK(test_frame_task(kind, body, swallow_then_scope, &task));
    CHECK_OK(eddy_sleep(0));
    CHECK(eddy_task_cancel(task, NULL));
    CHECK_CODE(eddy_task_await(task, NULL), EDDY_ETIMEDOUT);
    CHECK_TRACE("ETIMEDOUT expired 1");
  }
  return 0;
}

/* ---- what the body makes of the expiry (rules 40, 41) ---- */

static int swallow_expiry(eddy_frame *frame)
{
  struct body *self = (struct body *)frame;
  EDDY_BEGIN(frame);
  CHECK_OK(eddy_timeout_enter(&self->outer, self->limit));
  EDDY_AWAIT(frame, self->rc, eddy_sleep(EDDY_S(10)));
  EDDY_AWAIT(frame, self->rc, eddy_sleep(EDDY_MS(2)));
  self->rc = eddy_timeout_exit(&self->outer, self->rc);
  trace_state(self);
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  EDDY_END(frame);
}

EDDY_TASK_TEST(timeout, body_that_swallows_the_expiry_goes_on)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    CHECK_OK(run_body(kind, new_body(EDDY_MS(1), 0), swallow_expiry));
    CHECK_TRACE("ok expired 0");
  }
  return 0;
}

EDDY_TASK_TEST(timeout, body_that_turns_the_expiry_into_an_error_keeps_it)
{
  eddy_timeout scope;
  CHECK_OK(eddy_timeout_enter(&scope, EDDY_MS(1)));
  CHECK_CODE(eddy_sleep(EDDY_S(10)), EDDY_ECANCELLED);
  int rc = eddy_raise(EDDY_EIO, "on fire");
  CHECK_CODE(eddy_timeout_exit(&scope, rc), EDDY_EIO);
  CHECK_STR(eddy_message(EDDY_EIO), "on fire");
  CHECK(eddy_timeout_expired(&scope));
  CHECK_EQ(eddy_task_cancelling(eddy_current_task()), 0);
  return 0;
}

static int clean_up_after_expiry(eddy_frame *frame)
{
  struct body *self = (struct body *)frame;
  EDDY_BEGIN(frame);
  CHECK_OK(eddy_timeout_enter(&self->outer, self->limit));
  EDDY_AWAIT(frame, self->rc, eddy_sleep(EDDY_S(10)));
  EDDY_AWAIT(frame, self->rc, eddy_sleep(self->delay));
  trace("%s", self->rc == 0 ? "clean" : "again");
  self->rc = eddy_timeout_exit(&self->outer, EDDY_ECANCELLED);
  trace_state(self);
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  EDDY_END(frame);
}

EDDY_TASK_TEST(timeout, body_may_wait_while_it_cleans_up)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct body *body = new_body(EDDY_MS(1), EDDY_MS(3));
    CHECK_CODE(run_body(kind, body, clean_up_after_expiry), EDDY_ETIMEDOUT);
    CHECK_TRACE("clean ETIMEDOUT expired 0");
  }
  return 0;
}

EDDY_TASK_TEST_VIRTUAL(timeout, cancel_during_the_cleanup_wins)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_task *task;
    struct body *body = new_body(EDDY_S(1), EDDY_S(5));
    CHECK_OK(test_frame_task(kind, body, clean_up_after_expiry, &task));
    CHECK_OK(eddy_sleep(EDDY_S(2)));
    CHECK(eddy_task_cancel(task, NULL));
    CHECK_CODE(eddy_task_await(task, NULL), EDDY_ECANCELLED);
    CHECK_TRACE("again ECANCELLED expired 1");
  }
  return 0;
}

static int set_future(void *future)
{
  return eddy_future_set_result(future, eddy_int(1));
}

EDDY_TASK_TEST_VIRTUAL(timeout, result_not_delivered_at_expiry_is_lost)
{
  eddy_loop *loop = eddy_get_running_loop();
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct body *body = new_body(EDDY_S(1), 0);
    CHECK_OK(test_future(NULL, &body->future));
    CHECK_OK(eddy_loop_call_later(loop, EDDY_S(1), set_future, body->future, NULL));
    CHECK_CODE(run_body(kind, body, wait_in_scope), EDDY_ETIMEDOUT);
    CHECK_OK(eddy_future_result(body->future, NULL));
    CHECK_TRACE("ETIMEDOUT expired 0");
  }
  return 0;
}

/* ---- moving the deadline (rule 42) ---- */

EDDY_TASK_TEST(timeout, reschedule_moves_the_deadline)
{
  eddy_time start = eddy_loop_time(eddy_get_running_loop());
  eddy_timeout scope;
  CHECK_OK(eddy_timeout_enter(&scope, EDDY_NEVER));
  CHECK_EQ(eddy_timeout_when(&scope), EDDY_NEVER);
  CHECK_OK(eddy_timeout_reschedule(&scope, start + EDDY_S(20)));
  CHECK_OK(eddy_timeout_reschedule(&scope, start + EDDY_MS(1)));
  CHECK_EQ(eddy_timeout_when(&scope), start + EDDY_MS(1));
  CHECK_CODE(eddy_timeout_exit(&scope, eddy_sleep(EDDY_S(10))), EDDY_ETIMEDOUT);
  CHECK_OK(eddy_timeout_enter(&scope, EDDY_S(10)));
  CHECK_OK(eddy_timeout_reschedule(&scope, start)); /* in the past */
  CHECK_CODE(eddy_timeout_exit(&scope, eddy_sleep(EDDY_S(10))), EDDY_ETIMEDOUT);
  return 0;
}

EDDY_TASK_TEST(timeout, reschedule_to_never_disarms)
{
  eddy_timeout scope;
  CHECK_OK(eddy_timeout_enter(&scope, EDDY_MS(1)));
  CHECK_OK(eddy_timeout_reschedule(&scope, EDDY_NEVER));
  CHECK_OK(eddy_timeout_exit(&scope, eddy_sleep(EDDY_MS(5))));
  CHECK(!eddy_timeout_expired(&scope));
  CHECK_OK(eddy_timeout_enter(&scope, 0));
  CHECK_OK(eddy_timeout_reschedule(&scope, EDDY_NEVER)); /* it was queued already */
  CHECK_OK(eddy_timeout_exit(&scope, eddy_sleep(0)));
  CHECK(!eddy_timeout_expired(&scope));
  return 0;
}

EDDY_TASK_TEST(timeout, reschedule_outside_enter_and_expiry_is_refused)
{
  eddy_timeout scope;
  memset(&scope, 0, sizeof scope);
  CHECK_CODE(eddy_timeout_reschedule(&scope, EDDY_NEVER), EDDY_ERUNTIME);
  CHECK_OK(eddy_timeout_enter(&scope, EDDY_MS(1)));
  int rc = eddy_sleep(EDDY_S(10));
  bool expired = eddy_timeout_expired(&scope);
  int refused = eddy_timeout_reschedule(&scope, EDDY_NEVER);
  CHECK_CODE(eddy_timeout_exit(&scope, rc), EDDY_ETIMEDOUT);
  CHECK(expired);
  CHECK_CODE(refused, EDDY_ERUNTIME);
  CHECK_CODE(eddy_timeout_reschedule(&scope, EDDY_NEVER), EDDY_ERUNTIME);
  CHECK_OK(eddy_timeout_enter(&scope, EDDY_S(1)));
  CHECK_OK(eddy_timeout_exit(&scope, 0));
  CHECK_CODE(eddy_timeout_reschedule(&scope, EDDY_NEVER), EDDY_ERUNTIME);
  return 0;
}

/* ---- what is refused ---- */

EDDY_UNIT_TEST(timeout, enter_is_refused_outside_a_task)
{
  eddy_timeout scope;
  memset(&scope, 0, sizeof scope);
  CHECK_CODE(eddy_timeout_enter(&scope, EDDY_S(1)), EDDY_ENOTASK);
  CHECK_CODE(eddy_timeout_at_enter(&scope, EDDY_S(1)), EDDY_ENOTASK);
  CHECK_CODE(eddy_timeout_enter(NULL, EDDY_S(1)), EDDY_EINVAL);
  CHECK_CODE(eddy_timeout_exit(&scope, 0), EDDY_ERUNTIME);
  CHECK_CODE(eddy_timeout_exit(NULL, 0), EDDY_ERUNTIME);
  return 0;
}

static int exit_scope(void *scope)
{
  CHECK_CODE(eddy_timeout_exit(scope, 0), EDDY_ERUNTIME);
  trace("refused");
  return 0;
}

EDDY_TASK_TEST(timeout, exit_is_the_entering_tasks_and_once)
{
  eddy_timeout *scope = test_new(sizeof *scope);
  eddy_task *task;
  CHECK_OK(eddy_timeout_enter(scope, EDDY_S(10)));
  CHECK_OK(test_task(exit_scope, scope, &task));
  CHECK_OK(eddy_task_await(task, NULL));
  CHECK_OK(eddy_timeout_exit(scope, 0));
  CHECK_CODE(eddy_timeout_exit(scope, 0), EDDY_ERUNTIME);
  CHECK_TRACE("refused");
  return 0;
}
