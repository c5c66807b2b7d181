/* Tasks: when they run, what they carry, how deep they may wait. */
#include "tasks.h"

#include <errno.h>

static int trace_task(void *text)
{
  trace("%s", (const char *)text);
  return 0;
}

static int return_seven(void *arg)
{
  (void)arg;
  return eddy_return(eddy_int(7));
}

static int wait_on(void *future)
{
  return eddy_await(future, NULL);
}

/* ---- creating ---- */

EDDY_TEST(task, create_refuses_what_it_cannot_use)
{
  eddy_loop *loop;
  eddy_task *task = NULL;
  CHECK_OK(test_loop(&loop));
  CHECK_CODE(eddy_create_task(trace_task, NULL, &task), EDDY_ENOLOOP);
  CHECK_CODE((eddy_create_task)(trace_task, NULL, &task), EDDY_ENOLOOP);
  CHECK_CODE(eddy_loop_create_task(loop, NULL, NULL, &task), EDDY_EINVAL);
  CHECK_CODE((eddy_loop_create_task)(NULL, trace_task, NULL, &task), EDDY_EINVAL);
  CHECK_CODE(eddy_loop_create_task_coro(loop, NULL, NULL, &task), EDDY_EINVAL);
  CHECK_OK(eddy_loop_close(loop));
  CHECK_CODE(eddy_loop_create_task(loop, trace_task, NULL, &task), EDDY_ECLOSED);
  CHECK_PTR(task, NULL);
  return 0;
}

