/* Servers: what they listen on, how they take connections, and how they end. */
#include "services.h"

EDDY_TASK_TEST(server, takes_connections_and_serves_them)
{
  struct service *service;
  int fds[3];
  char bytes[8];
  CHECK_OK(serve(&service, "127.0.0.1", NULL));
  service->echo = true;
  CHECK(eddy_server_is_serving(service->server));
  CHECK_PTR(eddy_server_get_loop(service->server), eddy_get_running_loop());
  for (int i = 0; i < 3; i++) {
    CHECK_OK(call_service(service, &fds[i]));
  }
  for (int i = 0; i < 3; i++) {
    CHECK_OK(eddy_sock_sendall(fds[i], "hello", 5));
    CHECK_OK(recv_all(fds[i], bytes, 5));
    CHECK_MEM(bytes, "hello", 5);
  }
  CHECK_EQ(service->count, 3);
  eddy_address peer, name;
  CHECK_OK(eddy_transport_get_peername(service->peers[0]->transport, &peer));
  CHECK_OK(eddy_sock_getsockname(fds[0], &name));
  CHECK_EQ(eddy_address_port(&peer), eddy_address_port(&name));
  return 0;
}

static int count_turns(void *arg)
{
  (void)arg;
  for (int i = 0; i < 8; i++) {
    trace("%d", i);
    int rc = eddy_sleep(0);
    if (rc < 0) return rc;
  }
  return 0;
}

EDDY_TASK_TEST_VIRTUAL(server, begins_a_connection_when_asyncio_does)
{
  struct service *service;
  eddy_address address;
  eddy_task *counter;
  struct peer *a = new_peer("");
  CHECK_OK(serve(&service, "127.0.0.1", NULL));
  CHECK_OK(address_of(service, &address));
  CHECK_OK(test_task(count_turns, NULL, &counter));
  CHECK_OK(eddy_sleep(0));
  CHECK_OK(eddy_loop_create_connection(
      NULL, peer_factory, a, "127.0.0.1", eddy_address_port(&address), NULL, NULL, NULL));
  trace("returned");
  CHECK_OK(eddy_task_await(counter, NULL));
  CHECK_TRACE("0 1 2 3 smade made 4 returned 5 6 7");
  return peer_end(a);
}

static int start_later(enum kind kind)
{
  struct service *service;
  int fd;
  uint64_t steps;
  eddy_server_options options = {.no_start_serving = true};
  (void)kind;
  CHECK_OK(serve(&service, "127.0.0.1", &options));
  CHECK(!eddy_server_is_serving(service->server));
  CHECK_OK(call_service(service, &fd));
  CHECK_OK(look_around());
  CHECK_EQ(service->count, 0);
  steps = eddy_task_steps(eddy_current_task());
  CHECK_OK(eddy_server_start_serving(service->server));
  CHECK_EQ(eddy_task_steps(eddy_current_task()), steps + 1);
  CHECK(eddy_server_is_serving(service->server));
  CHECK_OK(eddy_server_start_serving(service->server));
  return wait_for_peers(service, 1);
}

EDDY_TASK_TEST(server, starts_later_if_asked)
{
  CHECK_OK(start_later(STACKFUL));
  return 0;
}

/* ---- the end ---- */

struct waiting {
  eddy_frame frame; /* first */
  struct service *service;
  bool forever;
  eddy_task *task;
};

static int wait_call(struct waiting *self)
{
  return self->forever ? eddy_server_serve_forever(self->service->server)
                       : eddy_server_wait_closed(self->service->server);
}

static int wait_body(void *arg)
{
  int rc = wait_call(arg);
  trace("%d", rc);
  return rc;
}

static int wait_frame(eddy_frame *frame)
{
  int rc;
  EDDY_BEGIN(frame);
  EDDY_AWAIT(frame, rc, wait_call((struct waiting *)frame));
  trace("%d", rc);
  if (rc < 0) EDDY_RAISE(frame, rc);
  EDDY_END(frame);
}

static int start_waiting(
    enum kind kind, struct service *service, bool forever, struct waiting **out)
{
  struct waiting *self = test_new(sizeof *self);
  self->service = service;
  self->forever = forever;
  *out = self;
  return start_kind(kind, wait_body, wait_frame, &self->frame, &self->task);
}

