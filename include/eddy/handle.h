/* Callbacks booked on a loop, and the handles that cancel them. */
#ifndef EDDY_HANDLE_H
#define EDDY_HANDLE_H

#include <eddy/context.h>
#include <eddy/loop.h>

EDDY_BEGIN_DECLS

/**
 * Queues a callback behind everything that is ready; it runs once, in the next iteration.
 *
 * asyncio   loop.call_soon()
 * Context   the loop's thread; does not wait.
 * fn        what it returns other than 0 goes to the loop's exception handler.
 * arg       borrowed by fn, kept until it ran or was cancelled.
 * out       owned: eddy_handle_unref; NULL when nobody will cancel it.
 * Returns   0; EDDY_EINVAL (loop or fn NULL); EDDY_ECLOSED; EDDY_ENOMEM; EDDY_EOTHERTHREAD
 *           (the loop was inherited by fork; in debug mode also: another thread's loop).
 * Cost      O(1); allocates only for `out`, and when the queue has to grow.
 */
EDDY_API EDDY_NODISCARD int eddy_loop_call_soon(
    eddy_loop *loop, eddy_fn *fn, void *arg, eddy_handle **out);

/**
 * Books a callback for `delay` from now; ties run in booking order.
 *
 * asyncio   loop.call_later()
 * delay     0 or negative: due at once, behind everything that is ready; a negative one is
 *           a deadline in the past, ahead of a delay of 0. One that exceeds the clock's
 *           range: never.
 * Returns   as eddy_loop_call_soon.
 * Cost      O(log n), amortised; one allocation, from a free list where there is one.
 */
EDDY_API EDDY_NODISCARD int eddy_loop_call_later(
    eddy_loop *loop, eddy_time delay, eddy_fn *fn, void *arg, eddy_handle **out);

/** As eddy_loop_call_later, at a point of the loop's clock. asyncio: loop.call_at(). */
EDDY_API EDDY_NODISCARD int eddy_loop_call_at(
    eddy_loop *loop, eddy_time when, eddy_fn *fn, void *arg, eddy_handle **out);

/**
 * Queues a callback from any thread and wakes the loop; from the loop's own thread it is
 * eddy_loop_call_soon. Calls of one thread run in order.
 *
 * asyncio   loop.call_soon_threadsafe()
 * Context   any thread; does not wait and takes no lock. The loop must not be freed during
 *           the call.
 * Returns   0; EDDY_EINVAL; EDDY_ECLOSED; EDDY_ENOMEM; EDDY_EOTHERTHREAD (the loop was
 *           inherited by fork).
 * Cost      one allocation; a system call only when the loop has not been woken already.
 */
EDDY_API EDDY_NODISCARD int eddy_loop_call_soon_threadsafe(
    eddy_loop *loop, eddy_fn *fn, void *arg);

/**
 * Cancels the callback: it will not run, even if its turn had come in this iteration. Doing
 * so twice, or after it ran, does nothing.
 *
 * asyncio   Handle.cancel()
 * Context   the loop's thread.
 * handle    NULL is allowed.
 * Cost      O(1), for a timer amortised; O(log n) for a timer of libuv's.
 */
EDDY_API void eddy_handle_cancel(eddy_handle *handle);

/** asyncio: Handle.cancelled(). */
EDDY_API bool eddy_handle_cancelled(const eddy_handle *handle);

/** The deadline on the loop's clock; EDDY_NEVER for a handle of eddy_loop_call_soon.
 * asyncio: TimerHandle.when(). */
EDDY_API eddy_time eddy_handle_when(const eddy_handle *handle);

/** The context that its callback runs in, borrowed; NULL if there is no memory for one that is
 * empty. asyncio: Handle.get_context(). */
EDDY_API eddy_context *eddy_handle_get_context(eddy_handle *handle);

/** One more reference. */
EDDY_API eddy_handle *eddy_handle_ref(eddy_handle *handle);

/** One reference less; the callback stays booked. NULL is allowed. */
EDDY_API void eddy_handle_unref(eddy_handle *handle);

EDDY_END_DECLS

#endif
