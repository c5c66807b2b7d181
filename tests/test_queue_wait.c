/*
 * Who waits at a queue, who is woken, and who gets the item. Every trace here is what
 * CPython 3.13 prints for the same program.
 */
#include "queue_actors.h"

/* ---- when a waiter runs ---- */

static int note_wakes(enum kind kind)
{
  eddy_queue *queue;
  eddy_loop *loop = eddy_get_running_loop();
  CHECK_OK(test_queue(0, &queue));
  CHECK_OK(start_get(kind, "a", queue, NULL));
  CHECK_OK(settle());
  CHECK_OK(eddy_loop_call_soon(loop, trace_fn, "s0", NULL));
  CHECK_OK(put_now(queue, 1));
  CHECK_OK(eddy_loop_call_soon(loop, trace_fn, "s1", NULL));
  CHECK_OK(settle());
  CHECK_TRACE("a:get s0 a:1 s1");
  return 0;
}

EDDY_TASK_TEST(queue_wait, put_queues_the_getter_and_never_runs_it)
{
  return each_kind(note_wakes);
}

static int turns(enum kind kind)
{
  eddy_queue *queue;
  CHECK_OK(test_queue(0, &queue));
  CHECK_OK(start_get(kind, "a", queue, NULL));
  CHECK_OK(start_get(kind, "b", queue, NULL));
  CHECK_OK(eddy_sleep(0));
  CHECK_OK(put_now(queue, 1));
  CHECK_OK(put_now(queue, 2));
  trace("put2");
  CHECK_OK(eddy_sleep(0));
  trace("x");
  CHECK_OK(eddy_sleep(0));
  trace("y");
  CHECK_TRACE("a:get b:get put2 a:1 b:2 x y");
  return 0;
}

EDDY_TASK_TEST(queue_wait, getters_are_served_in_the_order_they_came)
{
  return each_kind(turns);
}

static int iterations;

static int tick(void *unused)
{
  (void)unused;
  return ++iterations < 8 ? eddy_loop_call_soon(eddy_get_running_loop(), tick, NULL, NULL)
                          : 0;
}

static int put_one(void *queue)
{
  return put_now(queue, 1);
}

static int put_one_soon(void *queue)
{
  return eddy_loop_call_soon(eddy_get_running_loop(), put_one, queue, NULL);
}

static int count_iterations(void *queue)
{
  int before = iterations;
  eddy_value value;
  CHECK_OK(eddy_queue_get(queue, &value));
  trace("+%d", iterations - before);
  return 0;
}

EDDY_TASK_TEST(queue_wait, getter_enabled_one_iteration_later_resumes_after_two)
{
  eddy_queue *queue;
  eddy_task *task;
  eddy_loop *loop = eddy_get_running_loop();
  iterations = 0;
  CHECK_OK(test_queue(0, &queue));
  CHECK_OK(eddy_loop_call_soon(loop, tick, NULL, NULL));
  CHECK_OK(test_task(count_iterations, queue, &task));
  CHECK_OK(eddy_loop_call_soon(loop, put_one_soon, queue, NULL));
  CHECK_OK(settle());
  CHECK_TRACE("+2");
  CHECK_OK(settle());
  return 0;
}

static int one_of_three(enum kind kind)
{
  eddy_queue *queue;
  CHECK_OK(test_queue(0, &queue));
  CHECK_OK(start_get(kind, "a", queue, NULL));
  CHECK_OK(start_get(kind, "b", queue, NULL));
  CHECK_OK(start_get(kind, "c", queue, NULL));
  CHECK_OK(settle());
  CHECK_OK(put_now(queue, 1));
  CHECK_OK(settle());
  trace("|");
  CHECK_OK(put_now(queue, 2));
  CHECK_OK(put_now(queue, 3));
  CHECK_OK(settle());
  CHECK_TRACE("a:get b:get c:get a:1 | b:2 c:3");
  return 0;
}

EDDY_TASK_TEST(queue_wait, put_wakes_one_getter)
{
  return each_kind(one_of_three);
}

static int one_of_three_putters(enum kind kind)
{
  eddy_queue *queue;
  CHECK_OK(test_queue(2, &queue));
  CHECK_OK(put_now(queue, 0));
  CHECK_OK(put_now(queue, 1));
  CHECK_OK(start_put(kind, "a", queue, 10, NULL));
  CHECK_OK(start_put(kind, "b", queue, 11, NULL));
  CHECK_OK(start_put(kind, "c", queue, 12, NULL));
  CHECK_OK(settle());
  CHECK_OK(take_now(queue));
  CHECK_OK(settle());
  trace("|");
  CHECK_OK(take_now(queue));
  CHECK_OK(take_now(queue));
  CHECK_OK(settle());
  CHECK_EQ(eddy_queue_qsize(queue), 2);
  CHECK_TRACE("a:put b:put c:put 0 a:done | 1 10 b:done c:done");
  return 0;
}

