#include "backend/uring.h"

#if EDDY__RINGS

#include <poll.h>
#include <sys/socket.h>

static uint64_t tag_of(const struct eddy__uring_watcher *watcher)
{
  uint64_t number = (uint64_t)watcher->serial * EDDY__MODES + watcher->mode;
  return number << 32 | (uint32_t)watcher->slot.fd;
}

static bool request_poll(
    struct eddy__uring *poller, int fd, uint32_t events, bool multishot, uint64_t tag)
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

void eddy__uring_changed(struct eddy__uring *poller, struct eddy__uring_watcher *watcher)
{
  if (watcher->listed) return;
  watcher->listed = true;
  watcher->next = NULL;
  *poller->changed_tail = watcher;
  poller->changed_tail = &watcher->next;
}

static enum eddy__uring_mode mode_for(
    struct eddy__uring *poller, const struct eddy__uring_watcher *watcher)
{
  const eddy_op *op = watcher->slot.ops[EDDY__READER];
  if (!watcher->slot.edge) return EDDY__POLL_ONCE;
  if (watcher->plain || (watcher->wanted & POLLOUT) != 0 || op == NULL ||
      (op->flags & EDDY_OP_LATER) == 0)
    return EDDY__POLL_EDGES;
  if (op->kind == EDDY_OP_ACCEPT && eddy__ahead_has_connections(&poller->ahead))
    return EDDY__ACCEPT;
  if (op->kind == EDDY_OP_RECV && watcher->slot.stream && !poller->renewed &&
      eddy__ahead_has_buffers(&poller->ahead, &poller->ring))
    return EDDY__RECEIVE;
  return EDDY__POLL_EDGES;
}

static bool request_ahead(
    struct eddy__uring *poller, const struct eddy__uring_watcher *watcher)
{
  struct io_uring_sqe *request = eddy__ring_request(&poller->ring);
  if (request == NULL) return false;
  request->fd = watcher->slot.fd;
  request->user_data = tag_of(watcher);
  if (watcher->mode == EDDY__ACCEPT) {
    request->opcode = IORING_OP_ACCEPT;
    request->ioprio = IORING_ACCEPT_MULTISHOT;
    request->accept_flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
  } else {
    request->opcode = IORING_OP_RECV;
    request->ioprio = IORING_RECV_MULTISHOT;
    request->flags = IOSQE_BUFFER_SELECT;
    request->buf_group = EDDY__AHEAD_GROUP;
  }
  return true;
}

static void request_wanted(
    struct eddy__uring *poller, struct eddy__uring_watcher *watcher)
{
  poller->serial = (poller->serial + 1) % (UINT32_MAX / EDDY__MODES);
  if (poller->serial == 0) poller->serial++;
  watcher->mode = (uint8_t)mode_for(poller, watcher);
  watcher->serial = poller->serial;
  watcher->requested = watcher->wanted;
  bool ahead = watcher->mode == EDDY__ACCEPT || watcher->mode == EDDY__RECEIVE;
  bool done = ahead ? request_ahead(poller, watcher)
                    : request_poll(poller, watcher->slot.fd, watcher->requested,
                          watcher->mode == EDDY__POLL_EDGES, tag_of(watcher));
  if (done && ahead) watcher->kept = watcher->mode;
  if (done) return;
  watcher->serial = 0;
  eddy__uring_changed(poller, watcher);
}

/* Whether a request would tell something that is not known. */
static bool wants_request(const struct eddy__uring_watcher *watcher)
{
  bool known = watcher->ended && watcher->slot.edge && (watcher->wanted & POLLOUT) == 0;
  return watcher->wanted != 0 && watcher->serial == 0 && !known;
}

void eddy__uring_request(struct eddy__uring *poller)
{
  struct eddy__uring_watcher *watcher = poller->changed, *next;
  poller->changed = NULL;
  poller->changed_tail = &poller->changed;
  for (; watcher != NULL; watcher = next) {
    next = watcher->next;
    watcher->listed = false;
    if (!wants_request(watcher)) continue;
    bool idle = watcher->kept != 0 && watcher->slot.ops[EDDY__READER] == NULL;
    if (idle) eddy__readiness_rest(poller->table, &watcher->slot);
    if (wants_request(watcher)) request_wanted(poller, watcher);
  }
  if (!poller->wakeup_watched)
    poller->wakeup_watched = request_poll(
        poller, poller->wakeup->reader, POLLIN, true, EDDY__TAG_WAKEUP);
  if (poller->joined >= 0 && !poller->joined_watched)
    poller->joined_watched = request_poll(
        poller, poller->joined, POLLIN, false, EDDY__TAG_JOINED);
}

/* Asks for the end of the request; false: the kernel takes no requests just now. */
static bool request_end(
    struct eddy__uring *poller, const struct eddy__uring_watcher *watcher)
{
  struct io_uring_sqe *request = eddy__ring_request(&poller->ring);
  if (request == NULL) return false;
  /* Not POLL_REMOVE, which leaves one alone that has just something to report. */
  request->opcode = IORING_OP_ASYNC_CANCEL;
  request->fd = -1;
  request->flags = IOSQE_CQE_SKIP_SUCCESS;
  request->addr = tag_of(watcher);
  request->user_data = EDDY__TAG_NOBODY;
  return true;
}

void eddy__uring_cancel(
    struct eddy__uring *poller, struct eddy__uring_watcher *watcher, bool now)
{
  if (watcher->serial == 0) return;
  bool lost = !request_end(poller, watcher);
  if (!lost && now) lost = eddy__ring_flush(&poller->ring) < 0;
  if (lost) poller->out_of_date = true;
  watcher->serial = 0;
}

void eddy__uring_stop(struct eddy__uring *poller, struct eddy__uring_watcher *watcher)
{
  if (watcher->serial == 0 || watcher->stopping) return;
  watcher->stopping = request_end(poller, watcher);
}

#endif
