/*
 * Streams: connections read and written by tasks, as asyncio's StreamReader and StreamWriter.
 *
 *     eddy_stream_reader *reader;
 *     eddy_stream_writer *writer;
 *     int rc = eddy_open_connection("127.0.0.1", 7000, NULL, &reader, &writer);
 *     if (rc < 0) return rc;
 *     const char *line;
 *     size_t size;
 *     rc = eddy_stream_writer_write(writer, "hello\n", 6);
 *     if (rc == 0) rc = eddy_stream_reader_readline(reader, &line, &size);
 *     if (rc == 0) printf("%.*s", (int)size, line);
 *     eddy_stream_writer_unref(writer);
 *     eddy_stream_reader_unref(reader);
 *
 * What comes in is kept in a buffer of the reader's, up to a limit: above twice the limit the
 * transport is paused, until the buffer is down to the limit or a read has to wait. The memory
 * is lent by the loop while there is data; an idle connection has none.
 *
 * Two ways of reading. eddy_stream_reader_read and _readexactly put bytes into the caller's
 * memory, which must stay where it is until the call has returned (in a stackless coroutine: a
 * field of its struct). _readline, _readuntil and _readall do not copy: they give a pointer into
 * the reader's buffer, which stays valid until the next call on the reader whose name begins
 * with read, however long that takes and whatever is written, received or waited for meanwhile.
 * It is not terminated by a NUL.
 *
 * A read that is cancelled or times out has consumed nothing: the next one finds it all. One
 * that finds what it wants in the buffer does not suspend.
 *
 * One task may wait for data of a reader at a time. Everything here is for the loop's thread.
 */
#ifndef EDDY_STREAM_H
#define EDDY_STREAM_H

#include <eddy/connection.h>
#include <eddy/server.h>

typedef struct eddy_stream_reader eddy_stream_reader;
typedef struct eddy_stream_writer eddy_stream_writer;

/** The limit of a reader that is not told another, in bytes. */
#define EDDY_STREAM_LIMIT ((size_t)64 * 1024)

/** How to connect or serve; all zero means: the defaults. */
typedef struct eddy_stream_options {
  size_t limit; /* of each reader; 0: EDDY_STREAM_LIMIT */
  /** eddy_start_server: the handler is a plain function, called when connection_made is, which
   * cannot wait. It may start a task of any kind, and takes references to what it keeps. */
  bool callback;
  /** Of eddy_open_connection; NULL: the defaults. */
  const eddy_connection_options *connection;
  /** Of eddy_start_server; NULL: the defaults. */
  const eddy_server_options *server;
} eddy_stream_options;

/**
 * Serves one connection.
 *
 * asyncio   client_connected_cb
 * Context   a task of its own (or a callback, see eddy_stream_options): it may wait.
 * reader, writer  borrowed until it returns. Then the connection is closed, unless it has taken
 *           a reference to the writer.
 * Returns   0, or a negative code: it is reported to the exception handler, and the connection
 *           is closed; EDDY_ECANCELLED only closes it.
 */
typedef int eddy_stream_handler(
    eddy_stream_reader *reader, eddy_stream_writer *writer, void *arg);

EDDY_BEGIN_DECLS

/* ---- connecting and serving ---- */

/**
 * Connects to a host.
 *
 * asyncio   asyncio.open_connection()
 * Context   coroutine; suspends. A cancelled call leaves nothing behind.
 * host, port  as eddy_loop_create_connection.
 * options   borrowed until the call returns; NULL: the defaults.
 * reader    owned: eddy_stream_reader_unref.
 * writer    owned: eddy_stream_writer_unref, which closes the connection.
 * Returns   as eddy_loop_create_connection.
 */
EDDY_API int eddy_open_connection(const char *host, int port,
    const eddy_stream_options *options, eddy_stream_reader **reader,
    eddy_stream_writer **writer);

/** Connects to a Unix socket, as eddy_loop_create_unix_connection.
 * asyncio: asyncio.open_unix_connection(). */
EDDY_API int eddy_open_unix_connection(const char *path,
    const eddy_stream_options *options, eddy_stream_reader **reader,
    eddy_stream_writer **writer);

