/* The last part of every call that makes a connection. */
#ifndef EDDY_IO_CONNECTION_H
#define EDDY_IO_CONNECTION_H

#include "io/socket_transport.h"
#include "task/task.h"

/* Makes the instance and the transport for a connected descriptor, which is taken over, and has
 * the task woken when connection_made was called: 0 or a code. What the task is to wait for is
 * then the transport (owned). `peer`: NULL if not known. */
int eddy__connection_make(eddy_task *task, eddy_protocol_factory *factory, void *arg,
    int fd, const eddy_address *peer, eddy_transport **out);

/* Calls the factory: 0 and an instance, or a code. */
int eddy__connection_ask(eddy_protocol_factory *factory, void *arg,
    const eddy_protocol **protocol, void **self);

/* The `made` of a transport's options whose argument is the task that waits. */
void eddy__connection_wake(void *task);

extern const struct eddy__wait_type eddy__connection_wait;

/* The wait for it is over with rc: gives the transport to the caller, or closes it. */
int eddy__connection_end(
    eddy_transport *made, int rc, eddy_transport **transport, void **self);

/* A coroutine call's loop argument: 0; EDDY_EOTHERLOOP. NULL is the running one. */
int eddy__connection_loop(const eddy_loop *loop, const eddy_task *task);

#endif
