#include "io/stream.h"

#include <stdio.h>
#include <string.h>

#include "io/net.h"
#include "sync/line.h"

#include "base/alloc.h"
#include "base/outcome.h"

/* ---- life ---- */

int eddy_stream_reader_new(size_t limit, eddy_stream_reader **out)
{
  if (out == NULL) return EDDY_EINVAL;
  if (limit == 0) {
    return eddy_raise(EDDY_EINVAL, "stream_reader_new: the limit must be above 0");
  }
  eddy_stream_reader *reader = eddy__alloc(sizeof(*reader));
  if (reader == NULL) return EDDY_ENOMEM;
  reader->refs = 1;
  reader->holds = 1;
  reader->limit = limit;
  eddy__list_init(&reader->drainers);
  eddy__list_init(&reader->closers);
  *out = reader;
  return 0;
}

/* Where its memory is from; NULL while it has no loop. */
static struct eddy__blocks *blocks_of(const eddy_stream_reader *reader)
{
  if (reader->loop == NULL || reader->loop->net == NULL) return NULL;
  return &eddy__net_of(reader->loop)->blocks;
}

void eddy__stream_let_go(eddy_stream_reader *stream)
{
  if (stream == NULL || --stream->holds > 0) return;
  eddy__buffer_clear(&stream->buffer, blocks_of(stream));
  eddy__outcome_clear(&stream->outcome);
  eddy__unbind(stream->loop);
  eddy__free(stream);
}

eddy_stream_reader *eddy_stream_reader_ref(eddy_stream_reader *reader)
{
  reader->refs++;
  return reader;
}

void eddy_stream_reader_unref(eddy_stream_reader *reader)
{
  if (reader == NULL || --reader->refs > 0) return;
  eddy__stream_let_go(reader);
}

int eddy_stream_reader_set_transport(
    eddy_stream_reader *reader, eddy_transport *transport)
{
  if (reader == NULL || transport == NULL) return EDDY_EINVAL;
  if (reader->transport != NULL) {
    return eddy_raise(
        EDDY_EINVALIDSTATE, "set_transport: the reader has a transport already");
  }
  reader->transport = transport;
  return 0;
}

/* ---- errors ---- */

int eddy__stream_raise(const eddy_stream_reader *stream, int code)
{
  eddy__outcome_copy_message(&stream->outcome, code, eddy__self.outcome);
  return code;
}

void eddy__stream_note(eddy_stream_reader *stream, int code)
{
  const eddy_outcome *said = eddy__self.outcome;
  eddy__outcome_clear(&stream->outcome);
  if (said != NULL) eddy__outcome_copy_message(said, code, &stream->outcome);
}

static void wake(eddy_stream_reader *reader, int status)
{
  if (reader->waiter != NULL) eddy__wait_wake(reader->waiter, status);
}

void eddy_stream_reader_set_exception(eddy_stream_reader *reader, int error)
{
  if (reader == NULL || error >= 0) return;
  eddy__stream_note(reader, error);
  reader->error = error;
  wake(reader, error);
}

int eddy_stream_reader_exception(const eddy_stream_reader *reader)
{
  return reader->error;
}

/* ---- what comes in ---- */

static bool has_waiter_for_bytes(const eddy_stream_reader *reader)
{
  const eddy_task *task = reader->waiter;
  return task != NULL && reader->into != NULL && task->wait.state == EDDY__WAIT_PARKED &&
         eddy__buffer_size(&reader->buffer) == 0;
}

/* More than twice the limit is there: the peer has to wait. */
static void pause_if_full(eddy_stream_reader *reader)
{
  size_t size = eddy__buffer_size(&reader->buffer) + reader->delivered;
  if (reader->transport == NULL || reader->paused) return;
  if (size / 2 < reader->limit || size - reader->limit <= reader->limit) return;
  eddy_transport_pause_reading(reader->transport);
  reader->paused = true;
}

int eddy_stream_reader_feed_data(
    eddy_stream_reader *reader, const void *data, size_t size)
{
  if (reader == NULL || (data == NULL && size > 0)) return EDDY_EINVAL;
  if (reader->eof) {
    return eddy_raise(EDDY_ERUNTIME, "feed_data: it comes after feed_eof");
  }
  if (size == 0) return 0;
  size_t direct = 0;
  if (has_waiter_for_bytes(reader)) direct = size < reader->room ? size : reader->room;
  if (size > direct) {
    int rc = eddy__buffer_append(
        &reader->buffer, blocks_of(reader), (const char *)data + direct, size - direct);
    if (rc < 0) return rc;
  }
  if (direct > 0) {
    memcpy(reader->into, data, direct);
    reader->delivered = direct;
  }
  wake(reader, 0);
  pause_if_full(reader);
  return 0;
}

