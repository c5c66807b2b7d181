/*
 * 01: two counters, one after the other or in two threads.
 *
 * This is the program of the whole walk: countdown says 5 numbers and rests 4 units after
 * each, countup says 20 and rests 1 unit after each. `01_threads one` calls them one
 * after the other and takes the sum of both times. Without an argument each gets a thread
 * of its own: the longer of both times is enough, and neither function had to be changed.
 *
 * What is bad about it: the kernel decides who runs when, so the order of the lines
 * differs from run to run, whatever the two share needs a lock (05), and each thread
 * costs a stack and a kernel object. All that only to wait at the same time: nothing here
 * computes. Where there is something to compute, real parallelism is one loop per core.
 *
 * Next: 03_blocking tries it without threads, and fails at first.
 */
#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static double seconds(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Sleeps for units of 10 ms, and adds what that really took to *rested. */
static void rest(int units, double *rested)
{
  double before = seconds();
  struct timespec left = {0, units * 10000000L};
  while (nanosleep(&left, &left) != 0) {
    /* A signal came in between: sleep on for what is left. */
  }
  *rested += seconds() - before;
}

static void *countdown(void *rested)
{
  for (int n = 5; n > 0; n--) {
    printf("Down %d\n", n);
    rest(4, rested);
  }
  return NULL;
}

static void *countup(void *rested)
{
  for (int n = 0; n < 20; n++) {
    printf("Up %d\n", n);
    rest(1, rested);
  }
  return NULL;
}

static bool in_two_threads(double *down, double *up)
{
  pthread_t a, b;
  if (pthread_create(&a, NULL, countdown, down) != 0) return false;
  bool both = pthread_create(&b, NULL, countup, up) == 0;
  if (both) pthread_join(b, NULL);
  pthread_join(a, NULL);
  return both;
}

/* On a busy machine every rest takes longer than asked for; therefore the total is
 * compared with how long the two really rested. */
static void print_elapsed(double total, double down, double up)
{
  double longer = down > up ? down : up;
  double sum = down + up;
  bool together = total - longer < sum - total;
  printf("elapsed: %s\n", together ? "the longer of both" : "the sum of both");
}

int main(int argc, char **argv)
{
  double down = 0, up = 0;
  double start = seconds();
  if (argc > 1 && strcmp(argv[1], "one") == 0) {
    countdown(&down);
    countup(&up);
  } else if (!in_two_threads(&down, &up)) {
    fputs("01_threads: no thread to be had\n", stderr);
    return 1;
  }
  print_elapsed(seconds() - start, down, up);
  return 0;
}
