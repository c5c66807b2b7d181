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
