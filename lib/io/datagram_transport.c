#include "io/datagram_transport.h"

#include <string.h>

#include "base/alloc.h"
#include "base/outcome.h"
#include "base/self.h"

/* What a queued datagram counts beside its bytes, as in asyncio: empty ones add up, too. */
#define HEADER 8

/* A datagram that waits to be sent. */
struct parcel {
  struct parcel *next;
  eddy_address to; /* length 0: the connected peer */
  size_t size;
  unsigned char bytes[];
};

struct state {
  eddy_op *input;
  eddy_op *output; /* while something is queued */
  struct parcel *first;
  struct parcel *last;
  size_t queued;
  eddy_address remote; /* length 0: none */
  bool connected;
  bool large;
  int fd;
};

static struct state *state_of(const eddy_transport *transport)
{
  return eddy_transport_state(transport);
}

/* ---- errors ---- */

/* Tells the protocol of an error that ends nothing. */
static void tell_error(eddy_transport *transport, int error, const char *operation)
{
  const eddy_protocol *protocol = transport->protocol;
  if (protocol == NULL || protocol->error_received == NULL) return;
  (void)eddy__fail(error, operation, "descriptor", state_of(transport)->fd);
  int rc = protocol->error_received(transport->self, error);
  if (rc < 0) eddy__transport_report(transport, "error_received failed", rc);
}

/* ---- reading ---- */

static int on_input(void *transport);

/* Has the next input signalled; the descriptor stays armed in between. */
static int await_input(eddy_transport *transport)
{
  struct state *state = state_of(transport);
  state->input->kind = state->large ? EDDY_OP_RECVFROM : EDDY_OP_RECV_BATCH;
  state->input->flags = EDDY_OP_LATER;
  state->input->fd = state->fd;
  int rc = eddy__op_start(transport->loop, state->input, on_input, transport);
  return rc == EDDY_PENDING ? 0 : rc;
}

static int set_reading(eddy_transport *transport, bool on)
{
  struct state *state = state_of(transport);
  if (!on) {
    eddy__op_cancel(transport->loop, state->input);
    return 0;
  }
  return state->input->state == EDDY__OP_IDLE ? await_input(transport) : 0;
}

static void deliver(eddy_transport *transport, const eddy_datagram *datagram)
{
  const eddy_protocol *protocol = transport->protocol;
  if (datagram->cut) {
    tell_error(transport, EDDY_EMSGSIZE, "recvfrom");
    return;
  }
  if (protocol->datagram_received == NULL) return;
  int rc = protocol->datagram_received(
      transport->self, datagram->data, datagram->size, &datagram->from);
  if (rc < 0) eddy__transport_report(transport, "datagram_received failed", rc);
}

/* One read: a batch, or a datagram of any size. */
static int input_ready(void *arg)
{
  eddy_transport *transport = arg;
  struct eddy__net *net = eddy__net_of(transport->loop);
  struct state *state = state_of(transport);
  eddy_op *op = state->input;
  eddy_datagram one = {.data = net->input};
  eddy_datagram *datagrams = &one;
  size_t count = 1;
  eddy__op_ran(transport->loop, op);
  op->buffer = net->input;
  op->size = EDDY__NET_INPUT;
  op->address = &one.from;
  if (!state->large) {
    datagrams = eddy__net_batch(net, &count);
    op->buffer = datagrams;
    op->size = count;
  }
  int rc = eddy__op_finish(transport->loop, op);
  if (rc == EDDY_PENDING) return 0;
  one.size = (size_t)op->result;
  count = state->large ? 1 : (size_t)op->result;
  one.cut = state->large && rc == EDDY_EMSGSIZE;
  int started = await_input(transport);
  if (rc < 0 && !one.cut) {
    tell_error(transport, rc, "recvfrom");
  } else {
    for (size_t i = 0; i < count && !transport->closing; i++)
      deliver(transport, &datagrams[i]);
  }
  if (started < 0) eddy_transport_fail(transport, started, NULL);
  return 0;
}

static int on_input(void *transport)
{
  return eddy__transport_call(transport, input_ready);
}

/* ---- the queue ---- */

static void drop_first(struct state *state)
{
  struct parcel *parcel = state->first;
  state->first = parcel->next;
  if (state->first == NULL) state->last = NULL;
  state->queued -= parcel->size + HEADER;
  eddy__free(parcel);
}

