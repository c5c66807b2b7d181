/* A queue of bytes in memory lent while there are any. */
#ifndef EDDY_IO_BUFFER_H
#define EDDY_IO_BUFFER_H

#include <stdbool.h>

#include "io/block.h"

/* Zeroed it is empty. */
struct eddy__buffer {
  struct eddy__block *block; /* NULL: nothing is in it */
  size_t start;
  size_t end;
  /* Where a view is still looked at: the block or an earlier one. */
  struct eddy__block *lent;
};

static inline size_t eddy__buffer_size(const struct eddy__buffer *buffer)
{
  return buffer->end - buffer->start;
}

/* Appends, or puts in front of the rest: 0, or EDDY_ENOMEM with nothing changed. */
int eddy__buffer_append(struct eddy__buffer *buffer, struct eddy__blocks *blocks,
    const void *data, size_t size);
int eddy__buffer_prepend(struct eddy__buffer *buffer, struct eddy__blocks *blocks,
    const void *data, size_t size);

/* Drops so many bytes. */
void eddy__buffer_drop(
    struct eddy__buffer *buffer, struct eddy__blocks *blocks, size_t size);

/* The first bytes; they stay where they are until the next reclaim, whatever is appended or
 * dropped. At most one view at a time. Never NULL. */
const char *eddy__buffer_lend(struct eddy__buffer *buffer);

/* The view is not looked at any more: gives back what is not needed. */
void eddy__buffer_reclaim(struct eddy__buffer *buffer, struct eddy__blocks *blocks);

/* Empties it and gives everything back. */
void eddy__buffer_clear(struct eddy__buffer *buffer, struct eddy__blocks *blocks);

#endif
