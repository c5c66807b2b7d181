#include "base/clock.h"

#include <eddy/error.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef _WIN32
#include <malloc.h>
#include <windows.h>
#else
#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LARGE_PAGE 2097152
#define LARGE_ARRAY 1048576
#endif

/* What is called at the end of every thread that asked for anything of it. */
static void (*_Atomic thread_ends[4])(void *unused);

static void call_thread_ends(void)
{
  for (size_t i = 0; i < sizeof(thread_ends) / sizeof(thread_ends[0]); i++) {
    void (*fn)(void *) = atomic_load(&thread_ends[i]);
    if (fn != NULL) fn(NULL);
  }
}

static bool add_thread_end(void (*fn)(void *unused))
{
  for (size_t i = 0; i < sizeof(thread_ends) / sizeof(thread_ends[0]); i++) {
    void (*there)(void *) = NULL;
    if (atomic_compare_exchange_strong(&thread_ends[i], &there, fn) || there == fn)
      return true;
  }
  return false;
}

#ifdef _WIN32

eddy_time eddy__clock_now(void)
{
  LARGE_INTEGER count, frequency;
  QueryPerformanceCounter(&count);
  QueryPerformanceFrequency(&frequency);
  int64_t seconds = count.QuadPart / frequency.QuadPart;
  int64_t rest = count.QuadPart % frequency.QuadPart;
  return EDDY_S(seconds) + rest * EDDY_S(1) / frequency.QuadPart;
}

void *eddy__aligned_memory(size_t size, size_t alignment)
{
  return _aligned_malloc(size, alignment);
}

void eddy__aligned_free(void *memory)
{
  _aligned_free(memory);
}

void *eddy__array_resize(void *array, size_t from, size_t to)
{
  (void)from;
  if (to > 0) return realloc(array, to);
  free(array);
  return NULL;
}

long eddy__process_id(void)
{
  return (long)GetCurrentProcessId();
}

int eddy__on_fork(void (*before)(void), void (*in_parent)(void), void (*in_child)(void))
{
  (void)before;
  (void)in_parent;
  (void)in_child;
  return 0;
}

static DWORD thread_end_key = FLS_OUT_OF_INDEXES;
static INIT_ONCE thread_end_once = INIT_ONCE_STATIC_INIT;

static void WINAPI end_thread(void *set)
{
  if (set != NULL) call_thread_ends();
}

static BOOL CALLBACK make_thread_end_key(INIT_ONCE *once, void *arg, void **context)
{
  (void)once;
  (void)arg;
  (void)context;
  thread_end_key = FlsAlloc(end_thread);
  return TRUE;
}

bool eddy__on_thread_end(void (*fn)(void *unused))
{
  if (!add_thread_end(fn)) return false;
  InitOnceExecuteOnce(&thread_end_once, make_thread_end_key, NULL, NULL);
  return FlsSetValue(thread_end_key, &thread_end_key) != 0;
}

#else

eddy_time eddy__clock_now(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return EDDY_S(now.tv_sec) + now.tv_nsec;
}

void *eddy__aligned_memory(size_t size, size_t alignment)
{
  void *memory;
  if (posix_memalign(&memory, alignment, size) != 0) return NULL;
#ifdef MADV_HUGEPAGE
  if (alignment >= LARGE_PAGE) (void)madvise(memory, size, MADV_HUGEPAGE);
#endif
  return memory;
}

void eddy__aligned_free(void *memory)
{
  free(memory);
}

static void *array_new(size_t size)
{
  if (size < LARGE_ARRAY) return malloc(size);
  int flags = MAP_PRIVATE | MAP_ANONYMOUS;
  void *array = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, -1, 0);
  return array != MAP_FAILED ? array : NULL;
}

static void array_free(void *array, size_t size)
{
  if (size < LARGE_ARRAY) {
    free(array);
  } else {
    (void)munmap(array, size);
  }
}

void *eddy__array_resize(void *array, size_t from, size_t to)
{
  void *resized = NULL;
  if (to > 0) {
    if (from < LARGE_ARRAY && to < LARGE_ARRAY) return realloc(array, to);
    resized = array_new(to);
    if (resized == NULL) return NULL;
    if (from > 0) memcpy(resized, array, from < to ? from : to);
  }
  array_free(array, from);
  return resized;
}

long eddy__process_id(void)
{
  return (long)getpid();
}

int eddy__on_fork(void (*before)(void), void (*in_parent)(void), void (*in_child)(void))
{
  return pthread_atfork(before, in_parent, in_child) == 0 ? 0 : EDDY_ENOMEM;
}

static pthread_key_t thread_end_key;
static bool thread_end_key_made;

static void end_thread(void *unused)
{
  (void)unused;
  call_thread_ends();
}

static void make_thread_end_key(void)
{
  thread_end_key_made = pthread_key_create(&thread_end_key, end_thread) == 0;
}

bool eddy__on_thread_end(void (*fn)(void *unused))
{
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  if (!add_thread_end(fn)) return false;
  (void)pthread_once(&once, make_thread_end_key);
  return thread_end_key_made && pthread_setspecific(thread_end_key, &thread_end_key) == 0;
}

#endif

static atomic_int resting;

void eddy__thread_rests(int change)
{
  atomic_fetch_add(&resting, change);
}

void eddy__threads_forget(void)
{
  atomic_store(&resting, 0);
}

#ifdef __linux__

int eddy__thread_count(void)
{
  int count = 0;
  DIR *threads = opendir("/proc/self/task");
  if (threads == NULL) {
    /* No memory or no descriptor left: the links tell the number of directories in it. */
    struct stat task;
    if (stat("/proc/self/task", &task) != 0 || task.st_nlink <= 2) return 0;
    return (int)task.st_nlink - 2 - atomic_load(&resting);
  }
  for (struct dirent *entry; (entry = readdir(threads)) != NULL;) {
    count += entry->d_name[0] != '.';
  }
  closedir(threads);
  return count - atomic_load(&resting);
}

long eddy__thread_kernel_id(void)
{
  return (long)gettid();
}

void eddy__thread_await_gone(long kernel_id)
{
  char path[48];
  snprintf(path, sizeof(path), "/proc/self/task/%ld", kernel_id);
  /* It is a matter of microseconds; a number given out anew at once may end the patience. */
  for (int i = 0; i < 10000 && access(path, F_OK) == 0; i++) {
    sched_yield();
  }
}

void eddy__thread_set_name(const char *name)
{
  char cut[16];
  snprintf(cut, sizeof(cut), "%s", name);
  (void)pthread_setname_np(pthread_self(), cut);
}

bool eddy__thread_is_main(void)
{
  return gettid() == getpid();
}

#else

int eddy__thread_count(void)
{
  return 0;
}

long eddy__thread_kernel_id(void)
{
  return 0;
}

void eddy__thread_await_gone(long kernel_id)
{
  (void)kernel_id;
}

void eddy__thread_set_name(const char *name)
{
#ifdef __APPLE__
  (void)pthread_setname_np(name);
#else
  (void)name;
#endif
}

bool eddy__thread_is_main(void)
{
  return true;
}

#endif

eddy_time eddy__time_after(eddy_time now, eddy_time delay)
{
  if (delay < 0) return now < INT64_MIN - delay ? INT64_MIN : now + delay;
  return delay > EDDY_NEVER - now ? EDDY_NEVER : now + delay;
}
