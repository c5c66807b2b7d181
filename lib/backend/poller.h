/* What the io half own.c sleeps on: a poller under the readiness table that has no event loop of
 * its own. */
#ifndef EDDY_BACKEND_POLLER_H
#define EDDY_BACKEND_POLLER_H

#include "backend/readiness.h"
#include "backend/wakeup.h"

struct eddy__sleeper {
  struct eddy__poller poller; /* under the readiness table */
  size_t size;                /* bytes of state, which are zeroed */

  /* `wakeup` ends a wait. Both are borrowed until close. Returns 0 or a code. */
  int (*open)(
      void *self, struct eddy__readiness *table, const struct eddy__wakeup *wakeup);
  void (*close)(void *self);
  /* From now on a wait ends also when this descriptor is readable. */
  int (*join)(void *self, int fd);
  /* Waits at most `timeout` (0: not at all; EDDY_NEVER: for ever), tells the table what happened,
   * and returns whether the descriptor that has joined is readable. */
  bool (*wait)(void *self, eddy_time timeout);

  /* Where open has failed with this code: why, in static words, if `instead` may stand in; NULL if
   * that would help nobody. NULL: nothing stands in. */
  const char *(*refusal)(int code);
  const struct eddy__sleeper *instead;
  const char *instead_name; /* of the pair that then runs */
};

extern const struct eddy__sleeper eddy__sleeper_epoll;  /* Linux */
extern const struct eddy__sleeper eddy__sleeper_uring;  /* Linux */
extern const struct eddy__sleeper eddy__sleeper_kqueue; /* macOS, the BSDs */
extern const struct eddy__sleeper eddy__sleeper_poll;   /* POSIX */

#endif
