/* A queue of bytes in memory that the loop lends while there are any. */
#ifndef EDDY_TLS_BYTES_H
#define EDDY_TLS_BYTES_H

#include <stddef.h>

#include <eddy/layer.h>

/* Zeroed it is empty, and holds no memory. */
struct eddy__bytes {
  unsigned char *data;
  size_t start;
  size_t end;
  size_t capacity;
};

static inline size_t eddy__bytes_size(const struct eddy__bytes *bytes)
{
  return bytes->end - bytes->start;
}

static inline const unsigned char *eddy__bytes_first(const struct eddy__bytes *bytes)
{
  return bytes->data + bytes->start;
}

/* Makes room for so many more: 0, or EDDY_ENOMEM with nothing changed. */
int eddy__bytes_reserve(eddy_loop *loop, struct eddy__bytes *bytes, size_t size);

/* Appends: 0, or EDDY_ENOMEM with nothing changed. */
int eddy__bytes_append(
    eddy_loop *loop, struct eddy__bytes *bytes, const void *data, size_t size);

/* Drops the first bytes. With the last one the memory goes back. */
void eddy__bytes_drop(eddy_loop *loop, struct eddy__bytes *bytes, size_t size);

/* Empties it. */
void eddy__bytes_clear(eddy_loop *loop, struct eddy__bytes *bytes);

#endif
