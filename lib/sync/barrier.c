#include <eddy/barrier.h>

#include <stdint.h>
#include <stdio.h>

#include "sync/line.h"

/*
 * In asyncio a barrier is a state behind a condition: every change of it is told to all who
 * wait, and each looks for itself, with the lock. But nobody who has the lock ever waits for
 * anything else, so that it is always free: here there is none. The rest is the same, down to
 * a task that ends with an error waking another for no reason.
 */
enum state { FILLING = 0, DRAINING, RESETTING, BROKEN };

struct eddy_barrier {
  size_t refs;
  size_t parties;
  size_t count; /* tasks that came in and have not left */
  enum state state;
  eddy_loop *loop; /* eddy__bind */
  struct eddy__link line;
};

/* What a task waits for: task->wait.phase. The index it came with is in wait.scratch. */
enum phase {
  OUTSIDE = 0, /* for the round before to be over; it is not counted */
  INSIDE,      /* for the rest to come */
};

int eddy_barrier_new(size_t parties, eddy_barrier **out)
{
  if (out == NULL) return EDDY_EINVAL;
  if (parties == 0)
    return eddy_raise(EDDY_EINVAL, "barrier: it takes 1 task or more, not 0");
  eddy_barrier *barrier = eddy__alloc(sizeof(*barrier));
  if (barrier == NULL) return EDDY_ENOMEM;
  barrier->refs = 1;
  barrier->parties = parties;
  eddy__list_init(&barrier->line);
  *out = barrier;
  return 0;
}

eddy_barrier *eddy_barrier_ref(eddy_barrier *barrier)
{
  barrier->refs++;
  return barrier;
}

void eddy_barrier_unref(eddy_barrier *barrier)
{
  if (barrier == NULL || --barrier->refs > 0) return;
  eddy__unbind(barrier->loop);
  eddy__free(barrier);
}

static void tell_all(eddy_barrier *barrier)
{
  eddy__line_notify(&barrier->line, SIZE_MAX);
}

static void describe(const eddy_task *task, char *text, size_t size)
{
  static const char *const states[] = {
      "came", "have to leave", "have to leave", "have to leave"};
  const eddy_barrier *barrier = task->wait.object;
  snprintf(text, size, "barrier %p (%zu of %zu %s)", (const void *)barrier,
      barrier->count, barrier->parties, states[barrier->state]);
}

/* ---- wait ---- */

static int end_wait(eddy_task *task, int rc);

static const struct eddy__wait_type barrier_wait = {NULL, describe, end_wait, "barrier"};

/* Parks the task, for the first time in this call or again. */
static int wait_on(eddy_barrier *barrier, eddy_task *task, enum phase phase, bool again)
{
  task->wait.phase = (uint8_t)phase;
  eddy__list_append(&barrier->line, &task->wait.done.link);
  if (again) return eddy__wait_again(task, &barrier_wait, barrier);
  eddy_barrier_ref(barrier);
  return eddy__wait(task, &barrier_wait, barrier);
}

/* The task is counted, and does not wait any more. */
static int depart(eddy_barrier *barrier, int rc)
{
  if (--barrier->count > 0) return rc;
  if (barrier->state != BROKEN) barrier->state = FILLING;
  tell_all(barrier);
  return rc;
}

/* The task is counted: it goes on if the barrier is not filling any more. */
static int look_inside(eddy_barrier *barrier, eddy_task *task, bool again)
{
  if (barrier->state == FILLING) return wait_on(barrier, task, INSIDE, again);
  if (barrier->state == DRAINING) return depart(barrier, 0);
  return depart(
      barrier, eddy_raise(EDDY_EBROKENBARRIER, "barrier wait: barrier %p was %s",
                   (void *)barrier, barrier->state == BROKEN ? "aborted" : "reset"));
}

/* The task comes in, unless the round before is not over. */
static int look_outside(eddy_barrier *barrier, eddy_task *task, bool again)
{
  if (barrier->state == DRAINING || barrier->state == RESETTING) {
    return wait_on(barrier, task, OUTSIDE, again);
  }
  if (barrier->state == BROKEN) {
    return eddy_raise(EDDY_EBROKENBARRIER,
        "barrier wait: barrier %p is broken; eddy_barrier_reset makes it whole",
        (void *)barrier);
  }
  task->wait.scratch.u = barrier->count++;
  if (barrier->count == barrier->parties) {
    barrier->state = DRAINING;
    tell_all(barrier);
  }
  return look_inside(barrier, task, again);
}

static int go_on(eddy_barrier *barrier, eddy_task *task, int rc)
{
  if (rc < 0) {
    eddy__line_notify(&barrier->line, 1); /* as Condition.wait does */
    return task->wait.phase == INSIDE ? depart(barrier, rc) : rc;
  }
  if (task->wait.phase == INSIDE) return look_inside(barrier, task, true);
  return look_outside(barrier, task, true);
}

static int end_wait(eddy_task *task, int rc)
{
  eddy_barrier *barrier = task->wait.object;
  rc = go_on(barrier, task, rc);
  if (rc != EDDY_PENDING) eddy_barrier_unref(barrier);
  return rc;
}

static int begin_wait(eddy_barrier *barrier, eddy_task *task)
{
  /* Even the last to come, who does not wait, wakes the others. */
  bool waits = barrier->parties > 1 || barrier->state != FILLING;
  int rc = waits ? eddy__bind(&barrier->loop, task->future.loop, "barrier wait") : 0;
  return rc < 0 ? rc : look_outside(barrier, task, false);
}

int eddy_barrier_wait(eddy_barrier *barrier, size_t *index)
{
  int rc;
  bool resumed;
  eddy_task *task = eddy__wait_begin(&resumed, &rc);
  if (task == NULL) return rc;
  if (resumed) {
    rc = end_wait(task, rc);
  } else {
    rc = barrier == NULL ? EDDY_EINVAL : begin_wait(barrier, task);
  }
  if (rc == 0 && index != NULL) *index = (size_t)task->wait.scratch.u;
  return rc;
}

/* ---- the rest ---- */

int eddy_barrier_reset(eddy_barrier *barrier)
{
  if (barrier == NULL) return EDDY_EINVAL;
  barrier->state = barrier->count > 0 ? RESETTING : FILLING;
  tell_all(barrier);
  return 0;
}

int eddy_barrier_abort(eddy_barrier *barrier)
{
  if (barrier == NULL) return EDDY_EINVAL;
  barrier->state = BROKEN;
  tell_all(barrier);
  return 0;
}

size_t eddy_barrier_parties(const eddy_barrier *barrier)
{
  return barrier->parties;
}

size_t eddy_barrier_n_waiting(const eddy_barrier *barrier)
{
  return barrier->state == FILLING ? barrier->count : 0;
}

bool eddy_barrier_broken(const eddy_barrier *barrier)
{
  return barrier->state == BROKEN;
}
