/* Transports from the inside: the common part. */
#ifndef EDDY_IO_TRANSPORT_H
#define EDDY_IO_TRANSPORT_H

#include <eddy/transport_type.h>

#include <stddef.h>

#include "io/net.h"
#include "loop/context.h"

struct eddy_stream_reader;
struct eddy_task;

/* What most transports never need. */
struct eddy__transport_more {
  /* Referenced; in which the protocol runs, or NULL: an empty one. */
  eddy_context *context;
  eddy_transport *upper;     /* of the layer that stands on it: referenced; or NULL */
  struct eddy_message *said; /* referenced; what is to be told of its error, or NULL */
  size_t high;               /* marks of flow control */
  size_t low;
};

/* The most references there may be. */
#define EDDY__TRANSPORT_REFS ((1u << 20) - 1)

struct eddy_transport {
  const eddy_transport_type *type;
  eddy_loop *loop;               /* referenced */
  const eddy_protocol *protocol; /* NULL after connection_lost */
  void *self;
  struct eddy__link link;   /* on the loop's list of transports until it has ended */
  struct eddy_task *waiter; /* in the call that makes it, until it has begun; or NULL */
  struct eddy_stream_reader *stream; /* held; that of its stream protocol, or NULL */
  struct eddy__transport_more *more; /* NULL: nothing of that, the type's marks */
  struct eddy__fd claim;             /* on its descriptor, while `claims` */
  int error;                         /* what connection_lost will be told */
  uint32_t refs : 20;
  uint32_t dropped : 3; /* writes after the loss, up to five */
  bool claims : 1;      /* nothing else may wait for the descriptor: until it closes */
  bool closing : 1;     /* from close, abort or a fatal error on */
  bool lost : 1;        /* connection_lost is queued or was called */
  bool reading_paused : 1;
  bool writing_paused : 1; /* the protocol was told so */
  bool write_ended : 1;    /* write_eof was called */
  bool input_ended : 1;    /* eof_received was called */
  bool layer_queued : 1;   /* a layer is about to begin on it: a reference */
  bool sends_file : 1; /* its protocol is told of no pauses, nothing else is written */
};

/* There is one for each connection. */
_Static_assert(sizeof(void *) > 8 || sizeof(struct eddy_transport) <= 96, "it has grown");

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
  return (eddy_outcome){
      .message = transport->more != NULL ? transport->more->said : NULL};
}

/* The transport uses the descriptor: nobody else waits for it, until the transport closes. */
void eddy__transport_claim(eddy_transport *transport, int fd);

static inline eddy_transport *eddy__transport_of_claim(struct eddy__fd *claim)
{
  return EDDY__ENTRY(claim, struct eddy_transport, claim);
}

static inline eddy_transport *eddy__transport_upper(const eddy_transport *transport)
{
  return transport->more != NULL ? transport->more->upper : NULL;
}

/* The mark above which writing pauses, and that at which it goes on. */
size_t eddy__transport_high(const eddy_transport *transport);
size_t eddy__transport_low(const eddy_transport *transport);

/* Makes sure that it has the rest: 0 or EDDY_ENOMEM. */
int eddy__transport_extend(eddy_transport *transport);

/* The same in two steps, of which the second cannot fail. NULL: no memory. */
struct eddy__transport_more *eddy__transport_more_new(void);
void eddy__transport_take_more(
    eddy_transport *transport, struct eddy__transport_more *more);

/* For an entry of the ring that is about the transport: runs fn in its context. */
static inline int eddy__transport_call(eddy_transport *transport, eddy_fn *fn)
{
  if (transport->more == NULL || transport->more->context == NULL) return fn(transport);
  return eddy__context_call(transport->more->context, fn, transport);
}

/* The loop is being closed: ends it, without a word to the protocol but `release`. */
void eddy__transport_end_with_loop(eddy_transport *transport);

/* Tells the exception handler, with the message raised for the code if there is one. */
void eddy__transport_report(eddy_transport *transport, const char *message, int error);

/* The queue of a transport that sends a file has shrunk, or its connection is lost
 * (transport_sendfile.c). */
void eddy__transport_sendfile_go_on(eddy_transport *transport);

#endif