EDDY_TASK_TEST(queue_wait, get_wakes_one_putter)
{
  return each_kind(one_of_three_putters);
}

static int waiting_task_sleeps(enum kind kind)
{
  eddy_queue *queue;
  eddy_task *task;
  CHECK_OK(test_queue(0, &queue));
  CHECK_OK(start_get(kind, "a", queue, &task));
  for (int i = 0; i < 100; i++) {
    CHECK_OK(eddy_sleep(0));
  }
  CHECK_EQ(eddy_task_steps(task), 1);
  CHECK_OK(put_now(queue, 1));
  CHECK_OK(settle());
  CHECK_EQ(eddy_task_steps(task), 2);
  CHECK_TRACE("a:get a:1");
  return 0;
}

EDDY_TASK_TEST(queue_wait, waiting_task_is_not_resumed_before_the_put)
{
  return each_kind(waiting_task_sleeps);
}

/* ---- a bounded queue between two tasks ---- */

struct five {
  eddy_frame frame;
  eddy_queue *queue;
  eddy_value value;
  int i, rc;
};

static int produce_five(void *arg)
{
  struct five *self = arg;
  for (int i = 0; i < 5; i++) {
    trace("p%d", i);
    CHECK_OK(eddy_queue_put(self->queue, eddy_int(i)));
    trace("P%d", i);
  }
  return 0;
}

static int produce_five_frame(eddy_frame *frame)
{
  struct five *self = (struct five *)frame;
  EDDY_BEGIN(frame);
  for (; self->i < 5; self->i++) {
    trace("p%d", self->i);
    EDDY_AWAIT(frame, self->rc, eddy_queue_put(self->queue, eddy_int(self->i)));
    CHECK_OK(self->rc);
    trace("P%d", self->i);
  }
  EDDY_END(frame);
}

static int consume_five(void *arg)
{
  struct five *self = arg;
  for (int i = 0; i < 5; i++) {
    CHECK_OK(eddy_queue_get(self->queue, &self->value));
    trace("c%d", (int)self->value.i);
  }
  return 0;
}

static int consume_five_frame(eddy_frame *frame)
{
  struct five *self = (struct five *)frame;
  EDDY_BEGIN(frame);
  for (; self->i < 5; self->i++) {
    EDDY_AWAIT(frame, self->rc, eddy_queue_get(self->queue, &self->value));
    CHECK_OK(self->rc);
    trace("c%d", (int)self->value.i);
  }
  EDDY_END(frame);
}

static int start_five(
    enum kind kind, eddy_fn *body, eddy_frame_fn *frame_body, eddy_queue *queue)
{
  struct five *self = test_new(sizeof *self);
  eddy_task *task;
  self->queue = queue;
  return start_kind(kind, body, frame_body, &self->frame, &task);
}

static int bounded(enum kind kind)
{
  eddy_queue *queue;
  CHECK_OK(test_queue(2, &queue));
  CHECK_OK(start_five(kind, produce_five, produce_five_frame, queue));
  CHECK_OK(settle());
  trace("|");
  CHECK_OK(start_five(kind, consume_five, consume_five_frame, queue));
  CHECK_OK(settle());
  CHECK_OK(settle());
  CHECK_TRACE("p0 P0 p1 P1 p2 | c0 c1 P2 p3 P3 p4 c2 c3 P4 c4");
  return 0;
}

EDDY_TASK_TEST(queue_wait, producer_of_five_suspends_at_the_third_put_of_two)
{
  return each_kind(bounded);
}

/* ---- somebody comes in between ---- */

static int steal(enum kind kind)
{
  eddy_queue *queue;
  CHECK_OK(test_queue(0, &queue));
  CHECK_OK(start_get(kind, "a", queue, NULL));
  CHECK_OK(start_get(kind, "b", queue, NULL));
  CHECK_OK(settle());
  CHECK_OK(put_now(queue, 1));
  CHECK_OK(take_now(queue)); /* a is woken already, and finds nothing */
  CHECK_OK(settle());
  trace("|");
  CHECK_OK(put_now(queue, 2));
  CHECK_OK(settle());
  CHECK_OK(put_now(queue, 3));
  CHECK_OK(settle());
  CHECK_TRACE("a:get b:get 1 | b:2 a:3");
  return 0;
}

