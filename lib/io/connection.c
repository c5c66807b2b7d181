#include "io/connection.h"

#include <stdio.h>
#include <sys/socket.h>

#include "io/address.h"
#include "io/connector.h"

#include "base/outcome.h"

static void describe(const eddy_task *task, char *text, size_t size)
{
  const eddy_transport *made = task->wait.object;
  snprintf(text, size, "connection_made of the %s connection on descriptor %d",
      made->type->name, eddy_transport_get_fd(made));
}

const struct eddy__wait_type eddy__connection_wait = {NULL, describe, NULL, "connection"};

/* The instance is nobody's: nothing was made for it. */
static void release(const eddy_protocol *protocol, void *self)
{
  if (protocol->release != NULL) protocol->release(self);
}

int eddy__connection_ask(eddy_protocol_factory *factory, void *arg,
    const eddy_protocol **protocol, void **self)
{
  *protocol = NULL;
  *self = NULL;
  int rc = factory(arg, protocol, self);
  if (rc >= 0 && *protocol == NULL)
    return eddy_raise(EDDY_EINVAL, "the factory gave no protocol");
  return rc < 0 ? rc : 0;
}

/* What a call that makes a connection is asked for. */
struct request {
  eddy_protocol_factory *factory;
  void *arg;
  const eddy_connection_options *options;
  const char *server_hostname; /* for the layer */
  bool server_side;
  eddy_transport **transport;
  void **self;
};

/* Makes the instance and the transport for a connected descriptor, which is taken over, and has
 * the task woken when connection_made was called: 0 or a code. What the task is to wait for is
 * then the transport (owned). `peer`: NULL if not known. */
static int make(eddy_task *task, const struct request *request, int fd,
    const eddy_address *peer, eddy_transport **out)
{
  const eddy_protocol *protocol;
  void *self;
  const eddy_connection_options *options = request->options;
  struct eddy__socket_options socket = {.fd = fd, .peer = peer};
  struct eddy__layer_use use = {.layer = options->tls,
      .server_hostname = request->server_hostname,
      .server_side = request->server_side,
      .handshake_timeout = options->ssl_handshake_timeout,
      .shutdown_timeout = options->ssl_shutdown_timeout};
  int rc = eddy__connection_ask(request->factory, request->arg, &protocol, &self);
  if (rc < 0) goto fail;
  rc = eddy__layer_socket(task->future.loop, &socket, &use, protocol, self, out);
  if (rc == 0) {
    (*out)->waiter = task;
    return 0;
  }
  release(protocol, self);
fail:
  eddy__net_close_fd(task->future.loop, fd);
  return rc;
}

int eddy__connection_end(
    eddy_transport *made, int rc, eddy_transport **transport, void **self)
{
  if (rc < 0) {
    made->waiter = NULL;
    eddy_outcome said = eddy__transport_said(made);
    eddy__outcome_pass_on(&said, rc);
    eddy_transport_close(made);
    eddy_transport_unref(made);
    return rc;
  }
  if (self != NULL) (void)eddy_transport_get_protocol(made, self);
  if (transport != NULL) {
    *transport = made;
  } else {
    eddy_transport_unref(made);
  }
  return 0;
}

int eddy__connection_loop(const eddy_loop *loop, const eddy_task *task)
{
  if (loop == NULL || loop == task->future.loop) return 0;
  return eddy_raise(
      EDDY_EOTHERLOOP, "a connection can only be made on the loop that the task runs on");
}

/* ---- connecting ---- */

static const eddy_connection_options defaults;

/* Whether the call goes on inside the look-up that it makes first (a stackless coroutine). */
static bool looks_up(const eddy_task *task)
{
  return task != NULL && task->wait.resumed && task->wait.type != &eddy__connector_wait &&
         task->wait.type != &eddy__connection_wait;
}

/* From a connected descriptor to the end of the call. */
static int finish(
    eddy_task *task, const struct request *request, int fd, const eddy_address *peer)
{
  eddy_transport *made;
  int rc = make(task, request, fd, peer, &made);
  if (rc < 0) return rc;
  rc = eddy__wait(task, &eddy__connection_wait, made);
  if (rc == EDDY_PENDING) return rc;
  return eddy__connection_end(task->wait.object, rc, request->transport, request->self);
}

/* The same with the caller's socket. */
static int finish_with_sock(eddy_task *task, const struct request *request)
{
  int fd = *request->options->sock;
  eddy__net_take_over(task->future.loop, fd);
  return finish(task, request, fd, NULL);
}

/* The attempts, from the beginning (connector) or after a wait (NULL, with what it gave). */
static int attempt(eddy_task *task, const struct request *request,
    struct eddy__connector *connector, int rc)
{
  eddy_address peer;
  int fd = -1;
  if (connector == NULL) connector = task->wait.object;
  while (rc == 0) {
    rc = eddy__connector_advance(connector, &fd, &peer);
    if (rc == 0) {
      eddy__connector_free(connector);
      return finish(task, request, fd, &peer);
    }
    if (rc != EDDY_PENDING) break;
    rc = eddy__wait(task, &eddy__connector_wait, connector);
    if (rc == EDDY_PENDING) return rc;
    connector = task->wait.object;
  }
  eddy__connector_free(connector);
  return rc;
}

/* A call that goes on after a wait of its own. */
static int go_on(eddy_task *task, const struct request *request, int rc)
{
  if (task->wait.type == &eddy__connector_wait) return attempt(task, request, NULL, rc);
  return eddy__connection_end(task->wait.object, rc, request->transport, request->self);
}

