#include "backend/virtual_net.h"

#include "backend/virtual_address.h"

#define PORT_FIRST 49152u
#define PORT_LAST 65535u
#define BACKLOG_DEFAULT 128

/* Whether two listeners cannot both be there. */
static bool collides(
    const struct eddy__vlistener *there, const struct eddy__vlistener *wanted)
{
  if (there->reuse_port && wanted->reuse_port) return false;
  return eddy__vaddress_match(&there->address, there->dual_stack, &wanted->address) > 0 ||
         eddy__vaddress_match(&wanted->address, wanted->dual_stack, &there->address) > 0;
}

static bool is_free(const struct eddy__vnet *net, const struct eddy__vlistener *wanted)
{
  const struct eddy__link *link = net->listeners.next;
  for (; link != &net->listeners; link = link->next) {
    if (collides(EDDY__ENTRY(link, struct eddy__vlistener, link), wanted)) return false;
  }
  return true;
}

/* Ports of callers may come round again after 16384 calls: nothing hangs on them. */
unsigned eddy__vnet_next_port(struct eddy__vnet *net)
{
  if (net->next_port < PORT_FIRST || net->next_port > PORT_LAST) {
    net->next_port = PORT_FIRST;
  }
  return net->next_port++;
}

static int bind_listener(struct eddy__vnet *net, struct eddy__vlistener *wanted)
{
  if (eddy__vaddress_is_unix(wanted->sock->family) ||
      eddy__vaddress_port(&wanted->address) != 0) {
    return is_free(net, wanted) ? 0 : EDDY_EADDRINUSE;
  }
  for (unsigned tries = 0; tries <= PORT_LAST - PORT_FIRST; tries++) {
    eddy__vaddress_set_port(&wanted->address, eddy__vnet_next_port(net));
    if (is_free(net, wanted)) return 0;
  }
  return EDDY_EADDRINUSE;
}

int eddy__vnet_listen(struct eddy__vnet *net, const eddy_address *address,
    const eddy_listen_options *options, int *fd)
{
  int family;
  int rc = eddy__vaddress_check(address, &family);
  if (rc < 0) return rc;
  struct eddy__vsock *sock = eddy__vsock_new(net, family);
  if (sock == NULL) return EDDY_ENOMEM;
  /* From here on the listener goes with the socket. */
  rc = EDDY_ENOMEM;
  struct eddy__vlistener *listener = eddy__alloc(sizeof(*listener));
  if (listener == NULL) goto fail;
  sock->listener = listener;
  listener->sock = sock;
  listener->address = *address;
  listener->backlog = BACKLOG_DEFAULT;
  if (options != NULL) {
    if (options->backlog > 0) listener->backlog = (size_t)options->backlog;
    listener->reuse_port = options->reuse_port;
    listener->dual_stack = options->dual_stack;
  }
  eddy__list_init(&listener->link);
  eddy__list_init(&listener->ready);
  eddy__list_init(&listener->callers);
  rc = bind_listener(net, listener);
  if (rc < 0) goto fail;
  rc = eddy__vsock_number(net, sock);
  if (rc < 0) goto fail;
  sock->kind = EDDY__VSOCK_LISTENER;
  eddy__list_append(&net->listeners, &listener->link);
  *fd = sock->fd;
  return 0;
fail:
  eddy__vsock_free(net, sock);
  return rc;
}

/* Who takes calls for an address: by name before by wildcard, the earliest among equals.
 */
static struct eddy__vlistener *find_listener(
    const struct eddy__vnet *net, const eddy_address *target)
{
  struct eddy__vlistener *best = NULL;
  int best_match = 0;
  const struct eddy__link *link = net->listeners.next;
  for (; link != &net->listeners; link = link->next) {
    struct eddy__vlistener *listener = EDDY__ENTRY(link, struct eddy__vlistener, link);
    int match = eddy__vaddress_match(&listener->address, listener->dual_stack, target);
    if (match > best_match) {
      best = listener;
      best_match = match;
    }
  }
  return best;
}

