/* A child as the library knows it, beneath transports. */
#include <uv.h>

#include "io/child.h"

#include "eddy_test.h"

static void count_exit(void *exits)
{
  ++*(int *)exits;
}

static int start_and_end(struct eddy__child *child, int *exits)
{
  const char *argv[] = {"true", NULL};
  const struct eddy__child_options options = {.argv = argv, .fds = {0, 1, 2}};
  CHECK_OK(eddy__child_init(child, eddy_get_running_loop(), count_exit, exits));
  int rc = eddy__child_begin(child, &options);
  /* Meanwhile the loop does not run: what a thread has to tell waits. */
  for (int i = 0; rc == 0 && i < 50; i++) {
    uv_sleep(1);
  }
  eddy__child_fini(child);
  return rc;
}

EDDY_TASK_TEST(child, that_is_let_go_of_when_it_has_ended_is_not_heard_of)
{
  struct eddy__child *child = test_new(sizeof *child);
  int *exits = test_new(sizeof *exits);
  CHECK_OK(start_and_end(child, exits));
  for (int i = 0; i < 5; i++)
    CHECK_OK(eddy_sleep(0));
  CHECK_EQ(*exits, 0);
  return 0;
}

EDDY_TASK_TEST(child, that_is_let_go_of_leaves_nothing_to_a_loop_that_is_closed)
{
  struct eddy__child *child = test_new(sizeof *child);
  int *exits = test_new(sizeof *exits);
  return start_and_end(child, exits);
}
