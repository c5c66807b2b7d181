/*
 * Pipes for protocols: one end of a pipe, named pipe, socket or terminal becomes a transport
 * that only reads, or one that only writes. The ends of a child's pipes are such transports, too
 * (eddy/subprocess.h).
 *
 * Reading: at the end of input eof_received is called and then, whatever it answers,
 * connection_lost; there is nothing that could stay open.
 *
 * Writing: a reader that goes away is noticed also while nothing is being written (not on a
 * terminal). connection_lost is told EDDY_EPIPE if something was still queued, else 0. write_eof
 * closes when everything queued has been written, as eddy_transport_close does; what is written
 * after either of them is dropped, and from the fifth time on reported. No SIGPIPE is raised,
 * and what the program does with that signal is not touched.
 *
 * The descriptor is made non-blocking, and that holds for everybody who shares it: a terminal's
 * standard input, output and error are often one. On native/virtual only the in-memory sockets
 * can be used.
 */
#ifndef EDDY_PIPE_H
#define EDDY_PIPE_H

#include <eddy/transport.h>

EDDY_BEGIN_DECLS

/**
 * Makes a protocol instance and a transport that reads from the descriptor.
 *
 * asyncio   loop.connect_read_pipe()
 * Context   coroutine; suspends until connection_made was called.
 * loop      NULL or the running one.
 * fd        taken over: the transport closes it. If the call fails it is closed, too, but not
 *           with EDDY_EINVAL, EDDY_EBADF, EDDY_ENOTSUP, EDDY_EOTHERLOOP, EDDY_ENOTASK.
 * transport owned: eddy_transport_unref (which does not close it); NULL to ignore it.
 * self      the factory's instance, borrowed from the transport; NULL if the connection is lost
 *           already; NULL to ignore it.
 * Returns   0; what the factory returned; EDDY_EINVAL (a file or directory, which is always
 *           ready; a NULL factory); EDDY_EBADF; EDDY_ENOTSUP (not on this backend);
 *           EDDY_ECANCELLED (it is closed then); EDDY_ENOTASK; EDDY_EOTHERLOOP; EDDY_ENOMEM.
 */
EDDY_API int eddy_loop_connect_read_pipe(eddy_loop *loop, eddy_protocol_factory *factory,
    void *arg, int fd, eddy_transport **transport, void **self);

/**
 * Makes a protocol instance and a transport that writes to the descriptor.
 *
 * asyncio   loop.connect_write_pipe()
 * Everything else as eddy_loop_connect_read_pipe.
 * Cost      a write to a pipe takes two system calls more than one to a socket, which keep the
 *           signal away.
 */
EDDY_API int eddy_loop_connect_write_pipe(eddy_loop *loop, eddy_protocol_factory *factory,
    void *arg, int fd, eddy_transport **transport, void **self);

EDDY_END_DECLS

#endif
