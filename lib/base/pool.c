#include "base/pool.h"

#include <stdalign.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/clock.h"

#ifdef EDDY_CTX_ANNOTATED

/* In front of each block. */
struct header {
  alignas(max_align_t) struct eddy__pool *pool;
};

void eddy__pool_init(struct eddy__pool *pool, size_t size)
{
  *pool = (struct eddy__pool){.size = sizeof(struct header) + size};
}

void eddy__pool_fini(struct eddy__pool *pool)
{
  (void)pool;
}

void *eddy__pool_get(struct eddy__pool *pool)
{
  struct header *header = eddy__alloc(pool->size);
  if (header == NULL) return NULL;
  header->pool = pool;
  pool->used++;
  pool->held += pool->size;
  return header + 1;
}

void eddy__pool_put(struct eddy__pool *pool, void *block)
{
  pool->used--;
  pool->held -= pool->size;
  eddy__free((struct header *)block - 1);
}

struct eddy__pool *eddy__pool_of(const void *block)
{
  return ((const struct header *)block - 1)->pool;
}

void eddy__pool_trim(struct eddy__pool *pool)
{
  (void)pool;
}

#else

#define CHUNK_BYTES 32768
#define LARGE_CHUNK_BYTES 2097152 /* where so much is in use */
#define KEPT_CHUNKS 8
#define CACHE_LINE 64

struct chunk {
  struct eddy__link link;
  struct eddy__pool *pool;
  struct block *free; /* blocks that came back since it was last empty */
  size_t bytes;
  size_t used;  /* blocks handed out */
  size_t fresh; /* blocks not handed out since it was last empty */
  size_t total;
};

/* A block that came back. */
struct block {
  struct block *next;
};

/* In front of each block: aligned as a block at least is. */
struct header {
  alignas(uint64_t) struct chunk *chunk;
};

/* The alignment of a type divides its size: a block whose size is no multiple of the
 * strictest alignment needs none. */
static size_t alignment(size_t size)
{
  return size % alignof(max_align_t) == 0 ? alignof(max_align_t) : alignof(struct header);
}

void eddy__pool_init(struct eddy__pool *pool, size_t size)
{
  size_t align = alignment(size);
  size_t stride = size + sizeof(struct header) + align - 1;
  *pool = (struct eddy__pool){.size = stride - stride % align, .lead = align};
  eddy__list_init(&pool->partial);
  eddy__list_init(&pool->full);
}

static struct header *header_of(const void *block)
{
  return (struct header *)((uintptr_t)block - sizeof(struct header));
}

static struct chunk *add_chunk(struct eddy__pool *pool)
{
  bool large = pool->used * pool->size >= LARGE_CHUNK_BYTES;
  size_t extra = sizeof(struct chunk) + 2 * CACHE_LINE;
  size_t total = ((large ? LARGE_CHUNK_BYTES : CHUNK_BYTES) - extra) / pool->size;
  if (total == 0) total = 1;
  size_t bytes = large ? LARGE_CHUNK_BYTES : extra + total * pool->size;
  /* Blocks need not be zero. */
  struct chunk *chunk = large ? eddy__large_memory(bytes) : eddy__realloc(NULL, bytes);
  if (chunk == NULL) return NULL;
  *chunk = (struct chunk){.pool = pool, .bytes = bytes, .fresh = total, .total = total};
  pool->held += bytes;
  eddy__list_append(&pool->partial, &chunk->link);
  pool->empty++;
  return chunk;
}

/* Blocks of one line, header and all, do not straddle two. */
static char *first_block(struct chunk *chunk)
{
  char *end = (char *)(chunk + 1);
  char *line = end + CACHE_LINE - (uintptr_t)end % CACHE_LINE;
  return line + chunk->pool->lead;
}

static void *take_block(struct eddy__pool *pool, struct chunk *chunk)
{
  struct block *block = chunk->free;
  if (block != NULL) {
    chunk->free = block->next;
    return block;
  }
  size_t index = chunk->total - chunk->fresh--;
  block = (struct block *)(void *)(first_block(chunk) + index * pool->size);
  header_of(block)->chunk = chunk;
  return block;
}

/* No block of the chunk is in use any more. Empty ones are taken from last, and are the
 * first that a trim looks at. Blocks are handed out one after the other again. */
static void empty(struct eddy__pool *pool, struct chunk *chunk)
{
  eddy__list_remove(&chunk->link);
  eddy__list_append(&pool->partial, &chunk->link);
  chunk->free = NULL;
  chunk->fresh = chunk->total;
  pool->empty++;
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
  void *block = take_block(pool, chunk);
  if (chunk->used == 0) pool->empty--;
  if (++chunk->used == chunk->total) {
    eddy__list_remove(&chunk->link);
    eddy__list_append(&pool->full, &chunk->link);
  }
  pool->used++;
  return block;
}

void eddy__pool_put(struct eddy__pool *pool, void *block)
{
  struct chunk *chunk = header_of(block)->chunk;
  struct block *back = block;
  back->next = chunk->free;
  chunk->free = back;
  pool->used--;
  if (chunk->used-- == chunk->total) {
    eddy__list_remove(&chunk->link);
    eddy__list_prepend(&pool->partial, &chunk->link);
  }
  if (chunk->used == 0) empty(pool, chunk);
}

struct eddy__pool *eddy__pool_of(const void *block)
{
  return header_of(block)->chunk->pool;
}

void eddy__pool_trim(struct eddy__pool *pool)
{
  size_t left = (pool->empty + 1) / 2; /* to be freed now; the rest next time */
  struct eddy__link *link = pool->partial.prev;
  while (left > 0 && link != &pool->partial) {
    struct chunk *chunk = EDDY__ENTRY(link, struct chunk, link);
    if (chunk->used > 0) return;
    link = link->prev;
    if (chunk->bytes < LARGE_CHUNK_BYTES && pool->empty <= KEPT_CHUNKS) continue;
    eddy__list_remove(&chunk->link);
    pool->held -= chunk->bytes;
    eddy__free(chunk);
    pool->empty--;
    left--;
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