/**
 * Serves: starts a task with the handler for each connection that comes in.
 *
 * asyncio   asyncio.start_server()
 * Context   coroutine; suspends once at least. A cancelled call leaves nothing behind.
 * handler   kept, with arg, until the server is closed and every handler has returned.
 * host, port  as eddy_loop_create_server.
 * options   borrowed until the call returns; NULL: the defaults.
 * server    owned: eddy_server_unref, which does not close it.
 * Returns   as eddy_loop_create_server.
 * Cost      one allocation for a connection, besides its transport and its task.
 */
EDDY_API int eddy_start_server(eddy_stream_handler *handler, void *arg, const char *host,
    int port, const eddy_stream_options *options, eddy_server **server);

/** Serves on a Unix socket, as eddy_loop_create_unix_server.
 * asyncio: asyncio.start_unix_server(). */
EDDY_API int eddy_start_unix_server(eddy_stream_handler *handler, void *arg,
    const char *path, const eddy_stream_options *options, eddy_server **server);

/* ---- reading ---- */

/**
 * Reads what there is, at most `size` bytes; waits while there is nothing.
 *
 * asyncio   StreamReader.read(n)
 * Context   coroutine; suspends only if nothing is buffered and the stream has not ended.
 * buffer    filled before the call returns; until then it must stay where it is.
 * size      0: nothing is read, *got is 0 at once.
 * got       how many bytes; 0: the stream has ended.
 * Returns   0; the stored error of the stream, also if data is still buffered (what broke the
 *           connection, such as EDDY_ECONNRESET, or eddy_stream_reader_set_exception);
 *           EDDY_ECANCELLED (nothing was consumed); EDDY_ERUNTIME (another task waits for data
 *           of this reader); EDDY_ENOTASK; EDDY_EOTHERLOOP; EDDY_EINVAL;
 *           EDDY_ENOMEM (reading could not be resumed; nothing was consumed).
 * Cost      what comes in while it waits goes straight into `buffer`: no memory is lent and
 *           nothing allocated.
 */
EDDY_API int eddy_stream_reader_read(
    eddy_stream_reader *reader, void *buffer, size_t size, size_t *got);

/**
 * Reads exactly `size` bytes; the limit does not bound it.
 *
 * asyncio   StreamReader.readexactly(n)
 * Context   coroutine; suspends until so much is buffered.
 * buffer    as for eddy_stream_reader_read.
 * got       how many bytes were put there: `size`, or less with EDDY_EINCOMPLETEREAD, where
 *           asyncio's exception has them as `partial`; otherwise untouched. NULL to ignore it.
 * Returns   as eddy_stream_reader_read; EDDY_EINCOMPLETEREAD (the stream ended before; what was
 *           left is in `buffer`, and consumed).
 */
EDDY_API int eddy_stream_reader_readexactly(
    eddy_stream_reader *reader, void *buffer, size_t size, size_t *got);

/**
 * Reads a line, its "\n" included; without one only the last line of the stream.
 *
 *     while ((rc = eddy_stream_reader_readline(reader, &line, &size)) == 0 && size > 0)
 *
 * asyncio   StreamReader.readline(), and async for
 * Context   coroutine; suspends until a whole line is buffered, or the stream has ended.
 * line      borrowed until the next read; untouched on failure. Not NUL-terminated.
 * size      0: the stream has ended.
 * Returns   as eddy_stream_reader_read; EDDY_ELIMITOVERRUN, where asyncio raises ValueError:
 *           more than the limit stands before the "\n". The line is dropped if its end is
 *           buffered, else all that is buffered, and the next read goes on behind it.
 */
EDDY_API int eddy_stream_reader_readline(
    eddy_stream_reader *reader, const char **line, size_t *size);

/**
 * Reads up to a separator, and that with it.
 *
 * asyncio   StreamReader.readuntil(separator)
 * Context   coroutine; suspends until it is buffered, or the stream has ended.
 * data      borrowed until the next read; not NUL-terminated. On EDDY_EINCOMPLETEREAD what was
 *           left (asyncio's `partial`), and consumed; on EDDY_ELIMITOVERRUN the bytes that
 *           cannot be part of a separator (their number is asyncio's `consumed`), which stay in
 *           the buffer: take them with another read. Otherwise untouched on failure.
 * Returns   as eddy_stream_reader_read; EDDY_EINCOMPLETEREAD (the stream ended before);
 *           EDDY_ELIMITOVERRUN (more than the limit stands before the separator, or there is
 *           none within it); EDDY_EINVAL also for an empty separator.
 */
EDDY_API int eddy_stream_reader_readuntil(eddy_stream_reader *reader,
    const void *separator, size_t separator_size, const char **data, size_t *size);

