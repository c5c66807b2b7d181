#include "base/pool.h"

#include <stdalign.h>

#include "base/alloc.h"

#ifdef EDDY_CTX_ANNOTATED

void eddy__pool_init(struct eddy__pool *pool, size_t size)
{
  *pool = (struct eddy__pool){.size = size};
}

void eddy__pool_fini(struct eddy__pool *pool)
{
  (void)pool;
}

void *eddy__pool_get(struct eddy__pool *pool)
{
  void *block = eddy__alloc(pool->size);
  if (block != NULL) pool->used++;
  return block;
}

void eddy__pool_put(struct eddy__pool *pool, void *block)
{
  pool->used--;
  eddy__free(block);
}

void eddy__pool_trim(struct eddy__pool *pool)
{
  (void)pool;
}

#else

#define CHUNK_BYTES 32768
#define KEPT_CHUNKS 8

struct chunk {
  struct eddy__link link;
  struct header *free; /* blocks that came back */
  size_t used;         /* blocks handed out */
  size_t fresh;        /* blocks never handed out yet */
  size_t total;
};

/* In front of each block; aligned so that the block behind it is. */
struct header {
  alignas(max_align_t) struct chunk *chunk;
  struct header *next;
};

void eddy__pool_init(struct eddy__pool *pool, size_t size)
{
  size_t align = alignof(max_align_t);
  *pool = (struct eddy__pool){
      .size = sizeof(struct header) + (size + align - 1) / align * align};
  eddy__list_init(&pool->partial);
  eddy__list_init(&pool->full);
}

static struct header *first_block(struct chunk *chunk)
{
  size_t align = alignof(max_align_t);
  size_t offset = (sizeof(*chunk) + align - 1) / align * align;
  return (struct header *)(void *)((char *)chunk + offset);
}

static struct chunk *add_chunk(struct eddy__pool *pool)
{
  size_t room = CHUNK_BYTES - sizeof(struct chunk) - alignof(max_align_t);
  size_t total = room / pool->size;
  if (total == 0) total = 1;
  size_t bytes = sizeof(struct chunk) + alignof(max_align_t) + total * pool->size;
  struct chunk *chunk = eddy__realloc(NULL, bytes); /* blocks need not be zero */
  if (chunk == NULL) return NULL;
  *chunk = (struct chunk){.fresh = total, .total = total};
  eddy__list_append(&pool->partial, &chunk->link);
  pool->empty++;
  return chunk;
}

static struct header *take_block(struct eddy__pool *pool, struct chunk *chunk)
{
  struct header *block = chunk->free;
  if (block != NULL) {
    chunk->free = block->next;
    return block;
  }
  size_t index = chunk->total - chunk->fresh--;
  block = (struct header *)(void *)((char *)first_block(chunk) + index * pool->size);
  block->chunk = chunk;
  return block;
}

void *eddy__pool_get(struct eddy__pool *pool)
{
  struct eddy__link *link = eddy__list_first(&pool->partial);
  struct chunk *chunk;
  if (link != NULL) {
    chunk = EDDY__ENTRY(link, struct chunk, link);
  } else {
    chunk = add_chunk(pool);
    if (chunk == NULL) return NULL;
  }
  struct header *block = take_block(pool, chunk);
  if (chunk->used == 0) pool->empty--;
  if (++chunk->used == chunk->total) {
    eddy__list_remove(&chunk->link);
    eddy__list_append(&pool->full, &chunk->link);
  }
  pool->used++;
  return block + 1;
}

void eddy__pool_put(struct eddy__pool *pool, void *block)
{
  struct header *header = (struct header *)block - 1;
  struct chunk *chunk = header->chunk;
  header->next = chunk->free;
  chunk->free = header;
  pool->used--;
  if (chunk->used-- == chunk->total) {
    eddy__list_remove(&chunk->link);
    eddy__list_prepend(&pool->partial, &chunk->link);
  }
  if (chunk->used > 0) return;
  /* Empty ones are taken from last, and are the first that a trim looks at. */
  eddy__list_remove(&chunk->link);
  eddy__list_append(&pool->partial, &chunk->link);
  pool->empty++;
}

void eddy__pool_trim(struct eddy__pool *pool)
{
  if (pool->empty <= KEPT_CHUNKS) return;
  size_t keep = pool->empty / 2;
  if (keep < KEPT_CHUNKS) keep = KEPT_CHUNKS;
  while (pool->empty > keep) {
    struct eddy__link *last = pool->partial.prev;
    eddy__list_remove(last);
    eddy__free(EDDY__ENTRY(last, struct chunk, link));
    pool->empty--;
  }
}

static void free_chunks(struct eddy__link *list)
{
  struct eddy__link *link;
  while ((link = eddy__list_first(list)) != NULL) {
    eddy__list_remove(link);
    eddy__free(EDDY__ENTRY(link, struct chunk, link));
  }
}

void eddy__pool_fini(struct eddy__pool *pool)
{
  free_chunks(&pool->partial);
  free_chunks(&pool->full);
}

#endif
