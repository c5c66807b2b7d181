#include "backend/ring.h"

#if EDDY__RINGS

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SUBMISSIONS 256
#define COMPLETIONS 4096
#define FLUSHES 1000
#define NEEDED                                                                           \
  (IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP | IORING_FEAT_EXT_ARG |                  \
      IORING_FEAT_CQE_SKIP)

/* ---- opening and closing ---- */

static void *map(int fd, size_t size, off_t offset)
{
  void *memory = mmap(
      NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, offset);
  return memory == MAP_FAILED ? NULL : memory;
}

static void *at(struct eddy__ring *ring, uint32_t offset)
{
  return (char *)ring->memory + offset;
}

static void find_queues(struct eddy__ring *ring, const struct io_uring_params *params)
{
  const struct io_sqring_offsets *sq = &params->sq_off;
  const struct io_cqring_offsets *cq = &params->cq_off;
  ring->sq_head = at(ring, sq->head);
  ring->sq_tail = at(ring, sq->tail);
  ring->sq_flags = at(ring, sq->flags);
  ring->sq_entries = params->sq_entries;
  ring->cq_head = at(ring, cq->head);
  ring->cq_tail = at(ring, cq->tail);
  ring->cq_entries = params->cq_entries;
  ring->cqes = at(ring, cq->cqes);
  uint32_t *places = at(ring, sq->array);
  for (uint32_t i = 0; i < params->sq_entries; i++) {
    places[i] = i;
  }
}

static int map_queues(struct eddy__ring *ring, const struct io_uring_params *params)
{
  size_t sq = params->sq_off.array + params->sq_entries * sizeof(uint32_t);
  size_t cq = params->cq_off.cqes + params->cq_entries * sizeof(struct io_uring_cqe);
  ring->memory_size = sq > cq ? sq : cq;
  ring->memory = map(ring->fd, ring->memory_size, (off_t)IORING_OFF_SQ_RING);
  if (ring->memory == NULL) return EDDY_ENOMEM;
  ring->sqes_size = params->sq_entries * sizeof(struct io_uring_sqe);
  ring->sqes = map(ring->fd, ring->sqes_size, (off_t)IORING_OFF_SQES);
  if (ring->sqes == NULL) {
    (void)munmap(ring->memory, ring->memory_size);
    return EDDY_ENOMEM;
  }
  find_queues(ring, params);
  return 0;
}

int eddy__ring_open(struct eddy__ring *ring)
{
  struct io_uring_params params = {
      .flags = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP | IORING_SETUP_SUBMIT_ALL |
               IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
               IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_R_DISABLED,
      .cq_entries = COMPLETIONS,
  };
  *ring = (struct eddy__ring){0};
  long fd = syscall(SYS_io_uring_setup, SUBMISSIONS, &params);
  if (fd < 0) return -errno;
  ring->fd = (int)fd;
  int rc = (params.features & NEEDED) == NEEDED ? map_queues(ring, &params) : EDDY_EINVAL;
  if (rc < 0) close(ring->fd);
  return rc;
}

void eddy__ring_close(struct eddy__ring *ring)
{
  (void)munmap(ring->sqes, ring->sqes_size);
  (void)munmap(ring->memory, ring->memory_size);
  close(ring->fd);
}

/* ---- entering ---- */

static uint32_t load(_Atomic(uint32_t) *place)
{
  return atomic_load_explicit(place, memory_order_acquire);
}

/* Requests that the kernel has not taken yet. */
static uint32_t unsubmitted(struct eddy__ring *ring)
{
  return atomic_load_explicit(ring->sq_tail, memory_order_relaxed) - load(ring->sq_head);
}

/* The first thread to enter is the one that the kernel knows from then on. */
static int begin(struct eddy__ring *ring)
{
  if (ring->entered) return 0;
  if (syscall(SYS_io_uring_register, ring->fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0) < 0)
    return -errno;
  ring->entered = true;
  return 0;
}

int eddy__ring_enter(struct eddy__ring *ring, eddy_time timeout)
{
  int rc = begin(ring);
  if (rc < 0) return rc;
  struct __kernel_timespec time = {timeout / EDDY_S(1), timeout % EDDY_S(1)};
  struct io_uring_getevents_arg how = {0};
  if (timeout > 0 && timeout != EDDY_NEVER) how.ts = (uintptr_t)&time;
  long taken = syscall(SYS_io_uring_enter, ring->fd, unsubmitted(ring),
      timeout == 0 ? 0U : 1U, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &how,
      sizeof(how));
  return taken >= 0 || errno == ETIME ? 0 : -errno;
}

int eddy__ring_flush(struct eddy__ring *ring)
{
  int rc = 0;
  /* The kernel does some at a time. */
  for (int i = 0; i < FLUSHES && rc == 0; i++) {
    rc = eddy__ring_enter(ring, 0);
    if (unsubmitted(ring) == 0 && (load(ring->sq_flags) & IORING_SQ_TASKRUN) == 0) break;
  }
  return rc;
}

struct io_uring_sqe *eddy__ring_request(struct eddy__ring *ring)
{
  if (unsubmitted(ring) == ring->sq_entries) (void)eddy__ring_enter(ring, 0);
  if (unsubmitted(ring) == ring->sq_entries) return NULL;
  uint32_t tail = atomic_load_explicit(ring->sq_tail, memory_order_relaxed);
  struct io_uring_sqe *request = &ring->sqes[tail & (ring->sq_entries - 1)];
  memset(request, 0, sizeof(*request));
  atomic_store_explicit(ring->sq_tail, tail + 1, memory_order_release);
  return request;
}

bool eddy__ring_take(struct eddy__ring *ring, struct io_uring_cqe *out)
{
  uint32_t head = atomic_load_explicit(ring->cq_head, memory_order_relaxed);
  if (head == load(ring->cq_tail)) return false;
  const struct io_uring_cqe *completion = &ring->cqes[head & (ring->cq_entries - 1)];
  out->user_data = completion->user_data;
  out->res = completion->res;
  out->flags = completion->flags;
  atomic_store_explicit(ring->cq_head, head + 1, memory_order_release);
  return true;
}

bool eddy__ring_is_idle(struct eddy__ring *ring)
{
  uint32_t work = IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW;
  return unsubmitted(ring) == 0 && (load(ring->sq_flags) & work) == 0 &&
         atomic_load_explicit(ring->cq_head, memory_order_relaxed) == load(ring->cq_tail);
}

#endif
