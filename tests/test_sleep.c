/* Sleeping. */
#include "tasks.h"

struct sleeper {
  eddy_frame frame;
  const char *name;
  eddy_time delay;
  int rc;
};

static int sleep_and_trace(eddy_frame *frame)
{
  struct sleeper *self = (struct sleeper *)frame;
  EDDY_BEGIN(frame);
  EDDY_AWAIT(frame, self->rc, eddy_sleep(self->delay));
  trace("%s", self->name);
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  EDDY_END(frame);
}

static int sleeper_task(int kind, const char *name, eddy_time delay, eddy_task **out)
{
  struct sleeper *sleeper = test_new(sizeof *sleeper);
  sleeper->name = name;
  sleeper->delay = delay;
  return test_frame_task(kind, sleeper, sleep_and_trace, out);
}

EDDY_UNIT_TEST(sleep, is_refused_outside_a_task)
{
  CHECK_CODE(eddy_sleep(0), EDDY_ENOTASK);
  CHECK_CODE(eddy_sleep(EDDY_MS(1)), EDDY_ENOTASK);
  CHECK_CODE(eddy_sleep(EDDY_NEVER), EDDY_ENOTASK);
  return 0;
}

EDDY_TASK_TEST(sleep, zero_or_negative_lets_others_run_first)
{
  CHECK_OK(test_call_soon(trace_fn, "a"));
  CHECK_OK(test_call_soon(trace_fn, "b"));
  CHECK_OK(eddy_sleep(0));
  trace("c");
  CHECK_OK(test_call_soon(trace_fn, "d"));
  CHECK_OK(eddy_sleep(EDDY_S(-5)));
  trace("e");
  CHECK_OK(eddy_sleep(INT64_MIN));
  CHECK_TRACE("a b c d e");
  return 0;
}

EDDY_TASK_TEST(sleep, zero_books_no_timer)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_loop_stats stats;
    eddy_task *task;
    CHECK_OK(sleeper_task(kind, "task", 0, &task));
    CHECK_OK(eddy_sleep(0));
    eddy_loop_get_stats(eddy_get_running_loop(), &stats);
    CHECK_EQ(stats.timers, 0);
    CHECK_EQ(stats.parked, 0);
    CHECK_OK(eddy_task_await(task, NULL));
    CHECK_TRACE("task");
  }
  return 0;
}

EDDY_TASK_TEST_VIRTUAL(sleep, lasts_exactly_as_long_as_it_says)
{
  eddy_time start = eddy_loop_time(eddy_get_running_loop());
  CHECK_OK(eddy_sleep(1));
  CHECK_EQ(eddy_loop_time(eddy_get_running_loop()) - start, 1);
  CHECK_OK(eddy_sleep(EDDY_S(86400) - 1));
  CHECK_EQ(eddy_loop_time(eddy_get_running_loop()) - start, EDDY_S(86400));
  return 0;
}

EDDY_TASK_TEST(sleep, never_shorter_than_it_says)
{
  for (int i = 0; i < 20; i++) {
    eddy_time start = eddy_loop_time(eddy_get_running_loop());
    CHECK_OK(eddy_sleep(EDDY_US(300)));
    CHECK(eddy_loop_time(eddy_get_running_loop()) - start >= EDDY_US(300));
  }
  return 0;
}

EDDY_TASK_TEST(sleep, sleepers_wake_by_deadline)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_task *late, *early, *first;
    CHECK_OK(sleeper_task(kind, "late", EDDY_MS(40), &late));
    CHECK_OK(sleeper_task(kind, "early", EDDY_MS(20), &early));
    CHECK_OK(sleeper_task(kind, "first", 0, &first));
    CHECK_OK(eddy_task_await(late, NULL));
    CHECK_TRACE("first early late");
  }
  return 0;
}

