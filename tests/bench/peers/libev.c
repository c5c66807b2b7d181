/* libev: pending events that feed themselves again, and timers (its 4-ary heap). */
#define _DEFAULT_SOURCE

#include <ev.h>

#include "../bench.h"

static struct ev_loop *loop;
static uint64_t ran;

/* ---- chains: ev_feed_event from the callback, the cheapest way libev has ---- */

static void again(struct ev_loop *self, ev_prepare *watcher, int events)
{
  uint64_t *left = watcher->data;
  ran++;
  if (--*left > 0) ev_feed_event(self, watcher, events);
}

static void run_chains(uint64_t chains, uint64_t turns)
{
  ev_prepare *watchers = bench_memory(chains, sizeof(*watchers));
  uint64_t *left = bench_memory(chains, sizeof(*left));
  loop = ev_loop_new(EVFLAG_AUTO);
  for (uint64_t i = 0; i < chains; i++) {
    left[i] = turns;
    ev_prepare_init(&watchers[i], again);
    watchers[i].data = &left[i];
    ev_feed_event(loop, &watchers[i], EV_CUSTOM);
  }
  uint64_t begun = bench_now();
  ev_invoke_pending(loop);
  uint64_t ended = bench_now();
  bench_check(ran - bench_lost() == chains * turns, "each callback ran");
  bench_print("ns", (double)(ended - begun) / (double)ran);
}

static void chain_1(uint64_t count)
{
  run_chains(1, count);
}

static void chain_1000(uint64_t count)
{
  run_chains(1000, count / 1000 + 1);
}

/* ---- timers ---- */

static void fire(struct ev_loop *self, ev_timer *watcher, int events)
{
  (void)self;
  (void)watcher;
  (void)events;
  ran++;
}

static ev_timer *timers;

static void insert(uint64_t count, double base)
{
  uint64_t state = BENCH_SEED;
  for (uint64_t i = 0; i < count; i++) {
    ev_timer_init(&timers[i], fire, base + (double)bench_delay_ns(&state) / 1e9, 0.);
    ev_timer_start(loop, &timers[i]);
  }
}

static void cancel(uint64_t count)
{
  for (uint64_t i = 0; i < count; i++)
    ev_timer_stop(loop, &timers[i]);
}

/* A loop whose heap has held this many before. */
static void make_warm_loop(uint64_t count)
{
  timers = bench_memory(count, sizeof(*timers));
  loop = ev_loop_new(EVFLAG_AUTO);
  insert(count, 3600);
  cancel(count);
  ev_now_update(loop);
}

static void timer_insert(uint64_t count)
{
  make_warm_loop(count);
  uint64_t begun = bench_now();
  insert(count, 3600);
  uint64_t ended = bench_now();
  uint64_t active = 0;
  for (uint64_t i = 0; i < count; i++)
    active += ev_is_active(&timers[i]) != 0;
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
  ev_run(loop, 0);
  uint64_t ended = bench_now();
  bench_check(ran - bench_lost() == count, "each timer fired");
  bench_print("ns", (double)(inserted - begun + ended - overdue) / (double)count);
}

static void timer_cancel(uint64_t count)
{
  make_warm_loop(count);
  uint64_t begun = bench_now();
  insert(count, 3600);
  cancel(count);
  uint64_t ended = bench_now();
  ev_run(loop, 0);
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
