#include "loop/loop.h"

#include "loop/trace.h"

eddy_op *eddy__op_new(eddy_loop *loop)
{
  eddy_op *op = eddy__pool_get(&loop->ops);
  if (op == NULL) return NULL;
  op->state = EDDY__OP_IDLE;
  op->next = NULL;
  op->flags = 0;
  return op;
}

void eddy__op_free(eddy_loop *loop, eddy_op *op)
{
  eddy__op_cancel(loop, op);
  eddy__pool_put(&loop->ops, op);
}

/* What start and finish have in common: `attempt` is one of the backend's two. */
static int attempt_op(
    eddy_loop *loop, eddy_op *op, int (*attempt)(void *self, eddy_op *op))
{
  /* The booking is made first: once the backend has the operation, it must be able to queue. */
  int rc = eddy__loop_book(loop);
  if (rc < 0) return rc;
  op->state = EDDY__OP_PENDING;
  loop->operations++;
  rc = attempt(loop->io_state, op);
  if (loop->trace != NULL) eddy__trace_op(loop, EDDY_TRACE_TRIED, op, rc);
  if (rc == EDDY_PENDING) return rc;
  op->state = EDDY__OP_IDLE;
  loop->operations--;
  eddy__loop_unbook(loop);
  return rc;
}

int eddy__op_start(eddy_loop *loop, eddy_op *op, eddy_fn *fn, void *arg)
{
  op->fn = fn;
  op->arg = arg;
  op->next = NULL;
  op->status = 0;
  return attempt_op(loop, op, loop->io->start);
}

int eddy__op_finish(eddy_loop *loop, eddy_op *op)
{
  return attempt_op(loop, op, loop->io->finish);
}

int eddy__op_defer(eddy_loop *loop, eddy_op *op, eddy_fn *fn, void *arg)
{
  int rc = eddy__loop_book(loop);
  if (rc < 0) return rc;
  op->state = EDDY__OP_DEFERRED;
  op->position = eddy__loop_push(loop, fn, arg);
  return 0;
}

/* Takes a signalled operation off the list of arrivals. */
static void unlist(eddy_loop *loop, eddy_op *op)
{
  *op->arrival = op->next;
  if (op->next != NULL) {
    op->next->arrival = op->arrival;
  } else {
    loop->arrived_tail = op->arrival;
  }
}

void eddy__op_cancel(eddy_loop *loop, eddy_op *op)
{
  switch (op->state) {
  case EDDY__OP_IDLE:
    return;
  case EDDY__OP_DEFERRED: /* the backend has never heard of it */
    eddy__loop_drop(loop, op->position);
    op->state = EDDY__OP_IDLE;
    return;
  case EDDY__OP_PENDING:
    eddy__loop_unbook(loop);
    break;
  case EDDY__OP_SIGNALLED:
    unlist(loop, op);
    eddy__loop_unbook(loop);
    break;
  case EDDY__OP_QUEUED:
    eddy__loop_drop(loop, op->position);
    break;
  default: /* EDDY__OP_RAN: the entry's turn has passed */
    loop->operations++;
    break;
  }
  op->state = EDDY__OP_IDLE;
  loop->operations--;
  loop->io->cancel(loop->io_state, op);
}

void eddy__op_ran(eddy_loop *loop, eddy_op *op)
{
  op->state = EDDY__OP_RAN;
  loop->operations--;
}

void eddy_backend_signal(eddy_loop *loop, eddy_op *op)
{
  if (op->state != EDDY__OP_PENDING) return;
  op->state = EDDY__OP_SIGNALLED;
  op->next = NULL;
  op->arrival = loop->arrived_tail;
  *loop->arrived_tail = op;
  loop->arrived_tail = &op->next;
}

void eddy__ops_collect(eddy_loop *loop)
{
  struct eddy_op *next;
  for (eddy_op *op = loop->arrived; op != NULL; op = next) {
    next = op->next;
    op->state = EDDY__OP_QUEUED;
    if (loop->trace != NULL) eddy__trace_op(loop, EDDY_TRACE_SIGNALLED, op, 0);
    op->position = eddy__loop_push(loop, op->fn, op->arg);
  }
  loop->arrived = NULL;
  loop->arrived_tail = &loop->arrived;
}
