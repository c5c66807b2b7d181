/* Queues between tasks (and callbacks) of one loop: FIFO, LIFO or by priority. */
#ifndef EDDY_QUEUE_H
#define EDDY_QUEUE_H

#include <eddy/loop.h>

typedef struct eddy_queue eddy_queue;

typedef enum eddy_queue_order {
  EDDY_QUEUE_FIFO = 0, /* asyncio.Queue */
  EDDY_QUEUE_LIFO,     /* asyncio.LifoQueue */
  EDDY_QUEUE_PRIORITY, /* asyncio.PriorityQueue: the smallest first, equal ones in order */
} eddy_queue_order;

/** How to make a queue; all zero means: unbounded FIFO. */
typedef struct eddy_queue_options {
  size_t maxsize; /* items; 0: unbounded */
  eddy_queue_order order;
  /** For EDDY_QUEUE_PRIORITY: negative if a comes before b, 0 if equal; NULL: by value.i. */
  int (*compare)(eddy_value a, eddy_value b);
} eddy_queue_options;

/** Called with an item, or with an error (EDDY_EQUEUESHUTDOWN, EDDY_ENOMEM). */
typedef int eddy_queue_fn(eddy_result result, void *arg);

EDDY_BEGIN_DECLS

/**
 * Creates a queue; it belongs to the loop on which someone first waits on it.
 *
 * asyncio   asyncio.Queue(maxsize)
 * options   borrowed; NULL: unbounded FIFO.
 * out       owned: eddy_queue_unref.
 * Returns   0; EDDY_EINVAL; EDDY_ENOMEM.
 */
EDDY_API EDDY_NODISCARD int eddy_queue_new(
    const eddy_queue_options *options, eddy_queue **out);

/** One more reference. */
EDDY_API eddy_queue *eddy_queue_ref(eddy_queue *queue);

/** One reference less. Tasks and callbacks that wait on the queue hold one each. NULL is
 * allowed. */
EDDY_API void eddy_queue_unref(eddy_queue *queue);

/**
 * Puts an item in; waits while the queue is full.
 *
 * asyncio   Queue.put()
 * Context   coroutine; suspends only while the queue is full.
 * Returns   0; EDDY_EQUEUESHUTDOWN; EDDY_ECANCELLED (the item is not in the queue);
 *           EDDY_ENOTASK; EDDY_EOTHERLOOP; EDDY_ENOMEM; EDDY_EINVAL.
 * Cost      O(1), O(log n) by priority; allocates only to grow.
 */
EDDY_API int eddy_queue_put(eddy_queue *queue, eddy_value item);

/** Puts an item in, or fails at once. asyncio: Queue.put_nowait(). Any context of the
 * loop's thread. Returns 0; EDDY_EQUEUEFULL; EDDY_EQUEUESHUTDOWN; EDDY_ENOMEM; EDDY_EINVAL. */
EDDY_API EDDY_NODISCARD int eddy_queue_put_nowait(eddy_queue *queue, eddy_value item);

/**
 * Takes the next item; waits while there is none.
 *
 * asyncio   Queue.get()
 * Context   coroutine; suspends only while the queue is empty.
 * item      untouched on failure.
 * Returns   0; EDDY_EQUEUESHUTDOWN (shut down and empty); EDDY_ECANCELLED (nothing was
 *           taken); EDDY_ENOTASK; EDDY_EOTHERLOOP; EDDY_EINVAL.
 */
EDDY_API int eddy_queue_get(eddy_queue *queue, eddy_value *item);

/** Takes an item, or fails at once. asyncio: Queue.get_nowait(). Returns 0;
 * EDDY_EQUEUEEMPTY; EDDY_EQUEUESHUTDOWN; EDDY_EINVAL. */
EDDY_API EDDY_NODISCARD int eddy_queue_get_nowait(eddy_queue *queue, eddy_value *item);

/**
 * The callback form of get: fn is called once, from the ready queue and never from inside
 * this call or a put, with an item or with an error. It takes its turn among waiting tasks.
 *
 * asyncio   none.
 * Context   the loop's thread; does not wait.
 * loop      NULL: the running loop.
 * Returns   0; EDDY_EINVAL; EDDY_ENOLOOP; EDDY_EOTHERLOOP; EDDY_ECLOSED; EDDY_ENOMEM.
 * Cost      one allocation.
 */
EDDY_API EDDY_NODISCARD int eddy_queue_get_cb(
    eddy_loop *loop, eddy_queue *queue, eddy_queue_fn *fn, void *arg);

/** How many items are in it. asyncio: Queue.qsize(). */
EDDY_API size_t eddy_queue_qsize(const eddy_queue *queue);

/** asyncio: Queue.empty(). */
EDDY_API bool eddy_queue_empty(const eddy_queue *queue);

/** asyncio: Queue.full(). */
EDDY_API bool eddy_queue_full(const eddy_queue *queue);

/** 0 when unbounded. asyncio: Queue.maxsize. */
EDDY_API size_t eddy_queue_maxsize(const eddy_queue *queue);

/** Says that an item taken has been dealt with. asyncio: Queue.task_done(). Returns 0;
 * EDDY_EINVALIDSTATE (called more often than items were put in); EDDY_EINVAL. */
EDDY_API EDDY_NODISCARD int eddy_queue_task_done(eddy_queue *queue);

/** Waits until every item put in has been dealt with. asyncio: Queue.join(). Suspends only
 * if there are such. Returns 0; EDDY_ECANCELLED; EDDY_ENOTASK; EDDY_EOTHERLOOP; EDDY_EINVAL. */
EDDY_API int eddy_queue_join(eddy_queue *queue);

/**
 * Ends the queue for good: puts fail, gets hand out what is left and then fail; every
 * blocked caller wakes.
 *
 * asyncio   Queue.shutdown(immediate)
 * immediate drop the items left; they count as dealt with.
 */
EDDY_API void eddy_queue_shutdown(eddy_queue *queue, bool immediate);

EDDY_END_DECLS

#endif
