/* Streams over sockets: writing, draining, closing, loss, and what a connection holds. */
#include "streams.h"

EDDY_TASK_TEST(stream_writer, writes_reach_the_peer_and_its_bytes_the_reader)
{
  static const eddy_buffer pieces[] = {{"one ", 4}, {NULL, 0}, {"two ", 4}, {"three", 5}};
  struct stream s;
  char bytes[16];
  const char *line;
  size_t size;
  CHECK_OK(stream_and_socket(64, &s));
  CHECK_OK(eddy_stream_writer_write(s.writer, "hello", 5));
  CHECK_OK(eddy_stream_writer_drain(s.writer));
  CHECK_OK(recv_all(s.other, bytes, 5));
  CHECK_MEM(bytes, "hello", 5);
  CHECK_OK(eddy_stream_writer_writelines(s.writer, pieces, 4));
  CHECK_OK(recv_all(s.other, bytes, 13));
  CHECK_MEM(bytes, "one two three", 13);
  CHECK_OK(eddy_sock_sendall(s.other, "a line\nand", 10));
  CHECK_OK(eddy_stream_reader_readline(s.reader, &line, &size));
  CHECK_BYTES(line, size, "a line\n");
  CHECK(eddy_stream_writer_can_write_eof(s.writer));
  CHECK_OK(eddy_stream_writer_write_eof(s.writer));
  CHECK_OK(eddy_sock_recv(s.other, bytes, 1, &size));
  CHECK_EQ(size, 0);
  CHECK_CODE(eddy_stream_writer_write(s.writer, "x", 1), EDDY_ERUNTIME);
  CHECK_OK(eddy_sock_sendall(s.other, " more", 5));
  CHECK_OK(close_now(s.other));
  CHECK_OK(eddy_stream_reader_readall(s.reader, &line, &size));
  CHECK_BYTES(line, size, "and more");
  return 0;
}

static int read_from_socket(enum kind kind)
{
  struct stream s;
  struct reading *call;
  CHECK_OK(stream_and_socket(64, &s));
  for (enum stream_call what = READ; what <= UNTIL; what++) {
    CHECK_OK(reading_start(kind, what, s.reader, 6, "ab\n", &call));
    CHECK_OK(eddy_sock_sendall(s.other, "line", 4));
    if (what != READ) CHECK_OK(look_around());
    if (what != READ)
      CHECK_OK(eddy_sock_sendall(s.other, "ab\n", what == EXACTLY ? 2 : 3));
    CHECK_OK(reading_join(call));
    CHECK_BYTES(call->data, call->size,
        what == READ ? "line" : (what == EXACTLY ? "lineab" : "lineab\n"));
  }
  return 0;
}

EDDY_TASK_TEST(stream_writer, reads_wait_for_the_socket)
{
  return each_kind(read_from_socket);
}

EDDY_TASK_TEST(stream_writer, end_of_input_leaves_the_writer_open)
{
  struct stream s;
  char bytes[8];
  size_t got;
  CHECK_OK(stream_and_socket(64, &s));
  CHECK_OK(eddy_sock_shutdown(s.other, EDDY_SHUTDOWN_WRITE));
  CHECK_OK(eddy_stream_reader_read(s.reader, bytes, 8, &got));
  CHECK_EQ(got, 0);
  CHECK(eddy_stream_reader_at_eof(s.reader));
  CHECK(!eddy_stream_writer_is_closing(s.writer));
  CHECK_OK(eddy_stream_writer_write(s.writer, "still", 5));
  CHECK_OK(eddy_stream_writer_drain(s.writer));
  CHECK_OK(recv_all(s.other, bytes, 5));
  CHECK_MEM(bytes, "still", 5);
  return 0;
}

/* ---- flow control ---- */

