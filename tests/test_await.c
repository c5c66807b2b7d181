/* Waiting for a future or task, in both kinds of coroutine. */
#include "tasks.h"

struct waiter {
  eddy_frame frame;
  const char *name;
  eddy_future *future;
  eddy_value value;
  uint64_t began;
  int rc;
};

/* Waits, and traces how long (in iterations) and with what. */
static int wait_on(eddy_frame *frame)
{
  struct waiter *self = (struct waiter *)frame;
  EDDY_BEGIN(frame);
  self->began = test_iteration();
  EDDY_AWAIT(frame, self->rc, eddy_await(self->future, &self->value));
  if (self->name != NULL) trace("%s", self->name);
  if (self->rc < 0) {
    trace("%s+%d", eddy_err_name(self->rc), (int)(test_iteration() - self->began));
    trace("(%s)", eddy_message(self->rc));
  }
  EDDY_RETURN(frame, self->value);
  EDDY_END(frame);
}

static int waiter_task(int kind, const char *name, eddy_future *future, eddy_task **out)
{
  struct waiter *waiter = test_new(sizeof *waiter);
  waiter->name = name;
  waiter->future = future;
  return test_frame_task(kind, waiter, wait_on, out);
}

static int trace_done(eddy_future *future, void *text)
{
  (void)future;
  trace("%s", (const char *)text);
  return 0;
}

/* ---- what is waited for ---- */

EDDY_TASK_TEST(await, gives_the_value_to_every_waiter)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_future *future;
    eddy_task *a, *b;
    eddy_value value;
    CHECK_OK(test_future(NULL, &future));
    CHECK_OK(waiter_task(kind, "a", future, &a));
    CHECK_OK(waiter_task(kind, "b", future, &b));
    CHECK_OK(eddy_sleep(0));
    CHECK_OK(eddy_future_set_result(future, eddy_int(7)));
    CHECK_OK(eddy_task_await(a, &value));
    CHECK_EQ(value.i, 7);
    CHECK_OK(eddy_task_await(b, &value));
    CHECK_EQ(value.i, 7);
    CHECK_TRACE("a b");
  }
  return 0;
}

EDDY_TASK_TEST(await, tasks_waiting_on_one_future_wake_in_the_order_they_came)
{
  eddy_future *future;
  eddy_task *task;
  CHECK_OK(test_future(NULL, &future));
  CHECK_OK(waiter_task(TEST_STACKFUL, "c", future, &task));
  CHECK_OK(waiter_task(TEST_STACKLESS, "a", future, &task));
  CHECK_OK(waiter_task(TEST_STACKFUL, "b", future, &task));
  CHECK_OK(eddy_sleep(0));
  CHECK_OK(eddy_future_set_result(future, eddy_int(1)));
  trace("set");
  CHECK_OK(eddy_sleep(0));
  CHECK_TRACE("set c a b");
  return 0;
}

EDDY_TASK_TEST(await, waiters_and_callbacks_go_in_the_order_they_came)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_future *future;
    eddy_task *task;
    CHECK_OK(test_future(NULL, &future));
    CHECK_OK(waiter_task(kind, "t1", future, &task));
    CHECK_OK(eddy_sleep(0));
    CHECK_OK(eddy_future_add_done_callback(future, trace_done, "c1"));
    CHECK_OK(waiter_task(kind, "t2", future, &task));
    CHECK_OK(eddy_sleep(0));
    CHECK_OK(eddy_future_add_done_callback(future, trace_done, "c2"));
    CHECK_OK(eddy_future_set_result(future, eddy_int(1)));
    CHECK_OK(eddy_sleep(0));
    CHECK_TRACE("t1 c1 t2 c2");
  }
  return 0;
}

EDDY_TASK_TEST(await, error_of_a_future_comes_with_its_message)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_future *future;
    eddy_task *task;
    CHECK_OK(test_future(NULL, &future));
    CHECK_OK(waiter_task(kind, NULL, future, &task));
    CHECK_OK(eddy_sleep(0));
    CHECK_OK(eddy_future_set_exception(future, EDDY_EIO, "on fire"));
    CHECK_OK(eddy_task_await(task, NULL));
    CHECK_TRACE("EIO+1 (on fire)");
  }
  return 0;
}

static int fail_with_message(void *arg)
{
  (void)arg;
  return eddy_raise(EDDY_ENOENT, "no page %d", 404);
}

EDDY_TASK_TEST(await, message_of_a_failed_child_is_seen_by_its_awaiter)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_task *child, *task;
    CHECK_OK(test_task(fail_with_message, NULL, &child));
    CHECK_OK(waiter_task(kind, NULL, eddy_task_future(child), &task));
    CHECK_OK(eddy_task_await(task, NULL));
    CHECK_TRACE("ENOENT+0 (no page 404)");
    CHECK_CODE(eddy_task_await(child, NULL), EDDY_ENOENT);
    CHECK_STR(eddy_message(EDDY_ENOENT), "no page 404");
  }
  return 0;
}

