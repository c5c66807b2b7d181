/* Tasks: functions that may wait. Each is driven by the loop from its ready queue. */
#ifndef EDDY_TASK_H
#define EDDY_TASK_H

#include <eddy/context.h>
#include <eddy/coro.h>
#include <eddy/future.h>

/** When the first step of a task runs. */
typedef enum eddy_eager_start {
  EDDY_EAGER_START_DEFAULT = 0, /* as the loop's task factory has it; else as FALSE */
  EDDY_EAGER_START_TRUE,        /* inside the call that creates it, if the loop runs */
  EDDY_EAGER_START_FALSE,       /* in the next iteration */
} eddy_eager_start;

/** How to make a task; all zero means: the defaults. */
typedef struct eddy_task_options {
  /** Copied; NULL: "Task-N". */
  const char *name;
  /** Called with the task's argument (or its coroutine) if it ends before its body ran (cancelled
   * before its first step, no memory for its stack, or the loop closed): whoever handed the
   * argument over can let go of it here. Runs on the loop, and must not wait. */
  void (*unstarted)(void *arg);
  /** A literal "file:line text"; NULL: not known. EDDY_SITE makes one. */
  const char *site;
  /** asyncio: create_task(eager_start=...); see eddy_task_new (eddy/task_factory.h). */
  eddy_eager_start eager_start;
  /** Referenced; the task runs in this context instead of a copy of its creator's: what it sets
   * is seen by whoever else runs in it. NULL: a copy. */
  eddy_context *context;
} eddy_task_options;

EDDY_BEGIN_DECLS

/**
 * Creates a task on the running loop; its first step is queued.
 *
 * asyncio   asyncio.create_task()
 * Context   the loop's thread, inside the running loop; does not wait.
 * fn        the body, on a stack of its own: it may wait at any depth. Its code is the
 *           task's outcome, eddy_return gives it a value.
 * arg       borrowed by fn, kept until the task has ended.
 * out       owned: eddy_task_unref; NULL: the loop alone owns the task, which runs on.
 * Returns   0; EDDY_ENOLOOP; EDDY_EINVAL (fn NULL); EDDY_ECLOSED; EDDY_ENOMEM.
 * Cost      O(1); one allocation, from a free list where there is one. The stack is taken
 *           at the first step; if there is none then, the task ends with EDDY_ENOMEM.
 */
