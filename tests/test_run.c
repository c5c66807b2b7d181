/* eddy_run: its result, and how what is left ends (rule 93). */
#include "capture.h"
#include "tasks.h"

static int return_seven(void *arg)
{
  trace("ran");
  CHECK(eddy_current_task() != NULL);
  *(eddy_loop **)arg = eddy_get_running_loop();
  return eddy_return(eddy_int(7));
}

EDDY_TEST(run, gives_the_value_of_the_main_task)
{
  eddy_loop *loop = NULL;
  eddy_value value = eddy_int(3);
  CHECK_OK(eddy_run(return_seven, &loop));
  CHECK(loop != NULL);
  CHECK_OK(eddy_run_with(return_seven, &loop, NULL, NULL, &value));
  CHECK_EQ(value.i, 7);
  CHECK_PTR(eddy_get_running_loop(), NULL);
  CHECK_PTR(eddy_current_task(), NULL);
  CHECK_TRACE("ran ran");
  return 0;
}

static int fail(void *arg)
{
  (void)arg;
  (void)eddy_return(eddy_int(7));
  return eddy_raise(EDDY_EIO, "the disk is on fire");
}

static int return_cancelled(void *arg)
{
  (void)arg;
  return EDDY_ECANCELLED;
}

EDDY_TEST(run, gives_the_error_of_the_main_task_with_its_message)
{
  eddy_value value = eddy_int(3);
  CHECK_CODE(eddy_run_with(fail, NULL, NULL, NULL, &value), EDDY_EIO);
  CHECK_EQ(value.i, 3);
  CHECK_STR(eddy_message(EDDY_EIO), "the disk is on fire");
  CHECK_CODE(eddy_run(return_cancelled, NULL), EDDY_ECANCELLED);
  return 0;
}

