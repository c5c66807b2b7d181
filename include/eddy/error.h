/*
 * Errors: 0 or a negative code, never errno.
 *
 * Codes of the operating system have libuv's numbers (on Unix the negated errno); asyncio's
 * own exceptions begin at -5000. The two lists below make the codes, their names and their
 * texts, so that none can be forgotten.
 */
#ifndef EDDY_ERROR_H
#define EDDY_ERROR_H

#include <errno.h>

#include <eddy/api.h>
#include <eddy/value.h>

/* What only a coroutine's step answers: it has ended (StopIteration), or it waits. */
#define EDDY_STOP 1
#define EDDY_PENDING 2

/* Name, libuv's number on Windows, text. */
#define EDDY_SYSTEM_ERROR_MAP(X)                                                         \
  X(E2BIG, 4093, "argument list too long")                                               \
  X(EACCES, 4092, "permission denied")                                                   \
  X(EADDRINUSE, 4091, "address already in use")                                          \
  X(EADDRNOTAVAIL, 4090, "address not available")                                        \
  X(EAFNOSUPPORT, 4089, "address family not supported")                                  \
  X(EAGAIN, 4088, "resource temporarily unavailable")                                    \
  X(EALREADY, 4084, "operation already in progress")                                     \
  X(EBADF, 4083, "the descriptor is closed or was never open")                           \
  X(EBUSY, 4082, "the object is in use")                                                 \
  X(ECONNABORTED, 4079, "connection aborted")                                            \
  X(ECONNREFUSED, 4078, "connection refused")                                            \
  X(ECONNRESET, 4077, "connection reset by peer")                                        \
  X(EDESTADDRREQ, 4076, "destination address required")                                  \
  X(EEXIST, 4075, "already exists")                                                      \
  X(EFAULT, 4074, "bad address")                                                         \
  X(EFBIG, 4036, "file too large")                                                       \
  X(EHOSTUNREACH, 4073, "host unreachable")                                              \
  X(EINTR, 4072, "interrupted system call")                                              \
  X(EINVAL, 4071, "invalid argument")                                                    \
  X(EIO, 4070, "input/output error")                                                     \
  X(EISCONN, 4069, "already connected")                                                  \
  X(EISDIR, 4068, "is a directory")                                                      \
  X(ELOOP, 4067, "too many symbolic links")                                              \
  X(EMFILE, 4066, "too many open descriptors in the process")                            \
  X(EMLINK, 4032, "too many links")                                                      \
  X(EMSGSIZE, 4065, "message too long")                                                  \
  X(ENAMETOOLONG, 4064, "name too long")                                                 \
  X(ENETDOWN, 4063, "network is down")                                                   \
  X(ENETUNREACH, 4062, "network is unreachable")                                         \
  X(ENFILE, 4061, "too many open descriptors in the system")                             \
  X(ENOBUFS, 4060, "no buffer space")                                                    \
  X(ENODEV, 4059, "no such device")                                                      \
  X(ENOENT, 4058, "no such file")                                                        \
  X(ENOMEM, 4057, "not enough memory")                                                   \
  X(ENOPROTOOPT, 4035, "protocol option not available")                                  \
  X(ENOSPC, 4055, "no space left")                                                       \
  X(ENOSYS, 4054, "not available on this system or with this backend")                   \
  X(ENOTCONN, 4053, "not connected")                                                     \
  X(ENOTDIR, 4052, "not a directory")                                                    \
  X(ENOTEMPTY, 4051, "the directory is not empty")                                       \
  X(ENOTSOCK, 4050, "not a socket")                                                      \
  X(ENOTSUP, 4049, "not supported")                                                      \
  X(ENXIO, 4033, "no such device or address")                                            \
  X(EPERM, 4048, "not permitted")                                                        \
  X(EPIPE, 4047, "broken pipe")                                                          \
  X(EPROTO, 4046, "protocol error")                                                      \
  X(EPROTONOSUPPORT, 4045, "protocol not supported")                                     \
  X(EPROTOTYPE, 4044, "wrong protocol for the socket")                                   \
  X(ERANGE, 4034, "out of range")                                                        \
  X(EROFS, 4043, "read-only file system")                                                \
  X(ESPIPE, 4041, "the file has no positions")                                           \
  X(ESRCH, 4040, "no such process")                                                      \
  X(ETIMEDOUT, 4039, "timed out")                                                        \
  X(ETXTBSY, 4038, "the program in the file is running")                                 \
  X(EXDEV, 4037, "not on the same file system")