EDDY_TASK_TEST(stream_writer, transport_is_paused_above_twice_the_limit_and_resumed_at_it)
{
  struct stream s;
  eddy_transport *transport;
  char *bytes = test_new(64);
  size_t got;
  CHECK_OK(stream_and_socket(10, &s));
  transport = eddy_stream_writer_transport(s.writer);
  CHECK_OK(eddy_stream_reader_feed_data(s.reader, bytes, 20));
  CHECK(eddy_transport_is_reading(transport));
  CHECK_OK(eddy_stream_reader_feed_data(s.reader, bytes, 1));
  CHECK(!eddy_transport_is_reading(transport));
  CHECK_OK(eddy_stream_reader_read(s.reader, bytes, 10, &got));
  CHECK(!eddy_transport_is_reading(transport));
  CHECK_OK(eddy_stream_reader_read(s.reader, bytes, 1, &got));
  CHECK(eddy_transport_is_reading(transport));
  CHECK_OK(eddy_stream_reader_feed_data(s.reader, "0123456789\nx", 12));
  CHECK(!eddy_transport_is_reading(transport));
  const char *line;
  CHECK_OK(eddy_stream_reader_readexactly(s.reader, bytes, 10, NULL));
  CHECK(!eddy_transport_is_reading(transport));
  CHECK_OK(eddy_stream_reader_readline(s.reader, &line, &got));
  CHECK(eddy_transport_is_reading(transport));
  return 0;
}

static int wait_while_paused(enum kind kind)
{
  struct stream s;
  struct reading *call;
  char *bytes = test_new(64);
  CHECK_OK(stream_and_socket(10, &s));
  CHECK_OK(eddy_stream_reader_feed_data(s.reader, bytes, 30));
  CHECK(!eddy_transport_is_reading(eddy_stream_writer_transport(s.writer)));
  CHECK_OK(reading_start(kind, EXACTLY, s.reader, 50, NULL, &call));
  CHECK(eddy_transport_is_reading(eddy_stream_writer_transport(s.writer)));
  CHECK_OK(eddy_sock_sendall(s.other, bytes, 20));
  CHECK_OK(reading_join(call));
  CHECK_EQ(call->size, 50);
  return 0;
}

EDDY_TASK_TEST(stream_writer, read_that_has_to_wait_resumes_the_transport)
{
  return each_kind(wait_while_paused);
}

/* Writes more than the socket takes. */
static int overfill(struct stream *s)
{
  static char block[64 * 1024];
  eddy_transport *transport = eddy_stream_writer_transport(s->writer);
  CHECK_OK(eddy_transport_set_write_buffer_limits(transport, 0, 0));
  while (eddy_transport_get_write_buffer_size(transport) == 0) {
    CHECK(!eddy_transport_is_closing(transport)); /* lost: there will never be more */
    CHECK_OK(eddy_stream_writer_write(s->writer, block, sizeof block));
  }
  return 0;
}

/* Receives until the stream has sent everything. */
static int empty(struct stream *s)
{
  static char block[64 * 1024];
  size_t got;
  eddy_transport *transport = eddy_stream_writer_transport(s->writer);
  while (eddy_transport_get_write_buffer_size(transport) > 0)
    CHECK_OK(eddy_sock_recv(s->other, block, sizeof block, &got));
  return 0;
}

static int drain_together(enum kind kind)
{
  struct stream s;
  struct reading *calls[3];
  CHECK_OK(stream_and_socket(64, &s));
  CHECK_OK(overfill(&s));
  for (int i = 0; i < 3; i++)
    CHECK_OK(writing_start(kind, DRAIN, s.writer, &calls[i]));
  CHECK(eddy_task_cancel(calls[1]->task, NULL));
  CHECK_CODE(reading_join(calls[1]), EDDY_ECANCELLED);
  CHECK_CODE(calls[0]->rc, EDDY_PENDING);
  CHECK_OK(empty(&s));
  CHECK_OK(reading_join(calls[0]));
  CHECK_OK(calls[2]->rc == 0 ? 0 : reading_join(calls[2]));
  CHECK_OK(eddy_stream_writer_drain(s.writer));
  return 0;
}

EDDY_TASK_TEST(stream_writer, all_who_drain_wake_together)
{
  return each_kind(drain_together);
}

