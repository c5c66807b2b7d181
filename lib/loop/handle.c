#include "loop/loop.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/outcome.h"
#include "base/self.h"
#include "loop/context.h"

#define AHEAD 4 /* how many callbacks before its turn a handle's memory is asked for */

static eddy_loop *loop_of(const eddy_handle *handle)
{
  return EDDY__ENTRY(eddy__pool_of(handle), eddy_loop, handles);
}

static eddy_handle *handle_of(eddy_timer *timer)
{
  return EDDY__ENTRY(timer, eddy_handle, timer);
}

EDDY__COLD static void report_error(eddy_handle *handle, int rc)
{
  eddy_loop *loop = loop_of(handle);
  eddy_exception_context context = {.message = "error in a callback",
      .error = rc,
      .detail = eddy__outcome_detail(&loop->outcome, rc),
      .handle = handle};
  eddy_loop_call_exception_handler(loop, &context);
}

int eddy__handle_run(void *timer)
{
  eddy_handle *handle = handle_of(timer);
  eddy__timer_ran(&handle->timer);
  /* Timers that fire one after the other may lie anywhere in memory. */
  const struct eddy__ring *ring = &loop_of(handle)->ring;
  EDDY__PREFETCH(ring->entries[(ring->head + AHEAD) & ring->mask].arg);
  int rc = handle->context == NULL
               ? handle->fn(handle->arg)
               : eddy__context_call(handle->context, handle->fn, handle->arg);
  if (rc != 0) report_error(handle, rc);
  eddy_handle_unref(handle);
  return 0;
}

/* What the ring runs for a post that is more than a function and its argument. */
static int run_posted(void *arg)
{
  struct eddy__posted *posted = arg;
  eddy_fn *fn = posted->fn;
  void *fn_arg = posted->arg;
  eddy_context *context = posted->context;
  posted->context = NULL;
  if (posted->discard == NULL) eddy__free(posted);
  if (context == NULL) return fn(fn_arg);
  int rc = eddy__context_call(context, fn, fn_arg);
  eddy_context_unref(context);
  return rc;
}

static void discard_posted(struct eddy__posted *posted)
{
  eddy_context_unref(posted->context);
  posted->context = NULL;
  if (posted->discard == NULL) {
    eddy__free(posted);
  } else {
    posted->discard(posted);
  }
}

static void discard(eddy_timer *timer)
{
  eddy__timer_ran(timer);
  if (timer->fn == eddy__handle_run) eddy_handle_unref(handle_of(timer));
}

void eddy__handles_discard(eddy_loop *loop)
{
  struct eddy__ring *ring = &loop->ring;
  for (uint64_t position = ring->head; position != ring->tail; position++) {
    struct eddy__entry *entry = &ring->entries[position & ring->mask];
    eddy_fn *fn = entry->fn;
    entry->fn = NULL;
    if (fn == eddy__handle_run) discard(entry->arg);
    if (fn == run_posted) discard_posted(entry->arg);
  }
  eddy_timer *timer;
  while ((timer = loop->scheduler->take_due(loop->scheduler_state, EDDY_NEVER)) != NULL) {
    discard(timer);
  }
}

/* An idle handle with one reference. The context's is taken over. */
static eddy_handle *new_handle(
    eddy_loop *loop, eddy_fn *fn, void *arg, eddy_context *context)
{
  eddy_handle *handle = eddy__pool_get(&loop->handles);
  if (handle == NULL) return NULL;
  eddy__timer_init(&handle->timer, eddy__handle_run);
  handle->fn = fn;
  handle->arg = arg;
  handle->timer.deadline = EDDY_NEVER;
  handle->refs = 1;
  handle->cancelled = false;
  handle->context = context;
  eddy__loop_ref(loop);
  return handle;
}

static int check_call(const eddy_loop *loop, eddy_fn *fn)
{
  int rc = eddy__loop_usable(loop);
  return rc < 0 ? rc : fn == NULL ? EDDY_EINVAL : 0;
}

int eddy_loop_call_soon(eddy_loop *loop, eddy_fn *fn, void *arg, eddy_handle **out)
{
  int rc = check_call(loop, fn);
  if (rc < 0) return rc;
  /* Posts made before the run, by this thread or one it has waited for, are ahead of it. */
  if (!loop->running && eddy__posts_waiting(loop)) eddy__posts_collect(loop);
  eddy_context *context;
  rc = eddy__context_capture(&context);
  if (rc < 0) return rc;
  rc = eddy__loop_book(loop);
  if (rc < 0) goto fail_book;
  if (out == NULL && context == NULL) {
    eddy__loop_push(loop, fn, arg);
    return 0;
  }
  eddy_handle *handle = new_handle(loop, fn, arg, context);
  if (handle == NULL) goto fail_handle;
  eddy__timer_queue(loop, &handle->timer);
  if (out != NULL) {
    handle->refs = 2;
    *out = handle;
  }
  return 0;
fail_handle:
  eddy__loop_unbook(loop);
  rc = EDDY_ENOMEM;
fail_book:
  eddy_context_unref(context);
  return rc;
}

