/* Calls on sockets from the inside: one operation, waited for. */
#ifndef EDDY_IO_SOCK_H
#define EDDY_IO_SOCK_H

#include <eddy/sock.h>

#include "task/task.h"

/* A call under way. It is rebuilt each time a stackless coroutine makes it again. */
struct eddy__sock_call {
  eddy_task *task;
  eddy_loop *loop;
  bool resumed;
};

/*
 * Begins or continues a call: gives up the turn if the task has had many. Returns 0 (go on;
 * call->resumed: the operation was started before), EDDY_PENDING, or an error.
 */
int eddy__sock_begin(struct eddy__sock_call *call, eddy_op_kind kind, int fd);

/* What the operation is, unless it was started before. No address. */
void eddy__sock_describe(
    eddy_op *op, eddy_op_kind kind, int fd, void *buffer, size_t size);

/* Carries the operation out: 0, EDDY_PENDING (stackless: to be called again), or an error. */
int eddy__sock_carry_out(struct eddy__sock_call *call);

/* Says which address it was about: "connect 127.0.0.1:80: connection refused". */
int eddy__sock_fail_at(int rc, const char *operation, const eddy_address *address);

#endif
