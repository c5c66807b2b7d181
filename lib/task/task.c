#include "task/task.h"

#include <stdio.h>
#include <string.h>

#include "base/outcome.h"
#include "loop/context.h"

/* The functions behind the macros of the same names. */
#undef eddy_create_task
#undef eddy_loop_create_task

static bool cancel_task(eddy_future *future, const char *message)
{
  return eddy_task_cancel((eddy_task *)future, message);
}

EDDY__COLD static void free_more(struct eddy__task_more *more)
{
  eddy__free(more->name);
  eddy__free(more->cancel_message);
  eddy_context_unref(more->context);
  eddy__free(more);
}

static void destroy_task(eddy_future *future)
{
  eddy_task *task = (eddy_task *)future;
  if (task->more != NULL) free_more(task->more);
  eddy__pool_put(&eddy__tasks_of(future->loop)->pool, task);
}

static const struct eddy__future_type task_type = {"task", cancel_task, destroy_task};

static bool is_task(const eddy_future *future)
{
  return future->type == &task_type;
}

eddy_task *eddy__future_task(eddy_future *future)
{
  return is_task(future) ? (eddy_task *)future : NULL;
}

/* Everything but what it runs, its name and id. The rest of the wait record
 * is written when they are used. */
EDDY__INLINE void init_task(eddy_task *task, eddy_loop *loop, enum eddy__task_kind kind,
    const eddy_task_options *options)
{
  eddy__future_init(&task->future, loop, &task_type);
  memset(&task->steps, 0, offsetof(eddy_task, link) - offsetof(eddy_task, steps));
  task->kind = (uint8_t)kind;
  task->plain = kind == EDDY__TASK_STACKFUL;
  eddy__list_init(&task->wait.done.link);
  task->wait.status = 0;
  task->wait.state = EDDY__WAIT_NONE;
  task->wait.resumed = false;
  task->unstarted = options != NULL ? options->unstarted : NULL;
  task->site = options != NULL ? options->site : NULL;
  task->parent = eddy__self.task != NULL ? eddy__self.task->id : 0;
}

struct eddy__task_more *eddy__task_extend(eddy_task *task)
{
  if (task->more == NULL) task->more = eddy__alloc(sizeof(*task->more));
  return task->more;
}

/* What a new task has from the first, if anything: the name and the context it is given, or a copy
 * of its creator's. */
EDDY__COLD static int new_more(
    const eddy_task_options *options, struct eddy__task_more **out)
{
  struct eddy__task_more *more = eddy__alloc(sizeof(*more));
  if (more == NULL) return EDDY_ENOMEM;
  int rc = 0;
  if (options != NULL && options->name != NULL) {
    more->name = eddy__strdup(options->name);
    if (more->name == NULL) rc = EDDY_ENOMEM;
  }
  if (options != NULL && options->context != NULL) {
    more->context = eddy_context_ref(options->context);
  } else if (rc == 0) {
    rc = eddy__context_copy_current(&more->context);
  }
  if (rc < 0) {
    free_more(more);
    return rc;
  }
  *out = more;
  return 0;
}

EDDY__INLINE bool needs_more(const eddy_task_options *options)
{
  if (options != NULL && (options->name != NULL || options->context != NULL)) return true;
  return eddy__context_used() && eddy__context_now() != NULL;
}

/* A task that is complete but for what it runs; booked, and owned by the loop. */
EDDY__INLINE int new_task(eddy_loop *loop, enum eddy__task_kind kind,
    const eddy_task_options *options, eddy_task **out)
{
  int rc = eddy__loop_usable(loop);
  if (rc < 0) return rc;
  if (loop->task_state == NULL) rc = eddy__tasks_open(loop);
  if (rc < 0) return rc;
  struct eddy__tasks *tasks = eddy__tasks_of(loop);
  struct eddy__task_more *more = NULL;
  if (needs_more(options)) rc = new_more(options, &more);
  if (rc < 0) return rc;
  eddy_task *task = eddy__pool_get(&tasks->pool);
  if (task == NULL) goto fail_task;
  rc = eddy__loop_book(loop);
  if (rc < 0) goto fail_book;
  init_task(task, loop, kind, options);
  task->more = more;
  task->id = ++tasks->last_id & EDDY__TASK_IDS;
  eddy__list_append(&loop->all_tasks, &task->link);
  loop->tasks++;
  *out = task;
  return 0;
fail_book:
  eddy__pool_put(&tasks->pool, task);
fail_task:
  if (more != NULL) free_more(more);
  return EDDY_ENOMEM;
}

