/* What the tasks of a loop are doing. */
#ifndef EDDY_INSPECT_H
#define EDDY_INSPECT_H

#include <stdio.h>

#include <eddy/loop.h>

EDDY_BEGIN_DECLS

/**
 * Says in words what a task waits for: "timer, due in 1.500 s", "task 'fetch'", "get on queue
 * 0x5581f02c (0 items)", "recv on descriptor 7"; "ready", "ready, not started", "running" or
 * "finished" when it does not wait.
 *
 * Context   the loop's thread.
 * text      cut to `size`.
 * Returns   text.
 */
EDDY_API const char *eddy_task_waits_for(const eddy_task *task, char *text, size_t size);

/** Where the task was created, "file:line text"; "" when it is not known. */
EDDY_API const char *eddy_task_site(const eddy_task *task);

/** The task that created it, borrowed; NULL if it has ended or there was none. */
EDDY_API eddy_task *eddy_task_parent(const eddy_task *task);

/** Writes a line for each unfinished task of the loop, in creation order: its name, where it
 * was created and by whom, and what it waits for. Loop thread; blocks as stdio does. */
EDDY_API void eddy_loop_print_tasks(const eddy_loop *loop, FILE *file);

EDDY_END_DECLS

#endif
