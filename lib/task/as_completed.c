#include <eddy/as_completed.h>

#include <stdint.h>
#include <stdio.h>

#include "task/task.h"

#include "base/clock.h"

enum state {
  PENDING, /* on its future's list, with a booking for its callback */
  QUEUED,  /* its future is done, its callback is in the ring */
  NOTED,   /* on the list of those to be given */
  OVER,    /* given, or given up */
};

/* One of the futures, each of them once. */
struct member {
  struct eddy__done done; /* the link is on the future's list, or on `noted` */
  eddy_completions *completions;
  eddy_future *future; /* referenced as long as the iterator exists */
  uint64_t position;   /* QUEUED: of the entry */
  enum state state;
};

struct eddy_completions {
  size_t refs;
  eddy_loop *loop;          /* referenced */
  struct eddy__owned owned; /* until the loop is closed */
  struct eddy__link noted;
  struct eddy__link waiters; /* tasks in eddy_completions_next */
  eddy_timer timer;
  size_t calls;  /* that may still be made */
  size_t missed; /* of these: will find that the time was up */
  size_t todo;   /* members PENDING or QUEUED */
  size_t count;
  struct member members[];
};

/* ---- what happens to the futures ---- */

static void wake_first(eddy_completions *completions)
{
  struct eddy__link *link = eddy__list_first(&completions->waiters);
  if (link == NULL) return;
  eddy_task *task = eddy__wait_task(EDDY__ENTRY(link, struct eddy__done, link));
  task->wait.granted = true;
  eddy__wait_wake(task, 0);
}

static int note(void *arg)
{
  struct member *member = arg;
  eddy_completions *completions = member->completions;
  member->state = NOTED;
  eddy__list_append(&completions->noted, &member->done.link);
  if (--completions->todo == 0) eddy__timer_stop(completions->loop, &completions->timer);
  wake_first(completions);
  return 0;
}

static void queue_note(struct eddy__done *done)
{
  struct member *member = EDDY__ENTRY(done, struct member, done);
  member->state = QUEUED;
  member->position = eddy__loop_push(member->completions->loop, note, member);
}

/* The task that is in eddy_completions_next; of several, the first. */
eddy_future *eddy__as_completed_waiter(struct eddy__done *done)
{
  if (done->complete != queue_note) return NULL;
  struct member *member = EDDY__ENTRY(done, struct member, done);
  struct eddy__link *link = eddy__list_first(&member->completions->waiters);
  if (link == NULL) return NULL;
  return &eddy__wait_task(EDDY__ENTRY(link, struct eddy__done, link))->future;
}

/* Lets its future go on without it; returns whether it was still to be noted. */
static bool give_up(struct member *member)
{
  eddy_loop *loop = member->completions->loop;
  if (member->state == PENDING) {
    eddy__list_remove(&member->done.link);
    eddy__loop_unbook(loop);
  } else if (member->state == QUEUED) {
    eddy__loop_drop(loop, member->position);
  } else {
    return false;
  }
  member->state = OVER;
  member->completions->todo--;
  return true;
}

static int time_is_up(void *arg)
{
  eddy_completions *completions = EDDY__ENTRY(arg, eddy_completions, timer);
  eddy__timer_ran(&completions->timer);
  for (size_t i = 0; i < completions->count; i++) {
    if (!give_up(&completions->members[i])) continue;
    completions->missed++;
    wake_first(completions);
  }
  return 0;
}

/* ---- the iterator's life ---- */

static void stop(eddy_completions *completions)
{
  eddy__timer_stop(completions->loop, &completions->timer);
  for (size_t i = 0; i < completions->count; i++) {
    (void)give_up(&completions->members[i]);
  }
}

/* The loop is being closed. */
static void discard(struct eddy__owned *owned)
{
  stop(EDDY__ENTRY(owned, eddy_completions, owned));
}

static eddy_completions *new_completions(eddy_loop *loop, size_t count)
{
  if (count > (SIZE_MAX - sizeof(eddy_completions)) / sizeof(struct member)) return NULL;
  eddy_completions *completions = eddy__alloc(
      sizeof(*completions) + count * sizeof(struct member));
  if (completions == NULL) return NULL;
  completions->refs = 1;
  completions->loop = loop;
  eddy__list_init(&completions->noted);
  eddy__list_init(&completions->waiters);
  eddy__timer_init(&completions->timer, time_is_up);
  return completions;
}

/* Takes the futures over, each once; there is a booking for each argument. */
static void add_members(
    eddy_completions *completions, eddy_future *const *futures, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    if (futures[i]->marked) {
      eddy__loop_unbook(completions->loop);
      continue;
    }
    futures[i]->marked = true;
    struct member *member = &completions->members[completions->count++];
    member->done.complete = queue_note;
    member->completions = completions;
    member->future = eddy_future_ref(futures[i]);
    eddy__list_init(&member->done.link);
    if (futures[i]->state == EDDY__PENDING) {
      eddy__future_add(futures[i], &member->done);
    } else {
      queue_note(&member->done);
    }
  }
  for (size_t i = 0; i < completions->count; i++) {
    completions->members[i].future->marked = false;
  }
  completions->todo = completions->count;
  completions->calls = completions->count;
}

