/* Readers that the test feeds: read, readexactly, readall, the end and errors. */
#include "streams.h"

EDDY_TASK_TEST(stream_reader, limit_must_be_above_zero)
{
  eddy_stream_reader *reader = NULL;
  CHECK_CODE(eddy_stream_reader_new(0, &reader), EDDY_EINVAL);
  CHECK_CONTAINS(eddy_message(EDDY_EINVAL), "limit");
  CHECK_PTR(reader, NULL);
  CHECK_CODE(eddy_stream_reader_new(1, NULL), EDDY_EINVAL);
  eddy_stream_reader_unref(NULL);
  return 0;
}

EDDY_TASK_TEST(stream_reader, data_fed_is_buffered_and_empty_data_changes_nothing)
{
  eddy_stream_reader *reader;
  char bytes[8];
  size_t got;
  CHECK_OK(new_reader(64, &reader));
  CHECK_OK(eddy_stream_reader_feed_data(reader, NULL, 0));
  CHECK_EQ(eddy_stream_reader_buffered(reader), 0);
  CHECK_OK(feed(reader, "abc"));
  CHECK_OK(feed(reader, ""));
  CHECK_OK(feed(reader, "de"));
  CHECK_EQ(eddy_stream_reader_buffered(reader), 5);
  CHECK_OK(eddy_stream_reader_read(reader, bytes, 8, &got));
  CHECK_BYTES(bytes, got, "abcde");
  CHECK_EQ(eddy_stream_reader_buffered(reader), 0);
  return 0;
}

EDDY_TASK_TEST(stream_reader, reads_of_nothing_return_at_once)
{
  eddy_stream_reader *reader;
  char byte;
  size_t got = 7;
  CHECK_OK(new_reader(64, &reader));
  CHECK_OK(eddy_stream_reader_read(reader, NULL, 0, &got));
  CHECK_EQ(got, 0);
  got = 7;
  CHECK_OK(eddy_stream_reader_readexactly(reader, &byte, 0, &got));
  CHECK_EQ(got, 0);
  CHECK_OK(feed(reader, "abc"));
  CHECK_OK(eddy_stream_reader_read(reader, NULL, 0, &got));
  CHECK_EQ(eddy_stream_reader_buffered(reader), 3);
  return 0;
}

static int wait_in_read(enum kind kind)
{
  eddy_stream_reader *reader;
  struct reading *call;
  char bytes[8];
  size_t got;
  CHECK_OK(new_reader(64, &reader));
  CHECK_OK(reading_start(kind, READ, reader, 3, NULL, &call));
  CHECK_CODE(call->rc, EDDY_PENDING);
  CHECK_OK(feed(reader, "abcde"));
  CHECK_CODE(call->rc, EDDY_PENDING);
  CHECK_OK(eddy_sleep(0));
  CHECK_OK(call->rc);
  CHECK_BYTES(call->data, call->size, "abc");
  CHECK_OK(reading_join(call));
  CHECK_OK(eddy_stream_reader_read(reader, bytes, 8, &got));
  CHECK_BYTES(bytes, got, "de");
  return 0;
}

EDDY_TASK_TEST(stream_reader, read_waits_for_any_byte_and_gives_at_most_what_was_asked)
{
  return each_kind(wait_in_read);
}

static int read_the_end(enum kind kind)
{
  eddy_stream_reader *reader;
  struct reading *call;
  char byte;
  size_t got = 7;
  CHECK_OK(new_reader(64, &reader));
  CHECK_OK(reading_start(kind, READ, reader, 3, NULL, &call));
  eddy_stream_reader_feed_eof(reader);
  CHECK_OK(reading_join(call));
  CHECK_EQ(call->size, 0);
  CHECK_OK(eddy_stream_reader_read(reader, &byte, 1, &got));
  CHECK_EQ(got, 0);
  CHECK_CODE(feed(reader, "late"), EDDY_ERUNTIME);
  CHECK_CONTAINS(eddy_message(EDDY_ERUNTIME), "after feed_eof");
  return 0;
}

EDDY_TASK_TEST(stream_reader, read_gives_nothing_at_the_end)
{
  return each_kind(read_the_end);
}

