/*
 * Linux: epoll.
 *
 * Sockets made by this loop are registered once, for edges: reading from the first wait on, and
 * writing too from the first wait for that. (A socket that is always registered for writing
 * reports each message that its peer has read, unless it is TCP's.) Everything else is registered
 * for levels, and for what is waited for.
 *
 * A registration ends by itself when its file is closed, and not when only the number is: the
 * file may live on in a duplicate or a child, and goes on reporting with a number that means
 * something else by now and cannot be used to remove it. An event therefore carries the
 * generation of its number. One that is out of date tells that there is such a registration: all
 * that are wanted are then made again in a new epoll.
 */
#include "backend/poller.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/pool.h"

#define BATCH 256
#define EDGES (EPOLLIN | EPOLLRDHUP | EPOLLET)
#define TAG_WAKEUP UINT64_MAX
#define TAG_JOINED (UINT64_MAX - 1)

/* What is registered (the slot's `registered`). */
enum registration {
  NOTHING = 0,
  READING = EDDY__READ,
  WRITING = EDDY__WRITE,
  BY_EDGES = 4, /* of reading, and of writing if that is set too */
};

struct epoll_poller {
  struct eddy__readiness *table;
  const struct eddy__wakeup *wakeup;
  int fd;
  int joined;       /* or -1 */
  bool coarse;      /* the kernel sleeps whole milliseconds only */
  bool out_of_date; /* something is registered that cannot be removed */
  struct eddy__pool slots;
  struct epoll_event events[BATCH];
};

/* ---- registrations ---- */

static int control(int epoll, int how, int fd, uint32_t events, uint64_t tag)
{
  struct epoll_event event = {.events = events, .data.u64 = tag};
  return epoll_ctl(epoll, how, fd, &event) == 0 ? 0 : -errno;
}

static uint64_t tag_of(const struct eddy__slot *slot)
{
  return (uint64_t)slot->generation << 32 | (uint32_t)slot->fd;
}

static uint32_t events_of(unsigned registration)
{
  uint32_t events = 0;
  if ((registration & READING) != 0) events |= EPOLLIN;
  if ((registration & WRITING) != 0) events |= EPOLLOUT;
  if ((registration & BY_EDGES) != 0) events |= EDGES;
  return events;
}

static void unregister(struct epoll_poller *poller, struct eddy__slot *slot)
{
  if (slot->registered == NOTHING) return;
  slot->registered = NOTHING;
  (void)control(poller->fd, EPOLL_CTL_DEL, slot->fd, 0, 0);
}

/* Whatever the kernel knows of the number. */
static int put(struct epoll_poller *poller, struct eddy__slot *slot, unsigned wanted)
{
  int how = slot->registered != NOTHING ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  int rc = control(poller->fd, how, slot->fd, events_of(wanted), tag_of(slot));
  if (rc == -ENOENT || rc == -EEXIST) {
    how = how == EPOLL_CTL_MOD ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    rc = control(poller->fd, how, slot->fd, events_of(wanted), tag_of(slot));
  }
  if (rc == 0) slot->registered = (uint8_t)wanted;
  return rc;
}

static unsigned wanted_registration(const struct eddy__slot *slot, unsigned events)
{
  if (!slot->edge) return events;
  unsigned before = (slot->registered & BY_EDGES) != 0 ? slot->registered : NOTHING;
  return before | BY_EDGES | (events & EDDY__WRITE);
}

static struct eddy__slot *poller_make(void *self)
{
  struct epoll_poller *poller = self;
  struct eddy__slot *slot = eddy__pool_get(&poller->slots);
  if (slot != NULL) *slot = (struct eddy__slot){0};
  return slot;
}

static int poller_arm(void *self, struct eddy__slot *slot, unsigned events)
{
  struct epoll_poller *poller = self;
  slot->edge = slot->own && !slot->level;
  if (events == 0) {
    unregister(poller, slot);
    return 0;
  }
  unsigned wanted = wanted_registration(slot, events);
  if (wanted == slot->registered) return 0;
  int rc = put(poller, slot, wanted);
  if (rc == 0) return 0;
  unregister(poller, slot);
  slot->edge = false;
  return rc;
}

/* The file of a socket of edges is about to be closed, which ends the registration for nothing in
 * almost every case. */
static void poller_forget(void *self, struct eddy__slot *slot)
{
  if (slot->edge) slot->registered = NOTHING;
  unregister(self, slot);
}

static void poller_drop(void *self, struct eddy__slot *slot)
{
  struct epoll_poller *poller = self;
  eddy__pool_put(&poller->slots, slot);
}

/* ---- opening and closing ---- */

/* An epoll with what is not the table's. */
static int new_epoll(const struct epoll_poller *poller, int *out)
{
  int fd = epoll_create1(EPOLL_CLOEXEC);
  if (fd < 0) return -errno;
  int rc = control(
      fd, EPOLL_CTL_ADD, poller->wakeup->reader, EPOLLIN | EPOLLET, TAG_WAKEUP);
  if (rc == 0 && poller->joined >= 0)
    rc = control(fd, EPOLL_CTL_ADD, poller->joined, EPOLLIN, TAG_JOINED);
  if (rc < 0) {
    close(fd);
    return rc;
  }
  *out = fd;
  return 0;
}

