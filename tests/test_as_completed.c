/* Futures in the order in which they end (rules 18, 54). */
#include "waits.h"

static void unref_completions(void *completions)
{
  eddy_completions_unref(completions);
}

static int test_completions(
    eddy_future *const *futures, size_t count, eddy_time timeout, eddy_completions **out)
{
  int rc = eddy_as_completed(futures, count, timeout, out);
  if (rc == 0) test_defer_late(unref_completions, *out);
  return rc;
}

static int call_next(struct probe *self)
{
  return eddy_completions_next(self->completions, &self->future);
}

/* A probe that asks for the next of `count` new futures. */
static int next_probe(size_t count, eddy_time timeout, struct probe **out)
{
  struct probe *probe = new_probe(call_next);
  for (size_t i = 0; i < count; i++) {
    CHECK_OK(test_future(NULL, &probe->futures[i]));
  }
  probe->count = count;
  CHECK_OK(test_completions(probe->futures, count, timeout, &probe->completions));
  *out = probe;
  return 0;
}

EDDY_TASK_TEST(as_completed, future_set_at_one_resumes_at_three)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probe = NULL;
    CHECK_OK(next_probe(1, EDDY_NEVER, &probe));
    probe->act = set_result;
    probe->act_arg = probe->futures[0];
    CHECK_OK(run_probe(kind, probe));
    CHECK_PTR(probe->future, probe->futures[0]);
    CHECK_TRACE("+3 ok");
    CHECK_CODE(eddy_completions_next(probe->completions, &probe->future), EDDY_STOP);
  }
  return 0;
}

EDDY_TASK_TEST(as_completed, futures_noted_are_given_without_waiting)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probe = new_probe(call_next);
    CHECK_OK(done_future(1, &probe->futures[0]));
    CHECK_OK(done_future(2, &probe->futures[1]));
    CHECK_OK(test_completions(probe->futures, 2, EDDY_NEVER, &probe->completions));
    CHECK_OK(start_probe(kind, probe));
    CHECK_OK(eddy_task_await(probe->task, NULL));
    CHECK_OK(run_probe(kind, probe));
    CHECK_PTR(probe->future, probe->futures[1]);
    CHECK_EQ(eddy_completions_next(probe->completions, &probe->future), EDDY_STOP);
    CHECK_PTR(probe->future, probe->futures[1]);
    CHECK_TRACE("+0 ok +0 ok"); /* both were noted before its first step */
  }
  return 0;
}

static int next_of_new(struct probe *self)
{
  if (self->completions == NULL) {
    CHECK_OK(
        test_completions(self->futures, self->count, self->timeout, &self->completions));
  }
  return call_next(self);
}

EDDY_TASK_TEST(as_completed, asked_at_once_a_done_future_resumes_at_two)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probe = new_probe(next_of_new);
    CHECK_OK(done_future(1, &probe->futures[0]));
    CHECK_OK(test_future(NULL, &probe->futures[1]));
    probe->count = 2;
    CHECK_OK(run_probe(kind, probe));
    CHECK_PTR(probe->future, probe->futures[0]);
    CHECK_TRACE("+2 ok");
  }
  return 0;
}

/* ---- the order (rule 54) ---- */

/* Asks for all of them and traces their numbers, or the errors, and when they came. */
static int take_all(eddy_frame *frame)
{
  struct probe *self = (struct probe *)frame;
  EDDY_BEGIN(frame);
  for (;;) {
    EDDY_AWAIT(frame, self->rc, eddy_completions_next(self->completions, &self->future));
    if (self->rc == EDDY_STOP) break;
    if (self->rc == EDDY_ETIMEDOUT) {
      trace("late");
      continue;
    }
    if (self->rc < 0) EDDY_RAISE(frame, self->rc);
    for (size_t i = 0; i < self->count; i++) {
      if (self->futures[i] == self->future) trace("%d", (int)i);
    }
  }
  EDDY_END(frame);
}

static int start_taker(int kind, struct probe *probe)
{
  return test_frame_task(kind, probe, take_all, &probe->task);
}

EDDY_TASK_TEST_VIRTUAL(as_completed, tasks_come_in_the_order_they_end)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probe = new_probe(NULL);
    static const int delays[] = {3, 1, 4, 2};
    probe->count = 4;
    for (int i = 0; i < 4; i++) {
      eddy_time delay = EDDY_S(delays[i]);
      enum child_manner manner = i == 1 ? CHILD_FAILS : CHILD_RETURNS;
      CHECK_OK(child_future(kind, delay, manner, &probe->futures[i]));
    }
    CHECK_OK(test_completions(probe->futures, 4, EDDY_S(10), &probe->completions));
    CHECK_OK(start_taker(kind, probe));
    CHECK_OK(eddy_task_await(probe->task, NULL));
    CHECK_TRACE("1 3 0 2");
    CHECK_EQ(test_timers(), 0); /* the limit was not needed */
    CHECK_CODE(eddy_future_result(probe->futures[1], NULL), EDDY_EIO);
  }
  return 0;
}

