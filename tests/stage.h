/*
 * A stage for the primitives of lib/sync: one lock, its condition, an event, a semaphore, a
 * barrier and a queue, and actors, which are tasks with a script:
 *
 *     STAGE(1, 2, "a:acquire@1 a:release@3 b:acquire@4",
 *         "a: acquire 2 release;"
 *         "b: 1 acquire");
 *
 * A number is that many turns (eddy_sleep(0)), any other word a call. Each call is traced when
 * it has ended, with what it gave ("barrier=0", "acquire=ECANCELLED") and the iteration,
 * counted from the one that created the actors. A call that fails ends its actor, but not with
 * a question mark before the word. Such scripts were run on CPython 3.13, word for word; the
 * traces in the tests are what it did.
 */
#ifndef EDDY_TEST_STAGE_H
#define EDDY_TEST_STAGE_H

#include <ctype.h>
#include <stdlib.h>

#include "kinds.h"
#include "tasks.h"

enum { STAGE_ACTORS = 8, STAGE_TURNS = 60 };

struct stage {
  eddy_lock *lock;
  eddy_condition *condition;
  eddy_event *event;
  eddy_semaphore *semaphore;
  eddy_barrier *barrier;
  eddy_queue *queue;
  uint64_t begin;
  bool over; /* what is left of the actors is being ended */
  struct stage_actor *actors[STAGE_ACTORS];
};

struct stage_word;

struct stage_actor {
  eddy_frame frame; /* first */
  struct stage *stage;
  const char *script; /* what is left of it */
  char name;
  char word[24]; /* the call under way, without its argument */
  char argument[24];
  bool tries;
  int turns;
  const struct stage_word *call;
  size_t index;
  eddy_value item;
  int64_t value; /* what it gave; -1: nothing to be traced */
  int rc;
  eddy_task *task;
};

/* ---- the calls ---- */

struct stage_word {
  const char *word;
  int (*call)(struct stage_actor *self);
};

static inline int stage_acquire(struct stage_actor *self)
{
  return eddy_lock_acquire(self->stage->lock);
}

static inline int stage_release(struct stage_actor *self)
{
  return eddy_lock_release(self->stage->lock);
}

static inline int stage_locked(struct stage_actor *self)
{
  self->value = eddy_lock_locked(self->stage->lock);
  return 0;
}

static inline int stage_event(struct stage_actor *self)
{
  return eddy_event_wait(self->stage->event);
}

static inline int stage_set(struct stage_actor *self)
{
  eddy_event_set(self->stage->event);
  return 0;
}

static inline int stage_clear(struct stage_actor *self)
{
  eddy_event_clear(self->stage->event);
  return 0;
}

static inline int stage_take(struct stage_actor *self)
{
  return eddy_semaphore_acquire(self->stage->semaphore);
}

static inline int stage_give(struct stage_actor *self)
{
  return eddy_semaphore_release(self->stage->semaphore);
}

static inline int stage_drained(struct stage_actor *self)
{
  self->value = eddy_semaphore_locked(self->stage->semaphore);
  return 0;
}

static inline int stage_wait(struct stage_actor *self)
{
  return eddy_condition_wait(self->stage->condition);
}

/* "notify" or "notify:2" */
static inline int stage_notify(struct stage_actor *self)
{
  int n = self->argument[0] != '\0' ? atoi(self->argument) : 1;
  return eddy_condition_notify(self->stage->condition, (size_t)n);
}

static inline int stage_notify_all(struct stage_actor *self)
{
  return eddy_condition_notify_all(self->stage->condition);
}

static inline int stage_barrier(struct stage_actor *self)
{
  int rc = eddy_barrier_wait(self->stage->barrier, &self->index);
  if (rc == 0) self->value = (int64_t)self->index;
  return rc;
}

static inline int stage_reset(struct stage_actor *self)
{
  return eddy_barrier_reset(self->stage->barrier);
}

static inline int stage_abort(struct stage_actor *self)
{
  return eddy_barrier_abort(self->stage->barrier);
}

static inline int stage_waiting(struct stage_actor *self)
{
  self->value = (int64_t)eddy_barrier_n_waiting(self->stage->barrier);
  return 0;
}

static inline int stage_broken(struct stage_actor *self)
{
  self->value = eddy_barrier_broken(self->stage->barrier);
  return 0;
}

/* "put:7" */
static inline int stage_put(struct stage_actor *self)
{
  return eddy_queue_put(self->stage->queue, eddy_int(atoi(self->argument)));
}

static inline int stage_put_now(struct stage_actor *self)
{
  return eddy_queue_put_nowait(self->stage->queue, eddy_int(atoi(self->argument)));
}

static inline int stage_got(struct stage_actor *self, int rc)
{
  if (rc == 0) self->value = self->item.i;
  return rc;
}

