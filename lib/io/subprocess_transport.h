/* Transports of child processes. */
#ifndef EDDY_IO_SUBPROCESS_TRANSPORT_H
#define EDDY_IO_SUBPROCESS_TRANSPORT_H

#include <eddy/subprocess.h>

#include "io/child.h"
#include "io/transport.h"
#include "task/task.h"

/* How to make one. */
struct eddy__subprocess_start {
  struct eddy__child_options child;
  int ends
      [3]; /* prepared ends of the child's pipes, or -1; the transport's from now on */
};

/* Starts the child, makes its transport and queues the beginning. Codes and ownership as
 * eddy_transport_new, and why the child could not be started; on failure the ends are closed,
 * too. */
int eddy__subprocess_transport_new(eddy_loop *loop, struct eddy__subprocess_start *start,
    const eddy_protocol *protocol, void *self, eddy_transport **out);

/* Whether it is a child's, and what there is to know of that; else NULL. */
const struct eddy__child *eddy__subprocess_child(const eddy_transport *transport);

/* Parks the task until the child has ended, which it has not yet: as eddy__wait. The type's
 * resume is the caller's, its cancel NULL. */
int eddy__subprocess_wait(
    eddy_transport *transport, eddy_task *task, const struct eddy__wait_type *type);

#endif
