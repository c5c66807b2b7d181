/* Which backend a loop gets, and what a backend of the program's own is asked for. */
#include "owned.h"
#include "toy_backend.h"

#include <signal.h>
#include <stdlib.h>
#include <uv.h>

static eddy_loop *loop; /* the case's */

/* ---- names ---- */

/* The name that a loop with this option gets; NULL, and the code, if there is none. */
static const char *name_of(const char *option, int *rc)
{
  eddy_loop_options options = {.backend = option};
  eddy_loop_stats stats;
  eddy_loop *made = NULL;
  *rc = eddy_loop_new(&options, &made);
  if (*rc < 0) return NULL;
  eddy_loop_get_stats(made, &stats);
  eddy_loop_free(made);
  return stats.backend;
}

EDDY_TEST(backend, loop_gets_the_backend_it_names)
{
  static const char *const names[] = {
      "native/uv", "uv/uv", "native/virtual", "native/poll"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    int rc;
    const char *name = name_of(names[i], &rc);
    CHECK_OK(rc);
    CHECK_STR(name, names[i]);
  }
  return 0;
}

EDDY_UNIT_TEST(backend, unknown_names_are_refused_by_name)
{
  static const char *const names[] = {"native", "uv", "native/", "/uv", "/", "NATIVE/UV",
      "native/uv ", "native/uv/uv", "no-such/thing"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    int rc;
    CHECK_PTR(name_of(names[i], &rc), NULL);
    CHECK_CODE(rc, EDDY_EINVAL);
    CHECK_CONTAINS(eddy_message(rc), names[i]);
    CHECK_CONTAINS(eddy_message(rc), "native/uv, uv/uv, native/virtual");
  }
  return 0;
}

EDDY_UNIT_TEST(backend, pair_that_cannot_work_is_refused_with_the_reason)
{
  int rc;
  CHECK_PTR(name_of("uv/virtual", &rc), NULL);
  CHECK_CODE(rc, EDDY_EINVAL);
  CHECK_CONTAINS(eddy_message(rc), "uv/virtual");
  CHECK_CONTAINS(eddy_message(rc), "real clock");
  CHECK_PTR(name_of("uv/poll", &rc), NULL);
  CHECK_CODE(rc, EDDY_EINVAL);
  CHECK_CONTAINS(eddy_message(rc), "need libuv to wait");
  CHECK_PTR(name_of("uv/kqueue", &rc), NULL);
  CHECK_CODE(rc, EDDY_EINVAL);
  CHECK_CONTAINS(eddy_message(rc), "need libuv to wait");
  return 0;
}

/* Which of the two there is depends on the system, or on the test program (tests/kqueue). */
EDDY_UNIT_TEST(backend, poller_of_another_system_is_refused_with_the_reason)
{
  static const char *const pollers[] = {"epoll", "kqueue"};
  for (size_t i = 0; i < sizeof pollers / sizeof pollers[0]; i++) {
    char pair[32];
    int rc;
    snprintf(pair, sizeof pair, "native/%s", pollers[i]);
    const char *name = name_of(pair, &rc);
    if (rc == 0) {
      CHECK_STR(name, pair);
    } else {
      CHECK_CODE(rc, EDDY_EINVAL);
      CHECK_CONTAINS(eddy_message(rc), "this system has no");
      CHECK_CONTAINS(eddy_message(rc), pollers[i]);
    }
  }
  return 0;
}

static void restore_environment(void *value)
{
  if (value == NULL) {
    unsetenv("EDDY_BACKEND");
  } else {
    setenv("EDDY_BACKEND", value, 1);
  }
}

/* Keeps the environment's EDDY_BACKEND for the time after the test. */
static void keep_environment(void)
{
  const char *value = getenv("EDDY_BACKEND");
  char *copy = NULL;
  if (value != NULL) {
    copy = test_new(strlen(value) + 1);
    memcpy(copy, value, strlen(value) + 1);
  }
  test_defer(restore_environment, copy);
}

EDDY_TEST(backend, option_outranks_the_environment_and_that_the_default)
{
  int rc;
  keep_environment();
  unsetenv("EDDY_BACKEND");
  const char *usual = name_of("native/epoll", &rc) != NULL ? "native/epoll" : "native/uv";
  CHECK_STR(name_of(NULL, &rc), usual);
  CHECK_EQ(setenv("EDDY_BACKEND", "native/virtual", 1), 0);
  CHECK_STR(name_of(NULL, &rc), "native/virtual");
  CHECK_STR(name_of("uv/uv", &rc), "uv/uv");
  CHECK_EQ(setenv("EDDY_BACKEND", "", 1), 0);
  CHECK_STR(name_of(NULL, &rc), usual);
  return 0;
}

EDDY_UNIT_TEST(backend, unknown_name_in_the_environment_is_refused)
{
  int rc;
  keep_environment();
  CHECK_EQ(setenv("EDDY_BACKEND", "magic/wand", 1), 0);
  CHECK_PTR(name_of(NULL, &rc), NULL);
  CHECK_CODE(rc, EDDY_EINVAL);
  CHECK_CONTAINS(eddy_message(rc), "magic/wand");
  return 0;
}

