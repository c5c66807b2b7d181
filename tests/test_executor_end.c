/* How executors end: by themselves, with their loop, with eddy_run, and in a child after fork. */
#include "capture.h"
#include "gate.h"
#include "tasks.h"

static void trace_unstarted(void *text)
{
  trace("%s", (const char *)text);
}

static int must_not_run(void *unused)
{
  (void)unused;
  return test_failed(__FILE__, __LINE__, "a job ran that was dropped");
}

/* ---- shutdown ---- */

EDDY_TASK_TEST(executor_end, shutdown_waits_for_everything_taken_on)
{
  struct gate *gate;
  eddy_executor *executor;
  eddy_future *futures[3];
  CHECK_OK(test_executor(1, &executor));
  CHECK_OK(gate_new(&gate));
  for (int i = 0; i < 3; i++)
    CHECK_OK(test_job(NULL, executor, gate_pass, gate, &futures[i]));
  gate_open(gate, 3);
  CHECK_OK(eddy_executor_shutdown(executor, 0));
  CHECK_EQ(atomic_load(&gate->passed), 3);
  for (int i = 0; i < 3; i++)
    CHECK(!eddy_future_done(futures[i])); /* the loop has not heard of it */
  for (int i = 0; i < 3; i++)
    CHECK_OK(eddy_await(futures[i], NULL));
  CHECK_OK(eddy_executor_shutdown(executor, 0));
  return 0;
}

EDDY_TASK_TEST(executor_end, executor_that_is_shut_down_takes_no_more_work)
{
  eddy_executor *executor;
  eddy_future *future = NULL;
  eddy_loop_stats stats;
  CHECK_OK(test_executor(1, &executor));
  CHECK_OK(eddy_executor_shutdown(executor, EDDY_EXECUTOR_NOWAIT));
  CHECK_CODE(eddy_loop_run_in_executor(
                 eddy_get_running_loop(), executor, must_not_run, NULL, &future),
      EDDY_ERUNTIME);
  CHECK_CONTAINS(eddy_message(EDDY_ERUNTIME), "the executor is shut down");
  CHECK_PTR(future, NULL);
  eddy_loop_get_stats(eddy_get_running_loop(), &stats);
  CHECK_EQ(stats.holds, 0);
  return 0;
}

EDDY_TASK_TEST(executor_end, shutdown_without_waiting_leaves_the_work_to_its_threads)
{
  struct gate *gate;
  eddy_executor *executor;
  eddy_future *running, *queued;
  CHECK_OK(test_executor(1, &executor));
  CHECK_OK(gate_new(&gate));
  CHECK_OK(test_job(NULL, executor, gate_pass, gate, &running));
  CHECK_OK(test_job(NULL, executor, gate_pass, gate, &queued));
  CHECK_OK(eddy_executor_shutdown(executor, EDDY_EXECUTOR_NOWAIT));
  CHECK_EQ(atomic_load(&gate->passed), 0);
  gate_open(gate, 2);
  CHECK_OK(eddy_await(running, NULL));
  CHECK_OK(eddy_await(queued, NULL));
  return 0;
}

EDDY_TASK_TEST(executor_end, shutdown_may_drop_what_has_not_begun)
{
  static const eddy_job_options options = {.unstarted = trace_unstarted};
  struct gate *gate;
  eddy_executor *executor;
  eddy_future *running, *queued;
  CHECK_OK(test_executor(1, &executor));
  CHECK_OK(gate_new(&gate));
  CHECK_OK(test_job(NULL, executor, gate_pass, gate, &running));
  CHECK_OK(eddy_loop_run_in_executor_with(
      NULL, executor, must_not_run, "unstarted", &options, &queued));
  test_defer_late(gate_unref_future, queued);
  CHECK_OK(gate_await(gate));
  CHECK_OK(eddy_executor_shutdown(executor, EDDY_EXECUTOR_NOWAIT | EDDY_EXECUTOR_CANCEL));
  CHECK(!eddy_future_done(queued)); /* the loop hears of it as of any outcome */
  CHECK_CODE(eddy_await(queued, NULL), EDDY_ECANCELLED);
  CHECK(eddy_future_cancelled(queued));
  CHECK_TRACE("unstarted");
  gate_open(gate, 1);
  CHECK_OK(eddy_await(running, NULL));
  return 0;
}

