#include "backend/virtual.h"

#include <stdatomic.h>

#include <uv.h>

#include "backend/passenger.h"
#include "backend/virtual_net.h"

/*
 * Whether the loop's thread sleeps, and where. Only the change from asleep to woken costs
 * the waker a system call, so that neither a wake nor a poll of a busy loop makes one.
 */
enum rest {
  AWAKE,
  WOKEN,     /* a wake came; the poll under way or the next one takes it */
  ASLEEP,    /* on the semaphore */
  ASLEEP_UV, /* in the passenger, because signals may come */
};

struct virtual_io {
  eddy_loop *loop;
  eddy_time now;
  atomic_int rest;
  uv_sem_t semaphore;
  struct eddy__passenger *passenger; /* from the first signal_start on */
  struct eddy__vnet net;
};

/* ---- time, sleep and wake ---- */

static int virtual_open(void *self, eddy_loop *loop, const eddy_loop_options *options)
{
  struct virtual_io *io = self;
  (void)options;
  io->loop = loop;
  atomic_init(&io->rest, AWAKE);
  int rc = uv_sem_init(&io->semaphore, 0);
  if (rc < 0) return rc;
  eddy__vnet_init(&io->net, loop);
  return 0;
}

static eddy_time virtual_now(void *self)
{
  const struct virtual_io *io = self;
  return io->now;
}

static void virtual_wake(void *self)
{
  struct virtual_io *io = self;
  switch (atomic_exchange(&io->rest, WOKEN)) {
  case ASLEEP:
    uv_sem_post(&io->semaphore);
    break;
  case ASLEEP_UV:
    eddy__passenger_wake(io->passenger);
    break;
  default:
    break;
  }
}

/* Takes a wake that has come. The exchange, not the load, is what makes everything the
 * waker did before visible to the loop. */
static bool take_wake(struct virtual_io *io)
{
  if (atomic_load_explicit(&io->rest, memory_order_relaxed) == AWAKE) return false;
  return atomic_exchange(&io->rest, AWAKE) == WOKEN;
}

/* Whether the passenger has to be asked. */
static bool has_signals(const struct virtual_io *io)
{
  return io->passenger != NULL && io->passenger->reporting > 0;
}

/* Sleeps in real time until a wake or a signal. */
static void sleep_until_woken(struct virtual_io *io)
{
  int expected = AWAKE;
  bool in_uv = has_signals(io);
  if (atomic_compare_exchange_strong(&io->rest, &expected, in_uv ? ASLEEP_UV : ASLEEP)) {
    if (in_uv) {
      (void)eddy__passenger_run(io->passenger, true);
    } else {
      uv_sem_wait(&io->semaphore);
    }
  }
  (void)atomic_exchange(&io->rest, AWAKE);
}

static void virtual_poll(void *self, eddy_time timeout)
{
  struct virtual_io *io = self;
  bool reported = eddy__vnet_report(&io->net);
  if (has_signals(io) && eddy__passenger_run(io->passenger, false)) reported = true;
  if (timeout <= 0 || reported) {
    (void)take_wake(io);
    return;
  }
  /* In this order: who releases its hold has sent its wake before. */
  size_t holds = eddy_backend_holds(io->loop);
  if (take_wake(io)) return;
  if (holds > 0 || timeout == EDDY_NEVER) {
    sleep_until_woken(io);
  } else if (timeout < EDDY_NEVER - io->now) {
    io->now += timeout;
  } else {
    io->now = EDDY_NEVER - 1; /* the end of time, which is no deadline's */
  }
}

/* ---- signals ---- */

static int virtual_signal_start(void *self, int signum)
{
  struct virtual_io *io = self;
  int rc = io->passenger != NULL ? 0 : eddy__passenger_new(io->loop, &io->passenger);
  return rc < 0 ? rc : eddy__passenger_signal_start(io->passenger, signum);
}

static void virtual_signal_stop(void *self, int signum)
{
  struct virtual_io *io = self;
  eddy__passenger_signal_stop(io->passenger, signum);
}

