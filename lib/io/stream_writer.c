#include <stdio.h>

#include "io/layer.h"
#include "io/stream.h"
#include "sync/line.h"

#include "base/outcome.h"

/* ---- life ---- */

eddy_stream_writer *eddy__stream_writer(
    eddy_stream_reader *stream, eddy_transport *transport)
{
  eddy_stream_writer *writer = &stream->writer;
  if (writer->refs++ == 0) {
    writer->transport = eddy_transport_ref(transport);
    eddy__stream_hold(stream);
  }
  return writer;
}

eddy_stream_writer *eddy_stream_writer_ref(eddy_stream_writer *writer)
{
  writer->refs++;
  return writer;
}

void eddy_stream_writer_unref(eddy_stream_writer *writer)
{
  if (writer == NULL || --writer->refs > 0) return;
  eddy_transport *transport = writer->transport;
  eddy_transport_close(transport);
  writer->transport = NULL;
  eddy_transport_unref(transport);
  eddy__stream_let_go(eddy__stream_of(writer));
}

void eddy__stream_replace_transport(
    eddy_transport *lower, eddy_transport *upper, const void *self)
{
  eddy_stream_reader *stream = lower->stream;
  if (stream == NULL || stream != self) return;
  upper->stream = stream;
  lower->stream = NULL;
  stream->transport = upper;
  stream->paused = false;
  if (stream->writer.refs == 0) return;
  eddy_transport_unref(stream->writer.transport);
  stream->writer.transport = eddy_transport_ref(upper);
}

/* ---- what the transport does ---- */

int eddy_stream_writer_write(eddy_stream_writer *writer, const void *data, size_t size)
{
  if (writer == NULL) return EDDY_EINVAL;
  return eddy_transport_write(writer->transport, data, size);
}

int eddy_stream_writer_writelines(
    eddy_stream_writer *writer, const eddy_buffer *pieces, size_t count)
{
  if (writer == NULL) return EDDY_EINVAL;
  return eddy_transport_writelines(writer->transport, pieces, count);
}

int eddy_stream_writer_write_eof(eddy_stream_writer *writer)
{
  if (writer == NULL) return EDDY_EINVAL;
  return eddy_transport_write_eof(writer->transport);
}

bool eddy_stream_writer_can_write_eof(const eddy_stream_writer *writer)
{
  return eddy_transport_can_write_eof(writer->transport);
}

void eddy_stream_writer_close(eddy_stream_writer *writer)
{
  if (writer != NULL) eddy_transport_close(writer->transport);
}

bool eddy_stream_writer_is_closing(const eddy_stream_writer *writer)
{
  return eddy_transport_is_closing(writer->transport);
}

eddy_transport *eddy_stream_writer_transport(const eddy_stream_writer *writer)
{
  return writer->transport;
}

const void *eddy_stream_writer_get_extra_info(
    const eddy_stream_writer *writer, const char *name)
{
  if (writer == NULL) return NULL;
  return eddy_transport_get_extra_info(writer->transport, name);
}

/* ---- waiting ---- */

static void describe(const eddy_task *task, char *text, size_t size, const char *what)
{
  const eddy_stream_reader *stream = task->wait.object;
  int fd = stream->transport != NULL ? eddy_transport_get_fd(stream->transport) : -1;
  snprintf(text, size, "%s of stream %p, descriptor %d", what, (const void *)stream, fd);
}

static void describe_drain(const eddy_task *task, char *text, size_t size)
{
  describe(task, text, size, "drain");
}

static void describe_close(const eddy_task *task, char *text, size_t size)
{
  describe(task, text, size, "wait_closed");
}

/* The rest of both calls: what they were woken with, with its message. */
static int end_wait(eddy_task *task, int rc)
{
  eddy_stream_reader *stream = task->wait.object;
  if (rc < 0 && rc == stream->lost_with) rc = eddy__stream_raise(stream, rc);
  eddy__stream_let_go(stream);
  return rc;
}

static const struct eddy__wait_type drain_wait = {NULL, describe_drain, end_wait, "stream drain"};
static const struct eddy__wait_type close_wait = {NULL, describe_close, end_wait, "stream close"};

static int wait_in(eddy_task *task, eddy_stream_reader *stream,
    struct eddy__link *waiters, const struct eddy__wait_type *type)
{
  int rc = eddy__bind(&stream->loop, task->future.loop, "stream");
  if (rc < 0) return rc;
  eddy__stream_hold(stream);
  task->wait.done.complete = NULL;
  eddy__list_append(waiters, &task->wait.done.link);
  return eddy__wait(task, type, stream);
}

