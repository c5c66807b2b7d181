/* Tasks from the inside, and how a call waits. */
#ifndef EDDY_TASK_TASK_H
#define EDDY_TASK_TASK_H

#include <eddy/task.h>

#include "base/self.h"
#include "ctx/ctx.h"
#include "task/future.h"

/*
 * How a call waits.
 *
 * A task waits for one thing at a time; the record of it is part of the task. A call that may
 * wait is written once, for both kinds of coroutine:
 *
 *     int rc;
 *     bool resumed;
 *     eddy_task *task = eddy__wait_begin(&resumed, &rc);
 *     if (task == NULL) return rc;
 *     task->wait.scratch = ...where the result goes...;
 *     if (resumed) return resume(task, rc);
 *     if (there is something to be had) return take it;
 *     ...put task->wait.done.link on the object's list...
 *     return eddy__wait(task, &type, object);
 *
 * and the rest of it, type.resume, is what is done when the wait is over:
 *
 *     static int resume(eddy_task *task, int status)
 *     {
 *       if (status < 0) ...leave the object...; return status;
 *       if (there is nothing after all) {
 *         ...put task->wait.done.link on the object's list...
 *         return eddy__wait_again(task, &type, object);
 *       }
 *       return take it;
 *     }
 *
 * For a stackful coroutine it runs when the turn of the task's step has come, before the switch
 * to its stack, which then goes on in the caller of the call: nothing has to be returned from
 * behind the switch, which would be mispredicted. In a stackless one eddy__wait returns
 * EDDY_PENDING, the call is made again when the task is resumed, and eddy__wait_begin then
 * tells that it is a continuation and how the wait ended. What has to be remembered in between
 * stands in task->wait.
 *
 * A call that is made up of several waits may do without resume, and go on where eddy__wait
 * returns; when that is not EDDY_PENDING, the wait is over.
 */

enum eddy__wait_state {
  EDDY__WAIT_NONE = 0, /* its first step is queued, or it runs */
  EDDY__WAIT_TURN,     /* its step is queued; it waits for nothing but its turn */
  EDDY__WAIT_PARKED,   /* waiting for the object */
  EDDY__WAIT_WOKEN,    /* no more: its step is queued; as EDDY__WAIT_TURN it may stay when
                          that runs */
};

/* A kind of wait. */
struct eddy__wait_type {
  /* Stops a parked task's wait: wakes it, or asks what it waits for to end. Returns whether
   * that will wake it. NULL: eddy__wait_cancel. */
  bool (*cancel)(eddy_task *task, const char *message);
  /* Says what is waited for; task->wait.object (or .timer) is valid. */
  void (*describe)(const eddy_task *task, char *text, size_t size);
  /* The rest of the call: returns its result, or EDDY_PENDING after eddy__wait_again. It runs
   * as the task, but on another stack, and must not call anything that waits. After an error
   * other than EDDY_ECANCELLED it does not wait again. NULL: the status is the result. */
  int (*resume)(eddy_task *task, int status);
  /* What is waited for, in a word or two, for traces. */
  const char *what;
};

/* A place in the line of an object that several threads share (shared.h); its mutex guards it. */
struct eddy__place {
  struct eddy__link link;
  uint64_t ticket; /* the line is in the order of tickets; odd: a thread's */
};

struct eddy__wait {
  union {
    struct {
      union {
        struct eddy__done done;   /* on the list of the object waited for */
        struct eddy__place place; /* in the line of one that is shared */
        struct eddy__post post;   /* called out of that line, on the way home */
      };
      void *object;
      eddy_value scratch; /* the waiting call's own: a deadline, a position, ... */
    };
    eddy_timer timer; /* of a wait for nothing but time: eddy__wait_until */
  };
  const struct eddy__wait_type *type;
  int status;    /* what the waiter is woken with */
  uint8_t state; /* beside each other: they are written together */
  bool granted;  /* the object woke it, whatever came after */
  bool resumed;  /* a stackless call is about to be made again */
  uint8_t phase; /* the waiting call's own: where it stands, if it waits several times */
};

struct eddy__scope; /* timeout.c */

enum eddy__task_kind { EDDY__TASK_STACKFUL, EDDY__TASK_COROUTINE };

