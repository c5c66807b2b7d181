/* Transports over connected stream sockets. */
#ifndef EDDY_IO_SOCKET_TRANSPORT_H
#define EDDY_IO_SOCKET_TRANSPORT_H

#include "io/transport.h"

struct eddy_server;

/* How to make one; all zero but fd means: nothing more. */
struct eddy__socket_options {
  int fd;                     /* connected; the transport's from now on */
  const eddy_address *peer;   /* its address if it is known; borrowed */
  struct eddy_server *server; /* that accepted it */
};

/*
 * Makes a transport and queues its beginning: connection_made, then reading starts, then
 * whoever waits is woken (transport->waiter). Codes and ownership as eddy_transport_new; on failure the descriptor stays
 * the caller's, too.
 */
int eddy__socket_transport_new(eddy_loop *loop,
    const struct eddy__socket_options *options, const eddy_protocol *protocol, void *self,
    eddy_transport **out);

/* Whose client it is; NULL: no server's, or it has ended. */
const struct eddy_server *eddy__socket_transport_server(const eddy_transport *transport);

#endif
