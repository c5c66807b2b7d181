/* What a poller must not miss, and what must not keep it busy. */
#include "sock_calls.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* Polls that a sleep of 30 ms takes. */
static int polls_asleep(uint64_t *polls)
{
  eddy_loop_stats before, after;
  eddy_loop_get_stats(eddy_get_running_loop(), &before);
  CHECK_OK(eddy_sleep(EDDY_MS(30)));
  eddy_loop_get_stats(eddy_get_running_loop(), &after);
  *polls = after.polls - before.polls;
  return 0;
}

/* ---- nothing is missed ---- */

struct reader {
  int fd;
  size_t total;
  int rounds;
};

static int read_to_the_end(void *arg)
{
  struct reader *reader = arg;
  char buffer[64];
  size_t got = 1;
  for (; got > 0; reader->rounds++) {
    CHECK_OK(eddy_sock_recv(reader->fd, buffer, sizeof buffer, &got));
    reader->total += got;
  }
  return 0;
}

/* The reader waits first, so that one event tells of the bytes and of the end. */
EDDY_TASK_TEST_KERNEL(poller, end_that_comes_with_the_last_bytes_is_seen)
{
  static struct reader reader;
  eddy_task *task;
  int fds[2];
  for (int round = 0; round < 3; round++) {
    CHECK_OK(test_pair(fds));
    reader = (struct reader){.fd = fds[0]};
    CHECK_OK(test_task(read_to_the_end, &reader, &task));
    CHECK_OK(eddy_sleep(EDDY_MS(1)));
    CHECK_EQ(send(fds[1], "abc", 3, 0), 3);
    CHECK_EQ(shutdown(fds[1], SHUT_WR), 0);
    CHECK_OK(eddy_task_await(task, NULL));
    CHECK_EQ(reader.total, 3);
  }
  return 0;
}

EDDY_TASK_TEST_KERNEL(poller, bytes_beyond_the_buffer_are_reported_again)
{
  static struct reader reader;
  static char much[1000];
  eddy_task *task;
  int fds[2];
  CHECK_OK(test_pair(fds));
  reader = (struct reader){.fd = fds[0]};
  CHECK_OK(test_task(read_to_the_end, &reader, &task));
  CHECK_OK(eddy_sleep(EDDY_MS(1)));
  CHECK_EQ(send(fds[1], much, sizeof much, 0), (ssize_t)sizeof much);
  CHECK_OK(eddy_sleep(EDDY_MS(1)));
  CHECK_EQ(reader.total, sizeof much);
  CHECK_EQ(shutdown(fds[1], SHUT_WR), 0);
  CHECK_OK(eddy_task_await(task, NULL));
  CHECK_BETWEEN(17, reader.rounds, 18);
  return 0;
}

static int count_and_take_one(void *arg)
{
  struct reader *reader = arg;
  char byte;
  if (recv(reader->fd, &byte, 1, MSG_DONTWAIT) == 1) reader->total++;
  return 0;
}

/* A watch promises levels, also on a socket that eddy has read from before. */
EDDY_TASK_TEST_KERNEL(poller, watch_is_called_for_as_long_as_there_are_bytes)
{
  static struct reader reader;
  eddy_loop *loop = eddy_get_running_loop();
  int fds[2];
  char buffer[8];
  size_t got;
  CHECK_OK(test_pair(fds));
  CHECK_EQ(send(fds[1], "x", 1, 0), 1);
  CHECK_OK(eddy_sock_recv(fds[0], buffer, sizeof buffer, &got));
  reader = (struct reader){.fd = fds[0]};
  CHECK_OK(eddy_loop_add_reader(loop, fds[0], count_and_take_one, &reader));
  CHECK_EQ(send(fds[1], "12345", 5, 0), 5);
  for (int i = 0; i < 1000 && reader.total < 5; i++)
    CHECK_OK(eddy_sleep(EDDY_US(100)));
  CHECK_EQ(reader.total, 5);
  CHECK(eddy_loop_remove_reader(loop, fds[0]));
  /* And a read waits afterwards as before. */
  CHECK_EQ(send(fds[1], "y", 1, 0), 1);
  CHECK_OK(eddy_sock_recv(fds[0], buffer, sizeof buffer, &got));
  CHECK_EQ(got, 1);
  return 0;
}

