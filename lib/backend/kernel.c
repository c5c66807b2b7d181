#include "backend/kernel.h"

#include "backend/readiness.h"
#include "backend/socket.h"

int eddy__kernel_finish(void *self, eddy_op *op)
{
  struct eddy__readiness *table = self;
  return eddy__readiness_finish(table, op);
}

int eddy__kernel_sock_open(void *self, const eddy_address *address, int *fd)
{
  struct eddy__readiness *table = self;
  int rc = eddy__socket_open(address, fd);
  if (rc == 0) eddy__readiness_adopt(table, *fd, true);
  return rc;
}

int eddy__kernel_sock_open_datagram(void *self, const eddy_address *address,
    const eddy_datagram_options *options, int *fd)
{
  struct eddy__readiness *table = self;
  int rc = eddy__socket_open_datagram(address, options, fd);
  if (rc == 0) eddy__readiness_adopt(table, *fd, false);
  return rc;
}

int eddy__kernel_sock_pair(void *self, int fds[2])
{
  struct eddy__readiness *table = self;
  int rc = eddy__socket_pair(fds);
  if (rc < 0) return rc;
  eddy__readiness_adopt(table, fds[0], true);
  eddy__readiness_adopt(table, fds[1], true);
  return 0;
}

int eddy__kernel_sock_listen(
    void *self, const eddy_address *address, const eddy_listen_options *options, int *fd)
{
  struct eddy__readiness *table = self;
  int rc = eddy__socket_listen(address, options, fd);
  if (rc == 0) eddy__readiness_adopt(table, *fd, true);
  return rc;
}

int eddy__kernel_sock_adopt(void *self, int fd)
{
  struct eddy__readiness *table = self;
  bool stream;
  if (eddy__readiness_waits(table, fd)) return EDDY_EBUSY;
  int rc = eddy__socket_is_stream(fd, &stream);
  if (rc == 0) rc = eddy__socket_nonblocking(fd);
  if (rc == 0) eddy__readiness_adopt(table, fd, stream);
  return rc;
}

int eddy__kernel_sock_disown(void *self, int fd)
{
  struct eddy__readiness *table = self;
  if (eddy__readiness_waits(table, fd)) return EDDY_EBUSY;
  eddy__readiness_disown(table, fd);
  return 0;
}

int eddy__kernel_sock_bind(void *self, int fd, const eddy_address *address)
{
  (void)self;
  return eddy__socket_bind(fd, address);
}

int eddy__kernel_sock_name(void *self, int fd, bool peer, eddy_address *out)
{
  (void)self;
  return eddy__socket_name(fd, peer, out);
}

int eddy__kernel_sock_shutdown(void *self, int fd, eddy_shutdown how)
{
  struct eddy__readiness *table = self;
  table->epoch++; /* the other end may be ours */
  return eddy__socket_shutdown(fd, how);
}

int eddy__kernel_pipe_open(void *self, int fd, eddy_pipe_kind *kind)
{
  (void)self;
  return eddy__pipe_open(fd, kind);
}