static void clear_queue(eddy_transport *transport)
{
  struct state *state = state_of(transport);
  while (state->first != NULL)
    drop_first(state);
  if (state->output != NULL) eddy__op_free(transport->loop, state->output);
  state->output = NULL;
}

static int on_output(void *transport);

/* Sends the first of the queue: 0; EDDY_PENDING; a code. The operation knows what it sends, for
 * the sake of systems that tell only for a certain peer when there is room. */
static int send_first(eddy_transport *transport)
{
  struct state *state = state_of(transport);
  eddy_op *op = state->output;
  op->kind = EDDY_OP_SENDTO;
  op->flags = 0;
  op->fd = state->fd;
  op->buffer = state->first->bytes;
  op->size = state->first->size;
  op->address = state->first->to.length > 0 ? &state->first->to : NULL;
  return eddy__op_start(transport->loop, op, on_output, transport);
}

/* Everything queued has been sent, or given up. */
static void drained(eddy_transport *transport)
{
  clear_queue(transport);
  eddy_transport_shrank(transport);
  if (transport->closing && state_of(transport)->queued == 0) {
    eddy_transport_lose_now(transport, 0);
  }
}

/* The first of the queue has come to `rc`. Goes on until the system takes no more. */
static int advance(eddy_transport *transport, int rc)
{
  struct state *state = state_of(transport);
  while (rc != EDDY_PENDING) {
    drop_first(state);
    if (rc < 0) {
      tell_error(transport, rc, "sendto");
      /* The protocol may have ended it, or sent something that is under way now. */
      if (transport->lost || state->output->state != EDDY__OP_IDLE) return 0;
    }
    if (state->first == NULL) {
      drained(transport);
      return 0;
    }
    rc = send_first(transport);
  }
  eddy_transport_shrank(transport);
  return 0;
}

static int output_ready(void *arg)
{
  eddy_transport *transport = arg;
  eddy_op *op = state_of(transport)->output;
  eddy__op_ran(transport->loop, op);
  return advance(transport, eddy__op_finish(transport->loop, op));
}

static int on_output(void *transport)
{
  return eddy__transport_call(transport, output_ready);
}

/* ---- sending ---- */

static int enqueue(
    eddy_transport *transport, const void *data, size_t size, const eddy_address *to)
{
  struct state *state = state_of(transport);
  if (size > SIZE_MAX - sizeof(struct parcel)) return EDDY_ENOMEM;
  struct parcel *parcel = eddy__realloc(NULL, sizeof(*parcel) + size);
  if (parcel == NULL) return EDDY_ENOMEM;
  bool begins = state->first == NULL;
  if (state->output == NULL) state->output = eddy__op_new(transport->loop);
  if (state->output == NULL) {
    eddy__free(parcel);
    return EDDY_ENOMEM;
  }
  parcel->next = NULL;
  parcel->to = to != NULL ? *to : (eddy_address){0};
  parcel->size = size;
  if (size > 0) memcpy(parcel->bytes, data, size);
  if (begins)
    state->first = parcel;
  else
    state->last->next = parcel;
  state->last = parcel;
  state->queued += size + HEADER;
  int rc = begins ? send_first(transport) : EDDY_PENDING;
  if (rc == EDDY_PENDING) {
    eddy_transport_grew(transport);
    return 0;
  }
  /* There was room after all, or none for waiting. */
  clear_queue(transport);
  if (rc < 0 && rc != EDDY_ENOMEM) tell_error(transport, rc, "sendto");
  return rc == EDDY_ENOMEM ? rc : 0;
}

static bool same(const eddy_address *a, const eddy_address *b)
{
  return a->length == b->length &&
         memcmp(a->storage.bytes, b->storage.bytes, a->length) == 0;
}

static const eddy_transport_type datagram_type;

