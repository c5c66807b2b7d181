/*
 * After how many iterations each wait goes on: the table of asyncio's orders, row by row,
 * in both kinds of coroutine. "At 1" means that the callback that ends the wait runs one
 * iteration after it began.
 */
#include "tasks.h"

struct probe {
  eddy_frame frame;
  eddy_frame_fn *wait;
  eddy_future *future;
  eddy_queue *queue;
  eddy_task *task;
  eddy_timeout scope;
  eddy_value value;
  eddy_time delay;
  uint64_t began;
  int depth;
  int kind;
  int rc;
};

/* What a row traces: how the wait ended, and after how many iterations. */
static void trace_row(struct probe *self)
{
  trace("%s+%d", self->rc == 0 ? "ok" : eddy_err_name(self->rc),
      (int)(test_iteration() - self->began));
}

static struct probe *new_probe(int kind)
{
  struct probe *probe = test_new(sizeof *probe);
  probe->kind = kind;
  return probe;
}

static int run_probe(struct probe *probe, eddy_frame_fn *body)
{
  eddy_task *task;
  int rc = test_frame_task(probe->kind, probe, body, &task);
  return rc < 0 ? rc : eddy_task_await(task, NULL);
}

static int set_future(void *future)
{
  return eddy_future_set_result(future, eddy_int(1));
}

static int cancel_future(void *future)
{
  return eddy_future_cancel(future, NULL) ? 0 : EDDY_ERUNTIME;
}

static int return_at_once(void *arg)
{
  (void)arg;
  return 0;
}

static int sleep_long(void *arg)
{
  (void)arg;
  return eddy_sleep(EDDY_S(10));
}

/* The simple waits: each begins, waits, and traces its row. */
#define WAIT(name, call)                                                                 \
  static int name(eddy_frame *frame)                                                     \
  {                                                                                      \
    struct probe *self = (struct probe *)frame;                                          \
    EDDY_BEGIN(frame);                                                                   \
    self->began = test_iteration();                                                      \
    EDDY_AWAIT(frame, self->rc, call);                                                   \
    trace_row(self);                                                                     \
    EDDY_END(frame);                                                                     \
  }

WAIT(wait_future, eddy_await(self->future, &self->value))
WAIT(wait_sleep, eddy_sleep(self->delay))
WAIT(wait_get, eddy_queue_get(self->queue, &self->value))
WAIT(wait_put, eddy_queue_put(self->queue, eddy_int(1)))
WAIT(wait_join, eddy_queue_join(self->queue))

/* The same, with what ends them queued just before: it runs at 1. */
#define WAIT_ENABLED(name, enable, arg, call)                                            \
  static int name(eddy_frame *frame)                                                     \
  {                                                                                      \
    struct probe *self = (struct probe *)frame;                                          \
    EDDY_BEGIN(frame);                                                                   \
    self->began = test_iteration();                                                      \
    CHECK_OK(test_call_soon(enable, arg));                                               \
    EDDY_AWAIT(frame, self->rc, call);                                                   \
    trace_row(self);                                                                     \
    EDDY_END(frame);                                                                     \
  }

static int put_one(void *queue)
{
  return eddy_queue_put_nowait(queue, eddy_int(1));
}

static int get_one(void *queue)
{
  eddy_value value;
  return eddy_queue_get_nowait(queue, &value);
}

static int finish_one(void *queue)
{
  return eddy_queue_task_done(queue);
}

WAIT_ENABLED(enabled_future, set_future, self->future, eddy_await(self->future, NULL))
WAIT_ENABLED(enabled_cancel, cancel_future, self->future, eddy_await(self->future, NULL))
WAIT_ENABLED(enabled_get, put_one, self->queue, eddy_queue_get(self->queue, &self->value))
WAIT_ENABLED(enabled_put, get_one, self->queue, eddy_queue_put(self->queue, eddy_int(1)))
WAIT_ENABLED(enabled_join, finish_one, self->queue, eddy_queue_join(self->queue))

