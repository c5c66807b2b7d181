/* Barriers: a number of tasks of one loop wait for one another, then all go on. */
#ifndef EDDY_BARRIER_H
#define EDDY_BARRIER_H

#include <eddy/loop.h>

typedef struct eddy_barrier eddy_barrier;

EDDY_BEGIN_DECLS

/**
 * Creates a barrier; it belongs to the loop on which a task first waits at it.
 *
 * asyncio   asyncio.Barrier(parties)
 * Context   any.
 * parties   how many tasks wait for one another, 1 or more.
 * out       owned: eddy_barrier_unref.
 * Returns   0; EDDY_EINVAL (parties 0, or no place for the barrier); EDDY_ENOMEM.
 */
EDDY_API EDDY_NODISCARD int eddy_barrier_new(size_t parties, eddy_barrier **out);

/** One more reference. */
EDDY_API eddy_barrier *eddy_barrier_ref(eddy_barrier *barrier);

/** One reference less. Tasks that wait hold one each. NULL is allowed. */
EDDY_API void eddy_barrier_unref(eddy_barrier *barrier);

/**
 * Waits until `parties` tasks wait; they all go on, and the barrier is used again. While those
 * of one round leave, or while it is being reset, who comes anew waits for the next round. A
 * waiting task that is cancelled just leaves; the others wait on for one more.
 *
 * asyncio   Barrier.wait()
 * Context   coroutine; the last task to come does not suspend.
 * index     as the how-manieth the task came, from 0; untouched on failure; NULL: not asked.
 * Returns   0; EDDY_EBROKENBARRIER (it is aborted, or was aborted or reset meanwhile);
 *           EDDY_ECANCELLED; EDDY_ENOTASK; EDDY_EOTHERLOOP; EDDY_EINVAL.
 * Cost      O(1) for each task, O(parties) for the last to come and the last to leave; no
 *           allocation.
 */
EDDY_API int eddy_barrier_wait(eddy_barrier *barrier, size_t *index);

/**
 * Makes it empty and usable: tasks that wait at it end with EDDY_EBROKENBARRIER, and one that
 * was aborted can be used again.
 *
 * asyncio   Barrier.reset(), a coroutine that never suspends.
 * Context   the loop's thread; does not suspend.
 * Returns   0; EDDY_EINVAL.
 * Cost      O(tasks that wait); no allocation.
 */
EDDY_API int eddy_barrier_reset(eddy_barrier *barrier);

/**
 * Breaks it: tasks that wait at it, and all who come later, end with EDDY_EBROKENBARRIER,
 * until eddy_barrier_reset.
 *
 * asyncio   Barrier.abort(), a coroutine that never suspends.
 * Context   the loop's thread; does not suspend.
 * Returns   0; EDDY_EINVAL.
 * Cost      O(tasks that wait); no allocation.
 */
EDDY_API int eddy_barrier_abort(eddy_barrier *barrier);

/** How many tasks it takes. asyncio: Barrier.parties. */
EDDY_API size_t eddy_barrier_parties(const eddy_barrier *barrier);

/** How many wait for more to come; 0 while they leave, or while it is broken.
 * asyncio: Barrier.n_waiting. */
EDDY_API size_t eddy_barrier_n_waiting(const eddy_barrier *barrier);

/** Whether it was aborted. asyncio: Barrier.broken. */
EDDY_API bool eddy_barrier_broken(const eddy_barrier *barrier);

EDDY_END_DECLS

#endif