EDDY_TEST(run, refuses_what_it_cannot_use)
{
  eddy_loop_options options = {.backend = "no/such"};
  CHECK_CODE((eddy_run)(NULL, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_run_with(NULL, NULL, NULL, NULL, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_run_with(fail, NULL, &options, NULL, NULL), EDDY_EINVAL);
  CHECK_CONTAINS(eddy_message(EDDY_EINVAL), "no/such");
  return 0;
}

static int run_callback(void *arg)
{
  CHECK_CODE((eddy_run)(fail, arg), EDDY_ERUNNING);
  trace("refused");
  return 0;
}

EDDY_TASK_TEST(run, is_refused_while_a_loop_runs)
{
  CHECK_CODE((eddy_run)(fail, NULL), EDDY_ERUNNING);
  CHECK_CONTAINS(eddy_message(EDDY_ERUNNING), "running in this thread");
  CHECK_OK(test_call_soon(run_callback, NULL));
  CHECK_OK(eddy_sleep(0));
  CHECK_TRACE("refused");
  return 0;
}

static int look_at_options(void *arg)
{
  eddy_loop_stats stats;
  (void)arg;
  eddy_loop_get_stats(eddy_get_running_loop(), &stats);
  CHECK_STR(stats.backend, "native/virtual");
  CHECK_STR(eddy_task_get_name(eddy_current_task()), "main");
  CHECK_CONTAINS(eddy_task_site(eddy_current_task()), "a place");
  CHECK(eddy_loop_get_debug(eddy_get_running_loop()));
  return 0;
}

EDDY_TEST(run, takes_options_for_the_loop_and_the_main_task)
{
  eddy_loop_options loop = {.backend = "native/virtual", .debug = true};
  eddy_task_options task = {.name = "main", .site = "a place"};
  CHECK_OK(eddy_run_with(look_at_options, NULL, &loop, &task, NULL));
  return 0;
}

/* ---- what is left when the main task ends ---- */

static int sleep_and_trace(void *name)
{
  int rc = eddy_sleep(EDDY_S(3600));
  trace("%s:%s", (const char *)name, rc == 0 ? "ok" : eddy_err_name(rc));
  return rc;
}

static int clean_up_slowly(void *name)
{
  int rc = eddy_sleep(EDDY_S(3600));
  CHECK_OK(eddy_sleep(EDDY_MS(2)));
  trace("%s:%s", (const char *)name, eddy_err_name(rc));
  return rc;
}

static int fail_when_cancelled(void *arg)
{
  (void)arg;
  (void)eddy_sleep(EDDY_S(3600));
  return eddy_raise(EDDY_EIO, "cleanup failed");
}

static int leave_tasks(void *arg)
{
  (void)arg;
  trace_reports(NULL);
  CHECK_OK(eddy_create_task(clean_up_slowly, "slow", NULL));
  CHECK_OK(eddy_create_task(sleep_and_trace, "a", NULL));
  CHECK_OK(eddy_create_task(fail_when_cancelled, NULL, NULL));
  CHECK_OK(eddy_sleep(0));
  CHECK_OK(eddy_create_task(sleep_and_trace, "new", NULL));
  trace("main");
  return eddy_return(eddy_int(5));
}

EDDY_TEST(run, cancels_the_tasks_left_and_waits_for_them)
{
  eddy_value value;
  CHECK_OK(eddy_run_with(leave_tasks, NULL, NULL, NULL, &value));
  CHECK_EQ(value.i, 5);
  CHECK_TRACE("main a:ECANCELLED new:ECANCELLED slow:ECANCELLED "
              "[unhandled error while the runner was closing: EIO: cleanup failed]");
  return 0;
}

static int ignore_all(void *arg)
{
  (void)arg;
  int rc;
  do {
    rc = eddy_sleep(EDDY_S(3600));
    if (rc == EDDY_ECANCELLED) trace("swallowed");
  } while (rc == EDDY_ECANCELLED);
  trace("%s", rc == 0 ? "ok" : eddy_err_name(rc));
  return rc;
}

/* As asyncio: only those that were there are cancelled and waited for. */
static int spawn_in_cleanup(void *arg)
{
  (void)arg;
  int rc = eddy_sleep(EDDY_S(3600));
  CHECK_OK(eddy_create_task(sleep_and_trace, "late", NULL));
  CHECK_OK(eddy_sleep(0));
  trace("spawned");
  return rc;
}

static int leave_spawner(void *arg)
{
  (void)arg;
  trace_reports(NULL);
  CHECK_OK(eddy_create_task(spawn_in_cleanup, NULL, NULL));
  return eddy_sleep(0);
}

EDDY_TEST(run, task_made_while_it_ends_is_destroyed_pending)
{
  CHECK_OK(eddy_run(leave_spawner, NULL));
  CHECK_TRACE("spawned [a task was destroyed but it is pending] late:EGENERATOREXIT");
  return 0;
}

static int spawn_short_lived(void *arg)
{
  (void)arg;
  int rc = eddy_sleep(EDDY_S(3600));
  CHECK_OK(eddy_create_task(trace_fn, "short", NULL));
  return rc;
}

static int leave_short_lived(void *arg)
{
  (void)arg;
  trace_reports(NULL);
  CHECK_OK(eddy_create_task(spawn_short_lived, NULL, NULL));
  return eddy_sleep(0);
}

EDDY_TEST(run, task_made_while_it_ends_may_still_end)
{
  struct capture *capture = capture_begin();
  CHECK_OK(eddy_run(leave_short_lived, NULL));
  CHECK_STR(capture_end(capture), "");
  CHECK_TRACE("short");
  return 0;
}

/* The main task's own error comes out, not those of the tasks left. */
static int fail_and_leave(void *arg)
{
  trace_reports(NULL);
  CHECK_OK(eddy_create_task(fail_when_cancelled, NULL, NULL));
  CHECK_OK(eddy_sleep(0));
  (void)arg;
  return eddy_raise(EDDY_ENOENT, "no page");
}

EDDY_TEST(run, error_of_a_task_left_is_only_reported)
{
  CHECK_CODE(eddy_run(fail_and_leave, NULL), EDDY_ENOENT);
  CHECK_STR(eddy_message(EDDY_ENOENT), "no page");
  CHECK_TRACE("[unhandled error while the runner was closing: EIO: cleanup failed]");
  return 0;
}

static int stop_loop(void *arg)
{
  (void)arg;
  trace_reports(NULL);
  CHECK_OK(eddy_create_task(sleep_and_trace, "a", NULL));
  eddy_loop_stop(eddy_get_running_loop());
  int rc = eddy_sleep(EDDY_S(3600));
  trace("main:%s", eddy_err_name(rc));
  return rc;
}

EDDY_TEST(run, stopping_its_loop_ends_it)
{
  CHECK_CODE(eddy_run(stop_loop, NULL), EDDY_ESTOPPED);
  CHECK_TRACE("main:ECANCELLED");
  return 0;
}

/* Time goes on while the tasks left clean up. */
static int leave_ignorer(void *arg)
{
  (void)arg;
  trace_reports(NULL);
  CHECK_OK(eddy_create_task(ignore_all, NULL, NULL));
  return eddy_sleep(0);
}

EDDY_TEST_VIRTUAL(run, waits_for_a_task_that_swallows_the_cancellation)
{
  CHECK_OK(eddy_run(leave_ignorer, NULL));
  CHECK_TRACE("swallowed ok");
  return 0;
}

EDDY_TEST(run, may_follow_another)
{
  eddy_loop *loop;
  for (int i = 0; i < 3; i++)
    CHECK_OK(eddy_run(return_seven, &loop));
  CHECK_TRACE("ran ran ran");
  return 0;
}
