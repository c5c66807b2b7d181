/* The calls that make a server. */
#include <stdio.h>
#include <string.h>

#include <netdb.h>
#include <sys/socket.h>

#include <eddy/dns.h>

#include "io/address.h"
#include "io/connection.h"
#include "io/server.h"

#include "base/alloc.h"
#include "base/outcome.h"

#define BACKLOG 100
#define BACKLOG_MOST 4096

/*
 * A call under way. It is made of several waits, each of them another call's: a stackless
 * coroutine, which makes the call again after each, finds its record by the task.
 */
struct eddy__setup {
  struct eddy__link link; /* on the loop's list */
  eddy_task *task;
  const char *host; /* the caller's */
  const eddy_server_options *options;
  size_t next;             /* host to be looked up */
  eddy_address *addresses; /* what was found, each once */
  size_t count;
  eddy_server *server; /* it serves, or is about to */
  bool sock_taken;     /* options->sock is the server's */
};

static const eddy_server_options defaults;

static struct eddy__setup *find_setup(const eddy_task *task)
{
  if (task == NULL || !task->wait.resumed) return NULL;
  const struct eddy__net *net = eddy__net_of(task->future.loop);
  if (net == NULL) return NULL;
  for (struct eddy__link *link = net->setups.next; link != &net->setups;
       link = link->next) {
    struct eddy__setup *setup = EDDY__ENTRY(link, struct eddy__setup, link);
    if (setup->task == task) return setup;
  }
  return NULL;
}

static int new_setup(eddy_task *task, const char *host,
    const eddy_server_options *options, struct eddy__setup **out)
{
  struct eddy__net *net;
  int rc = eddy__net_open(task->future.loop, &net);
  if (rc < 0) return rc;
  struct eddy__setup *setup = eddy__alloc(sizeof(*setup));
  if (setup == NULL) return EDDY_ENOMEM;
  setup->task = task;
  setup->host = host;
  setup->options = options;
  /* `host` comes first; NULL beside other hosts is none. */
  if (host == NULL && options->host_count > 0) setup->next = 1;
  eddy__list_append(&net->setups, &setup->link);
  *out = setup;
  return 0;
}

static void free_setup(struct eddy__setup *setup)
{
  eddy__list_remove(&setup->link);
  eddy_server_unref(setup->server);
  eddy__free(setup->addresses);
  eddy__free(setup);
}

void eddy__setup_discard(struct eddy__link *link)
{
  struct eddy__setup *setup = EDDY__ENTRY(link, struct eddy__setup, link);
  eddy_server_close(setup->server);
  free_setup(setup);
}

/* ---- addresses ---- */

static bool is_known(const struct eddy__setup *setup, const eddy_address *address)
{
  for (size_t i = 0; i < setup->count; i++) {
    const eddy_address *known = &setup->addresses[i];
    if (known->length == address->length &&
        memcmp(known->storage.bytes, address->storage.bytes, address->length) == 0) {
      return true;
    }
  }
  return false;
}

static int add_addresses(
    struct eddy__setup *setup, const eddy_addrinfo *list, size_t count)
{
  eddy_address *grown = eddy__realloc(
      setup->addresses, (setup->count + count) * sizeof(setup->addresses[0]));
  if (grown == NULL) return EDDY_ENOMEM;
  setup->addresses = grown;
  for (size_t i = 0; i < count; i++) {
    if (!is_known(setup, &list[i].address)) grown[setup->count++] = list[i].address;
  }
  return 0;
}

/* Looks all hosts up, one after another: 0, EDDY_PENDING, or a code. */
static int look_up(struct eddy__setup *setup, int port)
{
  const eddy_server_options *options = setup->options;
  char number[16];
  eddy_addrinfo_hints hints = {.family = options->family,
      .type = SOCK_STREAM,
      .flags = options->flags != 0 ? options->flags : AI_PASSIVE};
  snprintf(number, sizeof(number), "%d", port);
  const char *service = options->service != NULL ? options->service : number;
  for (; setup->next <= options->host_count; setup->next++) {
    const char *host = setup->next == 0 ? setup->host : options->hosts[setup->next - 1];
    if (host != NULL && host[0] == '\0') host = NULL;
    eddy_addrinfo *list = NULL;
    size_t count = 0;
    int rc = eddy_loop_getaddrinfo(NULL, host, service, &hints, &list, &count);
    if (rc != 0) return rc;
    rc = add_addresses(setup, list, count);
    eddy_addrinfo_free(list);
    if (rc < 0) return rc;
  }
  return 0;
}

