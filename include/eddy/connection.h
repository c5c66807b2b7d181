/*
 * Connections for protocols: a socket is connected, a protocol instance and a transport are
 * made for it, and the call returns when connection_made has been called.
 */
#ifndef EDDY_CONNECTION_H
#define EDDY_CONNECTION_H

#include <eddy/layer.h>

/** How to connect; all zero means: the defaults. */
typedef struct eddy_connection_options {
  /** A socket that is connected already, in place of host and port; it is taken over, also if
   * the call fails (but not with EDDY_EINVAL, EDDY_EBUSY or EDDY_ENOTASK), and becomes
   * non-blocking. */
  const int *sock;
  /** The address to connect from, as eddy_address_parse has it. NULL: the system chooses, and
   * local_port is not looked at. */
  const char *local_host;
  int local_port;
  /** In place of the port, a service to look up: "http". */
  const char *service;
  /** For the look-up of the host, the system's numbers: AF_INET, AI_... ; 0: any. */
  int family;
  int flags;
  /** Happy eyeballs (RFC 8305): when an attempt has neither failed nor succeeded for so long,
   * that of the next address begins beside it; the first success ends the others. 0: one at a
   * time, the next when one has failed. 250 ms is recommended. */
  eddy_time happy_eyeballs_delay;
  /** With several addresses: how many of the first one's family come before the families take
   * turns. 0: 1 with a happy_eyeballs_delay, else as they were found. */
  size_t interleave;
  /** If no address can be reached: EDDY_EGROUP with each attempt's error, even if it is one. */
  bool all_errors;
  /** What stands between the connection and the protocol: TLS, by eddy_tls_layer (eddy/tls.h).
   * connection_made is called, and the call returns, when its handshake is over. NULL: nothing.
   * asyncio: ssl. Borrowed until the call returns, as what follows. */
  eddy_layer *tls;
  /** Whose certificate the peer has to show: a name, or a numeric address. NULL: `host`; "":
   * nobody's, which a context that checks names refuses. Only with tls. */
  const char *server_hostname;
  eddy_time ssl_handshake_timeout; /* 0: 60 s; only with tls */
  eddy_time ssl_shutdown_timeout;  /* 0: 30 s; only with tls */
} eddy_connection_options;

EDDY_BEGIN_DECLS

/**
 * Connects to a host, trying its addresses in turn.
 *
 * asyncio   loop.create_connection()
 * Context   coroutine; suspends. A cancelled call leaves nothing behind: attempts under way are
 *           closed, and a connection that was just made as well (connection_lost is called).
 * loop      the running one, or NULL for it.
 * factory   called when a socket is connected.
 * host      a numeric address or a name, borrowed; NULL with options->sock alone.
 * port      0..65535.
 * options   borrowed until the call returns; NULL: the defaults.
 * transport owned: eddy_transport_unref (which does not close it); NULL to ignore it.
 * self      the factory's instance, borrowed from the transport; NULL if the connection is lost
 *           already; NULL to ignore it.
 * Returns   0; the one error if all attempts failed alike or there was one, else
 *           EDDY_ECONNREFUSED or its like of the first with a message that lists them all
 *           (all_errors: EDDY_EGROUP); what the factory returned; the look-up's codes
 *           (eddy/dns.h); what the layer's handshake ended with (eddy/tls.h);
 *           EDDY_ECANCELLED; EDDY_ENOTASK; EDDY_EINVAL (host with sock, or neither; the
 *           options of tls without it; tls with neither host nor server_hostname); EDDY_EBUSY (a
 *           transport uses sock); EDDY_EOTHERLOOP; EDDY_ENOMEM.
 */
EDDY_API int eddy_loop_create_connection(eddy_loop *loop, eddy_protocol_factory *factory,
    void *arg, const char *host, int port, const eddy_connection_options *options,
    eddy_transport **transport, void **self);

