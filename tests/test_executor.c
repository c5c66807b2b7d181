/* Jobs in threads: outcome, order, cancellation, and how long the loop has to do with them. */
#include "capture.h"
#include "gate.h"
#include "tasks.h"

/* ---- outcome ---- */

static int multiply(void *arg)
{
  return eddy_return(eddy_int(*(int *)arg * 6));
}

EDDY_TASK_TEST(executor, value_of_a_job_is_what_it_returned)
{
  int *seven = test_new(sizeof *seven);
  *seven = 7;
  eddy_future *future;
  eddy_value value;
  CHECK_OK(test_job(NULL, NULL, multiply, seven, &future));
  CHECK_OK(eddy_await(future, &value));
  CHECK_EQ(value.i, 42);
  return 0;
}

static int look_around(void *arg)
{
  uv_thread_t *self = arg;
  *self = uv_thread_self();
  if (eddy_get_running_loop() != NULL || eddy_current_task() != NULL) return EDDY_EIO;
  return eddy_sleep(0) == EDDY_ENOTASK ? 0 : EDDY_EIO;
}

EDDY_TASK_TEST(executor, job_runs_in_another_thread_without_a_loop)
{
  uv_thread_t *there = test_new(sizeof *there), here = uv_thread_self();
  eddy_future *future;
  CHECK_OK(test_job(NULL, NULL, look_around, there, &future));
  CHECK_OK(eddy_await(future, NULL));
  CHECK(!uv_thread_equal(there, &here));
  return 0;
}

static int fail(void *text)
{
  return eddy_raise(EDDY_EIO, "%s", (const char *)text);
}

EDDY_TASK_TEST(executor, error_of_a_job_reaches_the_awaiter_with_its_message)
{
  eddy_future *future;
  CHECK_OK(test_job(NULL, NULL, fail, "the disk is gone", &future));
  CHECK_CODE(eddy_await(future, NULL), EDDY_EIO);
  CHECK_STR(eddy_message(EDDY_EIO), "the disk is gone");
  CHECK_STR(eddy_future_message(future), "the disk is gone");
  return 0;
}

EDDY_TASK_TEST(executor, error_of_a_job_that_nobody_looks_at_is_reported)
{
  eddy_future *future;
  trace_reports(NULL);
  CHECK_OK(eddy_loop_run_in_executor_with(NULL, NULL, fail, "unseen", NULL, &future));
  int rc = 0;
  while (rc == 0 && !eddy_future_done(future))
    rc = eddy_sleep(0);
  eddy_future_unref(future);
  CHECK_OK(rc);
  CHECK_TRACE("[the error of a thread job was never retrieved: EIO: unseen]");
  return 0;
}

static int raise_cancelled(void *unused)
{
  (void)unused;
  return EDDY_ECANCELLED;
}

EDDY_TASK_TEST(executor, job_that_raises_cancelled_has_an_error_and_is_not_cancelled)
{
  eddy_future *future;
  CHECK_OK(test_job(NULL, NULL, raise_cancelled, NULL, &future));
  CHECK_CODE(eddy_await(future, NULL), EDDY_ECANCELLED);
  CHECK(!eddy_future_cancelled(future));
  return 0;
}

static int sleep_and_return(void *unused)
{
  (void)unused;
  CHECK_OK(eddy_sleep(EDDY_MS(1)));
  return eddy_return(eddy_int(5));
}

static int run_own_loop(void *unused)
{
  (void)unused;
  eddy_value value;
  CHECK_OK(eddy_run_with(sleep_and_return, NULL, NULL, NULL, &value));
  return eddy_return(value);
}

EDDY_TASK_TEST(executor, job_may_run_a_loop_of_its_own)
{
  eddy_future *future;
  eddy_value value;
  CHECK_OK(test_job(NULL, NULL, run_own_loop, NULL, &future));
  CHECK_OK(eddy_await(future, &value));
  CHECK_EQ(value.i, 5);
  return 0;
}

/* ---- order ---- */

struct turn {
  eddy_future *future;
  struct gate *gate;
};

static int second_turn(void *arg)
{
  struct turn *turn = arg;
  trace("done%d", eddy_future_done(turn->future));
  return 0;
}

static int first_turn(void *arg)
{
  struct turn *turn = arg;
  trace("done%d", eddy_future_done(turn->future));
  return test_call_soon(second_turn, turn);
}

