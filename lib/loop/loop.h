/* The loop's inside, shared by the rooms above it. */
#ifndef EDDY_LOOP_LOOP_H
#define EDDY_LOOP_LOOP_H

#include <eddy/backend.h>
#include <eddy/coro.h>
#include <eddy/handle.h>
#include <eddy/loop.h>
#include <eddy/task_factory.h>
#include <eddy/trace.h>

#include "base/alloc.h"
#include "base/attributes.h"
#include "base/fds.h"
#include "base/list.h"
#include "base/pool.h"
#include "base/post.h"

/* A callback that is ready. fn NULL: it was dropped while it waited for its turn. */
struct eddy__entry {
  eddy_fn *fn;
  void *arg;
};

/*
 * The ready FIFO is a ring. Whatever may queue an entry makes a booking first, when that can
 * still be refused: a callback when it is scheduled, a timer or an operation when it starts,
 * a task when it is created. Queueing itself therefore never fails. The booking is over when
 * the entry's turn has passed; a task takes its own again at once, for as long as it lives.
 */
struct eddy__ring {
  struct eddy__entry *entries;
  size_t mask;     /* capacity - 1 */
  size_t capacity; /* a power of two, at least `bookings` */
  size_t bookings;
  uint64_t head; /* positions count up for ever; the index is position & mask */
  uint64_t tail;
  uint64_t renewed; /* where head was when the entries' memory was new */
};

enum eddy__timer_state {
  EDDY__TIMER_IDLE = 0,
  EDDY__TIMER_BOOKED, /* with the scheduler */
  EDDY__TIMER_QUEUED, /* due; its entry is in the ring at `position` */
};

enum eddy__op_state {
  EDDY__OP_IDLE = 0,
  EDDY__OP_PENDING,
  EDDY__OP_SIGNALLED, /* on the loop's list of arrivals */
  EDDY__OP_QUEUED,    /* its entry is in the ring at `position` */
  EDDY__OP_RAN,       /* its entry has run: it is to be finished or cancelled */
  EDDY__OP_DEFERRED,  /* not started; its entry is in the ring at `position` */
};

/* How the loop asks the task room; set when the first task is made on the loop. */
struct eddy__loop_hooks {
  eddy_fn
      *step; /* an entry with this function is a step of the task that is its argument */
  /* Ends every unfinished task; the loop is being closed. */
  void (*close_tasks)(eddy_loop *loop);
  /* Fills in what the loop does not know itself. */
  void (*stats)(const eddy_loop *loop, eddy_loop_stats *stats);
  /* Gives some memory of past bursts back; called before a sleep. Whether there is more. */
  bool (*trim)(eddy_loop *loop);
  /* Where a task's context stands; NULL: it has no place for one, or no memory to make it. */
  eddy_context **(*context)(eddy_task *task, bool make);
  /* Frees the room's memory on the loop, when the last object that points here has gone. */
  void (*free_tasks)(eddy_loop *loop);

  /* For a loop that is traced. A task's number; its step was queued, perhaps for the first time;
   * it runs; it has run and is not over; every task there is. */
  uint32_t (*trace_id)(const eddy_task *task);
  void (*trace_new)(eddy_loop *loop, eddy_task *task);
  void (*trace_run)(eddy_loop *loop, eddy_task *task);
  void (*trace_parked)(eddy_loop *loop, eddy_task *task);
  void (*trace_all)(eddy_loop *loop);
};

/* Why an entry that is queued is to be told of at once (eddy__loop_nudge). */
enum eddy__nudge {
  EDDY__NUDGE_AWAY = 1, /* it must keep the poll, or the host's loop, from sleeping */
  EDDY__NUDGE_TRACE = 2,
};

/* Something that only a callback still to come would let go of; if the loop is closed before
 * that, `discard` does. */
struct eddy__owned {
  struct eddy__link link;
  void (*discard)(struct eddy__owned *owned); /* off the list when it is called */
};

/* A callback from another thread. With `discard` its memory is the poster's, until fn(arg) runs
 * or, if the loop is closed before that, `discard` is called. */
struct eddy__posted {
  struct eddy__post post;
  eddy_fn *fn;
  void *arg;
  eddy_context *context; /* referenced; in which it runs, or NULL */
  void (*discard)(struct eddy__posted *posted); /* NULL: freed when it is taken in */
};

