/* The loop without tasks: callbacks that queue themselves again, and a million timers. */
#define _DEFAULT_SOURCE

#include <eddy.h>

#include "bench.h"

static eddy_loop *loop;

static void make_loop(void)
{
  bench_check(eddy_loop_new(NULL, &loop) == 0, "loop");
}

/* ---- chains ---- */

struct link {
  uint64_t left;
};

static uint64_t ran;

static int again(void *arg)
{
  struct link *self = arg;
  ran++;
  if (--self->left == 0) return 0;
  return eddy_loop_call_soon(loop, again, self, NULL);
}

static void run_chains(uint64_t chains, uint64_t turns)
{
  struct link *links = bench_memory(chains, sizeof(*links));
  make_loop();
  for (uint64_t i = 0; i < chains; i++) {
    links[i].left = turns;
    bench_check(eddy_loop_call_soon(loop, again, &links[i], NULL) == 0, "call_soon");
  }
  uint64_t begun = bench_now();
  bench_check(eddy_loop_run(loop) == 0, "run");
  uint64_t ended = bench_now();
  bench_check(ran - bench_lost() == chains * turns, "each callback ran");
  bench_print("ns", (double)(ended - begun) / (double)ran);
  eddy_loop_free(loop);
  free(links);
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

static uint64_t fired;
static eddy_time latest;

/* The argument is the deadline, counted from the base: due timers come in its order. */
static int fire(void *arg)
{
  eddy_time due = (eddy_time)(intptr_t)arg;
  bench_check(due >= latest, "timers in order");
  latest = due;
  fired++;
  return 0;
}

/* Books the timers; with a place for them, handles are asked for. */
static void insert(uint64_t count, eddy_time base, eddy_handle **handles)
{
  uint64_t state = BENCH_SEED;
  for (uint64_t i = 0; i < count; i++) {
    eddy_time delay = (eddy_time)bench_delay_ns(&state);
    int rc = eddy_loop_call_at(loop, base + delay, fire, (void *)(intptr_t)delay,
        handles != NULL ? &handles[i] : NULL);
    bench_check(rc == 0, "call_at");
  }
}

static void cancel(uint64_t count, eddy_handle **handles)
{
  for (uint64_t i = 0; i < count; i++) {
    eddy_handle_cancel(handles[i]);
    eddy_handle_unref(handles[i]);
  }
}

/* A loop that has held this many timers before: memory is there, as in the other
 * programs. */
static eddy_handle **make_warm_loop(uint64_t count)
{
  eddy_handle **handles = bench_memory(count, sizeof(eddy_handle *));
  make_loop();
  insert(count, eddy_loop_time(loop) + EDDY_S(3600), handles);
  cancel(count, handles);
  bench_check(eddy_loop_run(loop) == 0, "run");
  return handles;
}

static uint64_t timers_booked(void)
{
  eddy_loop_stats stats;
  eddy_loop_get_stats(loop, &stats);
  return stats.timers;
}

static void timer_insert(uint64_t count)
{
  eddy_handle **handles = make_warm_loop(count);
  uint64_t begun = bench_now();
  insert(count, eddy_loop_time(loop) + EDDY_S(3600), NULL);
  uint64_t ended = bench_now();
  bench_check(timers_booked() - bench_lost() == count, "each timer is booked");
  eddy_loop_free(loop);
  free(handles);
  bench_print("ns", (double)(ended - begun) / (double)count);
}

static void timer_fire(uint64_t count)
{
  eddy_handle **handles = make_warm_loop(count);
  uint64_t begun = bench_now();
  insert(count, eddy_loop_time(loop), NULL);
  uint64_t inserted = bench_now();
  bench_wait_overdue(inserted);
  uint64_t overdue = bench_now();
  bench_check(eddy_loop_run(loop) == 0, "run");
  uint64_t ended = bench_now();
  bench_check(fired - bench_lost() == count, "each timer fired");
  eddy_loop_free(loop);
  free(handles);
  bench_print("ns", (double)(inserted - begun + ended - overdue) / (double)count);
}

static void timer_cancel(uint64_t count)
{
  eddy_handle **handles = make_warm_loop(count);
  uint64_t begun = bench_now();
  insert(count, eddy_loop_time(loop) + EDDY_S(3600), handles);
  cancel(count, handles);
  uint64_t ended = bench_now();
  bench_check(eddy_loop_run(loop) == 0, "run");
  bench_check(
      timers_booked() + bench_lost() == 0 && fired == 0, "no timer is left, none fired");
  eddy_loop_free(loop);
  free(handles);
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
