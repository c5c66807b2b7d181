#include "tools/tool.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int tool_trouble(const char *format, ...)
{
  va_list args;
  va_start(args, format);
  fputs("eddy: ", stderr);
  vfprintf(stderr, format, args);
  fputc('\n', stderr);
  va_end(args);
  return TOOL_TROUBLE;
}

static void *or_end(void *memory)
{
  if (memory != NULL) return memory;
  exit(tool_trouble("not enough memory"));
}

void *tool_memory(size_t count, size_t size)
{
  return or_end(calloc(count > 0 ? count : 1, size));
}

char *tool_text(const char *format, ...)
{
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  char none[1];
  int size = vsnprintf(none, 0, format, args);
  char *text = tool_memory((size_t)size + 1, 1);
  vsnprintf(text, (size_t)size + 1, format, again);
  va_end(again);
  va_end(args);
  return text;
}

void *tool_grow(void *row, size_t count, size_t *capacity, size_t size)
{
  if (count < *capacity) return row;
  *capacity = *capacity == 0 ? 64 : 2 * *capacity;
  return or_end(realloc(row, *capacity * size));
}

const char *tool_time(double nanoseconds)
{
  static char texts[8][32];
  static unsigned next;
  char *text = texts[next++ % 8];
  double size = nanoseconds < 0 ? -nanoseconds : nanoseconds;
  if (size < 1e3) {
    snprintf(text, 32, "%.0f ns", nanoseconds);
  } else if (size < 1e6) {
    snprintf(text, 32, "%.3g us", nanoseconds / 1e3);
  } else if (size < 1e9) {
    snprintf(text, 32, "%.3g ms", nanoseconds / 1e6);
  } else {
    snprintf(text, 32, "%.3f s", nanoseconds / 1e9);
  }
  return text;
}

int tool_compare_numbers(const void *a, const void *b)
{
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

int64_t tool_rank(const int64_t *sorted, size_t count, double rank)
{
  if (count == 0) return 0;
  size_t at = (size_t)(rank * (double)count);
  return sorted[at < count ? at : count - 1];
}
