/*
 * The io half over libuv.
 *
 * Handles of eddy are unref'd, so that uv_loop_alive tells of other users of the loop;
 * what makes uv_run block is the wake handle, which is ref'd while eddy waits for
 * something.
 *
 * In a host's loop nobody calls poll. There eddy's step is taken right after the host's
 * poll (check), so that timers run after I/O; when a libuv timer is due and not yet
 * recorded, the step waits until libuv has run its timers, and is taken in the next pass
 * (prepare).
 */
#include "backend/uv.h"

#include "backend/kernel.h"
#include "backend/readiness.h"
#include "backend/uv_core.h"
#include "backend/uv_loop.h"
#include "backend/uv_poller.h"
#include "base/alloc.h"
#include "base/clock.h"

/* A signal that is reported. */
struct signal_watch {
  uv_signal_t signal;
  struct eddy__uv_core *core;
  struct signal_watch *next;
};

struct eddy__uv_io {
  struct eddy__readiness table; /* first: see kernel.h */
  struct eddy__uv_poller poller;
  struct eddy__uv_core *core;
  struct signal_watch *signals;
  uint64_t taken; /* of table.signals: those the loop has had a chance to take in */
  eddy_time seen; /* the clock as last read */
  eddy_time ran;  /* the same when libuv was last run */
};

#define NANOSECONDS 1000000 /* in a millisecond, libuv's unit */
#define QUIET_FOR EDDY_US(200)

void eddy__uv_core_free(struct eddy__uv_core *core)
{
  eddy__pool_fini(&core->watchers);
  eddy__free(core);
}

void eddy__uv_core_closed(struct eddy__uv_core *core)
{
  core->closing--;
  if (core->closing == 0 && core->released) eddy__uv_core_free(core);
}

static void on_core_closed(uv_handle_t *handle)
{
  eddy__uv_core_closed(handle->data);
}

/* Closes a handle of the core if it was ever initialised. */
static void close_handle(struct eddy__uv_core *core, uv_handle_t *handle)
{
  if (handle->type == UV_UNKNOWN_HANDLE || uv_is_closing(handle)) return;
  handle->data = core;
  core->closing++;
  uv_close(handle, on_core_closed);
}

/* ---- polling ---- */

static void on_idle(uv_idle_t *idle)
{
  (void)idle;
}

static void on_deadline(uv_timer_t *deadline)
{
  (void)deadline; /* the poll has ended: that was all */
}

/*
 * Sees to it that the poll under way ends in time. It is called when libuv is about to
 * sleep: before 1.45 it has just run its timers, and one of those may have been what it
 * would have woken up for. Where another timer, such as one of the uv scheduler's, comes
 * first, none of our own is needed.
 */
static void set_deadline(struct eddy__uv_core *core)
{
  uv_update_time(core->uv);
  uint64_t now = uv_now(core->uv);
  if (core->wanted <= now) {
    (void)uv_idle_start(&core->idle, on_idle);
    return;
  }
  int timeout = uv_backend_timeout(core->uv);
  if (timeout > 0 && now + (uint64_t)timeout <= core->wanted) return;
  (void)uv_timer_start(&core->deadline, on_deadline, core->wanted - now, 0);
}

/* Makes the descriptors fit for libuv's poll. Whether something was signalled since the
 * loop last took it in: then there is nothing to sleep for. */
static bool prepare_poll(struct eddy__uv_io *io)
{
  eddy__readiness_settle(&io->table);
  eddy__uv_poller_verify(&io->poller);
  return io->table.signals != io->taken;
}

/* In a host's loop: keeps it from ending while eddy waits for something. */
static void keep_alive(struct eddy__uv_io *io)
{
  struct eddy__uv_core *core = io->core;
  if (!core->guest || core->driving) return;
  bool unheard = io->table.signals != io->taken;
  if (unheard || io->table.pending > 0 || eddy_backend_holds(core->loop) > 0) {
    uv_ref((uv_handle_t *)&core->wake);
  } else {
    uv_unref((uv_handle_t *)&core->wake);
  }
}

static void io_poll(void *self, eddy_time timeout)
{
  struct eddy__uv_io *io = self;
  struct eddy__uv_core *core = io->core;
  if (prepare_poll(io)) timeout = 0;
  core->wanted = 0;
  if (timeout != 0 && timeout != EDDY_NEVER) {
    core->wanted = (uv_hrtime() + (uint64_t)timeout + NANOSECONDS - 1) / NANOSECONDS;
  }
  core->driving = true;
  uv_ref((uv_handle_t *)&core->wake);
  (void)uv_run(core->uv, timeout == 0 ? UV_RUN_NOWAIT : UV_RUN_ONCE);
  uv_unref((uv_handle_t *)&core->wake);
  core->driving = false;
  (void)uv_timer_stop(&core->deadline);
  (void)uv_idle_stop(&core->idle);
  io->taken = io->table.signals;
  io->ran = io->seen;
  keep_alive(io);
}

static void io_wake(void *self)
{
  struct eddy__uv_io *io = self;
  (void)uv_async_send(&io->core->wake);
}

