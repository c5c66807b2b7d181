#include "io/server.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/socket_transport.h"
#include "loop/context.h"
#include "sync/line.h"

#include "base/alloc.h"
#include "base/outcome.h"

/* ---- the object ---- */

int eddy__server_new(eddy_loop *loop, eddy_protocol_factory *factory, void *arg,
    int backlog, size_t most, eddy_server **out)
{
  eddy_server *server = eddy__alloc(sizeof(*server));
  if (server == NULL) return EDDY_ENOMEM;
  int rc = EDDY_ENOMEM;
  server->fds = eddy__alloc(most * sizeof(server->fds[0]));
  if (server->fds == NULL) goto fail_fds;
  server->listeners = eddy__alloc(most * sizeof(server->listeners[0]));
  if (server->listeners == NULL) goto fail_listeners;
  server->arrivals = eddy__alloc((size_t)backlog * sizeof(server->arrivals[0]));
  if (server->arrivals == NULL) goto fail_arrivals;
  rc = eddy__context_capture(&server->context);
  if (rc < 0) goto fail_context;
  rc = eddy__loop_book(loop); /* for the arrivals */
  if (rc < 0) goto fail_book;
  eddy__loop_ref(loop);
  server->refs = 1;
  server->loop = loop;
  server->factory = factory;
  server->arg = arg;
  if (factory == eddy__stream_accepted) {
    server->streams = *(const struct eddy__stream_service *)arg;
    server->arg = &server->streams;
  }
  server->backlog = backlog;
  server->open = true;
  eddy__list_init(&server->link);
  eddy__list_init(&server->line);
  *out = server;
  return 0;
fail_book:
  eddy_context_unref(server->context);
fail_context:
  eddy__free(server->arrivals);
fail_arrivals:
  eddy__free(server->listeners);
fail_listeners:
  eddy__free(server->fds);
fail_fds:
  eddy__free(server);
  return rc;
}

eddy_server *eddy_server_ref(eddy_server *server)
{
  server->refs++;
  return server;
}

void eddy_server_unref(eddy_server *server)
{
  if (server == NULL || --server->refs > 0) return;
  eddy__layer_unref(server->layer.layer);
  eddy_context_unref(server->context);
  eddy__loop_unref(server->loop);
  eddy__free(server->arrivals);
  eddy__free(server->listeners);
  eddy__free(server->fds);
  eddy__free(server);
}

eddy_loop *eddy_server_get_loop(const eddy_server *server)
{
  return server->loop;
}

bool eddy_server_is_serving(const eddy_server *server)
{
  return server->serving;
}

const int *eddy_server_sockets(const eddy_server *server, size_t *count)
{
  if (count != NULL) *count = server->open ? server->count : 0;
  return server->fds;
}

/* ---- sockets ---- */

/* Remembers which file it is, so that nobody else's is removed. */
static void remember_file(struct eddy__listener *listener)
{
  struct stat file;
  if (lstat(listener->path, &file) == 0 && S_ISSOCK(file.st_mode)) {
    listener->file[0] = (uint64_t)file.st_dev;
    listener->file[1] = (uint64_t)file.st_ino;
    return;
  }
  eddy__free(listener->path);
  listener->path = NULL;
}

static void remove_file(struct eddy__listener *listener)
{
  struct stat file;
  if (listener->path != NULL && lstat(listener->path, &file) == 0 &&
      S_ISSOCK(file.st_mode) && listener->file[0] == (uint64_t)file.st_dev &&
      listener->file[1] == (uint64_t)file.st_ino) {
    (void)unlink(listener->path);
  }
  eddy__free(listener->path);
  listener->path = NULL;
}

