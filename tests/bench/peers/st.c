/* State Threads: yielding, many threads at once, a queue of its conditions and a ring. */
#define _DEFAULT_SOURCE

#include <st.h>

#include "../bench.h"

#define STACK 65536
#define LONG_SLEEP ((st_utime_t)3600 * 1000000)

static void set_up(void)
{
  (void)st_set_eventsys(ST_EVENTSYS_ALT); /* epoll where there is one */
  bench_check(st_init() == 0, "st_init");
}

static uint64_t sum;

static void *add_one(void *arg)
{
  (void)arg;
  sum++;
  return NULL;
}

static void *add_one_later(void *arg)
{
  st_sleep(0);
  return add_one(arg);
}

/* ---- yield ---- */

static void *yield_often(void *arg)
{
  uint64_t turns = *(uint64_t *)arg;
  for (uint64_t i = 0; i < turns; i++)
    st_sleep(0);
  sum += turns;
  return NULL;
}

static void run_yield(uint64_t tasks, uint64_t turns)
{
  st_thread_t *threads = bench_memory(tasks, sizeof(*threads));
  set_up();
  for (uint64_t i = 0; i < tasks; i++) {
    threads[i] = st_thread_create(yield_often, &turns, 1, STACK);
    bench_check(threads[i] != NULL, "create");
  }
  uint64_t begun = bench_now();
  for (uint64_t i = 0; i < tasks; i++)
    st_thread_join(threads[i], NULL);
  uint64_t ended = bench_now();
  bench_check(sum - bench_lost() == tasks * turns, "yields");
  bench_print("ns", (double)(ended - begun) / (double)sum);
}

static void yield_2(uint64_t count)
{
  run_yield(2, count / 2 + 1);
}

static void yield_10k(uint64_t count)
{
  run_yield(10000, count / 10000 + 1);
}

/* ---- create and join ---- */

static void create(uint64_t count)
{
  set_up();
  uint64_t begun = bench_now();
  for (uint64_t i = 0; i < count; i++) {
    st_thread_t thread = st_thread_create(add_one, NULL, 1, STACK);
    bench_check(thread != NULL && st_thread_join(thread, NULL) == 0, "join");
  }
  uint64_t ended = bench_now();
  bench_check(sum - bench_lost() == count, "each thread ran once");
  bench_print("ns", (double)(ended - begun) / (double)count);
}

#define WARM_ROUNDS 5

static void run_many(uint64_t count, void *(*fn)(void *))
{
  st_thread_t *threads = bench_memory(count, sizeof(*threads));
  set_up();
  uint64_t warm = UINT64_MAX;
  for (int round = 0; round <= WARM_ROUNDS; round++) {
    sum = 0;
    uint64_t begun = bench_now();
    for (uint64_t i = 0; i < count; i++) {
      threads[i] = st_thread_create(fn, NULL, 1, STACK);
      bench_check(threads[i] != NULL, "create");
    }
    for (uint64_t i = 0; i < count; i++)
      st_thread_join(threads[i], NULL);
    uint64_t taken = bench_now() - begun;
    bench_check(sum - bench_lost() == count, "each thread ran once");
    if (round == 0) bench_print("cold", (double)taken / (double)count);
    if (round > 0 && taken < warm) warm = taken;
  }
  bench_print("warm", (double)warm / (double)count);
}

static void many(uint64_t count)
{
  run_many(count, add_one);
}

static void many_block(uint64_t count)
{
  run_many(count, add_one_later);
}

/* ---- a bounded queue: a ring and two conditions ---- */

static struct {
  st_cond_t not_full;
  st_cond_t not_empty;
  uint64_t *ring;
  uint64_t capacity;
  uint64_t put;
  uint64_t got;
  uint64_t items;
} queue;

static void *put_all(void *arg)
{
  (void)arg;
  for (uint64_t i = 0; i < queue.items; i++) {
    while (queue.put - queue.got == queue.capacity)
      st_cond_wait(queue.not_full);
    queue.ring[queue.put++ & (queue.capacity - 1)] = i;
    st_cond_signal(queue.not_empty);
  }
  return NULL;
}

static void *get_all(void *arg)
{
  (void)arg;
  for (uint64_t i = 0; i < queue.items; i++) {
    while (queue.put == queue.got)
      st_cond_wait(queue.not_empty);
    bench_check(queue.ring[queue.got++ & (queue.capacity - 1)] == i, "items in order");
    st_cond_signal(queue.not_full);
  }
  return NULL;
}

static void run_queue(uint64_t items, uint64_t capacity)
{
  set_up();
  queue.not_full = st_cond_new();
  queue.not_empty = st_cond_new();
  queue.ring = malloc(capacity * sizeof(*queue.ring));
  queue.capacity = capacity;
  queue.items = items;
  bench_check(queue.ring != NULL, "memory");
  uint64_t begun = bench_now();
  st_thread_t producer = st_thread_create(put_all, NULL, 1, STACK);
  st_thread_t consumer = st_thread_create(get_all, NULL, 1, STACK);
  bench_check(producer != NULL && consumer != NULL, "create");
  st_thread_join(consumer, NULL);
  st_thread_join(producer, NULL);
  uint64_t ended = bench_now();
  bench_check(
      queue.put - bench_lost() == items && queue.got == items, "everything taken");
  bench_print("ns", (double)(ended - begun) / (double)items);
}

static void queue_1(uint64_t count)
{
  run_queue(count, 1);
}

static void queue_64(uint64_t count)
{
  run_queue(count, 64);
}

/* ---- memory of parked threads ---- */

static void *sleep_long(void *arg)
{
  (void)arg;
  sum++;
  st_usleep(LONG_SLEEP);
  return NULL;
}

static void parked(uint64_t count)
{
  set_up();
  double before = bench_resident();
  for (uint64_t i = 0; i < count; i++)
    bench_check(st_thread_create(sleep_long, NULL, 0, STACK) != NULL, "create");
  st_sleep(0);
  bench_check(sum - bench_lost() == count, "every thread is parked");
  bench_print("bytes", (bench_resident() - before) / (double)count);
}

static const bench_workload workloads[] = {
    {"yield_2", yield_2},
    {"yield_10k", yield_10k},
    {"create", create},
    {"many", many},
    {"many_block", many_block},
    {"queue_1", queue_1},
    {"queue_64", queue_64},
    {"parked", parked},
    {NULL, NULL},
};

int main(int argc, char **argv)
{
  return bench_main(argc, argv, workloads);
}
