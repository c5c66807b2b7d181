/*
 * Waiting for futures: for several of them, or for one of them with a limit.
 *
 *     eddy_future *both[] = {eddy_task_future(a), eddy_task_future(b)};
 *     rc = eddy_wait(both, 2, EDDY_S(5), EDDY_FIRST_COMPLETED, NULL);
 *     if (rc == 0 && eddy_task_done(a)) ...
 */
#ifndef EDDY_WAIT_H
#define EDDY_WAIT_H

#include <eddy/future.h>

/** When eddy_wait has waited enough. */
typedef enum eddy_return_when {
  EDDY_ALL_COMPLETED = 0, /* asyncio.ALL_COMPLETED: none is pending */
  EDDY_FIRST_COMPLETED,   /* asyncio.FIRST_COMPLETED: one is done; cancelled counts */
  EDDY_FIRST_EXCEPTION, /* asyncio.FIRST_EXCEPTION: one has an error, or none is pending; a
                             cancelled one has no error */
} eddy_return_when;

EDDY_BEGIN_DECLS

/**
 * Waits until enough of the futures are done, or the time is up.
 *
 * It gives no outcomes and cancels nothing: afterwards ask each future. More of them may be
 * done than were waited for. When the time is up, or the waiting task is cancelled, the
 * futures go on, and nothing of the wait stays with them.
 *
 * asyncio   asyncio.wait()
 * Context   coroutine; always suspends, even if all are done and the timeout is 0.
 * futures   borrowed for the call, each is referenced while it is waited for; one that
 *           appears twice counts once.
 * count     at least 1.
 * timeout   EDDY_NEVER: none; 0 or negative: one look, after everything that is ready ran.
 * done      how many of them, each counted once, are done: asyncio's first set (its members
 *           are those for which eddy_future_done); NULL to ignore it, untouched on failure.
 * Returns   0, also when the time was up; EDDY_EINVAL (no futures, NULL among them, no such
 *           `when`); EDDY_EOTHERLOOP (a future of another loop); EDDY_ECANCELLED;
 *           EDDY_ENOTASK; EDDY_ENOMEM. On a failure no future was touched.
 *           As in asyncio, an error that EDDY_FIRST_EXCEPTION looked at, while others were
 *           pending, counts as retrieved.
 * Cost      O(count); one allocation.
 */
EDDY_API int eddy_wait(eddy_future *const *futures, size_t count, eddy_time timeout,
    eddy_return_when when, size_t *done);

/**
 * Waits for a future and takes its outcome, but not for longer than a limit: then the future
 * is cancelled, and its end is waited for, however long that takes.
 *
 * A value it gives in spite of the cancellation is taken; so is another error. To limit what
 * the calling task does itself, use a timeout scope (eddy/timeout.h); to let the future go on,
 * wait for its shield (eddy/shield.h).
 *
 * asyncio   asyncio.wait_for(); in place of a coroutine stands a task that was created before
 * Context   coroutine; suspends unless the future is done. Cancelling the waiting task cancels
 *           the future (but with a timeout of 0, where it is cancelled already).
 * timeout   EDDY_NEVER: eddy_await; 0 or negative: a future that is not done is cancelled at
 *           once (a task that has not begun never will).
 * value     untouched on failure; NULL to ignore it.
 * Returns   0; the future's error; EDDY_ETIMEDOUT (it was cancelled because the time was up);
 *           EDDY_ECANCELLED; EDDY_ENOTASK; EDDY_EINVAL (future NULL); EDDY_EOTHERLOOP,
 *           EDDY_ERUNTIME (a task waiting for itself), as eddy_await; EDDY_ENOMEM (the future
 *           was not touched).
 * Cost      as a timeout scope around eddy_await; one allocation in a stackless coroutine.
 */
EDDY_API int eddy_wait_for(eddy_future *future, eddy_time timeout, eddy_value *value);

EDDY_END_DECLS

#endif
