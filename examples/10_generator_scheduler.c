/*
 * 10: a scheduler of generators.
 *
 * Generators take turns: run asks the first in the queue for its next value and sends it
 * to the back. That is all, and the counters have their `for` loops back; the only
 * foreign word in them is the yield, at which the others may run.
 *
 * What is bad about it: the same as in 03. A counter that sleeps holds up everybody, so
 * the waits add up. And the yield looks abused: it gives nothing out, it only says "go on
 * with somebody else".
 *
 * Next: 11_coroutines lets the scheduler do the sleeping, and hides the yield in it.
 */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <time.h>

#include <eddy.h>

enum { LIMIT = 8 };

static eddy_gen *ready[LIMIT];
static size_t first, count;

static void append(eddy_gen *gen)
{
  ready[(first + count++) % LIMIT] = gen;
}

static int new_task(eddy_gen_fn *fn, void *arg)
{
  eddy_gen *gen;
  if (count == LIMIT) return EDDY_ENOBUFS;
  int rc = eddy_gen_new(fn, arg, &gen);
  if (rc == 0) append(gen);
  return rc;
}

static int run(void)
{
  int rc = 0;
  while (count > 0) {
    eddy_gen *gen = ready[first];
    first = (first + 1) % LIMIT;
    count--;
    if (rc >= 0) rc = eddy_gen_next(gen, NULL);
    if (rc == 0) {
      append(gen);
    } else {
      eddy_gen_free(gen); /* it has ended, or somebody failed */
    }
    if (rc == EDDY_STOP) rc = 0;
  }
  return rc;
}

/* The real clock, since these sleeps are real. */
static eddy_time real_time(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return EDDY_S(now.tv_sec) + now.tv_nsec;
}

static void rest(int units, eddy_time *rested)
{
  eddy_time before = real_time();
  struct timespec left = {0, units * 10000000L};
  while (nanosleep(&left, &left) != 0) {
    /* A signal came in between: sleep on for what is left. */
  }
  *rested += real_time() - before;
}

static int countdown(eddy_gen *gen, void *rested)
{
  int rc = 0;
  for (int n = 5; rc == 0 && n > 0; n--) {
    printf("Down %d\n", n);
    rest(4, rested);
    rc = eddy_gen_yield(gen, eddy_int(0), NULL);
  }
  return rc;
}

static int countup(eddy_gen *gen, void *rested)
{
  int rc = 0;
  for (int n = 0; rc == 0 && n < 20; n++) {
    printf("Up %d\n", n);
    rest(1, rested);
    rc = eddy_gen_yield(gen, eddy_int(0), NULL);
  }
  return rc;
}

static void print_elapsed(eddy_time total, eddy_time down, eddy_time up)
{
  eddy_time longer = down > up ? down : up;
  eddy_time sum = down + up;
  bool together = total - longer < sum - total;
  printf("elapsed: %s\n", together ? "the longer of both" : "the sum of both");
}

int main(void)
{
  eddy_time down = 0, up = 0, start = real_time();
  int rc = new_task(countdown, &down);
  if (rc == 0) rc = new_task(countup, &up);
  int ran = run();
  if (rc == 0) rc = ran;
  if (rc == 0) print_elapsed(real_time() - start, down, up);
  if (rc < 0) fprintf(stderr, "10_generator_scheduler: %s\n", eddy_strerror(rc));
  return rc < 0;
}
