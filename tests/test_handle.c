/* Handles: what can be asked of them, when, and how long they live. */
#include "eddy_test.h"

static eddy_handle *kept;

static int cancel_kept(void *text)
{
  trace("%s", (const char *)text);
  eddy_handle_cancel(kept);
  return 0;
}

EDDY_TEST(handle, bad_arguments_are_refused)
{
  eddy_loop *loop;
  eddy_handle *handle = NULL;
  CHECK_OK(test_loop(&loop));
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
  eddy_loop *loop;
  eddy_handle *handle;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(eddy_loop_call_soon(loop, trace_fn, "a", NULL));
  CHECK_OK(eddy_loop_call_soon(loop, trace_fn, "b", &handle));
  CHECK_OK(eddy_loop_call_soon(loop, trace_fn, "c", NULL));
  eddy_handle_unref(handle);
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
  eddy_loop *loop;
  eddy_loop_stats stats;
  CHECK_OK(test_loop(&loop));
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
  eddy_loop *loop;
  eddy_handle *twice, *ran, *timer;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(eddy_loop_call_soon(loop, trace_fn, "twice", &twice));
  CHECK_OK(eddy_loop_call_soon(loop, trace_fn, "ran", &ran));
  CHECK_OK(eddy_loop_call_later(loop, 0, trace_fn, "timer", &timer));
  CHECK(!eddy_handle_cancelled(twice));
  eddy_handle_cancel(twice);
  eddy_handle_cancel(twice);
  CHECK(eddy_handle_cancelled(twice));
  CHECK_OK(eddy_loop_run(loop));
  CHECK(!eddy_handle_cancelled(ran));
  eddy_handle_cancel(ran);
  eddy_handle_cancel(timer);
  CHECK_OK(eddy_loop_call_soon(loop, trace_fn, "next", NULL));
  CHECK_OK(eddy_loop_run(loop));
  eddy_handle_unref(twice);
  eddy_handle_unref(ran);
  eddy_handle_unref(timer);
  CHECK_TRACE("ran timer next");
  return 0;
}

EDDY_TEST(handle, callback_may_cancel_itself)
{
  eddy_loop *loop;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(eddy_loop_call_soon(loop, cancel_kept, "soon", &kept));
  CHECK_OK(eddy_loop_run(loop));
  eddy_handle_unref(kept);
  CHECK_OK(eddy_loop_call_later(loop, 0, cancel_kept, "timer", &kept));
  CHECK_OK(eddy_loop_run(loop));
  eddy_handle_unref(kept);
  CHECK_TRACE("soon timer");
  return 0;
}

static int unref_kept(void *text)
{
  trace("%s", (const char *)text);
  eddy_handle_unref(kept);
  kept = NULL;
  return 0;
}

EDDY_TEST(handle, callback_may_let_go_of_its_own_handle)
{
  eddy_loop *loop;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(eddy_loop_call_later(loop, 0, unref_kept, "timer", &kept));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_PTR(kept, NULL);
  CHECK_TRACE("timer");
  return 0;
}

EDDY_TEST(handle, unref_leaves_the_callback_booked)
{
  eddy_loop *loop;
  eddy_handle *handle;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(eddy_loop_call_later(loop, EDDY_MS(1), trace_fn, "timer", &handle));
  CHECK_PTR(eddy_handle_ref(handle), handle);
  eddy_handle_unref(handle);
  eddy_handle_unref(handle);
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("timer");
  return 0;
}

EDDY_TEST(handle, cancelled_handle_lives_as_long_as_its_references)
{
  eddy_loop *loop;
  eddy_handle *handle;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(eddy_loop_call_later(loop, EDDY_MS(1), trace_fn, "timer", &handle));
  eddy_time when = eddy_handle_when(handle);
  (void)eddy_handle_ref(handle);
  eddy_handle_cancel(handle);
  eddy_handle_unref(handle);
  CHECK_EQ(eddy_handle_when(handle), when);
  CHECK(eddy_handle_cancelled(handle));
  eddy_handle_unref(handle);
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("");
  return 0;
}

EDDY_TEST(handle, when_is_the_deadline_or_never)
{
  eddy_loop *loop;
  eddy_handle *soon, *at, *later;
  CHECK_OK(test_loop(&loop));
  eddy_time before = eddy_loop_time(loop);
  CHECK_OK(eddy_loop_call_soon(loop, trace_fn, "soon", &soon));
  CHECK_OK(eddy_loop_call_at(loop, before + 17, trace_fn, "at", &at));
  CHECK_OK(eddy_loop_call_later(loop, EDDY_S(5), trace_fn, "later", &later));
  CHECK_EQ(eddy_handle_when(soon), EDDY_NEVER);
  CHECK_EQ(eddy_handle_when(at), before + 17);
  CHECK_BETWEEN(
      before + EDDY_S(5), eddy_handle_when(later), eddy_loop_time(loop) + EDDY_S(5));
  eddy_handle_unref(soon);
  eddy_handle_unref(at);
  eddy_handle_unref(later);
  return 0;
}

EDDY_TEST(handle, handles_outlive_their_loop)
{
  eddy_loop *loop;
  eddy_handle *soon, *timer, *ran;
  CHECK_OK(eddy_loop_new(NULL, &loop));
  CHECK_OK(eddy_loop_call_soon(loop, trace_fn, "ran", &ran));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_OK(eddy_loop_call_soon(loop, trace_fn, "soon", &soon));
  CHECK_OK(eddy_loop_call_at(loop, 99, trace_fn, "timer", &timer));
  eddy_loop_free(loop);
  CHECK_EQ(eddy_handle_when(timer), 99);
  CHECK(!eddy_handle_cancelled(timer));
  eddy_handle_cancel(timer);
  CHECK(eddy_handle_cancelled(timer));
  eddy_handle_cancel(ran);
  eddy_handle_unref(timer);
  eddy_handle_unref(soon);
  eddy_handle_unref(ran);
  CHECK_TRACE("ran");
  return 0;
}

static struct {
  int depth, deepest, left;
} nest;

static int queue_itself(void *loop)
{
  nest.depth++;
  if (nest.depth > nest.deepest) nest.deepest = nest.depth;
  int rc = --nest.left > 0 ? eddy_loop_call_soon(loop, queue_itself, loop, NULL) : 0;
  nest.depth--;
  return rc;
}

EDDY_TEST(handle, callbacks_that_queue_each_other_never_nest)
{
  eddy_loop *loop;
  CHECK_OK(test_loop(&loop));
  memset(&nest, 0, sizeof nest);
  nest.left = 100000;
  CHECK_OK(eddy_loop_call_soon(loop, queue_itself, loop, NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_EQ(nest.left, 0);
  CHECK_EQ(nest.deepest, 1);
  return 0;
}
