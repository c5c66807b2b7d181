/* Time is one type: signed 64-bit nanoseconds. Delays and deadlines are both eddy_time. */
#ifndef EDDY_TIME_H
#define EDDY_TIME_H

#include <eddy/api.h>

/** Nanoseconds: a duration, or a point on a loop's own monotonic clock. */
typedef int64_t eddy_time;

#define EDDY_NS(n) ((eddy_time)(n))
#define EDDY_US(n) ((eddy_time)(n) * 1000)
#define EDDY_MS(n) ((eddy_time)(n) * 1000000)
#define EDDY_S(n) ((eddy_time)(n) * 1000000000)

/** Later than any deadline: a timer with it never fires, a timeout with it never expires. */
#define EDDY_NEVER INT64_MAX

#endif
