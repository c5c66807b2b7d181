/* The loop's life: running, stopping, closing, what it refuses, how it counts. */
#include "capture.h"
#include "owned.h"

#include "base/clock.h"

static int count_call(void *count)
{
  ++*(int *)count;
  return 0;
}

static int stop_loop(void *loop)
{
  trace("stop");
  eddy_loop_stop(loop);
  return 0;
}

static int wait_on(void *future)
{
  return eddy_await(future, NULL);
}

/* ---- creating ---- */

EDDY_TEST(loop, new_loop_does_not_run_and_is_nobodys_current_one)
{
  eddy_loop *loop;
  CHECK_OK(test_loop(&loop));
  CHECK(!eddy_loop_is_running(loop));
  CHECK(!eddy_loop_is_closed(loop));
  CHECK_PTR(eddy_get_running_loop(), NULL);
  return 0;
}

EDDY_UNIT_TEST(loop, new_needs_a_place_for_the_loop)
{
  CHECK_CODE(eddy_loop_new(NULL, NULL), EDDY_EINVAL);
  return 0;
}

EDDY_UNIT_TEST(loop, calls_refuse_a_loop_that_is_null)
{
  CHECK_CODE(eddy_loop_run(NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_loop_run_forever(NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_loop_run_until_complete(NULL, NULL, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_loop_close(NULL), EDDY_EINVAL);
  eddy_loop_free(NULL);
  return 0;
}

EDDY_TEST(loop, loops_live_side_by_side)
{
  eddy_loop *a, *b;
  CHECK_OK(test_loop(&a));
  CHECK_OK(test_loop(&b));
  CHECK_OK(eddy_loop_call_soon(a, trace_fn, "a", NULL));
  CHECK_OK(eddy_loop_call_soon(b, trace_fn, "b", NULL));
  CHECK_OK(eddy_loop_run(b));
  CHECK_OK(eddy_loop_run(a));
  CHECK_TRACE("b a");
  return 0;
}

/* ---- running until idle ---- */

EDDY_TEST(loop, run_returns_at_once_when_there_is_nothing)
{
  eddy_loop *loop;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_OK(eddy_loop_run(loop));
  CHECK(!eddy_loop_is_running(loop));
  return 0;
}

EDDY_TEST(loop, run_returns_when_nothing_is_ready_or_booked)
{
  eddy_loop *loop;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(eddy_loop_call_later(loop, EDDY_MS(1), trace_fn, "timer", NULL));
  CHECK_OK(eddy_loop_call_soon(loop, trace_fn, "ready", NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("ready timer");
  CHECK_OK(eddy_loop_call_soon(loop, trace_fn, "again", NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("again");
  return 0;
}

static int look_around(void *loop)
{
  trace("running:%d", eddy_loop_is_running(loop));
  trace("current:%d", eddy_get_running_loop() == loop);
  trace("task:%d", eddy_current_task() != NULL);
  return 0;
}

EDDY_TEST(loop, callback_sees_its_loop_running_and_no_task)
{
  eddy_loop *loop;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(eddy_loop_call_soon(loop, look_around, loop, NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("running:1 current:1 task:0");
  CHECK_PTR(eddy_get_running_loop(), NULL);
  return 0;
}

EDDY_TEST(loop, run_reports_tasks_that_nothing_can_wake)
{
  eddy_loop *loop;
  eddy_future *future;
  eddy_loop_stats stats;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(test_future(loop, &future));
  eddy_task_options options = {.name = "stuck one"};
  eddy_task *task;
  CHECK_OK(test_loop_task_at(loop, wait_on, future, &options, &task));
  struct capture *capture = capture_begin();
  int rc = eddy_loop_run(loop);
  const char *report = capture_end(capture);
  CHECK_CODE(rc, EDDY_EDEADLOCK);
  CHECK_CONTAINS(report, "stuck one");
  eddy_loop_get_stats(loop, &stats);
  CHECK_EQ(stats.tasks, 1);
  CHECK_EQ(stats.parked, 1);
  /* The loop is as good as before: what was missing can still be done. */
  CHECK_OK(eddy_future_set_result(future, eddy_int(0)));
  CHECK_OK(eddy_loop_run(loop));
  CHECK(eddy_task_done(task));
  return 0;
}

EDDY_TEST(loop, run_without_tasks_never_speaks_of_deadlock)
{
  eddy_loop *loop;
  eddy_future *future;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(test_future(loop, &future));
  struct capture *capture = capture_begin();
  int rc = eddy_loop_run(loop);
  const char *report = capture_end(capture);
  CHECK_OK(rc);
  CHECK_STR(report, "");
  return 0;
}

static int wait_in_vain(void *unused)
{
  (void)unused;
  eddy_loop *loop;
  eddy_future *future;
  eddy_value value = eddy_int(7);
  if (eddy__thread_count() != 1) return fputs("not alone", stderr) < 0;
  CHECK_OK(eddy_loop_new(NULL, &loop));
  CHECK_OK(eddy_future_new(loop, &future));
  CHECK_CODE(eddy_loop_run_until_complete(loop, future, &value), EDDY_EDEADLOCK);
  CHECK_EQ(value.i, 7);
  CHECK(!eddy_future_done(future));
  eddy_future_unref(future);
  eddy_loop_free(loop);
  return 0;
}

/* In a child, because in a process with other threads, such as a test runner's may be, one
 * of those might help, and it waits on. ThreadSanitizer has a thread even in the child. */
EDDY_TEST(loop, run_until_complete_reports_a_future_that_nobody_can_complete)
{
  static struct child child;
  CHECK_OK(child_run(&child, wait_in_vain, NULL));
  CHECK_EQ(child.status, 0);
  if (strcmp(child.text, "not alone") == 0) return 0;
  CHECK_EQ(count_parts(child.text, "deadlock"), 1);
  return 0;
}

/* ---- run_until_complete ---- */

EDDY_TEST(loop, run_until_complete_gives_the_value_or_the_error)
{
  eddy_loop *loop;
  eddy_future *good, *bad;
  eddy_value value = eddy_int(0);
  CHECK_OK(test_loop(&loop));
  CHECK_OK(test_future(loop, &good));
  CHECK_OK(test_future(loop, &bad));
  CHECK_OK(eddy_future_set_result(good, eddy_int(42)));
  CHECK_OK(eddy_future_set_exception(bad, EDDY_EIO, "no disk"));
  CHECK_OK(eddy_loop_run_until_complete(loop, good, &value));
  CHECK_EQ(value.i, 42);
  CHECK_OK(eddy_loop_run_until_complete(loop, good, NULL));
  CHECK_CODE(eddy_loop_run_until_complete(loop, bad, &value), EDDY_EIO);
  CHECK_EQ(value.i, 42);
  return 0;
}

EDDY_TEST(loop, run_until_complete_refuses_a_future_of_another_loop)
{
  eddy_loop *loop, *other;
  eddy_future *future;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(test_loop(&other));
  CHECK_OK(test_future(other, &future));
  CHECK_CODE(eddy_loop_run_until_complete(loop, future, NULL), EDDY_EOTHERLOOP);
  CHECK_CODE(eddy_loop_run_until_complete(loop, NULL, NULL), EDDY_EINVAL);
  return 0;
}

EDDY_TEST(loop, run_until_complete_stopped_early_leaves_the_future_pending)
{
  eddy_loop *loop;
  eddy_future *future;
  eddy_value value = eddy_int(7);
  CHECK_OK(test_loop(&loop));
  CHECK_OK(test_future(loop, &future));
  CHECK_OK(eddy_loop_call_soon(loop, stop_loop, loop, NULL));
  CHECK_CODE(eddy_loop_run_until_complete(loop, future, &value), EDDY_ESTOPPED);
  CHECK(!eddy_future_done(future));
  CHECK_EQ(value.i, 7);
  /* The stop that was not its own has left no callback on it. */
  CHECK_OK(eddy_future_set_result(future, eddy_int(1)));
  CHECK_OK(eddy_loop_call_later(loop, EDDY_MS(1), trace_fn, "after", NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("stop after");
  return 0;
}

/* ---- stopping ---- */

EDDY_TEST(loop, run_forever_ends_by_stop_only)
{
  eddy_loop *loop;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(eddy_loop_call_later(loop, EDDY_MS(1), trace_fn, "timer", NULL));
  CHECK_OK(eddy_loop_call_later(loop, EDDY_MS(2), stop_loop, loop, NULL));
  CHECK_OK(eddy_loop_run_forever(loop));
  CHECK_TRACE("timer stop");
  return 0;
}

EDDY_TEST(loop, stop_is_spent_by_the_run_it_ended)
{
  eddy_loop *loop;
  CHECK_OK(test_loop(&loop));
  eddy_loop_stop(loop);
  eddy_loop_stop(loop);
  CHECK_OK(eddy_loop_run(loop));
  CHECK_OK(eddy_loop_call_later(loop, EDDY_MS(1), trace_fn, "timer", NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("timer");
  return 0;
}

EDDY_TEST(loop, stop_ends_run_with_work_left)
{
  eddy_loop *loop;
  eddy_loop_stats stats;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(eddy_loop_call_later(loop, EDDY_S(3600), trace_fn, "never", NULL));
  CHECK_OK(eddy_loop_call_soon(loop, stop_loop, loop, NULL));
  CHECK_OK(eddy_loop_run(loop));
  eddy_loop_get_stats(loop, &stats);
  CHECK_EQ(stats.timers, 1);
  CHECK_TRACE("stop");
  return 0;
}

/* ---- closing ---- */

EDDY_TEST(loop, closed_loop_refuses_every_call)
{
  eddy_loop *loop;
  eddy_handle *handle = NULL;
  eddy_future *future, *made = NULL;
  eddy_task *task = NULL;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(test_future(loop, &future));
  CHECK_OK(eddy_loop_close(loop));
  CHECK(eddy_loop_is_closed(loop));
  CHECK_CODE(eddy_loop_call_soon(loop, trace_fn, "x", &handle), EDDY_ECLOSED);
  CHECK_CODE(eddy_loop_call_later(loop, 0, trace_fn, "x", &handle), EDDY_ECLOSED);
  CHECK_CODE(eddy_loop_call_at(loop, 0, trace_fn, "x", &handle), EDDY_ECLOSED);
  CHECK_CODE(eddy_loop_call_soon_threadsafe(loop, trace_fn, "x"), EDDY_ECLOSED);
  CHECK_CODE(eddy_loop_add_reader(loop, 0, trace_fn, "x"), EDDY_ECLOSED);
  CHECK_CODE(eddy_loop_add_writer(loop, 0, trace_fn, "x"), EDDY_ECLOSED);
  CHECK_CODE(eddy_loop_add_signal_handler(loop, SIGUSR1, trace_fn, "x"), EDDY_ECLOSED);
  CHECK(!eddy_loop_remove_reader(loop, 0));
  CHECK(!eddy_loop_remove_writer(loop, 0));
  CHECK(!eddy_loop_remove_signal_handler(loop, SIGUSR1));
  CHECK_CODE(eddy_loop_run(loop), EDDY_ECLOSED);
  CHECK_CODE(eddy_loop_run_forever(loop), EDDY_ECLOSED);
  CHECK_CODE(eddy_loop_run_until_complete(loop, future, NULL), EDDY_ECLOSED);
  CHECK_CODE(eddy_loop_create_task(loop, trace_fn, "x", &task), EDDY_ECLOSED);
  CHECK_CODE(eddy_future_new(loop, &made), EDDY_ECLOSED);
  CHECK_PTR(handle, NULL);
  CHECK_PTR(task, NULL);
  CHECK_PTR(made, NULL);
  CHECK_TRACE("");
  return 0;
}

EDDY_TEST(loop, closed_loop_still_answers_questions)
{
  eddy_loop *loop;
  eddy_loop_stats stats;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(eddy_loop_call_later(loop, EDDY_MS(1), trace_fn, "timer", NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_OK(eddy_loop_call_later(loop, EDDY_S(3600), trace_fn, "never", NULL));
  CHECK_OK(eddy_loop_close(loop));
  CHECK(eddy_loop_time(loop) >= EDDY_MS(1));
  CHECK(!eddy_loop_is_running(loop));
  CHECK_PTR(eddy_loop_uv(loop), NULL);
  eddy_loop_get_stats(loop, &stats);
  CHECK_STR(stats.backend, test_backend());
  CHECK_EQ(stats.callbacks, 1);
  CHECK_EQ(stats.timers, 0);
  CHECK_EQ(stats.ready, 0);
  eddy_loop_stop(loop);
  eddy_loop_set_debug(loop, true);
  CHECK(eddy_loop_get_debug(loop));
  return 0;
}

EDDY_TEST(loop, free_closes_a_loop_with_work_left)
{
  eddy_loop **loop = test_loop_place();
  CHECK_OK(eddy_loop_new(NULL, loop));
  for (int i = 0; i < 1000; i++) {
    CHECK_OK(eddy_loop_call_soon(*loop, trace_fn, "soon", NULL));
    CHECK_OK(eddy_loop_call_later(*loop, EDDY_S(i), trace_fn, "later", NULL));
    CHECK_OK(eddy_loop_call_soon_threadsafe(*loop, trace_fn, "posted"));
  }
  eddy_loop_free(*loop);
  *loop = NULL;
  CHECK_TRACE("");
  return 0;
}

static int free_running(void *arg)
{
  (void)arg;
  eddy_loop_free(eddy_get_running_loop());
  return 0;
}

static int run_free_running(void *arg)
{
  (void)arg;
  eddy_loop *loop;
  int rc = eddy_loop_new(NULL, &loop);
  if (rc == 0) rc = eddy_loop_call_soon(loop, free_running, NULL, NULL);
  return rc == 0 ? eddy_loop_run(loop) : rc;
}

EDDY_TEST(loop, freeing_a_running_loop_is_a_worded_abort)
{
  static struct child child;
  CHECK_OK(child_run(&child, run_free_running, NULL));
  CHECK(child.aborted);
  CHECK_CONTAINS(child.text, "eddy_loop_free: the loop is running");
  return 0;
}

/* ---- holds ---- */

static int release_loop(void *loop)
{
  trace("release");
  eddy_loop_release(loop);
  return 0;
}

EDDY_TEST(loop, held_loop_does_not_end)
{
  eddy_loop *loop;
  eddy_loop_stats stats;
  CHECK_OK(test_loop(&loop));
  eddy_loop_hold(loop);
  eddy_loop_hold(loop);
  eddy_loop_get_stats(loop, &stats);
  CHECK_EQ(stats.holds, 2);
  CHECK_OK(eddy_loop_call_soon(loop, stop_loop, loop, NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_OK(eddy_loop_call_soon(loop, release_loop, loop, NULL));
  CHECK_OK(eddy_loop_call_soon(loop, release_loop, loop, NULL));
  CHECK_OK(eddy_loop_run(loop));
  eddy_loop_get_stats(loop, &stats);
  CHECK_EQ(stats.holds, 0);
  CHECK_TRACE("stop release release");
  return 0;
}

EDDY_TEST(loop, hold_can_be_released_after_the_loop_was_closed)
{
  eddy_loop *loop;
  eddy_loop_stats stats;
  CHECK_OK(test_loop(&loop));
  eddy_loop_hold(loop);
  CHECK_OK(eddy_loop_close(loop));
  eddy_loop_release(loop);
  eddy_loop_get_stats(loop, &stats);
  CHECK_EQ(stats.holds, 0);
  return 0;
}

static int release_too_often(void *arg)
{
  (void)arg;
  eddy_loop *loop;
  int rc = eddy_loop_new(NULL, &loop);
  if (rc < 0) return rc;
  eddy_loop_release(loop);
  return 0;
}

EDDY_TEST(loop, release_without_hold_is_a_worded_abort)
{
  static struct child child;
  CHECK_OK(child_run(&child, release_too_often, NULL));
  CHECK(child.aborted);
  CHECK_CONTAINS(child.text, "eddy_loop_release");
  return 0;
}

/* ---- the clock and the counters ---- */

EDDY_TEST_VIRTUAL(loop, virtual_time_begins_at_0_and_jumps_to_deadlines)
{
  eddy_loop *loop;
  CHECK_OK(test_loop(&loop));
  CHECK_EQ(eddy_loop_time(loop), 0);
  CHECK_OK(eddy_loop_call_later(loop, EDDY_S(7) + 3, trace_fn, "timer", NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_EQ(eddy_loop_time(loop), EDDY_S(7) + 3);
  return 0;
}

EDDY_TEST(loop, statistics_say_what_there_is)
{
  eddy_loop *loop;
  eddy_loop_stats stats;
  int count = 0;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(eddy_loop_call_soon(loop, count_call, &count, NULL));
  CHECK_OK(eddy_loop_call_soon(loop, count_call, &count, NULL));
  CHECK_OK(eddy_loop_call_later(loop, EDDY_MS(1), count_call, &count, NULL));
  eddy_loop_get_stats(loop, &stats);
  CHECK_STR(stats.backend, test_backend());
  CHECK_EQ(stats.ready, 2);
  CHECK_EQ(stats.timers, 1);
  CHECK_EQ(stats.callbacks, 0);
  CHECK_EQ(stats.iterations, 0);
  CHECK_EQ(stats.polls, 0);
  CHECK_STR(stats.stack_guard, "none");
  CHECK_OK(eddy_loop_run(loop));
  eddy_loop_get_stats(loop, &stats);
  CHECK_EQ(count, 3);
  CHECK_EQ(stats.ready, 0);
  CHECK_EQ(stats.timers, 0);
  CHECK_EQ(stats.callbacks, 3);
  CHECK_EQ(stats.steps, 0);
  CHECK(stats.polls >= 2 && stats.iterations >= stats.polls);
  return 0;
}

/* Two counters, the seed's program of callbacks: 25 timers in all. */
struct counter {
  eddy_loop *loop;
  const char *word;
  int left;
  eddy_time step;
};

static int count_on(void *arg)
{
  struct counter *counter = arg;
  trace("%s%d", counter->word, counter->left);
  if (--counter->left == 0) return 0;
  return eddy_loop_call_later(counter->loop, counter->step, count_on, counter, NULL);
}

EDDY_TEST(loop, waiting_does_not_spin)
{
  eddy_loop *loop;
  eddy_loop_stats stats;
  CHECK_OK(test_loop(&loop));
  struct counter down = {loop, "Down", 5, EDDY_MS(12)};
  struct counter up = {loop, "Up", 20, EDDY_MS(3)};
  CHECK_OK(eddy_loop_call_soon(loop, count_on, &down, NULL));
  CHECK_OK(eddy_loop_call_soon(loop, count_on, &up, NULL));
  CHECK_OK(eddy_loop_run(loop));
  eddy_loop_get_stats(loop, &stats);
  /* Virtual: 19 distinct deadlines. Else each of the 23 timers has its own, and libuv's
   * clock of whole milliseconds may end a few sleeps early. */
  CHECK(stats.polls <= (test_is_virtual() ? 19 + 4 : 23 + 12));
  return 0;
}
