#include "tools/texts.h"

#include <stdlib.h>
#include <string.h>

#include "tools/tool.h"

uint64_t texts_hash(const char *text)
{
  uint64_t hash = 14695981039346656037u;
  for (; *text != '\0'; text++) {
    hash = (hash ^ (unsigned char)*text) * 1099511628211u;
  }
  return hash;
}

static size_t *find(struct texts *texts, const char *text)
{
  size_t at = (size_t)(texts_hash(text) & (texts->table_size - 1));
  while (texts->table[at] != 0 && strcmp(texts->all[texts->table[at] - 1], text) != 0) {
    at = (at + 1) & (texts->table_size - 1);
  }
  return &texts->table[at];
}

static void grow(struct texts *texts)
{
  free(texts->table);
  texts->table_size = texts->table_size == 0 ? 64 : 2 * texts->table_size;
  texts->table = tool_memory(texts->table_size, sizeof(*texts->table));
  for (size_t i = 0; i < texts->count; i++)
    *find(texts, texts->all[i]) = i + 1;
}

size_t texts_number(struct texts *texts, const char *text)
{
  if (2 * texts->count >= texts->table_size) grow(texts);
  size_t *entry = find(texts, text);
  if (*entry != 0) return *entry - 1;
  texts->all = tool_grow(texts->all, texts->count, &texts->capacity, sizeof(*texts->all));
  texts->all[texts->count] = text;
  *entry = ++texts->count;
  return texts->count - 1;
}

void texts_free(struct texts *texts)
{
  free(texts->all);
  free(texts->table);
}