/* Puts the caller's far end in front of the listener: they are connected from now on. */
static void admit(
    struct eddy__vnet *net, struct eddy__vlistener *listener, struct eddy__vsock *caller)
{
  struct eddy__vsock *far_end = caller->peer;
  far_end->peer = caller;
  far_end->kind = EDDY__VSOCK_STREAM;
  caller->kind = EDDY__VSOCK_STREAM;
  eddy__list_append(&listener->ready, &far_end->queued);
  listener->waiting++;
  eddy__vsock_touch_reader(net, listener->sock);
  eddy__vsock_touch_writer(net, caller);
}

/* Makes the far end of a call and the names of both, before anybody knows of it. */
static int make_far_end(struct eddy__vnet *net, struct eddy__vsock *caller,
    const struct eddy__vlistener *listener, const eddy_address *target)
{
  struct eddy__vwire *wire = eddy__alloc(sizeof(*wire));
  if (wire == NULL) return EDDY_ENOMEM;
  struct eddy__vsock *far_end = eddy__vsock_new(net, listener->sock->family);
  if (far_end == NULL) goto fail_far_end;
  if (caller->bound != NULL) {
    wire->client = *caller->bound;
  } else if (eddy__vaddress_is_unix(caller->family)) {
    eddy__vaddress_unnamed(caller->family, &wire->client);
  } else {
    eddy__vaddress_loopback(caller->family, eddy__vnet_next_port(net), &wire->client);
  }
  wire->server = *target;
  wire->refs = 2;
  caller->wire = wire;
  caller->peer = far_end;
  far_end->wire = wire;
  far_end->server = true;
  return 0;
fail_far_end:
  eddy__free(wire);
  return EDDY_ENOMEM;
}

int eddy__vsock_connect(
    struct eddy__vnet *net, struct eddy__vsock *sock, const eddy_address *address)
{
  int family;
  int rc = eddy__vaddress_check(address, &family);
  if (rc < 0) return rc;
  if (sock->kind == EDDY__VSOCK_DATAGRAM) return eddy__vpost_connect(net, sock, address);
  if (sock->kind == EDDY__VSOCK_STREAM) return EDDY_EISCONN;
  if (sock->kind == EDDY__VSOCK_LISTENER) return EDDY_EINVAL;
  if (sock->kind == EDDY__VSOCK_CALLING) return EDDY_EALREADY;
  if (family != sock->family) return EDDY_EAFNOSUPPORT;
  eddy_address target = *address;
  if (eddy__vaddress_is_wildcard(&target)) {
    eddy__vaddress_loopback(family, eddy__vaddress_port(address), &target);
  }
  struct eddy__vlistener *listener = find_listener(net, &target);
  if (listener != NULL) {
    rc = make_far_end(net, sock, listener, &target);
    if (rc < 0) return rc;
  }
  sock->kind = EDDY__VSOCK_CALLING;
  if (listener == NULL) {
    /* A path that nobody listens on has no file here. */
    sock->error = eddy__vaddress_is_unix(family) ? EDDY_ENOENT : EDDY_ECONNREFUSED;
  } else if (listener->waiting < listener->backlog) {
    admit(net, listener, sock);
  } else {
    eddy__list_append(&listener->callers, &sock->queued);
  }
  return eddy__vaddress_is_unix(family) ? eddy__vsock_connected(net, sock) : EDDY_PENDING;
}

int eddy__vsock_connected(struct eddy__vnet *net, struct eddy__vsock *sock)
{
  if (sock->kind == EDDY__VSOCK_STREAM) return 0;
  int error = sock->error;
  if (error == 0) return EDDY_PENDING;
  eddy__vsock_hang_up(net, sock);
  return error;
}

void eddy__vsock_hang_up(struct eddy__vnet *net, struct eddy__vsock *sock)
{
  if (sock->peer != NULL) eddy__vsock_free(net, sock->peer);
  sock->peer = NULL;
  eddy__list_remove(&sock->queued);
  eddy__vsock_unwire(sock);
  sock->kind = EDDY__VSOCK_FRESH;
  sock->error = 0;
}