EDDY_TEST(backend, hosts_loop_needs_libuv_for_both_halves)
{
  uv_loop_t host;
  CHECK_OK(uv_loop_init(&host));
  eddy_loop_options options = {.backend = "native/uv", .uv_loop = &host};
  int rc = eddy_loop_new(&options, &loop);
  options.backend = "native/virtual";
  int other = eddy_loop_new(&options, &loop);
  CHECK_OK(uv_loop_close(&host));
  CHECK_CODE(rc, EDDY_EINVAL);
  CHECK_CODE(other, EDDY_EINVAL);
  CHECK_CONTAINS(eddy_message(EDDY_EINVAL), "uv/uv");
  return 0;
}

EDDY_TEST(backend, libuvs_loop_can_be_had_where_there_is_one)
{
  CHECK_OK(test_loop(&loop));
  CHECK_EQ(eddy_loop_uv(loop) == NULL, test_is_virtual());
  return 0;
}

static void close_timer(void *arg)
{
  uv_handle_t *timer = arg;
  if (!uv_is_closing(timer)) uv_close(timer, NULL);
}

static void on_timer(uv_timer_t *timer)
{
  trace("%s", (const char *)timer->data);
  close_timer(timer);
}

static int start_timer(void *timer)
{
  trace("eddy");
  return uv_timer_start(timer, on_timer, 1, 0);
}

EDDY_TEST_KERNEL(backend, other_users_of_libuvs_loop_keep_it_running)
{
  uv_timer_t *timer = test_new(sizeof *timer);
  CHECK_OK(test_loop(&loop));
  CHECK(eddy_loop_uv(loop) != NULL);
  CHECK_OK(uv_timer_init(eddy_loop_uv(loop), timer));
  test_defer(close_timer, timer);
  timer->data = "libuv";
  CHECK_OK(eddy_loop_call_soon(loop, start_timer, timer, NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("eddy libuv");
  return 0;
}

/* ---- a backend of the program's own ---- */

EDDY_UNIT_TEST(backend, custom_backend_runs_callbacks_and_timers)
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

EDDY_UNIT_TEST(backend, half_that_cannot_open_makes_no_loop)
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

EDDY_UNIT_TEST(backend, poll_may_sleep_until_the_nearest_deadline)
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

EDDY_UNIT_TEST(backend, poll_may_not_sleep_while_anything_is_ready_or_stop_was_requested)
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

EDDY_UNIT_TEST(backend, poll_may_sleep_for_ever_without_timers)
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

EDDY_UNIT_TEST(backend, poll_never_sleeps_longer_than_a_day)
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

EDDY_UNIT_TEST(backend, quick_callbacks_are_polled_for_every_64)
{
  uint64_t iterations = 0;
  CHECK_OK(run_chain(640, 0, false, &iterations));
  CHECK_BETWEEN(640, iterations, 642);
  CHECK_BETWEEN(10, toy.polls, 12);
  return 0;
}

EDDY_UNIT_TEST(backend, slow_callbacks_are_polled_for_at_every_boundary)
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
EDDY_UNIT_TEST(backend, no_poll_is_made_right_after_one_and_none_is_late)
{
  struct chain chain = {640, EDDY_US(60)};
  CHECK_OK(toy_loop(&loop));
  CHECK_OK(eddy_loop_call_soon(loop, link_on_in_turns, &chain, NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_BETWEEN(320 - 64, toy.polls, 322);
  return 0;
}

EDDY_UNIT_TEST(backend, poll_that_would_find_nothing_is_left_out_until_nothing_is_ready)
{
  uint64_t iterations = 0;
  CHECK_OK(run_chain(640, EDDY_US(60), true, &iterations));
  CHECK_BETWEEN(640, iterations, 642);
  CHECK_BETWEEN(1, toy.polls, 2);
  return 0;
}

/* ---- wakes, operations, signals ---- */

EDDY_UNIT_TEST(backend, posts_wake_the_backend_once)
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

EDDY_UNIT_TEST(backend, signalled_operations_run_in_the_order_of_the_signals)
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

static int receive(void *arg)
{
  char buffer[7];
  size_t got = 0;
  CHECK_OK(eddy_sock_recv((int)(intptr_t)arg, buffer, sizeof buffer, &got));
  trace("got%d", (int)got);
  return 0;
}

EDDY_UNIT_TEST(
    backend, operation_is_finished_until_it_answers_something_else_than_pending)
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

EDDY_UNIT_TEST(backend, operation_of_a_cancelled_task_is_cancelled)
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

EDDY_UNIT_TEST(backend, caught_signal_runs_the_handler)
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

EDDY_UNIT_TEST(backend, signal_is_waited_for_as_long_as_it_takes)
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

EDDY_UNIT_TEST(backend, holds_are_told_to_the_backend)
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
