/* eddy_wait. (How a call waits is in wait.c.) */
#include <eddy/wait.h>

#include <stdint.h>
#include <stdio.h>

#include "task/task.h"

#include "base/clock.h"

/* One of the futures, each of them once. */
struct member {
  struct eddy__done done;
  struct wait *wait;
  eddy_future *future; /* referenced */
};

/*
 * A wait, from before the task is parked until it is resumed; task->wait.scratch points to it.
 *
 * asyncio queues a callback for every future that ends, and the one that makes the condition
 * true wakes the task. Here that one alone is queued: the others would only count.
 */
struct wait {
  eddy_task *task;
  eddy_return_when when;
  size_t count;
  size_t pending; /* members that have not ended; 0 once the wake-up is queued */
  bool booked;    /* for the wake-up, which is not queued yet */
  eddy_timer wake_up;
  eddy_timer limit;
  size_t *done; /* where the caller wants to know how many are done */
  struct member members[];
};

static int wake_up(void *arg)
{
  struct wait *wait = EDDY__ENTRY(arg, struct wait, wake_up);
  eddy__timer_ran(&wait->wake_up);
  eddy__wait_wake(wait->task, 0);
  return 0;
}

static int time_is_up(void *arg)
{
  struct wait *wait = EDDY__ENTRY(arg, struct wait, limit);
  eddy__timer_ran(&wait->limit);
  eddy__wait_wake(wait->task, 0);
  return 0;
}

/* Whether this member's end is what is waited for. */
static bool is_enough(const struct wait *wait, eddy_future *future)
{
  if (wait->pending == 0 || wait->when == EDDY_FIRST_COMPLETED) return true;
  if (wait->when == EDDY_ALL_COMPLETED || future->state == EDDY__CANCELLED) return false;
  future->retrieved = true; /* as in asyncio: its error has been looked at */
  return future->error != 0;
}

static void count_member(struct wait *wait, eddy_future *future)
{
  wait->pending--;
  if (!wait->booked || !is_enough(wait, future)) return;
  wait->booked = false;
  eddy__timer_queue(wait->task->future.loop, &wait->wake_up);
}

static void member_done(struct eddy__done *done)
{
  struct member *member = EDDY__ENTRY(done, struct member, done);
  count_member(member->wait, member->future);
}

eddy_future *eddy__wait_waiter(struct eddy__done *done)
{
  if (done->complete != member_done) return NULL;
  return &EDDY__ENTRY(done, struct member, done)->wait->task->future;
}

static void describe_wait(const eddy_task *task, char *text, size_t size)
{
  static const char *const which[] = {"all", "the first", "the first error"};
  const struct wait *wait = task->wait.scratch.p;
  size_t i = 0;
  while (i + 1 < wait->count && wait->members[i].future->state != EDDY__PENDING) {
    i++;
  }
  char first[80];
  eddy__future_describe(wait->members[i].future, first, sizeof(first));
  snprintf(text, size, "wait for %s of %zu futures, %zu pending, first %s",
      which[wait->when], wait->count, wait->pending, first);
}

static int check(const eddy_task *task, eddy_future *const *futures, size_t count,
    eddy_return_when when)
{
  if (count == 0)
    return eddy_raise(EDDY_EINVAL, "wait: there are no futures to wait for");
  if (futures == NULL || (unsigned)when > EDDY_FIRST_EXCEPTION) return EDDY_EINVAL;
  for (size_t i = 0; i < count; i++) {
    if (futures[i] == NULL) return EDDY_EINVAL;
    if (futures[i]->loop == task->future.loop) continue;
    return eddy_raise(EDDY_EOTHERLOOP, "wait: future %zu belongs to another loop", i);
  }
  return 0;
}

/* A wait that has what may fail: its memory, a booking, the timer. */
static int new_wait(eddy_task *task, size_t count, eddy_time timeout, struct wait **out)
{
  eddy_loop *loop = task->future.loop;
  if (count > (SIZE_MAX - sizeof(struct wait)) / sizeof(struct member))
    return EDDY_ENOMEM;
  struct wait *wait = eddy__alloc(sizeof(*wait) + count * sizeof(struct member));
  if (wait == NULL) return EDDY_ENOMEM;
  int rc = eddy__loop_book(loop);
  if (rc < 0) goto fail_book;
  eddy__timer_init(&wait->limit, time_is_up);
  if (timeout != EDDY_NEVER) {
    rc = eddy__timer_start(
        loop, &wait->limit, eddy__time_after(eddy__loop_now(loop), timeout));
    if (rc < 0) goto fail_timer;
  }
  wait->task = task;
  wait->booked = true;
  eddy__timer_init(&wait->wake_up, wake_up);
  *out = wait;
  return 0;
fail_timer:
  eddy__loop_unbook(loop);
fail_book:
  eddy__free(wait);
  return rc;
}

static void add_members(struct wait *wait, eddy_future *const *futures, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    if (futures[i]->marked) continue;
    futures[i]->marked = true;
    struct member *member = &wait->members[wait->count++];
    member->done.complete = member_done;
    member->wait = wait;
    member->future = eddy_future_ref(futures[i]);
    eddy__list_init(&member->done.link);
  }
  wait->pending = wait->count;
  for (size_t i = 0; i < wait->count; i++) {
    eddy_future *future = wait->members[i].future;
    future->marked = false;
    if (future->state == EDDY__PENDING) {
      eddy__future_add(future, &wait->members[i].done);
    } else {
      count_member(wait, future);
    }
  }
}

/* Leaves nothing of it behind. */
static int end_wait(eddy_task *task, int rc)
{
  struct wait *wait = task->wait.scratch.p;
  eddy_loop *loop = task->future.loop;
  size_t done = 0;
  eddy__timer_stop(loop, &wait->limit);
  eddy__timer_stop(loop, &wait->wake_up);
  if (wait->booked) eddy__loop_unbook(loop);
  for (size_t i = 0; i < wait->count; i++) {
    eddy__list_remove(&wait->members[i].done.link);
    if (wait->members[i].future->state != EDDY__PENDING) done++;
  }
  if (rc == 0 && wait->done != NULL) *wait->done = done;
  for (size_t i = 0; i < wait->count; i++) {
    eddy_future_unref(wait->members[i].future);
  }
  eddy__free(wait);
  return rc;
}

static const struct eddy__wait_type members_wait = {
    NULL, describe_wait, end_wait, "futures"};

int eddy_wait(eddy_future *const *futures, size_t count, eddy_time timeout,
    eddy_return_when when, size_t *done)
{
  int rc;
  bool resumed;
  struct wait *wait = NULL;
  eddy_task *task = eddy__wait_begin(&resumed, &rc);
  if (task == NULL) return rc;
  if (resumed) {
    wait = task->wait.scratch.p;
    wait->done = done;
    return end_wait(task, rc);
  }
  rc = check(task, futures, count, when);
  if (rc == 0) rc = new_wait(task, count, timeout, &wait);
  if (rc < 0) return rc;
  wait->when = when;
  wait->done = done;
  add_members(wait, futures, count);
  task->wait.scratch.p = wait;
  return eddy__wait(task, &members_wait, NULL);
}
