/* What the programs share that test a room without a framework: a main of their own counts. */
#ifndef EDDY_TESTS_PLAIN_H
#define EDDY_TESTS_PLAIN_H

#include <stdbool.h>
#include <stdio.h>

static int failed;
static int passed;

/* Returns ok. The first failures are shown. */
static bool check(bool ok, const char *text, int line)
{
  if (ok) {
    passed++;
  } else if (failed++ < 20) {
    printf("line %d: %s\n", line, text);
  }
  return ok;
}

#define CHECK(condition) check(condition, #condition, __LINE__)

/* The summary line; what main returns. */
static int summary(void)
{
  printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}

#endif
