#include <eddy/timeout.h>
#include <eddy/wait.h>

#include <stdio.h>

#include "task/task.h"

/*
 * With a limit in the future this is a timeout scope around eddy_await. The scope stands in
 * this function's frame if the task has a stack; else in memory of its own, and is found again as
 * the task's innermost one. Without any time the future is cancelled, and its end waited for.
 */

/* Where the call stands (task->wait.phase), which eddy_await leaves alone. */
enum phase {
  AWAITING, /* in eddy_await, without a limit */
  LIMITED,  /* in eddy_await, within the scope */
  BOOKED,   /* for the callback of the cancelled future's end */
  QUEUED,   /* that callback, in the ring at task->wait.scratch.u */
  ENDED,    /* it has run */
};

static int time_out(eddy_future *future)
{
  char text[100];
  eddy__future_describe(future, text, sizeof(text));
  return eddy_raise(EDDY_ETIMEDOUT, "wait_for %s: timed out (task '%s')", text,
      eddy_task_get_name(eddy__self.task));
}

static int await_in_scope(
    eddy_task *task, eddy_future *future, eddy_time timeout, eddy_value *value)
{
  eddy_timeout local;
  eddy_timeout *scope;
  if (task->wait.resumed) {
    scope = (eddy_timeout *)task->more->scopes;
  } else {
    bool stackful = task->kind == EDDY__TASK_STACKFUL;
    scope = stackful ? &local : eddy__alloc(sizeof(*scope));
    if (scope == NULL) return EDDY_ENOMEM;
    int rc = eddy_timeout_enter_with(scope, timeout, false, NULL);
    if (rc < 0) {
      if (scope != &local) eddy__free(scope);
      return rc;
    }
    task->wait.phase = LIMITED;
  }
  int rc = eddy_await(future, value);
  if (rc == EDDY_PENDING) return rc;
  int left = eddy_timeout_exit(scope, rc);
  if (scope != &local) eddy__free(scope);
  return left == EDDY_ETIMEDOUT && rc == EDDY_ECANCELLED ? time_out(future) : left;
}

/* ---- no time at all: cancel, then wait for the end ---- */

/* It does not wait on the future as an awaiter does: a request to the waiting task ends the
 * wait. */
static int run_ended(void *arg)
{
  eddy_task *task = arg;
  task->wait.phase = ENDED;
  eddy__wait_wake(task, 0);
  return 0;
}

static void queue_ended(struct eddy__done *done)
{
  eddy_task *task = eddy__wait_task(done);
  task->wait.phase = QUEUED;
  task->wait.scratch.u = eddy__loop_push(task->future.loop, run_ended, task);
}

eddy_future *eddy__wait_for_waiter(struct eddy__done *done)
{
  return done->complete == queue_ended ? &eddy__wait_task(done)->future : NULL;
}

static void describe_cancelled(const eddy_task *task, char *text, size_t size)
{
  int length = snprintf(text, size, "wait_for, out of time, the end of ");
  if ((size_t)length >= size) return;
  eddy__future_describe(task->wait.object, text + length, size - (size_t)length);
}

static const struct eddy__wait_type cancelled_wait = {
    NULL, describe_cancelled, NULL, "cancelled future"};

/* The future is cancelled, and its end will queue the callback. */
static int cancel_future(eddy_task *task, eddy_future *future)
{
  eddy_loop *loop = task->future.loop;
  if (future->loop != loop) {
    return eddy_raise(EDDY_EOTHERLOOP, "wait_for: the future belongs to another loop");
  }
  int rc = eddy__loop_book(loop);
  if (rc < 0) return rc;
  eddy_future_ref(future);
  task->wait.phase = BOOKED;
  task->wait.done.complete = queue_ended;
  eddy__future_add(future, &task->wait.done);
  (void)eddy_future_cancel(future, NULL);
  return 0;
}

static int end_cancelled(eddy_task *task, eddy_future *future, int rc, eddy_value *value)
{
  eddy_loop *loop = task->future.loop;
  eddy__list_remove(&task->wait.done.link);
  if (task->wait.phase == QUEUED) eddy__loop_drop(loop, task->wait.scratch.u);
  if (task->wait.phase == BOOKED) eddy__loop_unbook(loop);
  if (rc == 0) {
    rc = eddy_await(future, value); /* it is done */
    if (rc == EDDY_ECANCELLED) rc = time_out(future);
  }
  eddy_future_unref(future);
  return rc;
}

static int cancel_and_wait(eddy_future *future, eddy_value *value)
{
  int rc;
  bool resumed;
  eddy_task *task = eddy__wait_begin(&resumed, &rc);
  if (task == NULL) return rc;
  if (!resumed) {
    rc = cancel_future(task, future);
    if (rc < 0) return rc;
    rc = eddy__wait(task, &cancelled_wait, future);
    if (rc == EDDY_PENDING) return rc;
  }
  return end_cancelled(task, future, rc, value);
}

int eddy_wait_for(eddy_future *future, eddy_time timeout, eddy_value *value)
{
  eddy_task *task = eddy__self.task;
  if (task == NULL) return EDDY_ENOTASK;
  if (task->wait.resumed) {
    /* A stackless coroutine goes on: `timeout` may have been computed anew since. */
    if (task->wait.phase == AWAITING) return eddy_await(future, value);
    if (task->wait.phase == LIMITED) return await_in_scope(task, future, timeout, value);
    return cancel_and_wait(future, value);
  }
  if (future == NULL) return EDDY_EINVAL;
  task->wait.phase = AWAITING;
  if (timeout == EDDY_NEVER || future->state != EDDY__PENDING)
    return eddy_await(future, value);
  if (timeout <= 0) return cancel_and_wait(future, value);
  return await_in_scope(task, future, timeout, value);
}
