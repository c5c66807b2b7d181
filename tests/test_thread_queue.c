/* Thread queues: what needs no waiting, and tasks of one loop. */
#include "thread_queue_actors.h"

EDDY_UNIT_TEST(thread_queue, new_queue_is_empty_and_unbounded)
{
  eddy_thread_queue *queue;
  CHECK_OK(test_thread_queue(0, &queue));
  CHECK_EQ(eddy_thread_queue_qsize(queue), 0);
  CHECK_EQ(eddy_thread_queue_maxsize(queue), 0);
  CHECK(eddy_thread_queue_empty(queue));
  CHECK(!eddy_thread_queue_full(queue));
  eddy_thread_queue_unref(NULL);
  return 0;
}

EDDY_UNIT_TEST(thread_queue, reference_keeps_items)
{
  eddy_thread_queue *queue;
  CHECK_OK(test_thread_queue(0, &queue));
  CHECK_OK(put_now(queue, 7));
  CHECK_PTR(eddy_thread_queue_ref(queue), queue);
  eddy_thread_queue_unref(queue);
  CHECK_OK(take_now(queue));
  CHECK_TRACE("7");
  return 0;
}

EDDY_UNIT_TEST(thread_queue, items_come_out_in_the_order_they_went_in)
{
  eddy_thread_queue *queue;
  int64_t in = 0, out = 0;
  CHECK_OK(test_thread_queue(0, &queue));
  /* Growing while the oldest item stands at every place of the ring. */
  for (int round = 0; round < 100; round++) {
    for (int i = 0; i < 5; i++)
      CHECK_OK(put_now(queue, in++));
    for (int i = 0; i < 3; i++) {
      eddy_value value;
      CHECK_OK(eddy_thread_queue_get_nowait(queue, &value));
      CHECK_EQ(value.i, out++);
    }
  }
  CHECK_EQ(eddy_thread_queue_qsize(queue), 200);
  return 0;
}

EDDY_UNIT_TEST(thread_queue, nowait_calls_need_no_loop_and_fail_at_once)
{
  eddy_thread_queue *queue;
  eddy_value value = eddy_int(-1);
  CHECK_OK(test_thread_queue(2, &queue));
  CHECK_EQ(eddy_thread_queue_maxsize(queue), 2);
  CHECK_CODE(eddy_thread_queue_get_nowait(queue, &value), EDDY_EQUEUEEMPTY);
  CHECK_EQ(value.i, -1);
  CHECK_OK(put_now(queue, 1));
  CHECK(!eddy_thread_queue_full(queue));
  CHECK_OK(put_now(queue, 2));
  CHECK(eddy_thread_queue_full(queue));
  CHECK_CODE(put_now(queue, 3), EDDY_EQUEUEFULL);
  CHECK_EQ(eddy_thread_queue_qsize(queue), 2);
  CHECK_OK(take_now(queue));
  CHECK_OK(take_now(queue));
  CHECK_TRACE("1 2");
  return 0;
}

EDDY_UNIT_TEST(thread_queue, that_is_shut_down_hands_out_what_is_left)
{
  eddy_thread_queue *queue;
  CHECK_OK(test_thread_queue(0, &queue));
  CHECK_OK(put_now(queue, 1));
  eddy_thread_queue_shutdown(queue, false);
  CHECK_CODE(put_now(queue, 2), EDDY_EQUEUESHUTDOWN);
  CHECK_OK(take_now(queue));
  CHECK_CODE(take_now(queue), EDDY_EQUEUESHUTDOWN);
  CHECK_OK(eddy_thread_queue_task_done(queue));
  CHECK_CODE(eddy_thread_queue_task_done(queue), EDDY_EINVALIDSTATE);
  CHECK_STR(eddy_message(EDDY_EINVALIDSTATE),
      "task_done: called more often than items were put in");
  CHECK_OK(test_thread_queue(0, &queue));
  CHECK_OK(put_now(queue, 3));
  eddy_thread_queue_shutdown(queue, true);
  CHECK_CODE(take_now(queue), EDDY_EQUEUESHUTDOWN);
  CHECK_CODE(eddy_thread_queue_task_done(queue), EDDY_EINVALIDSTATE);
  CHECK_TRACE("1");
  return 0;
}

