/* native/epoll, which a program gets on Linux that asks for nothing: what runs where there is none. */
#include "forbid.h"

#include <errno.h>
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
