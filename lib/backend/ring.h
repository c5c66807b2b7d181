/*
 * Linux: an io_uring, spoken to by its three system calls.
 *
 * Only what Linux 6.1 has: one thread submits, and completions are made while that thread waits
 * for them, never by an interruption. The ring belongs to the thread that enters it first; another
 * one is told EDDY_EEXIST. Without a header of that age there are no rings at all.
 */
#ifndef EDDY_BACKEND_RING_H
#define EDDY_BACKEND_RING_H

#include <stdatomic.h>

#include <eddy/error.h>
#include <eddy/time.h>

#if defined(__linux__) && defined(__has_include)
#if __has_include(<linux/io_uring.h>)
#include <linux/io_uring.h>
#endif
#endif

#if defined(IORING_SETUP_DEFER_TASKRUN) && defined(IORING_RECV_MULTISHOT)
#define EDDY__RINGS 1
#else
#define EDDY__RINGS 0
#endif

#if EDDY__RINGS

struct eddy__ring {
  int fd;
  bool entered;
  void *memory; /* both queues */
  size_t memory_size;
  struct io_uring_sqe *sqes;
  size_t sqes_size;
  _Atomic(uint32_t) *sq_head; /* the kernel's */
  _Atomic(uint32_t) *sq_tail;
  _Atomic(uint32_t) *sq_flags;
  uint32_t sq_entries;
  _Atomic(uint32_t) *cq_head;
  _Atomic(uint32_t) *cq_tail; /* the kernel's */
  uint32_t cq_entries;
  struct io_uring_cqe *cqes;
};

/* Returns 0; EDDY_ENOSYS; EDDY_EPERM; EDDY_EINVAL (the kernel is too old); EDDY_ENOMEM;
 * EDDY_EMFILE. */
int eddy__ring_open(struct eddy__ring *ring);

/* What is pending in the kernel is cancelled some time later. */
void eddy__ring_close(struct eddy__ring *ring);

/* A request to fill in, all zero; it is submitted by the next enter. NULL: there is no room and the
 * kernel takes none just now. */
struct io_uring_sqe *eddy__ring_request(struct eddy__ring *ring);

/* Submits, and waits at most `timeout` (0: not at all; EDDY_NEVER: for ever) until a completion is
 * there. Returns 0, also when time is up; EDDY_EEXIST: the ring is another thread's; other codes of
 * the system, which mean nothing but that it was not done. */
int eddy__ring_enter(struct eddy__ring *ring, eddy_time timeout);

/* Submits, and has the kernel carry out what it has put off: what was cancelled is over. Returns as
 * eddy__ring_enter. */
int eddy__ring_flush(struct eddy__ring *ring);

/* The next completion, if there is one. */
bool eddy__ring_take(struct eddy__ring *ring, struct io_uring_cqe *out);

/* Whether an enter that does not wait would do nothing. */
bool eddy__ring_is_idle(struct eddy__ring *ring);

#endif

#endif
