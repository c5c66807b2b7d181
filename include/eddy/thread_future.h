/*
 * Futures between threads: an outcome that one thread brings and another blocks for.
 *
 * eddy_run_coroutine_threadsafe starts a task on a loop of another thread and answers with one;
 * eddy_wrap_future makes one awaitable on a loop.
 *
 * In a child after fork nobody is left who could end one: the calls that return a code fail there
 * with EDDY_EOTHERTHREAD, the others do nothing.
 */
#ifndef EDDY_THREAD_FUTURE_H
#define EDDY_THREAD_FUTURE_H

#include <eddy/task_factory.h>

/** asyncio: concurrent.futures.Future. */
typedef struct eddy_thread_future eddy_thread_future;

/** Called with the future when it is done, by the thread that ended it. */
typedef void eddy_thread_done_fn(eddy_thread_future *future, void *arg);

EDDY_BEGIN_DECLS

/**
 * Starts a task on a loop that runs in another thread; the context values of the caller are
 * copied for it. The future is done when the task is. Cancelling the future cancels the task;
 * that a wait for the future runs out of time does nothing to the task. If the loop is closed
 * before the task has ended, the future is cancelled.
 *
 * asyncio   asyncio.run_coroutine_threadsafe()
 * Context   any thread; does not wait. The loop must not be freed during the call.
 * fn        the task's body, as with eddy_create_task.
 * arg       kept until the task has ended.
 * out       owned: eddy_thread_future_unref; NULL: nobody waits.
 * Returns   0; EDDY_EINVAL; EDDY_ECLOSED; EDDY_ENOMEM; EDDY_EOTHERTHREAD (the loop was inherited
 *           by fork). A task that cannot be created there gives the future the error, and the
 *           loop's exception handler hears of it.
 */
EDDY_API EDDY_NODISCARD int eddy_run_coroutine_threadsafe(
    eddy_loop *loop, eddy_fn *fn, void *arg, eddy_thread_future **out);

/** As eddy_run_coroutine_threadsafe, for any body and with the task's options (copied;
 * NULL: none). If the call returned 0, their `unstarted` is also called if no
 * task came of it: there was no memory for one, or the loop was closed before. */
EDDY_API EDDY_NODISCARD int eddy_run_coroutine_threadsafe_with(eddy_loop *loop,
    const eddy_task_body *body, const eddy_task_options *options,
    eddy_thread_future **out);

/**
 * A future of a loop that follows the thread future: it gets its outcome, and cancelling it
 * cancels the thread future. Until it is done the loop has work, as with
 * eddy_loop_run_in_executor.
 *
 * asyncio   asyncio.wrap_future()
 * Context   the loop's thread.
 * future    referenced.
 * loop      NULL: the running one.
 * out       owned: eddy_future_unref.
 * Returns   0; EDDY_EINVAL; EDDY_ENOLOOP; EDDY_ECLOSED; EDDY_EOTHERTHREAD; EDDY_ENOMEM.
 */
EDDY_API EDDY_NODISCARD int eddy_wrap_future(
    eddy_thread_future *future, eddy_loop *loop, eddy_future **out);

/**
 * Creates a pending future, for a thread that will bring the outcome itself.
 *
 * asyncio   none; concurrent.futures.Future()
 * Context   any thread, as all that follow.
 * out       owned: eddy_thread_future_unref.
 * Returns   0; EDDY_EINVAL; EDDY_ENOMEM.
 */
EDDY_API EDDY_NODISCARD int eddy_thread_future_new(eddy_thread_future **out);

/** One more reference. */
EDDY_API eddy_thread_future *eddy_thread_future_ref(eddy_thread_future *future);

/** One reference less; a task that it stands for runs on. NULL is allowed. */
EDDY_API void eddy_thread_future_unref(eddy_thread_future *future);

/** Ends it with a value. asyncio: none; Future.set_result(). Returns 0; EDDY_EINVALIDSTATE (it
 * is done, or the future of a task); EDDY_EINVAL. */
EDDY_API EDDY_NODISCARD int eddy_thread_future_set_result(
    eddy_thread_future *future, eddy_value value);

/** Ends it with an error (negative) and its message (copied; NULL: none). Returns as
 * eddy_thread_future_set_result. */
EDDY_API EDDY_NODISCARD int eddy_thread_future_set_exception(
    eddy_thread_future *future, int error, const char *message);

/**
 * Cancels: the future is done with EDDY_ECANCELLED at once, its task is asked to end.
 *
 * asyncio   none; Future.cancel()
 * Returns   whether it was cancelled now or before: false when it had ended otherwise.
 */
EDDY_API bool eddy_thread_future_cancel(eddy_thread_future *future);

/** asyncio: none; Future.done(). */
EDDY_API bool eddy_thread_future_done(eddy_thread_future *future);

/** asyncio: none; Future.cancelled(). */
EDDY_API bool eddy_thread_future_cancelled(eddy_thread_future *future);

/**
 * Blocks the calling thread until the future is done, and takes its outcome.
 *
 * asyncio   none; Future.result(timeout)
 * timeout   of real time; EDDY_NEVER: none; 0: only look.
 * value     untouched on failure; NULL to ignore it.
 * Returns   0; the future's error, with its message; EDDY_ECANCELLED; EDDY_ETIMEDOUT (it is not
 *           done, and goes on); EDDY_EDEADLOCK (called by the very thread that runs the loop of
 *           its task, which could never end so); EDDY_EINVAL.
 */
EDDY_API int eddy_thread_future_result(
    eddy_thread_future *future, eddy_time timeout, eddy_value *value);

/** As eddy_thread_future_result, but the error is what is asked for: 0 in *error if it has a
 * value. Returns 0; EDDY_ECANCELLED; EDDY_ETIMEDOUT; EDDY_EDEADLOCK; EDDY_EINVAL. */
EDDY_API EDDY_NODISCARD int eddy_thread_future_exception(
    eddy_thread_future *future, eddy_time timeout, int *error);

/** The message of its error or cancellation, borrowed; "" when it has a value or is pending. */
EDDY_API const char *eddy_thread_future_message(eddy_thread_future *future);

/**
 * Has fn called when the future is done: by the thread that ends it, for a task's that of its
 * loop; at once and here if it is done. fn must not wait.
 *
 * asyncio   none; Future.add_done_callback()
 * Returns   0; EDDY_EINVAL; EDDY_ENOMEM.
 */
EDDY_API EDDY_NODISCARD int eddy_thread_future_add_done_callback(
    eddy_thread_future *future, eddy_thread_done_fn *fn, void *arg);

EDDY_END_DECLS

#endif
