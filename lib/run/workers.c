#include "run/workers.h"

#include <eddy/runner.h>
#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/fork.h"
#include "base/outcome.h"
#include "base/process.h"
#include "base/thread.h"
#include "io/thread_future.h"
#include "task/task.h"

#define ASKS 2 /* how often a worker can be asked to end */

struct worker;

/* A request to end, on its way. */
struct ask {
  struct eddy__posted posted;
  struct worker *worker;
};

struct worker {
  eddy_workers *workers;
  size_t index;
  eddy_loop *loop;  /* while it takes work from other threads; guarded by the mutex */
  eddy_loop *home;  /* the same, until it is closed: for requests to end */
  eddy_task *main;  /* while it runs; the worker's own */
  unsigned unheard; /* requests that came before it ran; the worker's own */
  int rc;           /* what it ended with */
  eddy_outcome outcome;
  struct ask asks[ASKS]; /* each is made once */
};

/* What a thread needs of its own: it outlives the worker by a moment. */
struct thread {
  struct eddy__thread thread; /* first */
  struct worker *worker;
};

enum phase { STARTING, GIVEN_UP, GOING };

struct eddy_workers {
  eddy_fn *fn;
  void *arg;
  eddy_loop_options options;
  char *backend;  /* the copy of the name in the options */
  unsigned forks; /* of base/fork.h; in a child there is nothing but the memory */
  uv_mutex_t mutex;
  uv_cond_t changed;
  size_t count;
  size_t ready;   /* have a loop, or will never have one */
  size_t running; /* threads that have not ended */
  size_t next;    /* whose turn it is */
  unsigned asked;
  enum phase phase;
  bool failed;               /* a main task has */
  eddy_thread_future *ended; /* referenced; for eddy__workers_tell, or NULL */
  bool tells_failure;        /* that one is told of a failure, too */
  struct worker *all;
};

static _Thread_local const struct worker *current;

static bool is_inherited(const eddy_workers *workers)
{
  return eddy__inherited(workers->forks);
}

/* Whether anything can be done with them in this process: 0 or why not. */
static int usable(const eddy_workers *workers, const char *call)
{
  if (workers == NULL) return EDDY_EINVAL;
  return is_inherited(workers) ? eddy__refuse_inherited(call, "workers") : 0;
}

static bool has_failed(const struct worker *worker)
{
  return worker->rc < 0 && worker->rc != EDDY_ECANCELLED;
}

static void lock(eddy_workers *workers)
{
  uv_mutex_lock(&workers->mutex);
}

static void unlock(eddy_workers *workers)
{
  uv_mutex_unlock(&workers->mutex);
}

int eddy_worker_index(void)
{
  if (current == NULL || is_inherited(current->workers)) return -1;
  return (int)current->index;
}

size_t eddy_workers_count(const eddy_workers *workers)
{
  return workers == NULL ? 0 : workers->count;
}

/* ---- a worker's thread ---- */

static int main_task(void *arg)
{
  struct worker *worker = arg;
  if (worker->unheard > 0) return EDDY_ECANCELLED;
  worker->main = eddy_current_task();
  int rc = worker->workers->fn(worker->workers->arg);
  worker->main = NULL;
  return rc;
}

/* Whether a request has not been delivered yet: another one would be lost in it. The one that
 * gets it is at the end of the chain of tasks that wait for one another. */
static bool is_being_asked(const eddy_task *task)
{
  const eddy_task *last = task;
  for (size_t left = task->future.loop->tasks; left > 0 && task != NULL; left--) {
    last = task;
    task = eddy__task_awaited(task);
  }
  bool queued = last->wait.state == EDDY__WAIT_WOKEN ||
                last->wait.state == EDDY__WAIT_TURN;
  return last->must_cancel || (queued && last->wait.status == EDDY_ECANCELLED);
}

static int hear(void *arg)
{
  struct ask *ask = arg;
  struct worker *worker = ask->worker;
  if (worker->main != NULL && is_being_asked(worker->main))
    return eddy__loop_post(eddy_get_running_loop(), &ask->posted);
  worker->unheard++;
  if (worker->main != NULL) (void)eddy_task_cancel(worker->main, NULL);
  return 0;
}

static void do_not_hear(struct eddy__posted *posted)
{
  (void)posted; /* the worker has ended */
}

