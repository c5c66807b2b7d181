/* Every code that a socket call is documented to give without waiting. */
#include <fcntl.h>
#include <unistd.h>

#include "sock_calls.h"

/* ---- outside of a loop, outside of a task ---- */

static int call_outside_a_task(void *arg)
{
  const int *fds = arg;
  size_t moved = 7;
  int connection = -1;
  char byte = 0;
  eddy_address address;
  CHECK_OK(eddy_address_parse("127.0.0.1", 1, &address));
  CHECK_CODE(eddy_sock_recv(fds[0], &byte, 1, &moved), EDDY_ENOTASK);
  CHECK_CODE(eddy_sock_recv_into(fds[0], &byte, 1, &moved), EDDY_ENOTASK);
  CHECK_CODE(eddy_sock_send(fds[0], &byte, 1, &moved), EDDY_ENOTASK);
  CHECK_CODE(eddy_sock_sendall(fds[0], &byte, 1), EDDY_ENOTASK);
  CHECK_CODE(eddy_sock_accept(fds[0], &connection, NULL), EDDY_ENOTASK);
  CHECK_CODE(eddy_sock_connect(fds[0], &address), EDDY_ENOTASK);
  CHECK_EQ(moved, 7);
  CHECK_EQ(connection, -1);
  trace("refused");
  return 0;
}

/* A callback may open and close sockets, only it cannot wait. */
static int open_in_callback(void *arg)
{
  int *fds = arg, fd;
  eddy_address address;
  CHECK_OK(eddy_sock_pair(fds));
  CHECK_OK(call_outside_a_task(fds));
  CHECK_OK(eddy_sock_listen("127.0.0.1", 0, NULL, &fd));
  CHECK_OK(eddy_sock_getsockname(fd, &address));
  CHECK_OK(eddy_sock_close(fd));
  CHECK_OK(eddy_sock_open(&address, &fd));
  CHECK_OK(eddy_sock_close(fd));
  CHECK_OK(eddy_sock_shutdown(fds[0], EDDY_SHUTDOWN_BOTH));
  CHECK_OK(eddy_sock_close(fds[0]));
  CHECK_OK(eddy_sock_close(fds[1]));
  return 0;
}

