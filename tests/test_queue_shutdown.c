/* The end of a queue. The traces are CPython 3.13's. */
#include "queue_actors.h"

EDDY_TASK_TEST(queue_shutdown, puts_fail_and_gets_hand_out_what_is_left)
{
  eddy_queue *queue;
  eddy_value value = eddy_int(-1);
  CHECK_OK(test_queue(3, &queue));
  CHECK_OK(put_now(queue, 1));
  CHECK_OK(put_now(queue, 2));
  eddy_queue_shutdown(queue, false);
  CHECK_CODE(put_now(queue, 3), EDDY_EQUEUESHUTDOWN);
  CHECK_CODE(eddy_queue_put(queue, eddy_int(3)), EDDY_EQUEUESHUTDOWN);
  CHECK_EQ(eddy_queue_qsize(queue), 2);
  CHECK_OK(take_now(queue));
  CHECK_OK(eddy_queue_get(queue, &value));
  CHECK_EQ(value.i, 2);
  CHECK_CODE(eddy_queue_get(queue, &value), EDDY_EQUEUESHUTDOWN);
  CHECK_CODE(eddy_queue_get_nowait(queue, &value), EDDY_EQUEUESHUTDOWN);
  CHECK_EQ(value.i, 2);
  CHECK_TRACE("1");
  return 0;
}

/* A full queue says that it is shut down rather than that it is full. */
EDDY_UNIT_TEST(queue_shutdown, full_queue_is_shut_down_first_of_all)
{
  eddy_queue *queue;
  CHECK_OK(test_queue(1, &queue));
  CHECK_OK(put_now(queue, 1));
  eddy_queue_shutdown(queue, false);
  CHECK_CODE(put_now(queue, 2), EDDY_EQUEUESHUTDOWN);
  CHECK(eddy_queue_full(queue));
  return 0;
}

static int wake_getters(enum kind kind)
{
  eddy_queue *queue;
  CHECK_OK(test_queue(1, &queue));
  CHECK_OK(start_get(kind, "a", queue, NULL));
  CHECK_OK(start_get(kind, "b", queue, NULL));
  CHECK_OK(settle());
  eddy_queue_shutdown(queue, false);
  CHECK_CODE(put_now(queue, 1), EDDY_EQUEUESHUTDOWN);
  trace("put:closed");
  CHECK_OK(settle());
  CHECK_TRACE("a:get b:get put:closed a:closed b:closed");
  return 0;
}

EDDY_TASK_TEST(queue_shutdown, wakes_every_getter)
{
  return each_kind(wake_getters);
}

static int wake_putters(enum kind kind)
{
  eddy_queue *queue;
  CHECK_OK(test_queue(1, &queue));
  CHECK_OK(put_now(queue, 0));
  CHECK_OK(start_put(kind, "a", queue, 1, NULL));
  CHECK_OK(start_put(kind, "b", queue, 2, NULL));
  CHECK_OK(settle());
  eddy_queue_shutdown(queue, false);
  trace("sd");
  CHECK_OK(settle());
  CHECK_OK(start_get(kind, "c", queue, NULL));
  CHECK_OK(start_get(kind, "d", queue, NULL));
  CHECK_OK(settle());
  CHECK_TRACE("a:put b:put sd a:closed b:closed c:get c:0 d:get d:closed");
  return 0;
}

EDDY_TASK_TEST(queue_shutdown, wakes_every_putter_and_keeps_what_was_in)
{
  return each_kind(wake_putters);
}

static int wake_both(enum kind kind)
{
  eddy_queue *queue;
  CHECK_OK(test_queue(1, &queue));
  CHECK_OK(start_get(kind, "a", queue, NULL));
  CHECK_OK(settle());
  CHECK_OK(start_put(kind, "b", queue, 1, NULL));
  CHECK_OK(start_put(kind, "c", queue, 2, NULL));
  CHECK_OK(put_now(queue, 0)); /* a is woken, b and c find the queue full */
  CHECK_OK(eddy_sleep(0));
  trace("|");
  eddy_queue_shutdown(queue, false);
  CHECK_OK(settle());
  CHECK_EQ(eddy_queue_qsize(queue), 0);
  CHECK_TRACE("a:get b:put c:put a:0 | b:closed c:closed");
  return 0;
}

EDDY_TASK_TEST(queue_shutdown, with_getters_and_putters_blocked_wakes_all)
{
  return each_kind(wake_both);
}

static int wake_both_at_once(enum kind kind)
{
  eddy_queue *queue;
  CHECK_OK(test_queue(1, &queue));
  CHECK_OK(start_get(kind, "a", queue, NULL));
  CHECK_OK(start_get(kind, "e", queue, NULL));
  CHECK_OK(settle());
  CHECK_OK(start_put(kind, "b", queue, 1, NULL));
  CHECK_OK(start_put(kind, "c", queue, 2, NULL));
  CHECK_OK(put_now(queue, 0));
  CHECK_OK(eddy_sleep(0));
  trace("|");
  eddy_queue_shutdown(queue, true);
  CHECK_OK(settle());
  CHECK_EQ(eddy_queue_qsize(queue), 0);
  CHECK_TRACE("a:get e:get b:put c:put a:0 | b:closed e:closed c:closed");
  return 0;
}

