/*
 * Layers: what stands between a connection and the program's protocol, such as TLS
 * (eddy/tls.h), and changes the bytes that go through.
 *
 *     program's protocol  <->  the layer's transport        what the program sees
 *                              the layer's protocol  <->  the socket's transport
 *
 * A layer is given to the calls that make connections (`tls` of eddy_connection_options and
 * eddy_server_options) or put on one that is there by eddy_loop_start_tls. The second part of
 * this header is for those who make one.
 */
#ifndef EDDY_LAYER_H
#define EDDY_LAYER_H

#include <eddy/transport.h>

typedef struct eddy_layer eddy_layer;

/** How to put a layer on a connection; all zero means: the client's side, the defaults. */
typedef struct eddy_start_tls_options {
  bool server_side;
  /** Whose certificate the peer has to show. NULL or "": nobody's, which a client's context that
   * checks names refuses. */
  const char *server_hostname;
  eddy_time ssl_handshake_timeout; /* 0: 60 s */
  eddy_time ssl_shutdown_timeout;  /* 0: 30 s */
} eddy_start_tls_options;

EDDY_BEGIN_DECLS

/**
 * Puts a layer on a connection under way. The old transport reads nothing from the call on; it
 * belongs to the layer, and must not be used any more. The protocol keeps its connection:
 * connection_made is not called again, connection_lost will be, once.
 *
 * asyncio   loop.start_tls()
 * Context   coroutine; suspends until the handshake is over. A cancelled call closes the
 *           connection.
 * loop      the running one, or NULL for it.
 * transport a socket's, or another layer's; a reference to it stays the caller's.
 * protocol, self  of the new transport, and its to release from now on, also if the handshake
 *           fails: commonly those that the old one had. If they are others, the old transport's
 *           are the caller's again. They stay the caller's with EDDY_EINVAL, EDDY_ENOTSUP,
 *           EDDY_EINVALIDSTATE, EDDY_EOTHERLOOP, EDDY_ENOTASK and EDDY_ENOMEM.
 * layer     borrowed until the call returns.
 * options   borrowed until the call returns; NULL: the defaults.
 * out       owned: eddy_transport_unref.
 * Returns   0; what the handshake ended with (eddy/tls.h); EDDY_ECANCELLED; EDDY_ENOTASK;
 *           EDDY_EINVAL; EDDY_ENOTSUP (a pipe, a datagram transport); EDDY_EINVALIDSTATE (it is
 *           closing); EDDY_EOTHERLOOP; EDDY_ENOMEM.
 */
EDDY_API int eddy_loop_start_tls(eddy_loop *loop, eddy_transport *transport,
    const eddy_protocol *protocol, void *self, eddy_layer *layer,
    const eddy_start_tls_options *options, eddy_transport **out);

EDDY_END_DECLS

/* ---- making a kind of layer ---- */

/** The connection a layer is put on. Everything is borrowed for the call of wrap. */
typedef struct eddy_layer_request {
  eddy_loop *loop;
  const eddy_protocol *protocol; /* the program's */
  void *self;
  bool server_side;
  bool made; /* the protocol has its connection already: do not call connection_made */
  const char *server_hostname; /* never empty; NULL: none */
  eddy_time handshake_timeout; /* 0: not said */
  eddy_time shutdown_timeout;  /* 0: not said */
} eddy_layer_request;

/** What wrap makes. */
typedef struct eddy_layer_ends {
  /** For the program, by eddy_transport_new with the request's protocol; one reference is the
   * caller's, the loop has the other. */
  eddy_transport *transport;
  /** For the connection below: a stream protocol that is not a buffered one. connection_made
   * begins the handshake and keeps the transport below (it ends it if the one above was closed
   * meanwhile); when it is over, eddy_transport_made
   * (unless request.made) and eddy_transport_ready(0) are called on the transport above. If the
   * connection is lost before, eddy_transport_ready with an error, then eddy_transport_discard,
   * or eddy_transport_lose with request.made. `release` lets go of all, and discards the
   * transport above if connection_lost was not called. */
  const eddy_protocol *protocol;
  void *self;
} eddy_layer_ends;

typedef struct eddy_layer_type {
  const char *name; /* "TLS" */
  /** Returns 0; a code, and the program's instance stays the caller's. Nothing is called on the
   * program's protocol. */
  int (*wrap)(eddy_layer *layer, const eddy_layer_request *request, eddy_layer_ends *out);
  /** A server keeps its layer. NULL: it lives for ever. */
  void (*ref)(eddy_layer *layer);
  void (*unref)(eddy_layer *layer);
} eddy_layer_type;

/** The first member of whatever is a layer. */
struct eddy_layer {
  const eddy_layer_type *type;
};

EDDY_BEGIN_DECLS

/** Memory for while there is data: the loop keeps a few such blocks for the next who asks.
 * Loop thread. Returns at least `size` bytes, NULL without memory. */
EDDY_API EDDY_NODISCARD void *eddy_loop_lend(eddy_loop *loop, size_t size);

/** Takes such a block back. NULL is allowed. */
EDDY_API void eddy_loop_give_back(eddy_loop *loop, void *block);

EDDY_END_DECLS

#endif
