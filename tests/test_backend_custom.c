/* What a backend of the program's own is asked for (toy_backend.h). */
#include "owned.h"
#include "toy_backend.h"

#include <signal.h>

static eddy_loop *loop; /* the case's */

EDDY_UNIT_TEST(backend_custom, custom_backend_runs_callbacks_and_timers)
{
  eddy_loop_stats stats;
  CHECK_OK(toy_loop(&loop));
  CHECK_OK(eddy_loop_call_later(loop, 20, trace_fn, "20", NULL));
  CHECK_OK(eddy_loop_call_later(loop, 10, trace_fn, "10a", NULL));
  CHECK_OK(eddy_loop_call_later(loop, 10, trace_fn, "10b", NULL));
  CHECK_OK(eddy_loop_call_soon(loop, trace_fn, "soon", NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("soon 10a 10b 20");
  CHECK_EQ(toy.now, 20);
  eddy_loop_get_stats(loop, &stats);
  CHECK_STR(stats.backend, "toy/toy");
  CHECK_EQ(stats.polls, toy.polls);
  CHECK_OK(eddy_loop_close(loop));
  CHECK_EQ(toy.opens, 1);
  CHECK_EQ(toy.closes, 1);
  CHECK_EQ(toy.scheduler_opens, 1);
  CHECK_EQ(toy.scheduler_closes, 1);
  return 0;
}

EDDY_UNIT_TEST(backend_custom, half_that_cannot_open_makes_no_loop)
{
  eddy_loop_options options = {.custom = &toy_backend};
  loop = NULL;
  memset(&toy, 0, sizeof toy);
  toy.io_open_code = EDDY_EMFILE;
  CHECK_CODE(eddy_loop_new(&options, &loop), EDDY_EMFILE);
  CHECK_EQ(toy.closes + toy.scheduler_opens + toy.scheduler_closes, 0);
  toy.io_open_code = 0;
  toy.scheduler_open_code = EDDY_ENOMEM;
  CHECK_CODE(eddy_loop_new(&options, &loop), EDDY_ENOMEM);
  CHECK_EQ(toy.opens, 1);
  CHECK_EQ(toy.closes, 1);
  CHECK_EQ(toy.scheduler_closes, 0);
  CHECK_PTR(loop, NULL);
  return 0;
}

/* ---- how long it may sleep ---- */

EDDY_UNIT_TEST(backend_custom, poll_may_sleep_until_the_nearest_deadline)
{
  eddy_handle **nearer = test_handles(1);
  CHECK_OK(toy_loop(&loop));
  CHECK_OK(eddy_loop_call_later(loop, 700, trace_fn, "700", NULL));
  CHECK_OK(eddy_loop_call_later(loop, 300, trace_fn, "300", nearer));
  CHECK_OK(eddy_loop_call_later(loop, 500, trace_fn, "500", NULL));
  eddy_handle_cancel(*nearer);
  CHECK_OK(eddy_loop_run(loop));
  CHECK_EQ(toy.timeouts[0], 500);
  CHECK_EQ(toy.timeouts[1], 200);
  CHECK_TRACE("500 700");
  return 0;
}

EDDY_UNIT_TEST(
    backend_custom, poll_may_not_sleep_while_anything_is_ready_or_stop_was_requested)
{
  CHECK_OK(toy_loop(&loop));
  CHECK_OK(eddy_loop_call_later(loop, 300, trace_fn, "300", NULL));
  CHECK_OK(eddy_loop_call_soon(loop, trace_fn, "soon", NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_EQ(toy.timeouts[0], 0);
  CHECK_EQ(toy.timeouts[1], 300);
  CHECK_OK(toy_loop(&loop));
  CHECK_OK(eddy_loop_call_later(loop, 300, trace_fn, "300", NULL));
  eddy_loop_stop(loop);
  CHECK_OK(eddy_loop_run(loop));
  CHECK_EQ(toy.polls, 1);
  CHECK_EQ(toy.timeouts[0], 0);
  CHECK_OK(toy_loop(&loop));
  CHECK_OK(eddy_loop_call_soon_threadsafe(loop, trace_fn, "posted"));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_EQ(toy.timeouts[0], 0);
  CHECK_TRACE("soon 300 posted");
  return 0;
}

EDDY_UNIT_TEST(backend_custom, poll_may_sleep_for_ever_without_timers)
{
  CHECK_OK(toy_loop(&loop));
  toy.alive = 3;
  CHECK_OK(eddy_loop_run(loop)); /* until the backend says that nothing can come */
  CHECK_EQ(toy.timeouts[0], EDDY_NEVER);
  CHECK_EQ(toy.timeouts[1], EDDY_NEVER);
  CHECK_EQ(toy.timeouts[2], EDDY_NEVER);
  CHECK_BETWEEN(3, toy.polls, 4);
  return 0;
}

EDDY_UNIT_TEST(backend_custom, poll_never_sleeps_longer_than_a_day)
{
  CHECK_OK(toy_loop(&loop));
  CHECK_OK(eddy_loop_call_later(loop, EDDY_S(3600 * 30), trace_fn, "due", NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_EQ(toy.timeouts[0], EDDY_S(3600 * 24));
  CHECK_EQ(toy.timeouts[1], EDDY_S(3600 * 6));
  CHECK_TRACE("due");
  return 0;
}

/* ---- how often it is asked ---- */

struct chain {
  int left;
  eddy_time step; /* how long a link takes, by the toy's clock */
};

static int link_on(void *arg)
{
  struct chain *chain = arg;
  toy.now += chain->step;
  return --chain->left > 0 ? eddy_loop_call_soon(loop, link_on, chain, NULL) : 0;
}

/* Runs a chain of callbacks; how many iterations it took. */
static int run_chain(int links, eddy_time step, bool empty, uint64_t *iterations)
{
  struct chain chain = {links, step};
  eddy_loop_stats stats;
  CHECK_OK(toy_loop(&loop));
  toy.empty = empty;
  CHECK_OK(eddy_loop_call_soon(loop, link_on, &chain, NULL));
  CHECK_OK(eddy_loop_run(loop));
  eddy_loop_get_stats(loop, &stats);
  *iterations = stats.iterations;
  return 0;
}

EDDY_UNIT_TEST(backend_custom, quick_callbacks_are_polled_for_every_64)
{
  uint64_t iterations = 0;
  CHECK_OK(run_chain(640, 0, false, &iterations));
  CHECK_BETWEEN(640, iterations, 642);
  CHECK_BETWEEN(10, toy.polls, 12);
  return 0;
}

EDDY_UNIT_TEST(backend_custom, slow_callbacks_are_polled_for_at_every_boundary)
{
  uint64_t iterations = 0;
  CHECK_OK(run_chain(640, EDDY_US(60), false, &iterations));
  CHECK_BETWEEN(640, iterations, 642);
  CHECK_BETWEEN(640 - 64, toy.polls, 642);
  return 0;
}

static int link_on_in_turns(void *arg)
{
  struct chain *chain = arg;
  if (chain->left % 2 == 0) toy.now += chain->step;
  if (--chain->left == 0) return 0;
  return eddy_loop_call_soon(loop, link_on_in_turns, chain, NULL);
}

/* As the callback that finds a descriptor ready and the step of the task that waited for it. */
EDDY_UNIT_TEST(backend_custom, no_poll_is_made_right_after_one_and_none_is_late)
{
  struct chain chain = {640, EDDY_US(60)};
  CHECK_OK(toy_loop(&loop));
  CHECK_OK(eddy_loop_call_soon(loop, link_on_in_turns, &chain, NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_BETWEEN(320 - 64, toy.polls, 322);
  return 0;
}

EDDY_UNIT_TEST(
    backend_custom, poll_that_would_find_nothing_is_left_out_until_nothing_is_ready)
{
  uint64_t iterations = 0;
  CHECK_OK(run_chain(640, EDDY_US(60), true, &iterations));
  CHECK_BETWEEN(640, iterations, 642);
  CHECK_BETWEEN(1, toy.polls, 2);
  return 0;
}

/* ---- wakes, operations, signals ---- */

EDDY_UNIT_TEST(backend_custom, posts_wake_the_backend_once)
{
  CHECK_OK(toy_loop(&loop));
  CHECK_OK(eddy_loop_call_soon_threadsafe(loop, trace_fn, "a"));
  CHECK_OK(eddy_loop_call_soon_threadsafe(loop, trace_fn, "b"));
  CHECK_EQ(atomic_load(&toy.wakes), 1);
  CHECK_OK(eddy_loop_run(loop));
  CHECK_OK(eddy_loop_call_soon_threadsafe(loop, trace_fn, "c"));
  CHECK_EQ(atomic_load(&toy.wakes), 2);
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("a b c");
  return 0;
}

static int remove_watch(void *fd)
{
  trace("fd%d", (int)(intptr_t)fd);
  return eddy_loop_remove_reader(loop, (int)(intptr_t)fd) ? 0 : EDDY_ERUNTIME;
}

EDDY_UNIT_TEST(backend_custom, signalled_operations_run_in_the_order_of_the_signals)
{
  eddy_loop_stats stats;
  CHECK_OK(toy_loop(&loop));
  for (int fd = 1; fd <= 3; fd++)
    CHECK_OK(eddy_loop_add_reader(loop, fd, remove_watch, (void *)(intptr_t)fd));
  eddy_loop_get_stats(loop, &stats);
  CHECK_EQ(stats.operations, 3);
  toy.events[0] = 3;
  toy.events[1] = 1;
  toy.events[2] = 2;
  toy.event_count = 3;
  CHECK_OK(eddy_loop_call_soon(loop, trace_fn, "ready", NULL));
  CHECK_OK(eddy_loop_call_later(loop, 0, trace_fn, "timer", NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("ready fd3 fd1 fd2 timer");
  eddy_loop_get_stats(loop, &stats);
  CHECK_EQ(stats.operations, 0);
  CHECK_CODE(eddy_loop_add_reader(loop, 99, remove_watch, NULL), EDDY_EBADF);
  return 0;
}

static int watch_and_signal(int fd)
{
  CHECK_OK(eddy_loop_add_reader(loop, fd, remove_watch, (void *)(intptr_t)fd));
  eddy_backend_signal(loop, toy.io->ops[fd]);
  return 0;
}

/* Of five that are signalled those are removed whose bits are set, from the first or from the
 * last on; then comes a sixth. */
static int signal_and_remove(void *bits)
{
  unsigned removed = (unsigned)(uintptr_t)bits;
  bool backwards = (removed & 1) != 0;
  for (int fd = 1; fd <= 5; fd++)
    CHECK_OK(watch_and_signal(fd));
  for (int i = 1; i <= 5; i++) {
    int fd = backwards ? 6 - i : i;
    if ((removed >> fd & 1) != 0) CHECK(eddy_loop_remove_reader(loop, fd));
  }
  return watch_and_signal(6);
}

EDDY_UNIT_TEST(backend_custom, signalled_operations_can_be_cancelled_in_any_order)
{
  CHECK_OK(toy_loop(&loop));
  for (unsigned removed = 0; removed < 64; removed++) {
    char left[32] = "";
    for (int fd = 1; fd <= 6; fd++) {
      if ((removed >> fd & 1) != 0) continue;
      snprintf(left + strlen(left), sizeof left - strlen(left), "%sfd%d",
          left[0] != 0 ? " " : "", fd);
    }
    CHECK_OK(
        eddy_loop_call_soon(loop, signal_and_remove, (void *)(uintptr_t)removed, NULL));
    CHECK_OK(eddy_loop_run(loop));
    CHECK_TRACE(left);
  }
  return 0;
}

static int receive(void *arg)
{
  char buffer[7];
  size_t got = 0;
  CHECK_OK(eddy_sock_recv((int)(intptr_t)arg, buffer, sizeof buffer, &got));
  trace("got%d", (int)got);
  return 0;
}

EDDY_UNIT_TEST(
    backend_custom, operation_is_finished_until_it_answers_something_else_than_pending)
{
  eddy_task *task;
  CHECK_OK(toy_loop(&loop));
  CHECK_OK(test_loop_task(loop, receive, (void *)(intptr_t)5, &task));
  eddy_loop_stop(loop);
  CHECK_OK(eddy_loop_run(loop)); /* the task waits now */
  CHECK_EQ(toy.starts, 1);
  toy.events[0] = 5;
  toy.event_count = 1;
  toy.not_ready = 2;
  CHECK_OK(eddy_loop_run(loop));
  CHECK(eddy_task_done(task));
  CHECK_EQ(toy.finishes, 3);
  CHECK_EQ(toy.cancels, 0);
  CHECK_TRACE("got7");
  return 0;
}

static int receive_in_vain(void *arg)
{
  char buffer[7];
  size_t got = 99;
  int rc = eddy_sock_recv((int)(intptr_t)arg, buffer, sizeof buffer, &got);
  CHECK_EQ(got, 99);
  trace("%s", eddy_err_name(rc));
  return rc;
}

static int cancel_task(void *task)
{
  CHECK(eddy_task_cancel(task, NULL));
  return 0;
}

EDDY_UNIT_TEST(backend_custom, operation_of_a_cancelled_task_is_cancelled)
{
  eddy_task *task;
  CHECK_OK(toy_loop(&loop));
  CHECK_OK(test_loop_task(loop, receive_in_vain, (void *)(intptr_t)5, &task));
  CHECK_OK(eddy_loop_call_later(loop, 10, cancel_task, task, NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK(eddy_task_cancelled(task));
  CHECK_EQ(toy.starts, 1);
  CHECK_EQ(toy.finishes, 0);
  CHECK_EQ(toy.cancels, 1);
  CHECK_TRACE("ECANCELLED");
  return 0;
}

static int end_watch(void *text)
{
  trace("%s", (const char *)text);
  CHECK(eddy_loop_remove_signal_handler(loop, SIGUSR1));
  return 0;
}

EDDY_UNIT_TEST(backend_custom, caught_signal_runs_the_handler)
{
  CHECK_OK(toy_loop(&loop));
  CHECK_OK(eddy_loop_add_signal_handler(loop, SIGUSR1, end_watch, "caught"));
  toy.caught = SIGUSR1;
  CHECK_OK(eddy_loop_run(loop));
  CHECK_EQ(toy.signal_starts, 1);
  CHECK_EQ(toy.signal_stops, 1);
  toy.caught = SIGUSR1; /* nobody has asked for it any more */
  CHECK_OK(eddy_loop_call_later(loop, 10, trace_fn, "timer", NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("caught timer");
  return 0;
}

EDDY_UNIT_TEST(backend_custom, signal_is_waited_for_as_long_as_it_takes)
{
  CHECK_OK(toy_loop(&loop));
  CHECK_OK(eddy_loop_add_signal_handler(loop, SIGUSR1, end_watch, "caught"));
  toy.quiet = 5;
  toy.caught = SIGUSR1;
  CHECK_OK(eddy_loop_run(loop));
  CHECK_EQ(toy.timeouts[4], EDDY_NEVER);
  CHECK_TRACE("caught");
  return 0;
}

EDDY_UNIT_TEST(backend_custom, holds_are_told_to_the_backend)
{
  CHECK_OK(toy_loop(&loop));
  CHECK_EQ(eddy_backend_holds(loop), 0);
  eddy_loop_hold(loop);
  eddy_loop_hold(loop);
  CHECK_EQ(eddy_backend_holds(loop), 2);
  eddy_loop_release(loop);
  CHECK_EQ(eddy_backend_holds(loop), 1);
  CHECK_EQ(atomic_load(&toy.wakes), 0);
  eddy_loop_release(loop);
  CHECK_EQ(eddy_backend_holds(loop), 0);
  CHECK_EQ(atomic_load(&toy.wakes), 1);
  return 0;
}
