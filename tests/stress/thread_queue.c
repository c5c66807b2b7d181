/*
 * Thread queues under load: tasks of both kinds on several loops, and threads, put and get at
 * once, are cancelled, and have their loops closed under them. Every item arrives exactly once.
 * A program of its own, for ThreadSanitizer. The backend is the environment's.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "stress.h"

#define LOOPS 2
#define PRODUCERS (2 * LOOPS + 2) /* two tasks a loop, and two threads */
#define ITEMS 1500                /* of each producer */

static struct {
  eddy_thread_queue *queue;
  atomic_int producing;
  atomic_int number; /* of the next producer */
  atomic_uchar seen[PRODUCERS * ITEMS];
} all;

static void begin(size_t maxsize, int producers)
{
  need(eddy_thread_queue_new(maxsize, &all.queue), "eddy_thread_queue_new");
  atomic_store(&all.producing, producers);
  atomic_store(&all.number, 0);
  memset((void *)all.seen, 0, sizeof all.seen);
}

static void producer_ended(void)
{
  if (atomic_fetch_sub(&all.producing, 1) == 1)
    eddy_thread_queue_shutdown(all.queue, false);
}

/* What a consumer has seen: of each producer the numbers grow. */
struct consumer {
  int64_t last[PRODUCERS];
};

static void consume(struct consumer *consumer, eddy_value item)
{
  int producer = (int)(item.i / ITEMS);
  expect(atomic_fetch_add(&all.seen[item.i], 1) == 0, "an item comes once");
  expect(item.i >= consumer->last[producer], "items come in order");
  consumer->last[producer] = item.i + 1;
}

static void everything_came(int producers)
{
  for (int i = 0; i < producers * ITEMS; i++)
    expect(atomic_load(&all.seen[i]) == 1, "an item comes");
  expect(eddy_thread_queue_empty(all.queue), "nothing is left");
  eddy_thread_queue_unref(all.queue);
}

/* ---- tasks and threads that put and get ---- */

static int produce_task(void *unused)
{
  (void)unused;
  int64_t first = (int64_t)atomic_fetch_add(&all.number, 1) * ITEMS;
  for (int64_t i = 0; i < ITEMS; i++)
    need(eddy_thread_queue_put(all.queue, eddy_int(first + i)), "put");
  producer_ended();
  return 0;
}

static int consume_task(void *unused)
{
  (void)unused;
  struct consumer consumer = {{0}};
  eddy_value item;
  int rc;
  while ((rc = eddy_thread_queue_get(all.queue, &item)) == 0)
    consume(&consumer, item);
  expect(rc == EDDY_EQUEUESHUTDOWN, "get ends with the queue");
  return 0;
}

struct frame {
  eddy_frame frame; /* first */
  struct consumer consumer;
  eddy_value item;
  int64_t next, end;
  int rc;
  bool loop_closes;
};

static int produce_frame(eddy_frame *frame)
{
  struct frame *self = (struct frame *)frame;
  EDDY_BEGIN(frame);
  self->next = (int64_t)atomic_fetch_add(&all.number, 1) * ITEMS;
  self->end = self->next + ITEMS;
  for (; self->next < self->end; self->next++) {
    EDDY_AWAIT(frame, self->rc, eddy_thread_queue_put(all.queue, eddy_int(self->next)));
    need(self->rc, "put of a stackless task");
  }
  producer_ended();
  EDDY_END(frame);
}

/* Until the queue ends, or, where it may be, the task's loop. */
static int consume_frame(eddy_frame *frame)
{
  struct frame *self = (struct frame *)frame;
  EDDY_BEGIN(frame);
  for (;;) {
    EDDY_AWAIT(frame, self->rc, eddy_thread_queue_get(all.queue, &self->item));
    if (self->rc != 0) break;
    consume(&self->consumer, self->item);
  }
  expect(self->rc == EDDY_EQUEUESHUTDOWN || self->loop_closes,
      "get of a stackless task ends with the queue");
  EDDY_END(frame);
}

