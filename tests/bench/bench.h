/*
 * What the benchmark programs share: clock, resident memory, checks, and how a figure is
 * printed ("NAME VALUE", one a line). Plain C that C++ understands, too. A program that
 * finds a wrong result prints no figure and exits with 1.
 */
#ifndef EDDY_BENCH_H
#define EDDY_BENCH_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef struct bench_workload {
  const char *name;
  void (*run)(uint64_t count);
} bench_workload;

static inline uint64_t bench_now(void)
{
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static inline void bench_check(int right, const char *what)
{
  if (right) return;
  fprintf(stderr, "wrong result: %s\n", what);
  _exit(1); /* whatever was printed before stays unseen */
}

/* What a result lacks when it is to be wrong: with EDDY_BENCH_BREAK in the environment every
 * workload must find out, print nothing and fail (broken.py). */
static inline uint64_t bench_lost(void)
{
  return getenv("EDDY_BENCH_BREAK") != NULL;
}

static inline void bench_print(const char *name, double value)
{
  printf("%s %.3f\n", name, value);
}

/* Memory for `count` things of `size` bytes whose pages are there already, so that the
 * first touch is not measured. (Filled with ones: zeroes would be left to the kernel
 * after all.) */
static inline void *bench_memory(uint64_t count, size_t size)
{
  void *memory = malloc(count * size);
  bench_check(memory != NULL, "memory");
  memset(memory, 0xff, count * size);
  return memory;
}

/* Nanoseconds an operation, from `begun` until now. */
static inline void bench_print_since(
    const char *name, uint64_t begun, uint64_t operations)
{
  bench_print(name, (double)(bench_now() - begun) / (double)operations);
}

/* Bytes of memory the process holds in RAM; 0 where the system does not say. */
static inline double bench_resident(void)
{
  unsigned long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (file == NULL) return 0;
  if (fscanf(file, "%*u %lu", &pages) != 1) pages = 0;
  fclose(file);
  return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

/* Numbers that look random and are the same in every program and run. */
static inline uint64_t bench_random(uint64_t *state)
{
  uint64_t x = *state;
  x ^= x << 13;
  x ^= x >> 7;
  x ^= x << 17;
  *state = x;
  return x;
}

#define BENCH_SEED UINT64_C(88172645463325252)

/* The deadline of the next timer: spread over a second, in whole milliseconds or finer.
 */
static inline uint64_t bench_delay_ns(uint64_t *state)
{
  return bench_random(state) % 1000000000u;
}

/* Waits (asleep) until every such deadline, counted from `base`, has passed. */
static inline void bench_wait_overdue(uint64_t base)
{
  while (bench_now() < base + 1010000000u) {
    struct timespec nap = {0, 1000000};
    nanosleep(&nap, NULL);
  }
}

static inline int bench_main(int argc, char **argv, const bench_workload *workloads)
{
  uint64_t count = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;
  for (const bench_workload *workload = workloads; count > 0 && workload->name;
       workload++) {
    if (strcmp(workload->name, argv[1]) != 0) continue;
    workload->run(count);
    return 0;
  }
  fprintf(stderr, "usage: %s WORKLOAD COUNT; workloads:", argv[0]);
  for (const bench_workload *workload = workloads; workload->name; workload++)
    fprintf(stderr, " %s", workload->name);
  fprintf(stderr, "\n");
  return 2;
}

#endif