void eddy_stream_reader_feed_eof(eddy_stream_reader *reader)
{
  if (reader == NULL) return;
  reader->eof = true;
  wake(reader, 0);
}

bool eddy_stream_reader_at_eof(const eddy_stream_reader *reader)
{
  return reader->eof && eddy__buffer_size(&reader->buffer) == 0;
}

size_t eddy_stream_reader_buffered(const eddy_stream_reader *reader)
{
  return eddy__buffer_size(&reader->buffer);
}

/* ---- taking it out ---- */

/* Reading goes on; without memory for that it stays paused, and the next wait tries again. */
static int resume_transport(eddy_stream_reader *reader)
{
  if (!reader->paused || reader->transport == NULL) return 0;
  int rc = eddy_transport_resume_reading(reader->transport);
  if (rc == 0) reader->paused = false;
  return rc;
}

void eddy__stream_resume(eddy_stream_reader *reader)
{
  if (eddy__buffer_size(&reader->buffer) <= reader->limit) (void)resume_transport(reader);
}

void eddy__stream_drop(eddy_stream_reader *reader, size_t size)
{
  reader->position += size;
  eddy__buffer_drop(&reader->buffer, blocks_of(reader), size);
}

/* Copies the first bytes out. */
static void take(eddy_stream_reader *reader, void *out, size_t size)
{
  const struct eddy__buffer *buffer = &reader->buffer;
  if (size == 0) return;
  memcpy(out, buffer->block->bytes + buffer->start, size);
  eddy__stream_drop(reader, size);
}

void eddy__stream_lend(
    eddy_stream_reader *reader, size_t size, const char **data, size_t *size_out)
{
  *data = eddy__buffer_lend(&reader->buffer);
  *size_out = size;
  eddy__stream_drop(reader, size);
}

/* ---- waiting for data ---- */

static void describe(const eddy_task *task, char *text, size_t size)
{
  const eddy_stream_reader *reader = task->wait.object;
  if (reader->transport == NULL) {
    snprintf(text, size, "read on stream %p", (const void *)reader);
    return;
  }
  snprintf(text, size, "read on stream %p, descriptor %d", (const void *)reader,
      eddy_transport_get_fd(reader->transport));
}

static int end_read(eddy_task *task, int rc);

static const struct eddy__wait_type read_wait = {NULL, describe, end_read, "stream read"};
static const struct eddy__wait_type data_wait = {NULL, describe, NULL, "stream read"};

/* How a read begins: 0, or the stored error. */
static int begin(eddy_stream_reader *reader)
{
  eddy__buffer_reclaim(&reader->buffer, blocks_of(reader));
  return reader->error < 0 ? eddy__stream_raise(reader, reader->error) : 0;
}

/* Before a wait: the task is the one that waits, and the transport reads. */
static int prepare(eddy_stream_reader *reader, eddy_task *task, const char *call)
{
  if (reader->waiter != NULL) {
    return eddy_raise(
        EDDY_ERUNTIME, "%s: another task waits for data of this stream already", call);
  }
  int rc = eddy__bind(&reader->loop, task->future.loop, "stream");
  if (rc == 0) rc = resume_transport(reader);
  if (rc < 0) return rc;
  reader->waiter = task;
  reader->into = NULL;
  return 0;
}

/* After a wait: nobody waits. Returns rc, with its message. */
static int waited(eddy_stream_reader *reader, int rc)
{
  reader->waiter = NULL;
  reader->into = NULL;
  return rc < 0 && rc == reader->error ? eddy__stream_raise(reader, rc) : rc;
}

int eddy__stream_begin(eddy_stream_reader *reader, bool resumed, int rc)
{
  if (resumed) return waited(reader, rc);
  eddy__stream_hold(reader);
  return begin(reader);
}

int eddy__stream_wait(eddy_stream_reader *reader, eddy_task *task, const char *call)
{
  int rc = prepare(reader, task, call);
  if (rc < 0) return rc;
  rc = eddy__wait(task, &data_wait, reader);
  return rc == EDDY_PENDING ? rc : waited(reader, rc);
}

int eddy__stream_end(eddy_stream_reader *reader, int rc)
{
  if (rc != EDDY_PENDING) eddy__stream_let_go(reader);
  return rc;
}

/* ---- read ---- */

