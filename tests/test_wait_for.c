/* Waiting for one future with a limit (rules 18, 43). */
#include "waits.h"

/* A probe that waits for a new task. */
static int task_probe(
    int kind, eddy_time timeout, struct waits_child *child, struct probe **out)
{
  struct probe *probe = new_probe(call_wait_for);
  eddy_task *task;
  probe->timeout = timeout;
  CHECK_OK(start_child(kind, child, &task));
  probe->future = eddy_task_future(task);
  *out = probe;
  return 0;
}

static const eddy_time limits[] = {EDDY_NEVER, LONG, 0, -EDDY_S(1)};

/* ---- it is done in time (rule 18) ---- */

EDDY_TASK_TEST(wait_for, done_future_is_taken_without_waiting)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    for (int i = 0; i < 4; i++) {
      struct probe *probe = NULL;
      CHECK_OK(future_probe(limits[i], &probe));
      CHECK_OK(eddy_future_set_result(probe->future, eddy_int(5)));
      CHECK_OK(run_probe(kind, probe));
      CHECK_EQ(probe->value.i, 5);
      CHECK_TRACE("+0 ok");
    }
  }
  return 0;
}

EDDY_TASK_TEST(wait_for, future_set_at_one_resumes_at_two)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    for (int i = 0; i < 2; i++) {
      struct probe *probe = NULL;
      CHECK_OK(future_probe(limits[i], &probe));
      probe->act = set_result;
      probe->act_arg = probe->future;
      CHECK_OK(run_probe(kind, probe));
      CHECK_EQ(probe->value.i, 1);
      CHECK_EQ(test_timers(), 0);
      CHECK_TRACE("+2 ok");
    }
  }
  return 0;
}

static int wait_for_new_task(struct probe *self)
{
  if (self->future == NULL) {
    CHECK_OK(child_future(TEST_STACKFUL, -1, CHILD_RETURNS, &self->future));
  }
  return call_wait_for(self);
}

EDDY_TASK_TEST(wait_for, immediate_task_resumes_at_two_and_without_time_at_three)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    for (int i = 0; i < 4; i++) {
      struct probe *probe = new_probe(wait_for_new_task);
      probe->timeout = limits[i];
      int expected = limits[i] > 0 ? 0 : EDDY_ETIMEDOUT;
      CHECK_CODE(run_probe(kind, probe), expected);
      CHECK_TRACE(expected == 0 ? "+2 ok" : "+3 ETIMEDOUT");
    }
  }
  return 0;
}

EDDY_TASK_TEST(wait_for, error_passes_with_its_message)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    for (int i = 0; i < 2; i++) {
      struct probe *probe = NULL;
      CHECK_OK(future_probe(limits[i], &probe));
      probe->act = set_error;
      probe->act_arg = probe->future;
      CHECK_CODE(run_probe(kind, probe), EDDY_EIO);
      CHECK_STR(eddy_message(EDDY_EIO), "on fire");
      CHECK_EQ(probe->value.i, 99);
      CHECK_TRACE("+2 EIO");
    }
  }
  return 0;
}

EDDY_TASK_TEST(wait_for, future_that_is_cancelled_gives_cancelled)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probe = NULL;
    CHECK_OK(future_probe(LONG, &probe));
    probe->act = cancel_future;
    probe->act_arg = probe->future;
    CHECK_CODE(run_probe(kind, probe), EDDY_ECANCELLED);
    CHECK_EQ(eddy_task_cancelling(probe->task), 0);
    CHECK_TRACE("+2 ECANCELLED");
  }
  return 0;
}

/* ---- the time is up (rule 43) ---- */

EDDY_TASK_TEST_VIRTUAL(wait_for, late_future_is_cancelled_and_that_is_a_timeout)
{
  eddy_loop *loop = eddy_get_running_loop();
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probe = NULL;
    eddy_time start = eddy_loop_time(loop);
    CHECK_OK(future_probe(EDDY_MS(100), &probe));
    CHECK_CODE(run_probe(kind, probe), EDDY_ETIMEDOUT);
    CHECK_CONTAINS(eddy_message(EDDY_ETIMEDOUT), "wait_for future ");
    CHECK_CONTAINS(eddy_message(EDDY_ETIMEDOUT), ": timed out (task 'Task-");
    CHECK(eddy_future_cancelled(probe->future));
    CHECK_EQ(probe->value.i, 99);
    CHECK_EQ(eddy_task_cancelling(probe->task), 0);
    CHECK_EQ(eddy_loop_time(loop) - start, EDDY_MS(100));
    test_trace_clear();
  }
  return 0;
}

