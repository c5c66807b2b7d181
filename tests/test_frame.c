/* Stackless generators: the function is the step, the struct is the frame. */
#include "tasks.h"

struct number {
  eddy_frame frame;
  int n;
  int64_t total;
};

static struct number *new_number(eddy_frame_fn *fn, int n)
{
  struct number *number = test_new(sizeof *number);
  eddy_frame_init(&number->frame, fn);
  number->n = n;
  return number;
}

static void trace_step(int rc, eddy_value value)
{
  if (rc == 0) trace("%d", (int)value.i);
  if (rc == EDDY_STOP) trace("stop=%d", (int)value.i);
  if (rc < 0) trace("%s", eddy_err_name(rc));
}

static void next(struct number *number)
{
  eddy_value value = eddy_int(-1);
  int rc = eddy_frame_next(&number->frame, &value);
  trace_step(rc, value);
}

static void send(struct number *number, int in)
{
  eddy_value value = eddy_int(-1);
  int rc = eddy_frame_send(&number->frame, eddy_int(in), &value);
  trace_step(rc, value);
}

static void throw_in(struct number *number, int error)
{
  eddy_value value = eddy_int(-1);
  int rc = eddy_frame_throw(&number->frame, error, &value);
  trace_step(rc, value);
}

/* ---- the lesson's generators ---- */

static int count_down(eddy_frame *frame)
{
  struct number *self = (struct number *)frame;
  EDDY_BEGIN(frame);
  for (; self->n > 0; self->n--) {
    EDDY_YIELD(frame, eddy_int(self->n));
    if (frame->error) break;
  }
  EDDY_END(frame);
}

static int add_up(eddy_frame *frame)
{
  struct number *self = (struct number *)frame;
  EDDY_BEGIN(frame);
  for (;;) {
    EDDY_YIELD(frame, eddy_int(self->total));
    if (frame->in.i == 0) EDDY_RETURN(frame, eddy_int(self->total));
    self->total += frame->in.i;
  }
  EDDY_END(frame);
}

static int clean_up(eddy_frame *frame)
{
  EDDY_BEGIN(frame);
  EDDY_YIELD(frame, eddy_int(1));
  trace("cleanup(%s)", frame->error == 0 ? "none" : eddy_err_name(frame->error));
  if (frame->error) EDDY_RAISE(frame, frame->error);
  EDDY_END(frame);
}

static int catch_all(eddy_frame *frame)
{
  struct number *self = (struct number *)frame;
  EDDY_BEGIN(frame);
  for (self->n = 1;; self->n++) {
    EDDY_YIELD(frame, eddy_int(self->n));
    if (frame->error == EDDY_EGENERATOREXIT) EDDY_RAISE(frame, frame->error);
    if (frame->error < 0) trace("caught(%s)", eddy_err_name(frame->error));
  }
  EDDY_END(frame);
}

EDDY_UNIT_TEST(frame, hands_out_values_until_it_stops)
{
  struct number *number = new_number(count_down, 5);
  for (eddy_value v; eddy_frame_next(&number->frame, &v) == 0;)
    trace("%d", (int)v.i);
  next(number);
  next(number);
  CHECK_CODE(eddy_frame_next(&number->frame, NULL), EDDY_STOP);
  CHECK_TRACE("5 4 3 2 1 stop=0 stop=0");
  return 0;
}

EDDY_UNIT_TEST(frame, send_is_what_the_yield_gives)
{
  struct number *number = new_number(add_up, 0);
  send(number, 3); /* not started: only 0 may be sent */
  send(number, 0);
  send(number, 10);
  send(number, 5);
  next(number);
  next(number);
  CHECK_TRACE("EINVAL 0 10 15 stop=15 stop=0");
  return 0;
}

EDDY_UNIT_TEST(frame, close_runs_the_cleanup)
{
  struct number *number = new_number(clean_up, 0);
  next(number);
  CHECK_OK(eddy_frame_close(&number->frame));
  next(number);
  CHECK_OK(eddy_frame_close(&number->frame));
  CHECK_TRACE("1 cleanup(EGENERATOREXIT) stop=0");
  number = new_number(clean_up, 0);
  CHECK_OK(eddy_frame_close(&number->frame));
  next(number);
  CHECK_TRACE("stop=0");
  return 0;
}

EDDY_UNIT_TEST(frame, throw_makes_the_yield_report)
{
  struct number *number = new_number(catch_all, 0);
  next(number);
  throw_in(number, EDDY_EIO);
  next(number);
  CHECK_OK(eddy_frame_close(&number->frame));
  CHECK_TRACE("1 caught(EIO) 2 3");
  return 0;
}

EDDY_UNIT_TEST(frame, throw_that_is_not_caught_ends_it)
{
  struct number *number = new_number(clean_up, 0);
  next(number);
  throw_in(number, EDDY_EIO);
  next(number);
  throw_in(number, EDDY_ENOENT);
  CHECK_TRACE("1 cleanup(EIO) EIO stop=0 ENOENT");
  number = new_number(clean_up, 0);
  throw_in(number, EDDY_EIO); /* not started */
  next(number);
  CHECK_TRACE("EIO stop=0");
  CHECK_CODE(eddy_frame_throw(&number->frame, 0, NULL), EDDY_EINVAL);
  return 0;
}