EDDY_TASK_TEST_VIRTUAL(sleep, equal_deadlines_wake_in_booking_order)
{
  eddy_task *tasks[8];
  static const char *names[] = {"0", "1", "2", "3", "4", "5", "6", "7"};
  for (int i = 0; i < 8; i++)
    CHECK_OK(sleeper_task(i % 2, names[i], EDDY_S(1), &tasks[i]));
  for (int i = 0; i < 8; i++)
    CHECK_OK(eddy_task_await(tasks[i], NULL));
  CHECK_TRACE("0 1 2 3 4 5 6 7");
  return 0;
}

/* A callback due in the same instant runs one iteration before the task that slept. */
EDDY_TASK_TEST_VIRTUAL(sleep, wakes_one_iteration_after_the_timer)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_loop *loop = eddy_get_running_loop();
    eddy_task *task;
    CHECK_OK(eddy_loop_call_later(loop, EDDY_S(1), trace_fn, "callback", NULL));
    CHECK_OK(sleeper_task(kind, "task", EDDY_S(1), &task));
    CHECK_OK(eddy_sleep(0));
    CHECK_OK(eddy_loop_call_later(loop, EDDY_S(1), trace_fn, "later", NULL));
    CHECK_OK(eddy_task_await(task, NULL));
    CHECK_TRACE("callback later task");
  }
  return 0;
}

EDDY_TASK_TEST(sleep, bare_yield_comes_before_a_timer_that_is_due)
{
  CHECK_OK(eddy_loop_call_later(eddy_get_running_loop(), 0, trace_fn, "timer", NULL));
  CHECK_OK(test_call_soon(trace_fn, "soon"));
  CHECK_OK(eddy_sleep(0));
  trace("task");
  CHECK_OK(eddy_sleep(0));
  trace("again");
  CHECK_TRACE("soon task timer again");
  return 0;
}

EDDY_TASK_TEST(sleep, without_end_ends_by_cancellation_only)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    static const eddy_time delays[] = {EDDY_NEVER, EDDY_NEVER - 1};
    for (int i = 0; i < 2; i++) {
      eddy_loop_stats stats;
      eddy_task *task;
      CHECK_OK(sleeper_task(kind, "task", delays[i], &task));
      CHECK_OK(eddy_sleep(0));
      eddy_loop_get_stats(eddy_get_running_loop(), &stats);
      CHECK_EQ(stats.parked, 1);
      CHECK(eddy_task_cancel(task, NULL));
      CHECK_CODE(eddy_task_await(task, NULL), EDDY_ECANCELLED);
      CHECK_TRACE("task");
    }
  }
  return 0;
}

/* The countdown and the countup of the lesson, in tasks: sleeping costs no polling. */
static int count_down(void *arg)
{
  (void)arg;
  for (int n = 5; n > 0; n--)
    CHECK_OK(eddy_sleep(EDDY_S(4)));
  return 0;
}

static int count_up(void *arg)
{
  (void)arg;
  for (int n = 0; n < 20; n++)
    CHECK_OK(eddy_sleep(EDDY_S(1)));
  return 0;
}

EDDY_TASK_TEST_VIRTUAL(sleep, polls_once_for_each_deadline)
{
  eddy_loop *loop = eddy_get_running_loop();
  eddy_loop_stats before, after;
  eddy_task *down, *up;
  eddy_loop_get_stats(loop, &before);
  CHECK_OK(test_task(count_down, NULL, &down));
  CHECK_OK(test_task(count_up, NULL, &up));
  CHECK_OK(eddy_task_await(up, NULL));
  CHECK_OK(eddy_task_await(down, NULL));
  eddy_loop_get_stats(loop, &after);
  CHECK_EQ(eddy_loop_time(loop), EDDY_S(20));
  CHECK_EQ(eddy_task_steps(down) + eddy_task_steps(up), 27);
  /* 20 deadlines, each followed by an iteration in which the task runs. */
  CHECK_BETWEEN(20, after.polls - before.polls, 2 * 20 + 4);
  return 0;
}