/** As eddy_stream_reader_readuntil, for whichever of several separators ends first.
 * asyncio: StreamReader.readuntil((a, b, ...)). EDDY_EINVAL also for none at all. */
EDDY_API int eddy_stream_reader_readuntil_any(eddy_stream_reader *reader,
    const eddy_buffer *separators, size_t count, const char **data, size_t *size);

/**
 * Reads all there is to the end of the stream. The limit does not bound it: it is for peers
 * that are trusted.
 *
 * asyncio   StreamReader.read(-1), but that a cancelled call has consumed nothing
 * Context   coroutine; suspends until the stream has ended.
 * data      borrowed until the next read; untouched on failure. Not NUL-terminated.
 * Returns   as eddy_stream_reader_read.
 */
EDDY_API int eddy_stream_reader_readall(
    eddy_stream_reader *reader, const char **data, size_t *size);

/** Whether the stream has ended and all of it was read. asyncio: StreamReader.at_eof(). */
EDDY_API bool eddy_stream_reader_at_eof(const eddy_stream_reader *reader);

/** The stored error, which every read returns; 0: none. asyncio: StreamReader.exception(). */
EDDY_API int eddy_stream_reader_exception(const eddy_stream_reader *reader);

/** Bytes received and not yet read. asyncio: none. */
EDDY_API size_t eddy_stream_reader_buffered(const eddy_stream_reader *reader);

/** One more reference. */
EDDY_API eddy_stream_reader *eddy_stream_reader_ref(eddy_stream_reader *reader);

/** One reference less. NULL is allowed. It does not close the connection (the writer's does);
 * without a reader and a writer, what comes in is dropped. */
EDDY_API void eddy_stream_reader_unref(eddy_stream_reader *reader);

/* ---- writing ---- */

/** Sends or queues the bytes, as eddy_transport_write (its codes, its cost): never waits. Call
 * eddy_stream_writer_drain after it, or the queue may grow without bound.
 * asyncio: StreamWriter.write(). */
EDDY_API int eddy_stream_writer_write(
    eddy_stream_writer *writer, const void *data, size_t size);

/** As eddy_transport_writelines. asyncio: StreamWriter.writelines(). */
EDDY_API int eddy_stream_writer_writelines(
    eddy_stream_writer *writer, const eddy_buffer *pieces, size_t count);

/**
 * Waits until there is room to write more: while the transport's queue was above its high mark
 * and is not yet down to the low one (eddy_transport_set_write_buffer_limits).
 *
 * asyncio   StreamWriter.drain()
 * Context   coroutine; suspends only then, or, once, if the writer is closing. Any number of
 *           tasks may wait here; all wake together.
 * Returns   0; the stored error of the reader; EDDY_ECONNRESET (the connection is lost), or
 *           what it was lost with while this call waited; EDDY_ECANCELLED (what was written
 *           stays so); EDDY_ENOTASK; EDDY_EOTHERLOOP; EDDY_EINVAL.
 */
EDDY_API int eddy_stream_writer_drain(eddy_stream_writer *writer);

/** Half-close, as eddy_transport_write_eof. asyncio: StreamWriter.write_eof(). */
EDDY_API int eddy_stream_writer_write_eof(eddy_stream_writer *writer);

/** asyncio: StreamWriter.can_write_eof(). */
EDDY_API bool eddy_stream_writer_can_write_eof(const eddy_stream_writer *writer);

/** Closes the connection, as eddy_transport_close: what is queued is still sent.
 * asyncio: StreamWriter.close(). NULL is allowed. */
EDDY_API void eddy_stream_writer_close(eddy_stream_writer *writer);

/** asyncio: StreamWriter.is_closing(). */
EDDY_API bool eddy_stream_writer_is_closing(const eddy_stream_writer *writer);

/**
 * Waits until the connection is lost; it does not close it.
 *
 * asyncio   StreamWriter.wait_closed()
 * Context   coroutine; suspends unless that is so already.
 * Returns   0; what it was lost with, each time; EDDY_ECANCELLED (only this call ends, where in
 *           asyncio later ones are cancelled with it); EDDY_ENOTASK; EDDY_EOTHERLOOP;
 *           EDDY_EINVAL.
 */
EDDY_API int eddy_stream_writer_wait_closed(eddy_stream_writer *writer);

