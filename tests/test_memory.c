/* What the statistics say of memory. How much it is, and that it goes back, is measured by
 * tests/stress/memory.c and tests/bench. */
#include "tasks.h"

enum { TASKS = 400 }; /* of more than one chunk of their pool */

static int wait_for_ever(eddy_frame *frame)
{
  int rc;
  EDDY_BEGIN(frame);
  EDDY_AWAIT(frame, rc, eddy_sleep(EDDY_NEVER));
  EDDY_RAISE(frame, rc);
  EDDY_END(frame);
}

static size_t task_memory(void)
{
  eddy_loop_stats stats;
  eddy_loop_get_stats(eddy_get_running_loop(), &stats);
  return stats.task_memory;
}

EDDY_TASK_TEST(memory, statistics_say_what_tasks_hold)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    eddy_task *tasks[TASKS];
    size_t before = task_memory();
    CHECK(before > 0); /* this one's */
    for (int i = 0; i < TASKS; i++) {
      eddy_frame *frame = test_new(sizeof *frame);
      CHECK_OK(test_frame_task(kind, frame, wait_for_ever, &tasks[i]));
    }
    CHECK_OK(eddy_sleep(0));
    size_t each = (task_memory() - before) / TASKS;
    if (kind == TEST_STACKFUL) {
      CHECK_BETWEEN(4096 + 100, each, 70000); /* a page of the system's */
    } else {
      CHECK_BETWEEN(100, each, 1500);
    }
    for (int i = 0; i < TASKS; i++) {
      CHECK(eddy_task_cancel(tasks[i], NULL));
      CHECK_CODE(eddy_task_await(tasks[i], NULL), EDDY_ECANCELLED);
    }
  }
  return 0;
}