static void on_wake(uv_async_t *wake)
{
  (void)wake; /* the poll has ended: that was all */
}

/* ---- in a host's loop ---- */

/* Whether libuv may have timers that are due and were not run. */
static bool timers_waiting(struct eddy__uv_core *core)
{
  bool idle = uv_is_active((uv_handle_t *)&core->idle) != 0;
  (void)uv_idle_stop(&core->idle);
  uv_update_time(core->uv);
  /* A loop with nothing active has no timer. Other reasons for not sleeping look the same
   * as a due timer from here, and only put the step off until the next pass. */
  bool waiting = uv_loop_alive(core->uv) != 0 && uv_backend_timeout(core->uv) == 0;
  if (idle) (void)uv_idle_start(&core->idle, on_idle);
  return waiting;
}

static void take_step(struct eddy__uv_core *core)
{
  core->owed = false;
  core->io->taken = core->io->table.signals;
  eddy_backend_turn(core->loop);
  keep_alive(core->io);
}

static void on_prepare(uv_prepare_t *prepare)
{
  struct eddy__uv_core *core = prepare->data;
  if (core->driving) {
    if (core->wanted != 0) set_deadline(core);
    return;
  }
  if (core->owed) take_step(core);
  if (prepare_poll(core->io)) (void)uv_idle_start(&core->idle, on_idle);
  keep_alive(core->io);
}

static void on_check(uv_check_t *check)
{
  struct eddy__uv_core *core = check->data;
  if (core->driving) return;
  if (timers_waiting(core)) {
    core->owed = true;
    (void)uv_idle_start(&core->idle, on_idle);
    return;
  }
  take_step(core);
}

static void io_busy(void *self, bool ready)
{
  struct eddy__uv_io *io = self;
  struct eddy__uv_core *core = io->core;
  if (!core->guest || core->driving) return;
  if (ready || core->owed) {
    (void)uv_idle_start(&core->idle, on_idle);
  } else {
    (void)uv_idle_stop(&core->idle);
  }
}

/* ---- opening and closing ---- */

static int init_handles(struct eddy__uv_core *core)
{
  int rc = uv_async_init(core->uv, &core->wake, on_wake);
  if (rc < 0) return rc;
  uv_unref((uv_handle_t *)&core->wake);
  rc = uv_timer_init(core->uv, &core->deadline);
  if (rc < 0) return rc;
  uv_unref((uv_handle_t *)&core->deadline);
  rc = uv_idle_init(core->uv, &core->idle);
  if (rc < 0) return rc;
  rc = uv_prepare_init(core->uv, &core->prepare);
  if (rc < 0) return rc;
  core->prepare.data = core;
  uv_unref((uv_handle_t *)&core->prepare);
  rc = uv_prepare_start(&core->prepare, on_prepare);
  if (rc < 0 || !core->guest) return rc;
  rc = uv_check_init(core->uv, &core->check);
  if (rc < 0) return rc;
  core->check.data = core;
  uv_unref((uv_handle_t *)&core->check);
  return uv_check_start(&core->check, on_check);
}

/* Closes the handles and lets the loop run until libuv has let go of them. */
static void close_core(struct eddy__uv_core *core)
{
  core->driving = true; /* no step is taken while it runs */
  core->wanted = 0;
  close_handle(core, (uv_handle_t *)&core->wake);
  close_handle(core, (uv_handle_t *)&core->deadline);
  close_handle(core, (uv_handle_t *)&core->idle);
  close_handle(core, (uv_handle_t *)&core->prepare);
  close_handle(core, (uv_handle_t *)&core->check);
  /* One pass does it, unless the host has called uv_stop. */
  for (int pass = 0; core->closing > 0 && pass < 8; pass++) {
    (void)uv_run(core->uv, UV_RUN_NOWAIT);
  }
  /* A loop in which another user has left handles open cannot be freed: libuv still
   * points into it. It is left as it is. */
  if (!core->guest && uv_loop_close(core->uv) < 0) return;
  core->released = true;
  if (core->closing == 0) eddy__uv_core_free(core);
}

static int io_open(void *self, eddy_loop *loop, const eddy_loop_options *options)
{
  struct eddy__uv_io *io = self;
  struct eddy__uv_core *core = eddy__alloc(sizeof(*core));
  if (core == NULL) return EDDY_ENOMEM;
  eddy__pool_init(&core->watchers, eddy__uv_watcher_size);
  core->loop = loop;
  core->io = io;
  core->table = &io->table;
  core->guest = options != NULL && options->uv_loop != NULL;
  core->uv = core->guest ? options->uv_loop : &core->own;
  int rc = core->guest ? 0 : eddy__uv_loop_init(core->uv);
  if (rc < 0) goto fail_loop;
  rc = init_handles(core);
  if (rc < 0) goto fail_handles;
  io->core = core;
  io->poller.core = core;
  eddy__readiness_init(&io->table, loop, &eddy__uv_poller, &io->poller);
  if (!core->guest) {
    eddy__uv_poller_reserve(&io->poller);
    (void)uv_run(core->uv, UV_RUN_NOWAIT); /* what that left behind is closed */
  }
  return 0;
fail_handles:
  close_core(core);
  return rc;
fail_loop:
  eddy__uv_core_free(core);
  return rc;
}

