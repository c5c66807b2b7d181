/*
 * A pool of threads. Its memory lives as long as anyone refers to it or a thread has not ended;
 * without references it shuts itself down.
 */
#include "io/executor.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fork.h"
#include "base/outcome.h"
#include "base/self.h"
#include "base/thread.h"
#include "loop/context.h"

#define MOST_WORKERS 32 /* by default */
#define NAME_BYTES 16   /* of a thread, as Linux has it */

struct eddy_executor {
  atomic_size_t refs; /* of users, loops and jobs */
  unsigned forks;     /* of base/fork.h */
  size_t max_workers;
  char *prefix;

  uv_mutex_t mutex; /* guards all that follows */
  uv_cond_t work;   /* for threads: a job has come, or the end */
  uv_cond_t ended;  /* a thread has ended, or begun a job */
  struct eddy__link jobs;
  struct eddy__link endings;
  size_t queued;
  size_t idle; /* threads waiting for work */
  size_t busy; /* threads in a job */
  size_t workers;
  size_t started;
  bool shut;
  bool unused; /* nobody refers to it: the last thread frees it */
};

struct worker {
  struct eddy__thread thread; /* first */
  eddy_executor *executor;
  char name[NAME_BYTES + 24];
};

/* The executor whose thread this is. */
static _Thread_local const eddy_executor *at_work_for;

/* ---- the executor ---- */

int eddy_executor_new(const eddy_executor_options *options, eddy_executor **out)
{
  static const eddy_executor_options defaults;
  if (out == NULL) return EDDY_EINVAL;
  if (options == NULL) options = &defaults;
  const char *prefix = options->thread_name_prefix;
  eddy_executor *executor = eddy__alloc(sizeof(*executor));
  if (executor == NULL) return EDDY_ENOMEM;
  int rc = eddy__forks_watch();
  if (rc < 0) goto fail_prefix;
  rc = EDDY_ENOMEM;
  executor->prefix = eddy__strdup(prefix != NULL ? prefix : "eddy");
  if (executor->prefix == NULL) goto fail_prefix;
  rc = uv_mutex_init(&executor->mutex);
  if (rc < 0) goto fail_mutex;
  rc = uv_cond_init(&executor->work);
  if (rc < 0) goto fail_work;
  rc = uv_cond_init(&executor->ended);
  if (rc < 0) goto fail_ended;
  atomic_init(&executor->refs, 1);
  executor->forks = eddy__forks;
  eddy__list_init(&executor->jobs);
  eddy__list_init(&executor->endings);
  size_t most = uv_available_parallelism() + 4;
  if (most > MOST_WORKERS) most = MOST_WORKERS;
  executor->max_workers = options->max_workers != 0 ? options->max_workers : most;
  *out = executor;
  return 0;
fail_ended:
  uv_cond_destroy(&executor->work);
fail_work:
  uv_mutex_destroy(&executor->mutex);
fail_mutex:
  eddy__free(executor->prefix);
fail_prefix:
  eddy__free(executor);
  return rc;
}

static void free_executor(eddy_executor *executor)
{
  uv_cond_destroy(&executor->ended);
  uv_cond_destroy(&executor->work);
  uv_mutex_destroy(&executor->mutex);
  eddy__free(executor->prefix);
  eddy__free(executor);
}

eddy_executor *eddy_executor_ref(eddy_executor *executor)
{
  atomic_fetch_add_explicit(&executor->refs, 1, memory_order_relaxed);
  return executor;
}

/* In a child after fork it is a copy without threads, and its mutex may be held for ever. */
static bool is_inherited(const eddy_executor *executor)
{
  return eddy__inherited(executor->forks);
}

/* Tells those who wait for the end, if it has come. */
static void post_endings(eddy_executor *executor)
{
  if (executor->workers > 0) return;
  struct eddy__link *link;
  while ((link = eddy__list_first(&executor->endings)) != NULL) {
    eddy__list_remove(link);
    struct eddy__ending *ending = EDDY__ENTRY(link, struct eddy__ending, link);
    /* A closed loop lets go of it by itself. */
    (void)eddy__loop_post(ending->loop, &ending->posted);
  }
}