EDDY_TEST(sock_errors, calls_that_wait_need_a_task)
{
  eddy_loop *loop;
  int *fds = test_new(2 * sizeof(int));
  CHECK_OK(test_loop(&loop));
  CHECK_OK(call_outside_a_task(fds));
  CHECK_OK(eddy_loop_call_soon(loop, open_in_callback, fds, NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("refused refused");
  return 0;
}

EDDY_UNIT_TEST(sock_errors, other_calls_need_a_running_loop)
{
  int fd = -1, fds[2] = {-1, -1};
  eddy_address address, name = {.length = 0};
  CHECK_OK(eddy_address_parse("127.0.0.1", 1, &address));
  CHECK_CODE(eddy_sock_listen("127.0.0.1", 0, NULL, &fd), EDDY_ENOLOOP);
  CHECK_CODE(eddy_sock_open(&address, &fd), EDDY_ENOLOOP);
  CHECK_CODE(eddy_sock_pair(fds), EDDY_ENOLOOP);
  CHECK_CODE(eddy_sock_shutdown(0, EDDY_SHUTDOWN_BOTH), EDDY_ENOLOOP);
  CHECK_CODE(eddy_sock_getsockname(0, &name), EDDY_ENOLOOP);
  CHECK_CODE(eddy_sock_getpeername(0, &name), EDDY_ENOLOOP);
  CHECK_CODE(eddy_sock_close(0), EDDY_ENOLOOP);
  CHECK_EQ(fd, -1);
  CHECK_EQ(fds[0], -1);
  CHECK_EQ(name.length, 0);
  return 0;
}

/* ---- arguments ---- */

EDDY_TASK_TEST(sock_errors, missing_arguments_are_refused)
{
  int fds[2], fd = -1;
  char byte = 0;
  size_t moved = 7;
  eddy_address none = {.length = 0};
  CHECK_OK(test_pair(fds));
  CHECK_CODE(eddy_sock_recv(fds[0], NULL, 1, &moved), EDDY_EINVAL);
  CHECK_CODE(eddy_sock_recv(fds[0], &byte, 1, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_sock_recv_into(fds[0], NULL, 1, &moved), EDDY_EINVAL);
  CHECK_CODE(eddy_sock_send(fds[0], NULL, 1, &moved), EDDY_EINVAL);
  CHECK_CODE(eddy_sock_send(fds[0], &byte, 1, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_sock_sendall(fds[0], NULL, 1), EDDY_EINVAL);
  CHECK_CODE(eddy_sock_accept(fds[0], NULL, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_sock_connect(fds[0], NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_sock_connect(fds[0], &none), EDDY_EINVAL);
  CHECK_CODE(eddy_sock_pair(NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_sock_open(NULL, &fd), EDDY_EINVAL);
  CHECK_CODE(eddy_sock_open(&none, &fd), EDDY_EINVAL);
  CHECK_CODE(eddy_sock_listen("127.0.0.1", 0, NULL, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_sock_getsockname(fds[0], NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_sock_getpeername(fds[0], NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_sock_shutdown(fds[0], (eddy_shutdown)3), EDDY_EINVAL);
  CHECK_CODE(eddy_sock_shutdown(fds[0], (eddy_shutdown)-1), EDDY_EINVAL);
  CHECK_EQ(moved, 7);
  CHECK_EQ(fd, -1);
  /* Nothing of this has touched the sockets. */
  CHECK_OK(eddy_sock_sendall(fds[0], "x", 1));
  CHECK_OK(recv_all(fds[1], &byte, 1));
  return 0;
}

EDDY_TASK_TEST(sock_errors, listening_at_a_bad_address_is_refused)
{
  int fd = -1;
  char path[200];
  memset(path, 'x', sizeof path);
  path[0] = '/';
  path[sizeof path - 1] = '\0';
  CHECK_CODE(eddy_sock_listen("no-such-name", 0, NULL, &fd), EDDY_EINVAL);
  CHECK_CONTAINS(eddy_message(EDDY_EINVAL), "no-such-name");
  CHECK_CODE(eddy_sock_listen("127.0.0.1", 65536, NULL, &fd), EDDY_EINVAL);
  CHECK_CONTAINS(eddy_message(EDDY_EINVAL), "65536");
  CHECK_CODE(eddy_sock_listen("127.0.0.1", -1, NULL, &fd), EDDY_EINVAL);
  CHECK_CODE(eddy_sock_listen(path, 0, NULL, &fd), EDDY_ENAMETOOLONG);
  CHECK_EQ(fd, -1);
  return 0;
}

/* ---- closed, never open, of the wrong sort ---- */

static int every_call_on_a_bad_descriptor(enum kind kind, int fd)
{
  static const enum call_kind kinds[] = {RECV, RECV_INTO, SEND, SENDALL, ACCEPT};
  struct call *call;
  eddy_address address;
  for (int i = 0; i < 5; i++) {
    CHECK_OK(call_start(kind, kinds[i], fd, NULL, 1, &call));
    CHECK_CODE(call_join(call), EDDY_EBADF);
    CHECK_CONTAINS(call->message, "descriptor");
  }
  CHECK_OK(eddy_address_parse("127.0.0.1", 1, &address));
  CHECK_OK(connect_start(kind, fd, &address, &call));
  CHECK_CODE(call_join(call), EDDY_EBADF);
  CHECK_CODE(eddy_sock_shutdown(fd, EDDY_SHUTDOWN_WRITE), EDDY_EBADF);
  CHECK_CODE(eddy_sock_getsockname(fd, &address), EDDY_EBADF);
  CHECK_CODE(eddy_sock_getpeername(fd, &address), EDDY_EBADF);
  CHECK_CODE(eddy_sock_close(fd), EDDY_EBADF);
  CHECK_CONTAINS(eddy_message(EDDY_EBADF), "close");
  return 0;
}

static int closed(enum kind kind)
{
  int fds[2];
  CHECK_OK(test_pair(fds));
  CHECK_OK(close_now(fds[0]));
  CHECK_OK(every_call_on_a_bad_descriptor(kind, fds[0]));
  /* It goes on being so for one that has been waited on. */
  struct call *call;
  CHECK_OK(call_start(kind, RECV, fds[1], NULL, 1, &call));
  CHECK_OK(look_around());
  CHECK_EQ(call->rc, 0); /* the end of input */
  CHECK_OK(close_now(fds[1]));
  return every_call_on_a_bad_descriptor(kind, fds[1]);
}

EDDY_TASK_TEST(sock_errors, closed_descriptor_is_bad_in_every_call)
{
  return each_kind(closed);
}

static int never_open(enum kind kind)
{
  CHECK_OK(every_call_on_a_bad_descriptor(kind, -1));
  return every_call_on_a_bad_descriptor(kind, INT32_MAX);
}

EDDY_TASK_TEST(sock_errors, descriptor_that_never_was_is_bad_in_every_call)
{
  return each_kind(never_open);
}

static int not_listening(enum kind kind)
{
  int fds[2], fd;
  eddy_address address;
  struct call *call;
  CHECK_OK(test_pair(fds));
  CHECK_OK(call_start(kind, ACCEPT, fds[0], NULL, 0, &call));
  CHECK_CODE(call_join(call), EDDY_EINVAL);
  CHECK_OK(eddy_address_parse("127.0.0.1", 1, &address));
  CHECK_OK(open_socket(&address, &fd));
  CHECK_OK(call_start(kind, ACCEPT, fd, NULL, 0, &call));
  CHECK_CODE(call_join(call), EDDY_EINVAL);
  return close_now(fd);
}

EDDY_TASK_TEST(sock_errors, accepting_where_nobody_listens_is_refused)
{
  return each_kind(not_listening);
}

static int not_connected(enum kind kind)
{
  int fd, listener;
  eddy_address address;
  struct call *call;
  CHECK_OK(listen_at("127.0.0.1", &listener, &address));
  CHECK_OK(open_socket(&address, &fd));
  CHECK_OK(call_start(kind, RECV, fd, NULL, 1, &call));
  CHECK_CODE(call_join(call), EDDY_ENOTCONN);
  CHECK_OK(call_start(kind, RECV, listener, NULL, 1, &call));
  CHECK_CODE(call_join(call), EDDY_ENOTCONN);
  CHECK_OK(call_start(kind, SEND, fd, NULL, 1, &call));
  (void)call_join(call);
  CHECK(call->rc == EDDY_ENOTCONN || call->rc == EDDY_EPIPE); /* Linux: the latter */
  CHECK_CODE(eddy_sock_shutdown(fd, EDDY_SHUTDOWN_WRITE), EDDY_ENOTCONN);
  CHECK_CONTAINS(eddy_message(EDDY_ENOTCONN), "shutdown");
  CHECK_CODE(eddy_sock_getpeername(fd, &address), EDDY_ENOTCONN);
  CHECK_CODE(eddy_sock_getpeername(listener, &address), EDDY_ENOTCONN);
  CHECK_OK(close_now(fd));
  return close_now(listener);
}

EDDY_TASK_TEST(sock_errors, socket_without_a_peer_is_not_connected)
{
  return each_kind(not_connected);
}

EDDY_TASK_TEST_KERNEL(sock_errors, pipe_is_no_socket)
{
  int fds[2];
  char byte = 0;
  size_t moved;
  CHECK_EQ(pipe(fds), 0);
  int rc[2] = {
      eddy_sock_recv(fds[0], &byte, 1, &moved), eddy_sock_send(fds[1], &byte, 1, &moved)};
  close(fds[0]);
  close(fds[1]);
  CHECK_CODE(rc[0], EDDY_ENOTSOCK);
  CHECK_CODE(rc[1], EDDY_ENOTSOCK);
  return 0;
}

EDDY_TASK_TEST_VIRTUAL(sock_errors, descriptor_of_the_kernel_is_refused)
{
  int fds[2], connection;
  char byte = 0;
  size_t moved;
  CHECK_EQ(pipe(fds), 0);
  int rc[] = {eddy_sock_recv(fds[0], &byte, 1, &moved),
      eddy_sock_send(fds[1], &byte, 1, &moved), eddy_sock_sendall(fds[1], &byte, 1),
      eddy_sock_accept(fds[0], &connection, NULL),
      eddy_sock_shutdown(fds[0], EDDY_SHUTDOWN_BOTH), eddy_sock_close(fds[0])};
  int closed_one = close(fds[0]);
  close(fds[1]);
  for (size_t i = 0; i < sizeof rc / sizeof rc[0]; i++) {
    CHECK_CODE(rc[i], EDDY_ENOTSUP);
  }
  CHECK_EQ(closed_one, 0);
  return 0;
}
