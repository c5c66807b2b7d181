/* Tasks that deal with a cancellation: caught, ignored, counted, read by others. */
#include "tasks.h"

struct body {
  eddy_frame frame;
  eddy_future *futures[3];
  eddy_value value;
  eddy_handle *timer;
  eddy_task *self;
  eddy_time limit;
  eddy_time delay;
  bool timed_out;
  int rc;
};

static struct body *new_body(void)
{
  return test_new(sizeof(struct body));
}

static int wait_for_first(eddy_frame *frame)
{
  struct body *self = (struct body *)frame;
  EDDY_BEGIN(frame);
  EDDY_AWAIT(frame, self->rc, eddy_await(self->futures[0], NULL));
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  EDDY_RETURN(frame, eddy_int(12));
  EDDY_END(frame);
}

EDDY_TASK_TEST(cancel_caught, task_and_its_future_cancelled_together_end_once)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    for (int first = 0; first < 2; first++) {
      struct body *body = new_body();
      eddy_task *task;
      CHECK_OK(test_future(NULL, &body->futures[0]));
      CHECK_OK(test_frame_task(kind, body, wait_for_first, &task));
      CHECK_OK(eddy_sleep(0));
      if (first == 0) CHECK(eddy_future_cancel(body->futures[0], NULL));
      CHECK(eddy_task_cancel(task, NULL));
      CHECK(!eddy_future_cancel(body->futures[0], NULL));
      CHECK_CODE(eddy_task_await(task, NULL), EDDY_ECANCELLED);
      CHECK(eddy_task_cancelled(task));
      CHECK(eddy_future_cancelled(body->futures[0]));
    }
  }
  return 0;
}

/* Waits for three futures, and does not care when the second is cancelled. */
static int wait_for_three(eddy_frame *frame)
{
  struct body *self = (struct body *)frame;
  EDDY_BEGIN(frame);
  EDDY_AWAIT(frame, self->rc, eddy_await(self->futures[0], NULL));
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  EDDY_AWAIT(frame, self->rc, eddy_await(self->futures[1], NULL));
  trace("%s", eddy_err_name(self->rc));
  EDDY_AWAIT(frame, self->rc, eddy_await(self->futures[2], &self->value));
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  EDDY_RETURN(frame, self->value);
  EDDY_END(frame);
}

EDDY_TASK_TEST(cancel_caught, task_that_ignores_one_waits_on)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct body *body = new_body();
    eddy_task *task;
    eddy_value value = eddy_int(0);
    for (int i = 0; i < 3; i++)
      CHECK_OK(test_future(NULL, &body->futures[i]));
    CHECK_OK(test_frame_task(kind, body, wait_for_three, &task));
    CHECK_OK(eddy_sleep(0));
    CHECK_OK(eddy_future_set_result(body->futures[0], eddy_int(1)));
    CHECK_OK(eddy_sleep(0));
    CHECK(eddy_task_cancel(task, NULL));
    CHECK(eddy_future_cancelled(body->futures[1]));
    CHECK_OK(eddy_sleep(0));
    CHECK(!eddy_task_done(task));
    CHECK_OK(eddy_future_set_result(body->futures[2], eddy_int(42)));
    CHECK_OK(eddy_task_await(task, &value));
    CHECK_EQ(value.i, 42);
    CHECK(!eddy_task_cancelled(task));
    CHECK_TRACE("ECANCELLED");
  }
  return 0;
}

static int sleep_long(void *arg)
{
  (void)arg;
  return eddy_sleep(EDDY_S(10));
}

/* The message comes out of the outcome, not only out of the await. */
EDDY_TASK_TEST(cancel_caught, its_message_is_part_of_the_outcome)
{
  const char *messages[] = {NULL, "no longer needed"};
  for (int i = 0; i < 2; i++) {
    eddy_task *task;
    CHECK_OK(test_task(sleep_long, NULL, &task));
    CHECK_OK(eddy_sleep(0));
    CHECK(eddy_task_cancel(task, messages[i]));
    CHECK_OK(eddy_sleep(0));
    CHECK_CODE(eddy_task_result(task, NULL), EDDY_ECANCELLED);
    CHECK_STR(eddy_future_message(eddy_task_future(task)),
        i == 0 ? eddy_strerror(EDDY_ECANCELLED) : messages[i]);
  }
  return 0;
}

/* ---- a timeout scope by hand ---- */

static int cancel_body(void *arg)
{
  struct body *self = arg;
  self->timed_out = true;
  CHECK(eddy_task_cancel(self->self, NULL));
  return 0;
}

/* Whoever cancels a part of a task takes the request back when that part is over. */
static int sleep_under_own_limit(eddy_frame *frame)
{
  struct body *self = (struct body *)frame;
  EDDY_BEGIN(frame);
  self->self = eddy_current_task();
  CHECK_OK(eddy_loop_call_later(
      eddy_get_running_loop(), self->limit, cancel_body, self, &self->timer));
  EDDY_AWAIT(frame, self->rc, eddy_sleep(self->delay));
  eddy_handle_cancel(self->timer);
  eddy_handle_unref(self->timer);
  if (self->timed_out && eddy_task_uncancel(self->self) == 0) trace("time is up");
  trace("%s", self->rc == 0 ? "finished" : eddy_err_name(self->rc));
  EDDY_AWAIT(frame, self->rc, eddy_sleep(0));
  trace("outside %s", self->rc == 0 ? "goes on" : eddy_err_name(self->rc));
  EDDY_END(frame);
}

EDDY_TASK_TEST(cancel_caught, uncancel_confines_a_request_to_a_part_of_the_task)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    for (int late = 0; late < 2; late++) {
      struct body *body = new_body();
      eddy_task *task;
      body->limit = late ? EDDY_MS(1) : EDDY_S(10);
      body->delay = late ? EDDY_S(10) : 0;
      CHECK_OK(test_frame_task(kind, body, sleep_under_own_limit, &task));
      CHECK_OK(eddy_task_await(task, NULL));
      CHECK_EQ(eddy_task_cancelling(task), 0);
      CHECK_TRACE(
          late ? "time is up ECANCELLED outside goes on" : "finished outside goes on");
    }
  }
  return 0;
}

/* ---- a gather in a loop ---- */

static int one_turn(void *arg)
{
  (void)arg;
  return eddy_sleep(EDDY_MS(5));
}

static int gather_again_and_again(void *arg)
{
  (void)arg;
  for (;;) {
    eddy_task *task;
    eddy_future *gather, *child;
    CHECK_OK(eddy_create_task(one_turn, NULL, &task));
    child = eddy_task_future(task);
    int rc = eddy_gather(&child, 1, EDDY_GATHER_RETURN_EXCEPTIONS, &gather);
    eddy_task_unref(task);
    CHECK_OK(rc);
    rc = eddy_await(gather, NULL);
    eddy_future_unref(gather);
    if (rc < 0) return rc;
  }
}

EDDY_TASK_TEST(cancel_caught, gather_that_returns_errors_does_not_swallow_its_awaiters)
{
  eddy_task *task;
  CHECK_OK(test_task(gather_again_and_again, NULL, &task));
  CHECK_OK(eddy_sleep(EDDY_MS(12)));
  CHECK(eddy_task_cancel(task, "enough"));
  CHECK_CODE(eddy_task_await(task, NULL), EDDY_ECANCELLED);
  CHECK_STR(eddy_message(EDDY_ECANCELLED), "enough");
  return 0;
}
