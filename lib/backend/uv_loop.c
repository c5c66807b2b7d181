#include "backend/uv_loop.h"

#include <eddy/error.h>

#include "backend/socket.h"
#include "base/alloc.h"

#define LOOP_BYTES 1024 /* that libuv allocates for a loop beside its table, at most */

unsigned eddy__uv_table_room(int fd)
{
  unsigned size = 1;
  while (size < (unsigned)fd + 3) {
    size *= 2;
  }
  return size - 2;
}

size_t eddy__uv_table_bytes(int fd)
{
  return ((size_t)eddy__uv_table_room(fd) + 2) * sizeof(void *);
}

/*
 * Tries whether there are descriptors enough for a libuv loop: without them uv_loop_init of
 * 1.44 loses the one it has opened, and ends the process if it is the process's first.
 */
static int try_descriptors(int *highest)
{
  int fds[8];
  int rc = 0;
  size_t count = 0;
  while (rc == 0 && count < sizeof(fds) / sizeof(fds[0])) {
    rc = eddy__socket_pair(&fds[count]);
    if (rc == 0) count += 2;
  }
  *highest = 0;
  while (count > 0) {
    int fd = fds[--count];
    if (fd > *highest) *highest = fd;
    (void)eddy__socket_close(fd);
  }
  return rc;
}

/* Likewise for memory: if the table for the loop's own descriptors cannot be had, libuv ends
 * the process. It may be made for a low number and grow at once. */
static int try_memory(int highest)
{
  void *trial = eddy__alloc(LOOP_BYTES + 2 * eddy__uv_table_bytes(highest));
  if (trial == NULL) return EDDY_ENOMEM;
  eddy__free(trial);
  return 0;
}

int eddy__uv_loop_init(uv_loop_t *uv)
{
  int highest;
  int rc = try_descriptors(&highest);
  if (rc == 0) rc = try_memory(highest);
  return rc < 0 ? rc : uv_loop_init(uv);
}