int eddy_loop_call_at(
    eddy_loop *loop, eddy_time when, eddy_fn *fn, void *arg, eddy_handle **out)
{
  int rc = check_call(loop, fn);
  if (rc < 0) return rc;
  if (when == EDDY_NEVER && out == NULL) return 0;
  eddy_context *context;
  rc = eddy__context_capture(&context);
  if (rc < 0) return rc;
  eddy_handle *handle = new_handle(loop, fn, arg, context);
  if (handle == NULL) {
    eddy_context_unref(context);
    return EDDY_ENOMEM;
  }
  rc = eddy__timer_start(loop, &handle->timer, when);
  if (rc < 0) {
    eddy_handle_unref(handle);
    return rc;
  }
  if (out != NULL) {
    /* One that never comes is the user's alone. */
    handle->refs = when == EDDY_NEVER ? 1 : 2;
    *out = handle;
  }
  return 0;
}

int eddy_loop_call_later(
    eddy_loop *loop, eddy_time delay, eddy_fn *fn, void *arg, eddy_handle **out)
{
  int rc = check_call(loop, fn);
  if (rc < 0) return rc;
  return eddy_loop_call_at(
      loop, eddy__time_after(eddy__loop_now(loop), delay), fn, arg, out);
}

void eddy_handle_cancel(eddy_handle *handle)
{
  if (handle == NULL || handle->cancelled) return;
  handle->cancelled = true;
  if (handle->timer.state == EDDY__TIMER_IDLE) return; /* it ran, or never will */
  eddy__timer_stop(loop_of(handle), &handle->timer);
  eddy_handle_unref(handle);
}

bool eddy_handle_cancelled(const eddy_handle *handle)
{
  return handle->cancelled;
}

eddy_time eddy_handle_when(const eddy_handle *handle)
{
  return handle->timer.deadline;
}

eddy_context *eddy_handle_get_context(eddy_handle *handle)
{
  return eddy__context_at(&handle->context);
}

eddy_handle *eddy_handle_ref(eddy_handle *handle)
{
  handle->refs++;
  return handle;
}

void eddy_handle_unref(eddy_handle *handle)
{
  if (handle == NULL || --handle->refs > 0) return;
  eddy_loop *loop = loop_of(handle);
  eddy_context_unref(handle->context);
  eddy__pool_put(&loop->handles, handle);
  eddy__loop_unref(loop);
}

int eddy__loop_post(eddy_loop *loop, struct eddy__posted *posted)
{
  int rc = EDDY_ECLOSED;
  if (eddy__loop_visit(loop)) {
    /* Only the first post since the loop last looked wakes it. */
    if (eddy__posts_push(&loop->posts, &posted->post)) loop->io->wake(loop->io_state);
    rc = 0;
  }
  eddy__loop_visit_end(loop);
  return rc;
}

int eddy_loop_call_soon_threadsafe(eddy_loop *loop, eddy_fn *fn, void *arg)
{
  if (loop == NULL || fn == NULL) return EDDY_EINVAL;
  if (eddy__self.loop == loop) return eddy_loop_call_soon(loop, fn, arg, NULL);
  if (loop->closed || loop->inherited) return eddy__loop_refusal(loop);
  struct eddy__posted *posted = eddy__alloc(sizeof(*posted));
  if (posted == NULL) return EDDY_ENOMEM;
  posted->fn = fn;
  posted->arg = arg;
  int rc = eddy__context_capture(&posted->context);
  if (rc == 0) rc = eddy__loop_post(loop, posted);
  if (rc < 0) discard_posted(posted);
  return rc;
}

/* What the ring runs for the oldest post that was taken; it is off the list. */
static struct eddy__entry next_taken(eddy_loop *loop)
{
  struct eddy__posted *posted = EDDY__ENTRY(loop->taken, struct eddy__posted, post);
  loop->taken = posted->post.next;
  if (posted->discard != NULL || posted->context != NULL) {
    return (struct eddy__entry){run_posted, posted};
  }
  struct eddy__entry entry = {posted->fn, posted->arg};
  eddy__free(posted);
  return entry;
}

void eddy__posts_collect(eddy_loop *loop)
{
  struct eddy__post **end = &loop->taken;
  while (*end != NULL) {
    end = &(*end)->next;
  }
  *end = eddy__posts_take(&loop->posts);
  while (loop->taken != NULL) {
    if (eddy__loop_book(loop) < 0) return;
    struct eddy__entry entry = next_taken(loop);
    eddy__loop_push(loop, entry.fn, entry.arg);
  }
}

bool eddy__posts_take_stranded(eddy_loop *loop, struct eddy__entry *out)
{
  /* There may be room by now: then it is queued in its order. */
  if (loop->ring.bookings < loop->ring.capacity) return false;
  *out = next_taken(loop);
  return true;
}

void eddy__posts_discard(eddy_loop *loop)
{
  struct eddy__post *lists[2] = {loop->taken, eddy__posts_take(&loop->posts)};
  loop->taken = NULL;
  for (int i = 0; i < 2; i++) {
    while (lists[i] != NULL) {
      struct eddy__posted *posted = EDDY__ENTRY(lists[i], struct eddy__posted, post);
      lists[i] = posted->post.next;
      discard_posted(posted);
    }
  }
}
