/* What streams keep, and what keeps them. */
#include "streams.h"

#include <unistd.h>

EDDY_TASK_TEST(stream_writer, last_reference_closes_the_connection)
{
  eddy_stream_reader *reader;
  eddy_stream_writer *writer;
  eddy_transport *transport;
  int fds[2];
  char byte;
  size_t got;
  CHECK_OK(test_pair(fds));
  CHECK_OK(new_reader(64, &reader));
  test_fd_closed(fds[0]);
  CHECK_OK(eddy_loop_connect_accepted_socket(
      NULL, eddy_stream_protocol, reader, fds[0], NULL, &transport, NULL));
  int rc = eddy_stream_writer_new(transport, &writer);
  eddy_transport_unref(transport);
  CHECK_OK(rc);
  eddy_stream_writer_unref(eddy_stream_writer_ref(writer));
  CHECK(!eddy_stream_writer_is_closing(writer));
  CHECK_OK(eddy_stream_writer_write(writer, "x", 1));
  eddy_stream_writer_unref(writer);
  eddy_stream_writer_unref(NULL);
  CHECK_OK(recv_all(fds[1], &byte, 1));
  CHECK_OK(eddy_sock_recv(fds[1], &byte, 1, &got));
  CHECK_EQ(got, 0);
  CHECK_OK(eddy_stream_reader_read(reader, &byte, 1, &got));
  CHECK_EQ(got, 0);
  return 0;
}

EDDY_TASK_TEST(stream_writer, what_comes_in_for_nobody_is_dropped)
{
  eddy_stream_reader *reader;
  eddy_transport *transport;
  eddy_loop_stats stats;
  int fds[2];
  CHECK_OK(test_pair(fds));
  CHECK_OK(eddy_stream_reader_new(1, &reader));
  test_fd_closed(fds[0]);
  int rc = eddy_loop_connect_accepted_socket(
      NULL, eddy_stream_protocol, reader, fds[0], NULL, &transport, NULL);
  eddy_stream_reader_unref(reader);
  CHECK_OK(rc);
  test_defer_late(unref_transport, transport);
  CHECK_OK(eddy_sock_sendall(fds[1], "abcdef", 6));
  CHECK_OK(look_around());
  eddy_loop_get_stats(eddy_get_running_loop(), &stats);
  CHECK_EQ(stats.buffers, 0);
  CHECK(eddy_transport_is_reading(transport));
  eddy_transport_close(transport);
  return 0;
}