/* What many tasks never need. */
struct eddy__task_more {
  char *name; /* NULL: "Task-<id>" */
  char *cancel_message;
  eddy_context *context;      /* referenced; NULL: empty */
  struct eddy__scope *scopes; /* timeout.c: the innermost one that is entered */
};

/* Numbers of tasks have 48 bits: they last for a task each microsecond for nine years. */
#define EDDY__TASK_IDS ((UINT64_C(1) << 48) - 1)

/* There may be millions: what is needed at different times only has one place. */
struct eddy_task {
  eddy_future future; /* first: a task is a future */
  struct eddy__wait wait;
  union {
    struct { /* stackful, before its first step */
      eddy_fn *fn;
      void *arg;
    };
    struct {                 /* stackful, since then */
      struct eddy__ctx here; /* where it is suspended */
      struct eddy__stack *stack;
    };
    eddy_coro *coro; /* stackless */
  };

  /* From `steps` to `link`: zero in a new task. */
  uint64_t steps;
  int saved_errno;
  bool started;
  bool must_cancel;
  bool swift; /* if it is suspended, nothing but a switch to its stack resumes it */
  bool plain; /* stackful, not closing, no must_cancel: nothing special when it waits */
  struct eddy__task_more *more; /* NULL: nothing of that */
  union {
    void (*unstarted)(void *arg); /* before its first step */
    eddy_op *op; /* since then: of the socket calls; NULL before the first that waits */
  };

  uint64_t id : 48;
  uint64_t spins : 16;  /* socket calls that did not wait, in a row */
  uint64_t parent : 48; /* id of the task that created it; 0: none */
  uint64_t kind : 8;
  uint64_t closing : 1; /* the loop is being closed: it may not wait any more */
  uint64_t asked : 1;   /* a request to cancel goes along */
  uint64_t inside : 1;  /* it is suspended in a generator, which its stack's record has */
  struct eddy__link link; /* on the loop's list of unfinished tasks */
  const char *site;
};

_Static_assert(
    sizeof(struct eddy__ctx) > sizeof(void *) || sizeof(struct eddy_task) <= 208,
    "a task has grown");

/* The task room's state on a loop. */
struct eddy__tasks {
  struct eddy__pool pool;
  struct eddy__ctx hub; /* where the loop's own stack waits while a task runs */
  uint64_t last_id;

  /* Tasks that other threads have called (shared.c), and the post that tells of them. */
  struct eddy__posts called;
  struct eddy__posted call;
  atomic_bool calling; /* the post is under way */

  /* A stack whose last task has ended, kept as it stands for the next unstarted one. */
  struct eddy__stack *spare;
  struct eddy__ctx entry; /* where that stack, or a new one, is entered for */
  eddy_task *entering;    /* this task */
};

/* ---- tasks.c: what the room keeps on a loop ---- */

/* Makes sure the loop has it: 0 or EDDY_ENOMEM. */
int eddy__tasks_open(eddy_loop *loop);

/* The unfinished task of this id, or NULL. Takes a look at each: for reports. */
eddy_task *eddy__task_by_id(const eddy_loop *loop, uint64_t id);

static inline struct eddy__tasks *eddy__tasks_of(const eddy_loop *loop)
{
  return loop->task_state;
}

/* ---- task.c ---- */

/* The task that this future is, or NULL. */
eddy_task *eddy__future_task(eddy_future *future);

/* What many tasks never need, made if there is none; NULL: no memory. */
struct eddy__task_more *eddy__task_extend(eddy_task *task);

/* The name it was given, or NULL. */
static inline const char *eddy__task_given_name(const eddy_task *task)
{
  return task->more != NULL ? task->more->name : NULL;
}

/* Remembers what the next EDDY_ECANCELLED will say; without memory, nothing. */
void eddy__task_set_cancel_message(eddy_task *task, const char *message);

/* What was remembered, to be freed; it is no more. NULL: nothing. */
char *eddy__task_take_cancel_message(eddy_task *task);

/* ---- trace.c: what a trace is told; of a loop that is traced ---- */