static void *produce_thread(void *unused)
{
  int64_t first = (int64_t)atomic_fetch_add(&all.number, 1) * ITEMS;
  for (int64_t i = 0; i < ITEMS; i++) {
    int rc;
    do {
      eddy_time timeout = i % 3 == 0 ? EDDY_US(50) : EDDY_NEVER;
      rc = eddy_thread_queue_put_blocking(all.queue, eddy_int(first + i), timeout);
    } while (rc == EDDY_ETIMEDOUT);
    need(rc, "put of a thread");
  }
  producer_ended();
  return unused;
}

static void *consume_thread(void *unused)
{
  struct consumer consumer = {{0}};
  eddy_value item;
  int rc;
  for (int i = 0;; i++) {
    eddy_time timeout = i % 3 == 0 ? EDDY_US(50) : EDDY_NEVER;
    rc = eddy_thread_queue_get_blocking(all.queue, timeout, &item);
    if (rc == EDDY_ETIMEDOUT) continue;
    if (rc != 0) break;
    consume(&consumer, item);
  }
  expect(rc == EDDY_EQUEUESHUTDOWN, "get of a thread ends with the queue");
  return unused;
}

static int run_tasks(void *unused)
{
  struct frame frames[2] = {0};
  eddy_task *tasks[4];
  (void)unused;
  need(eddy_create_task(produce_task, NULL, &tasks[0]), "task");
  need(eddy_create_task(consume_task, NULL, &tasks[1]), "task");
  eddy_frame_init(&frames[0].frame, produce_frame);
  eddy_frame_init(&frames[1].frame, consume_frame);
  for (int i = 0; i < 2; i++)
    need(eddy_loop_create_task_coro(NULL, &frames[i].frame.coro, NULL, &tasks[2 + i]),
        "stackless task");
  for (int i = 0; i < 4; i++) {
    need(eddy_task_await(tasks[i], NULL), "await");
    eddy_task_unref(tasks[i]);
  }
  return 0;
}

static void *run_loop(void *unused)
{
  need(eddy_run(run_tasks, NULL), "eddy_run");
  return unused;
}

