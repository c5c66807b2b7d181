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

#define SPAN_BYTES 32768
#define LARGE_CHUNK_BYTES 2097152 /* where so much is in use */
#define KEPT_CHUNKS 8
#define CACHE_LINE 64
/* What malloc keeps of its own; spans then lie side by side. */
#define ALLOCATORS_BYTES 16

/* A chunk is one span, or many: pieces of memory aligned to their size. Each begins with a word
 * that leads to the chunk. */
struct span {
  struct chunk *chunk;
};

struct chunk {
  struct span span; /* the first one's */
  struct eddy__link link;
  struct eddy__pool *pool;
  struct block *free; /* blocks that came back since it was last empty */
  char *fresh;        /* the first block not handed out since then; NULL: all were */
  size_t used;        /* blocks handed out */
  size_t bytes;
};

/* A block that came back. */
struct block {
  struct block *next;
};

/* The alignment of a type divides its size: a block whose size is no multiple of the
 * strictest alignment needs none. */
static size_t alignment(size_t size)
{
  return size % alignof(max_align_t) == 0 ? alignof(max_align_t) : alignof(uint64_t);
}

void eddy__pool_init(struct eddy__pool *pool, size_t size)
{
  size_t stride = size + alignment(size) - 1;
  *pool = (struct eddy__pool){.size = stride - stride % alignment(size)};
  eddy__list_init(&pool->partial);
  eddy__list_init(&pool->full);
}

static struct span *span_of(const void *block)
{
  uintptr_t address = (uintptr_t)block;
  return (struct span *)(address - address % SPAN_BYTES);
}

static struct chunk *chunk_of(const void *block)
{
  return span_of(block)->chunk;
}

/* Blocks of one cache line do not straddle two. */
static char *first_block(struct span *span)
{
  bool first = span == &span->chunk->span;
  size_t head = first ? sizeof(struct chunk) : sizeof(struct span);
  return (char *)span + (head + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
}

static struct chunk *add_chunk(struct eddy__pool *pool)
{
  bool large = pool->used * pool->size >= LARGE_CHUNK_BYTES &&
               pool->size < SPAN_BYTES / 2;
  size_t align = large ? LARGE_CHUNK_BYTES : SPAN_BYTES;
  size_t bytes = large ? LARGE_CHUNK_BYTES : SPAN_BYTES - ALLOCATORS_BYTES;
  size_t least = sizeof(struct chunk) + CACHE_LINE + pool->size;
  if (bytes < least) bytes = least;
  struct chunk *chunk = eddy__aligned_memory(bytes, align);
  if (chunk == NULL) return NULL;
  *chunk = (struct chunk){.span.chunk = chunk, .pool = pool, .bytes = bytes};
  chunk->fresh = first_block(&chunk->span);
  pool->held += bytes;
  eddy__list_append(&pool->partial, &chunk->link);
  pool->empty++;
  return chunk;
}

/* The block that is handed out after this one, of those that never were: the next in its span,
 * else the first of the next span; NULL: it was the last. */
static char *block_after(struct chunk *chunk, char *block)
{
  size_t size = chunk->pool->size;
  char *end = (char *)chunk + chunk->bytes;
  char *span_end = (char *)span_of(block) + SPAN_BYTES;
  if (block + 2 * size <= (span_end < end ? span_end : end)) return block + size;
  if (span_end >= end || size >= SPAN_BYTES / 2) return NULL;
  struct span *next = (struct span *)(void *)span_end;
  next->chunk = chunk;
  return first_block(next);
}

static void *take_block(struct chunk *chunk)
{
  struct block *block = chunk->free;
  if (block != NULL) {
    chunk->free = block->next;
    return block;
  }
  char *fresh = chunk->fresh;
  chunk->fresh = block_after(chunk, fresh);
  return fresh;
}

static bool is_full(const struct chunk *chunk)
{
  return chunk->free == NULL && chunk->fresh == NULL;
}

/* No block of the chunk is in use any more. Empty ones are taken from last, and are the
 * first that a trim looks at. Blocks are handed out one after the other again. */
static void empty(struct eddy__pool *pool, struct chunk *chunk)
{
  eddy__list_remove(&chunk->link);
  eddy__list_append(&pool->partial, &chunk->link);
  chunk->free = NULL;
  chunk->fresh = first_block(&chunk->span);
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
  void *block = take_block(chunk);
  if (chunk->used++ == 0) pool->empty--;
  if (is_full(chunk)) {
    eddy__list_remove(&chunk->link);
    eddy__list_append(&pool->full, &chunk->link);
  }
  pool->used++;
  return block;
}

void eddy__pool_put(struct eddy__pool *pool, void *block)
{
  struct chunk *chunk = chunk_of(block);
  struct block *back = block;
  if (is_full(chunk)) {
    eddy__list_remove(&chunk->link);
    eddy__list_prepend(&pool->partial, &chunk->link);
  }
  back->next = chunk->free;
  chunk->free = back;
  pool->used--;
  if (--chunk->used == 0) empty(pool, chunk);
}

struct eddy__pool *eddy__pool_of(const void *block)
{
  return chunk_of(block)->pool;
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
    eddy__aligned_free(chunk);
    pool->empty--;
    left--;
  }
}

static void free_chunks(struct eddy__link *list)
{
  struct eddy__link *link;
  while ((link = eddy__list_first(list)) != NULL) {
    eddy__list_remove(link);
    eddy__aligned_free(EDDY__ENTRY(link, struct chunk, link));
  }
}

void eddy__pool_fini(struct eddy__pool *pool)
{
  free_chunks(&pool->partial);
  free_chunks(&pool->full);
}

#endif
