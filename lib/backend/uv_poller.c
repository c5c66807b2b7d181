#include "backend/uv_poller.h"

#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "backend/uv_loop.h"
#include "base/alloc.h"

/*
 * What libuv 1.44 does not survive here:
 *
 *   uv_poll_start   calls abort() when its table of descriptors, indexed by number,
 * cannot grow (1.52 returns UV_ENOMEM but goes on with the freed table). uv_run calls
 * abort() when the kernel refuses a descriptor that was started: closed (EBADF), not
 * pollable (EPERM), no memory (ENOMEM, ENOSPC).
 *
 * Against the first, the table is enlarged early and every growth is tried out with an
 * allocation of the same size; against the second, fresh descriptors are verified before
 * each poll. What is left is memory that runs out between the trial and libuv's own
 * allocation, and a kernel without memory for one more registration.
 */

#define RESERVED 1022 /* numbers; libuv makes it 1024 pointers, 8 KiB */
#define BATCH 64

/* The slot's `vetted`: libuv has accepted the file of kind OTHER that is registered. */
struct eddy__uv_watcher {
  struct eddy__slot slot; /* first: a slot is a watcher */
  uv_poll_t poll;         /* its data is the core */
  int next_started;       /* number of the next on the poller's list; -1: the last */
  bool ready;   /* the handle was initialised; it serves one file after another */
  bool started; /* since the last poll: it is on the poller's list */
};

static struct eddy__uv_watcher *watcher_of(struct eddy__slot *slot)
{
  return (struct eddy__uv_watcher *)(void *)slot;
}

static struct eddy__uv_watcher *watcher_of_handle(uv_handle_t *handle)
{
  return (struct eddy__uv_watcher *)(void *)((char *)handle -
                                             offsetof(struct eddy__uv_watcher, poll));
}

/* uv_poll_start for a handle of ours, which ends the process if its table cannot grow: the
 * trial comes right before it. */
static int start_poll(
    struct eddy__uv_poller *poller, uv_poll_t *handle, int fd, int events, uv_poll_cb fn)
{
  bool grows = (unsigned)fd >= poller->room;
  if (grows) {
    void *trial = eddy__alloc(eddy__uv_table_bytes(fd));
    if (trial == NULL) return EDDY_ENOMEM;
    eddy__free(trial);
  }
  int rc = uv_poll_start(handle, events, fn);
  if (rc == 0 && grows) poller->room = eddy__uv_table_room(fd);
  return rc;
}

/* A poll handle used for a moment. */
struct probe {
  uv_poll_t poll;
  struct eddy__uv_core *core;
};

static void on_probe_closed(uv_handle_t *handle)
{
  struct probe *probe = handle->data;
  struct eddy__uv_core *core = probe->core;
  eddy__free(probe);
  eddy__uv_core_closed(core);
}

static void ignore_event(uv_poll_t *poll, int status, int events)
{
  (void)poll;
  (void)status;
  (void)events;
}

/* Asks libuv whether it could poll this descriptor, which no other handle watches; and
 * has its table grow to the number, if `start` is set. */
static int try_out(struct eddy__uv_poller *poller, int fd, bool start)
{
  struct eddy__uv_core *core = poller->core;
  struct probe *probe = eddy__alloc(sizeof(*probe));
  if (probe == NULL) return EDDY_ENOMEM;
  int rc = uv_poll_init(core->uv, &probe->poll, fd);
  if (rc < 0) {
    eddy__free(probe);
    return rc == UV_EEXIST ? EDDY_EBUSY : rc;
  }
  probe->core = core;
  probe->poll.data = probe;
  if (start) rc = start_poll(poller, &probe->poll, fd, UV_READABLE, ignore_event);
  core->closing++;
  uv_close((uv_handle_t *)&probe->poll, on_probe_closed);
  return rc;
}

void eddy__uv_poller_reserve(struct eddy__uv_poller *poller)
{
  int fds[2];
  if (eddy__socket_pair(fds) < 0) return;
  int high = fcntl(fds[0], F_DUPFD_CLOEXEC, RESERVED - 1);
  if (high >= 0) {
    (void)try_out(poller, high, true);
    close(high);
  }
  close(fds[0]);
  close(fds[1]);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
  struct eddy__uv_watcher *watcher = watcher_of_handle((uv_handle_t *)poll);
  struct eddy__uv_core *core = poll->data;
  struct eddy__slot *slot = &watcher->slot;
  unsigned happened = 0;
  if ((events & UV_READABLE) != 0) happened |= EDDY__READ;
  if ((events & UV_WRITABLE) != 0) happened |= EDDY__WRITE;
  if (status < 0) {
    /* An error condition of the descriptor; libuv has stopped the handle. The waiters
     * learn which one by trying. */
    happened = slot->armed;
    slot->armed = 0;
  }
  eddy__readiness_event(core->table, slot, happened);
}

static int init_handle(struct eddy__uv_poller *poller, struct eddy__uv_watcher *watcher)
{
  int rc = uv_poll_init(poller->core->uv, &watcher->poll, watcher->slot.fd);
  if (rc < 0) return rc;
  watcher->poll.data = poller->core;
  watcher->slot.vetted = true;
  watcher->ready = true;
  uv_unref((uv_handle_t *)&watcher->poll);
  return 0;
}

/* uv_poll_init found the first file pollable. Later ones under the same number are, if
 * they are sockets or pipes; others are shown to libuv once more. */
