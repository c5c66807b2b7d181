/* What the files of native/uring's poller share (uring_poller.c says how it works). */
#ifndef EDDY_BACKEND_URING_H
#define EDDY_BACKEND_URING_H

#include "backend/ahead.h"
#include "backend/poller.h"

#if EDDY__RINGS

/* What a request does. */
enum eddy__uring_mode {
  EDDY__POLL_ONCE,
  EDDY__POLL_EDGES,
  EDDY__ACCEPT,
  EDDY__RECEIVE,
  EDDY__MODES,
};

/* A tag has the number of a request and its mode in the upper half and the descriptor in the lower
 * one, or is one of these. */
enum eddy__uring_tag {
  EDDY__TAG_NOBODY, /* cancellations */
  EDDY__TAG_WAKEUP,
  EDDY__TAG_JOINED,
};

struct eddy__uring_watcher {
  struct eddy__slot slot; /* first: a slot is a watcher */
  /* On the list of those to look at before the next wait. */
  struct eddy__uring_watcher *next;
  uint32_t serial;          /* of its request; 0: there is none */
  uint16_t requested;       /* poll's events */
  uint16_t wanted;          /* likewise; 0: none */
  struct eddy__stash stash; /* what was taken in */
  int16_t error;            /* then this comes */
  uint8_t mode;             /* of the request */
  uint8_t kept;             /* the mode that has filled the stash, or 0 */
  bool listed : 1;
  bool stopping : 1; /* the request is being cancelled and may still bring something */
  bool plain : 1;    /* nothing is taken in ahead any more */
  bool ended : 1;    /* the end of the stream stands behind the stash */
};

struct eddy__uring {
  struct eddy__ring ring;
  struct eddy__ahead ahead;
  struct eddy__readiness *table;
  const struct eddy__wakeup *wakeup;
  struct eddy__uring_watcher *changed;
  struct eddy__uring_watcher **changed_tail;
  uint32_t serial;
  int joined; /* or -1 */
  bool wakeup_watched;
  bool joined_watched;
  bool renewed;     /* the buffers were another ring's */
  bool out_of_date; /* the ring is another thread's, or cannot let go of something */
};

static inline struct eddy__uring_watcher *eddy__uring_watcher_of(struct eddy__slot *slot)
{
  return (struct eddy__uring_watcher *)(void *)slot;
}

/* Whether its request takes in connections or bytes. */
static inline bool eddy__uring_takes_in(const struct eddy__uring_watcher *watcher)
{
  return watcher->serial != 0 &&
         (watcher->mode == EDDY__ACCEPT || watcher->mode == EDDY__RECEIVE);
}

/* ---- uring_request.c ---- */

/* Has it looked at before the next wait. */
void eddy__uring_changed(struct eddy__uring *poller, struct eddy__uring_watcher *watcher);

/* Hands over what is to be watched. */
void eddy__uring_request(struct eddy__uring *poller);

/* Cancels the request; with `now` it has let go of the file afterwards. */
void eddy__uring_cancel(
    struct eddy__uring *poller, struct eddy__uring_watcher *watcher, bool now);

/* Has a request that takes in end by itself: what it still brings is kept. */
void eddy__uring_stop(struct eddy__uring *poller, struct eddy__uring_watcher *watcher);

/* ---- uring_event.c ---- */

/* A request has something to tell. */
void eddy__uring_take(struct eddy__uring *poller, const struct io_uring_cqe *event);

/* Gives up what it has brought, for nobody. */
void eddy__uring_drop(struct eddy__uring *poller, const struct io_uring_cqe *event);

/* Likewise what the watcher keeps. */
void eddy__uring_drop_stash(
    struct eddy__uring *poller, struct eddy__uring_watcher *watcher);

/* As eddy__poller.attempt; self is the poller. */
int eddy__uring_attempt(void *self, struct eddy__slot *slot, eddy_op *op);

#endif

#endif
