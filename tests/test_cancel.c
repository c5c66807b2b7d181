/* Cancellation: what a request does, when it is delivered, how requests are counted. */
#include "tasks.h"

struct body {
  eddy_frame frame;
  eddy_time delay;
  eddy_future *future;
  eddy_task *task;
  eddy_value value;
  uint64_t began;
  int rc;
};

static struct body *new_body(eddy_future *future)
{
  struct body *body = test_new(sizeof *body);
  body->future = future;
  body->delay = EDDY_S(3600);
  return body;
}

static void trace_cancelled(int rc)
{
  if (rc < 0) {
    trace("%s:%u", eddy_message(rc), eddy_task_cancelling(eddy_current_task()));
  } else {
    trace("got");
  }
}

/* Sleeps, traces how that ended, and passes it on. */
static int sleep_on(eddy_frame *frame)
{
  struct body *self = (struct body *)frame;
  EDDY_BEGIN(frame);
  EDDY_AWAIT(frame, self->rc, eddy_sleep(self->delay));
  trace_cancelled(self->rc);
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  EDDY_END(frame);
}

/* The same for a future. */
static int wait_on(eddy_frame *frame)
{
  struct body *self = (struct body *)frame;
  EDDY_BEGIN(frame);
  EDDY_AWAIT(frame, self->rc, eddy_await(self->future, &self->value));
  trace_cancelled(self->rc);
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  EDDY_RETURN(frame, self->value);
  EDDY_END(frame);
}

static int sleep_quietly(eddy_frame *frame)
{
  struct body *self = (struct body *)frame;
  EDDY_BEGIN(frame);
  EDDY_AWAIT(frame, self->rc, eddy_sleep(self->delay));
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  EDDY_END(frame);
}

static int wait_quietly(eddy_frame *frame)
{
  struct body *self = (struct body *)frame;
  EDDY_BEGIN(frame);
  EDDY_AWAIT(frame, self->rc, eddy_await(self->future, NULL));
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  EDDY_END(frame);
}

/* Sleeps or waits, swallows the cancellation, goes on and returns 5. */
static int swallow(eddy_frame *frame)
{
  struct body *self = (struct body *)frame;
  EDDY_BEGIN(frame);
  EDDY_AWAIT(frame, self->rc,
      self->future == NULL ? eddy_sleep(self->delay) : eddy_await(self->future, NULL));
  trace_cancelled(self->rc);
  EDDY_AWAIT(frame, self->rc, eddy_sleep(0));
  trace("%s", self->rc == 0 ? "next" : "hit");
  EDDY_RETURN(frame, eddy_int(5));
  EDDY_END(frame);
}

/* ---- what a request does (rules 25 to 28) ---- */

EDDY_TASK_TEST(cancel, of_a_finished_task_is_refused)
{
  eddy_task *task;
  CHECK_OK(test_task(trace_fn, "ran", &task));
  CHECK_OK(eddy_task_await(task, NULL));
  CHECK(!eddy_task_cancel(task, NULL));
  CHECK_EQ(eddy_task_cancelling(task), 0);
  CHECK(!eddy_task_cancelled(task));
  return 0;
}

static int fail(void *arg)
{
  (void)arg;
  return EDDY_EIO;
}

/* Whoever cancels does not want to know the error. */
EDDY_TASK_TEST(cancel, of_a_failed_task_takes_its_error_as_read)
{
  eddy_task *task;
  trace_reports(NULL);
  CHECK_OK(eddy_create_task(fail, NULL, &task));
  int rc = eddy_sleep(0);
  bool accepted = eddy_task_cancel(task, NULL);
  eddy_task_unref(task);
  CHECK_OK(rc);
  CHECK(!accepted);
  CHECK_TRACE("");
  return 0;
}

EDDY_TASK_TEST(cancel, leaves_a_task_pending_until_its_body_has_run)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_task *task;
    CHECK_OK(test_frame_task(kind, new_body(NULL), sleep_on, &task));
    CHECK_OK(eddy_sleep(0));
    CHECK(eddy_task_cancel(task, NULL));
    CHECK(!eddy_task_done(task));
    CHECK_EQ(eddy_task_cancelling(task), 1);
    CHECK_OK(eddy_sleep(0));
    CHECK(eddy_task_done(task));
    CHECK(eddy_task_cancelled(task));
    CHECK_CODE(eddy_task_result(task, NULL), EDDY_ECANCELLED);
    CHECK_TRACE("cancelled:1");
  }
  return 0;
}

