/* What eddy_loop_add_reader and eddy_loop_add_writer refuse. */
#include "eddy_test.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

static eddy_loop *loop; /* the case's */

static int new_pair(int fds[2])
{
  loop = eddy_get_running_loop();
  return test_pair(fds);
}

static int on_ready(void *unused)
{
  (void)unused;
  trace("ready");
  return 0;
}

static int on_writable(void *fd)
{
  trace("room");
  CHECK(eddy_loop_remove_writer(loop, *(int *)fd));
  return 0;
}

EDDY_TASK_TEST(watch_refused, bad_arguments_are_refused)
{
  int fds[2];
  CHECK_OK(new_pair(fds));
  CHECK_CODE(eddy_loop_add_reader(NULL, fds[0], on_ready, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_loop_add_writer(NULL, fds[0], on_ready, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_loop_add_reader(loop, fds[0], NULL, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_loop_add_writer(loop, fds[0], NULL, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_loop_add_reader(loop, -1, on_ready, NULL), EDDY_EBADF);
  CHECK_CODE(eddy_loop_add_writer(loop, INT_MIN, on_ready, NULL), EDDY_EBADF);
  CHECK(!eddy_loop_remove_reader(loop, fds[0]));
  return 0;
}

EDDY_TASK_TEST(watch_refused, closed_descriptor_is_refused)
{
  int fds[2];
  CHECK_OK(new_pair(fds));
  test_fd_closed(fds[0]);
  CHECK_OK(eddy_sock_close(fds[0]));
  CHECK_CODE(eddy_loop_add_reader(loop, fds[0], on_ready, NULL), EDDY_EBADF);
  CHECK_CODE(eddy_loop_add_writer(loop, fds[0], on_ready, NULL), EDDY_EBADF);
  CHECK(!eddy_loop_remove_reader(loop, fds[0]));
  return 0;
}

EDDY_TEST_KERNEL(watch_refused, files_that_cannot_be_waited_for_are_refused)
{
  CHECK_OK(test_loop(&loop));
  FILE *file = tmpfile();
  CHECK(file != NULL);
  int directory = open("/", O_RDONLY | O_CLOEXEC);
  int read_file = eddy_loop_add_reader(loop, fileno(file), on_ready, NULL);
  int write_file = eddy_loop_add_writer(loop, fileno(file), on_ready, NULL);
  int read_directory = eddy_loop_add_reader(loop, directory, on_ready, NULL);
  fclose(file);
  close(directory);
  CHECK_CODE(read_file, EDDY_EPERM);
  CHECK_CODE(write_file, EDDY_EPERM);
  CHECK_CODE(read_directory, EDDY_EPERM);
  CHECK_OK(eddy_loop_run(loop));
  return 0;
}

static int read_one(void *arg)
{
  char byte;
  size_t got;
  return eddy_sock_recv(*(int *)arg, &byte, 1, &got);
}

EDDY_TASK_TEST(watch_refused, direction_in_which_a_task_waits_is_busy)
{
  int *fds = test_new(2 * sizeof *fds);
  size_t sent;
  eddy_task *task;
  CHECK_OK(new_pair(fds));
  CHECK_OK(test_task(read_one, fds, &task));
  CHECK_OK(eddy_sleep(0));
  CHECK_CODE(eddy_loop_add_reader(loop, fds[0], on_ready, NULL), EDDY_EBUSY);
  CHECK_OK(eddy_loop_add_writer(loop, fds[0], on_writable, fds));
  CHECK_OK(eddy_sleep(EDDY_MS(1)));
  CHECK_OK(eddy_sock_send(fds[1], "x", 1, &sent));
  CHECK_OK(eddy_task_await(task, NULL));
  CHECK_TRACE("room");
  return 0;
}

EDDY_TASK_TEST(watch_refused, watched_direction_is_busy_for_a_task)
{
  int fds[2];
  char byte;
  size_t got;
  CHECK_OK(new_pair(fds));
  CHECK_OK(eddy_loop_add_reader(loop, fds[0], on_ready, NULL));
  CHECK_CODE(eddy_sock_recv(fds[0], &byte, 1, &got), EDDY_EBUSY);
  CHECK(eddy_loop_remove_reader(loop, fds[0]));
  CHECK_TRACE("");
  return 0;
}

EDDY_TEST_VIRTUAL(watch_refused, kernel_descriptor_is_refused)
{
  int ends[2];
  CHECK_OK(test_loop(&loop));
  CHECK_EQ(pipe(ends), 0);
  int reader = eddy_loop_add_reader(loop, ends[0], on_ready, NULL);
  int writer = eddy_loop_add_writer(loop, ends[1], on_ready, NULL);
  close(ends[0]);
  close(ends[1]);
  CHECK_CODE(reader, EDDY_ENOTSUP);
  CHECK_CODE(writer, EDDY_ENOTSUP);
  return 0;
}
