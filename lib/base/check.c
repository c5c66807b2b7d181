#include "base/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void eddy__check_failed(const char *file, int line, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  fprintf(stderr, "eddy: misuse (%s:%d): ", file, line);
  vfprintf(stderr, format, args);
  fputc('\n', stderr);
  va_end(args);
  abort();
}
