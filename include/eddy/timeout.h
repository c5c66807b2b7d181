/*
 * Timeout scopes: whatever the task does between enter and exit must be over by a deadline.
 *
 *     eddy_timeout scope;
 *     int rc = eddy_timeout_enter(&scope, EDDY_S(5));
 *     if (rc < 0) return rc;
 *     rc = work();
 *     return eddy_timeout_exit(&scope, rc);     (EDDY_ETIMEDOUT if it took longer)
 *
 * When the deadline passes, the task is cancelled once; exit turns that cancellation, and
 * no other, into EDDY_ETIMEDOUT. Scopes nest; each must be exited on every path.
 */
#ifndef EDDY_TIMEOUT_H
#define EDDY_TIMEOUT_H

#include <eddy/loop.h>

/** Storage of a scope, in the task's stack frame or stackless frame; not to be copied. */
typedef struct eddy_timeout {
  void *private_[14];
} eddy_timeout;

EDDY_BEGIN_DECLS

/**
 * Enters a scope that expires `delay` from now.
 *
 * asyncio   asyncio.timeout(delay).__aenter__()
 * Context   coroutine; does not suspend.
 * delay     EDDY_NEVER: no deadline (yet); 0 or negative: at the next suspension.
 * Returns   0; EDDY_ENOTASK; EDDY_ENOMEM; EDDY_EINVAL; EDDY_ERUNTIME (the task is inside this
 *           scope already, which goes on; one that was exited may be entered anew). On failure
 *           the scope is not entered.
 * Cost      O(log n) in the timers booked.
 */
EDDY_API EDDY_NODISCARD int eddy_timeout_enter(eddy_timeout *scope, eddy_time delay);
#define eddy_timeout_enter(scope, delay)                                                 \
  eddy_timeout_enter_with(scope, delay, false, EDDY_SITE("timeout"))

/** As eddy_timeout_enter, at a point of the loop's clock. asyncio: asyncio.timeout_at(). */
EDDY_API EDDY_NODISCARD int eddy_timeout_at_enter(eddy_timeout *scope, eddy_time when);
#define eddy_timeout_at_enter(scope, when)                                               \
  eddy_timeout_enter_with(scope, when, true, EDDY_SITE("timeout_at"))

/** What both do; `absolute` says that `time` is a deadline, `site` where the scope stands. */
EDDY_API EDDY_NODISCARD int eddy_timeout_enter_with(
    eddy_timeout *scope, eddy_time time, bool absolute, const char *site);

/**
 * Leaves the scope.
 *
 * asyncio   Timeout.__aexit__()
 * rc        how the body ended.
 * Returns   the status to pass on: EDDY_ETIMEDOUT if the scope expired, its cancellation is
 *           what rc reports, and nobody else asked for one since enter; rc otherwise.
 *           EDDY_ERUNTIME (not entered, or not by this task).
 */
EDDY_API EDDY_NODISCARD int eddy_timeout_exit(eddy_timeout *scope, int rc);

/** Moves the deadline; EDDY_NEVER removes it. asyncio: Timeout.reschedule(). Returns 0;
 * EDDY_ERUNTIME (not entered, expired or exited); EDDY_ENOMEM (the old deadline is gone). */
EDDY_API EDDY_NODISCARD int eddy_timeout_reschedule(eddy_timeout *scope, eddy_time when);

/** The deadline, EDDY_NEVER if there is none. asyncio: Timeout.when(). */
EDDY_API eddy_time eddy_timeout_when(const eddy_timeout *scope);

/** Whether the deadline has passed inside the scope. asyncio: Timeout.expired(). */
EDDY_API bool eddy_timeout_expired(const eddy_timeout *scope);

EDDY_END_DECLS

#endif
