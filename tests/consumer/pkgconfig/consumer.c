/* A program that uses the installed library: a task that sleeps and gives a value. */
#include <stdio.h>

#include <eddy.h>

static int answer(void *arg)
{
  int rc = eddy_sleep(EDDY_MS(1));
  if (rc < 0) return rc;
  return eddy_return(eddy_int(*(int *)arg));
}

int main(void)
{
  int number = 42;
  eddy_value value;
  int rc = eddy_run_with(answer, &number, NULL, NULL, &value);
  if (rc < 0) {
    fprintf(stderr, "consumer: %s\n", eddy_strerror(rc));
    return 1;
  }
  printf("eddy %s: %d\n", eddy_version(), (int)value.i);
  return 0;
}