/* The loop is there, or is not: waits for the others. Whether all have one. */
static bool report_ready(struct worker *worker, eddy_loop *loop)
{
  eddy_workers *workers = worker->workers;
  lock(workers);
  worker->loop = loop;
  worker->home = loop;
  workers->ready++;
  uv_cond_broadcast(&workers->changed);
  while (workers->phase == STARTING) {
    uv_cond_wait(&workers->changed, &workers->mutex);
  }
  bool going = workers->phase == GOING;
  unlock(workers);
  return going;
}

/* The main task has ended, or the loop was stopped under it. Then it may take the request that
 * the runner makes for another one than the last; those of the workers still come. */
static void end_worker(struct worker *worker, eddy_runner *runner, eddy_loop *loop)
{
  eddy_workers *workers = worker->workers;
  lock(workers);
  worker->loop = NULL;
  unlock(workers);
  if (loop != NULL) eddy__loop_ref(loop);
  eddy_runner_free(runner);
  lock(workers);
  worker->home = NULL;
  unlock(workers);
  if (loop == NULL) return;
  eddy_loop_release(loop);
  eddy__loop_unref(loop);
}

static void run_worker(struct worker *worker)
{
  eddy_workers *workers = worker->workers;
  char name[32];
  eddy_loop *loop = NULL;
  eddy_runner *runner = NULL;
  int rc = eddy_runner_new(&workers->options, &runner);
  if (rc == 0) rc = eddy_runner_get_loop(runner, &loop);
  if (rc == 0) eddy_loop_hold(loop);
  if (rc < 0) {
    worker->rc = rc;
    eddy__outcome_copy_message(eddy__self.outcome, rc, &worker->outcome);
  }
  if (report_ready(worker, loop)) {
    snprintf(name, sizeof(name), "worker-%zu", worker->index);
    const eddy_task_options options = {.name = name};
    rc = eddy_runner_run_with(runner, main_task, worker, &options, NULL);
    worker->rc = rc < 0 ? rc : 0;
    if (rc < 0) eddy__outcome_copy_message(eddy__self.outcome, rc, &worker->outcome);
  }
  end_worker(worker, runner, loop);
}

/* The reference is used up; NULL: nobody wants to know. */
static void tell(eddy_thread_future *ended)
{
  eddy_outcome none = {0};
  if (ended == NULL) return;
  eddy__thread_future_complete(ended, false, 0, &none);
  eddy_thread_future_unref(ended);
}

/* Whether whoever waits is to be told. */
static bool is_over(const eddy_workers *workers)
{
  return workers->running == 0 || (workers->failed && workers->tells_failure);
}

void eddy__workers_tell(eddy_workers *workers, eddy_thread_future *future, bool failures)
{
  (void)eddy_thread_future_ref(future);
  lock(workers);
  eddy_thread_future *before = workers->ended;
  workers->ended = future;
  workers->tells_failure = failures;
  bool over = is_over(workers);
  if (over) workers->ended = NULL;
  unlock(workers);
  eddy_thread_future_unref(before);
  if (over) tell(future);
}

static void work(void *arg)
{
  struct thread *thread = arg;
  struct worker *worker = thread->worker;
  eddy_workers *workers = worker->workers;
  eddy_outcome outcome = {0};
  char name[16];
  snprintf(name, sizeof(name), "eddy-%zu", worker->index);
  eddy__thread_set_name(name);
  eddy__thread_rests(-1);
  current = worker;
  eddy__self.outcome = &outcome;
  run_worker(worker);
  eddy__self.outcome = NULL;
  eddy__outcome_clear(&outcome);
  current = NULL;
  lock(workers);
  eddy__thread_rests(1);
  eddy__thread_ends(&thread->thread);
  workers->running--;
  if (has_failed(worker)) workers->failed = true;
  eddy_thread_future *ended = is_over(workers) ? workers->ended : NULL;
  if (ended != NULL) workers->ended = NULL;
  uv_cond_broadcast(&workers->changed);
  unlock(workers);
  tell(ended);
}

/* ---- the start ---- */

static int start_thread(struct worker *worker)
{
  struct thread *thread = eddy__alloc(sizeof(*thread));
  if (thread == NULL) return EDDY_ENOMEM;
  thread->worker = worker;
  worker->workers->running++;
  int rc = eddy__thread_start(&thread->thread, work);
  if (rc == 0) return 0;
  worker->workers->running--;
  eddy__free(thread);
  return rc;
}

