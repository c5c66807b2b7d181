#include "backend/wakeup.h"

#include <errno.h>
#include <stdint.h>
#include <unistd.h>

#ifdef __linux__

#include <sys/eventfd.h>

int eddy__wakeup_open(struct eddy__wakeup *wakeup)
{
  int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (fd < 0) return -errno;
  wakeup->reader = wakeup->writer = fd;
  return 0;
}

void eddy__wakeup_close(struct eddy__wakeup *wakeup)
{
  close(wakeup->reader);
}

#else

#include "backend/socket.h"

int eddy__wakeup_open(struct eddy__wakeup *wakeup)
{
  int fds[2];
  int rc = eddy__socket_pair(fds);
  if (rc < 0) return rc;
  wakeup->reader = fds[0];
  wakeup->writer = fds[1];
  return 0;
}

void eddy__wakeup_close(struct eddy__wakeup *wakeup)
{
  close(wakeup->reader);
  close(wakeup->writer);
}

#endif

void eddy__wakeup_send(const struct eddy__wakeup *wakeup)
{
  static const uint64_t one = 1; /* what an eventfd wants */
  int error = errno;
  while (write(wakeup->writer, &one, sizeof(one)) < 0 && errno == EINTR) {
  }
  errno = error; /* if it is full, a wake is there to be read */
}

void eddy__wakeup_drain(const struct eddy__wakeup *wakeup)
{
  uint64_t taken[16];
  ssize_t got = read(wakeup->reader, taken, sizeof(taken));
  (void)got; /* what is left is read after the next wait */
}
