#include <eddy/condition.h>

#include <stdint.h>
#include <stdio.h>

#include "sync/lock.h"

struct eddy_condition {
  size_t refs;
  eddy_lock *lock; /* referenced */
  eddy_loop *loop; /* eddy__bind */
  struct eddy__link line;
};

/* Where a wait stands: task->wait.phase. */
enum {
  RELOCKING = 1, /* it waits for the lock, no longer to be notified */
  CANCELLED = 2, /* when it has the lock it ends with EDDY_ECANCELLED */
};

int eddy_condition_new(eddy_lock *lock, eddy_condition **out)
{
  if (out == NULL) return EDDY_EINVAL;
  eddy_condition *condition = eddy__alloc(sizeof(*condition));
  if (condition == NULL) return EDDY_ENOMEM;
  if (lock != NULL) {
    condition->lock = eddy_lock_ref(lock);
  } else {
    int rc = eddy_lock_new(&condition->lock);
    if (rc < 0) {
      eddy__free(condition);
      return rc;
    }
  }
  condition->refs = 1;
  eddy__list_init(&condition->line);
  *out = condition;
  return 0;
}

eddy_condition *eddy_condition_ref(eddy_condition *condition)
{
  condition->refs++;
  return condition;
}

void eddy_condition_unref(eddy_condition *condition)
{
  if (condition == NULL || --condition->refs > 0) return;
  eddy_lock_unref(condition->lock);
  eddy__unbind(condition->loop);
  eddy__free(condition);
}

int eddy_condition_acquire(eddy_condition *condition)
{
  return eddy_lock_acquire(condition == NULL ? NULL : condition->lock);
}

int eddy_condition_release(eddy_condition *condition)
{
  return eddy_lock_release(condition == NULL ? NULL : condition->lock);
}

bool eddy_condition_locked(const eddy_condition *condition)
{
  return eddy_lock_locked(condition->lock);
}

/* ---- wait ---- */

/* The task has the lock. */
static int finish(eddy_condition *condition, int rc)
{
  if (rc < 0) eddy__line_notify(&condition->line, 1);
  return rc;
}

/* Takes the lock or waits for it; then the wait will end with rc. */
static int relock(eddy_condition *condition, eddy_task *task, int rc)
{
  if (eddy__lock_try(condition->lock, task)) return finish(condition, rc);
  if (rc < 0 && rc != EDDY_ECANCELLED) { /* being closed */
    eddy__lock_share(condition->lock);
    return finish(condition, rc);
  }
  task->wait.phase |= RELOCKING;
  if (rc < 0) task->wait.phase |= CANCELLED;
  eddy__list_append(&condition->lock->line, &task->wait.done.link);
  return eddy__wait_again(task, task->wait.type, condition);
}

/* EDDY_PENDING as long as the task has to wait for the lock; then how the wait ended. */
static int go_on(eddy_condition *condition, eddy_task *task, int rc)
{
  if ((task->wait.phase & RELOCKING) == 0) {
    eddy__line_leave(task);
    return relock(condition, task, rc);
  }
  rc = eddy__lock_woken(condition->lock, task, rc);
  if (rc < 0) return relock(condition, task, rc);
  return finish(condition, (task->wait.phase & CANCELLED) != 0 ? EDDY_ECANCELLED : 0);
}

static void describe_wait(const eddy_task *task, char *text, size_t size)
{
  const eddy_condition *condition = task->wait.object;
  int length = snprintf(text, size, "condition %p", (const void *)condition);
  bool relocks = (task->wait.phase & RELOCKING) != 0;
  if (!relocks || length < 0 || (size_t)length + 2 >= size) return;
  text[length++] = ',';
  text[length++] = ' ';
  eddy__lock_describe(condition->lock, text + length, size - (size_t)length);
}

static int end_wait(eddy_task *task, int rc)
{
  eddy_condition *condition = task->wait.object;
  rc = go_on(condition, task, rc);
  if (rc != EDDY_PENDING) eddy_condition_unref(condition);
  return rc;
}

static const struct eddy__wait_type condition_wait = {
    eddy__line_cancel, describe_wait, end_wait, "condition"};

static int begin_wait(eddy_condition *condition, eddy_task *task)
{
  eddy_lock *lock = condition->lock;
  if (!eddy_lock_locked(lock)) {
    return eddy_raise(EDDY_ERUNTIME,
        "condition wait: the lock of condition %p is not locked; acquire it first",
        (void *)condition);
  }
  int rc = eddy__bind(&condition->loop, task->future.loop, "condition wait");
  if (rc < 0) return rc;
  /* The lock too, so that it can be taken again whatever happens meanwhile. */
  rc = eddy__bind(&lock->loop, task->future.loop, "condition wait");
  if (rc < 0) return rc;
  eddy_condition_ref(condition);
  eddy__lock_release(lock);
  task->wait.phase = 0;
  return eddy__line_wait(&condition->line, task, &condition_wait, condition);
}

int eddy_condition_wait(eddy_condition *condition)
{
  int rc;
  bool resumed;
  eddy_task *task = eddy__wait_begin(&resumed, &rc);
  if (task == NULL) return rc;
  if (resumed) return end_wait(task, rc);
  return condition == NULL ? EDDY_EINVAL : begin_wait(condition, task);
}

int eddy_condition_wait_for(
    eddy_condition *condition, bool (*predicate)(void *arg), void *arg)
{
  int rc;
  bool resumed;
  eddy_task *task = eddy__wait_begin(&resumed, &rc);
  if (task == NULL) return rc;
  if (resumed) rc = end_wait(task, rc);
  if (condition == NULL || predicate == NULL) return EDDY_EINVAL;
  /* The predicate is the program's: it is called on the stack of the task that waits. */
  while (rc == 0 && !predicate(arg)) {
    rc = begin_wait(condition, task);
  }
  return rc;
}

int eddy_condition_notify(eddy_condition *condition, size_t n)
{
  if (condition == NULL) return EDDY_EINVAL;
  if (!eddy_lock_locked(condition->lock)) {
    return eddy_raise(EDDY_ERUNTIME,
        "condition notify: the lock of condition %p is not locked; acquire it first",
        (void *)condition);
  }
  eddy__line_notify(&condition->line, n);
  return 0;
}

int eddy_condition_notify_all(eddy_condition *condition)
{
  return eddy_condition_notify(condition, SIZE_MAX);
}
