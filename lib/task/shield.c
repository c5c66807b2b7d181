#include <eddy/shield.h>

#include "task/future.h"

#include "base/outcome.h"

enum hook {
  HOOKED, /* on inner's list, with a booking for its callback */
  QUEUED, /* inner is done, its callback is in the ring */
  FREE,
};

/*
 * A shield and its place among inner's callbacks. While it has that place it owns a reference
 * to itself, as asyncio's callbacks keep what they complete, and one to inner.
 */
struct shield {
  eddy_future future; /* first */
  struct eddy__done done;
  struct eddy__owned owned; /* while it is not FREE */
  eddy_future *inner;       /* NULL when it is FREE */
  enum hook hook;
};

static struct shield *shield_of(eddy_future *future)
{
  return (struct shield *)future;
}

/* The shield may be gone afterwards. */
static void let_go(struct shield *shield)
{
  eddy_future *inner = shield->inner;
  shield->hook = FREE;
  shield->inner = NULL;
  eddy_future_unref(inner);
  eddy_future_unref(&shield->future);
}

static bool cancel_shield(eddy_future *future, const char *message)
{
  struct shield *shield = shield_of(future);
  (void)eddy__future_cancel_plain(future, message);
  if (shield->hook != HOOKED) return true;
  eddy__list_remove(&shield->done.link);
  eddy__list_remove(&shield->owned.link);
  eddy__loop_unbook(future->loop);
  let_go(shield);
  return true;
}

static void destroy_shield(eddy_future *future)
{
  eddy__free(future);
}

static const struct eddy__future_type shield_type = {
    "shield", cancel_shield, destroy_shield};

eddy_future *eddy__shield_inner(eddy_future *future)
{
  return future->type == &shield_type ? shield_of(future)->inner : NULL;
}

/* Ends the shield as inner has ended. */
static void follow(eddy_future *outer, eddy_future *inner)
{
  if (inner->state == EDDY__CANCELLED) {
    (void)eddy__future_cancel_plain(outer, NULL);
    return;
  }
  inner->retrieved = true;
  outer->outcome.value = inner->outcome.value;
  if (inner->error != 0) {
    eddy__outcome_copy_message(&inner->outcome, inner->error, &outer->outcome);
  }
  eddy__future_complete(outer, EDDY__DONE, inner->error);
}

static int run_inner_done(void *arg)
{
  struct shield *shield = arg;
  eddy__list_remove(&shield->owned.link);
  if (shield->future.state == EDDY__PENDING) {
    follow(&shield->future, shield->inner);
  } else {
    /* It was cancelled after inner had ended: it has taken the outcome all the same. */
    shield->inner->retrieved = true;
  }
  let_go(shield);
  return 0;
}

static void queue_inner_done(struct eddy__done *done)
{
  struct shield *shield = EDDY__ENTRY(done, struct shield, done);
  shield->hook = QUEUED;
  eddy__loop_push(shield->future.loop, run_inner_done, shield);
}

eddy_future *eddy__shield_waiter(struct eddy__done *done)
{
  if (done->complete != queue_inner_done) return NULL;
  return &EDDY__ENTRY(done, struct shield, done)->future;
}

/* The loop is closed: the callback will never run. */
static void discard_shield(struct eddy__owned *owned)
{
  struct shield *shield = EDDY__ENTRY(owned, struct shield, owned);
  eddy__list_remove(&shield->done.link);
  let_go(shield);
}

int eddy_shield(eddy_future *inner, eddy_future **out)
{
  if (inner == NULL || out == NULL) return EDDY_EINVAL;
  if (inner->state != EDDY__PENDING) {
    *out = eddy_future_ref(inner);
    return 0;
  }
  eddy_loop *loop = inner->loop;
  int rc = eddy__loop_usable(loop);
  if (rc < 0) return rc;
  struct shield *shield = eddy__alloc(sizeof(*shield));
  if (shield == NULL) return EDDY_ENOMEM;
  rc = eddy__loop_book(loop);
  if (rc < 0) {
    eddy__free(shield);
    return rc;
  }
  eddy__future_init(&shield->future, loop, &shield_type);
  shield->future.refs = 2; /* the caller's, and that of its place on inner's list */
  shield->inner = eddy_future_ref(inner);
  shield->hook = HOOKED;
  shield->done.complete = queue_inner_done;
  eddy__list_init(&shield->done.link);
  eddy__loop_own(loop, &shield->owned, discard_shield);
  eddy__future_add(inner, &shield->done);
  *out = &shield->future;
  return 0;
}