EDDY_TASK_TEST(cancel, takes_a_sleeper_out_of_the_timers)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_loop_stats before, during, after;
    eddy_task *task;
    eddy_loop_get_stats(eddy_get_running_loop(), &before);
    CHECK_OK(test_frame_task(kind, new_body(NULL), sleep_on, &task));
    CHECK_OK(eddy_sleep(0));
    eddy_loop_get_stats(eddy_get_running_loop(), &during);
    CHECK_EQ(during.timers, before.timers + 1);
    CHECK_EQ(during.parked, before.parked + 1);
    CHECK(eddy_task_cancel(task, NULL));
    CHECK_CODE(eddy_task_await(task, NULL), EDDY_ECANCELLED);
    eddy_loop_get_stats(eddy_get_running_loop(), &after);
    CHECK_EQ(after.timers, before.timers);
    CHECK_EQ(after.parked, before.parked);
  }
  return 0;
}

EDDY_TASK_TEST(cancel, of_a_waiter_cancels_the_future)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_future *future;
    eddy_task *task;
    CHECK_OK(test_future(NULL, &future));
    CHECK_OK(test_frame_task(kind, new_body(future), wait_on, &task));
    CHECK_OK(eddy_sleep(0));
    CHECK(eddy_task_cancel(task, "enough"));
    CHECK(eddy_future_cancelled(future));
    CHECK_CODE(eddy_task_await(task, NULL), EDDY_ECANCELLED);
    CHECK_STR(eddy_message(EDDY_ECANCELLED), "enough");
    CHECK_TRACE("enough:1");
  }
  return 0;
}

static void trace_unstarted(void *arg)
{
  trace("unstarted(%s)", (const char *)arg);
}

EDDY_TASK_TEST(cancel, before_the_first_step_the_body_never_runs)
{
  eddy_task *task, *ran;
  eddy_task_options options = {.unstarted = trace_unstarted};
  CHECK_OK(test_loop_task_at(NULL, trace_fn, "body", &options, &task));
  CHECK(eddy_task_cancel(task, "too early"));
  CHECK(!eddy_task_done(task));
  CHECK_TRACE("");
  CHECK_OK(eddy_sleep(0));
  CHECK_TRACE("unstarted(body)");
  CHECK(eddy_task_cancelled(task));
  CHECK_CODE(eddy_task_await(task, NULL), EDDY_ECANCELLED);
  CHECK_STR(eddy_message(EDDY_ECANCELLED), "too early");
  CHECK_OK(test_loop_task_at(NULL, trace_fn, "ran", &options, &ran));
  CHECK_OK(eddy_sleep(0));
  CHECK_TRACE("ran");
  return 0;
}

EDDY_TASK_TEST(cancel, before_the_first_step_a_frame_never_runs)
{
  eddy_task *task;
  CHECK_OK(test_frame_task(TEST_STACKLESS, new_body(NULL), sleep_on, &task));
  CHECK(eddy_task_cancel(task, "too early"));
  CHECK_CODE(eddy_task_await(task, NULL), EDDY_ECANCELLED);
  CHECK_STR(eddy_message(EDDY_ECANCELLED), "too early");
  CHECK_TRACE("");
  return 0;
}

EDDY_TASK_TEST(cancel, discards_a_result_that_is_on_its_way)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_future *future;
    eddy_task *task;
    eddy_value value;
    CHECK_OK(test_future(NULL, &future));
    CHECK_OK(test_frame_task(kind, new_body(future), wait_on, &task));
    CHECK_OK(eddy_sleep(0));
    CHECK_OK(eddy_future_set_result(future, eddy_int(7)));
    CHECK(eddy_task_cancel(task, "lost"));
    CHECK_CODE(eddy_task_await(task, NULL), EDDY_ECANCELLED);
    CHECK_OK(eddy_future_result(future, &value));
    CHECK_EQ(value.i, 7);
    CHECK_TRACE("lost:1");
  }
  return 0;
}

EDDY_TASK_TEST(cancel, error_it_discards_counts_as_retrieved)
{
  trace_reports(NULL);
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_future *future;
    eddy_task *task;
    CHECK_OK(eddy_future_new(NULL, &future));
    int rc = test_frame_task(kind, new_body(future), wait_on, &task);
    if (rc == 0) rc = eddy_sleep(0);
    if (rc == 0) rc = eddy_future_set_exception(future, EDDY_EIO, NULL);
    eddy_future_unref(future);
    CHECK_OK(rc);
    CHECK(eddy_task_cancel(task, NULL));
    CHECK_CODE(eddy_task_await(task, NULL), EDDY_ECANCELLED);
    CHECK_TRACE("cancelled:1");
  }
  return 0;
}

static int cancel_late(void *task)
{
  char text[32];
  trace("%s", eddy_task_waits_for(task, text, sizeof text));
  CHECK(eddy_task_cancel(task, "late"));
  return 0;
}

