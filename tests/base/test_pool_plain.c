/*
 * The pools: blocks of every size are given out, written all over, taken back in another order
 * and given out again. None lies upon another, each leads back to its pool, and what a burst took
 * is given back. And arrays that grow and shrink, across the size from which they have pages of
 * their own.
 */
#include <stdint.h>
#include <string.h>

#include "../plain.h"
#include "base/clock.h"
#include "base/pool.h"

#define BLOCKS 40000

static unsigned char *blocks[BLOCKS];

static unsigned char mark_of(size_t i)
{
  return (unsigned char)(i * 7 + i / 251 + 1);
}

static void fill(
    struct eddy__pool *pool, size_t from, size_t to, size_t step, size_t size)
{
  for (size_t i = from; i < to; i += step) {
    blocks[i] = eddy__pool_get(pool);
    if (!CHECK(blocks[i] != NULL)) return;
    CHECK((uintptr_t)blocks[i] % (size % 16 == 0 ? 16 : 8) == 0);
    CHECK(eddy__pool_of(blocks[i]) == pool);
    memset(blocks[i], mark_of(i), size);
  }
}

/* Whoever writes to a neighbour's memory changes its first or last byte. */
static void take_back(
    struct eddy__pool *pool, size_t from, size_t to, size_t step, size_t size)
{
  for (size_t i = from; i < to; i += step) {
    CHECK(blocks[i][0] == mark_of(i) && blocks[i][size - 1] == mark_of(i));
    eddy__pool_put(pool, blocks[i]);
  }
}

static void test_size(size_t size)
{
  struct eddy__pool pool;
  size_t count = size > 4096 ? 300 : BLOCKS; /* up to several large chunks */
  eddy__pool_init(&pool, size);
  fill(&pool, 0, count, 1, size);
  CHECK(pool.used == count);
  CHECK(pool.held >= count * size && pool.held < 2 * (count * size + 2 * 2097152));
  take_back(&pool, 0, count, 2, size);
  fill(&pool, 0, count, 2, size);
  take_back(&pool, 1, count, 2, size);
  take_back(&pool, 0, count, 2, size);
  CHECK(pool.used == 0);
  fill(&pool, 0, count / 2, 1, size);
  take_back(&pool, 0, count / 2, 1, size);
  for (int i = 0; i < 40; i++) {
    eddy__pool_trim(&pool);
  }
  CHECK(pool.held <= 10 * (32768 + size));
  eddy__pool_fini(&pool);
}

/* The bytes that both sizes have stay what they were. */
static void test_arrays(void)
{
  static const size_t sizes[] = {
      100, 70000, 1048575, 1048576, 5000000, 3000000, 900, 2000000};
  unsigned char *array = NULL;
  size_t size = 0;
  for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
    array = eddy__array_resize(array, size, sizes[i]);
    if (!CHECK(array != NULL)) return;
    size_t kept = size < sizes[i] ? size : sizes[i];
    CHECK(kept == 0 || (array[0] == mark_of(i) && array[kept - 1] == mark_of(i)));
    size = sizes[i];
    memset(array, mark_of(i + 1), size);
  }
  CHECK(eddy__array_resize(array, size, 0) == NULL);
  CHECK(eddy__array_resize(NULL, 0, 0) == NULL);
}

int main(void)
{
  static const size_t sizes[] = {
      8, 24, 56, 64, 72, 88, 208, 344, 1000, 4096, 16384, 20000, 32600, 32768, 100000};
  for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
    test_size(sizes[i]);
  }
  test_arrays();
  return summary();
}
