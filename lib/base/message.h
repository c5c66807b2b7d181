/* Messages of errors: shared by whoever has the error, and what a group's error is made of. */
#ifndef EDDY_BASE_MESSAGE_H
#define EDDY_BASE_MESSAGE_H

#include <stdatomic.h>

#include <eddy/coro.h>

/*
 * What an outcome's error says. An error that goes from hand to hand (from a task to whoever
 * awaits it, to a gather, to another thread) takes its message along by reference. Nothing of
 * a message changes once it is shared, but that its text is put together when first read.
 */
struct eddy_message {
  atomic_uint refs;
  int code;
  char *_Atomic text;    /* owned; NULL until a deferred message is read */
  const char *operation; /* deferred: "sock_recv", a literal */
  const char *object;    /* deferred: "descriptor", "queue", ... a literal, or NULL */
  int64_t number;        /* deferred: the descriptor's number, or -1 */

  /* The error of a task group: operation is where the group stands. */
  struct eddy__part *first;
  struct eddy__part *last;
  struct eddy_message *next; /* among those that are being freed */
};

/* One of a group's errors: a block of its own, or at the start of one. */
struct eddy__part {
  eddy_error_part shown;        /* first */
  struct eddy_message *message; /* referenced; it holds what is shown; NULL: none */
  char *name;                   /* owned; NULL: the default name is shown */
  char default_name[32];
};

/* An empty message, with one reference, in place of this one (NULL: none), whose reference is
 * used up; NULL without memory. */
struct eddy_message *eddy__message_renew(struct eddy_message *message, int code);

/* An EDDY_EGROUP without parts yet, with room for one more in the same block: the part that
 * eddy__message_own_part gives. `site` is a literal, or NULL. */
struct eddy_message *eddy__message_new_group(const char *site);
struct eddy__part *eddy__message_own_part(struct eddy_message *group);

/* Adds a part, which is the message's from now on. */
void eddy__message_add(struct eddy_message *group, struct eddy__part *part);

struct eddy_message *eddy__message_ref(struct eddy_message *message);

/* Drops a reference; with the last one goes all that only this one held. NULL is allowed. */
void eddy__message_unref(struct eddy_message *message);

/* Its own text; the code's where there was no memory to put it together. */
const char *eddy__message_text(struct eddy_message *message);

/* Fills in an empty part: the error `code`, with its message if `outcome` has one. The name
 * is copied (NULL, or no memory: "Task-<id>"); `site` is a literal, or NULL. */
void eddy__part_fill(struct eddy__part *part, int code, const eddy_outcome *outcome,
    const char *name, uint64_t id, const char *site);

#endif