static int check_file(struct eddy__uv_poller *poller, struct eddy__uv_watcher *watcher)
{
  struct eddy__slot *slot = &watcher->slot;
  if (slot->file_kind != EDDY__FILE_OTHER || slot->vetted) return 0;
  uv_poll_stop(&watcher->poll);
  int rc = try_out(poller, slot->fd, false);
  slot->vetted = rc == 0;
  return rc;
}

static struct eddy__slot *poller_make(void *self)
{
  struct eddy__uv_core *core = ((struct eddy__uv_poller *)self)->core;
  struct eddy__uv_watcher *watcher = eddy__pool_get(&core->watchers);
  if (watcher == NULL) return NULL;
  memset(watcher, 0, sizeof(*watcher));
  return &watcher->slot;
}

const size_t eddy__uv_watcher_size = sizeof(struct eddy__uv_watcher);

static int poller_arm(void *self, struct eddy__slot *slot, unsigned events)
{
  struct eddy__uv_poller *poller = self;
  struct eddy__uv_watcher *watcher = watcher_of(slot);
  if (events == 0) {
    if (watcher->ready) uv_poll_stop(&watcher->poll);
    return 0;
  }
  int rc = watcher->ready ? check_file(poller, watcher) : init_handle(poller, watcher);
  if (rc < 0) goto fail;
  int wanted = 0;
  if ((events & EDDY__READ) != 0) wanted |= UV_READABLE;
  if ((events & EDDY__WRITE) != 0) wanted |= UV_WRITABLE;
  rc = start_poll(poller, &watcher->poll, slot->fd, wanted, on_poll);
  if (rc < 0) goto fail;
  if (!watcher->started) {
    watcher->started = true;
    watcher->next_started = poller->started != NULL ? poller->started->slot.fd : -1;
    poller->started = watcher;
  }
  return 0;
fail:
  if (watcher->ready) uv_poll_stop(&watcher->poll);
  return rc == UV_EEXIST ? EDDY_EBUSY : rc;
}

static void poller_forget(void *self, struct eddy__slot *slot)
{
  (void)self;
  struct eddy__uv_watcher *watcher = watcher_of(slot);
  /* The handle knows nothing but the number: it is kept for the next file with it. */
  if (watcher->ready && slot->armed != 0) uv_poll_stop(&watcher->poll);
}

static void on_watcher_closed(uv_handle_t *handle)
{
  struct eddy__uv_core *core = handle->data;
  eddy__pool_put(&core->watchers, watcher_of_handle(handle));
  eddy__uv_core_closed(core);
}

static void poller_drop(void *self, struct eddy__slot *slot)
{
  struct eddy__uv_core *core = ((struct eddy__uv_poller *)self)->core;
  struct eddy__uv_watcher *watcher = watcher_of(slot);
  if (!watcher->ready) {
    eddy__pool_put(&core->watchers, watcher);
    return;
  }
  core->closing++;
  uv_close((uv_handle_t *)&watcher->poll, on_watcher_closed);
}

const struct eddy__poller eddy__uv_poller = {
    .make = poller_make,
    .arm = poller_arm,
    .forget = poller_forget,
    .drop = poller_drop,
};

/* What a fresh descriptor that answers at once stands for now. */
static int verify_ready(const struct eddy__slot *slot)
{
  struct eddy__file file;
  int rc = eddy__file_look(slot->fd, &file);
  if (rc < 0 || file.kind != EDDY__FILE_OTHER) return rc;
  bool same = slot->file_kind == EDDY__FILE_OTHER && slot->vetted &&
              slot->file == eddy__file_identity(&file);
  return same ? 0 : EDDY_EBADF;
}

static void verify_batch(
    struct eddy__readiness *table, struct eddy__uv_watcher **batch, nfds_t count)
{
  struct pollfd states[BATCH] = {0};
  for (nfds_t i = 0; i < count; i++) {
    unsigned armed = batch[i]->slot.armed;
    states[i].fd = batch[i]->slot.fd;
    states[i].events = 0;
    if ((armed & EDDY__READ) != 0) states[i].events |= POLLIN;
    if ((armed & EDDY__WRITE) != 0) states[i].events |= POLLOUT;
  }
  if (poll(states, count, 0) <= 0) return;
  for (nfds_t i = 0; i < count; i++) {
    int rc = 0;
    if ((states[i].revents & POLLNVAL) != 0) {
      rc = EDDY_EBADF;
    } else if (states[i].revents != 0) {
      rc = verify_ready(&batch[i]->slot);
    }
    if (rc < 0) eddy__readiness_lost(table, &batch[i]->slot, rc);
  }
}

void eddy__uv_poller_verify(struct eddy__uv_poller *poller)
{
  struct eddy__readiness *table = poller->core->table;
  while (poller->started != NULL) {
    struct eddy__uv_watcher *batch[BATCH];
    nfds_t count = 0;
    while (poller->started != NULL && count < BATCH) {
      struct eddy__uv_watcher *watcher = poller->started;
      struct eddy__slot *slot = &watcher->slot;
      poller->started = watcher->next_started < 0
                            ? NULL
                            : watcher_of(table->slots[watcher->next_started]);
      watcher->started = false;
      if (slot->armed != 0) batch[count++] = watcher;
    }
    if (count > 0) verify_batch(table, batch, count);
  }
}
