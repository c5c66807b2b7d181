/* Thread queues between loops and threads. */
#include <stdatomic.h>

#include "tasks.h"
#include "thread_queue_actors.h"

/* ---- threads without a loop ---- */

EDDY_UNIT_TEST(thread_queue, blocked_calls_run_out_of_time)
{
  eddy_thread_queue *queue;
  eddy_value value = eddy_int(-1);
  CHECK_OK(test_thread_queue(1, &queue));
  CHECK_CODE(eddy_thread_queue_get_blocking(queue, 0, &value), EDDY_ETIMEDOUT);
  CHECK_CODE(eddy_thread_queue_get_blocking(queue, EDDY_MS(1), &value), EDDY_ETIMEDOUT);
  CHECK_STR(
      eddy_message(EDDY_ETIMEDOUT), "thread queue get: still waiting after 0.001 s");
  CHECK_EQ(value.i, -1);
  CHECK_OK(eddy_thread_queue_join_blocking(queue, 0));
  CHECK_OK(eddy_thread_queue_put_blocking(queue, eddy_int(1), EDDY_NEVER));
  CHECK_CODE(
      eddy_thread_queue_put_blocking(queue, eddy_int(2), EDDY_MS(1)), EDDY_ETIMEDOUT);
  CHECK_CODE(eddy_thread_queue_join_blocking(queue, EDDY_MS(1)), EDDY_ETIMEDOUT);
  CHECK_EQ(eddy_thread_queue_qsize(queue), 1);
  CHECK_OK(eddy_thread_queue_get_blocking(queue, EDDY_NEVER, &value));
  CHECK_EQ(value.i, 1);
  return 0;
}

EDDY_UNIT_TEST(thread_queue, blocked_get_ends_with_a_put)
{
  eddy_thread_queue *queue;
  struct visitor *a, *b;
  CHECK_OK(test_thread_queue(0, &queue));
  CHECK_OK(start_visitor(GET, queue, 0, EDDY_NEVER, &a));
  CHECK_OK(start_visitor(GET, queue, 0, EDDY_S(600), &b));
  uv_sleep(1); /* so that they may be waiting; nothing depends on it */
  CHECK_OK(put_now(queue, 3));
  CHECK_OK(put_now(queue, 4));
  CHECK_OK(visitor_end(a));
  CHECK_OK(visitor_end(b));
  CHECK_EQ(a->value.i + b->value.i, 7);
  return 0;
}

EDDY_UNIT_TEST(thread_queue, blocked_put_ends_with_a_get)
{
  eddy_thread_queue *queue;
  eddy_value value;
  struct visitor *visitor;
  CHECK_OK(test_thread_queue(1, &queue));
  CHECK_OK(put_now(queue, 1));
  CHECK_OK(start_visitor(PUT, queue, 2, EDDY_NEVER, &visitor));
  for (int i = 1; i <= 2; i++) {
    CHECK_OK(eddy_thread_queue_get_blocking(queue, EDDY_NEVER, &value));
    CHECK_EQ(value.i, i);
  }
  CHECK_OK(visitor_end(visitor));
  return 0;
}

EDDY_UNIT_TEST(thread_queue, blocked_calls_end_with_the_queue)
{
  eddy_thread_queue *empty, *full;
  struct visitor *getter, *putter, *joiner;
  CHECK_OK(test_thread_queue(1, &empty));
  CHECK_OK(test_thread_queue(1, &full));
  CHECK_OK(put_now(full, 1));
  CHECK_OK(start_visitor(GET, empty, 0, EDDY_NEVER, &getter));
  CHECK_OK(start_visitor(PUT, full, 2, EDDY_NEVER, &putter));
  CHECK_OK(start_visitor(JOIN, full, 0, EDDY_NEVER, &joiner));
  uv_sleep(1);
  eddy_thread_queue_shutdown(empty, false);
  eddy_thread_queue_shutdown(full, true);
  CHECK_CODE(visitor_end(getter), EDDY_EQUEUESHUTDOWN);
  CHECK_CODE(visitor_end(putter), EDDY_EQUEUESHUTDOWN);
  CHECK_OK(visitor_end(joiner));
  return 0;
}

