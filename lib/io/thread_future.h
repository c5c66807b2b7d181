/* Thread futures from the inside: how loops follow them and they follow tasks. */
#ifndef EDDY_IO_THREAD_FUTURE_H
#define EDDY_IO_THREAD_FUTURE_H

#include <eddy/thread_future.h>

#include "base/list.h"
#include "base/outcome.h"

/* Something to be told when a thread future is done. */
struct eddy__thread_done {
  struct eddy__link link;
  /* Called by whichever thread ends the future, which is locked meanwhile: it only posts. The
   * link is on no list any more. */
  void (*complete)(struct eddy__thread_done *done, bool cancelled);
};

/* A pending future; `loop` is the one whose task it stands for, or NULL. */
int eddy__thread_future_new(const eddy_loop *loop, eddy_thread_future **out);

/* Whether anything can be done with it in this process: 0; EDDY_EINVAL (NULL); EDDY_EOTHERTHREAD
 * (inherited by fork). */
int eddy__thread_future_usable(const eddy_thread_future *future);

/* Ends a pending future; the outcome's message is taken over. Does nothing to one that is done. */
void eddy__thread_future_complete(
    eddy_thread_future *future, bool cancelled, int error, eddy_outcome *outcome);

/* Adds someone to be told; at once if the future is done. */
void eddy__thread_future_follow(
    eddy_thread_future *future, struct eddy__thread_done *done);

/* Nobody has to be told any more. False: it has been. */
bool eddy__thread_future_leave(
    eddy_thread_future *future, struct eddy__thread_done *done);

/* A copy of the outcome of a future that is done; returns its error. */
int eddy__thread_future_take(
    eddy_thread_future *future, eddy_outcome *outcome, bool *cancelled);

#endif
