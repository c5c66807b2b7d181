#include "backend/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "backend/socket_system.h"

#define DEFAULT_BACKLOG 128

static sa_family_t family_of(const eddy_address *address)
{
  struct sockaddr head;
  if (address->length < offsetof(struct sockaddr, sa_data)) return AF_UNSPEC;
  memcpy(&head, address->storage.bytes, offsetof(struct sockaddr, sa_data));
  return head.sa_family;
}

static void suppress_sigpipe(int fd)
{
#if !defined(MSG_NOSIGNAL) && defined(SO_NOSIGPIPE)
  (void)eddy__set_option(fd, SOL_SOCKET, SO_NOSIGPIPE, 1);
#else
  (void)fd;
#endif
}

/* Small messages leave at once. A socket that refuses still works, so that is no error.
 */
static void set_nodelay(int fd, sa_family_t family)
{
  if (family == AF_INET || family == AF_INET6) {
    (void)eddy__set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  }
}

int eddy__socket_nonblocking(int fd)
{
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0) return eddy__last_error();
  if ((flags & O_NONBLOCK) != 0) return 0;
  return fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 ? 0 : eddy__last_error();
}

int eddy__socket_is_stream(int fd, bool *stream)
{
  int type;
  socklen_t size = sizeof(type);
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0) return eddy__last_error();
  *stream = type == SOCK_STREAM;
  return 0;
}

#ifndef SOCK_NONBLOCK
/* Where the flags cannot be given at birth. Closes the descriptor if it fails. */
static int set_flags(int fd)
{
  int rc = eddy__socket_nonblocking(fd);
  if (rc == 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) rc = eddy__last_error();
  if (rc < 0) close(fd);
  return rc;
}
#endif

int eddy__socket_new(int family, int type, int *out)
{
#ifdef SOCK_NONBLOCK
  int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return eddy__last_error();
#else
  int fd = socket(family, type, 0);
  if (fd < 0) return eddy__last_error();
  int rc = set_flags(fd);
  if (rc < 0) return rc;
#endif
  suppress_sigpipe(fd);
  *out = fd;
  return 0;
}

int eddy__socket_open(const eddy_address *address, int *fd)
{
  sa_family_t family = family_of(address);
  int rc = eddy__socket_new(family, SOCK_STREAM, fd);
  if (rc == 0) set_nodelay(*fd, family);
  return rc;
}

int eddy__socket_pair(int fds[2])
{
  int pair[2];
#ifdef SOCK_NONBLOCK
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0) {
    return eddy__last_error();
  }
#else
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) return eddy__last_error();
  int rc = set_flags(pair[0]);
  if (rc < 0) {
    close(pair[1]);
    return rc;
  }
  rc = set_flags(pair[1]);
  if (rc < 0) {
    close(pair[0]);
    return rc;
  }
#endif
  suppress_sigpipe(pair[0]);
  suppress_sigpipe(pair[1]);
  fds[0] = pair[0];
  fds[1] = pair[1];
  return 0;
}

static int prepare_listener(
    int fd, sa_family_t family, const eddy_listen_options *options)
{
  if (family != AF_INET && family != AF_INET6) return 0;
  int rc = 0;
  if (!options->no_reuse_address) rc = eddy__set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (rc == 0 && options->keep_alive)
    rc = eddy__set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  if (rc == 0 && options->reuse_port) {
#ifdef SO_REUSEPORT
    rc = eddy__set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
#else
    rc = EDDY_ENOTSUP;
#endif
  }
  if (rc == 0 && family == AF_INET6) {
    rc = eddy__set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, options->dual_stack ? 0 : 1);
  }
  return rc;
}

bool eddy__socket_remove_stale(const eddy_address *address, int type)
{
  struct sockaddr_un name = {0};
  if (family_of(address) != AF_UNIX || address->length > sizeof(name)) return false;
  memcpy(&name, address->storage.bytes, address->length);
  struct stat file;
  if (name.sun_path[0] == '\0' || lstat(name.sun_path, &file) != 0) return false;
  if (!S_ISSOCK(file.st_mode)) return false;
  int fd = -1;
  if (eddy__socket_new(AF_UNIX, type, &fd) < 0) return false;
  bool refused = connect(fd, eddy__system_address(address), address->length) != 0 &&
                 errno == ECONNREFUSED;
  close(fd);
  return refused && unlink(name.sun_path) == 0;
}

