/* Requests of HTTP/1.1, found by llhttp in what a connection receives. Nothing here waits. */
#ifndef EXAMPLES_HTTP_REQUEST_H
#define EXAMPLES_HTTP_REQUEST_H

#include <llhttp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  HTTP_TARGET = 1024,         /* bytes of the longest target, such as "/file?query" */
  HTTP_HEAD_LIMIT = 16 * 1024 /* bytes of the longest head: first line and fields */
};

struct http_request {
  llhttp_t parser; /* one for all requests of a connection */
  uint64_t body_limit;

  /* ---- the present request ---- */

  bool begun;    /* a part of it has come */
  bool head;     /* its head is complete */
  bool complete; /* all of it has come */
  int refused; /* with this status, and the connection closed after it; 0: it is well formed */
  bool keep_alive;
  bool expects_continue;
  char target[HTTP_TARGET]; /* ends with a NUL */
  char modified_since[32];

  /* What http_request_feed has just found of the body, and how much came before. */
  char *piece;
  size_t piece_size;
  uint64_t body_size;

  /* ---- while it is read ---- */

  size_t target_size;
  size_t overhead; /* bytes that are not of the body */
  unsigned hosts;
  char field[32];
  size_t field_size;
  char value[32];
  size_t value_size;
};

/* At the beginning of a connection. */
void http_request_init(struct http_request *request, uint64_t body_limit);

/*
 * Reads on, in bytes that may be changed: the body's come to stand together at their beginning,
 * `piece`. It stops behind the head, and behind the request; the bytes after that are of the
 * next one, which the call after begins. Returns how many bytes it has used.
 */
size_t http_request_feed(struct http_request *request, char *data, size_t size);

static inline llhttp_method_t http_request_method(const struct http_request *request)
{
  return (llhttp_method_t)request->parser.method;
}

#endif
