/* Context values in the runs of a runner, and in eager first steps (rules 92, 93, 95). */
#include "tasks.h"

static eddy_context_var *var; /* the case's; its fallback is 0 */

static void unref_var(void *object)
{
  eddy_context_var_unref(object);
}

static int test_var(void)
{
  eddy_value zero = eddy_int(0);
  CHECK_OK(eddy_context_var_new("var", &zero, &var));
  test_defer_late(unref_var, var);
  return 0;
}

static int set(int64_t value)
{
  return eddy_context_var_set(var, eddy_int(value), NULL);
}

static int64_t get(void)
{
  eddy_value value = eddy_int(-1);
  return eddy_context_var_get(var, &value) == 0 ? value.i : -2;
}

/* ---- runs ---- */

static eddy_context_token of_thread;

static void reset_of_thread(void *unused)
{
  (void)unused;
  if (eddy_context_var_reset(var, &of_thread) != 0)
    test_failed(__FILE__, __LINE__, "reset");
}

static void free_runner(void *runner)
{
  eddy_runner_free(runner);
}

static void unref_context(void *context)
{
  eddy_context_unref(context);
}

static int add_one(void *arg)
{
  (void)arg;
  trace("%d", (int)get());
  return set(get() + 1);
}

struct counter {
  eddy_frame frame;
};

static int add_one_stackless(eddy_frame *frame)
{
  EDDY_BEGIN(frame);
  int rc = add_one(NULL);
  if (rc < 0) EDDY_RAISE(frame, rc);
  EDDY_END(frame);
}

EDDY_TEST(runner, runs_share_a_context)
{
  eddy_runner *runner;
  struct counter *body = test_new(sizeof *body);
  CHECK_OK(test_var());
  CHECK_OK(eddy_context_var_set(var, eddy_int(10), &of_thread));
  test_defer(reset_of_thread, NULL);
  CHECK_OK(eddy_runner_new(NULL, &runner));
  test_defer(free_runner, runner);
  CHECK_OK(eddy_runner_run(runner, add_one, NULL, NULL));
  CHECK_OK(set(20)); /* too late: the runner has its copy */
  CHECK_OK(eddy_runner_run(runner, add_one, NULL, NULL));
  eddy_frame_init(&body->frame, add_one_stackless);
  CHECK_OK(eddy_runner_run_coro(runner, &body->frame.coro, NULL, NULL));
  CHECK_TRACE("10 11 12");
  CHECK_EQ(get(), 20);
  return 0;
}

EDDY_TEST(runner, run_may_have_another_context)
{
  eddy_runner *runner;
  eddy_context *context;
  eddy_value value;
  CHECK_OK(test_var());
  CHECK_OK(eddy_context_new(&context));
  test_defer_late(unref_context, context);
  CHECK_OK(eddy_runner_new(NULL, &runner));
  test_defer(free_runner, runner);
  CHECK_OK(eddy_runner_run(runner, add_one, NULL, NULL));
  eddy_task_options options = {.context = context};
  CHECK_OK(eddy_runner_run_with(runner, add_one, NULL, &options, NULL));
  CHECK_OK(eddy_runner_run_with(runner, add_one, NULL, &options, NULL));
  CHECK_OK(eddy_runner_run(runner, add_one, NULL, NULL));
  CHECK_TRACE("0 0 1 1");
  CHECK_OK(eddy_context_get(context, var, &value));
  CHECK_EQ(value.i, 2);
  return 0;
}

/* ---- eager first steps ---- */

struct setter {
  eddy_frame frame;
  int rc;
};

static int set_twice(eddy_frame *frame)
{
  struct setter *self = (struct setter *)frame;
  EDDY_BEGIN(frame);
  trace("%d", (int)get());
  self->rc = set(2);
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  trace("%d", (int)get());
  EDDY_AWAIT(frame, self->rc, eddy_sleep(0));
  trace("%d", (int)get());
  if (self->rc == 0) self->rc = set(3);
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  trace("%d", (int)get());
  EDDY_END(frame);
}

static int start(int kind, eddy_task **out)
{
  struct setter *body = test_new(sizeof *body);
  eddy_task_options options = {.eager_start = EDDY_EAGER_START_TRUE};
  eddy_frame_init(&body->frame, set_twice);
  int rc = kind == TEST_STACKFUL
               ? eddy_loop_create_task_with(NULL, test_run_frame, body, &options, out)
               : eddy_loop_create_task_coro(NULL, &body->frame.coro, &options, out);
  if (rc == 0) test_defer_late(test_unref_task, *out);
  return rc;
}

EDDY_TASK_TEST(eager, step_sees_its_creators_values_and_changes_a_copy)
{
  CHECK_OK(test_var());
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_task *task;
    CHECK_OK(set(1));
    CHECK_OK(start(kind, &task));
    CHECK_TRACE("1 2");
    CHECK_EQ(get(), 1);
    CHECK_OK(eddy_task_await(task, NULL));
    CHECK_TRACE("2 3");
    CHECK_EQ(get(), 1);
  }
  return 0;
}

static int start_in_callback(void *arg)
{
  eddy_task *task;
  CHECK_OK(set(5));
  CHECK_OK(start(*(int *)arg, &task));
  trace("callback:%d", (int)get());
  return 0;
}

EDDY_TASK_TEST(eager, step_in_a_callback_has_a_copy_of_its_context)
{
  int *kind = test_new(sizeof *kind);
  CHECK_OK(test_var());
  CHECK_OK(set(1));
  for (*kind = 0; *kind < TEST_KINDS; (*kind)++) {
    CHECK_OK(test_call_soon(start_in_callback, kind));
    CHECK_OK(eddy_sleep(0));
    CHECK_TRACE("5 2 callback:5");
    CHECK_EQ(get(), 1);
    CHECK_OK(eddy_sleep(0));
    CHECK_TRACE("2 3");
  }
  return 0;
}
