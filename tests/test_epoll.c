/* native/epoll, which a program gets on Linux that asks for nothing: what runs where there is none. */
#include "forbid.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>

static int echo_on_poll(void *unused)
{
  (void)unused;
  return echo_on("native/poll", "no epoll");
}

/* eddy_loop_run_until_complete and not eddy_run, whose SIGINT needs libuv, which needs epoll. */
static int run_without_epoll(void *name)
{
  eddy_loop_options options = {.backend = name};
  eddy_loop *loop;
  eddy_task *task;
  CHECK_OK(forbid_call(SYS_epoll_create1, ENOSYS));
  CHECK_OK(eddy_loop_new(&options, &loop));
  CHECK_OK(eddy_loop_create_task(loop, echo_on_poll, NULL, &task));
  CHECK_OK(eddy_loop_run_until_complete(loop, eddy_task_future(task), NULL));
  eddy_task_unref(task);
  eddy_loop_free(loop);
  return 0;
}

EDDY_UNIT_TEST(epoll, poll_runs_where_there_is_none_and_the_statistics_say_why)
{
  return in_child(run_without_epoll, "native/epoll");
}

static int run_the_usual(void *unused)
{
  (void)unused;
  CHECK_EQ(unsetenv("EDDY_BACKEND"), 0);
  return run_without_epoll(NULL);
}

EDDY_UNIT_TEST(epoll, program_that_names_no_backend_runs_without_one_too)
{
  return in_child(run_the_usual, NULL);
}

static int fail_without_descriptors(void *unused)
{
  eddy_loop *loop = NULL;
  eddy_loop_options options = {.backend = "native/epoll"};
  (void)unused;
  CHECK_OK(forbid_call(SYS_epoll_create1, EMFILE));
  CHECK_CODE(eddy_loop_new(&options, &loop), EDDY_EMFILE);
  CHECK_PTR(loop, NULL);
  return 0;
}

EDDY_UNIT_TEST(epoll, loop_without_descriptors_is_refused)
{
  return in_child(fail_without_descriptors, NULL);
}

/* Whether the file that fdinfo tells of is an epoll with the descriptor. */
static bool tells_of(const char *path, int fd)
{
  char line[256];
  int registered;
  bool found = false;
  FILE *file = fopen(path, "re");
  if (file == NULL) return false;
  while (!found && fgets(line, sizeof line, file) != NULL)
    found = sscanf(line, "tfd: %d", &registered) == 1 && registered == fd;
  fclose(file);
  return found;
}

/* Whether one of this process's epolls has the descriptor. */
static bool is_registered(int fd)
{
  bool found = false;
  DIR *directory = opendir("/proc/self/fdinfo");
  if (directory == NULL) return false;
  for (struct dirent *entry; !found && (entry = readdir(directory)) != NULL;) {
    char path[300];
    snprintf(path, sizeof path, "/proc/self/fdinfo/%s", entry->d_name);
    found = tells_of(path, fd);
  }
  closedir(directory);
  return found;
}

static int receive_one(void *fd)
{
  char byte;
  return recv_all((int)(intptr_t)fd, &byte, 1);
}

EDDY_TASK_TEST_ON(
    epoll, socket_that_is_given_up_is_not_registered_any_more, "native/epoll")
{
  int fds[2];
  eddy_task *task;
  CHECK_OK(test_pair(fds));
  CHECK_OK(test_task(receive_one, (void *)(intptr_t)fds[0], &task));
  CHECK_OK(eddy_sleep(0));
  CHECK(is_registered(fds[0]));
  CHECK_OK(eddy_sock_sendall(fds[1], "x", 1));
  CHECK_OK(eddy_task_await(task, NULL));
  CHECK_OK(eddy_sock_disown(fds[0]));
  CHECK(!is_registered(fds[0]));
  return 0;
}
