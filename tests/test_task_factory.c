/* Task factories: who makes a loop's tasks. */
#include "tasks.h"

static int do_nothing(void *arg)
{
  (void)arg;
  return 0;
}

/* Traces what it is asked for, under the name that is its argument, and makes it. */
static int tracing_factory(eddy_loop *loop, const eddy_task_body *body,
    const eddy_task_options *options, eddy_task **out, void *arg)
{
  trace("%s:%s:%s", (const char *)arg, body->fn != NULL ? "function" : "coroutine",
      options != NULL && options->name != NULL ? options->name : "-");
  return eddy_task_new(loop, body, options, out);
}

static int failing_factory(eddy_loop *loop, const eddy_task_body *body,
    const eddy_task_options *options, eddy_task **out, void *arg)
{
  (void)loop;
  (void)body;
  (void)options;
  (void)out;
  (void)arg;
  return eddy_raise(EDDY_EIO, "the factory is on fire");
}

static int empty_factory(eddy_loop *loop, const eddy_task_body *body,
    const eddy_task_options *options, eddy_task **out, void *arg)
{
  (void)loop;
  (void)body;
  (void)options;
  (void)out;
  (void)arg;
  return 0;
}

static int end_at_once(eddy_frame *frame)
{
  EDDY_BEGIN(frame);
  trace("body");
  EDDY_END(frame);
}

EDDY_TASK_TEST(task_factory, makes_every_task_of_its_loop)
{
  eddy_loop *loop = eddy_get_running_loop();
  eddy_task *task;
  eddy_task_options options = {.name = "named"};
  void *arg = NULL;
  CHECK(eddy_loop_get_task_factory(loop, NULL) == NULL);
  eddy_loop_set_task_factory(loop, tracing_factory, "f");
  CHECK(eddy_loop_get_task_factory(loop, &arg) == tracing_factory);
  CHECK_STR(arg, "f");
  CHECK_OK(test_task(trace_fn, "ran", &task));
  CHECK_OK(test_loop_task_at(loop, trace_fn, "ran", &options, &task));
  CHECK_STR(eddy_task_get_name(task), "named");
  CHECK_OK(
      test_frame_task(TEST_STACKLESS, test_new(sizeof(eddy_frame)), end_at_once, &task));
  CHECK_OK(eddy_loop_create_task(loop, trace_fn, "ran", NULL));
  CHECK_TRACE("f:function:- f:function:named f:coroutine:- f:function:-");
  CHECK_OK(eddy_sleep(0));
  CHECK_TRACE("ran ran body ran");
  eddy_loop_set_task_factory(loop, NULL, NULL);
  CHECK(eddy_loop_get_task_factory(loop, &arg) == NULL);
  CHECK_OK(test_task(do_nothing, NULL, &task));
  CHECK_TRACE("");
  return 0;
}

EDDY_TASK_TEST(task_factory, error_is_that_of_create_task)
{
  eddy_task *task = NULL;
  eddy_loop_set_task_factory(eddy_get_running_loop(), failing_factory, NULL);
  CHECK_CODE(eddy_create_task(do_nothing, NULL, &task), EDDY_EIO);
  CHECK_STR(eddy_message(EDDY_EIO), "the factory is on fire");
  CHECK_PTR(task, NULL);
  return 0;
}

EDDY_TASK_TEST(task_factory, that_gives_nothing_is_an_error)
{
  eddy_task *task = NULL;
  eddy_loop_set_task_factory(eddy_get_running_loop(), empty_factory, NULL);
  CHECK_CODE(eddy_create_task(do_nothing, NULL, &task), EDDY_ERUNTIME);
  CHECK_CONTAINS(eddy_message(EDDY_ERUNTIME), "task factory");
  CHECK_PTR(task, NULL);
  return 0;
}

EDDY_TEST(task_factory, is_not_asked_on_a_closed_loop)
{
  eddy_loop *loop;
  CHECK_OK(test_loop(&loop));
  eddy_loop_set_task_factory(loop, tracing_factory, "f");
  CHECK_OK(eddy_loop_close(loop));
  CHECK_CODE(eddy_loop_create_task(loop, do_nothing, NULL, NULL), EDDY_ECLOSED);
  CHECK_TRACE("");
  return 0;
}

