/* Transports over datagram sockets. */
#ifndef EDDY_IO_DATAGRAM_TRANSPORT_H
#define EDDY_IO_DATAGRAM_TRANSPORT_H

#include <eddy/datagram.h>

#include "io/transport.h"

/* How to make one. */
struct eddy__datagram_transport_options {
  int fd;                     /* the transport's from now on */
  const eddy_address *remote; /* where datagrams go without an address; NULL: nowhere */
  bool connected;             /* the descriptor knows `remote` */
  bool large;                 /* a datagram may be larger than those of UDP (Unix) */
};

/* As eddy__socket_transport_new. */
int eddy__datagram_transport_new(eddy_loop *loop,
    const struct eddy__datagram_transport_options *options, const eddy_protocol *protocol,
    void *self, eddy_transport **out);

#endif
