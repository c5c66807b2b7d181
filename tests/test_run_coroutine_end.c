/* eddy_run_coroutine_threadsafe: calls of which no task came. */
#include "tasks.h"

static eddy_thread_future *future;

static void unref_future(void *unused)
{
  (void)unused;
  eddy_thread_future_unref(future);
}

static int must_not_run(void *unused)
{
  (void)unused;
  trace("ran");
  return 0;
}

static void trace_unstarted(void *arg)
{
  trace("unstarted(%s) %d", (const char *)arg, eddy_thread_future_done(future));
}

EDDY_TEST(run_coroutine, what_was_handed_over_is_let_go_of_if_the_loop_is_closed_first)
{
  eddy_loop *loop;
  eddy_task_options options = {.unstarted = trace_unstarted, .name = "late"};
  const eddy_task_body body = {.fn = must_not_run, .arg = "body"};
  CHECK_OK(test_loop(&loop));
  CHECK_OK(eddy_run_coroutine_threadsafe_with(loop, &body, &options, &future));
  test_defer_late(unref_future, NULL);
  options = (eddy_task_options){.name = "overwritten"}; /* they were copied */
  CHECK_OK(eddy_loop_close(loop));
  CHECK_TRACE("unstarted(body) 0");
  CHECK(eddy_thread_future_cancelled(future));
  return 0;
}

/* Of a factory: it makes nothing. */
static int make_no_task(eddy_loop *loop, const eddy_task_body *body,
    const eddy_task_options *options, eddy_task **out, void *unused)
{
  (void)loop;
  (void)body;
  (void)out;
  (void)unused;
  trace("asked for %s", options->name);
  return eddy_raise(EDDY_EIO, "no task today");
}

EDDY_TEST(run_coroutine, what_was_handed_over_is_let_go_of_if_there_can_be_no_task)
{
  eddy_loop *loop;
  char name[] = "late";
  const eddy_task_options options = {.unstarted = trace_unstarted, .name = name};
  const eddy_task_body body = {.fn = must_not_run, .arg = "body"};
  CHECK_OK(test_loop(&loop));
  trace_reports(loop);
  eddy_loop_set_task_factory(loop, make_no_task, NULL);
  CHECK_OK(eddy_run_coroutine_threadsafe_with(loop, &body, &options, &future));
  test_defer_late(unref_future, NULL);
  name[0] = 'f';
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE(
      "asked for late unstarted(body) 0 [error in a callback: EIO: no task today]");
  CHECK_CODE(eddy_thread_future_result(future, 0, NULL), EDDY_EIO);
  CHECK_STR(eddy_message(EDDY_EIO), "no task today");
  return 0;
}