EDDY__COLD static int start_eagerly(eddy_task *task, eddy_task **out)
{
  eddy_task_ref(task);
  eddy__task_start(task);
  if (out != NULL) {
    *out = task;
  } else {
    eddy_task_unref(task);
  }
  return 0;
}

/* A task of this body, queued or started, whatever the loop's factory is. */
EDDY__INLINE int make_task(eddy_loop *loop, const eddy_task_body *body,
    const eddy_task_options *options, eddy_task **out)
{
  eddy_task *task;
  bool stackful = body->fn != NULL;
  int rc = new_task(
      loop, stackful ? EDDY__TASK_STACKFUL : EDDY__TASK_COROUTINE, options, &task);
  if (rc < 0) return rc;
  if (stackful) {
    task->fn = body->fn;
    task->arg = body->arg;
  } else {
    task->coro = body->coro;
  }
  bool eager = options != NULL && options->eager_start == EDDY_EAGER_START_TRUE;
  if (eager && eddy__self.loop == loop) return start_eagerly(task, out);
  eddy__loop_push(loop, eddy__task_step, task);
  if (out == NULL) return 0;
  task->future.refs++;
  *out = task;
  return 0;
}

int eddy_task_new(eddy_loop *loop, const eddy_task_body *body,
    const eddy_task_options *options, eddy_task **out)
{
  if (body == NULL || (body->fn == NULL) == (body->coro == NULL)) return EDDY_EINVAL;
  if (body->coro != NULL && body->coro->type == NULL) return EDDY_EINVAL;
  if (loop == NULL) loop = eddy__self.loop;
  return loop == NULL ? EDDY_ENOLOOP : make_task(loop, body, options, out);
}

EDDY__INLINE int create(eddy_loop *loop, const eddy_task_body *body,
    const eddy_task_options *options, eddy_task **out)
{
  if (loop == NULL) loop = eddy__self.loop;
  if (loop == NULL) return EDDY_ENOLOOP;
  if (loop->task_factory != NULL) return eddy__task_ask_factory(loop, body, options, out);
  return make_task(loop, body, options, out);
}

int eddy_loop_create_task_with(eddy_loop *loop, eddy_fn *fn, void *arg,
    const eddy_task_options *options, eddy_task **out)
{
  if (fn == NULL) return EDDY_EINVAL;
  eddy_task_body body = {.fn = fn, .arg = arg};
  return create(loop, &body, options, out);
}

int eddy_loop_create_task(eddy_loop *loop, eddy_fn *fn, void *arg, eddy_task **out)
{
  return loop == NULL ? EDDY_EINVAL
                      : eddy_loop_create_task_with(loop, fn, arg, NULL, out);
}

int eddy_create_task(eddy_fn *fn, void *arg, eddy_task **out)
{
  return eddy_loop_create_task_with(NULL, fn, arg, NULL, out);
}

int eddy_loop_create_task_coro(
    eddy_loop *loop, eddy_coro *coro, const eddy_task_options *options, eddy_task **out)
{
  if (coro == NULL || coro->type == NULL) return EDDY_EINVAL;
  eddy_task_body body = {.coro = coro};
  return create(loop, &body, options, out);
}

eddy_task *eddy_task_ref(eddy_task *task)
{
  eddy_future_ref(&task->future);
  return task;
}

void eddy_task_unref(eddy_task *task)
{
  if (task != NULL) eddy_future_unref(&task->future);
}

eddy_future *eddy_task_future(eddy_task *task)
{
  return &task->future;
}

eddy_task *eddy_current_task(void)
{
  return eddy__self.task;
}

void eddy__task_set_cancel_message(eddy_task *task, const char *message)
{
  struct eddy__task_more *more = message != NULL ? eddy__task_extend(task) : task->more;
  if (more == NULL) return;
  eddy__free(more->cancel_message);
  more->cancel_message = message != NULL ? eddy__strdup(message) : NULL;
}

