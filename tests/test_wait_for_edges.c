/* eddy_wait_for at its edges: shields, gathers, oneself, loops that close (rules 21, 31, 43). */
#include "waits.h"

/* ---- shields and gathers ---- */

EDDY_TASK_TEST(wait_for, shielded_task_runs_on_when_the_time_is_up)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    for (eddy_time timeout = 0; timeout <= EDDY_MS(1); timeout += EDDY_MS(1)) {
      eddy_future *task, *shield;
      eddy_value value;
      CHECK_OK(child_future(kind, EDDY_MS(20), CHILD_RETURNS, &task));
      CHECK_OK(eddy_shield(task, &shield));
      test_defer_late(test_unref_future, shield);
      CHECK_CODE(eddy_wait_for(shield, timeout, NULL), EDDY_ETIMEDOUT);
      CHECK(eddy_future_cancelled(shield));
      CHECK(!eddy_future_done(task));
      CHECK_OK(eddy_await(task, &value));
      CHECK_EQ(value.i, 7);
    }
  }
  return 0;
}

EDDY_TASK_TEST(wait_for, shielded_task_without_a_limit_is_waited_for)
{
  eddy_future *task, *shield;
  eddy_value value;
  CHECK_OK(child_future(TEST_STACKLESS, EDDY_MS(1), CHILD_RETURNS, &task));
  CHECK_OK(eddy_shield(task, &shield));
  test_defer_late(test_unref_future, shield);
  CHECK_OK(eddy_wait_for(shield, EDDY_NEVER, &value));
  CHECK_EQ(value.i, 7);
  return 0;
}

EDDY_TASK_TEST(wait_for, without_time_a_gather_whose_children_are_done_gives_them)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probe = NULL;
    CHECK_OK(future_probe(0, &probe));
    eddy_future *child = probe->future;
    CHECK_OK(test_gather(&child, 1, EDDY_GATHER_RAISE, &probe->future));
    CHECK_OK(start_probe(kind, probe));
    CHECK_OK(
        set_result(child)); /* the gather's callback is queued before the probe waits */
    CHECK_OK(eddy_task_await(probe->task, NULL));
    CHECK_TRACE("+2 ok");
  }
  return 0;
}

EDDY_TASK_TEST(wait_for, cancelled_gather_is_a_timeout)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    for (eddy_time timeout = 0; timeout <= EDDY_MS(1); timeout += EDDY_MS(1)) {
      struct probe *probe = NULL;
      CHECK_OK(future_probe(timeout, &probe));
      eddy_future *child = probe->future;
      CHECK_OK(test_gather(&child, 1, EDDY_GATHER_RAISE, &probe->future));
      CHECK_CODE(run_probe(kind, probe), EDDY_ETIMEDOUT);
      CHECK(eddy_future_cancelled(child));
      test_trace_clear();
    }
  }
  return 0;
}

/* ---- inside a scope, and after a request ---- */

static int wait_in_scope(struct probe *self)
{
  eddy_timeout scope;
  int rc = eddy_timeout_enter(&scope, 0);
  if (rc < 0) return rc;
  rc = eddy_timeout_exit(&scope, call_wait_for(self));
  trace("%s", eddy_timeout_expired(&scope) ? "outer" : "inner");
  return rc;
}

EDDY_TASK_TEST(wait_for, scope_around_it_that_expires_first_has_the_error)
{
  struct probe *probe = NULL;
  CHECK_OK(future_probe(LONG, &probe));
  probe->call = wait_in_scope;
  CHECK_CODE(run_probe(TEST_STACKFUL, probe), EDDY_ETIMEDOUT);
  CHECK_CONTAINS(eddy_message(EDDY_ETIMEDOUT), "timeout set at ");
  CHECK_TRACE("outer +2 ETIMEDOUT");
  return 0;
}

static int cancel_self_once(struct probe *self)
{
  if (self->rc == 0) (void)eddy_task_cancel(eddy_current_task(), NULL);
  self->rc = 1;
  return call_wait_for(self);
}

EDDY_TASK_TEST(wait_for, own_cancel_strikes_after_one_iteration)
{
  static const eddy_time limits[] = {EDDY_NEVER, LONG, 0};
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    for (int i = 0; i < 3; i++) {
      struct probe *probe = NULL;
      CHECK_OK(future_probe(limits[i], &probe));
      probe->call = cancel_self_once;
      CHECK_CODE(run_probe(kind, probe), EDDY_ECANCELLED);
      CHECK(eddy_future_cancelled(probe->future));
      CHECK_TRACE("+1 ECANCELLED");
    }
  }
  return 0;
}

EDDY_TASK_TEST(wait_for, own_cancel_does_not_strike_at_a_done_future)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probe = NULL;
    CHECK_OK(future_probe(0, &probe));
    CHECK_OK(set_result(probe->future));
    probe->call = cancel_self_once;
    CHECK_CODE(
        run_probe(kind, probe), EDDY_ECANCELLED); /* it returned with the request */
    CHECK_EQ(probe->value.i, 1);
    CHECK_TRACE("+0 ok");
  }
  return 0;
}

/* ---- oneself ---- */

static int wait_for_self(struct probe *self)
{
  self->future = eddy_task_future(eddy_current_task());
  return call_wait_for(self);
}

