/* eddy_to_thread, from both kinds of coroutine. */
#include "capture.h"
#include "gate.h"
#include "kinds.h"
#include "tasks.h"

struct call {
  eddy_frame frame;
  eddy_fn *fn;
  void *arg;
  eddy_value value;
  int rc;
};

static int call_body(void *arg)
{
  struct call *call = arg;
  call->rc = eddy_to_thread(call->fn, call->arg, &call->value);
  trace("%s", call->rc == 0 ? "ok" : eddy_err_name(call->rc));
  if (call->rc < 0) trace("(%s)", eddy_message(call->rc));
  return call->rc == EDDY_ECANCELLED ? call->rc : 0;
}

static int call_frame(eddy_frame *frame)
{
  struct call *call = (struct call *)frame;
  EDDY_BEGIN(frame);
  EDDY_AWAIT(frame, call->rc, eddy_to_thread(call->fn, call->arg, &call->value));
  trace("%s", call->rc == 0 ? "ok" : eddy_err_name(call->rc));
  if (call->rc < 0) trace("(%s)", eddy_message(call->rc));
  if (call->rc == EDDY_ECANCELLED) EDDY_RAISE(frame, call->rc);
  EDDY_END(frame);
}

static int start_call(
    enum kind kind, eddy_fn *fn, void *arg, struct call **out, eddy_task **task)
{
  struct call *call = test_new(sizeof *call);
  call->fn = fn;
  call->arg = arg;
  *out = call;
  return start_kind(kind, call_body, call_frame, &call->frame, task);
}

static int add(void *arg)
{
  return eddy_return(eddy_int(*(int *)arg + 2));
}

static int value_comes_back(enum kind kind)
{
  int *forty = test_new(sizeof *forty);
  struct call *call;
  eddy_task *task;
  *forty = 40;
  CHECK_OK(start_call(kind, add, forty, &call, &task));
  CHECK_OK(eddy_task_await(task, NULL));
  CHECK_EQ(call->value.i, 42);
  CHECK_TRACE("ok");
  return 0;
}

EDDY_TASK_TEST(to_thread, value_comes_back)
{
  return each_kind(value_comes_back);
}

static int fail(void *unused)
{
  (void)unused;
  return eddy_raise(EDDY_EIO, "no paper");
}

static int error_comes_back(enum kind kind)
{
  struct call *call;
  eddy_task *task;
  CHECK_OK(start_call(kind, fail, NULL, &call, &task));
  call->value = eddy_int(-1);
  CHECK_OK(eddy_task_await(task, NULL));
  CHECK_EQ(call->value.i, -1);
  CHECK_TRACE("EIO (no paper)");
  return 0;
}

EDDY_TASK_TEST(to_thread, error_comes_back_with_its_message_and_no_value)
{
  return each_kind(error_comes_back);
}

static int count_up(void *arg)
{
  atomic_fetch_add((atomic_int *)arg, 1);
  return 0;
}

static int called_once(enum kind kind)
{
  atomic_int *count = test_new(sizeof *count);
  struct call *call;
  eddy_task *task;
  CHECK_OK(start_call(kind, count_up, count, &call, &task));
  CHECK_OK(eddy_task_await(task, NULL));
  CHECK_EQ(atomic_load(count), 1);
  CHECK_TRACE("ok");
  return 0;
}

EDDY_TASK_TEST(to_thread, function_is_called_exactly_once)
{
  return each_kind(called_once);
}

static int many_at_once(enum kind kind)
{
  enum { CALLS = 10 };
  atomic_int *count = test_new(sizeof *count);
  eddy_task *tasks[CALLS];
  for (int i = 0; i < CALLS; i++) {
    struct call *call;
    CHECK_OK(start_call(kind, count_up, count, &call, &tasks[i]));
  }
  for (int i = 0; i < CALLS; i++)
    CHECK_OK(eddy_task_await(tasks[i], NULL));
  CHECK_EQ(atomic_load(count), CALLS);
  CHECK_TRACE("ok ok ok ok ok ok ok ok ok ok");
  return 0;
}