EDDY_TASK_TEST(stream_reader, at_eof_when_the_end_was_fed_and_the_buffer_is_empty)
{
  eddy_stream_reader *reader;
  const char *line;
  size_t size;
  CHECK_OK(new_reader(64, &reader));
  CHECK(!eddy_stream_reader_at_eof(reader));
  CHECK_OK(feed(reader, "some data\n"));
  CHECK(!eddy_stream_reader_at_eof(reader));
  CHECK_OK(eddy_stream_reader_readline(reader, &line, &size));
  CHECK(!eddy_stream_reader_at_eof(reader));
  CHECK_OK(feed(reader, "some data\n"));
  eddy_stream_reader_feed_eof(reader);
  CHECK(!eddy_stream_reader_at_eof(reader));
  CHECK_OK(eddy_stream_reader_readline(reader, &line, &size));
  CHECK(eddy_stream_reader_at_eof(reader));
  return 0;
}

static int read_exactly(enum kind kind)
{
  eddy_stream_reader *reader;
  struct reading *call;
  CHECK_OK(new_reader(3, &reader)); /* the limit does not count */
  CHECK_OK(reading_start(kind, EXACTLY, reader, 10, NULL, &call));
  for (int i = 0; i < 3; i++) {
    CHECK_CODE(call->rc, EDDY_PENDING);
    CHECK_OK(feed(reader, "abcd"));
    CHECK_OK(eddy_sleep(0));
  }
  CHECK_OK(reading_join(call));
  CHECK_BYTES(call->data, call->size, "abcdabcdab");
  CHECK_EQ(eddy_stream_reader_buffered(reader), 2);
  return 0;
}

EDDY_TASK_TEST(stream_reader, readexactly_waits_for_all_whatever_the_limit)
{
  return each_kind(read_exactly);
}

static int end_too_early(enum kind kind)
{
  eddy_stream_reader *reader;
  struct reading *call;
  CHECK_OK(new_reader(64, &reader));
  CHECK_OK(reading_start(kind, EXACTLY, reader, 10, NULL, &call));
  CHECK_OK(feed(reader, "abcd"));
  eddy_stream_reader_feed_eof(reader);
  CHECK_CODE(reading_join(call), EDDY_EINCOMPLETEREAD);
  CHECK_BYTES(call->data, call->size, "abcd");
  CHECK_STR(call->message, "readexactly: the stream ended after 4 of 10 bytes");
  CHECK(eddy_stream_reader_at_eof(reader));
  return 0;
}

EDDY_TASK_TEST(stream_reader, readexactly_gives_the_partial_bytes_at_the_end)
{
  return each_kind(end_too_early);
}

static int read_it_all(enum kind kind)
{
  eddy_stream_reader *reader;
  struct reading *call;
  size_t total = 0;
  static char block[1000];
  for (size_t i = 0; i < sizeof block; i++)
    block[i] = (char)byte_at(i);
  CHECK_OK(new_reader(10, &reader));
  CHECK_OK(feed(reader, "first"));
  CHECK_OK(reading_start(kind, ALL, reader, 0, NULL, &call));
  for (int i = 0; i < 100; i++) {
    CHECK_OK(eddy_stream_reader_feed_data(reader, block, sizeof block));
    total += sizeof block;
    if (i % 10 == 0) CHECK_OK(eddy_sleep(0));
    CHECK_CODE(call->rc, EDDY_PENDING);
  }
  eddy_stream_reader_feed_eof(reader);
  CHECK_OK(reading_join(call));
  CHECK_EQ(call->size, total + 5);
  CHECK_MEM(call->data, "first", 5);
  for (int i = 0; i < 100; i++)
    CHECK_MEM(call->data + 5 + 1000 * i, block, sizeof block);
  CHECK_OK(eddy_stream_reader_readall(reader, &call->data, &call->size));
  CHECK_EQ(call->size, 0);
  CHECK(call->data != NULL);
  return 0;
}

EDDY_TASK_TEST(stream_reader, readall_gives_everything_to_the_end_whatever_the_limit)
{
  return each_kind(read_it_all);
}

/* ---- errors ---- */