/* ---- sockets ---- */

static int backlog_of(const eddy_server_options *options)
{
  if (options->backlog <= 0) return BACKLOG;
  return options->backlog < BACKLOG_MOST ? options->backlog : BACKLOG_MOST;
}

static int fail_at(int rc, const eddy_address *address)
{
  char text[EDDY_ADDRESS_TEXT];
  return eddy_raise(rc, "listen on %s: %s",
      eddy_address_format(address, text, sizeof(text)), eddy_strerror(rc));
}

/* Opens one socket. EDDY_EADDRNOTAVAIL, EDDY_EAFNOSUPPORT: not on this machine. */
static int add_address(
    eddy_server *server, const eddy_address *address, const eddy_server_options *options)
{
  eddy_loop *loop = server->loop;
  eddy_listen_options how = {.backlog = backlog_of(options),
      .reuse_port = options->reuse_port,
      .no_reuse_address = options->no_reuse_address,
      .keep_alive = options->keep_alive};
  int fd;
  int rc = loop->io->sock_listen(loop->io_state, address, &how, &fd);
  if (rc < 0) return fail_at(rc, address);
  /* Sockets in memory have no file. */
  bool has_file = (loop->io->features & EDDY_IO_VIRTUAL_TIME) == 0;
  bool cleans_up = has_file && !options->no_cleanup_socket;
  rc = eddy__server_add(server, fd, cleans_up ? eddy__address_path(address) : NULL);
  if (rc < 0) eddy__net_close_fd(loop, fd);
  return rc;
}

/* Takes a socket over that listens already. */
static int add_socket(eddy_server *server, int fd, const eddy_server_options *options)
{
  eddy_loop *loop = server->loop;
  eddy_address address;
  int rc = loop->io->sock_name(loop->io_state, fd, false, &address);
  if (rc < 0) return eddy__fail(rc, "create_server", "descriptor", fd);
  bool has_file = (loop->io->features & EDDY_IO_VIRTUAL_TIME) == 0;
  bool cleans_up = has_file && !options->no_cleanup_socket;
  return eddy__server_add(server, fd, cleans_up ? eddy__address_path(&address) : NULL);
}

static int add_sockets(struct eddy__setup *setup, eddy_server *server)
{
  const eddy_server_options *options = setup->options;
  int last = EDDY_EADDRNOTAVAIL;
  if (options->sock != NULL) {
    int rc = add_socket(server, *options->sock, options);
    setup->sock_taken = rc == 0;
    return rc;
  }
  for (size_t i = 0; i < setup->count; i++) {
    int rc = add_address(server, &setup->addresses[i], options);
    if (rc == EDDY_EADDRNOTAVAIL || rc == EDDY_EAFNOSUPPORT) {
      last = rc;
    } else if (rc < 0) {
      return rc;
    }
  }
  return server->count > 0 ? 0 : last;
}

/* From the addresses to a server that has its sockets, and serves unless it is not to. */
static int set_up(struct eddy__setup *setup, eddy_protocol_factory *factory, void *arg)
{
  const eddy_server_options *options = setup->options;
  eddy_server *server;
  size_t most = setup->count > 0 ? setup->count : 1;
  int rc = eddy__server_new(
      setup->task->future.loop, factory, arg, backlog_of(options), most, &server);
  if (rc < 0) return rc;
  server->layer = (struct eddy__layer_use){.layer = options->tls,
      .server_side = true,
      .handshake_timeout = options->ssl_handshake_timeout,
      .shutdown_timeout = options->ssl_shutdown_timeout};
  eddy__layer_ref(server->layer.layer);
  setup->server = server;
  eddy__server_open(server);
  rc = add_sockets(setup, server);
  if (rc == 0 && !options->no_start_serving) rc = eddy__server_start(server);
  return rc;
}

