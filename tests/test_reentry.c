/* Running and closing a loop from inside, and twice: rule 13 of asyncio's loop. */
#include "owned.h"

static eddy_loop *loop; /* the case's */

static int soon(eddy_fn *fn, void *arg)
{
  return eddy_loop_call_soon(loop, fn, arg, NULL);
}

static int yield_once(void *unused)
{
  (void)unused;
  return eddy_sleep(0);
}

static int run_again(void *other)
{
  CHECK_CODE(eddy_loop_run(loop), EDDY_ERUNNING);
  CHECK_CODE(eddy_loop_run_forever(loop), EDDY_ERUNNING);
  CHECK_CODE(eddy_loop_run(other), EDDY_ERUNNING);
  CHECK_CODE(eddy_run(yield_once, NULL), EDDY_ERUNNING);
  eddy_future *future;
  CHECK_OK(test_future(other, &future));
  CHECK_CODE(eddy_loop_run_until_complete(other, future, NULL), EDDY_ERUNNING);
  CHECK(eddy_loop_is_running(loop) && !eddy_loop_is_running(other));
  CHECK_PTR(eddy_get_running_loop(), loop);
  trace("refused");
  return soon(trace_fn, "goes on");
}

EDDY_TEST(reentry, loop_cannot_be_reentered_and_no_second_one_runs_in_the_thread)
{
  eddy_loop *other;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(test_loop(&other));
  CHECK_OK(soon(run_again, other));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("refused goes on");
  CHECK_OK(eddy_loop_run(other));
  return 0;
}

static int close_inside(void *unused)
{
  (void)unused;
  CHECK_CODE(eddy_loop_close(loop), EDDY_ERUNNING);
  CHECK(!eddy_loop_is_closed(loop));
  return soon(trace_fn, "goes on");
}

EDDY_TEST(reentry, close_is_refused_while_running)
{
  CHECK_OK(test_loop(&loop));
  CHECK_OK(soon(close_inside, NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("goes on");
  return 0;
}

EDDY_TEST(reentry, close_is_idempotent_and_discards_what_is_queued_unrun)
{
  CHECK_OK(test_loop(&loop));
  eddy_handle **handles = test_handles(2);
  CHECK_OK(soon(trace_fn, "soon"));
  CHECK_OK(eddy_loop_call_soon(loop, trace_fn, "handle", &handles[0]));
  CHECK_OK(eddy_loop_call_later(loop, 0, trace_fn, "timer", &handles[1]));
  CHECK_OK(eddy_loop_call_soon_threadsafe(loop, trace_fn, "posted"));
  CHECK_OK(eddy_loop_close(loop));
  CHECK_OK(eddy_loop_close(loop));
  CHECK_CODE(soon(trace_fn, "after"), EDDY_ECLOSED);
  eddy_handle_cancel(handles[0]);
  CHECK_TRACE("");
  return 0;
}
