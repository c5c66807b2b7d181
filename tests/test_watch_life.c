/* Watched descriptors that are closed, reused or left over, and what a watch keeps alive. */
#include "eddy_test.h"

#include <fcntl.h>
#include <unistd.h>

static eddy_loop *loop; /* the case's */

static void close_end(void *arg)
{
  close((int)(intptr_t)arg);
}

/* A pipe, closed when the body has ended. */
static int new_pipe(int ends[2])
{
  if (pipe(ends) != 0) return EDDY_EMFILE;
  test_defer(close_end, (void *)(intptr_t)ends[0]);
  test_defer(close_end, (void *)(intptr_t)ends[1]);
  return 0;
}

struct end {
  int fd;
  int calls;
};

static int write_byte(void *arg)
{
  struct end *end = arg;
  CHECK_EQ(write(end->fd, "x", 1), 1);
  trace("written");
  return 0;
}

static int read_byte(void *arg)
{
  struct end *end = arg;
  char byte;
  CHECK_EQ(read(end->fd, &byte, 1), 1);
  trace("read");
  CHECK(eddy_loop_remove_reader(loop, end->fd));
  return 0;
}

EDDY_TEST_KERNEL(watch_life, watch_keeps_the_loop_running_until_it_is_removed)
{
  int ends[2];
  eddy_loop_stats stats;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(new_pipe(ends));
  struct end reader = {.fd = ends[0]}, writer = {.fd = ends[1]};
  CHECK_OK(eddy_loop_add_reader(loop, ends[0], read_byte, &reader));
  CHECK_OK(eddy_loop_call_later(loop, EDDY_MS(1), write_byte, &writer, NULL));
  eddy_loop_get_stats(loop, &stats);
  CHECK_EQ(stats.operations, 1);
  CHECK_OK(eddy_loop_run(loop));
  eddy_loop_get_stats(loop, &stats);
  CHECK_EQ(stats.operations, 0);
  CHECK_TRACE("written read");
  return 0;
}

