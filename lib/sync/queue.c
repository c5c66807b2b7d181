#include <eddy/queue.h>

#include <stdio.h>

#include "sync/line.h"

#include "base/outcome.h"

/*
 * Items stand in one growing array: a ring for FIFO, a stack for LIFO, a binary heap for
 * PRIORITY. Waiting getters and putters are lists of eddy__done: those of tasks are their wait
 * records, those of eddy_queue_get_cb stand in a struct getter.
 */
struct item {
  eddy_value value;
  uint64_t order; /* PRIORITY: insertion order, for ties */
};

struct eddy_queue {
  size_t refs;
  size_t maxsize;
  eddy_queue_order order;
  int (*compare)(eddy_value a, eddy_value b);
  struct item *items;
  size_t capacity; /* a power of two, or 0 */
  size_t room;     /* with fewer items a put is nothing special; 0 after shutdown */
  size_t first;    /* FIFO: index of the oldest */
  size_t count;
  uint64_t inserted;
  size_t unfinished;
  bool closed;
  eddy_loop *loop; /* eddy__bind */
  struct eddy__link getters;
  struct eddy__link putters;
  struct eddy__link joiners;
};

/* A callback that waits for an item. It has a booking until it is called. */
struct getter {
  struct eddy__done done;
  struct eddy__owned owned;
  eddy_queue *queue; /* referenced */
  eddy_loop *loop;   /* referenced */
  eddy_queue_fn *fn;
  void *arg;
  bool granted;
};

/* To be called when maxsize, capacity or closed have changed. */
static void set_room(eddy_queue *queue)
{
  bool bounded = queue->maxsize > 0 && queue->maxsize < queue->capacity;
  queue->room = bounded ? queue->maxsize : queue->capacity;
  if (queue->closed) queue->room = 0;
}

static int compare_numbers(eddy_value a, eddy_value b)
{
  return (a.i > b.i) - (a.i < b.i);
}

int eddy_queue_new(const eddy_queue_options *options, eddy_queue **out)
{
  static const eddy_queue_options defaults;
  if (out == NULL) return EDDY_EINVAL;
  if (options == NULL) options = &defaults;
  if ((unsigned)options->order > EDDY_QUEUE_PRIORITY) return EDDY_EINVAL;
  eddy_queue *queue = eddy__alloc(sizeof(*queue));
  if (queue == NULL) return EDDY_ENOMEM;
  queue->refs = 1;
  queue->maxsize = options->maxsize;
  queue->order = options->order;
  queue->compare = options->compare != NULL ? options->compare : compare_numbers;
  eddy__list_init(&queue->getters);
  eddy__list_init(&queue->putters);
  eddy__list_init(&queue->joiners);
  *out = queue;
  return 0;
}

eddy_queue *eddy_queue_ref(eddy_queue *queue)
{
  queue->refs++;
  return queue;
}

void eddy_queue_unref(eddy_queue *queue)
{
  if (queue == NULL || --queue->refs > 0) return;
  eddy__unbind(queue->loop);
  eddy__free(queue->items);
  eddy__free(queue);
}

/* ---- items ---- */

EDDY__COLD static int grow(eddy_queue *queue)
{
  size_t capacity = queue->capacity == 0 ? 8 : queue->capacity * 2;
  struct item *items = eddy__alloc(capacity * sizeof(*items));
  if (items == NULL) return EDDY_ENOMEM;
  for (size_t i = 0; i < queue->count; i++) {
    items[i] = queue->items[(queue->first + i) & (queue->capacity - 1)];
  }
  eddy__free(queue->items);
  queue->items = items;
  queue->capacity = capacity;
  queue->first = 0;
  set_room(queue);
  return 0;
}

static bool before(const eddy_queue *queue, const struct item *a, const struct item *b)
{
  int order = queue->compare(a->value, b->value);
  return order < 0 || (order == 0 && a->order < b->order);
}

EDDY__NOINLINE static void sift_up(eddy_queue *queue, size_t index, struct item item)
{
  while (index > 0) {
    size_t parent = (index - 1) / 2;
    if (!before(queue, &item, &queue->items[parent])) break;
    queue->items[index] = queue->items[parent];
    index = parent;
  }
  queue->items[index] = item;
}

EDDY__NOINLINE static void sift_down(eddy_queue *queue)
{
  struct item item = queue->items[queue->count];
  size_t index = 0;
  for (;;) {
    size_t child = 2 * index + 1;
    if (child >= queue->count) break;
    if (child + 1 < queue->count &&
        before(queue, &queue->items[child + 1], &queue->items[child])) {
      child++;
    }
    if (!before(queue, &queue->items[child], &item)) break;
    queue->items[index] = queue->items[child];
    index = child;
  }
  queue->items[index] = item;
}

