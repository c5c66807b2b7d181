/*
 * The backend interface: what a loop needs of the world.
 *
 * A backend is a pair. The scheduler keeps timers; the io half sleeps until something
 * happens, carries out operations on sockets, wakes from other threads and tells the time.
 * The ready queue is the loop's own: a half never runs user code, it only hands over what
 * is due (take_due) and what has happened (eddy_backend_signal, ...); the loop queues both
 * and runs them in its own step, in the order eddy/loop.h promises.
 *
 * A program's own backend is given to eddy_loop_new in eddy_loop_options.custom.
 *
 * All functions are called on the loop's thread, except eddy_io.wake.
 */
#ifndef EDDY_BACKEND_H
#define EDDY_BACKEND_H

#include <eddy/loop.h>
#include <eddy/sock.h>

/* ---- timers ---- */

/** What a scheduler may keep in a timer. */
union eddy_timer_place {
  size_t index;
  void *pointer;
};

/** A booked deadline, embedded in whatever waits for it. */
typedef struct eddy_timer {
  eddy_time deadline;
  uint64_t sequence; /* booking order, which it grows in; ties run by it */
  union {
    union eddy_timer_place
        place;         /* the scheduler's own between add and remove or take_due */
    uint64_t position; /* the loop's, after that */
  };
  /* The loop's: what to queue when it is due, with the timer as its argument. */
  eddy_fn *fn;
  int state;
} eddy_timer;

/** The scheduler half. */
typedef struct eddy_scheduler {
  const char *name;
  size_t loop_size; /* bytes of state per loop; the core embeds them, zeroed */

  /** Prepares the state. Returns 0 or a code. */
  int (*open)(void *self, eddy_loop *loop);
  /** Lets go of everything; no timer is booked any more. */
  void (*close)(void *self);
  /** Books a timer (deadline and sequence are set). Returns 0 or EDDY_ENOMEM. */
  int (*add)(void *self, eddy_timer *timer);
  /** Takes a booked timer out. */
  void (*remove)(void *self, eddy_timer *timer);
  /** Takes out the next timer with a deadline at or before `now`, by (deadline, sequence);
   * NULL if none is due. With EDDY_NEVER any timer is: a loop being closed drops the rest. */
  eddy_timer *(*take_due)(void *self, eddy_time now);
  /** The earliest deadline; EDDY_NEVER without timers. */
  eddy_time (*next)(void *self);
  /** How many timers are booked. */
  size_t (*count)(void *self);
} eddy_scheduler;

/* ---- operations ---- */

typedef enum eddy_op_kind {
  EDDY_OP_READABLE, /* wait until a read would not block */
  EDDY_OP_WRITABLE,
  EDDY_OP_RECV,    /* buffer, size -> result: bytes */
  EDDY_OP_SEND,    /* buffer, size -> result: bytes */
  EDDY_OP_ACCEPT,  /* address (or NULL) -> result: descriptor */
  EDDY_OP_CONNECT, /* address */
  EDDY_OP_READ,    /* as RECV, for what pipe_open has prepared and is no socket */
  EDDY_OP_WRITE,   /* as SEND, likewise */
  /* Datagrams; each is taken or sent as a whole. */
  EDDY_OP_RECVFROM, /* buffer, size, address (or NULL) -> result: bytes, address; EDDY_EMSGSIZE:
                         it was cut, and is gone */
  EDDY_OP_SENDTO, /* buffer, size, address (NULL: the connected one) -> result: bytes */
  EDDY_OP_RECV_BATCH, /* buffer: eddy_datagram[], size: how many -> result: how many */
  EDDY_OP_SENDFILE, /* buffer: eddy_file_part, size: bytes at most -> result: bytes, 0 at the end
                         of the file; EDDY_ENOTSUP: the caller has to read and send */
} eddy_op_kind;

/** What pipe_open found. */
typedef enum eddy_pipe_kind {
  EDDY_PIPE_FIFO,
  EDDY_PIPE_SOCKET,
  EDDY_PIPE_DEVICE, /* a terminal, ... */
} eddy_pipe_kind;

/** How an operation differs from the usual one. */
enum eddy_op_flags {
  /** SEND, WRITE, ACCEPT: never pending: start answers EDDY_EAGAIN where it would wait. */
  EDDY_OP_NOWAIT = 1,
  /** RECV, SEND, READ, WRITE, ACCEPT: start does not try but waits until it can be done, which may be so
   * already. buffer and size are set only before finish: an idle connection has no buffer. */
  EDDY_OP_LATER = 2,
};

/** What an EDDY_OP_SENDFILE sends from. */
typedef struct eddy_file_part {
  int file;
  int64_t offset;
} eddy_file_part;

/**
 * One operation on a descriptor. The caller fills in the first block, calls start, and
 * finish each time the operation was signalled, until it answers something else than
 * EDDY_PENDING. `op_size` bytes for the backend follow the struct.
 */
typedef struct eddy_op {
  eddy_op_kind kind;
  int fd;
  int status;     /* the backend's, while it is pending: what happened */
  uint16_t flags; /* enum eddy_op_flags */
  uint16_t state; /* the loop's */
  void *buffer;   /* SEND does not write to it */
  size_t size;
  eddy_address *address;
  union {
    int64_t result;           /* set by the start or the finish that carries it out */
    struct eddy_op **arrival; /* the loop's, while it is signalled: what points to it */
  };
  union {
    struct eddy_op *next; /* the backend's, while it is pending: a link */
    uint64_t position;    /* the loop's, after that */
  };
  /* The loop's: what to queue when it is signalled. */
  eddy_fn *fn;
  void *arg;
} eddy_op;

