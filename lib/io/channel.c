#include "io/channel.h"

#include "base/outcome.h"

/* ---- reading ---- */

static int on_input(void *transport);

/* Has the next input signalled; the descriptor stays armed in between. */
static int await_input(eddy_transport *transport)
{
  struct eddy__channel *channel = eddy__channel_of(transport);
  channel->input->kind = channel->socket ? EDDY_OP_RECV : EDDY_OP_READ;
  channel->input->flags = EDDY_OP_LATER;
  channel->input->fd = channel->fd;
  int rc = eddy__op_start(transport->loop, channel->input, on_input, transport);
  return rc == EDDY_PENDING ? 0 : rc;
}

int eddy__channel_set_reading(eddy_transport *transport, bool on)
{
  struct eddy__channel *channel = eddy__channel_of(transport);
  if (!on) {
    eddy__op_cancel(transport->loop, channel->input);
    return 0;
  }
  if (transport->input_ended || channel->input->state != EDDY__OP_IDLE) return 0;
  return await_input(transport);
}

/* Asks a buffered protocol where to put the data. */
static int ask_for_buffer(eddy_transport *transport, eddy_op *op)
{
  op->buffer = NULL;
  op->size = 0;
  int rc = transport->protocol->get_buffer(transport->self, 0, &op->buffer, &op->size);
  if (rc >= 0 && op->size > 0 && op->buffer != NULL) return 0;
  if (rc >= 0) rc = eddy_raise(EDDY_ERUNTIME, "get_buffer gave an empty buffer");
  eddy_transport_fail(transport, rc, "get_buffer failed; the connection is aborted");
  return rc;
}

/* `asked`: the buffered protocol whose buffer it is, or NULL. */
static void deliver(
    eddy_transport *transport, const eddy_protocol *asked, void *self, size_t size)
{
  if (asked == NULL) {
    (void)eddy_transport_received(transport, eddy__net_of(transport->loop)->input, size);
    return;
  }
  if (asked->buffer_updated == NULL) return;
  int rc = asked->buffer_updated(self, size);
  if (rc >= 0) return;
  eddy_transport_fail(transport, rc, "buffer_updated failed; the connection is aborted");
}

/* One bounded read. */
static int input_ready(void *arg)
{
  eddy_transport *transport = arg;
  eddy_loop *loop = transport->loop;
  eddy_op *op = eddy__channel_of(transport)->input;
  const eddy_protocol *asked = transport->protocol->get_buffer != NULL
                                   ? transport->protocol
                                   : NULL;
  void *self = transport->self;
  eddy__op_ran(loop, op);
  op->buffer = eddy__net_of(loop)->input;
  op->size = EDDY__NET_INPUT;
  if (asked != NULL && ask_for_buffer(transport, op) < 0) {
    eddy__op_cancel(loop, op);
    return 0;
  }
  if (op->state != EDDY__OP_RAN) return 0; /* get_buffer has paused or closed it */
  int rc = eddy__op_finish(loop, op);
  if (rc == EDDY_PENDING) return 0;
  if (rc < 0) {
    eddy_transport_fail(transport, rc, NULL);
    return 0;
  }
  size_t size = (size_t)op->result;
  if (size == 0) {
    eddy__channel_type(transport)->ended(transport);
    return 0;
  }
  /* Waited for again first: the room that this entry has just left is taken. */
  rc = await_input(transport);
  deliver(transport, asked, self, size);
  if (rc < 0) eddy_transport_fail(transport, rc, NULL);
  return 0;
}

static int on_input(void *transport)
{
  return eddy__transport_call(transport, input_ready);
}

/* ---- the beginning and the end ---- */

/* The beginning, as it was queued: three callbacks of asyncio's in one, since nothing can come
 * between them. */
static int begin(void *arg)
{
  eddy_transport *transport = arg;
  eddy_transport_made(transport);
  int rc = eddy__channel_type(transport)->start(transport);
  if (rc < 0) eddy_transport_fail(transport, rc, "it could not be started");
  eddy_transport_ready(transport, 0);
  return 0;
}

static int on_begin(void *transport)
{
  return eddy__transport_call(transport, begin);
}

int eddy__channel_start_reading(eddy_transport *transport)
{
  if (!eddy_transport_is_reading(transport)) return 0;
  return eddy__channel_set_reading(transport, true);
}

int eddy__channel_new(eddy_loop *loop, const eddy_transport_type *transport_type,
    const struct eddy__channel_options *options, const eddy_protocol *protocol,
    void *self, eddy_transport **out)
{
  eddy_transport *transport;
  int rc = eddy__loop_usable(loop);
  if (rc < 0) return rc;
  eddy_op *input = eddy__op_new(loop);
  if (input == NULL) return EDDY_ENOMEM;
  rc = eddy__loop_book(loop); /* for the beginning */
  if (rc < 0) goto fail_book;
  rc = eddy_transport_new(loop, transport_type, protocol, self, &transport);
  if (rc < 0) goto fail_transport;
  struct eddy__channel *channel = eddy__channel_of(transport);
  channel->socket = options->socket;
  channel->input = input;
  channel->fd = options->fd;
  eddy__loop_push(loop, on_begin, transport); /* runs before connection_lost can */
  *out = transport;
  return 0;
fail_transport:
  eddy__loop_unbook(loop);
fail_book:
  eddy__op_free(loop, input);
  return rc;
}

void eddy__channel_abort(eddy_transport *transport, int error)
{
  eddy__channel_clear(transport);
  eddy__op_cancel(transport->loop, eddy__channel_of(transport)->input);
  eddy_transport_lose(transport, error);
}

void eddy__channel_closed(eddy_transport *transport)
{
  struct eddy__channel *channel = eddy__channel_of(transport);
  eddy__channel_clear(transport);
  eddy__op_free(transport->loop, channel->input);
  channel->input = NULL;
  eddy__net_close_fd(transport->loop, channel->fd);
  channel->fd = -1;
}

int eddy__channel_fd(const eddy_transport *transport)
{
  return eddy__channel_of(transport)->fd;
}