/* With one thread, the first job has been posted when the second one has begun. */
EDDY_TASK_TEST(executor, outcome_is_set_in_one_iteration_and_the_task_runs_in_the_next)
{
  struct turn *turn = test_new(sizeof *turn);
  eddy_executor *executor;
  eddy_future *second;
  CHECK_OK(test_executor(1, &executor));
  CHECK_OK(gate_new(&turn->gate));
  CHECK_OK(test_job(NULL, executor, do_nothing, NULL, &turn->future));
  CHECK_OK(test_job(NULL, executor, gate_pass, turn->gate, &second));
  CHECK_OK(gate_await(turn->gate));
  CHECK(!eddy_future_done(turn->future));
  CHECK_OK(test_call_soon(first_turn, turn));
  CHECK_OK(eddy_await(turn->future, NULL));
  CHECK_TRACE("done0 done1");
  return 0;
}

static int note(void *arg)
{
  static int next;
  int *place = arg;
  *place = next++;
  return 0;
}

EDDY_TASK_TEST(executor, jobs_begin_in_the_order_in_which_they_came)
{
  enum { JOBS = 8 };
  int *places = test_new(JOBS * sizeof *places);
  eddy_future *futures[JOBS], *gated;
  struct gate *gate;
  eddy_executor *executor;
  CHECK_OK(test_executor(1, &executor));
  CHECK_OK(gate_new(&gate));
  CHECK_OK(test_job(NULL, executor, gate_pass, gate, &gated));
  for (int i = 0; i < JOBS; i++)
    CHECK_OK(test_job(NULL, executor, note, &places[i], &futures[i]));
  gate_open(gate, 1);
  for (int i = 0; i < JOBS; i++)
    CHECK_OK(eddy_await(futures[i], NULL));
  for (int i = 1; i < JOBS; i++)
    CHECK_EQ(places[i], places[0] + i);
  return 0;
}

/* ---- threads ---- */

static int note_thread(void *arg)
{
  uv_thread_t *self = arg;
  *self = uv_thread_self();
  return 0;
}

EDDY_TASK_TEST(executor, idle_thread_takes_the_next_job)
{
  uv_thread_t *threads = test_new(2 * sizeof *threads);
  eddy_executor *executor;
  CHECK_OK(test_executor(4, &executor));
  for (int i = 0; i < 2; i++) {
    eddy_future *future;
    CHECK_OK(test_job(NULL, executor, note_thread, &threads[i], &future));
    CHECK_OK(eddy_await(future, NULL));
  }
  CHECK(uv_thread_equal(&threads[0], &threads[1]));
  return 0;
}

struct crowd {
  atomic_int inside;
  atomic_int most;
};

static int join_crowd(void *arg)
{
  struct crowd *crowd = arg;
  int now = atomic_fetch_add(&crowd->inside, 1) + 1;
  int most = atomic_load(&crowd->most);
  while (now > most && !atomic_compare_exchange_weak(&crowd->most, &most, now)) {
  }
  atomic_fetch_sub(&crowd->inside, 1);
  return 0;
}

EDDY_TASK_TEST(executor, never_more_than_max_workers_jobs_run_at_once)
{
  enum { JOBS = 50 };
  struct crowd *crowd = test_new(sizeof *crowd);
  eddy_future *futures[JOBS];
  eddy_executor *executor;
  CHECK_OK(test_executor(3, &executor));
  for (int i = 0; i < JOBS; i++)
    CHECK_OK(test_job(NULL, executor, join_crowd, crowd, &futures[i]));
  for (int i = 0; i < JOBS; i++)
    CHECK_OK(eddy_await(futures[i], NULL));
  CHECK_BETWEEN(1, atomic_load(&crowd->most), 3);
  return 0;
}

EDDY_TASK_TEST(executor, jobs_run_side_by_side_while_there_are_threads)
{
  struct gate *gate;
  eddy_executor *executor;
  eddy_future *futures[3];
  CHECK_OK(test_executor(3, &executor));
  CHECK_OK(gate_new(&gate));
  for (int i = 0; i < 3; i++)
    CHECK_OK(test_job(NULL, executor, gate_pass, gate, &futures[i]));
  for (int i = 0; i < 3; i++)
    CHECK_OK(gate_await(gate));
  CHECK_EQ(atomic_load(&gate->inside), 3);
  gate_open(gate, 3);
  for (int i = 0; i < 3; i++)
    CHECK_OK(eddy_await(futures[i], NULL));
  return 0;
}

static int get_name(void *arg)
{
  char *name = arg;
  return -pthread_getname_np(pthread_self(), name, 16);
}

