/*
 * Tasks and threads that get from, put into and join a thread queue. Tasks are stackful or
 * stackless and trace "a:7", "a:done", "a:joined", "a:closed" or "a:cancelled" when they have an
 * answer; threads keep theirs.
 */
#ifndef EDDY_TEST_THREAD_QUEUE_ACTORS_H
#define EDDY_TEST_THREAD_QUEUE_ACTORS_H

#include <uv.h>

#include "kinds.h"

enum act { GET, PUT, JOIN };

struct actor {
  eddy_frame frame; /* first: a stackless actor is its frame */
  const char *name;
  eddy_thread_queue *queue;
  enum act act;
  eddy_value value;
  int rc;
  eddy_task *task; /* the test's reference */
};

static inline int act(struct actor *self)
{
  if (self->act == GET) return eddy_thread_queue_get(self->queue, &self->value);
  if (self->act == PUT) return eddy_thread_queue_put(self->queue, self->value);
  return eddy_thread_queue_join(self->queue);
}

static inline int acted(struct actor *self, int rc)
{
  static const char *const words[] = {NULL, "done", "joined"};
  self->rc = rc;
  if (rc == EDDY_EQUEUESHUTDOWN) {
    trace("%s:closed", self->name);
  } else if (rc == EDDY_ECANCELLED) {
    trace("%s:cancelled", self->name);
  } else if (rc < 0) {
    trace("%s:%s", self->name, eddy_err_name(rc));
  } else if (self->act == GET) {
    trace("%s:%" PRId64, self->name, self->value.i);
  } else {
    trace("%s:%s", self->name, words[self->act]);
  }
  return rc == EDDY_ECANCELLED ? rc : 0;
}

static inline int act_body(void *arg)
{
  struct actor *self = arg;
  return acted(self, act(self));
}

static inline int act_frame(eddy_frame *frame)
{
  struct actor *self = (struct actor *)frame;
  EDDY_BEGIN(frame);
  EDDY_AWAIT(frame, self->rc, act(self));
  if (acted(self, self->rc) < 0) EDDY_RAISE(frame, self->rc);
  EDDY_END(frame);
}

static inline struct actor *new_actor(
    const char *name, eddy_thread_queue *queue, enum act what, int64_t value)
{
  struct actor *actor = test_new(sizeof *actor);
  actor->name = name;
  actor->queue = queue;
  actor->act = what;
  actor->value = eddy_int(value);
  return actor;
}

/* Each starts a task; out NULL: nobody cancels it. */
static inline int start_act(enum kind kind, struct actor *actor, eddy_task **out)
{
  int rc = start_kind(kind, act_body, act_frame, &actor->frame, &actor->task);
  if (rc == 0 && out != NULL) *out = actor->task;
  return rc;
}

static inline int start_get(
    enum kind kind, const char *name, eddy_thread_queue *queue, eddy_task **out)
{
  return start_act(kind, new_actor(name, queue, GET, 0), out);
}

static inline int start_put(enum kind kind, const char *name, eddy_thread_queue *queue,
    int64_t value, eddy_task **out)
{
  return start_act(kind, new_actor(name, queue, PUT, value), out);
}

static inline int start_join(
    enum kind kind, const char *name, eddy_thread_queue *queue, eddy_task **out)
{
  return start_act(kind, new_actor(name, queue, JOIN, 0), out);
}

static inline void drop_thread_queue(void *slot)
{
  eddy_thread_queue **queue = slot;
  eddy_thread_queue_unref(*queue);
  *queue = NULL;
}

/* A queue whose reference is in *slot, which is dropped at the latest when the test is over. */
static inline int own_thread_queue(size_t maxsize, eddy_thread_queue ***slot)
{
  *slot = test_new(sizeof **slot);
  CHECK_OK(eddy_thread_queue_new(maxsize, *slot));
  test_defer_late(drop_thread_queue, *slot);
  return 0;
}

/* A queue that lives as long as the test. */
static inline int test_thread_queue(size_t maxsize, eddy_thread_queue **out)
{
  eddy_thread_queue **slot;
  int rc = own_thread_queue(maxsize, &slot);
  if (rc == 0) *out = *slot;
  return rc;
}

static inline int put_now(eddy_thread_queue *queue, int64_t value)
{
  return eddy_thread_queue_put_nowait(queue, eddy_int(value));
}

/* Takes a number without waiting, and traces it. */
static inline int take_now(eddy_thread_queue *queue)
{
  eddy_value value;
  int rc = eddy_thread_queue_get_nowait(queue, &value);
  if (rc == 0) trace("%" PRId64, value.i);
  return rc;
}

/* ---- threads ---- */

/* A thread that gets, puts or joins once. */
struct visitor {
  uv_thread_t thread;
  eddy_thread_queue *queue;
  enum act act;
  eddy_time timeout;
  eddy_value value;
  int rc;
  bool runs;
};

static inline void visit(void *arg)
{
  struct visitor *self = arg;
  if (self->act == GET) {
    self->rc = eddy_thread_queue_get_blocking(self->queue, self->timeout, &self->value);
  } else if (self->act == PUT) {
    self->rc = eddy_thread_queue_put_blocking(self->queue, self->value, self->timeout);
  } else {
    self->rc = eddy_thread_queue_join_blocking(self->queue, self->timeout);
  }
}

/* Blocks until its call has returned, which it is to do by itself. */
static inline int visitor_end(struct visitor *self)
{
  if (self->runs) uv_thread_join(&self->thread);
  self->runs = false;
  return self->rc;
}

/* Of a body that was left early. */
static inline void visitor_abandoned(void *arg)
{
  struct visitor *self = arg;
  if (self->runs) eddy_thread_queue_shutdown(self->queue, true);
  while (
      self->runs && self->act == JOIN && eddy_thread_queue_task_done(self->queue) == 0) {
    /* The items that nobody has dealt with. */
  }
  (void)visitor_end(self);
}

static inline int start_visitor(enum act what, eddy_thread_queue *queue, int64_t value,
    eddy_time timeout, struct visitor **out)
{
  struct visitor *visitor = test_new(sizeof *visitor);
  *visitor = (struct visitor){
      .queue = queue, .act = what, .value = eddy_int(value), .timeout = timeout};
  int rc = uv_thread_create(&visitor->thread, visit, visitor);
  if (rc < 0) return rc;
  visitor->runs = true;
  test_defer(visitor_abandoned, visitor);
  *out = visitor;
  return 0;
}

#endif
