#include <eddy/thread_queue.h>

#include <stdio.h>

#include "task/shared.h"

#include "base/clock.h"
#include "base/outcome.h"

#define FIRST_CAPACITY 8

/* Everything but maxsize is guarded by the mutex of `shared`. */
struct eddy_thread_queue {
  struct eddy__shared shared; /* first */
  size_t refs;
  size_t waits; /* calls that wait: with the references they keep the memory */
  size_t maxsize;
  eddy_value *items; /* a ring */
  size_t capacity;   /* a power of two, or 0 */
  size_t first;      /* index of the oldest */
  size_t count;
  size_t unfinished;
  bool closed;
  struct eddy__link getters; /* lines of shared.h */
  struct eddy__link putters;
  struct eddy__link joiners;
};

int eddy_thread_queue_new(size_t maxsize, eddy_thread_queue **out)
{
  if (out == NULL) return EDDY_EINVAL;
  eddy_thread_queue *queue = eddy__alloc(sizeof(*queue));
  if (queue == NULL) return EDDY_ENOMEM;
  int rc = eddy__shared_init(&queue->shared);
  if (rc < 0) {
    eddy__free(queue);
    return rc;
  }
  queue->refs = 1;
  queue->maxsize = maxsize;
  eddy__list_init(&queue->getters);
  eddy__list_init(&queue->putters);
  eddy__list_init(&queue->joiners);
  *out = queue;
  return 0;
}

static void lock(eddy_thread_queue *queue)
{
  eddy__shared_lock(&queue->shared);
}

static void unlock(eddy_thread_queue *queue)
{
  eddy__shared_unlock(&queue->shared);
}

/* Frees it if nobody is left. */
static void unlock_last(eddy_thread_queue *queue)
{
  bool gone = queue->refs == 0 && queue->waits == 0;
  unlock(queue);
  if (!gone) return;
  eddy__shared_fini(&queue->shared);
  eddy__free(queue->items);
  eddy__free(queue);
}

/* Whether anything can be done with it in this process: 0 or why not. */
static int usable(const eddy_thread_queue *queue, const char *call)
{
  if (queue == NULL) return EDDY_EINVAL;
  if (!eddy__shared_inherited(&queue->shared)) return 0;
  return eddy__refuse_inherited(call, "queue");
}

static void close_queue(eddy_thread_queue *queue)
{
  queue->closed = true;
  eddy__shared_call_all(&queue->getters);
  eddy__shared_call_all(&queue->putters);
}

eddy_thread_queue *eddy_thread_queue_ref(eddy_thread_queue *queue)
{
  lock(queue);
  queue->refs++;
  unlock(queue);
  return queue;
}

/* In a child its memory stays: it may have been in the midst of a change when that came to be. */
void eddy_thread_queue_unref(eddy_thread_queue *queue)
{
  if (queue == NULL || eddy__shared_inherited(&queue->shared)) return;
  lock(queue);
  if (--queue->refs == 0) {
    close_queue(queue);
    eddy__shared_call_all(&queue->joiners);
  }
  unlock_last(queue);
}

/* ---- items ---- */

static bool is_full(const eddy_thread_queue *queue)
{
  return queue->maxsize > 0 && queue->count >= queue->maxsize;
}

EDDY__COLD static int grow(eddy_thread_queue *queue)
{
  size_t capacity = queue->capacity == 0 ? FIRST_CAPACITY : queue->capacity * 2;
  if (capacity > SIZE_MAX / sizeof(*queue->items)) return EDDY_ENOMEM;
  eddy_value *items = eddy__alloc(capacity * sizeof(*items));
  if (items == NULL) return EDDY_ENOMEM;
  for (size_t i = 0; i < queue->count; i++) {
    items[i] = queue->items[(queue->first + i) & (queue->capacity - 1)];
  }
  eddy__free(queue->items);
  queue->items = items;
  queue->capacity = capacity;
  queue->first = 0;
  return 0;
}

