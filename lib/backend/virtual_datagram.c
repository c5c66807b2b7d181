#include "backend/virtual_net.h"

#include <string.h>

#include "backend/virtual_address.h"

/* The largest datagram, and what waits at one socket at most: bytes of UDP, datagrams of Unix
 * sockets. What comes on top is lost (UDP) or waits at its sender (Unix). */
#define DATAGRAM_MAX 65507u
#define ROOM_BYTES 212992u
#define ROOM_DATAGRAMS 11u
#define OVERHEAD 256u

struct parcel {
  struct eddy__link link;
  eddy_address from;
  size_t size;
  unsigned char bytes[];
};

static struct eddy__vpost *post_of(const struct eddy__link *link)
{
  return EDDY__ENTRY(link, struct eddy__vpost, link);
}

static bool is_unix(const struct eddy__vsock *sock)
{
  return eddy__vaddress_is_unix(sock->family);
}

/* ---- addresses ---- */

static bool is_free(const struct eddy__vnet *net, const struct eddy__vpost *wanted)
{
  const struct eddy__link *link = net->posts.next;
  for (; link != &net->posts; link = link->next) {
    const struct eddy__vpost *there = post_of(link);
    if (there->reuse_port && wanted->reuse_port) continue;
    if (eddy__vaddress_match(&there->address, there->dual_stack, &wanted->address) > 0 ||
        eddy__vaddress_match(&wanted->address, wanted->dual_stack, &there->address) > 0) {
      return false;
    }
  }
  return true;
}

/* Gives the socket its address; without a port, with one that is free. */
static int bind_post(
    struct eddy__vnet *net, struct eddy__vpost *post, const eddy_address *address)
{
  post->address = *address;
  bool chosen = !is_unix(post->sock) && eddy__vaddress_port(address) == 0;
  for (unsigned tries = 0; tries < (chosen ? 16384u : 1u); tries++) {
    if (chosen) eddy__vaddress_set_port(&post->address, eddy__vnet_next_port(net));
    if (!is_free(net, post)) continue;
    post->named = true;
    eddy__list_append(&net->posts, &post->link);
    return 0;
  }
  return EDDY_EADDRINUSE;
}

/* Whoever sends by UDP has an address from then on. */
static int bind_sender(struct eddy__vnet *net, struct eddy__vpost *post)
{
  eddy_address any;
  if (post->named || is_unix(post->sock)) return 0;
  eddy__vaddress_unnamed(post->sock->family, &any);
  return bind_post(net, post, &any);
}

int eddy__vnet_open_datagram(struct eddy__vnet *net, const eddy_address *address,
    const eddy_datagram_options *options, int *fd)
{
  static const eddy_datagram_options defaults;
  int family;
  if (options == NULL) options = &defaults;
  int rc = options->unbound ? eddy__vaddress_family(address, &family)
                            : eddy__vaddress_check(address, &family);
  if (rc < 0) return rc;
  struct eddy__vsock *sock = eddy__vsock_new(net, family);
  if (sock == NULL) return EDDY_ENOMEM;
  /* From here on it goes with the socket. */
  rc = EDDY_ENOMEM;
  struct eddy__vpost *post = eddy__alloc(sizeof(*post));
  if (post == NULL) goto fail;
  sock->post = post;
  sock->kind = EDDY__VSOCK_DATAGRAM;
  post->sock = sock;
  post->reuse_port = options->reuse_port;
  post->dual_stack = options->dual_stack;
  post->broadcast = options->broadcast;
  eddy__list_init(&post->link);
  eddy__list_init(&post->arrived);
  eddy__list_init(&post->senders);
  rc = options->unbound ? 0 : bind_post(net, post, address);
  if (rc < 0) goto fail;
  rc = eddy__vsock_number(net, sock);
  if (rc < 0) goto fail;
  *fd = sock->fd;
  return 0;
fail:
  eddy__vsock_free(net, sock);
  return rc;
}

