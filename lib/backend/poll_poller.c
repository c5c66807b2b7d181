/* POSIX: poll. Its list is kept from one wait to the next; each wait costs as much as there are
 * descriptors in it. */
#include "backend/poller.h"

#include <poll.h>
#include <time.h>

#include "base/alloc.h"

#define SMALLEST 16

/* The first places of the list. */
enum place {
  WAKEUP,
  JOINED,
  FIRST, /* of the table's slots; so a watcher's place 0 means that it has none */
};

struct watcher {
  struct eddy__slot slot; /* first: a slot is a watcher */
  size_t place;
};

struct poll_poller {
  struct eddy__readiness *table;
  const struct eddy__wakeup *wakeup;
  struct pollfd *states;
  struct watcher **watchers; /* whose they are, from FIRST on */
  size_t count;
  size_t capacity;
};

static struct watcher *watcher_of(struct eddy__slot *slot)
{
  return (struct watcher *)(void *)slot;
}

/* ---- the list ---- */

static int grow(struct poll_poller *poller)
{
  size_t capacity = poller->capacity == 0 ? SMALLEST : poller->capacity * 2;
  struct pollfd *states = eddy__realloc(poller->states, capacity * sizeof(states[0]));
  if (states == NULL) return EDDY_ENOMEM;
  poller->states = states;
  struct watcher **watchers = eddy__realloc(
      poller->watchers, capacity * sizeof(watchers[0]));
  if (watchers == NULL) return EDDY_ENOMEM;
  poller->watchers = watchers;
  poller->capacity = capacity;
  return 0;
}

static int append(struct poll_poller *poller, struct watcher *watcher)
{
  int rc = poller->count < poller->capacity ? 0 : grow(poller);
  if (rc < 0) return rc;
  watcher->place = poller->count++;
  poller->watchers[watcher->place] = watcher;
  poller->states[watcher->place] = (struct pollfd){.fd = watcher->slot.fd};
  return 0;
}

/* The last one takes its place. */
static void take_out(struct poll_poller *poller, struct watcher *watcher)
{
  if (watcher->place == 0) return;
  size_t last = --poller->count;
  poller->states[watcher->place] = poller->states[last];
  poller->watchers[watcher->place] = poller->watchers[last];
  poller->watchers[watcher->place]->place = watcher->place;
  watcher->place = 0;
}

static int poller_arm(void *self, struct eddy__slot *slot, unsigned events)
{
  struct poll_poller *poller = self;
  struct watcher *watcher = watcher_of(slot);
  if (events == 0) {
    take_out(poller, watcher);
    return 0;
  }
  int rc = watcher->place != 0 ? 0 : append(poller, watcher);
  if (rc < 0) return rc;
  short wanted = 0;
  if ((events & EDDY__READ) != 0) wanted |= POLLIN;
  if ((events & EDDY__WRITE) != 0) wanted |= POLLOUT;
  poller->states[watcher->place].events = wanted;
  return 0;
}

static struct eddy__slot *poller_make(void *self)
{
  (void)self;
  struct watcher *watcher = eddy__alloc(sizeof(*watcher));
  return watcher == NULL ? NULL : &watcher->slot;
}

static void poller_forget(void *self, struct eddy__slot *slot)
{
  take_out(self, watcher_of(slot));
}

static void poller_drop(void *self, struct eddy__slot *slot)
{
  take_out(self, watcher_of(slot));
  eddy__free(slot);
}

/* ---- opening and closing ---- */

static int poller_open(
    void *self, struct eddy__readiness *table, const struct eddy__wakeup *wakeup)
{
  struct poll_poller *poller = self;
  poller->table = table;
  int rc = grow(poller);
  if (rc < 0) {
    eddy__free(poller->states);
    return rc;
  }
  poller->wakeup = wakeup;
  poller->states[WAKEUP] = (struct pollfd){.fd = wakeup->reader, .events = POLLIN};
  poller->states[JOINED] = (struct pollfd){.fd = -1};
  poller->count = FIRST;
  return 0;
}

static void poller_close(void *self)
{
  struct poll_poller *poller = self;
  eddy__free(poller->watchers);
  eddy__free(poller->states);
}

static int poller_join(void *self, int fd)
{
  struct poll_poller *poller = self;
  poller->states[JOINED] = (struct pollfd){.fd = fd, .events = POLLIN};
  return 0;
}

/* ---- waiting ---- */

static int wait_for_events(struct poll_poller *poller, eddy_time timeout)
{
#if defined(__linux__) || defined(__FreeBSD__) || defined(__OpenBSD__) ||                \
    defined(__NetBSD__)
  struct timespec time = {
      .tv_sec = (time_t)(timeout / EDDY_S(1)), .tv_nsec = (long)(timeout % EDDY_S(1))};
  return ppoll(
      poller->states, (nfds_t)poller->count, timeout == EDDY_NEVER ? NULL : &time, NULL);
#else
  eddy_time milliseconds = -1;
  if (timeout != EDDY_NEVER) milliseconds = (timeout + EDDY_MS(1) - 1) / EDDY_MS(1);
  return poll(poller->states, (nfds_t)poller->count, (int)milliseconds);
#endif
}

static void report(struct eddy__readiness *table, struct eddy__slot *slot, short happened)
{
  unsigned events = 0;
  if ((happened & POLLNVAL) != 0) {
    eddy__readiness_lost(table, slot, EDDY_EBADF);
    return;
  }
  bool over = (happened & (POLLERR | POLLHUP)) != 0;
  if (over || (happened & POLLIN) != 0) events |= EDDY__READ;
  if (over || (happened & POLLOUT) != 0) events |= EDDY__WRITE;
  eddy__readiness_event(table, slot, events & slot->armed);
}

static bool poller_wait(void *self, eddy_time timeout)
{
  struct poll_poller *poller = self;
  if (wait_for_events(poller, timeout) <= 0) return false;
  if (poller->states[WAKEUP].revents != 0) eddy__wakeup_drain(poller->wakeup);
  for (size_t i = FIRST; i < poller->count;) {
    struct watcher *watcher = poller->watchers[i];
    short happened = poller->states[i].revents;
    poller->states[i].revents = 0;
    if (happened != 0) report(poller->table, &watcher->slot, happened);
    /* It may have been taken out, and the last one stand here. */
    if (i < poller->count && poller->watchers[i] == watcher) i++;
  }
  return poller->states[JOINED].revents != 0;
}

const struct eddy__sleeper eddy__sleeper_poll = {
    .poller = {.make = poller_make,
        .arm = poller_arm,
        .forget = poller_forget,
        .drop = poller_drop},
    .size = sizeof(struct poll_poller),
    .open = poller_open,
    .close = poller_close,
    .join = poller_join,
    .wait = poller_wait,
};
