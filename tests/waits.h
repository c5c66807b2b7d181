/* Tasks that make one call that waits, and how many iterations that took (rule 18). */
#ifndef EDDY_TEST_WAITS_H
#define EDDY_TEST_WAITS_H

#include "tasks.h"

#include "loop/loop.h"

#define LONG EDDY_S(3600) /* nobody waits for its end */

/*
 * A task that makes one call and traces "+2 ok": the iterations between the call and its
 * answer, and the answer. An act may be booked for the iteration `act_at` after the call.
 */
struct probe {
  eddy_frame frame;
  int (*call)(struct probe *self);
  eddy_fn *act;
  void *act_arg;
  int act_at;

  eddy_future *futures[4];
  size_t count;
  eddy_time timeout;
  eddy_return_when when;
  eddy_completions *completions;
  eddy_future *future; /* what the call gave or is about */
  eddy_value value;
  size_t done;

  eddy_task *task;
  uint64_t began;
  int rc;
};

static inline int probe_act(void *arg)
{
  struct probe *self = arg;
  if (--self->act_at > 0) return test_call_soon(probe_act, self);
  return self->act(self->act_arg);
}

static inline int probe_body(eddy_frame *frame)
{
  struct probe *self = (struct probe *)frame;
  EDDY_BEGIN(frame);
  if (self->act != NULL) CHECK_OK(test_call_soon(probe_act, self));
  self->began = test_iteration();
  EDDY_AWAIT(frame, self->rc, self->call(self));
  trace("+%d %s", (int)(test_iteration() - self->began),
      self->rc == 0 ? "ok" : eddy_err_name(self->rc));
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  EDDY_RETURN(frame, self->value);
  EDDY_END(frame);
}

static inline struct probe *new_probe(int (*call)(struct probe *self))
{
  struct probe *probe = test_new(sizeof *probe);
  probe->call = call;
  probe->timeout = EDDY_NEVER;
  return probe;
}

/* ---- eddy_wait ---- */

static inline int wait_all(struct probe *self)
{
  return eddy_wait(self->futures, self->count, self->timeout, self->when, &self->done);
}

/* A probe that waits for new futures. */
static inline int wait_probe(size_t count, eddy_return_when when, struct probe **out)
{
  struct probe *probe = new_probe(wait_all);
  probe->count = count;
  probe->when = when;
  probe->done = 99;
  for (size_t i = 0; i < count; i++) {
    CHECK_OK(test_future(NULL, &probe->futures[i]));
  }
  *out = probe;
  return 0;
}

/* ---- eddy_wait_for ---- */

static inline int call_wait_for(struct probe *self)
{
  return eddy_wait_for(self->future, self->timeout, &self->value);
}

/* A probe that waits for a new future. */
static inline int future_probe(eddy_time timeout, struct probe **out)
{
  struct probe *probe = new_probe(call_wait_for);
  probe->timeout = timeout;
  probe->value = eddy_int(99);
  CHECK_OK(test_future(NULL, &probe->future));
  *out = probe;
  return 0;
}

/* ---- running one ---- */

/* Starts it: its first step is queued. */
static inline int start_probe(int kind, struct probe *probe)
{
  return test_frame_task(kind, probe, probe_body, &probe->task);
}

/* Runs it to its end and gives the code of its call. */
static inline int run_probe(int kind, struct probe *probe)
{
  int rc = start_probe(kind, probe);
  return rc < 0 ? rc : eddy_task_await(probe->task, NULL);
}

static inline int ignore_report(
    eddy_loop *loop, const eddy_exception_context *context, void *arg)
{
  (void)loop;
  (void)context;
  (void)arg;
  return 0;
}

/* ---- acts, and what they act on ---- */

static inline int set_result(void *future)
{
  return eddy_future_set_result(future, eddy_int(1));
}

static inline int set_error(void *future)
{
  return eddy_future_set_exception(future, EDDY_EIO, "on fire");
}

static inline int cancel_future(void *future)
{
  (void)eddy_future_cancel(future, NULL);
  return 0;
}

static inline int cancel_probe(void *probe)
{
  (void)eddy_task_cancel(((struct probe *)probe)->task, NULL);
  return 0;
}

static inline int done_future(int result, eddy_future **out)
{
  CHECK_OK(test_future(NULL, out));
  return eddy_future_set_result(*out, eddy_int(result));
}

/* How many callbacks are queued, and how many timers booked: a wait that has ended adds none. */
static inline size_t test_ready(void)
{
  eddy_loop_stats stats;
  eddy_loop_get_stats(eddy_get_running_loop(), &stats);
  return stats.ready;
}

static inline size_t test_timers(void)
{
  eddy_loop_stats stats;
  eddy_loop_get_stats(eddy_get_running_loop(), &stats);
  return stats.timers;
}

