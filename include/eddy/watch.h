/* Callbacks on descriptors and signals, called each time until they are removed. */
#ifndef EDDY_WATCH_H
#define EDDY_WATCH_H

#include <eddy/loop.h>

EDDY_BEGIN_DECLS

/**
 * Calls fn in every iteration in which the descriptor can be read without waiting (or has
 * failed), until removed. Adding again replaces the callback. One that leaves what is there
 * unread is called again and again, and keeps native/virtual's time from moving.
 *
 * asyncio   loop.add_reader()
 * Context   the loop's thread; does not wait.
 * fd        a socket, pipe or terminal; remove it before closing it.
 * fn        runs before the writer's callback when both are due; an error it returns goes
 *           to the exception handler and the watch goes on.
 * Returns   0; EDDY_EINVAL; EDDY_EBADF (closed); EDDY_EPERM (a kind that cannot be waited
 *           for, such as a regular file); EDDY_EBUSY (a task waits to read from it; a socket's
 *           transport uses it, and is not closing; a handle of libuv's that the program has on
 *           eddy_loop_uv watches it);
 *           EDDY_ECLOSED; EDDY_ENOMEM; EDDY_ENOTSUP (a kernel descriptor on native/virtual).
 * Cost      O(1) to add, replace and remove. Each call of fn is preceded by one fstat: it
 *           tells whether the number still means what was added, since others may close it.
 */
EDDY_API EDDY_NODISCARD int eddy_loop_add_reader(
    eddy_loop *loop, int fd, eddy_fn *fn, void *arg);

/** Stops calling; a callback already queued in this iteration does not run either.
 * asyncio: loop.remove_reader(). Returns whether there was one; a descriptor that a transport
 * uses is left alone (asyncio: RuntimeError). */
EDDY_API bool eddy_loop_remove_reader(eddy_loop *loop, int fd);

/** As eddy_loop_add_reader, for writing. asyncio: loop.add_writer(). */
EDDY_API EDDY_NODISCARD int eddy_loop_add_writer(
    eddy_loop *loop, int fd, eddy_fn *fn, void *arg);

/** As eddy_loop_remove_reader. asyncio: loop.remove_writer(). */
EDDY_API bool eddy_loop_remove_writer(eddy_loop *loop, int fd);

/**
 * Runs fn as a callback of the loop each time the process gets the signal. Adding again
 * replaces the callback. A child after fork that does not exec should give the signal an action
 * of its own: until then what it gets is told to the parent's loop.
 *
 * asyncio   loop.add_signal_handler()
 * Context   the loop's thread.
 * signum    a number of <signal.h>.
 * Returns   0; EDDY_EINVAL (a signal that does not exist or cannot be caught); EDDY_ECLOSED;
 *           EDDY_ENOMEM.
 */
EDDY_API EDDY_NODISCARD int eddy_loop_add_signal_handler(
    eddy_loop *loop, int signum, eddy_fn *fn, void *arg);

/** Gives the signal its default action back. asyncio: loop.remove_signal_handler(). Returns
 * whether there was a handler. */
EDDY_API bool eddy_loop_remove_signal_handler(eddy_loop *loop, int signum);

EDDY_END_DECLS

#endif
