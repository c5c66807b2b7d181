/* Forks without exec: what belongs to this process, and what to the one that it came of. */
#ifndef EDDY_BASE_FORK_H
#define EDDY_BASE_FORK_H

#include <stdbool.h>

/*
 * An object that threads share keeps the number that this had when it was made. In a child the
 * number is another one: the threads that would go on with the object are not there, and its mutex
 * may be held for ever. Then the calls are refused, and nothing is locked: there is only one thread.
 */
extern unsigned eddy__forks;

/* Makes sure that forks are counted from now on: 0 or EDDY_ENOMEM. */
int eddy__forks_watch(void);

static inline bool eddy__inherited(unsigned forks)
{
  return forks != eddy__forks;
}

/* EDDY_EOTHERTHREAD, in words: the call is about an object that was inherited by fork. */
int eddy__refuse_inherited(const char *call, const char *object);

#endif
