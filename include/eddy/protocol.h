/*
 * Protocols: what a connection tells the program, as functions called by the loop.
 *
 * A protocol is a constant table of functions; each connection has an instance of it, `self`,
 * that every function is given. A function left NULL does nothing. They are called on the
 * loop's thread, between tasks and never inside one another, but for pause_writing and
 * resume_writing, which may be called from inside a write. They cannot wait.
 *
 *     stream      connection_made  data_received*              eof_received?  connection_lost
 *     buffered    connection_made  (get_buffer buffer_updated)*  eof_received?  connection_lost
 *     datagram    connection_made  (datagram_received | error_received)*      connection_lost
 *     subprocess  connection_made  (pipe_data_received | pipe_connection_lost |
 *                                   process_exited)*                          connection_lost
 *
 * A stream protocol with a get_buffer is a buffered one: the bytes are received straight into
 * its own memory.
 *
 * Who frees an instance: from the moment a transport is made for it, it is the transport's. Its
 * last function is `release`: after connection_lost, or without it when the loop is closed
 * first. So free it there. (eddy_transport_set_protocol hands the one it replaces back.)
 *
 * A negative code from data_received, get_buffer, buffer_updated or eof_received is reported to
 * the loop's exception handler, with the transport, and ends the connection with that code. One
 * from any other function is only reported.
 */
#ifndef EDDY_PROTOCOL_H
#define EDDY_PROTOCOL_H

#include <eddy/loop.h>
#include <eddy/sock.h>

typedef struct eddy_transport eddy_transport;

/** asyncio: Protocol, BufferedProtocol, DatagramProtocol, SubprocessProtocol in one. */
typedef struct eddy_protocol {
  /* ---- every protocol ---- */

  /** The connection is there; data will come only afterwards. `transport` is valid until
   * connection_lost returns; keep it longer with eddy_transport_ref. */
  int (*connection_made)(void *self, eddy_transport *transport);
  /** The connection is gone: called exactly once, and nothing but `release` after it.
   * `error` is 0 if the program closed or aborted it or the peer ended it in an orderly way,
   * else why it broke (eddy_message tells more). The descriptor is closed afterwards. */
  int (*connection_lost)(void *self, int error);
  /** More than the high mark waits to be sent: write no more for now. From inside write. */
  int (*pause_writing)(void *self);
  /** The low mark is reached. Calls of the two strictly alternate. */
  int (*resume_writing)(void *self);
  /** Nothing refers to the instance any more: free it. asyncio: none. */
  void (*release)(void *self);

  /* ---- streams ---- */

  /** Bytes came in, as many as one read gave; borrowed until the function returns. */
  int (*data_received)(void *self, const void *data, size_t size);
  /** The peer will send no more; called at most once. 0: the transport closes itself; positive:
   * it stays open for writing. (NULL: 0.) */
  int (*eof_received)(void *self);

  /* ---- buffered streams ---- */

  /** Gives the memory for the next bytes; valid until buffer_updated or eof_received returns.
   * `hint`: how much is likely to come, 0 if that is not known. A size of 0 is an error. */
  int (*get_buffer)(void *self, size_t hint, void **buffer, size_t *size);
  /** So many bytes were put into it. */
  int (*buffer_updated)(void *self, size_t size);

  /* ---- datagrams ---- */

  /** One datagram, an empty one too; both are borrowed for the call. */
  int (*datagram_received)(
      void *self, const void *data, size_t size, const eddy_address *from);
  /** A send or receive failed; the transport goes on. */
  int (*error_received)(void *self, int error);

  /* ---- child processes ---- */

  /** The child wrote to its descriptor `fd`, 1 or 2. */
  int (*pipe_data_received)(void *self, int fd, const void *data, size_t size);
  /** The pipe at the child's descriptor `fd` is closed. */
  int (*pipe_connection_lost)(void *self, int fd, int error);
  /** The child has ended; its pipes may still be open. */
  int (*process_exited)(void *self);
} eddy_protocol;

/**
 * Makes the protocol instance of a new connection.
 *
 * asyncio   protocol_factory()
 * Context   loop thread; it cannot wait.
 * protocol  set to a table that outlives the connection.
 * self      set to the instance; NULL is as good as any.
 * Returns   0, or a negative code: there is no connection then.
 */
typedef int eddy_protocol_factory(void *arg, const eddy_protocol **protocol, void **self);

#endif
