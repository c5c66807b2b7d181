/* How a call waits: the parking and waking of tasks. eddy_wait, which waits for futures this way,
 * is in wait_futures.c. */
#include "task/task.h"

#include <string.h>

#include "base/outcome.h"

/* How often a task that is being closed may ask to wait before its stack is given up. */
#define CLOSING_WAITS 1000

struct eddy__began eddy__wait_begin_slowly(void)
{
  eddy_task *task = eddy__self.task;
  if (task == NULL || (task->kind == EDDY__TASK_COROUTINE && eddy__self.coro != NULL)) {
    return (struct eddy__began){.rc = EDDY_ENOTASK};
  }
  if (task->wait.resumed) {
    task->wait.resumed = false;
    return (struct eddy__began){task, task->wait.status, true};
  }
  if (!task->closing) return (struct eddy__began){.task = task};
  if (++task->spins >= CLOSING_WAITS) {
    /* It ignores the end: its stack, or its frame, is never run again. */
    if (task->kind == EDDY__TASK_COROUTINE)
      return (struct eddy__began){.rc = EDDY_PENDING};
    (void)eddy__task_leave_slowly(task);
  }
  return (struct eddy__began){.rc = EDDY_EGENERATOREXIT};
}

static int suspend(eddy_task *task)
{
  return task->kind == EDDY__TASK_STACKFUL ? eddy__task_leave_slowly(task) : EDDY_PENDING;
}

/* The task asked for its own end before: what it begins to wait for is cancelled at once. */
static void cancel_at_once(eddy_task *task)
{
  const struct eddy__wait_type *type = task->wait.type;
  char *message = eddy__task_take_cancel_message(task);
  bool (*cancel)(eddy_task *, const char *) = type->cancel;
  if (cancel == NULL) cancel = eddy__wait_cancel;
  if (cancel(task, message)) eddy__task_set_must_cancel(task, false);
  eddy__free(message);
}

int eddy__wait_slowly(eddy_task *task)
{
  if (task->must_cancel) cancel_at_once(task);
  return suspend(task);
}

int eddy__wait_again(eddy_task *task, const struct eddy__wait_type *type, void *object)
{
  task->wait.object = object;
  eddy__wait_park(task, type);
  if (task->must_cancel) cancel_at_once(task);
  return EDDY_PENDING;
}

const char *eddy__wait_call(const eddy_task *task)
{
  const char *what = task->wait.type->what;
  const char *space = strrchr(what, ' ');
  return space != NULL ? space + 1 : what;
}

/* There is nothing more to be done when the turn has come. */
static const struct eddy__wait_type turn_wait = {NULL, NULL, NULL, NULL};

int eddy__wait_turn(eddy_task *task, int status)
{
  task->wait.type = &turn_wait;
  task->wait.status = status;
  task->wait.state = EDDY__WAIT_TURN;
  /* The running loop is the task's; taken from there it does not hang on the task's memory,
   * which was perhaps written a moment ago. */
  eddy_loop *loop = eddy__self.loop;
  const struct eddy__entry *entry = eddy__loop_head(loop);
  eddy__loop_push(loop, eddy__task_step, task);
  return task->plain ? eddy__task_leave(task, loop, entry, entry->arg) : suspend(task);
}

/* asyncio's sleep awaits a future that a timer completes: the task runs one iteration after
 * the timer's callback. */
static int wake_at_last(void *arg)
{
  eddy_task *task = EDDY__ENTRY(arg, eddy_task, wait.timer);
  eddy__timer_ran(&task->wait.timer);
  eddy__wait_woken(task, 0);
  return 0;
}

int eddy__wait_until(
    eddy_task *task, const struct eddy__wait_type *type, eddy_time deadline)
{
  eddy__timer_init(&task->wait.timer, wake_at_last);
  int rc = eddy__timer_start(task->future.loop, &task->wait.timer, deadline);
  if (rc < 0) {
    eddy__wait_until_end(task);
    return rc;
  }
  return eddy__wait_filled(task, type, eddy__look_ahead());
}

bool eddy__wait_until_cancel(eddy_task *task, const char *message)
{
  eddy__task_set_cancel_message(task, message);
  eddy__wait_woken(task, EDDY_ECANCELLED);
  return true;
}

void eddy__wait_until_end(eddy_task *task)
{
  eddy__timer_stop(task->future.loop, &task->wait.timer);
  eddy__list_init(&task->wait.done.link); /* which is in the same place */
}

void eddy__wait_wake(eddy_task *task, int status)
{
  if (task->wait.state != EDDY__WAIT_PARKED) return;
  eddy__list_remove(&task->wait.done.link);
  eddy__wait_woken(task, status);
}

void eddy__wait_woken(eddy_task *task, int status)
{
  if (task->wait.state != EDDY__WAIT_PARKED) return;
  task->wait.status = status;
  task->wait.state = EDDY__WAIT_WOKEN;
  if (status == EDDY_ECANCELLED) task->swift = false;
  eddy__loop_push(task->future.loop, eddy__task_step, task);
}

int eddy__wait_grant(eddy_task *task)
{
  task->wait.state = EDDY__WAIT_WOKEN;
  task->wait.granted = true;
  eddy__loop_push(task->future.loop, eddy__task_step, task);
  return 0;
}

bool eddy__wait_cancel(eddy_task *task, const char *message)
{
  eddy__task_set_cancel_message(task, message);
  eddy__wait_wake(task, EDDY_ECANCELLED);
  return true;
}
