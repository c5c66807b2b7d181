/*
 * Futures in the order in which they end.
 *
 *     rc = eddy_as_completed(futures, count, EDDY_NEVER, &completions);
 *     if (rc < 0) return rc;
 *     while ((rc = eddy_completions_next(completions, &future)) == 0) {
 *       rc = eddy_future_result(future, &value); ...
 *     }
 *     eddy_completions_unref(completions);
 */
#ifndef EDDY_AS_COMPLETED_H
#define EDDY_AS_COMPLETED_H

#include <eddy/future.h>

/** What eddy_as_completed makes: an asynchronous iterator. */
typedef struct eddy_completions eddy_completions;

EDDY_BEGIN_DECLS

/**
 * Begins to note in which order the futures end (the order in which their done callbacks would
 * run), to be asked with eddy_completions_next.
 *
 * asyncio   asyncio.as_completed(), as an asynchronous iterator
 * Context   the loop's thread; does not wait.
 * futures   borrowed for the call, each is referenced; one that appears twice counts once.
 * timeout   from now on, for all of them; EDDY_NEVER: none.
 * out       owned: eddy_completions_unref.
 * Returns   0; EDDY_EINVAL (NULL among them); EDDY_EOTHERLOOP (they belong to different
 *           loops); EDDY_ENOLOOP (no futures and no running loop); EDDY_ECLOSED; EDDY_ENOMEM.
 * Cost      O(count); one allocation.
 */
EDDY_API EDDY_NODISCARD int eddy_as_completed(
    eddy_future *const *futures, size_t count, eddy_time timeout, eddy_completions **out);

/** One more reference. */
EDDY_API eddy_completions *eddy_completions_ref(eddy_completions *completions);

/** One reference less; with the last one the futures are let go of, and they run on. A task in
 * eddy_completions_next holds one. NULL is allowed. */
EDDY_API void eddy_completions_unref(eddy_completions *completions);

/**
 * The next of the futures that is done; waits until there is one.
 *
 * When the time is up, each future not noted as done by then makes one call fail with
 * EDDY_ETIMEDOUT. As in asyncio a call counts when it begins: one that is cancelled takes no
 * future, yet there will be one call less before EDDY_STOP.
 *
 * asyncio   the iterator's __anext__()
 * Context   coroutine; suspends only if none is noted.
 * future    one of those given, done, borrowed from `completions`; untouched otherwise.
 * Returns   0; EDDY_STOP (there were as many calls as futures); EDDY_ETIMEDOUT;
 *           EDDY_ECANCELLED; EDDY_ENOTASK; EDDY_EOTHERLOOP; EDDY_EINVAL.
 * Cost      O(1); no allocation.
 */
EDDY_API int eddy_completions_next(eddy_completions *completions, eddy_future **future);

EDDY_END_DECLS

#endif
