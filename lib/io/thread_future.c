#include "io/thread_future.h"

#include <stdatomic.h>

#include <uv.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fork.h"
#include "base/self.h"

#define LONGEST_WAIT EDDY_S(24 * 3600) /* at once; then one waits again */

enum state { PENDING = 0, DONE, CANCELLED };

struct eddy_thread_future {
  atomic_size_t refs;
  const eddy_loop *loop; /* of its task, for comparison only; or NULL */
  unsigned forks;        /* of base/fork.h; in a child nothing is locked */
  uv_mutex_t mutex;      /* guards all that follows until it is done */
  uv_cond_t ended;
  enum state state;
  int error;
  eddy_outcome outcome; /* the value, and the message of `error` */
  struct eddy__link followers;
  struct eddy__link callbacks;
};

/* A user's callback. */
struct callback {
  struct eddy__link link;
  eddy_thread_done_fn *fn;
  void *arg;
};

static bool is_inherited(const eddy_thread_future *future)
{
  return eddy__inherited(future->forks);
}

static void lock(eddy_thread_future *future)
{
  if (!is_inherited(future)) uv_mutex_lock(&future->mutex);
}

static void unlock(eddy_thread_future *future)
{
  if (!is_inherited(future)) uv_mutex_unlock(&future->mutex);
}

int eddy__thread_future_usable(const eddy_thread_future *future)
{
  if (future == NULL) return EDDY_EINVAL;
  if (!is_inherited(future)) return 0;
  return eddy__refuse_inherited("thread future", "future");
}

int eddy__thread_future_new(const eddy_loop *loop, eddy_thread_future **out)
{
  eddy_thread_future *future = eddy__alloc(sizeof(*future));
  if (future == NULL) return EDDY_ENOMEM;
  int rc = eddy__forks_watch();
  if (rc < 0) goto fail_mutex;
  rc = uv_mutex_init(&future->mutex);
  if (rc < 0) goto fail_mutex;
  rc = uv_cond_init(&future->ended);
  if (rc < 0) goto fail_ended;
  atomic_init(&future->refs, 1);
  future->loop = loop;
  future->forks = eddy__forks;
  eddy__list_init(&future->followers);
  eddy__list_init(&future->callbacks);
  *out = future;
  return 0;
fail_ended:
  uv_mutex_destroy(&future->mutex);
fail_mutex:
  eddy__free(future);
  return rc;
}

int eddy_thread_future_new(eddy_thread_future **out)
{
  return out == NULL ? EDDY_EINVAL : eddy__thread_future_new(NULL, out);
}

eddy_thread_future *eddy_thread_future_ref(eddy_thread_future *future)
{
  atomic_fetch_add_explicit(&future->refs, 1, memory_order_relaxed);
  return future;
}

/* In a child its memory stays: its mutex may be held for ever. */
void eddy_thread_future_unref(eddy_thread_future *future)
{
  if (future == NULL || is_inherited(future)) return;
  if (atomic_fetch_sub_explicit(&future->refs, 1, memory_order_acq_rel) > 1) return;
  struct eddy__link *link;
  while ((link = eddy__list_first(&future->callbacks)) != NULL) {
    eddy__list_remove(link);
    eddy__free(EDDY__ENTRY(link, struct callback, link));
  }
  eddy__outcome_clear(&future->outcome);
  uv_cond_destroy(&future->ended);
  uv_mutex_destroy(&future->mutex);
  eddy__free(future);
}

/* ---- its end ---- */

/* Nobody adds to the callbacks of a future that is done, so that they need no lock. */
static void run_callbacks(eddy_thread_future *future)
{
  struct eddy__link *link;
  while ((link = eddy__list_first(&future->callbacks)) != NULL) {
    eddy__list_remove(link);
    struct callback *callback = EDDY__ENTRY(link, struct callback, link);
    callback->fn(future, callback->arg);
    eddy__free(callback);
  }
}

/* Ends a future that is locked and pending; unlocks it. */
static void end(eddy_thread_future *future, enum state state, int error)
{
  future->state = state;
  future->error = error;
  struct eddy__link *link;
  while ((link = eddy__list_first(&future->followers)) != NULL) {
    eddy__list_remove(link);
    struct eddy__thread_done *done = EDDY__ENTRY(link, struct eddy__thread_done, link);
    done->complete(done, state == CANCELLED);
  }
  /* A waiter may let go of the last reference as soon as the lock is free. */
  (void)eddy_thread_future_ref(future);
  uv_cond_broadcast(&future->ended);
  unlock(future);
  run_callbacks(future);
  eddy_thread_future_unref(future);
}

void eddy__thread_future_complete(
    eddy_thread_future *future, bool cancelled, int error, eddy_outcome *outcome)
{
  lock(future);
  if (future->state != PENDING) {
    unlock(future);
    return;
  }
  future->outcome.value = outcome->value;
  eddy__outcome_move_message(outcome, &future->outcome);
  end(future, cancelled ? CANCELLED : DONE, error);
}

/* Locks a future that the program may end itself. */
static int lock_settable(eddy_thread_future *future)
{
  int rc = eddy__thread_future_usable(future);
  if (rc < 0) return rc;
  if (future->loop != NULL) {
    return eddy_raise(
        EDDY_EINVALIDSTATE, "thread future: it stands for a task, which ends it");
  }
  lock(future);
  if (future->state == PENDING) return 0;
  unlock(future);
  return eddy_raise(EDDY_EINVALIDSTATE, "thread future: it is done already");
}