EDDY_UNIT_TEST(task, null_is_let_go_of_and_refused)
{
  eddy_task_unref(NULL);
  CHECK(!eddy_task_cancel(NULL, NULL));
  CHECK_CODE(eddy_task_result(NULL, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_task_set_name(NULL, "x"), EDDY_EINVAL);
  CHECK_PTR(eddy_current_task(), NULL);
  return 0;
}

EDDY_TASK_TEST(task, creating_queues_the_first_step)
{
  eddy_task *task;
  CHECK_OK(test_call_soon(trace_fn, "before"));
  CHECK_OK(test_task(trace_task, "task", &task));
  CHECK_OK(test_call_soon(trace_fn, "after"));
  trace("created");
  CHECK_EQ(eddy_task_steps(task), 0);
  CHECK_OK(eddy_task_await(task, NULL));
  CHECK_TRACE("created before task after");
  CHECK_EQ(eddy_task_steps(task), 1);
  return 0;
}

EDDY_TEST(task, may_be_created_on_a_loop_that_does_not_run_yet)
{
  eddy_loop *loop;
  eddy_task *task;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(test_loop_task(loop, trace_task, "ran", &task));
  CHECK_TRACE("");
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("ran");
  CHECK(eddy_task_done(task));
  return 0;
}

EDDY_TASK_TEST(task, nobody_need_keep_a_reference)
{
  eddy_task *task;
  CHECK_OK(eddy_create_task(trace_task, "a", NULL));
  CHECK_OK(eddy_create_task(trace_task, "b", &task));
  eddy_task_unref(task);
  CHECK_OK(eddy_sleep(0));
  CHECK_TRACE("a b");
  return 0;
}

static int trace_thrice(void *arg)
{
  for (int i = 0; i < 3; i++) {
    trace("%s%d", (const char *)arg, i);
    CHECK_OK(eddy_sleep(0));
  }
  return 0;
}

EDDY_TASK_TEST(task, loops_of_bare_yields_interleave_in_creation_order)
{
  eddy_task *a, *b, *c;
  CHECK_OK(test_task(trace_thrice, "a", &a));
  CHECK_OK(test_task(trace_thrice, "b", &b));
  CHECK_OK(test_task(trace_thrice, "c", &c));
  CHECK_OK(eddy_task_await(a, NULL));
  CHECK_OK(eddy_task_await(b, NULL));
  CHECK_OK(eddy_task_await(c, NULL));
  CHECK_TRACE("a0 b0 c0 a1 b1 c1 a2 b2 c2");
  return 0;
}

/* ---- the current task (rule 22) ---- */

static int trace_current(void *arg)
{
  (void)arg;
  trace("%s", eddy_current_task() == NULL ? "none" : "some");
  return 0;
}

EDDY_TASK_TEST(task, there_is_a_current_task_in_a_step_only)
{
  eddy_task *self = eddy_current_task(), *task;
  CHECK(self != NULL);
  CHECK_OK(test_call_soon(trace_current, NULL));
  CHECK_OK(test_task(trace_current, NULL, &task));
  CHECK_OK(test_call_soon(trace_current, NULL));
  CHECK_OK(eddy_sleep(0));
  CHECK_TRACE("none some none");
  CHECK_PTR(eddy_current_task(), self);
  return 0;
}

EDDY_TASK_TEST(task, is_either_waiting_or_ready_or_running)
{
  eddy_future *future;
  eddy_task *task;
  char text[64];
  CHECK_OK(test_future(NULL, &future));
  CHECK_OK(test_task(wait_on, future, &task));
  CHECK_STR(eddy_task_waits_for(task, text, sizeof text), "ready, not started");
  CHECK_OK(eddy_sleep(0));
  CHECK_CONTAINS(eddy_task_waits_for(task, text, sizeof text), "future ");
  CHECK_OK(eddy_future_set_result(future, eddy_int(1)));
  CHECK_STR(eddy_task_waits_for(task, text, sizeof text), "ready");
  CHECK_STR(eddy_task_waits_for(eddy_current_task(), text, sizeof text), "running");
  CHECK_OK(eddy_sleep(0));
  CHECK_STR(eddy_task_waits_for(task, text, sizeof text), "finished");
  return 0;
}

/* ---- the outcome (rule 23) ---- */

static int yield_then_return(void *arg)
{
  CHECK_OK(eddy_sleep(0));
  CHECK_OK(test_call_soon(trace_fn, "callback"));
  trace("%s", (const char *)arg);
  return eddy_return(eddy_int(1));
}

static int wait_and_trace(void *task)
{
  CHECK_OK(eddy_task_await(task, NULL));
  trace("waiter");
  return 0;
}

static int trace_done(eddy_future *future, void *text)
{
  (void)future;
  trace("%s", (const char *)text);
  return 0;
}

EDDY_TASK_TEST(task, finishing_never_runs_waiters_inline)
{
  eddy_task *child, *waiter;
  CHECK_OK(test_task(yield_then_return, "child", &child));
  CHECK_OK(test_task(wait_and_trace, child, &waiter));
  CHECK_OK(eddy_future_add_done_callback(eddy_task_future(child), trace_done, "done"));
  CHECK_OK(eddy_task_await(waiter, NULL));
  CHECK_TRACE("child callback done waiter");
  return 0;
}

EDDY_TASK_TEST(task, outcome_is_fixed_once)
{
  eddy_task *task;
  eddy_value value;
  CHECK_OK(test_task(return_seven, NULL, &task));
  eddy_future *future = eddy_task_future(task);
  CHECK_CODE(eddy_future_set_result(future, eddy_int(1)), EDDY_EINVALIDSTATE);
  CHECK_CODE(eddy_future_set_exception(future, EDDY_EIO, NULL), EDDY_EINVALIDSTATE);
  CHECK_CODE(eddy_task_result(task, &value), EDDY_EINVALIDSTATE);
  CHECK_OK(eddy_task_await(task, &value));
  CHECK_EQ(value.i, 7);
  CHECK_CODE(eddy_future_set_result(future, eddy_int(1)), EDDY_EINVALIDSTATE);
  CHECK(!eddy_task_cancel(task, NULL));
  CHECK_OK(eddy_task_result(task, &value));
  CHECK_EQ(value.i, 7);
  CHECK(eddy_task_done(task));
  CHECK(!eddy_task_cancelled(task));
  return 0;
}

static int raise_and_recover(void *arg)
{
  (void)arg;
  (void)eddy_raise(EDDY_EIO, "forgotten");
  return 0;
}

static int raise_error(void *arg)
{
  (void)arg;
  return eddy_raise(EDDY_EIO, "disk %d", 3);
}

EDDY_TASK_TEST(task, error_and_message_are_its_outcome)
{
  eddy_task *failed, *recovered;
  eddy_value value = eddy_int(3);
  CHECK_OK(test_task(raise_error, NULL, &failed));
  CHECK_OK(test_task(raise_and_recover, NULL, &recovered));
  CHECK_OK(eddy_sleep(0));
  CHECK_CODE(eddy_task_result(failed, &value), EDDY_EIO);
  CHECK_EQ(value.i, 3);
  CHECK_STR(eddy_future_message(eddy_task_future(failed)), "disk 3");
  CHECK_OK(eddy_task_result(recovered, &value));
  CHECK_EQ(value.i, 0);
  CHECK_STR(eddy_future_message(eddy_task_future(recovered)), "");
  return 0;
}

/* A code above 0 is none of a task's: it counts as success. */
static int return_stop(void *arg)
{
  (void)arg;
  return EDDY_STOP;
}

EDDY_TASK_TEST(task, positive_status_counts_as_success)
{
  eddy_task *task;
  CHECK_OK(test_task(return_stop, NULL, &task));
  CHECK_OK(eddy_task_await(task, NULL));
  return 0;
}

#define NEVER_RETRIEVED "[the error of a task was never retrieved: EIO: disk 3]"

EDDY_TASK_TEST(task, error_never_retrieved_is_reported_once)
{
  eddy_task *task;
  trace_reports(NULL);
  CHECK_OK(eddy_create_task(raise_error, NULL, NULL));
  CHECK_OK(eddy_sleep(0));
  CHECK_TRACE(NEVER_RETRIEVED);
  CHECK_OK(eddy_create_task(raise_error, NULL, &task));
  int rc = eddy_sleep(0);
  trace("held");
  eddy_task_unref(task);
  CHECK_OK(rc);
  CHECK_TRACE("held " NEVER_RETRIEVED);
  CHECK_OK(eddy_create_task(raise_error, NULL, &task));
  rc = eddy_task_await(task, NULL);
  eddy_task_unref(task);
  CHECK_CODE(rc, EDDY_EIO);
  CHECK_TRACE("");
  return 0;
}

static int look_at_report(
    eddy_loop *loop, const eddy_exception_context *context, void *unused)
{
  (void)unused;
  CHECK_PTR(loop, eddy_get_running_loop());
  CHECK(context->task != NULL);
  CHECK_STR(eddy_task_get_name(context->task), "Task-2");
  CHECK_PTR(context->future, eddy_task_future(context->task));
  CHECK_CONTAINS(context->site, "test_task.c:");
  CHECK_CONTAINS(context->site, " raise_error");
  CHECK_EQ(context->error, EDDY_EIO);
  CHECK_STR(context->detail, "disk 3");
  trace("told");
  return 0;
}

EDDY_TASK_TEST(task, report_says_which_task_and_where_it_was_created)
{
  eddy_loop_set_exception_handler(eddy_get_running_loop(), look_at_report, NULL);
  CHECK_OK(eddy_create_task(raise_error, NULL, NULL));
  CHECK_OK(eddy_sleep(0));
  CHECK_TRACE("told");
  return 0;
}

/* ---- no suspension without need (rule 17) ---- */

EDDY_TASK_TEST(task, no_call_that_need_not_wait_suspends)
{
  eddy_future *future, *gather, *nothing;
  eddy_queue *queue;
  eddy_task *other, *self = eddy_current_task();
  eddy_value item;
  CHECK_OK(test_task(trace_task, "other", &other));
  CHECK_OK(test_future(NULL, &future));
  CHECK_OK(eddy_future_set_result(future, eddy_int(1)));
  CHECK_OK(test_queue(1, &queue));
  CHECK_OK(test_gather(&future, 1, EDDY_GATHER_RAISE, &gather));
  CHECK_OK(test_gather(NULL, 0, EDDY_GATHER_RAISE, &nothing));
  CHECK(eddy_task_cancel(self, NULL)); /* none of them looks at it */
  CHECK_OK(eddy_await(future, NULL));
  CHECK_OK(eddy_queue_put(queue, eddy_int(1)));
  CHECK_OK(eddy_queue_get(queue, &item));
  CHECK_OK(eddy_queue_task_done(queue));
  CHECK_OK(eddy_queue_join(queue));
  CHECK_OK(eddy_await(gather, NULL));
  CHECK_OK(eddy_await(nothing, NULL));
  CHECK_EQ(eddy_task_uncancel(self), 0);
  CHECK_TRACE("");
  CHECK_OK(eddy_sleep(0));
  CHECK_TRACE("other");
  return 0;
}

/* ---- depth ---- */

static int dive(int depth)
{
  if (depth == 0) return eddy_sleep(0);
  int rc = dive(depth - 1);
  if (rc == 0) trace("up%d", depth);
  return rc;
}

static int dive_deep(void *arg)
{
  trace("called");
  CHECK_OK(dive(*(int *)arg));
  return eddy_return(eddy_int(49));
}

EDDY_TASK_TEST(task, waits_from_functions_called_by_functions)
{
  static int depth = 3;
  eddy_task *task;
  eddy_value value;
  CHECK_OK(test_task(dive_deep, &depth, &task));
  trace("created");
  CHECK_OK(test_call_soon(trace_fn, "before"));
  CHECK_OK(eddy_sleep(0));
  trace("meanwhile");
  CHECK_OK(eddy_task_await(task, &value));
  CHECK_EQ(value.i, 49);
  CHECK_TRACE("created called before meanwhile up1 up2 up3");
  return 0;
}

/* ---- what a task carries ---- */

EDDY_TASK_TEST(task, is_named_by_number_unless_it_has_a_name)
{
  eddy_task *task, *named;
  char name[] = "fetch";
  eddy_task_options options = {.name = name};
  CHECK_STR(eddy_task_get_name(eddy_current_task()), "Task-1");
  CHECK_OK(test_task(trace_task, "x", &task));
  CHECK_OK(test_loop_task_at(NULL, trace_task, "y", &options, &named));
  name[0] = 'F';
  CHECK_STR(eddy_task_get_name(task), "Task-2");
  CHECK_STR(eddy_task_get_name(named), "fetch");
  CHECK_CODE(eddy_task_set_name(task, NULL), EDDY_EINVAL);
  CHECK_OK(eddy_task_set_name(task, "renamed"));
  CHECK_STR(eddy_task_get_name(task), "renamed");
  CHECK_OK(eddy_sleep(0));
  CHECK_STR(eddy_task_get_name(task), "renamed");
  return 0;
}

EDDY_TASK_TEST(task, counts_its_steps)
{
  eddy_task *task;
  CHECK_OK(test_task(trace_thrice, "t", &task));
  CHECK_OK(eddy_task_await(task, NULL));
  CHECK_EQ(eddy_task_steps(task), 4);
  return 0;
}

struct numbered {
  eddy_frame frame;
  int number;
};

static int check_errno(eddy_frame *frame)
{
  const struct numbered *self = (const struct numbered *)frame;
  int rc;
  EDDY_BEGIN(frame);
  errno = self->number;
  EDDY_AWAIT(frame, rc, eddy_sleep(0));
  trace("%s", rc == 0 && errno == self->number ? "same" : "lost");
  EDDY_END(frame);
}

EDDY_TASK_TEST(task, errno_is_its_own_across_a_wait)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_task *tasks[2];
    for (int i = 0; i < 2; i++) {
      struct numbered *self = test_new(sizeof *self);
      CHECK_OK(test_frame_task(kind, &self->frame, check_errno, &tasks[i]));
      self->number = i == 0 ? ENOENT : EACCES;
    }
    CHECK_OK(eddy_task_await(tasks[0], NULL));
    CHECK_OK(eddy_task_await(tasks[1], NULL));
    CHECK_TRACE("same same");
  }
  return 0;
}