#define EACH_KIND(probe)                                                                 \
  for (struct probe *probe = new_probe(0); probe != NULL;                                \
       probe = probe->kind + 1 < TEST_KINDS ? new_probe(probe->kind + 1) : NULL)

/* ---- at once ---- */

EDDY_TASK_TEST(await_order, what_is_there_already_is_had_at_0)
{
  EACH_KIND(probe)
  {
    eddy_future *done;
    CHECK_OK(test_future(NULL, &done));
    CHECK_OK(eddy_future_set_result(done, eddy_int(1)));
    probe->future = done;
    CHECK_OK(run_probe(probe, wait_future));
    CHECK_OK(test_gather(NULL, 0, EDDY_GATHER_RAISE, &probe->future));
    CHECK_OK(run_probe(probe, wait_future));
    CHECK_OK(test_gather(&done, 1, EDDY_GATHER_RAISE, &probe->future));
    CHECK_OK(run_probe(probe, wait_future));
    CHECK_OK(test_queue(1, &probe->queue));
    CHECK_OK(run_probe(probe, wait_put));
    CHECK_OK(run_probe(probe, wait_get));
    CHECK_OK(eddy_queue_task_done(probe->queue));
    CHECK_OK(run_probe(probe, wait_join));
    CHECK_TRACE("ok+0 ok+0 ok+0 ok+0 ok+0 ok+0");
  }
  return 0;
}

/* ---- bare yields and first steps ---- */

static int trace_first_step(eddy_frame *frame)
{
  struct probe *self = (struct probe *)frame;
  EDDY_BEGIN(frame);
  trace_row(self);
  EDDY_END(frame);
}

EDDY_TASK_TEST(await_order, first_step_of_a_new_task_is_at_1)
{
  EACH_KIND(probe)
  {
    probe->began = test_iteration();
    CHECK_OK(run_probe(probe, trace_first_step));
    CHECK_TRACE("ok+1");
  }
  return 0;
}

EDDY_TASK_TEST(await_order, sleep_of_zero_or_less_goes_on_at_1)
{
  EACH_KIND(probe)
  {
    CHECK_OK(run_probe(probe, wait_sleep));
    probe->delay = EDDY_S(-1);
    CHECK_OK(run_probe(probe, wait_sleep));
    CHECK_TRACE("ok+1 ok+1");
  }
  return 0;
}

static int note_iteration(void *arg)
{
  *(uint64_t *)arg = test_iteration();
  return 0;
}

static int sleep_beside_timer(eddy_frame *frame)
{
  struct probe *self = (struct probe *)frame;
  EDDY_BEGIN(frame);
  CHECK_OK(eddy_loop_call_later(
      eddy_get_running_loop(), self->delay, note_iteration, &self->began, NULL));
  EDDY_AWAIT(frame, self->rc, eddy_sleep(self->delay));
  trace_row(self);
  EDDY_END(frame);
}

EDDY_TASK_TEST_VIRTUAL(await_order, sleeper_goes_on_1_after_its_timer)
{
  EACH_KIND(probe)
  {
    probe->delay = EDDY_S(1);
    CHECK_OK(run_probe(probe, sleep_beside_timer));
    CHECK_TRACE("ok+1");
  }
  return 0;
}

/* ---- enabled at 1 ---- */

EDDY_TASK_TEST(await_order, future_done_at_1_is_had_at_2)
{
  EACH_KIND(probe)
  {
    CHECK_OK(test_future(NULL, &probe->future));
    CHECK_OK(run_probe(probe, enabled_future));
    CHECK_OK(test_future(NULL, &probe->future));
    CHECK_OK(run_probe(probe, enabled_cancel));
    CHECK_TRACE("ok+2 ECANCELLED+2");
  }
  return 0;
}

