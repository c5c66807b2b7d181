/*
 * How a body runs: a machine with a stack of open blocks. It can return in the middle of an
 * instruction that waits and go on later, so that a stackless task can run it as well.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenario.h"

static const struct instruction *opening(
    const struct actor *actor, const struct block *block)
{
  return &actor->body->instructions[block->at];
}

/* ---- failures ---- */

static const char *message_of(int code)
{
  const char *message = eddy_message(code);
  return strcmp(message, eddy_strerror(code)) == 0 ? "" : message;
}

/* The failure that the actor has just seen. `from`: the future it was read from, for nobody
 * has told the task; NULL: it was told. */
static void failure_take(struct actor *actor, int code, struct object *from)
{
  struct failure *failure = &actor->completion.failure;
  *failure = (struct failure){.code = code};
  actor->latest = 0;
  if (code == EDDY_ECANCELLED || is_own(code)) {
    snprintf(failure->message, sizeof(failure->message), "%s", message_of(code));
  } else if (code == EDDY_EGROUP) {
    failure->serial = ++actor->serial;
    if (from == NULL) actor->latest = failure->serial;
  }
}

/* The parts of the error of a group, known since now. */
static void failure_take_parts(struct actor *actor, const eddy_error_part *part)
{
  struct failure *failure = &actor->completion.failure;
  struct text parts = {0};
  parts_print(&parts, actor->world->scenario, part);
  snprintf(failure->parts, sizeof(failure->parts), "%s", parts.data);
  free(parts.data);
}

/* Makes it the coroutine's latest error again, for whoever reads its message. */
static void failure_renew(const struct failure *failure)
{
  int code = failure->code;
  if (code != EDDY_ECANCELLED && !is_own(code)) return;
  if (strcmp(message_of(code), failure->message) == 0) return;
  const char *message = failure->message[0] != '\0' ? failure->message
                                                    : eddy_strerror(code);
  (void)eddy_raise(code, "%s", message);
}

/* An error leaves a block or the body: eddy keeps the parts of a group's error only until the
 * task's next error. */
static void check_parts(struct actor *actor)
{
  const struct failure *failure = &actor->completion.failure;
  if (failure->code != EDDY_EGROUP) return;
  bool known = failure->serial == actor->latest && failure->parts[0] != '\0';
  if (!known) actor->object->lost = true;
}

void failure_print(struct text *text, const struct failure *failure, bool cancel_message)
{
  text_add(text, "!%s%s", error_name(failure->code), failure->parts);
  if (failure->message[0] == '\0') return;
  if (failure->code == EDDY_ECANCELLED && !cancel_message) return;
  text_add(text, ":%s", failure->message);
}

static bool matches(const char *kind, const struct failure *failure)
{
  if (strcmp(kind, "all") == 0) return true;
  if (strcmp(kind, "any") == 0) return failure->code != EDDY_ECANCELLED;
  return strcmp(kind, error_name(failure->code)) == 0;
}

/* ---- one instruction ---- */

static void let_go(struct actor *actor)
{
  actor->waiting = false;
  while (actor->held_count > 0) {
    eddy_future_unref(actor->held[--actor->held_count]);
  }
  eddy_completions_unref(actor->completions);
  actor->completions = NULL;
}

static void say(struct actor *actor, int line)
{
  const char *result = actor->result.size > 0 ? actor->result.data : "ok";
  trace_line(actor->world, actor->object->name, line, result);
}

static void end_with(struct actor *actor, enum how how)
{
  actor->completion.how = how;
  actor->leaving = true;
}

/* Whether this instruction prints what a cancellation says. */
static bool tells(const struct instruction *instruction)
{
  if (instruction->operation->messages) return true;
  const char *name = instruction->operation->name;
  const struct object *object = instruction->args[0].object;
  if (strcmp(name, "await") != 0 && strcmp(name, "result") != 0) return false;
  return object != NULL && object->kind == FUTURE;
}

/* The failure of an instruction. */
static void take_failure_of(
    struct actor *actor, const struct instruction *instruction, int rc)
{
  struct object *object = instruction->args[0].object;
  bool reads = strcmp(instruction->operation->name, "result") == 0;
  failure_take(actor, rc, reads ? object : NULL);
  if (rc != EDDY_EGROUP || object == NULL || object->kind != TASK || object->lost) return;
  failure_take_parts(
      actor, reads ? eddy_future_error_parts(object->is.future) : eddy_error_parts(rc));
}

