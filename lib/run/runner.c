#include <eddy/runner.h>

#include <eddy/executor.h>
#include <eddy/gather.h>
#include <eddy/watch.h>
#include <signal.h>

#include "task/task.h"

#include "base/clock.h"
#include "base/outcome.h"

#undef eddy_runner_run

#define THREAD_JOIN_TIMEOUT EDDY_S(300) /* as asyncio's */

struct eddy_runner {
  eddy_loop_options options;
  char *backend;         /* the runner's copy of the name in the options */
  eddy_loop *loop;       /* NULL before it is needed, and when it is closed */
  eddy_context *context; /* of every run: the one in which the loop was made, copied */
  bool closed;
};

int eddy_runner_new(const eddy_loop_options *options, eddy_runner **out)
{
  if (out == NULL) return EDDY_EINVAL;
  eddy_runner *runner = eddy__alloc(sizeof(*runner));
  if (runner == NULL) return EDDY_ENOMEM;
  *runner = (eddy_runner){0};
  if (options != NULL) runner->options = *options;
  if (runner->options.backend != NULL) {
    runner->backend = eddy__strdup(runner->options.backend);
    runner->options.backend = runner->backend;
    if (runner->backend == NULL) goto fail_backend;
  }
  *out = runner;
  return 0;
fail_backend:
  eddy__free(runner);
  return EDDY_ENOMEM;
}

static int make_loop(eddy_runner *runner)
{
  int rc = eddy_copy_context(&runner->context);
  if (rc < 0) return rc;
  rc = eddy_loop_new(&runner->options, &runner->loop);
  if (rc == 0) return 0;
  eddy_context_unref(runner->context);
  runner->context = NULL;
  return rc;
}

int eddy_runner_get_loop(eddy_runner *runner, eddy_loop **out)
{
  if (runner == NULL || out == NULL) return EDDY_EINVAL;
  if (runner->closed) {
    return eddy_raise(
        EDDY_ECLOSED, "runner: it is closed; make another with eddy_runner_new");
  }
  if (runner->loop == NULL) {
    int rc = make_loop(runner);
    if (rc < 0) return rc;
  }
  *out = runner->loop;
  return 0;
}

/* ---- SIGINT while a main task runs ---- */

struct interrupt {
  eddy_loop *loop;
  eddy_task *main;
  unsigned count;
  bool at_once; /* the run ends, whatever becomes of the main task */
  bool installed;
};

static int interrupted(void *arg)
{
  struct interrupt *interrupt = arg;
  if (++interrupt->count == 1 && !eddy_task_done(interrupt->main)) {
    (void)eddy_task_cancel(interrupt->main, NULL);
  } else {
    interrupt->at_once = true;
    eddy_loop_stop(interrupt->loop);
  }
  return 0;
}

/* Only where nobody else cares for SIGINT, and where Python would. */
static void watch_interrupt(struct interrupt *interrupt)
{
  struct sigaction action;
  if (!eddy__thread_is_main() || sigaction(SIGINT, NULL, &action) != 0) return;
  if ((action.sa_flags & SA_SIGINFO) != 0 || action.sa_handler != SIG_DFL) return;
  interrupt->installed = eddy__signal_add(
                             interrupt->loop, SIGINT, interrupted, interrupt, false) == 0;
}

static void unwatch_interrupt(struct interrupt *interrupt)
{
  if (interrupt->installed)
    (void)eddy_loop_remove_signal_handler(interrupt->loop, SIGINT);
}

/* ---- a run ---- */

/* The loop on which a main task may be made now. */
static int ready_loop(eddy_runner *runner, eddy_loop **out)
{
  if (runner == NULL) return EDDY_EINVAL;
  int rc = runner->loop != NULL ? eddy__loop_may_run(runner->loop) : 0;
  if (eddy__self.loop != NULL) rc = EDDY_ERUNNING;
  if (rc == EDDY_ERUNNING) {
    return eddy_raise(rc,
        "runner run: a loop is running in this thread already; await a task "
        "there instead");
  }
  return rc < 0 ? rc : eddy_runner_get_loop(runner, out);
}

/* Runs the loop until the task has ended; its reference is used up. */
static int run_main(eddy_loop *loop, eddy_task *task, eddy_value *value)
{
  struct interrupt interrupt = {.loop = loop, .main = task};
  eddy_value result = eddy_int(0);
  watch_interrupt(&interrupt);
  int rc = eddy_loop_run_until_complete(loop, eddy_task_future(task), &result);
  unwatch_interrupt(&interrupt);
  if (interrupt.at_once) {
    rc = EDDY_EINTERRUPTED;
  } else if (interrupt.count > 0 && rc == EDDY_ECANCELLED &&
             eddy_task_uncancel(task) == 0) {
    rc = EDDY_EINTERRUPTED;
  }
  if (rc == 0 && value != NULL) *value = result;
  eddy_task_unref(task);
  return rc;
}

static int run_body(eddy_runner *runner, const eddy_task_body *body,
    const eddy_task_options *options, eddy_value *value)
{
  eddy_loop *loop = NULL;
  eddy_task *task;
  int rc = ready_loop(runner, &loop);
  if (rc < 0) return rc;
  eddy_task_options own = {0};
  if (options != NULL) own = *options;
  if (own.context == NULL) own.context = runner->context;
  rc = body->fn != NULL
           ? eddy_loop_create_task_with(loop, body->fn, body->arg, &own, &task)
           : eddy_loop_create_task_coro(loop, body->coro, &own, &task);
  return rc < 0 ? rc : run_main(loop, task, value);
}

