/* readline and readuntil, on readers that the test feeds. */
#include "streams.h"

static int line_in_pieces(enum kind kind)
{
  eddy_stream_reader *reader;
  struct reading *call;
  CHECK_OK(new_reader(64, &reader));
  CHECK_OK(feed(reader, "chunk1 "));
  CHECK_OK(reading_start(kind, LINE, reader, 0, NULL, &call));
  CHECK_OK(feed(reader, "chunk2 "));
  CHECK_OK(eddy_sleep(0));
  CHECK_OK(feed(reader, "chunk3 "));
  CHECK_OK(feed(reader, "\n chunk4"));
  CHECK_OK(reading_join(call));
  CHECK_BYTES(call->data, call->size, "chunk1 chunk2 chunk3 \n");
  CHECK_EQ(eddy_stream_reader_buffered(reader), 7);
  return 0;
}

EDDY_TASK_TEST(stream_reader, readline_gives_a_line_that_came_in_pieces)
{
  return each_kind(line_in_pieces);
}

EDDY_TASK_TEST(stream_reader, lines_come_one_by_one_without_waiting)
{
  static const char *const lines[] = {"one\n", "\n", "a\r\n", "the rest", ""};
  eddy_stream_reader *reader;
  const char *line;
  char bytes[4];
  size_t size;
  CHECK_OK(new_reader(64, &reader));
  CHECK_OK(feed(reader, "one\n\na\r\nthe rest"));
  eddy_stream_reader_feed_eof(reader);
  uint64_t steps = eddy_task_steps(eddy_current_task());
  for (int i = 0; i < 5; i++) {
    CHECK_OK(eddy_stream_reader_readline(reader, &line, &size));
    CHECK_BYTES(line, size, lines[i]);
  }
  CHECK_EQ(eddy_task_steps(eddy_current_task()), steps);
  CHECK_OK(eddy_stream_reader_read(reader, bytes, 4, &size));
  CHECK_EQ(size, 0);
  return 0;
}

EDDY_TASK_TEST(stream_reader, line_of_exactly_the_limit_is_no_overrun)
{
  eddy_stream_reader *reader;
  const char *line;
  size_t size;
  CHECK_OK(new_reader(4, &reader));
  CHECK_OK(feed(reader, "1234\n12345\nabc\n"));
  CHECK_OK(eddy_stream_reader_readline(reader, &line, &size));
  CHECK_BYTES(line, size, "1234\n");
  CHECK_CODE(eddy_stream_reader_readline(reader, &line, &size), EDDY_ELIMITOVERRUN);
  CHECK_CONTAINS(eddy_message(EDDY_ELIMITOVERRUN), "more than the limit of 4: dropped");
  CHECK_OK(eddy_stream_reader_readline(reader, &line, &size));
  CHECK_BYTES(line, size, "abc\n");
  return 0;
}

static int long_line(enum kind kind)
{
  eddy_stream_reader *reader;
  struct reading *call;
  CHECK_OK(new_reader(7, &reader));
  CHECK_OK(reading_start(kind, LINE, reader, 0, NULL, &call));
  CHECK_OK(feed(reader, "li"));
  CHECK_OK(feed(reader, "ne1"));
  CHECK_OK(feed(reader, "li"));
  CHECK_OK(eddy_sleep(0));
  CHECK_CODE(call->rc, EDDY_PENDING); /* 7 bytes: the end of the line may follow */
  CHECK_OK(feed(reader, "n"));
  CHECK_CODE(reading_join(call), EDDY_ELIMITOVERRUN);
  CHECK_EQ(eddy_stream_reader_buffered(reader), 0); /* all that there was is dropped */
  CHECK_OK(feed(reader, "e2\nline3\n"));
  CHECK_OK(eddy_stream_reader_readline(reader, &call->data, &call->size));
  CHECK_BYTES(call->data, call->size, "e2\n");
  CHECK_OK(eddy_stream_reader_readline(reader, &call->data, &call->size));
  CHECK_BYTES(call->data, call->size, "line3\n");
  return 0;
}

EDDY_TASK_TEST(stream_reader, line_that_is_too_long_is_dropped)
{
  return each_kind(long_line);
}

