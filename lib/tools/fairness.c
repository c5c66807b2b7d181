#include "tools/fairness.h"

#include <stdlib.h>

#include "tools/tool.h"

struct times {
  eddy_time queued, begun;
  bool ready;
};

static int compare(const void *a, const void *b)
{
  const struct fairness *x = a, *y = b;
  if (x->ran != y->ran) return x->ran < y->ran ? 1 : -1;
  return (x->task > y->task) - (x->task < y->task);
}

static void see(struct fairness *task, struct times *times, const eddy_trace_event *event)
{
  switch (event->kind) {
  case EDDY_TRACE_QUEUED:
    times->queued = event->time;
    times->ready = true;
    break;
  case EDDY_TRACE_RUN:
    if (times->ready &&
        (task->longest_run == NULL || event->time - times->queued > task->longest)) {
      task->longest = event->time - times->queued;
      task->longest_run = event;
    }
    times->ready = false;
    times->begun = event->time;
    task->steps++;
    break;
  case EDDY_TRACE_PARKED:
  case EDDY_TRACE_ENDED:
    if (task->steps > 0) task->ran += event->time - times->begun;
    break;
  default:
    break;
  }
}

struct fairness *fairness_make(struct read_loop *loop, size_t *count)
{
  for (size_t i = 0; i < loop->count; i++) {
    (void)read_task_name(loop, loop->events[i].task);
  }
  struct fairness *tasks = tool_memory(loop->tasks_count, sizeof(*tasks));
  struct times *times = tool_memory(loop->tasks_count, sizeof(*times));
  for (size_t i = 0; i < loop->count; i++) {
    const eddy_trace_event *event = &loop->events[i];
    if (event->task != 0) see(&tasks[event->task], &times[event->task], event);
  }
  free(times);
  *count = 0;
  for (uint32_t i = 1; i < loop->tasks_count; i++) {
    if (tasks[i].steps == 0) continue;
    tasks[*count] = tasks[i];
    tasks[(*count)++].task = i;
  }
  qsort(tasks, *count, sizeof(*tasks), compare);
  return tasks;
}
