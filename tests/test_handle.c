/* Handles: what can be asked of them, when, and how long they live. */
#include "owned.h"

static eddy_loop *loop; /* the case's */
static eddy_handle **handles;

static int begin(void)
{
  handles = test_handles(3);
  return test_loop(&loop);
}

EDDY_TEST(handle, bad_arguments_are_refused)
{
  eddy_handle *handle = NULL;
  CHECK_OK(begin());
  CHECK_CODE(eddy_loop_call_soon(NULL, trace_fn, "x", &handle), EDDY_EINVAL);
  CHECK_CODE(eddy_loop_call_soon(loop, NULL, "x", &handle), EDDY_EINVAL);
  CHECK_CODE(eddy_loop_call_later(NULL, 0, trace_fn, "x", &handle), EDDY_EINVAL);
  CHECK_CODE(eddy_loop_call_later(loop, 0, NULL, "x", &handle), EDDY_EINVAL);
  CHECK_CODE(eddy_loop_call_at(NULL, 0, trace_fn, "x", &handle), EDDY_EINVAL);
  CHECK_CODE(eddy_loop_call_at(loop, 0, NULL, "x", &handle), EDDY_EINVAL);
  CHECK_CODE(eddy_loop_call_soon_threadsafe(NULL, trace_fn, "x"), EDDY_EINVAL);
  CHECK_CODE(eddy_loop_call_soon_threadsafe(loop, NULL, "x"), EDDY_EINVAL);
  CHECK_PTR(handle, NULL);
  eddy_handle_cancel(NULL);
  eddy_handle_unref(NULL);
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("");
  return 0;
}