/* There is room in the array. */
EDDY__INLINE void insert(eddy_queue *queue, eddy_value value)
{
  if (queue->order == EDDY_QUEUE_PRIORITY) {
    sift_up(queue, queue->count, (struct item){value, queue->inserted++});
  } else {
    size_t index = (queue->first + queue->count) & (queue->capacity - 1);
    queue->items[index].value = value;
  }
  queue->count++;
  queue->unfinished++;
}

/* There is an item. */
EDDY__INLINE eddy_value take(eddy_queue *queue)
{
  size_t last = --queue->count;
  if (queue->order == EDDY_QUEUE_FIFO) {
    size_t first = queue->first;
    queue->first = (first + 1) & (queue->capacity - 1);
    return queue->items[first].value;
  }
  if (queue->order == EDDY_QUEUE_LIFO) return queue->items[last].value;
  eddy_value smallest = queue->items[0].value;
  if (last > 0) sift_down(queue);
  return smallest;
}

/* ---- waiting ---- */

static void wake_task(struct eddy__done *done)
{
  (void)eddy__wait_grant(eddy__wait_task(done));
}

/* Returns 0. */
EDDY__INLINE int wake_first(struct eddy__link *waiters)
{
  if (eddy__list_empty(waiters)) return 0;
  struct eddy__done *done = EDDY__ENTRY(waiters->next, struct eddy__done, link);
  eddy__list_remove(&done->link);
  if (done->complete == wake_task) return eddy__wait_grant(eddy__wait_task(done));
  done->complete(done);
  return 0;
}

static void wake_all(struct eddy__link *waiters)
{
  while (!eddy__list_empty(waiters)) {
    (void)wake_first(waiters);
  }
}

static void describe(const eddy_task *task, char *text, size_t size)
{
  const eddy_queue *queue = task->wait.object;
  snprintf(text, size, "%s on queue %p (%zu items%s)", eddy__wait_call(task),
      (const void *)queue, queue->count, eddy_queue_full(queue) ? ", full" : "");
}

static int end_get(eddy_task *task, int rc);
static int end_get_slowly(eddy_task *task, eddy_queue *queue, int rc);
static int end_put(eddy_task *task, int rc);
static int end_put_slowly(eddy_task *task, eddy_queue *queue, int rc);
static int end_join(eddy_task *task, int rc);

static const struct eddy__wait_type get_wait = {NULL, describe, end_get, "queue get"};
static const struct eddy__wait_type put_wait = {NULL, describe, end_put, "queue put"};
static const struct eddy__wait_type join_wait = {NULL, describe, end_join, "queue join"};

/* One wait on one of the queue's lists, which keeps a reference to it. */
EDDY__INLINE int stand(eddy_task *task, eddy_queue *queue, struct eddy__link *waiters,
    const struct eddy__wait_type *type)
{
  struct eddy__ahead ahead = eddy__look_ahead();
  queue->refs++;
  task->wait.done.complete = wake_task;
  eddy__list_append(waiters, &task->wait.done.link);
  return eddy__wait_ahead(task, type, queue, ahead);
}

static int wait_on(eddy_task *task, eddy_queue *queue, struct eddy__link *waiters,
    const struct eddy__wait_type *type)
{
  int rc = eddy__bind(&queue->loop, task->future.loop, "queue");
  return rc < 0 ? rc : stand(task, queue, waiters, type);
}

/* Another was faster: waits again, behind those that came meanwhile. */
EDDY__NOINLINE static int wait_again(
    eddy_task *task, struct eddy__link *waiters, const struct eddy__wait_type *type)
{
  eddy__list_append(waiters, &task->wait.done.link);
  return eddy__wait_again(task, type, task->wait.object);
}

/* After a wait that ended with an error: a waiter that was woken passes that on if what it was
 * woken for is still there. */
EDDY__NOINLINE static void pass_on(
    eddy_task *task, struct eddy__link *waiters, bool still_there)
{
  if (task->wait.granted && still_there) (void)wake_first(waiters);
}

/* ---- get ---- */

/* There is one. */
EDDY__INLINE int get_item(eddy_queue *queue, eddy_value *item)
{
  *item = take(queue);
  return wake_first(&queue->putters);
}

int eddy_queue_get_nowait(eddy_queue *queue, eddy_value *item)
{
  if (queue == NULL || item == NULL) return EDDY_EINVAL;
  if (queue->count == 0) return queue->closed ? EDDY_EQUEUESHUTDOWN : EDDY_EQUEUEEMPTY;
  return get_item(queue, item);
}

