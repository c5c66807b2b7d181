#include <eddy/task_group.h>

#include <stdio.h>

#include "task/task.h"

#include "base/message.h"
#include "base/outcome.h"

/* The functions behind the macros of the same names. */
#undef eddy_task_group_enter
#undef eddy_task_group_create_task

/* What an eddy_task_group holds. */
struct group {
  eddy_task *parent;
  struct eddy_message *error; /* made at entry; holds the errors that came so far */
  struct eddy__link children; /* whose done callback has not run, in creation order */
  eddy_outcome cancelled;     /* the message of the cancellation to pass on */
  const char *site;
  int body; /* how the body ended */
  bool entered;
  bool exiting;
  bool over;
  bool aborting; /* what was in it has been cancelled */
  bool cancel_at_entry;
  bool asked;       /* the group has cancelled its parent, which exit takes back */
  bool passing_on;  /* the parent was cancelled: exit passes that on */
  bool interrupted; /* the wait at exit was */
};

_Static_assert(
    sizeof(struct group) <= sizeof(eddy_task_group), "eddy_task_group is too small");

/* A task of the group. It has a booking until its done callback ran. */
struct child {
  /* First: if the task fails, this block becomes a part of the error. */
  struct eddy__part part;
  struct eddy__done done;   /* on the task's list until that ends */
  struct eddy__owned owned; /* until its callback ran */
  struct eddy__link link;   /* on the group's list until then */
  struct group *group;      /* NULL: over before the task was, with the loop */
  eddy_task *task;          /* referenced until its callback ran */
};

static struct group *group_of(eddy_task_group *group)
{
  return (struct group *)(void *)group;
}

/* ---- cancelling ---- */

static void cancel_children(struct group *group)
{
  group->aborting = true;
  for (struct eddy__link *link = group->children.next; link != &group->children;
       link = link->next) {
    (void)eddy_task_cancel(EDDY__ENTRY(link, struct child, link)->task, NULL);
  }
}

/* Ends the body, too. Once: the group is aborting from then on. */
static void cancel_all(struct group *group)
{
  cancel_children(group);
  group->asked = true;
  (void)eddy_task_cancel(group->parent, NULL);
}

void eddy_task_group_cancel(eddy_task_group *storage)
{
  if (storage == NULL) return;
  struct group *group = group_of(storage);
  if (!group->entered) {
    group->cancel_at_entry = true;
  } else if (!group->over && !group->aborting &&
             !(group->exiting && eddy__list_empty(&group->children))) {
    cancel_all(group);
  }
}

/* ---- enter ---- */

int eddy_task_group_enter_at(eddy_task_group *storage, const char *site)
{
  if (storage == NULL) return EDDY_EINVAL;
  struct group *group = group_of(storage);
  if (group->entered) {
    return eddy_raise(EDDY_ERUNTIME,
        "task group enter: the group has been entered already; zero "
        "it after its exit to use it again");
  }
  eddy_task *task = eddy__self.task;
  if (task == NULL || (task->kind == EDDY__TASK_COROUTINE && eddy__self.coro != NULL)) {
    return eddy__fail(EDDY_ENOTASK, "task group enter", NULL, -1);
  }
  struct eddy_message *error = eddy__message_new_group(site);
  if (error == NULL) return EDDY_ENOMEM;
  bool cancelled = group->cancel_at_entry;
  *group = (struct group){.parent = task, .error = error, .site = site, .entered = true};
  eddy__list_init(&group->children);
  if (cancelled) cancel_all(group);
  return 0;
}

int eddy_task_group_enter(eddy_task_group *group)
{
  return eddy_task_group_enter_at(group, NULL);
}

/* ---- a task ends ---- */

static void fail(struct group *group, struct child *child)
{
  eddy_task *task = child->task;
  task->future.retrieved = true;
  eddy__part_fill(&child->part, task->future.error, &task->future.outcome,
      eddy__task_given_name(task), task->id, task->site);
  eddy__message_add(group->error, &child->part);
  if (!group->aborting) cancel_all(group);
}

static bool waits_at_exit(const struct group *group);

static int run_child_done(void *arg)
{
  struct child *child = arg;
  struct group *group = child->group;
  eddy_task *task = child->task;
  eddy__list_remove(&child->owned.link);
  eddy__list_remove(&child->link);
  if (eddy__list_empty(&group->children) && waits_at_exit(group)) {
    eddy__wait_wake(group->parent, 0);
  }
  if (task->future.state == EDDY__DONE && task->future.error != 0) {
    fail(group, child);
  } else {
    eddy__free(child);
  }
  eddy_task_unref(task);
  return 0;
}

