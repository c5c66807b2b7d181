/* Work in other threads: blocking calls and long computations that must not hold the loop. */
#ifndef EDDY_EXECUTOR_H
#define EDDY_EXECUTOR_H

#include <eddy/future.h>

/* A pool of threads that run one function after another. */
typedef struct eddy_executor eddy_executor;

/** How to make an executor; all zero means: the defaults. */
typedef struct eddy_executor_options {
  /** How many threads at most; 0: the processors and four more, 32 at most. A thread is
   * started when work comes that no idle one can take. */
  size_t max_workers;
  /** Copied; the threads are named "prefix_0", "prefix_1", ... as far as the system's names
   * reach (15 bytes on Linux, where the prefix is cut); NULL: "eddy". */
  const char *thread_name_prefix;
} eddy_executor_options;

/** What eddy_executor_shutdown does beyond refusing new work; may be combined with `|`. */
enum eddy_executor_shutdown_flags {
  EDDY_EXECUTOR_NOWAIT = 1, /* do not wait for the threads */
  EDDY_EXECUTOR_CANCEL =
      2, /* work that has not begun is dropped, its futures are cancelled */
};

/** How to run a function in a thread; all zero means: the defaults. */
typedef struct eddy_job_options {
  /** Called with the argument if the function will never be called (cancelled before a thread
   * took it, the executor shut down with EDDY_EXECUTOR_CANCEL, the loop closed): whoever
   * handed the argument over can let go of it here. Runs on the loop's thread, and must not
   * wait. */
  void (*unstarted)(void *arg);
} eddy_job_options;

EDDY_BEGIN_DECLS

/**
 * Creates an executor; no thread is started yet. Several loops and threads may share it.
 *
 * asyncio   none; concurrent.futures.ThreadPoolExecutor(max_workers, thread_name_prefix)
 * Context   any thread.
 * options   borrowed; NULL means the defaults.
 * out       owned: eddy_executor_unref.
 * Returns   0; EDDY_EINVAL (out NULL); EDDY_ENOMEM.
 */
EDDY_API EDDY_NODISCARD int eddy_executor_new(
    const eddy_executor_options *options, eddy_executor **out);

/** One more reference. Any thread. */
EDDY_API eddy_executor *eddy_executor_ref(eddy_executor *executor);

/** One reference less; the last one shuts it down as EDDY_EXECUTOR_NOWAIT does: work taken on
 * is still done, and idle threads have ended when this returns. Work that was taken on and is
 * not finished holds references of its own. NULL is allowed. Any thread. */
EDDY_API void eddy_executor_unref(eddy_executor *executor);

/**
 * Takes no more work on. Unless told otherwise, blocks the calling thread until everything
 * taken on is done and the threads have ended.
 *
 * asyncio   none; concurrent.futures.Executor.shutdown(wait, cancel_futures)
 * Context   any thread. On a loop's thread it holds the loop up unless EDDY_EXECUTOR_NOWAIT:
 *           eddy_loop_shutdown_default_executor waits without that.
 * flags     of eddy_executor_shutdown_flags; 0: finish everything and wait. With NOWAIT only
 *           idle threads are waited for, which end at once.
 * Returns   0, also when it is shut down already; EDDY_ERUNTIME (a thread of the executor
 *           would wait for itself: it is shut down, but not waited for); EDDY_EOTHERTHREAD
 *           (it was inherited by fork); EDDY_EINVAL.
 */
EDDY_API int eddy_executor_shutdown(eddy_executor *executor, unsigned flags);