/* For every task, whatever the queue holds. */
EDDY__NOINLINE static int get_slowly(eddy_queue *queue, eddy_value *item)
{
  int rc;
  bool resumed;
  eddy_task *task = eddy__wait_begin(&resumed, &rc);
  if (task == NULL) return rc;
  if (queue == NULL || item == NULL) return EDDY_EINVAL;
  task->wait.scratch.p = item;
  if (resumed) return end_get(task, rc);
  if (queue->count > 0 || queue->closed) return eddy_queue_get_nowait(queue, item);
  return wait_on(task, queue, &queue->getters, &get_wait);
}

int eddy_queue_get(eddy_queue *queue, eddy_value *item)
{
  eddy_task *task = eddy__self.task;
  if (task == NULL || !task->plain || queue == NULL || item == NULL)
    return get_slowly(queue, item);
  if (queue->count > 0) return get_item(queue, item);
  if (queue->closed || queue->loop != task->future.loop) return get_slowly(queue, item);
  task->wait.scratch.p = item;
  return stand(task, queue, &queue->getters, &get_wait);
}

static int end_get(eddy_task *task, int rc)
{
  eddy_queue *queue = task->wait.object;
  if (rc == 0 && queue->count > 0 && queue->refs > 1) {
    queue->refs--;
    return get_item(queue, task->wait.scratch.p);
  }
  return end_get_slowly(task, queue, rc);
}

EDDY__NOINLINE static int end_get_slowly(eddy_task *task, eddy_queue *queue, int rc)
{
  if (rc == 0 && queue->count > 0) {
    (void)get_item(queue, task->wait.scratch.p);
  } else if (rc < 0) {
    pass_on(task, &queue->getters, queue->count > 0);
  } else if (queue->closed || queue->refs == 1) {
    rc = EDDY_EQUEUESHUTDOWN; /* nobody else holds the queue: nothing will ever come */
  } else {
    return wait_again(task, &queue->getters, &get_wait);
  }
  eddy_queue_unref(queue);
  return rc;
}

/* ---- get with a callback ---- */

static void free_getter(struct getter *getter)
{
  eddy_queue_unref(getter->queue);
  eddy__loop_unref(getter->loop);
  eddy__free(getter);
}

static void wake_getter(struct eddy__done *done);

/* Its turn has come: an item may have been taken by another meanwhile. */
static int run_getter(void *arg)
{
  struct getter *getter = arg;
  eddy_result result = {eddy_int(0), 0};
  result.error = eddy_queue_get_nowait(getter->queue, &result.value);
  if (result.error == EDDY_EQUEUEEMPTY) {
    getter->loop->ring.bookings++; /* as a task's: the ring has just given it up */
    eddy__list_append(&getter->queue->getters, &getter->done.link);
    return 0;
  }
  eddy__list_remove(&getter->owned.link);
  eddy_queue_fn *fn = getter->fn;
  void *fn_arg = getter->arg;
  free_getter(getter);
  return fn(result, fn_arg);
}

static void wake_getter(struct eddy__done *done)
{
  struct getter *getter = EDDY__ENTRY(done, struct getter, done);
  eddy__loop_push(getter->loop, run_getter, getter);
}

static void discard_getter(struct eddy__owned *owned)
{
  struct getter *getter = EDDY__ENTRY(owned, struct getter, owned);
  eddy__list_remove(&getter->done.link);
  free_getter(getter);
}

int eddy_queue_get_cb(eddy_loop *loop, eddy_queue *queue, eddy_queue_fn *fn, void *arg)
{
  if (queue == NULL || fn == NULL) return EDDY_EINVAL;
  if (loop == NULL) loop = eddy__self.loop;
  if (loop == NULL) return EDDY_ENOLOOP;
  int rc = eddy__loop_usable(loop);
  if (rc < 0) return rc;
  rc = eddy__bind(&queue->loop, loop, "queue");
  if (rc < 0) return rc;
  struct getter *getter = eddy__alloc(sizeof(*getter));
  if (getter == NULL) return EDDY_ENOMEM;
  rc = eddy__loop_book(loop);
  if (rc < 0) {
    eddy__free(getter);
    return rc;
  }
  getter->done.complete = wake_getter;
  getter->queue = eddy_queue_ref(queue);
  getter->loop = loop;
  getter->fn = fn;
  getter->arg = arg;
  eddy__loop_ref(loop);
  eddy__loop_own(loop, &getter->owned, discard_getter);
  eddy__list_init(&getter->done.link);
  if (queue->count > 0 || queue->closed) {
    wake_getter(&getter->done);
  } else {
    eddy__list_append(&queue->getters, &getter->done.link);
  }
  return 0;
}

