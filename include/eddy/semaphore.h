/* Semaphores: a number of units that the tasks of one loop take and give back. */
#ifndef EDDY_SEMAPHORE_H
#define EDDY_SEMAPHORE_H

#include <eddy/loop.h>

typedef struct eddy_semaphore eddy_semaphore;

EDDY_BEGIN_DECLS

/**
 * Creates a semaphore; it belongs to the loop on which a task first waits for it.
 *
 * asyncio   asyncio.Semaphore(value)
 * Context   any.
 * value     units at the start, 0 or more.
 * out       owned: eddy_semaphore_unref.
 * Returns   0; EDDY_EINVAL (value negative, or no place for the semaphore); EDDY_ENOMEM.
 */
EDDY_API EDDY_NODISCARD int eddy_semaphore_new(int value, eddy_semaphore **out);

/** As eddy_semaphore_new, but there are never more units than at the start: a release too
 * many is an error. asyncio: asyncio.BoundedSemaphore(value). */
EDDY_API EDDY_NODISCARD int eddy_bounded_semaphore_new(int value, eddy_semaphore **out);

/** One more reference. */
EDDY_API eddy_semaphore *eddy_semaphore_ref(eddy_semaphore *semaphore);

/** One reference less. Tasks that wait hold one each. NULL is allowed. */
EDDY_API void eddy_semaphore_unref(eddy_semaphore *semaphore);

/**
 * Takes a unit; waits while there is none, or while others wait for one. Units go to tasks
 * strictly in the order they came.
 *
 * asyncio   Semaphore.acquire()
 * Context   coroutine; suspends only if eddy_semaphore_locked.
 * Returns   0; EDDY_ECANCELLED (no unit was taken; one that was handed over already goes to
 *           the next that waits); EDDY_ENOTASK; EDDY_EOTHERLOOP (others wait for it on another
 *           loop); EDDY_EINVAL.
 * Cost      O(1), plus one look at each task in front that was woken or cancelled and has not
 *           run yet; no allocation.
 */
EDDY_API int eddy_semaphore_acquire(eddy_semaphore *semaphore);

/**
 * Gives a unit back, straight to the first task that waits for one.
 *
 * asyncio   Semaphore.release()
 * Context   the loop's thread; does not suspend.
 * Returns   0; EDDY_EINVAL (no semaphore; or a bounded one has all its units already).
 */
EDDY_API EDDY_NODISCARD int eddy_semaphore_release(eddy_semaphore *semaphore);

/** Whether an acquire would wait: there is no unit, or tasks that have been woken or wait for
 * one come first. asyncio: Semaphore.locked(). */
EDDY_API bool eddy_semaphore_locked(const eddy_semaphore *semaphore);

EDDY_END_DECLS

#endif
