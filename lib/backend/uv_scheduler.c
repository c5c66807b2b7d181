/*
 * The scheduler half over libuv: every timer booked in the future is a uv_timer_t in
 * libuv's heap, and libuv decides when it is due.
 *
 * libuv counts whole milliseconds of a cached clock. A deadline is rounded up to the next
 * millisecond of the clock itself (not: a delay to whole milliseconds), so that a timer
 * is never early and the order of deadlines is the order of libuv's reports. libuv's
 * callback only puts the timer on the list of those that are ripe; the loop takes them
 * from there by (deadline, sequence).
 */
#include "backend/uv.h"

#include <uv.h>

#include "base/alloc.h"
#include "base/clock.h"

#define NANOSECONDS 1000000 /* in a millisecond */
#define KEPT 4096           /* idle handles kept for reuse */

struct scheduler;

/* The libuv side of one booked timer; timer->place.pointer is its node. */
struct node {
  uv_timer_t uv;
  struct scheduler *scheduler;
  eddy_timer *timer;
  struct node *next; /* on the ripe or on the free list */
  struct node *prev; /* on the ripe list */
  bool ripe;
};

struct scheduler {
  uv_loop_t *uv;
  uv_idle_t *idle; /* active while something is ripe: libuv must not sleep then */
  struct node *first;
  struct node *last;
  bool sorted;
  struct node *free;
  size_t free_count;
  size_t count;  /* booked, ripe or not */
  size_t held;   /* of these: with libuv */
  uint64_t wake; /* no timer that libuv holds is reported before this loop time */
  bool stale;    /* ... and perhaps none is for a while after it */
  /* The latest deadline that ever got ripe: libuv holds none before. */
  eddy_time last_ripe;
  int64_t offset; /* libuv's clock minus eddy's; 0 where they are the same */
};

static void on_idle(uv_idle_t *idle)
{
  (void)idle;
}

static void on_idle_closed(uv_handle_t *handle)
{
  eddy__free(handle);
}

static void on_node_closed(uv_handle_t *handle)
{
  eddy__free(handle->data);
}

static int scheduler_open(void *self, eddy_loop *loop)
{
  struct scheduler *scheduler = self;
  scheduler->uv = eddy_loop_uv(loop);
  if (scheduler->uv == NULL) {
    return eddy_raise(EDDY_EINVAL, "the uv scheduler needs an io half with a libuv loop");
  }
  scheduler->idle = eddy__alloc(sizeof(*scheduler->idle));
  if (scheduler->idle == NULL) return EDDY_ENOMEM;
  int rc = uv_idle_init(scheduler->uv, scheduler->idle);
  if (rc < 0) {
    eddy__free(scheduler->idle);
    return rc;
  }
  int64_t offset = (int64_t)uv_hrtime() - eddy__clock_now();
  /* Two readings of one clock are never the same. */
  scheduler->offset = offset < EDDY_MS(1) && offset > -EDDY_MS(1) ? 0 : offset;
  scheduler->sorted = true;
  scheduler->last_ripe = INT64_MIN;
  return 0;
}

/* The nodes and the idle handle are freed by their close callbacks, for which the io half
 * runs the loop when it is closed in turn. */
static void scheduler_close(void *self)
{
  struct scheduler *scheduler = self;
  while (scheduler->free != NULL) {
    struct node *node = scheduler->free;
    scheduler->free = node->next;
    uv_close((uv_handle_t *)&node->uv, on_node_closed);
  }
  uv_close((uv_handle_t *)scheduler->idle, on_idle_closed);
  scheduler->idle = NULL;
}

static struct node *get_node(struct scheduler *scheduler)
{
  struct node *node = scheduler->free;
  if (node != NULL) {
    scheduler->free = node->next;
    scheduler->free_count--;
    return node;
  }
  node = eddy__alloc(sizeof(*node));
  if (node == NULL) return NULL;
  if (uv_timer_init(scheduler->uv, &node->uv) < 0) {
    eddy__free(node);
    return NULL;
  }
  node->uv.data = node;
  node->scheduler = scheduler;
  return node;
}

