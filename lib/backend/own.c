#include "backend/own.h"

#include <stdatomic.h>
#include <stdlib.h>

#include <eddy/error.h>

#include "backend/kernel.h"
#include "backend/passenger.h"
#include "backend/poller.h"
#include "backend/readiness.h"
#include "base/alloc.h"
#include "base/clock.h"

/*
 * Where the loop's thread is. Only the change from asleep to woken costs the waker a system
 * call.
 */
enum rest {
  AWAKE,
  WOKEN, /* a wake came; the poll under way or the next one takes it */
  ASLEEP,
};

struct own_io {
  struct eddy__readiness table; /* first: see kernel.h */
  const struct eddy__sleeper *sleeper;
  void *sleeper_self;
  eddy_loop *loop;
  struct eddy__passenger *passenger; /* from the first signal or eddy_loop_uv on */
  bool lent;                         /* the passenger, to the program */
  struct eddy__wakeup wakeup;
  atomic_int rest;
  uint64_t taken; /* of table.signals: those the loop has had a chance to take in */
  eddy_time busy; /* how long a poll looks before it sleeps */
  eddy_time seen; /* the clock as last read */
  eddy_time ran;  /* the same when the passenger was last looked at */
};

#define QUIET_FOR EDDY_US(200)
#define BUSIEST EDDY_S(1)

/* ---- opening and closing ---- */

/* How long to look before sleeping: the option, else the environment's EDDY_POLL_US. */
static eddy_time busy_time(const eddy_loop_options *options)
{
  eddy_time time = options != NULL ? options->busy_poll : 0;
  const char *text = time == 0 ? getenv("EDDY_POLL_US") : NULL;
  if (text != NULL) {
    long long microseconds = strtoll(text, NULL, 10);
    time = microseconds < BUSIEST / EDDY_US(1) ? EDDY_US(microseconds) : BUSIEST;
  }
  if (time < 0) return 0;
  return time < BUSIEST ? time : BUSIEST;
}

/* Opens it; `reason`: why another one is to stand in for it, or NULL. */
static int open_sleeper(
    struct own_io *io, const struct eddy__sleeper *sleeper, const char **reason)
{
  *reason = NULL;
  io->sleeper = sleeper;
  io->sleeper_self = eddy__alloc(sleeper->size);
  if (io->sleeper_self == NULL) return EDDY_ENOMEM;
  int rc = sleeper->open(io->sleeper_self, &io->table, &io->wakeup);
  if (rc == 0) return 0;
  if (sleeper->refusal != NULL) *reason = sleeper->refusal(rc);
  eddy__free(io->sleeper_self);
  return rc;
}

static int own_open(struct own_io *io, eddy_loop *loop, const eddy_loop_options *options,
    const struct eddy__sleeper *sleeper)
{
  const char *reason, *none;
  io->loop = loop;
  io->busy = busy_time(options);
  atomic_init(&io->rest, AWAKE);
  int rc = eddy__wakeup_open(&io->wakeup);
  if (rc < 0) return rc;
  rc = open_sleeper(io, sleeper, &reason);
  if (reason != NULL) rc = open_sleeper(io, sleeper->instead, &none);
  if (rc < 0) {
    eddy__wakeup_close(&io->wakeup);
    return rc;
  }
  if (reason != NULL) eddy_backend_instead(loop, sleeper->instead_name, reason);
  eddy__readiness_init(&io->table, loop, &io->sleeper->poller, io->sleeper_self);
  return 0;
}

static void own_close(void *self)
{
  struct own_io *io = self;
  eddy__readiness_fini(&io->table);
  eddy__passenger_free(io->passenger);
  io->passenger = NULL;
  io->sleeper->close(io->sleeper_self);
  eddy__free(io->sleeper_self);
  eddy__wakeup_close(&io->wakeup);
}

static eddy_time own_now(void *self)
{
  struct own_io *io = self;
  io->seen = eddy__clock_now();
  return io->seen;
}

