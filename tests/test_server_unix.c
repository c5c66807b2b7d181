/* Servers on Unix sockets, and what becomes of their files. */
#include <sys/stat.h>

#include "services.h"

static int serve_path(
    struct service **out, const char *path, const eddy_server_options *options)
{
  struct service *service = test_new(sizeof *service);
  *out = service;
  CHECK_OK(eddy_loop_create_unix_server(
      NULL, service_factory, service, path, options, &service->server));
  test_defer(end_service, service);
  return 0;
}

EDDY_TASK_TEST(server_unix, takes_connections)
{
  const char *path = new_path();
  struct service *service;
  struct peer *a = new_peer("");
  CHECK_OK(serve_path(&service, path, NULL));
  service->echo = true;
  CHECK_OK(
      eddy_loop_create_unix_connection(NULL, peer_factory, a, path, NULL, NULL, NULL));
  CHECK_OK(eddy_transport_write(a->transport, "hello", 5));
  CHECK_OK(wait_for_bytes(a, 5));
  eddy_address name;
  char text[EDDY_ADDRESS_TEXT];
  CHECK_OK(eddy_transport_get_peername(a->transport, &name));
  CHECK_STR(eddy_address_format(&name, text, sizeof text), path);
  CHECK_OK(eddy_transport_get_sockname(service->peers[0]->transport, &name));
  CHECK_STR(eddy_address_format(&name, text, sizeof text), path);
  return peer_end(a);
}

static bool exists(const char *path)
{
  struct stat file;
  return lstat(path, &file) == 0;
}

EDDY_TASK_TEST_KERNEL(server_unix, file_goes_when_the_server_is_closed)
{
  const char *path = new_path();
  struct service *service;
  CHECK_OK(serve_path(&service, path, NULL));
  CHECK(exists(path));
  eddy_server_close(service->server);
  CHECK(!exists(path));
  return 0;
}

EDDY_TASK_TEST_KERNEL(server_unix, file_of_a_socket_handed_in_goes_too)
{
  const char *path = new_path();
  struct service *service;
  int listener;
  eddy_server_options options = {.sock = &listener};
  CHECK_OK(eddy_sock_listen(path, 0, NULL, &listener));
  CHECK_OK(serve_path(&service, NULL, &options));
  eddy_server_close(service->server);
  CHECK(!exists(path));
  return 0;
}

EDDY_TASK_TEST_KERNEL(server_unix, file_stays_if_asked)
{
  const char *path = new_path();
  struct service *service;
  eddy_server_options options = {.no_cleanup_socket = true};
  CHECK_OK(serve_path(&service, path, &options));
  eddy_server_close(service->server);
  CHECK(exists(path));
  /* The next server replaces what was left behind. */
  CHECK_OK(serve_path(&service, path, NULL));
  eddy_server_close(service->server);
  CHECK(!exists(path));
  return 0;
}

EDDY_TASK_TEST_KERNEL(server_unix, file_that_is_gone_already_is_no_error)
{
  const char *path = new_path();
  struct service *service;
  CHECK_OK(serve_path(&service, path, NULL));
  CHECK_EQ(unlink(path), 0);
  eddy_server_close(service->server);
  CHECK(!exists(path));
  return 0;
}

EDDY_TASK_TEST_KERNEL(server_unix, file_of_another_server_is_left_alone)
{
  const char *path = new_path();
  struct service *service, *other;
  CHECK_OK(serve_path(&service, path, NULL));
  CHECK_EQ(unlink(path), 0);
  CHECK_OK(serve_path(&other, path, NULL));
  eddy_server_close(service->server);
  CHECK(exists(path));
  eddy_server_close(other->server);
  CHECK(!exists(path));
  return 0;
}

EDDY_TASK_TEST(server_unix, path_in_use_is_an_error_that_names_it)
{
  const char *path = new_path();
  struct service *service;
  eddy_server *server = NULL;
  CHECK_OK(serve_path(&service, path, NULL));
  CHECK_CODE(
      eddy_loop_create_unix_server(NULL, service_factory, service, path, NULL, &server),
      EDDY_EADDRINUSE);
  CHECK_CONTAINS(eddy_message(EDDY_EADDRINUSE), path);
  CHECK_PTR(server, NULL);
  return 0;
}

EDDY_TASK_TEST_KERNEL(server_unix, file_that_is_no_socket_is_left_alone)
{
  const char *path = new_path();
  eddy_server *server = NULL;
  FILE *file = fopen(path, "w");
  CHECK(file != NULL);
  fclose(file);
  CHECK_CODE(
      eddy_loop_create_unix_server(NULL, service_factory, NULL, path, NULL, &server),
      EDDY_EADDRINUSE);
  CHECK(exists(path));
  CHECK_CODE(eddy_loop_create_unix_server(
                 NULL, service_factory, NULL, "/tmp/eddy-no-such-place/x", NULL, &server),
      EDDY_ENOENT);
  CHECK_CODE(eddy_loop_create_unix_server(NULL, service_factory, NULL, "", NULL, &server),
      EDDY_EINVAL);
  return 0;
}