static int read_buffered(
    eddy_stream_reader *reader, void *buffer, size_t room, size_t *got)
{
  size_t size = eddy__buffer_size(&reader->buffer);
  if (size > room) size = room;
  take(reader, buffer, size);
  eddy__stream_resume(reader);
  *got = size;
  return 0;
}

int eddy_stream_reader_read(
    eddy_stream_reader *reader, void *buffer, size_t size, size_t *got)
{
  int rc;
  bool resumed;
  eddy_task *task = eddy__wait_begin(&resumed, &rc);
  if (task == NULL) return rc;
  if (reader == NULL || got == NULL || (buffer == NULL && size > 0)) return EDDY_EINVAL;
  if (resumed) {
    reader->got = got;
    return end_read(task, rc);
  }
  rc = begin(reader);
  if (rc < 0) return rc;
  if (size == 0 || eddy__buffer_size(&reader->buffer) > 0 || reader->eof) {
    return read_buffered(reader, buffer, size, got);
  }
  rc = prepare(reader, task, "read");
  if (rc < 0) return rc;
  eddy__stream_hold(reader);
  reader->into = buffer;
  reader->room = size;
  reader->got = got;
  return eddy__wait(task, &read_wait, reader);
}

/* What a read that is not to have it was given goes back to where it came from. */
static void put_back(eddy_stream_reader *reader, size_t size)
{
  if (size == 0) return;
  int rc = eddy__buffer_prepend(&reader->buffer, blocks_of(reader), reader->into, size);
  if (rc < 0) reader->error = rc; /* with a hole in it the stream is of no use */
}

static int end_read(eddy_task *task, int rc)
{
  eddy_stream_reader *reader = task->wait.object;
  void *into = reader->into;
  size_t delivered = reader->delivered;
  reader->delivered = 0;
  if (rc < 0) {
    put_back(reader, delivered);
    rc = waited(reader, rc);
  } else if (delivered > 0) {
    (void)waited(reader, 0);
    *reader->got = delivered;
    eddy__stream_resume(reader);
  } else if (reader->eof || eddy__buffer_size(&reader->buffer) > 0) {
    (void)waited(reader, 0);
    rc = read_buffered(reader, into, reader->room, reader->got);
  } else {
    /* Another task has read what came. */
    rc = resume_transport(reader);
    if (rc == 0) return eddy__wait_again(task, &read_wait, reader);
    (void)waited(reader, 0);
  }
  eddy__stream_let_go(reader);
  return rc;
}

/* ---- readexactly ---- */

static int exactly(
    eddy_stream_reader *reader, eddy_task *task, void *buffer, size_t size, size_t *got)
{
  size_t there;
  while ((there = eddy__buffer_size(&reader->buffer)) < size && !reader->eof) {
    int rc = eddy__stream_wait(reader, task, "readexactly");
    if (rc != 0) return rc;
  }
  size_t part = there < size ? there : size;
  take(reader, buffer, part);
  eddy__stream_resume(reader);
  if (got != NULL) *got = part;
  if (part == size) return 0;
  return eddy_raise(EDDY_EINCOMPLETEREAD,
      "readexactly: the stream ended after %zu of %zu bytes", part, size);
}

int eddy_stream_reader_readexactly(
    eddy_stream_reader *reader, void *buffer, size_t size, size_t *got)
{
  int rc;
  bool resumed;
  eddy_task *task = eddy__wait_begin(&resumed, &rc);
  if (task == NULL) return rc;
  if (reader == NULL || (buffer == NULL && size > 0)) return EDDY_EINVAL;
  rc = eddy__stream_begin(reader, resumed, rc);
  if (rc == 0) rc = exactly(reader, task, buffer, size, got);
  return eddy__stream_end(reader, rc);
}

/* ---- readall ---- */

static int all(
    eddy_stream_reader *reader, eddy_task *task, const char **data, size_t *size)
{
  while (!reader->eof) {
    int rc = eddy__stream_wait(reader, task, "readall");
    if (rc != 0) return rc;
  }
  eddy__stream_lend(reader, eddy__buffer_size(&reader->buffer), data, size);
  return 0;
}

int eddy_stream_reader_readall(
    eddy_stream_reader *reader, const char **data, size_t *size)
{
  int rc;
  bool resumed;
  eddy_task *task = eddy__wait_begin(&resumed, &rc);
  if (task == NULL) return rc;
  if (reader == NULL || data == NULL || size == NULL) return EDDY_EINVAL;
  rc = eddy__stream_begin(reader, resumed, rc);
  if (rc == 0) rc = all(reader, task, data, size);
  return eddy__stream_end(reader, rc);
}
