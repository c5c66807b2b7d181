#include "backend/virtual_net.h"

/* What eddy_op.status says here. */
enum { WAITING = 1, SIGNALLED };

static struct eddy__vop *vop_of(eddy_op *op)
{
  return (struct eddy__vop *)(void *)op;
}

static bool readable(const struct eddy__vsock *sock)
{
  if (sock->closed) return true;
  switch (sock->kind) {
  case EDDY__VSOCK_LISTENER:
    return sock->listener->waiting > 0;
  case EDDY__VSOCK_CALLING:
    return sock->error != 0;
  case EDDY__VSOCK_STREAM:
    return sock->count > 0 || sock->error != 0 || sock->input_ended || sock->read_shut;
  default:
    return true; /* a read fails at once */
  }
}

static bool writable(const struct eddy__vsock *sock)
{
  if (sock->closed) return true;
  switch (sock->kind) {
  case EDDY__VSOCK_LISTENER:
    return false;
  case EDDY__VSOCK_CALLING:
    return sock->error != 0;
  case EDDY__VSOCK_STREAM:
    return sock->error != 0 || sock->write_shut || sock->peer == NULL ||
           sock->peer->read_shut || sock->peer->count < EDDY__VSOCK_LIMIT;
  default:
    return true; /* a write fails at once */
  }
}

static bool reads(const eddy_op *op)
{
  return op->kind == EDDY_OP_READABLE || op->kind == EDDY_OP_RECV ||
         op->kind == EDDY_OP_ACCEPT || op->kind == EDDY_OP_RECVFROM ||
         op->kind == EDDY_OP_RECV_BATCH;
}

static bool is_ready(
    struct eddy__vnet *net, const struct eddy__vsock *sock, const eddy_op *op)
{
  if (sock->kind == EDDY__VSOCK_DATAGRAM) {
    return sock->closed || eddy__vpost_ready(net, sock, op);
  }
  if (reads(op)) return readable(sock);
  if (op->kind != EDDY_OP_CONNECT) return writable(sock);
  /* A connect is over when there is a connection, however full. */
  return sock->closed || sock->kind != EDDY__VSOCK_CALLING || sock->error != 0;
}

static eddy_op **side_of(struct eddy__vsock *sock, const eddy_op *op)
{
  return reads(op) ? &sock->reader : &sock->writer;
}

/* Only an operation that still waits moves its socket to the end of the list: the order
 * is that of the events somebody waited for. */
static void touch(struct eddy__vnet *net, struct eddy__vsock *sock, const eddy_op *op)
{
  if (op == NULL || op->status != WAITING) return;
  if (!eddy__list_empty(&sock->touched)) return;
  eddy__list_append(&net->touched, &sock->touched);
}

void eddy__vsock_touch_reader(struct eddy__vnet *net, struct eddy__vsock *sock)
{
  touch(net, sock, sock->reader);
}

void eddy__vsock_touch_writer(struct eddy__vnet *net, struct eddy__vsock *sock)
{
  touch(net, sock, sock->writer);
}

static int attempt(struct eddy__vnet *net, struct eddy__vsock *sock, eddy_op *op)
{
  if (sock->kind == EDDY__VSOCK_DATAGRAM) return eddy__vpost_attempt(net, sock, op);
  switch (op->kind) {
  case EDDY_OP_READABLE:
    return readable(sock) ? 0 : EDDY_PENDING;
  case EDDY_OP_WRITABLE:
    return writable(sock) ? 0 : EDDY_PENDING;
  case EDDY_OP_RECV:
    return eddy__vsock_recv(net, sock, op);
  case EDDY_OP_SEND:
    return eddy__vsock_send(net, sock, op);
  case EDDY_OP_ACCEPT:
    return eddy__vsock_accept(net, sock, op);
  case EDDY_OP_CONNECT:
    return eddy__vsock_connected(net, sock);
  case EDDY_OP_RECVFROM:
  case EDDY_OP_SENDTO:
  case EDDY_OP_RECV_BATCH:
  case EDDY_OP_SENDFILE:
    return EDDY_ENOTSUP; /* on streams they say nothing that recv and send do not */
  case EDDY_OP_READ:
  case EDDY_OP_WRITE:
    return EDDY_ENOTSUP; /* there are sockets only */
  }
  return EDDY_EINVAL;
}

int eddy__vop_start(struct eddy__vnet *net, eddy_op *op)
{
  struct eddy__vsock *sock;
  int rc = eddy__vnet_find(net, op->fd, &sock);
  if (rc < 0) return rc;
  eddy_op **side = side_of(sock, op);
  if (*side != NULL) return EDDY_EBUSY;
  switch (op->kind) {
  case EDDY_OP_READABLE:
  case EDDY_OP_WRITABLE:
    rc = EDDY_PENDING; /* the next poll looks, so that a watch has its turn in it */
    break;
  case EDDY_OP_CONNECT:
    rc = eddy__vsock_connect(net, sock, op->address);
    break;
  default:
    rc = (op->flags & EDDY_OP_LATER) != 0 ? EDDY_PENDING : attempt(net, sock, op);
  }
  if (rc != EDDY_PENDING) return rc;
  if ((op->flags & EDDY_OP_NOWAIT) != 0) return EDDY_EAGAIN;
  op->status = WAITING;
  vop_of(op)->sock = sock;
  *side = op;
  if (is_ready(net, sock, op)) touch(net, sock, op);
  return EDDY_PENDING;
}

/* The operation is over; a closed socket stays only for its last one. */
static void detach(struct eddy__vnet *net, struct eddy__vsock *sock, eddy_op *op)
{
  *side_of(sock, op) = NULL;
  op->status = 0;
  vop_of(op)->sock = NULL;
  const eddy_op *left = sock->reader != NULL ? sock->reader : sock->writer;
  if (left == NULL && sock->closed) {
    eddy__vsock_free(net, sock);
  } else if (left == NULL || left->status != WAITING) {
    eddy__list_remove(&sock->touched);
  }
}

int eddy__vop_finish(struct eddy__vnet *net, eddy_op *op)
{
  struct eddy__vsock *sock = vop_of(op)->sock;
  int rc = sock->closed ? EDDY_EBADF : attempt(net, sock, op);
  if (rc == EDDY_PENDING) {
    op->status = WAITING;
  } else {
    detach(net, sock, op);
  }
  return rc;
}

void eddy__vop_cancel(struct eddy__vnet *net, eddy_op *op)
{
  struct eddy__vsock *sock = vop_of(op)->sock;
  if (op->kind == EDDY_OP_CONNECT && sock->kind == EDDY__VSOCK_CALLING) {
    eddy__vsock_hang_up(net, sock);
  }
  detach(net, sock, op);
}

static bool report(struct eddy__vnet *net, const struct eddy__vsock *sock, eddy_op *op)
{
  if (op == NULL || op->status != WAITING || !is_ready(net, sock, op)) return false;
  op->status = SIGNALLED;
  eddy_backend_signal(net->loop, op);
  return true;
}

bool eddy__vnet_report(struct eddy__vnet *net)
{
  bool any = false;
  struct eddy__link *link;
  while ((link = eddy__list_first(&net->touched)) != NULL) {
    struct eddy__vsock *sock = EDDY__ENTRY(link, struct eddy__vsock, touched);
    eddy__list_remove(link);
    any |= report(net, sock, sock->reader);
    any |= report(net, sock, sock->writer);
  }
  return any;
}
