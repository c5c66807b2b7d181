/* What tasks tell a trace (eddy/trace.h). Only called while the loop is traced. */
#include "task/task.h"

#include "loop/trace.h"

uint32_t eddy__task_trace_id(const eddy_task *task)
{
  return (uint32_t)task->id;
}

static void tell(eddy_loop *loop, eddy_task *task)
{
  uint64_t name = eddy__trace_text(loop, eddy__task_given_name(task));
  uint64_t site = eddy__trace_constant(loop, task->site);
  eddy__trace_put(loop, EDDY_TRACE_TASK, 0, (uint32_t)task->id, (uint32_t)task->parent,
      site << 32 | name);
}

/* A task that was not started is queued once: when it has been made. */
void eddy__task_trace_new(eddy_loop *loop, eddy_task *task)
{
  if (!task->started) tell(loop, task);
}

void eddy__task_trace_all(eddy_loop *loop)
{
  for (struct eddy__link *link = loop->all_tasks.next; link != &loop->all_tasks;
       link = link->next) {
    tell(loop, EDDY__ENTRY(link, eddy_task, link));
  }
}

void eddy__task_trace_run(eddy_loop *loop, eddy_task *task)
{
  loop->trace->running = (uint32_t)task->id;
  eddy__trace_put(loop, EDDY_TRACE_RUN, 0, (uint32_t)task->id, 0, 0);
}

void eddy__task_trace_parked(eddy_loop *loop, eddy_task *task)
{
  const struct eddy__wait *wait = &task->wait;
  bool waits = wait->state >= EDDY__WAIT_PARKED;
  uint32_t what = waits ? eddy__trace_constant(loop, wait->type->what) : 0;
  unsigned kind = EDDY_TRACE_NOTHING;
  uint64_t value = 0;
  eddy_task *awaited = waits ? eddy__task_awaited(task) : NULL;
  if (awaited != NULL) {
    kind = EDDY_TRACE_A_TASK;
    value = awaited->id;
  } else if (waits && !eddy__waits_until(task) && wait->object != NULL) {
    kind = EDDY_TRACE_OBJECT;
    value = (uint64_t)(uintptr_t)wait->object;
  } else if (waits && task->op != NULL && task->op->state != EDDY__OP_IDLE) {
    kind = EDDY_TRACE_A_DESCRIPTOR;
    value = (uint64_t)task->op->fd;
  }
  loop->trace->running = 0;
  eddy__trace_put(loop, EDDY_TRACE_PARKED, kind, (uint32_t)task->id, what, value);
}

void eddy__task_trace_ended(eddy_task *task, int rc)
{
  eddy_loop *loop = task->future.loop;
  if (loop->trace->running == (uint32_t)task->id) loop->trace->running = 0;
  eddy__trace_look(loop);
  uint64_t code = (uint64_t)(int64_t)(rc < 0 ? rc : 0);
  eddy__trace_put(loop, EDDY_TRACE_ENDED, 0, (uint32_t)task->id, 0, code);
  /* What its end wakes is woken by it, though it runs no more. */
  loop->trace->cause = EDDY_TRACE_BY_TASK;
  loop->trace->cause_of = (uint32_t)task->id;
}

void eddy__task_trace_cancel(eddy_task *task)
{
  uint32_t by = eddy__trace_self();
  eddy__trace_put(task->future.loop, EDDY_TRACE_CANCEL, 0, (uint32_t)task->id, by, 0);
}

void eddy__task_trace_name(eddy_task *task)
{
  uint64_t name = eddy__trace_text(task->future.loop, eddy__task_given_name(task));
  eddy__trace_put(task->future.loop, EDDY_TRACE_NAME, 0, (uint32_t)task->id, 0, name);
}

uint32_t eddy__task_trace_enter(eddy_task *task)
{
  eddy_loop *loop = task->future.loop;
  uint32_t outer = loop->trace->running;
  tell(loop, task);
  eddy__task_trace_run(loop, task);
  return outer;
}

void eddy__task_trace_leave(eddy_task *task, uint32_t outer)
{
  struct eddy__trace *trace = task->future.loop->trace;
  if (trace->running == (uint32_t)task->id)
    eddy__task_trace_parked(task->future.loop, task);
  trace->running = outer;
  trace->cause = EDDY_TRACE_BY_CALLBACK;
  trace->cause_of = 0;
}