int eddy_runner_run_with(eddy_runner *runner, eddy_fn *fn, void *arg,
    const eddy_task_options *options, eddy_value *value)
{
  if (fn == NULL) return EDDY_EINVAL;
  eddy_task_body body = {.fn = fn, .arg = arg};
  return run_body(runner, &body, options, value);
}

int eddy_runner_run(eddy_runner *runner, eddy_fn *fn, void *arg, eddy_value *value)
{
  return eddy_runner_run_with(runner, fn, arg, NULL, value);
}

int eddy_runner_run_coro(eddy_runner *runner, eddy_coro *coro,
    const eddy_task_options *options, eddy_value *value)
{
  if (coro == NULL) return EDDY_EINVAL;
  eddy_task_body body = {.coro = coro};
  return run_body(runner, &body, options, value);
}

/* ---- the end ---- */

/* Runs until the future is done, however often the loop is stopped before. */
static int wait_for(eddy_loop *loop, eddy_future *future)
{
  int rc;
  do {
    rc = eddy_loop_run_until_complete(loop, future, NULL);
  } while (rc == EDDY_ESTOPPED);
  return rc;
}

/* Waits until all of them have ended. */
static int wait_for_tasks(eddy_loop *loop, eddy_task *const *tasks, size_t count)
{
  eddy_future *gather;
  eddy_future **futures = eddy__alloc(count * sizeof(eddy_future *));
  if (futures == NULL) return EDDY_ENOMEM;
  for (size_t i = 0; i < count; i++) {
    futures[i] = &tasks[i]->future;
  }
  int rc = eddy_gather(futures, count, EDDY_GATHER_RETURN_EXCEPTIONS, &gather);
  eddy__free(futures);
  if (rc < 0) return rc;
  rc = wait_for(loop, gather);
  eddy_future_unref(gather);
  return rc;
}

static void report_failed(eddy_task *task)
{
  const eddy_future *future = &task->future;
  if (future->state != EDDY__DONE || future->error == 0) return;
  eddy__loop_report(future->loop, "unhandled error while the runner was closing",
      future->error, eddy__outcome_detail(&future->outcome, future->error), task,
      &task->future, task->site);
}

/* Asks every task left to end, and waits until they have. As in asyncio, tasks that these
 * make meanwhile are not waited for; closing the loop ends them. */
static int cancel_all(eddy_loop *loop)
{
  eddy_task **tasks;
  size_t count;
  int rc = eddy_all_tasks(loop, &tasks, &count);
  if (rc < 0 || count == 0) return rc;
  for (size_t i = 0; i < count; i++) {
    (void)eddy_task_cancel(tasks[i], NULL);
  }
  rc = wait_for_tasks(loop, tasks, count);
  for (size_t i = 0; i < count; i++) {
    report_failed(tasks[i]);
  }
  eddy_all_tasks_free(tasks, count);
  return rc;
}

/* asyncio closes its asynchronous generators here, in a task of its own; what is still on
 * the loop runs along with it. C has no such generators, but the iterations are the same. */
static int close_generators(void *arg)
{
  (void)arg;
  return 0;
}

static int shut_executor_down(void *arg)
{
  eddy_loop *loop = arg;
  int rc = eddy_loop_shutdown_default_executor(loop, THREAD_JOIN_TIMEOUT);
  if (rc != EDDY_ETIMEDOUT) return rc;
  eddy__loop_report(loop, "threads are still at work while the runner was closing", rc,
      eddy_message(rc), NULL, NULL, NULL);
  return 0;
}

static int run_step(eddy_loop *loop, eddy_fn *fn)
{
  eddy_task *task;
  int rc = eddy_task_new(loop, &(eddy_task_body){.fn = fn, .arg = loop}, NULL, &task);
  if (rc < 0) return rc;
  rc = wait_for(loop, &task->future);
  eddy_task_unref(task);
  return rc;
}

/* Takes the loop away and closes it, in order if it can still be run. */
static int end(eddy_runner *runner)
{
  eddy_loop *loop = runner->loop;
  runner->loop = NULL;
  runner->closed = true;
  int rc = 0;
  if (loop != NULL && eddy__loop_may_run(loop) == 0) {
    rc = cancel_all(loop);
    int generators = run_step(loop, close_generators);
    if (rc == 0) rc = generators;
    int executor = run_step(loop, shut_executor_down);
    if (rc == 0) rc = executor;
  }
  eddy_loop_free(loop);
  eddy_context_unref(runner->context);
  runner->context = NULL;
  return rc;
}

int eddy_runner_close(eddy_runner *runner)
{
  if (runner == NULL) return EDDY_EINVAL;
  if (runner->closed) return 0;
  if (runner->loop != NULL) {
    int rc = eddy__loop_may_run(runner->loop);
    if (rc == EDDY_ERUNNING) {
      return eddy_raise(rc,
          "runner close: a loop is running in this thread; close the runner "
          "when its run has returned");
    }
    if (rc < 0 && rc != EDDY_ECLOSED) return rc;
  }
  return end(runner);
}

void eddy_runner_free(eddy_runner *runner)
{
  if (runner == NULL) return;
  (void)end(runner);
  eddy__free(runner->backend);
  eddy__free(runner);
}