static int end_own_executor(void *executor)
{
  return eddy_executor_shutdown(executor, 0);
}

EDDY_TASK_TEST(executor_end, thread_does_not_wait_for_its_own_end)
{
  eddy_executor *executor;
  eddy_future *future;
  CHECK_OK(test_executor(1, &executor));
  CHECK_OK(test_job(NULL, executor, end_own_executor, executor, &future));
  CHECK_CODE(eddy_await(future, NULL), EDDY_ERUNTIME);
  CHECK_CONTAINS(eddy_message(EDDY_ERUNTIME), "its own end");
  return 0;
}

EDDY_TASK_TEST(executor_end, thread_that_does_the_last_job_may_outlive_all_references)
{
  struct gate *gate;
  eddy_executor *executor;
  eddy_future *future;
  CHECK_OK(gate_new(&gate));
  CHECK_OK(eddy_executor_new(NULL, &executor));
  int rc = test_job(NULL, executor, gate_pass, gate, &future);
  eddy_executor_unref(executor);
  CHECK_OK(rc);
  gate_open(gate, 1);
  CHECK_OK(eddy_await(future, NULL));
  return 0;
}

/* ---- with the loop ---- */

EDDY_TEST(executor_end, closing_the_loop_drops_what_has_not_begun_and_leaves_the_rest)
{
  static const eddy_job_options options = {.unstarted = trace_unstarted};
  struct gate *gate;
  eddy_executor *executor;
  eddy_loop *loop;
  eddy_future *running, *queued;
  CHECK_OK(test_executor(1, &executor));
  CHECK_OK(test_loop(&loop));
  CHECK_OK(gate_new(&gate));
  CHECK_OK(test_job(loop, executor, gate_pass, gate, &running));
  CHECK_OK(eddy_loop_run_in_executor_with(
      loop, executor, must_not_run, "unstarted", &options, &queued));
  test_defer_late(gate_unref_future, queued);
  CHECK_OK(gate_await(gate));
  CHECK_OK(eddy_loop_close(loop));
  CHECK_TRACE("unstarted");
  CHECK(!eddy_future_done(running));
  CHECK(!eddy_future_done(queued));
  CHECK(eddy_future_cancel(running, NULL)); /* it is nobody's any more */
  gate_open(gate, 1);
  CHECK_OK(eddy_executor_shutdown(executor, 0));
  CHECK_EQ(atomic_load(&gate->passed), 1);
  return 0;
}

/* One job has been handed back to the loop, which never takes it. */
EDDY_TEST(executor_end, closing_the_loop_drops_outcomes_that_have_not_arrived)
{
  struct gate *gate;
  eddy_executor *executor;
  eddy_loop *loop;
  eddy_future *first, *second;
  CHECK_OK(test_executor(1, &executor));
  CHECK_OK(test_loop(&loop));
  CHECK_OK(gate_new(&gate));
  CHECK_OK(test_job(loop, executor, do_nothing, NULL, &first));
  CHECK_OK(test_job(loop, executor, gate_pass, gate, &second));
  CHECK_OK(gate_await(gate));
  CHECK_OK(eddy_loop_close(loop));
  CHECK(!eddy_future_done(first));
  return 0;
}

EDDY_TEST(executor_end, closing_the_loop_shuts_its_executor_down)
{
  eddy_executor *executor;
  eddy_loop *loop, *other;
  eddy_future *future = NULL;
  CHECK_OK(test_executor(1, &executor));
  CHECK_OK(test_loop(&loop));
  CHECK_OK(test_loop(&other));
  CHECK_OK(eddy_loop_set_default_executor(loop, executor));
  CHECK_OK(eddy_loop_close(loop));
  CHECK_CODE(eddy_loop_set_default_executor(loop, executor), EDDY_ECLOSED);
  CHECK_CODE(eddy_loop_run_in_executor(other, executor, must_not_run, NULL, &future),
      EDDY_ERUNTIME);
  return 0;
}

static int get_name(void *arg)
{
  char *name = arg;
  return -pthread_getname_np(pthread_self(), name, 16);
}

