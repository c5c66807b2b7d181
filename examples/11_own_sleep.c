/*
 * 11, by hand: a scheduler that does the sleeping, on eddy's generators.
 *
 * 10's scheduler gets a second list: who sleeps, and until when. rest() puts the current
 * task there and stops; run then has no current task and takes the next one that is
 * ready. When nobody is ready it sleeps until the first one in the list is due.
 *
 * And the yield is hidden in rest(), which finds the current task by itself. So the
 * counters take only their own argument, and a function may rest however deep it was
 * called: the whole stack stands still. A task is no generator either: only the scheduler
 * resumes it.
 *
 * What is bad about it: the clock moves only while everybody sleeps, as if running took
 * no time. A task that fails takes all the others with it, and nobody can be woken early.
 *
 * Next: 11_coroutines is the same with eddy's own tasks.
 */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <time.h>

#include <eddy.h>

struct task {
  eddy_fn *fn;
  void *arg;
  eddy_gen *gen;
  int wake; /* while it sleeps: when it is due, in units of 10 ms */
  eddy_value result;
  struct task *next; /* in `ready` or in `sleeping`, never in both */
};

static struct task *current;  /* the one that runs, until it has put itself elsewhere */
static struct task *ready;    /* first come, first run */
static struct task *sleeping; /* by time to wake; who was first stays first */
static int now, resumed;

static void append(struct task *task)
{
  struct task **place = &ready;
  while (*place != NULL)
    place = &(*place)->next;
  task->next = NULL;
  *place = task;
}

static int body(eddy_gen *gen, void *arg)
{
  struct task *task = arg;
  (void)gen;
  return task->fn(task->arg);
}

/* The task does not run yet. Its memory is the caller's. */
static int spawn(struct task *task, eddy_fn *fn, void *arg)
{
  *task = (struct task){.fn = fn, .arg = arg};
  int rc = eddy_gen_new(body, task, &task->gen);
  if (rc == 0) append(task);
  return rc;
}

static int rest(int units)
{
  struct task *self = current;
  struct task **place = &sleeping;
  self->wake = now + units;
  while (*place != NULL && (*place)->wake <= self->wake)
    place = &(*place)->next;
  self->next = *place;
  *place = self;
  current = NULL;
  return eddy_gen_yield(self->gen, eddy_int(0), NULL);
}

static void wake_first(void)
{
  struct task *task = sleeping;
  sleeping = task->next;
  struct timespec left = {0, (task->wake - now) * 10000000L};
  while (left.tv_nsec > 0 && nanosleep(&left, &left) != 0) {
    /* A signal came in between: sleep on for what is left. */
  }
  now = task->wake;
  append(task);
}

static int run(void)
{
  int rc = 0;
  while (rc == 0 && (ready != NULL || sleeping != NULL)) {
    if (ready == NULL) wake_first();
    struct task *task = current = ready;
    ready = task->next;
    resumed++;
    rc = eddy_gen_next(task->gen, &task->result);
    if (rc == EDDY_STOP) {
      current = NULL;
      rc = 0;
    }
    if (rc == 0 && current != NULL) append(current); /* a bare yield: it goes on later */
  }
  return rc;
}

/* ---- the counters ---- */

static int countdown(void *rested)
{
  int rc = 0;
  for (int n = 5; rc == 0 && n > 0; n--) {
    printf("Down %d\n", n);
    int before = now;
    rc = rest(4);
    *(int *)rested += now - before;
  }
  return rc;
}

static int countup(void *rested)
{
  int rc = 0;
  for (int n = 0; rc == 0 && n < 20; n++) {
    printf("Up %d\n", n);
    int before = now;
    rc = rest(1);
    *(int *)rested += now - before;
  }
  return rc;
}

static int run_counters(void)
{
  struct task a = {.gen = NULL}, b = {.gen = NULL};
  int down = 0, up = 0;
  int rc = spawn(&a, countdown, &down);
  if (rc == 0) rc = spawn(&b, countup, &up);
  if (rc == 0) rc = run();
  if (rc == 0) {
    int longer = down > up ? down : up, sum = down + up;
    printf("elapsed: %s\n",
        now - longer < sum - now ? "the longer of both" : "the sum of both");
    printf("resumed: %d\n", resumed);
  }
  eddy_gen_free(a.gen);
  eddy_gen_free(b.gen);
  return rc;
}

/* ---- a task is not a generator ---- */

static int square(void *n)
{
  puts("square starts");
  return eddy_return(eddy_int(*(int *)n * *(int *)n));
}

static int run_square(void)
{
  struct task task = {.gen = NULL};
  int seven = 7;
  int rc = spawn(&task, square, &seven);
  if (rc < 0) return rc;
  puts("called, not started");
  /* `for v in task` makes no sense; here the compiler knows, since only a generator has a
   * next, and a task is another type. */
  const char *next = _Generic(&task, eddy_gen * : "allowed", default : "refused");
  printf("next: %s\n", next);
  rc = run();
  if (rc == 0) printf("finished with %d\n", (int)task.result.i);
  eddy_gen_free(task.gen);
  return rc;
}

/* ---- stopping in the middle of three calls ---- */

static int descend(int depth)
{
  if (depth < 3) return descend(depth + 1);
  int rc = rest(1);
  if (rc == 0) printf("depth %d\n", depth);
  return rc;
}

static int nested(void *unused)
{
  (void)unused;
  return descend(1);
}

static int other(void *unused)
{
  (void)unused;
  puts("others run meanwhile");
  return 0;
}

static int run_nested(void)
{
  struct task a = {.gen = NULL}, b = {.gen = NULL};
  int rc = spawn(&a, nested, NULL);
  if (rc == 0) rc = spawn(&b, other, NULL);
  if (rc == 0) rc = run();
  eddy_gen_free(a.gen);
  eddy_gen_free(b.gen);
  return rc;
}

int main(void)
{
  int rc = run_counters();
  if (rc == 0) rc = run_square();
  if (rc == 0) rc = run_nested();
  if (rc < 0) fprintf(stderr, "11_own_sleep: %s\n", eddy_strerror(rc));
  return rc < 0;
}
