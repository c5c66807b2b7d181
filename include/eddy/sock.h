/*
 * Sockets in tasks: plain descriptors, and calls that wait only for the calling task.
 *
 * The descriptors are the kernel's (on native/virtual: eddy's own, in memory), close-on-exec
 * and non-blocking from birth, TCP_NODELAY on. Close them with eddy_sock_close, which also
 * tells the loop. One task may wait to read and one to write at a time; a second waiter for
 * the same direction gets EDDY_EBUSY, as does a call that had to wait for a descriptor that a
 * transport uses (what can be done at once is done). A task whose calls succeed 64 times in a row without
 * waiting yields one turn, so that one busy connection cannot starve the others.
 */
#ifndef EDDY_SOCK_H
#define EDDY_SOCK_H

#include <eddy/loop.h>

struct sockaddr;

/** The address of a socket: IPv4, IPv6 or Unix. A value; copy it freely. */
typedef struct eddy_address {
  union {
    unsigned char bytes[128]; /* the system's struct sockaddr_... */
    uint64_t align_;
  } storage;
  unsigned length; /* how many bytes count; 0: no address */
} eddy_address;

/** Room for the text of any address. */
#define EDDY_ADDRESS_TEXT 128

typedef enum eddy_shutdown {
  EDDY_SHUTDOWN_READ = 0,
  EDDY_SHUTDOWN_WRITE =
      1, /* half-close: the peer reads end of input, we may still read */
  EDDY_SHUTDOWN_BOTH = 2,
} eddy_shutdown;

/** How to listen; all zero means: the defaults. */
typedef struct eddy_listen_options {
  int backlog;           /* 0: 128 */
  bool reuse_port;       /* SO_REUSEPORT */
  bool dual_stack;       /* an IPv6 socket takes IPv4 peers too */
  bool no_reuse_address; /* SO_REUSEADDR is not set */
  bool keep_alive;       /* SO_KEEPALIVE */
} eddy_listen_options;

/** How to open a datagram socket; all zero means: the defaults. */
typedef struct eddy_datagram_options {
  bool unbound;    /* of the address only the family counts; bound when it sends */
  bool reuse_port; /* SO_REUSEPORT */
  bool broadcast;  /* SO_BROADCAST */
  bool dual_stack; /* an IPv6 socket takes IPv4 peers too */
} eddy_datagram_options;

/** A datagram of eddy_sock_recv_batch. */
typedef struct eddy_datagram {
  void *data;        /* where to put it */
  size_t size;       /* how much room there is; then: how much of it was used */
  eddy_address from; /* then: the sender; length 0: it has no address */
  bool cut;          /* then: it was longer, and its end is lost */
} eddy_datagram;

/** What eddy_sock_sendfile sends; all zero means: the whole file. */
typedef struct eddy_sendfile_options {
  int64_t offset;   /* where in the file to begin */
  int64_t count;    /* how many bytes at most; 0: up to its end */
  bool no_fallback; /* EDDY_ENOTSUP rather than read and send */
} eddy_sendfile_options;

EDDY_BEGIN_DECLS

/**
 * Makes an address from a numeric IPv4 or IPv6 host, "localhost" (127.0.0.1), or a Unix path.
 *
 * host      "127.0.0.1", "::1", "fe80::1%eth0", "localhost"; NULL or "": 0.0.0.0, every
 *           IPv4 address ("::", listened on with dual_stack, is every address); with a slash
 *           in it: the path of a Unix socket. No name is looked up.
 * port      0 to 65535; ignored for a path.
 * Returns   0; EDDY_EINVAL (not numeric, port out of range); EDDY_ENAMETOOLONG (path).
 */
EDDY_API EDDY_NODISCARD int eddy_address_parse(
    const char *host, int port, eddy_address *out);

/** Copies a system address. Returns 0; EDDY_EINVAL (too long, or of no known family). */
EDDY_API EDDY_NODISCARD int eddy_address_from_sockaddr(
    const struct sockaddr *address, size_t length, eddy_address *out);

/** Writes "127.0.0.1:80", "[::1]:80" or the path; cut to `size`. Returns `text`. */
EDDY_API const char *eddy_address_format(
    const eddy_address *address, char *text, size_t size);