EDDY_TASK_TEST(executor, threads_are_named_after_the_prefix)
{
  char *name = test_new(16);
  eddy_executor *executor;
  eddy_future *future;
  CHECK_OK(test_executor(1, &executor));
  CHECK_OK(test_job(NULL, executor, get_name, name, &future));
  CHECK_OK(eddy_await(future, NULL));
  CHECK_STR(name, "test_0");
  return 0;
}

static void unref_executor(void *executor)
{
  eddy_executor_unref(executor);
}

EDDY_TASK_TEST(executor, long_prefix_is_cut_and_the_number_stays)
{
  char *name = test_new(16);
  eddy_executor_options options = {.thread_name_prefix = "a prefix that is far too long"};
  eddy_executor *executor;
  eddy_future *future;
  CHECK_OK(eddy_executor_new(&options, &executor));
  test_defer(unref_executor, executor);
  CHECK_OK(test_job(NULL, executor, get_name, name, &future));
  CHECK_OK(eddy_await(future, NULL));
  CHECK_STR(name, "a prefix that_0");
  return 0;
}

/* ---- the loop has work ---- */

EDDY_TEST(executor, loop_runs_until_the_last_job_is_done)
{
  struct gate *gate;
  eddy_loop *loop;
  eddy_future *future;
  eddy_loop_stats stats;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(gate_new(&gate));
  gate_open(gate, 1);
  CHECK_OK(test_job(loop, NULL, gate_pass, gate, &future));
  eddy_loop_get_stats(loop, &stats);
  CHECK_EQ(stats.holds, 1);
  CHECK_OK(eddy_loop_run(loop));
  CHECK(eddy_future_done(future));
  CHECK_EQ(atomic_load(&gate->passed), 1);
  eddy_loop_get_stats(loop, &stats);
  CHECK_EQ(stats.holds, 0);
  return 0;
}

static int open_gate(void *gate)
{
  trace("timer");
  gate_open(gate, 1);
  return 0;
}

/* The timer is due at once as soon as time may jump; only the job's end allows that. */
EDDY_TASK_TEST_VIRTUAL(executor, virtual_time_stands_while_a_job_is_outstanding)
{
  struct gate *gate, *other;
  eddy_executor *executor;
  eddy_future *future;
  CHECK_OK(test_executor(1, &executor));
  CHECK_OK(gate_new(&gate));
  CHECK_OK(gate_new(&other));
  CHECK_OK(test_job(NULL, executor, gate_pass, gate, &future));
  CHECK_OK(eddy_loop_call_later(
      eddy_get_running_loop(), EDDY_S(3600), open_gate, other, NULL));
  gate_open(gate, 1);
  CHECK_OK(eddy_await(future, NULL));
  CHECK_EQ(eddy_loop_time(eddy_get_running_loop()), 0);
  CHECK_TRACE("");
  return 0;
}

static int await_nothing(void *arg)
{
  eddy_future *future;
  CHECK_OK(eddy_to_thread(do_nothing, NULL, NULL));
  CHECK_OK(test_future(NULL, &future));
  (void)arg;
  return eddy_await(future, NULL);
}

static int run_await_nothing(void *arg)
{
  CHECK_CODE(eddy_run(await_nothing, arg), EDDY_EDEADLOCK);
  return 0;
}

EDDY_TEST(executor, idle_threads_do_not_hide_a_deadlock)
{
  NEEDS_ONE_THREAD();
  const char *text = "";
  CHECK_OK(alone(run_await_nothing, NULL, &text));
  CHECK_CONTAINS(text, "deadlock: every task waits");
  return 0;
}

/* ---- cancellation ---- */

EDDY_TASK_TEST(executor, cancelling_takes_effect_at_once_while_the_job_runs_on)
{
  struct gate *gate;
  eddy_executor *executor;
  eddy_future *future;
  eddy_loop_stats stats;
  CHECK_OK(test_executor(1, &executor));
  CHECK_OK(gate_new(&gate));
  CHECK_OK(test_job(NULL, executor, gate_pass, gate, &future));
  CHECK_OK(gate_await(gate));
  CHECK(eddy_future_cancel(future, "enough"));
  CHECK(eddy_future_cancelled(future));
  CHECK(!eddy_future_cancel(future, NULL));
  CHECK_CODE(eddy_await(future, NULL), EDDY_ECANCELLED);
  CHECK_STR(eddy_message(EDDY_ECANCELLED), "enough");
  eddy_loop_get_stats(eddy_get_running_loop(), &stats);
  CHECK_EQ(stats.holds, 0);
  CHECK_EQ(atomic_load(&gate->inside), 1);
  gate_open(gate, 1);
  CHECK_OK(eddy_executor_shutdown(executor, 0));
  CHECK_EQ(atomic_load(&gate->passed), 1);
  CHECK(eddy_future_cancelled(future));
  return 0;
}