/**
 * Drains, then puts a layer (TLS) on the connection, as eddy_loop_start_tls. What is written
 * from then on waits for the handshake, and what the reader had buffered counts as the layer's:
 * nothing that came in the clear is read as if it had come through the layer.
 *
 * asyncio   StreamWriter.start_tls()
 * Context   coroutine; suspends. A cancelled call closes the connection, unless it still drains.
 * layer     borrowed until the call returns.
 * options   borrowed until the call returns; NULL: the defaults. server_side is not looked at: it
 *           is a server's if the stream is.
 * Returns   as eddy_stream_writer_drain and eddy_loop_start_tls.
 */
EDDY_API int eddy_stream_writer_start_tls(
    eddy_stream_writer *writer, eddy_layer *layer, const eddy_start_tls_options *options);

/** The transport, borrowed from the writer. asyncio: StreamWriter.transport. */
EDDY_API eddy_transport *eddy_stream_writer_transport(const eddy_stream_writer *writer);

/** As eddy_transport_get_extra_info; for the addresses and the descriptor see
 * eddy_transport_get_peername, _get_sockname and _get_fd.
 * asyncio: StreamWriter.get_extra_info(). */
EDDY_API const void *eddy_stream_writer_get_extra_info(
    const eddy_stream_writer *writer, const char *name);

/** One more reference. */
EDDY_API eddy_stream_writer *eddy_stream_writer_ref(eddy_stream_writer *writer);

/** One reference less; the last one closes the connection if it is not closing. NULL is
 * allowed. asyncio: StreamWriter.__del__(). */
EDDY_API void eddy_stream_writer_unref(eddy_stream_writer *writer);

/* ---- streams of the program's own ---- */

/**
 * A reader that is fed by the program, or by the protocol below.
 *
 * asyncio   StreamReader(limit)
 * limit     of what is buffered, in bytes: EDDY_STREAM_LIMIT.
 * out       owned: eddy_stream_reader_unref.
 * Returns   0; EDDY_EINVAL (limit 0); EDDY_ENOMEM.
 */
EDDY_API EDDY_NODISCARD int eddy_stream_reader_new(
    size_t limit, eddy_stream_reader **out);

/** Appends bytes and wakes who waits. asyncio: StreamReader.feed_data(). Returns 0;
 * EDDY_ERUNTIME (after feed_eof); EDDY_EINVAL; EDDY_ENOMEM (nothing was appended). */
EDDY_API EDDY_NODISCARD int eddy_stream_reader_feed_data(
    eddy_stream_reader *reader, const void *data, size_t size);

/** The stream has ended. asyncio: StreamReader.feed_eof(). */
EDDY_API void eddy_stream_reader_feed_eof(eddy_stream_reader *reader);

/** Stores an error, with the message raised for it if there is one: who waits is woken with it,
 * and every later read returns it. asyncio: StreamReader.set_exception(). */
EDDY_API void eddy_stream_reader_set_exception(eddy_stream_reader *reader, int error);

/** What is paused while too much is buffered; borrowed, until the reader's end or, for one of
 * the protocol below, until the connection is lost. asyncio: StreamReader.set_transport().
 * Returns 0; EDDY_EINVALIDSTATE (it has one); EDDY_EINVAL. */
EDDY_API EDDY_NODISCARD int eddy_stream_reader_set_transport(
    eddy_stream_reader *reader, eddy_transport *transport);

/**
 * A factory for eddy_loop_create_connection, eddy_loop_connect_read_pipe and their like: the
 * protocol that feeds a reader, and that a writer waits for.
 *
 * asyncio   StreamReaderProtocol(reader)
 * arg       the reader, from eddy_stream_reader_new; the instance keeps it until connection_lost.
 * Returns   0; EDDY_EINVALIDSTATE (the reader has such a protocol already); EDDY_EINVAL.
 */
EDDY_API int eddy_stream_protocol(void *arg, const eddy_protocol **protocol, void **self);

/**
 * The writer of a transport whose protocol is eddy_stream_protocol's.
 *
 * asyncio   StreamWriter(transport, protocol, reader, loop)
 * out       owned: eddy_stream_writer_unref, which closes the transport; it keeps a reference.
 * Returns   0; EDDY_EINVAL (it has another protocol); EDDY_EINVALIDSTATE (it has a writer).
 */
EDDY_API EDDY_NODISCARD int eddy_stream_writer_new(
    eddy_transport *transport, eddy_stream_writer **out);

EDDY_END_DECLS

#endif
