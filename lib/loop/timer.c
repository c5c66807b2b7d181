#include "loop/loop.h"

#include "loop/trace.h"

void eddy__timer_init(eddy_timer *timer, eddy_fn *fn)
{
  timer->fn = fn;
  timer->state = EDDY__TIMER_IDLE;
}

int eddy__timer_start(eddy_loop *loop, eddy_timer *timer, eddy_time deadline)
{
  timer->deadline = deadline;
  if (deadline == EDDY_NEVER) return 0;
  int rc = eddy__loop_book(loop);
  if (rc < 0) return rc;
  timer->sequence = loop->sequence++;
  rc = loop->scheduler->add(loop->scheduler_state, timer);
  if (rc < 0) {
    eddy__loop_unbook(loop);
    return rc;
  }
  timer->state = EDDY__TIMER_BOOKED;
  if (deadline < loop->earliest) loop->earliest = deadline;
  if (deadline <= loop->seen) loop->poll_at = 0;
  if (loop->trace != NULL) eddy__trace_timer(loop, EDDY_TRACE_BOOKED, timer);
  return 0;
}

void eddy__timer_stop(eddy_loop *loop, eddy_timer *timer)
{
  switch (timer->state) {
  case EDDY__TIMER_BOOKED:
    loop->scheduler->remove(loop->scheduler_state, timer);
    eddy__loop_unbook(loop);
    if (loop->trace != NULL) eddy__trace_timer(loop, EDDY_TRACE_STOPPED, timer);
    break;
  case EDDY__TIMER_QUEUED:
    eddy__loop_drop(loop, timer->position);
    break;
  default:
    break;
  }
  timer->state = EDDY__TIMER_IDLE;
}

void eddy__timers_collect(eddy_loop *loop)
{
  eddy_timer *timer;
  while (
      (timer = loop->scheduler->take_due(loop->scheduler_state, loop->clock)) != NULL) {
    if (loop->trace != NULL) eddy__trace_timer(loop, EDDY_TRACE_FIRED, timer);
    eddy__timer_queue(loop, timer);
  }
  loop->earliest = loop->scheduler->next(loop->scheduler_state);
}
