/* Runner: several runs on one loop, and what closing it does (rules 93, 94). */
#include "capture.h"
#include "tasks.h"

#include <pthread.h>

static void free_runner(void *runner)
{
  eddy_runner_free(runner);
}

static int test_runner(const eddy_loop_options *options, eddy_runner **out)
{
  int rc = eddy_runner_new(options, out);
  if (rc == 0) test_defer(free_runner, *out);
  return rc;
}

/* A runner whose loop traces what it reports. */
static int traced_runner(eddy_runner **out)
{
  eddy_loop *loop;
  CHECK_OK(test_runner(NULL, out));
  CHECK_OK(eddy_runner_get_loop(*out, &loop));
  trace_reports(loop);
  return 0;
}

static int give(void *arg)
{
  trace("give");
  return eddy_return(eddy_int((intptr_t)arg));
}

static int fail(void *arg)
{
  (void)arg;
  return eddy_raise(EDDY_EIO, "the disk is on fire");
}

static int wait_and_trace(void *name)
{
  int rc = eddy_sleep(EDDY_S(3600));
  trace("%s:%s", (const char *)name, rc == 0 ? "ok" : eddy_err_name(rc));
  return rc;
}

/* ---- runs ---- */

EDDY_TEST(runner, runs_give_values_and_errors_on_one_loop)
{
  eddy_runner *runner;
  eddy_loop *loop, *again;
  eddy_value value = eddy_int(0);
  CHECK_OK(test_runner(NULL, &runner));
  CHECK_OK(eddy_runner_run(runner, give, (void *)3, &value));
  CHECK_EQ(value.i, 3);
  CHECK_OK(eddy_runner_get_loop(runner, &loop));
  CHECK_CODE(eddy_runner_run(runner, fail, NULL, &value), EDDY_EIO);
  CHECK_STR(eddy_message(EDDY_EIO), "the disk is on fire");
  CHECK_EQ(value.i, 3);
  CHECK_OK((eddy_runner_run)(runner, give, (void *)4, &value));
  CHECK_EQ(value.i, 4);
  CHECK_OK(eddy_runner_run(runner, give, (void *)5, NULL));
  CHECK_OK(eddy_runner_get_loop(runner, &again));
  CHECK_PTR(loop, again);
  CHECK_PTR(eddy_get_running_loop(), NULL);
  CHECK(!eddy_loop_is_running(loop));
  return 0;
}

struct counter {
  eddy_frame frame;
  int rc;
};

static int sleep_stackless(eddy_frame *frame)
{
  struct counter *self = (struct counter *)frame;
  EDDY_BEGIN(frame);
  EDDY_AWAIT(frame, self->rc, eddy_sleep(EDDY_MS(1)));
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  EDDY_RETURN(frame, eddy_int(9));
  EDDY_END(frame);
}

EDDY_TEST(runner, runs_a_stackless_coroutine)
{
  eddy_runner *runner;
  eddy_value value = eddy_int(0);
  struct counter *body = test_new(sizeof *body);
  CHECK_OK(test_runner(NULL, &runner));
  eddy_frame_init(&body->frame, sleep_stackless);
  CHECK_OK(eddy_runner_run_coro(runner, &body->frame.coro, NULL, &value));
  CHECK_EQ(value.i, 9);
  return 0;
}

static int look_at_task(void *arg)
{
  (void)arg;
  trace("%s", eddy_task_get_name(eddy_current_task()));
  CHECK_STR(eddy_task_site(eddy_current_task()), "here");
  return 0;
}

EDDY_TEST(runner, run_takes_the_options_of_its_task)
{
  eddy_runner *runner;
  eddy_task_options options = {.name = "main", .site = "here"};
  CHECK_OK(test_runner(NULL, &runner));
  CHECK_OK(eddy_runner_run_with(runner, look_at_task, NULL, &options, NULL));
  CHECK_TRACE("main");
  return 0;
}

static int leave_one(void *name)
{
  CHECK_OK(eddy_create_task(wait_and_trace, name, NULL));
  return eddy_sleep(0);
}

static int nap(void *arg)
{
  (void)arg;
  CHECK_OK(eddy_sleep(EDDY_S(4000)));
  trace("napped");
  return 0;
}

EDDY_TEST_VIRTUAL(runner, task_left_by_a_run_goes_on_in_the_next)
{
  eddy_runner *runner;
  CHECK_OK(test_runner(NULL, &runner));
  CHECK_OK(eddy_runner_run(runner, leave_one, "left", NULL));
  CHECK_TRACE("");
  CHECK_OK(eddy_runner_run(runner, nap, NULL, NULL));
  CHECK_TRACE("left:ok napped");
  CHECK_OK(eddy_runner_close(runner));
  CHECK_TRACE("");
  return 0;
}

