/* One run of a scenario: its objects, its loop, its end and what is left then. */
#include <stdlib.h>
#include <string.h>

#include "operations.h"

enum { HORIZON = 1000, REAP_EVERY = 50, REAP_ROUNDS = 10 }; /* ms, ms, times */

void trace_line(struct world *world, const char *who, int line, const char *text)
{
  if (world->over) return;
  long long now = (long long)(eddy_loop_time(world->loop) / EDDY_MS(1));
  if (line > 0) {
    text_add(&world->trace, "%lld %s %d %s\n", now, who, line, text);
  } else {
    text_add(&world->trace, "%lld %s end %s\n", now, who, text);
  }
}

/* What no task or callback says. */
void trace_word(struct world *world, const char *what, const char *text)
{
  if (world->over) return;
  long long now = (long long)(eddy_loop_time(world->loop) / EDDY_MS(1));
  text_add(&world->trace, "%lld - %s %s\n", now, what, text);
}

/* ---- objects ---- */

static int make_queue(struct object *object)
{
  eddy_queue_options options = {.maxsize = (size_t)object->number};
  if (object->order != NULL) {
    bool lifo = strcmp(object->order, "lifo") == 0;
    options.order = lifo ? EDDY_QUEUE_LIFO : EDDY_QUEUE_PRIORITY;
  }
  return eddy_queue_new(&options, &object->is.queue);
}

static int make_semaphore(struct object *object)
{
  int value = (int)object->number;
  if (strcmp(object->what, "bounded") == 0) {
    return eddy_bounded_semaphore_new(value, &object->is.semaphore);
  }
  return eddy_semaphore_new(value, &object->is.semaphore);
}

static int make(struct world *world, struct object *object)
{
  switch (object->kind) {
  case FUTURE:
    return eddy_future_new(world->loop, &object->is.future);
  case QUEUE:
    return make_queue(object);
  case LOCK:
    return eddy_lock_new(&object->is.locked);
  case CONDITION:
    return eddy_condition_new(
        object->lock != NULL ? object->lock->is.locked : NULL, &object->is.condition);
  case SEMAPHORE:
    return make_semaphore(object);
  case BARRIER:
    return eddy_barrier_new((size_t)object->number, &object->is.barrier);
  case EVENT:
    return eddy_event_new(&object->is.event);
  default:
    return 0;
  }
}

static void destroy(struct object *object)
{
  switch (object->kind) {
  case TASK:
  case FUTURE:
  case GATHER:
  case SHIELD:
    eddy_future_unref(object->is.future);
    break;
  case HANDLE:
    eddy_handle_unref(object->is.handle);
    break;
  case COMPLETIONS:
    eddy_completions_unref(object->is.completions);
    break;
  case QUEUE:
    eddy_queue_unref(object->is.queue);
    break;
  case LOCK:
    eddy_lock_unref(object->is.locked);
    break;
  case CONDITION:
    eddy_condition_unref(object->is.condition);
    break;
  case SEMAPHORE:
    eddy_semaphore_unref(object->is.semaphore);
    break;
  case BARRIER:
    eddy_barrier_unref(object->is.barrier);
    break;
  case EVENT:
    eddy_event_unref(object->is.event);
    break;
  default:
    break;
  }
}

static int make_all(struct world *world)
{
  struct scenario *scenario = world->scenario;
  for (struct object *object = scenario->objects; object != NULL; object = object->next) {
    object->world = world;
  }
  for (size_t i = 0; i < scenario->declared_count; i++) {
    struct object *object = scenario->declared[i];
    if (object->kind == VARIABLE) object->started_at = object->number;
    if (object->kind == TASK) continue;
    int rc = make(world, object);
    if (rc < 0) return rc;
    object->born = true;
  }
  return 0;
}

static void destroy_all(struct scenario *scenario)
{
  for (struct object *object = scenario->objects; object != NULL; object = object->next) {
    if (object->born) destroy(object);
    for (size_t i = 0; i < object->count; i++) {
      eddy_future_unref(object->futures[i]);
    }
    actor_free(object->actor);
    if (object->kind == VARIABLE) object->number = object->started_at;
    object->actor = NULL;
    object->task = NULL;
    object->count = 0;
    object->lost = false;
    object->born = false;
  }
}

/* ---- tasks ---- */

static int create_task(
    struct world *world, struct actor *actor, eddy_task_group *group, eddy_task **out)
{
  unsigned number = world->started++;
  const eddy_task_options options = {.name = actor->object->name};
  eddy_coro *coro = &actor->frame.coro;
  eddy_frame_init(&actor->frame, actor_frame);
  if (world->task_kind == STACKLESS || (world->task_kind == MIXED && number % 2 == 1)) {
    if (group == NULL)
      return eddy_loop_create_task_coro(world->loop, coro, &options, out);
    return eddy_task_group_create_task_coro(group, coro, &options, out);
  }
  if (group == NULL) {
    return eddy_loop_create_task_with(world->loop, actor_body, actor, &options, out);
  }
  return eddy_task_group_create_task_with(group, actor_body, actor, &options, out);
}

int world_spawn(struct world *world, struct object *object, eddy_task_group *group)
{
  if (object->born) return SKIP;
  struct actor *actor = new_memory(sizeof(*actor));
  actor->world = world;
  actor->object = object;
  actor->body = object->body;
  int rc = create_task(world, actor, group, &object->task);
  if (rc < 0) {
    actor_free(actor);
    return rc;
  }
  object->actor = actor;
  object->is.future = eddy_task_future(object->task);
  object->born = true;
  if (world->order_count == sizeof(world->order) / sizeof(world->order[0])) abort();
  world->order[world->order_count++] = object;
  return 0;
}