static int new_workers(
    const eddy_workers_options *options, eddy_fn *fn, void *arg, eddy_workers **out)
{
  eddy_workers *workers = eddy__alloc(sizeof(*workers));
  int rc = EDDY_ENOMEM;
  if (workers == NULL) return rc;
  *workers = (eddy_workers){.fn = fn, .arg = arg, .count = options->count};
  workers->forks = eddy__forks;
  if (workers->count == 0) workers->count = uv_available_parallelism();
  if (options->loop != NULL) workers->options = *options->loop;
  if (workers->options.backend != NULL) {
    workers->backend = eddy__strdup(workers->options.backend);
    workers->options.backend = workers->backend;
    if (workers->backend == NULL) goto fail_backend;
  }
  if (workers->count <= SIZE_MAX / sizeof(*workers->all))
    workers->all = eddy__alloc(workers->count * sizeof(*workers->all));
  if (workers->all == NULL) goto fail_all;
  rc = eddy__forks_watch();
  if (rc == 0) rc = uv_mutex_init(&workers->mutex);
  if (rc < 0) goto fail_mutex;
  rc = uv_cond_init(&workers->changed);
  if (rc < 0) goto fail_changed;
  for (size_t i = 0; i < workers->count; i++) {
    struct worker *worker = &workers->all[i];
    *worker = (struct worker){.workers = workers, .index = i};
    for (size_t k = 0; k < ASKS; k++) {
      struct ask *ask = &worker->asks[k];
      ask->worker = worker;
      ask->posted.fn = hear;
      ask->posted.arg = ask;
      ask->posted.discard = do_not_hear;
    }
  }
  *out = workers;
  return 0;
fail_changed:
  uv_mutex_destroy(&workers->mutex);
fail_mutex:
  eddy__free(workers->all);
fail_all:
  eddy__free(workers->backend);
fail_backend:
  eddy__free(workers);
  return rc;
}

static void free_workers(eddy_workers *workers)
{
  for (size_t i = 0; i < workers->count; i++) {
    eddy__outcome_clear(&workers->all[i].outcome);
  }
  uv_cond_destroy(&workers->changed);
  uv_mutex_destroy(&workers->mutex);
  eddy__free(workers->all);
  eddy__free(workers->backend);
  eddy__free(workers);
}

/* What the first of those that failed said. Nobody runs any more, or has begun. */
static int result(const eddy_workers *workers)
{
  for (size_t i = 0; i < workers->count; i++) {
    const struct worker *worker = &workers->all[i];
    if (!has_failed(worker)) continue;
    eddy__outcome_pass_on(&worker->outcome, worker->rc);
    return worker->rc;
  }
  return 0;
}

static void await_end(eddy_workers *workers)
{
  while (workers->running > 0) {
    uv_cond_wait(&workers->changed, &workers->mutex);
  }
}

int eddy_workers_start(
    const eddy_workers_options *options, eddy_fn *fn, void *arg, eddy_workers **out)
{
  static const eddy_workers_options defaults;
  if (fn == NULL || out == NULL) return EDDY_EINVAL;
  if (options == NULL) options = &defaults;
  if (options->loop != NULL && options->loop->uv_loop != NULL)
    return eddy_raise(
        EDDY_EINVAL, "workers start: several loops cannot share one uv_loop");
  eddy_workers *workers = NULL;
  int rc = new_workers(options, fn, arg, &workers);
  if (rc < 0) return rc;
  size_t started = 0;
  lock(workers);
  while (started < workers->count && rc == 0) {
    rc = start_thread(&workers->all[started]);
    if (rc == 0) started++;
  }
  while (workers->ready < started) {
    uv_cond_wait(&workers->changed, &workers->mutex);
  }
  if (rc == 0) rc = result(workers);
  workers->phase = rc == 0 ? GOING : GIVEN_UP;
  uv_cond_broadcast(&workers->changed);
  if (rc < 0) await_end(workers);
  unlock(workers);
  if (rc == 0) {
    *out = workers;
    return 0;
  }
  eddy__threads_reap();
  free_workers(workers);
  return rc;
}

/* ---- work for them ---- */

