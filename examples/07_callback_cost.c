/*
 * 07: what callbacks cost. All of this is bad, and here to be looked at.
 *
 * A calculation has three steps, and the answer to each comes later. So it is three
 * functions, each repeats the test for an error, and each names the one that follows it:
 * to read the program, follow the names backwards through the file. Every variable that
 * outlives a wait is a field. A failure has nobody to go to: the caller is long gone.
 *
 * A `for` around something that answers later does not wait either: it starts everything
 * and is over before the first answer. And one callback that blocks stops all the others;
 * in debug mode (EDDY_DEBUG=1) the loop names those that take 100 ms or more.
 *
 * Next: 08_steps_coroutine says the same in one plain function.
 */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <time.h>

#include <eddy.h>

#define UNIT EDDY_MS(10)

static eddy_loop *loop;

/* ---- three steps that depend on each other ---- */

struct job {
  int value;
  const char *error; /* the answer, if it is not a value; tested by hand in every step */
};

/* Asks for an answer; `then` is called with it a unit later. */
static int ask(struct job *job, const char *(*work)(int *value), eddy_fn *then)
{
  job->error = work(&job->value);
  return eddy_loop_call_later(loop, UNIT, then, job, NULL);
}

static const char *square(int *value)
{
  *value *= *value;
  return NULL;
}

static const char *square_of_next(int *value)
{
  ++*value;
  return square(value);
}

static const char *last_digit(int *value)
{
  *value %= 10;
  return *value == 0 ? NULL : "bad number";
}

static int after_third(void *arg)
{
  struct job *job = arg;
  if (job->error != NULL) {
    printf("failed at step 3: %s\n", job->error);
    return 0;
  }
  printf("step 3: %d\n", job->value);
  return 0;
}

static int after_second(void *arg)
{
  struct job *job = arg;
  if (job->error != NULL) {
    printf("failed at step 2: %s\n", job->error);
    return 0;
  }
  printf("step 2: %d\n", job->value);
  return ask(job, last_digit, after_third);
}

static int after_first(void *arg)
{
  struct job *job = arg;
  if (job->error != NULL) {
    printf("failed at step 1: %s\n", job->error);
    return 0;
  }
  printf("step 1: %d\n", job->value);
  return ask(job, square_of_next, after_second);
}

static int run_steps(int value)
{
  struct job job = {.value = value};
  int rc = ask(&job, square, after_first);
  return rc == 0 ? eddy_loop_run(loop) : rc;
}

/* ---- a loop that does not wait ---- */

static int got(void *arg)
{
  const struct job *job = arg;
  printf("loop got %d\n", job->value);
  return 0;
}

static int run_loop(void)
{
  struct job jobs[3] = {{.value = 0}, {.value = 1}, {.value = 2}};
  for (int i = 0; i < 3; i++) {
    int rc = ask(&jobs[i], square, got);
    if (rc < 0) return rc;
  }
  puts("loop finished"); /* too early */
  return eddy_loop_run(loop);
}

/* ---- a callback that blocks ---- */

static int ticks;

static int tick(void *unused)
{
  (void)unused;
  ticks++;
  return 0;
}

/* One tick a unit. With absolute times, so that the answer does not depend on how late a
 * busy machine calls: what is due together runs by deadline. */
static int book_ticks(eddy_time start)
{
  int rc = 0;
  ticks = 0;
  for (int i = 1; rc == 0 && i <= 8; i++) {
    rc = eddy_loop_call_at(loop, start + i * UNIT, tick, NULL, NULL);
  }
  return rc;
}

static int wait_blocking(void *unused)
{
  (void)unused;
  int rc = book_ticks(eddy_loop_time(loop));
  if (rc < 0) return rc;
  struct timespec left = {0, 5 * UNIT};
  while (nanosleep(&left, &left) != 0) {
    /* A signal came in between: sleep on for what is left. */
  }
  printf("ticks during a blocking wait of 5: %d\n", ticks);
  return 0;
}

static int print_ticks(void *unused)
{
  (void)unused;
  printf("ticks during call_later(5): %d\n", ticks);
  return 0;
}

/* call_later(5) is call_at(now + 5). Booked ahead of the tick that is due with it. */
static int wait_booked(void *unused)
{
  (void)unused;
  eddy_time start = eddy_loop_time(loop);
  int rc = eddy_loop_call_at(loop, start + 5 * UNIT, print_ticks, NULL, NULL);
  return rc == 0 ? book_ticks(start) : rc;
}

static int run_callback(eddy_fn *fn)
{
  int rc = eddy_loop_call_soon(loop, fn, NULL, NULL);
  return rc == 0 ? eddy_loop_run(loop) : rc;
}

int main(void)
{
  int rc = eddy_loop_new(NULL, &loop);
  if (rc == 0) rc = run_steps(2);
  if (rc == 0) rc = run_steps(3);
  if (rc == 0) rc = run_loop();
  if (rc == 0) rc = run_callback(wait_blocking);
  if (rc == 0) rc = run_callback(wait_booked);
  if (rc != 0) fprintf(stderr, "07_callback_cost: %s\n", eddy_message(rc));
  eddy_loop_free(loop);
  return rc != 0;
}
