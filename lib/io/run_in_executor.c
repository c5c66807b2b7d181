/* The loop's side of jobs in threads, and its own executor. */
#include <stdio.h>

#include "io/executor.h"
#include "task/task.h"

#include "base/clock.h"
#include "base/outcome.h"
#include "base/thread.h"
#include "loop/context.h"

/* What is to be called in a thread. */
struct call {
  eddy_fn *fn;
  void *arg;
  const eddy_job_options *options; /* borrowed; NULL: none */
};

/* ---- a job's future ---- */

struct job_future {
  eddy_future future;    /* first */
  struct eddy__job *job; /* NULL when it was delivered, withdrawn or the loop closed */
  void (*on_free)(void *arg);
  void *on_free_arg;
};

static bool cancel_job(eddy_future *future, const char *message);

static void destroy_job_future(eddy_future *future)
{
  struct job_future *self = (struct job_future *)future;
  if (self->on_free != NULL) self->on_free(self->on_free_arg);
  eddy__free(self);
}

static const struct eddy__future_type job_type = {
    "thread job", cancel_job, destroy_job_future};

void eddy__job_future_on_free(eddy_future *future, void (*fn)(void *arg), void *arg)
{
  struct job_future *self = (struct job_future *)future;
  self->on_free = fn;
  self->on_free_arg = arg;
}

void *eddy__job_future_arg(const eddy_future *future)
{
  return ((const struct job_future *)future)->on_free_arg;
}

/* The loop waits for one thread less. It need not be woken while it runs. */
static void release_hold(eddy_loop *loop)
{
  if (loop->running) {
    atomic_fetch_sub(&loop->holds, 1);
  } else {
    eddy_loop_release(loop);
  }
}

/* The job will not run: lets go of it and of its argument. */
static void drop_unstarted(struct eddy__job *job)
{
  void (*unstarted)(void *) = job->unstarted;
  void *arg = job->arg;
  eddy__job_free(job);
  if (unstarted != NULL) unstarted(arg);
}

/* Turns away from a job that need not be waited for any more. False: its outcome is on the way
 * here and will find a future that has been cancelled. */
static bool turn_away(eddy_loop *loop, struct eddy__job *job)
{
  switch (eddy__executor_withdraw(job)) {
  case EDDY__JOB_QUEUED:
    eddy__list_remove(&job->owned.link);
    drop_unstarted(job);
    break;
  case EDDY__JOB_DONE:
    return false;
  default:
    break;
  }
  release_hold(loop);
  return true;
}

static bool cancel_job(eddy_future *future, const char *message)
{
  struct job_future *self = (struct job_future *)future;
  struct eddy__job *job = self->job;
  eddy_loop *loop = future->loop;
  self->job = NULL;
  bool ours = job != NULL && turn_away(loop, job);
  (void)eddy__future_cancel_plain(future, message);
  if (ours) eddy_future_unref(future); /* the job's */
  return true;
}

/* The outcome of a job reaches its future. */
static void hand_over(struct eddy__job *job, eddy_future *future)
{
  if (future->state != EDDY__PENDING) return;
  if (job->dropped) {
    (void)eddy__future_cancel_plain(future, NULL);
    return;
  }
  future->outcome.value = job->outcome.value;
  eddy__outcome_move_message(&job->outcome, &future->outcome);
  eddy__future_complete(future, EDDY__DONE, job->rc);
}

static int deliver(void *arg)
{
  struct eddy__job *job = arg;
  struct job_future *self = (struct job_future *)job->future;
  eddy__list_remove(&job->owned.link);
  release_hold(job->loop);
  self->job = NULL;
  hand_over(job, &self->future);
  if (job->dropped) {
    drop_unstarted(job);
  } else {
    eddy__job_free(job);
  }
  eddy_future_unref(&self->future);
  return 0;
}

/* The post is the job's own, which its `owned` lets go of. */
static void leave_posted(struct eddy__posted *posted)
{
  (void)posted;
}

