/*
 * Threads of the library's own.
 *
 * Each is joined once it has ended, by whoever comes next, so that none is left behind and
 * nobody waits for one that is at work. A thread without work rests: it can do nothing by
 * itself, and eddy__thread_count leaves it out.
 */
#ifndef EDDY_BASE_THREAD_H
#define EDDY_BASE_THREAD_H

#include <uv.h>

#include "base/list.h"

/* The first member of whatever a thread needs; from eddy__alloc. */
struct eddy__thread {
  struct eddy__link link; /* among those that run, or have ended */
  uv_thread_t id;
  long kernel_id; /* 0 where the system has none */
};

/* Starts fn(thread) in a new thread, which counts as resting. Returns 0 or a code. From then
 * on its memory belongs to eddy__threads_reap. */
int eddy__thread_start(struct eddy__thread *thread, void (*fn)(void *thread));

/* The last thing but for letting go of locks that a thread does: it may be joined. It rests. */
void eddy__thread_ends(struct eddy__thread *thread);

/* Joins the threads that have ended, and frees their memory. Takes no longer than they need to
 * return. */
void eddy__threads_reap(void);

#endif
