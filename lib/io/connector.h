/* Connecting to one of several addresses: the attempts of eddy_loop_create_connection. */
#ifndef EDDY_IO_CONNECTOR_H
#define EDDY_IO_CONNECTOR_H

#include <eddy/connection.h>
#include <eddy/dns.h>

#include "task/task.h"

struct eddy__connector;

/*
 * Makes one for the task that will wait for it; nothing is begun. The addresses are copied, in
 * the order in which they are to be tried. `options`: local address, happy eyeballs, interleave
 * and all_errors; borrowed until eddy__connector_free. Returns 0 or EDDY_ENOMEM.
 */
int eddy__connector_new(eddy_task *task, const eddy_addrinfo *list, size_t count,
    const eddy_connection_options *options, struct eddy__connector **out);

/* Looks at what has happened and begins what is to be begun. 0: *fd is connected to *peer, and
 * the caller's; EDDY_PENDING: the task has to wait (eddy__connector_wait, for the connector);
 * else why there is no connection. */
int eddy__connector_advance(
    struct eddy__connector *connector, int *fd, eddy_address *peer);

/* Ends the attempts under way. */
void eddy__connector_free(struct eddy__connector *connector);

extern const struct eddy__wait_type eddy__connector_wait;

#endif
