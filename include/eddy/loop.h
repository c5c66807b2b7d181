/*
 * The event loop: a FIFO of ready callbacks, timers, and a backend that waits for the
 * outside world.
 *
 * One iteration polls, queues what the poll found (calls from other threads, then I/O, then
 * timers that are due, by deadline and booking order) and runs exactly the callbacks that
 * were ready then; what they queue waits for the next iteration. While callbacks are ready
 * the kernel is asked only every 64 callbacks, and sooner when they are slow.
 *
 * Programs made of tasks start with eddy_run (eddy/run.h) and seldom need this page.
 */
#ifndef EDDY_LOOP_H
#define EDDY_LOOP_H

#include <eddy/error.h>
#include <eddy/time.h>

typedef struct eddy_loop eddy_loop;
typedef struct eddy_future eddy_future;
typedef struct eddy_task eddy_task;
typedef struct eddy_handle eddy_handle;

/** How to make a loop; all zero means: the defaults. */
typedef struct eddy_loop_options {
  /** "SCHEDULER/IO": "native/uv", "uv/uv", "native/epoll" (Linux), "native/uring" (Linux 6.1;
   * where io_uring is missing or forbidden native/epoll runs instead, and the statistics say why),
   * "native/kqueue" (macOS, the BSDs), "native/poll" or "native/virtual"; NULL: the environment's
   * EDDY_BACKEND, else "uv/uv" with a `uv_loop`, "native/epoll" on Linux (native/poll where an
   * emulator has no epoll, as the statistics say) and "native/uv" elsewhere. */
  const char *backend;
  /** A backend of the program's own (eddy/backend.h), kept until the loop is freed; then
   * `backend` is not looked at. */
  const struct eddy_backend *custom;
  /** Debug mode; it is also on when the environment has EDDY_DEBUG=1. */
  bool debug;
  /** A host's uv_loop_t (backend "uv/uv" only): eddy is a guest in it and never closes it.
   * The host runs it; eddy's work happens inside uv_run. */
  void *uv_loop;
  /** Bytes of stack of a task, rounded up to pages; 0: 64 KiB, 256 KiB under sanitizers. */
  size_t stack_size;
  /** Do not install the SIGSEGV handler that names the task whose stack overflowed. It is
   * installed only where SIGSEGV has its default action. */
  bool no_overflow_report;
  /** native/epoll, native/uring, native/kqueue and native/poll: how long a poll looks again and
   * again before it sleeps, which answers some microseconds sooner and keeps a processor busy
   * meanwhile. 0: the environment's EDDY_POLL_US (microseconds), else not at all; negative: not at
   * all; a second at most. */
  eddy_time busy_poll;
} eddy_loop_options;

/** Counters since the loop was made, and how things stand now. */
typedef struct eddy_loop_stats {
  const char *backend;        /* what runs: "native/uv" */
  const char *backend_reason; /* why that and not what was asked for; NULL: it was */
  uint64_t iterations;
  uint64_t polls;     /* how often the backend was asked; at most one an iteration */
  uint64_t callbacks; /* run, the steps of tasks included */
  uint64_t steps;     /* of tasks */
  size_t ready;       /* callbacks queued */
  size_t timers;      /* booked */
  size_t tasks;       /* unfinished */
  size_t parked;      /* of these: waiting for something */
  size_t operations;  /* I/O waits and watched descriptors outstanding */
  size_t holds;       /* eddy_loop_hold not yet released */
  size_t buffers;     /* lent to streams, because they hold data */
  size_t stacks;      /* in use */
  size_t stacks_idle; /* kept for the next task */
  size_t stack_bytes; /* usable bytes of one */
  /** Bytes held for tasks: their records, and one page of each stack that is in use or
   * kept warm (more of it is in memory if a task has needed more). */
  size_t task_memory;
  /** "madvise", "mprotect", "canary", or "none" before the first. */
  const char *stack_guard;
} eddy_loop_stats;

