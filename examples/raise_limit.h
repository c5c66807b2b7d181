/* The soft limit of open descriptors, raised as far as the system lets us without asking.
 */
#ifndef EXAMPLES_RAISE_LIMIT_H
#define EXAMPLES_RAISE_LIMIT_H

#include <sys/resource.h>

/** Tries to allow `wanted` descriptors; returns how many are allowed now. */
static inline unsigned long raise_limit(unsigned long wanted)
{
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return 0;
  if (limit.rlim_cur < wanted) {
    struct rlimit raised = limit;
    raised.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  return (unsigned long)limit.rlim_cur;
}

#endif
