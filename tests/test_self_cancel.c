/* Tasks that cancel themselves, and what makes a task cancelled (rules 31, 34, 35). */
#include "tasks.h"

struct body {
  eddy_frame frame;
  eddy_future *future;
  eddy_queue *queue;
  eddy_value value;
  eddy_time delay;
  uint64_t began;
  int rc;
};

static int cancel_oneself(const char *message)
{
  return eddy_task_cancel(eddy_current_task(), message) ? 0 : EDDY_ERUNTIME;
}

static void trace_end(const struct body *body)
{
  trace("%s+%d", eddy_message(body->rc), (int)(test_iteration() - body->began));
}

static int pass_then_yield(eddy_frame *frame)
{
  struct body *self = (struct body *)frame;
  EDDY_BEGIN(frame);
  CHECK_OK(cancel_oneself("asked"));
  EDDY_AWAIT(frame, self->rc, eddy_await(self->future, NULL));
  trace("%s", self->rc == 0 ? "passed" : "hit");
  self->began = test_iteration();
  EDDY_AWAIT(frame, self->rc, eddy_sleep(0));
  trace_end(self);
  EDDY_RAISE(frame, self->rc);
  EDDY_END(frame);
}

EDDY_TASK_TEST(self_cancel, is_delivered_at_the_next_suspension)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct body *body = test_new(sizeof *body);
    eddy_task *task;
    CHECK_OK(test_future(NULL, &body->future));
    CHECK_OK(eddy_future_set_result(body->future, eddy_int(1)));
    CHECK_OK(test_frame_task(kind, body, pass_then_yield, &task));
    CHECK_CODE(eddy_task_await(task, NULL), EDDY_ECANCELLED);
    CHECK(eddy_task_cancelled(task));
    CHECK_TRACE("passed asked+1");
  }
  return 0;
}

static int await_future(eddy_frame *frame)
{
  struct body *self = (struct body *)frame;
  EDDY_BEGIN(frame);
  CHECK_OK(cancel_oneself("asked"));
  self->began = test_iteration();
  EDDY_AWAIT(frame, self->rc, eddy_await(self->future, NULL));
  trace_end(self);
  EDDY_RAISE(frame, self->rc);
  EDDY_END(frame);
}

EDDY_TASK_TEST(self_cancel, cancels_the_future_waited_for_next_at_once)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct body *body = test_new(sizeof *body);
    eddy_task *task;
    CHECK_OK(test_future(NULL, &body->future));
    CHECK_OK(test_frame_task(kind, body, await_future, &task));
    CHECK_CODE(eddy_task_await(task, NULL), EDDY_ECANCELLED);
    CHECK(eddy_future_cancelled(body->future));
    CHECK_TRACE("asked+1");
  }
  return 0;
}

static int sleep_for(eddy_frame *frame)
{
  struct body *self = (struct body *)frame;
  EDDY_BEGIN(frame);
  CHECK_OK(cancel_oneself("asked"));
  self->began = test_iteration();
  EDDY_AWAIT(frame, self->rc, eddy_sleep(self->delay));
  trace_end(self);
  EDDY_AWAIT(frame, self->rc, eddy_sleep(0));
  trace("%s", self->rc == 0 ? "next" : "hit");
  EDDY_END(frame);
}

EDDY_TASK_TEST(self_cancel, ends_a_sleep_at_once)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct body *body = test_new(sizeof *body);
    eddy_loop_stats before, after;
    eddy_task *task;
    body->delay = EDDY_S(3600);
    eddy_loop_get_stats(eddy_get_running_loop(), &before);
    CHECK_OK(test_frame_task(kind, body, sleep_for, &task));
    CHECK_OK(eddy_task_await(task, NULL));
    CHECK_TRACE("asked+1 next");
    eddy_loop_get_stats(eddy_get_running_loop(), &after);
    CHECK_EQ(after.timers, before.timers);
  }
  return 0;
}

static int get_item(eddy_frame *frame)
{
  struct body *self = (struct body *)frame;
  EDDY_BEGIN(frame);
  CHECK_OK(cancel_oneself("asked"));
  self->began = test_iteration();
  EDDY_AWAIT(frame, self->rc, eddy_queue_get(self->queue, &self->value));
  trace_end(self);
  EDDY_END(frame);
}

EDDY_TASK_TEST(self_cancel, ends_a_get_at_once)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct body *body = test_new(sizeof *body);
    eddy_task *task;
    CHECK_OK(test_queue(0, &body->queue));
    CHECK_OK(test_frame_task(kind, body, get_item, &task));
    CHECK_OK(eddy_task_await(task, NULL));
    CHECK_OK(eddy_queue_put_nowait(body->queue, eddy_int(1)));
    CHECK_EQ(eddy_queue_qsize(body->queue), 1);
    CHECK_TRACE("asked+1");
  }
  return 0;
}

/* A request for a task that waits for another goes there, so it takes one iteration more. */
static int trace_sleep(void *arg)
{
  (void)arg;
  int rc = eddy_sleep(EDDY_S(3600));
  trace("inner:%s", eddy_message(rc));
  return rc;
}

