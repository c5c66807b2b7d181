/* Waiting for some of many futures (rules 18, 53). */
#include "waits.h"

/* ---- when it resumes (rule 18) ---- */

EDDY_TASK_TEST(wait, future_set_at_one_resumes_at_three)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probe = NULL;
    CHECK_OK(wait_probe(1, EDDY_ALL_COMPLETED, &probe));
    probe->act = set_result;
    probe->act_arg = probe->futures[0];
    CHECK_OK(run_probe(kind, probe));
    CHECK_EQ(probe->done, 1);
    CHECK_TRACE("+3 ok");
  }
  return 0;
}

static int wait_for_new_task(struct probe *self)
{
  if (self->count == 0) {
    self->count = 1;
    CHECK_OK(child_future(TEST_STACKFUL, -1, CHILD_RETURNS, &self->futures[0]));
  }
  return wait_all(self);
}

EDDY_TASK_TEST(wait, immediate_task_resumes_at_three)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    CHECK_OK(run_probe(kind, new_probe(wait_for_new_task)));
    CHECK_TRACE("+3 ok");
  }
  return 0;
}

EDDY_TASK_TEST(wait, done_futures_resume_at_two_whatever_is_asked)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    for (eddy_return_when when = EDDY_ALL_COMPLETED; when <= EDDY_FIRST_EXCEPTION;
         when++) {
      struct probe *probe = NULL;
      CHECK_OK(wait_probe(2, when, &probe));
      CHECK_OK(set_result(probe->futures[0]));
      CHECK_OK(set_result(probe->futures[1]));
      CHECK_OK(run_probe(kind, probe));
      CHECK_EQ(probe->done, 2);
      probe->timeout = 0;
      CHECK_OK(run_probe(kind, probe));
      CHECK_EQ(probe->done, 2);
      CHECK_TRACE("+2 ok +2 ok");
    }
  }
  return 0;
}

EDDY_TASK_TEST(wait, timeout_of_zero_still_yields)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probe = NULL;
    CHECK_OK(wait_probe(2, EDDY_ALL_COMPLETED, &probe));
    probe->timeout = 0;
    CHECK_OK(run_probe(kind, probe));
    CHECK_EQ(probe->done, 0);
    probe->timeout = -EDDY_S(1);
    CHECK_OK(run_probe(kind, probe));
    CHECK_TRACE("+2 ok +2 ok");
  }
  return 0;
}

/* ---- the three modes ---- */

EDDY_TASK_TEST_VIRTUAL(wait, all_completed_waits_for_the_last)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_loop *loop = eddy_get_running_loop();
    eddy_time start = eddy_loop_time(loop);
    struct probe *probe = new_probe(wait_all);
    probe->count = 2;
    CHECK_OK(child_future(kind, EDDY_MS(150), CHILD_FAILS, &probe->futures[0]));
    CHECK_OK(child_future(kind, EDDY_MS(100), CHILD_RETURNS, &probe->futures[1]));
    CHECK_OK(run_probe(kind, probe));
    CHECK_EQ(probe->done, 2);
    CHECK_EQ(eddy_loop_time(loop) - start, EDDY_MS(150));
    CHECK_CODE(eddy_future_result(probe->futures[0], NULL), EDDY_EIO);
    CHECK_OK(run_probe(kind, probe)); /* once more takes no time */
    CHECK_EQ(eddy_loop_time(loop) - start, EDDY_MS(150));
    test_trace_clear();
  }
  return 0;
}

EDDY_TASK_TEST_VIRTUAL(wait, first_completed_leaves_the_rest_running)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probe = new_probe(wait_all);
    probe->count = 2;
    probe->when = EDDY_FIRST_COMPLETED;
    CHECK_OK(child_future(kind, EDDY_S(10), CHILD_RETURNS, &probe->futures[0]));
    CHECK_OK(child_future(kind, EDDY_MS(100), CHILD_RETURNS, &probe->futures[1]));
    CHECK_OK(run_probe(kind, probe));
    CHECK_EQ(probe->done, 1);
    CHECK(!eddy_future_done(probe->futures[0]));
    CHECK(eddy_future_done(probe->futures[1]));
    CHECK_OK(eddy_await(probe->futures[0], NULL));
    test_trace_clear();
  }
  return 0;
}

