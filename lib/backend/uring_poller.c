/*
 * Linux: io_uring. What is to be watched is handed over by the call that waits, so that registering
 * costs no system call of its own.
 *
 * Sockets made by this loop have a request that goes on reporting edges: for reading from the first
 * wait on, and for writing too from the first wait for that. Everything else has one that reports
 * once and is made anew before each wait while it is wanted, which amounts to levels.
 *
 * Where connections are waited for by a server and bytes by a transport (EDDY_OP_LATER), whose
 * descriptors nobody else reads from, the request takes them in at once: they wait in a stash
 * (ahead.h) for the operation that asks for them, which then makes no system call. It is stopped
 * when something comes that nobody waits for, so that a transport that rests reads little ahead:
 * the kernel fills 32 buffers at a time, 128 KiB. It is stopped for good where it does not pay or
 * cannot go on: after a read that filled its buffer, a wait for writing, a lack of buffers or
 * descriptors. While it is not over nothing is read beside it, for bytes keep their order. The
 * calls of eddy_sock_ take nothing ahead: who uses them may read from the descriptor in other
 * ways, too.
 *
 * A request keeps its file open, whatever happens to the number. It is therefore cancelled at once,
 * with a call of its own, when nobody wants it any more and before the file is closed: what is
 * closed is closed then, its port is free and its peer hears of it.
 *
 * Requests carry a number that is not used again, so that what a cancelled one may still report is
 * known to be nobody's.
 */
#include "backend/uring.h"

#if EDDY__RINGS

#include <errno.h>
#include <poll.h>
#include <time.h>

#include "base/alloc.h"

/* ---- what the table asks for ---- */

static struct eddy__slot *poller_make(void *self)
{
  (void)self;
  struct eddy__uring_watcher *watcher = eddy__alloc(sizeof(*watcher));
  return watcher == NULL ? NULL : &watcher->slot;
}

static int poller_arm(void *self, struct eddy__slot *slot, unsigned events)
{
  struct eddy__uring *poller = self;
  struct eddy__uring_watcher *watcher = eddy__uring_watcher_of(slot);
  unsigned wanted = 0;
  slot->edge = slot->own && !slot->level;
  if ((events & EDDY__READ) != 0) wanted |= POLLIN | POLLRDHUP;
  if ((events & EDDY__WRITE) != 0) wanted |= POLLOUT;
  bool edges = watcher->serial != 0 && watcher->mode == EDDY__POLL_EDGES;
  if (wanted != 0 && slot->edge && edges) wanted |= watcher->requested;
  watcher->wanted = (uint16_t)wanted;
  if (eddy__uring_takes_in(watcher)) {
    if (wanted != (POLLIN | POLLRDHUP)) eddy__uring_stop(poller, watcher);
    return 0;
  }
  if (wanted == watcher->requested && slot->edge == edges && watcher->serial != 0)
    return 0;
  eddy__uring_cancel(poller, watcher, wanted == 0);
  if (wanted != 0) eddy__uring_changed(poller, watcher);
  return 0;
}

static void poller_forget(void *self, struct eddy__slot *slot)
{
  struct eddy__uring *poller = self;
  struct eddy__uring_watcher *watcher = eddy__uring_watcher_of(slot);
  watcher->wanted = 0;
  eddy__uring_cancel(poller, watcher, true);
  eddy__uring_drop_stash(poller, watcher);
  watcher->kept = 0;
  watcher->error = 0;
  watcher->stopping = watcher->plain = watcher->ended = false;
}

/* Its request is cancelled by poller_close. */
static void poller_drop(void *self, struct eddy__slot *slot)
{
  eddy__uring_drop_stash(self, eddy__uring_watcher_of(slot));
  eddy__free(slot);
}

/* ---- opening and closing ---- */

static int poller_open(
    void *self, struct eddy__readiness *table, const struct eddy__wakeup *wakeup)
{
  struct eddy__uring *poller = self;
  poller->table = table;
  poller->wakeup = wakeup;
  poller->joined = -1;
  poller->changed_tail = &poller->changed;
  return eddy__ring_open(&poller->ring);
}

/* A ring that is closed lets go of its files some time later: they are freed first. */
static void poller_close(void *self)
{
  struct eddy__uring *poller = self;
  struct io_uring_sqe *request = NULL;
  if (poller->ring.entered) request = eddy__ring_request(&poller->ring);
  if (request != NULL) {
    request->opcode = IORING_OP_ASYNC_CANCEL;
    request->fd = -1;
    request->cancel_flags = IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL;
    (void)eddy__ring_flush(&poller->ring);
  }
  struct io_uring_cqe event;
  while (eddy__ring_take(&poller->ring, &event)) {
    eddy__uring_drop(poller, &event);
  }
  eddy__ring_close(&poller->ring);
  eddy__ahead_close(&poller->ahead);
}