/* ---- polling ---- */

static void own_wake(void *self)
{
  struct own_io *io = self;
  if (atomic_exchange(&io->rest, WOKEN) == ASLEEP) eddy__wakeup_send(&io->wakeup);
}

static bool is_woken(struct own_io *io)
{
  return atomic_load_explicit(&io->rest, memory_order_relaxed) == WOKEN;
}

/* Whether there is nothing to sleep for. */
static bool has_news(struct own_io *io)
{
  return io->table.signals != io->taken || is_woken(io);
}

static bool look(struct own_io *io)
{
  return io->sleeper->wait(io->sleeper_self, 0);
}

/* Looks again and again for a while, which a sleep would be too slow for. */
static bool look_for(struct own_io *io, eddy_time *timeout)
{
  eddy_time begin = eddy__clock_now(), passed;
  bool passenger;
  do {
    passenger = look(io);
    passed = eddy__clock_now() - begin;
  } while (!passenger && !has_news(io) && passed < io->busy && passed < *timeout);
  if (*timeout != EDDY_NEVER) *timeout -= passed < *timeout ? passed : *timeout;
  return passenger;
}

/* Whether the passenger has something to do. */
static bool sleep_for(struct own_io *io, eddy_time timeout)
{
  if (io->busy > 0 && look_for(io, &timeout)) return true;
  if (timeout == 0 || has_news(io)) return io->busy > 0 ? false : look(io);
  int expected = AWAKE;
  if (!atomic_compare_exchange_strong(&io->rest, &expected, ASLEEP)) return look(io);
  return io->sleeper->wait(io->sleeper_self, timeout);
}

/* The passenger's turn before a sleep, if it wants one; shortens the sleep to what it allows. */
static eddy_time ask_passenger(struct own_io *io, eddy_time timeout)
{
  eddy_time limit = eddy__passenger_timeout(io->passenger);
  if (limit == 0) {
    (void)eddy__passenger_run(io->passenger, false);
    limit = eddy__passenger_timeout(io->passenger);
  }
  return limit < timeout ? limit : timeout;
}

static void own_poll(void *self, eddy_time timeout)
{
  struct own_io *io = self;
  eddy__readiness_settle(&io->table);
  eddy__readiness_verify(&io->table);
  if (io->passenger != NULL) timeout = ask_passenger(io, timeout);
  if (has_news(io)) timeout = 0;
  bool ready = timeout == 0 ? look(io) : sleep_for(io, timeout);
  if (io->passenger != NULL) {
    if (ready || eddy__passenger_timeout(io->passenger) == 0)
      (void)eddy__passenger_run(io->passenger, false);
    io->ran = io->seen;
  }
  io->taken = io->table.signals;
  /* The exchange is what makes everything the waker did before visible to the loop. */
  if (atomic_load_explicit(&io->rest, memory_order_relaxed) != AWAKE)
    (void)atomic_exchange(&io->rest, AWAKE);
}

static bool own_alive(void *self)
{
  const struct own_io *io = self;
  return io->table.pending > 0 || (io->lent && eddy__passenger_alive(io->passenger));
}

/* Signals, and what the program does with libuv, are seen only by a look. */
static bool own_quiet(void *self)
{
  const struct own_io *io = self;
  if (io->table.pending > 0) return false;
  if (io->passenger == NULL) return true;
  return io->seen - io->ran < QUIET_FOR && !eddy__passenger_alive(io->passenger);
}

/* ---- operations ---- */

/* One of the two watches a descriptor of the program's: eddy or libuv. */
static int look_at_passenger(struct own_io *io, const eddy_op *op)
{
  if (!eddy__readiness_is_bare(op) || eddy__readiness_watches(&io->table, op)) return 0;
  return eddy__passenger_look(io->passenger, op->fd);
}