EDDY_TASK_TEST(wait, first_completed_counts_a_cancelled_one)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probe = NULL;
    CHECK_OK(wait_probe(2, EDDY_FIRST_COMPLETED, &probe));
    probe->act = cancel_future;
    probe->act_arg = probe->futures[1];
    CHECK_OK(run_probe(kind, probe));
    CHECK_EQ(probe->done, 1);
    CHECK_TRACE("+3 ok");
  }
  return 0;
}

EDDY_TASK_TEST_VIRTUAL(wait, first_exception_ends_with_the_first_error)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    for (eddy_time delay = -1; delay <= EDDY_MS(10); delay += EDDY_MS(10) + 1) {
      struct probe *probe = new_probe(wait_all);
      probe->count = 3;
      probe->when = EDDY_FIRST_EXCEPTION;
      CHECK_OK(child_future(kind, EDDY_S(10), CHILD_RETURNS, &probe->futures[0]));
      CHECK_OK(child_future(kind, delay, CHILD_FAILS, &probe->futures[1]));
      CHECK_OK(child_future(kind, -1, CHILD_RETURNS, &probe->futures[2]));
      CHECK_OK(run_probe(kind, probe));
      CHECK_EQ(probe->done, 2);
      CHECK(!eddy_future_done(probe->futures[0]));
      CHECK_OK(eddy_await(probe->futures[0], NULL));
      test_trace_clear();
    }
  }
  return 0;
}

EDDY_TASK_TEST_VIRTUAL(wait, first_exception_ignores_cancelled_members)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probe = NULL;
    CHECK_OK(wait_probe(3, EDDY_FIRST_EXCEPTION, &probe));
    CHECK(eddy_future_cancel(probe->futures[0], NULL));
    CHECK_OK(start_probe(kind, probe));
    CHECK_OK(eddy_sleep(EDDY_S(1)));
    CHECK(eddy_future_cancel(probe->futures[1], NULL));
    CHECK_OK(eddy_sleep(EDDY_S(1)));
    CHECK(!eddy_task_done(probe->task));
    CHECK_OK(set_result(probe->futures[2])); /* none is pending: that ends it, too */
    CHECK_OK(eddy_task_await(probe->task, NULL));
    CHECK_EQ(probe->done, 3);
    test_trace_clear();
  }
  return 0;
}

static int cancel_gathered(eddy_future *child, eddy_future **gather)
{
  CHECK_OK(test_gather(&child, 1, EDDY_GATHER_RAISE, gather));
  CHECK(eddy_future_cancel(child, NULL));
  return 0;
}

EDDY_TASK_TEST(wait, first_exception_takes_a_gather_that_was_cancelled_for_failed)
{
  struct probe *probe = NULL;
  CHECK_OK(wait_probe(2, EDDY_FIRST_EXCEPTION, &probe));
  CHECK_OK(cancel_gathered(probe->futures[0], &probe->futures[0]));
  CHECK_OK(run_probe(TEST_STACKLESS, probe));
  CHECK_EQ(probe->done, 1);
  CHECK(!eddy_future_cancelled(probe->futures[0]));
  return 0;
}

/* ---- what it gives (rule 53) ---- */

EDDY_TASK_TEST(wait, those_done_are_counted_when_the_waiter_resumes)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probe = NULL;
    CHECK_OK(wait_probe(3, EDDY_FIRST_COMPLETED, &probe));
    CHECK_OK(start_probe(kind, probe));
    CHECK_OK(eddy_sleep(0));
    CHECK_OK(set_result(probe->futures[1])); /* the wait's callback is queued */
    CHECK_OK(eddy_sleep(0));
    CHECK_OK(set_result(probe->futures[0])); /* and now the task */
    CHECK_OK(eddy_task_await(probe->task, NULL));
    CHECK_EQ(probe->done, 2);
    CHECK_TRACE("+2 ok");
  }
  return 0;
}