static int poller_join(void *self, int fd)
{
  struct eddy__uring *poller = self;
  poller->joined = fd;
  return 0;
}

/* ---- waiting ---- */

/* Whether what has joined is readable. */
static bool take_events(struct eddy__uring *poller)
{
  struct io_uring_cqe event;
  bool joined = false;
  while (eddy__ring_take(&poller->ring, &event)) {
    if (event.user_data >> 32 != 0) {
      eddy__uring_take(poller, &event);
    } else if (event.user_data == EDDY__TAG_JOINED) {
      poller->joined_watched = false;
      joined = true;
    } else if (event.user_data == EDDY__TAG_WAKEUP &&
               (event.flags & IORING_CQE_F_MORE) == 0) {
      poller->wakeup_watched = false;
    }
  }
  return joined;
}

/* Asks for everything again, in a new ring. If there can be none just now, the next wait tries
 * again. */
static void renew(struct eddy__uring *poller)
{
  struct eddy__ring ring;
  if (eddy__ring_open(&ring) < 0) return;
  (void)take_events(poller);
  eddy__ring_close(&poller->ring);
  poller->ring = ring;
  poller->out_of_date = false;
  poller->renewed = true;
  poller->wakeup_watched = poller->joined_watched = false;
  for (size_t i = 0; i < poller->table->size; i++) {
    struct eddy__slot *slot = poller->table->slots[i];
    if (slot == NULL || eddy__uring_watcher_of(slot)->wanted == 0) continue;
    eddy__uring_watcher_of(slot)->serial = 0;
    eddy__uring_watcher_of(slot)->stopping = false;
    eddy__uring_changed(poller, eddy__uring_watcher_of(slot));
  }
}

/* Submits and waits; a code if that cannot be done. */
static int enter(struct eddy__uring *poller, eddy_time timeout)
{
  if (poller->out_of_date) renew(poller);
  eddy__uring_request(poller);
  if (timeout == 0 && eddy__ring_is_idle(&poller->ring)) return 0;
  return eddy__ring_enter(&poller->ring, timeout);
}

static bool poller_wait(void *self, eddy_time timeout)
{
  struct eddy__uring *poller = self;
  int rc = enter(poller, timeout);
  if (rc == EDDY_EEXIST) {
    poller->out_of_date = true;
    rc = enter(poller, timeout);
  }
  if (rc < 0 && rc != EDDY_EINTR && timeout > 0) { /* not at once again */
    struct timespec pause = {
        .tv_nsec = (long)(timeout < EDDY_MS(1) ? timeout : EDDY_MS(1))};
    (void)nanosleep(&pause, NULL);
  }
  return take_events(poller);
}

#define STATE_SIZE sizeof(struct eddy__uring)

#else

/* Built where linux/io_uring.h is too old: there is nothing to open. */
static int poller_open(
    void *self, struct eddy__readiness *table, const struct eddy__wakeup *wakeup)
{
  (void)self;
  (void)table;
  (void)wakeup;
  return EDDY_ENOTSUP;
}

#define STATE_SIZE 1
#define poller_make NULL
#define poller_arm NULL
#define poller_forget NULL
#define poller_drop NULL
#define poller_close NULL
#define poller_join NULL
#define eddy__uring_attempt NULL
#define poller_wait NULL

#endif

static const char *refusal(int code)
{
  switch (code) {
  case EDDY_ENOSYS:
    return "this system has no io_uring";
  case EDDY_EPERM:
  case EDDY_EACCES:
    return "io_uring is forbidden here (by kernel.io_uring_disabled or by a filter)";
  case EDDY_EINVAL:
    return "this kernel's io_uring is older than Linux 6.1's";
  case EDDY_ENOMEM:
    return "the kernel has no memory for a ring (RLIMIT_MEMLOCK or the control group's)";
  case EDDY_ENOTSUP:
    return "eddy was built with a linux/io_uring.h older than Linux 6.1's";
  default:
    return NULL;
  }
}

const struct eddy__sleeper eddy__sleeper_uring = {
    .poller = {.make = poller_make,
        .arm = poller_arm,
        .forget = poller_forget,
        .drop = poller_drop,
        .attempt = eddy__uring_attempt},
    .size = STATE_SIZE,
    .open = poller_open,
    .close = poller_close,
    .join = poller_join,
    .wait = poller_wait,
    .refusal = refusal,
    .instead = &eddy__sleeper_epoll,
    .instead_name = "native/epoll",
};
