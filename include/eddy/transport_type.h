/*
 * For those who make a kind of transport: what eddy's own sockets and pipes are made with, and
 * what a library outside (TLS, a tunnel) needs to do the same.
 *
 * The common part keeps references, the protocol, the two marks of flow control and whether the
 * transport is closing or lost; it answers eddy/transport.h with these and asks the type's
 * functions for the rest. Every function is called on the loop's thread.
 *
 * The life of a transport:
 *
 *   eddy_transport_new         the loop owns one reference, the maker the other
 *   eddy_transport_made        connection_made
 *   ...
 *   eddy_transport_set_closing for a close that still has something to do
 *   eddy_transport_lose        connection_lost is queued; it cannot fail
 *                              then type.closed, the protocol's release, the loop's reference
 *
 * If the loop is closed first, type.closed and release are called, and nothing else.
 *
 * This header is not part of eddy.h.
 */
#ifndef EDDY_TRANSPORT_TYPE_H
#define EDDY_TRANSPORT_TYPE_H

#include <eddy/transport.h>

/** How eddy_loop_sendfile sends through a kind of transport. */
typedef enum eddy_sendfile_way {
  EDDY_SENDFILE_REFUSED = 0, /* it does not */
  EDDY_SENDFILE_COPIED, /* it reads the file, and writes what it read to the transport */
  EDDY_SENDFILE_NATIVE, /* the system sends to the transport's descriptor, while its queue is
                           empty; where it cannot, as COPIED */
} eddy_sendfile_way;

/** A kind of transport. Functions marked so may be NULL. */
typedef struct eddy_transport_type {
  const char *name;  /* "socket": for reports */
  size_t state_size; /* bytes of eddy_transport_state, zeroed */
  /** A stream in both directions: eddy_loop_start_tls may be used on it. */
  bool bears_layers;

  size_t high;                /* the default mark of flow control; 0: 64 KiB */
  eddy_sendfile_way sendfile; /* needs write, and to tell when the queue shrinks */

  /** Sends or queues the pieces. They are not empty altogether; the transport is not lost, and
   * write_eof was not called. After queueing, call eddy_transport_grew. NULL: it only reads. */
  int (*write)(eddy_transport *transport, const eddy_buffer *pieces, size_t count);
  /** As eddy_transport_gather_writes. NULL: cannot. */
  void (*gather)(eddy_transport *transport, bool on);
  /** Called once at most, and not when closing. NULL: cannot. */
  int (*write_eof)(eddy_transport *transport);
  /** Not closing yet: call eddy_transport_set_closing, and sooner or later
   * eddy_transport_lose. */
  void (*close)(eddy_transport *transport);
  /** Not lost yet, but perhaps closing: drop everything, call eddy_transport_lose(error). */
  void (*abort)(eddy_transport *transport, int error);
  /** Starts or stops reading. Called when that changes; `on` only when not closing. A failure
   * leaves it paused. NULL: it only writes. */
  int (*set_reading)(eddy_transport *transport, bool on);
  /** Bytes queued. NULL: 0. */
  size_t (*buffered)(const eddy_transport *transport);
  /** The descriptor, or -1. NULL: -1. */
  int (*fd)(const eddy_transport *transport);
  /** As eddy_transport_get_sockname (peer: ..._peername). NULL: EDDY_ENOTSUP. */
  int (*address)(const eddy_transport *transport, bool peer, eddy_address *out);
  /** As eddy_transport_get_extra_info. NULL: nothing is known. */
  const void *(*extra_info)(const eddy_transport *transport, const char *name);
  /** After connection_lost, or when the loop is being closed: stop everything, close the
   * descriptor, drop references. No other function but the queries is called after it; those
   * must still work. */
  void (*closed)(eddy_transport *transport);
  /** The last reference goes. NULL: nothing to do. */
  void (*destroy)(eddy_transport *transport);
  /** Whatever else the maker keeps with the type; never looked at. */
  const void *maker;
} eddy_transport_type;

EDDY_BEGIN_DECLS

/**
 * Makes a transport. Nothing is called on the protocol.
 *
 * Context   loop thread, also before the loop runs.
 * type      kept for ever.
 * protocol, self  the transport's from now on; on failure they stay the caller's.
 * out       owned: eddy_transport_unref; the loop has a reference of its own.
 * Returns   0; EDDY_EINVAL; EDDY_ECLOSED; EDDY_ENOMEM.
 */
EDDY_API EDDY_NODISCARD int eddy_transport_new(eddy_loop *loop,
    const eddy_transport_type *type, const eddy_protocol *protocol, void *self,
    eddy_transport **out);

/** The type's own bytes. */
EDDY_API void *eddy_transport_state(const eddy_transport *transport);

/** The type; for asking whether it is one's own. */
EDDY_API const eddy_transport_type *eddy_transport_get_type(
    const eddy_transport *transport);

/** Calls connection_made now; an error is reported, and that is all. */
EDDY_API void eddy_transport_made(eddy_transport *transport);

/** The connection has begun (0), or failed to (a code with the message last raised for it):
 * the call that made it and waits goes on. connection_made was called before, unless it has
 * failed. Later calls do nothing. */
EDDY_API void eddy_transport_ready(eddy_transport *transport, int error);

/** Keeps the message last raised for `error`, so that connection_lost hears it if it is told
 * this code. */
EDDY_API void eddy_transport_explain(eddy_transport *transport, int error);

/** Something is written that goes nowhere, since the connection is ending: it is dropped, and
 * from the fifth time on reported. For write, when its transport is not lost but past sending. */
EDDY_API void eddy_transport_dropped(eddy_transport *transport);

/** The queue has grown: calls pause_writing if it is above the high mark. */
EDDY_API void eddy_transport_grew(eddy_transport *transport);

/** The queue has shrunk: calls resume_writing if it is at the low mark or below. To be called
 * also when it has become empty. */
EDDY_API void eddy_transport_shrank(eddy_transport *transport);

/** Hands received bytes to a plain protocol. An error ends the connection; returns it. */
EDDY_API int eddy_transport_received(
    eddy_transport *transport, const void *data, size_t size);

/** Tells the protocol of the end of input, once, and closes if it says so. */
EDDY_API void eddy_transport_received_eof(eddy_transport *transport);

/** It is closing from now on, and does not read any more (set_reading is not called). */
EDDY_API void eddy_transport_set_closing(eddy_transport *transport);

/** Ends the connection with an error: reports it with `message` (NULL: does not, as for errors
 * of the system), and aborts. Does nothing if it is lost. asyncio: transport._fatal_error(). */
EDDY_API void eddy_transport_fail(
    eddy_transport *transport, int error, const char *message);

/** The connection is lost: connection_lost(error) is queued. Once; later calls do nothing. */
EDDY_API void eddy_transport_lose(eddy_transport *transport, int error);

/** As eddy_transport_lose, but connection_lost is called now: only from a callback of the loop's,
 * never inside a call of the program's. The reference of the loop is gone then. */
EDDY_API void eddy_transport_lose_now(eddy_transport *transport, int error);

/** Ends a transport whose protocol never heard of it: no connection_lost, else as
 * eddy_transport_lose_now. */
EDDY_API void eddy_transport_discard(eddy_transport *transport);

EDDY_END_DECLS

#endif
