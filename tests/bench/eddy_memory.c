/* Memory of parked tasks, by the way their stacks are guarded, and what is left of a burst. */
#define _DEFAULT_SOURCE

#include <eddy.h>

#include "bench.h"
#include "ctx/slab.h"

static int sleep_long(void *arg)
{
  (void)arg;
  return eddy_sleep(EDDY_S(3600));
}

/* Creates them, lets each park and the loop sleep once; bytes each. */
static double park(eddy_task **tasks, uint64_t count, eddy_loop_stats *stats)
{
  double before = bench_resident();
  for (uint64_t i = 0; i < count; i++)
    bench_check(eddy_create_task(sleep_long, NULL, &tasks[i]) == 0, "create");
  bench_check(eddy_sleep(0) == 0, "yield");
  bench_check(eddy_sleep(EDDY_S(1)) == 0, "sleep");
  double bytes = (bench_resident() - before) / (double)count;
  eddy_loop_get_stats(eddy_get_running_loop(), stats);
  bench_check(stats->parked - bench_lost() >= count, "every task is parked");
  double said = (double)stats->task_memory / (double)count;
  bench_check(count < 10000 || (said > bytes * 0.9 && said < bytes * 1.1),
      "the statistics say as much");
  return bytes;
}

static void end(eddy_task **tasks, uint64_t count)
{
  for (uint64_t i = 0; i < count; i++)
    eddy_task_cancel(tasks[i], NULL);
  for (uint64_t i = 0; i < count; i++) {
    bench_check(eddy_task_await(tasks[i], NULL) == EDDY_ECANCELLED, "cancelled");
    eddy_task_unref(tasks[i]);
  }
}

static int parked_main(void *arg)
{
  uint64_t count = *(uint64_t *)arg;
  eddy_loop_stats stats;
  eddy_task **tasks = bench_memory(count, sizeof(*tasks));
  double bytes = park(tasks, count, &stats);
  bench_check(strcmp(stats.stack_guard, "none") != 0, "the stacks are guarded");
  end(tasks, count);
  free(tasks);
  bench_print("bytes", bytes);
  return 0;
}

static void run_main(eddy_fn *fn, uint64_t count)
{
  int rc = eddy_run(fn, &count);
  if (rc < 0) fprintf(stderr, "%s\n", eddy_strerror(rc));
  bench_check(rc == 0, "the main task failed");
}

static void parked(uint64_t count)
{
  run_main(parked_main, count);
}

/* As on a kernel without MADV_GUARD_INSTALL. */
static void parked_mprotect(uint64_t count)
{
  eddy__guard_limit(EDDY__GUARD_MPROTECT);
  run_main(parked_main, count);
}

static void parked_canary(uint64_t count)
{
  eddy__guard_limit(EDDY__GUARD_CANARY);
  run_main(parked_main, count);
}

/* Bytes each that the process has still grown by when the tasks have ended and the loop has
 * slept for some seconds. */
static int burst_main(void *arg)
{
  uint64_t count = *(uint64_t *)arg;
  eddy_loop_stats stats;
  eddy_task **tasks = bench_memory(count, sizeof(*tasks));
  double before = bench_resident();
  (void)park(tasks, count, &stats);
  end(tasks, count);
  for (int i = 0; i < 3; i++)
    bench_check(eddy_sleep(EDDY_MS(1100)) == 0, "sleep");
  double left = bench_resident() - before;
  free(tasks);
  bench_print("bytes", left > 0 ? left / (double)count : 0);
  return 0;
}

static void burst(uint64_t count)
{
  run_main(burst_main, count);
}

static const bench_workload workloads[] = {
    {"parked", parked},
    {"parked_mprotect", parked_mprotect},
    {"parked_canary", parked_canary},
    {"burst", burst},
    {NULL, NULL},
};

int main(int argc, char **argv)
{
  return bench_main(argc, argv, workloads);
}