EDDY_TASK_TEST(wait_for, late_task_is_cancelled_and_that_is_a_timeout)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probe = NULL;
    CHECK_OK(task_probe(kind, EDDY_MS(1), new_child(LONG, CHILD_RETURNS), &probe));
    CHECK_CODE(run_probe(kind, probe), EDDY_ETIMEDOUT);
    CHECK(eddy_future_cancelled(probe->future));
    test_trace_clear();
  }
  return 0;
}

EDDY_TASK_TEST(wait_for, without_time_a_pending_future_is_cancelled_at_once)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    for (int i = 2; i < 4; i++) {
      struct probe *probe = NULL;
      CHECK_OK(future_probe(limits[i], &probe));
      CHECK_CODE(run_probe(kind, probe), EDDY_ETIMEDOUT);
      CHECK_CONTAINS(eddy_message(EDDY_ETIMEDOUT), "wait_for future ");
      CHECK(eddy_future_cancelled(probe->future));
      CHECK_EQ(probe->value.i, 99);
      CHECK_TRACE("+2 ETIMEDOUT");
    }
  }
  return 0;
}

EDDY_TASK_TEST(wait_for, without_time_a_task_that_has_not_begun_never_does)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct waits_child *child = new_child(LONG, CHILD_RETURNS);
    eddy_task *task;
    CHECK_OK(start_child(kind, child, &task));
    CHECK_CODE(eddy_wait_for(eddy_task_future(task), 0, NULL), EDDY_ETIMEDOUT);
    CHECK(eddy_task_cancelled(task));
    CHECK(!child->began);
  }
  return 0;
}

EDDY_TASK_TEST(wait_for, without_time_a_running_task_is_cancelled)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    for (int i = 2; i < 4; i++) {
      struct waits_child *child = new_child(LONG, CHILD_RETURNS);
      eddy_task *task;
      CHECK_OK(start_child(kind, child, &task));
      CHECK_OK(eddy_sleep(0));
      CHECK(child->began);
      int rc = eddy_wait_for(eddy_task_future(task), limits[i], NULL);
      CHECK_CODE(rc, EDDY_ETIMEDOUT);
      CHECK(eddy_task_cancelled(task));
    }
  }
  return 0;
}

/* The task is running when the time is up, whether there is any or none. */
static int expire(
    int kind, enum child_manner manner, eddy_time timeout, struct probe **out)
{
  struct waits_child *child = new_child(LONG, manner);
  child->cleanup = EDDY_MS(5);
  CHECK_OK(task_probe(kind, timeout, child, out));
  CHECK_OK(eddy_sleep(0));
  return run_probe(kind, *out);
}

EDDY_TASK_TEST(wait_for, value_given_in_spite_of_the_cancellation_is_taken)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    for (eddy_time timeout = 0; timeout <= EDDY_MS(1); timeout += EDDY_MS(1)) {
      struct probe *probe = NULL;
      CHECK_OK(expire(kind, CHILD_SWALLOWS, timeout, &probe));
      CHECK_EQ(probe->value.i, 7);
      CHECK_EQ(eddy_task_cancelling(probe->task), 0);
      test_trace_clear();
    }
  }
  return 0;
}

EDDY_TASK_TEST(wait_for, error_given_instead_of_the_cancellation_is_taken)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    for (eddy_time timeout = 0; timeout <= EDDY_MS(1); timeout += EDDY_MS(1)) {
      struct probe *probe = NULL;
      CHECK_CODE(expire(kind, CHILD_TURNS, timeout, &probe), EDDY_EIO);
      CHECK_STR(eddy_message(EDDY_EIO), "on fire");
      test_trace_clear();
    }
  }
  return 0;
}

