#include "io/connection.h"

#include <stdio.h>
#include <sys/socket.h>

#include "io/address.h"
#include "io/connector.h"

#include "base/outcome.h"
#include "io/channel.h"

static void describe(const eddy_task *task, char *text, size_t size)
{
  snprintf(text, size, "connection_made of the connection on descriptor %d",
      eddy_transport_get_fd(task->wait.object));
}

const struct eddy__wait_type eddy__connection_wait = {NULL, describe, NULL};

void eddy__connection_wake(void *task)
{
  eddy__wait_woken(task, 0);
}

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

int eddy__connection_make(eddy_task *task, eddy_protocol_factory *factory, void *arg,
    int fd, const eddy_address *peer, eddy_transport **out)
{
  const eddy_protocol *protocol;
  void *self;
  struct eddy__socket_options options = {
      .fd = fd, .peer = peer, .made = eddy__connection_wake, .made_arg = task};
  int rc = eddy__connection_ask(factory, arg, &protocol, &self);
  if (rc < 0) goto fail;
  rc = eddy__socket_transport_new(task->future.loop, &options, protocol, self, out);
  if (rc == 0) return 0;
  release(protocol, self);
fail:
  eddy__net_close_fd(task->future.loop, fd);
  return rc;
}

int eddy__connection_end(
    eddy_transport *made, int rc, eddy_transport **transport, void **self)
{
  if (rc < 0) {
    eddy__channel_forget_made(made);
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

/* What a call that makes a connection is asked for. */
struct request {
  eddy_protocol_factory *factory;
  void *arg;
  const eddy_connection_options *options;
  eddy_transport **transport;
  void **self;
};

/* From a connected descriptor to the end of the call. */
static int finish(
    eddy_task *task, const struct request *request, int fd, const eddy_address *peer)
{
  eddy_transport *made;
  int rc = eddy__connection_make(task, request->factory, request->arg, fd, peer, &made);
  if (rc < 0) return rc;
  rc = eddy__wait(task, &eddy__connection_wait, made);
  if (rc == EDDY_PENDING) return rc;
  return eddy__connection_end(task->wait.object, rc, request->transport, request->self);
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
    const struct request *request, bool target)
{
  if (request->factory == NULL) return EDDY_EINVAL;
  if (target == (request->options->sock != NULL)) {
    return eddy_raise(
        EDDY_EINVAL, target ? "create_connection: host and sock cannot both be given"
                            : "create_connection: neither host nor sock was given");
  }
  return eddy__connection_loop(loop, task);
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
  struct request request = {
      factory, arg, options != NULL ? options : &defaults, transport, self};
  eddy_addrinfo *list = NULL;
  size_t count = 0;
  eddy_task *task = eddy__self.task;
  if (!looks_up(task)) {
    task = eddy__wait_begin(&resumed, &rc);
    if (task == NULL) return rc;
    if (resumed) return go_on(task, &request, rc);
    rc = check(loop, task, &request, host != NULL);
    if (rc < 0) return rc;
    if (host == NULL) return finish(task, &request, *request.options->sock, NULL);
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
  struct request request = {
      factory, arg, options != NULL ? options : &defaults, transport, self};
  eddy_addrinfo target = {.family = AF_UNIX};
  eddy_task *task = eddy__wait_begin(&resumed, &rc);
  if (task == NULL) return rc;
  if (resumed) return go_on(task, &request, rc);
  rc = check(loop, task, &request, path != NULL);
  if (rc < 0) return rc;
  if (path == NULL) return finish(task, &request, *request.options->sock, NULL);
  rc = eddy__address_from_path(path, &target.address);
  return rc < 0 ? rc : begin_attempts(task, &request, &target, 1);
}

int eddy_loop_connect_accepted_socket(eddy_loop *loop, eddy_protocol_factory *factory,
    void *arg, int fd, eddy_transport **transport, void **self)
{
  int rc;
  bool resumed;
  eddy_task *task = eddy__wait_begin(&resumed, &rc);
  if (task == NULL) return rc;
  if (!resumed) {
    eddy_transport *made;
    eddy_address name;
    if (factory == NULL || fd < 0) return EDDY_EINVAL;
    rc = eddy__connection_loop(loop, task);
    if (rc < 0) return rc;
    loop = task->future.loop;
    rc = loop->io->sock_name(loop->io_state, fd, false, &name);
    if (rc < 0) return eddy__fail(rc, "connect_accepted_socket", "descriptor", fd);
    rc = eddy__connection_make(task, factory, arg, fd, NULL, &made);
    if (rc < 0) return rc;
    rc = eddy__wait(task, &eddy__connection_wait, made);
    if (rc == EDDY_PENDING) return rc;
  }
  return eddy__connection_end(task->wait.object, rc, transport, self);
}
