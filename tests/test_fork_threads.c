/* A fork without exec: what is shared between threads, of which the child has but one. */
#include "capture.h"
#include "gate.h"
#include "thread_queue_actors.h"
#include "workers.h"

#define REFUSED(call)                                                                    \
  do {                                                                                   \
    CHECK_CODE(call, EDDY_EOTHERTHREAD);                                                 \
    CHECK_CONTAINS(eddy_message(EDDY_EOTHERTHREAD), "inherited by fork");                \
  } while (0)

static int in_child(eddy_fn *fn, void *arg)
{
  static struct child child;
  CHECK_OK(child_run(&child, fn, arg));
  CHECK_STR(child.text, "");
  CHECK_EQ(child.status, 0);
  return 0;
}

/* ---- thread queues ---- */

static int get_in_a_task(void *queue)
{
  eddy_value value;
  REFUSED(eddy_thread_queue_get(queue, &value));
  REFUSED(eddy_thread_queue_put(queue, eddy_int(1)));
  REFUSED(eddy_thread_queue_join(queue));
  return 0;
}

static int use_inherited_queue(void *queue)
{
  eddy_value value;
  REFUSED(eddy_thread_queue_get_nowait(queue, &value));
  REFUSED(eddy_thread_queue_put_nowait(queue, eddy_int(1)));
  REFUSED(eddy_thread_queue_get_blocking(queue, EDDY_NEVER, &value));
  REFUSED(eddy_thread_queue_put_blocking(queue, eddy_int(1), EDDY_NEVER));
  REFUSED(eddy_thread_queue_join_blocking(queue, EDDY_NEVER));
  REFUSED(eddy_thread_queue_task_done(queue));
  CHECK_EQ(eddy_thread_queue_qsize(queue), 1);
  CHECK(eddy_thread_queue_full(queue) && !eddy_thread_queue_empty(queue));
  eddy_thread_queue_unref(eddy_thread_queue_ref(queue));
  eddy_thread_queue_shutdown(queue, true);
  CHECK_EQ(eddy_thread_queue_qsize(queue), 1);
  eddy_thread_queue_unref(queue);
  CHECK_OK(eddy_run(get_in_a_task, queue));
  /* Its own one is as good as any. */
  eddy_thread_queue *own;
  CHECK_OK(eddy_thread_queue_new(0, &own));
  CHECK_OK(eddy_thread_queue_put_blocking(own, eddy_int(7), EDDY_NEVER));
  CHECK_OK(eddy_thread_queue_get_blocking(own, EDDY_NEVER, &value));
  eddy_thread_queue_unref(own);
  CHECK_EQ(value.i, 7);
  return 0;
}

EDDY_TEST(fork, inherited_thread_queue_refuses_every_call)
{
  eddy_thread_queue *queue;
  eddy_value value;
  CHECK_OK(test_thread_queue(1, &queue));
  CHECK_OK(eddy_thread_queue_put_nowait(queue, eddy_int(5)));
  CHECK_OK(in_child(use_inherited_queue, queue));
  CHECK_OK(eddy_thread_queue_get_nowait(queue, &value));
  CHECK_EQ(value.i, 5);
  return 0;
}

/* A thread that holds the queue's mutex most of the time. */
struct worrier {
  uv_thread_t thread;
  eddy_thread_queue *queue;
  atomic_bool ends;
};

static void worry(void *arg)
{
  struct worrier *self = arg;
  while (!self->ends) {
    (void)eddy_thread_queue_full(self->queue);
  }
}

static void end_worrier(void *arg)
{
  struct worrier *self = arg;
  self->ends = true;
  uv_thread_join(&self->thread);
}

static int look_at_it(void *queue)
{
  eddy_value value;
  CHECK_EQ(eddy_thread_queue_qsize(queue), 1);
  REFUSED(eddy_thread_queue_get_nowait(queue, &value));
  return 0;
}

EDDY_TEST(fork, thread_queue_that_a_thread_is_changing_does_not_hang_the_child)
{
  struct worrier *worrier = test_new(sizeof *worrier);
  CHECK_OK(test_thread_queue(0, &worrier->queue));
  CHECK_OK(eddy_thread_queue_put_nowait(worrier->queue, eddy_int(5)));
  CHECK_OK(uv_thread_create(&worrier->thread, worry, worrier));
  test_defer(end_worrier, worrier);
  for (int i = 0; i < 10; i++) {
    CHECK_OK(in_child(look_at_it, worrier->queue));
  }
  return 0;
}

static int cancel_it(void *task)
{
  eddy_task_cancel(task, NULL);
  return 0;
}

static int describe_it(void *task)
{
  char text[80];
  CHECK_CONTAINS(eddy_task_waits_for(task, text, sizeof text), "get on thread queue");
  return 0;
}

EDDY_TASK_TEST(fork, task_that_waits_for_an_inherited_thread_queue_is_the_parents)
{
  struct child *child = test_new(sizeof *child);
  struct worrier *worrier = test_new(sizeof *worrier);
  eddy_task *getter;
  CHECK_OK(test_thread_queue(0, &worrier->queue));
  CHECK_OK(start_get(STACKFUL, "getter", worrier->queue, &getter));
  CHECK_OK(eddy_sleep(0));
  CHECK_OK(uv_thread_create(&worrier->thread, worry, worrier));
  test_defer(end_worrier, worrier);
  for (int i = 0; i < 5; i++) {
    CHECK_OK(in_child(describe_it, getter));
    CHECK_OK(child_run(child, cancel_it, getter));
    CHECK(child->aborted);
    CHECK_CONTAINS(child->text, "inherited by fork");
  }
  CHECK_OK(eddy_thread_queue_put_nowait(worrier->queue, eddy_int(3)));
  return eddy_task_await(getter, NULL);
}

