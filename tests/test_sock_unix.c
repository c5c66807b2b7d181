/* Unix sockets. On native/virtual a path is only a name. */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "sock_calls.h"

static char path[64];

static void remove_file(void *unused)
{
  (void)unused;
  unlink(path);
}

/* A path of this process's own; the file is removed when the test is over. */
static void use_path(void)
{
  snprintf(path, sizeof path, "/tmp/eddy-test-%ld.sock", (long)getpid());
  unlink(path);
  test_defer_late(remove_file, NULL);
}

static int call_is_taken(enum kind kind)
{
  int listener, client;
  eddy_address address;
  struct call *accept, *connect;
  char text[EDDY_ADDRESS_TEXT], byte;
  CHECK_OK(eddy_sock_listen(path, 0, NULL, &listener));
  test_fd(listener);
  CHECK_OK(eddy_sock_getsockname(listener, &address));
  CHECK_STR(eddy_address_format(&address, text, sizeof text), path);
  CHECK_EQ(eddy_address_port(&address), 0);
  CHECK_OK(call_start(kind, ACCEPT, listener, NULL, 0, &accept));
  CHECK_OK(look_around());
  CHECK_OK(open_socket(&address, &client));
  CHECK_OK(connect_start(kind, client, &address, &connect));
  CHECK_OK(call_join(connect));
  CHECK_EQ(eddy_task_steps(connect->task), 1); /* it is answered at once */
  CHECK_OK(call_join(accept));
  test_fd(accept->connection);
  CHECK_OK(eddy_sock_sendall(client, "x", 1));
  CHECK_OK(recv_all(accept->connection, &byte, 1));
  CHECK_OK(eddy_sock_getpeername(client, &address));
  CHECK_STR(eddy_address_format(&address, text, sizeof text), path);
  CHECK_OK(eddy_sock_getsockname(accept->connection, &address));
  CHECK_STR(eddy_address_format(&address, text, sizeof text), path);
  /* The caller has no name. */
  CHECK_STR(eddy_address_format(&accept->address, text, sizeof text), "unix:");
  CHECK_OK(close_now(client));
  CHECK_OK(close_now(accept->connection));
  return close_now(listener);
}

EDDY_TASK_TEST(sock_unix, call_is_taken)
{
  use_path();
  return each_kind(call_is_taken); /* the second and third find the first's stale file */
}

EDDY_TASK_TEST(sock_unix, path_in_use_is_an_error_that_names_it)
{
  int listener, second = -1, client;
  eddy_address address;
  use_path();
  CHECK_OK(eddy_sock_listen(path, 0, NULL, &listener));
  test_fd(listener);
  CHECK_CODE(eddy_sock_listen(path, 0, NULL, &second), EDDY_EADDRINUSE);
  CHECK_EQ(second, -1);
  CHECK_CONTAINS(eddy_message(EDDY_EADDRINUSE), path);
  /* The first one is as it was. */
  CHECK_OK(eddy_sock_getsockname(listener, &address));
  CHECK_OK(open_socket(&address, &client));
  CHECK_OK(eddy_sock_connect(client, &address));
  return 0;
}

EDDY_TASK_TEST(sock_unix, connect_fails_where_nobody_listens)
{
  int client;
  eddy_address address;
  use_path();
  CHECK_OK(eddy_address_parse(path, 0, &address));
  CHECK_OK(open_socket(&address, &client));
  int rc = eddy_sock_connect(client, &address);
  CHECK_CODE(rc, EDDY_ENOENT);
  return 0;
}

/* ---- what may stand in the way in a file system ---- */

/* As a server that was killed leaves it. */
static int leave_stale_file(void)
{
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  memcpy(name.sun_path, path, strlen(path) + 1);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  CHECK(fd >= 0);
  int rc = bind(fd, (const struct sockaddr *)&name, sizeof name);
  close(fd);
  CHECK_EQ(rc, 0);
  return 0;
}

EDDY_TASK_TEST_KERNEL(sock_unix, stale_file_is_removed)
{
  int listener, client;
  eddy_address address;
  use_path();
  CHECK_OK(leave_stale_file());
  CHECK_OK(eddy_sock_listen(path, 0, NULL, &listener));
  test_fd(listener);
  CHECK_OK(eddy_address_parse(path, 0, &address));
  CHECK_OK(open_socket(&address, &client));
  CHECK_OK(eddy_sock_connect(client, &address));
  return 0;
}

EDDY_TASK_TEST_KERNEL(sock_unix, connecting_to_a_stale_file_is_refused)
{
  int client;
  eddy_address address;
  use_path();
  CHECK_OK(leave_stale_file());
  CHECK_OK(eddy_address_parse(path, 0, &address));
  CHECK_OK(open_socket(&address, &client));
  CHECK_CODE(eddy_sock_connect(client, &address), EDDY_ECONNREFUSED);
  return 0;
}

EDDY_TASK_TEST_KERNEL(sock_unix, file_that_is_no_socket_is_left_alone)
{
  int listener = -1;
  struct stat file;
  use_path();
  FILE *stream = fopen(path, "w");
  CHECK(stream != NULL);
  fputs("precious", stream);
  fclose(stream);
  CHECK_CODE(eddy_sock_listen(path, 0, NULL, &listener), EDDY_EADDRINUSE);
  CHECK_EQ(stat(path, &file), 0);
  CHECK_EQ(file.st_size, 8);
  return 0;
}

EDDY_TASK_TEST_KERNEL(sock_unix, symbolic_link_is_left_alone)
{
  int listener = -1;
  struct stat file;
  use_path();
  CHECK_EQ(symlink("/tmp/eddy-test-nowhere", path), 0);
  CHECK_CODE(eddy_sock_listen(path, 0, NULL, &listener), EDDY_EADDRINUSE);
  CHECK_EQ(lstat(path, &file), 0);
  return 0;
}

EDDY_TASK_TEST_KERNEL(sock_unix, missing_directory_is_an_error)
{
  int listener;
  CHECK_CODE(eddy_sock_listen("/tmp/eddy-test-no-such-place/x", 0, NULL, &listener),
      EDDY_ENOENT);
  CHECK_CONTAINS(eddy_message(EDDY_ENOENT), "/tmp/eddy-test-no-such-place/x");
  return 0;
}
