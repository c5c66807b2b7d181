#include "io/block.h"

#include <stdint.h>

#include "base/alloc.h"

#define SMALLEST ((size_t)1024)
/* Bytes of each size that are kept. */
#define KEPT ((size_t)128 * 1024)

/* The bytes of a block of this size, its header included. */
static size_t bytes_of(unsigned size)
{
  return SMALLEST << (2 * size);
}

struct eddy__block *eddy__block_get(struct eddy__blocks *blocks, size_t size)
{
  unsigned i = 0;
  if (size > SIZE_MAX - sizeof(struct eddy__block)) return NULL;
  size_t bytes = size + sizeof(struct eddy__block);
  while (i < EDDY__BLOCK_SIZES && bytes > bytes_of(i)) {
    i++;
  }
  if (i < EDDY__BLOCK_SIZES) {
    bytes = bytes_of(i);
    if (blocks != NULL && blocks->kept[i] != NULL) {
      struct eddy__block *block = blocks->kept[i];
      blocks->kept[i] = block->next;
      blocks->count[i]--;
      ++*blocks->lent;
      return block;
    }
  }
  struct eddy__block *block = eddy__realloc(NULL, bytes);
  if (block == NULL) return NULL;
  block->capacity = bytes - sizeof(*block);
  block->counted = blocks != NULL;
  if (block->counted) ++*blocks->lent;
  return block;
}

void eddy__block_put(struct eddy__blocks *blocks, struct eddy__block *block)
{
  if (block == NULL) return;
  if (blocks != NULL) *blocks->lent -= block->counted;
  for (unsigned i = 0; blocks != NULL && i < EDDY__BLOCK_SIZES; i++) {
    if (block->capacity + sizeof(*block) != bytes_of(i)) continue;
    if (!block->counted || blocks->count[i] >= KEPT / bytes_of(i)) break;
    block->next = blocks->kept[i];
    blocks->kept[i] = block;
    blocks->count[i]++;
    return;
  }
  eddy__free(block);
}

void eddy__blocks_clear(struct eddy__blocks *blocks)
{
  for (unsigned i = 0; i < EDDY__BLOCK_SIZES; i++) {
    while (blocks->kept[i] != NULL) {
      struct eddy__block *block = blocks->kept[i];
      blocks->kept[i] = block->next;
      eddy__free(block);
    }
    blocks->count[i] = 0;
  }
}
