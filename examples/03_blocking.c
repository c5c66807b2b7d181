/*
 * 03: two counters in one thread, and what not to do.
 *
 * A loop keeps a queue of functions and calls one after the other. So that both counters
 * move on, neither may keep the thread: the `for` of 01 is gone, a call says one number
 * and queues itself again with eddy_loop_call_soon. The lines do alternate now.
 *
 * What is bad about it: the counter still sleeps inside its call, and while it sleeps the
 * whole loop stands still. The waits add up, as if the two ran one after the other.
 *
 * Next: 02_callbacks hands the waiting over to the loop.
 */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <time.h>

#include <eddy.h>

static eddy_loop *loop;

struct counter {
  int n;
  eddy_time rested;
};

/* The real clock: that of the loop need not notice that a callback sleeps. */
static eddy_time real_time(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return EDDY_S(now.tv_sec) + now.tv_nsec;
}

/* Never in a callback: this stops everybody. */
static void rest(struct counter *self, int units)
{
  eddy_time before = real_time();
  struct timespec left = {0, units * 10000000L};
  while (nanosleep(&left, &left) != 0) {
    /* A signal came in between: sleep on for what is left. */
  }
  self->rested += real_time() - before;
}

static int countdown(void *arg)
{
  struct counter *self = arg;
  if (self->n == 0) return 0;
  printf("Down %d\n", self->n--);
  rest(self, 4);
  return eddy_loop_call_soon(loop, countdown, self, NULL);
}

static int countup(void *arg)
{
  struct counter *self = arg;
  if (self->n == 20) return 0;
  printf("Up %d\n", self->n++);
  rest(self, 1);
  return eddy_loop_call_soon(loop, countup, self, NULL);
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
  struct counter down = {.n = 5}, up = {.n = 0};
  eddy_time start = real_time();
  int rc = eddy_loop_new(NULL, &loop);
  if (rc == 0) rc = eddy_loop_call_soon(loop, countdown, &down, NULL);
  if (rc == 0) rc = eddy_loop_call_soon(loop, countup, &up, NULL);
  if (rc == 0) rc = eddy_loop_run(loop);
  if (rc == 0) {
    print_elapsed(real_time() - start, down.rested, up.rested);
  } else {
    fprintf(stderr, "03_blocking: %s\n", eddy_message(rc));
  }
  eddy_loop_free(loop);
  return rc != 0;
}