static int close_waits(enum kind kind)
{
  struct service *service;
  struct waiting *first, *second;
  int fd, again = -1;
  char byte;
  size_t got, count = 7;
  eddy_address address;
  CHECK_OK(serve(&service, "127.0.0.1", NULL));
  CHECK_OK(address_of(service, &address));
  CHECK_OK(call_service(service, &fd));
  CHECK_OK(wait_for_peers(service, 1));
  CHECK_OK(start_waiting(kind, service, false, &first));
  CHECK_OK(settle());
  test_trace_clear();
  eddy_server_close(service->server);
  eddy_server_close(service->server);
  CHECK(!eddy_server_is_serving(service->server));
  (void)eddy_server_sockets(service->server, &count);
  CHECK_EQ(count, 0);
  CHECK_OK(start_waiting(kind, service, false, &second));
  CHECK_OK(settle());
  CHECK_TRACE(""); /* the connection lives on */
  CHECK_OK(open_socket(&address, &again));
  CHECK_CODE(eddy_sock_connect(again, &address), EDDY_ECONNREFUSED);
  CHECK_OK(eddy_transport_write(service->peers[0]->transport, "x", 1));
  CHECK_OK(recv_all(fd, &byte, 1));
  eddy_server_close_clients(service->server);
  CHECK_OK(eddy_task_await(first->task, NULL));
  CHECK_OK(eddy_task_await(second->task, NULL));
  CHECK_TRACE("slost 0 0");
  CHECK_OK(eddy_server_wait_closed(service->server)); /* at once */
  CHECK_OK(eddy_sock_recv(fd, &byte, 1, &got));
  CHECK_EQ(got, 0);
  CHECK_CODE(eddy_server_start_serving(service->server), EDDY_ERUNTIME);
  CHECK_CODE(eddy_server_serve_forever(service->server), EDDY_ERUNTIME);
  return 0;
}

EDDY_TASK_TEST(server, closed_leaves_connections_that_wait_closed_waits_for)
{
  return each_kind(close_waits);
}

static int forever(enum kind kind)
{
  for (int closed = 0; closed < 2; closed++) {
    struct service *service;
    struct waiting *self;
    int fd;
    eddy_server_options options = {.no_start_serving = true};
    CHECK_OK(serve(&service, "127.0.0.1", &options));
    CHECK_OK(start_waiting(kind, service, true, &self));
    CHECK_OK(settle());
    CHECK(eddy_server_is_serving(service->server));
    CHECK_CODE(eddy_server_serve_forever(service->server), EDDY_ERUNTIME);
    CHECK_CONTAINS(eddy_message(EDDY_ERUNTIME), "another task");
    CHECK_OK(call_service(service, &fd));
    CHECK_OK(wait_for_peers(service, 1));
    test_trace_clear();
    if (closed)
      eddy_server_close(service->server);
    else
      (void)eddy_task_cancel(self->task, NULL);
    CHECK_OK(settle());
    CHECK(!eddy_server_is_serving(service->server));
    CHECK(!eddy_task_done(self->task)); /* it waits for the connection */
    CHECK_CODE(eddy_server_serve_forever(service->server), EDDY_ERUNTIME);
    eddy_server_abort_clients(service->server);
    CHECK_CODE(eddy_task_await(self->task, NULL), EDDY_ECANCELLED);
    CHECK_TRACE("slost -5000");
    CHECK_EQ(service->peers[0]->error, 0);
  }
  return 0;
}

EDDY_TASK_TEST(server, serve_forever_ends_cancelled_when_all_connections_are_gone)
{
  return each_kind(forever);
}

static int forever_twice(enum kind kind)
{
  struct service *service;
  struct waiting *self;
  int fd;
  CHECK_OK(serve(&service, "127.0.0.1", NULL));
  CHECK_OK(start_waiting(kind, service, true, &self));
  CHECK_OK(call_service(service, &fd));
  CHECK_OK(wait_for_peers(service, 1));
  (void)eddy_task_cancel(self->task, NULL);
  CHECK_OK(settle());
  (void)eddy_task_cancel(self->task, NULL);
  CHECK_CODE(eddy_task_await(self->task, NULL), EDDY_ECANCELLED);
  CHECK_EQ(service->peers[0]->lost, 0);
  return peer_end(service->peers[0]);
}