/* ---- a task and a thread ---- */

EDDY_TASK_TEST(thread_queue, task_gets_what_a_thread_puts)
{
  eddy_thread_queue *queue;
  struct visitor *visitor;
  eddy_value value;
  CHECK_OK(test_thread_queue(0, &queue));
  for (int i = 0; i < 3; i++) {
    CHECK_OK(start_visitor(PUT, queue, i, EDDY_NEVER, &visitor));
    CHECK_OK(eddy_thread_queue_get(queue, &value));
    CHECK_EQ(value.i, i);
    CHECK_OK(visitor_end(visitor));
  }
  return 0;
}

EDDY_TASK_TEST(thread_queue, thread_gets_what_a_task_puts)
{
  eddy_thread_queue *queue;
  struct visitor *visitor;
  CHECK_OK(test_thread_queue(1, &queue));
  CHECK_OK(put_now(queue, 1));
  CHECK_OK(start_visitor(GET, queue, 0, EDDY_NEVER, &visitor));
  CHECK_OK(eddy_thread_queue_put(queue, eddy_int(2)));
  CHECK_OK(visitor_end(visitor));
  CHECK_EQ(visitor->value.i, 1);
  CHECK_EQ(eddy_thread_queue_qsize(queue), 1);
  return 0;
}

EDDY_TASK_TEST(thread_queue, task_joins_what_threads_deal_with)
{
  eddy_thread_queue *queue;
  struct visitor *getter, *joiner;
  CHECK_OK(test_thread_queue(0, &queue));
  CHECK_OK(put_now(queue, 1));
  CHECK_OK(start_visitor(JOIN, queue, 0, EDDY_NEVER, &joiner));
  CHECK_OK(start_visitor(GET, queue, 0, EDDY_NEVER, &getter));
  CHECK_OK(visitor_end(getter));
  CHECK_OK(eddy_thread_queue_task_done(queue));
  CHECK_OK(eddy_thread_queue_join(queue));
  CHECK_OK(visitor_end(joiner));
  return 0;
}

/* ---- a loop that is closed ---- */

static int wait_a_step(eddy_loop *loop)
{
  eddy_loop_stop(loop);
  return eddy_loop_run_forever(loop);
}

/* Loops that do not run meanwhile: `a` and `b` get from the queue. */
static int two_getters(enum kind kind, eddy_thread_queue *queue, eddy_loop *loops[2])
{
  static const char *const names[] = {"a", "b"};
  for (int i = 0; i < 2; i++) {
    struct actor *actor = new_actor(names[i], queue, GET, 0);
    CHECK_OK(test_loop(&loops[i]));
    trace_reports(loops[i]);
    eddy_frame_init(&actor->frame, act_frame);
    if (kind == STACKFUL) {
      CHECK_OK(test_loop_task(loops[i], act_body, actor, &actor->task));
    } else {
      CHECK_OK(
          eddy_loop_create_task_coro(loops[i], &actor->frame.coro, NULL, &actor->task));
      test_defer_late(unref_kind, actor->task);
    }
    CHECK_OK(wait_a_step(loops[i]));
  }
  return 0;
}

#define DESTROYED "[a task was destroyed but it is pending] a:EGENERATOREXIT"

static int closed_loop_leaves_the_line(enum kind kind)
{
  eddy_thread_queue *queue;
  eddy_loop *loops[2];
  CHECK_OK(test_thread_queue(0, &queue));
  CHECK_OK(two_getters(kind, queue, loops));
  CHECK_OK(eddy_loop_close(loops[0]));
  CHECK_TRACE(DESTROYED);
  CHECK_OK(put_now(queue, 1));
  CHECK_OK(wait_a_step(loops[1]));
  CHECK_OK(wait_a_step(loops[1]));
  CHECK_TRACE("b:1");
  return 0;
}

