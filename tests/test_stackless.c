/* Stackless tasks: EDDY_AWAIT over every call that waits, frames in frames, coroutines of
 * the program's own kind. */
#include "tasks.h"

struct body {
  eddy_frame frame;
  struct body *inner;
  eddy_queue *queue;
  eddy_future *future;
  eddy_timeout scope;
  eddy_value value;
  int n;
  int rc;
};

static int frame_task(void *frame, eddy_frame_fn *fn, eddy_task **out)
{
  return test_frame_task(TEST_STACKLESS, frame, fn, out);
}

/* ---- a day in the life ---- */

static int produce(eddy_frame *frame)
{
  struct body *self = (struct body *)frame;
  EDDY_BEGIN(frame);
  for (self->n = 0; self->n < 5; self->n++) {
    EDDY_AWAIT(frame, self->rc, eddy_queue_put(self->queue, eddy_int(self->n)));
    if (self->rc < 0) EDDY_RAISE(frame, self->rc);
    trace("put%d", self->n);
  }
  eddy_queue_shutdown(self->queue, false);
  EDDY_RETURN(frame, eddy_int(self->n));
  EDDY_END(frame);
}

static int consume(eddy_frame *frame)
{
  struct body *self = (struct body *)frame;
  EDDY_BEGIN(frame);
  for (;;) {
    EDDY_AWAIT(frame, self->rc, eddy_queue_get(self->queue, &self->value));
    if (self->rc == EDDY_EQUEUESHUTDOWN) break;
    if (self->rc < 0) EDDY_RAISE(frame, self->rc);
    trace("got%d", (int)self->value.i);
    self->n += (int)self->value.i;
    EDDY_AWAIT(frame, self->rc, eddy_sleep(EDDY_MS(1)));
    if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  }
  EDDY_RETURN(frame, eddy_int(self->n));
  EDDY_END(frame);
}

EDDY_TASK_TEST_VIRTUAL(stackless, producer_and_consumer_pass_items)
{
  struct body *producer = test_new(sizeof *producer);
  struct body *consumer = test_new(sizeof *consumer);
  eddy_task *a, *b;
  eddy_value value;
  CHECK_OK(test_queue(1, &producer->queue));
  consumer->queue = producer->queue;
  CHECK_OK(frame_task(producer, produce, &a));
  CHECK_OK(frame_task(consumer, consume, &b));
  CHECK_OK(eddy_task_await(a, &value));
  CHECK_EQ(value.i, 5);
  CHECK_OK(eddy_task_await(b, &value));
  CHECK_EQ(value.i, 10);
  CHECK_TRACE("put0 got0 put1 got1 put2 got2 put3 got3 put4 got4");
  return 0;
}

/* ---- frames in frames ---- */

static int double_later(eddy_frame *frame)
{
  struct body *self = (struct body *)frame;
  EDDY_BEGIN(frame);
  EDDY_AWAIT(frame, self->rc, eddy_sleep(0));
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  if (self->n < 0) EDDY_RAISE(frame, eddy_raise(EDDY_ERANGE, "%d is below 0", self->n));
  EDDY_RETURN(frame, eddy_int(2 * self->n));
  EDDY_END(frame);
}

static int call_frame(eddy_frame *frame)
{
  struct body *self = (struct body *)frame;
  EDDY_BEGIN(frame);
  eddy_frame_init(&self->inner->frame, double_later);
  EDDY_AWAIT(frame, self->rc, double_later(&self->inner->frame));
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  trace("inner:%d", self->rc);
  EDDY_RETURN(frame, self->inner->frame.out);
  EDDY_END(frame);
}

static int call_frame_twice(eddy_frame *frame)
{
  struct body *self = (struct body *)frame;
  EDDY_BEGIN(frame);
  for (self->n = 0; self->n < 2; self->n++) {
    eddy_frame_init(&self->inner->frame, call_frame);
    EDDY_AWAIT(frame, self->rc, call_frame(&self->inner->frame));
    if (self->rc < 0) EDDY_RAISE(frame, self->rc);
    self->inner->inner->n = (int)self->inner->frame.out.i;
  }
  EDDY_RETURN(frame, self->inner->frame.out);
  EDDY_END(frame);
}

static struct body *three_deep(int n)
{
  struct body *body = test_new(sizeof *body);
  body->inner = test_new(sizeof *body);
  body->inner->inner = test_new(sizeof *body);
  body->inner->inner->n = n;
  return body;
}