static int bind_listener(int fd, const eddy_address *address)
{
  if (bind(fd, eddy__system_address(address), address->length) == 0) return 0;
  int rc = eddy__last_error();
  if (rc != EDDY_EADDRINUSE || !eddy__socket_remove_stale(address, SOCK_STREAM))
    return rc;
  return bind(fd, eddy__system_address(address), address->length) == 0
             ? 0
             : eddy__last_error();
}

int eddy__socket_listen(
    const eddy_address *address, const eddy_listen_options *options, int *out)
{
  static const eddy_listen_options defaults;
  if (options == NULL) options = &defaults;
  sa_family_t family = family_of(address);
  int fd = -1;
  int rc = eddy__socket_new(family, SOCK_STREAM, &fd);
  if (rc < 0) return rc;
  rc = prepare_listener(fd, family, options);
  if (rc < 0) goto fail;
  rc = bind_listener(fd, address);
  if (rc < 0) goto fail;
  if (listen(fd, options->backlog > 0 ? options->backlog : DEFAULT_BACKLOG) != 0) {
    rc = eddy__last_error();
    goto fail;
  }
  set_nodelay(fd, family); /* most systems hand it on to the connections */
  *out = fd;
  return 0;
fail:
  close(fd);
  return rc;
}

int eddy__socket_bind(int fd, const eddy_address *address)
{
  return bind(fd, eddy__system_address(address), address->length) == 0
             ? 0
             : eddy__last_error();
}

int eddy__socket_name(int fd, bool peer, eddy_address *out)
{
  eddy_address name = {0};
  socklen_t length = sizeof(name.storage.bytes);
  struct sockaddr *system = (struct sockaddr *)(void *)name.storage.bytes;
  int rc = peer ? getpeername(fd, system, &length) : getsockname(fd, system, &length);
  if (rc != 0) return eddy__last_error();
  name.length = length < sizeof(name.storage.bytes) ? length : sizeof(name.storage.bytes);
  *out = name;
  return 0;
}

int eddy__socket_shutdown(int fd, eddy_shutdown how)
{
  static const int system_how[] = {
      [EDDY_SHUTDOWN_READ] = SHUT_RD,
      [EDDY_SHUTDOWN_WRITE] = SHUT_WR,
      [EDDY_SHUTDOWN_BOTH] = SHUT_RDWR,
  };
  if ((unsigned)how > EDDY_SHUTDOWN_BOTH) return EDDY_EINVAL;
  return shutdown(fd, system_how[how]) == 0 ? 0 : eddy__last_error();
}

int eddy__socket_close(int fd)
{
  /* An interrupted close has closed all the same; a second one could hit a reused number.
   */
  return close(fd) == 0 || errno == EINTR || errno == EINPROGRESS ? 0
                                                                  : eddy__last_error();
}

static int attempt_recv(eddy_op *op)
{
  ssize_t got;
  do {
    got = recv(op->fd, op->buffer, op->size, MSG_DONTWAIT);
  } while (got < 0 && errno == EINTR);
  if (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK) return eddy__last_error();
  /* No bytes are there at once, which not every kind of socket knows. */
  if (got < 0 && op->size > 0) return EDDY_PENDING;
  op->result = got < 0 ? 0 : got;
  return 0;
}

static int attempt_send(eddy_op *op)
{
  ssize_t sent;
  do {
    sent = send(op->fd, op->buffer, op->size, EDDY__SEND_FLAGS);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0)
    return errno == EAGAIN || errno == EWOULDBLOCK ? EDDY_PENDING : eddy__last_error();
  op->result = sent;
  return 0;
}