EDDY_TEST(thread_queue, closed_loop_leaves_the_line)
{
  CHECK_OK(closed_loop_leaves_the_line(STACKFUL));
  return closed_loop_leaves_the_line(STACKLESS);
}

static int call_goes_on_when_a_loop_is_closed(enum kind kind)
{
  eddy_thread_queue *queue;
  eddy_loop *loops[2];
  CHECK_OK(test_thread_queue(0, &queue));
  CHECK_OK(two_getters(kind, queue, loops));
  CHECK_OK(put_now(queue, 1)); /* for a, which never comes to take it */
  CHECK_OK(eddy_loop_close(loops[0]));
  CHECK_TRACE(DESTROYED);
  CHECK_OK(wait_a_step(loops[1]));
  CHECK_OK(wait_a_step(loops[1]));
  CHECK_TRACE("b:1");
  return 0;
}

EDDY_TEST(thread_queue, call_goes_on_when_a_loop_is_closed)
{
  CHECK_OK(call_goes_on_when_a_loop_is_closed(STACKFUL));
  return call_goes_on_when_a_loop_is_closed(STACKLESS);
}

/* ---- loops that run ---- */

#define ITEMS 500

/* Half of the workers put numbers, the others take them. */
static struct {
  eddy_thread_queue *queue;
  size_t maxsize;
  atomic_int producing;
  atomic_int ended;
  atomic_int taken;
  atomic_llong sum;
} shared;

static int produce(void)
{
  int rc = 0;
  for (int i = 1; i <= ITEMS && rc == 0; i++)
    rc = eddy_thread_queue_put(shared.queue, eddy_int(i));
  if (atomic_fetch_sub(&shared.producing, 1) == 1)
    eddy_thread_queue_shutdown(shared.queue, false);
  return rc;
}

static int consume(void)
{
  eddy_value value;
  int rc;
  while ((rc = eddy_thread_queue_get(shared.queue, &value)) == 0) {
    atomic_fetch_add(&shared.taken, 1);
    atomic_fetch_add(&shared.sum, value.i);
  }
  return rc == EDDY_EQUEUESHUTDOWN ? 0 : rc;
}

static int produce_or_consume(void *unused)
{
  (void)unused;
  int rc = eddy_worker_index() % 2 == 0 ? produce() : consume();
  /* Without memory one side may have gone without the other. */
  if (rc < 0) eddy_thread_queue_shutdown(shared.queue, true);
  return rc;
}

static void free_workers(void *workers)
{
  eddy_thread_queue_shutdown(shared.queue, true);
  eddy_workers_free(workers);
}

static int pass_items(size_t maxsize, size_t count)
{
  const eddy_workers_options options = {.count = count};
  eddy_workers *workers;
  CHECK_OK(test_thread_queue(maxsize, &shared.queue));
  atomic_store(&shared.producing, (int)count / 2);
  atomic_store(&shared.taken, 0);
  atomic_store(&shared.sum, 0);
  CHECK_OK(eddy_workers_start(&options, produce_or_consume, NULL, &workers));
  test_defer(free_workers, workers);
  CHECK_OK(eddy_workers_join(workers, EDDY_NEVER));
  CHECK_EQ(shared.taken, ITEMS * (int)count / 2);
  CHECK_EQ(shared.sum, (int64_t)(count / 2) * ITEMS * (ITEMS + 1) / 2);
  return 0;
}

EDDY_TEST(thread_queue, items_pass_between_loops_one_at_a_time)
{
  return pass_items(1, 2);
}

EDDY_TEST(thread_queue, items_pass_between_many_loops)
{
  CHECK_OK(pass_items(7, 4));
  return pass_items(0, 4);
}