/** The port; 0 for a Unix address. */
EDDY_API int eddy_address_port(const eddy_address *address);

/**
 * Opens a listening socket. SO_REUSEADDR is set; a stale Unix socket file is removed first.
 *
 * asyncio   socket.create_server()
 * Context   inside the running loop; does not wait.
 * host      as eddy_address_parse.
 * port      0: the system chooses; eddy_sock_getsockname tells.
 * options   borrowed; NULL: the defaults.
 * fd        owned: eddy_sock_close.
 * Returns   0; EDDY_ENOLOOP; as eddy_address_parse; the system's code (EDDY_EADDRINUSE,
 *           EDDY_EACCES, EDDY_EADDRNOTAVAIL, EDDY_EMFILE ...).
 */
EDDY_API EDDY_NODISCARD int eddy_sock_listen(
    const char *host, int port, const eddy_listen_options *options, int *fd);

/** Opens a stream socket for connecting to this kind of address. Context and codes as
 * eddy_sock_listen. */
EDDY_API EDDY_NODISCARD int eddy_sock_open(const eddy_address *address, int *fd);

/**
 * Opens a datagram socket and binds it to an address (UDP or Unix); the stale file of a Unix
 * socket is removed first.
 *
 * asyncio   socket.socket(type=SOCK_DGRAM), bind()
 * Context   inside the running loop; does not wait.
 * address   with port 0 the system chooses one; eddy_sock_getsockname tells.
 * options   borrowed; NULL: the defaults. An IPv6 socket is for IPv6 alone unless dual_stack.
 * fd        owned: eddy_sock_close. eddy_sock_connect gives it a fixed peer: then it takes
 *           datagrams from there only, and eddy_sock_send and eddy_sock_recv work, too.
 * Returns   0; EDDY_ENOLOOP; EDDY_EADDRINUSE, EDDY_EACCES and the system's other codes, with a
 *           message that names the address; EDDY_ENOSYS (the backend has none).
 */
EDDY_API EDDY_NODISCARD int eddy_sock_open_datagram(
    const eddy_address *address, const eddy_datagram_options *options, int *fd);

/** A pair of connected stream sockets. asyncio: socket.socketpair(). Inside the running
 * loop. Returns 0; EDDY_ENOLOOP; EDDY_EMFILE; EDDY_ENOMEM. */
EDDY_API EDDY_NODISCARD int eddy_sock_pair(int fds[2]);

/**
 * Takes the next connection.
 *
 * Out of descriptors it reports to the exception handler, lets a second pass and goes on
 * waiting; a connection that is gone before it could be taken is skipped.
 *
 * asyncio   loop.sock_accept()
 * Context   coroutine; suspends only if no connection waits. A cancelled call took none.
 * connection owned: eddy_sock_close.
 * peer      its address; NULL to ignore it.
 * Returns   0; EDDY_ECANCELLED; EDDY_ENOTASK; EDDY_EBUSY; EDDY_EBADF; EDDY_EINVAL (not
 *           listening); EDDY_ENOMEM.
 */
EDDY_API int eddy_sock_accept(int listener, int *connection, eddy_address *peer);

/**
 * Takes a socket over that was made elsewhere, by another loop's eddy_sock_accept for one, and that
 * is used on this loop alone from now on, by these calls. (The calls that make a transport of a
 * socket do so themselves.) It becomes non-blocking. What the loop knew of an earlier socket
 * of the same number, which another loop has closed, is forgotten; and the socket costs
 * what one of the loop's own does. Without, the loop tries in vain before each wait, and looks
 * whether the number still means the same file.
 *
 * asyncio   none
 * Context   inside the running loop; does not wait.
 * fd        of a loop that has used it: that one's eddy_sock_disown comes first. Closed with
 *           eddy_sock_close here.
 * Returns   0; EDDY_ENOLOOP; EDDY_EBUSY (somebody waits for it, or a transport uses it);
 *           EDDY_EBADF; EDDY_ENOTSOCK.
 */
EDDY_API EDDY_NODISCARD int eddy_sock_adopt(int fd);

