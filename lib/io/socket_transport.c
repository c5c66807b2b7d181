#include "io/socket_transport.h"

#include <string.h>

#include "io/channel.h"
#include "io/server.h"

#include "base/outcome.h"

/* Room for an IPv6 address; that of a Unix peer is asked for. */
#define PEER_BYTES 28

struct state {
  struct eddy__channel channel;
  eddy_server *server; /* whose client it is: referenced; or NULL */
  struct eddy__link client;
  uint8_t peer_length;
  unsigned char peer[PEER_BYTES];
};

static struct state *state_of(const eddy_transport *transport)
{
  return eddy_transport_state(transport);
}

static int shut_down(eddy_transport *transport)
{
  eddy_loop *loop = transport->loop;
  return loop->io->sock_shutdown(
      loop->io_state, state_of(transport)->channel.fd, EDDY_SHUTDOWN_WRITE);
}

/* Everything queued has been sent. */
static void drained(eddy_transport *transport)
{
  if (transport->closing) {
    eddy_transport_lose_now(transport, 0);
  } else if (transport->write_ended) {
    int rc = shut_down(transport);
    if (rc < 0) eddy_transport_fail(transport, rc, NULL);
  }
}

static int write_eof(eddy_transport *transport)
{
  return eddy__channel_buffered(transport) > 0 ? 0 : shut_down(transport);
}

/* ---- the end ---- */

static void close_socket(eddy_transport *transport)
{
  struct eddy__channel *channel = eddy__channel_of(transport);
  eddy_transport_set_closing(transport);
  eddy__op_cancel(transport->loop, channel->input);
  if (eddy__channel_buffered(transport) == 0) eddy_transport_lose(transport, 0);
}

static void socket_closed(eddy_transport *transport)
{
  struct state *state = state_of(transport);
  eddy__channel_closed(transport);
  if (state->server != NULL) eddy__server_detach(state->server, &state->client);
  state->server = NULL;
}

/* ---- what is known of it ---- */

static int get_address(const eddy_transport *transport, bool peer, eddy_address *out)
{
  const struct state *state = state_of(transport);
  eddy_loop *loop = transport->loop;
  if (peer && state->peer_length > 0) {
    memcpy(out->storage.bytes, state->peer, state->peer_length);
    out->length = state->peer_length;
    return 0;
  }
  int rc = state->channel.fd < 0
               ? EDDY_EBADF
               : loop->io->sock_name(loop->io_state, state->channel.fd, peer, out);
  if (rc == 0) return 0;
  return eddy__fail(
      rc, peer ? "get_peername" : "get_sockname", "descriptor", state->channel.fd);
}

static const eddy_transport_type socket_type = {
    .name = "socket",
    .state_size = sizeof(struct state),
    .bears_layers = true,
    .sendfile = EDDY_SENDFILE_NATIVE,
    .write = eddy__channel_write,
    .gather = eddy__channel_gather,
    .write_eof = write_eof,
    .close = close_socket,
    .abort = eddy__channel_abort,
    .set_reading = eddy__channel_set_reading,
    .buffered = eddy__channel_buffered,
    .fd = eddy__channel_fd,
    .address = get_address,
    .closed = socket_closed,
};

static const struct eddy__channel_type socket_channel = {
    .read_kind = EDDY_OP_RECV,
    .write_kind = EDDY_OP_SEND,
    .start = eddy__channel_start_reading,
    .ended = eddy_transport_received_eof,
    .drained = drained,
};

/* ---- the beginning ---- */

int eddy__socket_transport_new(eddy_loop *loop,
    const struct eddy__socket_options *options, const eddy_protocol *protocol, void *self,
    eddy_transport **out)
{
  struct eddy__channel_options channel = {.type = &socket_channel, .fd = options->fd};
  eddy_transport *transport;
  int rc = eddy__channel_new(loop, &socket_type, &channel, protocol, self, &transport);
  if (rc < 0) return rc;
  eddy__transport_claim(transport, options->fd);
  struct state *state = state_of(transport);
  eddy__list_init(&state->client);
  if (options->peer != NULL && options->peer->length <= PEER_BYTES) {
    state->peer_length = (uint8_t)options->peer->length;
    memcpy(state->peer, options->peer->storage.bytes, options->peer->length);
  }
  state->server = options->server;
  if (state->server != NULL) eddy__server_attach(state->server, &state->client);
  *out = transport;
  return 0;
}

eddy_transport *eddy__socket_transport_of_client(struct eddy__link *client)
{
  return eddy__transport_of_state(EDDY__ENTRY(client, struct state, client));
}
