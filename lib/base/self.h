/* What is running in this thread. */
#ifndef EDDY_BASE_SELF_H
#define EDDY_BASE_SELF_H

#include <eddy/context.h>
#include <eddy/coro.h>
#include <eddy/loop.h>

struct eddy__gen;

struct eddy__self {
  eddy_loop *loop;       /* the loop that is running, or NULL */
  eddy_task *task;       /* the task whose step is running, or NULL */
  eddy_outcome *outcome; /* of the innermost running coroutine, or of the callback */
  const void *coro;      /* the innermost running stackful generator, or NULL */
  eddy_context *context; /* outside of tasks: of the callback, or of the thread; NULL: empty */
};

/* Read at every call that waits: the build asks for the initial-exec model. */
extern _Thread_local struct eddy__self eddy__self;

#endif
