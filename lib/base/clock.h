/* The monotonic clock and what else of the system's state the core asks for. */
#ifndef EDDY_BASE_CLOCK_H
#define EDDY_BASE_CLOCK_H

#include <stddef.h>

#include <eddy/time.h>

/* Nanoseconds since some fixed point; never goes back. */
eddy_time eddy__clock_now(void);

/* now + delay without overflow: one too long is EDDY_NEVER. */
eddy_time eddy__time_after(eddy_time now, eddy_time delay);

/* Memory of unspecified contents for many small objects, at a multiple of `alignment`, a power of
 * two; if that is 2 MiB, in large pages where the system has them, which cost a fraction of as
 * many small ones when they are touched first. NULL: no memory. */
void *eddy__aligned_memory(size_t size, size_t alignment);
void eddy__aligned_free(void *memory);

/* realloc for an array that may grow to millions of bytes and is seldom resized: a large one has
 * pages of its own, which are not there before they are written to, and go back to the system at
 * once. `from` is its size as it is (0: NULL), `to` what it is to be (0: it is freed, NULL). NULL: no
 * memory, and the array stays. */
void *eddy__array_resize(void *array, size_t from, size_t to);

/* The id of this process, to recognise a fork. */
long eddy__process_id(void);

/* At every fork of this process from now on, calls `before`, and after it one of the others in
 * each of the two processes. 0 or EDDY_ENOMEM. */
int eddy__on_fork(void (*before)(void), void (*in_parent)(void), void (*in_child)(void));

/* How many threads this process has that do not rest; 0 where the system does not tell. */
int eddy__thread_count(void);

/* So many more threads rest (are none to reckon with), or fewer. */
void eddy__thread_rests(int change);

/* None rests: a child after fork has only the thread that forked. */
void eddy__threads_forget(void);

/* The system's number of the calling thread; 0 where there is none. */
long eddy__thread_kernel_id(void);

/* Waits until the system counts a thread no more that has been joined. */
void eddy__thread_await_gone(long kernel_id);

/* Names the calling thread for debuggers, where the system can; cut to what it takes. */
void eddy__thread_set_name(const char *name);

/* Whether the calling thread is the process's first; true where the system does not tell. */
bool eddy__thread_is_main(void);

/* Calls fn in the calling thread when that ends, and perhaps when others end: it looks whether
 * there is anything to do. For up to four functions. False: it will not, for want of memory. */
bool eddy__on_thread_end(void (*fn)(void *unused));

#endif
