/*
 * The steps of tasks.
 *
 * The loop's ring holds a task's step as an entry like any other. A stackful task that waits
 * looks at the next entry itself: if that is the step of another task that has a stack, it
 * switches there directly; else it goes back to the loop's own stack, the hub. A task that
 * ends goes on the same way, and an unstarted task that is next takes over its warm stack.
 */
#include "task/task.h"

#include <errno.h>

#include "base/check.h"
#include "base/outcome.h"

/* Says what the delivered cancellation says, be that nothing: what an earlier one said is not
 * to be taken for it. */
EDDY__COLD static void deliver_cancel_message(eddy_task *task, eddy_outcome *outcome)
{
  char *message = eddy__task_take_cancel_message(task);
  eddy__outcome_set_message(outcome, EDDY_ECANCELLED, message);
  eddy__free(message);
}

eddy_outcome *eddy__task_outcome(eddy_task *task)
{
  if (task->inside) return &((eddy_coro *)task->stack->inside)->outcome;
  bool in_coro = task->started && task->kind == EDDY__TASK_COROUTINE;
  return in_coro ? &task->coro->outcome : &task->future.outcome;
}

/* The task is running from now on; returns what it was woken with. */
EDDY__INLINE int begin_step(eddy_loop *loop, eddy_task *task)
{
  int status = task->wait.status;
  if (task->must_cancel) {
    eddy__task_set_must_cancel(task, false);
    status = EDDY_ECANCELLED;
  }
  if (status == EDDY_ECANCELLED) deliver_cancel_message(task, eddy__task_outcome(task));
  task->swift = task->plain;
  task->steps++;
  loop->steps++;
  eddy__self.task = task;
  return status;
}

/* Makes this thread's state the suspended task's. */
EDDY__INLINE void restore(const eddy_loop *loop, eddy_task *task)
{
  eddy__self.outcome = eddy__task_outcome(task);
  eddy__self.coro = task->inside ? task->stack->inside : NULL;
  *loop->errno_place = task->saved_errno;
  task->inside = false;
}

static void nothing_runs(eddy_loop *loop)
{
  eddy__self.task = NULL;
  eddy__self.coro = NULL;
  eddy__self.outcome = &loop->outcome;
}

/* The task whose step is next and may be run without the hub, or NULL. */
EDDY__INLINE eddy_task *next_task(eddy_loop *loop)
{
  if (!loop->direct) return NULL;
  if (!eddy__loop_in_turn(loop) && eddy__loop_peek(loop) == NULL) return NULL;
  struct eddy__entry *entry = eddy__loop_head(loop);
  return entry->fn == eddy__task_step ? entry->arg : NULL;
}

static void run_tasks(void *arg, int sent);

/* Finds a stack for an unstarted task to be entered on, the spare one or a new one; returns where,
 * to be switched to next. NULL: no memory, it stays unstarted. */
static struct eddy__ctx *give_stack(eddy_loop *loop, eddy_task *task)
{
  struct eddy__tasks *tasks = eddy__tasks_of(loop);
  if (tasks->spare != NULL) {
    tasks->spare = NULL;
  } else {
    struct eddy__stack *stack = eddy__stack_get(loop->stacks);
    if (stack == NULL) return NULL;
    eddy__ctx_make(&tasks->entry, stack, run_tasks, stack);
  }
  tasks->entering = task;
  task->started = true;
  return &tasks->entry;
}

static bool has_stack(const eddy_task *task)
{
  return task->started && task->kind == EDDY__TASK_STACKFUL;
}

/* As begin_step and restore, for a swift task. */
EDDY__INLINE int begin_swiftly(eddy_loop *loop, eddy_task *task)
{
  task->steps++;
  loop->steps++;
  eddy__self.task = task;
  eddy__self.outcome = &task->future.outcome;
  *loop->errno_place = task->saved_errno;
  return task->wait.status;
}

/* A plain task that was not started has its stack now. */
EDDY__INLINE void begin_first(eddy_loop *loop, eddy_task *task)
{
  task->swift = true;
  (void)begin_swiftly(loop, task);
}

/* Of a task that has its stack and whose step is next: all that precedes the switch. Returns
 * what it is resumed with, or EDDY_PENDING: it waits again, and another is next. */
EDDY__INLINE int enter(eddy_loop *loop, eddy_task *task)
{
  eddy__loop_pop(loop);
  int status;
  if (task->swift) {
    status = begin_swiftly(loop, task);
  } else {
    status = begin_step(loop, task);
    restore(loop, task);
  }
  return eddy__wait_end(task, status);
}