EDDY_TASK_TEST_VIRTUAL(cancel, sleeper_whose_timer_ran_is_cancelled_all_the_same)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct body *body = new_body(NULL);
    eddy_task *task;
    body->delay = EDDY_MS(1);
    CHECK_OK(test_frame_task(kind, body, sleep_on, &task));
    CHECK_OK(eddy_sleep(0));
    CHECK_OK(eddy_loop_call_later(
        eddy_get_running_loop(), EDDY_MS(1), cancel_late, task, NULL));
    CHECK_CODE(eddy_task_await(task, NULL), EDDY_ECANCELLED);
    CHECK_TRACE("ready late:1");
  }
  return 0;
}

/* ---- counting (rules 29, 32, 33) ---- */

EDDY_TASK_TEST(cancel, two_requests_deliver_one_cancellation)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    for (int sleeper = 0; sleeper < 2; sleeper++) {
      eddy_future *future = NULL;
      eddy_task *task;
      if (!sleeper) CHECK_OK(test_future(NULL, &future));
      CHECK_OK(test_frame_task(kind, new_body(future), swallow, &task));
      CHECK_OK(eddy_sleep(0));
      CHECK(eddy_task_cancel(task, "first"));
      CHECK(eddy_task_cancel(task, "second"));
      CHECK_OK(eddy_task_await(task, NULL));
      CHECK_EQ(eddy_task_cancelling(task), 2);
      CHECK_TRACE("first:2 next");
    }
  }
  return 0;
}

EDDY_TASK_TEST(cancel, last_message_wins_when_nothing_is_waited_for)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct body *body = new_body(NULL);
    eddy_task *yielding, *unstarted;
    body->delay = 0;
    CHECK_OK(test_frame_task(kind, body, swallow, &yielding));
    CHECK_OK(eddy_sleep(0));
    CHECK_OK(test_frame_task(kind, new_body(NULL), swallow, &unstarted));
    CHECK(eddy_task_cancel(yielding, "first"));
    CHECK(eddy_task_cancel(yielding, "second"));
    CHECK(eddy_task_cancel(unstarted, "first"));
    CHECK(eddy_task_cancel(unstarted, "second"));
    CHECK_CODE(eddy_task_await(unstarted, NULL), EDDY_ECANCELLED);
    CHECK_STR(eddy_message(EDDY_ECANCELLED), "second");
    CHECK_EQ(eddy_task_cancelling(unstarted), 2);
    CHECK_OK(eddy_task_await(yielding, NULL));
    CHECK_TRACE("second:2 next");
  }
  return 0;
}

EDDY_TASK_TEST(cancel, swallowing_is_legal)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_task *task;
    eddy_value value;
    CHECK_OK(test_frame_task(kind, new_body(NULL), swallow, &task));
    CHECK_OK(eddy_sleep(0));
    CHECK(eddy_task_cancel(task, NULL));
    CHECK_OK(eddy_task_await(task, &value));
    CHECK_EQ(value.i, 5);
    CHECK(!eddy_task_cancelled(task));
    CHECK_EQ(eddy_task_cancelling(task), 1);
    CHECK_TRACE("cancelled:1 next");
  }
  return 0;
}

static int uncancel_oneself(void *arg)
{
  (void)arg;
  eddy_task *self = eddy_current_task();
  CHECK(eddy_task_cancel(self, NULL));
  CHECK(eddy_task_cancel(self, NULL));
  CHECK_EQ(eddy_task_uncancel(self), 1);
  CHECK_EQ(eddy_task_uncancel(self), 0);
  CHECK_EQ(eddy_task_uncancel(self), 0);
  CHECK_OK(eddy_sleep(0));
  trace("not cancelled");
  return 0;
}

EDDY_TASK_TEST(cancel, uncancel_drops_a_request_not_delivered)
{
  eddy_task *task;
  CHECK_OK(test_task(uncancel_oneself, NULL, &task));
  CHECK_OK(eddy_task_await(task, NULL));
  CHECK_TRACE("not cancelled");
  return 0;
}

EDDY_TASK_TEST(cancel, uncancel_cannot_take_back_what_was_cancelled)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_task *task;
    CHECK_OK(test_frame_task(kind, new_body(NULL), swallow, &task));
    CHECK_OK(eddy_sleep(0));
    CHECK(eddy_task_cancel(task, NULL));
    CHECK_EQ(eddy_task_uncancel(task), 0);
    CHECK_OK(eddy_task_await(task, NULL));
    CHECK_TRACE("cancelled:0 next");
  }
  return 0;
}

/* ---- tasks that wait for tasks (rule 30) ---- */