uint32_t eddy__task_trace_id(const eddy_task *task);
void eddy__task_trace_new(eddy_loop *loop, eddy_task *task);
void eddy__task_trace_run(eddy_loop *loop, eddy_task *task);
void eddy__task_trace_parked(eddy_loop *loop, eddy_task *task);
void eddy__task_trace_all(eddy_loop *loop);

void eddy__task_trace_ended(eddy_task *task, int rc);
void eddy__task_trace_cancel(eddy_task *task);
void eddy__task_trace_name(eddy_task *task);

/* Around a first step inside another step or callback. Returns, and is then given, who ran. */
uint32_t eddy__task_trace_enter(eddy_task *task);
void eddy__task_trace_leave(eddy_task *task, uint32_t outer);

/* ---- task_factory.c ---- */

/* Has the loop's factory make a task: 0 or the factory's error. */
int eddy__task_ask_factory(eddy_loop *loop, const eddy_task_body *body,
    const eddy_task_options *options, eddy_task **out);

/* ---- await.c ---- */

/* As eddy_await, for a call that describes its wait itself: `type` has the two functions below
 * for its cancel and resume, and task->wait.object is the future. */
int eddy__await_as(
    eddy_future *future, eddy_value *value, const struct eddy__wait_type *type);
bool eddy__await_cancel(eddy_task *task, const char *message);
int eddy__await_end(eddy_task *task, int rc);

/* The unfinished task that this one waits for, or NULL. */
eddy_task *eddy__task_awaited(const eddy_task *task);

/* The task that it waited for when it last ran, which it may have been woken from since. */
eddy_task *eddy__task_last_awaited(const eddy_task *task);

/* ---- step.c ---- */

/* The ring's function for a step of the task `arg`. */
int eddy__task_step(void *arg);

/* must_cancel, and what hangs on it. */
static inline void eddy__task_set_must_cancel(eddy_task *task, bool must_cancel)
{
  task->must_cancel = must_cancel;
  task->plain = task->kind == EDDY__TASK_STACKFUL && !task->closing && !must_cancel;
  if (must_cancel) task->swift = false;
}

/* Runs the first step of a task that was not queued, inside the step or callback that runs. */
void eddy__task_start(eddy_task *task);

/* Whose outcome is told of errors while the task runs on from where it is suspended. */
eddy_outcome *eddy__task_outcome(eddy_task *task);

/* What a call sees ahead that is about to wait. It looks before it puts its task on a list and
 * parks it: everything that runs next hangs on `next`, and a processor comes to that sooner if
 * what the parking stores is behind it. Nothing may be queued between that and leaving. */
struct eddy__ahead {
  eddy_loop *loop;
  const struct eddy__entry *entry; /* the head of the ring, if there is one */
  eddy_task *next;                 /* whose step it is, if it is a step */
};

EDDY__INLINE struct eddy__ahead eddy__look_ahead(void)
{
  eddy_loop *loop = eddy__self.loop;
  const struct eddy__entry *entry = eddy__loop_head(loop);
  return (struct eddy__ahead){loop, entry, entry->arg};
}

/* Leaves a suspended plain task's stack for whatever is to run next; returns the status with
 * which the task is resumed. What is ahead is not passed as one, which would be by memory. */
int eddy__task_leave(
    eddy_task *task, eddy_loop *loop, const struct eddy__entry *entry, eddy_task *next);

/* The same for any stackful task. */
int eddy__task_leave_slowly(eddy_task *task);

/* Ends a task: completes its future, lets the loop go of it. It must not be used after. */
void eddy__task_finish(eddy_task *task, int rc);

/* ---- wait.c ---- */

/* How a call that may wait begins. */
struct eddy__began {
  eddy_task *task;
  int rc;
  bool resumed;
};

/* The part of eddy__wait_begin for everything but a plain stackful task. */
struct eddy__began eddy__wait_begin_slowly(void);

/* The task that makes this call; NULL, with *rc set, where it cannot wait: outside a task
 * (EDDY_ENOTASK), or in one that is being closed (EDDY_EGENERATOREXIT). *resumed: the call
 * continues, and *rc is what the task was woken with; else *rc is 0.
 * Inline, so that no address of a local variable escapes: the compiler may then leave the
 * caller by a jump straight into the switch, and its return is not mispredicted. */