EDDY_TEST(task_factory, makes_the_main_task_of_a_run)
{
  eddy_runner *runner;
  eddy_loop *loop;
  CHECK_OK(eddy_runner_new(NULL, &runner));
  int rc = eddy_runner_get_loop(runner, &loop);
  if (rc == 0) eddy_loop_set_task_factory(loop, tracing_factory, "f");
  if (rc == 0) rc = eddy_runner_run(runner, do_nothing, NULL, NULL);
  eddy_runner_free(runner);
  CHECK_OK(rc);
  CHECK_TRACE("f:function:-");
  return 0;
}

/* ---- the eager one ---- */

EDDY_TASK_TEST(task_factory, eager_one_starts_tasks_at_once)
{
  eddy_task *task;
  eddy_loop *loop = eddy_get_running_loop();
  eddy_loop_set_task_factory(loop, eddy_eager_task_factory, NULL);
  CHECK(eddy_loop_get_task_factory(loop, NULL) == eddy_eager_task_factory);
  CHECK_OK(test_task(trace_fn, "function", &task));
  CHECK(eddy_task_done(task));
  CHECK_CONTAINS(eddy_task_site(task), "test_task_factory.c");
  CHECK_OK(
      test_frame_task(TEST_STACKLESS, test_new(sizeof(eddy_frame)), end_at_once, &task));
  CHECK(eddy_task_done(task));
  CHECK_OK(eddy_create_task(trace_fn, "nobody's", NULL));
  CHECK_TRACE("function body nobody's");
  return 0;
}

EDDY_TASK_TEST(task_factory, option_of_the_call_overrides_the_eager_one)
{
  eddy_task *task;
  eddy_task_options options = {.eager_start = EDDY_EAGER_START_FALSE};
  eddy_loop *loop = eddy_get_running_loop();
  eddy_loop_set_task_factory(loop, eddy_eager_task_factory, NULL);
  CHECK_OK(test_loop_task_at(NULL, trace_fn, "later", &options, &task));
  CHECK(!eddy_task_done(task));
  CHECK_TRACE("");
  CHECK_OK(eddy_task_await(task, NULL));
  CHECK_TRACE("later");
  eddy_loop_set_task_factory(loop, NULL, NULL);
  options.eager_start = EDDY_EAGER_START_TRUE;
  CHECK_OK(test_loop_task_at(NULL, trace_fn, "now", &options, &task));
  CHECK_TRACE("now");
  CHECK(eddy_task_done(task));
  return 0;
}

/* ---- eddy_task_new ---- */

EDDY_TASK_TEST(task_factory, task_new_passes_it_by)
{
  eddy_task *task;
  eddy_frame *frame = test_new(sizeof *frame);
  eddy_loop_set_task_factory(eddy_get_running_loop(), failing_factory, NULL);
  eddy_task_body body = {.fn = trace_fn, .arg = "ran"};
  CHECK_OK(eddy_task_new(NULL, &body, NULL, &task));
  test_defer_late(test_unref_task, task);
  eddy_frame_init(frame, end_at_once);
  body = (eddy_task_body){.coro = &frame->coro};
  CHECK_OK(eddy_task_new(eddy_get_running_loop(), &body, NULL, NULL));
  CHECK_OK(eddy_sleep(0));
  CHECK_TRACE("ran body");
  return 0;
}

EDDY_TEST(task_factory, task_new_refuses_what_it_cannot_run)
{
  eddy_loop *loop;
  eddy_coro untyped = {0};
  eddy_task_body body = {0};
  CHECK_OK(test_loop(&loop));
  CHECK_CODE(eddy_task_new(loop, NULL, NULL, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_task_new(loop, &body, NULL, NULL), EDDY_EINVAL);
  body.coro = &untyped;
  CHECK_CODE(eddy_task_new(loop, &body, NULL, NULL), EDDY_EINVAL);
  body.fn = do_nothing;
  CHECK_CODE(eddy_task_new(loop, &body, NULL, NULL), EDDY_EINVAL);
  body.coro = NULL;
  CHECK_CODE(eddy_task_new(NULL, &body, NULL, NULL), EDDY_ENOLOOP);
  return 0;
}
