/* Futures between threads, and tasks started from another thread. */
#include "gate.h"
#include "kinds.h"
#include "tasks.h"

static void unref_thread_future(void *future)
{
  eddy_thread_future_unref(future);
}

/* A pending one, which lives as long as the test. */
static int test_thread_future(eddy_thread_future **out)
{
  int rc = eddy_thread_future_new(out);
  if (rc == 0) test_defer_late(unref_thread_future, *out);
  return rc;
}

/* ---- the future itself ---- */

static void trace_done(eddy_thread_future *future, void *name)
{
  trace("%s%d", (const char *)name, eddy_thread_future_cancelled(future));
}

EDDY_TEST(thread_future, value_is_kept_and_callbacks_run_in_order)
{
  eddy_thread_future *future;
  eddy_value value;
  int error = -1;
  CHECK_OK(test_thread_future(&future));
  CHECK(!eddy_thread_future_done(future));
  CHECK_OK(eddy_thread_future_add_done_callback(future, trace_done, "a"));
  CHECK_OK(eddy_thread_future_add_done_callback(future, trace_done, "b"));
  CHECK_OK(eddy_thread_future_set_result(future, eddy_int(5)));
  CHECK(eddy_thread_future_done(future));
  CHECK_OK(eddy_thread_future_add_done_callback(future, trace_done, "late"));
  CHECK_TRACE("a0 b0 late0");
  CHECK_OK(eddy_thread_future_result(future, EDDY_NEVER, &value));
  CHECK_EQ(value.i, 5);
  CHECK_OK(eddy_thread_future_exception(future, 0, &error));
  CHECK_EQ(error, 0);
  CHECK_STR(eddy_thread_future_message(future), "");
  CHECK(!eddy_thread_future_cancel(future));
  CHECK_CODE(eddy_thread_future_set_result(future, eddy_int(6)), EDDY_EINVALIDSTATE);
  CHECK_CODE(
      eddy_thread_future_set_exception(future, EDDY_EIO, NULL), EDDY_EINVALIDSTATE);
  return 0;
}

EDDY_TEST(thread_future, error_is_kept_with_its_message)
{
  eddy_thread_future *future;
  eddy_value value = eddy_int(1);
  int error = 0;
  CHECK_OK(test_thread_future(&future));
  CHECK_OK(eddy_thread_future_set_exception(future, EDDY_EIO, "torn tape"));
  CHECK_CODE(eddy_thread_future_result(future, EDDY_NEVER, &value), EDDY_EIO);
  CHECK_STR(eddy_message(EDDY_EIO), "torn tape");
  CHECK_STR(eddy_thread_future_message(future), "torn tape");
  CHECK_EQ(value.i, 1);
  CHECK_OK(eddy_thread_future_exception(future, EDDY_NEVER, &error));
  CHECK_EQ(error, EDDY_EIO);
  return 0;
}

EDDY_TEST(thread_future, cancelled_future_is_done)
{
  eddy_thread_future *future;
  int error;
  CHECK_OK(test_thread_future(&future));
  CHECK_OK(eddy_thread_future_add_done_callback(future, trace_done, "a"));
  CHECK(eddy_thread_future_cancel(future));
  CHECK(eddy_thread_future_cancel(future));
  CHECK(eddy_thread_future_done(future) && eddy_thread_future_cancelled(future));
  CHECK_CODE(eddy_thread_future_result(future, EDDY_NEVER, NULL), EDDY_ECANCELLED);
  CHECK_CODE(eddy_thread_future_exception(future, EDDY_NEVER, &error), EDDY_ECANCELLED);
  CHECK_CODE(eddy_thread_future_set_result(future, eddy_int(6)), EDDY_EINVALIDSTATE);
  CHECK_TRACE("a1");
  return 0;
}

EDDY_TEST(thread_future, wait_that_runs_out_of_time_leaves_it_as_it_is)
{
  eddy_thread_future *future;
  int error;
  CHECK_OK(test_thread_future(&future));
  CHECK_CODE(eddy_thread_future_result(future, 0, NULL), EDDY_ETIMEDOUT);
  CHECK_CODE(eddy_thread_future_result(future, EDDY_MS(1), NULL), EDDY_ETIMEDOUT);
  CHECK_CONTAINS(eddy_message(EDDY_ETIMEDOUT), "not done after 0.001 s");
  CHECK_CODE(eddy_thread_future_exception(future, 0, &error), EDDY_ETIMEDOUT);
  CHECK(!eddy_thread_future_done(future));
  return 0;
}

