/* Queues: what needs no waiting, joining, and the codes. */
#include "queue_actors.h"

EDDY_UNIT_TEST(queue, new_queue_is_empty_and_unbounded)
{
  eddy_queue *queue;
  CHECK_OK(eddy_queue_new(NULL, &queue));
  CHECK_EQ(eddy_queue_qsize(queue), 0);
  CHECK_EQ(eddy_queue_maxsize(queue), 0);
  CHECK(eddy_queue_empty(queue));
  CHECK(!eddy_queue_full(queue));
  eddy_queue_unref(queue);
  eddy_queue_unref(NULL);
  return 0;
}

EDDY_UNIT_TEST(queue, new_checks_its_arguments)
{
  eddy_queue *queue = NULL;
  eddy_queue_options options = {.order = (eddy_queue_order)3};
  CHECK_CODE(eddy_queue_new(NULL, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_queue_new(&options, &queue), EDDY_EINVAL);
  options.order = (eddy_queue_order)-1;
  CHECK_CODE(eddy_queue_new(&options, &queue), EDDY_EINVAL);
  CHECK_PTR(queue, NULL);
  return 0;
}

EDDY_UNIT_TEST(queue, huge_maxsize_takes_no_memory_before_it_is_used)
{
  eddy_queue *queue;
  CHECK_OK(test_queue(SIZE_MAX, &queue));
  CHECK(eddy_queue_maxsize(queue) == SIZE_MAX);
  CHECK_OK(put_now(queue, 1));
  CHECK(!eddy_queue_full(queue));
  CHECK_EQ(eddy_queue_qsize(queue), 1);
  return 0;
}

EDDY_UNIT_TEST(queue, reference_keeps_items)
{
  eddy_queue *queue;
  CHECK_OK(test_queue(0, &queue));
  CHECK_OK(put_now(queue, 7));
  CHECK_PTR(eddy_queue_ref(queue), queue);
  eddy_queue_unref(queue);
  CHECK_OK(take_now(queue));
  CHECK_TRACE("7");
  return 0;
}

EDDY_UNIT_TEST(queue, items_come_out_in_the_order_they_went_in)
{
  eddy_queue *queue;
  int64_t in = 0, out = 0;
  CHECK_OK(test_queue(0, &queue));
  /* Growing while the oldest item stands at every place of the ring. */
  for (int round = 0; round < 300; round++) {
    for (int i = 0; i < 5; i++) {
      CHECK_OK(put_now(queue, in++));
    }
    for (int i = 0; i < (round < 200 ? 3 : 7); i++) {
      eddy_value value;
      CHECK_OK(eddy_queue_get_nowait(queue, &value));
      CHECK_EQ(value.i, out++);
    }
    CHECK_EQ(eddy_queue_qsize(queue), in - out);
  }
  CHECK_EQ(eddy_queue_qsize(queue), 200);
  return 0;
}

EDDY_UNIT_TEST(queue, items_of_every_type_come_back)
{
  eddy_queue *queue;
  eddy_value value;
  CHECK_OK(test_queue(0, &queue));
  CHECK_OK(eddy_queue_put_nowait(queue, eddy_ptr(&queue)));
  CHECK_OK(eddy_queue_put_nowait(queue, eddy_double(0.5)));
  CHECK_OK(eddy_queue_put_nowait(queue, eddy_int(INT64_MIN)));
  CHECK_OK(eddy_queue_get_nowait(queue, &value));
  CHECK_PTR(value.p, &queue);
  CHECK_OK(eddy_queue_get_nowait(queue, &value));
  CHECK(value.d == 0.5);
  CHECK_OK(eddy_queue_get_nowait(queue, &value));
  CHECK_EQ(value.i, INT64_MIN);
  return 0;
}

EDDY_UNIT_TEST(queue, nowait_calls_need_no_loop_and_fail_at_once)
{
  eddy_queue *queue;
  eddy_value value = eddy_int(-1);
  CHECK_OK(test_queue(2, &queue));
  CHECK_CODE(eddy_queue_get_nowait(queue, &value), EDDY_EQUEUEEMPTY);
  CHECK_EQ(value.i, -1);
  CHECK_OK(put_now(queue, 1));
  CHECK(!eddy_queue_full(queue));
  CHECK_OK(put_now(queue, 2));
  CHECK(eddy_queue_full(queue));
  CHECK_CODE(put_now(queue, 3), EDDY_EQUEUEFULL);
  CHECK_EQ(eddy_queue_qsize(queue), 2);
  CHECK_OK(take_now(queue));
  CHECK_OK(put_now(queue, 4));
  CHECK_OK(take_now(queue));
  CHECK_OK(take_now(queue));
  CHECK(eddy_queue_empty(queue));
  CHECK_TRACE("1 2 4");
  return 0;
}

EDDY_TASK_TEST(queue, calls_without_a_queue_or_a_place_are_refused)
{
  eddy_queue *queue;
  eddy_value value;
  CHECK_OK(test_queue(0, &queue));
  CHECK_CODE(put_now(NULL, 1), EDDY_EINVAL);
  CHECK_CODE(eddy_queue_get_nowait(NULL, &value), EDDY_EINVAL);
  CHECK_CODE(eddy_queue_put(NULL, eddy_int(1)), EDDY_EINVAL);
  CHECK_CODE(eddy_queue_get(NULL, &value), EDDY_EINVAL);
  CHECK_CODE(eddy_queue_join(NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_queue_task_done(NULL), EDDY_EINVAL);
  eddy_queue_shutdown(NULL, true);
  CHECK_OK(put_now(queue, 1));
  CHECK_CODE(eddy_queue_get_nowait(queue, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_queue_get(queue, NULL), EDDY_EINVAL);
  CHECK_EQ(eddy_queue_qsize(queue), 1);
  return 0;
}

/* What waits is refused outside a task even if it would not have to wait. */
static int wait_outside_a_task(void *arg)
{
  eddy_queue *queue = arg;
  eddy_value value = eddy_int(-1);
  CHECK_CODE(eddy_queue_get(queue, &value), EDDY_ENOTASK);
  CHECK_EQ(value.i, -1);
  CHECK_CODE(eddy_queue_put(queue, eddy_int(2)), EDDY_ENOTASK);
  CHECK_CODE(eddy_queue_join(queue), EDDY_ENOTASK);
  CHECK_EQ(eddy_queue_qsize(queue), 1);
  trace("refused");
  return 0;
}

EDDY_TEST(queue, calls_that_wait_need_a_task)
{
  eddy_loop *loop;
  eddy_queue *queue;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(test_queue(0, &queue));
  CHECK_OK(put_now(queue, 1));
  CHECK_OK(wait_outside_a_task(queue));
  CHECK_OK(eddy_loop_call_soon(loop, wait_outside_a_task, queue, NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("refused refused");
  return 0;
}

/* ---- a call that need not wait does not even let others run ---- */

static int put_and_get_many(void *arg)
{
  eddy_queue *queue = arg;
  for (int i = 0; i < 1000; i++) {
    eddy_value value;
    CHECK_OK(eddy_queue_put(queue, eddy_int(i)));
    CHECK_OK(eddy_queue_get(queue, &value));
    CHECK_EQ(value.i, i);
    CHECK_OK(eddy_queue_task_done(queue));
    CHECK_OK(eddy_queue_join(queue));
  }
  return 0;
}

struct many {
  eddy_frame frame;
  eddy_queue *queue;
  eddy_value value;
  int i, rc;
};

static int put_and_get_many_frame(eddy_frame *frame)
{
  struct many *self = (struct many *)frame;
  EDDY_BEGIN(frame);
  for (; self->i < 1000; self->i++) {
    EDDY_AWAIT(frame, self->rc, eddy_queue_put(self->queue, eddy_int(self->i)));
    CHECK_OK(self->rc);
    EDDY_AWAIT(frame, self->rc, eddy_queue_get(self->queue, &self->value));
    CHECK_OK(self->rc);
    CHECK_EQ(self->value.i, self->i);
    CHECK_OK(eddy_queue_task_done(self->queue));
    EDDY_AWAIT(frame, self->rc, eddy_queue_join(self->queue));
    CHECK_OK(self->rc);
  }
  EDDY_END(frame);
}

EDDY_TASK_TEST(queue, calls_that_need_not_wait_do_not_suspend)
{
  eddy_queue *queue;
  eddy_task *task;
  CHECK_OK(test_queue(1, &queue));
  CHECK_OK(test_task(put_and_get_many, queue, &task));
  CHECK_OK(eddy_task_await(task, NULL));
  CHECK_EQ(eddy_task_steps(task), 1);

  struct many *many = test_new(sizeof *many);
  many->queue = queue;
  CHECK_OK(start_kind(
      STACKLESS, put_and_get_many, put_and_get_many_frame, &many->frame, &task));
  CHECK_OK(eddy_task_await(task, NULL));
  CHECK_EQ(eddy_task_steps(task), 1);
  return 0;
}

/* ---- join ---- */

static int join_wakes_everybody(enum kind kind)
{
  eddy_queue *queue;
  CHECK_OK(test_queue(0, &queue));
  CHECK_OK(put_now(queue, 1));
  CHECK_OK(put_now(queue, 2));
  CHECK_OK(start_join(kind, "j", queue, NULL));
  CHECK_OK(start_join(kind, "k", queue, NULL));
  CHECK_OK(settle());
  CHECK_OK(take_now(queue));
  CHECK_OK(take_now(queue));
  CHECK_OK(eddy_queue_task_done(queue));
  CHECK_OK(settle());
  trace("done");
  CHECK_OK(eddy_queue_task_done(queue));
  trace("soon");
  CHECK_OK(settle());
  CHECK_TRACE("1 2 done soon j:joined k:joined");
  return 0;
}

EDDY_TASK_TEST(queue, join_waits_until_everything_is_dealt_with)
{
  return each_kind(join_wakes_everybody);
}

/* As asyncio's: who was woken returns, though there is something to be done again. */
static int join_then_put(enum kind kind)
{
  eddy_queue *queue;
  CHECK_OK(test_queue(0, &queue));
  CHECK_OK(put_now(queue, 1));
  CHECK_OK(start_join(kind, "j", queue, NULL));
  CHECK_OK(settle());
  CHECK_OK(take_now(queue));
  CHECK_OK(eddy_queue_task_done(queue));
  CHECK_OK(put_now(queue, 2));
  CHECK_OK(settle());
  CHECK_TRACE("1 j:joined");
  return 0;
}

EDDY_TASK_TEST(queue, joiner_that_was_woken_returns_whatever_was_put_since)
{
  return each_kind(join_then_put);
}

static int cancel_a_joiner(enum kind kind)
{
  eddy_queue *queue;
  eddy_task *joiner;
  CHECK_OK(test_queue(0, &queue));
  CHECK_OK(put_now(queue, 1));
  CHECK_OK(start_join(kind, "j", queue, &joiner));
  CHECK_OK(start_join(kind, "k", queue, NULL));
  CHECK_OK(settle());
  CHECK(eddy_task_cancel(joiner, NULL));
  CHECK_OK(settle());
  CHECK_OK(eddy_queue_task_done(queue));
  CHECK_OK(settle());
  CHECK(eddy_task_cancelled(joiner));
  CHECK_TRACE("j:cancelled k:joined");
  return 0;
}

EDDY_TASK_TEST(queue, join_is_cancelled_alone)
{
  return each_kind(cancel_a_joiner);
}

EDDY_TASK_TEST(queue, task_done_too_often_is_an_error_that_says_so)
{
  eddy_queue *queue;
  CHECK_OK(test_queue(0, &queue));
  CHECK_OK(eddy_queue_join(queue));
  CHECK_CODE(eddy_queue_task_done(queue), EDDY_EINVALIDSTATE);
  CHECK_CONTAINS(eddy_message(EDDY_EINVALIDSTATE), "task_done");
  CHECK_OK(put_now(queue, 1));
  CHECK_OK(eddy_queue_task_done(queue));
  CHECK_CODE(eddy_queue_task_done(queue), EDDY_EINVALIDSTATE);
  CHECK_EQ(eddy_queue_qsize(queue), 1);
  CHECK_OK(eddy_queue_join(queue));
  return 0;
}

/* ---- one loop ---- */

static int wait_in_another_loop(void *arg)
{
  eddy_queue *queue = arg;
  eddy_value value = eddy_int(-1);
  CHECK_CODE(eddy_queue_get(queue, &value), EDDY_EOTHERLOOP);
  CHECK_CONTAINS(eddy_message(EDDY_EOTHERLOOP), "queue");
  CHECK_OK(put_now(queue, 1));
  CHECK_CODE(eddy_queue_put(queue, eddy_int(2)), EDDY_EOTHERLOOP);
  CHECK_CODE(eddy_queue_join(queue), EDDY_EOTHERLOOP);
  CHECK_EQ(eddy_queue_qsize(queue), 1);
  CHECK_OK(eddy_queue_get(queue, &value)); /* no wait, no binding: as asyncio */
  CHECK_EQ(value.i, 1);
  trace("refused");
  return 0;
}

static int bind_the_queue(void *arg)
{
  eddy_value value;
  CHECK_OK(eddy_queue_get(arg, &value));
  CHECK_OK(eddy_queue_task_done(arg));
  trace("bound");
  return 0;
}

static int put_zero(void *queue)
{
  return put_now(queue, 0);
}

EDDY_TEST(queue, belongs_to_the_loop_on_which_someone_waited_first)
{
  eddy_loop *first, *second;
  eddy_queue *queue;
  eddy_task *task;
  CHECK_OK(test_loop(&first));
  CHECK_OK(test_loop(&second));
  CHECK_OK(test_queue(1, &queue));
  CHECK_OK(test_loop_task(first, bind_the_queue, queue, &task));
  CHECK_OK(eddy_loop_call_later(first, EDDY_MS(1), put_zero, queue, NULL));
  CHECK_OK(eddy_loop_run(first));
  CHECK_OK(eddy_task_result(task, NULL));
  CHECK_OK(test_loop_task(second, wait_in_another_loop, queue, &task));
  CHECK_OK(eddy_loop_run(second));
  CHECK_OK(eddy_task_result(task, NULL));
  CHECK_TRACE("bound refused");
  return 0;
}

/* ---- references ---- */

static int drop_after_put(enum kind kind)
{
  eddy_queue **queue;
  CHECK_OK(own_queue(0, &queue));
  CHECK_OK(start_get(kind, "a", *queue, NULL));
  CHECK_OK(settle());
  CHECK_OK(put_now(*queue, 1));
  drop_queue(queue);
  CHECK_OK(settle());
  CHECK_TRACE("a:get a:1");
  return 0;
}

EDDY_TASK_TEST(queue, producer_may_let_go_after_its_last_put)
{
  return each_kind(drop_after_put);
}

static int drop_while_they_wait(enum kind kind)
{
  eddy_queue **queue;
  eddy_task *getters[2], *joiner;
  CHECK_OK(own_queue(0, &queue));
  CHECK_OK(put_now(*queue, 1));
  CHECK_OK(take_now(*queue));
  CHECK_OK(start_get(kind, "a", *queue, &getters[0]));
  CHECK_OK(start_get(kind, "b", *queue, &getters[1]));
  CHECK_OK(start_join(kind, "j", *queue, &joiner));
  CHECK_OK(settle());
  drop_queue(queue);
  for (int i = 0; i < 2; i++) {
    CHECK(eddy_task_cancel(getters[i], NULL));
  }
  CHECK_OK(settle());
  CHECK(eddy_task_cancel(joiner, NULL));
  CHECK_OK(settle());
  CHECK_TRACE("1 a:get b:get a:cancelled b:cancelled j:cancelled");
  return 0;
}

EDDY_TASK_TEST(queue, tasks_that_wait_keep_it)
{
  return each_kind(drop_while_they_wait);
}

/* eddy_run cancels them; then the last reference goes with the loop. */
EDDY_TASK_TEST(queue, may_be_left_behind_with_tasks_that_wait)
{
  eddy_queue **queue;
  CHECK_OK(own_queue(1, &queue));
  CHECK_OK(put_now(*queue, 1));
  CHECK_OK(start_put(MIXED, "a", *queue, 2, NULL));
  CHECK_OK(start_put(MIXED, "b", *queue, 3, NULL));
  CHECK_OK(start_join(MIXED, "c", *queue, NULL));
  CHECK_OK(settle());
  drop_queue(queue);
  CHECK_TRACE("a:put b:put");
  return 0;
}
