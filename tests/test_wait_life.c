/* eddy_wait: how it is cancelled, what it refuses, what it leaves behind (rules 31, 53). */
#include "waits.h"

/* ---- cancelling the waiter (rule 53) ---- */

EDDY_TASK_TEST(wait, cancelled_waiter_touches_no_member_and_leaves_no_callback)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probe = NULL;
    CHECK_OK(wait_probe(3, EDDY_FIRST_COMPLETED, &probe));
    probe->timeout = LONG;
    probe->act = cancel_probe;
    probe->act_arg = probe;
    CHECK_CODE(run_probe(kind, probe), EDDY_ECANCELLED);
    CHECK_TRACE("+2 ECANCELLED");
    CHECK_EQ(probe->done, 99);
    CHECK_EQ(test_timers(), 0);
    size_t ready = test_ready();
    for (int i = 0; i < 3; i++) {
      CHECK(!eddy_future_done(probe->futures[i]));
      CHECK_OK(set_result(probe->futures[i]));
    }
    CHECK_EQ(test_ready(), ready);
  }
  return 0;
}

EDDY_TASK_TEST(wait, cancelled_waiter_leaves_the_tasks_running)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probe = new_probe(wait_all);
    probe->count = 1;
    CHECK_OK(child_future(kind, EDDY_MS(2), CHILD_RETURNS, &probe->futures[0]));
    CHECK_OK(start_probe(kind, probe));
    CHECK_OK(eddy_sleep(0));
    CHECK(eddy_task_cancel(probe->task, "enough"));
    CHECK_CODE(eddy_task_await(probe->task, NULL), EDDY_ECANCELLED);
    CHECK_STR(eddy_message(EDDY_ECANCELLED), "enough");
    eddy_value value;
    CHECK_OK(eddy_await(probe->futures[0], &value));
    CHECK_EQ(value.i, 7);
    test_trace_clear();
  }
  return 0;
}

/* The future is done in the iteration `1`, the request comes in `at`. */
static int set_and_cancel(int kind, int at, const char *expected)
{
  struct probe *probe = NULL;
  CHECK_OK(wait_probe(1, EDDY_ALL_COMPLETED, &probe));
  probe->act = cancel_probe;
  probe->act_arg = probe;
  probe->act_at = at;
  CHECK_OK(start_probe(kind, probe));
  CHECK_OK(eddy_sleep(0));
  CHECK_OK(eddy_sleep(0));
  CHECK_OK(set_result(probe->futures[0]));
  CHECK_CODE(eddy_task_await(probe->task, NULL), EDDY_ECANCELLED);
  CHECK_TRACE(expected);
  return 0;
}

EDDY_TASK_TEST(wait, cancel_wins_over_futures_that_are_done)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    CHECK_OK(set_and_cancel(kind, 1, "+2 ECANCELLED"));
    CHECK_OK(set_and_cancel(kind, 2, "+3 ECANCELLED"));
  }
  return 0;
}

static int cancel_self_then_wait(struct probe *self)
{
  if (self->rc == 0) (void)eddy_task_cancel(eddy_current_task(), NULL);
  self->rc = 1;
  return wait_all(self);
}

EDDY_TASK_TEST(wait, own_cancel_strikes_after_one_iteration)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probe = NULL;
    CHECK_OK(wait_probe(2, EDDY_FIRST_COMPLETED, &probe));
    CHECK_OK(set_result(probe->futures[1]));
    probe->call = cancel_self_then_wait;
    CHECK_CODE(run_probe(kind, probe), EDDY_ECANCELLED);
    CHECK_TRACE("+1 ECANCELLED");
    CHECK(!eddy_future_done(probe->futures[0]));
  }
  return 0;
}

/* ---- what it leaves behind ---- */

EDDY_TASK_TEST(wait, end_before_the_time_is_up_leaves_no_timer)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probe = NULL;
    CHECK_OK(wait_probe(2, EDDY_FIRST_COMPLETED, &probe));
    probe->timeout = LONG;
    probe->act = set_result;
    probe->act_arg = probe->futures[0];
    CHECK_OK(run_probe(kind, probe));
    CHECK_EQ(test_timers(), 0);
    size_t ready = test_ready();
    CHECK_OK(set_result(probe->futures[1]));
    CHECK_EQ(test_ready(), ready);
    CHECK_TRACE("+3 ok");
  }
  return 0;
}

EDDY_TASK_TEST(wait, time_that_is_up_leaves_no_callback)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probe = NULL;
    CHECK_OK(wait_probe(2, EDDY_FIRST_COMPLETED, &probe));
    probe->timeout = 0;
    CHECK_OK(run_probe(kind, probe));
    CHECK_EQ(probe->done, 0);
    size_t ready = test_ready();
    CHECK_OK(set_result(probe->futures[0]));
    CHECK(eddy_future_cancel(probe->futures[1], NULL));
    CHECK_EQ(test_ready(), ready);
    CHECK_TRACE("+2 ok");
  }
  return 0;
}