static int note_ended(eddy_future *future, void *arg)
{
  const struct reading *call = arg;
  (void)future;
  static const char *const names[] = {
      [READ] = "read", [DRAIN] = "drain", [CLOSED] = "closed"};
  trace("%s(%s)", names[call->what], call->rc < 0 ? eddy_err_name(call->rc) : "0");
  return 0;
}

/* A reader, one who waits for the end and two who drain: what they are told of a loss. */
static int lose(enum kind kind, struct stream *s, bool abort)
{
  static const enum stream_call what[] = {DRAIN, DRAIN, READ, CLOSED};
  struct reading *calls[4];
  CHECK_OK(stream_and_socket(64, s));
  CHECK_OK(overfill(s));
  for (int i = 0; i < 4; i++) {
    if (what[i] == READ)
      CHECK_OK(reading_start(kind, READ, s->reader, 5, NULL, &calls[i]));
    else
      CHECK_OK(writing_start(kind, what[i], s->writer, &calls[i]));
    CHECK_OK(eddy_future_add_done_callback(
        eddy_task_future(calls[i]->task), note_ended, calls[i]));
  }
  test_trace_clear();
  if (abort)
    eddy_transport_abort(eddy_stream_writer_transport(s->writer));
  else
    CHECK_OK(close_now(s->other));
  for (int i = 0; i < 4; i++)
    (void)reading_join(calls[i]);
  return settle();
}

static int lose_cleanly(enum kind kind)
{
  struct stream s;
  char byte;
  size_t got;
  CHECK_OK(lose(kind, &s, true));
  CHECK_TRACE("read(0) closed(0) drain(0) drain(0)");
  CHECK_CODE(eddy_stream_writer_drain(s.writer), EDDY_ECONNRESET);
  CHECK_CONTAINS(eddy_message(EDDY_ECONNRESET), "connection is lost");
  CHECK_OK(eddy_stream_writer_wait_closed(s.writer));
  CHECK_OK(eddy_stream_reader_read(s.reader, &byte, 1, &got));
  CHECK_EQ(got, 0);
  return 0;
}

EDDY_TASK_TEST(stream_writer, abort_wakes_reader_closer_and_drainers_without_an_error)
{
  return each_kind(lose_cleanly);
}

static int lose_badly(enum kind kind)
{
  struct stream s;
  char byte;
  size_t got;
  CHECK_OK(lose(kind, &s, false));
  int error = eddy_stream_reader_exception(s.reader);
  CHECK(error == EDDY_EPIPE || error == EDDY_ECONNRESET);
  CHECK_TRACE(error == EDDY_EPIPE
                  ? "read(EPIPE) closed(EPIPE) drain(EPIPE) drain(EPIPE)"
                  : "read(ECONNRESET) closed(ECONNRESET) drain(ECONNRESET) "
                    "drain(ECONNRESET)");
  for (int i = 0; i < 2; i++) {
    CHECK_CODE(eddy_stream_reader_read(s.reader, &byte, 1, &got), error);
    CHECK_CODE(eddy_stream_writer_drain(s.writer), error);
    CHECK_CODE(eddy_stream_writer_wait_closed(s.writer), error);
    CHECK_CONTAINS(eddy_message(error), "connection");
  }
  return 0;
}

EDDY_TASK_TEST(stream_writer, broken_connection_tells_all_who_wait_and_all_who_come_later)
{
  return each_kind(lose_badly);
}

/* ---- closing ---- */

static int close_and_wait(enum kind kind)
{
  struct stream s;
  struct reading *call;
  char byte;
  size_t got;
  CHECK_OK(stream_and_socket(64, &s));
  CHECK_OK(writing_start(kind, CLOSED, s.writer, &call));
  CHECK_OK(settle());
  CHECK_CODE(call->rc, EDDY_PENDING);
  CHECK(!eddy_stream_writer_is_closing(s.writer));
  eddy_stream_writer_close(s.writer);
  eddy_stream_writer_close(s.writer);
  CHECK(eddy_stream_writer_is_closing(s.writer));
  CHECK_OK(reading_join(call));
  CHECK_OK(eddy_stream_writer_wait_closed(s.writer));
  CHECK_OK(eddy_sock_recv(s.other, &byte, 1, &got));
  CHECK_EQ(got, 0);
  return 0;
}