int eddy_as_completed(
    eddy_future *const *futures, size_t count, eddy_time timeout, eddy_completions **out)
{
  if (out == NULL || (futures == NULL && count > 0)) return EDDY_EINVAL;
  eddy_loop *loop;
  int rc = eddy__futures_check(futures, count, &loop);
  if (rc < 0) return rc;
  eddy_completions *completions = new_completions(loop, count);
  if (completions == NULL) return EDDY_ENOMEM;
  rc = eddy__loop_book_many(loop, count);
  if (rc < 0) goto fail_book;
  if (count > 0 && timeout != EDDY_NEVER) {
    eddy_time deadline = eddy__time_after(eddy__loop_now(loop), timeout);
    rc = eddy__timer_start(loop, &completions->timer, deadline);
    if (rc < 0) goto fail_timer;
  }
  eddy__loop_ref(loop);
  eddy__loop_own(loop, &completions->owned, discard);
  add_members(completions, futures, count);
  *out = completions;
  return 0;
fail_timer:
  while (count-- > 0) {
    eddy__loop_unbook(loop);
  }
fail_book:
  eddy__free(completions);
  return rc;
}

eddy_completions *eddy_completions_ref(eddy_completions *completions)
{
  completions->refs++;
  return completions;
}

void eddy_completions_unref(eddy_completions *completions)
{
  if (completions == NULL || --completions->refs > 0) return;
  eddy__list_remove(&completions->owned.link);
  stop(completions);
  for (size_t i = 0; i < completions->count; i++) {
    eddy_future_unref(completions->members[i].future);
  }
  eddy__loop_unref(completions->loop);
  eddy__free(completions);
}

/* ---- the next one: as a queue's get ---- */

static bool has_one(const eddy_completions *completions)
{
  return completions->missed > 0 || !eddy__list_empty(&completions->noted);
}

/* There is one. Those noted came before the time was up. */
static int take(eddy_completions *completions, eddy_future **future)
{
  struct eddy__link *link = eddy__list_first(&completions->noted);
  if (link == NULL) {
    completions->missed--;
    return eddy_raise(EDDY_ETIMEDOUT, "as_completed: timed out (task '%s')",
        eddy_task_get_name(eddy__self.task));
  }
  eddy__list_remove(link);
  struct member *member = EDDY__ENTRY(link, struct member, done.link);
  member->state = OVER;
  *future = member->future;
  return 0;
}

static void describe_next(const eddy_task *task, char *text, size_t size)
{
  const eddy_completions *completions = task->wait.object;
  char first[80] = "none";
  for (size_t i = 0; i < completions->count; i++) {
    eddy_future *future = completions->members[i].future;
    if (future->state != EDDY__PENDING) continue;
    eddy__future_describe(future, first, sizeof(first));
    break;
  }
  snprintf(text, size, "the next of %zu futures as_completed, %zu pending, first %s",
      completions->count, completions->todo, first);
}

static int end_next(eddy_task *task, int rc);

static const struct eddy__wait_type next_wait = {
    NULL, describe_next, end_next, "as completed"};

static int end_next(eddy_task *task, int rc)
{
  eddy_completions *completions = task->wait.object;
  if (rc < 0) {
    if (task->wait.granted && has_one(completions)) wake_first(completions);
  } else if (completions->refs == 1) {
    rc = EDDY_STOP; /* nobody else holds it: what it gave would be gone with it */
  } else if (has_one(completions)) {
    rc = take(completions, task->wait.scratch.p);
  } else {
    eddy__list_append(&completions->waiters, &task->wait.done.link);
    return eddy__wait_again(task, &next_wait, completions);
  }
  eddy_completions_unref(completions);
  return rc;
}

int eddy_completions_next(eddy_completions *completions, eddy_future **future)
{
  int rc;
  bool resumed;
  eddy_task *task = eddy__wait_begin(&resumed, &rc);
  if (task == NULL) return rc;
  if (completions == NULL || future == NULL) return EDDY_EINVAL;
  task->wait.scratch.p = future;
  if (resumed) return end_next(task, rc);
  if (completions->loop != task->future.loop) {
    return eddy_raise(
        EDDY_EOTHERLOOP, "as_completed: the futures belong to another loop");
  }
  if (completions->calls == 0) return EDDY_STOP;
  completions->calls--;
  if (has_one(completions)) return take(completions, future);
  eddy_completions_ref(completions);
  eddy__list_append(&completions->waiters, &task->wait.done.link);
  return eddy__wait(task, &next_wait, completions);
}
