#include "io/stream.h"

#include <stdint.h>

#include "io/server.h"
#include "io/transport.h"
#include "sync/line.h"

#include "base/outcome.h"

/* ---- handlers ---- */

/* The program's references to both, which the first gives. */
static void claim(eddy_stream_reader *stream, eddy_transport *transport)
{
  stream->wanted = false;
  if (stream->refs++ == 0) eddy__stream_hold(stream);
  (void)eddy__stream_writer(stream, transport);
}

static void give_up(void *arg)
{
  eddy_stream_reader *stream = arg;
  eddy_stream_writer_unref(&stream->writer);
  eddy_stream_reader_unref(stream);
}

static void report(const eddy_stream_reader *stream, int error)
{
  eddy_exception_context context = {
      .message = "the handler of a connection failed; the connection is closed",
      .error = error,
      .detail = eddy__outcome_detail(eddy__self.outcome, error),
      .task = eddy__self.task,
      .transport = stream->writer.transport};
  eddy_loop_call_exception_handler(stream->loop, &context);
}

/* The task of a handler. Its error is reported here, and not the task's. */
static int run_handler(void *arg)
{
  eddy_stream_reader *stream = arg;
  const struct eddy__stream_service *service = &stream->service;
  int rc = service->handler(stream, &stream->writer, service->arg);
  bool ended = rc == EDDY_ECANCELLED || rc == EDDY_EGENERATOREXIT;
  if (rc < 0 && !ended) report(stream, rc);
  if (rc < 0) eddy_stream_writer_close(&stream->writer);
  give_up(stream);
  return ended ? rc : 0;
}

/* The connection of a server is made. */
static int begin_handler(eddy_stream_reader *stream, eddy_transport *transport)
{
  const eddy_task_options options = {
      .unstarted = give_up, .site = EDDY_SITE("handler of a stream")};
  const struct eddy__stream_service *service = &stream->service;
  int rc;
  claim(stream, transport);
  if (service->callback) {
    rc = service->handler(stream, &stream->writer, service->arg);
  } else {
    rc = eddy_loop_create_task_with(stream->loop, run_handler, stream, &options, NULL);
    if (rc == 0) return 0;
  }
  give_up(stream);
  return rc;
}

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
  return stream->service.handler != NULL ? begin_handler(stream, transport) : 0;
}

static int data_received(void *self, const void *data, size_t size)
{
  eddy_stream_reader *stream = self;
  bool in_use = stream->refs > 0 || stream->writer.refs > 0 || stream->wanted;
  if (!in_use) return 0; /* nobody will read it */
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

/* ---- connecting and serving ---- */

static const eddy_stream_options defaults;

static size_t limit_of(const eddy_stream_options *options)
{
  return options->limit > 0 ? options->limit : EDDY_STREAM_LIMIT;
}

/* A stream that nobody has but its protocol. */
static int new_stream(
    size_t limit, const eddy_protocol **protocol, void **self, eddy_stream_reader **out)
{
  int rc = eddy_stream_reader_new(limit, out);
  if (rc < 0) return rc;
  (void)eddy_stream_protocol(*out, protocol, self);
  (*out)->wanted = true;
  eddy_stream_reader_unref(*out);
  return 0;
}

/* `arg`: the limit, for there is no other place that a stackless call could come back to. */
static int connected(void *arg, const eddy_protocol **protocol, void **self)
{
  eddy_stream_reader *stream;
  return new_stream((size_t)(uintptr_t)arg, protocol, self, &stream);
}

int eddy__stream_accepted(void *arg, const eddy_protocol **protocol, void **self)
{
  const struct eddy__stream_service *service = arg;
  eddy_stream_reader *stream;
  int rc = new_stream(service->limit, protocol, self, &stream);
  if (rc == 0) stream->service = *service;
  return rc;
}

/* The end of connecting: the connection may be lost by now, but its stream is there. */
static int take_stream(
    eddy_transport *transport, eddy_stream_reader **reader, eddy_stream_writer **writer)
{
  eddy_stream_reader *stream = transport->stream;
  if (stream == NULL) {
    eddy_transport_unref(transport);
    return EDDY_ECONNABORTED;
  }
  claim(stream, transport);
  eddy_transport_unref(transport);
  *reader = stream;
  *writer = &stream->writer;
  return 0;
}

int eddy_open_connection(const char *host, int port, const eddy_stream_options *options,
    eddy_stream_reader **reader, eddy_stream_writer **writer)
{
  eddy_transport *transport;
  if (reader == NULL || writer == NULL) return EDDY_EINVAL;
  if (options == NULL) options = &defaults;
  void *limit = (void *)(uintptr_t)limit_of(options);
  int rc = eddy_loop_create_connection(
      NULL, connected, limit, host, port, options->connection, &transport, NULL);
  return rc == 0 ? take_stream(transport, reader, writer) : rc;
}

int eddy_open_unix_connection(const char *path, const eddy_stream_options *options,
    eddy_stream_reader **reader, eddy_stream_writer **writer)
{
  eddy_transport *transport;
  if (reader == NULL || writer == NULL) return EDDY_EINVAL;
  if (options == NULL) options = &defaults;
  void *limit = (void *)(uintptr_t)limit_of(options);
  int rc = eddy_loop_create_unix_connection(
      NULL, connected, limit, path, options->connection, &transport, NULL);
  return rc == 0 ? take_stream(transport, reader, writer) : rc;
}

int eddy_start_server(eddy_stream_handler *handler, void *arg, const char *host, int port,
    const eddy_stream_options *options, eddy_server **server)
{
  if (handler == NULL) return EDDY_EINVAL;
  if (options == NULL) options = &defaults;
  struct eddy__stream_service service = {
      handler, arg, limit_of(options), options->callback};
  return eddy_loop_create_server(
      NULL, eddy__stream_accepted, &service, host, port, options->server, server);
}

int eddy_start_unix_server(eddy_stream_handler *handler, void *arg, const char *path,
    const eddy_stream_options *options, eddy_server **server)
{
  if (handler == NULL) return EDDY_EINVAL;
  if (options == NULL) options = &defaults;
  struct eddy__stream_service service = {
      handler, arg, limit_of(options), options->callback};
  return eddy_loop_create_unix_server(
      NULL, eddy__stream_accepted, &service, path, options->server, server);
}
