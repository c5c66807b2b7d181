/*
 * Coroutines: anything that can be sent to.
 *
 * A task drives a coroutine through this interface and cannot tell its kind. eddy brings two:
 * stackful ones (an ordinary C function on a stack of its own: eddy_create_task, eddy_gen)
 * and stackless ones (a function whose locals are fields of a struct, below). A program may
 * bring its own by filling in an eddy_coro_type.
 */
#ifndef EDDY_CORO_H
#define EDDY_CORO_H

#include <eddy/error.h>

typedef struct eddy_coro eddy_coro;

/** What a running coroutine leaves behind: its result, and its latest error's message. */
typedef struct eddy_outcome {
  eddy_value value;
  struct eddy_message *message; /* owned; NULL when nothing was raised */
} eddy_outcome;

/** The behaviour of a kind of coroutine. */
typedef struct eddy_coro_type {
  const char *name;

  /**
   * Resumes the coroutine until it yields, waits, returns or fails.
   *
   * in        what the suspended yield or wait gives inside; ignored at the first step.
   * error     0, or a code thrown in: the suspended yield or wait returns it.
   * out       the value yielded (0) or returned (EDDY_STOP); untouched otherwise.
   * Returns   0 yielded; EDDY_STOP ended; EDDY_PENDING parked in a call that waits, and the
   *           task that drives it is woken when to come again; or a negative error.
   */
  int (*send)(eddy_coro *self, eddy_value in, int error, eddy_value *out);

  /** Throws EDDY_EGENERATOREXIT in if it is suspended, and lets go of what it holds. */
  void (*close)(eddy_coro *self);
} eddy_coro_type;

/** The head of every coroutine. */
struct eddy_coro {
  const eddy_coro_type *type;
  eddy_outcome outcome;
};

/* ---- stackless coroutines ---- */

typedef struct eddy_frame eddy_frame;

/** The body of a stackless coroutine or generator; its first field is an eddy_frame. */
typedef int eddy_frame_fn(eddy_frame *frame);

/**
 * The first member of the struct that holds a stackless coroutine's variables.
 *
 * While the body runs, `in` and `error` are what the step brought in (eddy_gen's send and throw);
 * after the step, `out` is what the yield gave or the end returned. They share their place.
 */
struct eddy_frame {
  eddy_coro coro;
  eddy_frame_fn *fn;
  signed line : 24; /* where to go on: 0 not started, -1 ended */
  bool running;     /* a step is under way */
  int error;        /* thrown in with the latest step, else 0 */
  union {
    eddy_value in;
    eddy_value out;
  };
};

EDDY_BEGIN_DECLS

/**
 * Prepares a frame; nothing runs yet.
 *
 * Context   any thread.
 * frame     kept until the coroutine has ended; its memory stays the caller's.
 * fn        the body; it casts the frame back to its own struct.
 */
EDDY_API void eddy_frame_init(eddy_frame *frame, eddy_frame_fn *fn);

/**
 * The next value of a stackless generator (Python's next).
 *
 * asyncio   none; generator.__next__()
 * Context   any thread, one at a time; does not wait.
 * out       the value yielded, or on EDDY_STOP the value returned (zero after the first
 *           time); NULL to ignore it.
 * Returns   0; EDDY_STOP; EDDY_EBUSY (it is running); the error its body ended with.
 */
EDDY_API int eddy_frame_next(eddy_frame *frame, eddy_value *out);

/** As eddy_frame_next; `in` becomes the value of the yield it is suspended in.
 * Returns   also EDDY_EINVAL: a value other than zero before the first yield. */
EDDY_API int eddy_frame_send(eddy_frame *frame, eddy_value in, eddy_value *out);

/** As eddy_frame_next, but the yield it is suspended in reports `error`. A frame that was
 * not started ends with that error at once. */
EDDY_API int eddy_frame_throw(eddy_frame *frame, int error, eddy_value *out);

/**
 * Ends a suspended generator: its yield reports EDDY_EGENERATOREXIT so that it cleans up.
 *
 * Returns   0 (also when it has ended already); EDDY_ERUNTIME (the body yielded once more
 *           instead of ending; the frame counts as ended all the same); its own error.
 */
EDDY_API int eddy_frame_close(eddy_frame *frame);

EDDY_END_DECLS

/*
 * The body of a stackless coroutine stands between EDDY_BEGIN and EDDY_END:
 *
 *     static int countdown(eddy_frame *frame)
 *     {
 *       struct countdown *self = (struct countdown *)frame;
 *       EDDY_BEGIN(frame);
 *       for (; self->n > 0; self->n--) {
 *         EDDY_YIELD(frame, eddy_int(self->n));
 *         if (frame->error) break;
 *       }
 *       EDDY_END(frame);
 *     }
 *
 * Whatever outlives a yield or an await is a field of the struct, not a local variable. At
 * most one of these macros per source line, and none inside a `switch` of the body's own.
 */
#define EDDY_BEGIN(frame)                                                                \
  switch ((frame)->line) {                                                               \
  default:                                                                               \
    return EDDY_STOP;                                                                    \
  case 0:

/** Gives a value out; when resumed, frame->in and frame->error hold what was sent. */
#define EDDY_YIELD(frame, value)                                                         \
  do {                                                                                   \
    (frame)->out = (value);                                                              \
    (frame)->line = __LINE__;                                                            \
    return 0;                                                                            \
  case __LINE__:;                                                                        \
  } while (0)

/**
 * Waits in a stackless coroutine: `call` is any call of eddy that waits, or the body of
 * another frame (its rc is then EDDY_STOP and its value in that frame's `out`); it is made
 * again each time the task is woken, until it has an answer.
 */
#define EDDY_AWAIT(frame, rc, call)                                                      \
  do {                                                                                   \
    (frame)->line = __LINE__;                                                            \
    if (0) {                                                                             \
    case __LINE__:;                                                                      \
    }                                                                                    \
    (rc) = (call);                                                                       \
    if ((rc) == EDDY_PENDING) return EDDY_PENDING;                                       \
  } while (0)

/** Ends with a value, from anywhere in the body. */
#define EDDY_RETURN(frame, value)                                                        \
  do {                                                                                   \
    (frame)->out = (value);                                                              \
    (frame)->line = -1;                                                                  \
    return EDDY_STOP;                                                                    \
  } while (0)

/** Ends with an error, from anywhere in the body; with 0 it ends as EDDY_END does. */
#define EDDY_RAISE(frame, code)                                                          \
  do {                                                                                   \
    int eddy_code_ = (code);                                                             \
    (frame)->out.u = 0;                                                                  \
    (frame)->line = -1;                                                                  \
    return eddy_code_ < 0 ? eddy_code_ : EDDY_STOP;                                      \
  } while (0)

#define EDDY_END(frame)                                                                  \
  }                                                                                      \
  (frame)->out.u = 0;                                                                    \
  (frame)->line = -1;                                                                    \
  return EDDY_STOP

#endif
