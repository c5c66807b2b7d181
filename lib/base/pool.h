/*
 * Blocks of one size, for what a loop makes and frees all the time.
 *
 * They are cut from chunks, which are aligned so that a block's address leads to its chunk:
 * nothing is kept for a block but the block. A chunk whose blocks have all come back waits for
 * the next burst until eddy__pool_trim, which a loop calls when it has nothing to do. Under
 * sanitizers every block is an allocation of its own, so that a use after free is seen.
 */
#ifndef EDDY_BASE_POOL_H
#define EDDY_BASE_POOL_H

#include "base/list.h"

struct eddy__pool {
  size_t size; /* from one block to the next */
  size_t used;
  struct eddy__link partial; /* chunks with a free block; the first is taken from */
  struct eddy__link full;
  size_t empty; /* chunks on `partial` with no block in use */
  size_t held;  /* bytes of all chunks */
};

void eddy__pool_init(struct eddy__pool *pool, size_t size);

/* Frees every chunk; no block is in use. */
void eddy__pool_fini(struct eddy__pool *pool);

/* A block with unspecified contents, or NULL. */
void *eddy__pool_get(struct eddy__pool *pool);

/* Frees half of the chunks of which no block is in use, but keeps a few small ones. */
void eddy__pool_trim(struct eddy__pool *pool);

/* Takes a block back. */
void eddy__pool_put(struct eddy__pool *pool, void *block);

/* The pool that a block is from. */
struct eddy__pool *eddy__pool_of(const void *block);

#endif
