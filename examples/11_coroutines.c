/*
 * 11: the two counters as tasks.
 *
 * Loops as in 01, one thread as in 02, and the longer of both times. eddy_create_task
 * makes a task of a function and queues it; eddy_sleep puts the current task to sleep and
 * lets the others run. A task that sleeps is not looked at until it is due: countdown is
 * resumed 5 + 1 times, countup 20 + 1 times, once to start and once after each sleep.
 *
 * What is bad about it: each task has a stack of its own. It is small and used again by
 * the next task, but it is more than the struct of 02.
 *
 * Next: 12_own_queue and 12_producer_coroutines, where a task waits for another one.
 */
#include <inttypes.h>
#include <stdio.h>

#include <eddy.h>

#define UNIT EDDY_MS(10)

static eddy_time loop_time(void)
{
  return eddy_loop_time(eddy_get_running_loop());
}

/* Sleeps, and adds what that really took to *rested. */
static int rest(int units, eddy_time *rested)
{
  eddy_time before = loop_time();
  int rc = eddy_sleep(units * UNIT);
  *rested += loop_time() - before;
  return rc;
}

static int countdown(void *rested)
{
  int rc = 0;
  for (int n = 5; rc == 0 && n > 0; n--) {
    printf("Down %d\n", n);
    rc = rest(4, rested);
  }
  return rc;
}

static int countup(void *rested)
{
  int rc = 0;
  for (int n = 0; rc == 0 && n < 20; n++) {
    printf("Up %d\n", n);
    rc = rest(1, rested);
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

static int program(void *unused)
{
  (void)unused;
  eddy_task *a = NULL, *b = NULL;
  eddy_time down = 0, up = 0, start = loop_time();
  int rc = eddy_create_task(countdown, &down, &a);
  if (rc < 0) return rc;
  rc = eddy_create_task(countup, &up, &b);
  if (rc == 0) rc = eddy_task_await(b, NULL);
  int first = eddy_task_await(a, NULL); /* also after an error: it writes to `down` */
  if (rc == 0) rc = first;
  if (rc == 0) {
    print_elapsed(loop_time() - start, down, up);
    printf("resumed: %" PRIu64 "\n", eddy_task_steps(a) + eddy_task_steps(b));
  }
  eddy_task_unref(a);
  eddy_task_unref(b);
  return rc;
}

int main(void)
{
  int rc = eddy_run(program, NULL);
  if (rc < 0) fprintf(stderr, "11_coroutines: %s\n", eddy_message(rc));
  return rc < 0;
}
