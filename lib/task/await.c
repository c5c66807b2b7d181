#include "task/task.h"

#include "base/outcome.h"

static void wake_awaiter(struct eddy__done *done)
{
  eddy__wait_woken(eddy__wait_task(done), 0);
}

eddy_future *eddy__await_waiter(struct eddy__done *done)
{
  return done->complete == wake_awaiter ? &eddy__wait_task(done)->future : NULL;
}

/* The request goes on to what the task waits for; its end wakes the task. */
bool eddy__await_cancel(eddy_task *task, const char *message)
{
  return eddy_future_cancel(task->wait.object, message);
}

static void describe_await(const eddy_task *task, char *text, size_t size)
{
  eddy__future_describe(task->wait.object, text, size);
}

/* The outcome, with its message handed to the awaiter. */
static int take(eddy_future *future, eddy_value *value)
{
  int rc = eddy_future_result(future, value);
  if (rc < 0) eddy__outcome_copy_message(&future->outcome, rc, eddy__self.outcome);
  return rc;
}

int eddy__await_end(eddy_task *task, int rc)
{
  eddy_future *future = task->wait.object;
  eddy__list_remove(&task->wait.done.link);
  if (rc == 0 || (rc == EDDY_ECANCELLED && future->state == EDDY__CANCELLED)) {
    rc = take(future, task->wait.scratch.p);
  } else if (rc == EDDY_ECANCELLED && future->state != EDDY__PENDING) {
    future->retrieved = true; /* delivered, if only to be discarded */
  }
  eddy_future_unref(future);
  return rc;
}

static const struct eddy__wait_type await_wait = {
    eddy__await_cancel, describe_await, eddy__await_end, "future"};

eddy_task *eddy__task_awaited(const eddy_task *task)
{
  return task->wait.state == EDDY__WAIT_PARKED ? eddy__task_last_awaited(task) : NULL;
}

eddy_task *eddy__task_last_awaited(const eddy_task *task)
{
  bool waits = task->wait.state >= EDDY__WAIT_PARKED && task->wait.type == &await_wait;
  return waits ? eddy__future_task(task->wait.object) : NULL;
}

/* Says why a task that asked for the impossible was woken. */
static int explain(int rc)
{
  if (rc == EDDY_ERUNTIME) return eddy_raise(rc, "await: a task cannot wait for itself");
  if (rc == EDDY_EOTHERLOOP)
    return eddy_raise(rc, "await: the future belongs to another loop");
  return rc;
}

/* What can never end is an error at the next step. */
static int await_in_vain(eddy_task *task, eddy_future *future)
{
  int rc = future == &task->future ? EDDY_ERUNTIME : EDDY_EOTHERLOOP;
  return explain(eddy__wait_turn(task, rc));
}

EDDY__INLINE int await_as(
    eddy_future *future, eddy_value *value, const struct eddy__wait_type *type)
{
  int rc;
  bool resumed;
  eddy_task *task = eddy__wait_begin(&resumed, &rc);
  if (task == NULL) return rc;
  if (future == NULL) return EDDY_EINVAL;
  bool possible = future != &task->future && future->loop == task->future.loop;
  if (resumed) {
    if (!possible) return explain(rc);
    task->wait.scratch.p = value;
    return eddy__await_end(task, rc);
  }
  if (future->state != EDDY__PENDING) return take(future, value);
  if (!possible) return await_in_vain(task, future);
  future->refs++;
  task->wait.scratch.p = value;
  task->wait.done.complete = wake_awaiter;
  eddy__future_add(future, &task->wait.done);
  return eddy__wait(task, type, future);
}

int eddy_await(eddy_future *future, eddy_value *value)
{
  return await_as(future, value, &await_wait);
}

int eddy__await_as(
    eddy_future *future, eddy_value *value, const struct eddy__wait_type *type)
{
  return await_as(future, value, type);
}

int eddy_task_await(eddy_task *task, eddy_value *value)
{
  return eddy_await(task == NULL ? NULL : &task->future, value);
}
