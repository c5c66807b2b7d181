#include <eddy/gather.h>

#include <stdint.h>

#include "task/future.h"

#include "base/outcome.h"
#include "base/self.h"

struct gather;

/* One distinct child. It has a booking until its callback ran. */
struct child {
  struct eddy__done done;
  struct eddy__owned owned; /* until its callback ran */
  struct gather *gather;
  eddy_future *future; /* referenced */
};

struct gather {
  eddy_future future; /* first */
  eddy_gather_mode mode;
  bool cancel_requested;
  size_t count;    /* results */
  size_t distinct; /* children */
  size_t finished;
  eddy_result *results;
  eddy_future **arguments; /* count of them, each one of the children's */
  struct child *children;
};

static bool cancel_gather(eddy_future *future, const char *message)
{
  struct gather *gather = (struct gather *)future;
  bool any = false;
  /* One that was named twice is asked twice, as in asyncio: its count tells. */
  for (size_t i = 0; i < gather->count; i++) {
    if (eddy_future_cancel(gather->arguments[i], message)) any = true;
  }
  if (any) gather->cancel_requested = true;
  return any;
}

static void destroy_gather(eddy_future *future)
{
  struct gather *gather = (struct gather *)future;
  for (size_t i = 0; i < gather->distinct; i++) {
    eddy_future_unref(gather->children[i].future);
  }
  eddy__free(gather);
}

static const struct eddy__future_type gather_type = {
    "gather", cancel_gather, destroy_gather};

static void end_with(struct gather *gather, const eddy_future *child, int error)
{
  eddy__outcome_copy_message(&child->outcome, error, &gather->future.outcome);
  eddy__future_complete(&gather->future, EDDY__DONE, error);
}

static void collect_results(struct gather *gather)
{
  for (size_t i = 0; i < gather->count; i++) {
    eddy_future *child = gather->arguments[i];
    child->retrieved = true;
    gather->results[i] = (eddy_result){eddy_int(0), child->error};
    if (child->error == 0) gather->results[i].value = child->outcome.value;
  }
}

/* A child is done. */
static void count_child(struct gather *gather, eddy_future *child)
{
  gather->finished++;
  if (gather->future.state != EDDY__PENDING) {
    child->retrieved = true;
    return;
  }
  if (gather->mode == EDDY_GATHER_RAISE && child->error != 0) {
    child->retrieved = true;
    end_with(gather, child, child->error);
    return;
  }
  if (gather->finished < gather->distinct) return;
  collect_results(gather);
  if (gather->cancel_requested) {
    end_with(gather, child, EDDY_ECANCELLED);
  } else {
    eddy__future_complete(&gather->future, EDDY__DONE, 0);
  }
}

static int run_child_done(void *arg)
{
  struct child *child = arg;
  struct gather *gather = child->gather;
  eddy__list_remove(&child->owned.link);
  count_child(gather, child->future);
  eddy_future_unref(&gather->future);
  return 0;
}

/* The loop is closed: its callback will never run, whether the child is done or not. */
static void discard_child(struct eddy__owned *owned)
{
  struct child *child = EDDY__ENTRY(owned, struct child, owned);
  eddy__list_remove(&child->done.link);
  eddy_future_unref(&child->gather->future);
}

static void queue_child_done(struct eddy__done *done)
{
  struct child *child = EDDY__ENTRY(done, struct child, done);
  eddy__loop_push(child->future->loop, run_child_done, child);
}

eddy_future *eddy__gather_waiter(struct eddy__done *done)
{
  if (done->complete != queue_child_done) return NULL;
  return &EDDY__ENTRY(done, struct child, done)->gather->future;
}

/* The gather and its arrays in one block. */
static struct gather *new_gather(eddy_loop *loop, size_t count)
{
  size_t each = sizeof(eddy_result) + sizeof(eddy_future *) + sizeof(struct child);
  if (count > (SIZE_MAX - sizeof(struct gather)) / each) return NULL;
  struct gather *gather = eddy__alloc(sizeof(*gather) + count * each);
  if (gather == NULL) return NULL;
  eddy__future_init(&gather->future, loop, &gather_type);
  gather->count = count;
  gather->results = (eddy_result *)(gather + 1);
  gather->children = (struct child *)(void *)(gather->results + count);
  gather->arguments = (eddy_future **)(void *)(gather->children + count);
  return gather;
}

static void add_child(struct gather *gather, eddy_future *future)
{
  struct child *child = &gather->children[gather->distinct++];
  *child = (struct child){.done.complete = queue_child_done,
      .gather = gather,
      .future = eddy_future_ref(future)};
  eddy__list_init(&child->done.link);
  if (future->state != EDDY__PENDING) return;
  eddy_future_ref(&gather->future); /* until its callback ran */
  eddy__loop_own(future->loop, &child->owned, discard_child);
  eddy__future_add(future, &child->done);
}

int eddy_gather(
    eddy_future *const *children, size_t count, eddy_gather_mode mode, eddy_future **out)
{
  if (out == NULL || (children == NULL && count > 0)) return EDDY_EINVAL;
  eddy_loop *loop;
  int rc = eddy__futures_check(children, count, &loop);
  if (rc < 0) return rc;
  struct gather *gather = new_gather(loop, count);
  if (gather == NULL) return EDDY_ENOMEM;
  gather->mode = mode;
  rc = eddy__loop_book_many(loop, count);
  if (rc < 0) {
    eddy_future_unref(&gather->future);
    return rc;
  }
  for (size_t i = 0; i < count; i++) {
    gather->arguments[i] = children[i];
    bool pending = children[i]->state == EDDY__PENDING;
    bool again = children[i]->marked;
    children[i]->marked = true;
    if (!again) add_child(gather, children[i]);
    if (again || !pending) eddy__loop_unbook(loop);
  }
  for (size_t i = 0; i < count; i++) {
    children[i]->marked = false;
  }
  for (size_t i = 0; i < gather->distinct; i++) {
    if (gather->children[i].future->state != EDDY__PENDING) {
      count_child(gather, gather->children[i].future);
    }
  }
  if (count == 0) eddy__future_complete(&gather->future, EDDY__DONE, 0);
  *out = &gather->future;
  return 0;
}

const eddy_result *eddy_gather_results(const eddy_future *future, size_t *count)
{
  if (future == NULL || future->type != &gather_type || future->state == EDDY__PENDING) {
    return NULL;
  }
  const struct gather *gather = (const struct gather *)future;
  if (count != NULL) *count = gather->count;
  return gather->results;
}

eddy_future *eddy_gather_child(const eddy_future *future, size_t i)
{
  if (future == NULL || future->type != &gather_type) return NULL;
  const struct gather *gather = (const struct gather *)future;
  return i < gather->count ? gather->arguments[i] : NULL;
}
