/* Sockets that come from another loop, or go to one. */
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transports.h"
#include "workers.h"

/* Sends what comes back until the end of input. */
static int echo(void *arg)
{
  int fd = (int)(intptr_t)arg;
  char byte;
  size_t got = 0;
  int rc = eddy_sock_adopt(fd);
  while (rc == 0 && (rc = eddy_sock_recv(fd, &byte, 1, &got)) == 0 && got > 0) {
    rc = eddy_sock_sendall(fd, &byte, 1);
  }
  eddy_sock_close(fd);
  return rc;
}

static int exchange(int fd, int times)
{
  for (int i = 0; i < times; i++) {
    char byte = (char)('a' + i % 26), back = 0;
    size_t got = 0;
    CHECK_OK(eddy_sock_sendall(fd, &byte, 1));
    CHECK_OK(eddy_sock_recv(fd, &back, 1, &got));
    CHECK_EQ(got, 1);
    CHECK_EQ(back, byte);
  }
  return 0;
}

static int wait_for_the_end(void *unused)
{
  (void)unused;
  return eddy_sleep(EDDY_NEVER);
}

static void close_descriptor(void *fd)
{
  close((int)(intptr_t)fd);
}

struct talk {
  eddy_workers *workers;
  eddy_thread_future *echo;
};

static int talk_to_a_worker(void *arg)
{
  static const eddy_task_options options = {.unstarted = close_descriptor};
  struct talk *talk = arg;
  int fds[2];
  CHECK_OK(eddy_sock_pair(fds));
  const eddy_task_body body = {.fn = echo, .arg = (void *)(intptr_t)fds[1]};
  int rc = eddy_workers_create_task_with(talk->workers, 0, &body, &options, &talk->echo);
  if (rc < 0) close(fds[1]);
  if (rc == 0) rc = exchange(fds[0], 50);
  eddy_sock_close(fds[0]);
  return rc;
}

EDDY_TEST_KERNEL(sock, adopted_one_is_used_on_another_loop)
{
  struct talk talk = {0};
  CHECK_OK(start_workers(1, wait_for_the_end, NULL, &talk.workers));
  for (int i = 0; i < 3; i++) { /* the same numbers again */
    talk.echo = NULL;
    int rc = eddy_run(talk_to_a_worker, &talk);
    int echoed = talk.echo != NULL
                     ? eddy_thread_future_result(talk.echo, EDDY_NEVER, NULL)
                     : EDDY_ENOMEM;
    eddy_thread_future_unref(talk.echo);
    CHECK_OK(rc);
    CHECK_OK(echoed);
  }
  return 0;
}

static int foreign_pair(int fds[2])
{
  return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0 ? 0 : EDDY_EMFILE;
}

/* A pair whose first number the loop has waited for as another, adopted socket: that was closed
 * behind its back, or by another loop, which is the same to this one. */
static int pair_of_a_used_number(int fds[2], bool disown)
{
  int used[2];
  eddy_task *task;
  CHECK_OK(foreign_pair(used));
  CHECK_OK(eddy_sock_adopt(used[0]));
  CHECK_OK(test_task(echo, (void *)(intptr_t)used[1], &task));
  CHECK_OK(exchange(used[0], 5));
  if (disown) CHECK_OK(eddy_sock_disown(used[0]));
  /* A ring that watches it keeps the connection, whose end would not come of close alone. */
  if (!disown) shutdown(used[0], SHUT_RDWR);
  close(used[0]);
  CHECK_OK(eddy_task_await(task, NULL));
  CHECK_OK(foreign_pair(fds));
  CHECK_EQ(fds[0], used[0]);
  return 0;
}

/* The other end, in a task that waits before it says anything. */
static int talk_late(void *arg)
{
  int fd = (int)(intptr_t)arg;
  char byte = 0;
  size_t got = 0;
  CHECK_OK(eddy_sleep(EDDY_MS(1)));
  CHECK_OK(eddy_sock_sendall(fd, "z", 1));
  CHECK_OK(eddy_sock_recv(fd, &byte, 1, &got));
  return eddy_sock_close(fd);
}

EDDY_TASK_TEST_KERNEL(sock, adopted_one_is_not_taken_for_what_had_its_number)
{
  int fds[2];
  eddy_task *task;
  for (int i = 0; i < 3; i++) {
    CHECK_OK(pair_of_a_used_number(fds, false));
    CHECK_OK(eddy_sock_adopt(fds[0]));
    CHECK_OK(test_task(echo, (void *)(intptr_t)fds[1], &task));
    CHECK_OK(exchange(fds[0], 5));
    eddy_sock_close(fds[0]);
    CHECK_OK(eddy_task_await(task, NULL));
  }
  return 0;
}

