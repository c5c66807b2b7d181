#include "base/outcome.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/self.h"

/* What was raised outside every coroutine and callback: kept per thread, cut to fit. */
static _Thread_local struct {
  int code;
  char text[200];
} outside;

void eddy__outcome_clear(eddy_outcome *outcome)
{
  if (outcome->message != NULL) {
    eddy__free(outcome->message->text);
    eddy__free(outcome->message);
    outcome->message = NULL;
  }
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
  if (outcome->message == NULL) {
    outcome->message = eddy__alloc(sizeof(*outcome->message));
    if (outcome->message == NULL) return NULL;
  }
  struct eddy_message *message = outcome->message;
  eddy__free(message->text);
  *message = (struct eddy_message){.code = code, .number = -1};
  return message;
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

/* Puts a deferred message into words: "sock_recv descriptor 7: connection reset by peer". */
static const char *put_together(struct eddy_message *message)
{
  char number[24] = "";
  if (message->number >= 0) snprintf(number, sizeof(number), " %lld", (long long)message->number);
  const char *object = message->object != NULL ? message->object : "";
  const char *space = message->object != NULL ? " " : "";
  const char *text = eddy_strerror(message->code);
  int size = snprintf(NULL, 0, "%s%s%s%s: %s", message->operation, space, object, number, text);
  message->text = eddy__alloc((size_t)size + 1);
  if (message->text == NULL) return text;
  snprintf(message->text, (size_t)size + 1, "%s%s%s%s: %s", message->operation, space, object,
      number, text);
  return message->text;
}

const char *eddy__outcome_detail(const eddy_outcome *outcome, int code)
{
  struct eddy_message *message = outcome->message;
  if (message == NULL || message->code != code) return NULL;
  if (message->text != NULL) return message->text;
  return put_together(message);
}

const char *eddy__outcome_message(const eddy_outcome *outcome, int code)
{
  const char *detail = eddy__outcome_detail(outcome, code);
  return detail != NULL ? detail : eddy_strerror(code);
}

void eddy__outcome_copy_message(const eddy_outcome *from, int code, eddy_outcome *to)
{
  const char *detail = eddy__outcome_detail(from, code);
  if (detail != NULL) eddy__outcome_set_message(to, code, detail);
}

int eddy__fail(int code, const char *operation, const char *object, int64_t number)
{
  eddy_outcome *outcome = eddy__self.outcome;
  if (outcome == NULL) {
    outside.code = code;
    snprintf(outside.text, sizeof(outside.text), "%s: %s", operation, eddy_strerror(code));
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
    outside.code = code;
    vsnprintf(outside.text, sizeof(outside.text), format, args);
    va_end(args);
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
  if (eddy__self.outcome == NULL) {
    return outside.code == code && code != 0 ? outside.text : eddy_strerror(code);
  }
  return eddy__outcome_message(eddy__self.outcome, code);
}
