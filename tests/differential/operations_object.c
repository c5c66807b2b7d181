/* What tasks meet at, and the rest. */
#include <string.h>

#include "operations.h"

/* ---- queues ---- */

int run_put_nowait(struct actor *actor, const struct instruction *instruction)
{
  eddy_queue *queue = object_of(actor, instruction, 0)->is.queue;
  return eddy_queue_put_nowait(queue, eddy_int(instruction->args[1].number));
}

int run_get_nowait(struct actor *actor, const struct instruction *instruction)
{
  eddy_value value;
  int rc = eddy_queue_get_nowait(object_of(actor, instruction, 0)->is.queue, &value);
  return rc == 0 ? say_number(actor, (long long)value.i) : rc;
}

int run_task_done(struct actor *actor, const struct instruction *instruction)
{
  return eddy_queue_task_done(object_of(actor, instruction, 0)->is.queue);
}

int run_shutdown(struct actor *actor, const struct instruction *instruction)
{
  const char *now = word(instruction, 1);
  bool immediate = now != NULL && strcmp(now, "now") == 0;
  eddy_queue_shutdown(object_of(actor, instruction, 0)->is.queue, immediate);
  return 0;
}

int run_size(struct actor *actor, const struct instruction *instruction)
{
  return say_number(
      actor, (long long)eddy_queue_qsize(object_of(actor, instruction, 0)->is.queue));
}

/* ---- locks, semaphores, conditions ---- */

int run_release(struct actor *actor, const struct instruction *instruction)
{
  struct object *object = object_of(actor, instruction, 0);
  switch (object->kind) {
  case LOCK:
    return eddy_lock_release(object->is.locked);
  case CONDITION:
    return eddy_condition_release(object->is.condition);
  default:
    return eddy_semaphore_release(object->is.semaphore);
  }
}

int run_locked(struct actor *actor, const struct instruction *instruction)
{
  return say_bool(actor, is_locked(object_of(actor, instruction, 0)));
}

int run_notify(struct actor *actor, const struct instruction *instruction)
{
  eddy_condition *condition = object_of(actor, instruction, 0)->is.condition;
  return eddy_condition_notify(condition, (size_t)instruction->args[1].number);
}

int run_notify_all(struct actor *actor, const struct instruction *instruction)
{
  return eddy_condition_notify_all(object_of(actor, instruction, 0)->is.condition);
}

/* ---- events and barriers ---- */

int run_set_event(struct actor *actor, const struct instruction *instruction)
{
  eddy_event_set(object_of(actor, instruction, 0)->is.event);
  return 0;
}

int run_clear(struct actor *actor, const struct instruction *instruction)
{
  eddy_event_clear(object_of(actor, instruction, 0)->is.event);
  return 0;
}

int run_is_set(struct actor *actor, const struct instruction *instruction)
{
  return say_bool(actor, eddy_event_is_set(object_of(actor, instruction, 0)->is.event));
}

int run_n_waiting(struct actor *actor, const struct instruction *instruction)
{
  const eddy_barrier *barrier = object_of(actor, instruction, 0)->is.barrier;
  return say_number(actor, (long long)eddy_barrier_n_waiting(barrier));
}

int run_broken(struct actor *actor, const struct instruction *instruction)
{
  return say_bool(
      actor, eddy_barrier_broken(object_of(actor, instruction, 0)->is.barrier));
}

/* ---- the rest ---- */

int run_add(struct actor *actor, const struct instruction *instruction)
{
  struct object *object = object_of(actor, instruction, 0);
  object->number += instruction->args[1].number;
  return say_number(actor, (long long)object->number);
}

int run_reschedule(struct actor *actor, const struct instruction *instruction)
{
  struct region *region = region_find(actor, &instruction->args[0]);
  if (region == NULL) return SKIP;
  eddy_time when = time_of(&instruction->args[1]);
  if (when != EDDY_NEVER) when += eddy_loop_time(actor->world->loop);
  return eddy_timeout_reschedule(&region->is.timeout, when);
}

int run_expired(struct actor *actor, const struct instruction *instruction)
{
  struct region *region = region_find(actor, &instruction->args[0]);
  if (region == NULL) return SKIP;
  return say_bool(actor, eddy_timeout_expired(&region->is.timeout));
}

int run_note(struct actor *actor, const struct instruction *instruction)
{
  text_add(&actor->result, "%s", word(instruction, 0));
  return 0;
}

int run_raise(struct actor *actor, const struct instruction *instruction)
{
  (void)actor;
  int code = error_code(word(instruction, 0));
  const char *message = word(instruction, 1);
  return eddy_raise(code, "%s", message != NULL ? message : eddy_strerror(code));
}
