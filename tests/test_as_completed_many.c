/* eddy_completions_next: several askers, cancelled ones, the end of the iterator. */
#include "waits.h"

static void unref_completions(void *completions)
{
  eddy_completions_unref(completions);
}

static int call_next(struct probe *self)
{
  return eddy_completions_next(self->completions, &self->future);
}

/* Two probes that ask for the next of the same `count` new futures. */
static int two_probes(size_t count, eddy_time timeout, struct probe *probes[2])
{
  eddy_completions *completions;
  eddy_future *futures[4];
  for (size_t i = 0; i < count; i++) {
    CHECK_OK(test_future(NULL, &futures[i]));
  }
  CHECK_OK(eddy_as_completed(futures, count, timeout, &completions));
  test_defer_late(unref_completions, completions);
  for (int i = 0; i < 2; i++) {
    probes[i] = new_probe(call_next);
    probes[i]->count = count;
    probes[i]->completions = completions;
    memcpy(probes[i]->futures, futures, sizeof futures);
  }
  return 0;
}

static int start_two(int kind, struct probe *probes[2])
{
  CHECK_OK(start_probe(kind, probes[0]));
  CHECK_OK(start_probe(kind, probes[1]));
  return eddy_sleep(0);
}

EDDY_TASK_TEST(as_completed, askers_are_served_in_turn)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probes[2];
    CHECK_OK(two_probes(2, EDDY_NEVER, probes));
    CHECK_OK(start_two(kind, probes));
    CHECK_OK(set_result(probes[0]->futures[1]));
    CHECK_OK(set_result(probes[0]->futures[0]));
    CHECK_OK(eddy_task_await(probes[0]->task, NULL));
    CHECK_OK(eddy_task_await(probes[1]->task, NULL));
    CHECK_PTR(probes[0]->future, probes[0]->futures[1]);
    CHECK_PTR(probes[1]->future, probes[0]->futures[0]);
    CHECK_TRACE("+2 ok +2 ok");
  }
  return 0;
}

EDDY_TASK_TEST(as_completed, timeouts_are_given_to_each_asker)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probes[2];
    CHECK_OK(two_probes(2, 0, probes));
    CHECK_OK(start_two(kind, probes));
    CHECK_CODE(eddy_task_await(probes[0]->task, NULL), EDDY_ETIMEDOUT);
    CHECK_CODE(eddy_task_await(probes[1]->task, NULL), EDDY_ETIMEDOUT);
    CHECK_TRACE("+1 ETIMEDOUT +1 ETIMEDOUT");
  }
  return 0;
}

EDDY_TASK_TEST(as_completed, asker_cancelled_after_it_was_woken_passes_it_on)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probes[2];
    eddy_future *future;
    CHECK_OK(two_probes(2, EDDY_NEVER, probes));
    CHECK_OK(start_two(kind, probes));
    CHECK_OK(set_result(probes[0]->futures[0])); /* in the iteration 0: noted at 1 */
    CHECK_OK(eddy_sleep(0));
    CHECK(eddy_task_cancel(probes[0]->task, NULL));
    CHECK_CODE(eddy_task_await(probes[0]->task, NULL), EDDY_ECANCELLED);
    CHECK_OK(eddy_task_await(probes[1]->task, NULL));
    CHECK_PTR(probes[1]->future, probes[0]->futures[0]);
    CHECK_TRACE("+2 ECANCELLED +3 ok");
    /* Both calls have been made: as in asyncio there is none left for the other future. */
    CHECK_EQ(eddy_completions_next(probes[0]->completions, &future), EDDY_STOP);
  }
  return 0;
}

EDDY_TASK_TEST(as_completed, cancelled_call_takes_nothing_but_counts)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probes[2];
    eddy_future *future;
    CHECK_OK(two_probes(2, EDDY_NEVER, probes));
    probes[0]->act = cancel_probe;
    probes[0]->act_arg = probes[0];
    CHECK_CODE(run_probe(kind, probes[0]), EDDY_ECANCELLED);
    CHECK_OK(set_result(probes[0]->futures[0]));
    CHECK_OK(set_result(probes[0]->futures[1]));
    CHECK_OK(run_probe(kind, probes[1]));
    CHECK_PTR(probes[1]->future, probes[0]->futures[0]);
    CHECK_EQ(eddy_completions_next(probes[0]->completions, &future), EDDY_STOP);
    CHECK_TRACE("+2 ECANCELLED +0 ok");
  }
  return 0;
}

