/* eddy_wrap_future: a loop's future that follows a thread future. */
#include "io/thread_future.h"
#include "task/future.h"

#include "base/outcome.h"
#include "base/self.h"

/* The post that brings the outcome holds a reference, until it was made or taken back. */
struct wrapped {
  eddy_future future; /* first */
  struct eddy__thread_done follower;
  struct eddy__posted posted;
  struct eddy__owned owned;   /* as long as the post's reference is held */
  eddy_thread_future *source; /* referenced */
};

static void release_post(struct wrapped *self)
{
  eddy__list_remove(&self->owned.link);
  if (self->future.loop->running) {
    atomic_fetch_sub(&self->future.loop->holds, 1);
  } else {
    eddy_loop_release(self->future.loop);
  }
  eddy_future_unref(&self->future);
}

static bool cancel_wrapped(eddy_future *future, const char *message)
{
  struct wrapped *self = (struct wrapped *)future;
  bool waits = eddy__thread_future_leave(self->source, &self->follower);
  (void)eddy__future_cancel_plain(future, message);
  (void)eddy_thread_future_cancel(self->source);
  if (waits && !future->loop->closed) release_post(self);
  return true;
}

static void destroy_wrapped(eddy_future *future)
{
  struct wrapped *self = (struct wrapped *)future;
  eddy_thread_future_unref(self->source);
  eddy__free(self);
}

static const struct eddy__future_type wrapped_type = {
    "wrapped future", cancel_wrapped, destroy_wrapped};

/* The outcome reaches the loop. */
static int take(void *arg)
{
  struct wrapped *self = arg;
  if (self->future.state == EDDY__PENDING) {
    bool cancelled;
    int error = eddy__thread_future_take(self->source, &self->future.outcome, &cancelled);
    eddy__future_complete(&self->future, cancelled ? EDDY__CANCELLED : EDDY__DONE, error);
  }
  release_post(self);
  return 0;
}

static void source_ended(struct eddy__thread_done *done, bool cancelled)
{
  (void)cancelled;
  struct wrapped *self = EDDY__ENTRY(done, struct wrapped, follower);
  (void)eddy__loop_post(self->future.loop, &self->posted);
}

static void leave_posted(struct eddy__posted *posted)
{
  (void)posted; /* discard_wrapped lets go of it */
}

/* The loop is being closed: the future stays as it is, as any other. */
static void discard_wrapped(struct eddy__owned *owned)
{
  struct wrapped *self = EDDY__ENTRY(owned, struct wrapped, owned);
  (void)eddy__thread_future_leave(self->source, &self->follower);
  eddy_future_unref(&self->future);
}

int eddy_wrap_future(eddy_thread_future *future, eddy_loop *loop, eddy_future **out)
{
  if (future == NULL || out == NULL) return EDDY_EINVAL;
  if (loop == NULL) loop = eddy__self.loop;
  if (loop == NULL) return EDDY_ENOLOOP;
  int rc = eddy__loop_usable(loop);
  if (rc == 0) rc = eddy__thread_future_usable(future);
  if (rc < 0) return rc;
  struct wrapped *self = eddy__alloc(sizeof(*self));
  if (self == NULL) return EDDY_ENOMEM;
  eddy__future_init(&self->future, loop, &wrapped_type);
  eddy_future_ref(&self->future); /* the post's */
  self->source = eddy_thread_future_ref(future);
  self->posted = (struct eddy__posted){.fn = take, .arg = self, .discard = leave_posted};
  eddy__loop_own(loop, &self->owned, discard_wrapped);
  eddy_loop_hold(loop);
  self->follower.complete = source_ended;
  eddy__thread_future_follow(future, &self->follower);
  *out = &self->future;
  return 0;
}