EDDY_TEST_KERNEL(watch_life, high_descriptor_numbers_are_served)
{
  int ends[2];
  CHECK_OK(test_loop(&loop));
  CHECK_OK(new_pipe(ends));
  int high = fcntl(ends[0], F_DUPFD_CLOEXEC, 800);
  CHECK(high >= 800);
  test_defer(close_end, (void *)(intptr_t)high);
  struct end reader = {.fd = high}, writer = {.fd = ends[1]};
  CHECK_OK(eddy_loop_add_reader(loop, high, read_byte, &reader));
  CHECK_OK(eddy_loop_call_soon(loop, write_byte, &writer, NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("written read");
  return 0;
}

static int count_call(void *arg)
{
  struct end *end = arg;
  end->calls++;
  return 0;
}

EDDY_TEST_KERNEL(watch_life, close_drops_the_watches_and_not_the_descriptors)
{
  int ends[2];
  CHECK_OK(test_loop(&loop));
  CHECK_OK(new_pipe(ends));
  struct end end = {.fd = ends[0]};
  CHECK_OK(eddy_loop_add_reader(loop, ends[0], count_call, &end));
  CHECK_OK(eddy_loop_add_writer(loop, ends[1], count_call, &end));
  eddy_loop_stop(loop);
  CHECK_OK(eddy_loop_run(loop));
  end.calls = 0;
  CHECK_OK(eddy_loop_close(loop));
  CHECK(fcntl(ends[0], F_GETFD) >= 0 && fcntl(ends[1], F_GETFD) >= 0);
  CHECK(!eddy_loop_remove_reader(loop, ends[0]));
  CHECK_EQ(end.calls, 0);
  return 0;
}

static int note_report(eddy_loop *of, const eddy_exception_context *context, void *arg)
{
  (void)of;
  (void)arg;
  trace("%s", eddy_err_name(context->error));
  return 0;
}

/* Another library may close what it gave us to watch. */
EDDY_TEST_KERNEL(
    watch_life, descriptor_closed_behind_the_loops_back_is_reported_and_dropped)
{
  int ends[2];
  CHECK_OK(test_loop(&loop));
  eddy_loop_set_exception_handler(loop, note_report, NULL);
  CHECK_EQ(pipe(ends), 0);
  struct end end = {.fd = ends[0]};
  int rc = eddy_loop_add_reader(loop, ends[0], count_call, &end);
  close(ends[0]);
  close(ends[1]);
  CHECK_OK(rc);
  CHECK_OK(eddy_loop_run(loop)); /* does not spin, and has nothing left to wait for */
  CHECK(!eddy_loop_remove_reader(loop, ends[0]));
  CHECK_TRACE("EBADF");
  return 0;
}

EDDY_TEST_KERNEL(watch_life, removing_a_descriptor_that_was_closed_already_is_harmless)
{
  int ends[2];
  CHECK_OK(test_loop(&loop));
  CHECK_EQ(pipe(ends), 0);
  struct end end = {.fd = ends[0]};
  int rc = eddy_loop_add_reader(loop, ends[0], count_call, &end);
  eddy_loop_stop(loop);
  if (rc == 0) rc = eddy_loop_run(loop); /* the kernel knows it now */
  close(ends[0]);
  close(ends[1]);
  CHECK_OK(rc);
  CHECK(eddy_loop_remove_reader(loop, ends[0]));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_EQ(end.calls, 0);
  return 0;
}

/* Closes the number under a watch's feet and opens a file of another kind under it. */
EDDY_TEST_KERNEL(watch_life, number_that_stands_for_a_regular_file_now_ends_the_watch)
{
  int ends[2];
  CHECK_OK(test_loop(&loop));
  eddy_loop_set_exception_handler(loop, note_report, NULL);
  CHECK_OK(new_pipe(ends));
  struct end end = {.fd = ends[0]};
  CHECK_OK(eddy_loop_add_reader(loop, ends[0], count_call, &end));
  int directory = open("/", O_RDONLY | O_CLOEXEC);
  CHECK(directory >= 0);
  CHECK_EQ(dup2(directory, ends[0]), ends[0]);
  close(directory);
  CHECK_OK(eddy_loop_run(loop));
  CHECK(!eddy_loop_remove_reader(loop, ends[0]));
  CHECK(strlen(test_trace()) > 0);
  test_trace_clear();
  return 0;
}

/* ---- closed by eddy_sock_close ---- */

static int close_socket(void *arg)
{
  struct end *end = arg;
  end->calls++;
  CHECK_OK(eddy_sock_close(end->fd));
  return 0;
}

EDDY_TASK_TEST(watch_life, sock_close_removes_the_callbacks)
{
  int fds[2];
  size_t sent;
  loop = eddy_get_running_loop();
  CHECK_OK(test_pair(fds));
  CHECK_OK(eddy_sock_send(fds[1], "x", 1, &sent));
  struct end *end = test_new(sizeof *end), *writer = test_new(sizeof *writer);
  end->fd = fds[0];
  CHECK_OK(eddy_loop_add_writer(loop, fds[0], count_call, writer));
  CHECK_OK(eddy_loop_add_reader(loop, fds[0], close_socket, end));
  test_fd_closed(fds[0]);
  CHECK_OK(eddy_sleep(EDDY_MS(1)));
  CHECK_OK(eddy_sleep(EDDY_MS(1)));
  CHECK_EQ(end->calls, 1);
  CHECK_EQ(writer->calls, 0);
  CHECK(!eddy_loop_remove_reader(loop, fds[0]));
  CHECK(!eddy_loop_remove_writer(loop, fds[0]));
  return 0;
}

/* Two descriptors are ready in one batch; the first callback closes the other descriptor
 * and gets its number for a new one, which must not be told of the old event. */
struct twin {
  struct twin *other;
  int fds[2];
  int calls;
  int *strangers; /* calls that were meant for the descriptor that is gone */
};

static int count_stranger(void *arg)
{
  ++*(int *)arg;
  return 0;
}

static int take_over(void *arg)
{
  struct twin *twin = arg, *other = twin->other;
  int number = other->fds[0];
  twin->calls++;
  CHECK(eddy_loop_remove_reader(loop, twin->fds[0]));
  test_fd_closed(number);
  CHECK_OK(eddy_sock_close(number));
  int fds[2];
  CHECK_OK(test_pair(fds));
  CHECK(fds[0] == number || fds[1] == number || test_is_virtual());
  CHECK_OK(eddy_loop_add_reader(loop, fds[0], count_stranger, twin->strangers));
  CHECK_OK(eddy_loop_add_reader(loop, fds[1], count_stranger, twin->strangers));
  return 0;
}

EDDY_TASK_TEST(watch_life, number_reused_within_a_batch_does_not_get_the_old_event)
{
  struct twin *twins = test_new(2 * sizeof *twins);
  int *strangers = test_new(sizeof *strangers);
  size_t sent;
  loop = eddy_get_running_loop();
  for (int i = 0; i < 2; i++) {
    CHECK_OK(test_pair(twins[i].fds));
    CHECK_OK(eddy_sock_send(twins[i].fds[1], "x", 1, &sent));
    twins[i].other = &twins[1 - i];
    twins[i].strangers = strangers;
  }
  for (int i = 0; i < 2; i++)
    CHECK_OK(eddy_loop_add_reader(loop, twins[i].fds[0], take_over, &twins[i]));
  CHECK_OK(eddy_sleep(EDDY_MS(1)));
  CHECK_OK(eddy_sleep(EDDY_MS(1)));
  CHECK_EQ(twins[0].calls + twins[1].calls, 1);
  CHECK_EQ(*strangers, 0);
  return 0;
}