EDDY_TASK_TEST_KERNEL(sock, number_of_a_disowned_one_is_not_taken_for_it)
{
  int fds[2];
  char byte = 0;
  size_t got = 0;
  eddy_task *task;
  CHECK_OK(pair_of_a_used_number(fds, true));
  CHECK_OK(test_task(talk_late, (void *)(intptr_t)fds[1], &task));
  CHECK_OK(eddy_sock_recv(fds[0], &byte, 1, &got)); /* without adopting it */
  CHECK_EQ(byte, 'z');
  eddy_sock_close(fds[0]);
  return eddy_task_await(task, NULL);
}

EDDY_TASK_TEST_KERNEL(sock, transport_of_a_handed_in_one_takes_it_over)
{
  int fds[2];
  eddy_task *task;
  struct peer *accepted = new_peer(""), *connected = new_peer("");
  CHECK_OK(pair_of_a_used_number(fds, false));
  CHECK_OK(test_task(talk_late, (void *)(intptr_t)fds[1], &task));
  CHECK_OK(attach_peer(accepted, fds[0]));
  CHECK(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
  CHECK_OK(wait_for_bytes(accepted, 1));
  CHECK_OK(peer_end(accepted));
  CHECK_OK(eddy_task_await(task, NULL));
  CHECK_OK(foreign_pair(fds));
  const eddy_connection_options options = {.sock = &fds[0]};
  CHECK_OK(eddy_loop_create_connection(
      NULL, peer_factory, connected, NULL, 0, &options, NULL, NULL));
  CHECK(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
  close(fds[1]);
  return peer_end(connected);
}

EDDY_TASK_TEST_KERNEL(sock, adopted_listener_does_not_block_the_loop)
{
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK_EQ(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
  CHECK_OK(eddy_sock_adopt(fd));
  int flags = fcntl(fd, F_GETFL);
  eddy_sock_close(fd);
  CHECK(flags & O_NONBLOCK);
  return 0;
}

static int receive(void *arg)
{
  char byte;
  size_t got;
  return eddy_sock_recv((int)(intptr_t)arg, &byte, 1, &got);
}

EDDY_TASK_TEST_KERNEL(sock, one_that_is_waited_for_is_not_moved)
{
  int fds[2], socket;
  eddy_task *task;
  struct peer *peer = new_peer("");
  CHECK_OK(test_pair(fds));
  CHECK_OK(test_task(receive, (void *)(intptr_t)fds[0], &task));
  CHECK_OK(eddy_sleep(0));
  CHECK_CODE(eddy_sock_adopt(fds[0]), EDDY_EBUSY);
  CHECK_CONTAINS(eddy_message(EDDY_EBUSY), "waits for it");
  CHECK_CODE(eddy_sock_disown(fds[0]), EDDY_EBUSY);
  CHECK_OK(eddy_sock_sendall(fds[1], "x", 1));
  CHECK_OK(eddy_task_await(task, NULL));
  CHECK_OK(eddy_sock_disown(fds[0]));
  CHECK_OK(eddy_sock_adopt(fds[0]));
  CHECK_OK(peer_and_socket(peer, &socket));
  int fd = eddy_transport_get_fd(peer->transport);
  CHECK_CODE(eddy_sock_adopt(fd), EDDY_EBUSY);
  CHECK_CONTAINS(eddy_message(EDDY_EBUSY), "a transport uses it");
  CHECK_CODE(eddy_sock_disown(fd), EDDY_EBUSY);
  return peer_end(peer);
}

EDDY_TASK_TEST_KERNEL(sock, adopting_what_is_no_socket_is_refused)
{
  int fds[2];
  CHECK_CODE(eddy_sock_adopt(-1), EDDY_EBADF);
  CHECK_CODE(eddy_sock_disown(-1), EDDY_EBADF);
  CHECK_EQ(pipe(fds), 0);
  int rc = eddy_sock_adopt(fds[0]);
  close(fds[0]);
  close(fds[1]);
  CHECK_CODE(rc, EDDY_ENOTSOCK);
  CHECK_CODE(eddy_sock_adopt(fds[0]), EDDY_EBADF);
  return 0;
}

EDDY_UNIT_TEST(sock, adopting_and_disowning_need_a_loop)
{
  CHECK_CODE(eddy_sock_adopt(0), EDDY_ENOLOOP);
  CHECK_CODE(eddy_sock_disown(0), EDDY_ENOLOOP);
  return 0;
}