/* A callback that can be cancelled, in a block of the loop's pool of handles. One reference is
 * the loop's while the timer is not idle: until it runs or is cancelled. */
struct eddy_handle {
  eddy_timer timer; /* of eddy_loop_call_soon: never booked, only its position is used */
  eddy_fn *fn;
  void *arg;
  uint32_t refs;
  bool cancelled;
  eddy_context *context; /* referenced; in which it runs, or NULL: an empty one */
};

struct eddy_loop {
  /* Hot: touched at every step. */
  struct eddy__ring ring;
  uint64_t turn_end; /* the position up to which this iteration runs */
  uint64_t
      poll_at; /* the first boundary at or behind this position polls; 0: the next one */
  bool direct; /* a step may go straight to the next one (eddy__loop_set_pace) */
  bool stopping;
  bool running;
  atomic_bool closed;
  int *errno_place;  /* of the thread that runs it */
  eddy_time clock;   /* as read after the last poll */
  eddy_time polled;  /* the same, if at the last boundary there was a poll */
  eddy_time seen;    /* as last read by anyone */
  eddy_time trimmed; /* when memory was last given back */
  eddy_time
      earliest; /* no timer is due before; <= seen: one may be due now, so poll_at is 0 */
  struct eddy__posts posts;
  struct eddy__post *taken; /* posts taken in that the ring had no memory for yet */
  uint64_t iterations;
  uint64_t steps;
  size_t tasks;

  const eddy_scheduler *scheduler;
  const eddy_io *io;
  void *scheduler_state;
  void *io_state;
  const char *backend_name;
  const char *backend_reason;
  uint64_t sequence;

  eddy_op *arrived; /* signalled operations, in order */
  eddy_op **arrived_tail;
  struct eddy__link owned;
  struct eddy__fds watches; /* of add_reader and add_writer */
  struct eddy__fds claimed; /* descriptors that transports use, until they close */
  struct eddy__link signals;
  struct eddy__link failed; /* futures that ended with an error and still exist */
  size_t operations;        /* not idle */
  size_t user_signals;
  atomic_size_t holds;
  size_t buffers;         /* lent to streams (lib/io/block.h) */
  atomic_size_t visitors; /* other threads inside a call, which close waits for */

  struct eddy__pool handles;
  struct eddy__pool ops;
  size_t refs; /* one for the user, one for every object that points here */

  eddy_outcome outcome; /* what the running callback raised */
  eddy_exception_handler *exception_handler;
  void *exception_arg;
  eddy_time slow_callback;
  bool debug;
  bool
      special; /* closed, inherited, or in debug mode: scheduling calls look more closely */
  bool inherited; /* by fork: it is the parent's */
  bool guest;     /* a host runs us */
  bool in_turn;
  bool watched;     /* in debug mode or traced: what runs is looked at */
  uint8_t nudge;    /* enum eddy__nudge */
  bool polls_often; /* the last batch was slow: poll at every boundary, but see polled */
  bool reported;    /* the deadlock report was printed */
  long process;
  struct eddy__link everywhere; /* on the list of all loops (fork.c) */
  const void *thread; /* the thread it runs in (the address of its eddy__self), or NULL */
  const void *maker;  /* the thread that made it */
  eddy_context *callers_context; /* while it runs: what the thread goes back to */
  uint64_t polls;
  struct eddy__trace *trace; /* NULL: it is not traced */

  /* The task room's. */
  const struct eddy__loop_hooks *hooks;
  struct eddy__link all_tasks;
  struct eddy__stacks *stacks;
  size_t stack_size;
  bool overflow_report;
  void *task_state;
  eddy_task_factory *task_factory; /* NULL: eddy_task_new */
  void *task_factory_arg;
  unsigned eager;    /* eager first steps under way, one inside another */
  unsigned creators; /* tasks inside whose steps these are */

  /* The io room's. */
  void *executor; /* the default one's record, on `owned`; or NULL */
  bool executor_ended;
  void *lanes; /* its executors for calls of the library's own, on `owned`; or NULL */
  void *net;   /* struct eddy__net, once there was a transport or a server */
};

/* ---- loop.c ---- */

