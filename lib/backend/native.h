/* eddy's own scheduler half: timers in a heap, counted in nanoseconds. */
#ifndef EDDY_BACKEND_NATIVE_H
#define EDDY_BACKEND_NATIVE_H

#include <eddy/backend.h>

extern const eddy_scheduler eddy__scheduler_native;

#endif