enum eddy_io_features {
  EDDY_IO_VIRTUAL_TIME = 1, /* polling costs nothing and time stands still meanwhile: the
                               loop polls at every boundary */
};

/** The io half. */
typedef struct eddy_io {
  const char *name;
  unsigned features;
  size_t loop_size; /* bytes of state per loop; the core embeds them, zeroed */
  size_t op_size;   /* bytes per operation, behind eddy_op */

  /** Prepares the state. options has a host's loop, if there is one. Returns 0 or a code. */
  int (*open)(void *self, eddy_loop *loop, const eddy_loop_options *options);
  /** Lets go of everything; no operation or signal is pending any more. */
  void (*close)(void *self);
  /** The clock, in nanoseconds, read afresh. */
  eddy_time (*now)(void *self);
  /** Waits at most `timeout` (0: not at all; EDDY_NEVER: for ever) until an operation, a
   * signal or wake, and reports what happened through the functions below. May return
   * early with nothing. */
  void (*poll)(void *self, eddy_time timeout);
  /** Ends a poll under way, or the next one, at once. Any thread. Sending it twice before a
   * poll ends is one wake. */
  void (*wake)(void *self);

  /** Tries the operation. Returns 0 (done, result is set), a code, or EDDY_PENDING: it will
   * be signalled. (Flags change that.) EDDY_EBUSY: that direction of the descriptor has a waiter. */
  int (*start)(void *self, eddy_op *op);
  /** After a signal: as start. */
  int (*finish)(void *self, eddy_op *op);
  /** Forgets a pending operation, signalled or not; afterwards neither the operation nor its
   * buffer is touched, and nothing was consumed that the next operation will not see. */
  void (*cancel)(void *self, eddy_op *op);

  /* Sockets: as the eddy_sock_ calls of the same names. */
  int (*sock_open)(void *self, const eddy_address *address, int *fd);
  /** NULL: EDDY_ENOSYS. */
  int (*sock_open_datagram)(void *self, const eddy_address *address,
      const eddy_datagram_options *options, int *fd);
  int (*sock_pair)(void *self, int fds[2]);
  int (*sock_listen)(void *self, const eddy_address *address,
      const eddy_listen_options *options, int *fd);
  /** Gives a socket its own address. NULL: not supported. */
  int (*sock_bind)(void *self, int fd, const eddy_address *address);
  int (*sock_name)(void *self, int fd, bool peer, eddy_address *out);
  int (*sock_shutdown)(void *self, int fd, eddy_shutdown how);
  /** Closes; pending operations are signalled and finish with EDDY_EBADF. */
  int (*sock_close)(void *self, int fd);
  /** A socket made elsewhere is this loop's from now on: it is made non-blocking, and what is known
   * of its number, of another socket that had it, is forgotten. NULL: it makes no difference.
   * Returns 0; EDDY_EBUSY (an operation is pending on it); EDDY_EBADF; EDDY_ENOTSOCK. */
  int (*sock_adopt)(void *self, int fd);
  /** It is this loop's no more, and stays open. NULL: it makes no difference. Returns 0;
   * EDDY_EBUSY. */
  int (*sock_disown)(void *self, int fd);

  /** Prepares a descriptor made elsewhere for READ and WRITE (a socket: RECV and SEND), and
   * says what it is. Returns 0; EDDY_EINVAL (a file, a directory, ...: always ready);
   * EDDY_EBADF; ... NULL: there are none here. */
  int (*pipe_open)(void *self, int fd, eddy_pipe_kind *kind);

  /** Starts reporting a signal with eddy_backend_caught. Returns 0 or a code. */
  int (*signal_start)(void *self, int signum);
  void (*signal_stop)(void *self, int signum);

  /** Whether anything outside this loop's own tasks can still cause an event: a pending
   * operation on a kernel descriptor, a handle of another user of the same libuv loop. Signals
   * and holds are counted by the loop. */
  bool (*alive)(void *self);
  /** Whether a poll that may not sleep would find nothing: while callbacks are ready the loop
   * then does without. Must be cheap, and say no once in a while if it cannot be sure. NULL:
   * the loop polls. */
  bool (*quiet)(void *self);
  /** Under a host's loop: callbacks are ready (or none any more), so that the host's loop must
   * not sleep. NULL where there are no hosts. */
  void (*busy)(void *self, bool ready);
  /** The uv_loop_t underneath, or NULL. */
  void *(*uv_loop)(void *self);
} eddy_io;

/** A pair that works together. */
typedef struct eddy_backend {
  const char *name; /* "SCHEDULER/IO" */
  const eddy_scheduler *scheduler;
  const eddy_io *io;
} eddy_backend;

EDDY_BEGIN_DECLS

/** A pending operation can be finished. Called from inside poll (or under a host, from its
 * callbacks), once until the operation is pending again. */
EDDY_API void eddy_backend_signal(eddy_loop *loop, eddy_op *op);

/** The process got a signal. Called from inside poll. */
EDDY_API void eddy_backend_caught(eddy_loop *loop, int signum);

/** From inside open: another pair runs than the one that was asked for. Both texts are static; the
 * loop's statistics and its traces tell them. */
EDDY_API void eddy_backend_instead(eddy_loop *loop, const char *name, const char *reason);

/** Under a host's loop: takes in what was reported and runs one iteration without polling. */
EDDY_API void eddy_backend_turn(eddy_loop *loop);

/** Whether loops have work that no outside event is needed for: time may not jump then. */
EDDY_API size_t eddy_backend_holds(const eddy_loop *loop);

EDDY_END_DECLS

#endif