static void shut(eddy_executor *executor)
{
  executor->shut = true;
  uv_cond_broadcast(&executor->work);
  post_endings(executor);
}

/* Waits for the threads that have nothing to do; they end at once. Not for the own one. */
static void await_idle(eddy_executor *executor)
{
  if (at_work_for == executor) return;
  while (executor->workers > executor->busy) {
    uv_cond_wait(&executor->ended, &executor->mutex);
  }
}

void eddy_executor_unref(eddy_executor *executor)
{
  if (executor == NULL) return;
  if (atomic_fetch_sub_explicit(&executor->refs, 1, memory_order_acq_rel) > 1) return;
  if (is_inherited(executor)) return;
  uv_mutex_lock(&executor->mutex);
  shut(executor);
  await_idle(executor);
  bool last = executor->workers == 0;
  executor->unused = true;
  uv_mutex_unlock(&executor->mutex);
  eddy__threads_reap();
  if (last) free_executor(executor);
}

/* ---- its threads ---- */

/* Hands a finished or dropped job back; false if its loop has turned away. */
static bool give_back(struct eddy__job *job)
{
  if (job->state == EDDY__JOB_ABANDONED) return false;
  job->state = EDDY__JOB_DONE;
  /* A loop that is being closed lets go of it by itself. */
  (void)eddy__loop_post(job->loop, &job->posted);
  return true;
}

static void run_job(struct eddy__job *job)
{
  eddy__self.outcome = &job->outcome;
  eddy__self.context = job->context; /* its reference with it */
  job->context = NULL;
  int rc = job->fn(job->arg);
  eddy__context_end();
  eddy__self.outcome = NULL;
  job->rc = rc < 0 ? rc : 0;
}

/* Takes the next job; waits for one. NULL: there will be none. */
static struct eddy__job *next_job(eddy_executor *executor)
{
  while (executor->queued == 0 && !executor->shut) {
    executor->idle++;
    uv_cond_wait(&executor->work, &executor->mutex);
    executor->idle--;
  }
  struct eddy__link *link = eddy__list_first(&executor->jobs);
  if (link == NULL) return NULL;
  eddy__list_remove(link);
  executor->queued--;
  struct eddy__job *job = EDDY__ENTRY(link, struct eddy__job, link);
  job->state = EDDY__JOB_RUNNING;
  return job;
}

/* A thread's life. It rests from before it hands a job back until it has the next one: a loop
 * that has the outcome must not reckon with the thread any more. */
static void work(void *arg)
{
  struct worker *worker = arg;
  eddy_executor *executor = worker->executor;
  at_work_for = executor;
  eddy__thread_set_name(worker->name);
  uv_mutex_lock(&executor->mutex);
  struct eddy__job *job;
  while ((job = next_job(executor)) != NULL) {
    executor->busy++;
    if (executor->shut) uv_cond_broadcast(&executor->ended);
    uv_mutex_unlock(&executor->mutex);
    eddy__thread_rests(-1);
    run_job(job);
    eddy__thread_rests(1);
    uv_mutex_lock(&executor->mutex);
    executor->busy--;
    if (give_back(job)) continue;
    uv_mutex_unlock(&executor->mutex);
    eddy__job_free(job);
    uv_mutex_lock(&executor->mutex);
  }
  executor->workers--;
  eddy__thread_ends(&worker->thread);
  post_endings(executor);
  bool last = executor->unused && executor->workers == 0;
  uv_cond_broadcast(&executor->ended);
  uv_mutex_unlock(&executor->mutex);
  if (last) free_executor(executor);
}

static int start_worker(eddy_executor *executor)
{
  struct worker *worker = eddy__alloc(sizeof(*worker));
  if (worker == NULL) return EDDY_ENOMEM;
  /* The number is what tells them apart: the prefix is cut. */
  int digits = snprintf(NULL, 0, "_%zu", executor->started);
  snprintf(worker->name, sizeof(worker->name), "%.*s_%zu", NAME_BYTES - 1 - digits,
      executor->prefix, executor->started);
  worker->executor = executor;
  int rc = eddy__thread_start(&worker->thread, work);
  if (rc < 0) {
    eddy__free(worker);
    return rc;
  }
  executor->started++;
  executor->workers++;
  return 0;
}

