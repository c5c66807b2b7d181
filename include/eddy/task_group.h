/*
 * Task groups: a scope that no task started in it outlives.
 *
 *     eddy_task_group group = {0};
 *     int rc = eddy_task_group_enter(&group);
 *     if (rc < 0) return rc;
 *     rc = eddy_task_group_create_task(&group, fetch, "a", NULL);
 *     if (rc == 0) rc = eddy_task_group_create_task(&group, fetch, "b", NULL);
 *     return eddy_task_group_exit(&group, rc);     (waits for both)
 *
 * When one fails, the others and the body (what the task does between enter and exit) are
 * cancelled; exit waits for all of them and then fails with EDDY_EGROUP, which tells every
 * error there was (eddy_error_parts). A cancelled child is no error. Groups nest, in one
 * another and in timeout scopes; each must be exited on every path.
 */
#ifndef EDDY_TASK_GROUP_H
#define EDDY_TASK_GROUP_H

#include <eddy/task.h>

/** Storage of a group, in the task's stack frame or stackless frame; to be zeroed before it is
 * used (again), and not to be copied. */
typedef struct eddy_task_group {
  void *private_[12];
} eddy_task_group;

EDDY_BEGIN_DECLS

/**
 * Enters the group: the running task is its parent from now on.
 *
 * asyncio   TaskGroup.__aenter__()
 * Context   coroutine; does not suspend.
 * Returns   0; EDDY_ERUNTIME (entered before); EDDY_ENOTASK; EDDY_ENOMEM; EDDY_EINVAL. On
 *           failure the group is not entered.
 * Cost      one allocation: the room for its error.
 */
EDDY_API EDDY_NODISCARD int eddy_task_group_enter(eddy_task_group *group);
#define eddy_task_group_enter(group)                                                     \
  eddy_task_group_enter_at(group, EDDY_SITE("task group"))

/** As eddy_task_group_enter; `site` is a literal that says where the group stands, or NULL. */
EDDY_API EDDY_NODISCARD int eddy_task_group_enter_at(
    eddy_task_group *group, const char *site);

/**
 * Creates a task in the group, as eddy_create_task does. The body may, and so may the tasks of
 * the group, until the last of these has ended; not once the group is being cancelled.
 *
 * asyncio   TaskGroup.create_task()
 * Context   the loop's thread; does not wait.
 * out       owned: eddy_task_unref; NULL: the loop and the group have the task.
 * Returns   0; EDDY_ERUNTIME (the group was not entered, is finished, or is being cancelled);
 *           EDDY_EINVAL; EDDY_ENOMEM; EDDY_ECLOSED.
 * Cost      O(1); the task's allocation and one more: the room for its error.
 */
EDDY_API EDDY_NODISCARD int eddy_task_group_create_task(
    eddy_task_group *group, eddy_fn *fn, void *arg, eddy_task **out);
#define eddy_task_group_create_task(group, fn, arg, out)                                 \
  eddy_task_group_create_task_with(group, fn, arg, EDDY_TASK_HERE_(#fn), out)

/** As eddy_task_group_create_task, with options (borrowed; NULL: none). When it fails, for
 * whatever reason, options->unstarted has been called: the argument is let go of either way. */
EDDY_API EDDY_NODISCARD int eddy_task_group_create_task_with(eddy_task_group *group,
    eddy_fn *fn, void *arg, const eddy_task_options *options, eddy_task **out);

/** As eddy_task_group_create_task_with, for any coroutine (eddy_loop_create_task_coro). */
EDDY_API EDDY_NODISCARD int eddy_task_group_create_task_coro(eddy_task_group *group,
    eddy_coro *coro, const eddy_task_options *options, eddy_task **out);

/**
 * Leaves the group: waits until every task in it has ended. An rc that is an error cancels
 * them first, and so does a cancellation of the parent while it waits; more of these do not
 * end the wait.
 *
 * asyncio   TaskGroup.__aexit__()
 * Context   coroutine, in the parent; suspends unless the group is empty.
 * rc        how the body ended. (In a stackless frame, where the call is made again, only the
 *           first one counts.)
 * Returns   0; EDDY_EGROUP (a task failed, or the body: rc is an error other than
 *           EDDY_ECANCELLED); EDDY_ECANCELLED (the parent was cancelled, and nothing failed);
 *           EDDY_EGENERATOREXIT (rc, and nothing else failed; or the loop is closing, which
 *           takes the tasks over). With EDDY_EGROUP, the parent's own cancellation is still to
 *           come: the next call that suspends delivers it.
 *           EDDY_ERUNTIME (not entered, over, or entered by another task); EDDY_ENOTASK (in a
 *           generator that a stackless task steps): nothing has changed.
 * Cost      no allocation.
 */
EDDY_API int eddy_task_group_exit(eddy_task_group *group, int rc);

/**
 * Ends the group early, and quietly: its tasks and its body are cancelled, and exit returns 0
 * unless something fails. Of a group not entered yet: when it is. May be called again, and
 * after exit.
 *
 * asyncio   TaskGroup.cancel() (3.15)
 * Context   the loop's thread.
 */
EDDY_API void eddy_task_group_cancel(eddy_task_group *group);

EDDY_END_DECLS

#endif
