/*
 * 08: the program of 07 in a task.
 *
 * eddy_run makes a loop and a task: a function with a stack of its own, which may wait in
 * the middle and goes on there. The three steps are one loop again, the error is tested
 * in one place and returned to the caller, who is still there, and what outlives a wait
 * is a local variable. The `for` around an answer waits for it.
 *
 * What is bad about it: one sees only at the word eddy_sleep that another task may run
 * now, and change what both use.
 *
 * Next: how does a function stop in the middle? 09_generators.
 */
#include <stdio.h>

#include <eddy.h>

#define UNIT EDDY_MS(10)

typedef int step(int *value);

static int square(int *value)
{
  *value *= *value;
  return eddy_sleep(UNIT);
}

static int square_of_next(int *value)
{
  ++*value;
  return square(value);
}

static int last_digit(int *value)
{
  *value %= 10;
  int rc = eddy_sleep(UNIT);
  if (rc < 0) return rc;
  return *value == 0 ? 0 : eddy_raise(EDDY_EINVAL, "bad number");
}

static int calculate(int value)
{
  step *const steps[] = {square, square_of_next, last_digit};
  for (int i = 0; i < 3; i++) {
    int rc = steps[i](&value);
    if (rc < 0) {
      printf("failed at step %d: %s\n", i + 1, eddy_message(rc));
      return rc;
    }
    printf("step %d: %d\n", i + 1, value);
  }
  return 0;
}

static int program(void *unused)
{
  (void)unused;
  int rc = calculate(2);
  if (rc < 0 && rc != EDDY_EINVAL) return rc; /* a bad number is no reason to end */
  rc = calculate(3);
  for (int i = 0; rc == 0 && i < 3; i++) {
    int value = i;
    rc = square(&value);
    if (rc == 0) printf("loop got %d\n", value);
  }
  if (rc == 0) puts("loop finished");
  return rc;
}

int main(void)
{
  int rc = eddy_run(program, NULL);
  if (rc < 0) fprintf(stderr, "08_steps_coroutine: %s\n", eddy_message(rc));
  return rc < 0;
}
