/*
 * What many parked tasks cost, and that it is given back: the memory of 100,000 that have ended;
 * each way to guard their stacks, at more of them than the system allows mappings for guards of
 * their own. The backend is the environment's.
 */
#include <string.h>
#include <unistd.h>

#include "ctx/annotate.h" /* whether the build is a sanitizer's */
#include "ctx/slab.h"
#include "stress.h"

enum { BURST = 100000, GUARDED = 40000, PAGE = 4096 };

#ifdef EDDY__SANITIZED
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

/* Bytes of the process in RAM; 0 where the system does not say. */
static size_t resident(void)
{
  unsigned long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (file == NULL) return 0;
  if (fscanf(file, "%*u %lu", &pages) != 1) pages = 0;
  fclose(file);
  return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static size_t mappings(void)
{
  size_t lines = 0;
  FILE *file = fopen("/proc/self/maps", "r");
  if (file == NULL) return 0;
  for (int c; (c = getc(file)) != EOF;)
    lines += c == '\n';
  fclose(file);
  return lines;
}

static int sleep_long(void *arg)
{
  (void)arg;
  return eddy_sleep(EDDY_S(3600));
}

static eddy_task **park(size_t count, eddy_loop_stats *stats)
{
  eddy_task **tasks = malloc(count * sizeof(tasks[0]));
  expect(tasks != NULL, "there is memory");
  for (size_t i = 0; i < count; i++)
    need(eddy_create_task(sleep_long, NULL, &tasks[i]), "create");
  need(eddy_sleep(0), "yield");
  eddy_loop_get_stats(eddy_get_running_loop(), stats);
  expect(stats->parked == count, "all are parked");
  expect(stats->stacks == count + 1, "each on a stack of its own");
  return tasks;
}

static void end(eddy_task **tasks, size_t count)
{
  for (size_t i = 0; i < count; i++)
    expect(eddy_task_cancel(tasks[i], NULL), "it is to be cancelled");
  for (size_t i = 0; i < count; i++) {
    expect(eddy_task_await(tasks[i], NULL) == EDDY_ECANCELLED, "it was cancelled");
    eddy_task_unref(tasks[i]);
  }
  free(tasks);
}

/* ---- a burst ---- */

static int give_back(void *arg)
{
  eddy_loop_stats stats;
  (void)arg;
  size_t before = resident();
  eddy_task **tasks = park(BURST, &stats);
  size_t grown = resident() - before;
  expect(grown > (size_t)BURST * PAGE, "each has a page at least");
  expect(stats.task_memory > grown / 10 * 9 && stats.task_memory < grown,
      "the statistics say nearly as much");
  end(tasks, BURST);
  size_t left = grown;
  for (int round = 0; round < 20 && left > grown / 4; round++) {
    need(eddy_sleep(EDDY_MS(1100)), "sleep"); /* it comes once a second at most */
    size_t now = resident();
    left = now > before ? now - before : 0;
  }
  eddy_loop_get_stats(eddy_get_running_loop(), &stats);
  printf("%zu MiB for %d tasks, %zu KiB left (%zu KiB held)\n", grown >> 20, (int)BURST,
      left >> 10, stats.task_memory >> 10);
  expect(left < grown / 4, "most of it went back");
  expect(stats.task_memory < grown / 20, "and the loop holds little");
  return 0;
}

/* ---- guards ---- */

static int look_at_guards(void *arg)
{
  enum eddy__guard best = *(enum eddy__guard *)arg;
  eddy_loop_stats stats;
  size_t before = mappings();
  eddy_task **tasks = park(GUARDED, &stats);
  size_t more = mappings() - before;
  bool free_of_charge = strcmp(stats.stack_guard, "madvise") == 0;
  printf("%s: %zu more mappings\n", stats.stack_guard, more);
  if (best != EDDY__GUARD_MADVISE) expect(!free_of_charge, "the best is not used");
  if (!free_of_charge)
    expect(strcmp(stats.stack_guard, "canary") == 0, "the weakest is said");
  if (free_of_charge || best == EDDY__GUARD_CANARY) {
    expect(
        more < GUARDED / 4, "a mapping has many stacks"); /* one of a slab is guarded */
  } else {
    expect(more > 31000 && more < 34000, "16,000 stacks have real guards");
  }
  end(tasks, GUARDED);
  return 0;
}

int main(void)
{
  if (SANITIZED || resident() == 0) {
    puts("left out: memory cannot be measured here");
    return 0;
  }
  need(eddy_run(give_back, NULL), "a burst");
  for (int i = EDDY__GUARD_MADVISE; i <= EDDY__GUARD_CANARY; i++) {
    enum eddy__guard best = (enum eddy__guard)i;
    eddy__guard_limit(best);
    need(eddy_run(look_at_guards, &best), "guards");
  }
  return 0;
}
