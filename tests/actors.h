/*
 * Tasks that get from, put into and join a queue, stackful or stackless. Each traces "a:7",
 * "a:done", "a:joined", "a:closed" or "a:cancelled" when it has an answer.
 * For queue_actors.h and thread_queue_actors.h, which define before they include it:
 *   QUEUE             the type, eddy_queue
 *   QUEUE_CALL(verb)  its function, eddy_queue_##verb
 *   SAYS_BEGIN        whether "a:get" and "a:put" are traced, too, when that begins
 */
#ifndef EDDY_TEST_ACTORS_H
#define EDDY_TEST_ACTORS_H

#include "kinds.h"

enum act { GET, PUT, JOIN };

struct actor {
  eddy_frame frame; /* first: a stackless actor is its frame */
  const char *name;
  QUEUE *queue;
  enum act act;
  eddy_value value;
  int rc;
  eddy_task *task; /* the test's reference */
};

static inline void begin_act(const struct actor *self)
{
  if (SAYS_BEGIN && self->act != JOIN)
    trace("%s:%s", self->name, self->act == GET ? "get" : "put");
}

static inline int act(struct actor *self)
{
  if (self->act == GET) return QUEUE_CALL(get)(self->queue, &self->value);
  if (self->act == PUT) return QUEUE_CALL(put)(self->queue, self->value);
  return QUEUE_CALL(join)(self->queue);
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
  begin_act(self);
  return acted(self, act(self));
}

static inline int act_frame(eddy_frame *frame)
{
  struct actor *self = (struct actor *)frame;
  EDDY_BEGIN(frame);
  begin_act(self);
  EDDY_AWAIT(frame, self->rc, act(self));
  if (acted(self, self->rc) < 0) EDDY_RAISE(frame, self->rc);
  EDDY_END(frame);
}

static inline struct actor *new_actor(
    const char *name, QUEUE *queue, enum act what, int64_t value)
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
    enum kind kind, const char *name, QUEUE *queue, eddy_task **out)
{
  return start_act(kind, new_actor(name, queue, GET, 0), out);
}

static inline int start_put(
    enum kind kind, const char *name, QUEUE *queue, int64_t value, eddy_task **out)
{
  return start_act(kind, new_actor(name, queue, PUT, value), out);
}

static inline int start_join(
    enum kind kind, const char *name, QUEUE *queue, eddy_task **out)
{
  return start_act(kind, new_actor(name, queue, JOIN, 0), out);
}

/* Lets go of the queue in the slot, once. */
static inline void drop_queue(void *slot)
{
  QUEUE **queue = slot;
  QUEUE_CALL(unref)(*queue);
  *queue = NULL;
}

/* Puts a number in without waiting. */
static inline int put_now(QUEUE *queue, int64_t value)
{
  return QUEUE_CALL(put_nowait)(queue, eddy_int(value));
}

/* Takes a number without waiting, and traces it. */
static inline int take_now(QUEUE *queue)
{
  eddy_value value;
  int rc = QUEUE_CALL(get_nowait)(queue, &value);
  if (rc == 0) trace("%" PRId64, value.i);
  return rc;
}

#endif