EDDY_TASK_TEST(server, serve_forever_cancelled_twice_waits_no_longer)
{
  return each_kind(forever_twice);
}

EDDY_TASK_TEST(server, lives_on_without_a_reference)
{
  struct service *service = test_new(sizeof *service);
  eddy_server *server;
  eddy_address address;
  int fd;
  CHECK_OK(eddy_loop_create_server(
      NULL, service_factory, service, "127.0.0.1", 0, NULL, &server));
  service->server = server;
  CHECK_OK(address_of(service, &address));
  service->server = NULL;
  eddy_server_unref(server);
  CHECK_OK(open_socket(&address, &fd));
  CHECK_OK(eddy_sock_connect(fd, &address));
  return wait_for_peers(service, 1);
}

/* ---- connections that cannot be ---- */

static int note(eddy_loop *loop, const eddy_exception_context *context, void *arg)
{
  (void)loop;
  (void)arg;
  CHECK(context->fd != NULL);
  trace("report(%s: %s)", context->message,
      context->detail != NULL ? context->detail : eddy_err_name(context->error));
  return 0;
}

EDDY_TASK_TEST(server, a_factory_that_fails_is_reported_and_the_connection_closed)
{
  struct service *service;
  int fd;
  char byte;
  size_t got;
  CHECK_OK(serve(&service, "127.0.0.1", NULL));
  service->fail = EDDY_EPERM;
  eddy_loop_set_exception_handler(eddy_get_running_loop(), note, NULL);
  CHECK_OK(call_service(service, &fd));
  CHECK_OK(eddy_sock_recv(fd, &byte, 1, &got));
  CHECK_EQ(got, 0);
  CHECK_TRACE(
      "report(an accepted connection could not be set up and is closed: no more)");
  service->fail = 0;
  CHECK_OK(call_service(service, &fd));
  return wait_for_peers(service, 1);
}

/* ---- what it listens on ---- */

EDDY_TASK_TEST(server, listens_on_several_hosts_and_on_each_address_once)
{
  static const char *const hosts[] = {"127.0.0.1", "::1", "127.0.0.1"};
  struct service *service;
  eddy_server_options options = {.hosts = hosts, .host_count = 3};
  size_t count;
  /* With port 0 the look-up gives the same address for the first and the last. */
  CHECK_OK(serve(&service, NULL, &options));
  const int *fds = eddy_server_sockets(service->server, &count);
  CHECK_EQ(count, 2);
  for (size_t i = 0; i < count; i++) {
    eddy_address address;
    int fd;
    CHECK_OK(eddy_sock_getsockname(fds[i], &address));
    CHECK_OK(open_socket(&address, &fd));
    CHECK_OK(eddy_sock_connect(fd, &address));
  }
  return wait_for_peers(service, 2);
}

EDDY_TASK_TEST(server, v6_sockets_take_v6_alone)
{
  struct service *service, *other = test_new(sizeof *other);
  eddy_address address;
  CHECK_OK(serve(&service, "::", NULL));
  CHECK_OK(address_of(service, &address));
  int port = eddy_address_port(&address);
  /* Therefore the same port is free for v4. */
  CHECK_OK(eddy_loop_create_server(
      NULL, service_factory, other, "0.0.0.0", port, NULL, &other->server));
  test_defer(end_service, other);
  CHECK_CODE(eddy_loop_create_server(
                 NULL, service_factory, service, "0.0.0.0", port, NULL, &service->server),
      EDDY_EADDRINUSE);
  CHECK_CONTAINS(eddy_message(EDDY_EADDRINUSE), "listen on 0.0.0.0:");
  return 0;
}

EDDY_TASK_TEST(server, on_any_address_listens_on_both_families)
{
  struct service *service;
  size_t count;
  CHECK_OK(serve(&service, NULL, NULL));
  (void)eddy_server_sockets(service->server, &count);
  CHECK_BETWEEN(1, count, 2);
  return 0;
}