/* Returns 0, EDDY_PENDING, or the error, of which actor->completion has the rest. */
static int perform(struct actor *actor, const struct instruction *instruction)
{
  if (!actor->waiting) text_reset(&actor->result);
  int rc = instruction->operation->run(actor, instruction);
  if (rc == EDDY_PENDING) return rc;
  let_go(actor);
  if (rc == SKIP) text_add(&actor->result, "skip");
  if (rc == STOP) text_add(&actor->result, "stop");
  if (rc < 0) {
    take_failure_of(actor, instruction, rc);
    text_reset(&actor->result);
    failure_print(&actor->result, &actor->completion.failure, tells(instruction));
  }
  say(actor, instruction->line);
  bool ignored = instruction->maybe && rc != EDDY_ECANCELLED && rc != EDDY_EGENERATOREXIT;
  return rc < 0 && !ignored ? rc : 0;
}

static struct region *region_enter(struct actor *actor, const char *name)
{
  for (size_t i = 0; i < actor->region_count; i++) {
    if (strcmp(actor->regions[i].name, name) == 0) return &actor->regions[i];
  }
  if (actor->region_count == MAX_REGIONS) abort();
  struct region *region = &actor->regions[actor->region_count++];
  region->name = name;
  return region;
}

struct region *region_find(struct actor *actor, const struct argument *argument)
{
  if (argument->object != NULL) actor = argument->object->actor;
  if (actor == NULL) return NULL;
  for (size_t i = 0; i < actor->region_count; i++) {
    if (strcmp(actor->regions[i].name, argument->word) == 0) return &actor->regions[i];
  }
  return NULL;
}

/* Opens a block; its body is next. */
static int enter(struct actor *actor, const struct instruction *instruction)
{
  const struct argument *args = instruction->args;
  struct block *block = &actor->blocks[actor->depth++];
  *block = (struct block){.at = actor->at, .count = args[0].number};
  actor->at++;
  struct region *region;
  switch (instruction->operation->block) {
  case TIMEOUT:
    region = region_enter(actor, args[0].word);
    if (strcmp(instruction->operation->name, "timeout") == 0) {
      return eddy_timeout_enter(
          &region->is.timeout, args[1].none ? EDDY_NEVER : EDDY_MS(args[1].number));
    }
    return eddy_timeout_at_enter(&region->is.timeout, EDDY_MS(args[1].number));
  case GROUP:
    region = region_enter(actor, args[0].word);
    region->is_group = true;
    memset(&region->is.group, 0, sizeof(region->is.group));
    return eddy_task_group_enter(&region->is.group);
  default:
    return 0;
  }
}

static const struct failure *caught(const struct actor *actor)
{
  for (size_t depth = actor->depth; depth-- > 0;) {
    if (actor->blocks[depth].phase == IN_HANDLER) return &actor->blocks[depth].caught;
  }
  abort();
}

/* Runs the instruction at hand. Returns 0 or EDDY_PENDING. */
static int step(struct actor *actor)
{
  const struct instruction *instruction = &actor->body->instructions[actor->at];
  int rc;
  switch (instruction->operation->block) {
  case NO_BLOCK:
    rc = perform(actor, instruction);
    if (rc == EDDY_PENDING) return rc;
    if (rc == 0) {
      actor->at++;
    } else {
      end_with(actor, BY_ERROR);
    }
    return 0;
  case RERAISE:
    actor->completion.failure = *caught(actor);
    text_reset(&actor->result);
    failure_print(&actor->result, &actor->completion.failure, false);
    say(actor, instruction->line);
    end_with(actor, BY_ERROR);
    return 0;
  case RETURN:
    actor->completion.value = instruction->args[0].number;
    end_with(actor, BY_RETURN);
    return 0;
  case END:
  case EXCEPT:
  case FINALLY:
    end_with(actor, NORMALLY);
    return 0;
  default:
    rc = enter(actor, instruction);
    if (rc < 0) abort();
    return 0;
  }
}

/* ---- leaving blocks ---- */

static void go_on_at(struct actor *actor, size_t at)
{
  actor->at = at;
  actor->leaving = false;
}

/* Whether the try is not over yet: a handler or its finally is next. */
static bool leave_try(struct actor *actor, struct block *block)
{
  const struct instruction *all = actor->body->instructions;
  struct completion *completion = &actor->completion;
  bool closing = actor->world->over;
  if (block->phase == IN_FINAL) {
    if (completion->how == NORMALLY) *completion = block->pending;
    return false;
  }
  if (block->phase == IN_BODY && completion->how == BY_ERROR && !closing) {
    size_t handler = all[block->at].next;
    while (handler != 0 && !matches(all[handler].args[0].word, &completion->failure)) {
      handler = all[handler].next;
    }
    if (handler != 0) {
      block->phase = IN_HANDLER;
      block->caught = completion->failure;
      go_on_at(actor, handler + 1);
      return true;
    }
  }
  if (all[block->at].final == 0 || closing) return false;
  block->phase = IN_FINAL;
  block->pending = *completion;
  go_on_at(actor, all[block->at].final + 1);
  return true;
}