/* Objects that point to the loop keep its memory. */
static inline void eddy__loop_ref(eddy_loop *loop)
{
  loop->refs++;
}

void eddy__loop_free_memory(eddy_loop *loop);

static inline void eddy__loop_unref(eddy_loop *loop)
{
  if (--loop->refs == 0) eddy__loop_free_memory(loop);
}

/* Why a loop takes no work from this thread: EDDY_EINVAL (NULL), EDDY_ECLOSED,
 * EDDY_EOTHERTHREAD (inherited by fork; or in debug mode); or 0. */
int eddy__loop_refusal(const eddy_loop *loop);

/* 0 if the loop takes work from this thread, else why not. */
static inline int eddy__loop_usable(const eddy_loop *loop)
{
  if (loop != NULL && !loop->special) return 0;
  return eddy__loop_refusal(loop);
}

static inline void eddy__loop_own(eddy_loop *loop, struct eddy__owned *owned,
    void (*discard)(struct eddy__owned *owned))
{
  owned->discard = discard;
  eddy__list_append(&loop->owned, &owned->link);
}

/* Begins what another thread does with the io half; false if the loop is closed or inherited
 * by fork. Until the end of the visit the loop is neither closed nor freed. */
static inline bool eddy__loop_visit(eddy_loop *loop)
{
  atomic_fetch_add(&loop->visitors, 1);
  return !loop->closed && !loop->inherited;
}

static inline void eddy__loop_visit_end(eddy_loop *loop)
{
  atomic_fetch_sub(&loop->visitors, 1);
}

/* Reads the clock. */
static inline eddy_time eddy__loop_now(eddy_loop *loop)
{
  loop->seen = loop->io->now(loop->io_state);
  if (loop->earliest <= loop->seen) loop->poll_at = 0;
  return loop->seen;
}

/* Sets `direct` and `watched`: debug mode, an eager step or a trace has begun or ended. */
static inline void eddy__loop_set_pace(eddy_loop *loop)
{
  loop->watched = loop->debug || loop->trace != NULL;
  loop->direct = !loop->watched && loop->eager == 0;
}

/* ---- fork.c ---- */

/* From now on a child after fork finds the loop marked as inherited: 0 or EDDY_ENOMEM. */
int eddy__fork_watch(eddy_loop *loop);
void eddy__fork_unwatch(eddy_loop *loop);

/* ---- iteration.c ---- */

enum eddy__run_mode {
  EDDY__RUN_UNTIL_IDLE,     /* ends when nothing can happen any more */
  EDDY__RUN_UNTIL_COMPLETE, /* ends by stop; a deadlock is an error */
  EDDY__RUN_FOREVER,        /* ends by stop only */
};

/* 0 if this thread may run it now, else why not: EDDY_ERUNNING, EDDY_ECLOSED, EDDY_EOTHERTHREAD,
 * EDDY_EINVAL. */
int eddy__loop_may_run(const eddy_loop *loop);

/* Runs in this thread: 0, EDDY_EDEADLOCK, or why it cannot run. */
int eddy__loop_run(eddy_loop *loop, enum eddy__run_mode mode);

/* ---- handle.c ---- */

/* Posts from any thread, without an allocation: 0 or EDDY_ECLOSED. Its context goes when it has
 * run or is discarded. The loop must not be freed
 * meanwhile. */
int eddy__loop_post(eddy_loop *loop, struct eddy__posted *posted);

/* Queues what other threads posted; what finds no memory stays for the next time. */
void eddy__posts_collect(eddy_loop *loop);
void eddy__posts_discard(eddy_loop *loop);

/* Takes out the oldest post that there was no memory for, to be run at once; false if there
 * is room for it now. There must be one. */
bool eddy__posts_take_stranded(eddy_loop *loop, struct eddy__entry *out);

/* What the ring runs for a callback that has a handle. */
int eddy__handle_run(void *timer);

/* Lets go of the handles that are booked or queued: the loop is being closed. */
void eddy__handles_discard(eddy_loop *loop);

/* Whether a post waits to be taken in. */
static inline bool eddy__posts_waiting(const eddy_loop *loop)
{
  return !eddy__posts_empty(&loop->posts) || loop->taken != NULL;
}

/* ---- ready.c: the ring ---- */