EDDY_TEST(handle, callbacks_run_once_in_the_order_they_were_queued)
{
  CHECK_OK(begin());
  CHECK_OK(eddy_loop_call_soon(loop, trace_fn, "a", NULL));
  CHECK_OK(eddy_loop_call_soon(loop, trace_fn, "b", &handles[0]));
  CHECK_OK(eddy_loop_call_soon(loop, trace_fn, "c", NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("a b c");
  return 0;
}

static int check_order(void *arg)
{
  static intptr_t expected;
  intptr_t number = (intptr_t)arg;
  if (number == 0) expected = 0;
  CHECK_EQ(number, expected);
  expected++;
  return 0;
}

EDDY_TEST(handle, ten_thousand_callbacks_keep_their_order)
{
  eddy_loop_stats stats;
  CHECK_OK(begin());
  for (int round = 0; round < 2; round++) {
    for (intptr_t i = 0; i < 10000; i++)
      CHECK_OK(eddy_loop_call_soon(loop, check_order, (void *)i, NULL));
    CHECK_OK(eddy_loop_run(loop));
  }
  eddy_loop_get_stats(loop, &stats);
  CHECK_EQ(stats.callbacks, 20000);
  return 0;
}

EDDY_TEST(handle, cancelling_twice_or_after_the_run_does_nothing)
{
  CHECK_OK(begin());
  CHECK_OK(eddy_loop_call_soon(loop, trace_fn, "twice", &handles[0]));
  CHECK_OK(eddy_loop_call_soon(loop, trace_fn, "soon", &handles[1]));
  CHECK_OK(eddy_loop_call_later(loop, 0, trace_fn, "timer", &handles[2]));
  CHECK(!eddy_handle_cancelled(handles[0]));
  eddy_handle_cancel(handles[0]);
  eddy_handle_cancel(handles[0]);
  CHECK(eddy_handle_cancelled(handles[0]));
  CHECK_OK(eddy_loop_run(loop));
  CHECK(!eddy_handle_cancelled(handles[1]));
  eddy_handle_cancel(handles[1]);
  eddy_handle_cancel(handles[2]);
  CHECK_OK(eddy_loop_call_soon(loop, trace_fn, "next", NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("soon timer next");
  return 0;
}

static int cancel_itself(void *handle)
{
  trace("%d", eddy_handle_cancelled(*(eddy_handle **)handle));
  eddy_handle_cancel(*(eddy_handle **)handle);
  return 0;
}

EDDY_TEST(handle, callback_may_cancel_itself)
{
  CHECK_OK(begin());
  CHECK_OK(eddy_loop_call_soon(loop, cancel_itself, &handles[0], &handles[0]));
  CHECK_OK(eddy_loop_call_later(loop, 0, cancel_itself, &handles[1], &handles[1]));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("0 0");
  return 0;
}

static int unref_itself(void *text)
{
  trace("%s", (const char *)text);
  eddy_handle_unref(handles[0]);
  handles[0] = NULL;
  return 0;
}

EDDY_TEST(handle, callback_may_let_go_of_its_own_handle)
{
  CHECK_OK(begin());
  CHECK_OK(eddy_loop_call_later(loop, 0, unref_itself, "timer", &handles[0]));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_PTR(handles[0], NULL);
  CHECK_TRACE("timer");
  return 0;
}

EDDY_TEST(handle, unref_leaves_the_callback_booked)
{
  CHECK_OK(begin());
  CHECK_OK(eddy_loop_call_later(loop, EDDY_MS(1), trace_fn, "timer", &handles[0]));
  CHECK_PTR(eddy_handle_ref(handles[0]), handles[0]);
  eddy_handle_unref(handles[0]);
  eddy_handle_unref(handles[0]);
  handles[0] = NULL;
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("timer");
  return 0;
}

EDDY_TEST(handle, cancelled_handle_lives_as_long_as_its_references)
{
  CHECK_OK(begin());
  CHECK_OK(eddy_loop_call_later(loop, EDDY_MS(1), trace_fn, "timer", &handles[0]));
  eddy_time when = eddy_handle_when(handles[0]);
  handles[1] = eddy_handle_ref(handles[0]);
  eddy_handle_cancel(handles[0]);
  eddy_handle_unref(handles[0]);
  handles[0] = NULL;
  CHECK_EQ(eddy_handle_when(handles[1]), when);
  CHECK(eddy_handle_cancelled(handles[1]));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("");
  return 0;
}

EDDY_TEST(handle, when_is_the_deadline_or_never)
{
  CHECK_OK(begin());
  eddy_time before = eddy_loop_time(loop);
  CHECK_OK(eddy_loop_call_soon(loop, trace_fn, "soon", &handles[0]));
  CHECK_OK(eddy_loop_call_at(loop, before + 17, trace_fn, "at", &handles[1]));
  CHECK_OK(eddy_loop_call_later(loop, EDDY_S(5), trace_fn, "later", &handles[2]));
  eddy_time after = eddy_loop_time(loop);
  CHECK_EQ(eddy_handle_when(handles[0]), EDDY_NEVER);
  CHECK_EQ(eddy_handle_when(handles[1]), before + 17);
  CHECK_BETWEEN(before + EDDY_S(5), eddy_handle_when(handles[2]), after + EDDY_S(5));
  return 0;
}

EDDY_TEST(handle, handles_outlive_their_loop)
{
  eddy_loop **place = test_loop_place();
  handles = test_handles(3);
  CHECK_OK(eddy_loop_new(NULL, place));
  CHECK_OK(eddy_loop_call_soon(*place, trace_fn, "ran", &handles[0]));
  CHECK_OK(eddy_loop_run(*place));
  CHECK_OK(eddy_loop_call_soon(*place, trace_fn, "soon", &handles[1]));
  CHECK_OK(eddy_loop_call_at(*place, 99, trace_fn, "timer", &handles[2]));
  eddy_loop_free(*place);
  *place = NULL;
  CHECK_EQ(eddy_handle_when(handles[2]), 99);
  CHECK(!eddy_handle_cancelled(handles[2]));
  for (int i = 0; i < 3; i++) {
    eddy_handle_cancel(handles[i]);
    CHECK(eddy_handle_cancelled(handles[i]));
  }
  CHECK_TRACE("ran");
  return 0;
}

EDDY_TEST(handle, closed_loop_lets_go_of_every_callback_that_has_not_run)
{
  handles = test_handles(4);
  CHECK_OK(test_loop(&loop));
  eddy_time now = eddy_loop_time(loop);
  for (int i = 0; i < 200; i++) {
    CHECK_OK(eddy_loop_call_soon(loop, trace_fn, "soon", NULL));
    CHECK_OK(eddy_loop_call_at(loop, now - i, trace_fn, "due", NULL));
    CHECK_OK(eddy_loop_call_at(loop, now + EDDY_S(i + 1), trace_fn, "later", NULL));
    CHECK_OK(eddy_loop_call_at(loop, EDDY_NEVER, trace_fn, "never", NULL));
  }
  CHECK_OK(eddy_loop_call_soon(loop, trace_fn, "soon", &handles[0]));
  CHECK_OK(eddy_loop_call_at(loop, now, trace_fn, "due", &handles[1]));
  CHECK_OK(eddy_loop_call_at(loop, now + EDDY_S(60), trace_fn, "later", &handles[2]));
  CHECK_OK(eddy_loop_call_at(loop, EDDY_NEVER, trace_fn, "never", &handles[3]));
  CHECK_OK(eddy_loop_close(loop));
  eddy_handle_cancel(handles[1]);
  eddy_handle_cancel(handles[3]);
  CHECK(!eddy_handle_cancelled(handles[0]) && eddy_handle_cancelled(handles[1]));
  CHECK(!eddy_handle_cancelled(handles[2]) && eddy_handle_cancelled(handles[3]));
  CHECK_TRACE("");
  return 0;
}

static struct {
  int depth, deepest, left;
} nest;

static int queue_itself(void *unused)
{
  (void)unused;
  nest.depth++;
  if (nest.depth > nest.deepest) nest.deepest = nest.depth;
  int rc = --nest.left > 0 ? eddy_loop_call_soon(loop, queue_itself, NULL, NULL) : 0;
  nest.depth--;
  return rc;
}

EDDY_TEST(handle, callbacks_that_queue_each_other_never_nest)
{
  CHECK_OK(begin());
  memset(&nest, 0, sizeof nest);
  nest.left = 100000;
  CHECK_OK(eddy_loop_call_soon(loop, queue_itself, NULL, NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_EQ(nest.left, 0);
  CHECK_EQ(nest.deepest, 1);
  return 0;
}
