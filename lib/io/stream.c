#include "io/stream.h"

#include "io/transport.h"
#include "sync/line.h"

#include "base/outcome.h"

/* ---- the protocol ---- */

static int connection_made(void *self, eddy_transport *transport)
{
  eddy_stream_reader *stream = self;
  int rc = eddy__bind(&stream->loop, transport->loop, "stream");
  if (rc < 0) {
    eddy_transport_abort(transport);
    return rc;
  }
  stream->transport = transport;
  transport->stream = eddy__stream_hold(stream);
  return 0;
}

static int data_received(void *self, const void *data, size_t size)
{
  eddy_stream_reader *stream = self;
  if (stream->refs == 0 && stream->writer.refs == 0) return 0; /* nobody will read it */
  return eddy_stream_reader_feed_data(stream, data, size);
}

/* The writer stays open, but in TLS, which has no half-close. */
static int eof_received(void *self)
{
  eddy_stream_reader *stream = self;
  eddy_stream_reader_feed_eof(stream);
  return stream->transport != NULL && eddy_transport_can_write_eof(stream->transport);
}

static int connection_lost(void *self, int error)
{
  eddy__stream_lose(self, error);
  return 0;
}

static void release(void *self)
{
  eddy_stream_reader *stream = self;
  stream->transport = NULL;
  stream->lost = true;
  eddy__stream_let_go(stream);
}

static const eddy_protocol stream_protocol = {
    .connection_made = connection_made,
    .connection_lost = connection_lost,
    .pause_writing = eddy__stream_pause_writing,
    .resume_writing = eddy__stream_resume_writing,
    .release = release,
    .data_received = data_received,
    .eof_received = eof_received,
};

int eddy_stream_protocol(void *arg, const eddy_protocol **protocol, void **self)
{
  eddy_stream_reader *reader = arg;
  if (reader == NULL || protocol == NULL || self == NULL) return EDDY_EINVAL;
  if (reader->connected) {
    return eddy_raise(
        EDDY_EINVALIDSTATE, "stream_protocol: the reader has a connection already");
  }
  reader->connected = true;
  *protocol = &stream_protocol;
  *self = eddy__stream_hold(reader);
  return 0;
}

int eddy_stream_writer_new(eddy_transport *transport, eddy_stream_writer **out)
{
  if (transport == NULL || out == NULL) return EDDY_EINVAL;
  eddy_stream_reader *stream = transport->stream;
  if (stream == NULL) {
    return eddy_raise(EDDY_EINVAL,
        "stream_writer_new: the transport's protocol is not eddy_stream_protocol's");
  }
  if (stream->writer.refs > 0) {
    return eddy_raise(
        EDDY_EINVALIDSTATE, "stream_writer_new: the transport has a writer already");
  }
  *out = eddy__stream_writer(stream, transport);
  return 0;
}
