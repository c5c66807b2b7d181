/* Transports over one end of a pipe. */
#ifndef EDDY_IO_PIPE_H
#define EDDY_IO_PIPE_H

#include <eddy/pipe.h>

#include "io/channel.h"

/* How to make one. */
struct eddy__pipe_options {
  int fd; /* prepared; the transport's from now on */
  bool writes;
  eddy_pipe_kind kind;
};

/* Makes a transport and queues its beginning. Codes and ownership as eddy_transport_new; on
 * failure the descriptor stays the caller's, too. */
int eddy__pipe_transport_new(eddy_loop *loop, const struct eddy__pipe_options *options,
    const eddy_protocol *protocol, void *self, eddy_transport **out);

/* Prepares a descriptor of the program's: 0 or a code with its message. */
int eddy__pipe_prepare(eddy_loop *loop, const char *call, int fd, eddy_pipe_kind *kind);

#endif
