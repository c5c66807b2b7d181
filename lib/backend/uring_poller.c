/*
 * Linux: io_uring's poll requests. What is to be watched is handed over by the call that waits, so
 * that registering costs no system call of its own.
 *
 * Sockets made by this loop have a request that goes on reporting edges: for reading from the first
 * wait on, and for writing too from the first wait for that. Everything else has one that reports
 * once and is made anew before each wait while it is wanted, which amounts to levels.
 *
 * A request keeps its file open, whatever happens to the number. It is therefore cancelled at once,
 * with a call of its own, when nobody wants it any more and before the file is closed: what is
 * closed is closed then, its port is free and its peer hears of it.
 *
 * Requests carry a number that is not used again, so that what a cancelled one may still report is
 * known to be nobody's.
 */
#include "backend/poller.h"
#include "backend/ring.h"

#if EDDY__RINGS

#include <errno.h>
#include <poll.h>
#include <time.h>

#include "base/alloc.h"

/* A tag has the number of a request in its upper half and the descriptor in the lower one, or one
 * of these. */
enum tag {
  TAG_NOBODY, /* cancellations */
  TAG_WAKEUP,
  TAG_JOINED,
};

struct watcher {
  struct eddy__slot slot; /* first: a slot is a watcher */
  struct watcher *next;   /* on the list of those to look at before the next wait */
  uint32_t serial;        /* of its request; 0: there is none */
  uint16_t requested;     /* poll's events */
  uint16_t wanted;        /* likewise; 0: none */
  bool multishot;         /* the request goes on reporting */
  bool listed;
};

struct uring_poller {
  struct eddy__ring ring;
  struct eddy__readiness *table;
  const struct eddy__wakeup *wakeup;
  struct watcher *changed;
  struct watcher **changed_tail;
  uint32_t serial;
  int joined; /* or -1 */
  bool wakeup_watched;
  bool joined_watched;
  bool
      out_of_date; /* a request could not be cancelled, or the ring is another thread's */
};

static struct watcher *watcher_of(struct eddy__slot *slot)
{
  return (struct watcher *)(void *)slot;
}

/* ---- requests ---- */

static uint64_t tag_of(const struct watcher *watcher)
{
  return (uint64_t)watcher->serial << 32 | (uint32_t)watcher->slot.fd;
}

static bool request_poll(
    struct uring_poller *poller, int fd, uint32_t events, bool multishot, uint64_t tag)
{
  struct io_uring_sqe *request = eddy__ring_request(&poller->ring);
  if (request == NULL) return false;
  request->opcode = IORING_OP_POLL_ADD;
  request->fd = fd;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  events = events << 16 | events >> 16;
#endif
  request->poll32_events = events;
  request->len = multishot ? IORING_POLL_ADD_MULTI : 0;
  request->user_data = tag;
  return true;
}

static void list_changed(struct uring_poller *poller, struct watcher *watcher)
{
  if (watcher->listed) return;
  watcher->listed = true;
  watcher->next = NULL;
  *poller->changed_tail = watcher;
  poller->changed_tail = &watcher->next;
}

static void request_wanted(struct uring_poller *poller, struct watcher *watcher)
{
  if (++poller->serial == 0) poller->serial++;
  watcher->serial = poller->serial;
  watcher->multishot = watcher->slot.edge;
  watcher->requested = watcher->wanted;
  if (request_poll(poller, watcher->slot.fd, watcher->requested, watcher->multishot,
          tag_of(watcher)))
    return;
  watcher->serial = 0;
  list_changed(poller, watcher);
}

/* Hands over what is to be watched. */
static void request_changed(struct uring_poller *poller)
{
  struct watcher *watcher = poller->changed, *next;
  poller->changed = NULL;
  poller->changed_tail = &poller->changed;
  for (; watcher != NULL; watcher = next) {
    next = watcher->next;
    watcher->listed = false;
    if (watcher->wanted != 0 && watcher->serial == 0) request_wanted(poller, watcher);
  }
  if (!poller->wakeup_watched)
    poller->wakeup_watched = request_poll(
        poller, poller->wakeup->reader, POLLIN, true, TAG_WAKEUP);
  if (poller->joined >= 0 && !poller->joined_watched)
    poller->joined_watched = request_poll(
        poller, poller->joined, POLLIN, false, TAG_JOINED);
}

