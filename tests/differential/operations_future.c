/* Tasks, futures, what is made of them, and callbacks. */
#include <string.h>

#include "operations.h"

/* ---- tasks and futures ---- */

int run_spawn(struct actor *actor, const struct instruction *instruction)
{
  return world_spawn(actor->world, object_of(actor, instruction, 0), NULL);
}

int run_spawn_in(struct actor *actor, const struct instruction *instruction)
{
  struct region *region = region_find(actor, &instruction->args[0]);
  if (region == NULL) return SKIP;
  return world_spawn(actor->world, object_of(actor, instruction, 1), &region->is.group);
}

int run_cancel(struct actor *actor, const struct instruction *instruction)
{
  struct object *object = object_of(actor, instruction, 0);
  if (!object->born) return SKIP;
  return say_bool(actor, eddy_future_cancel(object->is.future, word(instruction, 1)));
}

int run_uncancel(struct actor *actor, const struct instruction *instruction)
{
  struct object *object = object_of(actor, instruction, 0);
  return object->born ? say_number(actor, eddy_task_uncancel(object->task)) : SKIP;
}

int run_cancelling(struct actor *actor, const struct instruction *instruction)
{
  struct object *object = object_of(actor, instruction, 0);
  return object->born ? say_number(actor, eddy_task_cancelling(object->task)) : SKIP;
}

int run_done(struct actor *actor, const struct instruction *instruction)
{
  struct object *object = object_of(actor, instruction, 0);
  return object->born ? say_bool(actor, eddy_future_done(object->is.future)) : SKIP;
}

int run_cancelled(struct actor *actor, const struct instruction *instruction)
{
  struct object *object = object_of(actor, instruction, 0);
  return object->born ? say_bool(actor, eddy_future_cancelled(object->is.future)) : SKIP;
}

/* For the error of a future that was not awaited: its message becomes the latest. */
static int read_error(eddy_future *future, int code)
{
  if (code == EDDY_EGROUP || code == EDDY_EINVALIDSTATE) return code;
  return eddy_raise(code, "%s", eddy_future_message(future));
}

int run_result(struct actor *actor, const struct instruction *instruction)
{
  struct object *object = object_of(actor, instruction, 0);
  if (!object->born) return SKIP;
  eddy_value value;
  int rc = eddy_future_result(object->is.future, &value);
  if (rc == 0) return say_value(actor, object, object->is.future, value);
  return eddy_future_done(object->is.future) ? read_error(object->is.future, rc) : rc;
}

int run_exception(struct actor *actor, const struct instruction *instruction)
{
  struct object *object = object_of(actor, instruction, 0);
  if (!object->born) return SKIP;
  int error;
  int rc = eddy_future_exception(object->is.future, &error);
  if (rc < 0) return rc;
  if (error == 0) {
    text_add(&actor->result, "=none");
    return 0;
  }
  const char *message = eddy_future_message(object->is.future);
  text_add(&actor->result, "=%s", error_name(error));
  if (error == EDDY_EGROUP && object->kind == TASK && !object->lost) {
    parts_print(&actor->result, actor->world->scenario,
        eddy_future_error_parts(object->is.future));
  }
  if (is_own(error) && strcmp(message, eddy_strerror(error)) != 0) {
    text_add(&actor->result, ":%s", message);
  }
  return 0;
}

int run_set(struct actor *actor, const struct instruction *instruction)
{
  eddy_future *future = object_of(actor, instruction, 0)->is.future;
  return eddy_future_set_result(future, eddy_int(instruction->args[1].number));
}

int run_fail(struct actor *actor, const struct instruction *instruction)
{
  eddy_future *future = object_of(actor, instruction, 0)->is.future;
  return eddy_future_set_exception(
      future, error_code(word(instruction, 1)), word(instruction, 2));
}

static void fill(struct object *object, eddy_future *future)
{
  if (object->born) eddy_future_unref(object->is.future);
  object->is.future = future;
  object->born = true;
}

int run_gather(struct actor *actor, const struct instruction *instruction)
{
  int rc = hold(actor, instruction, 2);
  if (rc != 0) return rc;
  bool collect = strcmp(word(instruction, 1), "collect") == 0;
  eddy_future *future;
  rc = eddy_gather(actor->held, actor->held_count,
      collect ? EDDY_GATHER_RETURN_EXCEPTIONS : EDDY_GATHER_RAISE, &future);
  if (rc == 0) fill(object_of(actor, instruction, 0), future);
  return rc;
}

