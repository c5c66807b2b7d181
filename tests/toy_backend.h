/*
 * A backend written against eddy/backend.h alone, as a program of somebody else's would: its
 * clock stands still unless a poll waits, descriptors are the numbers 0 to 7, and the test
 * says what happens to them. It keeps a record of what the loop asks for.
 */
#ifndef EDDY_TEST_TOY_BACKEND_H
#define EDDY_TEST_TOY_BACKEND_H

#include <stdatomic.h>

#include <eddy/backend.h>

#include "eddy_test.h"

#define TOY_FDS 8

struct toy_io {
  eddy_loop *loop;
  eddy_op *ops[TOY_FDS];
};

static struct {
  /* What the test sets. */
  int io_open_code, scheduler_open_code;
  int alive;     /* for so many polls the backend says that something may come */
  int quiet;     /* so many polls report nothing */
  bool empty;    /* the backend says that a poll would find nothing */
  int events[4]; /* descriptors that the next poll signals, in this order */
  int event_count;
  int caught;    /* a signal that the next poll reports */
  int not_ready; /* so many finishes find that nothing is there after all */
  eddy_time now;
  /* What the loop did. */
  int opens, closes, scheduler_opens, scheduler_closes;
  int starts, finishes, cancels;
  int signal_starts, signal_stops;
  int polls;
  eddy_time timeouts[16]; /* of the first polls */
  atomic_int wakes;
  struct toy_io *io; /* the last one opened */
} toy;

/* Behind each operation: proof that the bytes asked for are there. */
struct toy_op {
  eddy_op op;
  char mark[40];
};

static int toy_open(void *self, eddy_loop *loop, const eddy_loop_options *options)
{
  struct toy_io *io = self;
  (void)options;
  if (toy.io_open_code < 0) return toy.io_open_code;
  for (int fd = 0; fd < TOY_FDS; fd++) {
    if (io->ops[fd] != NULL) return EDDY_EIO; /* the state is not zeroed */
  }
  io->loop = loop;
  toy.io = io;
  toy.opens++;
  return 0;
}

static void toy_close(void *self)
{
  (void)self;
  toy.closes++;
}

static eddy_time toy_now(void *self)
{
  (void)self;
  return toy.now;
}

static void toy_poll(void *self, eddy_time timeout)
{
  struct toy_io *io = self;
  if (toy.polls < 16) toy.timeouts[toy.polls] = timeout;
  toy.polls++;
  if (toy.alive > 0) toy.alive--;
  if (toy.quiet > 0) {
    toy.quiet--;
    return;
  }
  for (int i = 0; i < toy.event_count; i++) {
    eddy_op *op = io->ops[toy.events[i]];
    if (op == NULL) continue;
    eddy_backend_signal(io->loop, op);
    eddy_backend_signal(io->loop, op); /* more than once is as good as once */
  }
  bool reported = toy.event_count > 0 || toy.caught != 0;
  toy.event_count = 0;
  if (toy.caught != 0) eddy_backend_caught(io->loop, toy.caught);
  toy.caught = 0;
  if (!reported && timeout != EDDY_NEVER) toy.now += timeout;
}

static void toy_wake(void *self)
{
  (void)self;
  atomic_fetch_add(&toy.wakes, 1);
}

static int toy_start(void *self, eddy_op *op)
{
  struct toy_io *io = self;
  toy.starts++;
  if (op->fd < 0 || op->fd >= TOY_FDS) return EDDY_EBADF;
  if (io->ops[op->fd] != NULL) return EDDY_EBUSY;
  memset(((struct toy_op *)op)->mark, 0x5a, sizeof((struct toy_op *)op)->mark);
  io->ops[op->fd] = op;
  return EDDY_PENDING;
}

static int toy_finish(void *self, eddy_op *op)
{
  struct toy_io *io = self;
  toy.finishes++;
  if (toy.not_ready > 0) {
    toy.not_ready--;
    toy.events[toy.event_count++] = op->fd;
    return EDDY_PENDING;
  }
  io->ops[op->fd] = NULL;
  for (size_t i = 0; i < sizeof((struct toy_op *)op)->mark; i++) {
    if (((struct toy_op *)op)->mark[i] != 0x5a) return EDDY_EIO;
  }
  op->result = (int64_t)op->size;
  return 0;
}

static void toy_cancel(void *self, eddy_op *op)
{
  struct toy_io *io = self;
  toy.cancels++;
  io->ops[op->fd] = NULL;
}

static int toy_sock_open(void *self, const eddy_address *address, int *fd)
{
  (void)self;
  (void)address;
  (void)fd;
  return EDDY_ENOSYS;
}

static int toy_sock_pair(void *self, int fds[2])
{
  (void)self;
  (void)fds;
  return EDDY_ENOSYS;
}

static int toy_sock_listen(
    void *self, const eddy_address *address, const eddy_listen_options *options, int *fd)
{
  (void)options;
  return toy_sock_open(self, address, fd);
}