static int send_much(void *arg)
{
  static char much[1 << 20];
  struct reader *peer = arg;
  return eddy_sock_sendall(peer->fd, much, sizeof much);
}

/* Reading and writing wait on one descriptor at a time. */
EDDY_TASK_TEST_KERNEL(poller, writer_and_reader_of_one_socket_are_both_woken)
{
  static struct reader one, other, sink;
  eddy_task *tasks[3];
  int fds[2];
  CHECK_OK(test_pair(fds));
  one = (struct reader){.fd = fds[0]};
  sink = (struct reader){.fd = fds[1]};
  other = (struct reader){.fd = fds[0]};
  CHECK_OK(test_task(read_to_the_end, &other, &tasks[0]));
  CHECK_OK(eddy_sleep(0));
  CHECK_OK(test_task(send_much, &one, &tasks[1]));
  CHECK_OK(eddy_sleep(EDDY_MS(1)));
  CHECK_EQ(send(fds[1], "abc", 3, 0), 3);
  CHECK_OK(eddy_sleep(EDDY_MS(1)));
  CHECK_EQ(other.total, 3);
  CHECK(!eddy_task_done(tasks[1]));
  CHECK_OK(test_task(read_to_the_end, &sink, &tasks[2]));
  CHECK_OK(eddy_task_await(tasks[1], NULL));
  CHECK_EQ(shutdown(fds[0], SHUT_WR), 0);
  CHECK_OK(eddy_task_await(tasks[2], NULL));
  CHECK_EQ(sink.total, 1 << 20);
  CHECK_EQ(shutdown(fds[1], SHUT_WR), 0);
  return eddy_task_await(tasks[0], NULL);
}

/* ---- nothing keeps it busy ---- */

static int receive_once(void *arg)
{
  struct reader *reader = arg;
  char buffer[8];
  return eddy_sock_recv(reader->fd, buffer, sizeof buffer, &reader->total);
}

EDDY_TASK_TEST_KERNEL(poller, duplicate_of_a_closed_socket_tells_nobody_anything)
{
  static struct reader reader;
  eddy_task *task;
  uint64_t polls = 0;
  int fds[2], reused[2];
  CHECK_OK(test_pair(fds));
  reader = (struct reader){.fd = fds[0]};
  CHECK_OK(test_task(receive_once, &reader, &task));
  CHECK_OK(eddy_sleep(EDDY_MS(1)));
  int copy = fcntl(fds[0], F_DUPFD_CLOEXEC, 100);
  test_fd(copy);
  CHECK_OK(eddy_sock_close(fds[0]));
  CHECK_CODE(eddy_task_await(task, NULL), EDDY_EBADF);
  CHECK_OK(test_pair(reused)); /* the number has another meaning now */
  CHECK_EQ(reused[0], fds[0]);
  reader = (struct reader){.fd = reused[0]};
  CHECK_OK(test_task(receive_once, &reader, &task));
  CHECK_OK(eddy_sleep(0));
  CHECK_EQ(send(fds[1], "late", 4, 0), 4);
  CHECK_OK(polls_asleep(&polls));
  CHECK_BETWEEN(1, polls, 20);
  CHECK(!eddy_task_done(task));
  CHECK_EQ(send(reused[1], "new", 3, 0), 3);
  CHECK_OK(eddy_task_await(task, NULL));
  CHECK_EQ(reader.total, 3);
  return 0;
}

static int nap(void *arg)
{
  (void)arg;
  usleep(5000); /* so that the loop sleeps by then */
  return 0;
}

EDDY_TASK_TEST_KERNEL(poller, wake_from_a_thread_does_not_keep_it_awake)
{
  uint64_t polls;
  CHECK_OK(eddy_to_thread(nap, NULL, NULL));
  CHECK_OK(polls_asleep(&polls));
  CHECK_BETWEEN(1, polls, 20);
  return 0;
}

static int ignore_report(
    eddy_loop *loop, const eddy_exception_context *context, void *arg)
{
  (void)loop;
  (void)context;
  (void)arg;
  return 0;
}

/* A watched end is closed behind the loop's back while its file lives on: only a new epoll gets
 * rid of it. */
