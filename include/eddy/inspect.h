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

/**
 * The tasks through which a task waits: itself, the task it awaits, the one that that awaits,
 * until one that waits for something else, or for a task that is there already.
 *
 * asyncio   Task.get_stack(); a C function leaves no frames to list
 * Context   the loop's thread.
 * out       filled with borrowed tasks.
 * limit     how many there is room for.
 * Returns   how many were filled in; 0 for a task that has ended.
 */
EDDY_API size_t eddy_task_get_stack(eddy_task *task, eddy_task **out, size_t limit);

/** Writes a line for each task of that stack, the one that it comes to last; for a task that
 * has failed: its error. asyncio: Task.print_stack(). Loop thread; blocks as stdio does. */
EDDY_API void eddy_task_print_stack(eddy_task *task, FILE *file);

/** Writes a line for each unfinished task of the loop, in creation order: its name, where it
 * was created and by whom, and what it waits for. Loop thread; blocks as stdio does. */
EDDY_API void eddy_loop_print_tasks(const eddy_loop *loop, FILE *file);

EDDY_END_DECLS

#endif