/**
 * Gives a socket up that was used on this loop and goes to another one, or out of eddy's hands: it
 * stays open, the loop watches it no more. (While a loop watches it the other one's
 * eddy_sock_close may not end the connection.) One that was only accepted needs none of this.
 *
 * asyncio   none
 * Context   inside the running loop; does not wait.
 * Returns   0; EDDY_ENOLOOP; EDDY_EBUSY (somebody waits for it, or a transport uses it);
 *           EDDY_EBADF.
 */
EDDY_API EDDY_NODISCARD int eddy_sock_disown(int fd);

/**
 * Connects. A datagram socket is only told its peer, at once; as often as one likes.
 *
 * asyncio   loop.sock_connect(); names are looked up beforehand, by eddy_loop_getaddrinfo
 * Context   coroutine; suspends until the peer has answered. After a cancelled call the
 *           socket may or may not be connected: close it.
 * Returns   0; EDDY_ECONNREFUSED, EDDY_ETIMEDOUT and the system's other codes, with a message
 *           that names the peer; EDDY_EISCONN (it is connected); EDDY_ECANCELLED; EDDY_ENOTASK; EDDY_EBUSY; EDDY_EBADF; EDDY_ENOMEM.
 */
EDDY_API int eddy_sock_connect(int fd, const eddy_address *address);

/**
 * Receives what there is, at most `size` bytes.
 *
 * asyncio   loop.sock_recv_into(); loop.sock_recv() in C has this form, too
 * Context   coroutine; suspends only if nothing has arrived, as far as this loop knows: after a
 *           call that got less than `size` the next one waits without asking the system, unless
 *           since then the loop has polled or done anything to another descriptor. A cancelled
 *           call consumed nothing.
 * got       the number of bytes; 0 at the end of input (or with size 0).
 * Returns   0; EDDY_ECONNRESET and the system's other codes; EDDY_ECANCELLED; EDDY_ENOTASK;
 *           EDDY_EBUSY; EDDY_EBADF; EDDY_ENOMEM; EDDY_EINVAL.
 * Cost      one system call; no allocation once the descriptor is known.
 */
EDDY_API int eddy_sock_recv(int fd, void *buffer, size_t size, size_t *got);

/** The same call under asyncio's other name. asyncio: loop.sock_recv_into(). */
EDDY_API int eddy_sock_recv_into(int fd, void *buffer, size_t size, size_t *got);

/**
 * Sends at least one byte, at most `size`.
 *
 * asyncio   socket.send(), waiting
 * Context   coroutine; suspends only if the socket takes nothing. A cancelled call sent
 *           nothing.
 * sent      the number of bytes taken.
 * Returns   as eddy_sock_recv; EDDY_EPIPE (the peer is gone; no SIGPIPE is raised).
 */
EDDY_API int eddy_sock_send(int fd, const void *data, size_t size, size_t *sent);

/**
 * Sends everything.
 *
 * asyncio   loop.sock_sendall()
 * Context   coroutine; suspends whenever the socket takes nothing more. After a cancelled or
 *           failed call an unknown part was sent: close the socket.
 * Returns   as eddy_sock_send.
 */
EDDY_API int eddy_sock_sendall(int fd, const void *data, size_t size);

/**
 * Receives a datagram and its sender's address.
 *
 * asyncio   loop.sock_recvfrom(); loop.sock_recvfrom_into() in C has this form, too
 * Context   coroutine; suspends only if none has arrived. A cancelled call took none.
 * got       the number of bytes; 0 for an empty datagram.
 * from      its sender, length 0 if that has no address (Unix); NULL to ignore it.
 * Returns   0; EDDY_EMSGSIZE (it is larger than the buffer: its beginning is in there, the rest
 *           is lost; Python hands the beginning out); EDDY_ECONNREFUSED (an earlier one found
 *           nobody at the connected peer) and the system's other codes; else as eddy_sock_recv.
 * Cost      one system call when a datagram is there.
 */
EDDY_API int eddy_sock_recvfrom(
    int fd, void *buffer, size_t size, size_t *got, eddy_address *from);