/* The loop is being closed: the future stays as it is, as any other. */
static void discard_job(struct eddy__owned *owned)
{
  struct eddy__job *job = EDDY__ENTRY(owned, struct eddy__job, owned);
  struct job_future *self = (struct job_future *)job->future;
  enum eddy__job_state state = eddy__executor_withdraw(job);
  self->job = NULL;
  if (state == EDDY__JOB_QUEUED || (state == EDDY__JOB_DONE && job->dropped)) {
    drop_unstarted(job);
  } else if (state == EDDY__JOB_DONE) {
    eddy__job_free(job);
  }
  eddy_future_unref(&self->future);
}

static int new_job(eddy_loop *loop, const struct call *call, struct eddy__job **out)
{
  struct eddy__job *job = eddy__alloc(sizeof(*job));
  if (job == NULL) return EDDY_ENOMEM;
  struct job_future *self = eddy__alloc(sizeof(*self));
  if (self == NULL) {
    eddy__free(job);
    return EDDY_ENOMEM;
  }
  eddy__future_init(&self->future, loop, &job_type);
  self->job = job;
  eddy__list_init(&job->link);
  job->fn = call->fn;
  job->arg = call->arg;
  job->unstarted = call->options != NULL ? call->options->unstarted : NULL;
  job->posted.fn = deliver;
  job->posted.arg = job;
  job->posted.discard = leave_posted;
  job->loop = loop;
  job->future = &self->future;
  *out = job;
  return 0;
}

/* ---- the loop's own executor ---- */

struct default_executor {
  struct eddy__owned owned;
  eddy_executor *executor; /* referenced */
};

static void discard_default(struct eddy__owned *owned)
{
  struct default_executor *self = EDDY__ENTRY(owned, struct default_executor, owned);
  (void)eddy_executor_shutdown(self->executor, EDDY_EXECUTOR_NOWAIT);
  eddy_executor_unref(self->executor);
  eddy__free(self);
}

/* Takes a reference over; on failure it stays the caller's. */
static int set_default(eddy_loop *loop, eddy_executor *executor)
{
  struct default_executor *self = loop->executor;
  if (self != NULL) {
    eddy_executor_unref(self->executor);
  } else {
    self = eddy__alloc(sizeof(*self));
    if (self == NULL) return EDDY_ENOMEM;
    eddy__loop_own(loop, &self->owned, discard_default);
    loop->executor = self;
  }
  self->executor = executor;
  return 0;
}

int eddy_loop_set_default_executor(eddy_loop *loop, eddy_executor *executor)
{
  int rc = eddy__loop_usable(loop);
  if (rc < 0) return rc;
  if (executor == NULL) return EDDY_EINVAL;
  rc = set_default(loop, eddy_executor_ref(executor));
  if (rc < 0) eddy_executor_unref(executor);
  return rc;
}

static int get_default(eddy_loop *loop, eddy_executor **out)
{
  if (loop->executor_ended) {
    return eddy_raise(EDDY_ERUNTIME,
        "run_in_executor: the loop's executor has been shut down; use one of your own");
  }
  if (loop->executor == NULL) {
    eddy_executor *executor;
    int rc = eddy_executor_new(NULL, &executor);
    if (rc < 0) return rc;
    rc = set_default(loop, executor);
    if (rc < 0) {
      eddy_executor_unref(executor);
      return rc;
    }
  }
  *out = ((struct default_executor *)loop->executor)->executor;
  return 0;
}

/* ---- running ---- */

/* Hands a new job to the executor; on failure it is freed. */
static int submit(eddy_loop *loop, eddy_executor *executor, struct eddy__job *job)
{
  job->owned.discard = discard_job;
  /* In front of the loop's executor, so that a closing loop drops what has not begun. */
  eddy__list_prepend(&loop->owned, &job->owned.link);
  eddy_loop_hold(loop);
  int rc = eddy__executor_submit(executor, job);
  if (rc == 0) return 0;
  release_hold(loop);
  eddy__list_remove(&job->owned.link);
  eddy_future_unref(job->future);
  eddy_context_unref(job->context);
  eddy__free(job);
  return rc;
}

