/* Futures: an outcome that comes later. A task is one, too (eddy_task_future). */
#ifndef EDDY_FUTURE_H
#define EDDY_FUTURE_H

#include <eddy/loop.h>

/** Called with the future when it is done, from the ready queue. */
typedef int eddy_done_fn(eddy_future *future, void *arg);

EDDY_BEGIN_DECLS

/**
 * Creates a pending future.
 *
 * asyncio   loop.create_future()
 * Context   the loop's thread.
 * loop      NULL: the running loop.
 * out       owned: eddy_future_unref.
 * Returns   0; EDDY_EINVAL; EDDY_ENOLOOP; EDDY_ECLOSED; EDDY_ENOMEM.
 */
EDDY_API EDDY_NODISCARD int eddy_future_new(eddy_loop *loop, eddy_future **out);
#define eddy_future_new(loop, out) eddy_future_new_at(loop, EDDY_SITE("future"), out)

/** What the macro of eddy_future_new calls: `site` is a literal that says where the future was
 * made, for reports; NULL: not known. */
EDDY_API EDDY_NODISCARD int eddy_future_new_at(
    eddy_loop *loop, const char *site, eddy_future **out);

/** One more reference. */
EDDY_API eddy_future *eddy_future_ref(eddy_future *future);

/** One reference less. An error that nobody ever read is reported to the loop's exception
 * handler, once: when the last reference goes, or when the loop is closed before. NULL is
 * allowed. */
EDDY_API void eddy_future_unref(eddy_future *future);

/**
 * Completes the future; waiters and callbacks are queued in the order they came.
 *
 * asyncio   Future.set_result()
 * Context   the loop's thread; never waits and runs nothing inline.
 * Returns   0; EDDY_EINVALIDSTATE (it is done, or it is a task: nothing changed);
 *           EDDY_EINVAL (future NULL); EDDY_EOTHERTHREAD (its loop was inherited by fork).
 */
EDDY_API EDDY_NODISCARD int eddy_future_set_result(eddy_future *future, eddy_value value);

/** As eddy_future_set_result, with an error (negative) and its message (copied; NULL: none).
 * asyncio: Future.set_exception(). */
EDDY_API EDDY_NODISCARD int eddy_future_set_exception(
    eddy_future *future, int error, const char *message);

/**
 * Cancels: a plain future is then done with EDDY_ECANCELLED; a task is asked to end
 * (eddy_task_cancel), a gather asks each of its children.
 *
 * asyncio   Future.cancel(msg)
 * message   copied; NULL: none.
 * Returns   whether anything was asked: false when it was done already.
 */
EDDY_API bool eddy_future_cancel(eddy_future *future, const char *message);

/** asyncio: Future.done(). */
EDDY_API bool eddy_future_done(const eddy_future *future);

/** asyncio: Future.cancelled(). */
EDDY_API bool eddy_future_cancelled(const eddy_future *future);

/**
 * The outcome of a future that is done; its error then counts as retrieved.
 *
 * asyncio   Future.result()
 * value     untouched on failure; NULL to ignore it.
 * Returns   0; the future's error (EDDY_ECANCELLED when cancelled); EDDY_EINVALIDSTATE (it
 *           is pending).
 */
EDDY_API int eddy_future_result(eddy_future *future, eddy_value *value);

/**
 * The error of a future that is done; it then counts as retrieved.
 *
 * asyncio   Future.exception()
 * error     the code, or 0 if it has a value; untouched on failure.
 * Returns   0; EDDY_ECANCELLED (it was cancelled); EDDY_EINVALIDSTATE (it is pending).
 */
EDDY_API EDDY_NODISCARD int eddy_future_exception(eddy_future *future, int *error);

/** The message of its error or cancellation, borrowed; the code's text if there is none; ""
 * when it has a value or is pending. Does not count as retrieving. */
EDDY_API const char *eddy_future_message(const eddy_future *future);

/** What its error, an EDDY_EGROUP, is made of, as eddy_error_parts; borrowed from the future.
 * NULL when there is none. Does not count as retrieving. */
EDDY_API const eddy_error_part *eddy_future_error_parts(const eddy_future *future);

/**
 * Queues fn when the future is done; at once if it is. The same pair may be added twice.
 *
 * asyncio   Future.add_done_callback()
 * Returns   0; EDDY_EINVAL; EDDY_ENOMEM; EDDY_ECLOSED.
 */
EDDY_API EDDY_NODISCARD int eddy_future_add_done_callback(
    eddy_future *future, eddy_done_fn *fn, void *arg);

/** Removes every callback with this fn and arg that is not queued yet.
 * asyncio: Future.remove_done_callback(). Returns how many. */
EDDY_API size_t eddy_future_remove_done_callback(
    eddy_future *future, eddy_done_fn *fn, void *arg);

/** The loop it belongs to. asyncio: Future.get_loop(). */
EDDY_API eddy_loop *eddy_future_get_loop(const eddy_future *future);

/**
 * Waits for a future or task and takes its outcome.
 *
 * asyncio   await future
 * Context   coroutine; suspends unless the future is done. Cancelling the waiting task
 *           cancels the future it waits for.
 * value     untouched on failure; NULL to ignore it.
 * Returns   0; the future's error; EDDY_ECANCELLED; EDDY_ENOTASK; EDDY_EINVAL (future NULL);
 *           EDDY_EOTHERLOOP, EDDY_ERUNTIME (a task awaiting itself): raised at the next
 *           step, as asyncio does.
 * Cost      no allocation.
 */
EDDY_API int eddy_await(eddy_future *future, eddy_value *value);

EDDY_END_DECLS

#endif
