#include "uv_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

void eddy_backend_signal(eddy_loop *loop, eddy_op *op)
{
  if (op->state != PENDING) return;
  op->state = SIGNALLED;
  loop->arrived[loop->arrivals++] = op;
}

void eddy_backend_caught(eddy_loop *loop, int signum)
{
  loop->caught[loop->signals++] = signum;
}

void eddy_backend_turn(eddy_loop *loop)
{
  loop->turns++;
  if (loop->turn != NULL) loop->turn(loop);
}

void eddy_backend_instead(eddy_loop *loop, const char *name, const char *reason)
{
  (void)loop;
  printf("%s instead: %s\n", name, reason);
}

size_t eddy_backend_holds(const eddy_loop *loop)
{
  return loop->holds;
}

void *eddy_loop_uv(eddy_loop *loop)
{
  return loop->io->uv_loop(loop->io_state);
}

int eddy_raise(int code, const char *format, ...)
{
  (void)format;
  return code;
}

int passed;
int failed;

bool check(bool ok, const char *text, int line)
{
  if (ok) {
    passed++;
  } else {
    failed++;
    printf("line %d: %s\n", line, text);
  }
  return ok;
}

const eddy_io *tested_io = &eddy__io_uv;

int try_open(eddy_loop *loop, const eddy_scheduler *scheduler, uv_loop_t *host)
{
  *loop = (eddy_loop){.scheduler = scheduler, .io = tested_io};
  eddy_loop_options options = {.uv_loop = host};
  loop->io_state = calloc(1, loop->io->loop_size);
  loop->scheduler_state = calloc(1, scheduler->loop_size);
  int rc = loop->io->open(loop->io_state, loop, &options);
  if (rc == 0) {
    rc = scheduler->open(loop->scheduler_state, loop);
    if (rc < 0) loop->io->close(loop->io_state);
  }
  if (rc < 0) {
    free(loop->io_state);
    free(loop->scheduler_state);
  }
  return rc;
}

void open_loop(eddy_loop *loop, const eddy_scheduler *scheduler, uv_loop_t *host)
{
  int rc = try_open(loop, scheduler, host);
  if (rc == 0) return;
  printf("cannot open the backend: %d\n", rc);
  exit(1);
}

void close_loop(eddy_loop *loop)
{
  loop->scheduler->close(loop->scheduler_state);
  loop->io->close(loop->io_state);
  free(loop->io_state);
  free(loop->scheduler_state);
}

int start(eddy_loop *loop, eddy_op *op, eddy_op_kind kind, int fd)
{
  op->kind = kind;
  op->fd = fd;
  op->state = PENDING;
  op->status = 0;
  int rc = loop->io->start(loop->io_state, op);
  if (rc != EDDY_PENDING) op->state = IDLE;
  return rc;
}

int finish(eddy_loop *loop, eddy_op *op)
{
  op->state = PENDING;
  int rc = loop->io->finish(loop->io_state, op);
  if (rc != EDDY_PENDING) op->state = IDLE;
  return rc;
}

void cancel(eddy_loop *loop, eddy_op *op)
{
  op->state = IDLE;
  loop->io->cancel(loop->io_state, op);
}

size_t poll_loop(eddy_loop *loop, eddy_time timeout)
{
  loop->arrivals = 0;
  loop->io->poll(loop->io_state, timeout);
  return loop->arrivals;
}

size_t poll_until_signal(eddy_loop *loop)
{
  size_t count = 0;
  for (int i = 0; count == 0 && i < 100; i++) {
    count = poll_loop(loop, EDDY_MS(50));
  }
  return count;
}

eddy_time cpu_used(void)
{
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return EDDY_S(now.tv_sec) + now.tv_nsec;
}

static uint64_t random_state = 88172645463325252u;

uint64_t next_random(void)
{
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state;
}