EDDY_TASK_TEST(to_thread, many_tasks_call_at_once)
{
  return each_kind(many_at_once);
}

static int cancelled_at_once(enum kind kind)
{
  struct gate *gate;
  struct call *call;
  eddy_task *task;
  char text[80];
  CHECK_OK(gate_new(&gate));
  CHECK_OK(start_call(kind, gate_pass, gate, &call, &task));
  CHECK_OK(eddy_sleep(0));
  CHECK_OK(gate_await(gate));
  CHECK_CONTAINS(eddy_task_waits_for(task, text, sizeof text), "thread job");
  eddy_task_cancel(task, "too slow");
  CHECK_CODE(eddy_task_await(task, NULL), EDDY_ECANCELLED);
  CHECK(eddy_task_cancelled(task));
  CHECK_EQ(atomic_load(&gate->inside), 1);
  CHECK_TRACE("ECANCELLED (too slow)");
  gate_open(gate, 1);
  return 0;
}

EDDY_TASK_TEST(to_thread, cancelled_caller_goes_on_at_once_while_the_function_runs)
{
  return each_kind(cancelled_at_once);
}

static int cancel_self_first(void *count)
{
  eddy_task_cancel(eddy_current_task(), NULL);
  return eddy_to_thread(count_up, count, NULL);
}

EDDY_TASK_TEST(to_thread, caller_that_asked_for_its_own_end_is_cancelled)
{
  atomic_int *count = test_new(sizeof *count);
  eddy_task *task;
  CHECK_OK(test_task(cancel_self_first, count, &task));
  CHECK_CODE(eddy_task_await(task, NULL), EDDY_ECANCELLED);
  return 0;
}

static int wait_in_thread(void *gate)
{
  int rc = eddy_to_thread(gate_pass, gate, NULL);
  trace("%s", eddy_err_name(rc));
  trace("%s", eddy_err_name(eddy_to_thread(do_nothing, NULL, NULL)));
  return rc;
}

EDDY_TEST(to_thread, caller_is_ended_when_its_loop_is_closed)
{
  struct gate *gate;
  eddy_executor *executor;
  eddy_loop *loop;
  eddy_task *task;
  CHECK_OK(test_executor(1, &executor));
  CHECK_OK(test_loop(&loop));
  trace_reports(loop);
  CHECK_OK(eddy_loop_set_default_executor(loop, executor));
  CHECK_OK(gate_new(&gate));
  CHECK_OK(test_loop_task(loop, wait_in_thread, gate, &task));
  eddy_loop_stop(loop);
  CHECK_OK(eddy_loop_run(loop));
  CHECK_OK(gate_await(gate));
  CHECK_OK(eddy_loop_close(loop));
  CHECK_TRACE("[a task was destroyed but it is pending] EGENERATOREXIT EGENERATOREXIT");
  return 0;
}

/* The timeout is due at once, but a virtual clock stands still while a thread is at work. */
static int time_out(void *gate)
{
  eddy_timeout scope;
  CHECK_OK(eddy_timeout_enter(&scope, EDDY_MS(1)));
  int rc = eddy_to_thread(gate_pass, gate, NULL);
  rc = eddy_timeout_exit(&scope, rc);
  CHECK_CODE(rc, EDDY_ETIMEDOUT);
  CHECK_EQ(atomic_load(&((struct gate *)gate)->passed), 0);
  return 0;
}

EDDY_TASK_TEST_KERNEL(to_thread, timeout_around_the_call_does_not_wait_for_the_function)
{
  struct gate *gate;
  eddy_task *task;
  CHECK_OK(gate_new(&gate));
  CHECK_OK(test_task(time_out, gate, &task));
  CHECK_OK(eddy_task_await(task, NULL));
  gate_open(gate, 1);
  return 0;
}
