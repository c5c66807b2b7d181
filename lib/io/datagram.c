/* eddy_loop_create_datagram_endpoint: addresses to sockets, a socket to a transport. */
#include <eddy/datagram.h>

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "io/address.h"
#include "io/connection.h"
#include "io/datagram_transport.h"
#include <eddy/dns.h>

#include "base/alloc.h"
#include "base/outcome.h"

enum side { LOCAL, REMOTE, SIDES };

/* A call that looks names up: what it has found so far. While it waits for a look-up,
 * task->op->buffer points to it. */
struct endpoint {
  eddy_addrinfo *list[SIDES];
  size_t count[SIDES];
  bool wanted[SIDES];
};

/* What the call is asked for. */
struct request {
  eddy_protocol_factory *factory;
  void *arg;
  const eddy_endpoint_options *options;
};

static void free_endpoint(struct endpoint *endpoint)
{
  for (int side = 0; side < SIDES; side++)
    eddy_addrinfo_free(endpoint->list[side]);
  eddy__free(endpoint);
}

/* ---- the end: a transport ---- */

/* Makes the instance and the transport; the descriptor is taken over. */
static int make(eddy_task *task, const struct request *request, int fd,
    const eddy_address *remote, eddy_transport **out)
{
  const eddy_protocol *protocol = NULL;
  void *self = NULL;
  eddy_loop *loop = task->future.loop;
  eddy_address name;
  struct eddy__datagram_transport_options options = {.fd = fd, .remote = remote};
  options.connected = remote != NULL && !request->options->allow_broadcast;
  int rc = loop->io->sock_name(loop->io_state, fd, false, &name);
  if (rc < 0) {
    (void)eddy__fail(rc, "create_datagram_endpoint", "descriptor", fd);
    goto fail;
  }
  options.large = eddy__address_family(&name) == AF_UNIX;
  rc = eddy__connection_ask(request->factory, request->arg, &protocol, &self);
  if (rc < 0) goto fail;
  rc = eddy__datagram_transport_new(loop, &options, protocol, self, out);
  if (rc == 0) {
    (*out)->waiter = task;
    return 0;
  }
  if (protocol->release != NULL) protocol->release(self);
fail:
  eddy__net_close_fd(loop, fd);
  return rc;
}

/* ---- the middle: a socket ---- */

static int connect_to(eddy_loop *loop, int fd, const eddy_address *remote)
{
  struct eddy__net *net;
  int rc = eddy__net_open(loop, &net);
  if (rc < 0) return rc;
  rc = eddy__net_connect(net, fd, remote);
  if (rc == 0) return 0;
  char text[EDDY_ADDRESS_TEXT];
  return eddy_raise(rc, "connect %s: %s", eddy_address_format(remote, text, sizeof(text)),
      eddy_strerror(rc));
}

/* Opens a socket for a pair of addresses, either of which may be NULL. */
static int open_pair(eddy_loop *loop, const eddy_endpoint_options *options,
    const eddy_address *local, const eddy_address *remote, int *out)
{
  eddy_datagram_options how = {.unbound = local == NULL,
      .reuse_port = options->reuse_port,
      .broadcast = options->allow_broadcast,
      .dual_stack = options->dual_stack};
  int fd;
  int rc = eddy_sock_open_datagram(local != NULL ? local : remote, &how, &fd);
  if (rc < 0) return rc;
  if (remote != NULL && !options->allow_broadcast) rc = connect_to(loop, fd, remote);
  if (rc < 0) {
    eddy__net_close_fd(loop, fd);
    return rc;
  }
  *out = fd;
  return 0;
}

/* The first address of this family, or NULL. */
static const eddy_address *first_of(
    const struct endpoint *endpoint, enum side side, int family)
{
  for (size_t i = 0; i < endpoint->count[side]; i++) {
    if (endpoint->list[side][i].family == family) return &endpoint->list[side][i].address;
  }
  return NULL;
}

/* Tries a pair of each family, in the order in which the families came. */
static int open_first(eddy_loop *loop, const eddy_endpoint_options *options,
    const struct endpoint *endpoint, int *fd, eddy_address *remote)
{
  enum side leading = endpoint->wanted[LOCAL] ? LOCAL : REMOTE;
  int first_error = 0;
  for (size_t i = 0; i < endpoint->count[leading]; i++) {
    int family = endpoint->list[leading][i].family;
    const eddy_address *pair[SIDES] = {
        first_of(endpoint, LOCAL, family), first_of(endpoint, REMOTE, family)};
    if (&endpoint->list[leading][i].address != pair[leading])
      continue; /* not the first */
    if (endpoint->wanted[REMOTE] && pair[REMOTE] == NULL) continue;
    int rc = open_pair(loop, options, pair[LOCAL], pair[REMOTE], fd);
    if (rc == 0) {
      remote->length = 0;
      if (pair[REMOTE] != NULL) *remote = *pair[REMOTE];
      return 0;
    }
    if (first_error == 0) first_error = rc;
  }
  if (first_error < 0) return first_error;
  return eddy_raise(EDDY_EINVAL,
      "create_datagram_endpoint: the hosts have no address family in common");
}

