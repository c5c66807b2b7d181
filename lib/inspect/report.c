#include <eddy/inspect.h>

#include "task/task.h"

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