EDDY_TASK_TEST(stackless, frames_call_frames)
{
  struct body *body = three_deep(5);
  eddy_task *task;
  eddy_value value;
  CHECK_OK(frame_task(body, call_frame_twice, &task));
  CHECK_OK(eddy_sleep(0));
  CHECK(!eddy_task_done(task));
  CHECK_OK(eddy_task_await(task, &value));
  CHECK_EQ(value.i, 20);
  CHECK_EQ(eddy_task_steps(task), 3);
  CHECK_TRACE("inner:1 inner:1");
  return 0;
}

EDDY_TASK_TEST(stackless, error_of_an_inner_frame_keeps_its_message)
{
  eddy_task *task;
  CHECK_OK(frame_task(three_deep(-3), call_frame_twice, &task));
  CHECK_CODE(eddy_task_await(task, NULL), EDDY_ERANGE);
  CHECK_STR(eddy_message(EDDY_ERANGE), "-3 is below 0");
  return 0;
}

EDDY_TASK_TEST(stackless, cancellation_reaches_the_innermost_frame)
{
  eddy_task *task;
  CHECK_OK(frame_task(three_deep(5), call_frame_twice, &task));
  CHECK_OK(eddy_sleep(0));
  CHECK(eddy_task_cancel(task, "enough"));
  CHECK_CODE(eddy_task_await(task, NULL), EDDY_ECANCELLED);
  CHECK_STR(eddy_message(EDDY_ECANCELLED), "enough");
  CHECK_TRACE("");
  return 0;
}

/* The same bodies on a stack: the calls park instead of answering EDDY_PENDING. */
EDDY_TASK_TEST(stackless, bodies_run_on_a_stack_too)
{
  eddy_task *task;
  eddy_value value;
  CHECK_OK(test_frame_task(TEST_STACKFUL, three_deep(5), call_frame_twice, &task));
  CHECK_OK(eddy_task_await(task, &value));
  CHECK_EQ(value.i, 20);
  CHECK_TRACE("inner:1 inner:1");
  return 0;
}

EDDY_TASK_TEST(stackless, takes_no_stack)
{
  enum { COUNT = 1000 };
  struct body *bodies = test_new(COUNT * sizeof *bodies);
  eddy_loop_stats before, during;
  eddy_task *task = NULL;
  eddy_future *future;
  CHECK_OK(test_future(NULL, &future));
  eddy_loop_get_stats(eddy_get_running_loop(), &before);
  for (int i = 0; i < COUNT; i++) {
    bodies[i].n = i;
    CHECK_OK(frame_task(&bodies[i], double_later, &task));
  }
  CHECK_OK(eddy_sleep(0));
  eddy_loop_get_stats(eddy_get_running_loop(), &during);
  CHECK_EQ(during.stacks, before.stacks);
  CHECK_EQ(during.tasks, before.tasks + COUNT);
  CHECK_OK(eddy_task_await(task, NULL));
  for (int i = 0; i < COUNT; i++)
    CHECK_EQ(bodies[i].frame.out.i, 2 * i);
  return 0;
}

/* ---- what a task's coroutine may not do ---- */

static int yield_value(eddy_frame *frame)
{
  EDDY_BEGIN(frame);
  EDDY_YIELD(frame, eddy_int(1));
  trace("%s", frame->error == 0 ? "resumed" : eddy_err_name(frame->error));
  EDDY_END(frame);
}

static int pretend_to_wait(eddy_frame *frame)
{
  EDDY_BEGIN(frame);
  frame->line = __LINE__;
  return EDDY_PENDING;
  EDDY_END(frame);
}

EDDY_TASK_TEST(stackless, yielding_a_value_to_the_loop_is_an_error)
{
  struct body *body = test_new(sizeof *body);
  eddy_task *task;
  CHECK_OK(frame_task(body, yield_value, &task));
  CHECK_CODE(eddy_task_await(task, NULL), EDDY_ERUNTIME);
  CHECK_CONTAINS(eddy_message(EDDY_ERUNTIME), "yielded a value");
  CHECK_OK(eddy_frame_close(&body->frame)); /* it is still suspended in its yield */
  CHECK_TRACE("EGENERATOREXIT");
  return 0;
}

