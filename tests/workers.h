/* What tests of workers share. */
#ifndef EDDY_TEST_WORKERS_H
#define EDDY_TEST_WORKERS_H

#include "eddy_test.h"

static inline void free_workers(void *workers)
{
  eddy_workers_free(workers);
}

/* Workers that are gone when the test is. */
static inline int start_workers(size_t count, eddy_fn *fn, void *arg, eddy_workers **out)
{
  const eddy_workers_options options = {.count = count};
  int rc = eddy_workers_start(&options, fn, arg, out);
  if (rc == 0) test_defer_late(free_workers, *out);
  return rc;
}

#endif