EDDY_TASK_TEST(stream_reader, stored_error_comes_before_buffered_data)
{
  eddy_stream_reader *reader;
  char bytes[8];
  const char *data;
  size_t got = 7;
  CHECK_OK(new_reader(64, &reader));
  CHECK_EQ(eddy_stream_reader_exception(reader), 0);
  CHECK_OK(feed(reader, "line\n"));
  CHECK_OK(eddy_stream_reader_read(reader, bytes, 2, &got));
  eddy_stream_reader_set_exception(reader, eddy_raise(EDDY_EPERM, "not any more"));
  CHECK_EQ(eddy_stream_reader_exception(reader), EDDY_EPERM);
  (void)eddy_raise(EDDY_EPERM, "something else");
  for (int i = 0; i < 2; i++) {
    CHECK_CODE(eddy_stream_reader_read(reader, bytes, 8, &got), EDDY_EPERM);
    CHECK_STR(eddy_message(EDDY_EPERM), "not any more");
    CHECK_CODE(eddy_stream_reader_read(reader, bytes, 0, &got), EDDY_EPERM);
    CHECK_CODE(eddy_stream_reader_readexactly(reader, bytes, 2, NULL), EDDY_EPERM);
    CHECK_CODE(eddy_stream_reader_readline(reader, &data, &got), EDDY_EPERM);
    CHECK_CODE(eddy_stream_reader_readuntil(reader, "i", 1, &data, &got), EDDY_EPERM);
    CHECK_CODE(eddy_stream_reader_readall(reader, &data, &got), EDDY_EPERM);
  }
  CHECK_EQ(got, 2);
  return 0;
}

static int fail_the_waiter(enum kind kind)
{
  for (enum stream_call what = READ; what <= ALL; what++) {
    eddy_stream_reader *reader;
    struct reading *call;
    CHECK_OK(new_reader(64, &reader));
    CHECK_OK(reading_start(kind, what, reader, 4, "ab", &call));
    eddy_stream_reader_set_exception(reader, eddy_raise(EDDY_EPERM, "stop that"));
    CHECK_CODE(reading_join(call), EDDY_EPERM);
    CHECK_STR(call->message, "stop that");
  }
  return 0;
}

EDDY_TASK_TEST(stream_reader, set_exception_fails_the_one_who_waits)
{
  return each_kind(fail_the_waiter);
}

static int cancel_then_fail(enum kind kind)
{
  eddy_stream_reader *reader;
  struct reading *call;
  CHECK_OK(new_reader(64, &reader));
  CHECK_OK(reading_start(kind, LINE, reader, 0, NULL, &call));
  CHECK(eddy_task_cancel(call->task, NULL));
  eddy_stream_reader_set_exception(reader, EDDY_EPERM);
  CHECK_CODE(reading_join(call), EDDY_ECANCELLED);
  CHECK_CODE(eddy_stream_reader_readline(reader, &call->data, &call->size), EDDY_EPERM);
  return 0;
}

EDDY_TASK_TEST(stream_reader, set_exception_after_a_cancellation_leaves_that_alone)
{
  return each_kind(cancel_then_fail);
}

static int second_waiter(enum kind kind)
{
  for (enum stream_call what = READ; what <= ALL; what++) {
    eddy_stream_reader *reader;
    struct reading *first, *second;
    CHECK_OK(new_reader(64, &reader));
    CHECK_OK(reading_start(kind, READ, reader, 4, NULL, &first));
    CHECK_OK(reading_start(kind, what, reader, 4, "ab", &second));
    CHECK_CODE(reading_join(second), EDDY_ERUNTIME);
    CHECK_CONTAINS(second->message, "another task waits for data of this stream");
    CHECK_CODE(first->rc, EDDY_PENDING);
    CHECK_OK(feed(reader, "data"));
    CHECK_OK(reading_join(first));
    CHECK_BYTES(first->data, first->size, "data");
  }
  return 0;
}

EDDY_TASK_TEST(stream_reader, second_task_that_would_wait_is_refused)
{
  return each_kind(second_waiter);
}

/* ---- cancellation ---- */

static int cancel_reads(enum kind kind)
{
  static const char *const fed[] = {"abc", "abc\n"};
  for (int whole = 0; whole < 2; whole++) {
    for (enum stream_call what = READ; what <= ALL; what++) {
      eddy_stream_reader *reader;
      struct reading *call;
      char bytes[8];
      size_t got;
      CHECK_OK(new_reader(64, &reader));
      CHECK_OK(reading_start(kind, what, reader, 4, "\n", &call));
      CHECK_OK(feed(reader, fed[whole])); /* it is woken, and cancelled before it runs */
      CHECK_OK(feed(reader, "x"));
      CHECK(eddy_task_cancel(call->task, NULL));
      CHECK_CODE(reading_join(call), EDDY_ECANCELLED);
      CHECK_OK(eddy_stream_reader_read(reader, bytes, 8, &got));
      CHECK_BYTES(bytes, got, whole ? "abc\nx" : "abcx");
    }
  }
  return 0;
}