EDDY_TASK_TEST(stackless, waiting_for_nothing_is_an_error)
{
  eddy_task *task;
  CHECK_OK(frame_task(test_new(sizeof(struct body)), pretend_to_wait, &task));
  CHECK_CODE(eddy_task_await(task, NULL), EDDY_ERUNTIME);
  CHECK_CONTAINS(eddy_message(EDDY_ERUNTIME), "no call of eddy waits");
  return 0;
}

/* ---- a kind of the program's own ---- */

struct own {
  eddy_coro coro;
  int steps;
  bool closed;
  int rc;
};

/* Sleeps three times and returns how often it was resumed. */
static int own_send(eddy_coro *coro, eddy_value in, int error, eddy_value *out)
{
  struct own *self = (struct own *)coro;
  (void)in;
  (void)error;
  while (self->steps < 3) {
    self->rc = eddy_sleep(0);
    if (self->rc == EDDY_PENDING) return EDDY_PENDING;
    if (self->rc < 0) return eddy_raise(self->rc, "own: step %d", self->steps);
    self->steps++;
  }
  *out = eddy_int(self->steps);
  return EDDY_STOP;
}

static void own_close(eddy_coro *coro)
{
  ((struct own *)coro)->closed = true;
}

static const eddy_coro_type own_type = {"own", own_send, own_close};

static int own_task(eddy_loop *loop, struct own **own, eddy_task **task)
{
  *own = test_new(sizeof **own);
  (*own)->coro.type = &own_type;
  int rc = eddy_loop_create_task_coro(loop, &(*own)->coro, NULL, task);
  if (rc == 0) test_defer_late(test_unref_task, *task);
  return rc;
}

EDDY_TASK_TEST(stackless, program_may_bring_its_own_kind)
{
  struct own *own;
  eddy_task *task;
  eddy_value value;
  CHECK_OK(own_task(NULL, &own, &task));
  CHECK_OK(eddy_task_await(task, &value));
  CHECK_EQ(value.i, 3);
  CHECK_EQ(eddy_task_steps(task), 4);
  CHECK_OK(own_task(NULL, &own, &task));
  CHECK_OK(eddy_sleep(0));
  CHECK(eddy_task_cancel(task, NULL));
  CHECK_CODE(eddy_task_await(task, NULL), EDDY_ECANCELLED);
  CHECK_STR(eddy_message(EDDY_ECANCELLED), "own: step 0");
  CHECK(!own->closed);
  return 0;
}

EDDY_TEST(stackless, own_kind_is_closed_with_the_loop)
{
  for (int started = 0; started < 2; started++) {
    struct own *own;
    eddy_loop *loop;
    eddy_task *task;
    CHECK_OK(test_loop(&loop));
    trace_reports(loop);
    CHECK_OK(own_task(loop, &own, &task));
    if (started) {
      eddy_loop_stop(loop);
      CHECK_OK(eddy_loop_run(loop));
    }
    CHECK_OK(eddy_loop_close(loop));
    CHECK(own->closed);
    CHECK(eddy_task_done(task));
    CHECK_TRACE("[a task was destroyed but it is pending]");
  }
  return 0;
}

/* ---- small print ---- */

static int raise_nothing(eddy_frame *frame)
{
  EDDY_BEGIN(frame);
  EDDY_RAISE(frame, 0);
  EDDY_END(frame);
}

EDDY_TASK_TEST(stackless, raising_0_ends_without_an_error)
{
  eddy_task *task;
  eddy_value value = eddy_int(7);
  eddy_frame *frame = test_new(sizeof *frame);
  eddy_frame_init(frame, raise_nothing);
  CHECK_OK(eddy_loop_create_task_coro(NULL, &frame->coro, NULL, &task));
  test_defer(test_unref_task, task);
  CHECK_OK(eddy_task_await(task, &value));
  CHECK_EQ(value.i, 0);
  return 0;
}

static void *let_go;

static void note_coroutine(void *coro)
{
  let_go = coro;
}

EDDY_TASK_TEST(stackless, unstarted_is_told_of_the_coroutine)
{
  eddy_task *task;
  eddy_frame *frame = test_new(sizeof *frame);
  eddy_task_options options = {.unstarted = note_coroutine};
  eddy_frame_init(frame, raise_nothing);
  CHECK_OK(eddy_loop_create_task_coro(NULL, &frame->coro, &options, &task));
  test_defer(test_unref_task, task);
  CHECK(eddy_task_cancel(task, NULL));
  CHECK_CODE(eddy_task_await(task, NULL), EDDY_ECANCELLED);
  CHECK_PTR(let_go, &frame->coro);
  return 0;
}