static inline int stage_get(struct stage_actor *self)
{
  return stage_got(self, eddy_queue_get(self->stage->queue, &self->item));
}

static inline int stage_get_now(struct stage_actor *self)
{
  return stage_got(self, eddy_queue_get_nowait(self->stage->queue, &self->item));
}

static inline int stage_done(struct stage_actor *self)
{
  return eddy_queue_task_done(self->stage->queue);
}

static inline int stage_join(struct stage_actor *self)
{
  return eddy_queue_join(self->stage->queue);
}

/* "shutdown" or "shutdown:now" */
static inline int stage_shutdown(struct stage_actor *self)
{
  eddy_queue_shutdown(self->stage->queue, self->argument[0] != '\0');
  return 0;
}

static inline int stage_size(struct stage_actor *self)
{
  self->value = (int64_t)eddy_queue_qsize(self->stage->queue);
  return 0;
}

/* "cancel:b" or "cancel:b:why" */
static inline int stage_cancel(struct stage_actor *self)
{
  for (int i = 0; i < STAGE_ACTORS; i++) {
    struct stage_actor *other = self->stage->actors[i];
    if (other == NULL || other->name != self->argument[0]) continue;
    (void)eddy_task_cancel(
        other->task, self->argument[1] == ':' ? self->argument + 2 : NULL);
  }
  return EDDY_STOP; /* not traced */
}

static inline int stage_uncancel(struct stage_actor *self)
{
  self->value = eddy_task_uncancel(self->task);
  return 0;
}

static inline int stage_turn(struct stage_actor *self)
{
  (void)self;
  return eddy_sleep(0);
}

static const struct stage_word stage_turns = {"turn", stage_turn};

static const struct stage_word stage_words[] = {
    {"acquire", stage_acquire},
    {"release", stage_release},
    {"locked", stage_locked},
    {"event", stage_event},
    {"set", stage_set},
    {"clear", stage_clear},
    {"take", stage_take},
    {"give", stage_give},
    {"drained", stage_drained},
    {"wait", stage_wait},
    {"notify", stage_notify},
    {"notify_all", stage_notify_all},
    {"barrier", stage_barrier},
    {"reset", stage_reset},
    {"abort", stage_abort},
    {"waiting", stage_waiting},
    {"broken", stage_broken},
    {"put", stage_put},
    {"put_now", stage_put_now},
    {"get", stage_get},
    {"get_now", stage_get_now},
    {"done", stage_done},
    {"join", stage_join},
    {"shutdown", stage_shutdown},
    {"size", stage_size},
    {"cancel", stage_cancel},
    {"uncancel", stage_uncancel},
};

/* ---- actors ---- */

/* The next word of the script is made the call under way; false at the end. */
static inline bool stage_next(struct stage_actor *self)
{
  const char *at = self->script + strspn(self->script, " ");
  size_t length = strcspn(at, " ;");
  self->script = at + length;
  self->tries = *at == '?';
  if (self->tries) at++, length--;
  if (length == 0) return false;
  size_t word = strcspn(at, " :;");
  snprintf(self->word, sizeof self->word, "%.*s", (int)word, at);
  snprintf(self->argument, sizeof self->argument, "%.*s",
      word < length ? (int)(length - word - 1) : 0, at + word + (word < length));
  self->turns = isdigit((unsigned char)*at) ? atoi(at) : 1;
  self->value = -1;
  self->call = isdigit((unsigned char)*at) ? &stage_turns : NULL;
  for (size_t i = 0; i < sizeof stage_words / sizeof stage_words[0]; i++) {
    if (strcmp(self->word, stage_words[i].word) == 0) self->call = &stage_words[i];
  }
  return true;
}

/* Traces how the call ended. */
static inline void stage_ended(const struct stage_actor *self)
{
  char result[80] = "";
  if (self->stage->over) return;
  if (self->rc == EDDY_STOP || (self->rc == 0 && self->call == &stage_turns)) return;
  if (self->rc < 0) {
    snprintf(result, sizeof result, "=%s", eddy_err_name(self->rc));
    const char *message = eddy_message(self->rc);
    if (self->rc == EDDY_ECANCELLED && strcmp(message, eddy_strerror(self->rc)) != 0) {
      snprintf(result, sizeof result, "=ECANCELLED(%s)", message);
    }
  } else if (self->value >= 0) {
    snprintf(result, sizeof result, "=%d", (int)self->value);
  }
  trace("%c:%s%s@%d", self->name, self->call->word, result,
      (int)(test_iteration() - self->stage->begin));
}