static void wake_all(struct eddy__link *waiters, int status)
{
  struct eddy__link *link;
  while ((link = eddy__list_first(waiters)) != NULL) {
    eddy__wait_wake(eddy__wait_task(EDDY__ENTRY(link, struct eddy__done, link)), status);
  }
}

/* ---- drain ---- */

/* Where a drain stands (task->wait.phase). */
enum phase { PHASE_TURN, PHASE_ROOM };

static int wait_for_room(eddy_task *task, eddy_stream_reader *stream)
{
  if (stream->lost) {
    return eddy_raise(EDDY_ECONNRESET, "drain: the connection is lost");
  }
  if (!stream->writing_paused) return 0;
  task->wait.phase = PHASE_ROOM;
  return wait_in(task, stream, &stream->drainers, &drain_wait);
}

int eddy_stream_writer_drain(eddy_stream_writer *writer)
{
  int rc;
  bool resumed;
  eddy_task *task = eddy__wait_begin(&resumed, &rc);
  if (task == NULL) return rc;
  if (resumed && task->wait.phase == PHASE_ROOM) return end_wait(task, rc);
  if (writer == NULL) return EDDY_EINVAL;
  eddy_stream_reader *stream = eddy__stream_of(writer);
  if (!resumed) {
    if (stream->error < 0) return eddy__stream_raise(stream, stream->error);
    if (!eddy_transport_is_closing(writer->transport)) return wait_for_room(task, stream);
    /* Lets connection_lost come, or a program that writes and drains would never see it. */
    task->wait.phase = PHASE_TURN;
    eddy__stream_hold(stream);
    rc = eddy__wait_turn(task, 0);
    if (rc == EDDY_PENDING) return rc;
  }
  if (rc == 0) rc = wait_for_room(task, stream);
  eddy__stream_let_go(stream);
  return rc;
}

/* ---- start_tls ---- */

int eddy_stream_writer_start_tls(
    eddy_stream_writer *writer, eddy_layer *layer, const eddy_start_tls_options *options)
{
  int rc;
  eddy_start_tls_options how = {0};
  eddy_transport *made;
  void *self;
  if (writer == NULL || layer == NULL) return EDDY_EINVAL;
  eddy_task *task = eddy__self.task;
  bool resumed = task != NULL && task->wait.resumed;
  if (task != NULL && !resumed) task->wait.type = NULL; /* where it stands */
  if (!resumed || task->wait.type != &eddy__layer_wait) {
    rc = eddy_stream_writer_drain(writer);
    if (rc != 0) return rc;
  }
  if (options != NULL) how = *options;
  how.server_side = eddy__stream_of(writer)->service.handler != NULL;
  const eddy_protocol *protocol = eddy_transport_get_protocol(writer->transport, &self);
  rc = eddy_loop_start_tls(NULL, writer->transport, protocol, self, layer, &how, &made);
  if (rc == 0) eddy_transport_unref(made);
  return rc;
}

/* ---- wait_closed ---- */

int eddy_stream_writer_wait_closed(eddy_stream_writer *writer)
{
  int rc;
  bool resumed;
  eddy_task *task = eddy__wait_begin(&resumed, &rc);
  if (task == NULL) return rc;
  if (resumed) return end_wait(task, rc);
  if (writer == NULL) return EDDY_EINVAL;
  eddy_stream_reader *stream = eddy__stream_of(writer);
  if (!stream->lost) return wait_in(task, stream, &stream->closers, &close_wait);
  return stream->lost_with < 0 ? eddy__stream_raise(stream, stream->lost_with) : 0;
}

/* ---- what the protocol is told ---- */

int eddy__stream_pause_writing(void *stream)
{
  ((eddy_stream_reader *)stream)->writing_paused = true;
  return 0;
}

int eddy__stream_resume_writing(void *self)
{
  eddy_stream_reader *stream = self;
  stream->writing_paused = false;
  wake_all(&stream->drainers, 0);
  return 0;
}

void eddy__stream_lose(eddy_stream_reader *stream, int error)
{
  if (error < 0) {
    eddy_stream_reader_set_exception(stream, error);
  } else {
    eddy_stream_reader_feed_eof(stream);
  }
  stream->lost = true;
  stream->lost_with = error < 0 ? error : 0;
  stream->transport = NULL;
  wake_all(&stream->closers, stream->lost_with);
  wake_all(&stream->drainers, stream->lost_with);
}
