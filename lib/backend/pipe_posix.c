/* Reading and writing pipes, terminals and the like. */
#include "backend/socket.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int eddy__pipe_open(int fd, eddy_pipe_kind *kind)
{
  struct stat file;
  if (fstat(fd, &file) != 0) return -errno;
  if (S_ISFIFO(file.st_mode)) {
    *kind = EDDY_PIPE_FIFO;
  } else if (S_ISSOCK(file.st_mode)) {
    *kind = EDDY_PIPE_SOCKET;
  } else if (S_ISCHR(file.st_mode)) {
    *kind = EDDY_PIPE_DEVICE;
  } else {
    return EDDY_EINVAL;
  }
  return eddy__socket_nonblocking(fd);
}

static bool would_block(int error)
{
  return error == EAGAIN || error == EWOULDBLOCK;
}

int eddy__pipe_read(eddy_op *op)
{
  ssize_t got;
  do {
    got = read(op->fd, op->buffer, op->size);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return would_block(errno) ? EDDY_PENDING : -errno;
  op->result = got;
  return 0;
}

static ssize_t write_once(const eddy_op *op)
{
  ssize_t sent;
  do {
    sent = write(op->fd, op->buffer, op->size);
  } while (sent < 0 && errno == EINTR);
  return sent;
}

/* Takes back the SIGPIPE that this thread's write has raised while it was blocked. */
static void take_sigpipe(const sigset_t *only)
{
#ifdef __APPLE__
  int signum;
  (void)sigwait(only, &signum);
#else
  static const struct timespec no_time;
  while (sigtimedwait(only, NULL, &no_time) < 0 && errno == EINTR) {
  }
#endif
}

/*
 * A write that raises no SIGPIPE. A pipe's cannot be told to keep it back, and the process's
 * disposition is the program's: the signal, which is sent to the thread that writes, is blocked
 * for as long as the write takes, and taken back if it came by it.
 */
static ssize_t write_quietly(const eddy_op *op)
{
  sigset_t only, before, pending;
  sigemptyset(&only);
  sigaddset(&only, SIGPIPE);
  if (pthread_sigmask(SIG_BLOCK, &only, &before) != 0) return write_once(op);
  bool blocked = sigismember(&before, SIGPIPE) == 1;
  /* One that is pending already is somebody else's, and ours merges with it. */
  bool foreign = blocked && sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE);
  ssize_t sent = write_once(op);
  int error = errno;
  if (sent < 0 && error == EPIPE && !foreign) take_sigpipe(&only);
  if (!blocked) (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
  errno = error;
  return sent;
}

int eddy__pipe_write(eddy_op *op)
{
  ssize_t sent = write_quietly(op);
  if (sent < 0) return would_block(errno) ? EDDY_PENDING : -errno;
  op->result = sent;
  return 0;
}