static int own_start(void *self, eddy_op *op)
{
  struct own_io *io = self;
  if (io->lent) {
    int rc = look_at_passenger(io, op);
    if (rc < 0) return rc;
  }
  return eddy__readiness_start(&io->table, op);
}

static void own_cancel(void *self, eddy_op *op)
{
  struct own_io *io = self;
  eddy__readiness_cancel(&io->table, op);
}

static int own_sock_close(void *self, int fd)
{
  struct own_io *io = self;
  return eddy__readiness_close(&io->table, fd);
}

/* ---- what libuv alone provides ---- */

static int need_passenger(struct own_io *io)
{
  if (io->passenger != NULL) return 0;
  struct eddy__passenger *passenger;
  int rc = eddy__passenger_new(io->loop, &passenger);
  if (rc < 0) return rc;
  rc = io->sleeper->join(io->sleeper_self, uv_backend_fd(&passenger->uv));
  if (rc < 0) {
    eddy__passenger_free(passenger);
    return rc;
  }
  io->passenger = passenger;
  return 0;
}

static int own_signal_start(void *self, int signum)
{
  struct own_io *io = self;
  int rc = need_passenger(io);
  return rc < 0 ? rc : eddy__passenger_signal_start(io->passenger, signum);
}

static void own_signal_stop(void *self, int signum)
{
  struct own_io *io = self;
  eddy__passenger_signal_stop(io->passenger, signum);
}

static void *own_uv_loop(void *self)
{
  struct own_io *io = self;
  if (need_passenger(io) < 0) return NULL;
  io->lent = true;
  return &io->passenger->uv;
}

/* ---- the halves ---- */

#define OWN_IO(half, half_open)                                                          \
  {                                                                                      \
    .name = (half), .loop_size = sizeof(struct own_io), .open = (half_open),             \
    .close = own_close, .now = own_now, .poll = own_poll, .wake = own_wake,              \
    .start = own_start, .finish = eddy__kernel_finish, .cancel = own_cancel,             \
    .sock_open = eddy__kernel_sock_open,                                                 \
    .sock_open_datagram = eddy__kernel_sock_open_datagram,                               \
    .sock_pair = eddy__kernel_sock_pair, .sock_listen = eddy__kernel_sock_listen,        \
    .sock_bind = eddy__kernel_sock_bind, .sock_name = eddy__kernel_sock_name,            \
    .sock_shutdown = eddy__kernel_sock_shutdown, .sock_close = own_sock_close,           \
    .sock_adopt = eddy__kernel_sock_adopt, .sock_disown = eddy__kernel_sock_disown,      \
    .pipe_open = eddy__kernel_pipe_open, .signal_start = own_signal_start,               \
    .signal_stop = own_signal_stop, .alive = own_alive, .quiet = own_quiet,              \
    .uv_loop = own_uv_loop,                                                              \
  }

#ifdef __linux__
static int open_epoll(void *self, eddy_loop *loop, const eddy_loop_options *options)
{
  return own_open(self, loop, options, &eddy__sleeper_epoll);
}

const eddy_io eddy__io_epoll = OWN_IO("epoll", open_epoll);

static int open_uring(void *self, eddy_loop *loop, const eddy_loop_options *options)
{
  return own_open(self, loop, options, &eddy__sleeper_uring);
}

const eddy_io eddy__io_uring = OWN_IO("uring", open_uring);
#endif

#ifdef EDDY__HAVE_KQUEUE
static int open_kqueue(void *self, eddy_loop *loop, const eddy_loop_options *options)
{
  return own_open(self, loop, options, &eddy__sleeper_kqueue);
}

const eddy_io eddy__io_kqueue = OWN_IO("kqueue", open_kqueue);
#endif

static int open_poll(void *self, eddy_loop *loop, const eddy_loop_options *options)
{
  return own_open(self, loop, options, &eddy__sleeper_poll);
}

const eddy_io eddy__io_poll = OWN_IO("poll", open_poll);