static void set_after_a_while(void *future)
{
  uv_sleep(1);
  if (eddy_thread_future_set_result(future, eddy_int(9)) != 0)
    test_failed(__FILE__, __LINE__, "set_result");
}

EDDY_TEST(thread_future, result_blocks_until_another_thread_sets_it)
{
  eddy_thread_future *future;
  eddy_value value;
  uv_thread_t thread;
  CHECK_OK(test_thread_future(&future));
  for (int i = 0; i < 2; i++) {
    CHECK_OK(uv_thread_create(&thread, set_after_a_while, future));
    int rc = eddy_thread_future_result(future, i == 0 ? EDDY_NEVER : EDDY_S(60), &value);
    uv_thread_join(&thread);
    CHECK_OK(rc);
    CHECK_EQ(value.i, 9);
    CHECK_OK(test_thread_future(&future));
  }
  return 0;
}

EDDY_TEST(thread_future, bad_arguments_are_refused)
{
  eddy_thread_future *future;
  eddy_future *wrapped;
  eddy_task_body both = {.fn = do_nothing, .coro = (eddy_coro *)&both}, none = {0};
  eddy_loop *loop;
  CHECK_OK(test_thread_future(&future));
  CHECK_OK(test_loop(&loop));
  CHECK_CODE(eddy_thread_future_new(NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_thread_future_result(NULL, 0, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_thread_future_exception(future, 0, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_thread_future_set_exception(future, 1, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_thread_future_set_result(NULL, eddy_int(0)), EDDY_EINVAL);
  CHECK_CODE(eddy_thread_future_add_done_callback(future, NULL, NULL), EDDY_EINVAL);
  CHECK(!eddy_thread_future_cancel(NULL));
  CHECK_CODE(eddy_wrap_future(NULL, loop, &wrapped), EDDY_EINVAL);
  CHECK_CODE(eddy_wrap_future(future, loop, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_wrap_future(future, NULL, &wrapped), EDDY_ENOLOOP);
  CHECK_CODE(eddy_run_coroutine_threadsafe(NULL, do_nothing, NULL, &future), EDDY_EINVAL);
  CHECK_CODE(eddy_run_coroutine_threadsafe(loop, NULL, NULL, &future), EDDY_EINVAL);
  CHECK_CODE(eddy_run_coroutine_threadsafe_with(loop, &both, NULL, &future), EDDY_EINVAL);
  CHECK_CODE(eddy_run_coroutine_threadsafe_with(loop, &none, NULL, &future), EDDY_EINVAL);
  CHECK_OK(eddy_loop_close(loop));
  CHECK_CODE(
      eddy_run_coroutine_threadsafe(loop, do_nothing, NULL, &future), EDDY_ECLOSED);
  CHECK_CODE(eddy_wrap_future(future, loop, &wrapped), EDDY_ECLOSED);
  eddy_thread_future_unref(NULL);
  return 0;
}

/* ---- wrap_future ---- */

/* Follows it on the running loop (NULL) or this one. */
static int test_wrap(eddy_thread_future *future, eddy_loop *loop, eddy_future **out)
{
  int rc = eddy_wrap_future(future, loop, out);
  if (rc == 0) test_defer_late(gate_unref_future, *out);
  return rc;
}

static int set_in_job(void *future)
{
  return eddy_thread_future_set_result(future, eddy_int(4));
}

EDDY_TASK_TEST(wrap_future, value_from_another_thread_arrives)
{
  eddy_thread_future *source;
  eddy_future *future, *job;
  eddy_value value;
  CHECK_OK(test_thread_future(&source));
  CHECK_OK(test_wrap(source, NULL, &future));
  CHECK_OK(test_job(NULL, NULL, set_in_job, source, &job));
  CHECK_OK(eddy_await(future, &value));
  CHECK_EQ(value.i, 4);
  CHECK_OK(eddy_await(job, NULL));
  return 0;
}

EDDY_TASK_TEST(wrap_future, future_that_is_done_gives_its_outcome_in_the_next_iteration)
{
  eddy_thread_future *source;
  eddy_future *future;
  CHECK_OK(test_thread_future(&source));
  CHECK_OK(eddy_thread_future_set_exception(source, EDDY_EIO, "lost"));
  CHECK_OK(test_wrap(source, NULL, &future));
  CHECK(!eddy_future_done(future));
  CHECK_CODE(eddy_await(future, NULL), EDDY_EIO);
  CHECK_STR(eddy_message(EDDY_EIO), "lost");
  return 0;
}

EDDY_TASK_TEST(wrap_future, cancelling_it_cancels_the_thread_future)
{
  eddy_thread_future *source;
  eddy_future *future;
  eddy_loop_stats stats;
  CHECK_OK(test_thread_future(&source));
  CHECK_OK(test_wrap(source, NULL, &future));
  CHECK(eddy_future_cancel(future, NULL));
  CHECK(eddy_future_cancelled(future));
  CHECK(eddy_thread_future_cancelled(source));
  eddy_loop_get_stats(eddy_get_running_loop(), &stats);
  CHECK_EQ(stats.holds, 0);
  return 0;
}

EDDY_TASK_TEST(wrap_future, cancelled_thread_future_cancels_it)
{
  eddy_thread_future *source;
  eddy_future *future;
  CHECK_OK(test_thread_future(&source));
  CHECK_OK(test_wrap(source, NULL, &future));
  CHECK(eddy_thread_future_cancel(source));
  CHECK(!eddy_future_done(future));
  CHECK_CODE(eddy_await(future, NULL), EDDY_ECANCELLED);
  CHECK(eddy_future_cancelled(future));
  return 0;
}

EDDY_TASK_TEST(wrap_future, outcome_that_comes_after_its_cancellation_is_dropped)
{
  eddy_thread_future *source;
  eddy_future *future;
  CHECK_OK(test_thread_future(&source));
  CHECK_OK(test_wrap(source, NULL, &future));
  CHECK_OK(eddy_thread_future_set_result(source, eddy_int(1)));
  CHECK(eddy_future_cancel(future, NULL)); /* the value is on its way */
  CHECK_OK(settle());
  CHECK(eddy_future_cancelled(future));
  CHECK(!eddy_thread_future_cancelled(source));
  return 0;
}

EDDY_TEST(wrap_future, closing_the_loop_leaves_it_pending)
{
  eddy_thread_future *source, *other;
  eddy_future *future, *posted;
  eddy_loop *loop;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(test_thread_future(&source));
  CHECK_OK(test_thread_future(&other));
  CHECK_OK(test_wrap(source, loop, &future));
  CHECK_OK(test_wrap(other, loop, &posted));
  CHECK_OK(eddy_thread_future_set_result(other, eddy_int(1)));
  CHECK_OK(eddy_loop_close(loop));
  CHECK(!eddy_future_done(future));
  CHECK(!eddy_future_done(posted));
  CHECK_OK(eddy_thread_future_set_result(source, eddy_int(1)));
  CHECK(eddy_future_cancel(future, NULL));
  return 0;
}

/* ---- run_coroutine_threadsafe ---- */

struct call {
  eddy_loop *loop;
  eddy_fn *fn;
  void *arg;
  eddy_time timeout;
  eddy_future *never;
  eddy_thread_future *future;
};

static void unref_call(void *arg)
{
  eddy_thread_future_unref(((struct call *)arg)->future);
}

static struct call *new_call(eddy_fn *fn, void *arg)
{
  struct call *call = test_new(sizeof *call);
  *call = (struct call){
      .loop = eddy_get_running_loop(), .fn = fn, .arg = arg, .timeout = EDDY_NEVER};
  test_defer_late(unref_call, call);
  return call;
}

/* In a job: starts the task and waits for it; what is not done then is cancelled. */
static int call_from_thread(void *arg)
{
  struct call *call = arg;
  eddy_value value;
  int rc = eddy_run_coroutine_threadsafe(call->loop, call->fn, call->arg, &call->future);
  if (rc < 0) return rc;
  rc = eddy_thread_future_result(call->future, call->timeout, &value);
  if (!eddy_thread_future_done(call->future))
    (void)eddy_thread_future_cancel(call->future);
  return rc < 0 ? rc : eddy_return(value);
}

static int add(void *arg)
{
  CHECK_OK(eddy_sleep(0));
  return eddy_return(eddy_int((intptr_t)arg + 2));
}

EDDY_TASK_TEST(run_coroutine, value_of_the_task_reaches_the_thread)
{
  eddy_value value;
  struct call *call = new_call(add, (void *)(intptr_t)1);
  CHECK_OK(eddy_to_thread(call_from_thread, call, &value));
  CHECK_EQ(value.i, 3);
  return 0;
}

static int fail(void *unused)
{
  CHECK_OK(eddy_sleep(0));
  return unused == NULL ? eddy_raise(EDDY_EIO, "not today") : 0;
}

EDDY_TASK_TEST(run_coroutine, error_of_the_task_reaches_the_thread)
{
  struct call *call = new_call(fail, NULL);
  CHECK_CODE(eddy_to_thread(call_from_thread, call, NULL), EDDY_EIO);
  CHECK_STR(eddy_message(EDDY_EIO), "not today");
  return 0;
}

static int await_never(void *arg)
{
  struct call *call = arg;
  trace("begins");
  int rc = eddy_await(call->never, NULL);
  trace("%s", eddy_err_name(rc));
  return rc;
}

EDDY_TASK_TEST(run_coroutine, timeout_stops_the_wait_and_only_cancel_stops_the_task)
{
  struct call *call = new_call(await_never, NULL);
  call->arg = call;
  call->timeout = 0;
  CHECK_OK(test_future(NULL, &call->never));
  CHECK_CODE(eddy_to_thread(call_from_thread, call, NULL), EDDY_ETIMEDOUT);
  CHECK(eddy_thread_future_cancelled(call->future));
  CHECK_OK(settle());
  CHECK_TRACE("begins ECANCELLED");
  CHECK(eddy_future_cancelled(call->never));
  return 0;
}

static int only_look(void *arg)
{
  struct call *call = arg;
  int rc = eddy_run_coroutine_threadsafe(call->loop, call->fn, call->arg, &call->future);
  return rc < 0 ? rc : eddy_thread_future_result(call->future, EDDY_MS(1), NULL);
}

EDDY_TASK_TEST(run_coroutine, timeout_leaves_the_task_running)
{
  eddy_value value;
  struct call *call = new_call(await_never, NULL);
  call->arg = call;
  CHECK_OK(test_future(NULL, &call->never));
  CHECK_CODE(eddy_to_thread(only_look, call, NULL), EDDY_ETIMEDOUT);
  CHECK_OK(settle());
  CHECK_OK(eddy_future_set_result(call->never, eddy_int(1)));
  CHECK_OK(settle());
  CHECK_OK(eddy_thread_future_result(call->future, 0, &value));
  return 0;
}

static int cancel_self(void *unused)
{
  (void)unused;
  eddy_task_cancel(eddy_current_task(), "by itself");
  return eddy_sleep(0);
}

EDDY_TASK_TEST(run_coroutine, task_that_is_cancelled_cancels_the_future)
{
  struct call *call = new_call(cancel_self, NULL);
  CHECK_CODE(eddy_to_thread(call_from_thread, call, NULL), EDDY_ECANCELLED);
  CHECK(call->future != NULL);
  CHECK(eddy_thread_future_cancelled(call->future));
  CHECK_STR(eddy_thread_future_message(call->future), "by itself");
  return 0;
}

static int refuse_tasks(eddy_loop *loop, const eddy_task_body *body,
    const eddy_task_options *options, eddy_task **out, void *arg)
{
  (void)loop;
  (void)body;
  (void)options;
  (void)out;
  (void)arg;
  return eddy_raise(EDDY_EPERM, "no more tasks");
}

EDDY_TASK_TEST(run_coroutine, task_that_cannot_be_made_is_the_futures_error_and_reported)
{
  struct call *call = new_call(add, NULL);
  trace_reports(NULL);
  eddy_loop_set_task_factory(call->loop, refuse_tasks, NULL);
  int rc = eddy_to_thread(call_from_thread, call, NULL);
  eddy_loop_set_task_factory(call->loop, NULL, NULL);
  CHECK_CODE(rc, EDDY_EPERM);
  CHECK_STR(eddy_message(EDDY_EPERM), "no more tasks");
  CHECK_TRACE("[error in a callback: EPERM: no more tasks]");
  return 0;
}

EDDY_TASK_TEST(run_coroutine, thread_of_the_loop_cannot_block_for_its_own_task)
{
  struct call *call = new_call(add, NULL);
  CHECK_OK(eddy_run_coroutine_threadsafe(call->loop, add, NULL, &call->future));
  CHECK_CODE(eddy_thread_future_result(call->future, EDDY_NEVER, NULL), EDDY_EDEADLOCK);
  CHECK_CODE(eddy_thread_future_result(call->future, 0, NULL), EDDY_ETIMEDOUT);
  CHECK_CODE(
      eddy_thread_future_set_result(call->future, eddy_int(0)), EDDY_EINVALIDSTATE);
  CHECK_OK(settle());
  CHECK_OK(eddy_thread_future_result(call->future, EDDY_NEVER, NULL));
  return 0;
}

EDDY_TASK_TEST(run_coroutine, from_the_loops_own_thread_it_keeps_its_order_with_call_soon)
{
  struct call *call = new_call(NULL, NULL);
  CHECK_OK(test_call_soon(trace_fn, "a"));
  CHECK_OK(eddy_run_coroutine_threadsafe(call->loop, trace_fn, "task", NULL));
  CHECK_OK(test_call_soon(trace_fn, "b"));
  CHECK_OK(settle());
  CHECK_TRACE("a b task");
  return 0;
}

EDDY_TASK_TEST(run_coroutine, future_cancelled_before_the_start_cancels_at_the_first_wait)
{
  struct call *call = new_call(await_never, NULL);
  call->arg = call;
  CHECK_OK(test_future(NULL, &call->never));
  CHECK_OK(eddy_run_coroutine_threadsafe(call->loop, await_never, call, &call->future));
  CHECK(eddy_thread_future_cancel(call->future));
  CHECK_OK(settle());
  CHECK_TRACE("begins ECANCELLED");
  return 0;
}

struct stackless {
  eddy_frame frame;
  int rc;
};

static int sleep_frame(eddy_frame *frame)
{
  struct stackless *self = (struct stackless *)frame;
  EDDY_BEGIN(frame);
  EDDY_AWAIT(frame, self->rc, eddy_sleep(0));
  EDDY_RETURN(frame, eddy_int(11));
  EDDY_END(frame);
}

EDDY_TASK_TEST(run_coroutine, stackless_coroutine_can_be_run)
{
  struct stackless *stackless = test_new(sizeof *stackless);
  struct call *call = new_call(NULL, NULL);
  eddy_value value;
  eddy_frame_init(&stackless->frame, sleep_frame);
  eddy_task_body body = {.coro = &stackless->frame.coro};
  CHECK_OK(eddy_run_coroutine_threadsafe_with(call->loop, &body, NULL, &call->future));
  CHECK_OK(settle());
  CHECK_OK(eddy_thread_future_result(call->future, 0, &value));
  CHECK_EQ(value.i, 11);
  return 0;
}

EDDY_TEST(run_coroutine, closing_the_loop_cancels_what_has_not_ended)
{
  static struct call started, posted;
  eddy_loop *loop;
  CHECK_OK(test_loop(&loop));
  trace_reports(loop);
  started = posted = (struct call){0};
  test_defer_late(unref_call, &started);
  test_defer_late(unref_call, &posted);
  CHECK_OK(test_future(loop, &started.never));
  CHECK_OK(eddy_run_coroutine_threadsafe(loop, await_never, &started, &started.future));
  for (int i = 0; i < 3; i++) {
    eddy_loop_stop(loop);
    CHECK_OK(eddy_loop_run(loop));
  }
  CHECK_OK(eddy_run_coroutine_threadsafe(loop, await_never, &posted, &posted.future));
  CHECK_OK(eddy_loop_close(loop));
  CHECK_TRACE("begins [a task was destroyed but it is pending] EGENERATOREXIT");
  CHECK(eddy_thread_future_cancelled(started.future));
  CHECK(eddy_thread_future_cancelled(posted.future));
  return 0;
}

/* The task has ended and a cancellation is under way when the loop is closed. */
EDDY_TEST(run_coroutine, closing_the_loop_drops_a_cancellation_under_way)
{
  static struct call call;
  eddy_loop *loop;
  CHECK_OK(test_loop(&loop));
  trace_reports(loop);
  call = (struct call){0};
  test_defer_late(unref_call, &call);
  CHECK_OK(test_future(loop, &call.never));
  CHECK_OK(eddy_run_coroutine_threadsafe(loop, await_never, &call, &call.future));
  for (int i = 0; i < 3; i++) {
    eddy_loop_stop(loop);
    CHECK_OK(eddy_loop_run(loop));
  }
  CHECK(eddy_thread_future_cancel(call.future));
  CHECK_OK(eddy_loop_close(loop));
  CHECK_TRACE("begins [a task was destroyed but it is pending] EGENERATOREXIT");
  return 0;
}
