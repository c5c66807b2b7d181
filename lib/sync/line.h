/* Standing in line: what the primitives of this room share. */
#ifndef EDDY_SYNC_LINE_H
#define EDDY_SYNC_LINE_H

#include "task/task.h"

/*
 * A line is a list of the wait records of tasks. As with asyncio's deques of futures, a task
 * stays in it until it runs, although it has been woken or cancelled: whoever comes later
 * looks at who stands there, and how. The types of these waits have eddy__line_cancel.
 */

/* Whether a task in the line has neither been woken nor cancelled. */
static inline bool eddy__line_waits(const eddy_task *task)
{
  return task->wait.state == EDDY__WAIT_PARKED;
}

/* The task at this place. */
static inline eddy_task *eddy__line_task(struct eddy__link *link)
{
  return eddy__wait_task(EDDY__ENTRY(link, struct eddy__done, link));
}

/* Puts the task at the end of the line and parks it there; as eddy__wait. */
int eddy__line_wait(struct eddy__link *line, eddy_task *task,
    const struct eddy__wait_type *type, void *object);

/* The first thing a task does when it runs again. Returns whether it had been woken by the
 * object, whatever came after. */
bool eddy__line_leave(eddy_task *task);

/* Wakes a task that waits; it keeps its place. */
void eddy__line_wake(eddy_task *task);

/* Wakes the first n who wait, and takes them out of the line. */
void eddy__line_notify(struct eddy__link *line, size_t n);

/* The cancel of these waits: the task keeps its place. */
bool eddy__line_cancel(eddy_task *task, const char *message);

/* Whether all who stand in line were cancelled while they waited. */
bool eddy__line_is_void(const struct eddy__link *line);

/* ---- the loop a primitive belongs to ---- */

/* The slot is NULL until someone waits; then it has a reference. Returns 0, or EDDY_EOTHERLOOP
 * with a message that names `what`. */
int eddy__bind_first(eddy_loop **slot, eddy_loop *loop, const char *what);
static inline int eddy__bind(eddy_loop **slot, eddy_loop *loop, const char *what)
{
  return *slot == loop ? 0 : eddy__bind_first(slot, loop, what);
}

/* At the end of the primitive. */
void eddy__unbind(eddy_loop *loop);

#endif
