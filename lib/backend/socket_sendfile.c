/* Files sent by the system itself. */
#include "backend/socket.h"

#ifdef __linux__

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/sendfile.h>

/* There is no flag that keeps SIGPIPE back here: it is blocked for this thread, and one that
 * came of this call is taken. */
static ssize_t send_quietly(const eddy_op *op, off_t offset)
{
  const eddy_file_part *part = op->buffer;
  static const struct timespec now;
  sigset_t pipe, before, pending;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  sigemptyset(&pending);
  (void)sigpending(&pending);
  (void)pthread_sigmask(SIG_BLOCK, &pipe, &before);
  ssize_t sent = sendfile(op->fd, part->file, &offset, op->size);
  int error = errno;
  /* It comes with a partial success, too. */
  if (!sigismember(&pending, SIGPIPE)) (void)sigtimedwait(&pipe, NULL, &now);
  (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
  errno = error;
  return sent;
}

int eddy__socket_attempt_sendfile(eddy_op *op)
{
  const eddy_file_part *part = op->buffer;
  ssize_t sent;
  do {
    sent = send_quietly(op, part->offset);
  } while (sent < 0 && errno == EINTR);
  if (sent >= 0) {
    op->result = sent;
    return 0;
  }
  switch (errno) {
  case EAGAIN:
    return EDDY_PENDING;
  case EINVAL: /* not a file that can be mapped, or the socket will not have it */
  case ENOSYS:
  case ESPIPE:
  case EOVERFLOW:
    return EDDY_ENOTSUP;
  default:
    return -errno;
  }
}

#else

int eddy__socket_attempt_sendfile(eddy_op *op)
{
  (void)op;
  return EDDY_ENOTSUP;
}

#endif
