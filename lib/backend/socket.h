/*
 * Sockets as the system has them: non-blocking and close-on-exec from birth, TCP_NODELAY
 * on, no SIGPIPE. Every call returns 0 or the system's code, and none of them waits.
 */
#ifndef EDDY_BACKEND_SOCKET_H
#define EDDY_BACKEND_SOCKET_H

#include <eddy/backend.h>

/* A socket of the system's family and type. */
int eddy__socket_new(int family, int type, int *fd);

/* A stream socket of the address's family. */
int eddy__socket_open(const eddy_address *address, int *fd);

int eddy__socket_pair(int fds[2]);

/* A datagram socket, bound unless the options say otherwise (socket_datagram.c). */
int eddy__socket_open_datagram(
    const eddy_address *address, const eddy_datagram_options *options, int *fd);

/* Removes the file of a Unix socket of the system's type that nobody has open any more; false:
 * there is none. */
bool eddy__socket_remove_stale(const eddy_address *address, int type);

/* The part of eddy__socket_attempt for EDDY_OP_SENDFILE (socket_sendfile.c). */
int eddy__socket_attempt_sendfile(eddy_op *op);

/* The part of eddy__socket_attempt for datagrams. */
int eddy__socket_attempt_datagram(eddy_op *op);

/* A stale Unix socket file (nobody listens behind it) is removed; anything else in the
 * way is EDDY_EADDRINUSE. */
int eddy__socket_listen(
    const eddy_address *address, const eddy_listen_options *options, int *fd);

int eddy__socket_bind(int fd, const eddy_address *address);

int eddy__socket_name(int fd, bool peer, eddy_address *out);

int eddy__socket_shutdown(int fd, eddy_shutdown how);

int eddy__socket_close(int fd);

/* What kind of socket it is. Returns 0; EDDY_ENOTSOCK; EDDY_EBADF. */
int eddy__socket_is_stream(int fd, bool *stream);

/* Makes a descriptor that somebody else opened non-blocking. */
int eddy__socket_nonblocking(int fd);

/*
 * Makes the system call of the operation, `again` after an earlier EDDY_PENDING. Returns
 * 0 (result is set), a code, or EDDY_PENDING: it would have blocked. Waiting for
 * readiness is never done at first and always done again.
 */
int eddy__socket_attempt(eddy_op *op, bool again);

/* ---- pipes and other descriptors made elsewhere (pipe_posix.c) ---- */

/* As eddy_io.pipe_open. */
int eddy__pipe_open(int fd, eddy_pipe_kind *kind);

/* As eddy__socket_attempt, for READ and WRITE. */
int eddy__pipe_read(eddy_op *op);
int eddy__pipe_write(eddy_op *op);

/* What a descriptor number stands for at the moment. */
enum eddy__file_kind {
  EDDY__FILE_UNKNOWN = 0, /* not looked at */
  EDDY__FILE_SOCKET,
  EDDY__FILE_PIPE,
  EDDY__FILE_OTHER, /* device, eventfd, ...: two of them may look the same */
};

struct eddy__file {
  uint64_t device;
  uint64_t inode;
  enum eddy__file_kind kind;
};

/* Looks. Returns 0; EDDY_EBADF; EDDY_EPERM for what is always ready (files, directories).
 */
int eddy__file_look(int fd, struct eddy__file *out);

#endif
