#include "io/socket_transport.h"

#include <string.h>

#include "io/server.h"

#include "base/alloc.h"
#include "base/outcome.h"

#define SMALLEST_CHUNK ((size_t)4096)
#define LATER_CHUNK ((size_t)16 * 1024)
/* So many chunks are sent in one go. */
#define CHUNKS_AT_ONCE 16
/* A piece of this size is sent without being copied together with others. */
#define LARGE_PIECE ((size_t)16 * 1024)
/* Room for an IPv6 address; that of a Unix peer is asked for. */
#define PEER_BYTES 28

/* A part of what waits to be sent. */
struct chunk {
  struct chunk *next;
  size_t start;
  size_t end;
  size_t capacity;
  unsigned char bytes[];
};

struct state {
  eddy_op *input;
  eddy_op *output; /* while something is queued */
  struct chunk *first;
  struct chunk *last;
  size_t queued;              /* bytes */
  struct eddy_server *server; /* referenced by being one of its clients */
  struct eddy__link client;
  void (*made)(void *arg);
  void *made_arg;
  int fd;
  uint8_t peer_length;
  unsigned char peer[PEER_BYTES];
};

static struct state *state_of(const eddy_transport *transport)
{
  return eddy_transport_state(transport);
}

/* ---- reading ---- */

static int on_input(void *transport);

/* Has the next input signalled; the descriptor stays armed in between. */
static int await_input(eddy_transport *transport)
{
  struct state *state = state_of(transport);
  state->input->kind = EDDY_OP_RECV;
  state->input->flags = EDDY_OP_LATER;
  state->input->fd = state->fd;
  int rc = eddy__op_start(transport->loop, state->input, on_input, transport);
  return rc == EDDY_PENDING ? 0 : rc;
}

static int set_reading(eddy_transport *transport, bool on)
{
  struct state *state = state_of(transport);
  if (!on) {
    eddy__op_cancel(transport->loop, state->input);
    return 0;
  }
  if (transport->input_ended || state->input->state != EDDY__OP_IDLE) return 0;
  return await_input(transport);
}

/* Asks a buffered protocol where to put the data. */
static int ask_for_buffer(eddy_transport *transport, eddy_op *op)
{
  op->buffer = NULL;
  op->size = 0;
  int rc = transport->protocol->get_buffer(transport->self, 0, &op->buffer, &op->size);
  if (rc >= 0 && op->size > 0 && op->buffer != NULL) return 0;
  if (rc >= 0) rc = eddy_raise(EDDY_ERUNTIME, "get_buffer gave an empty buffer");
  eddy_transport_fail(transport, rc, "get_buffer failed; the connection is aborted");
  return rc;
}

/* `asked`: the buffered protocol whose buffer it is, or NULL. */
static void deliver(
    eddy_transport *transport, const eddy_protocol *asked, void *self, size_t size)
{
  if (asked == NULL) {
    (void)eddy_transport_received(transport, eddy__net_of(transport->loop)->input, size);
    return;
  }
  if (asked->buffer_updated == NULL) return;
  int rc = asked->buffer_updated(self, size);
  if (rc >= 0) return;
  eddy_transport_fail(transport, rc, "buffer_updated failed; the connection is aborted");
}

/* One bounded read. */
static int input_ready(void *arg)
{
  eddy_transport *transport = arg;
  eddy_loop *loop = transport->loop;
  eddy_op *op = state_of(transport)->input;
  const eddy_protocol *asked = transport->protocol->get_buffer != NULL
                                   ? transport->protocol
                                   : NULL;
  void *self = transport->self;
  eddy__op_ran(loop, op);
  op->buffer = eddy__net_of(loop)->input;
  op->size = EDDY__NET_INPUT;
  if (asked != NULL && ask_for_buffer(transport, op) < 0) {
    eddy__op_cancel(loop, op);
    return 0;
  }
  if (op->state != EDDY__OP_RAN) return 0; /* get_buffer has paused or closed it */
  int rc = eddy__op_finish(loop, op);
  if (rc == EDDY_PENDING) return 0;
  if (rc < 0) {
    eddy_transport_fail(transport, rc, NULL);
    return 0;
  }
  size_t size = (size_t)op->result;
  if (size == 0) {
    eddy_transport_received_eof(transport);
    return 0;
  }
  /* Waited for again first: the room that this entry has just left is taken. */
  rc = await_input(transport);
  deliver(transport, asked, self, size);
  if (rc < 0) eddy_transport_fail(transport, rc, NULL);
  return 0;
}