/* After a region's exit returned rc; the body had ended with `was`. */
static void say_left(
    struct actor *actor, const struct block *block, int was, int rc, bool expired)
{
  text_reset(&actor->result);
  text_add(&actor->result, expired ? "left expired" : "left");
  actor->latest = 0;
  if (rc < 0 && (rc != was || rc == EDDY_EGROUP)) {
    bool is_group = opening(actor, block)->operation->block == GROUP;
    failure_take(actor, rc, NULL);
    if (is_group && rc == EDDY_EGROUP) failure_take_parts(actor, eddy_error_parts(rc));
    actor->completion.how = BY_ERROR;
  } else if (rc == 0 && was < 0) {
    actor->completion.how = NORMALLY;
  }
  if (rc < 0) {
    text_add(&actor->result, " ");
    failure_print(&actor->result, &actor->completion.failure, false);
  }
  say(actor, opening(actor, block)->line);
}

static int leave_region(struct actor *actor, struct block *block, bool is_group)
{
  const struct argument argument = {.word = opening(actor, block)->args[0].word};
  struct region *region = region_find(actor, &argument);
  int was = actor->completion.how == BY_ERROR ? actor->completion.failure.code : 0;
  if (block->phase == IN_BODY && was < 0) {
    check_parts(actor);
    failure_renew(&actor->completion.failure);
  }
  block->phase = LEAVING;
  int rc = is_group ? eddy_task_group_exit(&region->is.group, was)
                    : eddy_timeout_exit(&region->is.timeout, was);
  if (rc == EDDY_PENDING) return rc;
  bool expired = !is_group && eddy_timeout_expired(&region->is.timeout);
  say_left(actor, block, was, rc, expired);
  return 0;
}

/* Leaves the innermost block. Returns 0 or EDDY_PENDING. */
static int leave(struct actor *actor)
{
  struct block *block = &actor->blocks[actor->depth - 1];
  const struct instruction *begin = opening(actor, block);
  switch (begin->operation->block) {
  case REPEAT:
    if (actor->completion.how == NORMALLY && --block->count > 0) {
      go_on_at(actor, block->at + 1);
      return 0;
    }
    break;
  case TRY:
    if (leave_try(actor, block)) return 0;
    break;
  default:
    if (leave_region(actor, block, begin->operation->block == GROUP) == EDDY_PENDING) {
      return EDDY_PENDING;
    }
    break;
  }
  actor->depth--;
  if (actor->completion.how == NORMALLY) go_on_at(actor, begin->end + 1);
  return 0;
}

/* ---- bodies ---- */

/* The body is over. Returns its status; actor->completion.value is its value. */
static int finish(struct actor *actor)
{
  struct completion *completion = &actor->completion;
  text_reset(&actor->result);
  if (completion->how == NORMALLY) completion->value = 0;
  if (completion->how != BY_ERROR) {
    text_add(&actor->result, "=%lld", (long long)completion->value);
    say(actor, 0);
    return 0;
  }
  failure_print(&actor->result, &completion->failure, false);
  say(actor, 0);
  check_parts(actor);
  failure_renew(&completion->failure);
  return completion->failure.code;
}

/* Returns EDDY_PENDING or how the body ended. */
static int run(struct actor *actor)
{
  for (;;) {
    if (actor->leaving && actor->depth == 0) return finish(actor);
    int rc = actor->leaving ? leave(actor) : step(actor);
    if (rc == EDDY_PENDING) return rc;
  }
}

int actor_body(void *arg)
{
  struct actor *actor = arg;
  int rc = run(actor);
  return rc < 0 ? rc : eddy_return(eddy_int(actor->completion.value));
}

int actor_frame(eddy_frame *frame)
{
  struct actor *actor = (struct actor *)frame;
  frame->line = 1;
  int rc = run(actor);
  if (rc < 0 || rc == EDDY_PENDING) return rc;
  EDDY_RETURN(frame, eddy_int(actor->completion.value));
}

int callback_run(struct object *callback)
{
  struct actor actor = {
      .world = callback->world, .object = callback, .body = callback->body};
  int rc = 0;
  for (size_t i = 0; rc == 0 && !callback->world->over; i++) {
    const struct instruction *instruction = &actor.body->instructions[i];
    if (instruction->operation->block == END) break;
    rc = perform(&actor, instruction);
  }
  free(actor.result.data);
  return rc;
}

void actor_free(struct actor *actor)
{
  if (actor == NULL) return;
  let_go(actor);
  free(actor->result.data);
  free(actor);
}