/* ---- put ---- */

/* There is room. */
EDDY__INLINE int put_item(eddy_queue *queue, eddy_value item)
{
  insert(queue, item);
  return wake_first(&queue->getters);
}

int eddy_queue_put_nowait(eddy_queue *queue, eddy_value item)
{
  if (queue == NULL) return EDDY_EINVAL;
  if (queue->closed) return EDDY_EQUEUESHUTDOWN;
  if (eddy_queue_full(queue)) return EDDY_EQUEUEFULL;
  if (queue->count == queue->capacity) {
    int rc = grow(queue);
    if (rc < 0) return rc;
  }
  return put_item(queue, item);
}

EDDY__NOINLINE static int put_slowly(eddy_queue *queue, eddy_value item)
{
  int rc;
  bool resumed;
  eddy_task *task = eddy__wait_begin(&resumed, &rc);
  if (task == NULL) return rc;
  if (queue == NULL) return EDDY_EINVAL;
  task->wait.scratch = item;
  if (resumed) return end_put(task, rc);
  if (!eddy_queue_full(queue) || queue->closed) return eddy_queue_put_nowait(queue, item);
  return wait_on(task, queue, &queue->putters, &put_wait);
}

int eddy_queue_put(eddy_queue *queue, eddy_value item)
{
  eddy_task *task = eddy__self.task;
  if (task == NULL || !task->plain || queue == NULL) return put_slowly(queue, item);
  if (queue->count < queue->room) return put_item(queue, item);
  if (queue->count < queue->maxsize || queue->maxsize == 0 || queue->closed ||
      queue->loop != task->future.loop)
    return put_slowly(queue, item);
  task->wait.scratch = item;
  return stand(task, queue, &queue->putters, &put_wait);
}

static int end_put(eddy_task *task, int rc)
{
  eddy_queue *queue = task->wait.object;
  if (rc == 0 && queue->count < queue->room && queue->refs > 1) {
    queue->refs--;
    return put_item(queue, task->wait.scratch);
  }
  return end_put_slowly(task, queue, rc);
}

EDDY__NOINLINE static int end_put_slowly(eddy_task *task, eddy_queue *queue, int rc)
{
  if (rc < 0) {
    pass_on(task, &queue->putters, !eddy_queue_full(queue));
  } else if (queue->refs == 1) {
    rc = EDDY_EQUEUESHUTDOWN; /* nobody else holds it: nothing will ever be taken */
  } else if (!eddy_queue_full(queue) || queue->closed) {
    rc = eddy_queue_put_nowait(queue, task->wait.scratch);
  } else {
    return wait_again(task, &queue->putters, &put_wait);
  }
  eddy_queue_unref(queue);
  return rc;
}

/* ---- the rest ---- */

size_t eddy_queue_qsize(const eddy_queue *queue)
{
  return queue->count;
}

bool eddy_queue_empty(const eddy_queue *queue)
{
  return queue->count == 0;
}

bool eddy_queue_full(const eddy_queue *queue)
{
  return queue->maxsize > 0 && queue->count >= queue->maxsize;
}

size_t eddy_queue_maxsize(const eddy_queue *queue)
{
  return queue->maxsize;
}

static void finish_one(eddy_queue *queue)
{
  if (--queue->unfinished == 0) wake_all(&queue->joiners);
}

int eddy_queue_task_done(eddy_queue *queue)
{
  if (queue == NULL) return EDDY_EINVAL;
  if (queue->unfinished == 0) {
    return eddy_raise(
        EDDY_EINVALIDSTATE, "task_done: called more often than items were put in");
  }
  finish_one(queue);
  return 0;
}

int eddy_queue_join(eddy_queue *queue)
{
  int rc;
  bool resumed;
  eddy_task *task = eddy__wait_begin(&resumed, &rc);
  if (task == NULL) return rc;
  if (queue == NULL) return EDDY_EINVAL;
  if (resumed) return end_join(task, rc);
  if (queue->unfinished == 0) return 0;
  return wait_on(task, queue, &queue->joiners, &join_wait);
}

static int end_join(eddy_task *task, int rc)
{
  eddy_queue_unref(task->wait.object);
  return rc;
}

void eddy_queue_shutdown(eddy_queue *queue, bool immediate)
{
  if (queue == NULL) return;
  queue->closed = true;
  set_room(queue);
  while (immediate && queue->count > 0) {
    (void)take(queue);
    /* task_done may have been called ahead of the get. */
    if (queue->unfinished > 0) finish_one(queue);
  }
  wake_all(&queue->getters);
  wake_all(&queue->putters);
}
