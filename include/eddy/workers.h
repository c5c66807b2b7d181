/*
 * Workers: several loops, each in a thread of its own, for more than one processor.
 *
 *     static int serve(void *arg)             // runs in each worker, on the worker's loop
 *     {
 *       const eddy_server_options how = {.reuse_port = true};
 *       const eddy_stream_options options = {.server = &how};
 *       eddy_server *server;
 *       int rc = eddy_start_server(handle, arg, "0.0.0.0", 7000, &options, &server);
 *       if (rc < 0) return rc;
 *       rc = eddy_server_serve_forever(server);
 *       eddy_server_unref(server);
 *       return rc;
 *     }
 *
 *     int main(void)
 *     {
 *       return eddy_workers_run(NULL, serve, NULL, EDDY_S(10)) < 0;
 *     }
 *
 * A task stays on the loop that it was created on. What belongs to a loop (tasks, futures,
 * queues, connections) is used on its thread alone; workers share what the program makes for
 * that, hand values over with eddy/thread_queue.h, and work with eddy_workers_create_task.
 *
 * Connections come to the workers in one of two ways: each listens on the same port by itself
 * (`reuse_port`; the system spreads them), or one loop accepts and hands the descriptor to
 * another worker's task, which goes on with eddy_loop_connect_accepted_socket, or with
 * eddy_sock_adopt and eddy_sock_recv. Neither looks at how busy a worker is: the system spreads by
 * the peers' addresses, EDDY_WORKERS_NEXT takes turns, and a connection whose worker is in a
 * long computation waits for it. A listener that is closed resets what it has not accepted, also
 * if others of its port go on.
 *
 * A child after fork has none of the threads: there the calls that return a code fail with
 * EDDY_EOTHERTHREAD, the others do nothing. It may start workers of its own.
 *
 * asyncio has nothing like it: a Python program would start processes.
 */
#ifndef EDDY_WORKERS_H
#define EDDY_WORKERS_H

#include <eddy/loop.h>
#include <eddy/thread_future.h>

typedef struct eddy_workers eddy_workers;

/** How to start workers; all zero means: the defaults. */
typedef struct eddy_workers_options {
  size_t count; /* 0: as many as the processors this process may use */
  /** Of each loop; borrowed for the call. NULL: the defaults. `uv_loop` has to be NULL. */
  const eddy_loop_options *loop;
} eddy_workers_options;

/** For eddy_workers_create_task: the workers take turns. */
#define EDDY_WORKERS_NEXT SIZE_MAX

EDDY_BEGIN_DECLS

/**
 * Starts the workers: each makes a loop in a thread of its own and runs fn(arg) there as its
 * main task, as eddy_run does. The loops are held (eddy_loop_hold): a worker whose tasks all
 * wait is never taken for stuck.
 *
 * Context   any thread. Blocks until every worker has its loop, for a moment.
 * fn        called once in each worker; eddy_worker_index tells them apart.
 * arg       shared by them; kept until the workers have ended.
 * out       owned: eddy_workers_free.
 * Returns   0; EDDY_EINVAL; as eddy_loop_new; the system's code if there can be no more threads;
 *           EDDY_ENOMEM. On failure fn has not been called anywhere.
 */
EDDY_API EDDY_NODISCARD int eddy_workers_start(
    const eddy_workers_options *options, eddy_fn *fn, void *arg, eddy_workers **out);

/** How many workers there are, those that have ended included. Any thread. */
EDDY_API size_t eddy_workers_count(const eddy_workers *workers);

/** The number of the worker in whose thread this is called, from 0; -1: in none. */
EDDY_API int eddy_worker_index(void);

/**
 * Starts a task on a worker's loop: hands work over. It ends, at the latest, when the main task
 * of that worker has: then it is cancelled.
 *
 * Context   any thread, workers' included; does not wait.
 * index     a worker's number, or EDDY_WORKERS_NEXT: the next one in turn that has not ended.
 * fn, arg, out  as eddy_run_coroutine_threadsafe.
 * Returns   as that one; EDDY_ECLOSED: the worker has ended, or all have.
 */
EDDY_API EDDY_NODISCARD int eddy_workers_create_task(eddy_workers *workers, size_t index,
    eddy_fn *fn, void *arg, eddy_thread_future **out);

/** As eddy_workers_create_task, for any body and with the task's options, as
 * eddy_run_coroutine_threadsafe_with: `unstarted` lets go of what was handed over to a task that
 * never ran, a descriptor for one. */
EDDY_API EDDY_NODISCARD int eddy_workers_create_task_with(eddy_workers *workers,
    size_t index, const eddy_task_body *body, const eddy_task_options *options,
    eddy_thread_future **out);

/**
 * Asks the workers to end: cancels each main task, once for each call, as
 * eddy_task_cancel does. One in eddy_server_serve_forever stops listening then and waits for
 * its connections; a second request ends that, too. Does not wait. Any thread.
 */
EDDY_API void eddy_workers_cancel(eddy_workers *workers);

/**
 * Waits until all workers have ended by themselves.
 *
 * Context   a thread in which no loop runs: it blocks. In a task: eddy_to_thread.
 * timeout   EDDY_NEVER: however long it takes.
 * Returns   0; what a main task returned, with its message: of those that failed the one with
 *           the lowest number, EDDY_ECANCELLED not counting; EDDY_ETIMEDOUT (they go on);
 *           EDDY_ERUNNING (a loop runs in this thread); EDDY_EINVAL.
 */
EDDY_API int eddy_workers_join(eddy_workers *workers, eddy_time timeout);

/**
 * Ends the workers in order: eddy_workers_cancel, unless that was called before, then waits; if
 * that takes longer than the timeout, a second request, and waits until they have ended.
 *
 * Context   as eddy_workers_join.
 * Returns   as eddy_workers_join; EDDY_ETIMEDOUT: the second request was needed (they have
 *           ended all the same).
 */
EDDY_API int eddy_workers_drain(eddy_workers *workers, eddy_time timeout);

/** Drains them at once if they have not ended, and frees them. A checked error where a loop
 * runs in this thread and they have not ended. NULL is allowed. */
EDDY_API void eddy_workers_free(eddy_workers *workers);

/**
 * All of it in one call: starts workers and waits for SIGINT or SIGTERM, or until one has failed
 * or all have ended; then drains them. A second signal is as if the timeout was exceeded.
 *
 * Context   the process's first thread, without a running loop.
 * Returns   as eddy_workers_start and eddy_workers_drain; 0 also after a signal, unless a main
 *           task failed or the timeout was exceeded.
 */
EDDY_API int eddy_workers_run(
    const eddy_workers_options *options, eddy_fn *fn, void *arg, eddy_time timeout);

EDDY_END_DECLS

#endif
