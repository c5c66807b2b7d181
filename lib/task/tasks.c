/* What the task room keeps on a loop, and how unfinished tasks end with it. */
#include "task/shared.h"

#include <errno.h>

#include "base/outcome.h"

int eddy_all_tasks(eddy_loop *loop, eddy_task ***out, size_t *count)
{
  if (out == NULL || count == NULL) return EDDY_EINVAL;
  if (loop == NULL) loop = eddy__self.loop;
  if (loop == NULL) return EDDY_ENOLOOP;
  eddy_task **tasks = NULL;
  size_t found = 0;
  if (loop->tasks > 0) {
    tasks = eddy__alloc(loop->tasks * sizeof(eddy_task *));
    if (tasks == NULL) return EDDY_ENOMEM;
  }
  for (struct eddy__link *link = loop->all_tasks.next; link != &loop->all_tasks;
       link = link->next) {
    tasks[found++] = eddy_task_ref(EDDY__ENTRY(link, eddy_task, link));
  }
  *out = tasks;
  *count = found;
  return 0;
}

void eddy_all_tasks_free(eddy_task **tasks, size_t count)
{
  if (tasks == NULL) return;
  for (size_t i = 0; i < count; i++) {
    eddy_task_unref(tasks[i]);
  }
  eddy__free(tasks);
}

eddy_task *eddy__task_by_id(const eddy_loop *loop, uint64_t id)
{
  for (struct eddy__link *link = loop->all_tasks.next; link != &loop->all_tasks;
       link = link->next) {
    eddy_task *task = EDDY__ENTRY(link, eddy_task, link);
    if (task->id == id) return task;
  }
  return NULL;
}

static void report_pending(eddy_task *task)
{
  eddy__loop_report(task->future.loop, "a task was destroyed but it is pending", 0, NULL,
      task, &task->future, task->site);
}

/* Takes a task out of whatever it waits in, so that its body can be ended. */
static void detach(eddy_task *task)
{
  eddy_loop *loop = task->future.loop;
  if (eddy__waits_until(task)) {
    eddy__wait_until_end(task);
  } else if (!eddy__shared_step_aside(task)) {
    eddy__list_remove(&task->wait.done.link);
  }
  if (task->started && task->op != NULL) eddy__op_cancel(loop, task->op);
}

/* Resumes a suspended body with EDDY_EGENERATOREXIT; it cannot wait any more. */
static void close_body(eddy_task *task)
{
  eddy_loop *loop = task->future.loop;
  task->closing = true;
  eddy__task_set_must_cancel(task, false);
  task->spins = 0;
  eddy__self.task = task;
  if (task->kind == EDDY__TASK_STACKFUL) {
    eddy__self.outcome = eddy__task_outcome(task);
    eddy__self.coro = task->inside ? task->stack->inside : NULL;
    int status = eddy__wait_end(task, EDDY_EGENERATOREXIT);
    eddy__ctx_switch(&eddy__tasks_of(loop)->hub, &task->here, status);
    return;
  }
  task->wait.state = EDDY__WAIT_NONE;
  task->wait.resumed = true;
  task->wait.status = EDDY_EGENERATOREXIT;
  task->coro->type->close(task->coro);
  eddy__self.task = NULL;
  eddy__task_finish(task, EDDY_EGENERATOREXIT);
}

/* Ends one unfinished task. Its memory may go with it. */
static void close_task(eddy_task *task)
{
  report_pending(task);
  detach(task);
  eddy_task_ref(task);
  task->future.retrieved = true;
  if (task->started) {
    close_body(task);
  } else {
    if (task->kind == EDDY__TASK_COROUTINE) task->coro->type->close(task->coro);
    eddy__task_finish(task, EDDY_ECANCELLED);
  }
  if (task->future.state == EDDY__PENDING) {
    /* Its body would not end: the stack is given up. */
    if (task->kind == EDDY__TASK_STACKFUL) eddy__stack_put(task->stack);
    eddy__task_finish(task, EDDY_EGENERATOREXIT);
  }
  task->future.retrieved = true;
  eddy_task_unref(task);
}

static void close_tasks(eddy_loop *loop)
{
  struct eddy__self outer = eddy__self;
  loop->direct = false;
  loop->errno_place = &errno;
  eddy__self = (struct eddy__self){.loop = loop, .outcome = &loop->outcome};
  struct eddy__link *link;
  while ((link = eddy__list_first(&loop->all_tasks)) != NULL) {
    close_task(EDDY__ENTRY(link, eddy_task, link));
  }
  eddy__self = outer;
}

static void fill_stats(const eddy_loop *loop, eddy_loop_stats *stats)
{
  struct eddy__stacks_stats stacks;
  if (loop->stacks == NULL) return;
  eddy__stacks_get_stats(loop->stacks, &stacks);
  size_t spare = eddy__tasks_of(loop)->spare != NULL;
  stats->stacks = stacks.used - spare;
  stats->stacks_idle = stacks.idle + spare;
  stats->stack_bytes = stacks.bytes;
  stats->stack_guard = stacks.guard;
  stats->task_memory = eddy__tasks_of(loop)->pool.held + stacks.touched;
}

static bool trim(eddy_loop *loop)
{
  eddy__pool_trim(&eddy__tasks_of(loop)->pool);
  return eddy__stacks_trim(loop->stacks);
}

static void free_tasks(eddy_loop *loop)
{
  struct eddy__tasks *tasks = eddy__tasks_of(loop);
  if (tasks->spare != NULL) eddy__stack_put(tasks->spare);
  eddy__stacks_free(loop->stacks);
  eddy__pool_fini(&tasks->pool);
  eddy__free(tasks);
}

static eddy_context **context_place(eddy_task *task, bool make)
{
  struct eddy__task_more *more = make ? eddy__task_extend(task) : task->more;
  return more != NULL ? &more->context : NULL;
}

static const struct eddy__loop_hooks hooks = {eddy__task_step, close_tasks, fill_stats,
    trim, context_place, free_tasks, eddy__task_trace_id, eddy__task_trace_new,
    eddy__task_trace_run, eddy__task_trace_parked, eddy__task_trace_all};

/* For the report of an overflow: async-signal-safe. */
static const char *describe_running(void)
{
  const eddy_task *task = eddy__self.task;
  if (task == NULL) return "a generator";
  if (eddy__task_given_name(task) != NULL) return task->more->name;
  return task->site != NULL ? task->site : "a task";
}

int eddy__tasks_open(eddy_loop *loop)
{
  if (loop->task_state != NULL) return 0;
  struct eddy__tasks *tasks = eddy__alloc(sizeof(*tasks));
  if (tasks == NULL) return EDDY_ENOMEM;
  int rc = eddy__stacks_new(loop->stack_size, &loop->stacks);
  if (rc < 0) {
    eddy__free(tasks);
    return rc;
  }
  eddy__pool_init(&tasks->pool, sizeof(eddy_task));
  eddy__shared_open(loop, tasks);
  loop->task_state = tasks;
  loop->hooks = &hooks;
  if (loop->overflow_report) eddy__overflow_watch(describe_running);
  return 0;
}