EDDY_TASK_TEST(queue_wait, getter_whose_item_was_taken_waits_again_at_the_tail)
{
  return each_kind(steal);
}

static int steal_the_slot(enum kind kind)
{
  eddy_queue *queue;
  CHECK_OK(test_queue(1, &queue));
  CHECK_OK(put_now(queue, 0));
  CHECK_OK(start_put(kind, "a", queue, 1, NULL));
  CHECK_OK(start_put(kind, "b", queue, 2, NULL));
  CHECK_OK(start_put(kind, "c", queue, 3, NULL));
  CHECK_OK(settle());
  CHECK_OK(take_now(queue));
  CHECK_OK(put_now(queue, 9)); /* a is woken already, and finds no room */
  CHECK_OK(settle());
  trace("|");
  for (int i = 0; i < 4; i++) {
    CHECK_OK(take_now(queue));
    CHECK_OK(settle());
  }
  CHECK_TRACE("a:put b:put c:put 0 | 9 b:done 2 c:done 3 a:done 1");
  return 0;
}

EDDY_TASK_TEST(queue_wait, putter_whose_slot_was_taken_waits_again_at_the_tail)
{
  return each_kind(steal_the_slot);
}

/* The queue is not free of barging: a get that need not wait goes first. */
static int newcomer(enum kind kind)
{
  eddy_queue *queue;
  CHECK_OK(test_queue(0, &queue));
  CHECK_OK(start_get(kind, "a", queue, NULL));
  CHECK_OK(settle());
  CHECK_OK(start_get(kind, "n", queue, NULL));
  CHECK_OK(put_now(queue, 1));
  CHECK_OK(settle());
  trace("|");
  CHECK_OK(put_now(queue, 2));
  CHECK_OK(settle());
  CHECK_TRACE("a:get n:get n:1 | a:2");
  return 0;
}

EDDY_TASK_TEST(queue_wait, newcomer_may_take_the_item_of_a_woken_getter)
{
  return each_kind(newcomer);
}

/* ---- cancelled ---- */

static int cancel_a_waiting_getter(enum kind kind)
{
  eddy_queue *queue;
  eddy_task *a;
  CHECK_OK(test_queue(0, &queue));
  CHECK_OK(start_get(kind, "a", queue, &a));
  CHECK_OK(start_get(kind, "b", queue, NULL));
  CHECK_OK(settle());
  CHECK(eddy_task_cancel(a, NULL));
  CHECK_OK(put_now(queue, 1));
  CHECK_OK(settle());
  CHECK(eddy_task_cancelled(a));
  CHECK_EQ(eddy_queue_qsize(queue), 0);
  CHECK_TRACE("a:get b:get a:cancelled b:1");
  return 0;
}

EDDY_TASK_TEST(queue_wait, put_passes_a_cancelled_getter_by)
{
  return each_kind(cancel_a_waiting_getter);
}

static int cancel_the_only_getter(enum kind kind)
{
  eddy_queue *queue;
  eddy_task *a;
  CHECK_OK(test_queue(0, &queue));
  CHECK_OK(start_get(kind, "a", queue, &a));
  CHECK_OK(settle());
  CHECK_OK(put_now(queue, 1));
  CHECK(eddy_task_cancel(a, NULL));
  CHECK_OK(settle());
  CHECK_OK(take_now(queue));
  CHECK_TRACE("a:get a:cancelled 1");
  return 0;
}

EDDY_TASK_TEST(queue_wait, cancelled_getter_takes_nothing)
{
  return each_kind(cancel_the_only_getter);
}

static int cancel_a_woken_getter(enum kind kind)
{
  eddy_queue *queue;
  eddy_task *a;
  CHECK_OK(test_queue(0, &queue));
  CHECK_OK(start_get(kind, "a", queue, &a));
  CHECK_OK(start_get(kind, "b", queue, NULL));
  CHECK_OK(settle());
  CHECK_OK(put_now(queue, 1));
  CHECK(eddy_task_cancel(a, NULL));
  CHECK_OK(settle());
  CHECK_EQ(eddy_queue_qsize(queue), 0);
  CHECK_TRACE("a:get b:get a:cancelled b:1");
  return 0;
}

EDDY_TASK_TEST(queue_wait, woken_getter_that_is_cancelled_wakes_the_next)
{
  return each_kind(cancel_a_woken_getter);
}

