#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenario.h"

void *new_memory(size_t size)
{
  void *memory = calloc(1, size);
  if (memory == NULL) {
    fprintf(stderr, "no memory\n");
    abort();
  }
  return memory;
}

void text_reset(struct text *text)
{
  text->size = 0;
  if (text->data != NULL) text->data[0] = '\0';
}

static void make_room(struct text *text, size_t more)
{
  if (text->size + more <= text->room) return;
  size_t room = (text->size + more) * 2;
  char *data = new_memory(room);
  if (text->size > 0) memcpy(data, text->data, text->size);
  free(text->data);
  text->data = data;
  text->room = room;
}

void text_add(struct text *text, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  int size = vsnprintf(NULL, 0, format, args);
  va_end(args);
  make_room(text, (size_t)size + 1);
  va_start(args, format);
  vsnprintf(text->data + text->size, (size_t)size + 1, format, args);
  va_end(args);
  text->size += (size_t)size;
}