/* ---- jobs ---- */

int eddy__executor_submit(eddy_executor *executor, struct eddy__job *job)
{
  int rc = 0;
  if (is_inherited(executor)) {
    return eddy__refuse_inherited("run_in_executor", "executor");
  }
  uv_mutex_lock(&executor->mutex);
  if (executor->shut) {
    uv_mutex_unlock(&executor->mutex);
    return eddy_raise(EDDY_ERUNTIME, "run_in_executor: the executor is shut down");
  }
  if (executor->queued >= executor->idle && executor->workers < executor->max_workers) {
    rc = start_worker(executor);
    if (executor->workers > 0) rc = 0; /* one that is at work will come to it */
  }
  if (rc == 0) {
    job->state = EDDY__JOB_QUEUED;
    job->executor = eddy_executor_ref(executor);
    eddy__list_append(&executor->jobs, &job->link);
    executor->queued++;
    uv_cond_signal(&executor->work);
  }
  uv_mutex_unlock(&executor->mutex);
  return rc;
}

enum eddy__job_state eddy__executor_withdraw(struct eddy__job *job)
{
  eddy_executor *executor = job->executor;
  uv_mutex_lock(&executor->mutex);
  enum eddy__job_state state = job->state;
  if (state == EDDY__JOB_QUEUED) {
    eddy__list_remove(&job->link);
    executor->queued--;
  } else if (state == EDDY__JOB_RUNNING) {
    eddy__list_remove(&job->owned.link);
    job->future = NULL;
    job->loop = NULL;
    job->state = EDDY__JOB_ABANDONED;
  }
  uv_mutex_unlock(&executor->mutex);
  return state;
}

void eddy__job_free(struct eddy__job *job)
{
  eddy_executor *executor = job->executor;
  eddy__outcome_clear(&job->outcome);
  eddy_context_unref(job->context);
  eddy__free(job);
  eddy_executor_unref(executor);
}

/* ---- the end ---- */

static void drop_queued(eddy_executor *executor)
{
  struct eddy__link *link;
  while ((link = eddy__list_first(&executor->jobs)) != NULL) {
    eddy__list_remove(link);
    executor->queued--;
    struct eddy__job *job = EDDY__ENTRY(link, struct eddy__job, link);
    job->dropped = true;
    (void)give_back(job);
  }
}

int eddy_executor_shutdown(eddy_executor *executor, unsigned flags)
{
  if (executor == NULL) return EDDY_EINVAL;
  if (is_inherited(executor)) {
    return eddy__refuse_inherited("executor shutdown", "executor");
  }
  bool own = at_work_for == executor;
  uv_mutex_lock(&executor->mutex);
  if ((flags & EDDY_EXECUTOR_CANCEL) != 0) drop_queued(executor);
  shut(executor);
  await_idle(executor);
  while ((flags & EDDY_EXECUTOR_NOWAIT) == 0 && !own && executor->workers > 0) {
    uv_cond_wait(&executor->ended, &executor->mutex);
  }
  uv_mutex_unlock(&executor->mutex);
  eddy__threads_reap();
  if (own && (flags & EDDY_EXECUTOR_NOWAIT) == 0) {
    return eddy_raise(
        EDDY_ERUNTIME, "executor shutdown: a thread cannot wait for its own end");
  }
  return 0;
}

void eddy__executor_end(eddy_executor *executor, struct eddy__ending *ending)
{
  uv_mutex_lock(&executor->mutex);
  eddy__list_append(&executor->endings, &ending->link);
  shut(executor);
  uv_mutex_unlock(&executor->mutex);
}

bool eddy__executor_forget(eddy_executor *executor, struct eddy__ending *ending)
{
  uv_mutex_lock(&executor->mutex);
  bool waits = !eddy__list_empty(&ending->link);
  eddy__list_remove(&ending->link);
  uv_mutex_unlock(&executor->mutex);
  return waits;
}

size_t eddy__executor_workers(eddy_executor *executor)
{
  uv_mutex_lock(&executor->mutex);
  size_t workers = executor->workers;
  uv_mutex_unlock(&executor->mutex);
  return workers;
}
