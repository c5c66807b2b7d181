/* One child process: its start, and how the loop learns of its end. */
#ifndef EDDY_IO_CHILD_H
#define EDDY_IO_CHILD_H

#include "base/process.h"
#include "loop/loop.h"

struct eddy__child_waiter;

struct eddy__child {
  eddy_loop *loop;
  long pid;       /* 0: not started */
  int returncode; /* when it has ended */
  bool ended;     /* and was reaped */
  bool stolen;    /* by somebody else */
  int fd;         /* readable when it has ended; -1: a thread waits */
  eddy_op *op;
  struct eddy__child_waiter *waiter; /* referenced */
  /* Called from the ring, once, when it has ended. */
  void (*exited)(void *arg);
  void *arg;
};

/* Prepares one; everything is let go of by eddy__child_fini. 0 or EDDY_ENOMEM. */
int eddy__child_init(
    struct eddy__child *child, eddy_loop *loop, void (*exited)(void *arg), void *arg);

/* Starts it and waits for its end: 0, or why not. Then there is no child. */
int eddy__child_begin(
    struct eddy__child *child, const struct eddy__child_options *options);

/* Kills it if it has not ended, and reaps it; `exited` is not called any more. A child that the
 * kernel does not let go of within a second is left behind. */
void eddy__child_fini(struct eddy__child *child);

#endif
