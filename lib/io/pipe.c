#include "io/pipe.h"

#include "base/outcome.h"
#include "io/connection.h"

struct state {
  struct eddy__channel channel;
  eddy_pipe_kind kind;
};

/* ---- the reading end ---- */

static int tell_of_end(void *arg)
{
  eddy_transport *transport = arg;
  const eddy_protocol *protocol = transport->protocol;
  if (transport->lost) return 0; /* aborted meanwhile */
  int rc = protocol->eof_received != NULL ? protocol->eof_received(transport->self) : 0;
  if (rc < 0) eddy__transport_report(transport, "eof_received failed", rc);
  eddy_transport_lose_now(transport, 0);
  return 0;
}

static int on_end(void *transport)
{
  return eddy__transport_call(transport, tell_of_end);
}

/* asyncio queues eof_received and connection_lost, one behind the other. */
static void input_ended(eddy_transport *transport)
{
  transport->input_ended = true;
  eddy_transport_set_closing(transport);
  (void)eddy__loop_book(transport->loop); /* the room that this entry has just left */
  eddy__loop_push(transport->loop, on_end, transport);
}

static void close_reader(eddy_transport *transport)
{
  eddy_transport_set_closing(transport);
  eddy__channel_abort(transport, 0);
}

static const struct eddy__channel_type reader_channel = {
    .start = eddy__channel_start_reading,
    .ended = input_ended,
};

static const eddy_transport_type reader_type = {
    .name = "pipe",
    .state_size = sizeof(struct state),
    .close = close_reader,
    .abort = eddy__channel_abort,
    .set_reading = eddy__channel_set_reading,
    .fd = eddy__channel_fd,
    .closed = eddy__channel_closed,
    .maker = &reader_channel,
};

/* ---- the writing end ---- */

static int reader_gone(void *arg)
{
  eddy_transport *transport = arg;
  struct eddy__channel *channel = eddy__channel_of(transport);
  eddy__op_ran(transport->loop, channel->input);
  if (eddy__op_finish(transport->loop, channel->input) == EDDY_PENDING) return 0;
  if (transport->lost) return 0;
  eddy__channel_abort(transport, eddy__channel_buffered(transport) > 0 ? EDDY_EPIPE : 0);
  return 0;
}

static int on_reader_gone(void *transport)
{
  return eddy__transport_call(transport, reader_gone);
}

/* Nothing ever comes from a pipe's reader: it becomes readable when that goes. */
static int watch_reader(eddy_transport *transport)
{
  struct state *state = eddy_transport_state(transport);
  eddy_op *op = state->channel.input;
  if (transport->closing || state->kind == EDDY_PIPE_DEVICE) return 0;
  op->kind = EDDY_OP_READABLE;
  op->flags = 0;
  op->fd = state->channel.fd;
  int rc = eddy__op_start(transport->loop, op, on_reader_gone, transport);
  return rc == EDDY_PENDING ? 0 : rc;
}

static int write_pieces(
    eddy_transport *transport, const eddy_buffer *pieces, size_t count)
{
  if (!transport->closing) return eddy__channel_write(transport, pieces, count);
  eddy_transport_dropped(transport);
  return 0;
}

static void close_writer(eddy_transport *transport)
{
  eddy_transport_set_closing(transport);
  if (eddy__channel_buffered(transport) == 0) eddy__channel_abort(transport, 0);
}

static int write_eof(eddy_transport *transport)
{
  transport->write_ended = false; /* later writes are dropped, as after a close */
  close_writer(transport);
  return 0;
}

static void drained(eddy_transport *transport)
{
  if (!transport->closing) return;
  eddy__op_cancel(transport->loop, eddy__channel_of(transport)->input);
  eddy_transport_lose_now(transport, 0);
}

static const struct eddy__channel_type writer_channel = {
    .start = watch_reader,
    .drained = drained,
};