/* Nothing but the family is given. */
static int open_unbound(const eddy_endpoint_options *options, int *fd)
{
  eddy_address any;
  const eddy_datagram_options how = {.unbound = true,
      .reuse_port = options->reuse_port,
      .broadcast = options->allow_broadcast,
      .dual_stack = options->dual_stack};
  int rc = eddy_address_parse(options->family == AF_INET6 ? "::" : NULL, 0, &any);
  if (rc == 0 && options->family == AF_UNIX) rc = eddy__address_from_path("/", &any);
  return rc < 0 ? rc : eddy_sock_open_datagram(&any, &how, fd);
}

/* ---- the beginning: addresses ---- */

static int look_up(
    struct endpoint *endpoint, enum side side, const eddy_endpoint_options *options)
{
  const char *host = side == LOCAL ? options->local_host : options->remote_host;
  int port = side == LOCAL ? options->local_port : options->remote_port;
  char service[16];
  if (host == NULL || endpoint->list[side] != NULL) return 0;
  endpoint->wanted[side] = true;
  if (strchr(host, '/') != NULL) {
    eddy_addrinfo found = {.family = AF_UNIX, .type = SOCK_DGRAM};
    int rc = eddy__address_from_path(host, &found.address);
    if (rc < 0) return rc;
    endpoint->list[side] = eddy__alloc(sizeof(found));
    if (endpoint->list[side] == NULL) return EDDY_ENOMEM;
    endpoint->list[side][0] = found;
    endpoint->count[side] = 1;
    return 0;
  }
  eddy_addrinfo_hints hints = {
      .family = options->family, .type = SOCK_DGRAM, .flags = options->flags};
  snprintf(service, sizeof(service), "%d", port);
  return eddy_loop_getaddrinfo(
      NULL, host, service, &hints, &endpoint->list[side], &endpoint->count[side]);
}

/* Both hosts to addresses, and these to a socket: 0, EDDY_PENDING or a code. */
static int resolve(eddy_task *task, const eddy_endpoint_options *options,
    struct endpoint *endpoint, int *fd, eddy_address *remote)
{
  int rc = look_up(endpoint, LOCAL, options);
  if (rc == 0) rc = look_up(endpoint, REMOTE, options);
  if (rc == EDDY_PENDING) {
    task->op->buffer = endpoint;
    return rc;
  }
  if (rc == 0) rc = open_first(task->future.loop, options, endpoint, fd, remote);
  free_endpoint(endpoint);
  return rc;
}

static bool bad_port(int port)
{
  return port < 0 || port > 65535;
}

/* Whether the arguments make sense. */
static int check(const eddy_endpoint_options *options)
{
  bool hosts = options->local_host != NULL || options->remote_host != NULL;
  bool others = hosts || options->family != 0 || options->flags != 0 ||
                options->reuse_port || options->allow_broadcast || options->dual_stack;
  if (options->sock != NULL && others) {
    return eddy_raise(EDDY_EINVAL,
        "create_datagram_endpoint: sock is given, so that nothing else can be");
  }
  if (options->sock == NULL && !hosts && options->family == 0) {
    return eddy_raise(EDDY_EINVAL,
        "create_datagram_endpoint: neither a host, a family nor sock is given");
  }
  if (bad_port(options->local_port) || bad_port(options->remote_port)) {
    return eddy_raise(EDDY_EINVAL, "create_datagram_endpoint: a port is not in 0..65535");
  }
  return 0;
}

/* The first part of the call: a socket, at once or after look-ups. */
static int begin(
    eddy_task *task, const struct request *request, int *fd, eddy_address *remote)
{
  const eddy_endpoint_options *options = request->options;
  int rc = check(options);
  if (rc < 0) return rc;
  if (options->sock != NULL) {
    *fd = *options->sock;
    return eddy__fd_refusal(task->future.loop, "create_datagram_endpoint", *fd);
  }
  if (options->local_host == NULL && options->remote_host == NULL) {
    return open_unbound(options, fd);
  }
  if (task->op == NULL) task->op = eddy__op_new(task->future.loop);
  struct endpoint *endpoint = eddy__alloc(sizeof(*endpoint));
  if (task->op == NULL || endpoint == NULL) {
    eddy__free(endpoint);
    return EDDY_ENOMEM;
  }
  return resolve(task, options, endpoint, fd, remote);
}

int eddy_loop_create_datagram_endpoint(eddy_loop *loop, eddy_protocol_factory *factory,
    void *arg, const eddy_endpoint_options *options, eddy_transport **transport,
    void **self)
{
  int rc, fd = -1;
  bool resumed;
  eddy_transport *made;
  eddy_address remote = {0};
  const struct request request = {factory, arg, options};
  eddy_task *task = eddy__wait_begin(&resumed, &rc);
  if (task == NULL) return rc;
  if (resumed && task->wait.type == &eddy__connection_wait) {
    return eddy__connection_end(task->wait.object, rc, transport, self);
  }
  if (factory == NULL || options == NULL) return EDDY_EINVAL;
  if (resumed) {
    task->wait.resumed = true; /* the look-up goes on */
    rc = resolve(task, options, task->op->buffer, &fd, &remote);
  } else {
    rc = eddy__connection_loop(loop, task);
    if (rc == 0) rc = begin(task, &request, &fd, &remote);
  }
  if (rc != 0) return rc;
  rc = make(task, &request, fd, remote.length > 0 ? &remote : NULL, &made);
  if (rc < 0) return rc;
  rc = eddy__wait(task, &eddy__connection_wait, made);
  if (rc == EDDY_PENDING) return rc;
  return eddy__connection_end(task->wait.object, rc, transport, self);
}