/* 0, EDDY_EQUEUEFULL, EDDY_EQUEUESHUTDOWN, EDDY_ENOMEM. */
static int insert(eddy_thread_queue *queue, eddy_value item)
{
  if (queue->closed) return EDDY_EQUEUESHUTDOWN;
  if (is_full(queue)) return EDDY_EQUEUEFULL;
  if (queue->count == queue->capacity) {
    int rc = grow(queue);
    if (rc < 0) return rc;
  }
  queue->items[(queue->first + queue->count++) & (queue->capacity - 1)] = item;
  queue->unfinished++;
  eddy__shared_call(&queue->getters);
  return 0;
}

static eddy_value remove_first(eddy_thread_queue *queue)
{
  eddy_value item = queue->items[queue->first];
  queue->first = (queue->first + 1) & (queue->capacity - 1);
  queue->count--;
  return item;
}

/* 0, EDDY_EQUEUEEMPTY, EDDY_EQUEUESHUTDOWN. */
static int take(eddy_thread_queue *queue, eddy_value *item)
{
  if (queue->count == 0) return queue->closed ? EDDY_EQUEUESHUTDOWN : EDDY_EQUEUEEMPTY;
  *item = remove_first(queue);
  eddy__shared_call(&queue->putters);
  return 0;
}

/* ---- how waits are described ---- */

static void describe(const eddy_task *task, char *text, size_t size)
{
  eddy_thread_queue *queue = task->wait.object;
  lock(queue);
  snprintf(text, size, "%s on thread queue %p (%zu items%s)", eddy__wait_call(task),
      (const void *)queue, queue->count, is_full(queue) ? ", full" : "");
  unlock(queue);
}

static int end_get(eddy_task *task, int rc);
static int end_put(eddy_task *task, int rc);
static int end_join(eddy_task *task, int rc);

static const struct eddy__wait_type get_wait = {
    eddy__shared_cancel, describe, end_get, "thread queue get"};
static const struct eddy__wait_type put_wait = {
    eddy__shared_cancel, describe, end_put, "thread queue put"};
static const struct eddy__wait_type join_wait = {
    eddy__shared_cancel, describe, end_join, "thread queue join"};

/* ---- tasks ---- */

/* As eddy__wait_begin; outside a task it says what there is for threads. */
static eddy_task *begin(bool *resumed, int *rc, const char *call)
{
  eddy_task *task = eddy__wait_begin(resumed, rc);
  if (task == NULL && *rc == EDDY_ENOTASK) {
    (void)eddy_raise(EDDY_ENOTASK,
        "thread queue %s: outside of a task; eddy_thread_queue_%s_blocking blocks a "
        "thread without a loop",
        call, call);
  }
  return task;
}

static int wait_in(eddy_task *task, eddy_thread_queue *queue, struct eddy__link *line,
    const struct eddy__wait_type *type)
{
  queue->waits++;
  return eddy__shared_wait(task, &queue->shared, line, type);
}

/* With the mutex locked: the call that waited is over. Returns rc. */
static int end_wait(eddy_task *task, eddy_thread_queue *queue, int rc)
{
  eddy__shared_leave(task);
  queue->waits--;
  unlock_last(queue);
  return rc;
}

int eddy_thread_queue_get(eddy_thread_queue *queue, eddy_value *item)
{
  int rc;
  bool resumed;
  eddy_task *task = begin(&resumed, &rc, "get");
  if (task == NULL) return rc;
  if (item == NULL) return EDDY_EINVAL;
  task->wait.scratch.p = item;
  if (resumed) return end_get(task, rc);
  rc = usable(queue, "thread queue get");
  if (rc < 0) return rc;
  lock(queue);
  rc = take(queue, item);
  if (rc == EDDY_EQUEUEEMPTY) return wait_in(task, queue, &queue->getters, &get_wait);
  unlock(queue);
  return rc;
}

