/* The callback form of get: for programs without tasks, and beside tasks. */
#include "queue_actors.h"

/* What a callback is told by its argument. */
struct taker {
  const char *name;
  eddy_queue *queue;
  int again; /* how often it asks once more */
};

static int take_cb(eddy_result result, void *arg)
{
  struct taker *self = arg;
  if (result.error != 0) {
    trace("%s:%s", self->name, eddy_err_name(result.error));
    return 0;
  }
  trace("%s:%" PRId64, self->name, result.value.i);
  if (self->again-- <= 0) return 0;
  return eddy_queue_get_cb(NULL, self->queue, take_cb, self);
}

static int ask(eddy_loop *loop, const char *name, eddy_queue *queue, int again)
{
  struct taker *taker = test_new(sizeof *taker);
  *taker = (struct taker){name, queue, again};
  return eddy_queue_get_cb(loop, queue, take_cb, taker);
}

EDDY_TEST(queue_cb, serves_a_program_without_tasks)
{
  eddy_loop *loop;
  eddy_queue *queue;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(test_queue(0, &queue));
  CHECK_OK(put_now(queue, 1));
  CHECK_OK(put_now(queue, 2));
  CHECK_OK(ask(loop, "a", queue, 1));
  trace("asked");
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("asked a:1 a:2");
  return 0;
}

EDDY_TASK_TEST(queue_cb, never_runs_inside_a_put)
{
  eddy_queue *queue;
  eddy_loop *loop = eddy_get_running_loop();
  CHECK_OK(test_queue(0, &queue));
  CHECK_OK(ask(NULL, "a", queue, 0));
  CHECK_OK(settle());
  CHECK_OK(eddy_loop_call_soon(loop, trace_fn, "s0", NULL));
  CHECK_OK(put_now(queue, 1));
  trace("put");
  CHECK_OK(eddy_loop_call_soon(loop, trace_fn, "s1", NULL));
  CHECK_OK(settle());
  CHECK_TRACE("put s0 a:1 s1");
  return 0;
}

EDDY_TASK_TEST(queue_cb, takes_its_turn_among_tasks)
{
  eddy_queue *queue;
  CHECK_OK(test_queue(0, &queue));
  CHECK_OK(start_get(STACKFUL, "a", queue, NULL));
  CHECK_OK(settle());
  CHECK_OK(ask(NULL, "b", queue, 0));
  CHECK_OK(start_get(STACKLESS, "c", queue, NULL));
  CHECK_OK(settle());
  CHECK_OK(ask(NULL, "d", queue, 0));
  for (int i = 1; i <= 4; i++) {
    CHECK_OK(put_now(queue, i));
  }
  CHECK_OK(settle());
  CHECK_TRACE("a:get c:get a:1 b:2 c:3 d:4");
  return 0;
}

EDDY_TASK_TEST(queue_cb, whose_item_was_taken_waits_again_at_the_tail)
{
  eddy_queue *queue;
  CHECK_OK(test_queue(0, &queue));
  CHECK_OK(ask(NULL, "a", queue, 0));
  CHECK_OK(ask(NULL, "b", queue, 0));
  CHECK_OK(start_get(STACKFUL, "c", queue, NULL));
  CHECK_OK(settle());
  CHECK_OK(put_now(queue, 0));
  CHECK_OK(take_now(queue));
  CHECK_OK(settle());
  trace("|");
  for (int i = 1; i <= 3; i++) {
    CHECK_OK(put_now(queue, i));
    CHECK_OK(settle());
  }
  CHECK_TRACE("c:get 0 | b:1 c:2 a:3");
  return 0;
}

/* It did not take the item when it asked, so there it may lose it as well. */
EDDY_TASK_TEST(queue_cb, item_that_was_there_may_still_be_taken_by_others)
{
  eddy_queue *queue;
  CHECK_OK(test_queue(0, &queue));
  CHECK_OK(put_now(queue, 0));
  CHECK_OK(ask(NULL, "a", queue, 0));
  CHECK_OK(take_now(queue));
  CHECK_OK(settle());
  CHECK_OK(put_now(queue, 1));
  CHECK_OK(settle());
  CHECK_TRACE("0 a:1");
  return 0;
}

EDDY_TASK_TEST(queue_cb, makes_room_for_a_putter)
{
  eddy_queue *queue;
  CHECK_OK(test_queue(1, &queue));
  CHECK_OK(put_now(queue, 0));
  CHECK_OK(start_put(STACKFUL, "p", queue, 1, NULL));
  CHECK_OK(start_put(STACKLESS, "q", queue, 2, NULL));
  CHECK_OK(settle());
  CHECK_OK(ask(NULL, "a", queue, 2));
  CHECK_OK(settle());
  CHECK_TRACE("p:put q:put a:0 p:done a:1 q:done a:2");
  return 0;
}

EDDY_TASK_TEST(queue_cb, woken_task_that_is_cancelled_wakes_the_callback)
{
  eddy_queue *queue;
  eddy_task *task;
  CHECK_OK(test_queue(0, &queue));
  CHECK_OK(start_get(STACKFUL, "a", queue, &task));
  CHECK_OK(settle());
  CHECK_OK(ask(NULL, "b", queue, 0));
  CHECK_OK(put_now(queue, 1));
  CHECK(eddy_task_cancel(task, NULL));
  CHECK_OK(settle());
  CHECK_TRACE("a:get a:cancelled b:1");
  return 0;
}