int eddy_transport_sendto(
    eddy_transport *transport, const void *data, size_t size, const eddy_address *to)
{
  if (transport == NULL || (data == NULL && size > 0)) return EDDY_EINVAL;
  if (transport->type != &datagram_type) {
    return eddy_raise(
        EDDY_ENOTSUP, "sendto: a %s transport has no datagrams", transport->type->name);
  }
  if (transport->loop->special && !transport->loop->closed) {
    int rc = eddy__loop_refusal(transport->loop);
    if (rc < 0) return rc;
  }
  struct state *state = state_of(transport);
  if (state->remote.length > 0) {
    if (to != NULL && !same(to, &state->remote)) {
      char text[EDDY_ADDRESS_TEXT];
      return eddy_raise(EDDY_EINVAL, "sendto: the address must be NULL or %s",
          eddy_address_format(&state->remote, text, sizeof(text)));
    }
    to = state->connected ? NULL : &state->remote;
  }
  if (transport->lost) {
    eddy_transport_dropped(transport);
    return 0;
  }
  if (state->first != NULL) return enqueue(transport, data, size, to);
  int rc = eddy__net_sendto(eddy__net_of(transport->loop), state->fd, data, size, to);
  if (rc == EDDY_EAGAIN) return enqueue(transport, data, size, to);
  if (rc < 0) tell_error(transport, rc, "sendto");
  return 0;
}

static size_t buffered(const eddy_transport *transport)
{
  return state_of(transport)->queued;
}

/* ---- the end ---- */

static void close_datagram(eddy_transport *transport)
{
  struct state *state = state_of(transport);
  eddy_transport_set_closing(transport);
  eddy__op_cancel(transport->loop, state->input);
  if (state->first == NULL) eddy_transport_lose(transport, 0);
}

static void abort_datagram(eddy_transport *transport, int error)
{
  clear_queue(transport);
  eddy__op_cancel(transport->loop, state_of(transport)->input);
  eddy_transport_lose(transport, error);
}

static void datagram_closed(eddy_transport *transport)
{
  struct state *state = state_of(transport);
  clear_queue(transport);
  eddy__op_free(transport->loop, state->input);
  state->input = NULL;
  eddy__net_close_fd(transport->loop, state->fd);
  state->fd = -1;
}

static int get_fd(const eddy_transport *transport)
{
  return state_of(transport)->fd;
}

static int get_address(const eddy_transport *transport, bool peer, eddy_address *out)
{
  const struct state *state = state_of(transport);
  eddy_loop *loop = transport->loop;
  int rc = state->fd < 0 ? EDDY_EBADF
                         : loop->io->sock_name(loop->io_state, state->fd, peer, out);
  if (rc == 0) return 0;
  return eddy__fail(rc, peer ? "get_peername" : "get_sockname", "descriptor", state->fd);
}

static const eddy_transport_type datagram_type = {
    .name = "datagram",
    .state_size = sizeof(struct state),
    .close = close_datagram,
    .abort = abort_datagram,
    .set_reading = set_reading,
    .buffered = buffered,
    .fd = get_fd,
    .address = get_address,
    .closed = datagram_closed,
};

/* ---- the beginning ---- */

static int begin(void *arg)
{
  eddy_transport *transport = arg;
  eddy_transport_made(transport);
  int rc = eddy_transport_is_reading(transport) ? set_reading(transport, true) : 0;
  if (rc < 0) eddy_transport_fail(transport, rc, "reading could not be started");
  eddy_transport_ready(transport, 0);
  return 0;
}

static int on_begin(void *transport)
{
  return eddy__transport_call(transport, begin);
}

int eddy__datagram_transport_new(eddy_loop *loop,
    const struct eddy__datagram_transport_options *options, const eddy_protocol *protocol,
    void *self, eddy_transport **out)
{
  eddy_transport *transport;
  struct eddy__net *net;
  int rc = eddy__loop_usable(loop);
  if (rc == 0) rc = eddy__net_open(loop, &net);
  if (rc == 0) rc = eddy__net_open_batch(net);
  if (rc < 0) return rc;
  eddy_op *input = eddy__op_new(loop);
  if (input == NULL) return EDDY_ENOMEM;
  rc = eddy__loop_book(loop); /* for the beginning */
  if (rc < 0) goto fail_book;
  rc = eddy_transport_new(loop, &datagram_type, protocol, self, &transport);
  if (rc < 0) goto fail_transport;
  eddy__transport_claim(transport, options->fd);
  struct state *state = state_of(transport);
  state->input = input;
  state->fd = options->fd;
  state->connected = options->connected;
  state->large = options->large;
  if (options->remote != NULL) state->remote = *options->remote;
  eddy__loop_push(loop, on_begin, transport); /* runs before connection_lost can */
  *out = transport;
  return 0;
fail_transport:
  eddy__loop_unbook(loop);
fail_book:
  eddy__op_free(loop, input);
  return rc;
}
