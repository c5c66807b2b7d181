/*
 * Queues between threads: tasks of different loops, and threads without a loop, put and get.
 *
 *     static int work(void *queue)            // a task on one loop, or several on several
 *     {
 *       eddy_value job;
 *       int rc;
 *       while ((rc = eddy_thread_queue_get(queue, &job)) == 0) {
 *         handle(job.p);
 *       }
 *       return rc == EDDY_EQUEUESHUTDOWN ? 0 : rc;
 *     }
 *
 * A call of a task suspends that task alone; a thread without a loop blocks in the calls named
 * `_blocking`; the others do not wait and may be made anywhere.
 *
 * Items come out in the order they went in. Who waits is woken in the order in which they came,
 * whatever their loop or thread. As with asyncio's queues a waiter that is woken looks again: a
 * call that found an item in the meantime may have been faster, and then the waiter goes back to
 * its old place in line. A cancelled get has taken nothing, a cancelled put has put nothing, and
 * what they were woken for goes to the next in line.
 *
 * While a task waits its loop is held (eddy_loop_hold): it does not end, reports no deadlock,
 * and on native/virtual time stands still, as with all work of other threads. A loop that is
 * closed takes its tasks out of line.
 *
 * A child after fork has the queue and none of the other threads: there the calls that return a
 * code fail with EDDY_EOTHERTHREAD, the others do nothing, and what is in the queue is seen as it
 * was. The child makes a queue of its own.
 *
 * asyncio has nothing like it; Python's queue.Queue is one between threads, and the names are
 * those of both.
 */
#ifndef EDDY_THREAD_QUEUE_H
#define EDDY_THREAD_QUEUE_H

#include <eddy/loop.h>

typedef struct eddy_thread_queue eddy_thread_queue;

EDDY_BEGIN_DECLS

/**
 * Creates a queue, FIFO.
 *
 * asyncio   none; queue.Queue(maxsize)
 * Context   any thread, as everything here that says nothing else.
 * maxsize   items; 0: unbounded.
 * out       owned: eddy_thread_queue_unref.
 * Returns   0; EDDY_EINVAL; EDDY_ENOMEM.
 */
EDDY_API EDDY_NODISCARD int eddy_thread_queue_new(
    size_t maxsize, eddy_thread_queue **out);

/** One more reference: each task or thread that uses the queue needs one of its own, or somebody
 * who keeps one for it. */
EDDY_API eddy_thread_queue *eddy_thread_queue_ref(eddy_thread_queue *queue);

/** One reference less. Without any the queue is shut down: who waits still gets
 * EDDY_EQUEUESHUTDOWN. Items left are dropped. NULL is allowed. */
EDDY_API void eddy_thread_queue_unref(eddy_thread_queue *queue);

/**
 * Puts an item in; waits while the queue is full.
 *
 * asyncio   none; Queue.put(), janus.Queue.async_q
 * Context   coroutine; suspends only while the queue is full.
 * Returns   0; EDDY_EQUEUESHUTDOWN; EDDY_ECANCELLED (the item is not in the queue);
 *           EDDY_ENOTASK; EDDY_ENOMEM (likewise not); EDDY_EINVAL.
 * Cost      O(1) and the queue's mutex; allocates only to grow, and nothing to wait. Wakes a
 *           waiter of another loop as eddy_loop_call_soon_threadsafe does: at most one wake-up
 *           of a loop until it has looked.
 */
EDDY_API int eddy_thread_queue_put(eddy_thread_queue *queue, eddy_value item);

/** Puts an item in, or fails at once. Returns 0; EDDY_EQUEUEFULL; EDDY_EQUEUESHUTDOWN;
 * EDDY_ENOMEM (the queue is as before); EDDY_EINVAL. */
EDDY_API EDDY_NODISCARD int eddy_thread_queue_put_nowait(
    eddy_thread_queue *queue, eddy_value item);

