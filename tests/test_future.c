/* Futures: completing, callbacks, waiting, what becomes of an error that nobody reads. */
#include "tasks.h"

static int trace_done(eddy_future *future, void *text)
{
  trace("%s%s", (const char *)text, eddy_future_done(future) ? "" : "(pending)");
  return 0;
}

/* ---- creating ---- */

EDDY_TEST(future, new_refuses_what_it_cannot_use)
{
  eddy_loop *loop;
  eddy_future *future = NULL;
  CHECK_OK(test_loop(&loop));
  CHECK_CODE(eddy_future_new(loop, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_future_new(NULL, &future), EDDY_ENOLOOP);
  CHECK_OK(eddy_loop_close(loop));
  CHECK_CODE(eddy_future_new(loop, &future), EDDY_ECLOSED);
  CHECK_PTR(future, NULL);
  return 0;
}

EDDY_TASK_TEST(future, belongs_to_the_running_loop_unless_told_otherwise)
{
  eddy_future *future;
  eddy_loop *other;
  CHECK_OK(test_future(NULL, &future));
  CHECK_PTR(eddy_future_get_loop(future), eddy_get_running_loop());
  CHECK_OK(test_loop(&other));
  CHECK_OK(test_future(other, &future));
  CHECK_PTR(eddy_future_get_loop(future), other);
  return 0;
}

EDDY_TEST(future, keeps_its_outcome_after_the_loop_is_gone)
{
  eddy_loop *loop;
  eddy_future *future;
  eddy_value value = eddy_int(0);
  CHECK_OK(eddy_loop_new(NULL, &loop));
  int rc = eddy_future_new(loop, &future);
  if (rc == 0) rc = eddy_future_set_result(future, eddy_int(7));
  eddy_loop_free(loop);
  CHECK_OK(rc);
  rc = eddy_future_result(future, &value);
  eddy_future_unref(future);
  CHECK_OK(rc);
  CHECK_EQ(value.i, 7);
  return 0;
}

EDDY_UNIT_TEST(future, null_is_let_go_of_and_refused)
{
  eddy_value value;
  int error;
  eddy_future_unref(NULL);
  CHECK(!eddy_future_cancel(NULL, NULL));
  CHECK_CODE(eddy_future_set_result(NULL, eddy_int(1)), EDDY_EINVAL);
  CHECK_CODE(eddy_future_set_exception(NULL, EDDY_EIO, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_future_result(NULL, &value), EDDY_EINVAL);
  CHECK_CODE(eddy_future_exception(NULL, &error), EDDY_EINVAL);
  CHECK_CODE(eddy_future_add_done_callback(NULL, trace_done, "x"), EDDY_EINVAL);
  return 0;
}

/* ---- completing (rules 15, 24, 26) ---- */

EDDY_TASK_TEST(future, result_is_read_as_often_as_one_likes)
{
  eddy_future *future;
  eddy_value value;
  int error = 1;
  CHECK_OK(test_future(NULL, &future));
  CHECK(!eddy_future_done(future));
  CHECK_OK(eddy_future_set_result(future, eddy_int(5)));
  CHECK(eddy_future_done(future));
  CHECK(!eddy_future_cancelled(future));
  for (int i = 0; i < 2; i++) {
    value = eddy_int(0);
    CHECK_OK(eddy_future_result(future, &value));
    CHECK_EQ(value.i, 5);
  }
  CHECK_OK(eddy_future_result(future, NULL));
  CHECK_OK(eddy_future_exception(future, &error));
  CHECK_EQ(error, 0);
  CHECK_STR(eddy_future_message(future), "");
  return 0;
}

EDDY_TASK_TEST(future, outcome_of_a_pending_one_is_invalid_state)
{
  eddy_future *future;
  eddy_value value = eddy_int(3);
  int error = 3;
  CHECK_OK(test_future(NULL, &future));
  CHECK_CODE(eddy_future_result(future, &value), EDDY_EINVALIDSTATE);
  CHECK_CODE(eddy_future_exception(future, &error), EDDY_EINVALIDSTATE);
  CHECK_EQ(value.i, 3);
  CHECK_EQ(error, 3);
  CHECK_STR(eddy_future_message(future), "");
  return 0;
}

EDDY_TASK_TEST(future, completing_twice_is_invalid_state)
{
  eddy_future *future;
  eddy_value value;
  CHECK_OK(test_future(NULL, &future));
  CHECK_OK(eddy_future_set_result(future, eddy_int(1)));
  CHECK_CODE(eddy_future_set_result(future, eddy_int(2)), EDDY_EINVALIDSTATE);
  CHECK_CODE(eddy_future_set_exception(future, EDDY_EIO, NULL), EDDY_EINVALIDSTATE);
  CHECK(!eddy_future_cancel(future, NULL));
  CHECK_OK(eddy_future_result(future, &value));
  CHECK_EQ(value.i, 1);
  return 0;
}

EDDY_TASK_TEST(future, error_comes_with_a_copy_of_its_message)
{
  eddy_future *future, *plain;
  eddy_value value = eddy_int(3);
  int error = 0;
  char text[] = "the disk is on fire";
  CHECK_OK(test_future(NULL, &future));
  CHECK_OK(test_future(NULL, &plain));
  CHECK_CODE(eddy_future_set_exception(future, 0, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_future_set_exception(future, EDDY_STOP, NULL), EDDY_EINVAL);
  CHECK_OK(eddy_future_set_exception(future, EDDY_EIO, text));
  text[0] = '\0';
  CHECK_CODE(eddy_future_result(future, &value), EDDY_EIO);
  CHECK_EQ(value.i, 3);
  CHECK_OK(eddy_future_exception(future, &error));
  CHECK_EQ(error, EDDY_EIO);
  CHECK_STR(eddy_future_message(future), "the disk is on fire");
  CHECK(!eddy_future_cancelled(future));
  CHECK_OK(eddy_future_set_exception(plain, EDDY_EIO, NULL));
  CHECK_CODE(eddy_future_result(plain, NULL), EDDY_EIO);
  CHECK_STR(eddy_future_message(plain), eddy_strerror(EDDY_EIO));
  return 0;
}

EDDY_TASK_TEST(future, cancelling_a_plain_one_completes_it_at_once)
{
  eddy_future *future;
  int error = 3;
  CHECK_OK(test_future(NULL, &future));
  CHECK(eddy_future_cancel(future, "not needed"));
  CHECK(eddy_future_done(future));
  CHECK(eddy_future_cancelled(future));
  CHECK_CODE(eddy_future_result(future, NULL), EDDY_ECANCELLED);
  CHECK_CODE(eddy_future_exception(future, &error), EDDY_ECANCELLED);
  CHECK_EQ(error, 3);
  CHECK_STR(eddy_future_message(future), "not needed");
  CHECK(!eddy_future_cancel(future, "twice"));
  CHECK_STR(eddy_future_message(future), "not needed");
  return 0;
}

/* ---- callbacks (rule 15) ---- */

static int await_quietly(void *future)
{
  int rc = eddy_await(future, NULL);
  trace("%s: %s", eddy_err_name(rc), eddy_message(rc));
  return 0;
}

EDDY_TASK_TEST(future, message_of_a_cancellation_is_the_waiters)
{
  eddy_future *future;
  eddy_task *task;
  CHECK_OK(test_future(NULL, &future));
  CHECK_OK(test_task(await_quietly, future, &task));
  CHECK_OK(eddy_sleep(0));
  CHECK(eddy_future_cancel(future, "not wanted any more"));
  CHECK(!eddy_future_cancel(future, "nor this"));
  CHECK_STR(eddy_future_message(future), "not wanted any more");
  CHECK_OK(eddy_task_await(task, NULL));
  CHECK_TRACE("ECANCELLED: not wanted any more");
  return 0;
}

/* What a timer or a thread brings after the future was cancelled. */
EDDY_TASK_TEST(future, late_result_does_not_touch_a_cancelled_one)
{
  eddy_future *future;
  CHECK_OK(test_future(NULL, &future));
  CHECK(eddy_future_cancel(future, NULL));
  CHECK_CODE(eddy_future_set_result(future, eddy_int(1)), EDDY_EINVALIDSTATE);
  CHECK_CODE(eddy_future_set_exception(future, EDDY_EIO, "late"), EDDY_EINVALIDSTATE);
  CHECK(eddy_future_cancelled(future));
  CHECK_CODE(eddy_future_result(future, NULL), EDDY_ECANCELLED);
  return 0;
}

EDDY_TASK_TEST(future, completing_runs_nothing_inline)
{
  eddy_future *future;
  CHECK_OK(test_future(NULL, &future));
  CHECK_OK(eddy_future_add_done_callback(future, trace_done, "a"));
  CHECK_OK(eddy_future_add_done_callback(future, trace_done, "b"));
  CHECK_OK(eddy_future_add_done_callback(future, trace_done, "c"));
  CHECK_OK(eddy_future_set_result(future, eddy_int(1)));
  trace("set");
  CHECK_OK(eddy_sleep(0));
  trace("after");
  CHECK_TRACE("set a b c after");
  return 0;
}

EDDY_TASK_TEST(future, adding_to_a_done_future_queues_at_once)
{
  eddy_future *future;
  CHECK_OK(test_future(NULL, &future));
  CHECK_OK(eddy_future_set_result(future, eddy_int(1)));
  CHECK_OK(test_call_soon(trace_fn, "first"));
  CHECK_OK(eddy_future_add_done_callback(future, trace_done, "callback"));
  CHECK_OK(test_call_soon(trace_fn, "last"));
  trace("added");
  CHECK_OK(eddy_sleep(0));
  CHECK_TRACE("added first callback last");
  return 0;
}

EDDY_TASK_TEST(future, same_pair_may_be_added_twice)
{
  eddy_future *future;
  static char a[] = "a";
  CHECK_OK(test_future(NULL, &future));
  CHECK_OK(eddy_future_add_done_callback(future, trace_done, a));
  CHECK_OK(eddy_future_add_done_callback(future, trace_done, "b"));
  CHECK_OK(eddy_future_add_done_callback(future, trace_done, a));
  CHECK_OK(eddy_future_set_result(future, eddy_int(1)));
  CHECK_OK(eddy_sleep(0));
  CHECK_TRACE("a b a");
  return 0;
}

EDDY_TASK_TEST(future, removing_deletes_all_equal_ones)
{
  eddy_future *future;
  static char a[] = "a", b[] = "b";
  CHECK_OK(test_future(NULL, &future));
  CHECK_OK(eddy_future_add_done_callback(future, trace_done, a));
  CHECK_OK(eddy_future_add_done_callback(future, trace_done, b));
  CHECK_OK(eddy_future_add_done_callback(future, trace_done, a));
  trace("%d", (int)eddy_future_remove_done_callback(future, trace_done, a));
  trace("%d", (int)eddy_future_remove_done_callback(future, trace_done, a));
  CHECK_OK(eddy_future_set_result(future, eddy_int(1)));
  CHECK_OK(eddy_sleep(0));
  CHECK_TRACE("2 0 b");
  return 0;
}

EDDY_TASK_TEST(future, removing_after_completion_is_too_late)
{
  eddy_future *future;
  static char a[] = "a";
  CHECK_OK(test_future(NULL, &future));
  CHECK_OK(eddy_future_add_done_callback(future, trace_done, a));
  CHECK_OK(eddy_future_set_result(future, eddy_int(1)));
  trace("%d", (int)eddy_future_remove_done_callback(future, trace_done, a));
  CHECK_OK(eddy_sleep(0));
  CHECK_TRACE("0 a");
  return 0;
}

EDDY_TEST(future, callbacks_are_refused_without_a_function_or_an_open_loop)
{
  eddy_loop *loop;
  eddy_future *future;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(test_future(loop, &future));
  CHECK_CODE(eddy_future_add_done_callback(future, NULL, NULL), EDDY_EINVAL);
  CHECK_OK(eddy_loop_close(loop));
  CHECK_CODE(eddy_future_add_done_callback(future, trace_done, "x"), EDDY_ECLOSED);
  return 0;
}

static int failing_callback(eddy_future *future, void *arg)
{
  (void)future;
  (void)arg;
  return eddy_raise(EDDY_EIO, "callback failed");
}

EDDY_TASK_TEST(future, error_of_a_callback_goes_to_the_exception_handler)
{
  eddy_future *future;
  trace_reports(NULL);
  CHECK_OK(test_future(NULL, &future));
  CHECK_OK(eddy_future_add_done_callback(future, failing_callback, NULL));
  CHECK_OK(eddy_future_add_done_callback(future, trace_done, "next"));
  CHECK_OK(eddy_future_set_result(future, eddy_int(1)));
  CHECK_OK(eddy_sleep(0));
  CHECK_TRACE("[error in a callback: EIO: callback failed] next");
  return 0;
}

EDDY_TASK_TEST(future, queued_callback_keeps_the_future)
{
  eddy_future *future;
  CHECK_OK(eddy_future_new(NULL, &future));
  int rc = eddy_future_add_done_callback(future, trace_done, "kept");
  if (rc == 0) rc = eddy_future_set_result(future, eddy_int(1));
  eddy_future_unref(future);
  CHECK_OK(rc);
  CHECK_OK(eddy_sleep(0));
  CHECK_TRACE("kept");
  return 0;
}

EDDY_TEST(future, callbacks_of_a_closed_loop_never_run)
{
  eddy_loop *loop;
  eddy_future *done, *pending;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(test_future(loop, &done));
  CHECK_OK(test_future(loop, &pending));
  CHECK_OK(eddy_future_add_done_callback(done, trace_done, "done"));
  CHECK_OK(eddy_future_add_done_callback(pending, trace_done, "pending"));
  CHECK_OK(eddy_future_set_result(done, eddy_int(1)));
  CHECK_OK(eddy_loop_close(loop));
  CHECK_TRACE("");
  return 0;
}

EDDY_TEST(future, may_be_completed_after_its_loop_was_closed)
{
  eddy_loop *loop;
  eddy_future *future, *gather;
  eddy_value value;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(test_future(loop, &future));
  CHECK_OK(test_gather(&future, 1, EDDY_GATHER_RAISE, &gather));
  CHECK_OK(eddy_future_add_done_callback(future, trace_done, "callback"));
  CHECK_OK(eddy_loop_close(loop));
  CHECK_OK(eddy_future_set_result(future, eddy_int(4)));
  CHECK_OK(eddy_future_result(future, &value));
  CHECK_EQ(value.i, 4);
  CHECK_EQ(eddy_future_remove_done_callback(future, trace_done, "callback"), 0);
  CHECK_CODE(eddy_future_result(gather, NULL), EDDY_EINVALIDSTATE);
  CHECK_TRACE("");
  return 0;
}

/* ---- never retrieved (rule 88) ---- */

#define NEVER_RETRIEVED "[the error of a future was never retrieved: EIO: unread]"

static int failed_future(eddy_future **out)
{
  int rc = eddy_future_new(NULL, out);
  if (rc < 0) return rc;
  rc = eddy_future_set_exception(*out, EDDY_EIO, "unread");
  if (rc < 0) eddy_future_unref(*out);
  return rc;
}

EDDY_TASK_TEST(future, error_never_retrieved_is_reported_once)
{
  eddy_future *future;
  trace_reports(NULL);
  CHECK_OK(failed_future(&future));
  (void)eddy_future_message(future);
  eddy_future_ref(future);
  eddy_future_unref(future);
  CHECK_TRACE("");
  eddy_future_unref(future);
  CHECK_TRACE(NEVER_RETRIEVED);
  return 0;
}

static int look_at_site(
    eddy_loop *loop, const eddy_exception_context *context, void *unused)
{
  (void)loop;
  (void)unused;
  const char *site = context->site != NULL ? context->site : "nowhere";
  trace("%s", strstr(site, "test_future.c:") != NULL ? "here" : site);
  return 0;
}

EDDY_TASK_TEST(future, report_says_where_the_future_was_created)
{
  eddy_future *future;
  eddy_loop_set_exception_handler(eddy_get_running_loop(), look_at_site, NULL);
  CHECK_OK(failed_future(&future));
  eddy_future_unref(future);
  CHECK_TRACE("here");
  CHECK_OK((eddy_future_new)(NULL, &future)); /* without the macro it is not known */
  int rc = eddy_future_set_exception(future, EDDY_EIO, NULL);
  eddy_future_unref(future);
  CHECK_OK(rc);
  CHECK_TRACE("nowhere");
  return 0;
}

EDDY_TASK_TEST(future, error_that_only_a_callback_saw_is_reported)
{
  eddy_future *future;
  trace_reports(NULL);
  CHECK_OK(failed_future(&future));
  int rc = eddy_future_add_done_callback(future, trace_done, "seen");
  eddy_future_unref(future);
  CHECK_OK(rc);
  CHECK_OK(eddy_sleep(0));
  CHECK_TRACE("seen " NEVER_RETRIEVED);
  return 0;
}

EDDY_TASK_TEST(future, any_way_of_reading_the_error_retrieves_it)
{
  eddy_future *future;
  int error;
  trace_reports(NULL);
  for (int way = 0; way < 4; way++) {
    CHECK_OK(failed_future(&future));
    if (way == 0) (void)eddy_future_result(future, NULL);
    if (way == 1) CHECK_OK(eddy_future_exception(future, &error));
    if (way == 2) (void)eddy_await(future, NULL);
    if (way == 3) (void)eddy_future_cancel(future, NULL);
    eddy_future_unref(future);
  }
  CHECK_TRACE("");
  return 0;
}

EDDY_TASK_TEST(future, cancelled_and_pending_ones_are_never_reported)
{
  eddy_future *future;
  trace_reports(NULL);
  CHECK_OK(eddy_future_new(NULL, &future));
  eddy_future_unref(future);
  CHECK_OK(eddy_future_new(NULL, &future));
  (void)eddy_future_cancel(future, NULL);
  eddy_future_unref(future);
  CHECK_TRACE("");
  return 0;
}

EDDY_TEST(future, error_unread_when_the_loop_closes_is_reported_then_and_not_again)
{
  eddy_loop *loop;
  eddy_future *future;
  CHECK_OK(eddy_loop_new(NULL, &loop));
  trace_reports(loop);
  int rc = eddy_future_new(loop, &future);
  if (rc == 0) rc = eddy_future_set_exception(future, EDDY_EIO, "unread");
  eddy_loop_free(loop);
  CHECK_OK(rc);
  CHECK_TRACE(NEVER_RETRIEVED);
  eddy_future_unref(future);
  CHECK_TRACE("");
  return 0;
}

EDDY_TEST(future, error_set_after_the_loop_was_closed_is_reported_with_the_last_reference)
{
  eddy_loop *loop;
  eddy_future *future;
  CHECK_OK(eddy_loop_new(NULL, &loop));
  trace_reports(loop);
  int rc = eddy_future_new(loop, &future);
  eddy_loop_free(loop);
  CHECK_OK(rc);
  rc = eddy_future_set_exception(future, EDDY_EIO, "unread");
  CHECK_TRACE("");
  eddy_future_unref(future);
  CHECK_OK(rc);
  CHECK_TRACE(NEVER_RETRIEVED);
  return 0;
}

static eddy_future *kept;

static int keep_future(
    eddy_loop *loop, const eddy_exception_context *context, void *unused)
{
  (void)unused;
  kept = eddy_future_ref(context->future);
  return trace_report(loop, context, NULL);
}

EDDY_TASK_TEST(future, handler_may_keep_the_future_it_is_told_of)
{
  eddy_future *future;
  eddy_loop_set_exception_handler(eddy_get_running_loop(), keep_future, NULL);
  CHECK_OK(failed_future(&future));
  eddy_future_unref(future);
  CHECK_PTR(kept, future);
  int rc = eddy_future_result(kept, NULL);
  eddy_future_unref(kept);
  CHECK_CODE(rc, EDDY_EIO);
  CHECK_TRACE(NEVER_RETRIEVED);
  return 0;
}
