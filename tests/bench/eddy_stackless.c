/* Stackless tasks: the memory of parked ones, and yielding. */
#define _DEFAULT_SOURCE

#include <eddy.h>

#include "bench.h"

struct sleeper {
  eddy_frame frame;
};

static int sleep_long(eddy_frame *frame)
{
  int rc;
  EDDY_BEGIN(frame);
  EDDY_AWAIT(frame, rc, eddy_sleep(EDDY_S(3600)));
  if (rc < 0) EDDY_RAISE(frame, rc);
  EDDY_END(frame);
}

static int parked_main(void *arg)
{
  uint64_t count = *(uint64_t *)arg;
  eddy_loop_stats stats;
  eddy_task **tasks = bench_memory(count, sizeof(*tasks));
  double before = bench_resident();
  struct sleeper *sleepers = bench_memory(count, sizeof(*sleepers));
  for (uint64_t i = 0; i < count; i++) {
    eddy_coro *coro = &sleepers[i].frame.coro;
    eddy_frame_init(&sleepers[i].frame, sleep_long);
    bench_check(eddy_loop_create_task_coro(NULL, coro, NULL, &tasks[i]) == 0, "create");
  }
  bench_check(eddy_sleep(0) == 0, "yield");
  bench_check(eddy_sleep(EDDY_S(1)) == 0, "sleep");
  eddy_loop_get_stats(eddy_get_running_loop(), &stats);
  bench_check(stats.parked - bench_lost() >= count, "every task is parked");
  double bytes = (bench_resident() - before) / (double)count;
  for (uint64_t i = 0; i < count; i++)
    eddy_task_cancel(tasks[i], NULL);
  for (uint64_t i = 0; i < count; i++) {
    bench_check(eddy_task_await(tasks[i], NULL) == EDDY_ECANCELLED, "cancelled");
    eddy_task_unref(tasks[i]);
  }
  free(sleepers);
  free(tasks);
  bench_print("bytes", bytes);
  return 0;
}

static void parked(uint64_t count)
{
  bench_check(eddy_run(parked_main, &count) == 0, "the main task failed");
}

struct yielder {
  eddy_frame frame;
  uint64_t left;
};

static int yield_often(eddy_frame *frame)
{
  struct yielder *self = (struct yielder *)frame;
  int rc;
  EDDY_BEGIN(frame);
  for (; self->left > 0; self->left--) {
    EDDY_AWAIT(frame, rc, eddy_sleep(0));
    if (rc < 0) EDDY_RAISE(frame, rc);
  }
  EDDY_END(frame);
}

static int yield_main(void *arg)
{
  uint64_t turns = *(uint64_t *)arg / 2 + 1;
  struct yielder pair[2];
  eddy_task *tasks[2];
  uint64_t begun = bench_now();
  for (int i = 0; i < 2; i++) {
    eddy_frame_init(&pair[i].frame, yield_often);
    pair[i].left = turns;
    bench_check(
        eddy_loop_create_task_coro(NULL, &pair[i].frame.coro, NULL, &tasks[i]) == 0,
        "create");
  }
  for (int i = 0; i < 2; i++) {
    bench_check(eddy_task_await(tasks[i], NULL) == 0, "await");
    eddy_task_unref(tasks[i]);
    bench_check(pair[i].left + bench_lost() == 0, "yields");
  }
  bench_print_since("ns", begun, 2 * turns);
  return 0;
}

static void yield_2(uint64_t count)
{
  bench_check(eddy_run(yield_main, &count) == 0, "the main task failed");
}

static const bench_workload workloads[] = {
    {"parked", parked},
    {"yield_2", yield_2},
    {NULL, NULL},
};

int main(int argc, char **argv)
{
  return bench_main(argc, argv, workloads);
}
