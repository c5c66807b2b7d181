// Asio without Boost: posted handlers that post themselves again, and its timers.
#include <asio.hpp>
#include <vector>

#include "../bench.h"

static uint64_t ran;
static uint64_t cancelled;

struct again {
  asio::io_context *io;
  uint64_t left;

  void operator()()
  {
    ran++;
    if (--left > 0) asio::post(*io, again(*this));
  }
};

static void run_chains(uint64_t chains, uint64_t turns)
{
  asio::io_context io(ASIO_CONCURRENCY_HINT_UNSAFE); // one thread: no locks
  for (uint64_t i = 0; i < chains; i++)
    asio::post(io, again{&io, turns});
  uint64_t begun = bench_now();
  io.run();
  uint64_t ended = bench_now();
  bench_check(ran - bench_lost() == chains * turns, "each handler ran");
  bench_print("ns", static_cast<double>(ended - begun) / static_cast<double>(ran));
}

static void chain_1(uint64_t count)
{
  run_chains(1, count);
}

static void chain_1000(uint64_t count)
{
  run_chains(1000, count / 1000 + 1);
}

static void insert(std::vector<asio::steady_timer> &timers, std::chrono::seconds later)
{
  uint64_t state = BENCH_SEED;
  auto base = std::chrono::steady_clock::now() + later;
  for (auto &timer : timers) {
    timer.expires_at(base + std::chrono::nanoseconds(bench_delay_ns(&state)));
    timer.async_wait([](const asio::error_code &error) {
      if (!error)
        ran++;
      else
        cancelled++;
    });
  }
}

static void cancel(std::vector<asio::steady_timer> &timers)
{
  for (auto &timer : timers)
    timer.cancel();
}

static void run_timers(uint64_t count, const char *what)
{
  asio::io_context io(ASIO_CONCURRENCY_HINT_UNSAFE);
  std::vector<asio::steady_timer> timers;
  timers.reserve(count);
  for (uint64_t i = 0; i < count; i++)
    timers.emplace_back(io);
  insert(timers, std::chrono::seconds(3600));
  cancel(timers);
  io.run();
  io.restart();
  cancelled = 0;
  bool firing = strcmp(what, "fire") == 0;
  uint64_t begun = bench_now();
  insert(timers, std::chrono::seconds(firing ? 0 : 3600));
  uint64_t inserted = bench_now();
  double taken = static_cast<double>(inserted - begun);
  if (firing) bench_wait_overdue(inserted);
  begun = bench_now();
  if (!firing) cancel(timers);
  io.run(); // with cancelled timers: runs the handlers that learn of it
  if (strcmp(what, "insert") != 0) taken += static_cast<double>(bench_now() - begun);
  bench_check(ran - bench_lost() == (firing ? count : 0), "timers fired");
  bench_check(cancelled == (firing ? 0 : count), "timers cancelled");
  bench_print("ns", taken / static_cast<double>(count));
}

static void timer_insert(uint64_t count)
{
  run_timers(count, "insert");
}

static void timer_fire(uint64_t count)
{
  run_timers(count, "fire");
}

static void timer_cancel(uint64_t count)
{
  run_timers(count, "cancel");
}

static const bench_workload workloads[] = {
    {"chain_1", chain_1},
    {"chain_1000", chain_1000},
    {"timer_insert", timer_insert},
    {"timer_fire", timer_fire},
    {"timer_cancel", timer_cancel},
    {nullptr, nullptr},
};

int main(int argc, char **argv)
{
  return bench_main(argc, argv, workloads);
}
