#include "io/socket_transport.h"

#include <string.h>

#include "io/channel.h"
#include "io/server.h"

#include "base/outcome.h"

/* So much of the peer's address is kept beside the connection, if the rest of it is zero: all of
 * IPv4's. */
#define NEAR_BYTES sizeof(void *)

enum { PEER_UNKNOWN = 0, PEER_FAR = UINT8_MAX }; /* else: the length of a near one */

struct far_peer {
  unsigned length;
  unsigned char bytes[28]; /* IPv6 */
};

/* Of the channel, `free` tells what is known of the peer. */
struct state {
  struct eddy__channel channel;
  eddy_server *server; /* whose client it is: referenced; or NULL */
  union {
    unsigned char near[NEAR_BYTES];
    struct far_peer *far; /* owned */
  } peer;
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
  if (state->server != NULL) eddy__server_detach(state->server);
  state->server = NULL;
}

static void destroy(eddy_transport *transport)
{
  struct state *state = state_of(transport);
  if (state->channel.free == PEER_FAR) eddy__free(state->peer.far);
}

/* ---- what is known of it ---- */

/* That of a Unix peer, and one that there is no memory for, is asked for. */
static void keep_peer(struct state *state, const eddy_address *peer)
{
  static const unsigned char zeros[sizeof(peer->storage.bytes)];
  if (peer == NULL || peer->length > sizeof(state->peer.far->bytes)) return;
  if (peer->length >= NEAR_BYTES &&
      memcmp(peer->storage.bytes + NEAR_BYTES, zeros, peer->length - NEAR_BYTES) == 0) {
    memcpy(state->peer.near, peer->storage.bytes, NEAR_BYTES);
    state->channel.free = (uint8_t)peer->length;
    return;
  }
  state->peer.far = eddy__alloc(sizeof(*state->peer.far));
  if (state->peer.far == NULL) return;
  state->peer.far->length = peer->length;
  memcpy(state->peer.far->bytes, peer->storage.bytes, peer->length);
  state->channel.free = PEER_FAR;
}

static bool known_peer(const struct state *state, eddy_address *out)
{
  if (state->channel.free == PEER_UNKNOWN) return false;
  if (state->channel.free == PEER_FAR) {
    out->length = state->peer.far->length;
    memcpy(out->storage.bytes, state->peer.far->bytes, out->length);
    return true;
  }
  memset(out->storage.bytes, 0, state->channel.free);
  memcpy(out->storage.bytes, state->peer.near, NEAR_BYTES);
  out->length = state->channel.free;
  return true;
}

static int get_address(const eddy_transport *transport, bool peer, eddy_address *out)
{
  const struct state *state = state_of(transport);
  eddy_loop *loop = transport->loop;
  if (peer && known_peer(state, out)) return 0;
  int rc = state->channel.fd < 0
               ? EDDY_EBADF
               : loop->io->sock_name(loop->io_state, state->channel.fd, peer, out);
  if (rc == 0) return 0;
  return eddy__fail(
      rc, peer ? "get_peername" : "get_sockname", "descriptor", state->channel.fd);
}

static const struct eddy__channel_type socket_channel = {
    .start = eddy__channel_start_reading,
    .ended = eddy_transport_received_eof,
    .drained = drained,
};

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
    .destroy = destroy,
    .maker = &socket_channel,
};

/* ---- the beginning ---- */

int eddy__socket_transport_new(eddy_loop *loop,
    const struct eddy__socket_options *options, const eddy_protocol *protocol, void *self,
    eddy_transport **out)
{
  struct eddy__channel_options channel = {.fd = options->fd, .socket = true};
  eddy_transport *transport;
  int rc = eddy__channel_new(loop, &socket_type, &channel, protocol, self, &transport);
  if (rc < 0) return rc;
  eddy__transport_claim(transport, options->fd);
  struct state *state = state_of(transport);
  keep_peer(state, options->peer);
  state->server = options->server;
  if (state->server != NULL) eddy__server_attach(state->server);
  *out = transport;
  return 0;
}

const eddy_server *eddy__socket_transport_server(const eddy_transport *transport)
{
  return transport->type == &socket_type ? state_of(transport)->server : NULL;
}
