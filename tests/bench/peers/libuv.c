/* libuv alone: idle handles as self-queueing callbacks, and its timers. */
#define _DEFAULT_SOURCE

#include <uv.h>

#include "../bench.h"

static uv_loop_t loop;
static uint64_t ran;
static uint64_t turns;

static void again(uv_idle_t *handle)
{
  uint64_t *left = handle->data;
  ran++;
  if (--*left == 0) uv_idle_stop(handle);
}

static void run_chains(uint64_t chains)
{
  uv_idle_t *handles = bench_memory(chains, sizeof(*handles));
  uint64_t *left = bench_memory(chains, sizeof(*left));
  bench_check(uv_loop_init(&loop) == 0, "loop");
  for (uint64_t i = 0; i < chains; i++) {
    left[i] = turns;
    uv_idle_init(&loop, &handles[i]);
    handles[i].data = &left[i];
    uv_idle_start(&handles[i], again);
  }
  uint64_t begun = bench_now();
  uv_run(&loop, UV_RUN_DEFAULT);
  uint64_t ended = bench_now();
  bench_check(ran - bench_lost() == chains * turns, "each callback ran");
  bench_print("ns", (double)(ended - begun) / (double)ran);
}

static void chain_1(uint64_t count)
{
  turns = count;
  run_chains(1);
}

static void chain_1000(uint64_t count)
{
  turns = count / 1000 + 1;
  run_chains(1000);
}

/* ---- timers ---- */

static void fire(uv_timer_t *handle)
{
  (void)handle;
  ran++;
}

static uv_timer_t *timers;

static void insert(uint64_t count, uint64_t base_ms)
{
  uint64_t state = BENCH_SEED;
  for (uint64_t i = 0; i < count; i++) {
    uint64_t ms = base_ms + bench_delay_ns(&state) / 1000000;
    bench_check(uv_timer_start(&timers[i], fire, ms, 0) == 0, "start");
  }
}

static void cancel(uint64_t count)
{
  for (uint64_t i = 0; i < count; i++)
    uv_timer_stop(&timers[i]);
}

static void make_warm_loop(uint64_t count)
{
  timers = bench_memory(count, sizeof(*timers));
  bench_check(uv_loop_init(&loop) == 0, "loop");
  for (uint64_t i = 0; i < count; i++)
    uv_timer_init(&loop, &timers[i]);
  insert(count, 3600000);
  cancel(count);
  uv_update_time(&loop);
}

static void timer_insert(uint64_t count)
{
  make_warm_loop(count);
  uint64_t begun = bench_now();
  insert(count, 3600000);
  uint64_t ended = bench_now();
  uint64_t active = 0;
  for (uint64_t i = 0; i < count; i++)
    active += uv_is_active((uv_handle_t *)&timers[i]) != 0;
  bench_check(active - bench_lost() == count, "each timer is booked");
  bench_print("ns", (double)(ended - begun) / (double)count);
}

static void timer_fire(uint64_t count)
{
  make_warm_loop(count);
  uint64_t begun = bench_now();
  insert(count, 0);
  uint64_t inserted = bench_now();
  bench_wait_overdue(inserted);
  uint64_t overdue = bench_now();
  uv_run(&loop, UV_RUN_DEFAULT);
  uint64_t ended = bench_now();
  bench_check(ran - bench_lost() == count, "each timer fired");
  bench_print("ns", (double)(inserted - begun + ended - overdue) / (double)count);
}

static void timer_cancel(uint64_t count)
{
  make_warm_loop(count);
  uint64_t begun = bench_now();
  insert(count, 3600000);
  cancel(count);
  uint64_t ended = bench_now();
  uv_run(&loop, UV_RUN_DEFAULT);
  bench_check(ran - bench_lost() == 0, "none fired");
  bench_print("ns", (double)(ended - begun) / (double)count);
}

static const bench_workload workloads[] = {
    {"chain_1", chain_1},
    {"chain_1000", chain_1000},
    {"timer_insert", timer_insert},
    {"timer_fire", timer_fire},
    {"timer_cancel", timer_cancel},
    {NULL, NULL},
};

int main(int argc, char **argv)
{
  return bench_main(argc, argv, workloads);
}
