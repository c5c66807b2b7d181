#include "io/buffer.h"

#include <eddy/error.h>

#include <stdint.h>
#include <string.h>

/* Puts the bytes into another block, `front` bytes behind its beginning. */
static int move_to_new(
    struct eddy__buffer *buffer, struct eddy__blocks *blocks, size_t front, size_t needed)
{
  size_t used = eddy__buffer_size(buffer);
  struct eddy__block *block = eddy__block_get(blocks, needed);
  if (block == NULL) return EDDY_ENOMEM;
  if (used > 0) memcpy(block->bytes + front, buffer->block->bytes + buffer->start, used);
  if (buffer->block != buffer->lent) eddy__block_put(blocks, buffer->block);
  buffer->block = block;
  buffer->start = front;
  buffer->end = front + used;
  return 0;
}

/* Makes room behind the last byte. */
static int make_room(
    struct eddy__buffer *buffer, struct eddy__blocks *blocks, size_t size)
{
  const struct eddy__block *block = buffer->block;
  size_t used = eddy__buffer_size(buffer);
  if (block != NULL && block->capacity - buffer->end >= size) return 0;
  if (size > SIZE_MAX - used) return EDDY_ENOMEM;
  bool movable = block != NULL && block != buffer->lent;
  if (movable && used <= buffer->start && block->capacity - used >= size) {
    memcpy(buffer->block->bytes, block->bytes + buffer->start, used);
    buffer->start = 0;
    buffer->end = used;
    return 0;
  }
  size_t needed = used + size;
  if (used > 0 && used < SIZE_MAX / 2 && needed < 2 * used) needed = 2 * used;
  return move_to_new(buffer, blocks, 0, needed);
}

int eddy__buffer_append(struct eddy__buffer *buffer, struct eddy__blocks *blocks,
    const void *data, size_t size)
{
  int rc = make_room(buffer, blocks, size);
  if (rc < 0) return rc;
  memcpy(buffer->block->bytes + buffer->end, data, size);
  buffer->end += size;
  return 0;
}

int eddy__buffer_prepend(struct eddy__buffer *buffer, struct eddy__blocks *blocks,
    const void *data, size_t size)
{
  if (buffer->block == buffer->lent || buffer->start < size) {
    int rc = move_to_new(buffer, blocks, size, size + eddy__buffer_size(buffer));
    if (rc < 0) return rc;
  }
  buffer->start -= size;
  memcpy(buffer->block->bytes + buffer->start, data, size);
  return 0;
}

/* With nothing in it, it has no block; a view may outlive that. */
static void give_back(struct eddy__buffer *buffer, struct eddy__blocks *blocks)
{
  if (buffer->block != buffer->lent) eddy__block_put(blocks, buffer->block);
  buffer->block = NULL;
  buffer->start = 0;
  buffer->end = 0;
}

void eddy__buffer_drop(
    struct eddy__buffer *buffer, struct eddy__blocks *blocks, size_t size)
{
  buffer->start += size;
  if (buffer->start == buffer->end) give_back(buffer, blocks);
}

const char *eddy__buffer_lend(struct eddy__buffer *buffer)
{
  if (buffer->block == NULL) return "";
  buffer->lent = buffer->block;
  return buffer->block->bytes + buffer->start;
}

void eddy__buffer_reclaim(struct eddy__buffer *buffer, struct eddy__blocks *blocks)
{
  if (buffer->lent != buffer->block) eddy__block_put(blocks, buffer->lent);
  buffer->lent = NULL;
}

void eddy__buffer_clear(struct eddy__buffer *buffer, struct eddy__blocks *blocks)
{
  give_back(buffer, blocks);
  eddy__buffer_reclaim(buffer, blocks);
}