static int end_get(eddy_task *task, int rc)
{
  eddy_thread_queue *queue = task->wait.object;
  lock(queue);
  bool called = eddy__shared_was_called(task);
  if (rc == 0) {
    rc = take(queue, task->wait.scratch.p);
    if (rc == EDDY_EQUEUEEMPTY)
      return eddy__shared_wait_again(task, &queue->shared, &queue->getters, &get_wait);
  } else if (called && queue->count > 0) {
    eddy__shared_call(&queue->getters);
  }
  return end_wait(task, queue, rc);
}

int eddy_thread_queue_put(eddy_thread_queue *queue, eddy_value item)
{
  int rc;
  bool resumed;
  eddy_task *task = begin(&resumed, &rc, "put");
  if (task == NULL) return rc;
  task->wait.scratch = item;
  if (resumed) return end_put(task, rc);
  rc = usable(queue, "thread queue put");
  if (rc < 0) return rc;
  lock(queue);
  rc = insert(queue, item);
  if (rc == EDDY_EQUEUEFULL) return wait_in(task, queue, &queue->putters, &put_wait);
  unlock(queue);
  return rc;
}

/* A queue that was full has memory for as many items again. */
static int end_put(eddy_task *task, int rc)
{
  eddy_thread_queue *queue = task->wait.object;
  lock(queue);
  bool called = eddy__shared_was_called(task);
  if (rc == 0) {
    rc = insert(queue, task->wait.scratch);
    if (rc == EDDY_EQUEUEFULL)
      return eddy__shared_wait_again(task, &queue->shared, &queue->putters, &put_wait);
  } else if (called && !is_full(queue)) {
    eddy__shared_call(&queue->putters);
  }
  return end_wait(task, queue, rc);
}

int eddy_thread_queue_join(eddy_thread_queue *queue)
{
  int rc;
  bool resumed;
  eddy_task *task = begin(&resumed, &rc, "join");
  if (task == NULL) return rc;
  if (resumed) return end_join(task, rc);
  rc = usable(queue, "thread queue join");
  if (rc < 0) return rc;
  lock(queue);
  if (queue->unfinished > 0) return wait_in(task, queue, &queue->joiners, &join_wait);
  unlock(queue);
  return 0;
}

/* What a wait for the joiners' call has come to. */
static int joined(const eddy_thread_queue *queue)
{
  return queue->refs == 0 && queue->unfinished > 0 ? EDDY_EQUEUESHUTDOWN : 0;
}

static int end_join(eddy_task *task, int rc)
{
  eddy_thread_queue *queue = task->wait.object;
  lock(queue);
  return end_wait(task, queue, rc < 0 ? rc : joined(queue));
}

/* ---- without waiting ---- */

int eddy_thread_queue_put_nowait(eddy_thread_queue *queue, eddy_value item)
{
  int rc = usable(queue, "thread queue put_nowait");
  if (rc < 0) return rc;
  lock(queue);
  rc = insert(queue, item);
  unlock(queue);
  return rc;
}

int eddy_thread_queue_get_nowait(eddy_thread_queue *queue, eddy_value *item)
{
  if (item == NULL) return EDDY_EINVAL;
  int rc = usable(queue, "thread queue get_nowait");
  if (rc < 0) return rc;
  lock(queue);
  rc = take(queue, item);
  unlock(queue);
  return rc;
}

/* ---- threads ---- */

/* A call that may block its thread. */
struct blocking {
  const char *call;
  eddy_thread_queue *queue;
  struct eddy__thread_place place;
  eddy_time timeout;
  eddy_time deadline;
};

/* 0, with the mutex locked, or why not. */
static int begin_blocking(struct blocking *self)
{
  int rc = usable(self->queue, "thread queue");
  if (rc < 0) return rc;
  if (eddy__self.loop != NULL) {
    return eddy_raise(EDDY_ERUNNING,
        "thread queue %s: it blocks, and a loop is running in this thread; in a task "
        "call eddy_thread_queue_%s",
        self->call, self->call);
  }
  self->deadline = eddy__time_after(eddy__clock_now(), self->timeout);
  lock(self->queue);
  self->queue->waits++;
  return 0;
}