/** What the exception handler is told: `message` always, the rest where it is known. */
typedef struct eddy_exception_context {
  const char *message; /* what happened, in words */
  int error;           /* the code, or 0 */
  const char *detail;  /* the message raised with the code, or NULL */
  eddy_task *task;     /* borrowed for the call; NULL if none is concerned */
  eddy_future *future;
  eddy_handle *handle;
  struct eddy_transport *transport;
  void *protocol;   /* the instance */
  const int *fd;    /* the descriptor concerned */
  const char *site; /* "file:line text" where the failing thing was created, or NULL */
} eddy_exception_context;

/** Returns 0, or a negative code if it failed itself (the default then reports both). */
typedef int eddy_exception_handler(
    eddy_loop *loop, const eddy_exception_context *context, void *arg);

EDDY_BEGIN_DECLS

/**
 * Creates a loop; it does not run yet and is nobody's current loop.
 *
 * asyncio   asyncio.new_event_loop()
 * Context   any thread; the loop belongs to the thread that first runs it.
 * options   borrowed; NULL means the defaults.
 * out       owned: eddy_loop_free.
 * Returns   0; EDDY_EINVAL (unknown backend name, a pair that cannot work, a host's loop
 *           with another backend than "uv/uv": eddy_message says which); EDDY_ENOMEM; EDDY_ENOSYS
 *           (the system has no epoll, and native/epoll, native/uring or libuv needs it); the
 *           system's code if the backend cannot start (EDDY_EMFILE ...).
 */
EDDY_API EDDY_NODISCARD int eddy_loop_new(
    const eddy_loop_options *options, eddy_loop **out);

/**
 * Closes the loop: drops queued callbacks and timers unrun, ends every unfinished task, and
 * reports the errors of futures that nobody has read.
 *
 * Each task left is reported to the exception handler; a suspended body is resumed once
 * with EDDY_EGENERATOREXIT, so that it can clean up, and cannot wait any more.
 *
 * asyncio   loop.close()
 * Context   the loop's thread, outside the running loop.
 * Returns   0, also when it is closed already; EDDY_ERUNNING (nothing changed);
 *           EDDY_EINVAL (loop NULL).
 */
EDDY_API int eddy_loop_close(eddy_loop *loop);

/** Closes the loop if need be and frees it; futures, tasks, handles and queues still
 * referenced stay readable. NULL is allowed; a running loop is a checked error. */
EDDY_API void eddy_loop_free(eddy_loop *loop);

/**
 * Runs until nothing is ready, booked, watched or outstanding.
 *
 * asyncio   none; it is what a program made of callbacks alone wants.
 * Context   no loop running in this thread.
 * Returns   0 (also after eddy_loop_stop); EDDY_EDEADLOCK (tasks are left suspended that
 *           nothing can wake: they are listed on stderr); EDDY_ERUNNING; EDDY_ECLOSED;
 *           EDDY_EOTHERTHREAD; EDDY_EINVAL.
 */
EDDY_API EDDY_NODISCARD int eddy_loop_run(eddy_loop *loop);

/**
 * Runs until eddy_loop_stop. With nothing to do it waits for ever, as asyncio does.
 *
 * asyncio   loop.run_forever()
 * Returns   0; EDDY_ERUNNING; EDDY_ECLOSED; EDDY_EOTHERTHREAD; EDDY_EINVAL.
 */
EDDY_API EDDY_NODISCARD int eddy_loop_run_forever(eddy_loop *loop);

/**
 * Runs until the future is done.
 *
 * asyncio   loop.run_until_complete(future)
 * value     the future's value; untouched on failure; NULL to ignore it.
 * Returns   0; the future's error; EDDY_ESTOPPED (eddy_loop_stop came first; the future is
 *           still pending); EDDY_EDEADLOCK (nothing can ever complete it: the stuck tasks
 *           are listed on stderr, see eddy_run); EDDY_EOTHERLOOP; EDDY_ERUNNING;
 *           EDDY_ECLOSED; EDDY_EOTHERTHREAD; EDDY_EINVAL.
 */
