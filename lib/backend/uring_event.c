#include "backend/uring.h"

#if EDDY__RINGS

#include <errno.h>
#include <poll.h>
#include <unistd.h>

/* ---- what is given up ---- */

void eddy__uring_drop(struct eddy__uring *poller, const struct io_uring_cqe *event)
{
  enum eddy__uring_mode mode = (enum eddy__uring_mode)(
      (event->user_data >> 32) % EDDY__MODES);
  if (mode == EDDY__ACCEPT && event->res >= 0) close(event->res);
  if (mode == EDDY__RECEIVE && (event->flags & IORING_CQE_F_BUFFER) != 0 &&
      !poller->renewed)
    eddy__ahead_give_back(&poller->ahead, event->flags >> IORING_CQE_BUFFER_SHIFT);
}

void eddy__uring_drop_stash(
    struct eddy__uring *poller, struct eddy__uring_watcher *watcher)
{
  if (watcher->kept == EDDY__ACCEPT)
    eddy__ahead_drop_connections(&poller->ahead, &watcher->stash);
  if (watcher->kept == EDDY__RECEIVE)
    eddy__ahead_drop_bytes(&poller->ahead, &watcher->stash);
}

/* ---- events ---- */

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

static void take_polled(struct eddy__uring *poller, struct eddy__uring_watcher *watcher,
    const struct io_uring_cqe *event)
{
  if (event->res >= 0) {
    report(poller->table, &watcher->slot, (unsigned)event->res);
  } else if (event->res != -ECANCELED) { /* else the thread that asked has ended */
    eddy__readiness_lost(poller->table, &watcher->slot, event->res);
  }
}

static void take_accepted(struct eddy__uring *poller, struct eddy__uring_watcher *watcher,
    const struct io_uring_cqe *event)
{
  if (event->res >= 0) {
    eddy__ahead_keep_connection(&poller->ahead, &watcher->stash, event->res);
    eddy__readiness_edge(poller->table, &watcher->slot, EDDY__READ, false);
  } else if (event->res != -ECANCELED && event->res != -ECONNABORTED) {
    watcher->plain =
        true; /* whoever accepts then is told, if there is a connection at all */
  }
}

/* Whether it says that nothing was received, and not that nothing will be. */
static bool is_hindrance(int res)
{
  return res == -ENOBUFS || res == -ENOMEM || res == -EAGAIN || res == -EINTR ||
         res == -EINVAL || res == -EOPNOTSUPP;
}

static void take_received(struct eddy__uring *poller, struct eddy__uring_watcher *watcher,
    const struct io_uring_cqe *event)
{
  int res = event->res;
  if (res > 0) {
    eddy__ahead_keep_bytes(&poller->ahead, &watcher->stash,
        event->flags >> IORING_CQE_BUFFER_SHIFT, (size_t)res);
    if (res == EDDY__AHEAD_BUFFER) watcher->plain = true;
    eddy__readiness_edge(poller->table, &watcher->slot, EDDY__READ, false);
    return;
  }
  eddy__uring_drop(poller, event);
  if (res == -ECANCELED) return;
  if (is_hindrance(res)) {
    watcher->plain = true;
    return;
  }
  watcher->error = (int16_t)res;
  watcher->ended = true;
  eddy__readiness_edge(poller->table, &watcher->slot, EDDY__READ, true);
}

void eddy__uring_take(struct eddy__uring *poller, const struct io_uring_cqe *event)
{
  size_t fd = (uint32_t)event->user_data;
  uint32_t serial = (uint32_t)(event->user_data >> 32) / EDDY__MODES;
  struct eddy__slot *slot = fd < poller->table->size ? poller->table->slots[fd] : NULL;
  if (slot == NULL || eddy__uring_watcher_of(slot)->serial != serial) {
    eddy__uring_drop(poller, event);
    return;
  }
  struct eddy__uring_watcher *watcher = eddy__uring_watcher_of(slot);
  if ((event->flags & IORING_CQE_F_MORE) == 0) {
    watcher->serial = 0;
    watcher->stopping = false;
    eddy__uring_changed(poller, watcher);
  }
  switch (watcher->mode) {
  case EDDY__ACCEPT:
    take_accepted(poller, watcher, event);
    break;
  case EDDY__RECEIVE:
    take_received(poller, watcher, event);
    break;
  default:
    take_polled(poller, watcher, event);
    return;
  }
  if (watcher->plain || slot->ops[EDDY__READER] == NULL)
    eddy__uring_stop(poller, watcher);
}

/* ---- operations ---- */

static int attempt_accept(
    struct eddy__uring *poller, struct eddy__uring_watcher *watcher, eddy_op *op)
{
  if (watcher->kept != EDDY__ACCEPT) return EDDY_ENOTSUP;
  int fd = eddy__ahead_take_connection(&poller->ahead, &watcher->stash);
  if (fd < 0) return eddy__uring_takes_in(watcher) ? EDDY_PENDING : EDDY_ENOTSUP;
  /* A peer that is gone already has no name any more. */
  if (op->address != NULL && eddy__socket_name(fd, true, op->address) < 0)
    *op->address = (eddy_address){0};
  op->result = fd;
  return 0;
}

/* The stash is empty, and a read that stays short has to mean that there is no more. */
static void receive_rest(struct eddy__uring_watcher *watcher, eddy_op *op)
{
  eddy_op rest = *op;
  rest.buffer = (char *)op->buffer + op->result;
  rest.size -= (size_t)op->result;
  int rc = eddy__socket_attempt(&rest, true);
  if (rc == EDDY_PENDING) return;
  if (rc == 0 && rest.result > 0) {
    op->result += rest.result;
    return;
  }
  watcher->error = (int16_t)rc;
  watcher->ended = true;
  watcher->slot.ended = true;
  watcher->slot.ready |= EDDY__READ;
}

static int attempt_receive(
    struct eddy__uring *poller, struct eddy__uring_watcher *watcher, eddy_op *op)
{
  if (watcher->kept != EDDY__RECEIVE || op->size == 0) return EDDY_ENOTSUP;
  if (watcher->stash.first != 0) {
    size_t taken = eddy__ahead_take_bytes(
        &poller->ahead, &watcher->stash, op->buffer, op->size);
    op->result = (int64_t)taken;
    if (taken < op->size && !eddy__uring_takes_in(watcher)) receive_rest(watcher, op);
    return 0;
  }
  if (watcher->error < 0) {
    int rc = watcher->error;
    watcher->error = 0;
    return rc;
  }
  if (!watcher->ended) return eddy__uring_takes_in(watcher) ? EDDY_PENDING : EDDY_ENOTSUP;
  op->result = 0;
  return 0;
}

int eddy__uring_attempt(void *self, struct eddy__slot *slot, eddy_op *op)
{
  if (op->kind == EDDY_OP_ACCEPT)
    return attempt_accept(self, eddy__uring_watcher_of(slot), op);
  if (op->kind == EDDY_OP_RECV)
    return attempt_receive(self, eddy__uring_watcher_of(slot), op);
  return EDDY_ENOTSUP;
}

#endif