/* ---- thread futures ---- */

static int wrap(void *future)
{
  eddy_future *made;
  REFUSED(eddy_wrap_future(future, NULL, &made));
  return 0;
}

static void never_called(eddy_thread_future *future, void *unused)
{
  (void)future;
  (void)unused;
  abort();
}

static int use_inherited_future(void *future)
{
  int error;
  REFUSED(eddy_thread_future_result(future, EDDY_NEVER, NULL));
  REFUSED(eddy_thread_future_exception(future, EDDY_NEVER, &error));
  REFUSED(eddy_thread_future_set_result(future, eddy_int(1)));
  REFUSED(eddy_thread_future_set_exception(future, EDDY_EIO, "x"));
  REFUSED(eddy_thread_future_add_done_callback(future, never_called, NULL));
  CHECK(!eddy_thread_future_cancel(future));
  CHECK(!eddy_thread_future_done(future) && !eddy_thread_future_cancelled(future));
  CHECK_STR(eddy_thread_future_message(future), "");
  CHECK_OK(eddy_run(wrap, future));
  eddy_thread_future_unref(future);
  return 0;
}

static void unref_thread_future(void *future)
{
  eddy_thread_future_unref(future);
}

EDDY_TEST(fork, inherited_thread_future_refuses_every_call)
{
  eddy_thread_future *future;
  eddy_value value;
  CHECK_OK(eddy_thread_future_new(&future));
  test_defer_late(unref_thread_future, future);
  CHECK_OK(in_child(use_inherited_future, future));
  CHECK_OK(eddy_thread_future_set_result(future, eddy_int(4)));
  CHECK_OK(eddy_thread_future_result(future, 0, &value));
  CHECK_EQ(value.i, 4);
  return 0;
}

/* ---- workers ---- */

static int do_nothing_at_all(void *unused)
{
  (void)unused;
  return 0;
}

static int refuse_inherited_workers(void *workers)
{
  REFUSED(eddy_workers_join(workers, EDDY_NEVER));
  REFUSED(eddy_workers_drain(workers, EDDY_NEVER));
  REFUSED(eddy_workers_create_task(workers, 0, do_nothing_at_all, NULL, NULL));
  REFUSED(eddy_workers_create_task(
      workers, EDDY_WORKERS_NEXT, do_nothing_at_all, NULL, NULL));
  CHECK_EQ(eddy_workers_count(workers), 2);
  CHECK_EQ(eddy_worker_index(), -1);
  eddy_workers_cancel(workers);
  eddy_workers_free(workers);
  return 0;
}

static int use_inherited_workers(void *workers)
{
  eddy_workers *own;
  const eddy_workers_options options = {.count = 2};
  CHECK_OK(refuse_inherited_workers(workers));
  if (TEST_TSAN) return 0; /* it allows no threads after such a fork */
  CHECK_OK(eddy_workers_start(&options, do_nothing_at_all, NULL, &own));
  CHECK_OK(eddy_workers_join(own, EDDY_NEVER));
  eddy_workers_free(own);
  return 0;
}

/* The threads stand still when the fork comes: a sanitizer's allocator does not bear with it
 * otherwise. */
EDDY_TEST(fork, inherited_workers_refuse_every_call)
{
  struct gate *gate;
  eddy_workers *workers;
  CHECK_OK(gate_new(&gate));
  CHECK_OK(start_workers(2, gate_pass, gate, &workers));
  CHECK_OK(gate_await(gate));
  CHECK_OK(gate_await(gate));
  CHECK_OK(in_child(use_inherited_workers, workers));
  gate_open(gate, 2);
  CHECK_OK(eddy_workers_join(workers, EDDY_NEVER));
  return 0;
}

/* What a worker is to do and what came of it. */
static struct {
  struct gate *gates[2]; /* of each */
  eddy_workers *workers;
  struct child child;
} forking;

static int has_no_number(void *unused)
{
  (void)unused;
  CHECK_EQ(eddy_worker_index(), -1);
  CHECK_PTR(eddy_get_running_loop(), NULL);
  CHECK_PTR(eddy_current_task(), NULL);
  return refuse_inherited_workers(forking.workers);
}

/* The second one forks as soon as it is let through; meanwhile the others stand still. */
static int fork_in_a_worker(void *unused)
{
  (void)unused;
  struct gate *gate = forking.gates[eddy_worker_index()];
  int rc = gate_pass(gate);
  if (eddy_worker_index() == 0) return rc;
  rc = child_run(&forking.child, has_no_number, NULL);
  (void)gate_pass(gate);
  return rc;
}

EDDY_TEST(fork, child_of_a_worker_is_none)
{
  forking.child.status = 0;
  for (int i = 0; i < 2; i++)
    CHECK_OK(gate_new(&forking.gates[i]));
  CHECK_OK(start_workers(2, fork_in_a_worker, NULL, &forking.workers));
  for (int i = 0; i < 2; i++)
    CHECK_OK(gate_await(forking.gates[i]));
  gate_open(forking.gates[1], 1);
  CHECK_OK(gate_await(forking.gates[1]));
  gate_open(forking.gates[0], 1);
  gate_open(forking.gates[1], 1);
  CHECK_OK(eddy_workers_join(forking.workers, EDDY_NEVER));
  CHECK_STR(forking.child.text, "");
  CHECK_EQ(forking.child.status, 0);
  return 0;
}