/* The context's reference is taken over. */
static int start_job(eddy_loop *loop, eddy_executor *executor, eddy_context *context,
    const struct call *call, eddy_future **out)
{
  struct eddy__job *job = NULL;
  int rc = executor != NULL ? 0 : get_default(loop, &executor);
  if (rc == 0) rc = new_job(loop, call, &job);
  if (rc < 0) {
    eddy_context_unref(context);
    return rc;
  }
  job->context = context;
  eddy_future *future = job->future; /* the job may be gone when it has been submitted */
  eddy_future_ref(future);
  rc = submit(loop, executor, job);
  if (rc < 0 || out == NULL) {
    eddy_future_unref(future);
    return rc;
  }
  *out = future;
  return 0;
}

int eddy_loop_run_in_executor_with(eddy_loop *loop, eddy_executor *executor, eddy_fn *fn,
    void *arg, const eddy_job_options *options, eddy_future **out)
{
  if (loop == NULL) loop = eddy__self.loop;
  if (loop == NULL) return EDDY_ENOLOOP;
  int rc = eddy__loop_usable(loop);
  if (rc < 0) return rc;
  if (fn == NULL) return EDDY_EINVAL;
  return start_job(loop, executor, NULL, &(struct call){fn, arg, options}, out);
}

int eddy_loop_run_in_executor(
    eddy_loop *loop, eddy_executor *executor, eddy_fn *fn, void *arg, eddy_future **out)
{
  if (loop == NULL) return EDDY_EINVAL;
  return eddy_loop_run_in_executor_with(loop, executor, fn, arg, NULL, out);
}

/* ---- calls that wait for a future which they make ---- */

/* The task that makes the call; NULL, with *rc set: it cannot wait, or it goes on with its wait
 * (a stackless coroutine), which is that of eddy_await and holds the future. */
static eddy_task *begin_wait(eddy_value *value, int *rc)
{
  bool resumed;
  eddy_task *task = eddy__wait_begin(&resumed, rc);
  if (task == NULL || !resumed) return task;
  task->wait.resumed = true;
  *rc = eddy_await(task->wait.object, value);
  return NULL;
}

/* Waits for the future, which is taken over. */
static int wait_for_made(eddy_future *future, eddy_value *value)
{
  int rc = eddy_await(future, value);
  eddy_future_unref(future);
  return rc;
}

int eddy_to_thread_with(
    eddy_fn *fn, void *arg, const eddy_job_options *options, eddy_value *value)
{
  int rc;
  eddy_task *task = begin_wait(value, &rc);
  if (task == NULL) return rc;
  if (fn == NULL) return EDDY_EINVAL;
  eddy_context *context;
  rc = eddy__context_capture(&context);
  if (rc < 0) return rc;
  eddy_future *future;
  rc = start_job(
      task->future.loop, NULL, context, &(struct call){fn, arg, options}, &future);
  return rc < 0 ? rc : wait_for_made(future, value);
}

int eddy_to_thread(eddy_fn *fn, void *arg, eddy_value *value)
{
  return eddy_to_thread_with(fn, arg, NULL, value);
}

/* ---- the end of the loop's executor ---- */

/* A future that is done when the executor's threads have ended. The post that tells so holds a
 * reference, until it was made or taken back. */
struct end_future {
  eddy_future future; /* first */
  struct eddy__ending ending;
  struct eddy__owned owned; /* as long as the post's reference is held */
  eddy_executor *executor;  /* referenced */
  eddy_time timeout;
  eddy_timer timer;
};

/* The post's reference goes. */
static void release_post(struct end_future *self)
{
  eddy__list_remove(&self->owned.link);
  release_hold(self->future.loop);
  eddy_future_unref(&self->future);
}