EDDY_API EDDY_NODISCARD int eddy_create_task(eddy_fn *fn, void *arg, eddy_task **out);
#define eddy_create_task(fn, arg, out)                                                   \
  eddy_loop_create_task_with(NULL, fn, arg, EDDY_TASK_HERE_(#fn), out)

/** As eddy_create_task, on a loop that need not be running. asyncio: loop.create_task(). */
EDDY_API EDDY_NODISCARD int eddy_loop_create_task(
    eddy_loop *loop, eddy_fn *fn, void *arg, eddy_task **out);
#define eddy_loop_create_task(loop, fn, arg, out)                                        \
  eddy_loop_create_task_with(loop, fn, arg, EDDY_TASK_HERE_(#fn), out)

/** As eddy_create_task, with options (borrowed; NULL: none). loop NULL: the running one. */
EDDY_API EDDY_NODISCARD int eddy_loop_create_task_with(eddy_loop *loop, eddy_fn *fn,
    void *arg, const eddy_task_options *options, eddy_task **out);

/**
 * As eddy_loop_create_task_with, for any coroutine: a stackless one (&self->frame.coro), or
 * one of the program's own kind.
 *
 * coro      kept until the task has ended; its memory stays the caller's. One that yields a
 *           value instead of waiting ends its task with EDDY_ERUNTIME.
 */
EDDY_API EDDY_NODISCARD int eddy_loop_create_task_coro(
    eddy_loop *loop, eddy_coro *coro, const eddy_task_options *options, eddy_task **out);

/** One more reference. */
EDDY_API eddy_task *eddy_task_ref(eddy_task *task);

/** One reference less; an unfinished task runs on, the loop owns it. NULL is allowed. */
EDDY_API void eddy_task_unref(eddy_task *task);

/** The task as a future, borrowed: for eddy_await, callbacks, eddy_gather. */
EDDY_API eddy_future *eddy_task_future(eddy_task *task);

/** Waits for the task: eddy_await of its future. */
EDDY_API int eddy_task_await(eddy_task *task, eddy_value *value);

/** The task that is running, or NULL (in a plain callback, or outside a loop).
 * asyncio: asyncio.current_task(). */
EDDY_API eddy_task *eddy_current_task(void);

/**
 * The unfinished tasks of a loop, in creation order.
 *
 * asyncio   asyncio.all_tasks()
 * Context   the loop's thread.
 * loop      NULL: the running one.
 * out       owned, and a reference to each task with it: eddy_all_tasks_free; NULL if there
 *           is none.
 * Returns   0; EDDY_ENOLOOP; EDDY_EINVAL (out or count NULL); EDDY_ENOMEM.
 * Cost      one allocation, O(tasks).
 */
EDDY_API EDDY_NODISCARD int eddy_all_tasks(eddy_loop *loop, eddy_task ***out, size_t *count);

/** Lets go of the tasks and of the array. NULL is allowed. */
EDDY_API void eddy_all_tasks_free(eddy_task **tasks, size_t count);

/**
 * Asks the task to end: the call it waits in, or the next one that would suspend, returns
 * EDDY_ECANCELLED. Requests are counted; one that finds a task waiting for another task or
 * future is passed on to that.
 *
 * asyncio   Task.cancel(msg)
 * Context   the loop's thread.
 * message   copied; NULL: none.
 * Returns   whether it was asked: false when it had ended already.
 */
EDDY_API bool eddy_task_cancel(eddy_task *task, const char *message);

/** Takes one request back; at 0 an undelivered cancellation is dropped.
 * asyncio: Task.uncancel(). Returns how many requests remain. */
EDDY_API unsigned eddy_task_uncancel(eddy_task *task);

/** How many requests are open. asyncio: Task.cancelling(). */
EDDY_API unsigned eddy_task_cancelling(const eddy_task *task);

/** asyncio: Task.done(). */
EDDY_API bool eddy_task_done(const eddy_task *task);

/** asyncio: Task.cancelled(). */
EDDY_API bool eddy_task_cancelled(const eddy_task *task);

/** The outcome, as eddy_future_result. asyncio: Task.result(). */
EDDY_API int eddy_task_result(eddy_task *task, eddy_value *value);

/** The name, borrowed until the next call on this task. asyncio: Task.get_name(). */
EDDY_API const char *eddy_task_get_name(eddy_task *task);

/** asyncio: Task.set_name(). Returns 0, EDDY_EINVAL, EDDY_ENOMEM (the old name stays). */
EDDY_API EDDY_NODISCARD int eddy_task_set_name(eddy_task *task, const char *name);

/** The coroutine that it runs, borrowed; NULL: it runs a function on a stack of its own, or it
 * has ended. asyncio: Task.get_coro(). */
EDDY_API eddy_coro *eddy_task_get_coro(const eddy_task *task);

/** The context that it runs in, borrowed; NULL if there is no memory for one that is empty.
 * asyncio: Task.get_context(). */
EDDY_API eddy_context *eddy_task_get_context(eddy_task *task);

/** How often the task was resumed, its first step included. asyncio: none. */
EDDY_API uint64_t eddy_task_steps(const eddy_task *task);

/**
 * Waits for `delay`; 0 or negative only lets every other ready callback run first.
 *
 * asyncio   asyncio.sleep()
 * Context   coroutine; always suspends.
 * Returns   0; EDDY_ECANCELLED; EDDY_ENOTASK; EDDY_ENOMEM (the timer could not be booked).
 * Cost      O(log n) in the timers booked; no allocation of its own.
 */
EDDY_API int eddy_sleep(eddy_time delay);

EDDY_END_DECLS

/* The creation site of the macros above; a compound literal, or its C++ counterpart. */
#ifdef __cplusplus
#define EDDY_TASK_HERE_(text) eddy_task_options_at_(EDDY_SITE(text))
static inline const eddy_task_options *eddy_task_options_at_(const char *site)
{
  static thread_local eddy_task_options options;
  options.site = site;
  return &options;
}
#else
#define EDDY_TASK_HERE_(text) (&(const eddy_task_options){.site = EDDY_SITE(text)})
#endif

#endif
