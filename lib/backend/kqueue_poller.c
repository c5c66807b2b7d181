/*
 * macOS and the BSDs: kqueue.
 *
 * It is compiled for macOS, and its logic is run over an imitation of kqueue (tests/kqueue); it
 * has not been run on a kernel that has the real one.
 *
 * As with epoll, sockets made by this loop are registered once, for edges (EV_CLEAR): reading
 * from the first wait on, and writing too from the first wait for that. Everything else is
 * registered for levels, and for what is waited for.
 *
 * A registration belongs to the number and ends when that is closed, whoever else has the file:
 * nothing that is out of date can stay. An event that was fetched before the number changed its
 * meaning tells so by its generation.
 */
#include "backend/poller.h"

#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/event.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"

#define BATCH 256

/* What is registered (the slot's `registered`), as EDDY__READ and EDDY__WRITE, and how. */
#define BOTH (EDDY__READ | EDDY__WRITE)
#define BY_EDGES 4 /* also what may be left when the table has forgotten the slot */

struct kqueue_poller {
  struct eddy__readiness *table;
  const struct eddy__wakeup *wakeup;
  int fd;
  int joined; /* or -1 */
  struct kevent events[BATCH];
};

/* ---- registrations ---- */

static int control(int kq, int fd, int filter, int how, uint32_t generation)
{
  struct kevent change;
  EV_SET(&change, (uintptr_t)fd, (short)filter, (unsigned short)how, 0, 0,
      (void *)(uintptr_t)generation);
  while (kevent(kq, &change, 1, NULL, 0, NULL) < 0) {
    if (errno != EINTR) return -errno;
  }
  return 0;
}

/* A kind of file that cannot be watched has many codes. */
static int refusal(int rc)
{
  bool unfit = rc == -EINVAL || rc == -ENODEV || rc == -EOPNOTSUPP;
  return unfit ? EDDY_EPERM : rc;
}

static int filter_of(unsigned event)
{
  return event == EDDY__READ ? EVFILT_READ : EVFILT_WRITE;
}

/* The number may be closed, which has ended the registration. */
static void unregister(
    const struct kqueue_poller *poller, struct eddy__slot *slot, unsigned events)
{
  for (unsigned event = EDDY__READ; event <= EDDY__WRITE; event <<= 1) {
    if ((slot->registered & events & event) == 0) continue;
    (void)control(poller->fd, slot->fd, filter_of(event), EV_DELETE, 0);
    slot->registered = (uint8_t)(slot->registered & ~event);
  }
}

static int put(
    const struct kqueue_poller *poller, struct eddy__slot *slot, unsigned event)
{
  int how = slot->edge ? EV_ADD | EV_CLEAR : EV_ADD;
  int rc = control(poller->fd, slot->fd, filter_of(event), how, slot->generation);
  if (rc < 0) return refusal(rc);
  slot->registered = (uint8_t)(slot->registered | event);
  return 0;
}

static struct eddy__slot *poller_make(void *self)
{
  (void)self;
  return eddy__alloc(sizeof(struct eddy__slot));
}

static int poller_arm(void *self, struct eddy__slot *slot, unsigned events)
{
  struct kqueue_poller *poller = self;
  slot->edge = slot->own && !slot->level;
  if (slot->edge) {
    slot->registered |= BY_EDGES;
    if (events != 0) events |= EDDY__READ | (slot->registered & BOTH);
  } else if ((slot->registered & BY_EDGES) != 0) {
    /* Adding again what is registered changes its tag, but not its kind. */
    slot->registered = BOTH;
    unregister(poller, slot, BOTH);
  }
  unregister(poller, slot, ~events);
  int rc = 0;
  for (unsigned event = EDDY__READ; event <= EDDY__WRITE && rc == 0; event <<= 1) {
    if ((events & ~(unsigned)slot->registered & event) != 0)
      rc = put(poller, slot, event);
  }
  if (rc == 0) return 0;
  unregister(poller, slot, BOTH);
  slot->edge = false;
  return rc;
}

/* A socket of edges is about to be closed, or has been, which ends its registration for nothing;
 * or it is to be watched for levels from now on, see poller_arm. */
static void poller_forget(void *self, struct eddy__slot *slot)
{
  if (slot->edge) slot->registered = BY_EDGES;
  unregister(self, slot, BOTH);
}

static void poller_drop(void *self, struct eddy__slot *slot)
{
  (void)self;
  eddy__free(slot);
}

/* ---- opening and closing ---- */

static int poller_open(
    void *self, struct eddy__readiness *table, const struct eddy__wakeup *wakeup)
{
  struct kqueue_poller *poller = self;
  poller->table = table;
  poller->wakeup = wakeup;
  poller->joined = -1;
  poller->fd = kqueue();
  if (poller->fd < 0) return -errno;
  int rc = fcntl(poller->fd, F_SETFD, FD_CLOEXEC) < 0 ? -errno : 0;
  if (rc == 0) rc = control(poller->fd, wakeup->reader, EVFILT_READ, EV_ADD, 0);
  if (rc < 0) close(poller->fd);
  return rc;
}

static void poller_close(void *self)
{
  struct kqueue_poller *poller = self;
  close(poller->fd);
}

static int poller_join(void *self, int fd)
{
  struct kqueue_poller *poller = self;
  int rc = control(poller->fd, fd, EVFILT_READ, EV_ADD, 0);
  if (rc == 0) poller->joined = fd;
  return rc;
}

/* ---- waiting ---- */

static int wait_for_events(struct kqueue_poller *poller, eddy_time timeout)
{
  struct timespec time = {
      .tv_sec = (time_t)(timeout / EDDY_S(1)), .tv_nsec = (long)(timeout % EDDY_S(1))};
  return kevent(
      poller->fd, NULL, 0, poller->events, BATCH, timeout == EDDY_NEVER ? NULL : &time);
}

static void report(
    struct eddy__readiness *table, struct eddy__slot *slot, const struct kevent *event)
{
  unsigned happened = event->filter == EVFILT_READ ? EDDY__READ : EDDY__WRITE;
  if (slot->edge) {
    eddy__readiness_edge(table, slot, happened, (event->flags & EV_EOF) != 0);
  } else {
    eddy__readiness_event(table, slot, happened & slot->armed);
  }
}

static void take_event(const struct kqueue_poller *poller, const struct kevent *event)
{
  size_t fd = (size_t)event->ident;
  struct eddy__slot *slot = fd < poller->table->size ? poller->table->slots[fd] : NULL;
  if (slot == NULL || (slot->registered & BOTH) == 0) return;
  if (slot->generation == (uint32_t)(uintptr_t)event->udata)
    report(poller->table, slot, event);
}

static bool poller_wait(void *self, eddy_time timeout)
{
  struct kqueue_poller *poller = self;
  bool joined = false;
  int count = wait_for_events(poller, timeout);
  for (int i = 0; i < count; i++) {
    const struct kevent *event = &poller->events[i];
    if (event->ident == (uintptr_t)poller->wakeup->reader) {
      eddy__wakeup_drain(poller->wakeup);
    } else if (event->ident == (uintptr_t)poller->joined) {
      joined = true;
    } else {
      take_event(poller, event);
    }
  }
  return joined;
}

const struct eddy__sleeper eddy__sleeper_kqueue = {
    .poller = {.make = poller_make,
        .arm = poller_arm,
        .forget = poller_forget,
        .drop = poller_drop},
    .size = sizeof(struct kqueue_poller),
    .open = poller_open,
    .close = poller_close,
    .join = poller_join,
    .wait = poller_wait,
};
