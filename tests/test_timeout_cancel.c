/* Timeout scopes among cancellations, and inside one another. */
#include "tasks.h"

EDDY_TASK_TEST(timeout_cancel, cancel_before_the_expiry_is_no_timeout)
{
  eddy_timeout scope;
  CHECK_OK(eddy_timeout_enter(&scope, EDDY_S(10)));
  CHECK(eddy_task_cancel(eddy_current_task(), NULL));
  CHECK_CODE(eddy_timeout_exit(&scope, eddy_sleep(EDDY_S(10))), EDDY_ECANCELLED);
  CHECK(!eddy_timeout_expired(&scope));
  CHECK_EQ(eddy_task_uncancel(eddy_current_task()), 0);
  return 0;
}

static int time_out_inside(void *arg)
{
  eddy_timeout scope;
  (void)arg;
  CHECK_OK(eddy_timeout_enter(&scope, EDDY_MS(1)));
  int rc = eddy_timeout_exit(&scope, eddy_sleep(EDDY_S(10)));
  trace("%s", eddy_err_name(rc));
  return 0;
}

EDDY_TASK_TEST(timeout_cancel, task_that_timed_out_inside_is_not_cancelled)
{
  eddy_task *task;
  CHECK_OK(test_task(time_out_inside, NULL, &task));
  CHECK_OK(eddy_task_await(task, NULL));
  CHECK(eddy_task_done(task));
  CHECK(!eddy_task_cancelled(task));
  CHECK_EQ(eddy_task_cancelling(task), 0);
  CHECK_TRACE("ETIMEDOUT");
  return 0;
}

EDDY_TASK_TEST(timeout_cancel, inner_scope_passes_on_the_expiry_of_the_outer)
{
  eddy_timeout outer, inner;
  CHECK_OK(eddy_timeout_enter(&outer, EDDY_MS(1)));
  CHECK_OK(eddy_timeout_enter(&inner, EDDY_S(5)));
  int rc = eddy_timeout_exit(&inner, eddy_sleep(EDDY_S(10)));
  bool inner_expired = eddy_timeout_expired(&inner);
  int outer_rc = eddy_timeout_exit(&outer, rc);
  CHECK_CODE(rc, EDDY_ECANCELLED);
  CHECK(!inner_expired);
  CHECK_CODE(outer_rc, EDDY_ETIMEDOUT);
  CHECK_EQ(eddy_task_cancelling(eddy_current_task()), 0);
  return 0;
}

/* A deadline that passes while the body computes strikes at the next suspension; the outer
 * one, which is still to come, is not touched by it. */
EDDY_TASK_TEST(timeout_cancel, outer_scope_still_strikes_after_the_inner_did)
{
  eddy_timeout outer, inner;
  CHECK_OK(eddy_timeout_enter(&outer, EDDY_MS(30)));
  CHECK_OK(eddy_timeout_enter(&inner, EDDY_MS(1)));
  int inner_rc = eddy_timeout_exit(&inner, eddy_sleep(EDDY_S(10)));
  int outer_rc = eddy_timeout_exit(&outer, eddy_sleep(EDDY_S(10)));
  CHECK_CODE(inner_rc, EDDY_ETIMEDOUT);
  CHECK_CODE(outer_rc, EDDY_ETIMEDOUT);
  CHECK_EQ(eddy_task_cancelling(eddy_current_task()), 0);
  return 0;
}

EDDY_TASK_TEST(timeout_cancel, scope_in_the_cleanup_after_an_expiry_works)
{
  eddy_timeout outer, inner;
  CHECK_OK(eddy_timeout_enter(&outer, EDDY_MS(1)));
  int rc = eddy_sleep(EDDY_S(10));
  int entered = eddy_timeout_enter(&inner, EDDY_MS(1));
  int cleanup = entered < 0 ? entered : eddy_timeout_exit(&inner, eddy_sleep(EDDY_S(10)));
  rc = eddy_timeout_exit(&outer, rc);
  CHECK_OK(entered);
  CHECK_CODE(cleanup, EDDY_ETIMEDOUT);
  CHECK_CODE(rc, EDDY_ETIMEDOUT);
  CHECK_EQ(eddy_task_cancelling(eddy_current_task()), 0);
  return 0;
}

EDDY_TASK_TEST(timeout_cancel, scope_after_a_swallowed_cancel_times_out)
{
  eddy_timeout scope;
  CHECK(eddy_task_cancel(eddy_current_task(), NULL));
  CHECK_CODE(eddy_sleep(EDDY_S(1)), EDDY_ECANCELLED);
  CHECK_OK(eddy_timeout_enter(&scope, 0));
  int rc = eddy_timeout_exit(&scope, eddy_sleep(EDDY_S(1)));
  unsigned left = eddy_task_uncancel(eddy_current_task());
  CHECK_CODE(rc, EDDY_ETIMEDOUT);
  CHECK_EQ(left, 0);
  return 0;
}

EDDY_TASK_TEST(timeout_cancel, cancel_in_a_scope_after_a_swallowed_cancel_is_no_timeout)
{
  eddy_timeout scope;
  CHECK(eddy_task_cancel(eddy_current_task(), NULL));
  CHECK_CODE(eddy_sleep(EDDY_S(1)), EDDY_ECANCELLED);
  CHECK_OK(eddy_timeout_enter(&scope, EDDY_S(5)));
  (void)eddy_task_cancel(eddy_current_task(), NULL);
  int rc = eddy_timeout_exit(&scope, eddy_sleep(EDDY_S(2)));
  (void)eddy_task_uncancel(eddy_current_task());
  (void)eddy_task_uncancel(eddy_current_task());
  CHECK_CODE(rc, EDDY_ECANCELLED);
  return 0;
}

/* ---- moved by another task ---- */

struct moved {
  eddy_timeout scope;
  eddy_time deadline;
};

static int sleep_until_cancelled(void *arg)
{
  struct moved *self = arg;
  CHECK_OK(eddy_timeout_at_enter(&self->scope, self->deadline));
  return eddy_timeout_exit(&self->scope, eddy_sleep(EDDY_S(50)));
}

EDDY_TASK_TEST(timeout_cancel, other_task_may_move_the_deadline)
{
  struct moved *moved = test_new(sizeof *moved);
  eddy_task *task;
  moved->deadline = eddy_loop_time(eddy_get_running_loop()) + EDDY_S(10);
  CHECK_OK(test_task(sleep_until_cancelled, moved, &task));
  CHECK_OK(eddy_sleep(0));
  CHECK_EQ(eddy_timeout_when(&moved->scope), moved->deadline);
  CHECK_OK(eddy_timeout_reschedule(&moved->scope, moved->deadline + EDDY_S(20)));
  CHECK_EQ(eddy_timeout_when(&moved->scope), moved->deadline + EDDY_S(20));
  CHECK_OK(eddy_timeout_reschedule(&moved->scope, EDDY_NEVER));
  CHECK_EQ(eddy_timeout_when(&moved->scope), EDDY_NEVER);
  CHECK(eddy_task_cancel(task, NULL));
  CHECK_CODE(eddy_task_await(task, NULL), EDDY_ECANCELLED);
  CHECK(!eddy_timeout_expired(&moved->scope));
  return 0;
}