static void queue_child_done(struct eddy__done *done)
{
  struct child *child = EDDY__ENTRY(done, struct child, done);
  eddy__loop_push(child->task->future.loop, run_child_done, child);
}

eddy_future *eddy__task_group_waiter(struct eddy__done *done)
{
  if (done->complete != queue_child_done) return NULL;
  const struct group *group = EDDY__ENTRY(done, struct child, done)->group;
  return group != NULL ? &group->parent->future : NULL;
}

/* The loop is closed: its callback will never run. The group may be gone. */
static void discard_child(struct eddy__owned *owned)
{
  struct child *child = EDDY__ENTRY(owned, struct child, owned);
  eddy__list_remove(&child->done.link);
  eddy_task_unref(child->task);
  eddy__free(child);
}

/* ---- create_task ---- */

static int check_open(const struct group *group)
{
  const char *reason = NULL;
  if (!group->entered) {
    reason = "has not been entered";
  } else if (group->exiting && eddy__list_empty(&group->children)) {
    reason = "is finished";
  } else if (group->aborting) {
    reason = "is shutting down";
  }
  if (reason == NULL) return 0;
  return eddy_raise(EDDY_ERUNTIME, "task group create_task: the group %s", reason);
}

/* Everything that can be refused after the task was made is done before. */
static int new_child(eddy_task_group *storage, struct child **out)
{
  if (storage == NULL) return EDDY_EINVAL;
  struct group *group = group_of(storage);
  int rc = check_open(group);
  if (rc < 0) return rc;
  struct child *child = eddy__alloc(sizeof(*child));
  if (child == NULL) return EDDY_ENOMEM;
  rc = eddy__loop_book(group->parent->future.loop);
  if (rc < 0) {
    eddy__free(child);
    return rc;
  }
  child->done.complete = queue_child_done;
  child->group = group;
  *out = child;
  return 0;
}

/* The task that was made for the child joins the group, or could not be made. One that has run
 * already may have ended, or have cancelled the group. */
static void join(struct child *child, int rc, eddy_task **out)
{
  struct group *group = child->group;
  eddy_loop *loop = group->parent->future.loop;
  if (rc < 0) {
    eddy__loop_unbook(loop);
    eddy__free(child);
    return;
  }
  eddy_task *task = child->task;
  eddy__list_init(&child->done.link);
  eddy__loop_own(loop, &child->owned, discard_child);
  eddy__list_append(&group->children, &child->link);
  if (task->future.state != EDDY__PENDING) {
    queue_child_done(&child->done);
  } else {
    eddy__future_add(&task->future, &child->done);
    if (group->aborting) (void)eddy_task_cancel(task, NULL);
  }
  if (out != NULL) *out = eddy_task_ref(task);
}

static int dispose(int rc, void *arg, const eddy_task_options *options)
{
  if (rc < 0 && options != NULL && options->unstarted != NULL) options->unstarted(arg);
  return rc;
}

int eddy_task_group_create_task_with(eddy_task_group *storage, eddy_fn *fn, void *arg,
    const eddy_task_options *options, eddy_task **out)
{
  struct child *child;
  int rc = new_child(storage, &child);
  if (rc == 0) {
    eddy_loop *loop = child->group->parent->future.loop;
    rc = eddy_loop_create_task_with(loop, fn, arg, options, &child->task);
    join(child, rc, out);
  }
  return dispose(rc, arg, options);
}

int eddy_task_group_create_task_coro(eddy_task_group *storage, eddy_coro *coro,
    const eddy_task_options *options, eddy_task **out)
{
  struct child *child;
  int rc = new_child(storage, &child);
  if (rc == 0) {
    eddy_loop *loop = child->group->parent->future.loop;
    rc = eddy_loop_create_task_coro(loop, coro, options, &child->task);
    join(child, rc, out);
  }
  return dispose(rc, coro, options);
}

int eddy_task_group_create_task(
    eddy_task_group *group, eddy_fn *fn, void *arg, eddy_task **out)
{
  return eddy_task_group_create_task_with(group, fn, arg, NULL, out);
}

/* ---- exit ---- */

static void describe_exit(const eddy_task *task, char *text, size_t size)
{
  const struct group *group = task->wait.object;
  size_t count = 0;
  for (struct eddy__link *link = group->children.next; link != &group->children;
       link = link->next) {
    count++;
  }
  struct eddy__link *first = eddy__list_first(&group->children);
  snprintf(text, size, "exit of %s (%zu task%s left%s%s%s)",
      group->site != NULL ? group->site : "task group", count, count == 1 ? "" : "s",
      first != NULL ? ", the first is '" : "",
      first != NULL ? eddy_task_get_name(EDDY__ENTRY(first, struct child, link)->task)
                    : "",
      first != NULL ? "'" : "");
}