/**
 * Puts an item in; blocks the thread while the queue is full.
 *
 * asyncio   none; queue.Queue.put(item, timeout=timeout)
 * Context   a thread in which no loop runs: one of an executor, the program's own.
 * timeout   of real time; EDDY_NEVER: none; 0: does not wait.
 * Returns   0; EDDY_ETIMEDOUT (the item is not in the queue); EDDY_EQUEUESHUTDOWN; EDDY_ENOMEM;
 *           EDDY_ERUNNING (a loop runs in this thread); EDDY_EINVAL; the system's code.
 */
EDDY_API int eddy_thread_queue_put_blocking(
    eddy_thread_queue *queue, eddy_value item, eddy_time timeout);

/**
 * Takes the next item; waits while there is none.
 *
 * asyncio   none; Queue.get(), janus.Queue.async_q
 * Context   coroutine; suspends only while the queue is empty.
 * item      untouched on failure.
 * Returns   0; EDDY_EQUEUESHUTDOWN (shut down and empty); EDDY_ECANCELLED (nothing was
 *           taken); EDDY_ENOTASK; EDDY_EINVAL.
 * Cost      as eddy_thread_queue_put, without any allocation.
 */
EDDY_API int eddy_thread_queue_get(eddy_thread_queue *queue, eddy_value *item);

/** Takes an item, or fails at once. Returns 0; EDDY_EQUEUEEMPTY; EDDY_EQUEUESHUTDOWN;
 * EDDY_EINVAL. */
EDDY_API EDDY_NODISCARD int eddy_thread_queue_get_nowait(
    eddy_thread_queue *queue, eddy_value *item);

/**
 * Takes the next item; blocks the thread while there is none.
 *
 * asyncio   none; queue.Queue.get(timeout=timeout)
 * Context, timeout  as eddy_thread_queue_put_blocking.
 * Returns   0; EDDY_ETIMEDOUT (nothing was taken); EDDY_EQUEUESHUTDOWN; EDDY_ERUNNING;
 *           EDDY_EINVAL; the system's code.
 */
EDDY_API int eddy_thread_queue_get_blocking(
    eddy_thread_queue *queue, eddy_time timeout, eddy_value *item);

/** How many items are in it: a moment later it may be another number, as with the next two. */
EDDY_API size_t eddy_thread_queue_qsize(eddy_thread_queue *queue);
EDDY_API bool eddy_thread_queue_empty(eddy_thread_queue *queue);
EDDY_API bool eddy_thread_queue_full(eddy_thread_queue *queue);

/** 0 when unbounded. */
EDDY_API size_t eddy_thread_queue_maxsize(const eddy_thread_queue *queue);

/** Says that an item taken has been dealt with. Returns 0; EDDY_EINVALIDSTATE (called more often
 * than items were put in); EDDY_EINVAL. */
EDDY_API EDDY_NODISCARD int eddy_thread_queue_task_done(eddy_thread_queue *queue);

/** Waits until every item put in has been dealt with. Coroutine; suspends only if there are
 * such. Returns 0; EDDY_ECANCELLED; EDDY_EQUEUESHUTDOWN (nobody else holds the queue, so that
 * it will never be so); EDDY_ENOTASK; EDDY_EINVAL. */
EDDY_API int eddy_thread_queue_join(eddy_thread_queue *queue);

/** As eddy_thread_queue_join, blocking the thread. Returns as that and, like
 * eddy_thread_queue_get_blocking, EDDY_ETIMEDOUT; EDDY_ERUNNING; the system's code. */
EDDY_API int eddy_thread_queue_join_blocking(eddy_thread_queue *queue, eddy_time timeout);

/**
 * Ends the queue for good: puts fail, gets hand out what is left and then fail; everyone who
 * waits to put or to get wakes.
 *
 * asyncio   none; Queue.shutdown(immediate)
 * immediate drop the items left; they count as dealt with.
 */
EDDY_API void eddy_thread_queue_shutdown(eddy_thread_queue *queue, bool immediate);

EDDY_END_DECLS

#endif