EDDY_TASK_TEST(stream_writer, wait_closed_returns_when_the_connection_is_lost)
{
  return each_kind(close_and_wait);
}

static int cancel_wait_closed(enum kind kind)
{
  struct stream s;
  struct reading *call;
  CHECK_OK(stream_and_socket(64, &s));
  CHECK_OK(writing_start(kind, CLOSED, s.writer, &call));
  CHECK(eddy_task_cancel(call->task, NULL));
  CHECK_CODE(reading_join(call), EDDY_ECANCELLED);
  eddy_stream_writer_close(s.writer);
  return eddy_stream_writer_wait_closed(s.writer);
}

EDDY_TASK_TEST(stream_writer, cancelled_wait_closed_leaves_the_others_alone)
{
  return each_kind(cancel_wait_closed);
}

EDDY_TASK_TEST(stream_writer, unread_data_can_be_read_after_the_close)
{
  struct stream s;
  const char *data;
  size_t size;
  CHECK_OK(stream_and_socket(64, &s));
  CHECK_OK(eddy_sock_sendall(s.other, "abc", 3));
  CHECK_OK(look_around());
  CHECK_EQ(eddy_stream_reader_buffered(s.reader), 3);
  eddy_stream_writer_close(s.writer);
  CHECK_OK(eddy_stream_writer_wait_closed(s.writer));
  CHECK_OK(eddy_stream_reader_readall(s.reader, &data, &size));
  CHECK_BYTES(data, size, "abc");
  CHECK(eddy_stream_reader_at_eof(s.reader));
  return 0;
}

static int drain_after_close(enum kind kind)
{
  struct stream s;
  struct reading *call;
  CHECK_OK(stream_and_socket(64, &s));
  eddy_stream_writer_close(s.writer);
  CHECK_OK(eddy_stream_writer_write(s.writer, "x", 1));
  CHECK_OK(writing_start(kind, DRAIN, s.writer, &call));
  CHECK_CODE(reading_join(call), EDDY_ECONNRESET);
  CHECK_EQ(eddy_task_steps(call->task), 2); /* it has let the loss come */
  return 0;
}

EDDY_TASK_TEST(stream_writer, drain_of_a_closing_one_yields_once_and_sees_the_loss)
{
  return each_kind(drain_after_close);
}

EDDY_TASK_TEST(stream_writer, drain_gives_the_error_of_the_reader)
{
  struct stream s;
  CHECK_OK(stream_and_socket(64, &s));
  eddy_stream_reader_set_exception(s.reader, eddy_raise(EDDY_EPERM, "enough"));
  CHECK_CODE(eddy_stream_writer_drain(s.writer), EDDY_EPERM);
  CHECK_STR(eddy_message(EDDY_EPERM), "enough");
  return 0;
}

EDDY_TASK_TEST(stream_writer, drain_without_a_pause_does_not_suspend)
{
  struct stream s;
  CHECK_OK(stream_and_socket(64, &s));
  uint64_t steps = eddy_task_steps(eddy_current_task());
  CHECK_OK(eddy_stream_writer_write(s.writer, "x", 1));
  CHECK_OK(eddy_stream_writer_drain(s.writer));
  CHECK_EQ(eddy_task_steps(eddy_current_task()), steps);
  return 0;
}

EDDY_TASK_TEST(stream_writer, end_of_input_may_come_while_it_is_closing)
{
  struct stream s;
  CHECK_OK(stream_and_socket(64, &s));
  CHECK_OK(overfill(&s));
  CHECK_OK(eddy_sock_shutdown(s.other, EDDY_SHUTDOWN_WRITE));
  eddy_stream_writer_close(s.writer);
  CHECK_OK(eddy_sleep(0));
  CHECK_OK(empty(&s));
  CHECK_OK(eddy_stream_writer_wait_closed(s.writer));
  return 0;
}