EDDY_TASK_TEST(server, a_failure_closes_the_sockets_it_had_already)
{
  static const char *const hosts[] = {"127.0.0.1", "::1"};
  struct service *service = test_new(sizeof *service);
  eddy_server_options options = {.hosts = hosts, .host_count = 2};
  int listener;
  eddy_address address;
  CHECK_OK(listen_at("::1", &listener, &address));
  CHECK_CODE(eddy_loop_create_server(NULL, service_factory, service, NULL,
                 eddy_address_port(&address), &options, &service->server),
      EDDY_EADDRINUSE);
  CHECK_PTR(service->server, NULL);
  return 0;
}

EDDY_TASK_TEST_KERNEL(server, addresses_of_other_machines_are_left_out)
{
  static const char *const hosts[] = {"192.0.2.1", "127.0.0.1"};
  struct service *service;
  eddy_server *server = NULL;
  eddy_server_options options = {.hosts = hosts, .host_count = 2};
  size_t count;
  CHECK_OK(serve(&service, NULL, &options));
  (void)eddy_server_sockets(service->server, &count);
  CHECK_EQ(count, 1);
  CHECK_CODE(eddy_loop_create_server(
                 NULL, service_factory, service, "192.0.2.1", 0, NULL, &server),
      EDDY_EADDRNOTAVAIL);
  CHECK_CONTAINS(eddy_message(EDDY_EADDRNOTAVAIL), "listen on 192.0.2.1:0");
  CHECK_PTR(server, NULL);
  return 0;
}

EDDY_TASK_TEST(server, reuse_port_shares_a_port)
{
  struct service *service, *other = test_new(sizeof *other);
  eddy_address address;
  eddy_server_options options = {.reuse_port = true, .keep_alive = true};
  CHECK_OK(serve(&service, "127.0.0.1", &options));
  CHECK_OK(address_of(service, &address));
  CHECK_OK(eddy_loop_create_server(NULL, service_factory, other, "127.0.0.1",
      eddy_address_port(&address), &options, &other->server));
  test_defer(end_service, other);
  return 0;
}

EDDY_TASK_TEST(server, takes_over_a_socket_that_listens)
{
  struct service *service;
  int listener, fd;
  eddy_server_options options = {.sock = &listener};
  CHECK_OK(eddy_sock_listen("127.0.0.1", 0, NULL, &listener));
  CHECK_OK(serve(&service, NULL, &options));
  CHECK_OK(call_service(service, &fd));
  CHECK_OK(wait_for_peers(service, 1));
  CHECK_CODE(eddy_loop_create_server(NULL, service_factory, service, "127.0.0.1", 0,
                 &options, &service->server),
      EDDY_EINVAL);
  eddy_server_close(service->server);
  CHECK_CODE(eddy_sock_close(listener), EDDY_EBADF);
  return 0;
}

