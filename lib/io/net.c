#include "io/net.h"

#include "io/server.h"
#include "io/transport.h"

#include "base/alloc.h"

/* The loop is being closed: everything that is left ends here. */
static void discard_net(struct eddy__owned *owned)
{
  struct eddy__net *net = EDDY__ENTRY(owned, struct eddy__net, owned);
  struct eddy__link *link;
  while ((link = eddy__list_first(&net->setups)) != NULL) {
    eddy__setup_discard(link);
  }
  while ((link = eddy__list_first(&net->servers)) != NULL) {
    eddy__server_discard(EDDY__ENTRY(link, struct eddy_server, link));
  }
  while ((link = eddy__list_first(&net->transports)) != NULL) {
    eddy__transport_end_with_loop(EDDY__ENTRY(link, struct eddy_transport, link));
  }
  net->loop->net = NULL;
  eddy__op_free(net->loop, net->op);
  eddy__blocks_clear(&net->blocks);
  eddy__free(net->batch);
  eddy__free(net->output);
  eddy__free(net->input);
  eddy__free(net);
}

int eddy__net_open(eddy_loop *loop, struct eddy__net **out)
{
  if (loop->net != NULL) {
    *out = loop->net;
    return 0;
  }
  struct eddy__net *net = eddy__alloc(sizeof(*net));
  if (net == NULL) return EDDY_ENOMEM;
  net->loop = loop;
  net->blocks.lent = &loop->buffers;
  eddy__list_init(&net->transports);
  eddy__list_init(&net->servers);
  eddy__list_init(&net->setups);
  eddy__list_init(&net->sendfiles);
  net->op = eddy__op_new(loop);
  if (net->op == NULL) goto fail_op;
  /* Memory that is not touched costs none: what is never read in large pieces stays small. */
  net->input = eddy__realloc(NULL, EDDY__NET_INPUT);
  if (net->input == NULL) goto fail_input;
  net->output = eddy__realloc(NULL, EDDY__NET_OUTPUT);
  if (net->output == NULL) goto fail_output;
  eddy__loop_own(loop, &net->owned, discard_net);
  loop->net = net;
  *out = net;
  return 0;
fail_output:
  eddy__free(net->input);
fail_input:
  eddy__op_free(loop, net->op);
fail_op:
  eddy__free(net);
  return EDDY_ENOMEM;
}

/* An operation that is never pending needs no booking, and no callback. */
static int try_once(struct eddy__net *net)
{
  net->op->flags = EDDY_OP_NOWAIT;
  net->op->status = 0;
  net->op->result = 0;
  return net->loop->io->start(net->loop->io_state, net->op);
}

int eddy__net_send(struct eddy__net *net, eddy_op_kind kind, int fd, const void *data,
    size_t size, size_t *sent)
{
  eddy_op *op = net->op;
  op->kind = kind;
  op->fd = fd;
  op->buffer = (void *)(uintptr_t)data; /* a SEND never writes to it */
  op->size = size;
  int rc = try_once(net);
  *sent = rc == 0 ? (size_t)op->result : 0;
  return rc;
}

int eddy__net_accept(struct eddy__net *net, int fd, int *connection, eddy_address *peer)
{
  eddy_op *op = net->op;
  op->kind = EDDY_OP_ACCEPT;
  op->fd = fd;
  op->address = peer;
  int rc = try_once(net);
  if (rc == 0) *connection = (int)op->result;
  return rc;
}

int eddy__net_sendto(
    struct eddy__net *net, int fd, const void *data, size_t size, const eddy_address *to)
{
  eddy_op *op = net->op;
  op->kind = EDDY_OP_SENDTO;
  op->fd = fd;
  op->buffer = (void *)(uintptr_t)data; /* neither is written to */
  op->address = (eddy_address *)(uintptr_t)to;
  op->size = size;
  return try_once(net);
}

int eddy__net_connect(struct eddy__net *net, int fd, const eddy_address *peer)
{
  net->op->kind = EDDY_OP_CONNECT;
  net->op->fd = fd;
  net->op->address = (eddy_address *)(uintptr_t)peer; /* it is not written to */
  return try_once(net);
}

/* ---- room for datagrams ---- */

/* As many as one system call takes; each as large as UDP allows. The last bytes keep the
 * beginnings, which is all that most datagrams touch, out of one another's cache lines. */
#define BATCH 16
#define DATAGRAM_ROOM ((size_t)64 * 1024)
#define STRIDE (DATAGRAM_ROOM + 192)

struct eddy__net_batch {
  eddy_datagram datagrams[BATCH];
  unsigned char bytes[BATCH * STRIDE];
};

int eddy__net_open_batch(struct eddy__net *net)
{
  if (net->batch == NULL) net->batch = eddy__realloc(NULL, sizeof(*net->batch));
  return net->batch == NULL ? EDDY_ENOMEM : 0;
}

eddy_datagram *eddy__net_batch(struct eddy__net *net, size_t *count)
{
  for (size_t i = 0; i < BATCH; i++) {
    eddy_datagram *datagram = &net->batch->datagrams[i];
    datagram->data = net->batch->bytes + i * STRIDE;
    datagram->size = DATAGRAM_ROOM;
  }
  *count = BATCH;
  return net->batch->datagrams;
}

void eddy__net_take_over(eddy_loop *loop, int fd)
{
  if (loop->io->sock_adopt != NULL) (void)loop->io->sock_adopt(loop->io_state, fd);
}

void eddy__net_close_fd(eddy_loop *loop, int fd)
{
  eddy__watches_forget(loop, fd);
  (void)loop->io->sock_close(loop->io_state, fd);
}
