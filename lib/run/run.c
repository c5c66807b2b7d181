#include <eddy/run.h>

#include <eddy/watch.h>
#include <signal.h>

#include "task/task.h"

#include "base/clock.h"
#include "base/outcome.h"

#undef eddy_run

/* SIGINT while the main task runs: the first cancels it, the second interrupts. */
struct interrupt {
  eddy_loop *loop;
  eddy_task *main;
  unsigned count;
  bool installed;
};

static int interrupted(void *arg)
{
  struct interrupt *interrupt = arg;
  if (++interrupt->count == 1 && !eddy_task_done(interrupt->main)) {
    (void)eddy_task_cancel(interrupt->main, NULL);
  } else {
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
  interrupt->installed =
      eddy__signal_add(interrupt->loop, SIGINT, interrupted, interrupt, false) == 0;
}

static void unwatch_interrupt(struct interrupt *interrupt)
{
  if (interrupt->installed) (void)eddy_loop_remove_signal_handler(interrupt->loop, SIGINT);
  interrupt->installed = false;
}

static int run_main(eddy_loop *loop, eddy_task *task, eddy_value *value)
{
  struct interrupt interrupt = {.loop = loop, .main = task};
  watch_interrupt(&interrupt);
  int rc = eddy_loop_run_until_complete(loop, eddy_task_future(task), value);
  unwatch_interrupt(&interrupt);
  if (interrupt.count > 1 && rc == EDDY_ESTOPPED) return EDDY_EINTERRUPTED;
  if (interrupt.count > 0 && rc == EDDY_ECANCELLED && eddy_task_uncancel(task) == 0) {
    return EDDY_EINTERRUPTED;
  }
  return rc;
}

/* Those that are cancelled when the main task has ended. */
struct leftovers {
  eddy_task **tasks;
  size_t count;
  size_t unfinished;
};

static int count_down(eddy_future *future, void *arg)
{
  struct leftovers *left = arg;
  if (--left->unfinished == 0) eddy_loop_stop(future->loop);
  return 0;
}

static void report_failed(eddy_task *task)
{
  int error = 0;
  if (eddy_future_exception(&task->future, &error) < 0 || error == 0) return;
  eddy__loop_report(task->future.loop, "unhandled error while eddy_run was ending", error,
      eddy__outcome_detail(&task->future.outcome, error), task, &task->future, task->site);
}

static int collect_leftovers(eddy_loop *loop, struct leftovers *left)
{
  left->tasks = eddy__alloc(loop->tasks * sizeof(eddy_task *));
  if (left->tasks == NULL) return EDDY_ENOMEM;
  for (struct eddy__link *link = loop->all_tasks.next; link != &loop->all_tasks;
       link = link->next) {
    left->tasks[left->count++] = eddy_task_ref(EDDY__ENTRY(link, eddy_task, link));
  }
  return 0;
}

/* Asks every task left to end, and waits until they have. As in asyncio, tasks that these
 * make meanwhile are not waited for; closing the loop ends them. */
static int cancel_all(eddy_loop *loop)
{
  struct leftovers left = {0};
  if (loop->tasks == 0) return 0;
  int rc = collect_leftovers(loop, &left);
  if (rc < 0) return rc;
  for (size_t i = 0; i < left.count; i++) {
    (void)eddy_task_cancel(left.tasks[i], NULL);
    if (rc < 0) continue;
    rc = eddy_future_add_done_callback(&left.tasks[i]->future, count_down, &left);
    if (rc == 0) left.unfinished++;
  }
  while (rc == 0 && left.unfinished > 0) {
    rc = eddy__loop_run(loop, EDDY__RUN_UNTIL_COMPLETE);
  }
  for (size_t i = 0; i < left.count; i++) {
    (void)eddy_future_remove_done_callback(&left.tasks[i]->future, count_down, &left);
    if (eddy_task_done(left.tasks[i])) report_failed(left.tasks[i]);
    eddy_task_unref(left.tasks[i]);
  }
  eddy__free(left.tasks);
  return rc;
}

int eddy_run_with(eddy_fn *fn, void *arg, const eddy_loop_options *loop_options,
    const eddy_task_options *task_options, eddy_value *value)
{
  if (fn == NULL) return EDDY_EINVAL;
  if (eddy__self.loop != NULL) {
    return eddy_raise(EDDY_ERUNNING, "eddy_run: a loop is running in this thread already");
  }
  eddy_loop *loop;
  int rc = eddy_loop_new(loop_options, &loop);
  if (rc < 0) return rc;
  eddy_task *task;
  rc = eddy_loop_create_task_with(loop, fn, arg, task_options, &task);
  if (rc < 0) {
    eddy_loop_free(loop);
    return rc;
  }
  rc = run_main(loop, task, value);
  (void)cancel_all(loop);
  if (rc < 0 && task->future.error == rc) {
    /* The caller has no coroutine to keep the message in: it becomes the thread's. */
    const char *detail = eddy__outcome_detail(&task->future.outcome, rc);
    if (detail != NULL) (void)eddy_raise(rc, "%s", detail);
  }
  eddy_task_unref(task);
  eddy_loop_free(loop);
  return rc;
}

int eddy_run(eddy_fn *fn, void *arg)
{
  return eddy_run_with(fn, arg, NULL, NULL, NULL);
}
