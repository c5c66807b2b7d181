/*
 * Connections for protocols: a socket is connected, a protocol instance and a transport are
 * made for it, and the call returns when connection_made has been called.
 */
#ifndef EDDY_CONNECTION_H
#define EDDY_CONNECTION_H

#include <eddy/transport.h>

EDDY_BEGIN_DECLS

/**
 * Makes the protocol and transport of a connected socket that was accepted elsewhere, or is one
 * end of a pair.
 *
 * asyncio   loop.connect_accepted_socket()
 * Context   coroutine; suspends until connection_made was called.
 * fd        taken over, also if the call fails (but not with EDDY_EINVAL or EDDY_ENOTASK).
 * Returns   0; what the factory returned; EDDY_EBADF; EDDY_ECANCELLED; EDDY_ENOTASK;
 *           EDDY_EINVAL; EDDY_EOTHERLOOP; EDDY_ENOMEM.
 * transport owned: eddy_transport_unref (which does not close it); NULL to ignore it.
 * self      the factory's instance, borrowed from the transport; NULL if the connection is lost
 *           already; NULL to ignore it.
 */
EDDY_API int eddy_loop_connect_accepted_socket(eddy_loop *loop,
    eddy_protocol_factory *factory, void *arg, int fd, eddy_transport **transport,
    void **self);

EDDY_END_DECLS

#endif
