/* GNU Pth: yielding, threads created and joined. */
#define _DEFAULT_SOURCE

#include <pth.h>

#include "../bench.h"

static uint64_t sum;
static pth_attr_t attributes;

static void set_up(void)
{
  bench_check(pth_init(), "pth_init");
  attributes = pth_attr_new();
  bench_check(pth_attr_set(attributes, PTH_ATTR_STACK_SIZE, 65536), "attributes");
}

static pth_t spawn(void *(*fn)(void *), void *arg)
{
  pth_t thread = pth_spawn(attributes, fn, arg);
  bench_check(thread != NULL, "spawn");
  return thread;
}

static void *yield_often(void *arg)
{
  uint64_t turns = *(uint64_t *)arg;
  for (uint64_t i = 0; i < turns; i++)
    pth_yield(NULL);
  sum += turns;
  return NULL;
}

static void yield_2(uint64_t count)
{
  uint64_t turns = count / 2 + 1;
  set_up();
  pth_t threads[2] = {spawn(yield_often, &turns), spawn(yield_often, &turns)};
  uint64_t begun = bench_now();
  for (int i = 0; i < 2; i++)
    pth_join(threads[i], NULL);
  uint64_t ended = bench_now();
  bench_check(sum - bench_lost() == 2 * turns, "yields");
  bench_print("ns", (double)(ended - begun) / (double)sum);
}

static void *add_one(void *arg)
{
  (void)arg;
  sum++;
  return NULL;
}

static void create(uint64_t count)
{
  set_up();
  uint64_t begun = bench_now();
  for (uint64_t i = 0; i < count; i++)
    bench_check(pth_join(spawn(add_one, NULL), NULL), "join");
  uint64_t ended = bench_now();
  bench_check(sum - bench_lost() == count, "each thread ran once");
  bench_print("ns", (double)(ended - begun) / (double)count);
}

static const bench_workload workloads[] = {
    {"yield_2", yield_2},
    {"create", create},
    {NULL, NULL},
};

int main(int argc, char **argv)
{
  return bench_main(argc, argv, workloads);
}