int eddy__server_add(eddy_server *server, int fd, const char *path)
{
  struct eddy__listener *listener = &server->listeners[server->count];
  listener->server = server;
  listener->op = eddy__op_new(server->loop);
  if (listener->op == NULL) return EDDY_ENOMEM;
  if (path != NULL) {
    listener->path = eddy__strdup(path);
    if (listener->path == NULL) {
      eddy__op_free(server->loop, listener->op);
      return EDDY_ENOMEM;
    }
    remember_file(listener);
  }
  listener->op->fd = fd;
  server->fds[server->count++] = fd;
  return 0;
}

void eddy__server_open(eddy_server *server)
{
  eddy__list_append(&eddy__net_of(server->loop)->servers, &server->link);
  eddy_server_ref(server);
}

int eddy__server_start(eddy_server *server)
{
  for (size_t i = 0; i < server->count; i++) {
    int rc = eddy__listener_start(&server->listeners[i]);
    if (rc == 0) continue;
    while (i-- > 0) {
      if (!server->serving) eddy__listener_stop(&server->listeners[i]);
    }
    return rc;
  }
  server->serving = true;
  return 0;
}

/* ---- the end ---- */

static void close_listeners(eddy_server *server)
{
  for (size_t i = 0; i < server->count; i++) {
    struct eddy__listener *listener = &server->listeners[i];
    eddy__listener_stop(listener);
    eddy__op_free(server->loop, listener->op);
    remove_file(listener);
    eddy__net_close_fd(server->loop, server->fds[i]);
  }
  server->count = 0;
  eddy__server_drop_arrivals(server);
}

/* It is closed: nobody is left whom wait_closed waits for, if that is so. */
static void end_if_empty(eddy_server *server)
{
  if (server->open || server->ended || server->clients > 0) return;
  server->ended = true;
  eddy__line_notify(&server->line, SIZE_MAX);
}

static void stop(eddy_server *server)
{
  server->open = false;
  server->serving = false;
  close_listeners(server);
  if (!server->arrivals_queued) eddy__loop_unbook(server->loop);
}

void eddy_server_close(eddy_server *server)
{
  if (server == NULL || !server->open) return;
  stop(server);
  if (server->forever_waits) {
    server->forever_waits = false;
    eddy__wait_woken(server->forever, EDDY_ECANCELLED);
  }
  end_if_empty(server);
  if (!server->arrivals_queued) eddy__server_retire(server);
}

void eddy__server_retire(eddy_server *server)
{
  eddy__list_remove(&server->link);
  eddy_server_unref(server);
}

void eddy__server_discard(eddy_server *server)
{
  if (server->open) stop(server);
  eddy__server_retire(server);
}

/* ---- connections ---- */

void eddy__server_attach(eddy_server *server)
{
  eddy_server_ref(server);
  server->clients++;
}

void eddy__server_detach(eddy_server *server)
{
  server->clients--;
  end_if_empty(server);
  eddy_server_unref(server);
}

/* Closing one may have functions of the program called, but ends none at once. */
static void each_client(eddy_server *server, void (*fn)(eddy_transport *transport))
{
  struct eddy__net *net = eddy__net_of(server->loop);
  if (server->clients == 0) return;
  struct eddy__link *link = net->transports.next;
  while (link != &net->transports) {
    struct eddy__link *next = link->next;
    eddy_transport *transport = EDDY__ENTRY(link, eddy_transport, link);
    if (eddy__socket_transport_server(transport) == server) fn(transport);
    link = next;
  }
}

/* In the right way, where the program would close it. */
static void close_client(eddy_transport *transport)
{
  eddy_transport *top = transport;
  while (eddy__transport_upper(top) != NULL) {
    top = eddy__transport_upper(top);
  }
  eddy_transport_close(top);
}

void eddy_server_close_clients(eddy_server *server)
{
  each_client(server, close_client);
}

void eddy_server_abort_clients(eddy_server *server)
{
  each_client(server, eddy_transport_abort);
}

/* ---- waiting ---- */

