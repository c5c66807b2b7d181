/* Sockets that come from another loop. */
#include <sys/socket.h>
#include <unistd.h>

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

/* Numbers that were used here, closed by somebody else and given to other sockets. */
EDDY_TASK_TEST_KERNEL(sock, adopted_one_is_not_taken_for_what_had_its_number)
{
  int fds[2], other[2];
  eddy_task *task;
  for (int i = 0; i < 3; i++) {
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    CHECK_OK(eddy_sock_adopt(fds[0]));
    CHECK_OK(test_task(echo, (void *)(intptr_t)fds[1], &task));
    CHECK_OK(exchange(fds[0], 5));
    close(fds[0]); /* behind the loop's back */
    CHECK_OK(eddy_task_await(task, NULL));
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, other), 0);
    close(other[0]);
    close(other[1]);
  }
  return 0;
}

EDDY_TASK_TEST_KERNEL(sock, adopting_what_is_no_socket_is_refused)
{
  int fds[2];
  CHECK_CODE(eddy_sock_adopt(-1), EDDY_EBADF);
  CHECK_EQ(pipe(fds), 0);
  int rc = eddy_sock_adopt(fds[0]);
  close(fds[0]);
  close(fds[1]);
  CHECK_CODE(rc, EDDY_ENOTSOCK);
  CHECK_CODE(eddy_sock_adopt(fds[0]), EDDY_EBADF);
  return 0;
}

EDDY_UNIT_TEST(sock, adopting_needs_a_loop)
{
  CHECK_CODE(eddy_sock_adopt(0), EDDY_ENOLOOP);
  return 0;
}
