// Asio's coroutines (C++20): the memory of those that wait for a timer.
#include <asio.hpp>

#include "../bench.h"

static uint64_t asleep;

static asio::awaitable<void> sleep_long()
{
  asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::hours(1));
  asleep++;
  co_await timer.async_wait(asio::use_awaitable);
  asleep--;
}

static void parked(uint64_t count)
{
  asio::io_context io(ASIO_CONCURRENCY_HINT_UNSAFE);
  double before = bench_resident();
  for (uint64_t i = 0; i < count; i++)
    asio::co_spawn(io, sleep_long(), asio::detached);
  io.poll();
  bench_check(asleep - bench_lost() == count, "every coroutine is parked");
  bench_print("bytes", (bench_resident() - before) / static_cast<double>(count));
}

static const bench_workload workloads[] = {
    {"parked", parked},
    {nullptr, nullptr},
};

int main(int argc, char **argv)
{
  return bench_main(argc, argv, workloads);
}
