/* The calls of eddy/sock.h for datagrams. */
#include "io/sock.h"

#include "base/outcome.h"

int eddy_sock_open_datagram(
    const eddy_address *address, const eddy_datagram_options *options, int *fd)
{
  eddy_loop *loop = eddy__self.loop;
  if (loop == NULL) return EDDY_ENOLOOP;
  if (address == NULL || address->length == 0 || fd == NULL) return EDDY_EINVAL;
  if (loop->io->sock_open_datagram == NULL) return EDDY_ENOSYS;
  int rc = loop->io->sock_open_datagram(loop->io_state, address, options, fd);
  return rc < 0 ? eddy__sock_fail_at(rc, "open a datagram socket at", address) : 0;
}

/* The part that the calls below have in common: 0, with the operation done. */
static int move(eddy_op_kind kind, int fd, void *buffer, size_t size,
    eddy_address *address, int64_t *result)
{
  struct eddy__sock_call call;
  int rc = eddy__sock_begin(&call, kind, fd);
  if (rc != 0) return rc;
  eddy_op *op = call.task->op;
  if (!call.resumed) {
    eddy__sock_describe(op, kind, fd, buffer, size);
    op->address = address;
  }
  rc = eddy__sock_carry_out(&call);
  if (rc == 0) *result = op->result;
  return rc;
}

int eddy_sock_recvfrom(int fd, void *buffer, size_t size, size_t *got, eddy_address *from)
{
  int64_t result;
  if ((buffer == NULL && size > 0) || got == NULL) return EDDY_EINVAL;
  int rc = move(EDDY_OP_RECVFROM, fd, buffer, size, from, &result);
  if (rc == 0) *got = (size_t)result;
  return rc;
}

int eddy_sock_recvfrom_into(
    int fd, void *buffer, size_t size, size_t *got, eddy_address *from)
{
  return eddy_sock_recvfrom(fd, buffer, size, got, from);
}

int eddy_sock_recv_batch(int fd, eddy_datagram *datagrams, size_t count, size_t *got)
{
  int64_t result;
  if (datagrams == NULL || count == 0 || got == NULL) return EDDY_EINVAL;
  int rc = move(EDDY_OP_RECV_BATCH, fd, datagrams, count, NULL, &result);
  if (rc == 0) *got = (size_t)result;
  return rc;
}

int eddy_sock_sendto(int fd, const void *data, size_t size, const eddy_address *to)
{
  int64_t result;
  if ((data == NULL && size > 0) || (to != NULL && to->length == 0)) return EDDY_EINVAL;
  /* Neither the data nor the address is written to. */
  return move(EDDY_OP_SENDTO, fd, (void *)(uintptr_t)data, size,
      (eddy_address *)(uintptr_t)to, &result);
}
