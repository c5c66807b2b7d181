/* The exception handler: what it is told, and what happens without one. */
#include "capture.h"
#include "owned.h"

static eddy_loop *loop; /* the case's */

static int fail(void *unused)
{
  (void)unused;
  return EDDY_EIO;
}

static int fail_with_words(void *unused)
{
  (void)unused;
  return eddy_raise(EDDY_EINVAL, "port %d is out of range", 70000);
}

static int note(eddy_loop *of, const eddy_exception_context *context, void *arg)
{
  trace("%s:", (const char *)arg);
  if (of != loop) trace("other loop");
  trace("%s", context->message);
  if (context->error != 0) trace("%s", eddy_err_name(context->error));
  if (context->detail != NULL) trace("%s", context->detail);
  if (context->handle != NULL) trace("handle");
  if (context->task != NULL) trace("task");
  if (context->future != NULL) trace("future");
  if (context->site != NULL) trace("%s", context->site);
  return 0;
}

static int soon(eddy_fn *fn)
{
  return eddy_loop_call_soon(loop, fn, NULL, NULL);
}

EDDY_TEST(exception, handler_is_told_the_code)
{
  CHECK_OK(test_loop(&loop));
  eddy_loop_set_exception_handler(loop, note, "told");
  CHECK_OK(soon(fail));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("told: error in a callback EIO");
  return 0;
}

EDDY_TEST(exception, handler_is_told_the_message_that_was_raised)
{
  CHECK_OK(test_loop(&loop));
  eddy_loop_set_exception_handler(loop, note, "told");
  CHECK_OK(soon(fail_with_words));
  CHECK_OK(soon(fail));
  CHECK_OK(eddy_loop_run(loop));
  /* The message belongs to the callback that raised it, and not to the next one. */
  CHECK_TRACE("told: error in a callback EINVAL port 70000 is out of range "
              "told: error in a callback EIO");
  return 0;
}

EDDY_TEST(exception, handler_is_told_the_handle)
{
  eddy_handle **handle = test_handles(1);
  CHECK_OK(test_loop(&loop));
  eddy_loop_set_exception_handler(loop, note, "told");
  CHECK_OK(eddy_loop_call_soon(loop, fail_with_words, NULL, handle));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("told: error in a callback EINVAL port 70000 is out of range handle");
  return 0;
}

EDDY_TEST(exception, default_handler_writes_to_stderr)
{
  CHECK_OK(test_loop(&loop));
  CHECK_OK(soon(fail));
  CHECK_OK(soon(fail_with_words));
  struct capture *capture = capture_begin();
  int rc = eddy_loop_run(loop);
  const char *text = capture_end(capture);
  CHECK_OK(rc);
  CHECK_CONTAINS(text, "error in a callback: EIO: input/output error\n");
  CHECK_CONTAINS(text, "error in a callback: EINVAL: port 70000 is out of range\n");
  CHECK_EQ(count_parts(text, "\n"), 2);
  return 0;
}

EDDY_TEST(exception, default_handler_can_be_called_directly)
{
  CHECK_OK(test_loop(&loop));
  eddy_loop_set_exception_handler(loop, note, "not told");
  eddy_exception_context context = {
      .message = "the sky fell", .error = EDDY_EIO, .site = "main.c:7 sky"};
  eddy_exception_context bare = {.message = "only words"};
  struct capture *capture = capture_begin();
  eddy_loop_default_exception_handler(loop, &context);
  eddy_loop_default_exception_handler(loop, &bare);
  const char *text = capture_end(capture);
  CHECK_CONTAINS(text, "the sky fell: EIO");
  CHECK_CONTAINS(text, "main.c:7 sky");
  CHECK_CONTAINS(text, "only words\n");
  CHECK_TRACE("");
  return 0;
}

EDDY_TEST(exception, call_goes_through_the_handler_that_is_set)
{
  CHECK_OK(test_loop(&loop));
  eddy_loop_set_exception_handler(loop, note, "told");
  eddy_exception_context context = {.message = "the sky fell", .detail = "in pieces"};
  eddy_loop_call_exception_handler(loop, &context);
  CHECK_TRACE("told: the sky fell in pieces");
  return 0;
}

