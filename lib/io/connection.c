#include "io/connection.h"

#include <eddy/connection.h>

#include <stdio.h>

#include "base/outcome.h"

static void describe(const eddy_task *task, char *text, size_t size)
{
  snprintf(text, size, "connection_made of the connection on descriptor %d",
      eddy_transport_get_fd(task->wait.object));
}

const struct eddy__wait_type eddy__connection_wait = {NULL, describe, NULL};

static void wake(void *arg)
{
  eddy__wait_woken(arg, 0);
}

/* The instance is nobody's: nothing was made for it. */
static void release(const eddy_protocol *protocol, void *self)
{
  if (protocol->release != NULL) protocol->release(self);
}

int eddy__connection_make(eddy_task *task, eddy_protocol_factory *factory, void *arg,
    int fd, const eddy_address *peer, eddy_transport **out)
{
  const eddy_protocol *protocol = NULL;
  void *self = NULL;
  struct eddy__socket_options options = {
      .fd = fd, .peer = peer, .made = wake, .made_arg = task};
  int rc = factory(arg, &protocol, &self);
  if (rc >= 0 && protocol == NULL)
    rc = eddy_raise(EDDY_EINVAL, "the factory gave no protocol");
  if (rc < 0) goto fail;
  rc = eddy__socket_transport_new(task->future.loop, &options, protocol, self, out);
  if (rc == 0) return 0;
  release(protocol, self);
fail:
  eddy__net_close_fd(task->future.loop, fd);
  return rc;
}

int eddy__connection_end(
    eddy_transport *made, int rc, eddy_transport **transport, void **self)
{
  if (rc < 0) {
    eddy__socket_transport_forget_made(made);
    eddy_transport_close(made);
    eddy_transport_unref(made);
    return rc;
  }
  if (self != NULL) (void)eddy_transport_get_protocol(made, self);
  if (transport != NULL) {
    *transport = made;
  } else {
    eddy_transport_unref(made);
  }
  return 0;
}

int eddy__connection_loop(const eddy_loop *loop, const eddy_task *task)
{
  if (loop == NULL || loop == task->future.loop) return 0;
  return eddy_raise(
      EDDY_EOTHERLOOP, "a connection can only be made on the loop that the task runs on");
}

int eddy_loop_connect_accepted_socket(eddy_loop *loop, eddy_protocol_factory *factory,
    void *arg, int fd, eddy_transport **transport, void **self)
{
  int rc;
  bool resumed;
  eddy_task *task = eddy__wait_begin(&resumed, &rc);
  if (task == NULL) return rc;
  if (!resumed) {
    eddy_transport *made;
    eddy_address name;
    if (factory == NULL || fd < 0) return EDDY_EINVAL;
    rc = eddy__connection_loop(loop, task);
    if (rc < 0) return rc;
    loop = task->future.loop;
    rc = loop->io->sock_name(loop->io_state, fd, false, &name);
    if (rc < 0) return eddy__fail(rc, "connect_accepted_socket", "descriptor", fd);
    rc = eddy__connection_make(task, factory, arg, fd, NULL, &made);
    if (rc < 0) return rc;
    rc = eddy__wait(task, &eddy__connection_wait, made);
    if (rc == EDDY_PENDING) return rc;
  }
  return eddy__connection_end(task->wait.object, rc, transport, self);
}