static int stop(void *arg)
{
  eddy_loop_stop(eddy_get_running_loop());
  return wait_and_trace(arg);
}

EDDY_TEST(runner, stopping_the_loop_ends_the_run_and_leaves_its_task)
{
  eddy_runner *runner;
  CHECK_OK(test_runner(NULL, &runner));
  CHECK_CODE(eddy_runner_run(runner, stop, "main", NULL), EDDY_ESTOPPED);
  CHECK_OK(eddy_runner_run(runner, give, NULL, NULL));
  CHECK_TRACE("give");
  CHECK_OK(eddy_runner_close(runner));
  CHECK_TRACE("main:ECANCELLED");
  return 0;
}

/* ---- its loop ---- */

EDDY_TEST(runner, loop_is_made_when_it_is_needed)
{
  eddy_runner *runner;
  eddy_loop *loop = NULL;
  eddy_loop_options options = {.backend = "no/such"};
  CHECK_OK(test_runner(&options, &runner));
  CHECK_CODE(eddy_runner_get_loop(runner, &loop), EDDY_EINVAL);
  CHECK_PTR(loop, NULL);
  CHECK_CODE(eddy_runner_run(runner, give, NULL, NULL), EDDY_EINVAL);
  CHECK_CONTAINS(eddy_message(EDDY_EINVAL), "no/such");
  CHECK_OK(eddy_runner_close(runner));
  CHECK_TRACE("");
  return 0;
}

EDDY_TEST(runner, options_are_copied)
{
  eddy_runner *runner;
  eddy_loop *loop;
  eddy_loop_stats stats;
  char backend[] = "native/virtual";
  eddy_loop_options options = {.backend = backend, .debug = true};
  CHECK_OK(test_runner(&options, &runner));
  memset(backend, 'x', sizeof backend - 1);
  options = (eddy_loop_options){0};
  CHECK_OK(eddy_runner_get_loop(runner, &loop));
  eddy_loop_get_stats(loop, &stats);
  CHECK_STR(stats.backend, "native/virtual");
  CHECK(eddy_loop_get_debug(loop));
  return 0;
}

EDDY_TEST(runner, is_not_in_debug_mode_unless_asked)
{
  eddy_runner *runner;
  eddy_loop *loop;
  CHECK_OK(test_runner(NULL, &runner));
  CHECK_OK(eddy_runner_get_loop(runner, &loop));
  CHECK(!eddy_loop_get_debug(loop));
  return 0;
}

EDDY_TEST(runner, loop_takes_work_between_runs)
{
  eddy_runner *runner;
  eddy_loop *loop;
  eddy_task *task;
  CHECK_OK(test_runner(NULL, &runner));
  CHECK_OK(eddy_runner_get_loop(runner, &loop));
  CHECK_OK(eddy_loop_call_soon(loop, trace_fn, "callback", NULL));
  CHECK_OK(test_loop_task(loop, trace_fn, "task", &task));
  CHECK_TRACE("");
  CHECK_OK(eddy_runner_run(runner, give, NULL, NULL));
  CHECK_TRACE("callback task give");
  return 0;
}

/* ---- what it refuses ---- */

