/*
 * Small worlds of task groups, written as text, for both kinds of coroutine.
 *
 *     a2fp          an actor: its name, how many turns it yields for (-: for ever), what it does
 *                   then, and what it does when it is cancelled
 *     g[a2fp b-rp|c1rp]   an actor with a task group: its children, then its body, which is an
 *                   actor as well but runs in the same task
 *
 * What it does then: r returns; f fails; c ends with EDDY_ECANCELLED; n makes a sibling, x1rp,
 * in its group; k cancels the group. When it is cancelled: p passes that on; s returns; e fails;
 * w yields twice first, whatever comes, and then passes it on; v likewise, and fails.
 *
 * Each event is traced with the iteration, counted from the start: `a3` a is through, `a!3` a
 * was cancelled, `g=0:3` g's group was exited with success, `g=(a,b)/1:3` with the errors of a
 * and b and one request open; `g~4` the next wait of g was cancelled.
 */
#ifndef EDDY_TEST_GROUPS_H
#define EDDY_TEST_GROUPS_H

#include "tasks.h"

#define GROUP_CHILDREN 6

struct actor {
  eddy_frame frame;
  char name[2];
  int turns; /* negative: for ever */
  char end, on_cancel;
  struct actor *group; /* that it is in; NULL: none */

  /* Of one that has a group. */
  eddy_task_group scope;
  struct actor *children[GROUP_CHILDREN];
  struct actor *body;

  struct world *world;
  int rc, i;
};

/* What the actors of a text have in common. */
struct world {
  int kind; /* TEST_KINDS: the two kinds take turns */
  unsigned made;
  uint64_t began;
};

static inline int group_now(const struct actor *self)
{
  return (int)(test_iteration() - self->world->began);
}

static inline struct actor *new_actor(struct world *world, struct actor *group)
{
  struct actor *self = test_new(sizeof *self);
  self->world = world;
  self->group = group;
  return self;
}

/* Reads an actor; returns what follows. */
static inline const char *read_actor(const char *text, struct actor *self)
{
  self->name[0] = *text++;
  if (*text != '[') {
    self->turns = *text == '-' ? -1 : *text - '0';
    self->end = text[1];
    self->on_cancel = text[2];
    return text + 3;
  }
  text++;
  for (int i = 0; *text != '|'; i++) {
    self->children[i] = new_actor(self->world, self);
    text = read_actor(text, self->children[i]);
    while (*text == ' ')
      text++;
  }
  self->body = new_actor(self->world, self);
  return read_actor(text + 1, self->body) + 1;
}

static inline int act(eddy_frame *frame);

static inline int start_actor(struct actor *self)
{
  struct world *world = self->world;
  bool stackful = world->kind == TEST_KINDS ? world->made++ % 2 == 0
                                            : world->kind == TEST_STACKFUL;
  eddy_task_options options = {.name = self->name, .site = EDDY_SITE("actor")};
  eddy_task_group *scope = &self->group->scope;
  eddy_frame_init(&self->frame, act);
  return stackful
             ? eddy_task_group_create_task_with(
                   scope, test_run_frame, self, &options, NULL)
             : eddy_task_group_create_task_coro(scope, &self->frame.coro, &options, NULL);
}

static inline void add_sibling(struct actor *self)
{
  struct actor *sibling = new_actor(self->world, self->group);
  (void)read_actor("x1rp", sibling);
  int rc = start_actor(sibling);
  if (rc < 0) trace("%s-refused", self->name);
}

/* How it ends when nothing came in between. */
static inline int end_actor(struct actor *self)
{
  trace("%s%d", self->name, group_now(self));
  if (self->end == 'f') return eddy_raise(EDDY_EIO, "%s", self->name);
  if (self->end == 'c') return EDDY_ECANCELLED;
  if (self->end == 'n') add_sibling(self);
  if (self->end == 'k') eddy_task_group_cancel(&self->group->scope);
  return EDDY_STOP;
}

static inline int end_cancelled(struct actor *self)
{
  if (self->on_cancel == 's') return EDDY_STOP;
  if (self->on_cancel == 'e' || self->on_cancel == 'v') {
    return eddy_raise(EDDY_EIO, "%s", self->name);
  }
  return EDDY_ECANCELLED;
}