EDDY_TASK_TEST_ON(
    poller, registration_that_cannot_be_removed_is_left_behind, "native/epoll")
{
  static struct reader reader;
  eddy_loop *loop = eddy_get_running_loop();
  uint64_t polls = 0;
  int ends[2];
  CHECK_EQ(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
  test_fd(ends[1]);
  int copy = fcntl(ends[0], F_DUPFD_CLOEXEC, 100);
  test_fd(copy);
  eddy_loop_set_exception_handler(loop, ignore_report, NULL);
  reader = (struct reader){.fd = ends[0]};
  int rc = eddy_loop_add_reader(loop, ends[0], count_and_take_one, &reader);
  if (rc == 0) rc = eddy_sleep(EDDY_MS(1));
  close(ends[0]);
  CHECK_OK(rc);
  CHECK_EQ(write(ends[1], "x", 1), 1);
  CHECK_OK(eddy_sleep(EDDY_MS(5)));
  CHECK(!eddy_loop_remove_reader(loop, ends[0]));
  CHECK_OK(polls_asleep(&polls));
  CHECK_BETWEEN(1, polls, 20);
  /* What was registered besides goes on. */
  int fds[2];
  CHECK_OK(test_pair(fds));
  char buffer[8];
  size_t got;
  CHECK_EQ(send(fds[1], "x", 1, 0), 1);
  CHECK_OK(eddy_sock_recv(fds[0], buffer, sizeof buffer, &got));
  CHECK_EQ(got, 1);
  return 0;
}

/* ---- looking before sleeping ---- */

static int sleep_and_receive(void *arg)
{
  int fds[2];
  size_t got;
  char buffer[8];
  (void)arg;
  eddy_time begin = eddy_loop_time(eddy_get_running_loop());
  CHECK_OK(eddy_sleep(EDDY_MS(2)));
  CHECK(eddy_loop_time(eddy_get_running_loop()) - begin >= EDDY_MS(2));
  CHECK_OK(eddy_sock_pair(fds));
  CHECK_OK(eddy_sock_sendall(fds[1], "x", 1));
  CHECK_OK(eddy_sock_recv(fds[0], buffer, sizeof buffer, &got));
  CHECK_OK(eddy_sock_close(fds[0]));
  CHECK_OK(eddy_sock_close(fds[1]));
  return 0;
}

EDDY_TEST_KERNEL(poller, busy_loop_does_the_same)
{
  static const eddy_time times[] = {EDDY_US(1), EDDY_MS(1), EDDY_S(3600), -1};
  for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
    eddy_loop_options options = {.busy_poll = times[i]};
    CHECK_OK(eddy_run_with(sleep_and_receive, NULL, &options, NULL, NULL));
  }
  return 0;
}

static void unset_poll_time(void *unused)
{
  (void)unused;
  unsetenv("EDDY_POLL_US");
}

EDDY_TEST_KERNEL(poller, environment_may_make_it_busy)
{
  static const char *const values[] = {"50", "0", "-3", "never", "99999999999999999999"};
  test_defer(unset_poll_time, NULL);
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
    CHECK_EQ(setenv("EDDY_POLL_US", values[i], 1), 0);
    CHECK_OK(eddy_run(sleep_and_receive, NULL));
  }
  return 0;
}

/* ---- a loop that cannot be ---- */

static void restore_limit(void *limit)
{
  setrlimit(RLIMIT_NOFILE, limit);
}

EDDY_TEST_KERNEL(poller, loop_without_descriptors_is_refused_and_leaves_none)
{
  static struct rlimit before;
  eddy_loop *loop = NULL;
  CHECK_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  int lowest = dup(0);
  CHECK(lowest >= 0);
  close(lowest);
  test_defer(restore_limit, &before);
  for (int room = 0; room < 2; room++) {
    struct rlimit low = {
        .rlim_cur = (rlim_t)(lowest + room), .rlim_max = before.rlim_max};
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
    int rc = eddy_loop_new(NULL, &loop);
    if (rc == 0) eddy_loop_free(loop); /* native/poll needs but one */
    CHECK(rc == EDDY_EMFILE || (rc == 0 && room > 0));
  }
  return 0;
}