static int cancel_one_of_two_woken(enum kind kind)
{
  eddy_queue *queue;
  eddy_task *a;
  CHECK_OK(test_queue(0, &queue));
  CHECK_OK(start_get(kind, "a", queue, &a));
  CHECK_OK(start_get(kind, "b", queue, NULL));
  CHECK_OK(settle());
  CHECK_OK(put_now(queue, 1));
  CHECK_OK(put_now(queue, 2));
  CHECK(eddy_task_cancel(a, NULL));
  CHECK_OK(settle());
  CHECK_EQ(eddy_queue_qsize(queue), 1);
  CHECK_TRACE("a:get b:get a:cancelled b:1");
  return 0;
}

EDDY_TASK_TEST(queue_wait, cancelled_getter_leaves_its_item_to_whoever_comes)
{
  return each_kind(cancel_one_of_two_woken);
}

static int cancel_a_woken_getter_without_item(enum kind kind)
{
  eddy_queue *queue;
  eddy_task *a, *b;
  CHECK_OK(test_queue(0, &queue));
  CHECK_OK(start_get(kind, "a", queue, &a));
  CHECK_OK(start_get(kind, "b", queue, &b));
  CHECK_OK(settle());
  CHECK_OK(put_now(queue, 1));
  CHECK(eddy_task_cancel(a, NULL));
  CHECK_OK(take_now(queue));
  CHECK_OK(settle());
  CHECK_EQ(eddy_task_steps(b), 1);
  trace("|");
  CHECK_OK(put_now(queue, 2));
  CHECK_OK(settle());
  CHECK_TRACE("a:get b:get 1 a:cancelled | b:2");
  return 0;
}

EDDY_TASK_TEST(queue_wait, cancelled_getter_wakes_nobody_when_the_item_is_gone)
{
  return each_kind(cancel_a_woken_getter_without_item);
}

static int cancel_a_woken_putter(enum kind kind)
{
  eddy_queue *queue;
  eddy_task *a;
  CHECK_OK(test_queue(1, &queue));
  CHECK_OK(put_now(queue, 0));
  CHECK_OK(start_put(kind, "a", queue, 1, &a));
  CHECK_OK(start_put(kind, "b", queue, 2, NULL));
  CHECK_OK(settle());
  CHECK_OK(take_now(queue));
  CHECK(eddy_task_cancel(a, NULL));
  CHECK_OK(settle());
  CHECK_OK(take_now(queue));
  CHECK_EQ(eddy_queue_qsize(queue), 0);
  CHECK_TRACE("a:put b:put 0 a:cancelled b:done 2");
  return 0;
}

EDDY_TASK_TEST(queue_wait, woken_putter_that_is_cancelled_wakes_the_next)
{
  return each_kind(cancel_a_woken_putter);
}

static int cancel_a_waiting_putter(enum kind kind)
{
  eddy_queue *queue;
  eddy_task *p;
  CHECK_OK(test_queue(1, &queue));
  CHECK_OK(put_now(queue, 0));
  CHECK_OK(start_put(kind, "p", queue, 1, &p));
  CHECK_OK(settle());
  CHECK(eddy_task_cancel(p, NULL));
  CHECK_OK(take_now(queue));
  CHECK_OK(settle());
  CHECK_EQ(eddy_queue_qsize(queue), 0);
  CHECK_TRACE("p:put 0 p:cancelled");
  return 0;
}

EDDY_TASK_TEST(queue_wait, cancelled_putter_leaves_nothing_in_the_queue)
{
  return each_kind(cancel_a_waiting_putter);
}

EDDY_TASK_TEST_VIRTUAL(queue_wait, timeout_around_a_get_loses_no_item)
{
  eddy_queue *queue;
  eddy_timeout scope;
  eddy_value value = eddy_int(-1);
  eddy_loop *loop = eddy_get_running_loop();
  CHECK_OK(test_queue(0, &queue));
  CHECK_OK(eddy_timeout_enter(&scope, EDDY_S(5)));
  int rc = eddy_queue_get(queue, &value);
  CHECK_CODE(eddy_timeout_exit(&scope, rc), EDDY_ETIMEDOUT);
  CHECK_EQ(eddy_loop_time(loop), EDDY_S(5));
  CHECK_EQ(value.i, -1);
  /* Put and deadline in one instant: the item stays. */
  CHECK_OK(eddy_loop_call_later(loop, EDDY_S(5), put_one, queue, NULL));
  CHECK_OK(eddy_timeout_enter(&scope, EDDY_S(5)));
  rc = eddy_queue_get(queue, &value);
  CHECK_CODE(eddy_timeout_exit(&scope, rc), EDDY_ETIMEDOUT);
  CHECK_EQ(eddy_queue_qsize(queue), 1);
  return 0;
}