static int poller_open(
    void *self, struct eddy__readiness *table, const struct eddy__wakeup *wakeup)
{
  struct epoll_poller *poller = self;
  poller->table = table;
  poller->wakeup = wakeup;
  poller->joined = -1;
  int rc = new_epoll(poller, &poller->fd);
  if (rc == 0) eddy__pool_init(&poller->slots, sizeof(struct eddy__slot));
  return rc;
}

static void poller_close(void *self)
{
  struct epoll_poller *poller = self;
  eddy__pool_fini(&poller->slots);
  close(poller->fd);
}

static int poller_join(void *self, int fd)
{
  struct epoll_poller *poller = self;
  int rc = control(poller->fd, EPOLL_CTL_ADD, fd, EPOLLIN, TAG_JOINED);
  if (rc == 0) poller->joined = fd;
  return rc;
}

/* Registers anew, in a new epoll, what is wanted. If there can be none just now, the old one
 * goes on and the next event that is out of date asks again. */
static void renew(struct epoll_poller *poller)
{
  int fd = -1;
  poller->out_of_date = false;
  if (new_epoll(poller, &fd) < 0) return;
  close(poller->fd);
  poller->fd = fd;
  for (size_t i = 0; i < poller->table->size; i++) {
    struct eddy__slot *slot = poller->table->slots[i];
    if (slot == NULL || slot->registered == NOTHING) continue;
    unsigned wanted = slot->registered;
    slot->registered = NOTHING;
    int rc = put(poller, slot, wanted);
    if (rc < 0) eddy__readiness_lost(poller->table, slot, rc);
  }
}

/* ---- waiting ---- */

static int wait_precisely(struct epoll_poller *poller, eddy_time timeout)
{
#ifdef SYS_epoll_pwait2
  struct { /* the kernel's own, whatever time_t is */
    int64_t seconds;
    int64_t nanoseconds;
  } time = {timeout / EDDY_S(1), timeout % EDDY_S(1)};
  long got = syscall(
      SYS_epoll_pwait2, poller->fd, poller->events, BATCH, &time, NULL, (size_t)0);
  if (got >= 0 || (errno != ENOSYS && errno != EPERM)) return (int)got;
#else
  (void)timeout;
#endif
  poller->coarse = true;
  errno = EINTR;
  return -1;
}

static int wait_for_events(struct epoll_poller *poller, eddy_time timeout)
{
  int milliseconds = -1;
  if (timeout != 0 && timeout != EDDY_NEVER) {
    if (!poller->coarse) {
      int got = wait_precisely(poller, timeout);
      if (!poller->coarse) return got;
    }
    milliseconds = (int)((timeout + EDDY_MS(1) - 1) / EDDY_MS(1)); /* a day at most */
  } else if (timeout == 0) {
    milliseconds = 0;
  }
  return epoll_wait(poller->fd, poller->events, BATCH, milliseconds);
}

static void report(
    struct eddy__readiness *table, struct eddy__slot *slot, uint32_t happened)
{
  unsigned events = 0;
  bool over = (happened & (EPOLLERR | EPOLLHUP)) != 0;
  if (over || (happened & (EPOLLIN | EPOLLRDHUP)) != 0) events |= EDDY__READ;
  if (over || (happened & EPOLLOUT) != 0) events |= EDDY__WRITE;
  if (slot->edge) {
    eddy__readiness_edge(table, slot, events, over || (happened & EPOLLRDHUP) != 0);
  } else {
    eddy__readiness_event(table, slot, events & slot->armed);
  }
}

static void take_event(struct epoll_poller *poller, const struct epoll_event *event)
{
  size_t fd = (uint32_t)event->data.u64;
  struct eddy__slot *slot = fd < poller->table->size ? poller->table->slots[fd] : NULL;
  bool known = slot != NULL && slot->registered != NOTHING &&
               slot->generation == (uint32_t)(event->data.u64 >> 32);
  if (known) {
    report(poller->table, slot, event->events);
  } else {
    poller->out_of_date = true;
  }
}

static bool poller_wait(void *self, eddy_time timeout)
{
  struct epoll_poller *poller = self;
  bool joined = false;
  int count = wait_for_events(poller, timeout);
  for (int i = 0; i < count; i++) {
    const struct epoll_event *event = &poller->events[i];
    if (event->data.u64 == TAG_JOINED) {
      joined = true;
    } else if (event->data.u64 != TAG_WAKEUP) {
      take_event(poller, event);
    }
  }
  if (poller->out_of_date) renew(poller);
  return joined;
}

static const char *refusal(int code)
{
  return code == EDDY_ENOSYS ? "this system has no epoll" : NULL;
}

const struct eddy__sleeper eddy__sleeper_epoll = {
    .poller = {.make = poller_make,
        .arm = poller_arm,
        .forget = poller_forget,
        .drop = poller_drop},
    .size = sizeof(struct epoll_poller),
    .open = poller_open,
    .close = poller_close,
    .join = poller_join,
    .wait = poller_wait,
    .refusal = refusal,
    .instead = &eddy__sleeper_poll,
    .instead_name = "native/poll",
};