static void put_node(struct scheduler *scheduler, struct node *node)
{
  if (scheduler->free_count >= KEPT) {
    uv_close((uv_handle_t *)&node->uv, on_node_closed);
    return;
  }
  node->next = scheduler->free;
  scheduler->free = node;
  scheduler->free_count++;
}

/* ---- the ripe list ---- */

static bool is_before(const struct node *a, const struct node *b)
{
  if (a->timer->deadline != b->timer->deadline) {
    return a->timer->deadline < b->timer->deadline;
  }
  return a->timer->sequence < b->timer->sequence;
}

static void record(struct node *node)
{
  struct scheduler *scheduler = node->scheduler;
  eddy_time deadline = node->timer->deadline;
  if (deadline > scheduler->last_ripe) scheduler->last_ripe = deadline;
  node->ripe = true;
  node->next = NULL;
  node->prev = scheduler->last;
  if (scheduler->last == NULL) {
    scheduler->first = node;
    scheduler->sorted = true;
    (void)uv_idle_start(scheduler->idle, on_idle);
  } else {
    scheduler->last->next = node;
    if (is_before(node, scheduler->last)) scheduler->sorted = false;
  }
  scheduler->last = node;
}

static void unlist(struct node *node)
{
  struct scheduler *scheduler = node->scheduler;
  if (node->prev != NULL) {
    node->prev->next = node->next;
  } else {
    scheduler->first = node->next;
  }
  if (node->next != NULL) {
    node->next->prev = node->prev;
  } else {
    scheduler->last = node->prev;
  }
  node->ripe = false;
  if (scheduler->first == NULL) (void)uv_idle_stop(scheduler->idle);
}

/* Merges two sorted chains (linked by `next` alone). */
static struct node *merge(struct node *a, struct node *b)
{
  struct node *first = NULL;
  struct node **end = &first;
  while (a != NULL && b != NULL) {
    struct node **earlier = is_before(b, a) ? &b : &a;
    *end = *earlier;
    end = &(*earlier)->next;
    *earlier = *end;
  }
  *end = a != NULL ? a : b;
  return first;
}

/* Sorts the ripe list by merging runs of 1, 2, 4, ... nodes as they come up. */
static void sort_ripe(struct scheduler *scheduler)
{
  struct node *runs[64] = {NULL}; /* runs[i] has 2^i nodes or is empty */
  struct node *node = scheduler->first;
  while (node != NULL) {
    struct node *next = node->next;
    node->next = NULL;
    size_t level = 0;
    while (runs[level] != NULL) {
      node = merge(runs[level], node);
      runs[level++] = NULL;
    }
    runs[level] = node;
    node = next;
  }
  struct node *sorted = NULL;
  for (size_t level = 0; level < sizeof(runs) / sizeof(runs[0]); level++) {
    if (runs[level] != NULL) sorted = merge(runs[level], sorted);
  }
  scheduler->first = sorted;
  scheduler->last = NULL;
  for (node = sorted; node != NULL; node = node->next) {
    node->prev = scheduler->last;
    scheduler->last = node;
  }
  scheduler->sorted = true;
}

/* ---- timers ---- */

static void on_timer(uv_timer_t *uv)
{
  struct node *node = uv->data;
  node->scheduler->held--;
  node->scheduler->stale = true;
  record(node);
}

/* A deadline on libuv's clock. */
static uint64_t on_libuvs_clock(const struct scheduler *scheduler, eddy_time deadline)
{
  if (deadline >= EDDY_NEVER - scheduler->offset - NANOSECONDS) {
    return (uint64_t)(EDDY_NEVER - NANOSECONDS);
  }
  eddy_time time = deadline + scheduler->offset;
  return time > 0 ? (uint64_t)time : 0;
}

/*
 * Whether a new timer is ripe at once, so that a delay of 0 does not wait for the next
 * millisecond: it is due, and everything that libuv holds is later. A timer held is less
 * than a millisecond before the time of its report; and none is before one that was ripe.
 */
