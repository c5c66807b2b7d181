/* Streams from the inside: a reader, its protocol and its writer are one object. */
#ifndef EDDY_IO_STREAM_H
#define EDDY_IO_STREAM_H

#include <eddy/stream.h>

#include "io/buffer.h"
#include "task/task.h"

/* What a server of streams does with a connection. */
struct eddy__stream_service {
  eddy_stream_handler *handler; /* NULL: it is no server's */
  void *arg;
  size_t limit;
  bool callback;
};

struct eddy_stream_writer {
  eddy_transport *transport; /* referenced while refs > 0 */
  uint32_t refs;             /* the program's */
};

struct eddy_stream_reader {
  uint32_t refs; /* the program's */
  /* On the memory: by the program's two kinds of reference (one each), the protocol,
   * the transport, and each call under way. */
  uint32_t holds;
  eddy_loop *loop; /* eddy__bind */

  size_t limit; /* of what is buffered */
  struct eddy__buffer buffer;
  uint64_t position; /* of its first byte: how many were taken out so far */

  /* The call that waits for data, from its wait until it goes on. */
  eddy_task *waiter;
  void *into; /* where data may be put directly, or NULL */
  size_t room;
  size_t *got;
  size_t delivered; /* put there */

  eddy_transport *transport; /* borrowed; NULL: nothing can be paused */
  int error;
  int lost_with;        /* what the connection was lost with */
  eddy_outcome outcome; /* the message of either */
  bool eof;
  bool paused; /* reading, by us */

  /* The protocol. */
  bool connected; /* it was handed out by the factory */
  bool wanted;    /* nobody has it yet, but somebody will */
  bool lost;
  bool writing_paused;
  struct eddy__link drainers;
  struct eddy__link closers;
  struct eddy_stream_writer writer;
  struct eddy__stream_service service;
};

/* Frees it with the last hold. NULL is allowed. */
void eddy__stream_let_go(eddy_stream_reader *stream);

static inline eddy_stream_reader *eddy__stream_hold(eddy_stream_reader *stream)
{
  stream->holds++;
  return stream;
}

static inline eddy_stream_reader *eddy__stream_of(const eddy_stream_writer *writer)
{
  return EDDY__ENTRY((eddy_stream_writer *)(uintptr_t)writer, eddy_stream_reader, writer);
}

/* Returns the code, having attached the message that came with it. */
int eddy__stream_raise(const eddy_stream_reader *stream, int code);

/* Keeps a code's message as the running callback has it. */
void eddy__stream_note(eddy_stream_reader *stream, int code);

/* ---- the parts of a call that reads: stream_reader.c ---- */

/* Begins a call that may wait several times, or goes on with it: 0, or an error. Until its end
 * the call keeps the reader. */
int eddy__stream_begin(eddy_stream_reader *reader, bool resumed, int rc);

/* Waits for data, the end or an error: 0, EDDY_PENDING, or an error. */
int eddy__stream_wait(eddy_stream_reader *reader, eddy_task *task, const char *call);

/* Returns rc, and ends the call unless that is EDDY_PENDING. */
int eddy__stream_end(eddy_stream_reader *reader, int rc);

/* Drops the first bytes. */
void eddy__stream_drop(eddy_stream_reader *reader, size_t size);

/* Gives a view of the first bytes, and takes them out. */
void eddy__stream_lend(
    eddy_stream_reader *reader, size_t size, const char **data, size_t *size_out);

/* After something was taken out: a paused transport reads again if little enough is left. */
void eddy__stream_resume(eddy_stream_reader *reader);

/* ---- stream_writer.c ---- */

/* The one writer, with one more reference; the first makes it. */
eddy_stream_writer *eddy__stream_writer(
    eddy_stream_reader *stream, eddy_transport *transport);

/* A layer was put on the lower transport: if its stream is `self`, it goes over to the upper
 * one. */
void eddy__stream_replace_transport(
    eddy_transport *lower, eddy_transport *upper, const void *self);

/* As the protocol's functions of these names. */
int eddy__stream_pause_writing(void *stream);
int eddy__stream_resume_writing(void *stream);
void eddy__stream_lose(eddy_stream_reader *stream, int error);

/* ---- stream.c ---- */

/* The factory of a server of streams; its argument is a struct eddy__stream_service, of which
 * the server keeps a copy. */
int eddy__stream_accepted(void *service, const eddy_protocol **protocol, void **self);

#endif