/* What is next has been looked at, and it is not swift. */
static int leave_to(eddy_loop *loop, eddy_task *task, eddy_task *next)
{
  for (; next != NULL; next = next_task(loop)) {
    int status = 0;
    struct eddy__ctx *to = &next->here;
    if (has_stack(next)) {
      status = enter(loop, next);
      if (status == EDDY_PENDING) continue;
    } else {
      to = next->plain ? give_stack(loop, next) : NULL;
      if (to == NULL) break;
      eddy__loop_pop(loop);
      begin_first(loop, next);
    }
    return eddy__ctx_switch(&task->here, to, status);
  }
  nothing_runs(loop);
  return eddy__ctx_switch(&task->here, &eddy__tasks_of(loop)->hub, 0);
}

/* The common case has been tried; the rest may take longer. */
static int leave_slowly(eddy_loop *loop, eddy_task *task)
{
  return leave_to(loop, task, next_task(loop));
}

int eddy__task_leave_slowly(eddy_task *task)
{
  eddy_loop *loop = eddy__self.loop;
  task->saved_errno = *loop->errno_place;
  if (eddy__self.coro != NULL) {
    task->inside = true;
    task->stack->inside = eddy__self.coro;
    task->swift = false;
  }
  return leave_slowly(loop, task);
}

/* Its turn has come and it has its place in the thread's state: the rest of the call it waits
 * in, then the switch. */
EDDY__NOINLINE static int leave_for(eddy_task *task, eddy_task *next, int status)
{
  status = next->wait.type->resume(next, status);
  if (status == EDDY_PENDING) return leave_slowly(eddy__self.loop, task);
  return eddy__ctx_switch(&task->here, &next->here, status);
}

int eddy__task_leave(
    eddy_task *task, eddy_loop *loop, const struct eddy__entry *entry, eddy_task *next)
{
  if (eddy__self.coro != NULL) return eddy__task_leave_slowly(task);
  task->saved_errno = *loop->errno_place;
  if (!loop->direct || !eddy__loop_in_turn(loop)) return leave_slowly(loop, task);
  if (entry->fn != eddy__task_step) return leave_slowly(loop, task);
  if (!next->swift) return leave_to(loop, task, next);
  eddy__loop_pop(loop);
  int status = begin_swiftly(loop, next);
  if (next->wait.type->resume != NULL) return leave_for(task, next, status);
  return eddy__ctx_switch(&task->here, &next->here, status);
}

/* After a task has ended on this stack: goes on with what is next elsewhere. Returns the task
 * to run on this stack when it was kept as the spare one and is needed again. */
static eddy_task *leave_stack(eddy_loop *loop, struct eddy__stack *stack, eddy_task *next)
{
  struct eddy__tasks *tasks = eddy__tasks_of(loop);
  int status = EDDY_PENDING;
  while (next != NULL && has_stack(next)) {
    status = enter(loop, next);
    if (status != EDDY_PENDING) break;
    next = next_task(loop);
  }
  struct eddy__ctx *to = &tasks->hub;
  if (status != EDDY_PENDING) {
    to = &next->here;
  } else {
    nothing_runs(loop);
    status = 0;
  }
  if (EDDY__CTX_SPARES && tasks->spare == NULL) {
    tasks->spare = stack;
    (void)eddy__ctx_switch(&tasks->entry, to, status);
    return tasks->entering;
  }
  struct eddy__ctx gone = {0};
  eddy__stack_put(stack);
  eddy__ctx_leave(&gone, to, status);
}

/* The first frame of every task's stack: runs one task after another. */
static void run_tasks(void *arg, int sent)
{
  (void)sent;
  struct eddy__stack *stack = arg;
  eddy_loop *loop = eddy__self.loop;
  eddy_task *task = eddy__tasks_of(loop)->entering;
  for (;;) {
    eddy_fn *fn = task->fn;
    void *fn_arg = task->arg;
    task->stack = stack; /* where these stood */
    task->op = NULL;     /* where `unstarted` did */
    int rc = fn(fn_arg);
    EDDY_CHECK(eddy__self.task == task,
        "a task of a loop inherited by fork ended in the child; "
        "leave the child with _exit or exec");
    nothing_runs(loop);
    eddy__task_finish(task, rc);
    task = next_task(loop);
    if (task != NULL && task->plain && !task->started) {
      eddy__loop_pop(loop);
      task->started = true;
      begin_first(loop, task);
    } else {
      task = leave_stack(loop, stack, task);
    }
  }
}

static void step_stackful(eddy_loop *loop, eddy_task *task, int status)
{
  struct eddy__ctx *to = task->started ? &task->here : give_stack(loop, task);
  if (to == NULL) {
    nothing_runs(loop);
    eddy__task_finish(task, EDDY_ENOMEM);
    return;
  }
  restore(loop, task);
  status = eddy__wait_end(task, status);
  if (status == EDDY_PENDING) {
    nothing_runs(loop);
    return;
  }
  (void)eddy__ctx_switch(&eddy__tasks_of(loop)->hub, to, status);
}

