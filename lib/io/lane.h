/*
 * Lanes: small executors of a loop, each for one kind of blocking call of the library's own.
 * What runs in one does not hold up the others, nor the program's own work in threads.
 *
 * A call is made by a task and carried out in a thread. Its record holds copies of all that
 * the thread needs and of what it finds, so that a task that is cancelled can go at once: the
 * thread carries the call to its end, and the record is freed by whoever lets go of it last.
 */
#ifndef EDDY_IO_LANE_H
#define EDDY_IO_LANE_H

#include "io/executor.h"
#include "task/task.h"

enum eddy__lane {
  EDDY__LANE_NAMES, /* names being looked up */
  EDDY__LANE_FILES,
  EDDY__LANES,
};

struct eddy__call;

struct eddy__call_type {
  /* Carries it out, in a thread; its error may have a message (eddy_raise). */
  int (*run)(struct eddy__call *call);
  /* Frees the record, in any thread. */
  void (*free)(struct eddy__call *call);
  /* Says what is waited for. */
  void (*describe)(const struct eddy__call *call, char *text, size_t size);
};

/* The first member of a call's record, zeroed. */
struct eddy__call {
  const struct eddy__call_type *type;
  atomic_uint refs; /* none before it is run: then its task's, and the thread's */
};

/* What the io room keeps on a loop for its lanes. */
struct eddy__lanes {
  struct eddy__owned owned;
  eddy_executor *executors[EDDY__LANES]; /* made at the first call; referenced */
  const void *resolver;                  /* the program's own (dns.c), or NULL */
  void *resolver_arg;
};

/* 0, and they are there; or EDDY_ENOMEM. */
int eddy__lanes_open(eddy_loop *loop, struct eddy__lanes **out);

/*
 * Has the lane carry the call out and waits for it. To be made between eddy__wait_begin and
 * the return: with `resumed` the call goes on, and `call` is not looked at.
 *
 * call   owned, whatever is returned.
 * done   on success the record with what was found; the caller's to eddy__call_unref.
 * Returns what run returned; EDDY_PENDING; EDDY_ECANCELLED; EDDY_ENOMEM; EDDY_EAGAIN.
 */
int eddy__lane_run(eddy_task *task, bool resumed, enum eddy__lane lane,
    struct eddy__call *call, struct eddy__call **done);

void eddy__call_unref(struct eddy__call *call);

#endif