static int on_input(void *transport)
{
  return eddy__transport_call(transport, input_ready);
}

/* ---- the queue ---- */

static void clear_queue(eddy_transport *transport)
{
  struct state *state = state_of(transport);
  while (state->first != NULL) {
    struct chunk *chunk = state->first;
    state->first = chunk->next;
    eddy__free(chunk);
  }
  state->last = NULL;
  state->queued = 0;
  if (state->output != NULL) eddy__op_free(transport->loop, state->output);
  state->output = NULL;
}

static size_t room_in(const struct chunk *chunk)
{
  return chunk != NULL ? chunk->capacity - chunk->end : 0;
}

static struct chunk *new_chunk(size_t needed, size_t smallest)
{
  if (needed > SIZE_MAX - sizeof(struct chunk)) return NULL;
  size_t capacity = needed > smallest ? needed : smallest;
  struct chunk *chunk = eddy__realloc(NULL, sizeof(*chunk) + capacity);
  if (chunk == NULL) return NULL;
  chunk->next = NULL;
  chunk->start = 0;
  chunk->end = 0;
  chunk->capacity = capacity;
  return chunk;
}

/* Takes out what was sent. */
static void consume(struct state *state, size_t size)
{
  struct chunk *chunk = state->first;
  state->queued -= size;
  chunk->start += size;
  if (chunk->start < chunk->end) return;
  state->first = chunk->next;
  if (state->first == NULL) state->last = NULL;
  eddy__free(chunk);
}

static int on_output(void *transport);

static int await_output(eddy_transport *transport)
{
  struct state *state = state_of(transport);
  state->output->kind = EDDY_OP_SEND;
  state->output->flags = EDDY_OP_LATER;
  state->output->fd = state->fd;
  int rc = eddy__op_start(transport->loop, state->output, on_output, transport);
  return rc == EDDY_PENDING ? 0 : rc;
}

/* The pieces of a write, and how much of them has been dealt with. */
struct cursor {
  const eddy_buffer *piece;
  size_t left; /* bytes altogether */
  size_t done; /* of the present piece */
};

static void copy_from(struct cursor *cursor, unsigned char *out, size_t size)
{
  cursor->left -= size;
  while (size > 0) {
    size_t part = cursor->piece->size - cursor->done;
    if (part > size) part = size;
    memcpy(out, (const unsigned char *)cursor->piece->data + cursor->done, part);
    out += part;
    size -= part;
    cursor->done += part;
    if (cursor->done < cursor->piece->size) return;
    cursor->piece++;
    cursor->done = 0;
  }
}

static void append(struct chunk *chunk, struct cursor *cursor, size_t size)
{
  copy_from(cursor, chunk->bytes + chunk->end, size);
  chunk->end += size;
}

/* Queues the rest of the pieces: all, or nothing with a code. */
static int enqueue(eddy_transport *transport, struct cursor *cursor)
{
  struct state *state = state_of(transport);
  size_t size = cursor->left;
  size_t room = room_in(state->last);
  struct chunk *chunk = NULL;
  if (size > room) {
    chunk = new_chunk(size - room, state->last == NULL ? SMALLEST_CHUNK : LATER_CHUNK);
    if (chunk == NULL) return EDDY_ENOMEM;
  }
  if (state->output == NULL) {
    state->output = eddy__op_new(transport->loop);
    int rc = state->output == NULL ? EDDY_ENOMEM : await_output(transport);
    if (rc < 0) {
      if (state->output != NULL) eddy__op_free(transport->loop, state->output);
      state->output = NULL;
      eddy__free(chunk);
      return rc;
    }
  }
  if (room > 0) append(state->last, cursor, size < room ? size : room);
  if (chunk != NULL) {
    append(chunk, cursor, cursor->left);
    if (state->last != NULL)
      state->last->next = chunk;
    else
      state->first = chunk;
    state->last = chunk;
  }
  state->queued += size;
  return 0;
}

/* ---- writing ---- */

/* Moves the cursor on by what was sent. */
static void skip(struct cursor *cursor, size_t size)
{
  cursor->left -= size;
  while (size > 0 && size >= cursor->piece->size - cursor->done) {
    size -= cursor->piece->size - cursor->done;
    cursor->piece++;
    cursor->done = 0;
  }
  cursor->done += size;
}

