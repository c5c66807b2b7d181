/*
 * Locks between the tasks of one loop: one task at a time between acquire and release.
 *
 *     rc = eddy_lock_acquire(lock);
 *     if (rc < 0) return rc;
 *     ...may wait here, and nobody else comes in...
 *     return eddy_lock_release(lock);
 */
#ifndef EDDY_LOCK_H
#define EDDY_LOCK_H

#include <eddy/loop.h>

typedef struct eddy_lock eddy_lock;

EDDY_BEGIN_DECLS

/**
 * Creates an unlocked lock; it belongs to the loop on which a task first waits for it.
 *
 * asyncio   asyncio.Lock()
 * Context   any.
 * out       owned: eddy_lock_unref.
 * Returns   0; EDDY_EINVAL; EDDY_ENOMEM.
 */
EDDY_API EDDY_NODISCARD int eddy_lock_new(eddy_lock **out);

/** One more reference. */
EDDY_API eddy_lock *eddy_lock_ref(eddy_lock *lock);

/** One reference less. Tasks that wait for the lock hold one each. NULL is allowed. */
EDDY_API void eddy_lock_unref(eddy_lock *lock);

/**
 * Takes the lock; waits while another has it. Tasks get it strictly in the order they came:
 * one that asks for a free lock queues behind a task that has been woken for it, even the task
 * that just released it. The lock is not recursive, and the task that acquired it is only
 * remembered for reports.
 *
 * asyncio   Lock.acquire()
 * Context   coroutine; suspends only if the lock is taken, or others wait for it.
 * Returns   0; EDDY_ECANCELLED (the lock is not this task's; if it was to be, the next that
 *           waits is woken); EDDY_ENOTASK; EDDY_EOTHERLOOP (others wait for it on another
 *           loop); EDDY_EINVAL.
 * Cost      O(1), plus one look at each cancelled task in front; no allocation.
 */
EDDY_API int eddy_lock_acquire(eddy_lock *lock);

/**
 * Unlocks it and wakes the first task that waits for it. Any task may.
 *
 * asyncio   Lock.release()
 * Context   the loop's thread; does not suspend.
 * Returns   0; EDDY_ERUNTIME (it is not locked); EDDY_EINVAL.
 */
EDDY_API EDDY_NODISCARD int eddy_lock_release(eddy_lock *lock);

/** Whether it is taken: false from a release until the task woken by it has run.
 * asyncio: Lock.locked(). */
EDDY_API bool eddy_lock_locked(const eddy_lock *lock);

EDDY_END_DECLS

#endif
