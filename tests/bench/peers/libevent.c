/* libevent: events made active again from their callback, and timers. */
#define _DEFAULT_SOURCE

#include <event2/event.h>

#include "../bench.h"

static struct event_base *base;
static uint64_t ran;
static uint64_t turns;

struct link {
  struct event *event;
  uint64_t left;
};

static void again(evutil_socket_t fd, short events, void *arg)
{
  struct link *self = arg;
  (void)fd;
  (void)events;
  ran++;
  if (--self->left > 0) event_active(self->event, EV_TIMEOUT, 0);
}

static void run_chains(uint64_t chains)
{
  struct link *links = bench_memory(chains, sizeof(*links));
  base = event_base_new();
  bench_check(base != NULL, "base");
  for (uint64_t i = 0; i < chains; i++) {
    links[i].left = turns;
    links[i].event = event_new(base, -1, EV_PERSIST, again, &links[i]);
    bench_check(links[i].event != NULL, "event");
    event_active(links[i].event, EV_TIMEOUT, 0);
  }
  uint64_t begun = bench_now();
  event_base_dispatch(base);
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

static void fire(evutil_socket_t fd, short events, void *arg)
{
  (void)fd;
  (void)events;
  (void)arg;
  ran++;
}

static char *timers;

static struct event *timer(uint64_t i)
{
  return (struct event *)(void *)(timers + i * event_get_struct_event_size());
}

static void insert(uint64_t count, time_t seconds)
{
  uint64_t state = BENCH_SEED;
  for (uint64_t i = 0; i < count; i++) {
    struct timeval delay = {seconds, (suseconds_t)(bench_delay_ns(&state) / 1000)};
    bench_check(event_add(timer(i), &delay) == 0, "add");
  }
}

static void cancel(uint64_t count)
{
  for (uint64_t i = 0; i < count; i++)
    event_del(timer(i));
}

static void make_warm_loop(uint64_t count)
{
  base = event_base_new();
  bench_check(base != NULL, "base");
  timers = bench_memory(count, event_get_struct_event_size());
  for (uint64_t i = 0; i < count; i++)
    event_assign(timer(i), base, -1, 0, fire, NULL);
  insert(count, 3600);
  cancel(count);
}

static void timer_insert(uint64_t count)
{
  make_warm_loop(count);
  uint64_t begun = bench_now();
  insert(count, 3600);
  uint64_t ended = bench_now();
  bench_check(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED) ==
                  (int)(count + bench_lost()),
      "each timer is booked");
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
  event_base_dispatch(base);
  uint64_t ended = bench_now();
  bench_check(ran - bench_lost() == count, "each timer fired");
  bench_print("ns", (double)(inserted - begun + ended - overdue) / (double)count);
}

static void timer_cancel(uint64_t count)
{
  make_warm_loop(count);
  uint64_t begun = bench_now();
  insert(count, 3600);
  for (uint64_t i = 0; i < count; i++)
    event_del(timer(i));
  uint64_t ended = bench_now();
  event_base_dispatch(base);
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
