#include "tls/bytes.h"

#include <stdint.h>
#include <string.h>

/* A little less than 4 KiB: what the loop lends has a header. */
#define SMALLEST ((size_t)4000)

int eddy__bytes_reserve(eddy_loop *loop, struct eddy__bytes *bytes, size_t size)
{
  size_t kept = eddy__bytes_size(bytes);
  if (bytes->capacity - bytes->end >= size) return 0;
  if (size > SIZE_MAX / 4 || kept > SIZE_MAX / 4) return EDDY_ENOMEM;
  if (bytes->capacity - kept >= size && bytes->start >= kept) {
    memcpy(bytes->data, eddy__bytes_first(bytes), kept);
    bytes->start = 0;
    bytes->end = kept;
    return 0;
  }
  size_t capacity = kept + size < SMALLEST ? SMALLEST : kept + size;
  if (bytes->capacity > 0 && capacity < 2 * bytes->capacity)
    capacity = 2 * bytes->capacity;
  unsigned char *data = eddy_loop_lend(loop, capacity);
  if (data == NULL) return EDDY_ENOMEM;
  if (kept > 0) memcpy(data, eddy__bytes_first(bytes), kept);
  eddy_loop_give_back(loop, bytes->data);
  *bytes = (struct eddy__bytes){.data = data, .end = kept, .capacity = capacity};
  return 0;
}

int eddy__bytes_append(
    eddy_loop *loop, struct eddy__bytes *bytes, const void *data, size_t size)
{
  if (size == 0) return 0;
  int rc = eddy__bytes_reserve(loop, bytes, size);
  if (rc < 0) return rc;
  memcpy(bytes->data + bytes->end, data, size);
  bytes->end += size;
  return 0;
}

void eddy__bytes_drop(eddy_loop *loop, struct eddy__bytes *bytes, size_t size)
{
  bytes->start += size;
  if (bytes->start == bytes->end) eddy__bytes_clear(loop, bytes);
}

void eddy__bytes_clear(eddy_loop *loop, struct eddy__bytes *bytes)
{
  eddy_loop_give_back(loop, bytes->data);
  *bytes = (struct eddy__bytes){.data = NULL};
}