static int block(struct blocking *self, struct eddy__link *line)
{
  return eddy__shared_block(&self->queue->shared, line, &self->place, self->deadline);
}

static int end_blocking(struct blocking *self, int rc)
{
  self->queue->waits--;
  unlock_last(self->queue);
  eddy__shared_unblock(&self->place);
  if (rc != EDDY_ETIMEDOUT) return rc;
  return eddy_raise(rc, "thread queue %s: still waiting after %.3f s", self->call,
      self->timeout > 0 ? (double)self->timeout / 1e9 : 0.0);
}

int eddy_thread_queue_put_blocking(
    eddy_thread_queue *queue, eddy_value item, eddy_time timeout)
{
  struct blocking self = {.call = "put", .queue = queue, .timeout = timeout};
  int rc = begin_blocking(&self);
  if (rc < 0) return rc;
  while ((rc = insert(queue, item)) == EDDY_EQUEUEFULL) {
    rc = block(&self, &queue->putters);
    if (rc < 0) break;
  }
  return end_blocking(&self, rc);
}

int eddy_thread_queue_get_blocking(
    eddy_thread_queue *queue, eddy_time timeout, eddy_value *item)
{
  struct blocking self = {.call = "get", .queue = queue, .timeout = timeout};
  if (item == NULL) return EDDY_EINVAL;
  int rc = begin_blocking(&self);
  if (rc < 0) return rc;
  while ((rc = take(queue, item)) == EDDY_EQUEUEEMPTY) {
    rc = block(&self, &queue->getters);
    if (rc < 0) break;
  }
  return end_blocking(&self, rc);
}

int eddy_thread_queue_join_blocking(eddy_thread_queue *queue, eddy_time timeout)
{
  struct blocking self = {.call = "join", .queue = queue, .timeout = timeout};
  int rc = begin_blocking(&self);
  if (rc < 0) return rc;
  if (queue->unfinished > 0) {
    rc = block(&self, &queue->joiners);
    if (rc == 0) rc = joined(queue);
  }
  return end_blocking(&self, rc);
}

/* ---- the rest ---- */

size_t eddy_thread_queue_qsize(eddy_thread_queue *queue)
{
  lock(queue);
  size_t count = queue->count;
  unlock(queue);
  return count;
}

bool eddy_thread_queue_empty(eddy_thread_queue *queue)
{
  return eddy_thread_queue_qsize(queue) == 0;
}

bool eddy_thread_queue_full(eddy_thread_queue *queue)
{
  lock(queue);
  bool full = is_full(queue);
  unlock(queue);
  return full;
}

size_t eddy_thread_queue_maxsize(const eddy_thread_queue *queue)
{
  return queue->maxsize;
}

static void finish_one(eddy_thread_queue *queue)
{
  if (--queue->unfinished == 0) eddy__shared_call_all(&queue->joiners);
}

int eddy_thread_queue_task_done(eddy_thread_queue *queue)
{
  int rc = usable(queue, "thread queue task_done");
  if (rc < 0) return rc;
  lock(queue);
  bool any = queue->unfinished > 0;
  if (any) finish_one(queue);
  unlock(queue);
  if (any) return 0;
  return eddy_raise(
      EDDY_EINVALIDSTATE, "task_done: called more often than items were put in");
}

void eddy_thread_queue_shutdown(eddy_thread_queue *queue, bool immediate)
{
  if (queue == NULL || eddy__shared_inherited(&queue->shared)) return;
  lock(queue);
  while (immediate && queue->count > 0) {
    (void)remove_first(queue);
    /* task_done may have been called ahead of the get. */
    if (queue->unfinished > 0) finish_one(queue);
  }
  close_queue(queue);
  unlock(queue);
}
