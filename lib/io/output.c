/* What waits to be sent by a channel, and how it is sent. */
#include "io/channel.h"

#include <string.h>

#include "base/alloc.h"
#include "base/outcome.h"

#define SMALLEST_CHUNK ((size_t)4096)
#define LATER_CHUNK ((size_t)16 * 1024)
/* So many chunks are sent in one go. */
#define CHUNKS_AT_ONCE 16
/* A piece of this size is sent without being copied together with others. */
#define LARGE_PIECE ((size_t)16 * 1024)
/* So much is not kept for the next iteration. */
#define GATHERED ((size_t)16 * 1024)

/* A part of what waits to be sent. */
struct eddy__chunk {
  struct eddy__chunk *next;
  size_t start;
  size_t end;
  size_t capacity;
  unsigned char bytes[];
};

/* ---- the queue ---- */

void eddy__channel_clear(eddy_transport *transport)
{
  struct eddy__outbox *outbox = eddy__channel_of(transport)->outbox;
  if (outbox == NULL) return;
  while (outbox->first != NULL) {
    struct eddy__chunk *chunk = outbox->first;
    outbox->first = chunk->next;
    eddy__free(chunk);
  }
  eddy__op_free(transport->loop, outbox->op);
  eddy__free(outbox);
  eddy__channel_of(transport)->outbox = NULL;
}

static size_t room_in(const struct eddy__chunk *chunk)
{
  return chunk != NULL ? chunk->capacity - chunk->end : 0;
}

static struct eddy__chunk *new_chunk(size_t needed, size_t smallest)
{
  if (needed > SIZE_MAX - sizeof(struct eddy__chunk)) return NULL;
  size_t capacity = needed > smallest ? needed : smallest;
  struct eddy__chunk *chunk = eddy__realloc(NULL, sizeof(*chunk) + capacity);
  if (chunk == NULL) return NULL;
  chunk->next = NULL;
  chunk->start = 0;
  chunk->end = 0;
  chunk->capacity = capacity;
  return chunk;
}

/* Takes out what was sent. */
static void consume(struct eddy__outbox *outbox, size_t size)
{
  struct eddy__chunk *chunk = outbox->first;
  outbox->queued -= size;
  chunk->start += size;
  if (chunk->start < chunk->end) return;
  outbox->first = chunk->next;
  if (outbox->first == NULL) outbox->last = NULL;
  eddy__free(chunk);
}

static int on_output(void *transport);

static int await_output(eddy_transport *transport)
{
  struct eddy__channel *channel = eddy__channel_of(transport);
  eddy_op *op = channel->outbox->op;
  op->kind = eddy__channel_write_kind(channel);
  op->flags = EDDY_OP_LATER;
  op->fd = channel->fd;
  int rc = eddy__op_start(transport->loop, op, on_output, transport);
  return rc == EDDY_PENDING ? 0 : rc;
}

static int on_flush(void *transport);

/* Has the queue that begins sent: at the next iteration, or when there is room. */
static int begin_output(eddy_transport *transport, bool gathered)
{
  struct eddy__channel *channel = eddy__channel_of(transport);
  struct eddy__outbox *outbox = eddy__alloc(sizeof(*outbox));
  if (outbox == NULL) return EDDY_ENOMEM;
  outbox->op = eddy__op_new(transport->loop);
  if (outbox->op == NULL) {
    eddy__free(outbox);
    return EDDY_ENOMEM;
  }
  channel->outbox = outbox;
  int rc = gathered ? eddy__op_defer(transport->loop, outbox->op, on_flush, transport)
                    : await_output(transport);
  if (rc < 0) eddy__channel_clear(transport);
  return rc;
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
    if (part > 0) { /* an empty piece need not have data */
      memcpy(out, (const unsigned char *)cursor->piece->data + cursor->done, part);
      out += part;
    }
    size -= part;
    cursor->done += part;
    if (cursor->done < cursor->piece->size) return;
    cursor->piece++;
    cursor->done = 0;
  }
}

static void append(struct eddy__chunk *chunk, struct cursor *cursor, size_t size)
{
  copy_from(cursor, chunk->bytes + chunk->end, size);
  chunk->end += size;
}

/* Queues the rest of the pieces: all, or nothing with a code. */
static int enqueue(eddy_transport *transport, struct cursor *cursor, bool gathered)
{
  struct eddy__channel *channel = eddy__channel_of(transport);
  size_t size = cursor->left;
  struct eddy__outbox *outbox = channel->outbox;
  size_t room = outbox != NULL ? room_in(outbox->last) : 0;
  struct eddy__chunk *chunk = NULL;
  if (size > room) {
    bool first = outbox == NULL || outbox->last == NULL;
    chunk = new_chunk(size - room, first ? SMALLEST_CHUNK : LATER_CHUNK);
    if (chunk == NULL) return EDDY_ENOMEM;
  }
  if (outbox == NULL) {
    int rc = begin_output(transport, gathered);
    if (rc < 0) {
      eddy__free(chunk);
      return rc;
    }
    outbox = channel->outbox;
  }
  if (room > 0) append(outbox->last, cursor, size < room ? size : room);
  if (chunk != NULL) {
    append(chunk, cursor, cursor->left);
    if (outbox->last != NULL)
      outbox->last->next = chunk;
    else
      outbox->first = chunk;
    outbox->last = chunk;
  }
  outbox->queued += size;
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
  struct eddy__channel *channel = eddy__channel_of(transport);
  size_t size, sent;
  do {
    while (cursor->piece->size == cursor->done) {
      cursor->piece++;
      cursor->done = 0;
    }
    const void *block = next_block(net, cursor, &size);
    int rc = eddy__net_send(
        net, eddy__channel_write_kind(channel), channel->fd, block, size, &sent);
    if (rc == EDDY_EAGAIN) return 0;
    if (rc < 0) return rc;
    skip(cursor, sent);
  } while (sent == size && cursor->left > 0);
  return 0;
}

