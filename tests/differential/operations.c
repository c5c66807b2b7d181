/* The table of instructions, and what they share. */
#include "operations.h"

#include <string.h>

static const struct operation operations[] = {
    {"sleep", "n", .run = run_sleep, .messages = true},
    {"await", "f", .run = run_await},
    {"wait_for", "ft", .run = run_wait_for},
    {"wait_set", "wtf*", .run = run_wait_set, .messages = true},
    {"next", "k", .run = run_next, .messages = true},
    {"get", "q", .run = run_get, .messages = true},
    {"put", "qn", .run = run_put, .messages = true},
    {"join", "q", .run = run_join, .messages = true},
    {"acquire", "l", .run = run_acquire, .messages = true},
    {"wait", "x", .run = run_wait, .messages = true},
    {"wait_until", "cvn", .run = run_wait_until, .messages = true},
    {"reset", "b", .run = run_reset, .messages = true},
    {"abort", "b", .run = run_abort, .messages = true},
    {"spawn", "T", .run = run_spawn},
    {"spawn_in", "rT", .run = run_spawn_in},
    {"cancel", "fo", .run = run_cancel},
    {"uncancel", "T", .run = run_uncancel},
    {"cancelling", "T", .run = run_cancelling},
    {"done", "f", .run = run_done},
    {"cancelled", "f", .run = run_cancelled},
    {"result", "f", .run = run_result},
    {"exception", "f", .run = run_exception},
    {"set", "Fn", .run = run_set},
    {"fail", "Fwo", .run = run_fail},
    {"gather", "dwf*", .run = run_gather, .kind = GATHER},
    {"shield", "df", .run = run_shield, .kind = SHIELD},
    {"as_completed", "dtf*", .run = run_as_completed, .kind = COMPLETIONS},
    {"call_soon", "dC", .run = run_call_soon, .kind = HANDLE},
    {"call_later", "dnC", .run = run_call_later, .kind = HANDLE},
    {"call_at", "dnC", .run = run_call_at, .kind = HANDLE},
    {"unbook", "h", .run = run_unbook},
    {"unbooked", "h", .run = run_unbooked},
    {"when", "y", .run = run_when},
    {"on_done", "fC", .run = run_on_done},
    {"off_done", "fC", .run = run_off_done},
    {"put_nowait", "qn", .run = run_put_nowait},
    {"get_nowait", "q", .run = run_get_nowait},
    {"task_done", "q", .run = run_task_done},
    {"shutdown", "qo", .run = run_shutdown},
    {"size", "q", .run = run_size},
    {"release", "l", .run = run_release},
    {"locked", "l", .run = run_locked},
    {"notify", "cn", .run = run_notify},
    {"notify_all", "c", .run = run_notify_all},
    {"set_event", "e", .run = run_set_event},
    {"clear", "e", .run = run_clear},
    {"is_set", "e", .run = run_is_set},
    {"n_waiting", "b", .run = run_n_waiting},
    {"broken", "b", .run = run_broken},
    {"add", "vn", .run = run_add},
    {"reschedule", "rt", .run = run_reschedule},
    {"expired", "r", .run = run_expired},
    {"note", "w", .run = run_note},
    {"raise", "wo", .run = run_raise},
    {"repeat", "n", .block = REPEAT},
    {"try", "", .block = TRY},
    {"except", "w", .block = EXCEPT},
    {"finally", "", .block = FINALLY},
    {"timeout", "rt", .block = TIMEOUT},
    {"timeout_at", "rn", .block = TIMEOUT},
    {"group", "r", .block = GROUP},
    {"end", "", .block = END},
    {"return", "n", .block = RETURN},
    {"reraise", "", .block = RERAISE},
};

const struct operation *operation_find(const char *name)
{
  for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
    if (strcmp(operations[i].name, name) == 0) return &operations[i];
  }
  return NULL;
}

bool is_locked(const struct object *object)
{
  switch (object->kind) {
  case LOCK:
    return eddy_lock_locked(object->is.locked);
  case CONDITION:
    return eddy_condition_locked(object->is.condition);
  default:
    return eddy_semaphore_locked(object->is.semaphore);
  }
}

const char *word(const struct instruction *instruction, size_t index)
{
  return index < instruction->count ? instruction->args[index].word : NULL;
}

struct object *object_of(
    struct actor *actor, const struct instruction *instruction, size_t index)
{
  struct object *object = instruction->args[index].object;
  return object != NULL ? object : actor->object;
}

int say_bool(struct actor *actor, bool value)
{
  text_add(&actor->result, value ? "=true" : "=false");
  return 0;
}

int say_number(struct actor *actor, long long value)
{
  text_add(&actor->result, "=%lld", value);
  return 0;
}

int say_time(struct actor *actor, eddy_time time)
{
  if (time != EDDY_NEVER) return say_number(actor, (long long)(time / EDDY_MS(1)));
  text_add(&actor->result, "=never");
  return 0;
}

eddy_time time_of(const struct argument *argument)
{
  return argument->none ? EDDY_NEVER : EDDY_MS(argument->number);
}

/* References to the futures named from args[first] on, kept while the instruction waits: it
 * is made again, and by then the names can stand for others. 0 or SKIP. */
int hold(struct actor *actor, const struct instruction *instruction, size_t first)
{
  if (actor->waiting) return 0;
  for (size_t i = first; i < instruction->count; i++) {
    if (!object_of(actor, instruction, i)->born) return SKIP;
  }
  for (size_t i = first; i < instruction->count; i++) {
    struct object *object = object_of(actor, instruction, i);
    actor->held[actor->held_count++] = eddy_future_ref(object->is.future);
  }
  return 0;
}

int hold_one(struct actor *actor, const struct instruction *instruction)
{
  if (actor->waiting) return 0;
  struct object *object = object_of(actor, instruction, 0);
  if (!object->born) return SKIP;
  actor->held[actor->held_count++] = eddy_future_ref(object->is.future);
  return 0;
}

/* The status of a call that may have to be made again. */
int waits(struct actor *actor, int rc)
{
  actor->waiting = rc == EDDY_PENDING;
  return rc;
}

/* A gather's value is a list; whatever else has one is a number. */
int say_value(struct actor *actor, const struct object *object, eddy_future *future,
    eddy_value value)
{
  size_t count;
  const eddy_result *results = NULL;
  if (object->kind == GATHER) results = eddy_gather_results(future, &count);
  if (results == NULL) return say_number(actor, (long long)value.i);
  text_add(&actor->result, "=[");
  for (size_t i = 0; i < count; i++) {
    if (i > 0) text_add(&actor->result, ",");
    if (results[i].error != 0) {
      text_add(&actor->result, "!%s", error_name(results[i].error));
    } else {
      text_add(&actor->result, "%lld", (long long)results[i].value.i);
    }
  }
  text_add(&actor->result, "]");
  return 0;
}
