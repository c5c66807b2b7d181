/*
 * What one iteration does, in which order: rules 1 to 14 of asyncio's loop. The expected
 * traces are CPython 3.13's; those of ties and of timers (5, 7) are eddy's own promise.
 */
#include "all_ready.h"

#include <signal.h>

#include "base/clock.h"

static eddy_loop *loop; /* the case's */
static eddy_handle **handles;

static int begin(void)
{
  handles = test_handles(2);
  return test_loop(&loop);
}

static int soon(eddy_fn *fn, void *arg)
{
  return eddy_loop_call_soon(loop, fn, arg, NULL);
}

static uint64_t iteration(void)
{
  eddy_loop_stats stats;
  eddy_loop_get_stats(loop, &stats);
  return stats.iterations;
}

static int stop(void *unused)
{
  (void)unused;
  eddy_loop_stop(loop);
  return 0;
}

/* ---- 1: ready, then I/O, then timers ---- */

EDDY_TASK_TEST(iteration, ready_callbacks_run_before_io_and_io_before_timers)
{
  CHECK_OK(await_all_ready(make_all_ready, NULL));
  CHECK_TRACE("ready io timer");
  return 0;
}

/* Takes longer than callbacks usually do, in many iterations, before it makes all ready. */
static int dawdle(void *arg)
{
  int *left = arg;
  eddy_time end = eddy__clock_now() + EDDY_US(200);
  while (eddy__clock_now() < end) {
    /* The processor is not to be had for a while. */
  }
  return --*left > 0 ? soon(dawdle, left) : soon(make_all_ready, NULL);
}

EDDY_TASK_TEST(iteration, io_runs_before_timers_after_slow_callbacks_too)
{
  int left = 80;
  loop = eddy_get_running_loop();
  CHECK_OK(await_all_ready(dawdle, &left));
  CHECK_TRACE("ready io timer");
  return 0;
}

/* ---- 2: what is queued meanwhile waits ---- */

static int queue_one_more(void *text)
{
  trace("%s", (const char *)text);
  trace("in%d", (int)iteration());
  return soon(trace_fn, "c");
}

static int trace_iteration(void *text)
{
  trace("%s", (const char *)text);
  trace("in%d", (int)iteration());
  return 0;
}

EDDY_TEST(iteration, callbacks_queued_while_it_runs_wait_for_the_next)
{
  CHECK_OK(begin());
  CHECK_OK(soon(queue_one_more, "a"));
  CHECK_OK(soon(trace_iteration, "b"));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("a in1 b in1 c");
  return 0;
}

struct chain {
  bool over;
  int links;
  eddy_time limit;
};

/* Requeues itself until somebody says that it is over. */
static int requeue(void *arg)
{
  struct chain *chain = arg;
  chain->links++;
  if (chain->over || eddy_loop_time(loop) > chain->limit) return 0;
  return soon(requeue, chain);
}

static int end_chain(void *arg)
{
  struct chain *chain = arg;
  chain->over = true;
  return 0;
}

static int pair[2];

static int end_chain_by_io(void *arg)
{
  (void)eddy_loop_remove_reader(loop, pair[0]);
  return end_chain(arg);
}