static int begin_attempts(eddy_task *task, const struct request *request,
    const eddy_addrinfo *list, size_t count)
{
  struct eddy__connector *connector;
  int rc = eddy__connector_new(task, list, count, request->options, &connector);
  return rc < 0 ? rc : attempt(task, request, connector, 0);
}

/* The beginning of either call: checks its arguments. */
static int check(const eddy_loop *loop, const eddy_task *task,
    const struct request *request, const char *call, bool target)
{
  const eddy_connection_options *options = request->options;
  if (request->factory == NULL) return EDDY_EINVAL;
  if (target == (options->sock != NULL)) {
    return eddy_raise(
        EDDY_EINVAL, target ? "create_connection: host and sock cannot both be given"
                            : "create_connection: neither host nor sock was given");
  }
  if (options->tls != NULL && request->server_hostname == NULL) {
    return eddy_raise(EDDY_EINVAL,
        "%s: with tls and no host, server_hostname has to be given (\"\": none)", call);
  }
  int rc = eddy__layer_check(call, options->tls, options->server_hostname,
      options->ssl_handshake_timeout, options->ssl_shutdown_timeout);
  if (rc == 0) rc = eddy__connection_loop(loop, task);
  if (rc < 0 || options->sock == NULL) return rc;
  return eddy__fd_refusal(task->future.loop, call, *options->sock);
}

static int look_up(const char *host, int port, const eddy_connection_options *options,
    eddy_addrinfo **list, size_t *count)
{
  char number[16];
  eddy_addrinfo_hints hints = {
      .family = options->family, .type = SOCK_STREAM, .flags = options->flags};
  snprintf(number, sizeof(number), "%d", port);
  const char *service = options->service != NULL ? options->service : number;
  return eddy_loop_getaddrinfo(NULL, host, service, &hints, list, count);
}

int eddy_loop_create_connection(eddy_loop *loop, eddy_protocol_factory *factory,
    void *arg, const char *host, int port, const eddy_connection_options *options,
    eddy_transport **transport, void **self)
{
  int rc;
  bool resumed;
  struct request request = {.factory = factory,
      .arg = arg,
      .options = options != NULL ? options : &defaults,
      .transport = transport,
      .self = self};
  request.server_hostname = request.options->server_hostname;
  if (request.server_hostname == NULL) request.server_hostname = host;
  eddy_addrinfo *list = NULL;
  size_t count = 0;
  eddy_task *task = eddy__self.task;
  if (!looks_up(task)) {
    task = eddy__wait_begin(&resumed, &rc);
    if (task == NULL) return rc;
    if (resumed) return go_on(task, &request, rc);
    rc = check(loop, task, &request, "create_connection", host != NULL);
    if (rc < 0) return rc;
    if (host == NULL) return finish_with_sock(task, &request);
    if (port < 0 || port > 65535) {
      return eddy_raise(
          EDDY_EINVAL, "create_connection: port %d is not in 0..65535", port);
    }
  }
  rc = look_up(host, port, request.options, &list, &count);
  if (rc != 0) return rc;
  rc = begin_attempts(task, &request, list, count);
  eddy_addrinfo_free(list);
  return rc;
}

int eddy_loop_create_unix_connection(eddy_loop *loop, eddy_protocol_factory *factory,
    void *arg, const char *path, const eddy_connection_options *options,
    eddy_transport **transport, void **self)
{
  int rc;
  bool resumed;
  struct request request = {.factory = factory,
      .arg = arg,
      .options = options != NULL ? options : &defaults,
      .transport = transport,
      .self = self};
  request.server_hostname = request.options->server_hostname;
  eddy_addrinfo target = {.family = AF_UNIX};
  eddy_task *task = eddy__wait_begin(&resumed, &rc);
  if (task == NULL) return rc;
  if (resumed) return go_on(task, &request, rc);
  rc = check(loop, task, &request, "create_unix_connection", path != NULL);
  if (rc < 0) return rc;
  if (path == NULL) return finish_with_sock(task, &request);
  rc = eddy__address_from_path(path, &target.address);
  return rc < 0 ? rc : begin_attempts(task, &request, &target, 1);
}

int eddy_loop_connect_accepted_socket(eddy_loop *loop, eddy_protocol_factory *factory,
    void *arg, int fd, const eddy_connection_options *options, eddy_transport **transport,
    void **self)
{
  int rc;
  bool resumed;
  eddy_task *task = eddy__wait_begin(&resumed, &rc);
  if (task == NULL) return rc;
  if (!resumed) {
    eddy_transport *made;
    eddy_address name;
    if (factory == NULL || fd < 0) return EDDY_EINVAL;
    if (options != NULL) {
      rc = eddy__layer_check("connect_accepted_socket", options->tls, NULL,
          options->ssl_handshake_timeout, options->ssl_shutdown_timeout);
      if (rc < 0) return rc;
    }
    rc = eddy__connection_loop(loop, task);
    if (rc == 0) rc = eddy__fd_refusal(task->future.loop, "connect_accepted_socket", fd);
    if (rc < 0) return rc;
    loop = task->future.loop;
    rc = loop->io->sock_name(loop->io_state, fd, false, &name);
    if (rc < 0) return eddy__fail(rc, "connect_accepted_socket", "descriptor", fd);
    eddy__net_take_over(loop, fd);
    struct request request = {.factory = factory,
        .arg = arg,
        .options = options != NULL ? options : &defaults,
        .server_side = true};
    rc = make(task, &request, fd, NULL, &made);
    if (rc < 0) return rc;
    rc = eddy__wait(task, &eddy__connection_wait, made);
    if (rc == EDDY_PENDING) return rc;
  }
  return eddy__connection_end(task->wait.object, rc, transport, self);
}