/* "(a,b,(c,d))": the messages, and of groups their parts. */
static inline void write_parts(char *text, size_t size, const eddy_error_part *part)
{
  size_t used = (size_t)snprintf(text, size, "(");
  for (; part != NULL && used < size; part = part->next) {
    if (part->parts != NULL) {
      write_parts(text + used, size - used, part->parts);
    } else {
      snprintf(text + used, size - used, "%s", part->message);
    }
    used += strlen(text + used);
    if (part->next != NULL) used += (size_t)snprintf(text + used, size - used, ",");
  }
  if (used < size) snprintf(text + used, size - used, ")");
}

static inline void trace_exit(struct actor *self)
{
  char text[100] = "0";
  if (self->rc == EDDY_EGROUP) {
    write_parts(text, sizeof text, eddy_error_parts(self->rc));
  } else if (self->rc < 0) {
    snprintf(
        text, sizeof text, "%s", self->rc == EDDY_EIO ? "EIO" : eddy_err_name(self->rc));
  }
  unsigned cancels = eddy_task_cancelling(eddy_current_task());
  if (cancels > 0) {
    trace("%s=%s/%u:%d", self->name, text, cancels, group_now(self));
  } else {
    trace("%s=%s:%d", self->name, text, group_now(self));
  }
}

static inline int create_children(struct actor *self)
{
  int rc = 0;
  for (int i = 0; rc == 0 && self->children[i] != NULL; i++) {
    rc = start_actor(self->children[i]);
  }
  return rc;
}

/* The actor with a group. */
static inline int act_group(eddy_frame *frame)
{
  struct actor *self = (struct actor *)frame;
  EDDY_BEGIN(frame);
  CHECK_OK(eddy_task_group_enter(&self->scope));
  self->rc = create_children(self);
  if (self->rc == 0) {
    eddy_frame_init(&self->body->frame, act);
    EDDY_AWAIT(frame, self->rc, act(&self->body->frame));
  }
  EDDY_AWAIT(frame, self->rc, eddy_task_group_exit(&self->scope, self->rc));
  trace_exit(self);
  if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  EDDY_END(frame);
}

static inline int act(eddy_frame *frame)
{
  struct actor *self = (struct actor *)frame;
  if (self->body != NULL) return act_group(frame);
  EDDY_BEGIN(frame);
  self->rc = 0;
  if (self->turns < 0) EDDY_AWAIT(frame, self->rc, eddy_sleep(EDDY_S(3600)));
  for (self->i = 0; self->rc == 0 && self->i < self->turns; self->i++) {
    EDDY_AWAIT(frame, self->rc, eddy_sleep(0));
  }
  if (self->rc == 0) EDDY_RAISE(frame, end_actor(self));
  if (self->rc != EDDY_ECANCELLED) EDDY_RAISE(frame, self->rc);
  trace("%s!%d", self->name, group_now(self));
  if (self->on_cancel == 'w' || self->on_cancel == 'v') {
    for (self->i = 0; self->i < 2; self->i++) {
      EDDY_AWAIT(frame, self->rc, eddy_sleep(0));
    }
  }
  EDDY_RAISE(frame, end_cancelled(self));
  EDDY_END(frame);
}

/* The main actor: after its group it waits once more, which a request still to come ends. */
static inline int act_main(eddy_frame *frame)
{
  struct actor *self = (struct actor *)frame;
  struct actor *inner = self->children[0];
  EDDY_BEGIN(frame);
  eddy_frame_init(&inner->frame, act_group);
  EDDY_AWAIT(frame, self->rc, act_group(&inner->frame));
  EDDY_AWAIT(frame, self->rc, eddy_sleep(0));
  if (self->rc < 0) trace("%s~%d", inner->name, group_now(self));
  EDDY_END(frame);
}

/* Runs the text in a task of that kind; `cancels` says in which turns it is cancelled from
 * outside ("25": in the second and fifth). */
static inline int play_group(int kind, const char *text, const char *cancels)
{
  struct world *world = test_new(sizeof *world);
  world->kind = kind;
  struct actor *self = new_actor(world, NULL);
  self->children[0] = new_actor(world, NULL);
  (void)read_actor(text, self->children[0]);
  eddy_task *task;
  world->began = test_iteration();
  CHECK_OK(test_frame_task(
      kind == TEST_STACKFUL ? TEST_STACKFUL : TEST_STACKLESS, self, act_main, &task));
  for (int turn = 0; turn < 10; turn++) {
    for (const char *at = cancels; *at != 0; at++) {
      if (*at == '0' + turn) (void)eddy_task_cancel(task, NULL);
    }
    CHECK_OK(eddy_sleep(0));
  }
  CHECK_OK(eddy_task_await(task, NULL));
  return 0;
}

#endif