/**
 * Connects to a Unix socket.
 *
 * asyncio   loop.create_unix_connection()
 * path      borrowed; NULL with options->sock alone. Of the options only sock, tls and those
 *           that go with it are looked at; server_hostname has to be given with tls.
 * Returns   as eddy_loop_create_connection; EDDY_ENOENT, EDDY_ECONNREFUSED, EDDY_EACCES and the
 *           system's other codes, with the path; EDDY_ENAMETOOLONG.
 */
EDDY_API int eddy_loop_create_unix_connection(eddy_loop *loop,
    eddy_protocol_factory *factory, void *arg, const char *path,
    const eddy_connection_options *options, eddy_transport **transport, void **self);

/**
 * Makes the protocol and transport of a connected socket that was accepted elsewhere, or is one
 * end of a pair.
 *
 * asyncio   loop.connect_accepted_socket()
 * Context   coroutine; suspends until connection_made was called.
 * fd        taken over, also if the call fails (but not with EDDY_EINVAL, EDDY_EBUSY or
 *           EDDY_ENOTASK); it becomes non-blocking. Of another loop of eddy's that has used it:
 *           that one's eddy_sock_disown comes first.
 * options   NULL: the defaults. Only tls (on the server's side) and its timeouts are looked at.
 * Returns   0; what the factory returned; EDDY_EBADF; EDDY_ECANCELLED; EDDY_ENOTASK;
 *           EDDY_EINVAL; EDDY_EBUSY (a transport uses it); EDDY_EOTHERLOOP; EDDY_ENOMEM. The rest as
 *           eddy_loop_create_connection.
 */
EDDY_API int eddy_loop_connect_accepted_socket(eddy_loop *loop,
    eddy_protocol_factory *factory, void *arg, int fd,
    const eddy_connection_options *options, eddy_transport **transport, void **self);

/**
 * Sends a file, or part of one, behind what was written to the transport before. The transport
 * reads nothing meanwhile and takes nothing else to write, and its protocol is not told of
 * pauses; afterwards everything is as before. On a socket the system sends, without the bytes
 * coming through the program; elsewhere (TLS, in-memory sockets, files that are none) they are
 * read in the files' threads (eddy/file.h) and written. They have then been handed to the
 * transport, not all to the system, when the call returns.
 *
 * asyncio   loop.sendfile(transport, file, offset, count, fallback)
 * Context   coroutine; suspends until what was written before is sent, and whenever nothing more
 *           can be sent. After a failed or cancelled call *sent bytes were sent and the
 *           connection goes on behind them.
 * loop      the running one, or NULL for it.
 * transport borrowed until the call returns.
 * file      a file open for reading. If anything was sent its position is behind that
 *           afterwards, also if the call fails or is cancelled; else it has not moved.
 * options   borrowed until the call returns; NULL: the whole file. With no_fallback the system
 *           sends, or it is an error.
 * sent      how many bytes; fewer than asked for at the file's end. Set by a failed or cancelled
 *           call, too, if anything was sent. NULL to ignore it.
 * Returns   0; EDDY_ENOTSUP (no_fallback: the system cannot, SendfileNotAvailableError);
 *           EDDY_ERUNTIME (closing, write_eof was called, another sendfile is in progress, a
 *           transport that only reads or cannot send files, or with no_fallback not by the
 *           system); EDDY_ECONNRESET or what it was lost with (the connection is lost);
 *           EDDY_EINVAL (NULL, a negative offset or count); EDDY_ECANCELLED; EDDY_ENOTASK;
 *           EDDY_EOTHERLOOP; EDDY_ENOMEM; the codes of eddy_sock_sendfile and eddy_file_pread.
 * Cost      a system call per MiB at most; the copying way 16 KiB of memory.
 */
EDDY_API int eddy_loop_sendfile(eddy_loop *loop, eddy_transport *transport, int file,
    const eddy_sendfile_options *options, size_t *sent);

EDDY_END_DECLS

#endif