/* Sends from the queue: 0, or what broke the connection. */
static int send_queued(eddy_transport *transport)
{
  struct eddy__channel *channel = eddy__channel_of(transport);
  struct eddy__net *net = eddy__net_of(transport->loop);
  struct eddy__outbox *outbox = channel->outbox;
  for (int i = 1; i < CHUNKS_AT_ONCE && outbox->first != NULL; i++) {
    const struct eddy__chunk *chunk = outbox->first;
    size_t size = chunk->end - chunk->start, sent;
    int rc = eddy__net_send(net, eddy__channel_write_kind(channel), channel->fd,
        chunk->bytes + chunk->start, size, &sent);
    if (rc < 0) return rc == EDDY_EAGAIN ? 0 : rc;
    consume(outbox, sent);
    if (sent < size) return 0;
  }
  return 0;
}

int eddy__channel_write(
    eddy_transport *transport, const eddy_buffer *pieces, size_t count)
{
  struct cursor cursor = {.piece = pieces};
  for (size_t i = 0; i < count; i++) {
    cursor.left += pieces[i].size;
  }
  struct eddy__channel *channel = eddy__channel_of(transport);
  size_t size = cursor.left;
  bool gathered = channel->gathers && size < GATHERED;
  if (eddy__channel_buffered(transport) == 0 && !gathered) {
    int rc = send_now(transport, &cursor);
    if (rc < 0) {
      eddy_transport_fail(transport, rc, NULL);
      return 0;
    }
    if (cursor.left == 0) return 0;
  }
  bool begun = cursor.left < size;
  int rc = enqueue(transport, &cursor, gathered);
  if (rc < 0) {
    /* A stream with a hole in it is worse than none. */
    if (begun)
      eddy_transport_fail(transport, rc, "write: a part was sent, the rest is lost");
    return rc;
  }
  const struct eddy__outbox *outbox = channel->outbox;
  if (outbox->op->state == EDDY__OP_DEFERRED && outbox->queued >= GATHERED) {
    rc = send_queued(transport); /* what comes of it is on_flush's */
    if (rc < 0) {
      eddy_transport_fail(transport, rc, NULL);
      return 0;
    }
  }
  eddy_transport_grew(transport);
  return 0;
}

/* Something was sent from the queue, or sending has failed: what is left is waited with. */
static void go_on(eddy_transport *transport, int rc, bool ends)
{
  struct eddy__channel *channel = eddy__channel_of(transport);
  if (rc == 0 && channel->outbox->queued > 0) rc = await_output(transport);
  if (rc < 0) {
    eddy_transport_fail(transport, rc, NULL);
    return;
  }
  bool empty = channel->outbox->queued == 0;
  if (empty) eddy__channel_clear(transport);
  eddy_transport_shrank(transport);
  empty = eddy__channel_buffered(transport) == 0; /* resume_writing may have written */
  if (!transport->lost && empty && ends)
    eddy__channel_type(transport)->drained(transport);
}

/* The descriptor takes data again. */
static int output_ready(void *arg)
{
  eddy_transport *transport = arg;
  struct eddy__outbox *outbox = eddy__channel_of(transport)->outbox;
  eddy_op *op = outbox->op;
  eddy__op_ran(transport->loop, op);
  op->buffer = outbox->first->bytes + outbox->first->start;
  op->size = outbox->first->end - outbox->first->start;
  int rc = eddy__op_finish(transport->loop, op);
  if (rc == EDDY_PENDING) return 0;
  if (rc == 0) {
    bool whole = (size_t)op->result == op->size;
    consume(outbox, (size_t)op->result);
    if (whole) rc = send_queued(transport);
  }
  go_on(transport, rc, true);
  return 0;
}

static int on_output(void *transport)
{
  return eddy__transport_call(transport, output_ready);
}

/* The iteration in which writes were gathered is over. */
static int flush(void *arg)
{
  eddy_transport *transport = arg;
  struct eddy__outbox *outbox = eddy__channel_of(transport)->outbox;
  /* If a write has sent all that was gathered, the end of output is dealt with already. */
  bool ends = outbox->queued > 0 || transport->closing;
  outbox->op->state = EDDY__OP_IDLE;
  go_on(transport, send_queued(transport), ends);
  return 0;
}

static int on_flush(void *transport)
{
  return eddy__transport_call(transport, flush);
}

void eddy__channel_gather(eddy_transport *transport, bool on)
{
  eddy__channel_of(transport)->gathers = on;
}

size_t eddy__channel_buffered(const eddy_transport *transport)
{
  const struct eddy__outbox *outbox = eddy__channel_of(transport)->outbox;
  return outbox != NULL ? outbox->queued : 0;
}