/** The same call under asyncio's other name. asyncio: loop.sock_recvfrom_into(). */
EDDY_API int eddy_sock_recvfrom_into(
    int fd, void *buffer, size_t size, size_t *got, eddy_address *from);

/**
 * Receives as many datagrams as are there, `count` and 16 at most, in one system call where the
 * system has one for that (recvmmsg); elsewhere one.
 *
 * asyncio   none
 * Context   coroutine; suspends only if none has arrived. A cancelled call took none.
 * datagrams the first *got are filled in; one that was cut says so itself.
 * got       at least 1.
 * Returns   as eddy_sock_recvfrom, but for EDDY_EMSGSIZE; EDDY_EINVAL (count 0).
 */
EDDY_API int eddy_sock_recv_batch(
    int fd, eddy_datagram *datagrams, size_t count, size_t *got);

/**
 * Sends one datagram, all of it.
 *
 * asyncio   loop.sock_sendto()
 * Context   coroutine; suspends only if the socket takes nothing. A cancelled call sent
 *           nothing. (To a Unix socket that is slow to read connect first: of others the system
 *           does not tell when there is room, so that the wait would not rest.)
 * to        borrowed until the call returns; NULL: the connected peer.
 * Returns   0; EDDY_EMSGSIZE (too large for a datagram); EDDY_EDESTADDRREQ (no address);
 *           EDDY_EACCES (a broadcast without leave); EDDY_ENOENT, EDDY_ECONNREFUSED (nobody
 *           there) and the system's other codes, with a message that names the address; else as
 *           eddy_sock_send.
 */
EDDY_API int eddy_sock_sendto(
    int fd, const void *data, size_t size, const eddy_address *to);

/**
 * Sends a file, or a part of it. Where the system can it does so without the bytes passing
 * through the program (they are read on the loop's thread then, as in asyncio); else they are
 * read in the files' threads (eddy/file.h) and sent.
 *
 * asyncio   loop.sock_sendfile(sock, file, offset, count, fallback)
 * Context   coroutine; suspends whenever the socket takes nothing more. After a failed or
 *           cancelled call *sent bytes were sent, or without the system's help up to 256 KiB
 *           more.
 * fd        a stream socket.
 * file      a file open for reading. If anything was sent its position is behind that
 *           afterwards, also if the call fails or is cancelled; else it has not moved. (Where it
 *           is read and sent, a block of 256 KiB that was sent in part does not count.)
 * options   borrowed until the call returns; NULL: the whole file.
 * sent      how many bytes; fewer than asked for at the file's end. Set by a failed or cancelled
 *           call, too, if anything was sent. NULL to ignore it.
 * Returns   0; EDDY_EINVAL (a negative offset or count); EDDY_ENOTSUP (no_fallback);
 *           EDDY_ESPIPE (not a file but a pipe, say); the codes of eddy_sock_send and
 *           eddy_file_pread.
 */
EDDY_API int eddy_sock_sendfile(
    int fd, int file, const eddy_sendfile_options *options, size_t *sent);

/** Ends one or both directions at once. asyncio: socket.shutdown(). Inside the running loop.
 * Returns 0; EDDY_ENOTCONN; EDDY_EBADF; EDDY_ENOLOOP. */
EDDY_API EDDY_NODISCARD int eddy_sock_shutdown(int fd, eddy_shutdown how);

/** The socket's own address. Returns 0; EDDY_EBADF; EDDY_ENOLOOP. */
EDDY_API EDDY_NODISCARD int eddy_sock_getsockname(int fd, eddy_address *out);

/** The peer's address. Returns 0; EDDY_ENOTCONN; EDDY_EBADF; EDDY_ENOLOOP. */
EDDY_API EDDY_NODISCARD int eddy_sock_getpeername(int fd, eddy_address *out);

/**
 * Closes the socket. Tasks that wait on it wake with EDDY_EBADF, callbacks on it are removed.
 *
 * asyncio   socket.close()
 * Context   inside the running loop; does not wait.
 * Returns   0; EDDY_EBADF (closed already); EDDY_ENOLOOP.
 */
EDDY_API int eddy_sock_close(int fd);

EDDY_END_DECLS

#endif