/* The address that others see. */
static void name_of(const struct eddy__vpost *post, eddy_address *out)
{
  *out = post->address;
  if (!post->named) {
    eddy__vaddress_unnamed(post->sock->family, out);
  } else if (eddy__vaddress_is_wildcard(out)) {
    eddy__vaddress_loopback(post->sock->family, eddy__vaddress_port(out), out);
  }
}

int eddy__vpost_name(const struct eddy__vsock *sock, bool peer, eddy_address *out)
{
  const struct eddy__vpost *post = sock->post;
  if (peer && post->peer.length == 0) return EDDY_ENOTCONN;
  if (peer) {
    *out = post->peer;
  } else if (post->peer.length > 0) {
    name_of(post, out);
  } else if (post->named) {
    *out = post->address;
  } else {
    eddy__vaddress_unnamed(sock->family, out);
  }
  return 0;
}

/* ---- who gets it ---- */

static bool same_place(const eddy_address *a, const eddy_address *b)
{
  return eddy__vaddress_same_host(a, b) &&
         eddy__vaddress_port(a) == eddy__vaddress_port(b);
}

/* The socket that takes what `sender` sends to `target`: one with a fixed peer takes from there
 * alone; by name before by wildcard, the earliest among equals. */
static struct eddy__vpost *find_taker(const struct eddy__vnet *net,
    const struct eddy__vpost *sender, const eddy_address *target)
{
  struct eddy__vpost *best = NULL;
  int best_match = 0;
  eddy_address from;
  name_of(sender, &from);
  const struct eddy__link *link = net->posts.next;
  for (; link != &net->posts; link = link->next) {
    struct eddy__vpost *post = post_of(link);
    int match = eddy__vaddress_match(&post->address, post->dual_stack, target);
    if (match <= best_match) continue;
    if (post->peer.length > 0 && !same_place(&post->peer, &from)) continue;
    best = post;
    best_match = match;
  }
  return best;
}

/* Where a datagram goes: 0, and *taker may be NULL (nobody is there); or a code. */
static int look_up(struct eddy__vnet *net, const struct eddy__vsock *sock,
    const eddy_op *op, struct eddy__vpost **taker)
{
  const struct eddy__vpost *post = sock->post;
  eddy_address target = post->peer;
  if (op->kind == EDDY_OP_SENDTO && op->address != NULL) {
    int family;
    int rc = eddy__vaddress_check(op->address, &family);
    if (rc < 0) return rc;
    if (family != sock->family) return EDDY_EAFNOSUPPORT;
    target = *op->address;
  }
  if (target.length == 0) return is_unix(sock) ? EDDY_ENOTCONN : EDDY_EDESTADDRREQ;
  if (eddy__vaddress_is_wildcard(&target)) {
    eddy__vaddress_loopback(sock->family, eddy__vaddress_port(&target), &target);
  }
  if (eddy__vaddress_is_broadcast(&target)) {
    if (!post->broadcast) return EDDY_EACCES;
    eddy__vaddress_loopback(sock->family, eddy__vaddress_port(&target), &target);
  }
  *taker = find_taker(net, post, &target);
  return 0;
}

/* ---- receiving and sending ---- */

static int take_error(struct eddy__vsock *sock)
{
  int error = sock->error;
  sock->error = 0;
  return error;
}

static void wake_senders(struct eddy__vnet *net, struct eddy__vpost *post)
{
  struct eddy__link *link;
  while ((link = eddy__list_first(&post->senders)) != NULL) {
    eddy__list_remove(link);
    eddy__vsock_touch_writer(net, EDDY__ENTRY(link, struct eddy__vsock, queued));
  }
}

