/* Transports from the inside: the common part. */
#ifndef EDDY_IO_TRANSPORT_H
#define EDDY_IO_TRANSPORT_H

#include <eddy/transport_type.h>

#include <stddef.h>

#include "io/net.h"
#include "loop/context.h"

struct eddy_stream_reader;
struct eddy_task;

struct eddy_transport {
  const eddy_transport_type *type;
  eddy_loop *loop;               /* referenced */
  const eddy_protocol *protocol; /* NULL after connection_lost */
  void *self;
  eddy_context
      *context; /* referenced; in which the protocol runs, or NULL: an empty one */
  struct eddy__link link;    /* on the loop's list of transports until it has ended */
  eddy_transport *upper;     /* of the layer that stands on it: referenced; or NULL */
  struct eddy_task *waiter;  /* in the call that makes it, until it has begun; or NULL */
  struct eddy_message *said; /* referenced; what is to be told of its error, or NULL */
  struct eddy_stream_reader *stream; /* held; that of its stream protocol, or NULL */
  struct eddy__fd claim;             /* on its descriptor, while `claims` */
  size_t high;                       /* marks of flow control */
  size_t low;
  uint32_t refs;
  int error;       /* what connection_lost will be told */
  uint8_t dropped; /* writes after the loss, up to five */
  bool claims;     /* nothing else may wait for the descriptor: until it closes */
  bool closing;    /* from close, abort or a fatal error on */
  bool lost;       /* connection_lost is queued or was called */
  bool reading_paused;
  bool writing_paused; /* the protocol was told so */
  bool write_ended;    /* write_eof was called */
  bool input_ended;    /* eof_received was called */
  bool layer_queued;   /* a layer is about to begin on it: a reference */
  bool sends_file;     /* its protocol is told of no pauses, nothing else is written */
};

/* Where the type's state begins: aligned for anything. */
union eddy__transport_header {
  struct eddy_transport transport;
  max_align_t align;
};

static inline eddy_transport *eddy__transport_of_state(void *state)
{
  return (eddy_transport *)(void *)((char *)state - sizeof(union eddy__transport_header));
}

static inline eddy_outcome eddy__transport_said(const eddy_transport *transport)
{
  return (eddy_outcome){.message = transport->said};
}

/* The transport uses the descriptor: nobody else waits for it, until the transport closes. */
void eddy__transport_claim(eddy_transport *transport, int fd);

static inline eddy_transport *eddy__transport_of_claim(struct eddy__fd *claim)
{
  return EDDY__ENTRY(claim, struct eddy_transport, claim);
}

/* For an entry of the ring that is about the transport: runs fn in its context. */
static inline int eddy__transport_call(eddy_transport *transport, eddy_fn *fn)
{
  if (transport->context == NULL) return fn(transport);
  return eddy__context_call(transport->context, fn, transport);
}

/* The loop is being closed: ends it, without a word to the protocol but `release`. */
void eddy__transport_end_with_loop(eddy_transport *transport);

/* Tells the exception handler, with the message raised for the code if there is one. */
void eddy__transport_report(eddy_transport *transport, const char *message, int error);

/* The queue of a transport that sends a file has shrunk, or its connection is lost
 * (transport_sendfile.c). */
void eddy__transport_sendfile_go_on(eddy_transport *transport);

#endif