EDDY_TASK_TEST(stream_reader, rest_of_a_read_is_a_line)
{
  eddy_stream_reader *reader;
  const char *line;
  char bytes[5];
  size_t size;
  CHECK_OK(new_reader(64, &reader));
  CHECK_OK(feed(reader, "line1\nline2\nline3\n"));
  CHECK_OK(eddy_stream_reader_readline(reader, &line, &size));
  CHECK_OK(eddy_stream_reader_read(reader, bytes, 5, &size));
  CHECK_BYTES(bytes, size, "line2");
  CHECK_OK(eddy_stream_reader_readline(reader, &line, &size));
  CHECK_BYTES(line, size, "\n");
  return 0;
}

/* ---- readuntil ---- */

static int until(eddy_stream_reader *reader, const char *separator, const char *expected)
{
  const char *data;
  size_t size;
  CHECK_OK(
      eddy_stream_reader_readuntil(reader, separator, strlen(separator), &data, &size));
  CHECK_BYTES(data, size, expected);
  return 0;
}

EDDY_TASK_TEST(stream_reader, readuntil_gives_the_separator_too)
{
  eddy_stream_reader *reader;
  CHECK_OK(new_reader(64, &reader));
  CHECK_OK(feed(reader, "some dataAAtailA"));
  CHECK_OK(until(reader, "AA", "some dataAA"));
  CHECK_OK(until(reader, "A", "tailA"));
  CHECK_OK(feed(reader, "aaab"));
  CHECK_OK(until(reader, "aab", "aaab"));
  return 0;
}

static int pieces(enum kind kind)
{
  static const char *const fed[] = {"QWERTYUIOP", "sep", "AA", "aBcDE", "tail"};
  eddy_stream_reader *reader;
  struct reading *call;
  CHECK_OK(new_reader(64, &reader));
  CHECK_OK(reading_start(kind, UNTIL, reader, 0, "AAaBcDE", &call));
  for (int i = 0; i < 5; i++) {
    CHECK_CODE(call->rc, i < 4 ? EDDY_PENDING : 0);
    CHECK_OK(feed(reader, fed[i]));
    CHECK_OK(eddy_sleep(0));
  }
  CHECK_OK(reading_join(call));
  CHECK_BYTES(call->data, call->size, "QWERTYUIOPsepAAaBcDE");
  CHECK_OK(until(reader, "l", "tail"));
  return 0;
}

EDDY_TASK_TEST(stream_reader, separator_may_come_in_pieces)
{
  return each_kind(pieces);
}

static int byte_by_byte(enum kind kind)
{
  static const char text[] = "aabaabaaabbaab";
  eddy_stream_reader *reader;
  struct reading *call;
  CHECK_OK(new_reader(64, &reader));
  CHECK_OK(reading_start(kind, UNTIL, reader, 0, "aabb", &call));
  for (size_t i = 0; i < strlen(text); i++) {
    CHECK_OK(eddy_stream_reader_feed_data(reader, text + i, 1));
    CHECK_OK(eddy_sleep(0));
    CHECK_CODE(call->rc, i < 10 ? EDDY_PENDING : 0);
  }
  CHECK_BYTES(call->data, call->size, "aabaabaaabb");
  return reading_join(call);
}

EDDY_TASK_TEST(stream_reader, separator_is_found_byte_by_byte)
{
  return each_kind(byte_by_byte);
}

static int incomplete(enum kind kind)
{
  eddy_stream_reader *reader;
  struct reading *call;
  CHECK_OK(new_reader(64, &reader));
  CHECK_OK(reading_start(kind, UNTIL, reader, 0, "AAA", &call));
  CHECK_OK(feed(reader, "some dataAA"));
  eddy_stream_reader_feed_eof(reader);
  CHECK_CODE(reading_join(call), EDDY_EINCOMPLETEREAD);
  CHECK_BYTES(call->data, call->size, "some dataAA");
  CHECK_STR(
      call->message, "readuntil: the stream ended after 11 bytes without the separator");
  CHECK(eddy_stream_reader_at_eof(reader));
  CHECK_CODE(eddy_stream_reader_readuntil(reader, "A", 1, &call->data, &call->size),
      EDDY_EINCOMPLETEREAD);
  CHECK_EQ(call->size, 0);
  return 0;
}

EDDY_TASK_TEST(stream_reader, readuntil_gives_the_partial_bytes_at_the_end)
{
  return each_kind(incomplete);
}

