#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

void *eddy__alloc(size_t size)
{
  return calloc(1, size);
}

void *eddy__realloc(void *block, size_t size)
{
  return realloc(block, size);
}

void eddy__free(void *block)
{
  free(block);
}

char *eddy__strdup(const char *text)
{
  size_t size = strlen(text) + 1;
  char *copy = malloc(size);
  if (copy != NULL) memcpy(copy, text, size);
  return copy;
}

void eddy__pool_init(struct eddy__pool *pool, size_t size, size_t limit)
{
  pool->size = size < sizeof(void *) ? sizeof(void *) : size;
#ifdef EDDY_CTX_ANNOTATED
  pool->limit = 0;
  (void)limit;
#else
  pool->limit = limit;
#endif
  pool->kept = 0;
  pool->used = 0;
  pool->free = NULL;
}

void eddy__pool_fini(struct eddy__pool *pool)
{
  while (pool->free != NULL) {
    void *block = pool->free;
    pool->free = *(void **)block;
    free(block);
  }
  pool->kept = 0;
}

void *eddy__pool_get(struct eddy__pool *pool)
{
  void *block = pool->free;
  if (block != NULL) {
    pool->free = *(void **)block;
    pool->kept--;
  } else {
    block = malloc(pool->size);
    if (block == NULL) return NULL;
  }
  pool->used++;
  return block;
}

void eddy__pool_put(struct eddy__pool *pool, void *block)
{
  pool->used--;
  if (pool->kept >= pool->limit) {
    free(block);
    return;
  }
  *(void **)block = pool->free;
  pool->free = block;
  pool->kept++;
}
