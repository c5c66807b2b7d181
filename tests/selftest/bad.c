/*
 * Cases that must fail, one for each thing the harness has to notice, and one that
 * passes. The build turns each into a test that fails when its case passes.
 */
#include "eddy_test.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>

static void *volatile kept;
static volatile int number = INT_MAX;

EDDY_UNIT_TEST(bad, nothing_wrong)
{
  return 0;
}

EDDY_UNIT_TEST(bad, check_fails)
{
  CHECK_EQ(1, 2);
  return 0;
}

EDDY_TEST(bad, body_returns_a_code)
{
  return EDDY_EINVAL;
}

EDDY_TEST(bad, descriptor_left_open)
{
  CHECK(open("/dev/null", O_RDONLY) >= 0);
  return 0;
}

static int failing_task(void *unused)
{
  (void)unused;
  CHECK(eddy_current_task() == NULL);
  return 0;
}

EDDY_TASK_TEST(bad, check_fails_in_another_task)
{
  eddy_task *task;
  CHECK_OK(test_task(failing_task, NULL, &task));
  (void)eddy_task_await(task, NULL);
  return 0;
}

EDDY_UNIT_TEST(bad, leak)
{
  kept = malloc(100);
  kept = NULL;
  return 0;
}

EDDY_UNIT_TEST(bad, use_after_free)
{
  char *block = malloc(100);
  kept = block;
  free(block);
  CHECK_EQ(((volatile char *)kept)[1], 0);
  return 0;
}

EDDY_UNIT_TEST(bad, signed_overflow)
{
  number = number + 1;
  return 0;
}