/* Cancels the request; with `now` it has let go of the file afterwards. */
static void cancel(struct uring_poller *poller, struct watcher *watcher, bool now)
{
  if (watcher->serial == 0) return;
  struct io_uring_sqe *request = eddy__ring_request(&poller->ring);
  if (request == NULL) {
    poller->out_of_date = true;
  } else {
    /* Not POLL_REMOVE, which leaves one alone that has just something to report. */
    request->opcode = IORING_OP_ASYNC_CANCEL;
    request->fd = -1;
    request->flags = IOSQE_CQE_SKIP_SUCCESS;
    request->addr = tag_of(watcher);
    request->user_data = TAG_NOBODY;
    if (now && eddy__ring_flush(&poller->ring) < 0) poller->out_of_date = true;
  }
  watcher->serial = 0;
}

/* ---- what the table asks for ---- */

static struct eddy__slot *poller_make(void *self)
{
  (void)self;
  struct watcher *watcher = eddy__alloc(sizeof(*watcher));
  return watcher == NULL ? NULL : &watcher->slot;
}

static int poller_arm(void *self, struct eddy__slot *slot, unsigned events)
{
  struct uring_poller *poller = self;
  struct watcher *watcher = watcher_of(slot);
  unsigned wanted = 0;
  slot->edge = slot->own && !slot->level;
  if ((events & EDDY__READ) != 0) wanted |= POLLIN | POLLRDHUP;
  if ((events & EDDY__WRITE) != 0) wanted |= POLLOUT;
  if (wanted != 0 && slot->edge && watcher->multishot) wanted |= watcher->requested;
  watcher->wanted = (uint16_t)wanted;
  if (wanted == watcher->requested && slot->edge == watcher->multishot &&
      watcher->serial != 0)
    return 0;
  cancel(poller, watcher, wanted == 0);
  if (wanted != 0) list_changed(poller, watcher);
  return 0;
}

static void poller_forget(void *self, struct eddy__slot *slot)
{
  struct watcher *watcher = watcher_of(slot);
  watcher->wanted = 0;
  watcher->multishot = false;
  cancel(self, watcher, true);
}

static void poller_drop(void *self, struct eddy__slot *slot)
{
  (void)self; /* its request is cancelled by poller_close */
  eddy__free(slot);
}

/* ---- opening and closing ---- */

static int poller_open(
    void *self, struct eddy__readiness *table, const struct eddy__wakeup *wakeup)
{
  struct uring_poller *poller = self;
  poller->table = table;
  poller->wakeup = wakeup;
  poller->joined = -1;
  poller->changed_tail = &poller->changed;
  return eddy__ring_open(&poller->ring);
}

/* A ring that is closed lets go of its files some time later: they are freed first. */
static void poller_close(void *self)
{
  struct uring_poller *poller = self;
  struct io_uring_sqe *request = NULL;
  if (poller->ring.entered) request = eddy__ring_request(&poller->ring);
  if (request != NULL) {
    request->opcode = IORING_OP_ASYNC_CANCEL;
    request->fd = -1;
    request->cancel_flags = IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL;
    (void)eddy__ring_flush(&poller->ring);
  }
  eddy__ring_close(&poller->ring);
}

static int poller_join(void *self, int fd)
{
  struct uring_poller *poller = self;
  poller->joined = fd;
  return 0;
}

/* Asks for everything again, in a new ring. If there can be none just now, the next wait tries
 * again. */