/* Takes the first datagram out: 0, EDDY_PENDING or an error. */
static int take(struct eddy__vnet *net, struct eddy__vsock *sock, eddy_datagram *out)
{
  struct eddy__vpost *post = sock->post;
  if (sock->error != 0) return take_error(sock);
  struct eddy__link *link = eddy__list_first(&post->arrived);
  if (link == NULL && !sock->read_shut) return EDDY_PENDING;
  if (link == NULL) {
    out->size = 0;
    out->from.length = 0;
    out->cut = false;
    return 0;
  }
  struct parcel *parcel = EDDY__ENTRY(link, struct parcel, link);
  eddy__list_remove(link);
  post->count--;
  post->bytes -= parcel->size + OVERHEAD;
  out->cut = parcel->size > out->size;
  if (!out->cut) out->size = parcel->size;
  if (out->size > 0) memcpy(out->data, parcel->bytes, out->size);
  out->from = parcel->from;
  eddy__free(parcel);
  wake_senders(net, post);
  return 0;
}

static int recv_one(struct eddy__vnet *net, struct eddy__vsock *sock, eddy_op *op)
{
  eddy_datagram datagram = {.data = op->buffer, .size = op->size};
  int rc = take(net, sock, &datagram);
  if (rc != 0) return rc;
  op->result = (int64_t)datagram.size;
  if (op->kind != EDDY_OP_RECVFROM) return 0;
  if (op->address != NULL) *op->address = datagram.from;
  return datagram.cut ? EDDY_EMSGSIZE : 0;
}

static int recv_batch(struct eddy__vnet *net, struct eddy__vsock *sock, eddy_op *op)
{
  eddy_datagram *datagrams = op->buffer;
  size_t got = 0;
  /* An error behind the first one is left for the next call. */
  while (got < op->size && (got == 0 || sock->post->count > 0)) {
    if (got > 0 && sock->error != 0) break;
    int rc = take(net, sock, &datagrams[got]);
    if (rc != 0) return rc;
    got++;
  }
  op->result = (int64_t)got;
  return 0;
}

static bool has_room(const struct eddy__vpost *post)
{
  return is_unix(post->sock) ? post->count < ROOM_DATAGRAMS : post->bytes < ROOM_BYTES;
}

static int deliver(struct eddy__vnet *net, const struct eddy__vpost *sender,
    struct eddy__vpost *taker, const eddy_op *op)
{
  struct parcel *parcel = eddy__realloc(NULL, sizeof(*parcel) + op->size);
  if (parcel == NULL) return EDDY_ENOMEM;
  eddy__list_init(&parcel->link);
  name_of(sender, &parcel->from);
  if (is_unix(sender->sock) && !sender->named) parcel->from.length = 0;
  if (eddy__vaddress_is_ipv6(taker->sock->family)) eddy__vaddress_map(&parcel->from);
  parcel->size = op->size;
  if (op->size > 0) memcpy(parcel->bytes, op->buffer, op->size);
  eddy__list_append(&taker->arrived, &parcel->link);
  taker->count++;
  taker->bytes += op->size + OVERHEAD;
  eddy__vsock_touch_reader(net, taker->sock);
  return 0;
}

/* Nobody is there. UDP tells a sender with a fixed peer, later. */
static int undeliverable(struct eddy__vnet *net, struct eddy__vsock *sock)
{
  bool fixed = sock->post->peer.length > 0;
  if (is_unix(sock)) return fixed ? EDDY_ECONNREFUSED : EDDY_ENOENT;
  if (fixed) {
    sock->error = EDDY_ECONNREFUSED;
    eddy__vsock_touch_reader(net, sock);
  }
  return 0;
}

static int send_one(struct eddy__vnet *net, struct eddy__vsock *sock, eddy_op *op)
{
  struct eddy__vpost *taker;
  if (sock->error != 0) return take_error(sock);
  if (sock->write_shut) return EDDY_EPIPE;
  if (op->size > DATAGRAM_MAX) return EDDY_EMSGSIZE;
  int rc = look_up(net, sock, op, &taker);
  if (rc == 0) rc = bind_sender(net, sock->post);
  if (rc < 0) return rc;
  if (taker == NULL) {
    rc = undeliverable(net, sock);
  } else if (has_room(taker)) {
    rc = deliver(net, sock->post, taker, op);
  } else if (is_unix(sock)) {
    eddy__list_remove(&sock->queued);
    eddy__list_append(&taker->senders, &sock->queued);
    return EDDY_PENDING;
  }
  if (rc < 0) return rc;
  op->result = (int64_t)op->size;
  return 0;
}

