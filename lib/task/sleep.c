#include "task/task.h"

#include <stdio.h>

#include "base/clock.h"

/* asyncio's sleep awaits a future that a timer completes: the task runs one iteration after
 * the timer's callback. */
static int wake_sleeper(void *arg)
{
  eddy_task *task = arg;
  eddy__timer_ran(&task->timer);
  eddy__wait_woken(task, 0);
  return 0;
}

static void describe_sleep(const eddy_task *task, char *text, size_t size)
{
  if (task->timer.deadline == EDDY_NEVER) {
    snprintf(text, size, "sleep without end");
    return;
  }
  eddy_time left = task->timer.deadline - eddy_loop_time(task->future.loop);
  snprintf(text, size, "timer, due in %.3f s", (double)(left > 0 ? left : 0) / 1e9);
}

static int end_sleep(eddy_task *task, int status)
{
  if (status < 0) eddy__timer_stop(task->future.loop, &task->timer);
  return status;
}

static const struct eddy__wait_type sleep_wait = {
    NULL, describe_sleep, end_sleep, "timer"};

/* Out of line, so that the bare yield needs no stack frame. */
static int sleep_until_due(eddy_time delay)
{
  int rc;
  bool resumed;
  eddy_task *task = eddy__wait_begin(&resumed, &rc);
  if (task == NULL) return rc;
  if (resumed) return end_sleep(task, rc);
  eddy_loop *loop = task->future.loop;
  eddy__timer_init(&task->timer, wake_sleeper, task);
  rc = eddy__timer_start(
      loop, &task->timer, eddy__time_after(eddy__loop_now(loop), delay));
  if (rc < 0) return rc;
  return eddy__wait(task, &sleep_wait, NULL);
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
