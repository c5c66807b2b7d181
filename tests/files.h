/* Files for tests. */
#ifndef EDDY_TEST_FILES_H
#define EDDY_TEST_FILES_H

#include <stdint.h>
#include <unistd.h>

#include "sock_calls.h"

static inline void remove_file(void *path)
{
  (void)unlink(path);
}

static inline void close_file(void *file)
{
  (void)close((int)(intptr_t)file);
}

/* A file of so many bytes, each of which depends on its place; open for the whole test. */
static inline int file_with(size_t size, int *file)
{
  char *path = test_new(100), *bytes = test_new(size + 1);
  snprintf(path, 100, "/tmp/eddy-file-%ld", (long)getpid());
  test_defer_late(remove_file, path);
  for (size_t i = 0; i < size; i++)
    bytes[i] = (char)byte_at(i);
  CHECK_OK(eddy_file_write_all(path, bytes, size));
  CHECK_OK(eddy_file_open(path, EDDY_FILE_READ, 0, file));
  test_defer_late(close_file, (void *)(intptr_t)*file);
  return 0;
}

#endif
