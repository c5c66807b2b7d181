/*
 * Datagrams for protocols: an endpoint is opened, a protocol instance (datagram_received,
 * error_received) and a transport are made for it. In tasks: eddy_sock_recvfrom and its like.
 *
 * What has arrived is taken in batches, by one system call where the system has one for that
 * (recvmmsg), into memory that all endpoints of the loop share; datagram_received is called for
 * each, an empty one too. Errors of the system on the way in or out are told by error_received
 * and end nothing; a negative code from either function is reported to the exception handler.
 */
#ifndef EDDY_DATAGRAM_H
#define EDDY_DATAGRAM_H

#include <eddy/transport.h>

/** What endpoint to create. At least one of the hosts, the family, or `sock` alone is given. */
typedef struct eddy_endpoint_options {
  /** The address to receive at, borrowed: numeric, a name to look up, or with a slash in it the
   * path of a Unix socket, of which a stale file is removed. NULL: the system chooses. */
  const char *local_host;
  int local_port; /* 0: the system chooses */
  /** The one peer, borrowed: datagrams go there without an address, and come from nowhere else. */
  const char *remote_host;
  int remote_port;
  /** A datagram socket that is open already; it is taken over, also if the call fails (but not
   * with EDDY_EINVAL, EDDY_EBUSY or EDDY_ENOTASK). Excludes everything else here. */
  const int *sock;
  int family; /* the system's AF_INET, AF_INET6; 0: what the hosts have */
  int flags;  /* of the look-ups, AI_... */
  bool reuse_port;
  /** May send to broadcast addresses. Datagrams then come from everywhere, even with a
   * remote_host, which is only where they go without an address. */
  bool allow_broadcast;
  bool dual_stack; /* an IPv6 socket takes IPv4 peers too */
} eddy_endpoint_options;

EDDY_BEGIN_DECLS

/**
 * Creates a datagram endpoint.
 *
 * Of each family that both hosts have, the first address of each is tried, until one pair works.
 *
 * asyncio   loop.create_datagram_endpoint(); it tries the last address of a family
 * Context   coroutine; suspends until connection_made was called. A cancelled call leaves
 *           nothing behind.
 * loop      the running one, or NULL for it.
 * factory   called when the socket is ready.
 * options   borrowed until the call returns.
 * transport owned: eddy_transport_unref (which does not close it); NULL to ignore it. Besides
 *           eddy_transport_sendto it has close, abort, is_closing, the write limits and the
 *           queries; paused reading takes effect after the batch under way. It has no write.
 * self      the factory's instance, borrowed from the transport; NULL to ignore it.
 * Returns   0; the first error of the tries (EDDY_EADDRINUSE, ...), with a message that names
 *           the address; what the factory returned; the look-up's codes (eddy/dns.h);
 *           EDDY_EINVAL (nothing to open, sock with anything else, no family that both hosts
 *           have); EDDY_EBUSY (a transport uses sock); EDDY_ECANCELLED; EDDY_ENOTASK; EDDY_EOTHERLOOP; EDDY_ENOMEM.
 */
EDDY_API int eddy_loop_create_datagram_endpoint(eddy_loop *loop,
    eddy_protocol_factory *factory, void *arg, const eddy_endpoint_options *options,
    eddy_transport **transport, void **self);

/**
 * Sends one datagram: at once if none is queued and the system takes it, else it is copied and
 * follows by itself. Never waits; pause_writing may be called before this returns.
 *
 * An error of the system is told to error_received before this returns, and the datagram is
 * lost. On a lost endpoint it is dropped, as with eddy_transport_write.
 *
 * asyncio   DatagramTransport.sendto()
 * Context   loop thread.
 * data      borrowed for the call; NULL if size is 0, which sends an empty datagram.
 * to        borrowed for the call; NULL: the remote host.
 * Returns   0; EDDY_EINVAL (another address than the remote host's); EDDY_ENOTSUP (a transport
 *           of another kind); EDDY_ENOMEM (it is not queued, and may be sent again).
 * Cost      one system call if nothing is queued; allocates only to queue.
 */
EDDY_API int eddy_transport_sendto(
    eddy_transport *transport, const void *data, size_t size, const eddy_address *to);

EDDY_END_DECLS

#endif