static int accept_one(int listener, eddy_address *peer)
{
  socklen_t length = sizeof(peer->storage.bytes);
  struct sockaddr *system = (struct sockaddr *)(void *)peer->storage.bytes;
#ifdef SOCK_NONBLOCK
  int fd = accept4(listener, system, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) return eddy__last_error();
#else
  int fd = accept(listener, system, &length);
  if (fd < 0) return eddy__last_error();
  int rc = set_flags(fd);
  if (rc < 0) return rc;
#endif
  peer->length = length < sizeof(peer->storage.bytes) ? length
                                                      : sizeof(peer->storage.bytes);
  return fd;
}

static int attempt_accept(eddy_op *op)
{
  eddy_address peer = {0};
  int fd;
  do {
    /* A connection that is gone before it could be taken is nobody's error. */
    fd = accept_one(op->fd, &peer);
  } while (fd == EDDY_EINTR || fd == EDDY_ECONNABORTED || fd == EDDY_EPROTO);
  if (fd == EDDY_EAGAIN || fd == -EWOULDBLOCK) return EDDY_PENDING;
  if (fd < 0) return fd;
  suppress_sigpipe(fd);
  set_nodelay(fd, family_of(&peer));
  if (op->address != NULL) *op->address = peer;
  op->result = fd;
  return 0;
}

/* EAGAIN is an error here: the queue of a Unix listener is full, and no event will tell
 * when it has room again. */
static int begin_connect(eddy_op *op)
{
  if (connect(op->fd, eddy__system_address(op->address), op->address->length) == 0)
    return 0;
  return errno == EINPROGRESS || errno == EINTR ? EDDY_PENDING : eddy__last_error();
}

static int finish_connect(eddy_op *op)
{
  int error = 0;
  socklen_t size = sizeof(error);
  if (getsockopt(op->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
    return eddy__last_error();
  if (error != 0) return -error;
  /* No error is not yet success: the wake may have been an idle one. */
  struct sockaddr_storage peer;
  size = sizeof(peer);
  if (getpeername(op->fd, (struct sockaddr *)&peer, &size) == 0) {
    /* Linux answers the next connect with this one's success: asked for here, the one after
     * it is told EISCONN as everywhere. */
    int rc = connect(op->fd, eddy__system_address(op->address), op->address->length);
    return rc == 0 || errno == EISCONN ? 0 : eddy__last_error();
  }
  if (errno != ENOTCONN) return eddy__last_error();
  struct pollfd state = {.fd = op->fd, .events = POLLOUT};
  bool over = poll(&state, 1, 0) == 1 && (state.revents & (POLLERR | POLLHUP)) != 0;
  return over ? EDDY_ENOTCONN : EDDY_PENDING;
}

int eddy__socket_attempt(eddy_op *op, bool again)
{
  switch (op->kind) {
  case EDDY_OP_READABLE:
  case EDDY_OP_WRITABLE:
    return again ? 0 : EDDY_PENDING;
  case EDDY_OP_RECV:
    return attempt_recv(op);
  case EDDY_OP_SEND:
    return attempt_send(op);
  case EDDY_OP_READ:
    return eddy__pipe_read(op);
  case EDDY_OP_WRITE:
    return eddy__pipe_write(op);
  case EDDY_OP_ACCEPT:
    return attempt_accept(op);
  case EDDY_OP_CONNECT:
    return again ? finish_connect(op) : begin_connect(op);
  case EDDY_OP_RECVFROM:
  case EDDY_OP_SENDTO:
  case EDDY_OP_RECV_BATCH:
    return eddy__socket_attempt_datagram(op);
  case EDDY_OP_SENDFILE:
    return eddy__socket_attempt_sendfile(op);
  }
  return EDDY_EINVAL;
}

int eddy__file_look(int fd, struct eddy__file *out)
{
  struct stat file;
  if (fstat(fd, &file) != 0) return eddy__last_error();
  if (S_ISREG(file.st_mode) || S_ISDIR(file.st_mode) || S_ISBLK(file.st_mode)) {
    return EDDY_EPERM;
  }
  out->device = (uint64_t)file.st_dev;
  out->inode = (uint64_t)file.st_ino;
  out->kind = EDDY__FILE_OTHER;
  if (S_ISSOCK(file.st_mode)) out->kind = EDDY__FILE_SOCKET;
  if (S_ISFIFO(file.st_mode)) out->kind = EDDY__FILE_PIPE;
  return 0;
}
