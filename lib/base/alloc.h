/* Memory of the library. Every allocation goes through here, and each may fail. */
#ifndef EDDY_BASE_ALLOC_H
#define EDDY_BASE_ALLOC_H

#include <stddef.h>

/* Zeroed memory, or NULL. */
void *eddy__alloc(size_t size);

/* As realloc: on failure NULL, and the old block stays. */
void *eddy__realloc(void *block, size_t size);

void eddy__free(void *block);

/* A copy of a string, or NULL. */
char *eddy__strdup(const char *text);

/*
 * Blocks of one size, kept for reuse when they are freed. Under AddressSanitizer nothing is
 * kept, so that a use after free is seen.
 */
struct eddy__pool {
  size_t size;
  size_t limit; /* blocks kept at most */
  size_t kept;
  size_t used; /* handed out now */
  void *free;  /* the first kept block; each begins with a pointer to the next */
};

void eddy__pool_init(struct eddy__pool *pool, size_t size, size_t limit);

/* Frees what is kept; blocks handed out stay valid and go back with eddy__pool_put. */
void eddy__pool_fini(struct eddy__pool *pool);

/* A block with unspecified contents, or NULL. */
void *eddy__pool_get(struct eddy__pool *pool);

void eddy__pool_put(struct eddy__pool *pool, void *block);

#endif
