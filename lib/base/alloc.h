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

#endif
