/* Futures from the inside: what tasks, gather and friends build on. */
#ifndef EDDY_TASK_FUTURE_H
#define EDDY_TASK_FUTURE_H

#include <eddy/future.h>

#include "loop/loop.h"

enum eddy__future_state { EDDY__PENDING = 0, EDDY__DONE, EDDY__CANCELLED };

/* Something to be told when a future is done; on the future's list until then. */
struct eddy__done {
  struct eddy__link link;
  /* Called while the future completes; it only queues. The link is on no list any more. */
  void (*complete)(struct eddy__done *done);
};

/* What kinds of future differ in. */
struct eddy__future_type {
  const char *name;
  bool (*cancel)(eddy_future *future, const char *message);
  void (*destroy)(eddy_future *future); /* frees its memory; the common parts are done */
};

struct eddy_future {
  eddy_loop *loop; /* referenced */
  const struct eddy__future_type *type;
  uint32_t refs;
  uint8_t state;
  bool retrieved;
  bool marked; /* while a call looks for arguments that appear twice */
  int error;
  /* A task's, where there is room: requests to cancel it, less uncancel. */
  unsigned cancels;
  eddy_outcome outcome; /* the value, and the message of `error` */
  /* While it is pending: those to be told. Once done with an error: its own link, on the
   * loop's list of failed futures. */
  struct eddy__link callbacks;
};

/* Prepares the common parts, with one reference. */
static inline void eddy__future_init(
    eddy_future *future, eddy_loop *loop, const struct eddy__future_type *type)
{
  *future = (eddy_future){.loop = loop, .type = type, .refs = 1};
  eddy__list_init(&future->callbacks);
  eddy__loop_ref(loop);
}

/* Complete a pending future: queue its callbacks in order. A cancellation is state
 * EDDY__CANCELLED with EDDY_ECANCELLED; EDDY__DONE may hold any error. The message must
 * have been put into future->outcome before. */
void eddy__future_complete(eddy_future *future, enum eddy__future_state state, int error);

/* The cancel of a plain future: done with EDDY_ECANCELLED. */
bool eddy__future_cancel_plain(eddy_future *future, const char *message);

/* What calls on several futures ask of them: that none is NULL and all belong to one loop that
 * takes work, which is then in *loop; of none at all, that a loop is running. */
int eddy__futures_check(eddy_future *const *futures, size_t count, eddy_loop **loop);

/* Names it, for those who wait for it: "task 'fetch'", "shield of task 'fetch'", ... */
void eddy__future_describe(eddy_future *future, char *text, size_t size);

/* What it is a shield of; NULL if it is none, or one that has been cancelled (shield.c). */
eddy_future *eddy__shield_inner(eddy_future *future);
/* What waits for a future through this record of its list, or NULL if the record is of
 * another kind: each kind of waiter knows its own. Only those who look at a program ask. */
eddy_future *eddy__await_waiter(struct eddy__done *done);        /* await.c */
eddy_future *eddy__gather_waiter(struct eddy__done *done);       /* gather.c */
eddy_future *eddy__shield_waiter(struct eddy__done *done);       /* shield.c */
eddy_future *eddy__wait_waiter(struct eddy__done *done);         /* wait_futures.c */
eddy_future *eddy__wait_for_waiter(struct eddy__done *done);     /* wait_for.c */
eddy_future *eddy__as_completed_waiter(struct eddy__done *done); /* as_completed.c */
eddy_future *eddy__task_group_waiter(struct eddy__done *done);   /* task_group.c */

/* Where the future was made, or NULL. */
const char *eddy__future_site(eddy_future *future);

static inline void eddy__future_add(eddy_future *future, struct eddy__done *done)
{
  eddy__list_append(&future->callbacks, &done->link);
}

#endif