EDDY_TEST(runner, refuses_bad_arguments)
{
  eddy_runner *runner;
  eddy_loop *loop;
  CHECK_OK(test_runner(NULL, &runner));
  CHECK_CODE(eddy_runner_new(NULL, NULL), EDDY_EINVAL);
  CHECK_CODE((eddy_runner_run)(runner, NULL, NULL, NULL), EDDY_EINVAL);
  CHECK_CODE((eddy_runner_run)(NULL, give, NULL, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_runner_run_coro(runner, NULL, NULL, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_runner_get_loop(NULL, &loop), EDDY_EINVAL);
  CHECK_CODE(eddy_runner_get_loop(runner, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_runner_close(NULL), EDDY_EINVAL);
  eddy_runner_free(NULL);
  return 0;
}

static int reenter(void *arg)
{
  eddy_runner *runner = arg;
  eddy_loop *loop;
  CHECK_CODE(eddy_runner_run(runner, give, NULL, NULL), EDDY_ERUNNING);
  CHECK_CONTAINS(eddy_message(EDDY_ERUNNING), "running in this thread");
  CHECK_CODE(eddy_runner_close(runner), EDDY_ERUNNING);
  CHECK_CONTAINS(eddy_message(EDDY_ERUNNING), "runner close");
  CHECK_OK(eddy_runner_get_loop(runner, &loop));
  CHECK_PTR(loop, eddy_get_running_loop());
  return eddy_sleep(0);
}

EDDY_TEST(runner, cannot_be_reentered_or_closed_by_its_own_task)
{
  eddy_runner *runner;
  CHECK_OK(test_runner(NULL, &runner));
  CHECK_OK(eddy_runner_run(runner, reenter, runner, NULL));
  CHECK_OK(eddy_runner_run(runner, give, NULL, NULL));
  CHECK_TRACE("give");
  return 0;
}

EDDY_TASK_TEST(runner, neither_runs_nor_closes_inside_another_loop)
{
  eddy_runner *runner;
  eddy_loop *loop;
  CHECK_OK(test_runner(NULL, &runner));
  CHECK_CODE(eddy_runner_run(runner, give, NULL, NULL), EDDY_ERUNNING);
  CHECK_OK(eddy_runner_get_loop(runner, &loop));
  CHECK_CODE(eddy_runner_close(runner), EDDY_ERUNNING);
  CHECK(!eddy_loop_is_closed(loop));
  CHECK_TRACE("");
  return 0;
}

EDDY_TEST(runner, closed_one_refuses_everything_but_another_close)
{
  eddy_runner *runner;
  eddy_loop *loop = NULL;
  CHECK_OK(test_runner(NULL, &runner));
  CHECK_OK(eddy_runner_run(runner, give, NULL, NULL));
  CHECK_OK(eddy_runner_close(runner));
  CHECK_OK(eddy_runner_close(runner));
  CHECK_CODE(eddy_runner_run(runner, give, NULL, NULL), EDDY_ECLOSED);
  CHECK_CONTAINS(eddy_message(EDDY_ECLOSED), "runner: it is closed");
  CHECK_CODE(eddy_runner_get_loop(runner, &loop), EDDY_ECLOSED);
  CHECK_PTR(loop, NULL);
  CHECK_TRACE("give");
  return 0;
}

EDDY_TEST(runner, closed_before_any_run_made_no_loop)
{
  eddy_runner *runner;
  CHECK_OK(test_runner(NULL, &runner));
  CHECK_OK(eddy_runner_close(runner));
  CHECK_CODE(eddy_runner_run(runner, give, NULL, NULL), EDDY_ECLOSED);
  CHECK_TRACE("");
  return 0;
}

EDDY_TEST(runner, loop_closed_by_the_program_is_closed_for_it)
{
  eddy_runner *runner;
  eddy_loop *loop;
  CHECK_OK(test_runner(NULL, &runner));
  CHECK_OK(eddy_runner_get_loop(runner, &loop));
  CHECK_OK(eddy_loop_close(loop));
  CHECK_CODE(eddy_runner_run(runner, give, NULL, NULL), EDDY_ECLOSED);
  CHECK_OK(eddy_runner_close(runner));
  return 0;
}

static void *use_elsewhere(void *arg)
{
  eddy_runner *runner = arg;
  int run = (eddy_runner_run)(runner, give, NULL, NULL);
  int closed = eddy_runner_close(runner);
  return run == EDDY_EOTHERTHREAD && closed == EDDY_EOTHERTHREAD ? arg : NULL;
}

EDDY_TEST(runner, belongs_to_the_thread_that_ran_it_first)
{
  eddy_runner *runner;
  pthread_t thread;
  void *result = NULL;
  CHECK_OK(test_runner(NULL, &runner));
  CHECK_OK(eddy_runner_run(runner, give, NULL, NULL));
  CHECK_EQ(pthread_create(&thread, NULL, use_elsewhere, runner), 0);
  CHECK_EQ(pthread_join(thread, &result), 0);
  CHECK_PTR(result, runner);
  CHECK_OK(eddy_runner_run(runner, give, NULL, NULL));
  CHECK_TRACE("give give");
  return 0;
}

/* ---- closing ---- */

static int fail_when_cancelled(void *arg)
{
  (void)eddy_sleep(EDDY_S(3600));
  trace("%s", (const char *)arg);
  return eddy_raise(EDDY_EIO, "cleanup failed");
}

static int leave_three(void *arg)
{
  CHECK_OK(eddy_create_task(fail_when_cancelled, "a", NULL));
  CHECK_OK(eddy_create_task(wait_and_trace, "b", NULL));
  CHECK_OK(eddy_create_task(fail_when_cancelled, "c", NULL));
  (void)arg;
  return eddy_sleep(0);
}

EDDY_TEST(runner, closing_cancels_what_is_left_waits_and_reports_errors)
{
  eddy_runner *runner;
  CHECK_OK(traced_runner(&runner));
  CHECK_OK(eddy_runner_run(runner, leave_three, NULL, NULL));
  CHECK_TRACE("");
  CHECK_OK(eddy_runner_close(runner));
  CHECK_TRACE("a b:ECANCELLED c "
              "[unhandled error while the runner was closing: EIO: cleanup failed] "
              "[unhandled error while the runner was closing: EIO: cleanup failed]");
  return 0;
}

EDDY_TEST(runner, freeing_closes)
{
  eddy_runner *runner;
  CHECK_OK(eddy_runner_new(NULL, &runner));
  int rc = eddy_runner_run(runner, leave_one, "left", NULL);
  eddy_runner_free(runner);
  CHECK_OK(rc);
  CHECK_TRACE("left:ECANCELLED");
  return 0;
}

static int turn_for_ever(void *arg)
{
  int rc = 0;
  (void)arg;
  for (int i = 0; rc == 0; i++) {
    trace("%d", i);
    rc = eddy_sleep(0);
  }
  trace("%s", eddy_err_name(rc));
  return rc;
}

static int spawn_in_cleanup(void *arg)
{
  int rc = eddy_sleep(EDDY_S(3600));
  trace("cleanup");
  CHECK_OK(eddy_create_task(turn_for_ever, arg, NULL));
  return rc;
}

static int leave_spawner(void *arg)
{
  CHECK_OK(eddy_create_task(spawn_in_cleanup, arg, NULL));
  return eddy_sleep(0);
}

/* The gather of what was cancelled, the generators' turn and the executor's: two iterations
 * each, as CPython 3.13 prints it. */
EDDY_TEST(runner, what_is_made_while_it_closes_has_six_iterations)
{
  eddy_runner *runner;
  CHECK_OK(traced_runner(&runner));
  CHECK_OK(eddy_runner_run(runner, leave_spawner, NULL, NULL));
  CHECK_OK(eddy_runner_close(runner));
  CHECK_TRACE(
      "cleanup 0 1 2 3 4 5 [a task was destroyed but it is pending] EGENERATOREXIT");
  return 0;
}

static int queue_again(void *count)
{
  trace("%d", (*(int *)count)++);
  return test_call_soon(queue_again, count);
}

static int leave_callback(void *count)
{
  return test_call_soon(queue_again, count);
}

EDDY_TEST(runner, callback_left_has_four_more_iterations)
{
  int *count = test_new(sizeof *count);
  CHECK_OK(eddy_run(leave_callback, count));
  CHECK_TRACE("0 1 2 3 4");
  return 0;
}

static int stop_in_cleanup(void *arg)
{
  int rc = eddy_sleep(EDDY_S(3600));
  eddy_loop_stop(eddy_get_running_loop());
  int turn = 0;
  while (turn < 10 && eddy_sleep(0) == 0)
    turn++;
  trace("%d", turn);
  (void)arg;
  return rc;
}

static int leave_stopper(void *arg)
{
  CHECK_OK(eddy_create_task(stop_in_cleanup, arg, NULL));
  return eddy_sleep(0);
}

EDDY_TEST(runner, stopping_the_loop_does_not_cut_the_closing_short)
{
  CHECK_OK(eddy_run(leave_stopper, NULL));
  CHECK_TRACE("10");
  return 0;
}

static int get_stuck(void *arg)
{
  eddy_future *future;
  (void)eddy_sleep(EDDY_S(3600));
  CHECK_OK(test_future(NULL, &future));
  (void)arg;
  return eddy_await(future, NULL);
}

static int leave_stuck(void *arg)
{
  CHECK_OK(eddy_create_task(get_stuck, arg, NULL));
  return eddy_sleep(0);
}

static int close_with_one_stuck(void *arg)
{
  eddy_runner *runner;
  CHECK_OK(traced_runner(&runner));
  CHECK_OK(eddy_runner_run(runner, leave_stuck, arg, NULL));
  CHECK_CODE(eddy_runner_close(runner), EDDY_EDEADLOCK);
  CHECK_TRACE("[a task was destroyed but it is pending]");
  CHECK_CODE(eddy_runner_run(runner, give, NULL, NULL), EDDY_ECLOSED);
  return 0;
}

EDDY_TEST(runner, task_stuck_in_its_cleanup_is_a_deadlock)
{
  NEEDS_ONE_THREAD();
  const char *text;
  CHECK_OK(alone(close_with_one_stuck, NULL, &text));
  CHECK_CONTAINS(text, "deadlock");
  return 0;
}