int run_shield(struct actor *actor, const struct instruction *instruction)
{
  int rc = hold(actor, instruction, 1);
  if (rc != 0) return rc;
  eddy_future *future;
  rc = eddy_shield(actor->held[0], &future);
  if (rc == 0) fill(object_of(actor, instruction, 0), future);
  return rc;
}

int run_as_completed(struct actor *actor, const struct instruction *instruction)
{
  struct object *object = object_of(actor, instruction, 0);
  if (object->born) return SKIP;
  int rc = hold(actor, instruction, 2);
  if (rc != 0) return rc;
  rc = eddy_as_completed(actor->held, actor->held_count, time_of(&instruction->args[1]),
      &object->is.completions);
  if (rc < 0) return rc;
  object->born = true;
  object->count = actor->held_count;
  for (size_t i = 0; i < actor->held_count; i++) {
    object->members[i] = object_of(actor, instruction, i + 2);
    object->futures[i] = eddy_future_ref(actor->held[i]);
  }
  return 0;
}

/* ---- callbacks ---- */

static int call(void *arg)
{
  return callback_run(arg);
}

static int call_done(eddy_future *future, void *arg)
{
  (void)future;
  return callback_run(arg);
}

static int keep_handle(struct object *object, eddy_handle *handle)
{
  if (object->born) eddy_handle_unref(object->is.handle);
  object->is.handle = handle;
  object->born = true;
  return 0;
}

int run_call_soon(struct actor *actor, const struct instruction *instruction)
{
  eddy_handle *handle;
  struct object *callback = object_of(actor, instruction, 1);
  int rc = eddy_loop_call_soon(actor->world->loop, call, callback, &handle);
  return rc < 0 ? rc : keep_handle(object_of(actor, instruction, 0), handle);
}

int run_call_later(struct actor *actor, const struct instruction *instruction)
{
  eddy_handle *handle;
  struct object *callback = object_of(actor, instruction, 2);
  eddy_time delay = EDDY_MS(instruction->args[1].number);
  int rc = eddy_loop_call_later(actor->world->loop, delay, call, callback, &handle);
  return rc < 0 ? rc : keep_handle(object_of(actor, instruction, 0), handle);
}

int run_call_at(struct actor *actor, const struct instruction *instruction)
{
  eddy_handle *handle;
  struct object *callback = object_of(actor, instruction, 2);
  eddy_time when = EDDY_MS(instruction->args[1].number);
  int rc = eddy_loop_call_at(actor->world->loop, when, call, callback, &handle);
  return rc < 0 ? rc : keep_handle(object_of(actor, instruction, 0), handle);
}

int run_unbook(struct actor *actor, const struct instruction *instruction)
{
  struct object *object = object_of(actor, instruction, 0);
  if (!object->born) return SKIP;
  eddy_handle_cancel(object->is.handle);
  return 0;
}

int run_unbooked(struct actor *actor, const struct instruction *instruction)
{
  struct object *object = object_of(actor, instruction, 0);
  return object->born ? say_bool(actor, eddy_handle_cancelled(object->is.handle)) : SKIP;
}

int run_when(struct actor *actor, const struct instruction *instruction)
{
  struct argument argument = instruction->args[0];
  if (argument.object->kind == HANDLE && argument.object->born) {
    return say_time(actor, eddy_handle_when(argument.object->is.handle));
  }
  if (argument.object->kind != TASK) argument.object = NULL;
  struct region *region = region_find(actor, &argument);
  return region != NULL ? say_time(actor, eddy_timeout_when(&region->is.timeout)) : SKIP;
}

int run_on_done(struct actor *actor, const struct instruction *instruction)
{
  struct object *object = object_of(actor, instruction, 0);
  if (!object->born) return SKIP;
  struct object *callback = object_of(actor, instruction, 1);
  return eddy_future_add_done_callback(object->is.future, call_done, callback);
}

int run_off_done(struct actor *actor, const struct instruction *instruction)
{
  struct object *object = object_of(actor, instruction, 0);
  if (!object->born) return SKIP;
  struct object *callback = object_of(actor, instruction, 1);
  size_t count = eddy_future_remove_done_callback(object->is.future, call_done, callback);
  return say_number(actor, (long long)count);
}