/* A ring of twice the size: 0 or EDDY_ENOMEM. */
int eddy__ready_grow(eddy_loop *loop);

/* Makes room for one more entry: 0 or EDDY_ENOMEM. */
static inline int eddy__loop_book(eddy_loop *loop)
{
  if (loop->ring.bookings == loop->ring.capacity) {
    int rc = eddy__ready_grow(loop);
    if (rc < 0) return rc;
  }
  loop->ring.bookings++;
  return 0;
}

/* Gives a booking back that no entry was queued for. */
static inline void eddy__loop_unbook(eddy_loop *loop)
{
  loop->ring.bookings--;
}

/* Makes room for `count` entries, or for none. */
static inline int eddy__loop_book_many(eddy_loop *loop, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    int rc = eddy__loop_book(loop);
    if (rc == 0) continue;
    loop->ring.bookings -= i;
    return rc;
  }
  return 0;
}

/* An entry was queued, and loop->nudge is not 0: by whoever runs while the loop does not (a
 * callback of another libuv user), so that the poll under way, or the host's loop, must not sleep;
 * or it is to be traced. */
void eddy__loop_nudge(eddy_loop *loop);

/* Queues the entry of a booking; returns its position. */
EDDY__INLINE uint64_t eddy__loop_push(eddy_loop *loop, eddy_fn *fn, void *arg)
{
  struct eddy__entry *entry = &loop->ring.entries[loop->ring.tail & loop->ring.mask];
  entry->fn = fn;
  entry->arg = arg;
  uint64_t position = loop->ring.tail++;
  if (loop->nudge != 0) eddy__loop_nudge(loop);
  return position;
}

/* How many tasks are neither running nor queued. Looks at everything queued. */
size_t eddy__ready_parked(const eddy_loop *loop);

/* Gives memory back after a burst; drops everything. */
void eddy__ready_shrink(eddy_loop *loop);
void eddy__ready_clear(eddy_loop *loop);

/* Takes a queued entry back: its turn passes without anything being run. */
void eddy__loop_drop(eddy_loop *loop, uint64_t position);

/* Whether the next iteration may begin without polling; begins it (iteration.c). */
bool eddy__loop_next_turn(eddy_loop *loop);

static inline void eddy__loop_begin_turn(eddy_loop *loop)
{
  loop->turn_end = loop->ring.tail;
  loop->iterations++;
}

/* Whether the next iteration may begin at once, with nothing to take in. */
EDDY__INLINE bool eddy__loop_turn_is_due(const eddy_loop *loop)
{
  return loop->ring.head < loop->poll_at && loop->ring.head != loop->ring.tail &&
         eddy__posts_empty(&loop->posts);
}

EDDY__INLINE struct eddy__entry *eddy__loop_head(eddy_loop *loop)
{
  return &loop->ring.entries[loop->ring.head & loop->ring.mask];
}

/* The next entry of this iteration (of the next one, if that may begin without polling), or
 * NULL when the loop has to poll. It stays queued. */
static inline struct eddy__entry *eddy__loop_peek(eddy_loop *loop)
{
  if (loop->ring.head == loop->turn_end && !eddy__loop_next_turn(loop)) return NULL;
  return eddy__loop_head(loop);
}

/* Whether eddy__loop_head is what eddy__loop_peek would give. Says no where more has to be done
 * than to look: it calls nothing, so that its caller needs no stack frame. */
EDDY__INLINE bool eddy__loop_in_turn(eddy_loop *loop)
{
  if (loop->ring.head != loop->turn_end) return true;
  if (!eddy__loop_turn_is_due(loop)) return false;
  eddy__loop_begin_turn(loop);
  return true;
}

/* Takes the entry just looked at; its booking stays. */
EDDY__INLINE void eddy__loop_pop(eddy_loop *loop)
{
  loop->ring.head++;
}

/* ---- timer.c ---- */

/* A timer that queues fn(timer) when it is due. It has a booking while it is not idle. */
void eddy__timer_init(eddy_timer *timer, eddy_fn *fn);

/* Books an idle timer: 0 or EDDY_ENOMEM. EDDY_NEVER: it stays idle. */
int eddy__timer_start(eddy_loop *loop, eddy_timer *timer, eddy_time deadline);

