/* The switch of the C library, which saves the signal mask with a system call each time. */
#define _XOPEN_SOURCE 700

#include <ucontext.h>

#include "../bench.h"

static ucontext_t here;
static ucontext_t there;
static uint64_t turns;

static void bounce(void)
{
  for (;;) {
    turns++;
    swapcontext(&there, &here);
  }
}

static void raw(uint64_t count)
{
  const size_t size = 65536;
  bench_check(getcontext(&there) == 0, "getcontext");
  there.uc_stack.ss_sp = bench_memory(1, size);
  there.uc_stack.ss_size = size;
  makecontext(&there, bounce, 0);
  swapcontext(&here, &there);
  turns = 0;
  uint64_t begun = bench_now();
  for (uint64_t i = 0; i < count; i++)
    swapcontext(&here, &there);
  uint64_t ended = bench_now();
  bench_check(turns - bench_lost() == count, "every switch arrived");
  bench_print("ns", (double)(ended - begun) / (double)(2 * count));
}

static const bench_workload workloads[] = {
    {"switch", raw},
    {NULL, NULL},
};

int main(int argc, char **argv)
{
  return bench_main(argc, argv, workloads);
}
