/*
 * A libuv loop that rides along with an io half that does without it: for signals, which libuv
 * shares out among all the loops of a process, and for a program's own libuv handles. It is made
 * when it is first needed.
 */
#ifndef EDDY_BACKEND_PASSENGER_H
#define EDDY_BACKEND_PASSENGER_H

#include <eddy/backend.h>
#include <uv.h>

#include "base/list.h"

struct eddy__passenger {
  uv_loop_t uv;
  uv_async_t async; /* ref'd only while the loop is run, or asked how long it may sleep */
  struct eddy__link signals;
  eddy_loop *loop;
  size_t reporting; /* signals */
  size_t closing;   /* handles of its own whose close callback has not come */
  uint64_t caught;
};

/* Returns 0; EDDY_ENOMEM; the system's code. */
int eddy__passenger_new(eddy_loop *loop, struct eddy__passenger **out);

/* Closes its handles and frees it; NULL is allowed. A loop in which the program has left handles
 * open is left as it is: libuv still points into it. */
void eddy__passenger_free(struct eddy__passenger *passenger);

/* Runs it once, and sleeps in it only if `sleep` is set. Whether a signal was caught. */
bool eddy__passenger_run(struct eddy__passenger *passenger, bool sleep);

/* Ends a sleep in it; any thread. */
void eddy__passenger_wake(struct eddy__passenger *passenger);

/* How long its owner may sleep on its descriptor (uv_backend_fd) before it has to be run: 0,
 * nanoseconds or EDDY_NEVER. */
eddy_time eddy__passenger_timeout(struct eddy__passenger *passenger);

/* Whether a handle of the program's is active, or a request. */
bool eddy__passenger_alive(const struct eddy__passenger *passenger);

/* Whether a handle of the program's watches the descriptor: 0 or EDDY_EBUSY; EDDY_ENOMEM. */
int eddy__passenger_look(struct eddy__passenger *passenger, int fd);

/* As eddy_io.signal_start and signal_stop. */
int eddy__passenger_signal_start(struct eddy__passenger *passenger, int signum);
void eddy__passenger_signal_stop(struct eddy__passenger *passenger, int signum);

#endif