static void on_signal_closed(uv_handle_t *handle)
{
  struct signal_watch *watch = handle->data;
  struct eddy__uv_core *core = watch->core;
  eddy__free(watch);
  eddy__uv_core_closed(core);
}

static void close_signal(struct signal_watch *watch)
{
  watch->core->closing++;
  uv_close((uv_handle_t *)&watch->signal, on_signal_closed);
}

static void io_close(void *self)
{
  struct eddy__uv_io *io = self;
  while (io->signals != NULL) {
    struct signal_watch *watch = io->signals;
    io->signals = watch->next;
    close_signal(watch);
  }
  eddy__readiness_fini(&io->table);
  close_core(io->core);
  io->core = NULL;
}

static eddy_time io_now(void *self)
{
  struct eddy__uv_io *io = self;
  io->seen = eddy__clock_now();
  return io->seen;
}

static bool io_alive(void *self)
{
  struct eddy__uv_io *io = self;
  struct eddy__uv_core *core = io->core;
  if (io->table.pending > 0) return true;
  bool idle = uv_is_active((uv_handle_t *)&core->idle) != 0;
  (void)uv_idle_stop(&core->idle);
  uv_unref((uv_handle_t *)&core->wake);
  bool alive = uv_loop_alive(core->uv) != 0;
  if (idle) (void)uv_idle_start(&core->idle, on_idle);
  keep_alive(io);
  return alive;
}

/* Signals, and handles that another user of libuv has unref'd, cannot be seen from here: libuv
 * is run all the same when it has not been for a while. */
static bool io_quiet(void *self)
{
  const struct eddy__uv_io *io = self;
  return io->table.pending == 0 && !io->core->guest && io->seen - io->ran < QUIET_FOR &&
         uv_loop_alive(io->core->uv) == 0;
}

static void *io_uv_loop(void *self)
{
  struct eddy__uv_io *io = self;
  return io->core->uv;
}

/* ---- operations and sockets ---- */

static int io_start(void *self, eddy_op *op)
{
  struct eddy__uv_io *io = self;
  int rc = eddy__readiness_start(&io->table, op);
  if (rc == EDDY_PENDING) keep_alive(io);
  return rc;
}

static void io_cancel(void *self, eddy_op *op)
{
  struct eddy__uv_io *io = self;
  eddy__readiness_cancel(&io->table, op);
  keep_alive(io);
}

static int io_sock_close(void *self, int fd)
{
  struct eddy__uv_io *io = self;
  int rc = eddy__readiness_close(&io->table, fd);
  keep_alive(io);
  return rc;
}

/* ---- signals ---- */

static void on_signal(uv_signal_t *signal, int signum)
{
  struct signal_watch *watch = signal->data;
  eddy_backend_caught(watch->core->loop, signum);
}

static int io_signal_start(void *self, int signum)
{
  struct eddy__uv_io *io = self;
  struct signal_watch *watch = eddy__alloc(sizeof(*watch));
  if (watch == NULL) return EDDY_ENOMEM;
  int rc = uv_signal_init(io->core->uv, &watch->signal);
  if (rc < 0) {
    eddy__free(watch);
    return rc;
  }
  watch->core = io->core;
  watch->signal.data = watch;
  uv_unref((uv_handle_t *)&watch->signal);
  rc = uv_signal_start(&watch->signal, on_signal, signum);
  if (rc < 0) {
    close_signal(watch);
    return rc;
  }
  watch->next = io->signals;
  io->signals = watch;
  return 0;
}

static void io_signal_stop(void *self, int signum)
{
  struct eddy__uv_io *io = self;
  for (struct signal_watch **place = &io->signals; *place != NULL;
       place = &(*place)->next) {
    struct signal_watch *watch = *place;
    if (watch->signal.signum != signum) continue;
    *place = watch->next;
    close_signal(watch);
    return;
  }
}

const eddy_io eddy__io_uv = {
    .name = "uv",
    .loop_size = sizeof(struct eddy__uv_io),
    .open = io_open,
    .close = io_close,
    .now = io_now,
    .poll = io_poll,
    .wake = io_wake,
    .start = io_start,
    .finish = eddy__kernel_finish,
    .cancel = io_cancel,
    .sock_open = eddy__kernel_sock_open,
    .sock_open_datagram = eddy__kernel_sock_open_datagram,
    .sock_pair = eddy__kernel_sock_pair,
    .sock_listen = eddy__kernel_sock_listen,
    .sock_bind = eddy__kernel_sock_bind,
    .sock_name = eddy__kernel_sock_name,
    .sock_shutdown = eddy__kernel_sock_shutdown,
    .sock_close = io_sock_close,
    .sock_adopt = eddy__kernel_sock_adopt,
    .sock_disown = eddy__kernel_sock_disown,
    .pipe_open = eddy__kernel_pipe_open,
    .signal_start = io_signal_start,
    .signal_stop = io_signal_stop,
    .alive = io_alive,
    .quiet = io_quiet,
    .busy = io_busy,
    .uv_loop = io_uv_loop,
};
