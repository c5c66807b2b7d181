/*
 * What an io_uring has taken in before anybody asked for it: connections, and bytes in buffers that
 * the ring fills by itself. Whose it is, is told by a stash: the first and the last of a list.
 *
 * There is room for as much as completions can bring at a time, made when it is first needed.
 */
#ifndef EDDY_BACKEND_AHEAD_H
#define EDDY_BACKEND_AHEAD_H

#include "backend/ring.h"

#if EDDY__RINGS

#define EDDY__AHEAD_BUFFER 4096 /* bytes of one */
#define EDDY__AHEAD_GROUP 0     /* the buffers' number in the ring */

/* A list of buffers or of connections; all zero: it is empty. */
struct eddy__stash {
  uint16_t first; /* places, counted from 1 */
  uint16_t last;
};

struct eddy__ahead {
  void *memory; /* of the buffers, and of what the kernel knows of them */
  struct io_uring_buf_ring *offered;
  uint16_t tail; /* of the offered ones */
  struct buffer *buffers;
  struct connection *connections;
  uint16_t free_connection;
};

/* Whether there are buffers (connections) now; false: there is no memory. */
bool eddy__ahead_has_buffers(struct eddy__ahead *ahead, struct eddy__ring *ring);
bool eddy__ahead_has_connections(struct eddy__ahead *ahead);

/* The ring is another one now: its buffers are offered again when they are next needed. None is
 * in use, or the bytes in it are lost. */
void eddy__ahead_close(struct eddy__ahead *ahead);

/* A completion has filled this buffer: keeps it, or gives it back to the ring. */
void eddy__ahead_keep_bytes(
    struct eddy__ahead *ahead, struct eddy__stash *stash, unsigned buffer, size_t size);
void eddy__ahead_give_back(struct eddy__ahead *ahead, unsigned buffer);

/* Takes up to `size` bytes out. */
size_t eddy__ahead_take_bytes(
    struct eddy__ahead *ahead, struct eddy__stash *stash, void *to, size_t size);
void eddy__ahead_drop_bytes(struct eddy__ahead *ahead, struct eddy__stash *stash);

/* Keeps the descriptor, or closes it if there is no room. */
void eddy__ahead_keep_connection(
    struct eddy__ahead *ahead, struct eddy__stash *stash, int fd);

/* Takes one out; -1: there is none. */
int eddy__ahead_take_connection(struct eddy__ahead *ahead, struct eddy__stash *stash);
void eddy__ahead_drop_connections(struct eddy__ahead *ahead, struct eddy__stash *stash);

#endif

#endif
