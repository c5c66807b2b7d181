/* Descriptors of the kernel: how they are made, and what others may do to them. */
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sock_calls.h"

/* ---- as they are born ---- */

static int check_flags(int fd)
{
  CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
  CHECK((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
  return 0;
}

static int check_nodelay(int fd)
{
  int on = 0;
  socklen_t size = sizeof on;
  CHECK_EQ(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &size), 0);
  CHECK(on != 0);
  return 0;
}

EDDY_TASK_TEST_KERNEL(sock_descriptors, all_are_non_blocking_and_closed_by_exec)
{
  int fds[2], listener, client, connection;
  eddy_address address;
  CHECK_OK(test_pair(fds));
  CHECK_OK(check_flags(fds[0]));
  CHECK_OK(check_flags(fds[1]));
  CHECK_OK(listen_at("127.0.0.1", &listener, &address));
  CHECK_OK(check_flags(listener));
  CHECK_OK(open_socket(&address, &client));
  CHECK_OK(check_flags(client));
  CHECK_OK(eddy_sock_connect(client, &address));
  CHECK_OK(eddy_sock_accept(listener, &connection, NULL));
  test_fd(connection);
  CHECK_OK(check_flags(connection));
  return 0;
}

EDDY_TASK_TEST_KERNEL(sock_descriptors, small_messages_leave_at_once)
{
  int listener, client, connection;
  eddy_address address;
  CHECK_OK(listen_at("127.0.0.1", &listener, &address));
  CHECK_OK(open_socket(&address, &client));
  CHECK_OK(check_nodelay(client));
  CHECK_OK(eddy_sock_connect(client, &address));
  CHECK_OK(eddy_sock_accept(listener, &connection, NULL));
  test_fd(connection);
  CHECK_OK(check_nodelay(connection));
  CHECK_OK(check_nodelay(client));
  return 0;
}

/* ---- a number that is used again ---- */

struct meddler {
  int fd;
  struct meddler *other;
  bool *done;            /* one of the two has run */
  struct call *newcomer; /* on the other's number */
  int peer;              /* of the newcomer's */
};

/* Both are due in one batch. The first to run closes the other's descriptor and waits on a
 * new one with the same number. */
static int meddle(void *arg)
{
  struct meddler *self = arg;
  char byte;
  size_t got;
  int fds[2];
  int rc = eddy_sock_recv(self->fd, &byte, 1, &got);
  if (*self->done) {
    trace("second:%s", eddy_err_name(rc));
    return 0;
  }
  *self->done = true;
  CHECK_OK(rc);
  trace("first");
  CHECK_OK(close_now(self->other->fd));
  CHECK_OK(test_pair(fds));
  CHECK(fds[0] == self->other->fd || fds[1] == self->other->fd);
  self->peer = fds[fds[0] == self->other->fd];
  return call_start(STACKLESS, RECV, self->other->fd, NULL, 8, &self->newcomer);
}

EDDY_TASK_TEST_KERNEL(sock_descriptors, number_used_again_in_one_batch_gets_no_old_event)
{
  int a[2], b[2];
  eddy_task *tasks[2];
  struct meddler *first = test_new(sizeof *first), *second = test_new(sizeof *second);
  bool *done = test_new(sizeof *done);
  CHECK_OK(test_pair(a));
  CHECK_OK(test_pair(b));
  *first = (struct meddler){.fd = a[0], .other = second, .done = done};
  *second = (struct meddler){.fd = b[0], .other = first, .done = done};
  CHECK_OK(test_task(meddle, first, &tasks[0]));
  CHECK_OK(test_task(meddle, second, &tasks[1]));
  CHECK_OK(look_around());
  CHECK_OK(eddy_sock_sendall(a[1], "x", 1));
  CHECK_OK(eddy_sock_sendall(b[1], "x", 1));
  CHECK_OK(eddy_task_await(tasks[0], NULL));
  CHECK_OK(eddy_task_await(tasks[1], NULL));
  CHECK_TRACE("first second:EBADF");
  struct meddler *meddler = first->newcomer != NULL ? first : second;
  CHECK(meddler->newcomer != NULL);
  CHECK_OK(look_around());
  CHECK(call_waits(meddler->newcomer));
  CHECK_OK(eddy_sock_sendall(meddler->peer, "new", 3));
  CHECK_OK(call_join(meddler->newcomer));
  CHECK_EQ(meddler->newcomer->moved, 3);
  return 0;
}

struct watcher {
  int fd;
  struct watcher *other;
  const char *name;
};

static int watch_new(void *arg)
{
  trace("new:%s", (const char *)arg);
  return 0;
}

static int watch_old(void *arg)
{
  struct watcher *self = arg;
  int fds[2];
  trace("first");
  CHECK_OK(close_now(self->other->fd));
  CHECK_OK(test_pair(fds));
  CHECK(fds[0] == self->other->fd || fds[1] == self->other->fd);
  eddy_loop *loop = eddy_get_running_loop();
  CHECK(eddy_loop_remove_reader(loop, self->fd));
  return eddy_loop_add_reader(loop, self->other->fd, watch_new, "event");
}

EDDY_TASK_TEST_KERNEL(sock_descriptors, watch_on_a_number_used_again_gets_no_old_event)
{
  int a[2], b[2];
  eddy_loop *loop = eddy_get_running_loop();
  struct watcher *first = test_new(sizeof *first), *second = test_new(sizeof *second);
  CHECK_OK(test_pair(a));
  CHECK_OK(test_pair(b));
  *first = (struct watcher){a[0], second, "a"};
  *second = (struct watcher){b[0], first, "b"};
  CHECK_OK(eddy_loop_add_reader(loop, a[0], watch_old, first));
  CHECK_OK(eddy_loop_add_reader(loop, b[0], watch_old, second));
  CHECK_OK(look_around());
  CHECK_OK(eddy_sock_sendall(a[1], "x", 1));
  CHECK_OK(eddy_sock_sendall(b[1], "x", 1));
  CHECK_OK(look_around());
  CHECK_TRACE("first");
  return 0;
}

static int reopen(enum kind kind)
{
  int fds[2], first = -1;
  struct call *call;
  for (int round = 0; round < 20; round++) {
    CHECK_OK(test_pair(fds));
    if (first < 0) first = fds[0];
    CHECK_EQ(fds[0], first); /* the same number in each round */
    CHECK_OK(call_start(kind, RECV, fds[0], NULL, 8, &call));
    if (round % 2 == 0) CHECK_OK(look_around());
    CHECK_OK(eddy_sock_sendall(fds[1], "abc", 3));
    CHECK_OK(call_join(call));
    CHECK_EQ(call->moved, 3);
    CHECK_OK(close_now(fds[0]));
    CHECK_OK(close_now(fds[1]));
  }
  return 0;
}

EDDY_TASK_TEST_KERNEL(sock_descriptors, number_may_be_used_again_and_again)
{
  return each_kind(reopen);
}

/* ---- descriptors that others made ---- */

static int foreign_pair(int fds[2])
{
  CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
  test_fd(fds[0]);
  test_fd(fds[1]);
  return 0;
}

static int foreign(enum kind kind)
{
  int fds[2];
  struct call *call;
  CHECK_OK(foreign_pair(fds)); /* blocking ones */
  CHECK_OK(call_start(kind, RECV, fds[0], NULL, 8, &call));
  CHECK_OK(look_around()); /* the loop is not held up */
  CHECK(call_waits(call));
  CHECK_OK(eddy_sock_sendall(fds[1], "abc", 3));
  CHECK_OK(call_join(call));
  CHECK_EQ(call->moved, 3);
  CHECK_OK(fill_up(fds[0]));
  CHECK_OK(close_now(fds[0]));
  return close_now(fds[1]);
}

EDDY_TASK_TEST_KERNEL(sock_descriptors, blocking_socket_of_others_does_not_block_the_loop)
{
  return each_kind(foreign);
}

static int foreign_listener(enum kind kind)
{
  struct sockaddr_in name = {.sin_family = AF_INET};
  struct call *accept;
  eddy_address address;
  int client;
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(listener >= 0);
  test_fd(listener);
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  CHECK_EQ(bind(listener, (const struct sockaddr *)&name, sizeof name), 0);
  CHECK_EQ(listen(listener, 1), 0);
  CHECK_OK(call_start(kind, ACCEPT, listener, NULL, 0, &accept));
  CHECK_OK(look_around());
  CHECK(call_waits(accept));
  CHECK_OK(eddy_sock_getsockname(listener, &address));
  CHECK_OK(open_socket(&address, &client));
  CHECK_OK(eddy_sock_connect(client, &address));
  CHECK_OK(call_join(accept));
  test_fd(accept->connection);
  CHECK_OK(check_flags(accept->connection));
  CHECK_OK(close_now(accept->connection));
  CHECK_OK(close_now(client));
  return close_now(listener);
}

EDDY_TASK_TEST_KERNEL(
    sock_descriptors, blocking_listener_of_others_does_not_block_the_loop)
{
  return each_kind(foreign_listener);
}

/* ---- closed behind our back ---- */

static int closed_before_the_poll(enum kind kind)
{
  int fds[2];
  struct call *call;
  CHECK_OK(foreign_pair(fds));
  CHECK_OK(call_start(kind, RECV, fds[0], NULL, 8, &call));
  CHECK_OK(eddy_sleep(0));
  CHECK(call_waits(call));
  test_fd_closed(fds[0]);
  CHECK_EQ(close(fds[0]), 0);
  CHECK_OK(look_around());
  CHECK_CODE(eddy_sock_close(fds[0]), EDDY_EBADF);
  CHECK_CODE(call_join(call), EDDY_EBADF);
  return close_now(fds[1]);
}

EDDY_TASK_TEST_KERNEL(sock_descriptors, closing_behind_our_back_before_a_poll_is_survived)
{
  return each_kind(closed_before_the_poll);
}

static int closed_after_the_poll(enum kind kind)
{
  int fds[2];
  struct call *call;
  CHECK_OK(foreign_pair(fds));
  CHECK_OK(call_start(kind, RECV, fds[0], NULL, 8, &call));
  CHECK_OK(look_around());
  test_fd_closed(fds[0]);
  CHECK_EQ(close(fds[0]), 0);
  CHECK_OK(look_around());
  /* The kernel does not tell; who closes it properly afterwards does. */
  CHECK_CODE(eddy_sock_close(fds[0]), EDDY_EBADF);
  CHECK_CODE(call_join(call), EDDY_EBADF);
  return close_now(fds[1]);
}

EDDY_TASK_TEST_KERNEL(sock_descriptors, closing_behind_our_back_is_survived)
{
  return each_kind(closed_after_the_poll);
}

static int closed_and_cancelled(enum kind kind)
{
  int fds[2];
  struct call *call;
  CHECK_OK(foreign_pair(fds));
  CHECK_OK(call_start(kind, RECV, fds[0], NULL, 8, &call));
  CHECK_OK(look_around());
  test_fd_closed(fds[0]);
  CHECK_EQ(close(fds[0]), 0);
  CHECK(eddy_task_cancel(call->task, NULL));
  CHECK_CODE(call_join(call), EDDY_ECANCELLED);
  CHECK_OK(look_around());
  return close_now(fds[1]);
}

EDDY_TASK_TEST_KERNEL(sock_descriptors, wait_on_a_vanished_descriptor_is_cancelled)
{
  return each_kind(closed_and_cancelled);
}

/* A socket of eddy's own gets the number: who waited for the old one is told. */
static int vanished_and_reopened(enum kind kind)
{
  int fds[2], fresh[2];
  struct call *old, *call;
  CHECK_OK(foreign_pair(fds));
  CHECK_OK(call_start(kind, RECV, fds[0], NULL, 8, &old));
  CHECK_OK(look_around());
  test_fd_closed(fds[0]);
  CHECK_EQ(close(fds[0]), 0);
  CHECK_OK(test_pair(fresh));
  CHECK_EQ(fresh[0], fds[0]);
  CHECK_CODE(call_join(old), EDDY_EBADF);
  CHECK_OK(call_start(kind, RECV, fresh[0], NULL, 8, &call));
  CHECK_OK(look_around());
  CHECK(call_waits(call));
  CHECK_OK(eddy_sock_sendall(fresh[1], "abc", 3));
  CHECK_OK(call_join(call));
  CHECK_EQ(call->moved, 3);
  CHECK_OK(close_now(fresh[0]));
  CHECK_OK(close_now(fresh[1]));
  return close_now(fds[1]);
}

EDDY_TASK_TEST_KERNEL(sock_descriptors, vanished_number_used_again_by_us_is_ours)
{
  return each_kind(vanished_and_reopened);
}

/* Somebody else's socket gets the number. */
static int vanished_and_replaced(enum kind kind)
{
  int fds[2], fresh[2];
  struct call *old, *call;
  CHECK_OK(foreign_pair(fds));
  CHECK_OK(call_start(kind, RECV, fds[0], NULL, 8, &old));
  CHECK_OK(look_around());
  CHECK(eddy_task_cancel(old->task, NULL));
  CHECK_CODE(call_join(old), EDDY_ECANCELLED);
  test_fd_closed(fds[0]);
  CHECK_EQ(close(fds[0]), 0);
  CHECK_OK(foreign_pair(fresh));
  CHECK_EQ(fresh[0], fds[0]);
  CHECK_OK(call_start(kind, RECV, fresh[0], NULL, 8, &call));
  CHECK_OK(look_around());
  CHECK(call_waits(call));
  CHECK_OK(eddy_sock_sendall(fresh[1], "abc", 3));
  CHECK_OK(call_join(call));
  CHECK_EQ(call->moved, 3);
  CHECK_OK(close_now(fresh[0]));
  CHECK_OK(close_now(fresh[1]));
  return close_now(fds[1]);
}

EDDY_TASK_TEST_KERNEL(sock_descriptors, vanished_number_used_again_by_others_is_theirs)
{
  return each_kind(vanished_and_replaced);
}

/* ---- what is not tried ---- */

/* A read that got less than it had room for has taken everything: the next one does not ask the
 * system in vain first, so it does not see what came from outside before it waits. */
EDDY_TASK_TEST_KERNEL(sock_descriptors, recv_behind_a_short_one_waits_without_trying)
{
  char bytes[8];
  size_t got;
  int fds[2];
  CHECK_OK(test_pair(fds));
  CHECK_OK(eddy_sock_sendall(fds[0], "ab", 2));
  CHECK_OK(eddy_sock_recv(fds[1], bytes, sizeof bytes, &got));
  uint64_t steps = eddy_task_steps(eddy_current_task());
  CHECK_OK(eddy_sock_sendall(fds[1], "answer", 6)); /* it cannot come back by itself */
  CHECK_EQ(send(fds[0], "cde", 3, 0), 3);
  CHECK_OK(eddy_sock_recv(fds[1], bytes, sizeof bytes, &got));
  CHECK_EQ(got, 3);
  CHECK_EQ(eddy_task_steps(eddy_current_task()), steps + 1);
  /* After a poll nothing is known any more. */
  CHECK_OK(eddy_sleep(EDDY_MS(1)));
  CHECK_EQ(send(fds[0], "fg", 2, 0), 2);
  steps = eddy_task_steps(eddy_current_task());
  CHECK_OK(eddy_sock_recv(fds[1], bytes, sizeof bytes, &got));
  CHECK_EQ(got, 2);
  CHECK_EQ(eddy_task_steps(eddy_current_task()), steps);
  return 0;
}

/* The rest of a datagram is not the rest of what there is. */
EDDY_TASK_TEST_KERNEL(sock_descriptors, short_datagram_says_nothing_about_the_next)
{
  char bytes[8];
  size_t got;
  int fd;
  eddy_address address;
  CHECK_OK(eddy_address_parse("127.0.0.1", 0, &address));
  CHECK_OK(eddy_sock_open_datagram(&address, NULL, &fd));
  test_fd(fd);
  CHECK_OK(eddy_sock_getsockname(fd, &address));
  CHECK_OK(eddy_sock_connect(fd, &address)); /* to itself */
  CHECK_OK(eddy_sock_sendall(fd, "a", 1));
  CHECK_OK(eddy_sock_sendall(fd, "bc", 2));
  CHECK_OK(eddy_sleep(EDDY_MS(1)));
  uint64_t steps = eddy_task_steps(eddy_current_task());
  CHECK_OK(eddy_sock_recv(fd, bytes, sizeof bytes, &got));
  CHECK_EQ(got, 1);
  CHECK_OK(eddy_sock_recv(fd, bytes, sizeof bytes, &got));
  CHECK_EQ(got, 2);
  CHECK_EQ(eddy_task_steps(eddy_current_task()), steps);
  return 0;
}