static void renew(struct uring_poller *poller)
{
  struct eddy__ring ring;
  if (eddy__ring_open(&ring) < 0) return;
  eddy__ring_close(&poller->ring);
  poller->ring = ring;
  poller->out_of_date = false;
  poller->wakeup_watched = poller->joined_watched = false;
  for (size_t i = 0; i < poller->table->size; i++) {
    struct eddy__slot *slot = poller->table->slots[i];
    if (slot == NULL || watcher_of(slot)->wanted == 0) continue;
    watcher_of(slot)->serial = 0;
    list_changed(poller, watcher_of(slot));
  }
}

/* ---- waiting ---- */

static void report(
    struct eddy__readiness *table, struct eddy__slot *slot, unsigned happened)
{
  unsigned events = 0;
  bool over = (happened & (POLLERR | POLLHUP)) != 0;
  if (over || (happened & (POLLIN | POLLRDHUP)) != 0) events |= EDDY__READ;
  if (over || (happened & POLLOUT) != 0) events |= EDDY__WRITE;
  if (slot->edge) {
    eddy__readiness_edge(table, slot, events, over || (happened & POLLRDHUP) != 0);
  } else {
    eddy__readiness_event(table, slot, events & slot->armed);
  }
}

static void take_event(struct uring_poller *poller, const struct io_uring_cqe *event)
{
  size_t fd = (uint32_t)event->user_data;
  uint32_t serial = (uint32_t)(event->user_data >> 32);
  struct eddy__slot *slot = fd < poller->table->size ? poller->table->slots[fd] : NULL;
  if (slot == NULL || watcher_of(slot)->serial != serial) return;
  if ((event->flags & IORING_CQE_F_MORE) == 0) {
    watcher_of(slot)->serial = 0;
    list_changed(poller, watcher_of(slot));
  }
  if (event->res >= 0) {
    report(poller->table, slot, (unsigned)event->res);
  } else if (event->res != -ECANCELED) { /* else the thread that asked has ended */
    eddy__readiness_lost(poller->table, slot, event->res);
  }
}

/* Whether what has joined is readable. */
static bool take_events(struct uring_poller *poller)
{
  struct io_uring_cqe event;
  bool joined = false;
  while (eddy__ring_take(&poller->ring, &event)) {
    if (event.user_data >> 32 != 0) {
      take_event(poller, &event);
    } else if (event.user_data == TAG_JOINED) {
      poller->joined_watched = false;
      joined = true;
    } else if (event.user_data == TAG_WAKEUP && (event.flags & IORING_CQE_F_MORE) == 0) {
      poller->wakeup_watched = false;
    }
  }
  return joined;
}

/* Submits and waits; a code if that cannot be done. */
static int enter(struct uring_poller *poller, eddy_time timeout)
{
  if (poller->out_of_date) renew(poller);
  request_changed(poller);
  if (timeout == 0 && eddy__ring_is_idle(&poller->ring)) return 0;
  return eddy__ring_enter(&poller->ring, timeout);
}

static bool poller_wait(void *self, eddy_time timeout)
{
  struct uring_poller *poller = self;
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

#define STATE_SIZE sizeof(struct uring_poller)

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
#define poller_wait NULL

#endif

static const char *refusal(int code)
{
  switch (code) {
  case EDDY_ENOSYS:
    return "this system has no io_uring";
  case EDDY_EPERM:
  case EDDY_EACCES:
    return "io_uring is forbidden here (the sysctl "
           "kernel.io_uring_disabled, or a "
           "filter of system calls)";
  case EDDY_EINVAL:
    return "this kernel's io_uring is older than Linux 6.1's";
  case EDDY_ENOMEM:
    return "the kernel has no memory for a ring (the limit is "
           "RLIMIT_MEMLOCK or the "
           "control group's)";
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
        .drop = poller_drop},
    .size = STATE_SIZE,
    .open = poller_open,
    .close = poller_close,
    .join = poller_join,
    .wait = poller_wait,
    .refusal = refusal,
    .instead = &eddy__sleeper_epoll,
    .instead_name = "native/epoll",
};