EDDY_TASK_TEST(
    stream_reader, separator_beyond_the_limit_is_an_overrun_that_keeps_the_data)
{
  eddy_stream_reader *reader;
  const char *data;
  char bytes[16];
  size_t size;
  CHECK_OK(new_reader(3, &reader));
  CHECK_OK(feed(reader, "some dataAA"));
  CHECK_CODE(
      eddy_stream_reader_readuntil(reader, "AA", 2, &data, &size), EDDY_ELIMITOVERRUN);
  CHECK_BYTES(data, size, "some data");
  CHECK_EQ(eddy_stream_reader_buffered(reader), 11);
  CHECK_OK(eddy_stream_reader_readexactly(reader, bytes, size, NULL));
  CHECK_OK(until(reader, "AA", "AA"));
  /* No separator: all but what may be the beginning of one. */
  CHECK_OK(feed(reader, "some dataA"));
  CHECK_CODE(
      eddy_stream_reader_readuntil(reader, "AA", 2, &data, &size), EDDY_ELIMITOVERRUN);
  CHECK_BYTES(data, size, "some data");
  CHECK_STR(eddy_message(EDDY_ELIMITOVERRUN),
      "readuntil: 9 bytes without a separator, more than the limit of 3");
  CHECK_EQ(eddy_stream_reader_buffered(reader), 10);
  CHECK_OK(eddy_stream_reader_readexactly(reader, bytes, size, NULL));
  /* It may begin at the limit. */
  CHECK_OK(feed(reader, "AAAbcdAA"));
  CHECK_OK(until(reader, "AA", "AA"));
  CHECK_OK(until(reader, "AA", "AA"));
  CHECK_OK(until(reader, "AA", "bcdAA"));
  return 0;
}

static int any(eddy_stream_reader *reader, const char *a, const char *b,
    const char **data, size_t *size)
{
  eddy_buffer separators[2] = {{a, strlen(a)}, {b, strlen(b)}};
  return eddy_stream_reader_readuntil_any(reader, separators, 2, data, size);
}

static int any_is(
    eddy_stream_reader *reader, const char *a, const char *b, const char *expected)
{
  const char *data;
  size_t size;
  CHECK_OK(any(reader, a, b, &data, &size));
  CHECK_BYTES(data, size, expected);
  return 0;
}

EDDY_TASK_TEST(stream_reader, of_several_separators_the_one_that_ends_first_counts)
{
  eddy_stream_reader *reader;
  CHECK_OK(new_reader(64, &reader));
  CHECK_OK(feed(reader, "line 1\nline 2\r"));
  CHECK_OK(any_is(reader, "\r", "\n", "line 1\n"));
  CHECK_OK(any_is(reader, "\r", "\n", "line 2\r"));
  /* The longer one begins earlier, but ends later. */
  CHECK_OK(feed(reader, "ABCDEFG"));
  CHECK_OK(any_is(reader, "DEF", "BCDE", "ABCDE"));
  CHECK_OK(any_is(reader, "FG", "G", "FG"));
  return 0;
}

EDDY_TASK_TEST(stream_reader, of_several_separators_the_shortest_measures_the_limit)
{
  eddy_stream_reader *reader;
  const char *data;
  size_t size;
  CHECK_OK(new_reader(3, &reader));
  CHECK_OK(feed(reader, "some dataA"));
  CHECK_CODE(any(reader, "A", "ome dataA", &data, &size), EDDY_ELIMITOVERRUN);
  CHECK_BYTES(data, size, "some data");
  return 0;
}

static int long_and_short(enum kind kind)
{
  eddy_stream_reader *reader;
  struct reading *call;
  CHECK_OK(new_reader(64, &reader));
  CHECK_OK(reading_start(kind, READ, reader, 0, NULL, &call));
  CHECK_OK(reading_join(call));
  call->what = UNTIL_ANY;
  call->separators[0] = (eddy_buffer){"A", 1};
  call->separators[1] = (eddy_buffer){"long sep", 8};
  call->separator_count = 2;
  call->rc = EDDY_PENDING;
  CHECK_OK(feed(reader, "data"));
  CHECK_OK(start_kind(kind, reading_body, reading_frame, &call->frame, &call->task));
  CHECK_OK(eddy_sleep(0));
  CHECK_OK(feed(reader, " long se"));
  CHECK_OK(eddy_sleep(0));
  CHECK_CODE(call->rc, EDDY_PENDING);
  CHECK_OK(feed(reader, "pA"));
  CHECK_OK(reading_join(call));
  CHECK_BYTES(call->data, call->size, "data long sep");
  return 0;
}

EDDY_TASK_TEST(stream_reader, shorter_data_than_the_longest_separator_is_no_trap)
{
  return each_kind(long_and_short);
}