EDDY_TASK_TEST(server, bad_arguments_are_refused)
{
  eddy_server *server;
  CHECK_CODE(eddy_loop_create_server(NULL, NULL, NULL, "127.0.0.1", 0, NULL, &server),
      EDDY_EINVAL);
  CHECK_CODE(
      eddy_loop_create_server(NULL, service_factory, NULL, "127.0.0.1", 0, NULL, NULL),
      EDDY_EINVAL);
  CHECK_CODE(eddy_loop_create_server(
                 NULL, service_factory, NULL, "127.0.0.1", -1, NULL, &server),
      EDDY_EINVAL);
  CHECK_CODE(
      eddy_loop_create_unix_server(NULL, service_factory, NULL, NULL, NULL, &server),
      EDDY_EINVAL);
  CHECK_CODE(eddy_server_serve_forever(NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_server_wait_closed(NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_server_start_serving(NULL), EDDY_EINVAL);
  eddy_server_close(NULL);
  eddy_server_unref(NULL);
  return 0;
}

/* ---- creating, in both kinds ---- */

struct creating {
  eddy_frame frame; /* first */
  struct service *service;
  eddy_server_options options;
  eddy_task *task;
};

static int create_call(struct creating *self)
{
  return eddy_loop_create_server(NULL, service_factory, self->service, NULL, 0,
      &self->options, &self->service->server);
}

static int create_body(void *arg)
{
  return create_call(arg);
}

static int create_frame(eddy_frame *frame)
{
  int rc;
  EDDY_BEGIN(frame);
  EDDY_AWAIT(frame, rc, create_call((struct creating *)frame));
  if (rc < 0) EDDY_RAISE(frame, rc);
  EDDY_END(frame);
}

static int look_up_names(void *arg, const char *host, const char *service,
    const eddy_addrinfo_hints *hints, eddy_addrinfo_answer *answer)
{
  (void)arg;
  (void)service;
  (void)hints;
  eddy_addrinfo found = {.family = 2};
  int rc = eddy_address_parse(
      host[0] == 'a' ? "127.0.0.1" : "127.0.0.2", 0, &found.address);
  if (rc < 0) return rc;
  rc = eddy_addrinfo_add(answer, &found);
  return rc < 0 ? rc : eddy_addrinfo_add(answer, &found);
}

static int create_by_names(enum kind kind)
{
  static const eddy_resolver resolver = {.getaddrinfo = look_up_names};
  static const char *const hosts[] = {"a", "b", "aa"};
  for (int cancelled = 0; cancelled < 3; cancelled++) {
    struct creating *self = test_new(sizeof *self);
    size_t count;
    self->service = test_new(sizeof *self->service);
    test_defer_late(unref_service, self->service);
    self->options.hosts = hosts;
    self->options.host_count = 3;
    CHECK_OK(eddy_loop_set_resolver(eddy_get_running_loop(), &resolver, NULL));
    CHECK_OK(start_kind(kind, create_body, create_frame, &self->frame, &self->task));
    for (int i = 0; i < 3 * (cancelled - 1) + 1 && cancelled > 0; i++) {
      CHECK_OK(eddy_sleep(0));
    }
    if (cancelled && eddy_task_cancel(self->task, NULL)) {
      int rc = eddy_task_await(self->task, NULL);
      if (rc < 0) CHECK_CODE(rc, EDDY_ECANCELLED);
      if (rc < 0) continue;
    }
    CHECK_OK(eddy_task_await(self->task, NULL));
    (void)eddy_server_sockets(self->service->server, &count);
    CHECK_EQ(count, 2);
    eddy_server_close(self->service->server);
  }
  return 0;
}

EDDY_TASK_TEST(server, created_by_names_in_both_kinds)
{
  return each_kind(create_by_names);
}

static int cancel_yield(enum kind kind)
{
  static const char *const hosts[] = {"127.0.0.1"};
  struct creating *self = test_new(sizeof *self);
  self->service = test_new(sizeof *self->service);
  test_defer_late(unref_service, self->service);
  self->options.hosts = hosts;
  self->options.host_count = 1;
  CHECK_OK(start_kind(kind, create_body, create_frame, &self->frame, &self->task));
  CHECK_OK(eddy_sleep(0));
  CHECK(!eddy_task_done(self->task));
  (void)eddy_task_cancel(self->task, NULL);
  CHECK_CODE(eddy_task_await(self->task, NULL), EDDY_ECANCELLED);
  CHECK_PTR(self->service->server, NULL);
  eddy_loop_stats stats;
  eddy_loop_get_stats(eddy_get_running_loop(), &stats);
  CHECK_EQ(stats.operations, 0);
  return 0;
}

EDDY_TASK_TEST(server, creation_that_is_cancelled_leaves_nothing)
{
  return each_kind(cancel_yield);
}

/* ---- the end of the loop ---- */

static int leave_server(void *arg)
{
  struct service *service = arg;
  int fds[2];
  CHECK_OK(eddy_loop_create_server(
      NULL, service_factory, service, "127.0.0.1", 0, NULL, &service->server));
  for (int i = 0; i < 2; i++) {
    CHECK_OK(call_service(service, &fds[i]));
    test_fd_closed(fds[i]);
    struct peer *peer = new_peer("c");
    CHECK_OK(eddy_loop_connect_accepted_socket(
        NULL, peer_factory, peer, fds[i], NULL, NULL, NULL));
  }
  return 0;
}

EDDY_TEST(server, a_loop_that_is_closed_lets_go_of_its_servers)
{
  struct service *service = test_new(sizeof *service);
  eddy_loop *loop;
  test_defer_late(unref_service, service);
  eddy_task *task;
  size_t count;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(test_loop_task(loop, leave_server, service, &task));
  CHECK_OK(eddy_loop_run_until_complete(loop, eddy_task_future(task), NULL));
  CHECK_OK(eddy_loop_close(loop));
  (void)eddy_server_sockets(service->server, &count);
  CHECK_EQ(count, 0);
  return 0;
}
