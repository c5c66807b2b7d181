/* Pipes for protocols, either end. On native/virtual the pipes are in-memory sockets. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "transports.h"

#define MANY (1024 * 1024)

/* A pipe; both ends are the caller's. */
static int make_pipe(int ends[2])
{
  if (test_is_virtual()) {
    CHECK_OK(test_pair(ends));
  } else {
    CHECK_EQ(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    test_fd(ends[0]);
    test_fd(ends[1]);
  }
  return 0;
}

static int read_pipe(struct peer *peer, int fd)
{
  test_fd_closed(fd);
  return eddy_loop_connect_read_pipe(NULL, peer_factory, peer, fd, NULL, NULL);
}

static int write_pipe(struct peer *peer, int fd)
{
  test_fd_closed(fd);
  return eddy_loop_connect_write_pipe(NULL, peer_factory, peer, fd, NULL, NULL);
}

static int both_ends(struct peer *reader, struct peer *writer)
{
  int ends[2];
  CHECK_OK(make_pipe(ends));
  CHECK_OK(read_pipe(reader, ends[0]));
  CHECK_OK(write_pipe(writer, ends[1]));
  return 0;
}

EDDY_TASK_TEST(pipe, what_is_written_is_read_and_the_end_closes_both)
{
  struct peer *reader = new_peer("r."), *writer = new_peer("w.");
  CHECK_OK(both_ends(reader, writer));
  CHECK_TRACE("r.made w.made");
  CHECK_OK(eddy_transport_write(writer->transport, "hello", 5));
  CHECK_OK(wait_for_bytes(reader, 5));
  CHECK_MEM(reader->bytes, "hello", 5);
  CHECK_TRACE("r.data(5)");
  eddy_transport_close(writer->transport);
  CHECK_OK(wait_until(&reader->released));
  CHECK_OK(wait_until(&writer->released));
  CHECK_TRACE("w.lost r.eof r.lost");
  CHECK_EQ(reader->error, 0);
  CHECK_EQ(eddy_transport_get_fd(reader->transport), -1);
  CHECK_EQ(eddy_transport_get_fd(writer->transport), -1);
  return 0;
}

EDDY_TASK_TEST(pipe, end_of_input_closes_the_reading_end_whatever_the_protocol_says)
{
  struct peer *reader = new_peer("r."), *writer = new_peer("w.");
  CHECK_OK(both_ends(reader, writer));
  reader->keep_open = true;
  test_trace_clear();
  eddy_transport_abort(writer->transport);
  CHECK_OK(wait_until(&reader->released));
  CHECK_TRACE("w.lost r.eof r.lost");
  return 0;
}

static int report(eddy_loop *loop, const eddy_exception_context *context, void *arg)
{
  (void)loop;
  (void)arg;
  trace("report(%s)", context->message);
  return 0;
}

static void watch_reports(void)
{
  eddy_loop_set_exception_handler(eddy_get_running_loop(), report, NULL);
}

EDDY_TASK_TEST(pipe, an_error_in_eof_received_is_reported_and_the_end_is_orderly)
{
  struct peer *reader = new_peer("r."), *writer = new_peer("w.");
  CHECK_OK(both_ends(reader, writer));
  watch_reports();
  reader->fail_eof = EDDY_EINVAL;
  test_trace_clear();
  eddy_transport_close(writer->transport);
  CHECK_OK(wait_until(&reader->released));
  CHECK_TRACE("w.lost r.eof report(eof_received failed) r.lost");
  CHECK_EQ(reader->error, 0);
  return 0;
}

EDDY_TASK_TEST(pipe, an_error_in_data_received_aborts_with_it)
{
  struct peer *reader = new_peer("r."), *writer = new_peer("w.");
  CHECK_OK(both_ends(reader, writer));
  watch_reports();
  reader->fail_data = EDDY_EPERM;
  test_trace_clear();
  CHECK_OK(eddy_transport_write(writer->transport, "x", 1));
  CHECK_OK(wait_until(&reader->released));
  CHECK_OK(wait_until(&writer->released));
  CHECK_TRACE("r.data(1) report(data_received failed; the connection is aborted) "
              "r.lost(EPERM) w.lost");
  return 0;
}

EDDY_TASK_TEST(pipe, closing_the_reading_end_reads_no_more)
{
  struct peer *reader = new_peer("r."), *writer = new_peer("w.");
  CHECK_OK(both_ends(reader, writer));
  test_trace_clear();
  CHECK_OK(eddy_transport_write(writer->transport, "x", 1));
  eddy_transport_close(reader->transport);
  CHECK(eddy_transport_is_closing(reader->transport));
  eddy_transport_close(reader->transport);
  CHECK_EQ(reader->lost, 0);
  CHECK_OK(eddy_sleep(0));
  CHECK_TRACE("r.lost");
  eddy_transport_pause_reading(reader->transport);
  CHECK_OK(eddy_transport_resume_reading(reader->transport));
  CHECK(!eddy_transport_is_reading(reader->transport));
  CHECK_OK(wait_until(&writer->released));
  CHECK_EQ(reader->lost, 1);
  return 0;
}

EDDY_TASK_TEST(pipe, paused_reading_leaves_the_data_in_the_pipe)
{
  struct peer *reader = new_peer("r."), *writer = new_peer("w.");
  CHECK_OK(both_ends(reader, writer));
  test_trace_clear();
  eddy_transport_pause_reading(reader->transport);
  eddy_transport_pause_reading(reader->transport);
  CHECK(!eddy_transport_is_reading(reader->transport));
  CHECK_OK(eddy_transport_write(writer->transport, "abc", 3));
  CHECK_OK(look_around());
  CHECK_EQ(reader->size, 0);
  CHECK_OK(eddy_transport_resume_reading(reader->transport));
  CHECK_OK(eddy_transport_resume_reading(reader->transport));
  CHECK_OK(wait_for_bytes(reader, 3));
  CHECK_OK(peer_end(writer));
  CHECK_OK(wait_until(&reader->released));
  return 0;
}

EDDY_TASK_TEST(pipe, reading_end_cannot_write_and_the_writing_end_cannot_read)
{
  struct peer *reader = new_peer("r."), *writer = new_peer("w.");
  CHECK_OK(both_ends(reader, writer));
  CHECK_CODE(eddy_transport_write(reader->transport, "x", 1), EDDY_ENOTSUP);
  CHECK_CODE(eddy_transport_write_eof(reader->transport), EDDY_ENOTSUP);
  CHECK(!eddy_transport_can_write_eof(reader->transport));
  CHECK(eddy_transport_can_write_eof(writer->transport));
  eddy_address address;
  CHECK_CODE(eddy_transport_get_sockname(writer->transport, &address), EDDY_ENOTSUP);
  CHECK_OK(peer_end(writer));
  CHECK_OK(wait_until(&reader->released));
  return 0;
}

/* A write that the pipe does not take as a whole. */
static int fill(struct peer *reader, struct peer *writer)
{
  char *bytes = test_new(MANY);
  for (int i = 0; i < MANY; i++)
    bytes[i] = (char)(i * 7 + i / 251);
  eddy_transport_pause_reading(reader->transport);
  CHECK_OK(eddy_transport_write(writer->transport, bytes, MANY));
  CHECK(eddy_transport_get_write_buffer_size(writer->transport) > 0);
  return 0;
}

EDDY_TASK_TEST(pipe, what_the_pipe_does_not_take_is_queued_and_pauses_the_protocol)
{
  struct peer *reader = new_peer("r."), *writer = new_peer("w.");
  CHECK_OK(both_ends(reader, writer));
  reader->quiet = true;
  test_trace_clear();
  CHECK_OK(fill(reader, writer));
  CHECK_TRACE("w.pause");
  eddy_transport_close(writer->transport);
  CHECK_OK(look_around());
  CHECK_EQ(writer->lost, 0);
  CHECK_OK(eddy_transport_resume_reading(reader->transport));
  CHECK_OK(wait_for_bytes(reader, MANY));
  for (int i = 0; i < MANY; i++)
    CHECK_EQ(reader->bytes[i], (char)(i * 7 + i / 251));
  CHECK_OK(wait_until(&reader->released));
  CHECK_TRACE("w.resume w.lost");
  CHECK_EQ(writer->error, 0);
  return 0;
}

EDDY_TASK_TEST(pipe, abort_drops_what_is_queued)
{
  struct peer *reader = new_peer("r."), *writer = new_peer("w.");
  CHECK_OK(both_ends(reader, writer));
  reader->quiet = true;
  CHECK_OK(fill(reader, writer));
  eddy_transport_close(writer->transport);
  eddy_transport_abort(writer->transport);
  CHECK_OK(settle());
  CHECK_EQ(writer->lost, 1);
  CHECK_EQ(writer->error, 0);
  CHECK_OK(eddy_transport_resume_reading(reader->transport));
  CHECK_OK(wait_until(&reader->released));
  CHECK(reader->size < MANY);
  return 0;
}

EDDY_TASK_TEST(pipe, reader_that_goes_away_is_noticed_while_nothing_is_written)
{
  struct peer *reader = new_peer("r."), *writer = new_peer("w.");
  CHECK_OK(both_ends(reader, writer));
  test_trace_clear();
  eddy_transport_close(reader->transport);
  CHECK_OK(wait_until(&writer->released));
  CHECK_TRACE("r.lost w.lost");
  CHECK_EQ(writer->error, 0);
  return 0;
}

EDDY_TASK_TEST(pipe, reader_that_goes_away_breaks_what_is_queued)
{
  struct peer *reader = new_peer("r."), *writer = new_peer("w.");
  CHECK_OK(both_ends(reader, writer));
  watch_reports();
  CHECK_OK(fill(reader, writer));
  test_trace_clear();
  eddy_transport_close(reader->transport);
  CHECK_OK(wait_until(&writer->released));
  CHECK_EQ(writer->error, EDDY_EPIPE);
  CHECK_EQ(eddy_transport_get_write_buffer_size(writer->transport), 0);
  CHECK_TRACE("r.lost w.lost(EPIPE)");
  return 0;
}

EDDY_TASK_TEST(pipe, write_eof_closes_and_what_is_written_after_it_is_dropped)
{
  struct peer *reader = new_peer("r."), *writer = new_peer("w.");
  CHECK_OK(both_ends(reader, writer));
  watch_reports();
  reader->quiet = true;
  CHECK_OK(fill(reader, writer));
  CHECK_OK(eddy_transport_write_eof(writer->transport));
  CHECK(eddy_transport_is_closing(writer->transport));
  CHECK_OK(eddy_transport_write_eof(writer->transport));
  test_trace_clear();
  for (int i = 0; i < 4; i++)
    CHECK_OK(eddy_transport_write(writer->transport, "x", 1));
  CHECK_TRACE("");
  CHECK_OK(eddy_transport_write(writer->transport, "x", 1));
  CHECK_TRACE("report(write: the connection is lost; the data is dropped)");
  CHECK_OK(eddy_transport_resume_reading(reader->transport));
  CHECK_OK(wait_until(&reader->released));
  CHECK_EQ(reader->size, MANY);
  CHECK_EQ(writer->error, 0);
  return 0;
}

static int connect_later(void *arg)
{
  struct peer *peer = arg;
  int fd = peer->capacity != 0 ? (int)peer->capacity : -1;
  peer->capacity = 0;
  test_fd_closed(fd);
  return eddy_loop_connect_write_pipe(NULL, peer_factory, peer, fd, NULL, NULL);
}

EDDY_TASK_TEST(pipe, cancelled_connect_closes_the_descriptor)
{
  struct peer *writer = new_peer("w.");
  eddy_task *task = NULL;
  int ends[2];
  CHECK_OK(make_pipe(ends));
  writer->capacity = (size_t)ends[1]; /* carries the descriptor to the task */
  CHECK_OK(test_task(connect_later, writer, &task));
  CHECK_OK(eddy_sleep(0));
  CHECK_EQ(writer->made, 0);
  CHECK(eddy_task_cancel(task, NULL));
  CHECK_CODE(eddy_task_await(task, NULL), EDDY_ECANCELLED);
  CHECK_OK(wait_until(&writer->released));
  CHECK_EQ(writer->lost, 1);
  return 0;
}

struct connecting {
  eddy_frame frame;
  struct peer *peer;
  int fd;
  void *self;
};

static int connect_frame(eddy_frame *frame)
{
  struct connecting *c = (struct connecting *)frame;
  int rc;
  EDDY_BEGIN(frame);
  test_fd_closed(c->fd);
  EDDY_AWAIT(frame, rc,
      eddy_loop_connect_read_pipe(NULL, peer_factory, c->peer, c->fd, NULL, &c->self));
  CHECK_OK(rc);
  CHECK_PTR(c->self, c->peer);
  trace("connected");
  EDDY_END(frame);
  return 0;
}

EDDY_TASK_TEST(pipe, stackless_coroutine_connects_one)
{
  struct connecting *c = test_new(sizeof *c);
  eddy_task *task = NULL;
  int ends[2];
  c->peer = new_peer("r.");
  CHECK_OK(make_pipe(ends));
  c->fd = ends[0];
  CHECK_OK(start_kind(STACKLESS, NULL, connect_frame, &c->frame, &task));
  CHECK_OK(eddy_task_await(task, NULL));
  CHECK_TRACE("r.made connected");
  return peer_end(c->peer);
}

EDDY_TASK_TEST(pipe, bad_arguments_leave_the_descriptor_open)
{
  struct peer *peer = new_peer("");
  int ends[2];
  CHECK_OK(make_pipe(ends));
  CHECK_CODE(
      eddy_loop_connect_read_pipe(NULL, NULL, peer, ends[0], NULL, NULL), EDDY_EINVAL);
  CHECK_CODE(
      eddy_loop_connect_read_pipe(NULL, peer_factory, peer, -1, NULL, NULL), EDDY_EBADF);
  CHECK_EQ(peer->released, 0);
  CHECK_OK(read_pipe(peer, ends[0]));
  return peer_end(peer);
}

EDDY_TEST(pipe, cannot_be_connected_outside_a_task)
{
  CHECK_CODE(
      eddy_loop_connect_read_pipe(NULL, peer_factory, NULL, 0, NULL, NULL), EDDY_ENOTASK);
  CHECK_CODE(eddy_loop_connect_write_pipe(NULL, peer_factory, NULL, 0, NULL, NULL),
      EDDY_ENOTASK);
  return 0;
}

static int temporary_file(int *fd)
{
  char path[] = "/tmp/eddy-pipe-XXXXXX";
  *fd = mkstemp(path);
  CHECK(*fd >= 0);
  test_fd(*fd);
  CHECK_EQ(unlink(path), 0);
  return 0;
}

EDDY_TASK_TEST_KERNEL(pipe, regular_files_and_directories_are_refused_and_stay_open)
{
  struct peer *peer = new_peer("");
  int fd;
  CHECK_OK(temporary_file(&fd));
  CHECK_CODE(
      eddy_loop_connect_read_pipe(NULL, peer_factory, peer, fd, NULL, NULL), EDDY_EINVAL);
  CHECK_CONTAINS(eddy_message(EDDY_EINVAL), "is a file or directory");
  CHECK_CODE(eddy_loop_connect_write_pipe(NULL, peer_factory, peer, fd, NULL, NULL),
      EDDY_EINVAL);
  CHECK(fcntl(fd, F_GETFD) >= 0);
  int directory = open("/", O_RDONLY | O_CLOEXEC);
  test_fd(directory);
  CHECK_CODE(eddy_loop_connect_read_pipe(NULL, peer_factory, peer, directory, NULL, NULL),
      EDDY_EINVAL);
  CHECK_EQ(peer->released, 0);
  return 0;
}

EDDY_TASK_TEST_VIRTUAL(pipe, kernels_descriptors_are_refused_with_words)
{
  struct peer *peer = new_peer("");
  CHECK_CODE(
      eddy_loop_connect_read_pipe(NULL, peer_factory, peer, 0, NULL, NULL), EDDY_ENOTSUP);
  CHECK_CONTAINS(eddy_message(EDDY_ENOTSUP), "only sockets in memory");
  return 0;
}

static void count_signal(int signum)
{
  (void)signum;
  trace("SIGPIPE");
}

EDDY_TASK_TEST_KERNEL(pipe, write_to_a_pipe_nobody_reads_is_an_error_and_no_signal)
{
  struct peer *writer = new_peer("w.");
  struct sigaction before, action = {.sa_handler = count_signal};
  sigset_t set;
  int ends[2];
  CHECK_OK(make_pipe(ends));
  CHECK_EQ(sigaction(SIGPIPE, &action, &before), 0);
  CHECK_OK(write_pipe(writer, ends[1]));
  CHECK_EQ(close(ends[0]), 0);
  test_fd_closed(ends[0]);
  test_trace_clear();
  CHECK_OK(eddy_transport_write(writer->transport, "x", 1));
  CHECK_OK(wait_until(&writer->released));
  CHECK_TRACE("w.lost(EPIPE)");
  CHECK_EQ(sigpending(&set), 0);
  CHECK_EQ(sigismember(&set, SIGPIPE), 0);
  CHECK_EQ(sigaction(SIGPIPE, &before, NULL), 0);
  return 0;
}

EDDY_TASK_TEST_KERNEL(pipe, terminal_is_read_and_written)
{
  struct peer *reader = new_peer("r."), *writer = new_peer("w.");
  int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  CHECK(master >= 0);
  test_fd(master);
  CHECK_EQ(grantpt(master), 0);
  CHECK_EQ(unlockpt(master), 0);
  int terminal = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
  CHECK(terminal >= 0);
  test_fd(terminal);
  int copy = fcntl(terminal, F_DUPFD_CLOEXEC, 3);
  CHECK(copy >= 0);
  test_fd(copy);
  reader->quiet = true;
  writer->quiet = true;
  CHECK_OK(read_pipe(reader, terminal));
  CHECK_OK(write_pipe(writer, copy));
  CHECK_OK(eddy_transport_write(writer->transport, "out\n", 4));
  char bytes[16] = {0};
  CHECK_EQ(read(master, bytes, sizeof bytes), 5);
  CHECK_STR(bytes, "out\r\n");
  CHECK_EQ(write(master, "in\n", 3), 3);
  CHECK_OK(wait_for_bytes(reader, 3));
  CHECK_EQ(writer->lost, 0);
  CHECK_OK(peer_end(reader));
  CHECK_OK(peer_end(writer));
  return 0;
}

EDDY_TASK_TEST(pipe, loop_that_is_closed_first_releases_both_ends)
{
  struct peer *reader = new_peer("r."), *writer = new_peer("w.");
  CHECK_OK(both_ends(reader, writer));
  CHECK_OK(fill(reader, writer));
  return 0;
}