EDDY__INLINE eddy_task *eddy__wait_begin(bool *resumed, int *rc)
{
  eddy_task *task = eddy__self.task;
  if (task != NULL && task->plain) {
    *resumed = false;
    *rc = 0;
    return task;
  }
  struct eddy__began began = eddy__wait_begin_slowly();
  *resumed = began.resumed;
  *rc = began.rc;
  return began.task;
}

/* The part of eddy__wait for everything but a plain task, which is parked. */
int eddy__wait_slowly(eddy_task *task);

EDDY__INLINE void eddy__wait_park(eddy_task *task, const struct eddy__wait_type *type)
{
  task->wait.type = type;
  task->wait.status = 0;
  task->wait.state = EDDY__WAIT_PARKED;
  task->wait.granted = false;
}

/* As eddy__wait, with the rest of the wait record as the call has filled it. */
EDDY__INLINE int eddy__wait_filled(
    eddy_task *task, const struct eddy__wait_type *type, struct eddy__ahead ahead)
{
  eddy__wait_park(task, type);
  return task->plain ? eddy__task_leave(task, ahead.loop, ahead.entry, ahead.next)
                     : eddy__wait_slowly(task);
}

/* As eddy__wait, by a call that has looked ahead itself. */
EDDY__INLINE int eddy__wait_ahead(eddy_task *task, const struct eddy__wait_type *type,
    void *object, struct eddy__ahead ahead)
{
  task->wait.object = object;
  return eddy__wait_filled(task, type, ahead);
}

/* Parks the task. Returns the result of the wait, or EDDY_PENDING. */
EDDY__INLINE int eddy__wait(
    eddy_task *task, const struct eddy__wait_type *type, void *object)
{
  return eddy__wait_ahead(task, type, object, eddy__look_ahead());
}

/* In type.resume: parks the task once more. Returns EDDY_PENDING. */
int eddy__wait_again(eddy_task *task, const struct eddy__wait_type *type, void *object);

/* A stackful task goes on: the rest of the call that it waits in. Returns what it is resumed
 * with, or EDDY_PENDING if it waits again. */
EDDY__INLINE int eddy__wait_end(eddy_task *task, int status)
{
  bool waited = task->wait.state >= EDDY__WAIT_PARKED;
  task->wait.state = EDDY__WAIT_NONE;
  if (!waited || task->wait.type->resume == NULL) return status;
  return task->wait.type->resume(task, status);
}

/* The call that waits, for descriptions: the last word of `what`, "get" of "queue get". */
const char *eddy__wait_call(const eddy_task *task);

/* Only lets others run: queues the task's own step, which gets `status`, never
 * EDDY_ECANCELLED. */
int eddy__wait_turn(eddy_task *task, int status);

/* Waits for nothing but this time; task->wait.timer has it (EDDY_NEVER too). The cancel of the type
 * is eddy__wait_until_cancel, and its resume, or the call behind, begins with eddy__wait_until_end.
 * As eddy__wait; or EDDY_ENOMEM, and the task has not waited. */
int eddy__wait_until(
    eddy_task *task, const struct eddy__wait_type *type, eddy_time deadline);
bool eddy__wait_until_cancel(eddy_task *task, const char *message);
void eddy__wait_until_end(eddy_task *task);

/* Whether that is how the task waits. */
static inline bool eddy__waits_until(const eddy_task *task)
{
  return task->wait.state >= EDDY__WAIT_PARKED &&
         task->wait.type->cancel == eddy__wait_until_cancel;
}

/* Wakes a parked task: its step is queued, the wait ends with `status`. */
void eddy__wait_wake(eddy_task *task, int status);

/* As eddy__wait_wake, for a task whose wait record is on no list, or no more. */
void eddy__wait_woken(eddy_task *task, int status);

/* As eddy__wait_woken with 0, for a parked task that gets what it waits for. Returns 0, so that
 * a caller may end with it. */
int eddy__wait_grant(eddy_task *task);

/* The usual cancel: takes the task off the object's list and wakes it with EDDY_ECANCELLED. */
bool eddy__wait_cancel(eddy_task *task, const char *message);

/* The task whose wait record this is. */
static inline eddy_task *eddy__wait_task(struct eddy__done *done)
{
  return EDDY__ENTRY(done, eddy_task, wait.done);
}

#endif