static const struct eddy__wait_type exit_wait = {NULL, describe_exit, NULL, "task group"};

static bool waits_at_exit(const struct group *group)
{
  const struct eddy__wait *wait = &group->parent->wait;
  return wait->state == EDDY__WAIT_PARKED && wait->type == &exit_wait &&
         wait->object == group;
}

/* What the running task's latest EDDY_ECANCELLED says is what exit will say. */
static void remember_cancellation(struct group *group)
{
  eddy__outcome_clear(&group->cancelled);
  eddy__outcome_copy_message(eddy__self.outcome, EDDY_ECANCELLED, &group->cancelled);
}

static void end_body(struct group *group, int rc)
{
  group->exiting = true;
  group->body = rc < 0 ? rc : 0;
  if (group->body == 0) return;
  if (rc == EDDY_ECANCELLED) {
    group->passing_on = true;
    remember_cancellation(group);
  } else {
    const eddy_task *task = group->parent;
    eddy__part_fill(eddy__message_own_part(group->error), rc, eddy__self.outcome,
        eddy__task_given_name(task), task->id, group->site);
  }
  if (!group->aborting) cancel_children(group);
}

/* The wait was cancelled: by somebody else if the group is not ending anyway. */
static void interrupt(struct group *group)
{
  group->interrupted = true;
  if (!group->passing_on) remember_cancellation(group);
  if (group->aborting) return;
  group->passing_on = true;
  cancel_children(group);
}

static int finish(struct group *group, int rc)
{
  group->over = true;
  group->parent = NULL;
  eddy__message_unref(group->error);
  group->error = NULL;
  eddy__outcome_clear(&group->cancelled);
  return rc;
}

/* The parent is being closed with its loop, which will end the tasks as well. */
static int abandon(struct group *group)
{
  struct eddy__link *link;
  while ((link = eddy__list_first(&group->children)) != NULL) {
    eddy__list_remove(link);
    EDDY__ENTRY(link, struct child, link)->group = NULL;
  }
  group->exiting = true;
  return finish(group, EDDY_EGENERATOREXIT);
}

static int finish_with_errors(struct group *group)
{
  eddy_task *parent = group->parent;
  if (eddy_task_cancelling(parent) > 0) {
    /* Somebody else's request, which this error hides: it is delivered again. */
    (void)eddy_task_uncancel(parent);
    (void)eddy_task_cancel(parent, NULL);
  }
  bool alone = group->error->first == group->error->last;
  if (alone && group->body == EDDY_EGENERATOREXIT) return finish(group, group->body);
  eddy_outcome error = {.message = group->error};
  group->error = NULL;
  eddy__outcome_move_message(&error, eddy__self.outcome);
  return finish(group, EDDY_EGROUP);
}

/* No child is left. */
static int end(struct group *group)
{
  bool cancelled = group->passing_on;
  if (group->asked) {
    /* What remains is somebody else's. */
    bool more = eddy_task_uncancel(group->parent) > 0;
    cancelled = more && (cancelled || group->interrupted);
  }
  if (cancelled && group->error->first == NULL) {
    eddy__outcome_move_message(&group->cancelled, eddy__self.outcome);
    return finish(group, EDDY_ECANCELLED);
  }
  if (group->body != 0 && group->body != EDDY_ECANCELLED) {
    eddy__message_add(group->error, eddy__message_own_part(group->error));
  }
  return group->error->first == NULL ? finish(group, 0) : finish_with_errors(group);
}

int eddy_task_group_exit(eddy_task_group *storage, int rc)
{
  struct group *group = group_of(storage);
  if (storage == NULL || !group->entered || group->over ||
      group->parent != eddy__self.task) {
    return eddy_raise(EDDY_ERUNTIME,
        "task group exit: the group was not entered by this task, "
        "or is over");
  }
  int status;
  bool resumed;
  eddy_task *task = eddy__wait_begin(&resumed, &status);
  if (task == NULL) return status == EDDY_EGENERATOREXIT ? abandon(group) : status;
  if (!group->exiting) end_body(group, rc);
  while (resumed || !eddy__list_empty(&group->children)) {
    if (!resumed) {
      status = eddy__wait(task, &exit_wait, group);
      if (status == EDDY_PENDING) return status;
    }
    resumed = false;
    if (status == EDDY_EGENERATOREXIT) return abandon(group);
    if (status == EDDY_ECANCELLED) interrupt(group);
  }
  return end(group);
}
