/* A process that gets no descriptor any more. */
#ifndef EDDY_TEST_DESCRIPTORS_H
#define EDDY_TEST_DESCRIPTORS_H

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "eddy_test.h"

enum { SPARE = 1024 };

static struct rlimit former;
static int fillers[SPARE];
static int filler_count;

static inline void free_descriptors(void *unused)
{
  (void)unused;
  while (filler_count > 0) {
    close(fillers[--filler_count]);
  }
  setrlimit(RLIMIT_NOFILE, &former);
}

/* From here on the process gets no descriptor any more, until free_descriptors. */
static inline int exhaust_descriptors(void)
{
  int highest = 0;
  for (int fd = 0; fd < 1024; fd++) {
    if (fcntl(fd, F_GETFD) >= 0) highest = fd;
  }
  CHECK_EQ(getrlimit(RLIMIT_NOFILE, &former), 0);
  test_defer(free_descriptors, NULL);
  struct rlimit limit = former;
  limit.rlim_cur = (rlim_t)highest + 2; /* at least one filler */
  CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  for (int fd; filler_count < SPARE && (fd = dup(STDERR_FILENO)) >= 0;) {
    fillers[filler_count++] = fd;
  }
  CHECK(filler_count < SPARE);
  return 0;
}

#endif