static void everyone_puts_and_gets(size_t maxsize)
{
  static void *(*const bodies[])(void *) = {
      run_loop, run_loop, produce_thread, produce_thread, consume_thread, consume_thread};
  enum { THREADS = sizeof bodies / sizeof *bodies };
  pthread_t threads[THREADS];
  begin(maxsize, PRODUCERS);
  for (int i = 0; i < THREADS; i++)
    need(pthread_create(&threads[i], NULL, bodies[i], NULL), "thread");
  for (int i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
  everything_came(PRODUCERS);
}

/* ---- cancelled calls lose nothing ---- */

static int consume_though_cancelled(void *unused)
{
  struct consumer consumer = {{0}};
  (void)unused;
  for (;;) {
    eddy_value item;
    int rc = eddy_thread_queue_get(all.queue, &item);
    if (rc == EDDY_ECANCELLED) {
      (void)eddy_task_uncancel(eddy_current_task());
      continue;
    }
    if (rc == EDDY_EQUEUESHUTDOWN) return 0;
    need(rc, "get");
    consume(&consumer, item);
  }
}

static int produce_though_cancelled(void *unused)
{
  int64_t first = (int64_t)atomic_fetch_add(&all.number, 1) * ITEMS;
  (void)unused;
  for (int64_t i = 0; i < ITEMS; i++) {
    int rc;
    while (
        (rc = eddy_thread_queue_put(all.queue, eddy_int(first + i))) == EDDY_ECANCELLED)
      (void)eddy_task_uncancel(eddy_current_task());
    need(rc, "put");
  }
  producer_ended();
  return 0;
}

static int cancel_them(void *unused)
{
  eddy_task *tasks[2];
  (void)unused;
  need(eddy_create_task(consume_though_cancelled, NULL, &tasks[0]), "task");
  need(eddy_create_task(produce_though_cancelled, NULL, &tasks[1]), "task");
  need(eddy_sleep(0), "their start");
  for (int i = 0; !eddy_task_done(tasks[0]) || !eddy_task_done(tasks[1]); i++) {
    (void)eddy_task_cancel(tasks[i % 2], NULL);
    for (int k = 0; k < 1 + i % 5; k++)
      need(eddy_sleep(0), "sleep");
  }
  for (int i = 0; i < 2; i++)
    eddy_task_unref(tasks[i]);
  return 0;
}

static void *run_cancelled(void *unused)
{
  need(eddy_run(cancel_them, NULL), "eddy_run");
  return unused;
}

static void cancelled_calls_lose_nothing(void)
{
  pthread_t threads[LOOPS];
  begin(2, LOOPS);
  for (int i = 0; i < LOOPS; i++)
    need(pthread_create(&threads[i], NULL, run_cancelled, NULL), "thread");
  for (int i = 0; i < LOOPS; i++)
    pthread_join(threads[i], NULL);
  everything_came(LOOPS);
}

/* ---- loops that are closed under their tasks ---- */

static int consume_until_closed(void *unused)
{
  struct consumer consumer = {{0}};
  eddy_value item;
  (void)unused;
  while (eddy_thread_queue_get(all.queue, &item) == 0)
    consume(&consumer, item);
  return 0;
}

static int stop(void *loop)
{
  eddy_loop_stop(loop);
  return 0;
}

/* ThreadSanitizer does not see libuv close a descriptor whose number another thread gets then. */
static pthread_mutex_t descriptors = PTHREAD_MUTEX_INITIALIZER;

static eddy_loop *new_loop_alone(void)
{
  pthread_mutex_lock(&descriptors);
  eddy_loop *loop = new_loop();
  pthread_mutex_unlock(&descriptors);
  return loop;
}

static void close_alone(eddy_loop *loop)
{
  pthread_mutex_lock(&descriptors);
  need(eddy_loop_close(loop), "close");
  pthread_mutex_unlock(&descriptors);
}

/* One loop after another: each has tasks that get, runs for a few steps and is closed. */
static void *close_loops(void *unused)
{
  for (int i = 0; atomic_load(&all.producing) > 0; i++) {
    eddy_loop *loop = new_loop_alone();
    struct frame frame = {.loop_closes = true};
    eddy_task *tasks[2];
    eddy_frame_init(&frame.frame, consume_frame);
    need(eddy_loop_create_task_with(loop, consume_until_closed, NULL, NULL, &tasks[0]),
        "task");
    need(eddy_loop_create_task_coro(loop, &frame.frame.coro, NULL, &tasks[1]), "task");
    for (int runs = 0; runs <= i % 3; runs++) {
      need(eddy_loop_call_soon(loop, stop, loop, NULL), "call_soon");
      need(eddy_loop_run_forever(loop), "run");
    }
    close_alone(loop);
    for (int k = 0; k < 2; k++)
      eddy_task_unref(tasks[k]);
    eddy_loop_free(loop);
  }
  return unused;
}

static void closed_loops_lose_nothing(void)
{
  static void *(*const bodies[])(void *) = {
      close_loops, close_loops, produce_thread, produce_thread, consume_thread};
  enum { THREADS = sizeof bodies / sizeof *bodies };
  pthread_t threads[THREADS];
  begin(3, 2);
  for (int i = 0; i < THREADS; i++)
    need(pthread_create(&threads[i], NULL, bodies[i], NULL), "thread");
  for (int i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
  everything_came(2);
}

int main(void)
{
  for (int round = 0; round < 3; round++) {
    everyone_puts_and_gets(1);
    everyone_puts_and_gets(16);
    everyone_puts_and_gets(0);
    cancelled_calls_lose_nothing();
    closed_loops_lose_nothing();
  }
  puts("ok");
  return 0;
}
