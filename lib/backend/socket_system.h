/* What the files that make the system's socket calls share. */
#ifndef EDDY_BACKEND_SOCKET_SYSTEM_H
#define EDDY_BACKEND_SOCKET_SYSTEM_H

#include <errno.h>
#include <sys/socket.h>

#include <eddy/sock.h>

/* Where a call cannot be told to keep SIGPIPE back, the socket is (suppress_sigpipe). */
#ifdef MSG_NOSIGNAL
#define EDDY__SEND_FLAGS (MSG_DONTWAIT | MSG_NOSIGNAL)
#else
#define EDDY__SEND_FLAGS MSG_DONTWAIT
#endif

static inline int eddy__last_error(void)
{
  return -errno;
}

static inline const struct sockaddr *eddy__system_address(const eddy_address *address)
{
  return (const struct sockaddr *)(const void *)address->storage.bytes;
}

static inline int eddy__set_option(int fd, int level, int name, int value)
{
  return setsockopt(fd, level, name, &value, sizeof(value)) == 0 ? 0 : eddy__last_error();
}

#endif
