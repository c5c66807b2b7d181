#include "backend/virtual_net.h"

#include <string.h>

#define RING_MIN 256u

/* Moves the ring into a larger block, so that `needed` more bytes fit. */
static int ring_reserve(struct eddy__vsock *sock, size_t needed)
{
  size_t capacity = sock->capacity == 0 ? RING_MIN : sock->capacity;
  while (capacity < sock->count + needed)
    capacity *= 2;
  if (capacity == sock->capacity) return 0;
  unsigned char *bytes = eddy__realloc(NULL, capacity);
  if (bytes == NULL) return EDDY_ENOMEM;
  if (sock->count > 0) {
    size_t first = sock->capacity - sock->head;
    if (first > sock->count) first = sock->count;
    memcpy(bytes, sock->bytes + sock->head, first);
    memcpy(bytes + first, sock->bytes, sock->count - first);
  }
  eddy__free(sock->bytes);
  sock->bytes = bytes;
  sock->capacity = capacity;
  sock->head = 0;
  return 0;
}

static void ring_put(struct eddy__vsock *sock, const unsigned char *data, size_t size)
{
  size_t at = (sock->head + sock->count) & (sock->capacity - 1);
  size_t first = sock->capacity - at;
  if (first > size) first = size;
  memcpy(sock->bytes + at, data, first);
  memcpy(sock->bytes, data + first, size - first);
  sock->count += size;
}

static void ring_drop(struct eddy__vsock *sock)
{
  eddy__free(sock->bytes);
  sock->bytes = NULL;
  sock->capacity = 0;
  sock->head = 0;
  sock->count = 0;
}

static void ring_get(struct eddy__vsock *sock, unsigned char *data, size_t size)
{
  size_t first = sock->capacity - sock->head;
  if (first > size) first = size;
  memcpy(data, sock->bytes + sock->head, first);
  memcpy(data + first, sock->bytes, size - first);
  sock->head = (sock->head + size) & (sock->capacity - 1);
  sock->count -= size;
  if (sock->count == 0) ring_drop(sock);
}

static int take_error(struct eddy__vsock *sock)
{
  int error = sock->error;
  sock->error = 0;
  return error;
}

int eddy__vsock_recv(struct eddy__vnet *net, struct eddy__vsock *sock, eddy_op *op)
{
  /* The answer to a call belongs to the connect operation: it is not taken here. */
  if (sock->kind == EDDY__VSOCK_CALLING) return sock->error ? sock->error : EDDY_PENDING;
  if (sock->kind != EDDY__VSOCK_STREAM) return EDDY_ENOTCONN;
  size_t size = op->size < sock->count ? op->size : sock->count;
  if (size > 0) {
    ring_get(sock, op->buffer, size);
    if (sock->peer != NULL) eddy__vsock_touch_writer(net, sock->peer);
  } else if (op->size > 0) {
    if (sock->error != 0) return take_error(sock);
    if (!sock->input_ended && !sock->read_shut) return EDDY_PENDING;
  }
  op->result = (int64_t)size;
  return 0;
}

int eddy__vsock_send(struct eddy__vnet *net, struct eddy__vsock *sock, eddy_op *op)
{
  if (sock->kind == EDDY__VSOCK_CALLING) return sock->error ? sock->error : EDDY_PENDING;
  if (sock->kind != EDDY__VSOCK_STREAM) return EDDY_ENOTCONN;
  if (sock->error != 0) return take_error(sock);
  struct eddy__vsock *peer = sock->peer;
  if (sock->write_shut || peer == NULL || peer->read_shut) return EDDY_EPIPE;
  size_t size = EDDY__VSOCK_LIMIT - peer->count;
  if (size > op->size) size = op->size;
  if (size == 0 && op->size > 0) return EDDY_PENDING;
  if (size > 0) {
    int rc = ring_reserve(peer, size);
    if (rc < 0) return rc;
    ring_put(peer, op->buffer, size);
    eddy__vsock_touch_reader(net, peer);
  }
  op->result = (int64_t)size;
  return 0;
}

int eddy__vnet_shutdown(struct eddy__vnet *net, int fd, eddy_shutdown how)
{
  struct eddy__vsock *sock;
  int rc = eddy__vnet_find(net, fd, &sock);
  if (rc < 0) return rc;
  if (how != EDDY_SHUTDOWN_READ && how != EDDY_SHUTDOWN_WRITE &&
      how != EDDY_SHUTDOWN_BOTH) {
    return EDDY_EINVAL;
  }
  if (sock->kind == EDDY__VSOCK_DATAGRAM) return eddy__vpost_shutdown(net, sock, how);
  if (sock->kind != EDDY__VSOCK_STREAM) return EDDY_ENOTCONN;
  struct eddy__vsock *peer = sock->peer;
  if (how != EDDY_SHUTDOWN_WRITE) {
    sock->read_shut = true;
    eddy__vsock_touch_reader(net, sock);
    if (peer != NULL) eddy__vsock_touch_writer(net, peer);
  }
  if (how != EDDY_SHUTDOWN_READ) {
    sock->write_shut = true;
    eddy__vsock_touch_writer(net, sock);
    if (peer != NULL) {
      peer->input_ended = true;
      eddy__vsock_touch_reader(net, peer);
    }
  }
  return 0;
}

void eddy__vsock_part(struct eddy__vnet *net, struct eddy__vsock *sock)
{
  struct eddy__vsock *peer = sock->peer;
  if (peer != NULL) {
    if (sock->count > 0) peer->error = EDDY_ECONNRESET;
    peer->input_ended = true;
    peer->peer = NULL;
    sock->peer = NULL;
    eddy__vsock_touch_reader(net, peer);
    eddy__vsock_touch_writer(net, peer);
  }
  ring_drop(sock);
}