static int toy_sock_name(void *self, int fd, bool peer, eddy_address *out)
{
  (void)peer;
  return toy_sock_open(self, out, &fd);
}

static int toy_sock_shutdown(void *self, int fd, eddy_shutdown how)
{
  (void)self;
  (void)fd;
  (void)how;
  return EDDY_ENOSYS;
}

static int toy_sock_close(void *self, int fd)
{
  (void)self;
  (void)fd;
  return EDDY_ENOSYS;
}

static int toy_signal_start(void *self, int signum)
{
  (void)self;
  (void)signum;
  toy.signal_starts++;
  return 0;
}

static void toy_signal_stop(void *self, int signum)
{
  (void)self;
  (void)signum;
  toy.signal_stops++;
}

static bool toy_quiet(void *self)
{
  (void)self;
  return toy.empty;
}

static bool toy_alive(void *self)
{
  (void)self;
  return toy.alive > 0 || toy.event_count > 0;
}

static void *toy_uv_loop(void *self)
{
  (void)self;
  return NULL;
}

/* ---- timers: a list, sorted when they are added ---- */

struct toy_scheduler {
  eddy_timer *first; /* the next one is in place.pointer */
  size_t count;
};

static int toy_scheduler_open(void *self, eddy_loop *loop)
{
  (void)loop;
  if (toy.scheduler_open_code < 0) return toy.scheduler_open_code;
  toy.scheduler_opens++;
  return ((struct toy_scheduler *)self)->first == NULL ? 0 : EDDY_EIO;
}

static void toy_scheduler_close(void *self)
{
  (void)self;
  toy.scheduler_closes++;
}

static int toy_add(void *self, eddy_timer *timer)
{
  struct toy_scheduler *scheduler = self;
  eddy_timer *before = NULL, *after = scheduler->first;
  while (after != NULL && after->deadline <= timer->deadline) {
    before = after;
    after = after->place.pointer;
  }
  timer->place.pointer = after;
  if (before == NULL) {
    scheduler->first = timer;
  } else {
    before->place.pointer = timer;
  }
  scheduler->count++;
  return 0;
}

static void toy_remove(void *self, eddy_timer *timer)
{
  struct toy_scheduler *scheduler = self;
  scheduler->count--;
  if (scheduler->first == timer) {
    scheduler->first = timer->place.pointer;
    return;
  }
  eddy_timer *before = scheduler->first;
  while (before->place.pointer != timer)
    before = before->place.pointer;
  before->place.pointer = timer->place.pointer;
}

static eddy_timer *toy_take_due(void *self, eddy_time now)
{
  struct toy_scheduler *scheduler = self;
  eddy_timer *timer = scheduler->first;
  if (timer == NULL || timer->deadline > now) return NULL;
  toy_remove(self, timer);
  return timer;
}

static eddy_time toy_next(void *self)
{
  const struct toy_scheduler *scheduler = self;
  return scheduler->first == NULL ? EDDY_NEVER : scheduler->first->deadline;
}

static size_t toy_count(void *self)
{
  return ((const struct toy_scheduler *)self)->count;
}

/* ---- the pair ---- */

static const eddy_scheduler toy_scheduler = {
    .name = "toy",
    .loop_size = sizeof(struct toy_scheduler),
    .open = toy_scheduler_open,
    .close = toy_scheduler_close,
    .add = toy_add,
    .remove = toy_remove,
    .take_due = toy_take_due,
    .next = toy_next,
    .count = toy_count,
};

static const eddy_io toy_io = {
    .name = "toy",
    .loop_size = sizeof(struct toy_io),
    .op_size = sizeof(struct toy_op) - sizeof(eddy_op),
    .open = toy_open,
    .close = toy_close,
    .now = toy_now,
    .poll = toy_poll,
    .wake = toy_wake,
    .start = toy_start,
    .finish = toy_finish,
    .cancel = toy_cancel,
    .sock_open = toy_sock_open,
    .sock_pair = toy_sock_pair,
    .sock_listen = toy_sock_listen,
    .sock_name = toy_sock_name,
    .sock_shutdown = toy_sock_shutdown,
    .sock_close = toy_sock_close,
    .signal_start = toy_signal_start,
    .signal_stop = toy_signal_stop,
    .alive = toy_alive,
    .quiet = toy_quiet,
    .uv_loop = toy_uv_loop,
};

static const eddy_backend toy_backend = {"toy/toy", &toy_scheduler, &toy_io};

static void toy_free_loop(void *loop)
{
  eddy_loop_free(loop);
}

/* A loop on the toy, whose record is empty again. */
static int toy_loop(eddy_loop **out)
{
  memset(&toy, 0, sizeof toy);
  eddy_loop_options options = {.backend = "not looked at", .custom = &toy_backend};
  int rc = eddy_loop_new(&options, out);
  if (rc == 0) test_defer(toy_free_loop, *out);
  return rc;
}

#endif
