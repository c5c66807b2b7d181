/* Texts by number, each once. */
#ifndef EDDY_TOOLS_TEXTS_H
#define EDDY_TOOLS_TEXTS_H

#include <stddef.h>
#include <stdint.h>

struct texts {
  const char **all; /* borrowed */
  size_t count;
  size_t capacity;
  size_t *table; /* numbers and one, by hash; 0: free; at most half of it is in use */
  size_t table_size;
};

/* The number of a text, which stays where it is for as long as this does. */
size_t texts_number(struct texts *texts, const char *text);
void texts_free(struct texts *texts);

uint64_t texts_hash(const char *text);

#endif
