/* SIGINT while eddy_run runs (rule 94). Each case is a process of its own, where SIGINT has
 * its default action. */
#include "capture.h"
#include "tasks.h"

#include <pthread.h>

static int in_child(int (*fn)(void *arg))
{
  struct child *child = test_new(sizeof *child);
  CHECK_OK(child_run(child, fn, NULL));
  CHECK_STR(child->text, "");
  CHECK_EQ(child->status, 0);
  return 0;
}

/* The action of SIGINT in this process: SIG_DFL or another. */
static bool is_default(void)
{
  struct sigaction action;
  return sigaction(SIGINT, NULL, &action) == 0 && action.sa_handler == SIG_DFL;
}

/* Runs fn as eddy_run does, from a state in which it watches SIGINT. */
static int run(eddy_fn *fn, eddy_value *value)
{
  signal(SIGINT, SIG_DFL);
  int rc = eddy_run_with(fn, NULL, NULL, NULL, value);
  return is_default() ? rc : EDDY_ERUNTIME;
}

static int interrupt(void *arg)
{
  (void)arg;
  return raise(SIGINT) == 0 ? 0 : EDDY_ERUNTIME;
}

/* Waits for what never comes, and traces how that ended. */
static int wait_long(const char *name)
{
  eddy_future *future;
  CHECK_OK(test_future(NULL, &future));
  int rc = eddy_await(future, NULL);
  trace("%s:%s:%u", name, eddy_err_name(rc), eddy_task_cancelling(eddy_current_task()));
  return rc;
}

static int wait_beside(void *name)
{
  return wait_long(name);
}

/* ---- the first one ---- */

static int main_beside_other(void *arg)
{
  CHECK(!is_default());
  CHECK_OK(eddy_create_task(wait_beside, "other", NULL));
  CHECK_OK(test_call_soon(interrupt, arg));
  return wait_long("main");
}

static int first_cancels(void *arg)
{
  (void)arg;
  CHECK_CODE(run(main_beside_other, NULL), EDDY_EINTERRUPTED);
  CHECK_TRACE("main:ECANCELLED:1 other:ECANCELLED:1");
  return 0;
}

EDDY_TEST(interrupt, first_cancels_the_main_task_and_is_told_to_the_caller)
{
  return in_child(first_cancels);
}

static int swallow(void *arg)
{
  CHECK_OK(test_call_soon(interrupt, arg));
  CHECK_CODE(wait_long("main"), EDDY_ECANCELLED);
  CHECK_OK(eddy_sleep(EDDY_MS(1)));
  return eddy_return(eddy_int(5));
}

static int swallowed(void *arg)
{
  (void)arg;
  eddy_value value = eddy_int(0);
  CHECK_OK(run(swallow, &value));
  CHECK_EQ(value.i, 5);
  CHECK_TRACE("main:ECANCELLED:1");
  return 0;
}

EDDY_TEST(interrupt, main_task_that_swallows_it_gives_its_value)
{
  return in_child(swallowed);
}

static int turn_into_error(void *arg)
{
  CHECK_OK(test_call_soon(interrupt, arg));
  (void)wait_long("main");
  return eddy_raise(EDDY_EIO, "on fire");
}

static int turned(void *arg)
{
  (void)arg;
  CHECK_CODE(run(turn_into_error, NULL), EDDY_EIO);
  CHECK_STR(eddy_message(EDDY_EIO), "on fire");
  return 0;
}

EDDY_TEST(interrupt, error_of_the_main_task_wins)
{
  return in_child(turned);
}

/* Somebody else cancels too: what comes out is that cancellation. */
static int be_cancelled_too(void *arg)
{
  CHECK_OK(test_call_soon(interrupt, arg));
  int rc = wait_long("main");
  (void)eddy_task_cancel(eddy_current_task(), NULL);
  return rc;
}

static int cancelled_too(void *arg)
{
  (void)arg;
  CHECK_CODE(run(be_cancelled_too, NULL), EDDY_ECANCELLED);
  CHECK_TRACE("main:ECANCELLED:1");
  return 0;
}

EDDY_TEST(interrupt, other_request_of_cancellation_counts_as_such)
{
  return in_child(cancelled_too);
}

static int interrupt_oneself(void *arg)
{
  CHECK_OK(interrupt(arg));
  trace("raised");
  return wait_long("main");
}

static int in_own_step(void *arg)
{
  (void)arg;
  CHECK_CODE(run(interrupt_oneself, NULL), EDDY_EINTERRUPTED);
  CHECK_TRACE("raised main:ECANCELLED:1");
  return 0;
}

EDDY_TEST(interrupt, raised_in_a_step_waits_for_the_step_to_end)
{
  return in_child(in_own_step);
}

static int sleep_long(void *arg)
{
  (void)arg;
  kill(getpid(), SIGINT);
  int rc = eddy_sleep(EDDY_S(3600));
  trace("%s", eddy_err_name(rc));
  return rc;
}

static int sleeping(void *arg)
{
  (void)arg;
  CHECK_CODE(run(sleep_long, NULL), EDDY_EINTERRUPTED);
  CHECK_TRACE("ECANCELLED");
  return 0;
}

EDDY_TEST_KERNEL(interrupt, ends_a_sleep_early)
{
  return in_child(sleeping);
}

/* ---- the second one ---- */

