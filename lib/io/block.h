/*
 * Memory lent to connections while they have data: blocks that a loop keeps for the next one.
 */
#ifndef EDDY_IO_BLOCK_H
#define EDDY_IO_BLOCK_H

#include <stdbool.h>
#include <stddef.h>

/* Sizes kept for the next: 1, 4, 16 and 64 KiB, header included. */
#define EDDY__BLOCK_SIZES 4

struct eddy__block {
  struct eddy__block *next; /* while it is kept */
  size_t capacity;
  bool counted; /* in *blocks->lent */
  char bytes[];
};

/* What a loop keeps; zeroed, but for `lent`, it is empty. */
struct eddy__blocks {
  size_t *lent; /* how many are in use */
  struct eddy__block *kept[EDDY__BLOCK_SIZES];
  unsigned count[EDDY__BLOCK_SIZES];
};

/* A block with room for at least so many bytes, or NULL. `blocks` NULL: nothing is kept. */
struct eddy__block *eddy__block_get(struct eddy__blocks *blocks, size_t size);

/* Takes one back. NULL is allowed. */
void eddy__block_put(struct eddy__blocks *blocks, struct eddy__block *block);

/* Frees what is kept. */
void eddy__blocks_clear(struct eddy__blocks *blocks);

#endif
