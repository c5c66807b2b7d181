/*
 * Conditions: tasks of one loop wait, with a lock, until another says that things changed.
 *
 *     rc = eddy_condition_acquire(condition);
 *     if (rc < 0) return rc;
 *     rc = eddy_condition_wait_for(condition, is_ready, thing);
 *     if (rc == 0) ...nobody else has the lock, and is_ready(thing)...
 *     return eddy_condition_release(condition) < 0 ? EDDY_ERUNTIME : rc;
 */
#ifndef EDDY_CONDITION_H
#define EDDY_CONDITION_H

#include <eddy/lock.h>

typedef struct eddy_condition eddy_condition;

EDDY_BEGIN_DECLS

/**
 * Creates a condition; it belongs to the loop on which a task first waits on it.
 *
 * asyncio   asyncio.Condition(lock)
 * Context   any.
 * lock      shared: the condition takes a reference; NULL: a lock of its own.
 * out       owned: eddy_condition_unref.
 * Returns   0; EDDY_EINVAL; EDDY_ENOMEM.
 */
EDDY_API EDDY_NODISCARD int eddy_condition_new(eddy_lock *lock, eddy_condition **out);

/** One more reference. */
EDDY_API eddy_condition *eddy_condition_ref(eddy_condition *condition);

/** One reference less. Tasks that wait hold one each. NULL is allowed. */
EDDY_API void eddy_condition_unref(eddy_condition *condition);

/** eddy_lock_acquire of its lock. asyncio: Condition.acquire(). */
EDDY_API int eddy_condition_acquire(eddy_condition *condition);

/** eddy_lock_release of its lock. asyncio: Condition.release(). */
EDDY_API EDDY_NODISCARD int eddy_condition_release(eddy_condition *condition);

/** eddy_lock_locked of its lock. asyncio: Condition.locked(). */
EDDY_API bool eddy_condition_locked(const eddy_condition *condition);

/**
 * Releases the lock, waits until the task is notified, and takes the lock again.
 *
 * Whatever it returns after waiting, the lock is held again. A task that is cancelled, while
 * it waits to be notified or for the lock, takes the lock all the same, and only then ends;
 * of several requests the last is reported. One that ends with an error notifies another task
 * in its place, whether it had been notified or not: so a task may wake for no reason, and has
 * to look at what it waits for again.
 *
 * asyncio   Condition.wait()
 * Context   coroutine; always suspends.
 * Returns   0; EDDY_ECANCELLED (with the lock); EDDY_ERUNTIME (the lock is not locked);
 *           EDDY_ENOTASK; EDDY_EOTHERLOOP (the condition, or its lock, is used by tasks of
 *           another loop; the lock is as before); EDDY_EINVAL.
 * Cost      O(1); no allocation.
 */
EDDY_API int eddy_condition_wait(eddy_condition *condition);

/**
 * Waits until the predicate is true: as `while (!predicate(arg)) eddy_condition_wait(...)`.
 *
 * asyncio   Condition.wait_for(predicate)
 * Context   coroutine; does not suspend if the predicate is true at once. The predicate is
 *           called with the lock held, in the task that waits, and must not wait itself.
 * Returns   0 (it was true just now); else as eddy_condition_wait.
 */
EDDY_API int eddy_condition_wait_for(
    eddy_condition *condition, bool (*predicate)(void *arg), void *arg);

/**
 * Notifies the first n tasks that wait; each goes on once it has the lock, in that order.
 * Those being cancelled do not count.
 *
 * asyncio   Condition.notify(n)
 * Context   the loop's thread; does not suspend.
 * Returns   0 (also if fewer wait); EDDY_ERUNTIME (the lock is not locked); EDDY_EINVAL.
 * Cost      O(n), plus one look at each cancelled task in front; no allocation.
 */
EDDY_API EDDY_NODISCARD int eddy_condition_notify(eddy_condition *condition, size_t n);

/** Notifies all tasks that wait. asyncio: Condition.notify_all(). Returns as
 * eddy_condition_notify. */
EDDY_API EDDY_NODISCARD int eddy_condition_notify_all(eddy_condition *condition);

EDDY_END_DECLS

#endif
