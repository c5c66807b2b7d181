/* Tasks and threads that get from, put into and join a thread queue; threads keep their answer. */
#ifndef EDDY_TEST_THREAD_QUEUE_ACTORS_H
#define EDDY_TEST_THREAD_QUEUE_ACTORS_H

#include <uv.h>

#define QUEUE eddy_thread_queue
#define QUEUE_CALL(verb) eddy_thread_queue_##verb
#define SAYS_BEGIN false

#include "actors.h"

/* A queue whose reference is in *slot, which is dropped at the latest when the test is over. */
static inline int own_thread_queue(size_t maxsize, eddy_thread_queue ***slot)
{
  *slot = test_new(sizeof **slot);
  CHECK_OK(eddy_thread_queue_new(maxsize, *slot));
  test_defer_late(drop_queue, *slot);
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