EDDY_TASK_TEST(wait_for, oneself_is_an_error_and_without_time_a_cancel)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probe = new_probe(wait_for_self);
    probe->timeout = LONG;
    CHECK_CODE(run_probe(kind, probe), EDDY_ERUNTIME);
    CHECK_STR(eddy_message(EDDY_ERUNTIME), "await: a task cannot wait for itself");
    CHECK_EQ(test_timers(), 0);
    probe->timeout = 0;
    CHECK_CODE(run_probe(kind, probe), EDDY_ECANCELLED);
    CHECK_EQ(eddy_task_cancelling(probe->task), 1);
    CHECK_TRACE("+1 ERUNTIME +1 ECANCELLED");
  }
  return 0;
}

/* ---- what it says, what it refuses, what it leaves ---- */

EDDY_TASK_TEST(wait_for, says_what_it_waits_for)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct waits_child *child = new_child(LONG, CHILD_CLEANS_UP);
    struct probe *probe = NULL;
    eddy_task *task;
    char text[160];
    child->cleanup = EDDY_MS(5);
    CHECK_OK(start_child(kind, child, &task));
    CHECK_OK(eddy_task_set_name(task, "slow"));
    CHECK_OK(eddy_sleep(0));
    CHECK_OK(future_probe(0, &probe));
    probe->future = eddy_task_future(task);
    CHECK_OK(describe_probe(kind, probe, text, sizeof text));
    CHECK_STR(text, "wait_for, out of time, the end of task 'slow'");
    CHECK_CODE(eddy_task_await(task, NULL), EDDY_ECANCELLED);
    test_trace_clear();
  }
  return 0;
}

EDDY_TASK_TEST(wait_for, refuses_what_it_cannot_wait_for)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_loop *other;
    eddy_future *future;
    CHECK_CODE(eddy_wait_for(NULL, 0, NULL), EDDY_EINVAL);
    CHECK_CODE(eddy_wait_for(NULL, LONG, NULL), EDDY_EINVAL);
    CHECK_OK(test_loop(&other));
    CHECK_OK(test_future(other, &future));
    struct probe *probe = new_probe(call_wait_for);
    probe->future = future;
    CHECK_CODE(run_probe(kind, probe), EDDY_EOTHERLOOP);
    probe->timeout = LONG;
    CHECK_CODE(run_probe(kind, probe), EDDY_EOTHERLOOP);
    probe->timeout = 0;
    CHECK_CODE(run_probe(kind, probe), EDDY_EOTHERLOOP);
    CHECK(!eddy_future_done(future));
    CHECK_TRACE("+1 EOTHERLOOP +1 EOTHERLOOP +0 EOTHERLOOP");
  }
  return 0;
}

EDDY_TEST(wait_for, waiter_is_closed_with_its_loop)
{
  static const eddy_time limits[] = {EDDY_NEVER, LONG, 0};
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    for (int i = 0; i < 3; i++) {
      eddy_loop *loop;
      struct probe *probe = new_probe(call_wait_for);
      CHECK_OK(test_loop(&loop));
      probe->timeout = limits[i];
      CHECK_OK(test_future(loop, &probe->future));
      CHECK_OK(close_over_probe(kind, loop, probe, NULL));
    }
  }
  return 0;
}

EDDY_TASK_TEST(wait_for, room_booked_in_the_ring_is_given_back)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct waits_child *child = new_child(LONG, CHILD_CLEANS_UP);
    struct probe *probe = NULL;
    eddy_task *task;
    size_t bookings = test_bookings();
    child->cleanup = EDDY_MS(2);
    CHECK_OK(start_child(kind, child, &task));
    CHECK_OK(eddy_sleep(0));
    CHECK_OK(future_probe(0, &probe));
    probe->future = eddy_task_future(task);
    CHECK_OK(start_probe(kind, probe));
    CHECK_OK(eddy_sleep(0));
    CHECK(eddy_task_cancel(probe->task, NULL)); /* it leaves before the child has ended */
    CHECK_CODE(eddy_task_await(probe->task, NULL), EDDY_ECANCELLED);
    CHECK_CODE(eddy_task_await(task, NULL), EDDY_ECANCELLED);
    CHECK_OK(eddy_sleep(0));
    CHECK_EQ(test_bookings(), bookings);
    test_trace_clear();
  }
  return 0;
}

EDDY_TASK_TEST(wait_for, deadline_computed_anew_does_not_matter)
{
  eddy_loop *loop = eddy_get_running_loop();
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probe = NULL;
    CHECK_OK(future_probe(EDDY_MS(1), &probe));
    CHECK_OK(start_probe(kind, probe));
    CHECK_OK(eddy_sleep(0));
    probe->timeout =
        0; /* as when a stackless call computes it from a deadline each time */
    CHECK_CODE(eddy_task_await(probe->task, NULL), EDDY_ETIMEDOUT);
    CHECK_OK(future_probe(0, &probe));
    CHECK_OK(start_probe(kind, probe));
    CHECK_OK(eddy_sleep(0));
    probe->timeout = eddy_loop_time(loop);
    CHECK_CODE(eddy_task_await(probe->task, NULL), EDDY_ETIMEDOUT);
    test_trace_clear();
  }
  return 0;
}
