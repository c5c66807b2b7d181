/*
 * An HTTP/1.1 server's side of a connection, on a stream: one task reads a request, has it
 * answered, and goes on with the next one. It waits in plain calls, each of which has a bound.
 */
#ifndef EXAMPLES_HTTP_HTTP_H
#define EXAMPLES_HTTP_HTTP_H

#include <eddy.h>
#include <time.h>

#include "request.h"

struct http_connection;

/* Answers the request of a connection: 0, or what broke the connection. */
typedef int http_handler(struct http_connection *connection);

/* A server. */
struct http {
  http_handler *handler;
  void *arg;      /* the handler's */
  eddy_time idle; /* so long an open connection may be silent between requests */
  /* For a head to be complete, for the next piece of a body to come, and for a piece of
   * an answer to be taken. */
  eddy_time patience;
  uint64_t body_limit; /* bytes */
  size_t most;         /* connections; 0: any number */

  bool stopping;
  size_t count; /* connections */
  struct http_connection *first;
};

struct http_connection {
  struct http *http;
  eddy_stream_reader *reader;
  eddy_stream_writer *writer;
  struct http_connection *next; /* of the server's */
  struct http_connection **place;
  bool idle;     /* waiting for a request */
  bool closing;  /* after this answer */
  bool answered; /* this request: its head was written */
  struct http_request request;
  size_t start; /* of what is in `input` and not used */
  size_t end;
  size_t output_size;
  char input[2048];
  char output[2048]; /* small, so that all that an idle connection uses is together */
};

/* The handler for eddy_start_server; its argument is a struct http. */
int http_serve(eddy_stream_reader *reader, eddy_stream_writer *writer, void *http);

/* No more requests are taken: connections that are idle end at once, the others after the
 * answer they are at. */
void http_stop(struct http *http);

/* ---- for the handler ---- */

/* A whole answer. `type`: of the content. */
int http_answer(struct http_connection *connection, int status, const char *type,
    const void *body, size_t size);

/* The same, with a line that says what the status means. */
int http_answer_status(struct http_connection *connection, int status);

/* The head of an answer, of which `size` bytes are to follow; `extra`: more fields, each with
 * its line's end, or NULL. */
int http_put_head(struct http_connection *connection, int status, const char *type,
    uint64_t size, const char *extra);

/* Gives the next piece of the request's body, valid until the next call; size 0: its end. If
 * what follows is no proper body: EDDY_EPROTO, and the answer is the connection's. */
int http_read_body(struct http_connection *connection, const char **data, size_t *size);

/* Writes a date in the one form that HTTP has. */
enum { HTTP_DATE = 32 };
void http_date(time_t when, char text[HTTP_DATE]);

/* Sends what the answer is made of so far. */
int http_flush(struct http_connection *connection);

/* Sends bytes of an answer's content, after a flush; waits while the peer is slow. */
int http_write(struct http_connection *connection, const void *data, size_t size);

/* files.c: answers with the file below `root` that the target names. */
int http_answer_file(struct http_connection *connection, const char *root);

#endif