EDDY_TEST_KERNEL(iteration, requeueing_callback_cannot_starve_a_timer)
{
  struct chain chain = {.limit = INT64_MAX};
  CHECK_OK(begin());
  chain.limit = eddy_loop_time(loop) + EDDY_S(30);
  CHECK_OK(soon(requeue, &chain));
  CHECK_OK(eddy_loop_call_later(loop, EDDY_MS(1), end_chain, &chain, NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK(chain.over);
  return 0;
}

EDDY_TEST(iteration, requeueing_callback_cannot_starve_a_timer_that_is_due)
{
  struct chain chain = {.limit = INT64_MAX};
  CHECK_OK(begin());
  CHECK_OK(soon(requeue, &chain));
  CHECK_OK(eddy_loop_call_later(loop, 0, end_chain, &chain, NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK(chain.over);
  CHECK_EQ(chain.links, 2); /* in the timer's iteration and in the one after */
  return 0;
}

EDDY_TASK_TEST(iteration, requeueing_callback_cannot_starve_a_descriptor)
{
  struct chain *chain = test_new(sizeof *chain);
  size_t sent;
  loop = eddy_get_running_loop();
  chain->limit = eddy_loop_time(loop) + EDDY_S(30);
  CHECK_OK(test_pair(pair));
  CHECK_OK(soon(requeue, chain));
  CHECK_OK(eddy_loop_add_reader(loop, pair[0], end_chain_by_io, chain));
  CHECK_OK(eddy_sleep(0));
  CHECK_OK(eddy_sock_send(pair[1], "x", 1, &sent));
  while (!chain->over) {
    CHECK(eddy_loop_time(loop) <= chain->limit && chain->links < 100000000);
    CHECK_OK(eddy_sleep(0));
  }
  return 0;
}

/* A burst, in which the backend is not asked each time: the order stays. */
static int burst_step(void *arg)
{
  static const char *const ready[] = {"r0", "r1", "r2", "r3", "r4"};
  static const char *const timer[] = {"t0", "t1", "t2", "t3", "t4"};
  int i = (int)(intptr_t)arg;
  trace("s%d", i);
  if (i < 4) CHECK_OK(soon(burst_step, (void *)(intptr_t)(i + 1)));
  CHECK_OK(eddy_loop_call_later(loop, 0, trace_fn, (void *)(uintptr_t)timer[i], NULL));
  return soon(trace_fn, (void *)(uintptr_t)ready[i]);
}

EDDY_TEST(iteration, burst_keeps_its_order_with_timers_that_are_due_at_once)
{
  CHECK_OK(begin());
  CHECK_OK(soon(burst_step, NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("s0 s1 r0 t0 s2 r1 t1 s3 r2 t2 s4 r3 t3 r4 t4");
  return 0;
}

/* ---- 3: how long it waits ---- */

static int trace_time(void *text)
{
  trace("%s", (const char *)text);
  trace("at%" PRId64, eddy_loop_time(loop) / EDDY_S(3600));
  return 0;
}

EDDY_TEST_VIRTUAL(iteration, poll_does_not_wait_while_anything_is_ready)
{
  CHECK_OK(begin());
  CHECK_OK(eddy_loop_call_later(loop, EDDY_S(3600), trace_time, "timer", NULL));
  CHECK_OK(soon(trace_time, "ready"));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("ready at0 timer at1");
  return 0;
}

EDDY_TEST(iteration, poll_does_not_wait_when_stop_was_requested)
{
  CHECK_OK(begin());
  CHECK_OK(eddy_loop_call_later(loop, EDDY_S(3600), trace_fn, "timer", NULL));
  eddy_time before = eddy_loop_time(loop);
  eddy_loop_stop(loop);
  CHECK_OK(eddy_loop_run(loop));
  CHECK(eddy_loop_time(loop) - before < EDDY_S(3600));
  CHECK_TRACE("");
  return 0;
}

EDDY_TEST_VIRTUAL(iteration, poll_waits_for_the_nearest_deadline)
{
  CHECK_OK(begin());
  CHECK_OK(eddy_loop_call_later(loop, EDDY_S(7200), trace_time, "second", NULL));
  CHECK_OK(eddy_loop_call_later(loop, EDDY_S(3600), trace_time, "first", NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("first at1 second at2");
  return 0;
}

/* ---- 4: due timers and the clock ---- */

static int outlast_a_timer(void *unused)
{
  (void)unused;
  trace("a");
  eddy_time when = eddy_loop_time(loop) + EDDY_US(100);
  CHECK_OK(eddy_loop_call_at(loop, when, trace_fn, "timer", NULL));
  while (eddy_loop_time(loop) <= when)
    continue;
  return soon(trace_fn, "b");
}

EDDY_TEST_KERNEL(iteration, timer_that_becomes_due_meanwhile_runs_behind_what_is_queued)
{
  CHECK_OK(begin());
  CHECK_OK(soon(outlast_a_timer, NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("a b timer");
  return 0;
}

static int watch_the_clock(void *unused)
{
  (void)unused;
  eddy_time before = eddy_loop_time(loop), now = before;
  while (now < before + EDDY_US(10)) {
    now = eddy_loop_time(loop);
    CHECK(now >= before);
  }
  CHECK_OK(eddy_loop_call_later(loop, EDDY_MS(1), trace_fn, "timer", &handles[0]));
  CHECK(eddy_handle_when(handles[0]) >= now + EDDY_MS(1));
  CHECK(eddy_handle_when(handles[0]) <= eddy_loop_time(loop) + EDDY_MS(1));
  return 0;
}

EDDY_TEST_KERNEL(iteration, clock_is_read_afresh_at_each_call)
{
  CHECK_OK(begin());
  CHECK_OK(soon(watch_the_clock, NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("timer");
  return 0;
}

/* ---- 5 to 8: timers ---- */

EDDY_TEST(iteration, equal_deadlines_run_in_the_order_they_were_booked)
{
  static const char *const names[] = {"A", "B", "C", "D", "E", "F", "G", "H", "I"};
  CHECK_OK(begin());
  eddy_time now = eddy_loop_time(loop) - EDDY_S(1);
  CHECK_OK(eddy_loop_call_at(loop, now + 1, trace_fn, "later", NULL));
  for (size_t i = 0; i < 9; i++)
    CHECK_OK(eddy_loop_call_at(loop, now, trace_fn, (void *)(uintptr_t)names[i], NULL));
  CHECK_OK(eddy_loop_call_at(loop, now - 1, trace_fn, "earlier", NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("earlier A B C D E F G H I later");
  return 0;
}

EDDY_TEST(iteration, delay_0_or_negative_runs_behind_everything_ready)
{
  CHECK_OK(begin());
  CHECK_OK(eddy_loop_call_later(loop, 0, trace_fn, "zero", NULL));
  CHECK_OK(eddy_loop_call_later(loop, -EDDY_S(1), trace_fn, "negative", NULL));
  CHECK_OK(
      eddy_loop_call_at(loop, eddy_loop_time(loop) - EDDY_S(5), trace_fn, "past", NULL));
  CHECK_OK(soon(trace_fn, "ready"));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("ready past negative zero");
  return 0;
}

EDDY_TEST(iteration, cancelled_timer_is_dropped_at_once)
{
  eddy_loop_stats stats;
  CHECK_OK(begin());
  CHECK_OK(eddy_loop_call_later(loop, EDDY_S(3600), trace_fn, "never", &handles[0]));
  CHECK_OK(eddy_loop_call_later(loop, EDDY_S(1800), trace_fn, "nor this", &handles[1]));
  eddy_handle_cancel(handles[0]);
  eddy_loop_get_stats(loop, &stats);
  CHECK_EQ(stats.timers, 1);
  eddy_handle_cancel(handles[1]);
  eddy_loop_get_stats(loop, &stats);
  CHECK_EQ(stats.timers, 0);
  CHECK_OK(eddy_loop_run(loop)); /* has nothing to wait for */
  CHECK_TRACE("");
  return 0;
}

static int cancel_first(void *text)
{
  trace("%s", (const char *)text);
  eddy_handle_cancel(handles[0]);
  return 0;
}

EDDY_TEST(iteration, handle_cancelled_before_its_turn_is_skipped)
{
  CHECK_OK(begin());
  CHECK_OK(soon(cancel_first, "a"));
  CHECK_OK(eddy_loop_call_soon(loop, trace_fn, "b", &handles[0]));
  CHECK_OK(soon(trace_fn, "c"));
  CHECK_OK(eddy_loop_run(loop));
  CHECK(eddy_handle_cancelled(handles[0]));
  CHECK_TRACE("a c");
  return 0;
}

EDDY_TEST(iteration, due_timer_cancelled_before_its_turn_is_skipped)
{
  CHECK_OK(begin());
  eddy_time now = eddy_loop_time(loop);
  CHECK_OK(eddy_loop_call_at(loop, now - 3, cancel_first, "a", NULL));
  CHECK_OK(eddy_loop_call_at(loop, now - 2, trace_fn, "b", &handles[0]));
  CHECK_OK(eddy_loop_call_at(loop, now - 1, trace_fn, "c", NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("a c");
  return 0;
}

/* 9, descriptors, is in test_watch.c. */

/* ---- 10: errors ---- */

static int fail(void *text)
{
  trace("%s", (const char *)text);
  return EDDY_EIO;
}

static int note_error(eddy_loop *of, const eddy_exception_context *context, void *arg)
{
  (void)arg;
  trace("%s:%s", of == loop ? "reported" : "elsewhere", eddy_err_name(context->error));
  return 0;
}

EDDY_TEST(iteration, error_goes_to_the_handler_and_the_rest_still_runs)
{
  CHECK_OK(begin());
  eddy_loop_set_exception_handler(loop, note_error, NULL);
  CHECK_OK(soon(trace_fn, "a"));
  CHECK_OK(soon(fail, "b"));
  CHECK_OK(eddy_loop_call_soon(loop, fail, "c", &handles[0]));
  CHECK_OK(soon(trace_fn, "d"));
  CHECK_OK(eddy_loop_call_later(loop, 0, fail, "e", NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("a b reported:EIO c reported:EIO d e reported:EIO");
  return 0;
}

/* ---- 11: stop ---- */

static int stop_and_queue(void *text)
{
  trace("%s", (const char *)text);
  eddy_loop_stop(loop);
  return soon(trace_fn, "later");
}

static int queue_later(void *text)
{
  trace("%s", (const char *)text);
  return soon(trace_fn, "later");
}

EDDY_TEST(iteration, stop_completes_it_and_keeps_what_was_queued)
{
  CHECK_OK(begin());
  CHECK_OK(soon(stop_and_queue, "a"));
  CHECK_OK(soon(trace_fn, "b"));
  CHECK_OK(eddy_loop_run_forever(loop));
  CHECK_TRACE("a b");
  CHECK_OK(soon(stop, NULL));
  CHECK_OK(eddy_loop_run_forever(loop));
  CHECK_TRACE("later");
  return 0;
}

EDDY_TEST(iteration, stop_before_a_run_means_one_that_does_not_wait)
{
  CHECK_OK(begin());
  CHECK_OK(soon(trace_fn, "a"));
  CHECK_OK(soon(queue_later, "b"));
  CHECK_OK(eddy_loop_call_later(loop, EDDY_S(3600), trace_fn, "timer", NULL));
  eddy_loop_stop(loop);
  CHECK_OK(eddy_loop_run_forever(loop));
  CHECK_EQ(iteration(), 1);
  CHECK_TRACE("a b");
  return 0;
}

/* ---- 12: run_until_complete ---- */

static int end_at_once(void *unused)
{
  (void)unused;
  return 0;
}

static int yield_once(void *unused)
{
  (void)unused;
  return eddy_sleep(0);
}

EDDY_TEST(iteration, run_until_complete_ends_one_after_the_task)
{
  eddy_task *task;
  CHECK_OK(begin());
  CHECK_OK(test_loop_task(loop, end_at_once, NULL, &task));
  CHECK_OK(eddy_loop_run_until_complete(loop, eddy_task_future(task), NULL));
  CHECK_EQ(iteration(), 2);
  CHECK_OK(eddy_loop_run_until_complete(loop, eddy_task_future(task), NULL));
  CHECK_EQ(iteration(), 3); /* it was done: one more */
  CHECK_OK(test_loop_task(loop, yield_once, NULL, &task));
  CHECK_OK(eddy_loop_run_until_complete(loop, eddy_task_future(task), NULL));
  CHECK_EQ(iteration(), 6);
  return 0;
}

/* 13, the loop that cannot be re-entered and its end, is in test_reentry.c; 14, other
 * threads and signals, in test_threadsafe.c and test_signal.c. */
