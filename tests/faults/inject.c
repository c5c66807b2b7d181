/*
 * Allocations that fail, and a book of those that live.
 *
 * In this program alone, the library's object files call faults_malloc where they called
 * malloc, and so on (symbols.txt); libuv is given the functions below through
 * uv_replace_allocator. What the tests themselves allocate comes from malloc, unharmed.
 */
#include "faults.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <uv.h>

#include "book.h"

void *faults_malloc(size_t size);
int faults_posix_memalign(void **out, size_t alignment, size_t size);
void *faults_realloc(void *block, size_t size);
void faults_free(void *block);
void *faults_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset);
int faults_munmap(void *map, size_t size);
int faults_mprotect(void *at, size_t size, int protection);
int faults_madvise(void *at, size_t size, int advice);
DIR *faults_opendir(const char *path);
int faults_closedir(DIR *directory);
int faults_pthread_atfork(
    void (*before)(void), void (*parent)(void), void (*child)(void));
int faults_pthread_key_create(pthread_key_t *key, void (*destroy)(void *));
int faults_pthread_setspecific(pthread_key_t key, const void *value);

static struct {
  struct faults_plan plan;
  atomic_bool armed;
  atomic_ulong count;
  atomic_ulong injected;
  bool traced;
} state;

/* In this thread nothing fails for now, and nothing is counted. */
static _Thread_local bool suspended;

void faults_suspend(bool on)
{
  suspended = on;
}

/* ---- whether the next one fails ---- */

void faults_arm(const struct faults_plan *plan)
{
  state.plan = *plan;
  atomic_store(&state.count, 0);
  atomic_store(&state.injected, 0);
  atomic_store(&state.armed, true);
}

void faults_disarm(void)
{
  atomic_store(&state.armed, false);
  faults_result->count = atomic_load(&state.count);
  faults_result->injected = atomic_load(&state.injected);
}

void faults_trace(void)
{
  state.traced = true;
  faults_book_trace();
}

bool faults_injected(void)
{
  return atomic_load(&state.injected) > 0;
}

static void inject(void)
{
  if (atomic_fetch_add(&state.injected, 1) == 0 && state.traced) {
    fputs("the (first) fault is here:\n", stderr);
    faults_print_here();
  }
}

static bool carried_out(enum faults_kind kind)
{
  static _Thread_local bool counted;
  if (!atomic_load(&state.armed) || state.plan.kind != kind || suspended) return false;
  if (!counted) atomic_fetch_add(&faults_result->threads, 1);
  counted = true;
  return true;
}

bool faults_due(enum faults_kind kind)
{
  if (!carried_out(kind)) return false;
  unsigned long number = atomic_fetch_add(&state.count, 1) + 1;
  bool due = state.plan.lasting ? number >= state.plan.at : number == state.plan.at;
  if (due) inject();
  return due;
}

/* Whether eddy's allocation of `size` bytes fails (0 bytes: it is not of the heap). */
static bool eddy_fails(size_t size)
{
  if (!faults_due(FAULTS_MEMORY)) {
    if (!carried_out(FAULTS_BUDGET)) return false;
    if (size == 0 || faults_book_bytes() + size <= state.plan.at) return false;
    inject();
  }
  errno = ENOMEM;
  return true;
}

static bool libuv_fails(size_t size, enum faults_need need)
{
  if (!faults_due(FAULTS_LIBUV)) {
    if (!carried_out(FAULTS_BUDGET)) return false;
    if (faults_book_bytes() + size <= state.plan.at) return false;
    inject();
  }
  /* Noted at once: this may be the last that is heard of the process. */
  atomic_fetch_or(&faults_result->needs, 1u << need);
  faults_result->injected = atomic_load(&state.injected);
  errno = ENOMEM;
  return true;
}

/* ---- eddy's ---- */

static void *noted(void *block, size_t size, enum faults_owner owner)
{
  if (block != NULL) faults_book_add(block, size, owner);
  return block;
}

void *faults_malloc(size_t size)
{
  return eddy_fails(size) ? NULL : noted(malloc(size), size, FAULTS_OF_EDDY);
}

