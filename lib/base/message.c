#include "base/message.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

/* The most that the text of a group's error is long. */
#define GROUP_TEXT 1000

struct eddy_message *eddy__message_ref(struct eddy_message *message)
{
  atomic_fetch_add_explicit(&message->refs, 1, memory_order_relaxed);
  return message;
}

/* Drops a reference; with the last one the message goes on the list of the doomed. */
static void drop(struct eddy_message *message, struct eddy_message **doomed)
{
  if (message == NULL) return;
  if (atomic_fetch_sub_explicit(&message->refs, 1, memory_order_acq_rel) > 1) return;
  message->next = *doomed;
  *doomed = message;
}

static void free_parts(struct eddy_message *message, struct eddy_message **doomed)
{
  struct eddy__part *part = message->first;
  while (part != NULL) {
    struct eddy__part *next = (struct eddy__part *)part->shown.next;
    drop(part->message, doomed);
    eddy__free(part->name);
    if (part != eddy__message_own_part(message)) eddy__free(part);
    part = next;
  }
}

/* One after the other, not one inside the other: groups may be nested deeper than a stack. */
void eddy__message_unref(struct eddy_message *message)
{
  struct eddy_message *doomed = NULL;
  drop(message, &doomed);
  while (doomed != NULL) {
    message = doomed;
    doomed = message->next;
    free_parts(message, &doomed);
    eddy__free(message->text);
    eddy__free(message);
  }
}

struct eddy_message *eddy__message_renew(struct eddy_message *message, int code)
{
  if (message != NULL && message->first == NULL && atomic_load(&message->refs) == 1) {
    eddy__free(message->text);
    message->text = NULL;
    message->operation = NULL;
    message->object = NULL;
  } else {
    eddy__message_unref(message);
    message = eddy__alloc(sizeof(*message));
    if (message == NULL) return NULL;
    atomic_init(&message->refs, 1);
  }
  message->code = code;
  message->number = -1;
  return message;
}

/* ---- texts ---- */

/* "sock_recv descriptor 7: connection reset by peer" */
static char *put_together(const struct eddy_message *message)
{
  char number[24] = "";
  if (message->number >= 0)
    snprintf(number, sizeof(number), " %lld", (long long)message->number);
  const char *object = message->object != NULL ? message->object : "";
  const char *space = message->object != NULL ? " " : "";
  const char *end = eddy_strerror(message->code);
  int size = snprintf(
      NULL, 0, "%s%s%s%s: %s", message->operation, space, object, number, end);
  char *text = eddy__alloc((size_t)size + 1);
  if (text == NULL) return NULL;
  snprintf(text, (size_t)size + 1, "%s%s%s%s: %s", message->operation, space, object,
      number, end);
  return text;
}

/* "main.c:31 task group: 2 errors: task 'a': disk; task 'b': timed out" */
static char *list_parts(const struct eddy_message *message)
{
  size_t count = 0;
  for (const eddy_error_part *part = &message->first->shown; part != NULL;
       part = part->next) {
    count++;
  }
  char *text = eddy__alloc(GROUP_TEXT);
  if (text == NULL) return NULL;
  int used = snprintf(text, GROUP_TEXT, "%s: %zu error%s", message->operation, count,
      count == 1 ? "" : "s");
  size_t size = (size_t)used;
  const char *before = ": ";
  for (const eddy_error_part *part = &message->first->shown;
       part != NULL && size < GROUP_TEXT; part = part->next) {
    used = snprintf(text + size, GROUP_TEXT - size, "%stask '%s': %s", before, part->name,
        part->message);
    size += (size_t)used;
    before = "; ";
  }
  if (size >= GROUP_TEXT) memcpy(text + GROUP_TEXT - 4, "...", 4);
  return text;
}

const char *eddy__message_text(struct eddy_message *message)
{
  char *text = message->text;
  if (text != NULL) return text;
  char *built = message->first != NULL ? list_parts(message) : put_together(message);
  if (built == NULL) return eddy_strerror(message->code);
  /* Another thread that shares the message may have been quicker. */
  if (atomic_compare_exchange_strong(&message->text, &text, built)) return built;
  eddy__free(built);
  return text;
}

/* ---- groups ---- */

struct eddy_message *eddy__message_new_group(const char *site)
{
  struct eddy_message *group = eddy__alloc(sizeof(*group) + sizeof(struct eddy__part));
  if (group == NULL) return NULL;
  atomic_init(&group->refs, 1);
  group->code = EDDY_EGROUP;
  group->operation = site != NULL ? site : "task group";
  return group;
}

struct eddy__part *eddy__message_own_part(struct eddy_message *group)
{
  return (struct eddy__part *)(void *)(group + 1);
}

void eddy__message_add(struct eddy_message *group, struct eddy__part *part)
{
  if (group->last == NULL) {
    group->first = part;
  } else {
    group->last->shown.next = &part->shown;
  }
  group->last = part;
}

void eddy__part_fill(struct eddy__part *part, int code, const eddy_outcome *outcome,
    const char *name, uint64_t id, const char *site)
{
  struct eddy_message *message = outcome->message;
  part->shown.code = code;
  part->shown.message = eddy_strerror(code);
  part->shown.site = site != NULL ? site : "";
  part->name = name != NULL ? eddy__strdup(name) : NULL;
  part->shown.name = part->name;
  if (part->name == NULL) {
    snprintf(part->default_name, sizeof(part->default_name), "Task-%llu",
        (unsigned long long)id);
    part->shown.name = part->default_name;
  }
  if (message == NULL || message->code != code) return;
  part->message = eddy__message_ref(message);
  part->shown.message = eddy__message_text(message);
  if (message->first != NULL) part->shown.parts = &message->first->shown;
}