EDDY_TASK_TEST(await_order, queue_ready_at_1_is_had_at_2)
{
  EACH_KIND(probe)
  {
    CHECK_OK(test_queue(1, &probe->queue));
    CHECK_OK(run_probe(probe, enabled_get));
    CHECK_OK(eddy_queue_task_done(probe->queue));
    CHECK_OK(run_probe(probe, wait_put));
    CHECK_OK(run_probe(probe, enabled_put));
    CHECK_OK(run_probe(probe, wait_get));
    CHECK_OK(eddy_queue_task_done(probe->queue));
    CHECK_OK(run_probe(probe, enabled_join));
    CHECK_TRACE("ok+2 ok+0 ok+2 ok+0 ok+2");
  }
  return 0;
}

static int await_new_task(eddy_frame *frame)
{
  struct probe *self = (struct probe *)frame;
  EDDY_BEGIN(frame);
  self->began = test_iteration();
  CHECK_OK(test_task(return_at_once, NULL, &self->task));
  EDDY_AWAIT(frame, self->rc, eddy_task_await(self->task, NULL));
  trace_row(self);
  EDDY_END(frame);
}

EDDY_TASK_TEST(await_order, new_task_that_ends_at_once_is_had_at_2)
{
  EACH_KIND(probe)
  {
    CHECK_OK(run_probe(probe, await_new_task));
    CHECK_TRACE("ok+2");
  }
  return 0;
}

/* Awaits a task that awaits a task ..., as many as its depth says. */
static int nest(eddy_frame *frame)
{
  struct probe *self = (struct probe *)frame;
  EDDY_BEGIN(frame);
  self->began = test_iteration();
  if (self->depth > 0) {
    struct probe *inner = new_probe(self->kind);
    inner->depth = self->depth - 1;
    CHECK_OK(test_frame_task(inner->kind, inner, nest, &self->task));
    EDDY_AWAIT(frame, self->rc, eddy_task_await(self->task, NULL));
  }
  trace_row(self);
  EDDY_END(frame);
}

EDDY_TASK_TEST(await_order, n_nested_tasks_are_had_at_2n)
{
  EACH_KIND(probe)
  {
    probe->depth = 5;
    CHECK_OK(run_probe(probe, nest));
    CHECK_TRACE("ok+0 ok+2 ok+4 ok+6 ok+8 ok+10");
  }
  return 0;
}

/* ---- gather ---- */

static int gather_two_tasks(eddy_frame *frame)
{
  struct probe *self = (struct probe *)frame;
  EDDY_BEGIN(frame);
  self->began = test_iteration();
  eddy_task *a, *b;
  CHECK_OK(test_task(return_at_once, NULL, &a));
  CHECK_OK(test_task(return_at_once, NULL, &b));
  eddy_future *children[] = {eddy_task_future(a), eddy_task_future(b)};
  CHECK_OK(test_gather(children, 2, EDDY_GATHER_RAISE, &self->future));
  EDDY_AWAIT(frame, self->rc, eddy_await(self->future, NULL));
  trace_row(self);
  EDDY_END(frame);
}

static int gather_future(eddy_frame *frame)
{
  struct probe *self = (struct probe *)frame;
  EDDY_BEGIN(frame);
  self->began = test_iteration();
  CHECK_OK(test_call_soon(set_future, self->future));
  eddy_future *child = self->future;
  CHECK_OK(test_gather(&child, 1, EDDY_GATHER_RAISE, &self->future));
  EDDY_AWAIT(frame, self->rc, eddy_await(self->future, NULL));
  trace_row(self);
  EDDY_END(frame);
}

EDDY_TASK_TEST(await_order, gather_is_had_one_later_than_its_last_child)
{
  EACH_KIND(probe)
  {
    CHECK_OK(run_probe(probe, gather_two_tasks));
    CHECK_OK(test_future(NULL, &probe->future));
    CHECK_OK(run_probe(probe, gather_future));
    CHECK_TRACE("ok+3 ok+3");
  }
  return 0;
}

/* ---- cancelling ---- */

