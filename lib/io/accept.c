/* Taking connections. */
#include <string.h>

#include "io/server.h"
#include "loop/context.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/outcome.h"

/* How long a listener rests when there are no descriptors left, as in asyncio. */
#define REST EDDY_S(1)

/* ---- arrivals ---- */

static void report(eddy_server *server, const char *message, int error, const int *fd,
    eddy_transport *made)
{
  const eddy_outcome *outcome = eddy__self.outcome;
  eddy_exception_context context = {.message = message,
      .error = error,
      .detail = outcome != NULL ? eddy__outcome_detail(outcome, error) : NULL,
      .transport = made,
      .fd = fd};
  eddy_loop_call_exception_handler(server->loop, &context);
}

/* Makes protocol and transport of a connection, or closes it. */
static void begin_connection(eddy_server *server, const struct eddy__arrival *arrival)
{
  const eddy_protocol *protocol = NULL;
  void *self = NULL;
  eddy_transport *transport;
  eddy_address peer = {.length = arrival->peer_length};
  struct eddy__socket_options options = {
      .fd = arrival->fd, .peer = &peer, .server = server};
  memcpy(peer.storage.bytes, arrival->peer, arrival->peer_length);
  int rc = server->factory(server->arg, &protocol, &self);
  if (rc >= 0 && protocol == NULL)
    rc = eddy_raise(EDDY_EINVAL, "the factory gave no protocol");
  if (rc < 0) goto fail;
  rc = server->open ? 0 : EDDY_ERUNTIME;
  if (rc == 0) {
    rc = eddy__layer_socket(
        server->loop, &options, &server->layer, protocol, self, &transport);
  }
  if (rc < 0) {
    if (protocol->release != NULL) protocol->release(self);
    goto fail;
  }
  eddy_transport_unref(transport); /* the loop has a reference */
  return;
fail:
  if (server->open)
    report(server, "an accepted connection could not be set up and is closed", rc,
        &arrival->fd, NULL);
  eddy__net_close_fd(server->loop, arrival->fd);
}

static int begin_all(void *arg)
{
  eddy_server *server = arg;
  /* A factory may close the server, which drops those that are left. */
  for (size_t i = 0; i < server->arrived; i++) {
    struct eddy__arrival arrival = server->arrivals[i];
    server->arrivals[i].fd = -1;
    begin_connection(server, &arrival);
  }
  server->arrived = 0;
  return 0;
}

static int on_arrivals(void *arg)
{
  eddy_server *server = arg;
  server->arrivals_queued = false;
  if (!server->open) {
    eddy__server_retire(server);
    return 0;
  }
  eddy_server_ref(server);
  (void)eddy__loop_book(server->loop); /* the room that this entry has just left */
  (void)(server->context == NULL
             ? begin_all(server)
             : eddy__context_call(server->context, begin_all, server));
  eddy_server_unref(server);
  return 0;
}

void eddy__server_drop_arrivals(eddy_server *server)
{
  for (size_t i = 0; i < server->arrived; i++) {
    int fd = server->arrivals[i].fd;
    if (fd >= 0) eddy__net_close_fd(server->loop, fd);
  }
  server->arrived = 0;
}

static void arrive(eddy_server *server, int fd, const eddy_address *peer)
{
  struct eddy__arrival *arrival = &server->arrivals[server->arrived++];
  arrival->fd = fd;
  arrival->peer_length = 0;
  if (peer->length <= EDDY__ARRIVAL_PEER) {
    arrival->peer_length = (uint8_t)peer->length;
    memcpy(arrival->peer, peer->storage.bytes, peer->length);
  }
  if (server->arrivals_queued) return;
  server->arrivals_queued = true;
  eddy__loop_push(server->loop, on_arrivals, server);
}

/* ---- listeners ---- */

static bool out_of_resources(int rc)
{
  return rc == EDDY_EMFILE || rc == EDDY_ENFILE || rc == EDDY_ENOBUFS ||
         rc == EDDY_ENOMEM;
}

static int on_connection(void *arg);

/* The exception handler may close the server: it is told last of all. */
static void await_connection(
    struct eddy__listener *listener, const char *failed, int error)
{
  eddy_server *server = listener->server;
  int fd = listener->op->fd;
  int rc = eddy__listener_start(listener);
  if (rc < 0) {
    report(server, "accept: the server takes no more connections", rc, &fd, NULL);
  } else if (error < 0) {
    report(server, failed, error, &fd, NULL);
  }
}

static int on_rested(void *arg)
{
  struct eddy__listener *listener = EDDY__ENTRY(arg, struct eddy__listener, rest);
  eddy__timer_ran(&listener->rest);
  await_connection(listener, NULL, 0);
  return 0;
}

static void rest(struct eddy__listener *listener, int error)
{
  static const char message[] = "accept: no descriptors left; trying again in 1 s";
  eddy_server *server = listener->server;
  int fd = listener->op->fd;
  eddy_time when = eddy__time_after(eddy__loop_now(server->loop), REST);
  if (eddy__timer_start(server->loop, &listener->rest, when) < 0) {
    await_connection(listener, message, error);
  } else {
    report(server, message, error, &fd, NULL);
  }
}

/* As many as there are, one backlog at most: 0, or why there are no more. */
static int accept_more(struct eddy__listener *listener)
{
  eddy_server *server = listener->server;
  struct eddy__net *net = eddy__net_of(server->loop);
  int rc = 0;
  for (int i = 1; i < server->backlog && server->arrived < (size_t)server->backlog; i++) {
    eddy_address peer;
    int fd;
    rc = eddy__net_accept(net, listener->op->fd, &fd, &peer);
    if (rc < 0) break;
    arrive(server, fd, &peer);
  }
  return rc == EDDY_EAGAIN ? 0 : rc;
}

/* Connections are waiting. */
static int on_connection(void *arg)
{
  struct eddy__listener *listener = arg;
  eddy_server *server = listener->server;
  eddy_op *op = listener->op;
  eddy_address peer;
  eddy__op_ran(server->loop, op);
  if (server->arrived == (size_t)server->backlog) {
    /* Another listener has filled the room: the next iteration has some again. */
    eddy__op_cancel(server->loop, op);
    await_connection(listener, NULL, 0);
    return 0;
  }
  op->address = &peer;
  int rc = eddy__op_finish(server->loop, op);
  if (rc == EDDY_PENDING) return 0;
  if (rc == 0) {
    arrive(server, (int)op->result, &peer);
    rc = accept_more(listener);
  }
  if (out_of_resources(rc)) {
    rest(listener, rc);
    return 0;
  }
  await_connection(listener, "accept failed", rc);
  return 0;
}

int eddy__listener_start(struct eddy__listener *listener)
{
  if (listener->op->state != EDDY__OP_IDLE) return 0;
  if (listener->rest.state != EDDY__TIMER_IDLE) return 0;
  listener->op->kind = EDDY_OP_ACCEPT;
  listener->op->flags = EDDY_OP_LATER;
  listener->op->address = NULL;
  int rc = eddy__op_start(listener->server->loop, listener->op, on_connection, listener);
  if (rc == EDDY_PENDING) {
    eddy__timer_init(&listener->rest, on_rested);
    return 0;
  }
  return rc < 0 ? rc : EDDY_EINVAL;
}

void eddy__listener_stop(struct eddy__listener *listener)
{
  eddy__timer_stop(listener->server->loop, &listener->rest);
  eddy__op_cancel(listener->server->loop, listener->op);
}
