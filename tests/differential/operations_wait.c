/* The instructions that wait. */
#include <string.h>

#include "operations.h"

/* ---- waiting for futures ---- */

int run_sleep(struct actor *actor, const struct instruction *instruction)
{
  return waits(actor, eddy_sleep(EDDY_MS(instruction->args[0].number)));
}

int run_await(struct actor *actor, const struct instruction *instruction)
{
  eddy_value value = eddy_int(0);
  int rc = hold_one(actor, instruction);
  if (rc != 0) return rc;
  rc = waits(actor, eddy_await(actor->held[0], &value));
  if (rc != 0) return rc;
  return say_value(actor, object_of(actor, instruction, 0), actor->held[0], value);
}

int run_wait_for(struct actor *actor, const struct instruction *instruction)
{
  eddy_value value = eddy_int(0);
  int rc = hold_one(actor, instruction);
  if (rc != 0) return rc;
  rc = waits(
      actor, eddy_wait_for(actor->held[0], time_of(&instruction->args[1]), &value));
  if (rc != 0) return rc;
  return say_value(actor, object_of(actor, instruction, 0), actor->held[0], value);
}

int run_wait_set(struct actor *actor, const struct instruction *instruction)
{
  int rc = hold(actor, instruction, 2);
  if (rc != 0) return rc;
  eddy_return_when when = EDDY_ALL_COMPLETED;
  if (strcmp(word(instruction, 0), "first") == 0) when = EDDY_FIRST_COMPLETED;
  if (strcmp(word(instruction, 0), "exception") == 0) when = EDDY_FIRST_EXCEPTION;
  rc = waits(actor, eddy_wait(actor->held, actor->held_count,
                        time_of(&instruction->args[1]), when, NULL));
  if (rc != 0) return rc;
  const char *between = "=";
  for (size_t i = 0; i < actor->held_count; i++) {
    if (!eddy_future_done(actor->held[i])) continue;
    text_add(&actor->result, "%s%s", between, word(instruction, i + 2));
    between = ",";
  }
  if (*between == '=') text_add(&actor->result, "=");
  return 0;
}

int run_next(struct actor *actor, const struct instruction *instruction)
{
  struct object *object = object_of(actor, instruction, 0);
  if (!object->born) return SKIP;
  eddy_future *future;
  int rc = waits(actor, eddy_completions_next(object->is.completions, &future));
  if (rc == EDDY_STOP) return STOP;
  if (rc != 0) return rc;
  size_t i = 0;
  while (object->futures[i] != future) {
    i++;
  }
  text_add(&actor->result, "=%s", object->members[i]->name);
  return 0;
}

/* ---- waiting for objects ---- */

int run_get(struct actor *actor, const struct instruction *instruction)
{
  eddy_value value;
  int rc = waits(
      actor, eddy_queue_get(object_of(actor, instruction, 0)->is.queue, &value));
  return rc == 0 ? say_number(actor, (long long)value.i) : rc;
}

int run_put(struct actor *actor, const struct instruction *instruction)
{
  eddy_queue *queue = object_of(actor, instruction, 0)->is.queue;
  return waits(actor, eddy_queue_put(queue, eddy_int(instruction->args[1].number)));
}

int run_join(struct actor *actor, const struct instruction *instruction)
{
  return waits(actor, eddy_queue_join(object_of(actor, instruction, 0)->is.queue));
}

int run_acquire(struct actor *actor, const struct instruction *instruction)
{
  struct object *object = object_of(actor, instruction, 0);
  switch (object->kind) {
  case LOCK:
    return waits(actor, eddy_lock_acquire(object->is.locked));
  case CONDITION:
    return waits(actor, eddy_condition_acquire(object->is.condition));
  default:
    return waits(actor, eddy_semaphore_acquire(object->is.semaphore));
  }
}

int run_wait(struct actor *actor, const struct instruction *instruction)
{
  struct object *object = object_of(actor, instruction, 0);
  if (object->kind == EVENT) return waits(actor, eddy_event_wait(object->is.event));
  if (object->kind == CONDITION)
    return waits(actor, eddy_condition_wait(object->is.condition));
  size_t index = 0;
  int rc = waits(actor, eddy_barrier_wait(object->is.barrier, &index));
  return rc == 0 ? say_number(actor, (long long)index) : rc;
}

static bool is_enough(void *arg)
{
  const struct actor *actor = arg;
  return actor->variable->number >= actor->least;
}

int run_wait_until(struct actor *actor, const struct instruction *instruction)
{
  eddy_condition *condition = object_of(actor, instruction, 0)->is.condition;
  actor->variable = object_of(actor, instruction, 1);
  actor->least = instruction->args[2].number;
  return waits(actor, eddy_condition_wait_for(condition, is_enough, actor));
}

int run_reset(struct actor *actor, const struct instruction *instruction)
{
  return waits(actor, eddy_barrier_reset(object_of(actor, instruction, 0)->is.barrier));
}

int run_abort(struct actor *actor, const struct instruction *instruction)
{
  return waits(actor, eddy_barrier_abort(object_of(actor, instruction, 0)->is.barrier));
}
