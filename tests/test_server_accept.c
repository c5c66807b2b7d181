/* Many connections at once, and none left to give. */
#include "descriptors.h"
#include "services.h"

EDDY_TASK_TEST(server_accept, many_waiting_connections_are_all_taken)
{
  enum { COUNT = 50 };
  struct service *service;
  int fds[COUNT];
  char byte;
  eddy_server_options options = {.backlog = 200, .no_start_serving = true};
  CHECK_OK(serve(&service, "127.0.0.1", &options));
  service->echo = true;
  for (int i = 0; i < COUNT; i++) {
    CHECK_OK(call_service(service, &fds[i]));
  }
  CHECK_OK(eddy_server_start_serving(service->server));
  CHECK_OK(wait_for_peers(service, COUNT));
  for (int i = 0; i < COUNT; i++) {
    CHECK_OK(eddy_sock_sendall(fds[i], "x", 1));
    CHECK_OK(recv_all(fds[i], &byte, 1));
  }
  return 0;
}

EDDY_TASK_TEST_VIRTUAL(server_accept, one_readiness_takes_a_backlog_at_most)
{
  struct service *service;
  int fd;
  eddy_server_options options = {.backlog = 3, .no_start_serving = true};
  CHECK_OK(serve(&service, "127.0.0.1", &options));
  for (int i = 0; i < 3; i++) {
    CHECK_OK(call_service(service, &fd));
  }
  struct call *late;
  eddy_address address;
  CHECK_OK(address_of(service, &address));
  CHECK_OK(open_socket(&address, &fd));
  CHECK_OK(connect_start(STACKFUL, fd, &address, &late));
  CHECK_OK(settle());
  CHECK_OK(eddy_server_start_serving(service->server));
  for (int i = 0; i < 10 && service->count == 0; i++) {
    CHECK_OK(eddy_sleep(0));
  }
  CHECK_EQ(service->count, 3); /* in one iteration; the fourth comes later */
  CHECK_OK(call_join(late));
  return wait_for_peers(service, 4);
}

EDDY_TASK_TEST_VIRTUAL(server_accept, several_sockets_share_the_backlog)
{
  static const char *const hosts[] = {"127.0.0.1", "127.0.0.2"};
  struct service *service;
  eddy_server_options options = {
      .hosts = hosts, .host_count = 2, .backlog = 2, .no_start_serving = true};
  size_t count;
  CHECK_OK(serve(&service, NULL, &options));
  const int *listeners = eddy_server_sockets(service->server, &count);
  CHECK_EQ(count, 2);
  for (int i = 0; i < 4; i++) {
    int fd;
    eddy_address address;
    CHECK_OK(eddy_sock_getsockname(listeners[i / 2], &address));
    CHECK_OK(open_socket(&address, &fd));
    CHECK_OK(eddy_sock_connect(fd, &address));
  }
  CHECK_OK(eddy_server_start_serving(service->server));
  for (int i = 0; i < 10 && service->count == 0; i++) {
    CHECK_OK(eddy_sleep(0));
  }
  CHECK_EQ(service->count, 2);
  return wait_for_peers(service, 4);
}

static int close_server(void *arg, const eddy_protocol **protocol, void **self)
{
  struct service *service = arg;
  eddy_server_close(service->server);
  return service_factory(arg, protocol, self);
}

EDDY_TASK_TEST(server_accept, a_factory_may_close_the_server)
{
  struct service *service = test_new(sizeof *service);
  int fds[3];
  char byte;
  eddy_server_options options = {.no_start_serving = true};
  CHECK_OK(eddy_loop_create_server(
      NULL, close_server, service, "127.0.0.1", 0, &options, &service->server));
  test_defer(end_service, service);
  for (int i = 0; i < 3; i++) {
    CHECK_OK(call_service(service, &fds[i]));
  }
  CHECK_OK(eddy_server_start_serving(service->server));
  for (int i = 0; i < 3; i++) {
    size_t got = 0;
    int rc = eddy_sock_recv(fds[i], &byte, 1, &got);
    if (rc < 0) CHECK_CODE(rc, EDDY_ECONNRESET);
    CHECK_EQ(got, 0);
  }
  CHECK_EQ(service->count, 1);
  CHECK_EQ(service->peers[0]->made, 0);
  CHECK_EQ(service->peers[0]->released, 1);
  CHECK_OK(eddy_server_wait_closed(service->server));
  return 0;
}

/* ---- out of descriptors ---- */

static int reports;

static int note_report(eddy_loop *loop, const eddy_exception_context *context, void *arg)
{
  (void)loop;
  (void)arg;
  if (context->error != EDDY_EMFILE || context->fd == NULL) return EDDY_ERUNTIME;
  if (strstr(context->message, "no descriptors left") == NULL) return EDDY_ERUNTIME;
  reports++;
  return 0;
}

EDDY_TASK_TEST_KERNEL(server_accept, rests_a_second_when_descriptors_run_out)
{
  struct service *service;
  eddy_address address;
  int client;
  reports = 0;
  eddy_loop_set_exception_handler(eddy_get_running_loop(), note_report, NULL);
  CHECK_OK(serve(&service, "127.0.0.1", NULL));
  CHECK_OK(address_of(service, &address));
  CHECK_OK(open_socket(&address, &client));
  CHECK_OK(exhaust_descriptors());
  eddy_time begun = eddy_loop_time(eddy_get_running_loop());
  CHECK_OK(
      eddy_sock_connect(client, &address)); /* the system connects, nobody takes it */
  CHECK_OK(wait_until(&reports));
  CHECK(eddy_server_is_serving(service->server));
  CHECK_EQ(service->count, 0);
  CHECK_OK(eddy_sleep(EDDY_MS(100)));
  /* It does not spin: one report a second, however long that was. */
  int64_t seconds = (eddy_loop_time(eddy_get_running_loop()) - begun) / EDDY_S(1);
  CHECK_BETWEEN(1, reports, 1 + seconds);
  free_descriptors(NULL);
  CHECK_OK(wait_for_peers(service, 1));
  return 0;
}

EDDY_TASK_TEST_KERNEL(server_accept, can_be_closed_while_it_rests)
{
  struct service *service;
  eddy_address address;
  int client;
  eddy_loop_stats stats;
  reports = 0;
  eddy_loop_set_exception_handler(eddy_get_running_loop(), note_report, NULL);
  CHECK_OK(serve(&service, "127.0.0.1", NULL));
  CHECK_OK(address_of(service, &address));
  CHECK_OK(open_socket(&address, &client));
  CHECK_OK(exhaust_descriptors());
  CHECK_OK(eddy_sock_connect(client, &address));
  CHECK_OK(wait_until(&reports));
  eddy_server_close(service->server);
  CHECK_OK(eddy_server_wait_closed(service->server));
  eddy_loop_get_stats(eddy_get_running_loop(), &stats);
  CHECK_EQ(stats.timers, 0);
  CHECK_EQ(stats.operations, 0);
  return 0;
}
