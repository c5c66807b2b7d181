/* Tasks: yielding, creating and awaiting, many at once, queues. */
#define _DEFAULT_SOURCE

#include <eddy.h>

#include "bench.h"

static void run_main(eddy_fn *fn, void *arg)
{
  int rc = eddy_run(fn, arg);
  if (rc < 0) fprintf(stderr, "%s\n", eddy_strerror(rc));
  bench_check(rc == 0, "the main task failed");
}

/* ---- yield ---- */

struct yielding {
  uint64_t tasks;
  uint64_t turns; /* of each task */
  uint64_t done;
};

static int yield_often(void *arg)
{
  struct yielding *self = arg;
  for (uint64_t i = 0; i < self->turns; i++) {
    int rc = eddy_sleep(0);
    if (rc < 0) return rc;
  }
  self->done += self->turns - bench_lost();
  return 0;
}

static eddy_task **create_many(uint64_t count, eddy_fn *fn, void *arg)
{
  eddy_task **tasks = bench_memory(count, sizeof(*tasks));
  for (uint64_t i = 0; i < count; i++)
    bench_check(eddy_create_task(fn, arg, &tasks[i]) == 0, "create");
  return tasks;
}

static void await_all(eddy_task **tasks, uint64_t count)
{
  for (uint64_t i = 0; i < count; i++) {
    bench_check(eddy_task_await(tasks[i], NULL) == 0, "await");
    eddy_task_unref(tasks[i]);
  }
}

static int yield_main(void *arg)
{
  struct yielding *self = arg;
  struct yielding once = {self->tasks, 1, 0};
  eddy_task **tasks = create_many(self->tasks, yield_often, &once);
  await_all(tasks, self->tasks); /* now every stack has been touched */
  free(tasks);
  tasks = create_many(self->tasks, yield_often, self);
  uint64_t begun = bench_now();
  await_all(tasks, self->tasks);
  uint64_t ended = bench_now();
  free(tasks);
  bench_check(self->done == self->tasks * self->turns, "yields");
  bench_print("ns", (double)(ended - begun) / (double)self->done);
  return 0;
}

static void yield_2(uint64_t count)
{
  run_main(yield_main, &(struct yielding){2, count / 2 + 1, 0});
}

static void yield_10k(uint64_t count)
{
  run_main(yield_main, &(struct yielding){10000, count / 10000 + 1, 0});
}

/* ---- create and await ---- */

static int add_one(void *arg)
{
  uint64_t *sum = arg;
  (*sum)++;
  return 0;
}

static int create_main(void *arg)
{
  uint64_t count = *(uint64_t *)arg;
  uint64_t sum = 0;
  uint64_t begun = bench_now();
  for (uint64_t i = 0; i < count; i++) {
    eddy_task *task;
    bench_check(eddy_create_task(add_one, &sum, &task) == 0, "create");
    bench_check(eddy_task_await(task, NULL) == 0, "await");
    eddy_task_unref(task);
  }
  uint64_t ended = bench_now();
  bench_check(sum - bench_lost() == count, "each task ran once");
  bench_print("ns", (double)(ended - begun) / (double)count);
  return 0;
}

static void create(uint64_t count)
{
  run_main(create_main, &count);
}

/* ---- many alive at once: a first time (cold), then again (warm) ---- */

static int add_one_later(void *arg)
{
  int rc = eddy_sleep(0);
  return rc < 0 ? rc : add_one(arg);
}

struct many {
  uint64_t count;
  eddy_fn *fn;
};

#define WARM_ROUNDS 5

static int many_main(void *arg)
{
  struct many *self = arg;
  uint64_t warm = UINT64_MAX;
  eddy_task **tasks = bench_memory(self->count, sizeof(*tasks));
  for (int round = 0; round <= WARM_ROUNDS; round++) {
    uint64_t sum = 0;
    uint64_t begun = bench_now();
    for (uint64_t i = 0; i < self->count; i++)
      bench_check(eddy_create_task(self->fn, &sum, &tasks[i]) == 0, "create");
    await_all(tasks, self->count);
    uint64_t taken = bench_now() - begun;
    bench_check(sum - bench_lost() == self->count, "each task ran once");
    if (round == 0) bench_print("cold", (double)taken / (double)self->count);
    if (round > 0 && taken < warm) warm = taken;
  }
  free(tasks);
  bench_print("warm", (double)warm / (double)self->count);
  return 0;
}

static void many(uint64_t count)
{
  run_main(many_main, &(struct many){count, add_one});
}

static void many_block(uint64_t count)
{
  run_main(many_main, &(struct many){count, add_one_later});
}

/* ---- queue ---- */

struct line {
  eddy_queue *queue;
  uint64_t items;
};

static int put_all(void *arg)
{
  struct line *self = arg;
  uint64_t lost = bench_lost();
  for (uint64_t i = 0; i < self->items; i++) {
    int rc = eddy_queue_put(self->queue, eddy_int((int64_t)(i + lost)));
    if (rc < 0) return rc;
  }
  return 0;
}

static int get_all(void *arg)
{
  struct line *self = arg;
  for (uint64_t i = 0; i < self->items; i++) {
    eddy_value item;
    int rc = eddy_queue_get(self->queue, &item);
    if (rc < 0) return rc;
    bench_check(item.u == i, "items in order");
  }
  return 0;
}

static int queue_main(void *arg)
{
  struct line *self = arg;
  eddy_task *producer;
  eddy_task *consumer;
  uint64_t begun = bench_now();
  bench_check(eddy_create_task(put_all, self, &producer) == 0, "create");
  bench_check(eddy_create_task(get_all, self, &consumer) == 0, "create");
  bench_check(eddy_task_await(consumer, NULL) == 0, "consumer");
  uint64_t ended = bench_now();
  bench_check(eddy_task_await(producer, NULL) == 0, "producer");
  bench_check(eddy_queue_empty(self->queue), "everything taken");
  eddy_task_unref(producer);
  eddy_task_unref(consumer);
  bench_print("ns", (double)(ended - begun) / (double)self->items);
  return 0;
}

static void run_queue(uint64_t items, size_t maxsize)
{
  struct line line = {.items = items};
  const eddy_queue_options options = {.maxsize = maxsize};
  bench_check(eddy_queue_new(&options, &line.queue) == 0, "queue");
  run_main(queue_main, &line);
  eddy_queue_unref(line.queue);
}

static void queue_1(uint64_t count)
{
  run_queue(count, 1);
}

static void queue_64(uint64_t count)
{
  run_queue(count, 64);
}

static const bench_workload workloads[] = {
    {"yield_2", yield_2},
    {"yield_10k", yield_10k},
    {"create", create},
    {"many", many},
    {"many_block", many_block},
    {"queue_1", queue_1},
    {"queue_64", queue_64},
    {NULL, NULL},
};

int main(int argc, char **argv)
{
  return bench_main(argc, argv, workloads);
}