static int ignore_first(void *arg)
{
  CHECK_OK(test_call_soon(interrupt, arg));
  CHECK_CODE(wait_long("main"), EDDY_ECANCELLED);
  CHECK_OK(test_call_soon(interrupt, arg));
  int rc = wait_long("again");
  trace("cleanup");
  return rc;
}

static int second_ends(void *arg)
{
  (void)arg;
  /* Often: once all is warm, the loop runs several iterations without asking the kernel. */
  for (int i = 0; i < 20; i++) {
    CHECK_CODE(run(ignore_first, NULL), EDDY_EINTERRUPTED);
    CHECK_TRACE("main:ECANCELLED:1 again:ECANCELLED:2 cleanup");
  }
  return 0;
}

EDDY_TEST(interrupt, second_ends_the_run_at_once)
{
  return in_child(second_ends);
}

/* The main task has ended, but its loop has not yet: there is nothing to cancel. */
static int end_before_handler(void *arg)
{
  CHECK_OK(test_call_soon(interrupt, arg));
  CHECK_OK(eddy_sleep(0));
  return eddy_sleep(0);
}

static int after_the_end(void *arg)
{
  eddy_value value = eddy_int(7);
  (void)arg;
  CHECK_CODE(run(end_before_handler, &value), EDDY_EINTERRUPTED);
  CHECK_EQ(value.i, 7);
  return 0;
}

EDDY_TEST_VIRTUAL(interrupt, first_after_the_main_task_has_ended_ends_the_run)
{
  return in_child(after_the_end);
}

/* ---- several runs of a runner ---- */

static int runs_of(eddy_runner *runner)
{
  eddy_value value = eddy_int(0);
  CHECK_CODE(eddy_runner_run(runner, main_beside_other, NULL, NULL), EDDY_EINTERRUPTED);
  CHECK(is_default());
  CHECK_TRACE("main:ECANCELLED:1");
  CHECK_OK(eddy_runner_run(runner, swallow, NULL, &value));
  CHECK(is_default());
  CHECK_EQ(value.i, 5);
  CHECK_TRACE("main:ECANCELLED:1");
  CHECK_CODE(eddy_runner_run(runner, ignore_first, NULL, NULL), EDDY_EINTERRUPTED);
  CHECK(is_default());
  CHECK_TRACE("main:ECANCELLED:1");
  CHECK_OK(eddy_runner_close(runner));
  CHECK_TRACE("other:ECANCELLED:1 again:ECANCELLED:2 cleanup");
  return 0;
}

static int several_runs(void *arg)
{
  eddy_runner *runner;
  (void)arg;
  signal(SIGINT, SIG_DFL);
  CHECK_OK(eddy_runner_new(NULL, &runner));
  int rc = runs_of(runner);
  eddy_runner_free(runner);
  return rc;
}

EDDY_TEST(interrupt, each_run_of_a_runner_counts_anew)
{
  return in_child(several_runs);
}

/* ---- where eddy_run leaves SIGINT alone ---- */

static int look_at_action(void *expected_default)
{
  trace("%s", is_default() ? "default" : "other");
  (void)expected_default;
  return 0;
}

static void note_signal(int signum)
{
  (void)signum;
}

static int with_other_action(void *arg)
{
  struct sigaction action;
  (void)arg;
  signal(SIGINT, SIG_IGN);
  CHECK_OK(eddy_run(look_at_action, NULL));
  CHECK_OK(sigaction(SIGINT, NULL, &action));
  CHECK(action.sa_handler == SIG_IGN);
  signal(SIGINT, note_signal);
  CHECK_OK(eddy_run(interrupt, NULL));
  CHECK_OK(sigaction(SIGINT, NULL, &action));
  CHECK(action.sa_handler == note_signal);
  return 0;
}

EDDY_TEST(interrupt, programs_own_action_stays)
{
  return in_child(with_other_action);
}

static void *run_in_thread(void *arg)
{
  *(int *)arg = (eddy_run)(look_at_action, NULL);
  return NULL;
}

static int in_other_thread(void *arg)
{
  pthread_t thread;
  int rc = EDDY_ERUNTIME;
  (void)arg;
  signal(SIGINT, SIG_DFL);
  CHECK_EQ(pthread_create(&thread, NULL, run_in_thread, &rc), 0);
  CHECK_EQ(pthread_join(thread, NULL), 0);
  CHECK_OK(rc);
  CHECK_TRACE("default");
  return 0;
}

EDDY_TEST(interrupt, thread_other_than_the_first_does_not_watch_it)
{
  return in_child(in_other_thread);
}

static int set_future(void *future)
{
  return eddy_future_set_result(future, eddy_int(1));
}

static int handle_oneself(void *arg)
{
  eddy_future *future;
  CHECK_OK(test_future(NULL, &future));
  CHECK_OK(
      eddy_loop_add_signal_handler(eddy_get_running_loop(), SIGINT, set_future, future));
  CHECK_OK(test_call_soon(interrupt, arg));
  CHECK_OK(eddy_await(future, NULL));
  trace("handled");
  return 0;
}

static int own_handler(void *arg)
{
  (void)arg;
  CHECK_OK(run(handle_oneself, NULL));
  CHECK_TRACE("handled");
  return 0;
}

EDDY_TEST(interrupt, handler_of_the_programs_own_replaces_it)
{
  return in_child(own_handler);
}