static void trace_unstarted(void *text)
{
  trace("%s", (const char *)text);
}

static int must_not_run(void *unused)
{
  (void)unused;
  return test_failed(__FILE__, __LINE__, "a job ran that was dropped");
}

EDDY_TASK_TEST(executor, cancelled_job_that_has_not_begun_never_runs)
{
  static const eddy_job_options options = {.unstarted = trace_unstarted};
  struct gate *gate;
  eddy_executor *executor;
  eddy_future *running, *waiting;
  CHECK_OK(test_executor(1, &executor));
  CHECK_OK(gate_new(&gate));
  CHECK_OK(test_job(NULL, executor, gate_pass, gate, &running));
  CHECK_OK(eddy_loop_run_in_executor_with(
      NULL, executor, must_not_run, "unstarted", &options, &waiting));
  CHECK_TRACE("");
  CHECK(eddy_future_cancel(waiting, NULL));
  CHECK_TRACE("unstarted");
  CHECK(eddy_future_cancelled(waiting));
  eddy_future_unref(waiting);
  gate_open(gate, 1);
  CHECK_OK(eddy_await(running, NULL));
  CHECK_OK(eddy_executor_shutdown(executor, 0));
  return 0;
}

/* The outcome is already on its way to the loop when the future is cancelled. */
EDDY_TASK_TEST(executor, cancelling_wins_over_an_outcome_that_has_not_arrived)
{
  struct gate *gate;
  eddy_executor *executor;
  eddy_future *first, *second;
  eddy_loop_stats stats;
  CHECK_OK(test_executor(1, &executor));
  CHECK_OK(gate_new(&gate));
  CHECK_OK(test_job(NULL, executor, fail, "dropped", &first));
  CHECK_OK(test_job(NULL, executor, gate_pass, gate, &second));
  CHECK_OK(gate_await(gate));
  CHECK(eddy_future_cancel(first, NULL));
  CHECK(eddy_future_cancelled(first));
  gate_open(gate, 1);
  CHECK_OK(eddy_await(second, NULL));
  CHECK(eddy_future_cancelled(first));
  eddy_loop_get_stats(eddy_get_running_loop(), &stats);
  CHECK_EQ(stats.holds, 0);
  return 0;
}

EDDY_TASK_TEST(executor, result_of_a_job_cannot_be_set_from_outside)
{
  struct gate *gate;
  eddy_executor *executor;
  eddy_future *future;
  CHECK_OK(test_executor(1, &executor));
  CHECK_OK(gate_new(&gate));
  CHECK_OK(test_job(NULL, executor, gate_pass, gate, &future));
  CHECK_CODE(eddy_future_set_result(future, eddy_int(1)), EDDY_EINVALIDSTATE);
  gate_open(gate, 1);
  eddy_value value;
  CHECK_OK(eddy_await(future, &value));
  CHECK_EQ(value.i, 7);
  return 0;
}

/* ---- bad input ---- */

EDDY_TEST(executor, bad_arguments_are_refused)
{
  eddy_loop *loop;
  eddy_future *future = NULL;
  CHECK_OK(test_loop(&loop));
  CHECK_CODE(eddy_executor_new(NULL, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_executor_shutdown(NULL, 0), EDDY_EINVAL);
  CHECK_CODE(eddy_loop_set_default_executor(loop, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_loop_set_default_executor(NULL, NULL), EDDY_EINVAL);
  CHECK_CODE(
      eddy_loop_run_in_executor(NULL, NULL, do_nothing, NULL, &future), EDDY_EINVAL);
  CHECK_CODE(eddy_loop_run_in_executor(loop, NULL, NULL, NULL, &future), EDDY_EINVAL);
  CHECK_CODE(eddy_loop_run_in_executor_with(NULL, NULL, do_nothing, NULL, NULL, &future),
      EDDY_ENOLOOP);
  CHECK_CODE(eddy_to_thread(do_nothing, NULL, NULL), EDDY_ENOTASK);
  CHECK_CODE(eddy_loop_shutdown_default_executor(loop, EDDY_NEVER), EDDY_ENOTASK);
  CHECK_OK(eddy_loop_close(loop));
  CHECK_CODE(
      eddy_loop_run_in_executor(loop, NULL, do_nothing, NULL, &future), EDDY_ECLOSED);
  CHECK_PTR(future, NULL);
  eddy_executor_unref(NULL);
  return 0;
}
