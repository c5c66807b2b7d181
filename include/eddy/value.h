/* What futures, queues and tasks carry: one machine word of the user's choice. */
#ifndef EDDY_VALUE_H
#define EDDY_VALUE_H

#include <eddy/api.h>

/** Eight bytes: a number or a pointer. eddy never looks inside and never frees it. */
typedef union eddy_value {
  int64_t i;
  uint64_t u;
  double d;
  void *p;
} eddy_value;

/** A stored outcome: `error` is 0 and `value` counts, or `error` is a negative code. */
typedef struct eddy_result {
  eddy_value value;
  int error;
} eddy_result;

/**
 * What eddy runs: the body of a task, and every callback. Both take one pointer and return
 * 0 or a negative code (`return eddy_raise(code, "text")`).
 */
typedef int eddy_fn(void *arg);

static inline eddy_value eddy_int(int64_t i)
{
  eddy_value value;
  value.i = i;
  return value;
}

static inline eddy_value eddy_double(double d)
{
  eddy_value value;
  value.d = d;
  return value;
}

static inline eddy_value eddy_ptr(void *p)
{
  eddy_value value;
  value.u = 0;
  value.p = p;
  return value;
}

#endif
