#include <eddy/timeout.h>

#include "task/task.h"

#include "base/clock.h"
#include "base/outcome.h"

enum state { CREATED = 0, ENTERED, EXPIRING, EXPIRED, EXITED };

/* What an eddy_timeout holds. */
struct eddy__scope {
  eddy_task *task;
  struct eddy__scope *around; /* the task's next one outwards */
  const char *site;
  eddy_time when;
  eddy_timer timer;
  unsigned cancels; /* open requests at entry */
  enum state state;
};

_Static_assert(
    sizeof(struct eddy__scope) <= sizeof(eddy_timeout), "eddy_timeout is too small");

static struct eddy__scope *scope_of(eddy_timeout *scope)
{
  return (struct eddy__scope *)(void *)scope;
}

static int expire(void *arg)
{
  struct eddy__scope *scope = EDDY__ENTRY(arg, struct eddy__scope, timer);
  eddy__timer_ran(&scope->timer);
  scope->state = EXPIRING;
  (void)eddy_task_cancel(scope->task, NULL);
  return 0;
}

/* Books the expiry; one that is due already is queued like any callback. */
static int book(struct eddy__scope *scope)
{
  eddy_loop *loop = scope->task->future.loop;
  eddy__timer_init(&scope->timer, expire);
  if (scope->when == EDDY_NEVER) return 0;
  if (scope->when > eddy__loop_now(loop)) {
    return eddy__timer_start(loop, &scope->timer, scope->when);
  }
  int rc = eddy__loop_book(loop);
  if (rc < 0) return rc;
  eddy__timer_queue(loop, &scope->timer);
  return 0;
}

/* Where the list of the task's scopes points to this one, or NULL if it is not entered. */
static struct eddy__scope **place_of(eddy_task *task, const struct eddy__scope *scope)
{
  struct eddy__scope **place = &task->more->scopes;
  while (*place != NULL && *place != scope) {
    place = &(*place)->around;
  }
  return *place != NULL ? place : NULL;
}

#undef eddy_timeout_enter
#undef eddy_timeout_at_enter

int eddy_timeout_enter_with(
    eddy_timeout *storage, eddy_time time, bool absolute, const char *site)
{
  if (storage == NULL) return EDDY_EINVAL;
  eddy_task *task = eddy__self.task;
  if (task == NULL) return EDDY_ENOTASK;
  if (eddy__task_extend(task) == NULL) return EDDY_ENOMEM;
  struct eddy__scope *scope = scope_of(storage);
  if (place_of(task, scope) != NULL) {
    return eddy_raise(EDDY_ERUNTIME, "timeout enter: the scope has been entered already");
  }
  *scope = (struct eddy__scope){.task = task,
      .site = site,
      .cancels = task->future.cancels,
      .when = time,
      .state = ENTERED};
  if (!absolute) scope->when = eddy__time_after(eddy__loop_now(task->future.loop), time);
  int rc = book(scope);
  if (rc < 0) {
    scope->state = CREATED;
    return rc;
  }
  scope->around = task->more->scopes;
  task->more->scopes = scope;
  return 0;
}

int eddy_timeout_enter(eddy_timeout *scope, eddy_time delay)
{
  return eddy_timeout_enter_with(scope, delay, false, NULL);
}

int eddy_timeout_at_enter(eddy_timeout *scope, eddy_time when)
{
  return eddy_timeout_enter_with(scope, when, true, NULL);
}

int eddy_timeout_exit(eddy_timeout *storage, int rc)
{
  struct eddy__scope *scope = scope_of(storage);
  if (storage == NULL || scope->task != eddy__self.task ||
      (scope->state != ENTERED && scope->state != EXPIRING)) {
    return eddy_raise(
        EDDY_ERUNTIME, "timeout exit: the scope was not entered by this task");
  }
  eddy__timer_stop(scope->task->future.loop, &scope->timer);
  struct eddy__scope **place = place_of(scope->task, scope);
  if (place != NULL) *place = scope->around;
  if (scope->state == ENTERED) {
    scope->state = EXITED;
    return rc;
  }
  scope->state = EXPIRED;
  bool ours = eddy_task_uncancel(scope->task) <= scope->cancels;
  if (!ours || rc != EDDY_ECANCELLED) return rc;
  if (scope->site == NULL) return eddy__fail(EDDY_ETIMEDOUT, "timeout", NULL, -1);
  return eddy_raise(EDDY_ETIMEDOUT, "timed out (task %s, timeout set at %s)",
      eddy_task_get_name(scope->task), scope->site);
}

int eddy_timeout_reschedule(eddy_timeout *storage, eddy_time when)
{
  struct eddy__scope *scope = scope_of(storage);
  if (scope->state != ENTERED) {
    return eddy_raise(
        EDDY_ERUNTIME, "timeout reschedule: the scope is not entered, or over");
  }
  eddy__timer_stop(scope->task->future.loop, &scope->timer);
  scope->when = when;
  return book(scope);
}

eddy_time eddy_timeout_when(const eddy_timeout *storage)
{
  return ((const struct eddy__scope *)(const void *)storage)->when;
}

bool eddy_timeout_expired(const eddy_timeout *storage)
{
  enum state state = ((const struct eddy__scope *)(const void *)storage)->state;
  return state == EXPIRING || state == EXPIRED;
}