EDDY_TASK_TEST(wait_for, cleanup_of_the_cancelled_task_is_waited_for)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    for (eddy_time timeout = 0; timeout <= EDDY_MS(1); timeout += EDDY_MS(1)) {
      struct probe *probe = NULL;
      CHECK_CODE(expire(kind, CHILD_CLEANS_UP, timeout, &probe), EDDY_ETIMEDOUT);
      CHECK_CONTAINS(test_trace(), "clean +");
      CHECK(eddy_future_cancelled(probe->future));
      test_trace_clear();
    }
  }
  return 0;
}

EDDY_TASK_TEST_VIRTUAL(wait_for, result_that_comes_as_the_time_is_up_is_lost)
{
  eddy_loop *loop = eddy_get_running_loop();
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probe = NULL;
    CHECK_OK(future_probe(EDDY_S(1), &probe));
    CHECK_OK(eddy_loop_call_later(loop, EDDY_S(1), set_result, probe->future, NULL));
    CHECK_CODE(run_probe(kind, probe), EDDY_ETIMEDOUT);
    CHECK_OK(eddy_future_result(probe->future, NULL));
    test_trace_clear();
  }
  return 0;
}

/* ---- the waiter is cancelled ---- */

EDDY_TASK_TEST(wait_for, cancelled_waiter_cancels_what_it_waits_for)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    for (int i = 0; i < 2; i++) {
      struct probe *probe = NULL;
      CHECK_OK(future_probe(limits[i], &probe));
      probe->act = cancel_probe;
      probe->act_arg = probe;
      CHECK_CODE(run_probe(kind, probe), EDDY_ECANCELLED);
      CHECK(eddy_future_cancelled(probe->future));
      CHECK_EQ(test_timers(), 0);
      CHECK_TRACE("+2 ECANCELLED");
    }
  }
  return 0;
}

EDDY_TASK_TEST(wait_for, cancelled_waiter_waits_for_the_tasks_cleanup)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct waits_child *child = new_child(LONG, CHILD_CLEANS_UP);
    struct probe *probe = NULL;
    child->cleanup = EDDY_MS(5);
    CHECK_OK(task_probe(kind, LONG, child, &probe));
    CHECK_OK(start_probe(kind, probe));
    CHECK_OK(eddy_sleep(0));
    CHECK(eddy_task_cancel(probe->task, NULL));
    CHECK_CODE(eddy_task_await(probe->task, NULL), EDDY_ECANCELLED);
    CHECK_CONTAINS(test_trace(), "clean +");
    test_trace_clear();
  }
  return 0;
}

EDDY_TASK_TEST(wait_for, cancel_wins_over_a_result_not_delivered)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probe = NULL;
    CHECK_OK(task_probe(kind, LONG, new_child(-1, CHILD_RETURNS), &probe));
    CHECK_OK(start_probe(kind, probe)); /* it finds the task done and does not wait */
    CHECK_OK(eddy_task_await(probe->task, NULL));
    CHECK_TRACE("+0 ok");
    CHECK_OK(future_probe(LONG, &probe));
    CHECK_OK(start_probe(kind, probe));
    CHECK_OK(eddy_sleep(0));
    CHECK_OK(set_result(probe->future));
    CHECK(eddy_task_cancel(probe->task, NULL));
    CHECK_CODE(eddy_task_await(probe->task, NULL), EDDY_ECANCELLED);
    CHECK_OK(eddy_future_result(probe->future, NULL));
    CHECK_TRACE("+1 ECANCELLED");
  }
  return 0;
}

EDDY_TASK_TEST(wait_for, without_time_a_cancelled_waiter_does_not_wait_for_the_end)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct waits_child *child = new_child(LONG, CHILD_CLEANS_UP);
    struct probe *probe = NULL;
    child->cleanup = EDDY_MS(20);
    CHECK_OK(task_probe(kind, 0, child, &probe));
    CHECK_OK(eddy_sleep(0));
    probe->act = cancel_probe;
    probe->act_arg = probe;
    CHECK_CODE(run_probe(kind, probe), EDDY_ECANCELLED);
    CHECK_TRACE("+2 ECANCELLED");
    CHECK(!eddy_future_done(probe->future));
    CHECK_CODE(eddy_await(probe->future, NULL), EDDY_ECANCELLED);
    CHECK_TRACE("clean");
  }
  return 0;
}
