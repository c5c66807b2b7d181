/* The bare stack switch, and what a new guarded stack costs. Uses the library's inside.
 */
#define _DEFAULT_SOURCE

#include "ctx/ctx.h"
#include <sys/mman.h>

#include "bench.h"

static struct eddy__ctx here;
static struct eddy__ctx there;
static uint64_t turns;

static void bounce(void *arg, int sent)
{
  (void)arg;
  (void)sent;
  for (;;) {
    turns++;
    eddy__ctx_switch(&there, &here, 0);
  }
}

static void raw(uint64_t count)
{
  struct eddy__stacks *stacks;
  bench_check(eddy__stacks_new(0, &stacks) == 0, "stacks");
  struct eddy__stack *stack = eddy__stack_get(stacks);
  bench_check(stack != NULL, "stack");
  eddy__ctx_make(&there, stack, bounce, NULL);
  eddy__ctx_switch(&here, &there, 0);
  turns = 0;
  uint64_t begun = bench_now();
  for (uint64_t i = 0; i < count; i++)
    eddy__ctx_switch(&here, &there, 0);
  uint64_t ended = bench_now();
  bench_check(turns - bench_lost() == count, "every switch arrived");
  bench_print("ns", (double)(ended - begun) / (double)(2 * count));
  eddy__stack_put(stack);
  eddy__stacks_free(stacks);
}

/* A stack from eddy's arena, its top page written to. */
static void stack_cold(uint64_t count)
{
  struct eddy__stacks *stacks;
  struct eddy__stacks_stats stats;
  bench_check(eddy__stacks_new(0, &stacks) == 0, "stacks");
  struct eddy__stack **all = bench_memory(count, sizeof(*all));
  uint64_t begun = bench_now();
  for (uint64_t i = 0; i < count; i++) {
    all[i] = eddy__stack_get(stacks);
    bench_check(all[i] != NULL, "stack");
    all[i]->high[-1] = 1;
  }
  uint64_t ended = bench_now();
  eddy__stacks_get_stats(stacks, &stats);
  bench_check(stats.used - bench_lost() == count, "stacks in use");
  for (uint64_t i = 0; i < count; i++)
    eddy__stack_put(all[i]);
  eddy__stacks_free(stacks);
  free(all);
  bench_print("ns", (double)(ended - begun) / (double)count);
}

/* The usual way: a mapping and a guard page for each. */
static void stack_mmap(uint64_t count)
{
  size_t size = 65536;
  char **all = bench_memory(count, sizeof(*all));
  uint64_t begun = bench_now();
  for (uint64_t i = 0; i < count; i++) {
    char *low = mmap(NULL, size + 4096, PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    bench_check(low != MAP_FAILED && mprotect(low, 4096, PROT_NONE) == 0, "mmap");
    low[size + 4095] = 1;
    all[i] = low;
  }
  uint64_t ended = bench_now();
  uint64_t written = 0;
  for (uint64_t i = 0; i < count; i++)
    written += (uint64_t)all[i][size + 4095];
  bench_check(written - bench_lost() == count, "stacks written to");
  for (uint64_t i = 0; i < count; i++)
    munmap(all[i], size + 4096);
  free(all);
  bench_print("ns", (double)(ended - begun) / (double)count);
}

static const bench_workload workloads[] = {
    {"switch", raw},
    {"stack_cold", stack_cold},
    {"stack_mmap", stack_mmap},
    {NULL, NULL},
};

int main(int argc, char **argv)
{
  return bench_main(argc, argv, workloads);
}