static int ignore_close(eddy_frame *frame)
{
  EDDY_BEGIN(frame);
  for (;;)
    EDDY_YIELD(frame, eddy_int(1));
  EDDY_END(frame);
}

static int fail_in_cleanup(eddy_frame *frame)
{
  EDDY_BEGIN(frame);
  EDDY_YIELD(frame, eddy_int(1));
  EDDY_RAISE(frame, eddy_raise(EDDY_EIO, "cleanup failed"));
  EDDY_END(frame);
}

EDDY_UNIT_TEST(frame, close_of_one_that_yields_again_is_an_error)
{
  struct number *number = new_number(ignore_close, 0);
  next(number);
  CHECK_CODE(eddy_frame_close(&number->frame), EDDY_ERUNTIME);
  CHECK_CONTAINS(eddy_message(EDDY_ERUNTIME), "yielded instead of ending");
  next(number);
  CHECK_OK(eddy_frame_close(&number->frame));
  CHECK_TRACE("1 stop=0");
  return 0;
}

EDDY_UNIT_TEST(frame, close_gives_the_error_of_the_cleanup)
{
  struct number *number = new_number(fail_in_cleanup, 0);
  next(number);
  CHECK_CODE(eddy_frame_close(&number->frame), EDDY_EIO);
  CHECK_STR(eddy_message(EDDY_EIO), "cleanup failed");
  next(number);
  CHECK_TRACE("1 stop=0");
  return 0;
}

static int step_oneself(eddy_frame *frame)
{
  EDDY_BEGIN(frame);
  CHECK_CODE(eddy_frame_next(frame, NULL), EDDY_EBUSY);
  CHECK_CODE(eddy_frame_throw(frame, EDDY_EIO, NULL), EDDY_EBUSY);
  CHECK_CODE(eddy_frame_close(frame), EDDY_EBUSY);
  EDDY_END(frame);
}

EDDY_UNIT_TEST(frame, cannot_step_itself)
{
  struct number *number = new_number(step_oneself, 0);
  next(number);
  CHECK_TRACE("stop=0");
  return 0;
}

EDDY_UNIT_TEST(frame, null_is_refused)
{
  CHECK_CODE(eddy_frame_next(NULL, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_frame_send(NULL, eddy_int(0), NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_frame_throw(NULL, EDDY_EIO, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_frame_close(NULL), EDDY_EINVAL);
  return 0;
}

/* Any number of them in an array: there is no stack. */
EDDY_UNIT_TEST(frame, many_are_alive_at_once)
{
  enum { COUNT = 10000 };
  struct number *numbers = test_new(COUNT * sizeof *numbers);
  int64_t total = 0;
  for (int i = 0; i < COUNT; i++) {
    eddy_frame_init(&numbers[i].frame, count_down);
    numbers[i].n = 3;
  }
  for (int round = 0; round < 4; round++) {
    for (int i = 0; i < COUNT; i++) {
      eddy_value value;
      if (eddy_frame_next(&numbers[i].frame, &value) == 0) total += value.i;
    }
  }
  CHECK_EQ(total, COUNT * (3 + 2 + 1));
  CHECK(sizeof(eddy_frame) <= 96);
  return 0;
}

/* ---- messages ---- */

static int fail_at_once(eddy_frame *frame)
{
  struct number *self = (struct number *)frame;
  EDDY_BEGIN(frame);
  EDDY_RAISE(frame, eddy_raise(EDDY_EIO, "inside %d", self->n));
  EDDY_END(frame);
}

static int recover(eddy_frame *frame)
{
  EDDY_BEGIN(frame);
  (void)eddy_raise(EDDY_EIO, "forgotten");
  EDDY_END(frame);
}

EDDY_UNIT_TEST(frame, message_of_its_error_is_seen_outside)
{
  struct number *number = new_number(fail_at_once, 7);
  CHECK_CODE(eddy_frame_next(&number->frame, NULL), EDDY_EIO);
  CHECK_STR(eddy_message(EDDY_EIO), "inside 7");
  number = new_number(recover, 0);
  CHECK_CODE(eddy_frame_next(&number->frame, NULL), EDDY_STOP);
  return 0;
}

EDDY_TASK_TEST(frame, message_of_its_error_is_seen_by_the_task)
{
  struct number *number = new_number(fail_at_once, 8);
  CHECK_CODE(eddy_frame_next(&number->frame, NULL), EDDY_EIO);
  CHECK_STR(eddy_message(EDDY_EIO), "inside 8");
  number = new_number(fail_at_once, 9);
  CHECK_CODE(eddy_frame_throw(&number->frame, EDDY_ENOENT, NULL), EDDY_ENOENT);
  CHECK_STR(eddy_message(EDDY_ENOENT), eddy_strerror(EDDY_ENOENT));
  return 0;
}