/* Name, number, text: what looking names up fails with (libuv's numbers), asyncio's exceptions
 * and the RuntimeErrors its calls raise. */
#define EDDY_ERROR_MAP(X)                                                                \
  X(EAI_ADDRFAMILY, -3000, "the host has no address of this family")                     \
  X(EAI_AGAIN, -3001, "the name cannot be looked up at the moment")                      \
  X(EAI_BADFLAGS, -3002, "bad flags for a name look-up")                                 \
  X(EAI_CANCELED, -3003, "the name look-up was given up")                                \
  X(EAI_FAIL, -3004, "the name look-up failed for good")                                 \
  X(EAI_FAMILY, -3005, "no names are looked up for this address family")                 \
  X(EAI_MEMORY, -3006, "not enough memory to look the name up")                          \
  X(EAI_NODATA, -3007, "the name has no address")                                        \
  X(EAI_NONAME, -3008, "no such name or service")                                        \
  X(EAI_OVERFLOW, -3009, "the name is too long for its place")                           \
  X(EAI_SERVICE, -3010, "no such service for this type of socket")                       \
  X(EAI_SOCKTYPE, -3011, "no names are looked up for this type of socket")               \
  X(EAI_BADHINTS, -3013, "bad hints for a name look-up")                                 \
  X(EAI_PROTOCOL, -3014, "no names are looked up for this protocol")                     \
  X(ECANCELLED, -5000, "cancelled")                                                      \
  X(EINVALIDSTATE, -5001, "the object is not in a state that allows this")               \
  X(EQUEUEEMPTY, -5002, "the queue is empty")                                            \
  X(EQUEUEFULL, -5003, "the queue is full")                                              \
  X(EQUEUESHUTDOWN, -5004, "the queue is shut down")                                     \
  X(EINCOMPLETEREAD, -5005, "the stream ended before everything was read")               \
  X(ELIMITOVERRUN, -5006, "the separator was not found within the limit")                \
  X(EBROKENBARRIER, -5007, "the barrier is broken")                                      \
  X(EGROUP, -5008, "tasks of the group failed")                                          \
  X(EDEADLOCK, -5009, "every task waits and nothing can wake any of them")               \
  X(ENOTASK, -5010, "this call waits, so it must be made inside a task")                 \
  X(EGENERATOREXIT, -5011, "the coroutine is being closed")                              \
  X(ENOLOOP, -5012, "no loop is running in this thread")                                 \
  X(ECLOSED, -5013, "the loop is closed")                                                \
  X(ERUNNING, -5014, "a loop is already running in this thread")                         \
  X(ESTOPPED, -5015, "the loop was stopped before the future was done")                  \
  X(EOTHERLOOP, -5016, "the object belongs to another loop")                             \
  X(EOTHERTHREAD, -5017, "only the loop's own thread may make this call")                \
  X(EINTERRUPTED, -5018, "interrupted by SIGINT")                                        \
  X(ERUNTIME, -5019, "the call is not allowed here")                                     \
  X(ETLS, -5020, "TLS failed")                                                           \
  X(ECERTIFICATE, -5021, "the peer's certificate is not to be trusted")                  \
  X(ETRUNCATED, -5022, "the peer is gone without having ended TLS: data may be missing")

#ifdef _WIN32
#define EDDY_SYSTEM_CODE_(name, windows) (-(windows))
#else
#define EDDY_SYSTEM_CODE_(name, windows) (-(name))
#endif