/* What the ring keeps room for: a wait that has ended gives its room back. */
static inline size_t test_bookings(void)
{
  return eddy_get_running_loop()->ring.bookings;
}

/* What a parked probe waits for, in words. */
static inline int describe_probe(int kind, struct probe *probe, char *text, size_t size)
{
  CHECK_OK(start_probe(kind, probe));
  CHECK_OK(eddy_sleep(0));
  (void)eddy_task_waits_for(probe->task, text, size);
  CHECK(eddy_task_cancel(probe->task, NULL));
  CHECK_CODE(eddy_task_await(probe->task, NULL), EDDY_ECANCELLED);
  test_trace_clear();
  return 0;
}

/* Runs what is ready, once; whoever waits then goes on waiting. */
static inline int run_once(eddy_loop *loop)
{
  eddy_loop_stop(loop);
  return eddy_loop_run_forever(loop);
}

/* Makes the probe's call once and traces its code; for tasks that are closed with their loop. */
static inline int closed_body(eddy_frame *frame)
{
  struct probe *self = (struct probe *)frame;
  EDDY_BEGIN(frame);
  EDDY_AWAIT(frame, self->rc, self->call(self));
  trace("%s", eddy_err_name(self->rc));
  EDDY_RAISE(frame, self->rc);
  EDDY_END(frame);
}

/* Parks a probe in its call on a loop, ends one of its futures if told so, and closes it. */
static inline int close_over_probe(
    int kind, eddy_loop *loop, struct probe *probe, eddy_future *end)
{
  eddy_loop_set_exception_handler(loop, ignore_report, NULL);
  eddy_frame_init(&probe->frame, closed_body);
  CHECK_OK(
      kind == TEST_STACKFUL
          ? eddy_loop_create_task(loop, test_run_frame, probe, &probe->task)
          : eddy_loop_create_task_coro(loop, &probe->frame.coro, NULL, &probe->task));
  test_defer_late(test_unref_task, probe->task);
  CHECK_OK(run_once(loop));
  if (end != NULL) CHECK_OK(set_result(end));
  CHECK_OK(eddy_loop_close(loop));
  CHECK_TRACE("EGENERATOREXIT");
  return 0;
}

/* ---- a task to wait for ---- */

enum child_manner {
  CHILD_RETURNS,
  CHILD_FAILS,    /* EDDY_EIO after its sleep */
  CHILD_SWALLOWS, /* gives 1 if it is cancelled */
  CHILD_TURNS,    /* gives EDDY_EIO if it is cancelled */
  CHILD_CLEANS_UP /* sleeps once more if it is cancelled */
};

/* Sleeps, unless the delay is negative, and ends as its manner says. */
struct waits_child {
  eddy_frame frame;
  eddy_time delay;
  eddy_time cleanup;
  enum child_manner manner;
  bool began;
  int result;
  int rc;
};

static inline int waits_child_body(eddy_frame *frame)
{
  struct waits_child *self = (struct waits_child *)frame;
  EDDY_BEGIN(frame);
  self->began = true;
  self->rc = 0;
  if (self->delay >= 0) {
    EDDY_AWAIT(frame, self->rc, eddy_sleep(self->delay));
  }
  if (self->rc == 0) {
    if (self->manner == CHILD_FAILS) EDDY_RAISE(frame, eddy_raise(EDDY_EIO, "on fire"));
    EDDY_RETURN(frame, eddy_int(self->result));
  }
  if (self->manner == CHILD_SWALLOWS) EDDY_RETURN(frame, eddy_int(self->result));
  if (self->manner == CHILD_TURNS) EDDY_RAISE(frame, eddy_raise(EDDY_EIO, "on fire"));
  if (self->manner == CHILD_CLEANS_UP) {
    EDDY_AWAIT(frame, self->rc, eddy_sleep(self->cleanup));
    trace("clean");
  }
  EDDY_RAISE(frame, EDDY_ECANCELLED);
  EDDY_END(frame);
}

static inline struct waits_child *new_child(eddy_time delay, enum child_manner manner)
{
  struct waits_child *child = test_new(sizeof *child);
  child->delay = delay;
  child->manner = manner;
  child->result = 7;
  return child;
}

static inline int start_child(int kind, struct waits_child *child, eddy_task **out)
{
  return test_frame_task(kind, child, waits_child_body, out);
}

/* A child in one line. */
static inline int child_future(
    int kind, eddy_time delay, enum child_manner manner, eddy_future **out)
{
  eddy_task *task;
  int rc = start_child(kind, new_child(delay, manner), &task);
  if (rc == 0) *out = eddy_task_future(task);
  return rc;
}

#endif