static const eddy_transport_type writer_type = {
    .name = "pipe",
    .state_size = sizeof(struct state),
    .write = write_pieces,
    .write_eof = write_eof,
    .close = close_writer,
    .abort = eddy__channel_abort,
    .buffered = eddy__channel_buffered,
    .fd = eddy__channel_fd,
    .closed = eddy__channel_closed,
    .maker = &writer_channel,
};

/* ---- the beginning ---- */

int eddy__pipe_transport_new(eddy_loop *loop, const struct eddy__pipe_options *options,
    const eddy_protocol *protocol, void *self, eddy_transport **out)
{
  struct eddy__channel_options channel = {
      .fd = options->fd, .socket = options->kind == EDDY_PIPE_SOCKET};
  eddy_transport *transport;
  int rc = eddy__channel_new(loop, options->writes ? &writer_type : &reader_type,
      &channel, protocol, self, &transport);
  if (rc < 0) return rc;
  ((struct state *)eddy_transport_state(transport))->kind = options->kind;
  *out = transport;
  return 0;
}

int eddy__pipe_prepare(eddy_loop *loop, const char *call, int fd, eddy_pipe_kind *kind)
{
  if (loop->io->pipe_open == NULL) {
    return eddy_raise(
        EDDY_ENOTSUP, "%s: not with the backend %s", call, loop->backend_name);
  }
  int rc = loop->io->pipe_open(loop->io_state, fd, kind);
  if (rc == EDDY_EINVAL) {
    return eddy_raise(rc,
        "%s: descriptor %d is a file or directory; pipes, sockets and terminals can be "
        "waited for",
        call, fd);
  }
  if (rc == EDDY_ENOTSUP) {
    return eddy_raise(rc,
        "%s: descriptor %d is the system's, and the backend %s has only sockets in "
        "memory",
        call, fd, loop->backend_name);
  }
  return rc < 0 ? eddy__fail(rc, call, "descriptor", fd) : 0;
}

static int make(eddy_task *task, eddy_protocol_factory *factory, void *arg,
    struct eddy__pipe_options *options, eddy_transport **out)
{
  const eddy_protocol *protocol;
  void *self;
  int rc = eddy__connection_ask(factory, arg, &protocol, &self);
  if (rc == 0) {
    rc = eddy__pipe_transport_new(task->future.loop, options, protocol, self, out);
    if (rc == 0) (*out)->waiter = task;
    if (rc < 0 && protocol->release != NULL) protocol->release(self);
  }
  if (rc < 0) eddy__net_close_fd(task->future.loop, options->fd);
  return rc;
}

static int connect_pipe(eddy_loop *loop, eddy_protocol_factory *factory, void *arg,
    struct eddy__pipe_options options, eddy_transport **transport, void **self)
{
  int rc;
  bool resumed;
  eddy_task *task = eddy__wait_begin(&resumed, &rc);
  if (task == NULL) return rc;
  if (!resumed) {
    eddy_transport *made = NULL;
    if (factory == NULL) return EDDY_EINVAL;
    rc = eddy__connection_loop(loop, task);
    if (rc < 0) return rc;
    rc = eddy__pipe_prepare(task->future.loop,
        options.writes ? "connect_write_pipe" : "connect_read_pipe", options.fd,
        &options.kind);
    if (rc < 0) return rc;
    rc = make(task, factory, arg, &options, &made);
    if (rc < 0) return rc;
    rc = eddy__wait(task, &eddy__connection_wait, made);
    if (rc == EDDY_PENDING) return rc;
  }
  return eddy__connection_end(task->wait.object, rc, transport, self);
}

int eddy_loop_connect_read_pipe(eddy_loop *loop, eddy_protocol_factory *factory,
    void *arg, int fd, eddy_transport **transport, void **self)
{
  return connect_pipe(
      loop, factory, arg, (struct eddy__pipe_options){.fd = fd}, transport, self);
}

int eddy_loop_connect_write_pipe(eddy_loop *loop, eddy_protocol_factory *factory,
    void *arg, int fd, eddy_transport **transport, void **self)
{
  return connect_pipe(loop, factory, arg,
      (struct eddy__pipe_options){.fd = fd, .writes = true}, transport, self);
}
