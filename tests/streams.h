/* Calls on streams made by tasks of either kind of coroutine, and streams to make them on. */
#ifndef EDDY_TEST_STREAMS_H
#define EDDY_TEST_STREAMS_H

#include "transports.h"

#define CHECK_BYTES(data, size, text)                                                    \
  do {                                                                                   \
    CHECK_EQ(size, strlen(text));                                                        \
    CHECK_MEM(data, text, strlen(text));                                                 \
  } while (0)

enum stream_call { READ, EXACTLY, LINE, UNTIL, UNTIL_ANY, ALL, DRAIN, CLOSED };

/* One call in a task of its own; rc is EDDY_PENDING until it has an answer. */
struct reading {
  eddy_frame frame; /* first */
  enum stream_call what;
  eddy_stream_reader *reader;
  eddy_stream_writer *writer;
  eddy_buffer separators[3];
  size_t separator_count;
  char *buffer; /* READ, EXACTLY: where to */
  size_t room;
  const char *data; /* what was read, by all of them */
  size_t size;
  int rc;
  char message[160];
  eddy_task *task;
};

static inline int reading_make(struct reading *call)
{
  switch (call->what) {
  case READ:
    return eddy_stream_reader_read(call->reader, call->buffer, call->room, &call->size);
  case EXACTLY:
    return eddy_stream_reader_readexactly(
        call->reader, call->buffer, call->room, &call->size);
  case LINE:
    return eddy_stream_reader_readline(call->reader, &call->data, &call->size);
  case UNTIL:
    return eddy_stream_reader_readuntil(call->reader, call->separators[0].data,
        call->separators[0].size, &call->data, &call->size);
  case UNTIL_ANY:
    return eddy_stream_reader_readuntil_any(
        call->reader, call->separators, call->separator_count, &call->data, &call->size);
  case ALL:
    return eddy_stream_reader_readall(call->reader, &call->data, &call->size);
  case DRAIN:
    return eddy_stream_writer_drain(call->writer);
  default:
    return eddy_stream_writer_wait_closed(call->writer);
  }
}

static inline int reading_ended(struct reading *call, int rc)
{
  call->rc = rc;
  snprintf(call->message, sizeof call->message, "%s", rc < 0 ? eddy_message(rc) : "");
  return rc == EDDY_ECANCELLED ? rc : 0;
}

static inline int reading_body(void *arg)
{
  struct reading *call = arg;
  return reading_ended(call, reading_make(call));
}

static inline int reading_frame(eddy_frame *frame)
{
  struct reading *call = (struct reading *)frame;
  int rc;
  EDDY_BEGIN(frame);
  EDDY_AWAIT(frame, rc, reading_make(call));
  rc = reading_ended(call, rc);
  if (rc < 0) EDDY_RAISE(frame, rc);
  EDDY_END(frame);
}

/* Starts a call; it has begun when this returns. room: of READ and EXACTLY. */
static inline int reading_start(enum kind kind, enum stream_call what,
    eddy_stream_reader *reader, size_t room, const char *separator, struct reading **out)
{
  struct reading *call = test_new(sizeof *call);
  call->what = what;
  call->reader = reader;
  call->buffer = test_new(room + 1);
  call->data = call->buffer;
  call->room = room;
  if (separator != NULL) {
    call->separators[0] = (eddy_buffer){separator, strlen(separator)};
    call->separator_count = 1;
  }
  call->rc = EDDY_PENDING;
  *out = call;
  CHECK_OK(start_kind(kind, reading_body, reading_frame, &call->frame, &call->task));
  return eddy_sleep(0);
}

/* A call on the writer. */
static inline int writing_start(enum kind kind, enum stream_call what,
    eddy_stream_writer *writer, struct reading **out)
{
  struct reading *call = test_new(sizeof *call);
  call->what = what;
  call->writer = writer;
  call->rc = EDDY_PENDING;
  *out = call;
  CHECK_OK(start_kind(kind, reading_body, reading_frame, &call->frame, &call->task));
  return eddy_sleep(0);
}

/* Waits for the call, and gives its code. */
static inline int reading_join(struct reading *call)
{
  int rc = eddy_task_await(call->task, NULL);
  return rc < 0 && rc != call->rc ? rc : call->rc;
}

/* ---- streams ---- */

static inline void unref_reader(void *reader)
{
  eddy_stream_reader_unref(reader);
}

static inline void unref_writer(void *writer)
{
  eddy_stream_writer_unref(writer);
}

/* A reader that is fed by the test. */
static inline int new_reader(size_t limit, eddy_stream_reader **out)
{
  CHECK_OK(eddy_stream_reader_new(limit, out));
  test_defer_late(unref_reader, *out);
  return 0;
}

static inline int feed(eddy_stream_reader *reader, const char *text)
{
  return eddy_stream_reader_feed_data(reader, text, strlen(text));
}

/* A stream; its end is the test's, and both are closed when that is over. */
struct stream {
  eddy_stream_reader *reader;
  eddy_stream_writer *writer;
  int other; /* a plain socket at the other end */
};

/* Puts a stream on a connected socket, which is taken over. */
static inline int attach_stream(int fd, size_t limit, struct stream *out)
{
  eddy_transport *transport;
  CHECK_OK(new_reader(limit, &out->reader));
  int rc = eddy_loop_connect_accepted_socket(
      NULL, eddy_stream_protocol, out->reader, fd, NULL, &transport, NULL);
  test_fd_closed(fd);
  if (rc < 0) {
    (void)eddy_sock_close(fd);
    return rc;
  }
  rc = eddy_stream_writer_new(transport, &out->writer);
  eddy_transport_unref(transport);
  CHECK_OK(rc);
  test_defer(unref_writer, out->writer);
  return 0;
}

static inline int stream_and_socket(size_t limit, struct stream *out)
{
  int fds[2];
  CHECK_OK(test_pair(fds));
  CHECK_OK(attach_stream(fds[0], limit, out));
  out->other = fds[1];
  return 0;
}

#endif
