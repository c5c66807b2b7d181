/*
 * Windows runs exception handlers on the stack that caused the exception. When that one
 * is full there is no room for a report, so none is promised: the process ends by the
 * access violation that it would have ended by anyway.
 */
#include "ctx/ctx.h"

void eddy__overflow_watch(const char *(*describe)(void))
{
  (void)describe;
}