EDDY_UNIT_TEST(thread_queue, calls_without_a_queue_or_a_place_are_refused)
{
  eddy_thread_queue *queue;
  eddy_value value;
  CHECK_CODE(eddy_thread_queue_new(0, NULL), EDDY_EINVAL);
  CHECK_OK(test_thread_queue(0, &queue));
  CHECK_CODE(eddy_thread_queue_put_nowait(NULL, eddy_int(0)), EDDY_EINVAL);
  CHECK_CODE(eddy_thread_queue_get_nowait(NULL, &value), EDDY_EINVAL);
  CHECK_CODE(eddy_thread_queue_get_nowait(queue, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_thread_queue_put_blocking(NULL, eddy_int(0), 0), EDDY_EINVAL);
  CHECK_CODE(eddy_thread_queue_get_blocking(NULL, 0, &value), EDDY_EINVAL);
  CHECK_CODE(eddy_thread_queue_get_blocking(queue, 0, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_thread_queue_join_blocking(NULL, 0), EDDY_EINVAL);
  CHECK_CODE(eddy_thread_queue_task_done(NULL), EDDY_EINVAL);
  eddy_thread_queue_shutdown(NULL, true);
  return 0;
}

EDDY_UNIT_TEST(thread_queue, calls_that_suspend_need_a_task)
{
  eddy_thread_queue *queue;
  eddy_value value = eddy_int(-1);
  CHECK_OK(test_thread_queue(0, &queue));
  CHECK_OK(put_now(queue, 1));
  CHECK_CODE(eddy_thread_queue_get(queue, &value), EDDY_ENOTASK);
  CHECK_CONTAINS(eddy_message(EDDY_ENOTASK), "eddy_thread_queue_get_blocking");
  CHECK_EQ(value.i, -1);
  CHECK_CODE(eddy_thread_queue_put(queue, eddy_int(2)), EDDY_ENOTASK);
  CHECK_CODE(eddy_thread_queue_join(queue), EDDY_ENOTASK);
  CHECK_EQ(eddy_thread_queue_qsize(queue), 1);
  return 0;
}

EDDY_TASK_TEST(thread_queue, calls_that_block_are_refused_where_a_loop_runs)
{
  eddy_thread_queue *queue;
  eddy_value value;
  CHECK_OK(test_thread_queue(0, &queue));
  CHECK_CODE(eddy_thread_queue_put_blocking(queue, eddy_int(1), 0), EDDY_ERUNNING);
  CHECK_CONTAINS(eddy_message(EDDY_ERUNNING), "in a task call eddy_thread_queue_put");
  CHECK_CODE(eddy_thread_queue_get_blocking(queue, 0, &value), EDDY_ERUNNING);
  CHECK_CODE(eddy_thread_queue_join_blocking(queue, 0), EDDY_ERUNNING);
  CHECK_CODE(eddy_thread_queue_put(NULL, eddy_int(1)), EDDY_EINVAL);
  CHECK_CODE(eddy_thread_queue_get(queue, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_thread_queue_get(NULL, &value), EDDY_EINVAL);
  CHECK_CODE(eddy_thread_queue_join(NULL), EDDY_EINVAL);
  return 0;
}

/* ---- tasks that wait ---- */

/* The holds of the running loop. */
static size_t holds(void)
{
  eddy_loop_stats stats;
  eddy_loop_get_stats(eddy_get_running_loop(), &stats);
  return stats.holds;
}

static int getters_are_woken_in_order(enum kind kind)
{
  eddy_thread_queue *queue;
  CHECK_OK(test_thread_queue(0, &queue));
  CHECK_OK(start_get(kind, "a", queue, NULL));
  CHECK_OK(start_get(kind, "b", queue, NULL));
  CHECK_OK(start_get(kind, "c", queue, NULL));
  CHECK_OK(settle());
  CHECK_EQ(holds(), 3);
  for (int i = 1; i <= 4; i++)
    CHECK_OK(put_now(queue, i));
  CHECK_OK(settle());
  CHECK_TRACE("a:1 b:2 c:3");
  CHECK_EQ(holds(), 0);
  CHECK_OK(start_get(kind, "d", queue, NULL)); /* does not wait */
  CHECK_OK(settle());
  CHECK_TRACE("d:4");
  return 0;
}

EDDY_TASK_TEST(thread_queue, getters_are_woken_in_order)
{
  return each_kind(getters_are_woken_in_order);
}

static int putters_are_woken_in_order(enum kind kind)
{
  eddy_thread_queue *queue;
  CHECK_OK(test_thread_queue(1, &queue));
  CHECK_OK(put_now(queue, 1));
  CHECK_OK(start_put(kind, "a", queue, 2, NULL));
  CHECK_OK(start_put(kind, "b", queue, 3, NULL));
  CHECK_OK(settle());
  CHECK_EQ(holds(), 2);
  for (int i = 0; i < 3; i++) {
    CHECK_OK(take_now(queue));
    CHECK_OK(settle());
  }
  CHECK_TRACE("1 a:done 2 b:done 3");
  CHECK_EQ(holds(), 0);
  CHECK_EQ(eddy_thread_queue_qsize(queue), 0);
  return 0;
}

EDDY_TASK_TEST(thread_queue, putters_are_woken_in_order)
{
  return each_kind(putters_are_woken_in_order);
}

static int waiter_that_was_passed_by_keeps_its_place(enum kind kind)
{
  eddy_thread_queue *queue;
  CHECK_OK(test_thread_queue(1, &queue));
  CHECK_OK(start_get(kind, "a", queue, NULL));
  CHECK_OK(start_get(kind, "b", queue, NULL));
  CHECK_OK(start_get(kind, "c", queue, NULL));
  CHECK_OK(settle());
  for (int i = 1; i <= 2; i++) { /* wakes a, then b */
    CHECK_OK(put_now(queue, i));
    CHECK_OK(take_now(queue));
  }
  CHECK_OK(settle());
  CHECK_TRACE("1 2");
  for (int i = 3; i <= 5; i++) {
    CHECK_OK(put_now(queue, i));
    CHECK_OK(settle());
  }
  CHECK_TRACE("a:3 b:4 c:5");
  CHECK_OK(put_now(queue, 6));
  CHECK_OK(start_put(kind, "d", queue, 7, NULL));
  CHECK_OK(start_put(kind, "e", queue, 8, NULL));
  CHECK_OK(settle());
  CHECK_OK(take_now(queue));
  CHECK_OK(put_now(queue, 9)); /* d has been woken in vain */
  CHECK_OK(settle());
  for (int i = 0; i < 3; i++) {
    CHECK_OK(take_now(queue));
    CHECK_OK(settle());
  }
  CHECK_TRACE("6 9 d:done 7 e:done 8");
  return 0;
}

EDDY_TASK_TEST(thread_queue, waiter_that_was_passed_by_keeps_its_place)
{
  return each_kind(waiter_that_was_passed_by_keeps_its_place);
}

static int cancelled_get_takes_nothing(enum kind kind)
{
  eddy_thread_queue *queue;
  eddy_task *a, *b;
  CHECK_OK(test_thread_queue(0, &queue));
  CHECK_OK(start_get(kind, "a", queue, &a));
  CHECK_OK(start_get(kind, "b", queue, &b));
  CHECK_OK(start_get(kind, "c", queue, NULL));
  CHECK_OK(settle());
  CHECK(eddy_task_cancel(a, NULL)); /* in line */
  CHECK_OK(settle());
  CHECK_OK(put_now(queue, 1));
  CHECK(eddy_task_cancel(b, NULL)); /* called already: the call goes on to c */
  CHECK_OK(settle());
  CHECK_TRACE("a:cancelled b:cancelled c:1");
  CHECK_OK(put_now(queue, 2));
  CHECK_OK(take_now(queue));
  CHECK_TRACE("2");
  CHECK_EQ(holds(), 0);
  return 0;
}

EDDY_TASK_TEST(thread_queue, cancelled_get_takes_nothing)
{
  return each_kind(cancelled_get_takes_nothing);
}

static int cancelled_put_puts_nothing(enum kind kind)
{
  eddy_thread_queue *queue;
  eddy_task *a, *b;
  CHECK_OK(test_thread_queue(1, &queue));
  CHECK_OK(put_now(queue, 1));
  CHECK_OK(start_put(kind, "a", queue, 2, &a));
  CHECK_OK(start_put(kind, "b", queue, 3, &b));
  CHECK_OK(start_put(kind, "c", queue, 4, NULL));
  CHECK_OK(settle());
  CHECK(eddy_task_cancel(a, NULL)); /* in line */
  CHECK_OK(settle());
  CHECK_OK(take_now(queue));
  CHECK(eddy_task_cancel(b, NULL)); /* called already: the call goes on to c */
  CHECK_OK(settle());
  CHECK_TRACE("a:cancelled 1 b:cancelled c:done");
  CHECK_OK(take_now(queue));
  CHECK_CODE(take_now(queue), EDDY_EQUEUEEMPTY);
  CHECK_TRACE("4");
  CHECK_EQ(holds(), 0);
  return 0;
}

EDDY_TASK_TEST(thread_queue, cancelled_put_puts_nothing)
{
  return each_kind(cancelled_put_puts_nothing);
}

/* A request that came before the wait ends it as it begins. */
static int cancel_then_get(void *queue)
{
  eddy_value value;
  (void)eddy_task_cancel(eddy_current_task(), NULL);
  CHECK_CODE(eddy_thread_queue_get(queue, &value), EDDY_ECANCELLED);
  CHECK_EQ(holds(), 0);
  (void)eddy_task_cancel(eddy_current_task(), NULL);
  CHECK_CODE(eddy_thread_queue_join(queue), 0);
  return eddy_thread_queue_get(queue, &value);
}

EDDY_TASK_TEST(thread_queue, cancellation_before_the_wait_ends_it_at_once)
{
  eddy_thread_queue *queue;
  eddy_task *task;
  CHECK_OK(test_thread_queue(0, &queue));
  CHECK_OK(test_task(cancel_then_get, queue, &task));
  CHECK_CODE(eddy_task_await(task, NULL), EDDY_ECANCELLED);
  CHECK_EQ(holds(), 0);
  return 0;
}

static int shutdown_wakes_everyone(enum kind kind)
{
  eddy_thread_queue *empty, *full;
  CHECK_OK(test_thread_queue(1, &empty));
  CHECK_OK(test_thread_queue(1, &full));
  CHECK_OK(put_now(full, 1));
  CHECK_OK(start_get(kind, "a", empty, NULL));
  CHECK_OK(start_get(kind, "b", empty, NULL));
  CHECK_OK(start_put(kind, "c", full, 2, NULL));
  CHECK_OK(start_put(kind, "d", full, 3, NULL));
  CHECK_OK(start_join(kind, "e", full, NULL));
  CHECK_OK(settle());
  eddy_thread_queue_shutdown(empty, false);
  eddy_thread_queue_shutdown(full, true);
  CHECK_OK(settle());
  CHECK_TRACE("a:closed b:closed e:joined c:closed d:closed");
  CHECK_EQ(holds(), 0);
  return 0;
}

EDDY_TASK_TEST(thread_queue, shutdown_wakes_everyone)
{
  return each_kind(shutdown_wakes_everyone);
}

static int join_waits_for_every_item(enum kind kind)
{
  eddy_thread_queue *queue;
  eddy_task *task;
  CHECK_OK(test_thread_queue(0, &queue));
  CHECK_OK(start_join(kind, "none", queue, NULL)); /* does not wait */
  CHECK_OK(settle());
  for (int i = 1; i <= 2; i++)
    CHECK_OK(put_now(queue, i));
  CHECK_OK(start_join(kind, "a", queue, NULL));
  CHECK_OK(start_join(kind, "b", queue, &task));
  CHECK_OK(settle());
  CHECK(eddy_task_cancel(task, NULL));
  CHECK_OK(eddy_thread_queue_task_done(queue));
  CHECK_OK(settle());
  CHECK_TRACE("none:joined b:cancelled");
  CHECK_OK(eddy_thread_queue_task_done(queue));
  CHECK_OK(settle());
  CHECK_TRACE("a:joined");
  return 0;
}

EDDY_TASK_TEST(thread_queue, join_waits_for_every_item)
{
  return each_kind(join_waits_for_every_item);
}

static int waiters_without_anyone_else_do_not_hang(enum kind kind)
{
  eddy_thread_queue **empty, **full;
  CHECK_OK(own_thread_queue(0, &empty));
  CHECK_OK(own_thread_queue(1, &full));
  CHECK_OK(put_now(*full, 1));
  CHECK_OK(start_get(kind, "a", *empty, NULL));
  CHECK_OK(start_put(kind, "b", *full, 2, NULL));
  CHECK_OK(start_join(kind, "c", *full, NULL));
  CHECK_OK(settle());
  drop_queue(empty);
  drop_queue(full);
  CHECK_OK(settle());
  CHECK_TRACE("a:closed b:closed c:closed");
  return 0;
}

EDDY_TASK_TEST(thread_queue, waiters_without_anyone_else_do_not_hang)
{
  return each_kind(waiters_without_anyone_else_do_not_hang);
}

EDDY_TASK_TEST(thread_queue, waits_are_described)
{
  static const char *const words[] = {
      "get on thread queue ", "put on thread queue ", "join on thread queue "};
  eddy_thread_queue *queue;
  char text[100];
  CHECK_OK(test_thread_queue(1, &queue));
  for (enum act what = GET; what <= JOIN; what++) {
    struct actor *actor = new_actor("a", queue, what, 2);
    CHECK_OK(start_act(STACKFUL, actor, NULL));
    CHECK_OK(settle());
    CHECK_CONTAINS(eddy_task_waits_for(actor->task, text, sizeof text), words[what]);
    CHECK_CONTAINS(text, what == GET ? "(0 items)" : "(1 items, full)");
    CHECK(eddy_task_cancel(actor->task, NULL));
    CHECK_OK(settle());
    if (what == GET) CHECK_OK(put_now(queue, 1));
  }
  return 0;
}