EDDY_API EDDY_NODISCARD int eddy_loop_run_until_complete(
    eddy_loop *loop, eddy_future *future, eddy_value *value);

/** Asks the loop to return when the iteration in progress is over; before a run: after one
 * iteration that does not wait. asyncio: loop.stop(). Loop thread. */
EDDY_API void eddy_loop_stop(eddy_loop *loop);

/** asyncio: loop.is_running(). */
EDDY_API bool eddy_loop_is_running(const eddy_loop *loop);

/** asyncio: loop.is_closed(). */
EDDY_API bool eddy_loop_is_closed(const eddy_loop *loop);

/** The loop running in this thread, or NULL. asyncio: asyncio._get_running_loop(). Also NULL
 * in a child after fork. */
EDDY_API eddy_loop *eddy_get_running_loop(void);

/** The loop's clock, read afresh: monotonic nanoseconds, on native/virtual the virtual time
 * (0 at first). asyncio: loop.time(). */
EDDY_API eddy_time eddy_loop_time(const eddy_loop *loop);

/**
 * Says that another thread will call eddy_loop_call_soon_threadsafe: until the matching
 * eddy_loop_release the loop waits for it instead of ending, reporting a deadlock or letting
 * virtual time jump.
 *
 * asyncio   none.
 * Context   any thread.
 */
EDDY_API void eddy_loop_hold(eddy_loop *loop);

/** Takes one eddy_loop_hold back. Any thread. */
EDDY_API void eddy_loop_release(eddy_loop *loop);

/** Sets who hears of errors that nobody can be handed: failed callbacks, tasks whose error
 * was never retrieved. NULL: the default, which writes to stderr.
 * asyncio: loop.set_exception_handler(). */
EDDY_API void eddy_loop_set_exception_handler(
    eddy_loop *loop, eddy_exception_handler *handler, void *arg);

/** The handler set and its argument; NULL if it is the default.
 * asyncio: loop.get_exception_handler(). */
EDDY_API eddy_exception_handler *eddy_loop_get_exception_handler(
    const eddy_loop *loop, void **arg);

/** Reports as the default handler does. asyncio: loop.default_exception_handler(). */
EDDY_API void eddy_loop_default_exception_handler(
    eddy_loop *loop, const eddy_exception_context *context);

/** Reports through the handler set; a handler that fails is itself reported by the default.
 * asyncio: loop.call_exception_handler(). */
EDDY_API void eddy_loop_call_exception_handler(
    eddy_loop *loop, const eddy_exception_context *context);

/** Debug mode: scheduling from a foreign thread is refused, and callbacks or steps that run
 * for slow_callback_duration or longer are reported. asyncio: loop.set_debug(). */
EDDY_API void eddy_loop_set_debug(eddy_loop *loop, bool on);

/** asyncio: loop.get_debug(). */
EDDY_API bool eddy_loop_get_debug(const eddy_loop *loop);

/** From which duration on debug mode reports a callback; 100 ms at first.
 * asyncio: loop.slow_callback_duration. */
EDDY_API void eddy_loop_set_slow_callback_duration(eddy_loop *loop, eddy_time duration);

/** The same, read. */
EDDY_API eddy_time eddy_loop_get_slow_callback_duration(const eddy_loop *loop);

/** Fills in the loop's statistics. Loop thread. */
EDDY_API void eddy_loop_get_stats(const eddy_loop *loop, eddy_loop_stats *stats);

/** The libuv loop that eddy runs on or beside, a `uv_loop_t *`; NULL on native/virtual. Other
 * libuv users may add handles to it and must close them before the loop is closed. On native/epoll,
 * native/uring, native/kqueue and native/poll it is made when it is first asked for (NULL if it
 * cannot be), and run when one of its handles has something to do: their prepare and check
 * callbacks come only then. */
EDDY_API void *eddy_loop_uv(eddy_loop *loop);

EDDY_END_DECLS

#endif
