#include "loop/loop.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/outcome.h"
#include "base/self.h"

/* A post from another thread. */
struct posted {
  struct eddy__post post;
  eddy_fn *fn;
  void *arg;
};

static void report_error(eddy_handle *handle, int rc)
{
  eddy_loop *loop = handle->loop;
  eddy_exception_context context = {.message = "error in a callback",
      .error = rc,
      .detail = eddy__outcome_detail(&loop->outcome, rc),
      .handle = handle};
  eddy_loop_call_exception_handler(loop, &context);
}

/* What the ring runs for a callback that has a handle. */
static int run_handle(void *arg)
{
  eddy_handle *handle = arg;
  eddy__timer_ran(&handle->timer);
  eddy__list_remove(&handle->owned.link);
  int rc = handle->fn(handle->arg);
  if (rc != 0) report_error(handle, rc);
  eddy_handle_unref(handle);
  return 0;
}

/* The loop is being closed before the callback ran. */
static void discard_handle(struct eddy__owned *owned)
{
  eddy_handle *handle = EDDY__ENTRY(owned, eddy_handle, owned);
  eddy__timer_stop(handle->loop, &handle->timer);
  eddy_handle_unref(handle);
}

/* A handle with two references: the loop's, until it ran or was cancelled, and the user's. */
static eddy_handle *new_handle(eddy_loop *loop, eddy_fn *fn, void *arg, eddy_handle **out)
{
  eddy_handle *handle = eddy__pool_get(&loop->handles);
  if (handle == NULL) return NULL;
  eddy__timer_init(&handle->timer, run_handle, handle);
  handle->timer.deadline = EDDY_NEVER;
  handle->loop = loop;
  handle->fn = fn;
  handle->arg = arg;
  handle->refs = out != NULL ? 2 : 1;
  handle->cancelled = false;
  eddy__loop_own(loop, &handle->owned, discard_handle);
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
  rc = eddy__loop_book(loop);
  if (rc < 0) return rc;
  if (out == NULL) {
    eddy__loop_push(loop, fn, arg);
  } else {
    eddy_handle *handle = new_handle(loop, fn, arg, out);
    if (handle == NULL) {
      eddy__loop_unbook(loop);
      return EDDY_ENOMEM;
    }
    handle->timer.position = eddy__loop_push(loop, run_handle, handle);
    handle->timer.state = EDDY__TIMER_QUEUED;
    *out = handle;
  }
  return 0;
}

int eddy_loop_call_at(
    eddy_loop *loop, eddy_time when, eddy_fn *fn, void *arg, eddy_handle **out)
{
  int rc = check_call(loop, fn);
  if (rc < 0) return rc;
  eddy_handle *handle = new_handle(loop, fn, arg, out);
  if (handle == NULL) return EDDY_ENOMEM;
  rc = eddy__timer_start(loop, &handle->timer, when);
  if (rc < 0) {
    handle->refs = 1;
    eddy__list_remove(&handle->owned.link);
    eddy_handle_unref(handle);
    return rc;
  }
  if (out != NULL) *out = handle;
  return 0;
}

int eddy_loop_call_later(
    eddy_loop *loop, eddy_time delay, eddy_fn *fn, void *arg, eddy_handle **out)
{
  int rc = check_call(loop, fn);
  if (rc < 0) return rc;
  return eddy_loop_call_at(loop, eddy__time_after(eddy__loop_now(loop), delay), fn, arg, out);
}

void eddy_handle_cancel(eddy_handle *handle)
{
  if (handle == NULL || handle->cancelled) return;
  handle->cancelled = true;
  if (eddy__list_empty(&handle->owned.link)) return; /* it ran */
  eddy__timer_stop(handle->loop, &handle->timer);
  eddy__list_remove(&handle->owned.link);
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

eddy_handle *eddy_handle_ref(eddy_handle *handle)
{
  handle->refs++;
  return handle;
}

void eddy_handle_unref(eddy_handle *handle)
{
  if (handle == NULL || --handle->refs > 0) return;
  eddy_loop *loop = handle->loop;
  eddy__pool_put(&loop->handles, handle);
  eddy__loop_unref(loop);
}

static int post(eddy_loop *loop, eddy_fn *fn, void *arg)
{
  struct posted *posted = eddy__alloc(sizeof(*posted));
  if (posted == NULL) return EDDY_ENOMEM;
  posted->fn = fn;
  posted->arg = arg;
  /* Only the first post since the loop last looked wakes it. */
  if (eddy__posts_push(&loop->posts, &posted->post)) loop->io->wake(loop->io_state);
  return 0;
}

int eddy_loop_call_soon_threadsafe(eddy_loop *loop, eddy_fn *fn, void *arg)
{
  if (loop == NULL || fn == NULL) return EDDY_EINVAL;
  if (eddy__self.loop == loop) return eddy_loop_call_soon(loop, fn, arg, NULL);
  int rc = eddy__loop_visit(loop) ? post(loop, fn, arg) : EDDY_ECLOSED;
  eddy__loop_visit_end(loop);
  return rc;
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
    struct posted *posted = EDDY__ENTRY(loop->taken, struct posted, post);
    loop->taken = posted->post.next;
    eddy__loop_push(loop, posted->fn, posted->arg);
    eddy__free(posted);
  }
}

void eddy__posts_discard(eddy_loop *loop)
{
  struct eddy__post *lists[2] = {loop->taken, eddy__posts_take(&loop->posts)};
  loop->taken = NULL;
  for (int i = 0; i < 2; i++) {
    while (lists[i] != NULL) {
      struct posted *posted = EDDY__ENTRY(lists[i], struct posted, post);
      lists[i] = posted->post.next;
      eddy__free(posted);
    }
  }
}