EDDY_TASK_TEST(as_completed, of_one_iteration_come_in_completion_order)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probe = NULL;
    CHECK_OK(next_probe(3, EDDY_NEVER, &probe));
    CHECK_OK(start_taker(kind, probe));
    CHECK_OK(eddy_sleep(0));
    CHECK_OK(set_result(probe->futures[2]));
    CHECK_OK(set_result(probe->futures[0]));
    CHECK(eddy_future_cancel(probe->futures[1], NULL));
    CHECK_OK(eddy_task_await(probe->task, NULL));
    CHECK_TRACE("2 0 1");
  }
  return 0;
}

EDDY_TASK_TEST(as_completed, duplicates_count_once)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probe = NULL;
    CHECK_OK(next_probe(2, EDDY_NEVER, &probe));
    eddy_future *twice[] = {probe->futures[0], probe->futures[1], probe->futures[0]};
    CHECK_OK(test_completions(twice, 3, EDDY_NEVER, &probe->completions));
    CHECK_OK(set_result(probe->futures[1]));
    CHECK_OK(set_result(probe->futures[0]));
    CHECK_OK(start_taker(kind, probe));
    CHECK_OK(eddy_task_await(probe->task, NULL));
    CHECK_TRACE("1 0");
  }
  return 0;
}

EDDY_TASK_TEST(as_completed, of_nothing_ends_at_once)
{
  eddy_completions *completions;
  eddy_future *future = NULL;
  CHECK_OK(test_completions(NULL, 0, 0, &completions));
  CHECK_EQ(eddy_completions_next(completions, &future), EDDY_STOP);
  CHECK_PTR(future, NULL);
  CHECK_EQ(test_timers(), 0);
  return 0;
}

/* ---- the time is up (rule 54) ---- */

EDDY_TASK_TEST(as_completed, each_missing_one_is_a_timeout_and_runs_on)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probe = NULL;
    CHECK_OK(next_probe(2, 0, &probe));
    CHECK_CODE(run_probe(kind, probe), EDDY_ETIMEDOUT);
    CHECK_CONTAINS(eddy_message(EDDY_ETIMEDOUT), "as_completed: timed out (task 'Task-");
    CHECK_CODE(run_probe(kind, probe), EDDY_ETIMEDOUT);
    CHECK_EQ(eddy_completions_next(probe->completions, &probe->future), EDDY_STOP);
    CHECK_PTR(probe->future, NULL);
    CHECK_TRACE("+1 ETIMEDOUT +0 ETIMEDOUT");
    size_t ready = test_ready();
    CHECK(!eddy_future_done(probe->futures[0]));
    CHECK_OK(set_result(probe->futures[0]));
    CHECK_EQ(test_ready(), ready);
  }
  return 0;
}

EDDY_TASK_TEST_VIRTUAL(as_completed, those_in_time_come_before_the_timeouts)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probe = new_probe(NULL);
    probe->count = 3;
    CHECK_OK(child_future(kind, EDDY_MS(150), CHILD_RETURNS, &probe->futures[0]));
    CHECK_OK(child_future(kind, EDDY_MS(100), CHILD_RETURNS, &probe->futures[1]));
    CHECK_OK(child_future(kind, EDDY_MS(150), CHILD_RETURNS, &probe->futures[2]));
    CHECK_OK(test_completions(probe->futures, 3, EDDY_MS(120), &probe->completions));
    CHECK_OK(start_taker(kind, probe));
    CHECK_OK(eddy_task_await(probe->task, NULL));
    CHECK_TRACE("1 late late");
    CHECK_OK(test_completions(probe->futures, 3, EDDY_MS(40), &probe->completions));
    CHECK_OK(eddy_sleep(EDDY_S(1)));
    CHECK_OK(start_taker(kind, probe)); /* asked long after: the same */
    CHECK_OK(eddy_task_await(probe->task, NULL));
    CHECK_TRACE("1 0 2");
  }
  return 0;
}

EDDY_TASK_TEST_VIRTUAL(as_completed, one_that_ends_as_the_time_is_up_is_late)
{
  eddy_loop *loop = eddy_get_running_loop();
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probe = NULL;
    eddy_future *futures[2];
    CHECK_OK(test_future(NULL, &futures[0]));
    CHECK_OK(test_future(NULL, &futures[1]));
    CHECK_OK(eddy_loop_call_later(loop, EDDY_S(1), set_result, futures[0], NULL));
    probe = new_probe(NULL);
    probe->count = 2;
    memcpy(probe->futures, futures, sizeof futures);
    CHECK_OK(test_completions(futures, 2, EDDY_S(1), &probe->completions));
    CHECK_OK(start_taker(kind, probe));
    CHECK_OK(eddy_task_await(probe->task, NULL));
    CHECK_TRACE("late late");
  }
  return 0;
}