/* Makes it idle, whatever it was; its callback does not run. */
void eddy__timer_stop(eddy_loop *loop, eddy_timer *timer);

/* Queues an idle timer's entry now, for a booking made before: a callback that may be due at
 * any time, as a future's, and that eddy__timer_stop takes back. */
static inline void eddy__timer_queue(eddy_loop *loop, eddy_timer *timer)
{
  timer->position = eddy__loop_push(loop, timer->fn, timer);
  timer->state = EDDY__TIMER_QUEUED;
}

/* The first thing in a timer's callback: it is idle now. */
static inline void eddy__timer_ran(eddy_timer *timer)
{
  timer->state = EDDY__TIMER_IDLE;
}

/* Queues the entries of the timers that are due by the clock as last read. */
void eddy__timers_collect(eddy_loop *loop);

/* ---- operation.c ---- */

/* An idle operation record with the backend's bytes behind it, or NULL. */
eddy_op *eddy__op_new(eddy_loop *loop);
void eddy__op_free(eddy_loop *loop, eddy_op *op);

/* Starts it: 0, a code (EDDY_ENOMEM too), or EDDY_PENDING, and fn(arg) will be queued once. */
int eddy__op_start(eddy_loop *loop, eddy_op *op, eddy_fn *fn, void *arg);

/* After fn was called: as eddy__op_start. */
int eddy__op_finish(eddy_loop *loop, eddy_op *op);

/* Has the loop call fn(arg) at its next iteration, which makes the operation idle first: for what
 * can be started now but is better done with what the callbacks until then add. 0 or ENOMEM. */
int eddy__op_defer(eddy_loop *loop, eddy_op *op, eddy_fn *fn, void *arg);

/* Forgets it, whatever its state; does nothing to an idle one. */
void eddy__op_cancel(eddy_loop *loop, eddy_op *op);

/* The first thing in an operation's callback: it is pending no more, finish or cancel it. */
void eddy__op_ran(eddy_loop *loop, eddy_op *op);

/* Queues the entries of what the poll signalled, in order. */
void eddy__ops_collect(eddy_loop *loop);

/* ---- claim.c ---- */

/* Whether a transport uses the descriptor, so that nothing else may wait for it. */
static inline bool eddy__fd_is_claimed(const eddy_loop *loop, int fd)
{
  return loop->claimed.count > 0 && eddy__fds_find(&loop->claimed, fd) != NULL;
}

/* 0, or EDDY_EBUSY in words if it is so. */
int eddy__fd_refusal(const eddy_loop *loop, const char *call, int fd);

/* ---- watch.c, signal.c ---- */
void eddy__watches_close(eddy_loop *loop);
/* Removes the watches of a descriptor that is about to be closed. */
void eddy__watches_forget(eddy_loop *loop, int fd);
void eddy__signals_close(eddy_loop *loop);
void eddy__signal_caught(eddy_loop *loop, int signum);

/* As eddy_loop_add_signal_handler, for the runner: the handler is not counted as something
 * the program waits for. */
int eddy__signal_add(eddy_loop *loop, int signum, eddy_fn *fn, void *arg, bool counted);

/* ---- trace.c ---- */

/* Traces the loop; `shared`: the file is the process's. 0 or a code. */
int eddy__trace_begin(
    eddy_loop *loop, const struct eddy_trace_options *options, bool shared);

/* ---- exception.c ---- */

/* Reports a failed callback or an error nobody took. `task`, `future`, `site` may be NULL. */
void eddy__loop_report(eddy_loop *loop, const char *message, int error,
    const char *detail, eddy_task *task, eddy_future *future, const char *site);

/* ---- declared here, defined in rooms above ---- */

/* Prints the headline and a line for each stuck task to stderr (inspect/report.c). */
void eddy__report_deadlock(const eddy_loop *loop, const char *headline);

/* Reports the errors of failed futures that nobody has read: the loop is being closed
 * (task/future.c). */
void eddy__futures_report(eddy_loop *loop);

/* The name of the pair that a loop gets which asks for none (backend/registry.c). */
extern const char *const eddy__backend_usual;

/* The built-in pair of this name; NULL, with the reason raised, if there is none
 * (backend/registry.c). */
const eddy_backend *eddy__backend_find(const char *name);

#endif