/* Nothing more is waited for; the future has to be completed still. */
static void stop_waiting(struct end_future *self)
{
  eddy__timer_stop(self->future.loop, &self->timer);
  if (eddy__executor_forget(self->executor, &self->ending)) release_post(self);
}

static bool cancel_end(eddy_future *future, const char *message)
{
  eddy_future_ref(future);
  stop_waiting((struct end_future *)future);
  (void)eddy__future_cancel_plain(future, message);
  eddy_future_unref(future);
  return true;
}

static void destroy_end(eddy_future *future)
{
  struct end_future *self = (struct end_future *)future;
  eddy_executor_unref(self->executor);
  eddy__free(self);
}

static const struct eddy__future_type end_type = {
    "end of an executor", cancel_end, destroy_end};

static int executor_ended(void *arg)
{
  struct end_future *self = arg;
  eddy__threads_reap();
  eddy__timer_stop(self->future.loop, &self->timer);
  if (self->future.state == EDDY__PENDING)
    eddy__future_complete(&self->future, EDDY__DONE, 0);
  release_post(self);
  return 0;
}

static int end_timed_out(void *arg)
{
  struct end_future *self = EDDY__ENTRY(arg, struct end_future, timer);
  eddy__timer_ran(&self->timer);
  eddy_future_ref(&self->future);
  stop_waiting(self);
  char text[120];
  snprintf(text, sizeof(text),
      "shutdown_default_executor: %zu threads are still at work after %.3f s",
      eddy__executor_workers(self->executor), (double)self->timeout / 1e9);
  eddy__outcome_set_message(&self->future.outcome, EDDY_ETIMEDOUT, text);
  eddy__future_complete(&self->future, EDDY__DONE, EDDY_ETIMEDOUT);
  eddy_future_unref(&self->future);
  return 0;
}

static void discard_end(struct eddy__owned *owned)
{
  struct end_future *self = EDDY__ENTRY(owned, struct end_future, owned);
  (void)eddy__executor_forget(self->executor, &self->ending);
  eddy_future_unref(&self->future);
}

/* *out: NULL if the loop has no executor. */
static int end_default(eddy_loop *loop, eddy_time timeout, eddy_future **out)
{
  struct default_executor *used = loop->executor;
  if (used == NULL) {
    loop->executor_ended = true;
    *out = NULL;
    return 0;
  }
  struct end_future *self = eddy__alloc(sizeof(*self));
  if (self == NULL) return EDDY_ENOMEM;
  eddy__timer_init(&self->timer, end_timed_out);
  int rc = eddy__timer_start(loop, &self->timer,
      timeout == EDDY_NEVER ? EDDY_NEVER
                            : eddy__time_after(eddy__loop_now(loop), timeout));
  if (rc < 0) {
    eddy__free(self);
    return rc;
  }
  loop->executor_ended = true;
  eddy__future_init(&self->future, loop, &end_type);
  eddy_future_ref(&self->future); /* the post's */
  self->timeout = timeout;
  self->executor = eddy_executor_ref(used->executor);
  self->ending.loop = loop;
  self->ending.posted = (struct eddy__posted){
      .fn = executor_ended, .arg = self, .discard = leave_posted};
  eddy__list_init(&self->ending.link);
  self->owned.discard = discard_end;
  eddy__list_prepend(&loop->owned, &self->owned.link);
  eddy_loop_hold(loop);
  eddy__executor_end(self->executor, &self->ending);
  *out = &self->future;
  return 0;
}

int eddy_loop_shutdown_default_executor(eddy_loop *loop, eddy_time timeout)
{
  int rc;
  eddy_task *task = begin_wait(NULL, &rc);
  if (task == NULL) return rc;
  if (loop != NULL && loop != task->future.loop) return EDDY_EOTHERLOOP;
  eddy_future *future;
  rc = end_default(task->future.loop, timeout, &future);
  return rc < 0 || future == NULL ? rc : wait_for_made(future, NULL);
}
