#include "backend/virtual.h"

#include <stdatomic.h>

#include <uv.h>

#include "backend/uv_loop.h"
#include "backend/virtual_net.h"
#include "base/alloc.h"
#include "base/list.h"

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

/* A signal that was asked for at least once; its handle is kept until the end. */
struct watched {
  struct eddy__link link;
  uv_signal_t handle;
};

/* The libuv loop that rides along from the first signal_start on. */
struct passenger {
  uv_loop_t uv;
  uv_async_t async;
  struct eddy__link signals;
};

struct virtual_io {
  eddy_loop *loop;
  eddy_time now;
  atomic_int rest;
  uv_sem_t semaphore;
  struct passenger *passenger;
  size_t
      signals;   /* being reported now; the passenger is not asked while there are none */
  bool reported; /* something was, in this poll */
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
    (void)uv_async_send(&io->passenger->async);
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

/* Sleeps in real time until a wake or a signal. */
static void sleep_until_woken(struct virtual_io *io)
{
  int expected = AWAKE;
  bool in_uv = io->signals > 0;
  if (atomic_compare_exchange_strong(&io->rest, &expected, in_uv ? ASLEEP_UV : ASLEEP)) {
    if (in_uv) {
      (void)uv_run(&io->passenger->uv, UV_RUN_ONCE);
    } else {
      uv_sem_wait(&io->semaphore);
    }
  }
  (void)atomic_exchange(&io->rest, AWAKE);
}

static void virtual_poll(void *self, eddy_time timeout)
{
  struct virtual_io *io = self;
  io->reported = eddy__vnet_report(&io->net);
  if (io->signals > 0) (void)uv_run(&io->passenger->uv, UV_RUN_NOWAIT);
  if (timeout <= 0 || io->reported) {
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

static void on_signal(uv_signal_t *handle, int signum)
{
  struct virtual_io *io = handle->data;
  io->reported = true;
  eddy_backend_caught(io->loop, signum);
}

static void on_async(uv_async_t *handle)
{
  (void)handle; /* it ended uv_run: that is all */
}

static int passenger_new(struct passenger **out)
{
  struct passenger *passenger = eddy__alloc(sizeof(*passenger));
  if (passenger == NULL) return EDDY_ENOMEM;
  int rc = eddy__uv_loop_init(&passenger->uv);
  if (rc < 0) goto fail_loop;
  rc = uv_async_init(&passenger->uv, &passenger->async, on_async);
  if (rc < 0) goto fail_async;
  eddy__list_init(&passenger->signals);
  *out = passenger;
  return 0;
fail_async:
  (void)uv_loop_close(&passenger->uv);
fail_loop:
  eddy__free(passenger);
  return rc;
}

static void passenger_free(struct passenger *passenger)
{
  if (passenger == NULL) return;
  struct eddy__link *link = passenger->signals.next;
  for (; link != &passenger->signals; link = link->next) {
    uv_close((uv_handle_t *)&EDDY__ENTRY(link, struct watched, link)->handle, NULL);
  }
  uv_close((uv_handle_t *)&passenger->async, NULL);
  /* A signal that was caught meanwhile delays the end of its handle until it is read. */
  while (uv_loop_close(&passenger->uv) == UV_EBUSY) {
    (void)uv_run(&passenger->uv, UV_RUN_ONCE);
  }
  while ((link = eddy__list_first(&passenger->signals)) != NULL) {
    eddy__list_remove(link);
    eddy__free(EDDY__ENTRY(link, struct watched, link));
  }
  eddy__free(passenger);
}

static struct watched *find_watched(const struct passenger *passenger, int signum)
{
  if (passenger == NULL) return NULL;
  const struct eddy__link *link = passenger->signals.next;
  for (; link != &passenger->signals; link = link->next) {
    struct watched *watched = EDDY__ENTRY(link, struct watched, link);
    if (watched->handle.signum == signum) return watched;
  }
  return NULL;
}

/* A handle that reports nothing now, an old one or a new one; NULL and a code if there is
 * no memory. */
static int idle_watched(struct virtual_io *io, struct watched **out)
{
  struct watched *watched = find_watched(io->passenger, 0);
  if (watched == NULL) {
    watched = eddy__alloc(sizeof(*watched));
    if (watched == NULL) return EDDY_ENOMEM;
    int rc = uv_signal_init(&io->passenger->uv, &watched->handle);
    if (rc < 0) {
      eddy__free(watched);
      return rc;
    }
    watched->handle.data = io;
    eddy__list_append(&io->passenger->signals, &watched->link);
  }
  *out = watched;
  return 0;
}

static int virtual_signal_start(void *self, int signum)
{
  struct virtual_io *io = self;
  if (signum <= 0) return EDDY_EINVAL;
  if (io->passenger == NULL) {
    int rc = passenger_new(&io->passenger);
    if (rc < 0) return rc;
  }
  if (find_watched(io->passenger, signum) != NULL) return 0;
  struct watched *watched;
  int rc = idle_watched(io, &watched);
  if (rc < 0) return rc;
  rc = uv_signal_start(&watched->handle, on_signal, signum);
  if (rc < 0) return rc;
  io->signals++;
  return 0;
}

static void virtual_signal_stop(void *self, int signum)
{
  struct virtual_io *io = self;
  struct watched *watched = signum > 0 ? find_watched(io->passenger, signum) : NULL;
  if (watched == NULL) return;
  (void)uv_signal_stop(&watched->handle);
  io->signals--;
}

/* ---- the rest of the table ---- */

static void virtual_close(void *self)
{
  struct virtual_io *io = self;
  eddy__vnet_fini(&io->net);
  passenger_free(io->passenger);
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
