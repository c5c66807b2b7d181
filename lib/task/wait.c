#include "task/task.h"

#include <stdio.h>

#include "base/outcome.h"

/* How often a task that is being closed may ask to wait before its stack is given up. */
#define CLOSING_WAITS 1000

eddy_task *eddy__wait_begin(bool *resumed, int *rc)
{
  eddy_task *task = eddy__self.task;
  if (task == NULL || (task->kind == EDDY__TASK_COROUTINE && eddy__self.coro != NULL)) {
    *rc = EDDY_ENOTASK;
    return NULL;
  }
  *resumed = task->wait.resumed;
  task->wait.resumed = false;
  *rc = *resumed ? task->wait.status : 0;
  if (task->closing && !*resumed) {
    *rc = EDDY_EGENERATOREXIT;
    if (++task->spins < CLOSING_WAITS || task->kind == EDDY__TASK_COROUTINE) return NULL;
    /* It ignores the end: its stack is never run again. */
    task->wait.state = EDDY__WAIT_PARKED;
    (void)eddy__task_leave(task);
  }
  return task;
}

static int suspend(eddy_task *task)
{
  return task->kind == EDDY__TASK_STACKFUL ? eddy__task_leave(task) : EDDY_PENDING;
}

/* The task asked for its own end before: what it begins to wait for is cancelled at once. */
static void cancel_at_once(eddy_task *task, const struct eddy__wait_type *type)
{
  char *message = task->cancel_message;
  task->cancel_message = NULL;
  bool (*cancel)(eddy_task *, const char *) = type->cancel;
  if (cancel == NULL) cancel = eddy__wait_cancel;
  if (cancel(task, message)) task->must_cancel = false;
  eddy__free(message);
}

int eddy__wait(eddy_task *task, const struct eddy__wait_type *type, void *object)
{
  task->wait.type = type;
  task->wait.object = object;
  task->wait.granted = false;
  task->wait.status = 0;
  task->wait.state = EDDY__WAIT_PARKED;
  task->future.loop->parked++;
  if (task->must_cancel) cancel_at_once(task, type);
  return suspend(task);
}

int eddy__wait_turn(eddy_task *task, int status)
{
  task->wait.status = status;
  task->wait.state = EDDY__WAIT_WOKEN;
  eddy__loop_push(task->future.loop, eddy__task_step, task);
  return suspend(task);
}

void eddy__wait_wake(eddy_task *task, int status)
{
  if (task->wait.state != EDDY__WAIT_PARKED) return;
  eddy_loop *loop = task->future.loop;
  eddy__list_remove(&task->wait.done.link);
  task->wait.status = status;
  task->wait.state = EDDY__WAIT_WOKEN;
  loop->parked--;
  eddy__loop_push(loop, eddy__task_step, task);
  if (loop->guest && !loop->running) loop->io->busy(loop->io_state, true);
}

bool eddy__wait_cancel(eddy_task *task, const char *message)
{
  eddy__task_set_cancel_message(task, message);
  eddy__wait_wake(task, EDDY_ECANCELLED);
  return true;
}