EDDY_TASK_TEST(self_cancel, is_passed_on_to_the_task_waited_for_next)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct body *body = test_new(sizeof *body);
    eddy_task *inner, *task;
    CHECK_OK(test_task(trace_sleep, NULL, &inner));
    CHECK_OK(eddy_sleep(0));
    body->future = eddy_task_future(inner);
    CHECK_OK(test_frame_task(kind, body, await_future, &task));
    CHECK_CODE(eddy_task_await(task, NULL), EDDY_ECANCELLED);
    CHECK_TRACE("inner:asked asked+2");
  }
  return 0;
}

static int swallow(void *arg)
{
  (void)arg;
  trace("inner:%s", eddy_message(eddy_sleep(EDDY_S(3600))));
  return eddy_return(eddy_int(5));
}

static int await_and_go_on(eddy_frame *frame)
{
  struct body *self = (struct body *)frame;
  EDDY_BEGIN(frame);
  CHECK_OK(cancel_oneself("asked"));
  EDDY_AWAIT(frame, self->rc, eddy_await(self->future, &self->value));
  trace("got%d", self->rc == 0 ? (int)self->value.i : self->rc);
  EDDY_AWAIT(frame, self->rc, eddy_sleep(0));
  trace("%s", self->rc == 0 ? "next" : "hit");
  EDDY_END(frame);
}

EDDY_TASK_TEST(self_cancel, task_waited_for_may_swallow_it)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct body *body = test_new(sizeof *body);
    eddy_task *inner, *task;
    CHECK_OK(test_task(swallow, NULL, &inner));
    CHECK_OK(eddy_sleep(0));
    body->future = eddy_task_future(inner);
    CHECK_OK(test_frame_task(kind, body, await_and_go_on, &task));
    CHECK_OK(eddy_task_await(task, NULL));
    CHECK_TRACE("inner:asked got5 next");
  }
  return 0;
}

/* ---- how the body ends decides (rules 31, 34) ---- */

static int return_after(void *message)
{
  CHECK_OK(cancel_oneself(message));
  return eddy_return(eddy_int(5));
}

static int fail_after(void *message)
{
  CHECK_OK(cancel_oneself(message));
  return eddy_raise(EDDY_EIO, "on fire");
}

static int return_cancelled(void *arg)
{
  (void)arg;
  return EDDY_ECANCELLED;
}

static int turn_into_error(void *arg)
{
  (void)arg;
  int rc = eddy_sleep(EDDY_S(3600));
  return rc == EDDY_ECANCELLED ? eddy_raise(EDDY_EIO, "on fire") : rc;
}

EDDY_TASK_TEST(self_cancel, returning_after_it_loses_the_value)
{
  eddy_task *task;
  eddy_value value = eddy_int(3);
  CHECK_OK(test_task(return_after, "asked", &task));
  CHECK_CODE(eddy_task_await(task, &value), EDDY_ECANCELLED);
  CHECK_STR(eddy_message(EDDY_ECANCELLED), "asked");
  CHECK(eddy_task_cancelled(task));
  CHECK_EQ(value.i, 3);
  return 0;
}

EDDY_TASK_TEST(self_cancel, error_after_it_stands)
{
  eddy_task *task;
  CHECK_OK(test_task(fail_after, "asked", &task));
  CHECK_CODE(eddy_task_await(task, NULL), EDDY_EIO);
  CHECK_STR(eddy_message(EDDY_EIO), "on fire");
  CHECK(!eddy_task_cancelled(task));
  return 0;
}

EDDY_TASK_TEST(self_cancel, task_is_cancelled_iff_its_body_says_so)
{
  eddy_task *unasked, *failed;
  CHECK_OK(test_task(return_cancelled, NULL, &unasked));
  CHECK_OK(test_task(turn_into_error, NULL, &failed));
  CHECK_OK(eddy_sleep(0));
  CHECK(eddy_task_cancelled(unasked));
  CHECK_EQ(eddy_task_cancelling(unasked), 0);
  CHECK(eddy_task_cancel(failed, NULL));
  CHECK_CODE(eddy_task_await(failed, NULL), EDDY_EIO);
  CHECK(!eddy_task_cancelled(failed));
  CHECK_EQ(eddy_task_cancelling(failed), 1);
  return 0;
}

/* ---- in a generator: the task's, whatever runs on top of it ---- */

static int yield_inside(eddy_gen *gen, void *arg)
{
  (void)gen;
  (void)arg;
  return eddy_sleep(0);
}

/* The generator that the task waited in last is gone when the message is delivered. */
static int wait_in_generator(void *message)
{
  eddy_gen *gen;
  CHECK_OK(eddy_gen_new(yield_inside, NULL, &gen));
  int rc = eddy_gen_next(gen, NULL);
  eddy_gen_free(gen);
  CHECK_CODE(rc, EDDY_STOP);
  return cancel_oneself(message);
}

EDDY_TASK_TEST(self_cancel, outlives_the_generator_waited_in_before)
{
  eddy_task *task;
  CHECK_OK(test_task(wait_in_generator, "asked", &task));
  CHECK_CODE(eddy_task_await(task, NULL), EDDY_ECANCELLED);
  CHECK_STR(eddy_message(EDDY_ECANCELLED), "asked");
  return 0;
}
