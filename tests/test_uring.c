/* native/uring: what runs where there is no io_uring, and what its requests must not hold on to. */
#include "forbid.h"
#include "sock_calls.h"

#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- where there is none ---- */

static int forbid_rings(int error)
{
  return forbid_call(SYS_io_uring_setup, error);
}

struct told {
  int error;
  const char *reason;
};

static const struct told refusals[] = {
    {ENOSYS, "no io_uring"},
    {EPERM, "kernel.io_uring_disabled"},
    {EACCES, "or by a filter"},
    {EINVAL, "older than Linux 6.1"},
    {ENOMEM, "RLIMIT_MEMLOCK"},
};

static int echo_on_epoll(void *told)
{
  const struct told *expected = told;
  return echo_on("native/epoll", expected->reason);
}

static int run_without(void *told)
{
  const struct told *expected = told;
  eddy_loop_options options = {.backend = "native/uring"};
  CHECK_OK(forbid_rings(expected->error));
  return eddy_run_with(echo_on_epoll, told, &options, NULL, NULL);
}

EDDY_UNIT_TEST(uring, epoll_runs_where_there_is_none_and_the_statistics_say_why)
{
  for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
    CHECK_OK(in_child(run_without, (void *)(uintptr_t)&refusals[i]));
  }
  return 0;
}

static int find_backend(void *found, const eddy_trace_event *events, size_t count)
{
  static const char text[] = "native/epoll, since this system has no io_uring";
  if (memmem(events, count * sizeof *events, text, sizeof text - 1) != NULL)
    *(bool *)found = true;
  return 0;
}

static int trace_without(void *unused)
{
  bool found = false;
  eddy_loop *loop;
  eddy_loop_options options = {.backend = "native/uring"};
  eddy_trace_options traced = {.sink = find_backend, .arg = &found};
  (void)unused;
  CHECK_OK(forbid_rings(ENOSYS));
  CHECK_OK(eddy_loop_new(&options, &loop));
  CHECK_OK(eddy_loop_trace_start(loop, &traced));
  CHECK_OK(eddy_loop_trace_stop(loop));
  eddy_loop_free(loop);
  CHECK(found);
  return 0;
}

EDDY_UNIT_TEST(uring, traces_say_why_epoll_runs)
{
  return in_child(trace_without, NULL);
}

/* There are no descriptors for an epoll then either. */
static int fail_without_descriptors(void *unused)
{
  eddy_loop *loop = NULL;
  eddy_loop_options options = {.backend = "native/uring"};
  (void)unused;
  CHECK_OK(forbid_rings(EMFILE));
  CHECK_CODE(eddy_loop_new(&options, &loop), EDDY_EMFILE);
  CHECK_PTR(loop, NULL);
  return 0;
}

EDDY_UNIT_TEST(uring, loop_without_descriptors_is_refused)
{
  return in_child(fail_without_descriptors, NULL);
}

EDDY_TEST_ON(uring, runs_itself_where_it_can, "native/uring")
{
  eddy_loop *loop;
  eddy_loop_stats stats;
  CHECK_OK(test_loop(&loop));
  eddy_loop_get_stats(loop, &stats);
  CHECK_STR(stats.backend, "native/uring");
  CHECK_PTR(stats.backend_reason, NULL);
  return 0;
}

/* ---- what is closed is closed ---- */

static int receive_one(void *fd)
{
  char byte;
  size_t got;
  return eddy_sock_recv((int)(intptr_t)fd, &byte, 1, &got);
}

enum { CROWD = 60 };

/* While many others have something to report. */
EDDY_TASK_TEST_KERNEL(uring, end_of_a_watched_socket_reaches_its_peer_at_once)
{
  static eddy_task *tasks[CROWD];
  static int fds[CROWD][2];
  char byte;
  for (int i = 0; i < CROWD; i++) {
    CHECK_OK(test_pair(fds[i]));
    CHECK_OK(test_task(receive_one, (void *)(intptr_t)fds[i][0], &tasks[i]));
  }
  CHECK_OK(eddy_sleep(EDDY_MS(1)));
  for (int i = 0; i < CROWD; i++) {
    CHECK_EQ(send(fds[i][1], "xy", 2, 0), 2);
  }
  for (int i = 0; i < CROWD; i += 2) {
    CHECK_OK(eddy_sock_close(fds[i][0]));
    CHECK_CODE(recv(fds[i][1], &byte, 1, MSG_DONTWAIT) < 0 ? -errno : 0, EDDY_ECONNRESET);
  }
  for (int i = 0; i < CROWD; i++) {
    CHECK_CODE(eddy_task_await(tasks[i], NULL), i % 2 == 0 ? EDDY_EBADF : 0);
  }
  return 0;
}

static int accept_one(void *listener)
{
  int fd;
  return eddy_sock_accept((int)(intptr_t)listener, &fd, NULL);
}

EDDY_TASK_TEST_KERNEL(uring, address_of_a_closed_listener_is_free_at_once)
{
  eddy_listen_options options = {.no_reuse_address = true};
  eddy_address address;
  eddy_task *task;
  int listener;
  CHECK_OK(listen_at("127.0.0.1", &listener, &address));
  for (int round = 0; round < 3; round++) {
    CHECK_OK(test_task(accept_one, (void *)(intptr_t)listener, &task));
    CHECK_OK(eddy_sleep(EDDY_MS(1)));
    CHECK_OK(close_now(listener));
    CHECK_OK(
        eddy_sock_listen("127.0.0.1", eddy_address_port(&address), &options, &listener));
    CHECK_CODE(eddy_task_await(task, NULL), EDDY_EBADF);
  }
  return eddy_sock_close(listener);
}

/* ---- threads ---- */

static int nap_and_echo(void *unused)
{
  int fds[2];
  char byte = 0;
  (void)unused;
  CHECK_OK(eddy_sleep(EDDY_MS(1)));
  CHECK_OK(eddy_sock_pair(fds));
  CHECK_EQ(send(fds[1], "x", 1, 0), 1);
  CHECK_OK(eddy_sleep(EDDY_MS(1)));
  CHECK_OK(recv_all(fds[0], &byte, 1));
  CHECK_EQ(byte, 'x');
  CHECK_OK(eddy_sock_close(fds[0]));
  return eddy_sock_close(fds[1]);
}

static void *run_elsewhere(void *loop)
{
  return (void *)(intptr_t)eddy_loop_run(loop);
}

/* The kernel knows the thread that a ring belongs to. A later thread may stand at the place of the
 * first, and then cannot be told from it by the loop: it gets a ring of its own. */
EDDY_TEST_KERNEL(uring, loop_made_here_runs_in_another_thread)
{
  eddy_loop *loop;
  eddy_task *task;
  CHECK_OK(test_loop(&loop));
  for (int round = 0; round < 3; round++) {
    pthread_t thread;
    void *rc;
    CHECK_OK(test_loop_task(loop, nap_and_echo, NULL, &task));
    CHECK_EQ(pthread_create(&thread, NULL, run_elsewhere, loop), 0);
    CHECK_EQ(pthread_join(thread, &rc), 0);
    if (round > 0 && (intptr_t)rc == EDDY_EOTHERTHREAD) break;
    CHECK_OK((int)(intptr_t)rc);
    CHECK(eddy_task_done(task));
  }
  return 0;
}
