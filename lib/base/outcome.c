#include "base/outcome.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/message.h"
#include "base/self.h"

/* What was raised outside every coroutine and callback: kept per thread, cut to fit. */
static _Thread_local struct {
  int code;
  char text[200];
  struct eddy_message *group; /* the whole error, if it is a group's; referenced */
} outside;

/* What stands outside is replaced. */
static void forget_outside(void)
{
  eddy__message_unref(outside.group);
  outside.group = NULL;
}

static void end_thread(void *unused)
{
  (void)unused;
  forget_outside();
}

void eddy__outcome_clear(eddy_outcome *outcome)
{
  eddy__message_unref(outcome->message);
  outcome->message = NULL;
}

void eddy__outcome_move_message(eddy_outcome *from, eddy_outcome *to)
{
  eddy__outcome_clear(to);
  to->message = from->message;
  from->message = NULL;
}

/* The outcome's message for `code`, emptied; NULL without memory. */
static struct eddy_message *renew(eddy_outcome *outcome, int code)
{
  outcome->message = eddy__message_renew(outcome->message, code);
  return outcome->message;
}

void eddy__outcome_set_message(eddy_outcome *outcome, int code, const char *text)
{
  eddy__outcome_clear(outcome);
  if (text == NULL) return;
  struct eddy_message *message = renew(outcome, code);
  if (message == NULL) return;
  message->text = eddy__strdup(text);
  if (message->text == NULL) eddy__outcome_clear(outcome);
}

/* The message for `code`, if there is one. */
static struct eddy_message *message_for(const eddy_outcome *outcome, int code)
{
  struct eddy_message *message = outcome->message;
  return message != NULL && message->code == code ? message : NULL;
}

static const eddy_error_part *parts_of(const struct eddy_message *message)
{
  return message != NULL && message->first != NULL ? &message->first->shown : NULL;
}

const char *eddy__outcome_detail(const eddy_outcome *outcome, int code)
{
  struct eddy_message *message = message_for(outcome, code);
  return message != NULL ? eddy__message_text(message) : NULL;
}

const char *eddy__outcome_message(const eddy_outcome *outcome, int code)
{
  const char *detail = eddy__outcome_detail(outcome, code);
  return detail != NULL ? detail : eddy_strerror(code);
}

const eddy_error_part *eddy__outcome_parts(const eddy_outcome *outcome, int code)
{
  return parts_of(message_for(outcome, code));
}

void eddy__outcome_copy_message(const eddy_outcome *from, int code, eddy_outcome *to)
{
  struct eddy_message *message = message_for(from, code);
  if (message == NULL && message_for(to, code) == NULL) return;
  if (message != NULL) eddy__message_ref(message);
  eddy__outcome_clear(to);
  to->message = message;
}

void eddy__outcome_pass_on(const eddy_outcome *from, int code)
{
  struct eddy_message *message = message_for(from, code);
  if (message == NULL) return;
  if (eddy__self.outcome != NULL) {
    eddy__outcome_copy_message(from, code, eddy__self.outcome);
    return;
  }
  (void)eddy_raise(code, "%s", eddy__message_text(message));
  if (message->first != NULL && eddy__on_thread_end(end_thread)) {
    outside.group = eddy__message_ref(message);
  }
}

int eddy__fail(int code, const char *operation, const char *object, int64_t number)
{
  eddy_outcome *outcome = eddy__self.outcome;
  if (outcome == NULL) {
    forget_outside();
    outside.code = code;
    snprintf(
        outside.text, sizeof(outside.text), "%s: %s", operation, eddy_strerror(code));
    return code;
  }
  struct eddy_message *message = renew(outcome, code);
  if (message != NULL) {
    message->operation = operation;
    message->object = object;
    message->number = number;
  }
  return code;
}

int eddy_raise(int code, const char *format, ...)
{
  eddy_outcome *outcome = eddy__self.outcome;
  va_list args;
  va_start(args, format);
  if (outcome == NULL) {
    char said[sizeof(outside.text)]; /* an argument may be what is replaced */
    vsnprintf(said, sizeof(said), format, args);
    va_end(args);
    forget_outside();
    outside.code = code;
    memcpy(outside.text, said, sizeof(said));
    return code;
  }
  int size = vsnprintf(NULL, 0, format, args);
  va_end(args);
  /* The text is built before the old message goes: it may be one of the arguments. */
  char *text = size < 0 ? NULL : eddy__alloc((size_t)size + 1);
  if (text != NULL) {
    va_start(args, format);
    vsnprintf(text, (size_t)size + 1, format, args);
    va_end(args);
  }
  struct eddy_message *message = renew(outcome, code);
  if (message == NULL || text == NULL) {
    eddy__outcome_clear(outcome);
    eddy__free(text);
    return code;
  }
  message->text = text;
  return code;
}

int eddy_return(eddy_value value)
{
  if (eddy__self.outcome != NULL) eddy__self.outcome->value = value;
  return 0;
}

const char *eddy_message(int code)
{
  if (eddy__self.outcome != NULL) return eddy__outcome_message(eddy__self.outcome, code);
  if (outside.code != code || code == 0) return eddy_strerror(code);
  return outside.group != NULL ? eddy__message_text(outside.group) : outside.text;
}

const eddy_error_part *eddy_error_parts(int code)
{
  if (eddy__self.outcome != NULL) return eddy__outcome_parts(eddy__self.outcome, code);
  return outside.code == code ? parts_of(outside.group) : NULL;
}