EDDY_TASK_TEST(stream_reader, cancelled_read_has_consumed_nothing)
{
  return each_kind(cancel_reads);
}

static int time_out(enum kind kind)
{
  eddy_stream_reader *reader;
  struct reading *call;
  eddy_timeout scope;
  const char *line;
  size_t size;
  (void)kind;
  CHECK_OK(new_reader(64, &reader));
  CHECK_OK(feed(reader, "half "));
  CHECK_OK(eddy_timeout_enter(&scope, EDDY_MS(1)));
  int rc = eddy_stream_reader_readline(reader, &line, &size);
  CHECK_CODE(eddy_timeout_exit(&scope, rc), EDDY_ETIMEDOUT);
  CHECK_OK(reading_start(kind, LINE, reader, 0, NULL, &call));
  CHECK_OK(feed(reader, "a line\n"));
  CHECK_OK(reading_join(call));
  CHECK_BYTES(call->data, call->size, "half a line\n");
  return 0;
}

EDDY_TASK_TEST(stream_reader, line_goes_on_after_a_timeout)
{
  return each_kind(time_out);
}

/* ---- two tasks, views, life ---- */

static int steal_some(enum kind kind)
{
  static const char *const rest[] = {"\n", "4\n", "\nabcdef"};
  for (int i = 0; i < 3; i++) {
    eddy_stream_reader *reader;
    struct reading *call;
    char bytes[8];
    CHECK_OK(new_reader(64, &reader));
    CHECK_OK(reading_start(kind, LINE, reader, 0, NULL, &call));
    CHECK_OK(feed(reader, "123"));
    CHECK_OK(settle());
    CHECK_OK(eddy_stream_reader_readexactly(reader, bytes, 3, NULL));
    CHECK_OK(feed(reader, rest[i]));
    CHECK_OK(settle());
    CHECK_OK(call->rc);
    CHECK_EQ(call->size, i == 1 ? 2 : 1);
    CHECK_OK(reading_join(call));
  }
  return 0;
}

EDDY_TASK_TEST(stream_reader, line_is_found_though_another_task_took_its_beginning)
{
  return each_kind(steal_some);
}

EDDY_TASK_TEST(stream_reader, view_is_not_written_over)
{
  static char block[700];
  eddy_stream_reader *reader;
  const char *line;
  size_t size;
  memset(block, 'x', sizeof block);
  block[699] = '\n';
  CHECK_OK(new_reader(5000, &reader));
  CHECK_OK(eddy_stream_reader_feed_data(reader, block, sizeof block));
  CHECK_OK(feed(reader, "ab"));
  CHECK_OK(eddy_stream_reader_readline(reader, &line, &size));
  CHECK_OK(eddy_stream_reader_feed_data(reader, block, 400));
  CHECK_EQ(size, 700);
  CHECK_MEM(line, block, 700);
  CHECK_OK(eddy_stream_reader_feed_data(reader, block + 400, 300));
  CHECK_MEM(line, block, 700);
  CHECK_OK(eddy_stream_reader_readline(reader, &line, &size));
  CHECK_EQ(size, 702);
  CHECK_MEM(line, "abx", 3);
  CHECK_MEM(line + 2, block, 700);
  return 0;
}

static int steal(enum kind kind)
{
  for (enum stream_call what = EXACTLY; what <= UNTIL; what++) {
    eddy_stream_reader *reader;
    struct reading *call;
    char bytes[8];
    size_t got;
    CHECK_OK(new_reader(64, &reader));
    CHECK_OK(reading_start(kind, what, reader, 4, "\n", &call));
    CHECK_OK(feed(reader, "123"));
    CHECK_OK(settle());
    CHECK_OK(eddy_stream_reader_read(reader, bytes, 8, &got));
    CHECK_BYTES(bytes, got, "123");
    CHECK_OK(feed(reader, "456\n"));
    CHECK_OK(reading_join(call));
    CHECK_BYTES(call->data, call->size, "456\n");
  }
  return 0;
}

EDDY_TASK_TEST(stream_reader, what_another_task_takes_meanwhile_is_waited_for_anew)
{
  return each_kind(steal);
}

