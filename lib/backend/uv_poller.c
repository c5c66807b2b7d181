#include "backend/uv_poller.h"

#include <fcntl.h>
#include <poll.h>
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

struct eddy__uv_watcher {
  struct eddy__slot slot; /* first: a slot is a watcher */
  uv_poll_t poll;
  struct eddy__uv_core *core;
  struct eddy__uv_watcher *next_fresh;
  struct eddy__file probed; /* the last file of kind OTHER that libuv accepted */
  bool ready; /* the handle was initialised; it serves one file after another */
  bool fresh;
};

static struct eddy__uv_watcher *watcher_of(struct eddy__slot *slot)
{
  return (struct eddy__uv_watcher *)(void *)slot;
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
  struct eddy__uv_watcher *watcher = poll->data;
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
  eddy__readiness_event(slot, happened);
}

static int init_handle(struct eddy__uv_poller *poller, struct eddy__uv_watcher *watcher)
{
  int rc = uv_poll_init(poller->core->uv, &watcher->poll, watcher->slot.fd);
  if (rc < 0) return rc;
  watcher->poll.data = watcher;
  watcher->core = poller->core;
  watcher->probed = watcher->slot.file;
  watcher->ready = true;
  uv_unref((uv_handle_t *)&watcher->poll);
  return 0;
}

static bool same_file(const struct eddy__file *a, const struct eddy__file *b)
{
  return a->kind == b->kind && a->device == b->device && a->inode == b->inode;
}

/* uv_poll_init found the first file pollable. Later ones under the same number are, if
 * they are sockets or pipes; others are shown to libuv once more. */
static int check_file(struct eddy__uv_poller *poller, struct eddy__uv_watcher *watcher)
{
  const struct eddy__file *file = &watcher->slot.file;
  if (file->kind != EDDY__FILE_OTHER || same_file(file, &watcher->probed)) return 0;
  uv_poll_stop(&watcher->poll);
  int rc = try_out(poller, watcher->slot.fd, false);
  if (rc == 0) watcher->probed = *file;
  return rc;
}

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
  if (!watcher->fresh) {
    watcher->fresh = true;
    watcher->next_fresh = poller->fresh;
    poller->fresh = watcher;
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
  struct eddy__uv_watcher *watcher = handle->data;
  struct eddy__uv_core *core = watcher->core;
  eddy__free(watcher);
  eddy__uv_core_closed(core);
}

static void poller_drop(void *self, struct eddy__slot *slot)
{
  (void)self;
  struct eddy__uv_watcher *watcher = watcher_of(slot);
  if (!watcher->ready) {
    eddy__free(watcher);
    return;
  }
  watcher->core->closing++;
  uv_close((uv_handle_t *)&watcher->poll, on_watcher_closed);
}

const struct eddy__poller eddy__uv_poller = {
    .slot_size = sizeof(struct eddy__uv_watcher),
    .arm = poller_arm,
    .forget = poller_forget,
    .drop = poller_drop,
};

/* What a fresh descriptor that answers at once stands for now. */
static int verify_ready(struct eddy__uv_watcher *watcher)
{
  struct eddy__file file;
  int rc = eddy__file_look(watcher->slot.fd, &file);
  if (rc < 0 || file.kind != EDDY__FILE_OTHER) return rc;
  return same_file(&file, &watcher->probed) ? 0 : EDDY_EBADF;
}

static void verify_batch(struct eddy__uv_watcher **batch, nfds_t count)
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
      rc = verify_ready(batch[i]);
    }
    if (rc < 0) eddy__readiness_lost(&batch[i]->slot, rc);
  }
}

void eddy__uv_poller_verify(struct eddy__uv_poller *poller)
{
  while (poller->fresh != NULL) {
    struct eddy__uv_watcher *batch[BATCH];
    nfds_t count = 0;
    while (poller->fresh != NULL && count < BATCH) {
      struct eddy__uv_watcher *watcher = poller->fresh;
      poller->fresh = watcher->next_fresh;
      watcher->fresh = false;
      if (watcher->slot.armed != 0) batch[count++] = watcher;
    }
    if (count > 0) verify_batch(batch, count);
  }
}
