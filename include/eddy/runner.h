/* Runner: several runs on one loop, and an orderly end. eddy_run is one run of one runner. */
#ifndef EDDY_RUNNER_H
#define EDDY_RUNNER_H

#include <eddy/loop.h>
#include <eddy/task.h>

/** Makes a loop when it is first needed, runs one main task after another on it, and ends
 * what they left when it is closed. One thread's; the thread that first runs it. */
typedef struct eddy_runner eddy_runner;

EDDY_BEGIN_DECLS

/**
 * Makes a runner; its loop is made by the first run, or by eddy_runner_get_loop.
 *
 * asyncio   asyncio.Runner(debug=..., loop_factory=...)
 * Context   any thread.
 * options   copied, but for what its pointers `custom` and `uv_loop` point to; NULL: the
 *           defaults. `debug` is asyncio's debug (to be without what EDDY_DEBUG asks for:
 *           eddy_loop_set_debug on eddy_runner_get_loop); the backend is chosen in place of a
 *           factory.
 * out       owned: eddy_runner_free.
 * Returns   0; EDDY_EINVAL (out NULL); EDDY_ENOMEM.
 * Cost      no loop is made.
 */
EDDY_API EDDY_NODISCARD int eddy_runner_new(
    const eddy_loop_options *options, eddy_runner **out);

/**
 * Runs fn as a new main task on the runner's loop until it ends. Tasks that it leaves behind
 * stay on the loop, suspended, and go on with the next run. All main tasks run in one context,
 * a copy of the caller's from when the loop was made: what one sets the next one sees.
 *
 * While it runs SIGINT belongs to the runner, if this is the process's first thread and
 * SIGINT has its default action; that is put back when the run ends. The first SIGINT cancels
 * the main task: if that ends cancelled, and nobody else asked for it, the run ends with
 * EDDY_EINTERRUPTED; a main task that goes on all the same gives its own outcome. A second
 * one, or one after the main task has ended, ends the run at once.
 *
 * asyncio   Runner.run()
 * Context   no loop running in this thread.
 * value     what eddy_return gave; untouched on failure; NULL to ignore it.
 * Returns   what fn returned (its message becomes the caller's); EDDY_EDEADLOCK (as eddy_run);
 *           EDDY_EINTERRUPTED; EDDY_ESTOPPED (eddy_loop_stop; the main task stays on the
 *           loop); EDDY_ERUNNING (a loop runs in this thread); EDDY_ECLOSED (the runner was
 *           closed); EDDY_EOTHERTHREAD (another thread ran it first, or it was inherited by
 *           fork); EDDY_EINVAL; EDDY_ENOMEM; as eddy_loop_new.
 */
EDDY_API EDDY_NODISCARD int eddy_runner_run(
    eddy_runner *runner, eddy_fn *fn, void *arg, eddy_value *value);
#define eddy_runner_run(runner, fn, arg, value)                                          \
  eddy_runner_run_with(runner, fn, arg, EDDY_TASK_HERE_(#fn), value)

/** As eddy_runner_run, with the main task's options (borrowed; NULL: none). */
EDDY_API EDDY_NODISCARD int eddy_runner_run_with(eddy_runner *runner, eddy_fn *fn, void *arg,
    const eddy_task_options *options, eddy_value *value);

/** As eddy_runner_run_with, for any coroutine, which is kept until its task has ended: that
 * may be as late as eddy_runner_close. */
EDDY_API EDDY_NODISCARD int eddy_runner_run_coro(eddy_runner *runner, eddy_coro *coro,
    const eddy_task_options *options, eddy_value *value);

/**
 * The runner's loop, made if there is none yet: to set an exception handler before the first
 * run, to create tasks between two of them.
 *
 * asyncio   Runner.get_loop()
 * Context   the runner's thread; also while it runs.
 * out       borrowed, until the runner is closed; untouched on failure.
 * Returns   0; EDDY_ECLOSED; EDDY_EINVAL; as eddy_loop_new.
 */
EDDY_API EDDY_NODISCARD int eddy_runner_get_loop(eddy_runner *runner, eddy_loop **out);

/**
 * Ends what the runs left: cancels every task, waits until they have ended and reports their
 * errors to the exception handler, shuts the default executor down (and waits for it up to
 * 300 s), closes the loop. Tasks and callbacks that are made meanwhile still run in the few
 * iterations that this takes; then the loop's closing ends them.
 *
 * asyncio   Runner.close()
 * Context   no loop running in this thread.
 * Returns   0, also when it is closed already or no loop was made; EDDY_ERUNNING,
 *           EDDY_EOTHERTHREAD, EDDY_EINVAL (nothing changed). With these it is closed:
 *           EDDY_EDEADLOCK (a task that ignores its cancellation waits for what cannot come;
 *           it was listed on stderr), EDDY_ENOMEM (tasks were not waited for).
 */
EDDY_API int eddy_runner_close(eddy_runner *runner);

/** Closes the runner if need be and frees it; a running one is a checked error. NULL is
 * allowed. */
EDDY_API void eddy_runner_free(eddy_runner *runner);

EDDY_END_DECLS

#endif