EDDY_TASK_TEST(stream_reader, view_stays_until_the_next_read_whatever_comes_in)
{
  static char block[5000];
  eddy_stream_reader *reader;
  const char *line, *next;
  char *copy = test_new(6000);
  size_t size, got;
  memset(block, 'x', sizeof block);
  CHECK_OK(new_reader(64, &reader));
  CHECK_OK(feed(reader, "one\ntwo\nthree"));
  CHECK_OK(eddy_stream_reader_readline(reader, &line, &size));
  for (int i = 0; i < 40; i++)
    CHECK_OK(eddy_stream_reader_feed_data(reader, block, sizeof block));
  CHECK_BYTES(line, size, "one\n");
  CHECK_OK(eddy_stream_reader_readline(reader, &next, &size));
  CHECK_BYTES(next, size, "two\n");
  CHECK_OK(eddy_stream_reader_readexactly(reader, copy, 6, NULL));
  CHECK_MEM(copy, "threex", 6);
  for (int i = 0; i < 39; i++)
    CHECK_OK(eddy_stream_reader_readexactly(reader, copy, sizeof block, &got));
  CHECK_MEM(copy, block, sizeof block);
  CHECK_EQ(eddy_stream_reader_buffered(reader), sizeof block - 1);
  return 0;
}

static int drop_while_read(enum kind kind)
{
  for (enum stream_call what = READ; what <= ALL; what++) {
    eddy_stream_reader *reader;
    struct reading *call;
    CHECK_OK(eddy_stream_reader_new(64, &reader));
    int rc = reading_start(kind, what, reader, 4, "ab", &call);
    eddy_stream_reader_feed_eof(reader);
    eddy_stream_reader_unref(reader); /* the call keeps it */
    CHECK_OK(rc);
    rc = reading_join(call);
    CHECK(rc == 0 || rc == EDDY_EINCOMPLETEREAD);
    CHECK_EQ(call->size, 0);
  }
  return 0;
}

EDDY_TASK_TEST(stream_reader, call_keeps_the_reader)
{
  return each_kind(drop_while_read);
}

EDDY_TASK_TEST(stream_reader, bad_arguments_are_refused)
{
  eddy_stream_reader *reader;
  const char *data;
  char byte;
  size_t size;
  CHECK_OK(new_reader(64, &reader));
  CHECK_CODE(eddy_stream_reader_read(NULL, &byte, 1, &size), EDDY_EINVAL);
  CHECK_CODE(eddy_stream_reader_read(reader, NULL, 1, &size), EDDY_EINVAL);
  CHECK_CODE(eddy_stream_reader_read(reader, &byte, 1, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_stream_reader_readexactly(reader, NULL, 1, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_stream_reader_readexactly(NULL, &byte, 1, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_stream_reader_readline(reader, NULL, &size), EDDY_EINVAL);
  CHECK_CODE(eddy_stream_reader_readline(NULL, &data, &size), EDDY_EINVAL);
  CHECK_CODE(eddy_stream_reader_readall(reader, &data, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_stream_reader_readuntil(reader, "", 0, &data, &size), EDDY_EINVAL);
  CHECK_CONTAINS(eddy_message(EDDY_EINVAL), "must not be empty");
  CHECK_CODE(eddy_stream_reader_readuntil(reader, NULL, 1, &data, &size), EDDY_EINVAL);
  CHECK_CODE(
      eddy_stream_reader_readuntil_any(reader, &(eddy_buffer){"a", 1}, 0, &data, &size),
      EDDY_EINVAL);
  CHECK_CONTAINS(eddy_message(EDDY_EINVAL), "there must be a separator");
  CHECK_CODE(
      eddy_stream_reader_readuntil_any(reader, NULL, 1, &data, &size), EDDY_EINVAL);
  CHECK_CODE(eddy_stream_reader_feed_data(reader, NULL, 1), EDDY_EINVAL);
  CHECK_CODE(eddy_stream_reader_feed_data(NULL, "a", 1), EDDY_EINVAL);
  CHECK_CODE(eddy_stream_reader_set_transport(reader, NULL), EDDY_EINVAL);
  eddy_stream_reader_set_exception(reader, 0);
  CHECK_EQ(eddy_stream_reader_exception(reader), 0);
  return 0;
}

EDDY_TEST(stream_reader, reads_are_for_tasks)
{
  eddy_stream_reader *reader;
  char byte;
  size_t got;
  CHECK_OK(new_reader(64, &reader));
  CHECK_CODE(eddy_stream_reader_read(reader, &byte, 1, &got), EDDY_ENOTASK);
  return 0;
}
