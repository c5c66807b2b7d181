// Boost.Context: its bare switch (the one beneath its fibers).
#include <boost/context/detail/fcontext.hpp>

#include "../bench.h"

using boost::context::detail::fcontext_t;
using boost::context::detail::jump_fcontext;
using boost::context::detail::make_fcontext;
using boost::context::detail::transfer_t;

static uint64_t turns;

static void bounce(transfer_t from)
{
  for (;;) {
    turns++;
    from = jump_fcontext(from.fctx, nullptr);
  }
}

static void raw(uint64_t count)
{
  const size_t size = 65536;
  char *stack = static_cast<char *>(bench_memory(1, size));
  transfer_t there = jump_fcontext(make_fcontext(stack + size, size, bounce), nullptr);
  turns = 0;
  uint64_t begun = bench_now();
  for (uint64_t i = 0; i < count; i++)
    there = jump_fcontext(there.fctx, nullptr);
  uint64_t ended = bench_now();
  bench_check(turns - bench_lost() == count, "every switch arrived");
  bench_print("ns", static_cast<double>(ended - begun) / static_cast<double>(2 * count));
}

static const bench_workload workloads[] = {
    {"switch", raw},
    {nullptr, nullptr},
};

int main(int argc, char **argv)
{
  return bench_main(argc, argv, workloads);
}
