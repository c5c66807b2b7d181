/* The uv pair as a guest in a host's libuv loop. */
#include "uv_fixture.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

static eddy_timer guest_timers[3];
static eddy_op guest_op;

static void note(eddy_loop *loop, char what)
{
  size_t length = strlen(loop->trace);
  if (length + 1 < sizeof(loop->trace)) loop->trace[length] = what;
}

static void guest_turn(eddy_loop *loop)
{
  size_t arrivals = loop->arrivals;
  loop->arrivals = 0;
  for (size_t i = 0; i < arrivals; i++) {
    note(loop, finish(loop, loop->arrived[i]) == 0 ? 'r' : 'e');
  }
  eddy_timer *timer;
  while ((timer = loop->scheduler->take_due(loop->scheduler_state, eddy__clock_now())) !=
         NULL) {
    note(loop, (char)('1' + (timer - guest_timers)));
  }
  if (loop->ready > 0) {
    note(loop, 'c');
    loop->ready--;
  }
  loop->io->busy(loop->io_state, loop->ready > 0);
}

static void test_guest(void)
{
  uv_loop_t host;
  CHECK(uv_loop_init(&host) == 0);
  eddy_loop loop;
  open_loop(&loop, &eddy__scheduler_uv, &host);
  loop.turn = guest_turn;
  CHECK(eddy_loop_uv(&loop) == &host);
  CHECK(uv_run(&host, UV_RUN_DEFAULT) == 0); /* nothing to do: it ends by itself */
  /* Callbacks that are ready keep it going, one step after the other. */
  loop.ready = 3;
  loop.io->busy(loop.io_state, true);
  CHECK(uv_run(&host, UV_RUN_DEFAULT) == 0);
  CHECK(strcmp(loop.trace, "ccc") == 0);
  /* Timers, by deadline and booking order. */
  memset(loop.trace, 0, sizeof(loop.trace));
  eddy_time base = eddy__clock_now();
  guest_timers[0] = (eddy_timer){.deadline = base + EDDY_MS(12), .sequence = 1};
  guest_timers[1] = (eddy_timer){.deadline = base + EDDY_MS(5) + 200, .sequence = 2};
  guest_timers[2] = (eddy_timer){.deadline = base + EDDY_MS(5) + 100, .sequence = 3};
  for (size_t i = 0; i < 3; i++) {
    CHECK(loop.scheduler->add(loop.scheduler_state, &guest_timers[i]) == 0);
  }
  eddy_time cpu = cpu_used();
  CHECK(uv_run(&host, UV_RUN_DEFAULT) == 0);
  CHECK(strcmp(loop.trace, "321") == 0);
  CHECK(cpu_used() - cpu < EDDY_MS(10));
  close_loop(&loop);
  CHECK(uv_loop_close(&host) == 0);
}

/* I/O and a timer that fall into one pass: I/O is first, as everywhere. */
static void test_guest_io_before_timers(void)
{
  uv_loop_t host;
  CHECK(uv_loop_init(&host) == 0);
  eddy_loop loop;
  open_loop(&loop, &eddy__scheduler_uv, &host);
  loop.turn = guest_turn;
  int fds[2];
  char buffer[4];
  CHECK(loop.io->sock_pair(loop.io_state, fds) == 0);
  guest_op = (eddy_op){.buffer = buffer, .size = 1};
  for (int round = 0; round < 5; round++) {
    memset(loop.trace, 0, sizeof(loop.trace));
    CHECK(start(&loop, &guest_op, EDDY_OP_RECV, fds[0]) == EDDY_PENDING);
    guest_timers[0] = (eddy_timer){
        .deadline = eddy__clock_now() + EDDY_MS(2), .sequence = (uint64_t)round};
    CHECK(loop.scheduler->add(loop.scheduler_state, &guest_timers[0]) == 0);
    CHECK(write(fds[1], "x", 1) == 1);
    struct timespec pause = {.tv_nsec = 5000000};
    nanosleep(&pause, NULL);
    CHECK(uv_run(&host, UV_RUN_DEFAULT) == 0);
    CHECK(strcmp(loop.trace, "r1") == 0);
  }
  /* A pending operation keeps the host's loop alive, a kept registration does not. */
  CHECK(start(&loop, &guest_op, EDDY_OP_RECV, fds[0]) == EDDY_PENDING);
  CHECK(uv_run(&host, UV_RUN_NOWAIT) != 0);
  /* Closed outside of the loop: the waiter is still told. */
  memset(loop.trace, 0, sizeof(loop.trace));
  CHECK(loop.io->sock_close(loop.io_state, fds[0]) == 0);
  CHECK(uv_run(&host, UV_RUN_DEFAULT) == 0);
  CHECK(strcmp(loop.trace, "e") == 0);
  CHECK(loop.io->sock_close(loop.io_state, fds[1]) == 0);
  close_loop(&loop);
  CHECK(uv_loop_close(&host) == 0);
}

void test_guests(void)
{
  test_guest();
  test_guest_io_before_timers();
}