/* ---- the calls ---- */

/* A call that fails has taken the socket over all the same. */
static void drop_socket(const eddy_task *task, const eddy_server_options *options)
{
  if (options->sock != NULL) eddy__net_close_fd(task->future.loop, *options->sock);
}

/* The rest of either call, from the addresses on. */
static int finish(struct eddy__setup *setup, eddy_protocol_factory *factory, void *arg,
    eddy_server **out)
{
  int rc = setup->server == NULL ? set_up(setup, factory, arg) : 0;
  if (rc == 0) rc = eddy_sleep(0);
  if (rc == EDDY_PENDING) return rc;
  if (rc < 0) {
    eddy_server_close(setup->server);
    if (!setup->sock_taken) drop_socket(setup->task, setup->options);
  } else {
    *out = eddy_server_ref(setup->server);
  }
  free_setup(setup);
  return rc;
}

/* Checks the arguments of either call, and makes its record. */
static int begin(eddy_loop *loop, eddy_protocol_factory *factory, const char *target,
    const eddy_server_options *options, eddy_server **out, struct eddy__setup **setup)
{
  int rc;
  bool resumed;
  eddy_task *task = eddy__wait_begin(&resumed, &rc);
  if (task == NULL) return rc;
  if (factory == NULL || out == NULL) return EDDY_EINVAL;
  if (options->hosts == NULL && options->host_count > 0) return EDDY_EINVAL;
  if (options->sock != NULL && (target != NULL || options->host_count > 0)) {
    return eddy_raise(
        EDDY_EINVAL, "create_server: an address and sock cannot both be given");
  }
  rc = eddy__layer_check("create_server", options->tls, NULL,
      options->ssl_handshake_timeout, options->ssl_shutdown_timeout);
  if (rc < 0) return rc;
  rc = eddy__connection_loop(loop, task);
  if (rc == 0) rc = new_setup(task, target, options, setup);
  if (rc < 0) drop_socket(task, options);
  return rc;
}

int eddy_loop_create_server(eddy_loop *loop, eddy_protocol_factory *factory, void *arg,
    const char *host, int port, const eddy_server_options *options, eddy_server **server)
{
  if (options == NULL) options = &defaults;
  struct eddy__setup *setup = find_setup(eddy__self.task);
  if (setup == NULL) {
    if (port < 0 || port > 65535) {
      return eddy_raise(EDDY_EINVAL, "create_server: port %d is not in 0..65535", port);
    }
    int rc = begin(loop, factory, host, options, server, &setup);
    if (rc < 0) return rc;
  }
  if (setup->server == NULL && options->sock == NULL) {
    int rc = look_up(setup, port);
    if (rc == EDDY_PENDING) return rc;
    if (rc < 0) {
      free_setup(setup);
      return rc;
    }
  }
  return finish(setup, factory, arg, server);
}

int eddy_loop_create_unix_server(eddy_loop *loop, eddy_protocol_factory *factory,
    void *arg, const char *path, const eddy_server_options *options, eddy_server **server)
{
  if (options == NULL) options = &defaults;
  struct eddy__setup *setup = find_setup(eddy__self.task);
  if (setup == NULL) {
    eddy_addrinfo found = {.family = AF_UNIX};
    if (path == NULL && options->sock == NULL) {
      return eddy_raise(
          EDDY_EINVAL, "create_unix_server: neither path nor sock was given");
    }
    int rc = path != NULL ? eddy__address_from_path(path, &found.address) : 0;
    if (rc == 0) rc = begin(loop, factory, path, options, server, &setup);
    if (rc < 0) return rc;
    if (path != NULL) rc = add_addresses(setup, &found, 1);
    if (rc < 0) {
      free_setup(setup);
      return rc;
    }
  }
  return finish(setup, factory, arg, server);
}
