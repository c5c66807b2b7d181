// Boost.Fiber with its default round-robin scheduler and pooled stacks where that is
// faster.
#include <boost/fiber/all.hpp>
#include <vector>

#include "../bench.h"

namespace fibers = boost::fibers;

static uint64_t sum;

static void run_yield(uint64_t tasks, uint64_t turns)
{
  std::vector<fibers::fiber> all;
  for (uint64_t i = 0; i < tasks; i++) {
    all.emplace_back([turns] {
      for (uint64_t turn = 0; turn < turns; turn++)
        boost::this_fiber::yield();
      sum += turns;
    });
  }
  boost::this_fiber::yield();
  uint64_t begun = bench_now();
  for (auto &fiber : all)
    fiber.join();
  uint64_t ended = bench_now();
  bench_check(sum - bench_lost() == tasks * turns, "yields");
  bench_print("ns", static_cast<double>(ended - begun) / static_cast<double>(sum));
}

static void yield_2(uint64_t count)
{
  run_yield(2, count / 2 + 1);
}

static void yield_10k(uint64_t count)
{
  run_yield(10000, count / 10000 + 1);
}

static void create(uint64_t count)
{
  fibers::pooled_fixedsize_stack stacks(65536);
  uint64_t begun = bench_now();
  for (uint64_t i = 0; i < count; i++)
    fibers::fiber(std::allocator_arg, stacks, [] { sum++; }).join();
  uint64_t ended = bench_now();
  bench_check(sum - bench_lost() == count, "each fiber ran once");
  bench_print("ns", static_cast<double>(ended - begun) / static_cast<double>(count));
}

template <typename Body> static void run_many(uint64_t count, Body body)
{
  fibers::pooled_fixedsize_stack stacks(65536);
  std::vector<fibers::fiber> all(count);
  uint64_t warm = UINT64_MAX;
  for (int round = 0; round <= 5; round++) {
    sum = 0;
    uint64_t begun = bench_now();
    for (uint64_t i = 0; i < count; i++)
      all[i] = fibers::fiber(std::allocator_arg, stacks, body);
    for (auto &fiber : all)
      fiber.join();
    uint64_t taken = bench_now() - begun;
    bench_check(sum - bench_lost() == count, "each fiber ran once");
    if (round == 0)
      bench_print("cold", static_cast<double>(taken) / static_cast<double>(count));
    if (round > 0 && taken < warm) warm = taken;
  }
  bench_print("warm", static_cast<double>(warm) / static_cast<double>(count));
}

static void many(uint64_t count)
{
  run_many(count, [] { sum++; });
}

static void many_block(uint64_t count)
{
  run_many(count, [] {
    boost::this_fiber::yield();
    sum++;
  });
}

static void queue_64(uint64_t items)
{
  // A buffered_channel of capacity n holds n - 1 items and n has to be a power of two.
  fibers::buffered_channel<uint64_t> channel(64);
  uint64_t begun = bench_now();
  fibers::fiber producer([&] {
    for (uint64_t i = 0; i < items; i++)
      channel.push(i);
    channel.close();
  });
  fibers::fiber consumer([&] {
    uint64_t item;
    while (channel.pop(item) == fibers::channel_op_status::success)
      bench_check(item == sum++, "items in order");
  });
  consumer.join();
  producer.join();
  uint64_t ended = bench_now();
  bench_check(sum - bench_lost() == items, "everything taken");
  bench_print("ns", static_cast<double>(ended - begun) / static_cast<double>(items));
}

// Memory of parked fibers. One allocation for each stack, neither pooled nor guarded.
static void parked(uint64_t count)
{
  std::vector<fibers::fiber> all(count);
  fibers::fixedsize_stack stacks(65536);
  double before = bench_resident();
  for (auto &fiber : all) {
    fiber = fibers::fiber(std::allocator_arg, stacks, [] {
      sum++;
      boost::this_fiber::sleep_for(std::chrono::hours(1));
    });
  }
  boost::this_fiber::yield();
  bench_check(sum - bench_lost() == count, "every fiber is parked");
  bench_print("bytes", (bench_resident() - before) / static_cast<double>(count));
  fflush(stdout);
  _exit(0); // they sleep on
}

static const bench_workload workloads[] = {
    {"yield_2", yield_2},
    {"yield_10k", yield_10k},
    {"create", create},
    {"many", many},
    {"many_block", many_block},
    {"queue_64", queue_64},
    {"parked", parked},
    {nullptr, nullptr},
};

int main(int argc, char **argv)
{
  return bench_main(argc, argv, workloads);
}