/**
 * Has a thread call fn(arg). The future is done when it has returned: with its error, or with
 * the value that eddy_return gave there. In the thread no loop is running; eddy_raise,
 * eddy_return and eddy_message work as in a task.
 *
 * Until then the loop has work: it does not end, reports no deadlock and virtual time stands
 * still. Cancelling the future takes effect at once. What has not begun is dropped then; what
 * runs goes on, its outcome is dropped and the loop does not wait for it any more.
 *
 * asyncio   loop.run_in_executor(executor, func)
 * Context   the loop's thread; does not wait. The context values are not handed on
 *           (eddy_to_thread does).
 * executor  NULL: the loop's own, made at its first use.
 * fn        called in another thread.
 * arg       kept until fn has returned, even if the future was cancelled meanwhile: a local
 *           variable of a task that may be cancelled does not last. What fn is to free itself
 *           is also let go of by the `unstarted` of eddy_loop_run_in_executor_with.
 * out       owned: eddy_future_unref; NULL: nobody waits.
 * Returns   0; EDDY_EINVAL; EDDY_ECLOSED; EDDY_ERUNTIME (the executor is shut down);
 *           EDDY_EAGAIN (the first thread could not be started; where there is one, the work
 *           waits for that); EDDY_ENOMEM; EDDY_EOTHERTHREAD (inherited by fork).
 * Cost      two allocations, and a thread if none is idle. The outcome arrives like
 *           eddy_loop_call_soon_threadsafe, without any.
 */
EDDY_API EDDY_NODISCARD int eddy_loop_run_in_executor(
    eddy_loop *loop, eddy_executor *executor, eddy_fn *fn, void *arg, eddy_future **out);

/** As eddy_loop_run_in_executor, with options (borrowed; NULL: none). loop NULL: the running
 * one, else EDDY_ENOLOOP. */
EDDY_API EDDY_NODISCARD int eddy_loop_run_in_executor_with(eddy_loop *loop,
    eddy_executor *executor, eddy_fn *fn, void *arg, const eddy_job_options *options,
    eddy_future **out);

/**
 * Calls fn(arg) in a thread of the loop's own executor and waits for its outcome. The calling
 * task's context values are copied for it.
 *
 * asyncio   asyncio.to_thread(func)
 * Context   coroutine; suspends.
 * arg       as with eddy_loop_run_in_executor: it must last until fn has returned, which after
 *           EDDY_ECANCELLED may be later than this call.
 * value     what eddy_return gave in fn; untouched on failure; NULL to ignore it.
 * Returns   0; the error of fn, with its message; EDDY_ECANCELLED; EDDY_ENOTASK; as
 *           eddy_loop_run_in_executor.
 */
EDDY_API int eddy_to_thread(eddy_fn *fn, void *arg, eddy_value *value);

/** As eddy_to_thread, with options (borrowed; NULL: none). */
EDDY_API int eddy_to_thread_with(
    eddy_fn *fn, void *arg, const eddy_job_options *options, eddy_value *value);

/**
 * Sets what eddy_loop_run_in_executor uses when it is given no executor. Closing the loop shuts
 * it down like one of the loop's own; the one before is let go of.
 *
 * asyncio   loop.set_default_executor()
 * Context   the loop's thread.
 * executor  referenced.
 * Returns   0; EDDY_EINVAL (NULL); EDDY_ECLOSED; EDDY_EOTHERTHREAD (debug mode); EDDY_ENOMEM.
 */
EDDY_API EDDY_NODISCARD int eddy_loop_set_default_executor(
    eddy_loop *loop, eddy_executor *executor);

/**
 * Ends the use of the loop's executor and waits until its threads have ended, while the loop
 * runs on. eddy_run does it at the end, with 300 s.
 *
 * asyncio   loop.shutdown_default_executor(timeout)
 * Context   coroutine; suspends if the loop has an executor.
 * loop      the running one, or NULL for it.
 * timeout   EDDY_NEVER: none.
 * Returns   0; EDDY_ETIMEDOUT (where asyncio warns: threads are still at work, the executor is
 *           shut down all the same); EDDY_ECANCELLED (likewise); EDDY_ENOTASK;
 *           EDDY_EOTHERLOOP; EDDY_ENOMEM (nothing has changed).
 */
EDDY_API int eddy_loop_shutdown_default_executor(eddy_loop *loop, eddy_time timeout);

EDDY_END_DECLS

#endif
