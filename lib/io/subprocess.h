/* Starting child processes. */
#ifndef EDDY_IO_SUBPROCESS_H
#define EDDY_IO_SUBPROCESS_H

#include <eddy/subprocess.h>

/* What a call that starts a child is asked for. */
struct eddy__subprocess_request {
  const char *call; /* for messages */
  eddy_protocol_factory *factory;
  void *arg;
  const char *const *argv;
  const eddy_subprocess_options *options;
  int usual; /* what a stdio of 0 is */
};

/* What each of the child's standard descriptors is to be. */
void eddy__subprocess_stdio(const struct eddy__subprocess_request *request, int stdio[3]);

extern const eddy_subprocess_options eddy__subprocess_defaults;

/* As eddy_loop_subprocess_exec. */
int eddy__subprocess(eddy_loop *loop, const struct eddy__subprocess_request *request,
    eddy_transport **transport, void **self);

#endif
