/*
 * Transports: the sending side of a connection, and its life.
 *
 * A transport is made with its protocol (eddy/protocol.h) by the calls of eddy/connection.h and
 * eddy/server.h. The loop keeps it alive until connection_lost has been called; a protocol
 * therefore needs no reference for its own connection. Whoever holds one (eddy_transport_ref,
 * or what eddy_loop_create_connection gave) may use it for longer: it is closed then, writes
 * are dropped, questions are answered.
 *
 * All calls are for the loop's thread, from tasks and from callbacks; none of them waits.
 */
#ifndef EDDY_TRANSPORT_H
#define EDDY_TRANSPORT_H

#include <eddy/protocol.h>

/** Some bytes to write; borrowed for the call. */
typedef struct eddy_buffer {
  const void *data;
  size_t size;
} eddy_buffer;

EDDY_BEGIN_DECLS

/** One more reference. */
EDDY_API eddy_transport *eddy_transport_ref(eddy_transport *transport);

/** One reference less; it does not close the connection. NULL is allowed. */
EDDY_API void eddy_transport_unref(eddy_transport *transport);

/**
 * Sends the bytes: at once if nothing is queued and the system takes them, else they are
 * copied into the queue and follow by themselves. Never waits; if more than the high mark is
 * queued then, the protocol's pause_writing is called before this returns.
 *
 * On a connection that is lost the bytes are dropped, as asyncio does, and from the fifth time
 * on that is reported to the exception handler. After close they are still sent as long as
 * earlier ones are queued.
 *
 * asyncio   WriteTransport.write()
 * Context   loop thread.
 * data      borrowed for the call; NULL if size is 0, which does nothing.
 * Returns   0, also when the connection breaks by this (connection_lost tells);
 *           EDDY_ERUNTIME (after write_eof); EDDY_ENOTSUP (the transport only reads);
 *           EDDY_EINVAL;
 *           EDDY_ENOMEM: none of it will be sent, earlier data is unharmed and the call may be
 *           repeated; if a part had been sent already the connection ends with that error.
 * Cost      one system call if nothing is queued; allocates only to queue.
 */
EDDY_API int eddy_transport_write(
    eddy_transport *transport, const void *data, size_t size);

/**
 * Sends several pieces as one write of them joined: flow control applies as there.
 *
 * asyncio   WriteTransport.writelines()
 * Returns   as eddy_transport_write.
 * Cost      small pieces are gathered first, so that they leave in one system call.
 */
EDDY_API int eddy_transport_writelines(
    eddy_transport *transport, const eddy_buffer *pieces, size_t count);

/**
 * Ends the sending direction when everything queued has been sent (half-close): the peer reads
 * end of input, data may still come from it. Again, or after close: nothing happens.
 *
 * asyncio   WriteTransport.write_eof()
 * Returns   0; EDDY_ENOTSUP (eddy_transport_can_write_eof says so beforehand); EDDY_EINVAL;
 *           EDDY_ENOTCONN (the peer has reset the connection, and nobody was told yet).
 */
EDDY_API int eddy_transport_write_eof(eddy_transport *transport);

/** asyncio: WriteTransport.can_write_eof(). True for sockets and pipes, false for TLS. */
EDDY_API bool eddy_transport_can_write_eof(const eddy_transport *transport);

/** Closes: reads no more from now on, sends what is queued, then connection_lost(0) is called
 * from the ready queue. Again: nothing happens. asyncio: BaseTransport.close(). NULL is
 * allowed. */
EDDY_API void eddy_transport_close(eddy_transport *transport);

/** Closes at once: what is queued is dropped, connection_lost(0) is called from the ready
 * queue. Also after close, while that is still sending. asyncio: WriteTransport.abort(). NULL
 * is allowed. */
EDDY_API void eddy_transport_abort(eddy_transport *transport);

/** From close, abort or a fatal error on. asyncio: BaseTransport.is_closing(). */
EDDY_API bool eddy_transport_is_closing(const eddy_transport *transport);

/** No data_received from now on until eddy_transport_resume_reading; what has arrived waits in
 * the system, and so in the end does the peer. Again, or when closing: nothing happens.
 * asyncio: ReadTransport.pause_reading(). */
EDDY_API void eddy_transport_pause_reading(eddy_transport *transport);

/** Reads again, from the next iteration on. When it reads already, or is closing: nothing
 * happens. asyncio: ReadTransport.resume_reading(). Returns 0; EDDY_ENOMEM (it stays paused,
 * try again); EDDY_EINVAL. */
EDDY_API int eddy_transport_resume_reading(eddy_transport *transport);