/* ---- the rest of the table ---- */

static void virtual_close(void *self)
{
  struct virtual_io *io = self;
  eddy__vnet_fini(&io->net);
  eddy__passenger_free(io->passenger);
  io->passenger = NULL;
  uv_sem_destroy(&io->semaphore);
}

static int virtual_start(void *self, eddy_op *op)
{
  struct virtual_io *io = self;
  return eddy__vop_start(&io->net, op);
}

static int virtual_finish(void *self, eddy_op *op)
{
  struct virtual_io *io = self;
  return eddy__vop_finish(&io->net, op);
}

static void virtual_cancel(void *self, eddy_op *op)
{
  struct virtual_io *io = self;
  eddy__vop_cancel(&io->net, op);
}

static int virtual_sock_open(void *self, const eddy_address *address, int *fd)
{
  struct virtual_io *io = self;
  return eddy__vnet_open(&io->net, address, fd);
}

static int virtual_sock_open_datagram(void *self, const eddy_address *address,
    const eddy_datagram_options *options, int *fd)
{
  struct virtual_io *io = self;
  return eddy__vnet_open_datagram(&io->net, address, options, fd);
}

static int virtual_sock_pair(void *self, int fds[2])
{
  struct virtual_io *io = self;
  return eddy__vnet_pair(&io->net, fds);
}

static int virtual_sock_listen(
    void *self, const eddy_address *address, const eddy_listen_options *options, int *fd)
{
  struct virtual_io *io = self;
  return eddy__vnet_listen(&io->net, address, options, fd);
}

static int virtual_sock_bind(void *self, int fd, const eddy_address *address)
{
  struct virtual_io *io = self;
  return eddy__vnet_bind(&io->net, fd, address);
}

static int virtual_sock_name(void *self, int fd, bool peer, eddy_address *out)
{
  struct virtual_io *io = self;
  return eddy__vnet_name(&io->net, fd, peer, out);
}

static int virtual_sock_shutdown(void *self, int fd, eddy_shutdown how)
{
  struct virtual_io *io = self;
  return eddy__vnet_shutdown(&io->net, fd, how);
}

static int virtual_sock_close(void *self, int fd)
{
  struct virtual_io *io = self;
  return eddy__vnet_close(&io->net, fd);
}

static int virtual_pipe_open(void *self, int fd, eddy_pipe_kind *kind)
{
  struct virtual_io *io = self;
  struct eddy__vsock *sock;
  int rc = eddy__vnet_find(&io->net, fd, &sock);
  if (rc == 0) *kind = EDDY_PIPE_SOCKET;
  return rc;
}

/* Only the loop's own tasks can make anything happen in memory. */
static bool virtual_alive(void *self)
{
  (void)self;
  return false;
}

/* The passenger's loop is nobody else's business: it does not tell this time. */
static void *virtual_uv_loop(void *self)
{
  (void)self;
  return NULL;
}

const eddy_io eddy__io_virtual = {
    .name = "virtual",
    .features = EDDY_IO_VIRTUAL_TIME,
    .loop_size = sizeof(struct virtual_io),
    .op_size = sizeof(struct eddy__vop) - sizeof(eddy_op),
    .open = virtual_open,
    .close = virtual_close,
    .now = virtual_now,
    .poll = virtual_poll,
    .wake = virtual_wake,
    .start = virtual_start,
    .finish = virtual_finish,
    .cancel = virtual_cancel,
    .sock_open = virtual_sock_open,
    .sock_open_datagram = virtual_sock_open_datagram,
    .sock_pair = virtual_sock_pair,
    .sock_listen = virtual_sock_listen,
    .sock_bind = virtual_sock_bind,
    .sock_name = virtual_sock_name,
    .sock_shutdown = virtual_sock_shutdown,
    .sock_close = virtual_sock_close,
    .pipe_open = virtual_pipe_open,
    .signal_start = virtual_signal_start,
    .signal_stop = virtual_signal_stop,
    .alive = virtual_alive,
    .busy = NULL,
    .uv_loop = virtual_uv_loop,
};
