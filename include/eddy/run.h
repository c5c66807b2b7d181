/* The entry of a program made of tasks. */
#ifndef EDDY_RUN_H
#define EDDY_RUN_H

#include <eddy/loop.h>
#include <eddy/task.h>

EDDY_BEGIN_DECLS

/**
 * Runs fn as the main task of a fresh loop until it ends; then cancels the tasks left, waits
 * for them, reports their errors, waits for the threads of its executor and closes the loop.
 *
 * SIGINT cancels the main task, if SIGINT has its default action and this is the process's
 * first thread; a second SIGINT interrupts at once.
 *
 * When no task can ever go on (nothing is ready, no timer, no descriptor waited for, no
 * request, no signal handler of the program's, no eddy_loop_hold), it prints each stuck task
 * to stderr and ends with EDDY_EDEADLOCK; in a process with other threads it prints once and
 * waits on.
 *
 * asyncio   asyncio.run()
 * Context   no loop running in this thread.
 * Returns   what fn returned (0 or its error); EDDY_EDEADLOCK; EDDY_EINTERRUPTED (SIGINT
 *           ended it); EDDY_ERUNNING; EDDY_EINVAL; EDDY_ENOMEM; as eddy_loop_new.
 */
EDDY_API EDDY_NODISCARD int eddy_run(eddy_fn *fn, void *arg);
#define eddy_run(fn, arg) eddy_run_with(fn, arg, NULL, EDDY_TASK_HERE_(#fn), NULL)

/**
 * As eddy_run, with the loop's and the main task's options and the main task's value.
 *
 * loop      borrowed; NULL: the defaults.
 * task      borrowed; NULL: the defaults.
 * value     what eddy_return gave; untouched on failure; NULL to ignore it.
 */
EDDY_API EDDY_NODISCARD int eddy_run_with(eddy_fn *fn, void *arg,
    const eddy_loop_options *loop, const eddy_task_options *task, eddy_value *value);

EDDY_END_DECLS

#endif