EDDY_TASK_TEST(wait, room_booked_in_the_ring_is_given_back)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    for (int end = 0; end < 2; end++) {
      struct probe *probe = NULL;
      size_t bookings = test_bookings();
      CHECK_OK(wait_probe(2, EDDY_FIRST_COMPLETED, &probe));
      probe->timeout = 0;
      CHECK_OK(start_probe(kind, probe));
      CHECK_OK(eddy_sleep(0));
      CHECK_OK(
          eddy_sleep(0)); /* the time is up: the wait's own callback comes too late */
      if (end) CHECK_OK(set_result(probe->futures[0]));
      CHECK_OK(eddy_task_await(probe->task, NULL));
      CHECK_OK(eddy_sleep(0));
      CHECK_EQ(test_bookings(), bookings);
      CHECK_TRACE("+2 ok");
    }
  }
  return 0;
}

EDDY_TASK_TEST(wait, member_may_lose_its_last_other_reference)
{
  eddy_future *futures[2];
  CHECK_OK(test_future(NULL, &futures[1]));
  CHECK_OK(eddy_future_new(NULL, &futures[0]));
  struct probe *probe = new_probe(wait_all);
  probe->count = 2;
  probe->timeout = 0;
  memcpy(probe->futures, futures, sizeof futures);
  int rc = start_probe(TEST_STACKFUL, probe);
  if (rc == 0) rc = eddy_sleep(0);
  eddy_future_unref(futures[0]);
  CHECK_OK(rc);
  CHECK_OK(eddy_task_await(probe->task, NULL));
  return 0;
}

EDDY_TEST(wait, waiter_is_closed_with_its_loop)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    for (int end = 0; end < 2; end++) {
      eddy_loop *loop;
      struct probe *probe = new_probe(wait_all);
      CHECK_OK(test_loop(&loop));
      probe->count = 2;
      probe->timeout = LONG;
      probe->when = EDDY_FIRST_COMPLETED;
      CHECK_OK(test_future(loop, &probe->futures[0]));
      CHECK_OK(test_future(loop, &probe->futures[1]));
      CHECK_OK(close_over_probe(kind, loop, probe, end ? probe->futures[1] : NULL));
    }
  }
  return 0;
}

/* ---- what it says and what it refuses ---- */

EDDY_TASK_TEST(wait, says_what_it_waits_for)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    char text[160];
    struct probe *probe = NULL;
    CHECK_OK(wait_probe(3, EDDY_FIRST_EXCEPTION, &probe));
    CHECK_OK(set_result(probe->futures[0]));
    eddy_task *slow;
    CHECK_OK(start_child(kind, new_child(LONG, CHILD_RETURNS), &slow));
    CHECK_OK(eddy_task_set_name(slow, "slow"));
    probe->futures[1] = eddy_task_future(slow);
    CHECK_OK(describe_probe(kind, probe, text, sizeof text));
    CHECK_STR(
        text, "wait for the first error of 3 futures, 2 pending, first task 'slow'");
  }
  return 0;
}

EDDY_TASK_TEST(wait, refuses_what_it_cannot_wait_for)
{
  eddy_future *futures[2] = {NULL, NULL};
  eddy_loop *other;
  size_t done = 99;
  CHECK_CODE(eddy_wait(NULL, 0, 0, EDDY_ALL_COMPLETED, &done), EDDY_EINVAL);
  CHECK_STR(eddy_message(EDDY_EINVAL), "wait: there are no futures to wait for");
  CHECK_CODE(eddy_wait(NULL, 1, 0, EDDY_ALL_COMPLETED, &done), EDDY_EINVAL);
  CHECK_OK(test_future(NULL, &futures[0]));
  CHECK_CODE(eddy_wait(futures, 2, 0, EDDY_ALL_COMPLETED, &done), EDDY_EINVAL);
  CHECK_CODE(eddy_wait(futures, 1, 0, (eddy_return_when)3, &done), EDDY_EINVAL);
  CHECK_CODE(eddy_wait(futures, 1, 0, (eddy_return_when)-1, &done), EDDY_EINVAL);
  CHECK_OK(test_loop(&other));
  CHECK_OK(test_future(other, &futures[1]));
  CHECK_CODE(eddy_wait(futures, 2, 0, EDDY_ALL_COMPLETED, &done), EDDY_EOTHERLOOP);
  CHECK_STR(eddy_message(EDDY_EOTHERLOOP), "wait: future 1 belongs to another loop");
  CHECK_EQ(done, 99);
  CHECK_OK(eddy_wait(futures, 1, 0, EDDY_ALL_COMPLETED, &done)); /* it left no mark */
  CHECK_EQ(done, 0);
  return 0;
}

EDDY_TEST(wait, is_refused_outside_a_task)
{
  eddy_loop *loop;
  eddy_future *future;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(test_future(loop, &future));
  CHECK_CODE(eddy_wait(&future, 1, 0, EDDY_ALL_COMPLETED, NULL), EDDY_ENOTASK);
  CHECK_CODE(eddy_wait_for(future, 0, NULL), EDDY_ENOTASK);
  return 0;
}

static int wait_for_self(struct probe *self)
{
  self->futures[0] = eddy_task_future(eddy_current_task());
  return wait_all(self);
}

EDDY_TASK_TEST(wait, for_oneself_ends_when_the_time_is_up)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probe = new_probe(wait_for_self);
    probe->count = 1;
    probe->timeout = 0;
    probe->done = 99;
    CHECK_OK(run_probe(kind, probe));
    CHECK_EQ(probe->done, 0);
    CHECK_TRACE("+2 ok");
  }
  return 0;
}
