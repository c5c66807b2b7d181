/*
 * Channels: what transports over a descriptor have in common. Bounded reads into a lent buffer,
 * with the descriptor armed in between; writes at once, and a queue of what could not be sent.
 */
#ifndef EDDY_IO_CHANNEL_H
#define EDDY_IO_CHANNEL_H

#include "io/transport.h"

/* What waits to be sent. */
struct eddy__outbox {
  eddy_op *op;
  struct eddy__chunk *first;
  struct eddy__chunk *last;
  size_t queued; /* bytes */
};

/* What the transport's type points to with `maker`. */
struct eddy__channel_type {
  /* Starts what goes on by itself, after connection_made: 0 or a code. */
  int (*start)(eddy_transport *transport);
  /* The input has ended. */
  void (*ended)(eddy_transport *transport);
  /* Everything queued has been sent. */
  void (*drained)(eddy_transport *transport);
};

/* The first member of the state of such a transport. */
struct eddy__channel {
  eddy_op *input;
  struct eddy__outbox *outbox; /* NULL: nothing is queued */
  int fd;                      /* -1 when it is closed */
  bool socket;                 /* not a pipe */
  bool gathers;                /* small writes, until the next iteration */
  uint8_t free;                /* for the transport's type */
};

struct eddy__channel_options {
  int fd; /* the transport's from now on */
  bool socket;
};

static inline struct eddy__channel *eddy__channel_of(const eddy_transport *transport)
{
  return eddy_transport_state(transport);
}

static inline const struct eddy__channel_type *eddy__channel_type(
    const eddy_transport *transport)
{
  return transport->type->maker;
}

static inline eddy_op_kind eddy__channel_write_kind(const struct eddy__channel *channel)
{
  return channel->socket ? EDDY_OP_SEND : EDDY_OP_WRITE;
}

/* Makes a transport and queues its beginning. Codes and ownership as eddy_transport_new; on
 * failure the descriptor stays the caller's, too. */
int eddy__channel_new(eddy_loop *loop, const eddy_transport_type *transport_type,
    const struct eddy__channel_options *options, const eddy_protocol *protocol,
    void *self, eddy_transport **out);

/* For type.start: reads, unless it was paused. */
int eddy__channel_start_reading(eddy_transport *transport);

/* Drops what is queued. */
void eddy__channel_clear(eddy_transport *transport);

/* Functions of the transport's type. */
int eddy__channel_set_reading(eddy_transport *transport, bool on);
int eddy__channel_write(
    eddy_transport *transport, const eddy_buffer *pieces, size_t count);
void eddy__channel_gather(eddy_transport *transport, bool on);
size_t eddy__channel_buffered(const eddy_transport *transport);
int eddy__channel_fd(const eddy_transport *transport);
void eddy__channel_abort(eddy_transport *transport, int error);
void eddy__channel_closed(eddy_transport *transport);

#endif
