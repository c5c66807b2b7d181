#include "task/task.h"

#include <stdio.h>

#include "base/clock.h"

static void describe_sleep(const eddy_task *task, char *text, size_t size)
{
  if (task->wait.timer.deadline == EDDY_NEVER) {
    snprintf(text, size, "sleep without end");
    return;
  }
  eddy_time left = task->wait.timer.deadline - eddy_loop_time(task->future.loop);
  snprintf(text, size, "timer, due in %.3f s", (double)(left > 0 ? left : 0) / 1e9);
}

static int end_sleep(eddy_task *task, int status)
{
  eddy__wait_until_end(task);
  return status;
}

static const struct eddy__wait_type sleep_wait = {
    eddy__wait_until_cancel, describe_sleep, end_sleep, "timer"};

/* Out of line, so that the bare yield needs no stack frame. */
static int sleep_until_due(eddy_time delay)
{
  int rc;
  bool resumed;
  eddy_task *task = eddy__wait_begin(&resumed, &rc);
  if (task == NULL) return rc;
  if (resumed) return end_sleep(task, rc);
  eddy_time now = eddy__loop_now(task->future.loop);
  return eddy__wait_until(task, &sleep_wait, eddy__time_after(now, delay));
}

int eddy_sleep(eddy_time delay)
{
  int rc;
  bool resumed;
  if (delay > 0) return sleep_until_due(delay);
  eddy_task *task = eddy__wait_begin(&resumed, &rc);
  if (task == NULL || resumed) return rc;
  return eddy__wait_turn(task, 0);
}