static bool is_ripe(
    const struct scheduler *scheduler, const eddy_timer *timer, uint64_t due)
{
  if (timer->deadline < scheduler->last_ripe) return true;
  if (scheduler->held > 0 && due + NANOSECONDS > scheduler->wake * NANOSECONDS)
    return false;
  return timer->deadline <= eddy__clock_now();
}

static int scheduler_add(void *self, eddy_timer *timer)
{
  struct scheduler *scheduler = self;
  struct node *node = get_node(scheduler);
  if (node == NULL) return EDDY_ENOMEM;
  node->timer = timer;
  timer->place.pointer = node;
  scheduler->count++;
  uint64_t due = on_libuvs_clock(scheduler, timer->deadline);
  if (is_ripe(scheduler, timer, due)) {
    record(node);
    return 0;
  }
  uint64_t now = uv_now(scheduler->uv);
  uint64_t target = (due + NANOSECONDS - 1) / NANOSECONDS;
  (void)uv_timer_start(&node->uv, on_timer, target > now ? target - now : 0, 0);
  if (scheduler->held == 0 || target < scheduler->wake) scheduler->wake = target;
  scheduler->held++;
  return 0;
}

static void scheduler_remove(void *self, eddy_timer *timer)
{
  struct scheduler *scheduler = self;
  struct node *node = timer->place.pointer;
  if (node->ripe) {
    unlist(node);
  } else {
    (void)uv_timer_stop(&node->uv);
    scheduler->held--;
    scheduler->stale = true;
  }
  scheduler->count--;
  put_node(scheduler, node);
}

/* libuv's walk: a timer of this scheduler that libuv holds gets ripe. */
static void report_held(uv_handle_t *handle, void *self)
{
  if (handle->type != UV_TIMER || !uv_is_active(handle)) return;
  uv_timer_t *uv = (uv_timer_t *)handle;
  if (uv->timer_cb != on_timer || ((struct node *)uv->data)->scheduler != self) return;
  (void)uv_timer_stop(uv);
  on_timer(uv);
}

static eddy_timer *scheduler_take_due(void *self, eddy_time now)
{
  struct scheduler *scheduler = self;
  if (now == EDDY_NEVER && scheduler->held > 0) uv_walk(scheduler->uv, report_held, self);
  if (scheduler->first == NULL) return NULL;
  if (!scheduler->sorted) sort_ripe(scheduler);
  struct node *node = scheduler->first;
  if (node->timer->deadline > now) return NULL;
  eddy_timer *timer = node->timer;
  unlist(node);
  scheduler->count--;
  put_node(scheduler, node);
  return timer;
}

/* The time at which libuv will report the next timer, which is up to a millisecond after
 * its deadline: to ask for it before would be in vain. Where it is not known, a time
 * before. */
static eddy_time scheduler_next(void *self)
{
  struct scheduler *scheduler = self;
  if (scheduler->first != NULL) return 0;
  if (scheduler->held == 0) return EDDY_NEVER;
  if (scheduler->stale || scheduler->wake <= uv_now(scheduler->uv)) {
    /* Another user's timer may be the first, and end the wait early. 0 may also mean that
     * libuv has something else to do first. */
    int timeout = uv_backend_timeout(scheduler->uv);
    if (timeout > 0) {
      scheduler->wake = uv_now(scheduler->uv) + (uint64_t)timeout;
      scheduler->stale = false;
    }
  }
  if (scheduler->wake >= (uint64_t)EDDY_NEVER / NANOSECONDS) return EDDY_NEVER - 1;
  return (eddy_time)scheduler->wake * NANOSECONDS - scheduler->offset;
}

static size_t scheduler_count(void *self)
{
  const struct scheduler *scheduler = self;
  return scheduler->count;
}

const eddy_scheduler eddy__scheduler_uv = {
    .name = "uv",
    .loop_size = sizeof(struct scheduler),
    .open = scheduler_open,
    .close = scheduler_close,
    .add = scheduler_add,
    .remove = scheduler_remove,
    .take_due = scheduler_take_due,
    .next = scheduler_next,
    .count = scheduler_count,
};
