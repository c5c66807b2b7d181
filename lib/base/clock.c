#include "base/clock.h"

#include <eddy/error.h>

#ifdef _WIN32
#include <windows.h>
#else
#include <dirent.h>
#include <pthread.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#endif

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

#else

eddy_time eddy__clock_now(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return EDDY_S(now.tv_sec) + now.tv_nsec;
}

long eddy__process_id(void)
{
  return (long)getpid();
}

int eddy__on_fork(void (*before)(void), void (*in_parent)(void), void (*in_child)(void))
{
  return pthread_atfork(before, in_parent, in_child) == 0 ? 0 : EDDY_ENOMEM;
}

#endif

#ifdef __linux__

int eddy__thread_count(void)
{
  DIR *threads = opendir("/proc/self/task");
  if (threads == NULL) {
    /* No memory or no descriptor left: the links tell the number of directories in it. */
    struct stat task;
    return stat("/proc/self/task", &task) == 0 && task.st_nlink > 2
               ? (int)task.st_nlink - 2
               : 0;
  }
  int count = 0;
  for (struct dirent *entry; (entry = readdir(threads)) != NULL;) {
    count += entry->d_name[0] != '.';
  }
  closedir(threads);
  return count;
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

bool eddy__thread_is_main(void)
{
  return true;
}

#endif

eddy_time eddy__time_after(eddy_time now, eddy_time delay)
{
  if (delay <= 0) return now;
  return delay > EDDY_NEVER - now ? EDDY_NEVER : now + delay;
}