EDDY_TASK_TEST(as_completed, asker_that_was_overtaken_waits_on)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probes[2];
    eddy_future *future;
    CHECK_OK(two_probes(2, EDDY_NEVER, probes));
    CHECK_OK(start_probe(kind, probes[0]));
    CHECK_OK(eddy_sleep(0));
    CHECK_OK(set_result(probes[0]->futures[0]));
    CHECK_OK(eddy_sleep(0)); /* noted, and the asker's step is queued */
    CHECK_OK(eddy_completions_next(probes[0]->completions, &future));
    CHECK_PTR(future, probes[0]->futures[0]);
    CHECK_OK(eddy_sleep(0));
    CHECK(!eddy_task_done(probes[0]->task));
    CHECK_OK(set_result(probes[0]->futures[1]));
    CHECK_OK(eddy_task_await(probes[0]->task, NULL));
    CHECK_PTR(probes[0]->future, probes[0]->futures[1]);
    CHECK_TRACE("+4 ok");
  }
  return 0;
}

EDDY_TASK_TEST(as_completed, asker_that_was_overtaken_goes_behind_the_others)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probes[2];
    eddy_future *future;
    CHECK_OK(two_probes(3, EDDY_NEVER, probes));
    CHECK_OK(start_two(kind, probes));
    eddy_future **futures = probes[0]->futures;
    CHECK_OK(set_result(futures[0]));
    CHECK_OK(eddy_sleep(0));
    CHECK_OK(eddy_completions_next(probes[0]->completions, &future));
    CHECK_OK(eddy_sleep(0)); /* the first asker has found nothing */
    CHECK_OK(set_result(futures[1]));
    CHECK_OK(eddy_task_await(probes[1]->task, NULL));
    CHECK_PTR(probes[1]->future, futures[1]);
    CHECK(!eddy_task_done(probes[0]->task));
    CHECK_OK(set_result(futures[2]));
    CHECK_OK(eddy_task_await(probes[0]->task, NULL));
    test_trace_clear();
  }
  return 0;
}

EDDY_TASK_TEST(as_completed, own_cancel_strikes_only_where_it_waits)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probes[2];
    eddy_future *future;
    CHECK_OK(two_probes(2, EDDY_NEVER, probes));
    CHECK_OK(set_result(probes[0]->futures[1]));
    CHECK_OK(eddy_sleep(0));
    eddy_task *self = eddy_current_task();
    CHECK(eddy_task_cancel(self, NULL));
    int first = eddy_completions_next(probes[0]->completions, &future);
    int second = eddy_completions_next(probes[0]->completions, &future);
    CHECK_EQ(eddy_task_uncancel(self), 0);
    CHECK_OK(first);
    CHECK_CODE(second, EDDY_ECANCELLED);
    CHECK_PTR(future, probes[0]->futures[1]);
  }
  return 0;
}

/* ---- its life ---- */

EDDY_TASK_TEST(as_completed, may_be_let_go_of_before_the_futures_end)
{
  eddy_completions *completions;
  eddy_future *futures[3];
  for (int i = 0; i < 3; i++) {
    CHECK_OK(test_future(NULL, &futures[i]));
  }
  CHECK_OK(set_result(futures[2]));
  size_t bookings = test_bookings();
  CHECK_OK(eddy_as_completed(futures, 3, EDDY_S(3600), &completions));
  int rc = set_result(futures[1]); /* both its callback and that of 2 are queued */
  CHECK_PTR(eddy_completions_ref(completions), completions);
  eddy_completions_unref(completions);
  eddy_completions_unref(completions);
  eddy_completions_unref(NULL);
  CHECK_OK(rc);
  CHECK_EQ(test_timers(), 0);
  size_t ready = test_ready();
  CHECK_OK(set_result(futures[0]));
  CHECK_EQ(test_ready(), ready);
  CHECK_OK(eddy_sleep(0));
  CHECK_OK(eddy_sleep(0));
  CHECK_EQ(test_bookings(), bookings);
  return 0;
}