EDDY_TASK_TEST(await, value_is_untouched_by_an_error)
{
  eddy_future *future;
  eddy_value value = eddy_int(3);
  CHECK_OK(test_future(NULL, &future));
  CHECK_OK(eddy_future_set_exception(future, EDDY_EIO, NULL));
  CHECK_CODE(eddy_await(future, &value), EDDY_EIO);
  CHECK_EQ(value.i, 3);
  CHECK_STR(eddy_message(EDDY_EIO), eddy_strerror(EDDY_EIO));
  return 0;
}

/* The last reference may go while a task waits: the waiter has one of its own. */
EDDY_TASK_TEST(await, waiter_keeps_the_future)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_future *future;
    eddy_task *task;
    eddy_value value;
    CHECK_OK(eddy_future_new(NULL, &future));
    int rc = waiter_task(kind, NULL, future, &task);
    if (rc == 0) rc = eddy_sleep(0);
    if (rc == 0) rc = eddy_future_set_result(future, eddy_int(4));
    eddy_future_unref(future);
    CHECK_OK(rc);
    CHECK_OK(eddy_task_await(task, &value));
    CHECK_EQ(value.i, 4);
  }
  return 0;
}

/* ---- what cannot be waited for ---- */

EDDY_TEST(await, is_refused_outside_a_task)
{
  eddy_loop *loop;
  eddy_future *future;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(test_future(loop, &future));
  CHECK_CODE(eddy_await(future, NULL), EDDY_ENOTASK);
  CHECK_OK(eddy_future_set_result(future, eddy_int(1)));
  CHECK_CODE(eddy_await(future, NULL), EDDY_ENOTASK);
  CHECK_CODE(eddy_task_await(NULL, NULL), EDDY_ENOTASK);
  return 0;
}

static int await_in_callback(void *future)
{
  CHECK_CODE(eddy_await(future, NULL), EDDY_ENOTASK);
  CHECK_CODE(eddy_sleep(0), EDDY_ENOTASK);
  CHECK_CODE(eddy_sleep(EDDY_S(1)), EDDY_ENOTASK);
  trace("refused");
  return 0;
}

EDDY_TASK_TEST(await, is_refused_in_a_plain_callback)
{
  eddy_future *future;
  CHECK_OK(test_future(NULL, &future));
  CHECK_OK(test_call_soon(await_in_callback, future));
  CHECK_OK(eddy_sleep(0));
  CHECK_TRACE("refused");
  return 0;
}

EDDY_TASK_TEST(await, null_is_refused)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_task *task;
    CHECK_OK(waiter_task(kind, NULL, NULL, &task));
    CHECK_OK(eddy_task_await(task, NULL));
    CHECK_TRACE("EINVAL+0 (invalid argument)");
  }
  CHECK_CODE(eddy_task_await(NULL, NULL), EDDY_EINVAL);
  return 0;
}

EDDY_TASK_TEST(await, task_cannot_wait_for_itself)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct waiter *waiter = test_new(sizeof *waiter);
    eddy_task *task;
    CHECK_OK(test_frame_task(kind, waiter, wait_on, &task));
    waiter->future = eddy_task_future(task);
    CHECK_OK(eddy_task_await(task, NULL));
    CHECK_TRACE("ERUNTIME+1 (await: a task cannot wait for itself)");
  }
  return 0;
}

EDDY_TASK_TEST(await, future_of_another_loop_is_refused_at_the_next_step)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_loop *other;
    eddy_future *future;
    eddy_task *task;
    CHECK_OK(test_loop(&other));
    CHECK_OK(test_future(other, &future));
    CHECK_OK(waiter_task(kind, NULL, future, &task));
    CHECK_OK(eddy_task_await(task, NULL));
    CHECK_TRACE("EOTHERLOOP+1 (await: the future belongs to another loop)");
  }
  return 0;
}

EDDY_TASK_TEST(await, refused_wait_may_be_cancelled)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct waiter *waiter = test_new(sizeof *waiter);
    eddy_task *task;
    CHECK_OK(test_frame_task(kind, waiter, wait_on, &task));
    waiter->future = eddy_task_future(task);
    CHECK_OK(eddy_sleep(0));
    CHECK(eddy_task_cancel(task, "stop it"));
    CHECK_OK(eddy_task_await(task, NULL));
    CHECK_TRACE("ECANCELLED+1 (stop it)");
  }
  return 0;
}

/* asyncio does the same: what is done is handed over before anyone asks whose it is. */
EDDY_TASK_TEST(await, done_future_of_another_loop_gives_its_value)
{
  eddy_loop *other;
  eddy_future *future;
  eddy_value value;
  CHECK_OK(test_loop(&other));
  CHECK_OK(test_future(other, &future));
  CHECK_OK(eddy_future_set_result(future, eddy_int(9)));
  CHECK_OK(eddy_await(future, &value));
  CHECK_EQ(value.i, 9);
  return 0;
}