/* ---- the end ---- */

/* At the horizon, and again until it helps: every task left is cancelled. */
static int reap(void *arg)
{
  struct world *world = arg;
  struct text left = {0};
  for (size_t i = 0; i < world->order_count; i++) {
    if (eddy_task_done(world->order[i]->task)) continue;
    text_add(&left, "%s%s", left.size > 0 ? " " : "", world->order[i]->name);
  }
  if (left.size == 0 || world->rounds == REAP_ROUNDS) {
    trace_word(world, "over", left.size > 0 ? left.data : "-");
    free(left.data);
    world->over = true;
    eddy_loop_stop(world->loop);
    return 0;
  }
  world->rounds++;
  trace_word(world, "reap", left.data);
  free(left.data);
  bool pending[64];
  for (size_t i = 0; i < world->order_count; i++) {
    pending[i] = !eddy_task_done(world->order[i]->task);
  }
  for (size_t i = 0; i < world->order_count; i++) {
    if (pending[i]) (void)eddy_task_cancel(world->order[i]->task, NULL);
  }
  return eddy_loop_call_later(world->loop, EDDY_MS(REAP_EVERY), reap, world, NULL);
}

static int hear(eddy_loop *loop, const eddy_exception_context *context, void *arg)
{
  (void)loop;
  struct world *world = arg;
  if (strcmp(context->message, "error in a callback") != 0) return 0;
  struct failure failure = {.code = context->error};
  struct text text = {0};
  const char *detail = context->detail;
  if (is_own(context->error) && detail != NULL &&
      strcmp(detail, eddy_strerror(context->error)) != 0) {
    strncat(failure.message, detail, sizeof(failure.message) - 1);
  }
  failure_print(&text, &failure, false);
  trace_word(world, "heard", text.data);
  free(text.data);
  return 0;
}

static void print_future(struct text *trace, struct object *object)
{
  text_add(trace, "%s ", object->name);
  eddy_value value;
  int error = 0;
  if (!eddy_future_done(object->is.future)) {
    text_add(trace, "pending");
  } else if (eddy_future_cancelled(object->is.future)) {
    text_add(trace, "!cancelled");
  } else if (eddy_future_exception(object->is.future, &error) == 0 && error != 0) {
    text_add(trace, "!%s", error_name(error));
    if (error == EDDY_EGROUP && object->kind == TASK && !object->lost) {
      parts_print(
          trace, object->world->scenario, eddy_future_error_parts(object->is.future));
    }
  } else if (eddy_future_result(object->is.future, &value) == 0) {
    text_add(trace, "=%lld", (long long)value.i);
  }
  if (object->kind == TASK) text_add(trace, " %u", eddy_task_cancelling(object->task));
  text_add(trace, "\n");
}

static void print_object(struct text *trace, const struct object *object)
{
  switch (object->kind) {
  case QUEUE:
    text_add(trace, "%s %zu\n", object->name, eddy_queue_qsize(object->is.queue));
    break;
  case EVENT:
    text_add(trace, "%s %s\n", object->name,
        eddy_event_is_set(object->is.event) ? "true" : "false");
    break;
  case BARRIER:
    text_add(trace, "%s %zu%s\n", object->name,
        eddy_barrier_n_waiting(object->is.barrier),
        eddy_barrier_broken(object->is.barrier) ? " broken" : "");
    break;
  case VARIABLE:
    text_add(trace, "%s %lld\n", object->name, (long long)object->number);
    break;
  default:
    text_add(trace, "%s %s\n", object->name, is_locked(object) ? "locked" : "free");
    break;
  }
}

static void summarize(struct world *world)
{
  const struct scenario *scenario = world->scenario;
  for (size_t i = 0; i < scenario->declared_count; i++) {
    struct object *object = scenario->declared[i];
    if (object->kind != TASK) continue;
    if (object->born) {
      print_future(&world->trace, object);
    } else {
      text_add(&world->trace, "%s unborn\n", object->name);
    }
  }
  for (size_t i = 0; i < scenario->declared_count; i++) {
    struct object *object = scenario->declared[i];
    if (object->kind == FUTURE) print_future(&world->trace, object);
    if ((object->kind & (TASK | FUTURE | CALLBACK)) == 0)
      print_object(&world->trace, object);
  }
}

static int run(struct world *world)
{
  int rc = eddy_loop_call_at(world->loop, EDDY_MS(HORIZON), reap, world, NULL);
  if (rc < 0) return rc;
  rc = make_all(world);
  if (rc < 0) return rc;
  struct object *object = world->scenario->objects;
  while (object != NULL && strcmp(object->name, "main") != 0) {
    object = object->next;
  }
  if (object == NULL) return EDDY_EINVAL;
  rc = world_spawn(world, object, NULL);
  if (rc < 0) return rc;
  rc = eddy_loop_run_forever(world->loop);
  if (rc == 0) summarize(world);
  return rc;
}

int world_run(struct scenario *scenario, enum task_kind kind, struct text *trace)
{
  struct world world = {.scenario = scenario, .task_kind = kind, .trace = *trace};
  eddy_loop_options options = {.backend = "native/virtual"};
  int rc = eddy_loop_new(&options, &world.loop);
  if (rc < 0) return rc;
  eddy_loop_set_exception_handler(world.loop, hear, &world);
  rc = run(&world);
  world.over = true;
  eddy_loop_close(world.loop);
  destroy_all(scenario);
  eddy_loop_free(world.loop);
  *trace = world.trace;
  return rc;
}