/** Neither paused nor closing. asyncio: ReadTransport.is_reading(). */
EDDY_API bool eddy_transport_is_reading(const eddy_transport *transport);

/** The marks of eddy_transport_set_write_buffer_limits. */
#define EDDY_LIMIT_DEFAULT SIZE_MAX

/**
 * Sets how many queued bytes pause the protocol's writing (strictly more than `high`) and how
 * many let it go on (`low` or fewer). May pause at once.
 *
 * asyncio   WriteTransport.set_write_buffer_limits(high, low)
 * high      EDDY_LIMIT_DEFAULT: 64 KiB (TLS: 512 KiB), or four times `low` if that is given.
 * low       EDDY_LIMIT_DEFAULT: a quarter of `high`.
 * Returns   0; EDDY_EINVAL (low above high), EDDY_ENOMEM: nothing changed.
 */
EDDY_API EDDY_NODISCARD int eddy_transport_set_write_buffer_limits(
    eddy_transport *transport, size_t high, size_t low);

/** asyncio: WriteTransport.get_write_buffer_limits(). Either may be NULL. */
EDDY_API void eddy_transport_get_write_buffer_limits(
    const eddy_transport *transport, size_t *low, size_t *high);

/**
 * Gathers small writes: what is written to an empty queue stays there until the loop's next
 * iteration, and leaves together with what is written until then. (Otherwise each write is sent
 * at once, as in asyncio.) For a peer that asks much at once and gets many small answers: sending
 * is most of what an answer costs.
 *
 * What is gathered counts as queued, so it may pause writing. 16 KiB or more are sent at once; the
 * order is kept; closing and eddy_transport_write_eof send it first.
 *
 * asyncio   none; uvloop always writes so
 * Context   loop thread; for a stream: eddy_stream_writer_transport(writer). What is gathered
 *           when it is turned off still leaves at the next iteration.
 * Returns   0; EDDY_ENOTSUP (a transport of a kind that cannot); EDDY_EINVAL.
 */
EDDY_API int eddy_transport_gather_writes(eddy_transport *transport, bool on);

/** Bytes queued and not sent. asyncio: WriteTransport.get_write_buffer_size(). */
EDDY_API size_t eddy_transport_get_write_buffer_size(const eddy_transport *transport);

/**
 * Puts another protocol in the place of the present one, whose instance is the caller's again
 * (nothing is called on it). A buffered one may follow a plain one and the other way round.
 *
 * asyncio   BaseTransport.set_protocol()
 * protocol  kept until the connection is lost.
 * self      the transport's from now on.
 * Returns   0; EDDY_EINVAL (a NULL argument); EDDY_EINVALIDSTATE (connection_lost was called).
 */
EDDY_API EDDY_NODISCARD int eddy_transport_set_protocol(
    eddy_transport *transport, const eddy_protocol *protocol, void *self);

/** The protocol and, if self is not NULL, its instance; NULL after connection_lost.
 * asyncio: BaseTransport.get_protocol(). */
EDDY_API const eddy_protocol *eddy_transport_get_protocol(
    const eddy_transport *transport, void **self);

/** The loop it belongs to. */
EDDY_API eddy_loop *eddy_transport_get_loop(const eddy_transport *transport);

/** The descriptor, for options and the like: it must not be closed, and not be read from or
 * written to. -1 when it is closed, or if there is none.
 * asyncio: get_extra_info("socket"), get_extra_info("pipe"). */
EDDY_API int eddy_transport_get_fd(const eddy_transport *transport);

/** The own address. asyncio: get_extra_info("sockname"). Returns 0; EDDY_EBADF (closed);
 * EDDY_ENOTSUP (no socket underneath). */
EDDY_API EDDY_NODISCARD int eddy_transport_get_sockname(
    const eddy_transport *transport, eddy_address *out);

/** The peer's address; for an IPv4 or IPv6 connection it is known after the end, too.
 * asyncio: get_extra_info("peername"). Returns 0; EDDY_EBADF; EDDY_ENOTCONN; EDDY_ENOTSUP. */
EDDY_API EDDY_NODISCARD int eddy_transport_get_peername(
    const eddy_transport *transport, eddy_address *out);

/** What only some transports know, by asyncio's name, as a pointer that is valid as long as the
 * transport: "ssl_object", "sslcontext", "cipher", "subprocess", ... The header of the part
 * that makes the transport says what it points to. NULL: not known.
 * asyncio: BaseTransport.get_extra_info(). */
EDDY_API const void *eddy_transport_get_extra_info(
    const eddy_transport *transport, const char *name);

EDDY_END_DECLS

#endif