int eddy__vpost_attempt(struct eddy__vnet *net, struct eddy__vsock *sock, eddy_op *op)
{
  switch (op->kind) {
  case EDDY_OP_READABLE:
  case EDDY_OP_WRITABLE:
    return eddy__vpost_ready(net, sock, op) ? 0 : EDDY_PENDING;
  case EDDY_OP_RECV:
  case EDDY_OP_RECVFROM:
    return recv_one(net, sock, op);
  case EDDY_OP_RECV_BATCH:
    return recv_batch(net, sock, op);
  case EDDY_OP_SEND:
  case EDDY_OP_SENDTO:
    return send_one(net, sock, op);
  default:
    return EDDY_ENOTSUP;
  }
}

bool eddy__vpost_ready(
    struct eddy__vnet *net, const struct eddy__vsock *sock, const eddy_op *op)
{
  struct eddy__vpost *taker = NULL;
  switch (op->kind) {
  case EDDY_OP_READABLE:
  case EDDY_OP_RECV:
  case EDDY_OP_RECVFROM:
  case EDDY_OP_RECV_BATCH:
    return sock->error != 0 || sock->read_shut || sock->post->count > 0;
  default:
    if (sock->error != 0 || sock->write_shut || !is_unix(sock)) return true;
    return look_up(net, sock, op, &taker) < 0 || taker == NULL || has_room(taker);
  }
}

/* ---- its life ---- */

int eddy__vpost_connect(
    struct eddy__vnet *net, struct eddy__vsock *sock, const eddy_address *address)
{
  int family;
  int rc = eddy__vaddress_check(address, &family);
  if (rc < 0) return rc;
  if (family != sock->family) return EDDY_EAFNOSUPPORT;
  eddy_address peer = *address;
  if (eddy__vaddress_is_wildcard(&peer)) {
    eddy__vaddress_loopback(family, eddy__vaddress_port(address), &peer);
  }
  if (eddy__vaddress_is_broadcast(&peer) && !sock->post->broadcast) return EDDY_EACCES;
  if (is_unix(sock) && find_taker(net, sock->post, &peer) == NULL) return EDDY_ENOENT;
  rc = bind_sender(net, sock->post);
  if (rc < 0) return rc;
  sock->post->peer = peer;
  return 0;
}

int eddy__vpost_shutdown(
    struct eddy__vnet *net, struct eddy__vsock *sock, eddy_shutdown how)
{
  if (sock->post->peer.length == 0) return EDDY_ENOTCONN;
  if (how != EDDY_SHUTDOWN_WRITE) sock->read_shut = true;
  if (how != EDDY_SHUTDOWN_READ) sock->write_shut = true;
  eddy__vsock_touch_reader(net, sock);
  eddy__vsock_touch_writer(net, sock);
  return 0;
}

void eddy__vpost_leave(struct eddy__vnet *net, struct eddy__vsock *sock)
{
  struct eddy__vpost *post = sock->post;
  eddy__list_remove(&post->link);
  eddy__list_remove(&sock->queued);
  wake_senders(net, post);
}

void eddy__vpost_free(struct eddy__vsock *sock)
{
  struct eddy__vpost *post = sock->post;
  struct eddy__link *link;
  eddy__list_remove(&post->link);
  while ((link = eddy__list_first(&post->arrived)) != NULL) {
    eddy__list_remove(link);
    eddy__free(EDDY__ENTRY(link, struct parcel, link));
  }
  while ((link = eddy__list_first(&post->senders)) != NULL) {
    eddy__list_remove(link);
  }
  eddy__free(post);
  sock->post = NULL;
}
