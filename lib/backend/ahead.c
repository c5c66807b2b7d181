#include "backend/ahead.h"

#if EDDY__RINGS

#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"

#define BUFFERS 256
#define CONNECTIONS 4096
#define PAGE 4096
#define OFFERED_SIZE (BUFFERS * sizeof(struct io_uring_buf))
#define MEMORY_SIZE (PAGE + OFFERED_SIZE + (size_t)BUFFERS * EDDY__AHEAD_BUFFER)

struct buffer {
  uint16_t next; /* in its stash; a place, or 0 */
  uint16_t begin;
  uint16_t end;
};

struct connection {
  int fd;
  uint16_t next; /* in its stash, or among the free ones */
};

_Static_assert(OFFERED_SIZE % PAGE == 0, "the kernel wants whole pages");
_Static_assert(EDDY__AHEAD_BUFFER <= UINT16_MAX, "places in a buffer are of 16 bits");

/* ---- bytes ---- */

static unsigned char *bytes_of(struct eddy__ahead *ahead, unsigned buffer)
{
  return (unsigned char *)(void *)ahead->offered + OFFERED_SIZE +
         (size_t)buffer * EDDY__AHEAD_BUFFER;
}

void eddy__ahead_give_back(struct eddy__ahead *ahead, unsigned buffer)
{
  struct io_uring_buf *place = &ahead->offered->bufs[ahead->tail & (BUFFERS - 1)];
  place->addr = (uintptr_t)bytes_of(ahead, buffer);
  place->len = EDDY__AHEAD_BUFFER;
  place->bid = (uint16_t)buffer;
  _Atomic(uint16_t) *tail = (_Atomic(uint16_t) *)(void *)&ahead->offered->tail;
  atomic_store_explicit(tail, ++ahead->tail, memory_order_release);
}

/* Where pages are larger the kernel refuses. */
static int offer(struct eddy__ahead *ahead, const struct eddy__ring *ring)
{
  uintptr_t begin = ((uintptr_t)ahead->memory + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
  struct io_uring_buf_reg how = {
      .ring_addr = begin, .ring_entries = BUFFERS, .bgid = EDDY__AHEAD_GROUP};
  if (syscall(SYS_io_uring_register, ring->fd, IORING_REGISTER_PBUF_RING, &how, 1) < 0)
    return EDDY_ENOTSUP;
  ahead->offered = (struct io_uring_buf_ring *)begin;
  for (unsigned i = 0; i < BUFFERS; i++) {
    eddy__ahead_give_back(ahead, i);
  }
  return 0;
}

bool eddy__ahead_has_buffers(struct eddy__ahead *ahead, struct eddy__ring *ring)
{
  if (ahead->memory != NULL) return true;
  ahead->buffers = eddy__alloc(BUFFERS * sizeof(ahead->buffers[0]));
  if (ahead->buffers == NULL) return false;
  ahead->memory = eddy__alloc(MEMORY_SIZE);
  if (ahead->memory != NULL && offer(ahead, ring) == 0) return true;
  eddy__free(ahead->memory);
  eddy__free(ahead->buffers);
  ahead->memory = NULL;
  ahead->buffers = NULL;
  return false;
}

void eddy__ahead_keep_bytes(
    struct eddy__ahead *ahead, struct eddy__stash *stash, unsigned buffer, size_t size)
{
  uint16_t place = (uint16_t)(buffer + 1);
  ahead->buffers[buffer] = (struct buffer){.end = (uint16_t)size};
  if (stash->first == 0) {
    stash->first = place;
  } else {
    ahead->buffers[stash->last - 1].next = place;
  }
  stash->last = place;
}

size_t eddy__ahead_take_bytes(
    struct eddy__ahead *ahead, struct eddy__stash *stash, void *to, size_t size)
{
  size_t taken = 0;
  while (stash->first != 0 && taken < size) {
    unsigned number = stash->first - 1u;
    struct buffer *buffer = &ahead->buffers[number];
    size_t part = (size_t)(buffer->end - buffer->begin);
    if (part > size - taken) part = size - taken;
    memcpy((char *)to + taken, bytes_of(ahead, number) + buffer->begin, part);
    taken += part;
    buffer->begin = (uint16_t)(buffer->begin + part);
    if (buffer->begin < buffer->end) break;
    stash->first = buffer->next;
    eddy__ahead_give_back(ahead, number);
  }
  return taken;
}

void eddy__ahead_drop_bytes(struct eddy__ahead *ahead, struct eddy__stash *stash)
{
  while (stash->first != 0) {
    unsigned number = stash->first - 1u;
    stash->first = ahead->buffers[number].next;
    eddy__ahead_give_back(ahead, number);
  }
}

/* ---- connections ---- */

bool eddy__ahead_has_connections(struct eddy__ahead *ahead)
{
  if (ahead->connections != NULL) return true;
  struct connection *all = eddy__alloc(CONNECTIONS * sizeof(all[0]));
  if (all == NULL) return false;
  for (unsigned i = 0; i + 1 < CONNECTIONS; i++) {
    all[i].next = (uint16_t)(i + 2);
  }
  ahead->connections = all;
  ahead->free_connection = 1;
  return true;
}

void eddy__ahead_keep_connection(
    struct eddy__ahead *ahead, struct eddy__stash *stash, int fd)
{
  uint16_t place = ahead->free_connection;
  if (place == 0) {
    close(fd);
    return;
  }
  struct connection *connection = &ahead->connections[place - 1];
  ahead->free_connection = connection->next;
  *connection = (struct connection){.fd = fd};
  if (stash->first == 0) {
    stash->first = place;
  } else {
    ahead->connections[stash->last - 1].next = place;
  }
  stash->last = place;
}

int eddy__ahead_take_connection(struct eddy__ahead *ahead, struct eddy__stash *stash)
{
  uint16_t place = stash->first;
  if (place == 0) return -1;
  struct connection *connection = &ahead->connections[place - 1];
  stash->first = connection->next;
  connection->next = ahead->free_connection;
  ahead->free_connection = place;
  return connection->fd;
}

void eddy__ahead_drop_connections(struct eddy__ahead *ahead, struct eddy__stash *stash)
{
  int fd;
  while ((fd = eddy__ahead_take_connection(ahead, stash)) >= 0) {
    close(fd);
  }
}

/* ---- the end ---- */

void eddy__ahead_close(struct eddy__ahead *ahead)
{
  eddy__free(ahead->memory);
  eddy__free(ahead->buffers);
  eddy__free(ahead->connections);
  *ahead = (struct eddy__ahead){0};
}

#endif