/* What is to be sent next: a large piece as it is, small ones gathered. */
static const void *next_block(
    struct eddy__net *net, const struct cursor *cursor, size_t *size)
{
  size_t rest = cursor->piece->size - cursor->done;
  if (rest == cursor->left || rest >= LARGE_PIECE) {
    *size = rest;
    return (const unsigned char *)cursor->piece->data + cursor->done;
  }
  struct cursor copy = *cursor;
  *size = cursor->left < EDDY__NET_OUTPUT ? cursor->left : EDDY__NET_OUTPUT;
  copy_from(&copy, net->output, *size);
  return net->output;
}

/* Sends until the system takes no more: 0, or what broke the connection. */
static int send_now(eddy_transport *transport, struct cursor *cursor)
{
  struct eddy__net *net = eddy__net_of(transport->loop);
  size_t size, sent;
  do {
    while (cursor->piece->size == cursor->done) {
      cursor->piece++;
      cursor->done = 0;
    }
    const void *block = next_block(net, cursor, &size);
    int rc = eddy__net_send(net, state_of(transport)->fd, block, size, &sent);
    if (rc == EDDY_EAGAIN) return 0;
    if (rc < 0) return rc;
    skip(cursor, sent);
  } while (sent == size && cursor->left > 0);
  return 0;
}

static int write_pieces(
    eddy_transport *transport, const eddy_buffer *pieces, size_t count)
{
  struct cursor cursor = {.piece = pieces};
  for (size_t i = 0; i < count; i++) {
    cursor.left += pieces[i].size;
  }
  size_t size = cursor.left;
  if (state_of(transport)->queued == 0) {
    int rc = send_now(transport, &cursor);
    if (rc < 0) {
      eddy_transport_fail(transport, rc, NULL);
      return 0;
    }
    if (cursor.left == 0) return 0;
  }
  bool begun = cursor.left < size;
  int rc = enqueue(transport, &cursor);
  if (rc < 0) {
    /* A stream with a hole in it is worse than none. */
    if (begun)
      eddy_transport_fail(transport, rc, "write: a part was sent, the rest is lost");
    return rc;
  }
  eddy_transport_grew(transport);
  return 0;
}

/* Sends from the queue: 0, or what broke the connection. */
static int send_queued(eddy_transport *transport)
{
  struct state *state = state_of(transport);
  struct eddy__net *net = eddy__net_of(transport->loop);
  for (int i = 1; i < CHUNKS_AT_ONCE && state->first != NULL; i++) {
    size_t size = state->first->end - state->first->start, sent;
    int rc = eddy__net_send(
        net, state->fd, state->first->bytes + state->first->start, size, &sent);
    if (rc < 0) return rc == EDDY_EAGAIN ? 0 : rc;
    consume(state, sent);
    if (sent < size) return 0;
  }
  return 0;
}

static int shut_down(eddy_transport *transport)
{
  eddy_loop *loop = transport->loop;
  return loop->io->sock_shutdown(
      loop->io_state, state_of(transport)->fd, EDDY_SHUTDOWN_WRITE);
}

/* Everything queued has been sent. */
static void drained(eddy_transport *transport)
{
  if (transport->closing) {
    eddy_transport_lose_now(transport, 0);
  } else if (transport->write_ended) {
    int rc = shut_down(transport);
    if (rc < 0) eddy_transport_fail(transport, rc, NULL);
  }
}

/* The socket takes data again. */
static int output_ready(void *arg)
{
  eddy_transport *transport = arg;
  struct state *state = state_of(transport);
  eddy_op *op = state->output;
  eddy__op_ran(transport->loop, op);
  op->buffer = state->first->bytes + state->first->start;
  op->size = state->first->end - state->first->start;
  int rc = eddy__op_finish(transport->loop, op);
  if (rc == EDDY_PENDING) return 0;
  if (rc == 0) {
    bool whole = (size_t)op->result == op->size;
    consume(state, (size_t)op->result);
    if (whole) rc = send_queued(transport);
  }
  if (rc == 0 && state->queued > 0) rc = await_output(transport);
  if (rc < 0) {
    eddy_transport_fail(transport, rc, NULL);
    return 0;
  }
  if (state->queued == 0) clear_queue(transport);
  eddy_transport_shrank(transport);
  if (!transport->lost && state->queued == 0) drained(transport);
  return 0;
}

static int on_output(void *transport)
{
  return eddy__transport_call(transport, output_ready);
}

static int write_eof(eddy_transport *transport)
{
  return state_of(transport)->queued > 0 ? 0 : shut_down(transport);
}