/* A coroutine that neither waits nor ends cannot go on. */
static int refuse(eddy_task *task, const char *reason)
{
  eddy_coro *coro = task->coro;
  eddy__self.outcome = &coro->outcome;
  (void)eddy_raise(EDDY_ERUNTIME, "%s", reason);
  return EDDY_ERUNTIME;
}

static void step_coroutine(eddy_loop *loop, eddy_task *task, int status)
{
  eddy_coro *coro = task->coro;
  task->wait.state = EDDY__WAIT_NONE;
  task->wait.resumed = task->started;
  task->wait.status = status;
  if (!task->started) task->op = NULL; /* where `unstarted` stood */
  task->started = true;
  eddy_value out = eddy_int(0);
  eddy__self.outcome = &coro->outcome;
  errno = task->saved_errno;
  int rc = coro->type->send(coro, eddy_int(0), 0, &out);
  task->saved_errno = errno;
  if (rc == EDDY_PENDING) {
    if (task->wait.state != EDDY__WAIT_NONE) {
      nothing_runs(loop);
      return;
    }
    rc = refuse(
        task, "the coroutine says that it waits, but no call of eddy waits in it");
  } else if (rc == 0) {
    rc = refuse(
        task, "the coroutine yielded a value; a task's coroutine only waits or returns");
  } else if (rc == EDDY_STOP) {
    task->future.outcome.value = out;
    rc = 0;
  }
  nothing_runs(loop);
  eddy__outcome_move_message(&coro->outcome, &task->future.outcome);
  eddy__task_finish(task, rc);
}

/* Whoever creates the task is the hub meanwhile: there the step comes back to when it suspends
 * or ends, since nothing is gone on to directly. */
void eddy__task_start(eddy_task *task)
{
  eddy_loop *loop = task->future.loop;
  struct eddy__tasks *tasks = eddy__tasks_of(loop);
  const struct eddy__self creator = eddy__self;
  struct eddy__ctx hub = tasks->hub;
  int creators_errno = *loop->errno_place;
  loop->eager++;
  loop->creators += creator.task != NULL;
  loop->direct = false;
  eddy__self.coro = NULL;
  uint32_t traced = loop->trace != NULL ? eddy__task_trace_enter(task) : 0;
  int status = begin_step(loop, task);
  if (task->kind == EDDY__TASK_STACKFUL) {
    step_stackful(loop, task, status);
  } else {
    step_coroutine(loop, task, status);
  }
  loop->eager--;
  loop->creators -= creator.task != NULL;
  eddy__loop_set_pace(loop);
  tasks->hub = hub;
  eddy__self.task = creator.task;
  eddy__self.outcome = creator.outcome;
  eddy__self.coro = creator.coro;
  *loop->errno_place = creators_errno;
  if (loop->trace != NULL) eddy__task_trace_leave(task, traced);
}

int eddy__task_step(void *arg)
{
  eddy_task *task = arg;
  eddy_loop *loop = task->future.loop;
  loop->ring.bookings++; /* its own again: the ring has just given it up */
  int status = begin_step(loop, task);
  if (!task->started && status < 0) {
    nothing_runs(loop);
    eddy__task_finish(task, status);
    return 0;
  }
  if (task->kind == EDDY__TASK_STACKFUL) {
    step_stackful(loop, task, status);
  } else {
    step_coroutine(loop, task, status);
  }
  return 0;
}

void eddy__task_finish(eddy_task *task, int rc)
{
  eddy_loop *loop = task->future.loop;
  if (!task->started) {
    bool stackful = task->kind == EDDY__TASK_STACKFUL;
    if (task->unstarted != NULL) task->unstarted(stackful ? task->arg : task->coro);
  } else if (task->op != NULL) {
    eddy__op_free(loop, task->op);
  }
  if (rc >= 0 && task->must_cancel) {
    rc = EDDY_ECANCELLED;
    deliver_cancel_message(task, &task->future.outcome);
  }
  if (task->more != NULL && task->more->cancel_message != NULL) {
    if (rc == EDDY_ECANCELLED) {
      deliver_cancel_message(task, &task->future.outcome);
    } else {
      eddy__task_set_cancel_message(task, NULL);
    }
  }
  if (rc >= 0) {
    if (task->future.outcome.message != NULL) eddy__outcome_clear(&task->future.outcome);
    rc = 0;
  }
  if (loop->trace != NULL) eddy__task_trace_ended(task, rc);
  eddy__list_remove(&task->link);
  eddy__loop_unbook(loop);
  loop->tasks--;
  eddy__future_complete(
      &task->future, rc == EDDY_ECANCELLED ? EDDY__CANCELLED : EDDY__DONE, rc);
  eddy_future_unref(&task->future);
}
