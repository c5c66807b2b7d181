#include <eddy/run.h>

#include <eddy/runner.h>

#include "base/outcome.h"
#include "base/self.h"

#undef eddy_run

int eddy_run_with(eddy_fn *fn, void *arg, const eddy_loop_options *loop_options,
    const eddy_task_options *task_options, eddy_value *value)
{
  if (fn == NULL) return EDDY_EINVAL;
  if (eddy__self.loop != NULL) {
    return eddy_raise(
        EDDY_ERUNNING, "eddy_run: a loop is running in this thread already");
  }
  eddy_runner *runner;
  int rc = eddy_runner_new(loop_options, &runner);
  if (rc < 0) return rc;
  rc = eddy_runner_run_with(runner, fn, arg, task_options, value);
  eddy_runner_free(runner);
  return rc;
}

int eddy_run(eddy_fn *fn, void *arg)
{
  return eddy_run_with(fn, arg, NULL, NULL, NULL);
}