EDDY_TASK_TEST(executor_end, default_executor_can_be_replaced)
{
  char *name = test_new(16);
  eddy_executor *executor;
  eddy_loop *loop = eddy_get_running_loop();
  CHECK_OK(eddy_to_thread(get_name, name, NULL));
  CHECK_STR(name, "eddy_0");
  CHECK_OK(test_executor(1, &executor));
  CHECK_OK(eddy_loop_set_default_executor(loop, executor));
  CHECK_OK(eddy_to_thread(get_name, name, NULL));
  CHECK_STR(name, "test_0");
  return 0;
}

/* ---- shutdown_default_executor ---- */

EDDY_TASK_TEST(executor_end, shutdown_of_the_default_executor_is_for_good)
{
  eddy_executor *executor;
  eddy_future *future = NULL;
  eddy_loop *loop = eddy_get_running_loop();
  CHECK_OK(eddy_to_thread(do_nothing, NULL, NULL));
  CHECK_OK(eddy_loop_shutdown_default_executor(loop, EDDY_NEVER));
  CHECK_CODE(eddy_to_thread(do_nothing, NULL, NULL), EDDY_ERUNTIME);
  CHECK_CONTAINS(eddy_message(EDDY_ERUNTIME), "has been shut down");
  CHECK_CODE(
      eddy_loop_run_in_executor(loop, NULL, do_nothing, NULL, &future), EDDY_ERUNTIME);
  CHECK_OK(eddy_loop_shutdown_default_executor(NULL, EDDY_NEVER));
  CHECK_OK(test_executor(1, &executor));
  CHECK_OK(test_job(NULL, executor, do_nothing, NULL, &future));
  CHECK_OK(eddy_await(future, NULL));
  return 0;
}

EDDY_TASK_TEST(executor_end, shutdown_of_a_default_executor_never_used_does_not_wait)
{
  uint64_t before = test_iteration();
  CHECK_OK(eddy_loop_shutdown_default_executor(NULL, EDDY_NEVER));
  CHECK_EQ(test_iteration(), before);
  CHECK_CODE(eddy_to_thread(do_nothing, NULL, NULL), EDDY_ERUNTIME);
  return 0;
}

struct ending {
  eddy_frame frame;
  struct gate *gate;
  int rc;
};

static int end_in_frame(eddy_frame *frame)
{
  struct ending *self = (struct ending *)frame;
  EDDY_BEGIN(frame);
  EDDY_AWAIT(frame, self->rc, eddy_loop_shutdown_default_executor(NULL, EDDY_NEVER));
  if (self->rc != 0) EDDY_RAISE(frame, self->rc);
  trace("passed%d", atomic_load(&self->gate->passed));
  EDDY_END(frame);
}

static int end_while_the_loop_runs(int kind)
{
  struct ending *ending = test_new(sizeof *ending);
  eddy_task *task;
  eddy_future *future;
  CHECK_OK(gate_new(&ending->gate));
  CHECK_OK(test_job(NULL, NULL, gate_pass, ending->gate, &future));
  CHECK_OK(test_frame_task(kind, ending, end_in_frame, &task));
  for (int i = 0; i < 5; i++)
    CHECK_OK(eddy_sleep(0));
  trace("meanwhile");
  gate_open(ending->gate, 1);
  CHECK_OK(eddy_task_await(task, NULL));
  CHECK(eddy_future_done(future));
  CHECK_TRACE("meanwhile passed1");
  return 0;
}

EDDY_TASK_TEST(executor_end, loop_runs_on_while_a_task_waits_for_the_threads)
{
  return end_while_the_loop_runs(TEST_STACKFUL);
}

EDDY_TASK_TEST(executor_end, stackless_task_waits_for_the_threads)
{
  return end_while_the_loop_runs(TEST_STACKLESS);
}