static void describe(const eddy_task *task, char *text, size_t size, const char *what)
{
  const eddy_server *server = task->wait.object;
  char name[EDDY_ADDRESS_TEXT] = "closed";
  eddy_address address;
  eddy_loop *loop = server->loop;
  if (server->open && server->count > 0 &&
      loop->io->sock_name(loop->io_state, server->fds[0], false, &address) == 0) {
    (void)eddy_address_format(&address, name, sizeof(name));
  }
  snprintf(text, size, "%s of server %p (%s, %zu connections)", what, task->wait.object,
      name, server->clients);
}

static void describe_closed(const eddy_task *task, char *text, size_t size)
{
  describe(task, text, size, "the end");
}

static void describe_forever(const eddy_task *task, char *text, size_t size)
{
  describe(task, text, size, "serve_forever");
}

static int end_wait(eddy_task *task, int rc)
{
  eddy_server_unref(task->wait.object);
  return rc;
}

static const struct eddy__wait_type closed_wait = {
    NULL, describe_closed, end_wait, "server close"};
static const struct eddy__wait_type forever_wait = {
    NULL, describe_forever, NULL, "server"};
static const struct eddy__wait_type ending_wait = {
    NULL, describe_closed, NULL, "server close"};

static int check_loop(const eddy_server *server, const eddy_task *task, const char *call)
{
  if (server->loop == task->future.loop) return 0;
  return eddy_raise(EDDY_EOTHERLOOP, "%s: the server belongs to another loop", call);
}

int eddy_server_wait_closed(eddy_server *server)
{
  int rc;
  bool resumed;
  eddy_task *task = eddy__wait_begin(&resumed, &rc);
  if (task == NULL) return rc;
  if (resumed) return end_wait(task, rc);
  if (server == NULL) return EDDY_EINVAL;
  rc = check_loop(server, task, "wait_closed");
  if (rc < 0) return rc;
  if (server->ended) return 0;
  eddy_server_ref(server);
  return eddy__line_wait(&server->line, task, &closed_wait, server);
}

static int start(eddy_server *server)
{
  if (!server->open) return eddy_raise(EDDY_ERUNTIME, "the server is closed");
  return eddy__server_start(server);
}

int eddy_server_start_serving(eddy_server *server)
{
  if (server == NULL) return EDDY_EINVAL;
  eddy_task *task = eddy__self.task;
  bool resumed = task != NULL && task->wait.resumed;
  if (task != NULL && !resumed) {
    int rc = start(server);
    if (rc < 0) return rc;
  }
  return eddy_sleep(0);
}

/* serve_forever is being cancelled: closes, and waits for the connections to end. */
static int end_forever(eddy_task *task, eddy_server *server, int rc)
{
  if (task->wait.type == &forever_wait) {
    server->forever_waits = false;
    eddy_server_close(server);
    if (rc == EDDY_ECANCELLED && !server->ended) {
      int ended = eddy__line_wait(&server->line, task, &ending_wait, server);
      if (ended == EDDY_PENDING) return ended;
      if (ended < 0) rc = ended;
    }
  } else {
    rc = rc < 0 ? rc : EDDY_ECANCELLED;
  }
  server->forever = NULL;
  eddy_server_unref(server);
  return rc;
}

int eddy_server_serve_forever(eddy_server *server)
{
  int rc;
  bool resumed;
  eddy_task *task = eddy__wait_begin(&resumed, &rc);
  if (task == NULL) return rc;
  if (resumed) return end_forever(task, task->wait.object, rc);
  if (server == NULL) return EDDY_EINVAL;
  rc = check_loop(server, task, "serve_forever");
  if (rc < 0) return rc;
  if (server->forever != NULL) {
    return eddy_raise(EDDY_ERUNTIME, "serve_forever: another task is in it already");
  }
  rc = start(server);
  if (rc < 0) return rc;
  server->forever = task;
  server->forever_waits = true;
  eddy_server_ref(server);
  rc = eddy__wait(task, &forever_wait, server);
  if (rc == EDDY_PENDING) return rc;
  return end_forever(task, server, rc);
}
