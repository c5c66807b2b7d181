/* Events: a flag that tasks of one loop wait for. */
#ifndef EDDY_EVENT_H
#define EDDY_EVENT_H

#include <eddy/loop.h>

typedef struct eddy_event eddy_event;

EDDY_BEGIN_DECLS

/**
 * Creates an event whose flag is down; it belongs to the loop on which a task first waits.
 *
 * asyncio   asyncio.Event()
 * Context   any.
 * out       owned: eddy_event_unref.
 * Returns   0; EDDY_EINVAL; EDDY_ENOMEM.
 */
EDDY_API EDDY_NODISCARD int eddy_event_new(eddy_event **out);

/** One more reference. */
EDDY_API eddy_event *eddy_event_ref(eddy_event *event);

/** One reference less. Tasks that wait for the event hold one each. NULL is allowed. */
EDDY_API void eddy_event_unref(eddy_event *event);

/**
 * Raises the flag and wakes every task that waits for it, in the order they came. They go on
 * even if the flag is cleared before they run.
 *
 * asyncio   Event.set()
 * Context   the loop's thread; does not suspend. NULL is ignored.
 * Cost      O(tasks that wait); no allocation.
 */
EDDY_API void eddy_event_set(eddy_event *event);

/** Lowers the flag; wakes nobody. asyncio: Event.clear(). NULL is ignored. */
EDDY_API void eddy_event_clear(eddy_event *event);

/** Whether the flag is up. asyncio: Event.is_set(). */
EDDY_API bool eddy_event_is_set(const eddy_event *event);

/**
 * Waits until the flag is raised.
 *
 * asyncio   Event.wait()
 * Context   coroutine; suspends only while the flag is down.
 * Returns   0; EDDY_ECANCELLED; EDDY_ENOTASK; EDDY_EOTHERLOOP; EDDY_EINVAL.
 * Cost      O(1); no allocation.
 */
EDDY_API int eddy_event_wait(eddy_event *event);

EDDY_END_DECLS

#endif