EDDY_TASK_TEST(wait, duplicates_count_once)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probe = NULL;
    CHECK_OK(wait_probe(3, EDDY_ALL_COMPLETED, &probe));
    probe->futures[2] = probe->futures[0];
    probe->act = set_result;
    probe->act_arg = probe->futures[0];
    CHECK_OK(start_probe(kind, probe));
    CHECK_OK(set_result(probe->futures[1]));
    CHECK_OK(eddy_task_await(probe->task, NULL));
    CHECK_EQ(probe->done, 2);
    CHECK_TRACE("+3 ok");
  }
  return 0;
}

EDDY_TASK_TEST(wait, done_may_be_left_out_and_one_array_serves_many)
{
  eddy_future *futures[2];
  CHECK_OK(done_future(1, &futures[0]));
  CHECK_OK(test_future(NULL, &futures[1]));
  CHECK_OK(eddy_wait(futures, 2, EDDY_NEVER, EDDY_FIRST_COMPLETED, NULL));
  CHECK_OK(eddy_wait(futures, 2, EDDY_NEVER, EDDY_FIRST_COMPLETED, NULL));
  CHECK_OK(eddy_wait(&futures[1], 1, 0, EDDY_ALL_COMPLETED, NULL));
  return 0;
}

EDDY_TASK_TEST(wait, errors_of_members_are_left_to_them)
{
  eddy_future *future;
  size_t done = 0;
  trace_reports(NULL);
  CHECK_OK(eddy_future_new(NULL, &future));
  int rc = set_error(future);
  if (rc == 0) rc = eddy_wait(&future, 1, EDDY_NEVER, EDDY_ALL_COMPLETED, &done);
  eddy_future_unref(future);
  CHECK_OK(rc);
  CHECK_EQ(done, 1);
  CHECK_TRACE("[the error of a future was never retrieved: EIO: on fire]");
  return 0;
}

EDDY_TASK_TEST(wait, error_looked_at_counts_as_retrieved)
{
  eddy_future *futures[2];
  trace_reports(NULL);
  CHECK_OK(test_future(NULL, &futures[1]));
  CHECK_OK(eddy_future_new(NULL, &futures[0]));
  int rc = set_error(futures[0]);
  if (rc == 0) rc = eddy_wait(futures, 2, EDDY_NEVER, EDDY_FIRST_EXCEPTION, NULL);
  eddy_future_unref(futures[0]);
  CHECK_OK(rc);
  CHECK_TRACE("");
  return 0;
}

EDDY_TASK_TEST_VIRTUAL(wait, time_limit_ends_it_with_what_is_done)
{
  eddy_loop *loop = eddy_get_running_loop();
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_time start = eddy_loop_time(loop);
    struct probe *probe = new_probe(wait_all);
    probe->count = 2;
    probe->timeout = EDDY_MS(110);
    CHECK_OK(child_future(kind, EDDY_MS(150), CHILD_RETURNS, &probe->futures[0]));
    CHECK_OK(child_future(kind, EDDY_MS(100), CHILD_RETURNS, &probe->futures[1]));
    CHECK_OK(run_probe(kind, probe));
    CHECK_EQ(probe->done, 1);
    CHECK(eddy_future_done(probe->futures[1]));
    CHECK_EQ(eddy_loop_time(loop) - start, EDDY_MS(110));
    CHECK_OK(eddy_await(probe->futures[0], NULL));
    test_trace_clear();
  }
  return 0;
}

EDDY_TASK_TEST_VIRTUAL(wait, one_that_ends_as_the_time_is_up_is_seen_done)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probe = new_probe(wait_all);
    probe->count = 2;
    probe->timeout = EDDY_MS(100);
    CHECK_OK(child_future(kind, EDDY_MS(150), CHILD_RETURNS, &probe->futures[0]));
    CHECK_OK(child_future(kind, EDDY_MS(100), CHILD_RETURNS, &probe->futures[1]));
    CHECK_OK(run_probe(kind, probe));
    CHECK_EQ(probe->done, 1);
    CHECK(eddy_future_done(probe->futures[1]));
    CHECK_OK(eddy_await(probe->futures[0], NULL));
    test_trace_clear();
  }
  return 0;
}