/* Virtual time does not pass while a thread is at work. */
EDDY_TASK_TEST_KERNEL(
    executor_end, shutdown_of_the_default_executor_gives_up_at_its_timeout)
{
  struct gate *gate;
  eddy_executor *executor;
  eddy_future *future;
  CHECK_OK(test_executor(1, &executor));
  CHECK_OK(eddy_loop_set_default_executor(eddy_get_running_loop(), executor));
  CHECK_OK(gate_new(&gate));
  CHECK_OK(test_job(NULL, NULL, gate_pass, gate, &future));
  CHECK_CODE(eddy_loop_shutdown_default_executor(NULL, EDDY_MS(1)), EDDY_ETIMEDOUT);
  CHECK_CONTAINS(
      eddy_message(EDDY_ETIMEDOUT), "1 threads are still at work after 0.001 s");
  gate_open(gate, 1);
  CHECK_OK(eddy_await(future, NULL));
  CHECK_OK(eddy_loop_shutdown_default_executor(NULL, EDDY_NEVER));
  return 0;
}

static int wait_for_the_end(void *unused)
{
  (void)unused;
  return eddy_loop_shutdown_default_executor(NULL, EDDY_S(10));
}

EDDY_TASK_TEST(executor_end, waiting_for_the_threads_can_be_cancelled)
{
  struct gate *gate;
  eddy_future *future;
  eddy_task *task;
  char text[80];
  CHECK_OK(gate_new(&gate));
  CHECK_OK(test_job(NULL, NULL, gate_pass, gate, &future));
  CHECK_OK(test_task(wait_for_the_end, NULL, &task));
  CHECK_OK(eddy_sleep(0));
  CHECK_CONTAINS(eddy_task_waits_for(task, text, sizeof text), "end of an executor");
  eddy_task_cancel(task, NULL);
  CHECK_CODE(eddy_task_await(task, NULL), EDDY_ECANCELLED);
  CHECK_CODE(eddy_to_thread(do_nothing, NULL, NULL), EDDY_ERUNTIME);
  gate_open(gate, 1);
  CHECK_OK(eddy_await(future, NULL));
  return 0;
}

static int leave_job(void *gate)
{
  eddy_future *future;
  CHECK_OK(
      eddy_loop_run_in_executor(eddy_get_running_loop(), NULL, gate_pass, gate, &future));
  gate_open(gate, 1);
  eddy_future_unref(future);
  return 0;
}

EDDY_TEST(executor_end, eddy_run_waits_for_jobs_that_nobody_awaited)
{
  struct gate *gate;
  CHECK_OK(gate_new(&gate));
  CHECK_OK(eddy_run(leave_job, gate));
  CHECK_EQ(atomic_load(&gate->passed), 1);
  return 0;
}

/* ---- fork ---- */

static eddy_executor *inherited;
static eddy_loop *inherited_loop;

static int use_inherited(void *unused)
{
  (void)unused;
  eddy_future *future = NULL;
  eddy_loop *loop;
  CHECK_OK(eddy_loop_new(NULL, &loop));
  CHECK_CODE(eddy_loop_run_in_executor(loop, inherited, do_nothing, NULL, &future),
      EDDY_EOTHERTHREAD);
  CHECK_CONTAINS(eddy_message(EDDY_EOTHERTHREAD), "inherited by fork");
  CHECK_CODE(eddy_executor_shutdown(inherited, 0), EDDY_EOTHERTHREAD);
  eddy_executor_unref(inherited);
  eddy_loop_free(loop);
  eddy_loop_free(inherited_loop);
  return 0;
}

static int use_new(void *unused)
{
  (void)unused;
  return eddy_to_thread(do_nothing, NULL, NULL);
}

static int child_body(void *unused)
{
  CHECK_OK(use_inherited(unused));
  return eddy_run(use_new, NULL);
}

EDDY_TEST(executor_end, child_after_fork_needs_an_executor_of_its_own)
{
  static struct child child;
  struct gate *gate;
  eddy_future *future;
  eddy_loop *loop;
  NEEDS_ONE_THREAD(); /* nor does it let a child of a process with threads start any */
  CHECK_OK(test_executor(2, &inherited));
  CHECK_OK(test_loop(&loop));
  inherited_loop = loop;
  CHECK_OK(gate_new(&gate));
  CHECK_OK(test_job(loop, inherited, gate_pass, gate, &future));
  CHECK_OK(gate_await(gate));
  CHECK_OK(child_run(&child, child_body, NULL));
  CHECK_STR(child.text, "");
  CHECK_EQ(child.status, 0);
  gate_open(gate, 1);
  CHECK_OK(eddy_loop_run(loop));
  CHECK(eddy_future_done(future));
  return 0;
}