static size_t buffered(const eddy_transport *transport)
{
  return state_of(transport)->queued;
}

/* ---- the end ---- */

static void close_socket(eddy_transport *transport)
{
  struct state *state = state_of(transport);
  eddy_transport_set_closing(transport);
  eddy__op_cancel(transport->loop, state->input);
  if (state->queued == 0) eddy_transport_lose(transport, 0);
}

static void abort_socket(eddy_transport *transport, int error)
{
  clear_queue(transport);
  eddy__op_cancel(transport->loop, state_of(transport)->input);
  eddy_transport_lose(transport, error);
}

static void socket_closed(eddy_transport *transport)
{
  struct state *state = state_of(transport);
  clear_queue(transport);
  eddy__op_free(transport->loop, state->input);
  state->input = NULL;
  eddy__net_close_fd(transport->loop, state->fd);
  state->fd = -1;
  state->made = NULL;
  if (state->server != NULL) eddy__server_detach(state->server, &state->client);
  state->server = NULL;
}

/* ---- what is known of it ---- */

static int get_fd(const eddy_transport *transport)
{
  return state_of(transport)->fd;
}

static int get_address(const eddy_transport *transport, bool peer, eddy_address *out)
{
  const struct state *state = state_of(transport);
  eddy_loop *loop = transport->loop;
  if (peer && state->peer_length > 0) {
    memcpy(out->storage.bytes, state->peer, state->peer_length);
    out->length = state->peer_length;
    return 0;
  }
  int rc = state->fd < 0 ? EDDY_EBADF
                         : loop->io->sock_name(loop->io_state, state->fd, peer, out);
  if (rc == 0) return 0;
  return eddy__fail(rc, peer ? "get_peername" : "get_sockname", "descriptor", state->fd);
}

static const eddy_transport_type socket_type = {
    .name = "socket",
    .state_size = sizeof(struct state),
    .write = write_pieces,
    .write_eof = write_eof,
    .close = close_socket,
    .abort = abort_socket,
    .set_reading = set_reading,
    .buffered = buffered,
    .fd = get_fd,
    .address = get_address,
    .closed = socket_closed,
};

/* ---- the beginning ---- */

/* The beginning, as it was queued: three callbacks of asyncio's in one, since nothing can come
 * between them. */
static int begin(void *arg)
{
  eddy_transport *transport = arg;
  struct state *state = state_of(transport);
  eddy_transport_made(transport);
  int rc = eddy_transport_is_reading(transport) ? set_reading(transport, true) : 0;
  if (rc < 0) eddy_transport_fail(transport, rc, "reading could not be started");
  void (*made)(void *) = state->made;
  state->made = NULL;
  if (made != NULL) made(state->made_arg);
  return 0;
}

static int on_begin(void *transport)
{
  return eddy__transport_call(transport, begin);
}

int eddy__socket_transport_new(eddy_loop *loop,
    const struct eddy__socket_options *options, const eddy_protocol *protocol, void *self,
    eddy_transport **out)
{
  eddy_transport *transport;
  int rc = eddy__loop_usable(loop);
  if (rc < 0) return rc;
  eddy_op *input = eddy__op_new(loop);
  if (input == NULL) return EDDY_ENOMEM;
  rc = eddy__loop_book(loop); /* for the beginning */
  if (rc < 0) goto fail_book;
  rc = eddy_transport_new(loop, &socket_type, protocol, self, &transport);
  if (rc < 0) goto fail_transport;
  struct state *state = state_of(transport);
  state->input = input;
  state->fd = options->fd;
  state->made = options->made;
  state->made_arg = options->made_arg;
  eddy__list_init(&state->client);
  if (options->peer != NULL && options->peer->length <= PEER_BYTES) {
    state->peer_length = (uint8_t)options->peer->length;
    memcpy(state->peer, options->peer->storage.bytes, options->peer->length);
  }
  state->server = options->server;
  if (state->server != NULL) eddy__server_attach(state->server, &state->client);
  eddy__loop_push(loop, on_begin, transport); /* runs before connection_lost can */
  *out = transport;
  return 0;
fail_transport:
  eddy__loop_unbook(loop);
fail_book:
  eddy__op_free(loop, input);
  return rc;
}

void eddy__socket_transport_forget_made(eddy_transport *transport)
{
  state_of(transport)->made = NULL;
}

eddy_transport *eddy__socket_transport_of_client(struct eddy__link *client)
{
  return eddy__transport_of_state(EDDY__ENTRY(client, struct state, client));
}