EDDY_TASK_TEST(queue_shutdown, immediately_with_both_blocked_wakes_all)
{
  return each_kind(wake_both_at_once);
}

/* ---- while somebody was woken already ---- */

static int after_put(enum kind kind)
{
  eddy_queue *queue;
  CHECK_OK(test_queue(0, &queue));
  CHECK_OK(start_get(kind, "a", queue, NULL));
  CHECK_OK(start_get(kind, "b", queue, NULL));
  CHECK_OK(settle());
  CHECK_OK(put_now(queue, 1));
  eddy_queue_shutdown(queue, false);
  CHECK_OK(settle());
  CHECK_TRACE("a:get b:get a:1 b:closed");
  return 0;
}

EDDY_TASK_TEST(queue_shutdown, woken_getter_still_gets_its_item)
{
  return each_kind(after_put);
}

static int immediately_after_put(enum kind kind)
{
  eddy_queue *queue;
  CHECK_OK(test_queue(0, &queue));
  CHECK_OK(start_get(kind, "a", queue, NULL));
  CHECK_OK(start_get(kind, "b", queue, NULL));
  CHECK_OK(settle());
  CHECK_OK(put_now(queue, 1));
  eddy_queue_shutdown(queue, true);
  CHECK_OK(settle());
  CHECK_TRACE("a:get b:get a:closed b:closed");
  return 0;
}

EDDY_TASK_TEST(queue_shutdown, immediate_one_takes_the_item_from_a_woken_getter)
{
  return each_kind(immediately_after_put);
}

static int after_get(enum kind kind)
{
  eddy_queue *queue;
  CHECK_OK(test_queue(1, &queue));
  CHECK_OK(put_now(queue, 0));
  CHECK_OK(start_put(kind, "a", queue, 1, NULL));
  CHECK_OK(start_put(kind, "b", queue, 2, NULL));
  CHECK_OK(settle());
  CHECK_OK(take_now(queue));
  eddy_queue_shutdown(queue, false);
  CHECK_OK(settle());
  CHECK_EQ(eddy_queue_qsize(queue), 0);
  CHECK_TRACE("a:put b:put 0 a:closed b:closed");
  return 0;
}

EDDY_TASK_TEST(queue_shutdown, woken_putter_fails_though_there_is_room)
{
  return each_kind(after_get);
}

static int woken_then_cancelled(enum kind kind)
{
  eddy_queue *queue;
  eddy_task *a;
  CHECK_OK(test_queue(0, &queue));
  CHECK_OK(start_get(kind, "a", queue, &a));
  CHECK_OK(start_get(kind, "b", queue, NULL));
  CHECK_OK(settle());
  CHECK_OK(put_now(queue, 1));
  CHECK(eddy_task_cancel(a, NULL));
  eddy_queue_shutdown(queue, false);
  CHECK_OK(settle());
  CHECK_EQ(eddy_queue_qsize(queue), 0);
  CHECK_TRACE("a:get b:get a:cancelled b:1");
  return 0;
}

EDDY_TASK_TEST(queue_shutdown, item_of_a_cancelled_getter_goes_to_the_next)
{
  return each_kind(woken_then_cancelled);
}

static int cancel_and_shutdown(enum kind kind)
{
  eddy_queue *queue;
  eddy_task *a, *b;
  CHECK_OK(test_queue(1, &queue));
  CHECK_OK(put_now(queue, 0));
  CHECK_OK(start_put(kind, "a", queue, 1, &a));
  CHECK_OK(start_put(kind, "b", queue, 2, &b));
  CHECK_OK(settle());
  CHECK(eddy_task_cancel(a, NULL));
  eddy_queue_shutdown(queue, false);
  CHECK(eddy_task_cancel(b, NULL));
  CHECK_OK(settle());
  CHECK_EQ(eddy_queue_qsize(queue), 1);
  CHECK_TRACE("a:put b:put a:cancelled b:cancelled");
  return 0;
}

EDDY_TASK_TEST(queue_shutdown, cancellation_counts_before_it_and_after_it)
{
  return each_kind(cancel_and_shutdown);
}

/* Nothing waits yet: the first takes what is there, the second finds the end. */
static int before_the_first_step(enum kind kind)
{
  eddy_queue *queue;
  CHECK_OK(test_queue(0, &queue));
  CHECK_OK(put_now(queue, 1));
  CHECK_OK(start_get(kind, "a", queue, NULL));
  eddy_queue_shutdown(queue, false);
  CHECK_OK(start_get(kind, "b", queue, NULL));
  CHECK_OK(settle());
  CHECK_TRACE("a:get a:1 b:get b:closed");
  return 0;
}

