/*
 * Tasks that get from, put into and join a queue, as stackful or stackless coroutines. Each
 * traces "a:get" when it begins and "a:7", "a:closed" or "a:cancelled" when it has an answer,
 * so that a trace reads like that of the same program on asyncio.
 */
#ifndef EDDY_TEST_QUEUE_ACTORS_H
#define EDDY_TEST_QUEUE_ACTORS_H

#include "kinds.h"

struct actor {
  eddy_frame frame; /* first: a stackless actor is its frame */
  const char *name;
  eddy_queue *queue;
  eddy_value value;
  int rc;
  eddy_task *task; /* the test's reference */
};

static inline int actor_ended(struct actor *self, int rc, const char *word)
{
  self->rc = rc;
  if (rc == 0 && word == NULL) trace("%s:%" PRId64, self->name, self->value.i);
  if (rc == 0 && word != NULL) trace("%s:%s", self->name, word);
  if (rc == EDDY_EQUEUESHUTDOWN) trace("%s:closed", self->name);
  if (rc == EDDY_ECANCELLED) trace("%s:cancelled", self->name);
  if (rc < 0 && rc != EDDY_EQUEUESHUTDOWN && rc != EDDY_ECANCELLED) {
    trace("%s:%s", self->name, eddy_err_name(rc));
  }
  return rc == EDDY_ECANCELLED ? rc : 0;
}

static inline int get_body(void *arg)
{
  struct actor *self = arg;
  trace("%s:get", self->name);
  return actor_ended(self, eddy_queue_get(self->queue, &self->value), NULL);
}

static inline int get_frame(eddy_frame *frame)
{
  struct actor *self = (struct actor *)frame;
  EDDY_BEGIN(frame);
  trace("%s:get", self->name);
  EDDY_AWAIT(frame, self->rc, eddy_queue_get(self->queue, &self->value));
  if (actor_ended(self, self->rc, NULL) < 0) EDDY_RAISE(frame, self->rc);
  EDDY_END(frame);
}

static inline int put_body(void *arg)
{
  struct actor *self = arg;
  trace("%s:put", self->name);
  return actor_ended(self, eddy_queue_put(self->queue, self->value), "done");
}

static inline int put_frame(eddy_frame *frame)
{
  struct actor *self = (struct actor *)frame;
  EDDY_BEGIN(frame);
  trace("%s:put", self->name);
  EDDY_AWAIT(frame, self->rc, eddy_queue_put(self->queue, self->value));
  if (actor_ended(self, self->rc, "done") < 0) EDDY_RAISE(frame, self->rc);
  EDDY_END(frame);
}

static inline int join_body(void *arg)
{
  struct actor *self = arg;
  return actor_ended(self, eddy_queue_join(self->queue), "joined");
}

static inline int join_frame(eddy_frame *frame)
{
  struct actor *self = (struct actor *)frame;
  EDDY_BEGIN(frame);
  EDDY_AWAIT(frame, self->rc, eddy_queue_join(self->queue));
  if (actor_ended(self, self->rc, "joined") < 0) EDDY_RAISE(frame, self->rc);
  EDDY_END(frame);
}

static inline struct actor *actor_new(const char *name, eddy_queue *queue, int64_t value)
{
  struct actor *actor = test_new(sizeof *actor);
  actor->name = name;
  actor->queue = queue;
  actor->value = eddy_int(value);
  return actor;
}

/* Each starts a task; out NULL: nobody cancels it. */
static inline int start_get(
    enum kind kind, const char *name, eddy_queue *queue, eddy_task **out)
{
  struct actor *actor = actor_new(name, queue, 0);
  int rc = start_kind(kind, get_body, get_frame, &actor->frame, &actor->task);
  if (rc == 0 && out != NULL) *out = actor->task;
  return rc;
}

static inline int start_put(
    enum kind kind, const char *name, eddy_queue *queue, int64_t value, eddy_task **out)
{
  struct actor *actor = actor_new(name, queue, value);
  int rc = start_kind(kind, put_body, put_frame, &actor->frame, &actor->task);
  if (rc == 0 && out != NULL) *out = actor->task;
  return rc;
}

static inline int start_join(
    enum kind kind, const char *name, eddy_queue *queue, eddy_task **out)
{
  struct actor *actor = actor_new(name, queue, 0);
  int rc = start_kind(kind, join_body, join_frame, &actor->frame, &actor->task);
  if (rc == 0 && out != NULL) *out = actor->task;
  return rc;
}

/* Lets go of the queue in the slot, once. */
static inline void drop_queue(void *slot)
{
  eddy_queue **queue = slot;
  eddy_queue_unref(*queue);
  *queue = NULL;
}

/* A queue for tests about references: *slot is dropped by drop_queue, at the latest when
 * the test is over. */
static inline int own_queue(size_t maxsize, eddy_queue ***slot)
{
  eddy_queue_options options = {.maxsize = maxsize};
  *slot = test_new(sizeof **slot);
  CHECK_OK(eddy_queue_new(&options, *slot));
  test_defer_late(drop_queue, *slot);
  return 0;
}

/* Puts a number in without waiting. */
static inline int put_now(eddy_queue *queue, int64_t value)
{
  return eddy_queue_put_nowait(queue, eddy_int(value));
}

/* Takes a number without waiting, and traces it. */
static inline int take_now(eddy_queue *queue)
{
  eddy_value value;
  int rc = eddy_queue_get_nowait(queue, &value);
  if (rc == 0) trace("%" PRId64, value.i);
  return rc;
}

#endif
