#include "loop/loop.h"

#include <stdio.h>

void eddy_loop_set_exception_handler(
    eddy_loop *loop, eddy_exception_handler *handler, void *arg)
{
  loop->exception_handler = handler;
  loop->exception_arg = arg;
}

eddy_exception_handler *eddy_loop_get_exception_handler(const eddy_loop *loop, void **arg)
{
  if (arg != NULL) *arg = loop->exception_arg;
  return loop->exception_handler;
}

void eddy_loop_default_exception_handler(
    eddy_loop *loop, const eddy_exception_context *context)
{
  (void)loop;
  fprintf(stderr, "eddy: %s", context->message);
  if (context->error != 0) fprintf(stderr, ": %s", eddy_err_name(context->error));
  if (context->detail != NULL) {
    fprintf(stderr, ": %s", context->detail);
  } else if (context->error != 0) {
    fprintf(stderr, ": %s", eddy_strerror(context->error));
  }
  if (context->site != NULL) fprintf(stderr, " (created at %s)", context->site);
  fputc('\n', stderr);
}

void eddy_loop_call_exception_handler(eddy_loop *loop, const eddy_exception_context *context)
{
  if (loop->exception_handler == NULL) {
    eddy_loop_default_exception_handler(loop, context);
    return;
  }
  int rc = loop->exception_handler(loop, context, loop->exception_arg);
  if (rc >= 0) return;
  eddy_exception_context failed = {
      .message = "the exception handler itself failed; it was told the following", .error = rc};
  eddy_loop_default_exception_handler(loop, &failed);
  eddy_loop_default_exception_handler(loop, context);
}

void eddy__loop_report(eddy_loop *loop, const char *message, int error, const char *detail,
    eddy_task *task, eddy_future *future, const char *site)
{
  eddy_exception_context context = {.message = message,
      .error = error,
      .detail = detail,
      .task = task,
      .future = future,
      .site = site};
  eddy_loop_call_exception_handler(loop, &context);
}
