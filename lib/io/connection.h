/* The last part of every call that makes a connection. */
#ifndef EDDY_IO_CONNECTION_H
#define EDDY_IO_CONNECTION_H

#include "io/layer.h"
#include "io/socket_transport.h"
#include "task/task.h"

/* Calls the factory: 0 and an instance, or a code. */
int eddy__connection_ask(eddy_protocol_factory *factory, void *arg,
    const eddy_protocol **protocol, void **self);

/* The wait of a task for a transport (transport->waiter) to be made. */
extern const struct eddy__wait_type eddy__connection_wait;

/* The wait for it is over with rc: gives the transport to the caller, or closes it. */
int eddy__connection_end(
    eddy_transport *made, int rc, eddy_transport **transport, void **self);

/* A coroutine call's loop argument: 0; EDDY_EOTHERLOOP. NULL is the running one. */
int eddy__connection_loop(const eddy_loop *loop, const eddy_task *task);

#endif
