/* Results and messages that a coroutine or callback leaves behind. */
#ifndef EDDY_BASE_OUTCOME_H
#define EDDY_BASE_OUTCOME_H

#include <eddy/coro.h>

/* A message; the library's own are kept as parts and put together when first read. */
struct eddy_message {
  int code;
  char *text;            /* owned; NULL until a deferred message is read */
  const char *operation; /* deferred: "sock_recv", a literal */
  const char *object;    /* deferred: "descriptor", "queue", ... a literal, or NULL */
  int64_t number;        /* deferred: the descriptor's number, or -1 */
};

/* Frees the message and leaves the outcome empty. */
void eddy__outcome_clear(eddy_outcome *outcome);

/* Takes the message over; `from` is left without one. */
void eddy__outcome_move_message(eddy_outcome *from, eddy_outcome *to);

/* Gives `to` a copy of the message for `code`, if there is one. */
void eddy__outcome_copy_message(const eddy_outcome *from, int code, eddy_outcome *to);

/* Sets a message (copied; NULL: none). Without memory there is none. */
void eddy__outcome_set_message(eddy_outcome *outcome, int code, const char *text);

/* The message for `code`: its own text, else that of the code. */
const char *eddy__outcome_message(const eddy_outcome *outcome, int code);

/* The message's own text, or NULL if nothing was attached for `code`. */
const char *eddy__outcome_detail(const eddy_outcome *outcome, int code);

/*
 * As eddy_raise, for the library's own errors: no text is built before someone asks.
 * `object` NULL: none; number -1: none. Returns code.
 */
int eddy__fail(int code, const char *operation, const char *object, int64_t number);

#endif
