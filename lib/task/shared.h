/* Waiting for what several threads share. */
#ifndef EDDY_TASK_SHARED_H
#define EDDY_TASK_SHARED_H

#include <uv.h>

#include "base/fork.h"
#include "task/task.h"

/*
 * An object that tasks of several loops, and threads without one, wait for begins with a struct
 * eddy__shared; its mutex guards the object and its lines. Whoever waits has a place in a line,
 * in the order in which they came: a task with its wait record, a thread with a record on its
 * stack. To be called is to be taken out of the line and woken. The one called then looks for
 * itself and, if another was faster, goes back to its old place.
 *
 * A task that is called by its own loop's thread is queued at once. By another thread it is put
 * on a list of its loop's, without an allocation and without a lock of the loop's; the first one
 * on the list makes a post, which queues all that came until it runs. As long as somebody holds
 * the mutex, the loop of a task in line is not freed: it would have to step aside first.
 *
 * While a task waits its loop is held (eddy_loop_hold): what will wake it may come from outside.
 */
struct eddy__shared {
  uv_mutex_t mutex;
  uint64_t tickets; /* given out */
  unsigned forks;   /* of base/fork.h; in a child nothing is locked */
};

/* A thread's place, on its stack. All zero before the first wait. */
struct eddy__thread_place {
  struct eddy__place place;
  uv_cond_t changed;
  bool called;
};

/* 0 or the system's code. */
int eddy__shared_init(struct eddy__shared *shared);
void eddy__shared_fini(struct eddy__shared *shared);

/* Locks the mutex. */
void eddy__shared_lock(struct eddy__shared *shared);
void eddy__shared_unlock(struct eddy__shared *shared);

/* Whether this is a child of the process that made it. */
static inline bool eddy__shared_inherited(const struct eddy__shared *shared)
{
  return eddy__inherited(shared->forks);
}

/* Prepares a loop's list of tasks that were called. */
void eddy__shared_open(eddy_loop *loop, struct eddy__tasks *tasks);

/*
 * For the calls of tasks. With the mutex locked, which these unlock: wait at the end of the line,
 * and, in the rest of the call, at the old place. As eddy__wait and eddy__wait_again; the type's
 * cancel is eddy__shared_cancel, and `shared` is the object of the wait.
 */
int eddy__shared_wait(eddy_task *task, struct eddy__shared *shared,
    struct eddy__link *line, const struct eddy__wait_type *type);
int eddy__shared_wait_again(eddy_task *task, struct eddy__shared *shared,
    struct eddy__link *line, const struct eddy__wait_type *type);

/* The first thing in the rest of the call, with the mutex locked: whether the task was called,
 * however its wait ended. Unless it waits again, eddy__shared_leave has to follow. */
bool eddy__shared_was_called(eddy_task *task);
void eddy__shared_leave(eddy_task *task);

/* The cancel of these waits: one that was called already stays so, and gets the cancellation
 * when it runs. */
bool eddy__shared_cancel(eddy_task *task, const char *message);

/* If the task waits for something shared, takes it out of the line: its loop is being closed. */
bool eddy__shared_step_aside(eddy_task *task);

/* With the mutex locked: blocks this thread in the line until it is called. Returns 0;
 * EDDY_ETIMEDOUT (by eddy__clock_now; it is in no line); the system's code. */
int eddy__shared_block(struct eddy__shared *shared, struct eddy__link *line,
    struct eddy__thread_place *self, eddy_time deadline);
void eddy__shared_unblock(struct eddy__thread_place *self);

/* With the mutex locked: calls the first in line, or all. */
void eddy__shared_call(struct eddy__link *line);
void eddy__shared_call_all(struct eddy__link *line);

#endif