static inline int stage_actor_frame(eddy_frame *frame)
{
  struct stage_actor *self = (struct stage_actor *)frame;
  EDDY_BEGIN(frame);
  while (stage_next(self)) {
    if (self->call == NULL) {
      return test_failed(__FILE__, __LINE__, "no such word: %s", self->word);
    }
    for (; self->turns > 0; self->turns--) {
      EDDY_AWAIT(frame, self->rc, self->call->call(self));
      stage_ended(self);
      if (self->rc < 0 && self->tries && !self->stage->over) break;
      if (self->rc < 0) EDDY_RAISE(frame, self->rc);
    }
  }
  EDDY_END(frame);
}

/* ---- the stage ---- */

static inline void stage_free(void *arg)
{
  struct stage *stage = arg;
  eddy_lock_unref(stage->lock);
  eddy_event_unref(stage->event);
  eddy_semaphore_unref(stage->semaphore);
  eddy_condition_unref(stage->condition);
  eddy_barrier_unref(stage->barrier);
  eddy_queue_unref(stage->queue);
}

/* `units` of the semaphore, which are also the queue's maxsize; `parties` of the barrier. */
static inline int stage_new(int units, int parties, struct stage **out)
{
  struct stage *stage = test_new(sizeof *stage);
  test_defer_late(stage_free, stage);
  CHECK_OK(eddy_lock_new(&stage->lock));
  CHECK_OK(eddy_event_new(&stage->event));
  CHECK_OK(eddy_semaphore_new(units, &stage->semaphore));
  CHECK_OK(eddy_condition_new(stage->lock, &stage->condition));
  CHECK_OK(eddy_barrier_new((size_t)parties, &stage->barrier));
  eddy_queue_options options = {.maxsize = (size_t)units};
  CHECK_OK(eddy_queue_new(&options, &stage->queue));
  *out = stage;
  return 0;
}

/* Creates the actors, whose scripts are separated by semicolons. */
static inline int stage_start(struct stage *stage, enum kind kind, const char *scripts)
{
  stage->begin = test_iteration();
  for (int i = 0; i < STAGE_ACTORS && scripts != NULL; i++) {
    struct stage_actor *actor = test_new(sizeof *actor);
    scripts += strspn(scripts, " ");
    actor->stage = stage;
    actor->name = scripts[0];
    actor->script = scripts + 2; /* behind "a:" */
    bool frame = kind == STACKLESS || (kind == MIXED && i % 2 == 1);
    CHECK_OK(test_frame_task(
        frame ? TEST_STACKLESS : TEST_STACKFUL, actor, stage_actor_frame, &actor->task));
    stage->actors[i] = actor;
    scripts = strchr(scripts, ';');
    if (scripts != NULL) scripts++;
  }
  return 0;
}

/* Ends the actors that never will. One that waits for the lock in the middle of a condition's
 * wait cannot be cancelled before it has it. */
static inline int stage_end(struct stage *stage)
{
  bool some = true;
  stage->over = true;
  while (some) {
    some = false;
    if (eddy_lock_locked(stage->lock)) CHECK_OK(eddy_lock_release(stage->lock));
    for (int i = 0; i < STAGE_ACTORS && stage->actors[i] != NULL; i++) {
      if (eddy_task_cancel(stage->actors[i]->task, NULL)) some = true;
    }
    CHECK_OK(settle());
  }
  return 0;
}

/* Lets the actors play until all have ended; traces those who never will, and ends them. */
static inline int stage_finish(struct stage *stage)
{
  for (int i = 0; i < STAGE_TURNS; i++) {
    CHECK_OK(eddy_sleep(0));
  }
  for (int i = 0; i < STAGE_ACTORS && stage->actors[i] != NULL; i++) {
    struct stage_actor *actor = stage->actors[i];
    if (!eddy_task_done(actor->task)) trace("%c:stuck", actor->name);
  }
  return stage_end(stage);
}

static inline int stage_play(int units, int parties, enum kind kind, const char *scripts)
{
  struct stage *stage = NULL;
  CHECK_OK(stage_new(units, parties, &stage));
  CHECK_OK(stage_start(stage, kind, scripts));
  return stage_finish(stage);
}

/* A semaphore of `units` and a queue as large, a barrier of `parties`, and actors with these scripts: with each
 * kind of coroutine the trace must be this. */
static inline int stage_check(
    int units, int parties, const char *expected, const char *scripts)
{
  static const char *const names[] = {"stackful", "stackless", "mixed"};
  for (enum kind kind = STACKFUL; kind <= MIXED; kind++) {
    CHECK_OK(stage_play(units, parties, kind, scripts));
    if (!test_same_text(test_trace(), expected)) {
      return test_failed(__FILE__, __LINE__,
          "%s actors of \"%s\":\n  \"%s\"\nis not\n  \"%s\"", names[kind], scripts,
          test_trace(), expected);
    }
    test_trace_clear();
  }
  return 0;
}

#define STAGE(units, parties, expected, scripts)                                         \
  CHECK_OK(stage_check(units, parties, expected, scripts))

#endif
