/*
 * 02: two counters in one thread, waiting at the same time.
 *
 * The sleep of 03 has become an argument: eddy_loop_call_later books a function for later
 * and returns at once. The loop calls whoever is due, and sleeps only when nobody is,
 * until the nearest deadline. One thread, one stack, no lock, and the longer of both
 * times.
 *
 * What is bad about it: look for the `for` loops of 01. They have been cut into steps,
 * and their variables had to move into a struct, since nothing in a function outlives its
 * return. That is bearable here; 07_callback_cost shows where it leads.
 *
 * Next: 02_own_loop builds such a loop by hand, 04_ties looks at equal deadlines.
 */
#include <stdio.h>

#include <eddy.h>

#define UNIT EDDY_MS(10)

static eddy_loop *loop;

struct counter {
  int n;
  eddy_time since;  /* when the rest that it is in began */
  eddy_time rested; /* all of them together */
};

/* Books the next step. An error it returns is one of the callback's, and the loop reports
 * it: whoever booked that callback has long moved on. */
static int rest(struct counter *self, int units, eddy_fn *next)
{
  self->since = eddy_loop_time(loop);
  return eddy_loop_call_later(loop, units * UNIT, next, self, NULL);
}

static int countdown(void *arg)
{
  struct counter *self = arg;
  self->rested += eddy_loop_time(loop) - self->since;
  if (self->n == 0) return 0;
  printf("Down %d\n", self->n--);
  return rest(self, 4, countdown);
}

static int countup(void *arg)
{
  struct counter *self = arg;
  self->rested += eddy_loop_time(loop) - self->since;
  if (self->n == 20) return 0;
  printf("Up %d\n", self->n++);
  return rest(self, 1, countup);
}

/* Compares with the rests as they were, not as they were asked for: a busy machine makes
 * each of them longer. */
static void print_elapsed(eddy_time total, eddy_time down, eddy_time up)
{
  eddy_time longer = down > up ? down : up;
  eddy_time sum = down + up;
  bool together = total - longer < sum - total;
  printf("elapsed: %s\n", together ? "the longer of both" : "the sum of both");
}

int main(void)
{
  int rc = eddy_loop_new(NULL, &loop);
  eddy_time start = rc == 0 ? eddy_loop_time(loop) : 0;
  struct counter down = {.n = 5, .since = start}, up = {.n = 0, .since = start};
  if (rc == 0) rc = eddy_loop_call_soon(loop, countdown, &down, NULL);
  if (rc == 0) rc = eddy_loop_call_soon(loop, countup, &up, NULL);
  if (rc == 0) rc = eddy_loop_run(loop);
  if (rc == 0) {
    print_elapsed(eddy_loop_time(loop) - start, down.rested, up.rested);
  } else {
    fprintf(stderr, "02_callbacks: %s\n", eddy_message(rc));
  }
  eddy_loop_free(loop);
  return rc != 0;
}