/** Every code a call of eddy can return; all are negative. */
enum eddy_error {
#define EDDY_X(name, windows, text) EDDY_##name = EDDY_SYSTEM_CODE_(name, windows),
  EDDY_SYSTEM_ERROR_MAP(EDDY_X)
#undef EDDY_X
#define EDDY_X(name, number, text) EDDY_##name = (number),
  EDDY_ERROR_MAP(EDDY_X)
#undef EDDY_X
  EDDY_ERROR_END_ = 0
};

/**
 * One of the errors that an EDDY_EGROUP is made of. All of it is borrowed from that error and
 * must not be changed.
 */
typedef struct eddy_error_part {
  const struct eddy_error_part *next;  /* the error that came after it, or NULL */
  const struct eddy_error_part *parts; /* its own, if it is an EDDY_EGROUP; else NULL */
  int code;
  const char *message; /* the code's text if it had none */
  const char *name;    /* of the task that ended with it; the group's body has its task's */
  const char *site;    /* where that was created, or the group entered; "": not known */
} eddy_error_part;

EDDY_BEGIN_DECLS

/**
 * The text of a code, in English, without the message of a particular failure.
 *
 * asyncio   str() of the exception
 * Context   any thread.
 * Returns   a static string, never NULL; "unknown error" for a code that is not eddy's.
 */
EDDY_API const char *eddy_strerror(int code);

/**
 * The name of a code: "ECANCELLED" for EDDY_ECANCELLED.
 *
 * Context   any thread.
 * Returns   a static string, never NULL; "EUNKNOWN" for a code that is not eddy's.
 */
EDDY_API const char *eddy_err_name(int code);

/**
 * Attaches a message to an error and hands the code back, for
 * `return eddy_raise(EDDY_EINVAL, "port %d is out of range", port);`
 *
 * The message belongs to the innermost running coroutine (task or generator), or to the
 * running callback, and lives until that one's next raise or its end; a task's last message
 * can still be read from the finished task. Outside all of these it is the thread's, and cut
 * to 200 bytes.
 *
 * asyncio   raise
 * Context   any thread.
 * code      negative.
 * format    printf's; the text is built at once.
 * Returns   code; also when there is no memory for the text, which is then left out.
 */
EDDY_API int eddy_raise(int code, const char *format, ...) EDDY_PRINTF(2, 3);

/**
 * Sets the result of the innermost running coroutine, for `return eddy_return(eddy_int(7));`
 *
 * asyncio   return value
 * Context   coroutine; elsewhere the value is dropped.
 * Returns   0.
 */
EDDY_API int eddy_return(eddy_value value);

/**
 * The message of the innermost running coroutine's or callback's latest error.
 *
 * The library's own errors carry one that names the operation, its object and the task.
 *
 * Context   any thread.
 * Returns   borrowed until the next raise or the coroutine's end; the text of eddy_strerror
 *           when nothing was attached to `code`, never NULL.
 */
EDDY_API const char *eddy_message(int code);

/**
 * The errors that the innermost running coroutine's or callback's latest error, an
 * EDDY_EGROUP, is made of, in the order in which they came:
 *
 *     for (const eddy_error_part *part = eddy_error_parts(rc); part; part = part->next)
 *       printf("%s: %s\n", part->name, part->message);
 *
 * They go where the error's message goes: through eddy_await, a gather, a timeout scope or a
 * generator, into the task's outcome (eddy_future_error_parts), to the caller of eddy_run.
 *
 * asyncio   ExceptionGroup.exceptions
 * Context   any thread.
 * Returns   the first, borrowed until the next raise or the coroutine's end (outside every
 *           coroutine and callback: until the thread's next raise or end); NULL: none.
 * Cost      allocates nothing.
 */
EDDY_API const eddy_error_part *eddy_error_parts(int code);

EDDY_END_DECLS

#endif