EDDY_TASK_TEST(stream_writer, belongs_to_a_transport_of_a_stream_alone)
{
  struct stream s;
  struct peer *a = new_peer("");
  eddy_stream_writer *writer;
  const eddy_protocol *protocol;
  void *self;
  int other;
  CHECK_OK(stream_and_socket(64, &s));
  eddy_transport *transport = eddy_stream_writer_transport(s.writer);
  CHECK_CODE(eddy_stream_writer_new(transport, &writer), EDDY_EINVALIDSTATE);
  CHECK_CODE(eddy_stream_writer_new(NULL, &writer), EDDY_EINVAL);
  CHECK_CODE(eddy_stream_protocol(s.reader, &protocol, &self), EDDY_EINVALIDSTATE);
  CHECK_CODE(eddy_stream_protocol(NULL, &protocol, &self), EDDY_EINVAL);
  CHECK_CODE(eddy_stream_reader_set_transport(s.reader, transport), EDDY_EINVALIDSTATE);
  CHECK_PTR(eddy_stream_writer_get_extra_info(s.writer, "nothing"), NULL);
  CHECK_CODE(eddy_stream_writer_write(NULL, "x", 1), EDDY_EINVAL);
  CHECK_CODE(eddy_stream_writer_writelines(NULL, NULL, 0), EDDY_EINVAL);
  CHECK_CODE(eddy_stream_writer_write_eof(NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_stream_writer_drain(NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_stream_writer_wait_closed(NULL), EDDY_EINVAL);
  CHECK_PTR(eddy_stream_writer_get_extra_info(NULL, "x"), NULL);
  eddy_stream_writer_close(NULL);
  CHECK_OK(peer_and_socket(a, &other));
  CHECK_CODE(eddy_stream_writer_new(a->transport, &writer), EDDY_EINVAL);
  CHECK_CONTAINS(eddy_message(EDDY_EINVAL), "eddy_stream_protocol");
  return peer_end(a);
}

static int leave_streams(void *arg)
{
  struct stream *streams = arg;
  int fds[2];
  CHECK_OK(eddy_sock_pair(fds));
  for (int i = 0; i < 2; i++) {
    CHECK_OK(attach_stream(fds[i], 64, &streams[i]));
    CHECK_OK(eddy_stream_writer_write(streams[i].writer, "unread", 6));
  }
  return look_around();
}

EDDY_TEST(stream_writer, streams_outlive_their_loop)
{
  struct stream *streams = test_new(2 * sizeof *streams);
  eddy_loop *loop;
  eddy_task *task;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(test_loop_task(loop, leave_streams, streams, &task));
  CHECK_OK(eddy_loop_run_until_complete(loop, eddy_task_future(task), NULL));
  CHECK_OK(eddy_loop_close(loop));
  for (int i = 0; i < 2; i++) {
    CHECK(eddy_stream_writer_is_closing(streams[i].writer));
    CHECK_OK(eddy_stream_writer_write(streams[i].writer, "x", 1));
    CHECK_EQ(eddy_stream_reader_buffered(streams[i].reader), 6);
  }
  return 0;
}

static size_t buffers_lent(void)
{
  eddy_loop_stats stats;
  eddy_loop_get_stats(eddy_get_running_loop(), &stats);
  return stats.buffers;
}

static int hold_nothing(enum kind kind)
{
  enum { COUNT = 20 };
  struct stream s[COUNT];
  struct reading *calls[COUNT];
  for (int i = 0; i < COUNT; i++) {
    CHECK_OK(stream_and_socket(64, &s[i]));
    CHECK_OK(reading_start(kind, i % 2 ? LINE : READ, s[i].reader, 8, NULL, &calls[i]));
  }
  for (int round = 0; round < 3; round++) {
    CHECK_EQ(buffers_lent(), 0);
    for (int i = 0; i < COUNT; i++)
      CHECK_OK(eddy_sock_sendall(s[i].other, "data\n", 5));
    for (int i = 0; i < COUNT; i++) {
      CHECK_OK(reading_join(calls[i]));
      CHECK_BYTES(calls[i]->data, calls[i]->size, "data\n");
    }
    CHECK_EQ(buffers_lent(), COUNT / 2); /* the lines that can still be looked at */
    for (int i = 0; i < COUNT; i++)
      CHECK_OK(reading_start(kind, i % 2 ? LINE : READ, s[i].reader, 8, NULL, &calls[i]));
  }
  CHECK_EQ(buffers_lent(), 0);
  CHECK_OK(eddy_sock_sendall(s[0].other, "much more", 9));
  CHECK_OK(reading_join(calls[0]));
  CHECK_EQ(buffers_lent(), 1);
  CHECK_OK(eddy_stream_reader_read(s[0].reader, calls[0]->buffer, 8, &calls[0]->size));
  CHECK_EQ(buffers_lent(), 0);
  for (int i = 1; i < COUNT; i++)
    (void)eddy_task_cancel(calls[i]->task, NULL);
  return settle();
}

EDDY_TASK_TEST(stream_writer, idle_connection_holds_no_buffer)
{
  return each_kind(hold_nothing);
}

EDDY_TASK_TEST_KERNEL(stream_reader, pipe_can_be_read_to_its_end)
{
  eddy_stream_reader *reader;
  eddy_transport *transport;
  const char *data;
  size_t size;
  int fds[2];
  CHECK_EQ(pipe(fds), 0);
  CHECK_EQ(write(fds[1], "data", 4), 4);
  CHECK_EQ(close(fds[1]), 0);
  test_fd(fds[0]);
  CHECK_OK(new_reader(1, &reader));
  test_fd_closed(fds[0]);
  CHECK_OK(eddy_loop_connect_read_pipe(
      NULL, eddy_stream_protocol, reader, fds[0], &transport, NULL));
  test_defer_late(unref_transport, transport);
  CHECK_OK(eddy_stream_reader_readall(reader, &data, &size));
  CHECK_BYTES(data, size, "data");
  eddy_transport_close(transport);
  return 0;
}