int eddy__vsock_accept(struct eddy__vnet *net, struct eddy__vsock *sock, eddy_op *op)
{
  if (sock->kind != EDDY__VSOCK_LISTENER) return EDDY_EINVAL;
  struct eddy__vlistener *listener = sock->listener;
  struct eddy__link *link = eddy__list_first(&listener->ready);
  if (link == NULL) return EDDY_PENDING;
  struct eddy__vsock *far_end = EDDY__ENTRY(link, struct eddy__vsock, queued);
  int rc = eddy__vsock_number(net, far_end);
  if (rc < 0) return rc;
  eddy__list_remove(link);
  listener->waiting--;
  op->result = far_end->fd;
  if (op->address != NULL) {
    rc = eddy__vnet_name(net, far_end->fd, true, op->address);
    if (rc < 0) return rc;
  }
  struct eddy__link *next = eddy__list_first(&listener->callers);
  if (next != NULL) {
    eddy__list_remove(next);
    admit(net, listener, EDDY__ENTRY(next, struct eddy__vsock, queued));
  }
  return 0;
}

void eddy__vsock_unlisten(struct eddy__vnet *net, struct eddy__vsock *sock)
{
  struct eddy__vlistener *listener = sock->listener;
  struct eddy__link *link;
  eddy__list_remove(&listener->link);
  while ((link = eddy__list_first(&listener->ready)) != NULL) {
    struct eddy__vsock *far_end = EDDY__ENTRY(link, struct eddy__vsock, queued);
    eddy__list_remove(link);
    if (far_end->peer != NULL) far_end->peer->error = EDDY_ECONNRESET;
    eddy__vsock_close(net, far_end);
  }
  listener->waiting = 0;
  while ((link = eddy__list_first(&listener->callers)) != NULL) {
    struct eddy__vsock *caller = EDDY__ENTRY(link, struct eddy__vsock, queued);
    eddy__vsock_hang_up(net, caller);
    caller->kind = EDDY__VSOCK_CALLING;
    caller->error = EDDY_ECONNREFUSED;
    eddy__vsock_touch_reader(net, caller);
    eddy__vsock_touch_writer(net, caller);
  }
}

int eddy__vnet_bind(struct eddy__vnet *net, int fd, const eddy_address *address)
{
  struct eddy__vsock *sock;
  int family;
  int rc = eddy__vnet_find(net, fd, &sock);
  if (rc == 0) rc = eddy__vaddress_check(address, &family);
  if (rc < 0) return rc;
  if (family != sock->family) return EDDY_EAFNOSUPPORT;
  if (sock->kind != EDDY__VSOCK_FRESH || sock->bound != NULL) return EDDY_EINVAL;
  sock->bound = eddy__alloc(sizeof(*sock->bound));
  if (sock->bound == NULL) return EDDY_ENOMEM;
  *sock->bound = *address;
  if (!eddy__vaddress_is_unix(family) && eddy__vaddress_port(address) == 0) {
    eddy__vaddress_set_port(sock->bound, eddy__vnet_next_port(net));
  }
  return 0;
}

int eddy__vnet_name(struct eddy__vnet *net, int fd, bool peer, eddy_address *out)
{
  struct eddy__vsock *sock;
  int rc = eddy__vnet_find(net, fd, &sock);
  if (rc < 0) return rc;
  if (sock->kind == EDDY__VSOCK_DATAGRAM) return eddy__vpost_name(sock, peer, out);
  if (peer && sock->kind != EDDY__VSOCK_STREAM) return EDDY_ENOTCONN;
  if (sock->kind == EDDY__VSOCK_LISTENER) {
    *out = sock->listener->address;
  } else if (sock->wire != NULL) {
    *out = peer == sock->server ? sock->wire->client : sock->wire->server;
    /* An IPv6 listener that took an IPv4 call. */
    if (eddy__vaddress_is_ipv6(sock->family)) eddy__vaddress_map(out);
  } else if (sock->bound != NULL) {
    *out = *sock->bound;
  } else {
    eddy__vaddress_unnamed(sock->family, out);
  }
  return 0;
}
