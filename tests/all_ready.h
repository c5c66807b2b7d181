/* A boundary at which all there can be is there at once: a ready callback, I/O and a timer. */
#ifndef EDDY_TEST_ALL_READY_H
#define EDDY_TEST_ALL_READY_H

#include "owned.h"

static struct {
  int fds[2];
  bool over; /* the timer has run, which comes last */
} all_ready;

static inline int all_ready_io(void *text)
{
  bool removed = eddy_loop_remove_reader(eddy_get_running_loop(), all_ready.fds[0]);
  trace("%s", (const char *)text);
  return removed ? 0 : EDDY_ERUNTIME;
}

static inline int all_ready_timer(void *text)
{
  all_ready.over = true;
  return trace_fn(text);
}

/* A callback: it traces "ready", "io" and "timer" when their turn comes. */
static inline int make_all_ready(void *unused)
{
  eddy_loop *loop = eddy_get_running_loop();
  (void)unused;
  CHECK_OK(eddy_loop_call_later(loop, 0, all_ready_timer, "timer", NULL));
  CHECK_OK(eddy_loop_add_reader(loop, all_ready.fds[0], all_ready_io, "io"));
  CHECK_OK(eddy_loop_call_soon(loop, trace_fn, "ready", NULL));
  return 0;
}

/* In a task: calls fn, which sooner or later makes all ready, and waits until all has run. */
static inline int await_all_ready(eddy_fn *fn, void *arg)
{
  size_t sent;
  all_ready.over = false;
  CHECK_OK(test_pair(all_ready.fds));
  CHECK_OK(eddy_sock_send(all_ready.fds[1], "x", 1, &sent));
  CHECK_OK(eddy_loop_call_soon(eddy_get_running_loop(), fn, arg, NULL));
  for (int turn = 0; !all_ready.over; turn++) {
    CHECK(turn < 1000000);
    CHECK_OK(eddy_sleep(0));
  }
  return 0;
}

#endif
