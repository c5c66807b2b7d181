/*
 * Traces: every decision of a loop's scheduler, in order.
 *
 * With EDDY_TRACE=FILE in the environment each loop of the process writes one; `eddy trace
 * PROGRAM` does that and turns the file into what Perfetto and chrome://tracing open, and
 * `eddy diff` compares two. A loop can also be traced for a while, into a file or into a
 * function. A loop that is not traced pays nothing for it at a switch.
 *
 * In FILE the letters %p stand for the process's number. A child after fork that makes a loop
 * of its own writes FILE.NUMBER where the name has no %p. Several loops of a process, in one
 * thread or in several, share the file; each event says whose it is.
 *
 * A trace that cannot go on (no memory, a full disk) ends with a line on stderr; the program
 * does not notice.
 */
#ifndef EDDY_TRACE_H
#define EDDY_TRACE_H

#include <stddef.h>

#include <eddy/loop.h>

/** What an event tells. `task`, `other` and `value` are the fields of eddy_trace_event; a field
 * not named is 0. */
typedef enum eddy_trace_kind {
  /** The first: task: the process's number; other: EDDY_TRACE_FORMAT; value: EDDY_TRACE_MAGIC. */
  EDDY_TRACE_BEGIN = 1,
  /** A text of `value` bytes, which stand in the events behind it, has the number `other`. */
  EDDY_TRACE_TEXT,
  /** What the loop is: other: the text of its backend's name, with the reason if another one was
   * asked for; value: the process's number for the thread's loop, counted from 1. detail: 1 if its
   * time is virtual. */
  EDDY_TRACE_LOOP,
  /** A task exists: other: the task that created it, or 0; value: the texts of its name (low
   * 32 bits, 0: "Task-<number>") and of its creation site (high 32 bits). */
  EDDY_TRACE_TASK,
  /** A task was given the name `value`. */
  EDDY_TRACE_NAME,
  /** An iteration begins; value: which. */
  EDDY_TRACE_TURN,
  /** A task's step is queued, or (task 0) the callback `value`. detail: by whom (enum
   * eddy_trace_cause); other: the task, the descriptor, or the timer's number. */
  EDDY_TRACE_QUEUED,
  /** A task's step, or the callback `value`, begins. */
  EDDY_TRACE_RUN,
  /** The callback `value` is over; other: 1 if it returned an error. */
  EDDY_TRACE_RAN,
  /** A task's step is over and it waits: other: the text of what for, 0 for nothing but its
   * turn; value: which one: a task's number, a descriptor, an address (detail: enum
   * eddy_trace_object). */
  EDDY_TRACE_PARKED,
  /** A task is over: value: its code, 0 if it has a result. */
  EDDY_TRACE_ENDED,
  /** A task is asked to end; other: by which task, or 0. */
  EDDY_TRACE_CANCEL,
  /** The timer `other` is booked for the time `value`; task: by whom. */
  EDDY_TRACE_BOOKED,
  /** The timer `other`, booked for the time `value`, was found due. */
  EDDY_TRACE_FIRED,
  /** The timer `other`, booked for the time `value`, was taken back. */
  EDDY_TRACE_STOPPED,
  /** The backend is asked, and may sleep for `value` nanoseconds (EDDY_NEVER: for ever). */
  EDDY_TRACE_POLL,
  /** It has answered; other: how many operations can go on. */
  EDDY_TRACE_POLLED,
  /** The operation on the descriptor `other` can go on; detail: its kind (eddy_op_kind). */
  EDDY_TRACE_SIGNALLED,
  /** An operation on the descriptor `other` was tried, by `task`: value: 0, EDDY_PENDING or a
   * code; detail: its kind (eddy_op_kind). */
  EDDY_TRACE_TRIED,
  /** At the end: the counter `other` (enum eddy_trace_counter) has grown by `value` meanwhile. */
  EDDY_TRACE_COUNTED,
} eddy_trace_kind;

/** Who queued something. */
enum eddy_trace_cause {
  EDDY_TRACE_BY_OUTSIDE, /* while the loop did not run */
  EDDY_TRACE_BY_TASK,
  EDDY_TRACE_BY_CALLBACK,
  EDDY_TRACE_BY_THREAD, /* another one */
  EDDY_TRACE_BY_IO,
  EDDY_TRACE_BY_TIMER,
};

/** What the value of EDDY_TRACE_PARKED is. */
enum eddy_trace_object {
  EDDY_TRACE_NOTHING,
  EDDY_TRACE_OBJECT, /* an address: two at one time are the same if theirs are */
  EDDY_TRACE_A_TASK,
  EDDY_TRACE_A_DESCRIPTOR,
};

/** What EDDY_TRACE_COUNTED counts: the fields of eddy_loop_stats. */
enum eddy_trace_counter {
  EDDY_TRACE_ITERATIONS,
  EDDY_TRACE_POLLS,
  EDDY_TRACE_STEPS,
};

#define EDDY_TRACE_FORMAT 1
#define EDDY_TRACE_MAGIC 0x6564647974726331u

/** An event. Files hold them packed, some ten bytes each. */
typedef struct eddy_trace_event {
  /** Of the loop's clock, which is read where something ends (a step, a callback, a
   * poll): what a step does has the time of its beginning. */
  eddy_time time;
  uint32_t task; /* its number: tasks of a loop count from 1 */
  uint32_t other;
  uint64_t value;
  uint32_t loop; /* loops of a process count from 1 */
  uint8_t kind;  /* eddy_trace_kind */
  uint8_t detail;
  uint16_t reserved;
} eddy_trace_event;

/** Takes events in, in order; a text's bytes always follow it in the same call. It runs inside
 * the loop, on any task's stack, and calls nothing of eddy's. Returns 0, or a negative code,
 * which ends the trace. */
typedef int eddy_trace_sink(void *arg, const eddy_trace_event *events, size_t count);

/** Where a trace goes: either a file or a function. */
typedef struct eddy_trace_options {
  const char *file; /* begun anew; with %p as above */
  eddy_trace_sink *sink;
  void *arg;
  /** How many events are kept before they are handed on, as they also are when the loop is about
   * to sleep or `file` has none for long; 0: 4096. At least 64. */
  size_t buffer;
} eddy_trace_options;

EDDY_BEGIN_DECLS

/**
 * Traces a loop from now on. Its unfinished tasks are told first.
 *
 * asyncio   none.
 * Context   the loop's thread.
 * options   borrowed.
 * Returns   0; EDDY_EBUSY (it is traced already); EDDY_ENOMEM; EDDY_ECLOSED; EDDY_EOTHERTHREAD
 *           (inherited by fork); EDDY_EINVAL (neither a file nor a function, or both); the
 *           system's code if the file cannot be opened.
 * Cost      while it is traced, some tens of nanoseconds an event.
 */
EDDY_API EDDY_NODISCARD int eddy_loop_trace_start(
    eddy_loop *loop, const eddy_trace_options *options);

/** Ends a trace: what is kept is handed on and the file closed. Closing the loop does the same.
 * Returns 0, also when there is none; the code with which it had ended early. Loop thread; not in
 * a sink. */
EDDY_API int eddy_loop_trace_stop(eddy_loop *loop);

EDDY_END_DECLS

#endif