/* ---- shutdown ---- */

EDDY_TASK_TEST(queue_cb, gets_what_is_left_and_then_the_end)
{
  eddy_queue *queue;
  CHECK_OK(test_queue(0, &queue));
  CHECK_OK(put_now(queue, 1));
  eddy_queue_shutdown(queue, false);
  CHECK_OK(ask(NULL, "a", queue, 0));
  CHECK_OK(settle());
  CHECK_OK(ask(NULL, "b", queue, 5)); /* an error ends it: it asks no more */
  CHECK_OK(settle());
  CHECK_TRACE("a:1 b:EQUEUESHUTDOWN");
  return 0;
}

EDDY_TASK_TEST(queue_cb, shutdown_calls_each_that_waits)
{
  eddy_queue *queue;
  CHECK_OK(test_queue(0, &queue));
  CHECK_OK(ask(NULL, "a", queue, 0));
  CHECK_OK(ask(NULL, "b", queue, 0));
  CHECK_OK(start_get(STACKFUL, "c", queue, NULL));
  CHECK_OK(settle());
  CHECK_OK(put_now(queue, 1));
  eddy_queue_shutdown(queue, false);
  trace("shut");
  CHECK_OK(settle());
  CHECK_TRACE("c:get shut a:1 b:EQUEUESHUTDOWN c:closed");
  return 0;
}

EDDY_TASK_TEST(queue_cb, immediate_shutdown_takes_the_item_from_a_woken_callback)
{
  eddy_queue *queue;
  CHECK_OK(test_queue(0, &queue));
  CHECK_OK(ask(NULL, "a", queue, 0));
  CHECK_OK(put_now(queue, 1));
  eddy_queue_shutdown(queue, true);
  CHECK_OK(settle());
  CHECK_TRACE("a:EQUEUESHUTDOWN");
  return 0;
}

/* ---- errors, references, the end of the loop ---- */

static int fail_cb(eddy_result result, void *arg)
{
  (void)arg;
  (void)result;
  return eddy_raise(EDDY_EPROTO, "item %d is bad", (int)result.value.i);
}

static int note_report(eddy_loop *loop, const eddy_exception_context *context, void *arg)
{
  (void)loop;
  (void)arg;
  trace("[%s %s]", eddy_err_name(context->error), context->detail);
  return 0;
}

EDDY_TASK_TEST(queue_cb, error_it_returns_is_reported)
{
  eddy_queue *queue;
  CHECK_OK(test_queue(0, &queue));
  eddy_loop_set_exception_handler(eddy_get_running_loop(), note_report, NULL);
  CHECK_OK(eddy_queue_get_cb(NULL, queue, fail_cb, NULL));
  CHECK_OK(put_now(queue, 7));
  CHECK_OK(settle());
  CHECK_TRACE("[EPROTO item 7 is bad]");
  return 0;
}

EDDY_TEST(queue_cb, arguments_are_checked)
{
  eddy_loop *loop, *other;
  eddy_queue *queue;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(test_loop(&other));
  CHECK_OK(test_queue(0, &queue));
  CHECK_CODE(eddy_queue_get_cb(loop, NULL, take_cb, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_queue_get_cb(loop, queue, NULL, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_queue_get_cb(NULL, queue, take_cb, NULL), EDDY_ENOLOOP);
  CHECK_OK(ask(loop, "a", queue, 0));
  CHECK_CODE(eddy_queue_get_cb(other, queue, take_cb, NULL), EDDY_EOTHERLOOP);
  CHECK_OK(eddy_loop_close(loop));
  CHECK_CODE(eddy_queue_get_cb(loop, queue, take_cb, NULL), EDDY_ECLOSED);
  return 0;
}

EDDY_TEST(queue_cb, loop_does_not_wait_for_one_that_nothing_can_wake)
{
  eddy_loop *loop;
  eddy_queue *queue;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(test_queue(0, &queue));
  CHECK_OK(ask(loop, "a", queue, 0));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("");
  /* It still waits, and the loop can be run again. */
  CHECK_OK(put_now(queue, 1));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("a:1");
  return 0;
}

EDDY_TEST(queue_cb, waiting_or_woken_is_let_go_of_with_the_loop)
{
  eddy_loop *loop;
  eddy_queue *queue;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(test_queue(0, &queue));
  for (int i = 0; i < 3; i++) {
    CHECK_OK(ask(loop, "a", queue, 0));
  }
  CHECK_OK(put_now(queue, 1)); /* one of the three is woken */
  CHECK_OK(eddy_loop_close(loop));
  CHECK_OK(put_now(queue, 2));
  CHECK_EQ(eddy_queue_qsize(queue), 2);
  eddy_queue_shutdown(queue, true);
  CHECK_TRACE("");
  return 0;
}

EDDY_TASK_TEST(queue_cb, keeps_the_queue)
{
  eddy_queue **queue;
  CHECK_OK(own_queue(0, &queue));
  CHECK_OK(ask(NULL, "a", *queue, 0));
  CHECK_OK(ask(NULL, "b", *queue, 0));
  CHECK_OK(put_now(*queue, 1));
  drop_queue(queue);
  CHECK_OK(settle());
  CHECK_TRACE("a:1"); /* b waits until the loop ends */
  return 0;
}