int eddy_thread_future_set_result(eddy_thread_future *future, eddy_value value)
{
  int rc = lock_settable(future);
  if (rc < 0) return rc;
  future->outcome.value = value;
  end(future, DONE, 0);
  return 0;
}

int eddy_thread_future_set_exception(
    eddy_thread_future *future, int error, const char *message)
{
  if (error >= 0) return EDDY_EINVAL;
  int rc = lock_settable(future);
  if (rc < 0) return rc;
  eddy__outcome_set_message(&future->outcome, error, message);
  end(future, DONE, error);
  return 0;
}

bool eddy_thread_future_cancel(eddy_thread_future *future)
{
  if (future == NULL || is_inherited(future)) return false;
  lock(future);
  if (future->state == PENDING) {
    end(future, CANCELLED, EDDY_ECANCELLED);
    return true;
  }
  bool cancelled = future->state == CANCELLED;
  unlock(future);
  return cancelled;
}

/* ---- looking and waiting ---- */

static enum state state_of(eddy_thread_future *future)
{
  lock(future);
  enum state state = future->state;
  unlock(future);
  return state;
}

bool eddy_thread_future_done(eddy_thread_future *future)
{
  return state_of(future) != PENDING;
}

bool eddy_thread_future_cancelled(eddy_thread_future *future)
{
  return state_of(future) == CANCELLED;
}

/* Waits while it is pending. Returns 0 or why not. */
static int wait_until_done(eddy_thread_future *future, eddy_time timeout)
{
  bool never = future->loop != NULL && future->loop == eddy__self.loop && timeout > 0;
  eddy_time deadline = eddy__time_after(eddy__clock_now(), timeout);
  lock(future);
  while (future->state == PENDING && !never) {
    eddy_time left = timeout == EDDY_NEVER ? 1 : deadline - eddy__clock_now();
    if (left <= 0) break;
    if (left > LONGEST_WAIT) left = LONGEST_WAIT;
    if (timeout == EDDY_NEVER) {
      uv_cond_wait(&future->ended, &future->mutex);
    } else {
      (void)uv_cond_timedwait(&future->ended, &future->mutex, (uint64_t)left);
    }
  }
  bool done = future->state != PENDING;
  unlock(future);
  if (done) return 0;
  if (never) {
    return eddy_raise(EDDY_EDEADLOCK, "thread future: its task needs the loop that this "
                                      "thread would hold up; await the "
                                      "task, or eddy_wrap_future");
  }
  return eddy_raise(EDDY_ETIMEDOUT, "thread future: not done after %.3f s",
      timeout > 0 ? (double)timeout / 1e9 : 0.0);
}

int eddy_thread_future_result(
    eddy_thread_future *future, eddy_time timeout, eddy_value *value)
{
  int rc = eddy__thread_future_usable(future);
  if (rc == 0) rc = wait_until_done(future, timeout);
  if (rc < 0) return rc;
  if (future->error == 0) {
    if (value != NULL) *value = future->outcome.value;
    return 0;
  }
  eddy__outcome_pass_on(&future->outcome, future->error);
  return future->error;
}

int eddy_thread_future_exception(
    eddy_thread_future *future, eddy_time timeout, int *error)
{
  if (error == NULL) return EDDY_EINVAL;
  int rc = eddy__thread_future_usable(future);
  if (rc == 0) rc = wait_until_done(future, timeout);
  if (rc < 0) return rc;
  if (future->state == CANCELLED) return EDDY_ECANCELLED;
  *error = future->error;
  return 0;
}

const char *eddy_thread_future_message(eddy_thread_future *future)
{
  if (state_of(future) == PENDING || future->error == 0) return "";
  return eddy__outcome_message(&future->outcome, future->error);
}

int eddy_thread_future_add_done_callback(
    eddy_thread_future *future, eddy_thread_done_fn *fn, void *arg)
{
  if (fn == NULL) return EDDY_EINVAL;
  int rc = eddy__thread_future_usable(future);
  if (rc < 0) return rc;
  struct callback *callback = eddy__alloc(sizeof(*callback));
  if (callback == NULL) return EDDY_ENOMEM;
  callback->fn = fn;
  callback->arg = arg;
  lock(future);
  bool pending = future->state == PENDING;
  if (pending) eddy__list_append(&future->callbacks, &callback->link);
  unlock(future);
  if (pending) return 0;
  eddy__free(callback);
  fn(future, arg);
  return 0;
}

/* ---- for loops ---- */

void eddy__thread_future_follow(
    eddy_thread_future *future, struct eddy__thread_done *done)
{
  eddy__list_init(&done->link);
  lock(future);
  if (future->state == PENDING) {
    eddy__list_append(&future->followers, &done->link);
  } else {
    done->complete(done, future->state == CANCELLED);
  }
  unlock(future);
}

bool eddy__thread_future_leave(eddy_thread_future *future, struct eddy__thread_done *done)
{
  lock(future);
  bool waits = !eddy__list_empty(&done->link);
  eddy__list_remove(&done->link);
  unlock(future);
  return waits;
}

int eddy__thread_future_take(
    eddy_thread_future *future, eddy_outcome *outcome, bool *cancelled)
{
  lock(future);
  outcome->value = future->outcome.value;
  eddy__outcome_copy_message(&future->outcome, future->error, outcome);
  *cancelled = future->state == CANCELLED;
  int error = future->error;
  unlock(future);
  return error;
}