EDDY_TASK_TEST(as_completed, asker_that_alone_holds_it_gets_no_future)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probe = new_probe(call_next);
    CHECK_OK(test_future(NULL, &probe->futures[0]));
    CHECK_OK(eddy_as_completed(probe->futures, 1, EDDY_NEVER, &probe->completions));
    int rc = start_probe(kind, probe);
    if (rc == 0) rc = eddy_sleep(0);
    eddy_completions_unref(probe->completions);
    CHECK_OK(rc);
    CHECK_OK(set_result(probe->futures[0]));
    (void)eddy_task_await(probe->task, NULL);
    CHECK_EQ(probe->rc, EDDY_STOP);
    CHECK_PTR(probe->future, NULL);
    test_trace_clear();
  }
  return 0;
}

EDDY_TEST(as_completed, asker_is_closed_with_its_loop)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    for (int end = 0; end < 2; end++) {
      eddy_loop *loop;
      struct probe *probe = new_probe(call_next);
      CHECK_OK(test_loop(&loop));
      CHECK_OK(test_future(loop, &probe->futures[0]));
      CHECK_OK(test_future(loop, &probe->futures[1]));
      CHECK_OK(eddy_as_completed(probe->futures, 2, EDDY_S(3600), &probe->completions));
      test_defer_late(unref_completions, probe->completions);
      CHECK_OK(close_over_probe(kind, loop, probe, end ? probe->futures[1] : NULL));
      CHECK_OK(set_result(probe->futures[0]));
    }
  }
  return 0;
}

/* ---- what it says and what it refuses ---- */

EDDY_TASK_TEST(as_completed, asker_says_what_it_waits_for)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probe = new_probe(call_next);
    eddy_task *slow;
    char text[160];
    CHECK_OK(done_future(1, &probe->futures[0]));
    CHECK_OK(start_child(kind, new_child(EDDY_MS(1), CHILD_RETURNS), &slow));
    CHECK_OK(eddy_task_set_name(slow, "slow"));
    probe->futures[1] = eddy_task_future(slow);
    CHECK_OK(eddy_as_completed(&probe->futures[1], 1, EDDY_NEVER, &probe->completions));
    test_defer_late(unref_completions, probe->completions);
    CHECK_OK(describe_probe(kind, probe, text, sizeof text));
    CHECK_STR(text, "the next of 1 futures as_completed, 1 pending, first task 'slow'");
    CHECK_OK(eddy_task_await(slow, NULL));
  }
  return 0;
}

EDDY_TASK_TEST(as_completed, create_refuses_what_it_cannot_use)
{
  eddy_completions *completions = NULL;
  eddy_future *futures[2] = {NULL, NULL}, *future = NULL;
  eddy_loop *other;
  CHECK_CODE(eddy_as_completed(NULL, 1, 0, &completions), EDDY_EINVAL);
  CHECK_CODE(eddy_as_completed(NULL, 0, 0, NULL), EDDY_EINVAL);
  CHECK_OK(test_future(NULL, &futures[0]));
  CHECK_CODE(eddy_as_completed(futures, 2, 0, &completions), EDDY_EINVAL);
  CHECK_OK(test_loop(&other));
  CHECK_OK(test_future(other, &futures[1]));
  CHECK_CODE(eddy_as_completed(futures, 2, 0, &completions), EDDY_EOTHERLOOP);
  CHECK_PTR(completions, NULL);
  CHECK_CODE(eddy_completions_next(NULL, &future), EDDY_EINVAL);
  CHECK_OK(eddy_as_completed(&futures[1], 1, 0, &completions));
  test_defer_late(unref_completions, completions);
  CHECK_CODE(eddy_completions_next(completions, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_completions_next(completions, &future), EDDY_EOTHERLOOP);
  CHECK_OK(eddy_loop_close(other));
  CHECK_CODE(eddy_as_completed(&futures[1], 1, 0, &completions), EDDY_ECLOSED);
  return 0;
}

EDDY_TEST(as_completed, is_refused_outside_a_loop_and_a_task)
{
  eddy_completions *completions = NULL;
  eddy_future *future;
  eddy_loop *loop;
  CHECK_CODE(eddy_as_completed(NULL, 0, 0, &completions), EDDY_ENOLOOP);
  CHECK_OK(test_loop(&loop));
  CHECK_OK(test_future(loop, &future));
  CHECK_OK(eddy_as_completed(&future, 1, 0, &completions));
  test_defer_late(unref_completions, completions);
  CHECK_CODE(eddy_completions_next(completions, &future), EDDY_ENOTASK);
  return 0;
}