void *faults_calloc(size_t count, size_t size)
{
  return eddy_fails(count * size)
             ? NULL
             : noted(calloc(count, size), count * size, FAULTS_OF_EDDY);
}

/* A realloc that fails leaves the old block, one that does not has moved it: that shows who
 * goes on with the old pointer. */
static void *move(void *block, size_t size, enum faults_owner owner)
{
  void *copy = malloc(size);
  if (copy == NULL) return NULL;
  if (block != NULL) {
    size_t old = faults_book_remove(block, owner);
    memcpy(copy, block, old < size ? old : size);
    free(block);
  }
  return noted(copy, size, owner);
}

void *faults_realloc(void *block, size_t size)
{
  return eddy_fails(size) ? NULL : move(block, size, FAULTS_OF_EDDY);
}

int faults_posix_memalign(void **out, size_t alignment, size_t size)
{
  if (eddy_fails(size)) return ENOMEM;
  int rc = posix_memalign(out, alignment, size);
  if (rc == 0) (void)noted(*out, size, FAULTS_OF_EDDY);
  return rc;
}

void faults_free(void *block)
{
  if (block == NULL) return;
  (void)faults_book_remove(block, FAULTS_OF_EDDY);
  free(block);
}

void *faults_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
  if (eddy_fails(0)) return MAP_FAILED;
  void *map = mmap(at, size, protection, flags, fd, offset);
  if (map != MAP_FAILED) faults_book_add(map, size, FAULTS_MAPPED);
  return map;
}

int faults_munmap(void *map, size_t size)
{
  size_t known = faults_book_remove(map, FAULTS_MAPPED);
  if (known != size)
    faults_problem("munmap of %zu bytes where %zu were mapped", size, known);
  return munmap(map, size);
}

int faults_mprotect(void *at, size_t size, int protection)
{
  return eddy_fails(0) ? -1 : mprotect(at, size, protection);
}

int faults_madvise(void *at, size_t size, int advice)
{
  return eddy_fails(0) ? -1 : madvise(at, size, advice);
}

/* ---- what allocates inside the C library ---- */

DIR *faults_opendir(const char *path)
{
  if (eddy_fails(0)) return NULL;
  DIR *directory = opendir(path);
  if (directory != NULL) faults_book_add(directory, 0, FAULTS_OF_EDDY);
  return directory;
}

int faults_closedir(DIR *directory)
{
  (void)faults_book_remove(directory, FAULTS_OF_EDDY);
  return closedir(directory);
}

int faults_pthread_atfork(void (*before)(void), void (*parent)(void), void (*child)(void))
{
  return eddy_fails(0) ? ENOMEM : pthread_atfork(before, parent, child);
}

int faults_pthread_key_create(pthread_key_t *key, void (*destroy)(void *))
{
  return eddy_fails(0) ? EAGAIN : pthread_key_create(key, destroy);
}

int faults_pthread_setspecific(pthread_key_t key, const void *value)
{
  return eddy_fails(0) ? ENOMEM : pthread_setspecific(key, value);
}

/* ---- libuv's ---- */

static void *libuv_malloc(size_t size)
{
  if (libuv_fails(size, FAULTS_NEED_OTHER)) return NULL;
  return noted(malloc(size), size, FAULTS_OF_LIBUV);
}

static void *libuv_calloc(size_t count, size_t size)
{
  if (libuv_fails(count * size, FAULTS_NEED_LOOP)) return NULL;
  return noted(calloc(count, size), count * size, FAULTS_OF_LIBUV);
}

static void *libuv_realloc(void *block, size_t size)
{
  enum faults_need need = block == NULL ? FAULTS_NEED_FIRST_TABLE
                                        : FAULTS_NEED_LARGER_TABLE;
  return libuv_fails(size, need) ? NULL : move(block, size, FAULTS_OF_LIBUV);
}

static void libuv_free(void *block)
{
  if (block == NULL) return;
  (void)faults_book_remove(block, FAULTS_OF_LIBUV);
  free(block);
}

void faults_take_libuv(void)
{
  if (uv_replace_allocator(libuv_malloc, libuv_realloc, libuv_calloc, libuv_free) != 0)
    abort();
}