static int cancel_then_await(eddy_frame *frame)
{
  struct probe *self = (struct probe *)frame;
  EDDY_BEGIN(frame);
  CHECK_OK(test_task(sleep_long, NULL, &self->task));
  if (self->depth > 0) {
    EDDY_AWAIT(frame, self->rc, eddy_sleep(0));
  }
  self->began = test_iteration();
  CHECK(eddy_task_cancel(self->task, NULL));
  EDDY_AWAIT(frame, self->rc, eddy_task_await(self->task, NULL));
  trace_row(self);
  EDDY_END(frame);
}

EDDY_TASK_TEST(await_order, cancelled_task_is_had_at_2_started_or_not)
{
  EACH_KIND(probe)
  {
    probe->depth = 1;
    CHECK_OK(run_probe(probe, cancel_then_await));
    probe->depth = 0;
    CHECK_OK(run_probe(probe, cancel_then_await));
    CHECK_TRACE("ECANCELLED+2 ECANCELLED+2");
  }
  return 0;
}

/* Cancels itself, then waits as self->wait says. */
static int cancel_oneself(eddy_frame *frame)
{
  struct probe *self = (struct probe *)frame;
  if (frame->line == 0) (void)eddy_task_cancel(eddy_current_task(), NULL);
  return self->wait(frame);
}

static int run_cancelled(struct probe *probe, eddy_frame_fn *wait)
{
  probe->wait = wait;
  return run_probe(probe, cancel_oneself);
}

EDDY_TASK_TEST(await_order, own_cancel_ends_the_next_wait_at_1)
{
  EACH_KIND(probe)
  {
    CHECK_OK(run_cancelled(probe, wait_sleep));
    probe->delay = EDDY_S(10);
    CHECK_OK(run_cancelled(probe, wait_sleep));
    CHECK_OK(test_future(NULL, &probe->future));
    CHECK_OK(run_cancelled(probe, wait_future));
    CHECK(eddy_future_cancelled(probe->future));
    CHECK_OK(test_queue(1, &probe->queue));
    CHECK_OK(run_cancelled(probe, wait_get));
    CHECK_OK(eddy_queue_put_nowait(probe->queue, eddy_int(1)));
    CHECK_OK(run_cancelled(probe, wait_put));
    CHECK_OK(run_cancelled(probe, wait_join));
    CHECK_TRACE("ECANCELLED+1 ECANCELLED+1 ECANCELLED+1 ECANCELLED+1 ECANCELLED+1 "
                "ECANCELLED+1");
  }
  return 0;
}

EDDY_TASK_TEST(await_order, own_cancel_that_goes_to_a_task_ends_the_wait_at_2)
{
  EACH_KIND(probe)
  {
    eddy_task *task;
    CHECK_OK(test_task(sleep_long, NULL, &task));
    CHECK_OK(eddy_sleep(0));
    probe->future = eddy_task_future(task);
    CHECK_OK(run_cancelled(probe, wait_future));
    CHECK_TRACE("ECANCELLED+2");
  }
  return 0;
}

/* ---- timeouts ---- */

static int timeout_of_zero(eddy_frame *frame)
{
  struct probe *self = (struct probe *)frame;
  EDDY_BEGIN(frame);
  self->began = test_iteration();
  CHECK_OK(eddy_timeout_enter(&self->scope, 0));
  EDDY_AWAIT(frame, self->rc, eddy_sleep(self->delay));
  self->rc = eddy_timeout_exit(&self->scope, self->rc);
  trace_row(self);
  EDDY_END(frame);
}

EDDY_TASK_TEST(await_order, timeout_of_zero_strikes_a_sleep_at_2_and_a_yield_at_1)
{
  EACH_KIND(probe)
  {
    probe->delay = EDDY_S(10);
    CHECK_OK(run_probe(probe, timeout_of_zero));
    probe->delay = 0;
    CHECK_OK(run_probe(probe, timeout_of_zero));
    CHECK_TRACE("ETIMEDOUT+2 ETIMEDOUT+1");
  }
  return 0;
}