/* The loop that is to have the next task, or NULL. */
static eddy_loop *choose(eddy_workers *workers, size_t index)
{
  if (index < workers->count) return workers->all[index].loop;
  for (size_t tries = 0; tries < workers->count; tries++) {
    eddy_loop *loop = workers->all[workers->next++ % workers->count].loop;
    if (loop != NULL) return loop;
  }
  return NULL;
}

int eddy_workers_create_task_with(eddy_workers *workers, size_t index,
    const eddy_task_body *body, const eddy_task_options *options,
    eddy_thread_future **out)
{
  int rc = usable(workers, "workers create_task");
  if (rc < 0) return rc;
  if (index >= workers->count && index != EDDY_WORKERS_NEXT)
    return eddy_raise(EDDY_EINVAL, "workers create_task: there is no worker %zu", index);
  /* The loop stays as long as the lock is held. */
  lock(workers);
  eddy_loop *loop = choose(workers, index);
  rc = EDDY_ECLOSED;
  if (loop != NULL) rc = eddy_run_coroutine_threadsafe_with(loop, body, options, out);
  unlock(workers);
  if (loop == NULL) return eddy_raise(rc, "workers create_task: the worker has ended");
  return rc;
}

int eddy_workers_create_task(
    eddy_workers *workers, size_t index, eddy_fn *fn, void *arg, eddy_thread_future **out)
{
  const eddy_task_body body = {.fn = fn, .arg = arg};
  return eddy_workers_create_task_with(workers, index, &body, NULL, out);
}

/* ---- the end ---- */

static void ask(eddy_workers *workers)
{
  if (workers->asked == ASKS) return;
  for (size_t i = 0; i < workers->count; i++) {
    struct worker *worker = &workers->all[i];
    if (worker->home != NULL)
      (void)eddy__loop_post(worker->home, &worker->asks[workers->asked].posted);
  }
  workers->asked++;
}

void eddy_workers_cancel(eddy_workers *workers)
{
  if (workers == NULL || is_inherited(workers)) return;
  lock(workers);
  ask(workers);
  unlock(workers);
}

/* Waits with the lock held; whether all have ended. */
static bool await_end_until(eddy_workers *workers, eddy_time deadline)
{
  while (workers->running > 0 && deadline != EDDY_NEVER) {
    eddy_time now = eddy__clock_now();
    if (now >= deadline) return false;
    (void)uv_cond_timedwait(
        &workers->changed, &workers->mutex, (uint64_t)(deadline - now));
  }
  await_end(workers);
  return true;
}

static int may_block(const eddy_workers *workers, const char *call)
{
  int rc = usable(workers, "workers");
  if (rc < 0 || eddy__self.loop == NULL) return rc;
  return eddy_raise(EDDY_ERUNNING,
      "workers %s: it blocks, and a loop is running in this thread; call it through "
      "eddy_to_thread",
      call);
}

int eddy_workers_join(eddy_workers *workers, eddy_time timeout)
{
  int rc = may_block(workers, "join");
  if (rc < 0) return rc;
  lock(workers);
  bool ended = await_end_until(workers, eddy__time_after(eddy__clock_now(), timeout));
  unlock(workers);
  if (!ended) return EDDY_ETIMEDOUT;
  eddy__threads_reap();
  return result(workers);
}

int eddy_workers_drain(eddy_workers *workers, eddy_time timeout)
{
  int rc = may_block(workers, "drain");
  if (rc < 0) return rc;
  lock(workers);
  if (workers->asked == 0) ask(workers);
  bool ended = await_end_until(workers, eddy__time_after(eddy__clock_now(), timeout));
  if (!ended) ask(workers);
  await_end(workers);
  unlock(workers);
  eddy__threads_reap();
  rc = result(workers);
  return rc < 0 || ended ? rc : EDDY_ETIMEDOUT;
}

void eddy_workers_free(eddy_workers *workers)
{
  if (workers == NULL || is_inherited(workers)) return;
  lock(workers);
  bool ended = workers->running == 0;
  unlock(workers);
  EDDY_CHECK(ended || eddy__self.loop == NULL,
      "eddy_workers_free: the workers have not ended, "
      "and a loop is running in this thread");
  if (!ended) (void)eddy_workers_drain(workers, 0);
  eddy__threads_reap();
  free_workers(workers);
}