char *eddy__task_take_cancel_message(eddy_task *task)
{
  if (task->more == NULL) return NULL;
  char *message = task->more->cancel_message;
  task->more->cancel_message = NULL;
  return message;
}

/* Asks a task that waits for no other one. */
static void ask(eddy_task *task, const char *message)
{
  struct eddy__wait *wait = &task->wait;
  if (wait->state == EDDY__WAIT_PARKED) {
    bool (*cancel)(eddy_task *, const char *) = wait->type->cancel;
    if (cancel == NULL) cancel = eddy__wait_cancel;
    if (cancel(task, message)) return;
  }
  /* The first message stands if a cancellation is on its way already. */
  bool queued = wait->state == EDDY__WAIT_WOKEN || wait->state == EDDY__WAIT_TURN;
  bool on_its_way = queued && wait->status == EDDY_ECANCELLED;
  if (!on_its_way) eddy__task_set_cancel_message(task, message);
  eddy__task_set_must_cancel(task, true);
}

/* A request goes along the chain of tasks that wait for one another, however long it is, to
 * the last one. Where the chain is a ring, there is none: the wait of the task that it comes
 * back to is ended, which frees the others. */
bool eddy_task_cancel(eddy_task *task, const char *message)
{
  if (task == NULL) return false;
  if (task->future.state != EDDY__PENDING) {
    task->future.retrieved = true;
    return false;
  }
  if (task->future.loop->trace != NULL) eddy__task_trace_cancel(task);
  eddy_task *last = task;
  size_t count = 0;
  bool found = false;
  while (!found && !last->asked) {
    eddy_task *next = eddy__task_awaited(last);
    found = next == NULL;
    last->future.cancels++;
    last->asked = true;
    count++;
    if (!found) last = next;
  }
  if (found) {
    ask(last, message);
  } else {
    (void)eddy__wait_cancel(last, message);
  }
  for (; count > 0; count--) {
    task->asked = false;
    task = eddy__task_last_awaited(task);
  }
  return true;
}

unsigned eddy_task_uncancel(eddy_task *task)
{
  if (task->future.cancels > 0 && --task->future.cancels == 0)
    eddy__task_set_must_cancel(task, false);
  return task->future.cancels;
}

unsigned eddy_task_cancelling(const eddy_task *task)
{
  return task->future.cancels;
}

bool eddy_task_done(const eddy_task *task)
{
  return eddy_future_done(&task->future);
}

bool eddy_task_cancelled(const eddy_task *task)
{
  return eddy_future_cancelled(&task->future);
}

int eddy_task_result(eddy_task *task, eddy_value *value)
{
  return task == NULL ? EDDY_EINVAL : eddy_future_result(&task->future, value);
}

const char *eddy_task_get_name(eddy_task *task)
{
  struct eddy__task_more *more = eddy__task_extend(task);
  if (more == NULL) return "Task";
  if (more->name == NULL) {
    char name[32];
    snprintf(name, sizeof(name), "Task-%llu", (unsigned long long)task->id);
    more->name = eddy__strdup(name);
  }
  return more->name != NULL ? more->name : "Task";
}

int eddy_task_set_name(eddy_task *task, const char *name)
{
  if (task == NULL || name == NULL) return EDDY_EINVAL;
  struct eddy__task_more *more = eddy__task_extend(task);
  char *copy = more != NULL ? eddy__strdup(name) : NULL;
  if (copy == NULL) return EDDY_ENOMEM;
  eddy__free(more->name);
  more->name = copy;
  if (task->future.loop->trace != NULL) eddy__task_trace_name(task);
  return 0;
}

eddy_coro *eddy_task_get_coro(const eddy_task *task)
{
  bool alive = task->kind == EDDY__TASK_COROUTINE && task->future.state == EDDY__PENDING;
  return alive ? task->coro : NULL;
}

eddy_context *eddy_task_get_context(eddy_task *task)
{
  struct eddy__task_more *more = eddy__task_extend(task);
  return more != NULL ? eddy__context_at(&more->context) : NULL;
}

uint64_t eddy_task_steps(const eddy_task *task)
{
  return task->steps;
}