EDDY_TASK_TEST(cancel, is_passed_on_to_the_task_waited_for)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_task *inner, *outer;
    eddy_value value;
    CHECK_OK(test_frame_task(kind, new_body(NULL), swallow, &inner));
    CHECK_OK(test_frame_task(kind, new_body(eddy_task_future(inner)), wait_on, &outer));
    CHECK_OK(eddy_sleep(0));
    CHECK(eddy_task_cancel(outer, "both"));
    CHECK_OK(eddy_task_await(outer, &value));
    CHECK_EQ(value.i, 5);
    CHECK_EQ(eddy_task_cancelling(outer), 1);
    CHECK_EQ(eddy_task_cancelling(inner), 1);
    CHECK_TRACE("both:1 next got");
  }
  return 0;
}

/* Each of many tasks waits for the next: the request finds the last, on a small stack. */
EDDY_TASK_TEST(cancel, goes_along_a_chain_of_any_length)
{
  enum { LENGTH = 20000 };
  struct body *bodies = test_new(LENGTH * sizeof *bodies);
  eddy_task *inner, *outer;
  bodies[0].delay = EDDY_S(3600);
  CHECK_OK(test_frame_task(TEST_STACKLESS, &bodies[0], sleep_quietly, &inner));
  for (int i = 1; i < LENGTH; i++) {
    bodies[i].future = eddy_task_future(inner);
    CHECK_OK(test_frame_task(TEST_STACKLESS, &bodies[i], wait_quietly, &outer));
    inner = outer;
  }
  CHECK_OK(eddy_sleep(0));
  CHECK(eddy_task_cancel(outer, NULL));
  CHECK(eddy_task_cancel(outer, NULL));
  CHECK_EQ(eddy_task_cancelling(outer), 2);
  CHECK_CODE(eddy_task_await(outer, NULL), EDDY_ECANCELLED);
  return 0;
}

EDDY_TASK_TEST(cancel, of_one_of_two_waiters_cancels_both)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_task *inner, *a, *b;
    CHECK_OK(test_frame_task(kind, new_body(NULL), sleep_on, &inner));
    eddy_future *future = eddy_task_future(inner);
    CHECK_OK(test_frame_task(kind, new_body(future), wait_on, &a));
    CHECK_OK(test_frame_task(kind, new_body(future), wait_on, &b));
    CHECK_OK(eddy_sleep(0));
    CHECK(eddy_task_cancel(a, "a"));
    CHECK_CODE(eddy_task_await(b, NULL), EDDY_ECANCELLED);
    CHECK(eddy_task_cancelled(a));
    CHECK_EQ(eddy_task_cancelling(b), 0);
    CHECK_TRACE("a:1 a:1 a:0");
  }
  return 0;
}

EDDY_TASK_TEST(cancel, of_a_future_cancels_its_waiter)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_future *future;
    eddy_task *task;
    CHECK_OK(test_future(NULL, &future));
    CHECK_OK(test_frame_task(kind, new_body(future), wait_on, &task));
    CHECK_OK(eddy_sleep(0));
    CHECK(eddy_future_cancel(future, "gone"));
    CHECK_CODE(eddy_task_await(task, NULL), EDDY_ECANCELLED);
    CHECK(eddy_task_cancelled(task));
    CHECK_EQ(eddy_task_cancelling(task), 0);
    CHECK_TRACE("gone:0");
  }
  return 0;
}

EDDY_TASK_TEST(cancel, of_a_tasks_future_asks_the_task)
{
  eddy_task *task;
  CHECK_OK(test_frame_task(TEST_STACKFUL, new_body(NULL), swallow, &task));
  CHECK_OK(eddy_sleep(0));
  CHECK(eddy_future_cancel(eddy_task_future(task), "please"));
  CHECK_EQ(eddy_task_cancelling(task), 1);
  CHECK_OK(eddy_task_await(task, NULL));
  CHECK_TRACE("please:1 next");
  return 0;
}

static int cleanup_waits(eddy_frame *frame)
{
  struct body *self = (struct body *)frame;
  EDDY_BEGIN(frame);
  EDDY_AWAIT(frame, self->rc, eddy_sleep(self->delay));
  trace_cancelled(self->rc);
  EDDY_AWAIT(frame, self->rc, eddy_sleep(EDDY_MS(1)));
  trace("%s", self->rc == 0 ? "clean" : "hit");
  EDDY_RAISE(frame, EDDY_ECANCELLED);
  EDDY_END(frame);
}

EDDY_TASK_TEST(cancel, cleanup_may_wait)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_task *task;
    CHECK_OK(test_frame_task(kind, new_body(NULL), cleanup_waits, &task));
    CHECK_OK(eddy_sleep(0));
    CHECK(eddy_task_cancel(task, NULL));
    CHECK_CODE(eddy_task_await(task, NULL), EDDY_ECANCELLED);
    CHECK(eddy_task_cancelled(task));
    CHECK_TRACE("cancelled:1 clean");
  }
  return 0;
}
