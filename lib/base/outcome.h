/* Results and messages that a coroutine or callback leaves behind. */
#ifndef EDDY_BASE_OUTCOME_H
#define EDDY_BASE_OUTCOME_H

#include <eddy/coro.h>

/* Lets go of the message and leaves the outcome empty. */
void eddy__outcome_clear(eddy_outcome *outcome);

/* Takes the message over; `from` is left without one. */
void eddy__outcome_move_message(eddy_outcome *from, eddy_outcome *to);

/* Gives `to` the message for `code` too; it is shared from then on. If there is none, `to` has
 * none for it either. */
void eddy__outcome_copy_message(const eddy_outcome *from, int code, eddy_outcome *to);

/* Sets a message (copied; NULL: none). Without memory there is none. */
void eddy__outcome_set_message(eddy_outcome *outcome, int code, const char *text);

/* The message for `code`: its own text, else that of the code. */
const char *eddy__outcome_message(const eddy_outcome *outcome, int code);

/* The message's own text, or NULL if nothing was attached for `code`. */
const char *eddy__outcome_detail(const eddy_outcome *outcome, int code);

/* The errors that `code` is made of, if it is a group's. */
const eddy_error_part *eddy__outcome_parts(const eddy_outcome *outcome, int code);

/* Tells the caller, be it a coroutine, a callback or the thread, what `from` says of `code`. */
void eddy__outcome_pass_on(const eddy_outcome *from, int code);

/*
 * As eddy_raise, for the library's own errors: no text is built before someone asks.
 * `object` NULL: none; number -1: none. Returns code.
 */
int eddy__fail(int code, const char *operation, const char *object, int64_t number);

#endif