EDDY_TASK_TEST(queue_shutdown, is_seen_by_those_who_come_later)
{
  return each_kind(before_the_first_step);
}

/* ---- immediate, and join ---- */

static int immediate_putter(enum kind kind)
{
  eddy_queue *queue;
  CHECK_OK(test_queue(1, &queue));
  CHECK_OK(put_now(queue, 1));
  CHECK_OK(start_put(kind, "p", queue, 2, NULL));
  CHECK_OK(settle());
  eddy_queue_shutdown(queue, true);
  CHECK_OK(settle());
  CHECK_EQ(eddy_queue_qsize(queue), 0);
  CHECK_TRACE("p:put p:closed");
  return 0;
}

EDDY_TASK_TEST(queue_shutdown, immediate_one_drops_the_items_and_lets_no_putter_in)
{
  return each_kind(immediate_putter);
}

static int immediate_join(enum kind kind)
{
  eddy_queue *queue;
  CHECK_OK(test_queue(0, &queue));
  for (int i = 1; i <= 3; i++) {
    CHECK_OK(put_now(queue, i));
  }
  CHECK_OK(start_join(kind, "j", queue, NULL));
  CHECK_OK(settle());
  CHECK_OK(take_now(queue));
  eddy_queue_shutdown(queue, true);
  CHECK_OK(settle());
  trace("not yet");
  CHECK_EQ(eddy_queue_qsize(queue), 0);
  CHECK_OK(eddy_queue_task_done(queue));
  CHECK_OK(settle());
  CHECK_CODE(eddy_queue_task_done(queue), EDDY_EINVALIDSTATE);
  CHECK_TRACE("1 not yet j:joined");
  return 0;
}

EDDY_TASK_TEST(queue_shutdown, dropped_items_are_done_and_taken_ones_are_not)
{
  return each_kind(immediate_join);
}

static int immediate_join_at_once(enum kind kind)
{
  eddy_queue *queue;
  CHECK_OK(test_queue(0, &queue));
  CHECK_OK(put_now(queue, 1));
  CHECK_OK(put_now(queue, 2));
  CHECK_OK(start_join(kind, "j", queue, NULL));
  CHECK_OK(start_join(kind, "k", queue, NULL));
  CHECK_OK(settle());
  eddy_queue_shutdown(queue, true);
  CHECK_OK(settle());
  CHECK_TRACE("j:joined k:joined");
  return 0;
}

EDDY_TASK_TEST(queue_shutdown, immediate_one_completes_every_join)
{
  return each_kind(immediate_join_at_once);
}

static int plain_join(enum kind kind)
{
  eddy_queue *queue;
  eddy_value value;
  CHECK_OK(test_queue(0, &queue));
  CHECK_OK(put_now(queue, 1));
  CHECK_OK(start_join(kind, "j", queue, NULL));
  CHECK_OK(settle());
  eddy_queue_shutdown(queue, false);
  CHECK_OK(settle());
  trace("still");
  CHECK_OK(take_now(queue));
  CHECK_OK(eddy_queue_task_done(queue));
  CHECK_OK(settle());
  CHECK_CODE(eddy_queue_get_nowait(queue, &value), EDDY_EQUEUESHUTDOWN);
  CHECK_TRACE("still 1 j:joined");
  return 0;
}

EDDY_TASK_TEST(queue_shutdown, join_waits_for_the_items_left)
{
  return each_kind(plain_join);
}

/* An item that was called done before it was taken is not counted a second time. */
EDDY_TASK_TEST(queue_shutdown, dropping_an_item_that_is_done_already_counts_nothing)
{
  eddy_queue *queue;
  CHECK_OK(test_queue(0, &queue));
  CHECK_OK(put_now(queue, 1));
  CHECK_OK(put_now(queue, 2));
  CHECK_OK(eddy_queue_task_done(queue));
  CHECK_OK(eddy_queue_task_done(queue));
  eddy_queue_shutdown(queue, true);
  CHECK_EQ(eddy_queue_qsize(queue), 0);
  CHECK_OK(eddy_queue_join(queue));
  CHECK_CODE(eddy_queue_task_done(queue), EDDY_EINVALIDSTATE);
  return 0;
}

EDDY_TASK_TEST(queue_shutdown, a_second_time_may_drop_what_the_first_left)
{
  eddy_queue *queue;
  CHECK_OK(test_queue(0, &queue));
  CHECK_OK(put_now(queue, 1));
  CHECK_OK(put_now(queue, 2));
  eddy_queue_shutdown(queue, false);
  eddy_queue_shutdown(queue, false);
  CHECK_EQ(eddy_queue_qsize(queue), 2);
  eddy_queue_shutdown(queue, true);
  CHECK_EQ(eddy_queue_qsize(queue), 0);
  CHECK_OK(eddy_queue_join(queue));
  CHECK_CODE(put_now(queue, 3), EDDY_EQUEUESHUTDOWN);
  return 0;
}