EDDY_TEST(exception, handler_can_be_asked_for_and_taken_back)
{
  void *arg = &arg;
  CHECK_OK(test_loop(&loop));
  CHECK(eddy_loop_get_exception_handler(loop, NULL) == NULL);
  eddy_loop_set_exception_handler(loop, note, "mine");
  CHECK(eddy_loop_get_exception_handler(loop, NULL) == note);
  CHECK(eddy_loop_get_exception_handler(loop, &arg) == note);
  CHECK_STR(arg, "mine");
  eddy_loop_set_exception_handler(loop, NULL, NULL);
  CHECK(eddy_loop_get_exception_handler(loop, &arg) == NULL);
  CHECK_PTR(arg, NULL);
  CHECK_OK(soon(fail));
  struct capture *capture = capture_begin();
  int rc = eddy_loop_run(loop);
  const char *text = capture_end(capture);
  CHECK_OK(rc);
  CHECK_CONTAINS(text, "EIO");
  CHECK_TRACE("");
  return 0;
}

static int fail_to_handle(eddy_loop *of, const eddy_exception_context *context, void *arg)
{
  (void)of;
  (void)context;
  (void)arg;
  trace("failing");
  return EDDY_EPIPE;
}

EDDY_TEST(exception, handler_that_fails_is_reported_by_the_default_and_breaks_nothing)
{
  CHECK_OK(test_loop(&loop));
  eddy_loop_set_exception_handler(loop, fail_to_handle, NULL);
  CHECK_OK(soon(fail));
  CHECK_OK(eddy_loop_call_soon(loop, trace_fn, "next", NULL));
  struct capture *capture = capture_begin();
  int rc = eddy_loop_run(loop);
  const char *text = capture_end(capture);
  CHECK_OK(rc);
  CHECK_CONTAINS(text, "EPIPE");
  CHECK_CONTAINS(text, "error in a callback: EIO");
  CHECK_TRACE("failing next");
  return 0;
}

static int set_another(eddy_loop *of, const eddy_exception_context *context, void *arg)
{
  (void)arg;
  trace("first:%s", eddy_err_name(context->error));
  eddy_loop_set_exception_handler(of, note, "second");
  return eddy_loop_call_soon(of, trace_fn, "queued", NULL);
}

EDDY_TEST(exception, handler_may_set_another_and_queue_callbacks)
{
  CHECK_OK(test_loop(&loop));
  eddy_loop_set_exception_handler(loop, set_another, NULL);
  CHECK_OK(soon(fail));
  CHECK_OK(soon(fail));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("first:EIO second: error in a callback EIO queued");
  return 0;
}

static int stop_on_error(eddy_loop *of, const eddy_exception_context *context, void *arg)
{
  (void)context;
  (void)arg;
  eddy_loop_stop(of);
  return 0;
}

EDDY_TEST(exception, handler_may_stop_the_loop)
{
  CHECK_OK(test_loop(&loop));
  eddy_loop_set_exception_handler(loop, stop_on_error, NULL);
  CHECK_OK(soon(fail));
  CHECK_OK(eddy_loop_call_later(loop, EDDY_S(3600), trace_fn, "timer", NULL));
  CHECK_OK(eddy_loop_run_forever(loop));
  CHECK_TRACE("");
  return 0;
}

static int tell(eddy_loop *of, const eddy_exception_context *context, void *arg)
{
  (void)arg;
  if (of == loop && context->future != NULL) {
    trace("%s", eddy_future_message(context->future));
    trace("%d", eddy_future_done(context->future));
  }
  return 0;
}

EDDY_TEST(exception, error_of_a_task_that_nobody_takes_is_reported_with_its_future)
{
  eddy_task *task;
  CHECK_OK(test_loop(&loop));
  eddy_loop_set_exception_handler(loop, tell, NULL);
  CHECK_OK(eddy_loop_create_task(loop, fail_with_words, NULL, &task));
  eddy_task_unref(task);
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("port 70000 is out of range 1");
  return 0;
}

static int answer(void *unused)
{
  (void)unused;
  return 5;
}

EDDY_TEST(exception, callback_that_returns_something_else_than_0_or_a_code_is_reported)
{
  CHECK_OK(test_loop(&loop));
  eddy_loop_set_exception_handler(loop, note, "told");
  CHECK_OK(soon(answer));
  CHECK_OK(eddy_loop_run(loop));
  CHECK(strlen(test_trace()) > 0);
  test_trace_clear();
  return 0;
}
