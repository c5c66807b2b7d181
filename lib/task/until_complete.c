/* eddy_loop_run_until_complete: the loop's run that a future ends. */
#include "task/future.h"

#include "base/outcome.h"
#include "base/self.h"

static int stop_loop(eddy_future *future, void *arg)
{
  (void)future;
  eddy_loop_stop(arg);
  return 0;
}

int eddy_loop_run_until_complete(eddy_loop *loop, eddy_future *future, eddy_value *value)
{
  if (loop == NULL || future == NULL) return EDDY_EINVAL;
  if (future->loop != loop) return EDDY_EOTHERLOOP;
  if (loop->running || eddy__self.loop != NULL) return EDDY_ERUNNING;
  int rc = eddy_future_add_done_callback(future, stop_loop, loop);
  if (rc < 0) return rc;
  eddy_future_ref(future);
  rc = eddy__loop_run(loop, EDDY__RUN_UNTIL_COMPLETE);
  (void)eddy_future_remove_done_callback(future, stop_loop, loop);
  if (rc == 0) {
    if (future->state == EDDY__PENDING) {
      rc = EDDY_ESTOPPED;
    } else {
      rc = eddy_future_result(future, value);
      if (rc < 0) eddy__outcome_pass_on(&future->outcome, rc);
    }
  }
  eddy_future_unref(future);
  return rc;
}
