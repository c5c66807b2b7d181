/*
 * Servers for protocols: they listen, and make a protocol instance and a transport for each
 * connection that they take.
 *
 * The loop keeps a server as long as it listens or has connections; drop your reference when
 * you need it no more.
 */
#ifndef EDDY_SERVER_H
#define EDDY_SERVER_H

#include <eddy/layer.h>

typedef struct eddy_server eddy_server;

/** How to serve; all zero means: the defaults. */
typedef struct eddy_server_options {
  /** More hosts to listen on, besides `host`. */
  const char *const *hosts;
  size_t host_count;
  /** A socket that listens already, in place of hosts and port; it is taken over, also if the
   * call fails (but not with EDDY_EINVAL or EDDY_ENOTASK). */
  const int *sock;
  /** In place of the port, a service to look up: "http". */
  const char *service;
  /** For the look-up of the hosts, the system's numbers: AF_INET, AI_...; 0: any family, and
   * AI_PASSIVE. */
  int family;
  int flags;
  /** Connections that may wait to be taken, and how many are taken at a time. 0: 100. */
  int backlog;
  bool reuse_port;       /* SO_REUSEPORT */
  bool no_reuse_address; /* no SO_REUSEADDR */
  bool keep_alive;       /* SO_KEEPALIVE */
  /** Do not take connections before eddy_server_start_serving or _serve_forever: they wait. */
  bool no_start_serving;
  /** Unix sockets: leave the file when the server is closed. */
  bool no_cleanup_socket;
  /** What stands between each connection and its protocol: TLS, by eddy_tls_layer
   * (eddy/tls.h). connection_made is called when its handshake is over; a connection that fails
   * before is closed, and reported in debug mode alone. Kept until the server is gone. NULL:
   * nothing. asyncio: ssl. */
  eddy_layer *tls;
  eddy_time ssl_handshake_timeout; /* 0: 60 s; only with tls */
  eddy_time ssl_shutdown_timeout;  /* 0: 30 s; only with tls */
} eddy_server_options;

EDDY_BEGIN_DECLS

/**
 * Listens on every address of the hosts and serves; an address that several hosts have is bound
 * once. An IPv6 socket takes IPv6 peers alone. Addresses that are not this machine's are left
 * out if there are others.
 *
 * Each connection's protocol is made by the factory in the iteration after it was taken; if
 * that fails, the error is reported and the connection closed. Without descriptors for more,
 * the server reports it and pauses for a second.
 *
 * asyncio   loop.create_server()
 * Context   coroutine; suspends once at least. A cancelled call leaves nothing behind.
 * loop      the running one, or NULL for it.
 * factory   kept, with arg, until the server is closed.
 * host      numeric or a name, borrowed until the call returns; NULL or "": every address.
 * port      0..65535; 0: the system chooses, for each address anew.
 * options   borrowed until the call returns; NULL: the defaults.
 * server    owned: eddy_server_unref, which does not close it.
 * Returns   0; the look-up's codes (eddy/dns.h); EDDY_EADDRINUSE, EDDY_EACCES,
 *           EDDY_EADDRNOTAVAIL and the system's other codes, naming the address;
 *           EDDY_ECANCELLED; EDDY_ENOTASK; EDDY_EINVAL; EDDY_EOTHERLOOP; EDDY_ENOMEM.
 */
EDDY_API int eddy_loop_create_server(eddy_loop *loop, eddy_protocol_factory *factory,
    void *arg, const char *host, int port, const eddy_server_options *options,
    eddy_server **server);

/**
 * Listens on a Unix socket. A file that a server left behind is replaced; anything else in the
 * way is an error. When the server is closed the file is removed, if it is still the same.
 *
 * asyncio   loop.create_unix_server()
 * path      borrowed; NULL with options->sock alone.
 * Returns   as eddy_loop_create_server; EDDY_ENAMETOOLONG.
 */
EDDY_API int eddy_loop_create_unix_server(eddy_loop *loop, eddy_protocol_factory *factory,
    void *arg, const char *path, const eddy_server_options *options,
    eddy_server **server);

/** One more reference. */
EDDY_API eddy_server *eddy_server_ref(eddy_server *server);

/** One reference less; it serves on. NULL is allowed. */
EDDY_API void eddy_server_unref(eddy_server *server);

/** Takes connections from now on. asyncio: Server.start_serving(). Coroutine; suspends once.
 * Again: only that. Returns 0; EDDY_ERUNTIME (closed); EDDY_ECANCELLED; EDDY_ENOTASK;
 * EDDY_ENOMEM; EDDY_EINVAL. */
EDDY_API int eddy_server_start_serving(eddy_server *server);

/**
 * Serves until the task is cancelled or the server closed; then it closes the server, waits for
 * its connections to end (a second cancellation ends that, too) and reports the cancellation.
 *
 * asyncio   Server.serve_forever()
 * Context   coroutine; suspends. One task at a time.
 * Returns   EDDY_ECANCELLED; EDDY_ERUNTIME (closed, or another task is in it); EDDY_ENOTASK;
 *           EDDY_EOTHERLOOP; EDDY_ENOMEM; EDDY_EINVAL.
 */
EDDY_API int eddy_server_serve_forever(eddy_server *server);

/** Stops listening and closes the listening sockets, at once; connections live on, a
 * serve_forever is cancelled. Again: nothing happens. asyncio: Server.close(). */
EDDY_API void eddy_server_close(eddy_server *server);

/** Waits until it is closed and has no connections any more. asyncio: Server.wait_closed().
 * Coroutine; suspends only if that is not so yet. Returns 0; EDDY_ECANCELLED; EDDY_ENOTASK;
 * EDDY_EOTHERLOOP; EDDY_EINVAL. */
EDDY_API int eddy_server_wait_closed(eddy_server *server);

/** Calls eddy_transport_close on every connection. asyncio: Server.close_clients(). */
EDDY_API void eddy_server_close_clients(eddy_server *server);

/** Calls eddy_transport_abort on every connection. asyncio: Server.abort_clients(). */
EDDY_API void eddy_server_abort_clients(eddy_server *server);

/** Whether it takes connections. asyncio: Server.is_serving(). */
EDDY_API bool eddy_server_is_serving(const eddy_server *server);

/** The listening descriptors, borrowed until it is closed; none after that. They must not be
 * closed or accepted from. asyncio: Server.sockets. */
EDDY_API const int *eddy_server_sockets(const eddy_server *server, size_t *count);

/** asyncio: Server.get_loop(). */
EDDY_API eddy_loop *eddy_server_get_loop(const eddy_server *server);

EDDY_END_DECLS

#endif
