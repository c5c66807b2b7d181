#include <eddy/inspect.h>

#include "task/task.h"

#include "base/outcome.h"

const char *eddy_task_waits_for(const eddy_task *task, char *text, size_t size)
{
  if (size == 0) return text;
  if (task->future.state != EDDY__PENDING) {
    snprintf(text, size, "finished");
  } else if (task == eddy__self.task) {
    snprintf(text, size, "running");
  } else if (task->wait.state != EDDY__WAIT_PARKED) {
    snprintf(text, size, "%s", task->started ? "ready" : "ready, not started");
  } else {
    task->wait.type->describe(task, text, size);
  }
  return text;
}

const char *eddy_task_site(const eddy_task *task)
{
  return task->site != NULL ? task->site : "";
}

eddy_task *eddy_task_parent(const eddy_task *task)
{
  return task->parent == 0 ? NULL : eddy__task_by_id(task->future.loop, task->parent);
}

static void print_task(eddy_task *task, FILE *file)
{
  char waits[256];
  fprintf(file, "  task '%s'", eddy_task_get_name(task));
  if (task->site != NULL) fprintf(file, ", created at %s", task->site);
  eddy_task *parent = eddy_task_parent(task);
  if (parent != NULL) {
    fprintf(file, " by '%s'", eddy_task_get_name(parent));
  } else if (task->parent != 0) {
    fprintf(file, " by Task-%llu, which has ended", (unsigned long long)task->parent);
  }
  fprintf(file, ": %s\n", eddy_task_waits_for(task, waits, sizeof(waits)));
}

/* The task that it awaits, if the walk has not come by it yet. */
static eddy_task *next_of_stack(eddy_task *task)
{
  eddy_task *next = eddy__task_awaited(task);
  return next != NULL && !next->future.marked ? next : NULL;
}

/* Forgets which tasks the walk from this one came by. */
static void forget_stack(eddy_task *task)
{
  while (task != NULL && task->future.marked) {
    task->future.marked = false;
    task = eddy__task_awaited(task);
  }
}

size_t eddy_task_get_stack(eddy_task *task, eddy_task **out, size_t limit)
{
  size_t count = 0;
  eddy_task *next = task->future.state == EDDY__PENDING ? task : NULL;
  while (next != NULL && count < limit) {
    out[count++] = next;
    next->future.marked = true;
    next = next_of_stack(next);
  }
  forget_stack(task);
  return count;
}

static void print_end(eddy_task *task, FILE *file)
{
  const eddy_future *future = &task->future;
  if (future->error == 0) {
    fprintf(file, "No stack for task '%s': it has ended\n", eddy_task_get_name(task));
    return;
  }
  fprintf(file, "Task '%s'", eddy_task_get_name(task));
  if (task->site != NULL) fprintf(file, ", created at %s", task->site);
  fprintf(file, ", ended with %s: %s\n", eddy_err_name(future->error),
      eddy__outcome_message(&future->outcome, future->error));
}

void eddy_task_print_stack(eddy_task *task, FILE *file)
{
  if (task->future.state != EDDY__PENDING) {
    print_end(task, file);
    return;
  }
  fprintf(file, "Stack of task '%s':\n", eddy_task_get_name(task));
  for (eddy_task *next = task; next != NULL; next = next_of_stack(next)) {
    print_task(next, file);
    next->future.marked = true;
  }
  forget_stack(task);
}

void eddy_loop_print_tasks(const eddy_loop *loop, FILE *file)
{
  for (struct eddy__link *link = loop->all_tasks.next; link != &loop->all_tasks;
       link = link->next) {
    print_task(EDDY__ENTRY(link, eddy_task, link), file);
  }
}

void eddy__report_deadlock(const eddy_loop *loop, const char *headline)
{
  fprintf(stderr, "eddy: %s (%zu %s)\n", headline, loop->tasks, loop->tasks == 1 ? "task" : "tasks");
  eddy_loop_print_tasks(loop, stderr);
  fflush(stderr);
}
