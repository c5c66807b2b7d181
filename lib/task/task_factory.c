#include <eddy/task_factory.h>

#include "task/task.h"

void eddy_loop_set_task_factory(eddy_loop *loop, eddy_task_factory *factory, void *arg)
{
  loop->task_factory = factory;
  loop->task_factory_arg = arg;
}

eddy_task_factory *eddy_loop_get_task_factory(const eddy_loop *loop, void **arg)
{
  if (arg != NULL) *arg = loop->task_factory_arg;
  return loop->task_factory;
}

int eddy_eager_task_factory(eddy_loop *loop, const eddy_task_body *body,
    const eddy_task_options *options, eddy_task **out, void *arg)
{
  (void)arg;
  eddy_task_options eager = {0};
  if (options != NULL) eager = *options;
  if (eager.eager_start == EDDY_EAGER_START_DEFAULT) {
    eager.eager_start = EDDY_EAGER_START_TRUE;
  }
  return eddy_task_new(loop, body, &eager, out);
}

int eddy__task_ask_factory(eddy_loop *loop, const eddy_task_body *body,
    const eddy_task_options *options, eddy_task **out)
{
  int rc = eddy__loop_usable(loop);
  if (rc < 0) return rc;
  eddy_task *task = NULL;
  rc = loop->task_factory(loop, body, options, &task, loop->task_factory_arg);
  if (rc < 0) return rc;
  if (rc > 0 || task == NULL) {
    return eddy_raise(EDDY_ERUNTIME,
        "create_task: the loop's task factory gave neither a task nor an error");
  }
  if (out != NULL) {
    *out = task;
  } else {
    eddy_task_unref(task);
  }
  return 0;
}
