#include "sync/lock.h"

#include <stdio.h>
#include <string.h>

int eddy_lock_new(eddy_lock **out)
{
  if (out == NULL) return EDDY_EINVAL;
  eddy_lock *lock = eddy__alloc(sizeof(*lock));
  if (lock == NULL) return EDDY_ENOMEM;
  lock->refs = 1;
  eddy__list_init(&lock->line);
  *out = lock;
  return 0;
}

eddy_lock *eddy_lock_ref(eddy_lock *lock)
{
  lock->refs++;
  return lock;
}

void eddy_lock_unref(eddy_lock *lock)
{
  if (lock == NULL || --lock->refs > 0) return;
  eddy__unbind(lock->loop);
  eddy__unbind(lock->acquirer.loop);
  eddy__free(lock);
}

/* ---- who acquired it ---- */

static void note_acquirer(eddy_lock *lock, const eddy_task *task)
{
  if (lock->acquirer.loop != task->future.loop) {
    eddy__unbind(lock->acquirer.loop);
    lock->acquirer.loop = task->future.loop;
    eddy__loop_ref(lock->acquirer.loop);
  }
  lock->acquirer.id = task->id;
  lock->acquirer.site = task->site;
  lock->acquirer.name[0] = '\0';
  const char *name = eddy__task_given_name(task);
  if (name == NULL) return;
  size_t length = strlen(name);
  if (length >= sizeof(lock->acquirer.name)) length = sizeof(lock->acquirer.name) - 1;
  memcpy(lock->acquirer.name, name, length);
  lock->acquirer.name[length] = '\0';
}

/* The acquirer if it has not ended, or NULL. */
static eddy_task *live_acquirer(const eddy_lock *lock)
{
  if (lock->acquirer.loop != lock->loop) return NULL;
  return eddy__task_by_id(lock->loop, lock->acquirer.id);
}

void eddy__lock_describe(const eddy_lock *lock, char *text, size_t size)
{
  if (lock->holds == 0) {
    snprintf(text, size, "lock %p, just released", (const void *)lock);
    return;
  }
  eddy_task *task = live_acquirer(lock);
  if (task != NULL) {
    snprintf(text, size, "lock %p, acquired by task '%s'", (const void *)lock,
        eddy_task_get_name(task));
    return;
  }
  char name[32];
  snprintf(name, sizeof(name), "Task-%llu", (unsigned long long)lock->acquirer.id);
  snprintf(text, size, "lock %p, acquired by task '%s', which %s%s%s", (const void *)lock,
      lock->acquirer.name[0] != '\0' ? lock->acquirer.name : name,
      lock->acquirer.loop == lock->loop ? "has ended" : "was another loop's",
      lock->acquirer.site != NULL ? "; it was created at " : "",
      lock->acquirer.site != NULL ? lock->acquirer.site : "");
}

static void describe_acquire(const eddy_task *task, char *text, size_t size)
{
  eddy__lock_describe(task->wait.object, text, size);
}

/* ---- acquire and release ---- */

static void take(eddy_lock *lock, const eddy_task *task)
{
  lock->holds = 1;
  note_acquirer(lock, task);
}

/* Only the first in line is looked at: one that was cancelled, or woken, does the rest when
 * it runs. */
static void wake_first(eddy_lock *lock)
{
  struct eddy__link *first = eddy__list_first(&lock->line);
  if (first == NULL) return;
  eddy_task *task = eddy__line_task(first);
  if (eddy__line_waits(task)) eddy__line_wake(task);
}

bool eddy__lock_try(eddy_lock *lock, const eddy_task *task)
{
  if (lock->holds > 0 || !eddy__line_is_void(&lock->line)) return false;
  take(lock, task);
  return true;
}

int eddy__lock_woken(eddy_lock *lock, eddy_task *task, int rc)
{
  eddy__line_leave(task);
  if (rc == 0) {
    take(lock, task);
  } else if (lock->holds == 0) {
    wake_first(lock);
  }
  return rc;
}

void eddy__lock_share(eddy_lock *lock)
{
  lock->holds++;
}

void eddy__lock_release(eddy_lock *lock)
{
  if (--lock->holds == 0) wake_first(lock);
}

static int end_acquire(eddy_task *task, int rc)
{
  eddy_lock *lock = task->wait.object;
  rc = eddy__lock_woken(lock, task, rc);
  eddy_lock_unref(lock);
  return rc;
}

static const struct eddy__wait_type acquire_wait = {
    eddy__line_cancel, describe_acquire, end_acquire, "lock"};

int eddy_lock_acquire(eddy_lock *lock)
{
  int rc;
  bool resumed;
  eddy_task *task = eddy__wait_begin(&resumed, &rc);
  if (task == NULL) return rc;
  if (resumed) return end_acquire(task, rc);
  if (lock == NULL) return EDDY_EINVAL;
  if (eddy__lock_try(lock, task)) return 0;
  rc = eddy__bind(&lock->loop, task->future.loop, "lock acquire");
  if (rc < 0) return rc;
  eddy_lock_ref(lock);
  return eddy__line_wait(&lock->line, task, &acquire_wait, lock);
}

int eddy_lock_release(eddy_lock *lock)
{
  if (lock == NULL) return EDDY_EINVAL;
  if (lock->holds == 0) {
    return eddy_raise(EDDY_ERUNTIME,
        "lock release: lock %p is not locked; release it once for each acquire",
        (void *)lock);
  }
  eddy__lock_release(lock);
  return 0;
}

bool eddy_lock_locked(const eddy_lock *lock)
{
  return lock->holds > 0;
}
