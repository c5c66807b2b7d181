#include "task/future.h"

#include <stdio.h>

#include "loop/context.h"
#include "task/task.h"

#include "base/outcome.h"

/* The function behind the macro of the same name. */
#undef eddy_future_new

/* A future that the program completes. */
struct plain {
  eddy_future future; /* first */
  const char *site;   /* where it was made, or NULL */
};

/* A user's done callback. It has a booking until it ran. */
struct callback {
  struct eddy__done done;
  struct eddy__owned owned; /* while it is queued */
  eddy_future *future;      /* referenced while the callback is queued */
  eddy_done_fn *fn;
  void *arg;
  eddy_context *context; /* referenced; in which it runs, or NULL: an empty one */
};

static void free_callback(struct callback *callback)
{
  eddy_context_unref(callback->context);
  eddy__free(callback);
}

static void destroy_plain(eddy_future *future)
{
  eddy__free(future);
}

static const struct eddy__future_type plain_type = {
    "future", eddy__future_cancel_plain, destroy_plain};

void eddy__future_describe(eddy_future *future, char *text, size_t size)
{
  eddy_future *inner = eddy__shield_inner(future);
  const char *shield = inner != NULL ? "shield of " : "";
  if (inner == NULL) inner = future;
  eddy_task *task = eddy__future_task(inner);
  if (task != NULL) {
    snprintf(text, size, "%stask '%s'", shield, eddy_task_get_name(task));
  } else {
    const char *site = eddy__future_site(inner);
    snprintf(text, size, "%s%s %p%s%s", shield, inner->type->name, (void *)inner,
        site != NULL ? ", made at " : "", site != NULL ? site : "");
  }
}

int eddy__futures_check(eddy_future *const *futures, size_t count, eddy_loop **loop)
{
  *loop = count > 0 && futures[0] != NULL ? futures[0]->loop : eddy__self.loop;
  for (size_t i = 0; i < count; i++) {
    if (futures[i] == NULL) return EDDY_EINVAL;
    if (futures[i]->loop != *loop) return EDDY_EOTHERLOOP;
  }
  if (*loop == NULL) return EDDY_ENOLOOP;
  return eddy__loop_usable(*loop);
}

int eddy_future_new(eddy_loop *loop, eddy_future **out)
{
  return eddy_future_new_at(loop, NULL, out);
}

const char *eddy__future_site(eddy_future *future)
{
  eddy_task *task = eddy__future_task(future);
  if (task != NULL) return task->site;
  return future->type == &plain_type ? ((struct plain *)future)->site : NULL;
}

int eddy_future_new_at(eddy_loop *loop, const char *site, eddy_future **out)
{
  if (out == NULL) return EDDY_EINVAL;
  if (loop == NULL) loop = eddy__self.loop;
  if (loop == NULL) return EDDY_ENOLOOP;
  int rc = eddy__loop_usable(loop);
  if (rc < 0) return rc;
  struct plain *plain = eddy__alloc(sizeof(*plain));
  if (plain == NULL) return EDDY_ENOMEM;
  eddy__future_init(&plain->future, loop, &plain_type);
  plain->site = site;
  *out = &plain->future;
  return 0;
}

eddy_future *eddy_future_ref(eddy_future *future)
{
  future->refs++;
  return future;
}

static void report_never_retrieved(eddy_future *future)
{
  char message[64];
  snprintf(message, sizeof(message), "the error of a %s was never retrieved",
      future->type->name);
  future->retrieved = true;
  eddy_task *task = eddy__future_task(future);
  eddy__loop_report(future->loop, message, future->error,
      eddy__outcome_detail(&future->outcome, future->error), task, future,
      eddy__future_site(future));
}

static bool is_unread(const eddy_future *future)
{
  return future->state == EDDY__DONE && future->error != 0 && !future->retrieved;
}

void eddy__futures_report(eddy_loop *loop)
{
  struct eddy__link *link;
  while ((link = eddy__list_first(&loop->failed)) != NULL) {
    eddy__list_remove(link);
    eddy_future *future = EDDY__ENTRY(link, eddy_future, callbacks);
    if (!is_unread(future)) continue;
    eddy_future_ref(future); /* the handler may let go of the others */
    report_never_retrieved(future);
    eddy_future_unref(future);
  }
}

/* Callbacks of a future that is freed while pending can never be called. */
static void drop_callbacks(eddy_future *future)
{
  struct eddy__link *link;
  if (future->state != EDDY__PENDING) {
    if (future->error != 0)
      eddy__list_remove(&future->callbacks); /* of the failed ones */
    return;
  }
  while ((link = eddy__list_first(&future->callbacks)) != NULL) {
    eddy__list_remove(link);
    struct callback *callback = EDDY__ENTRY(link, struct callback, done.link);
    if (!future->loop->closed) eddy__loop_unbook(future->loop);
    free_callback(callback);
  }
}

void eddy_future_unref(eddy_future *future)
{
  if (future == NULL || --future->refs > 0) return;
  if (is_unread(future)) {
    future->refs = 1; /* the handler may look at the future, and even keep it */
    report_never_retrieved(future);
    if (--future->refs > 0) return;
  }
  eddy_loop *loop = future->loop;
  if (!eddy__list_empty(&future->callbacks)) drop_callbacks(future);
  if (future->outcome.message != NULL) eddy__outcome_clear(&future->outcome);
  future->type->destroy(future);
  eddy__loop_unref(loop);
}

void eddy__future_complete(eddy_future *future, enum eddy__future_state state, int error)
{
  future->state = (uint8_t)state;
  future->error = error;
  struct eddy__link *link;
  while ((link = eddy__list_first(&future->callbacks)) != NULL) {
    eddy__list_remove(link);
    struct eddy__done *done = EDDY__ENTRY(link, struct eddy__done, link);
    done->complete(done);
  }
  if (error != 0 && state == EDDY__DONE && !future->loop->closed) {
    eddy__list_append(&future->loop->failed, &future->callbacks);
  }
}

static int check_settable(eddy_future *future)
{
  if (future == NULL) return EDDY_EINVAL;
  if (future->loop->inherited) return eddy__loop_refusal(future->loop);
  if (future->state != EDDY__PENDING) {
    return eddy_raise(EDDY_EINVALIDSTATE, "set_result: the future is done already");
  }
  if (future->type != &plain_type) {
    return eddy_raise(
        EDDY_EINVALIDSTATE, "set_result: a %s sets its own", future->type->name);
  }
  return 0;
}

int eddy_future_set_result(eddy_future *future, eddy_value value)
{
  int rc = check_settable(future);
  if (rc < 0) return rc;
  future->outcome.value = value;
  eddy__future_complete(future, EDDY__DONE, 0);
  return 0;
}

int eddy_future_set_exception(eddy_future *future, int error, const char *message)
{
  int rc = check_settable(future);
  if (rc < 0) return rc;
  if (error >= 0) return EDDY_EINVAL;
  eddy__outcome_set_message(&future->outcome, error, message);
  eddy__future_complete(future, EDDY__DONE, error);
  return 0;
}

bool eddy__future_cancel_plain(eddy_future *future, const char *message)
{
  eddy__outcome_set_message(&future->outcome, EDDY_ECANCELLED, message);
  eddy__future_complete(future, EDDY__CANCELLED, EDDY_ECANCELLED);
  return true;
}

bool eddy_future_cancel(eddy_future *future, const char *message)
{
  if (future == NULL) return false;
  if (future->state != EDDY__PENDING) {
    future->retrieved = true; /* as in asyncio: whoever cancels does not want to know */
    return false;
  }
  return future->type->cancel(future, message);
}

bool eddy_future_done(const eddy_future *future)
{
  return future->state != EDDY__PENDING;
}

bool eddy_future_cancelled(const eddy_future *future)
{
  return future->state == EDDY__CANCELLED;
}

int eddy_future_result(eddy_future *future, eddy_value *value)
{
  if (future == NULL) return EDDY_EINVAL;
  if (future->state == EDDY__PENDING) {
    return eddy_raise(EDDY_EINVALIDSTATE, "result: the future is pending");
  }
  future->retrieved = true;
  if (future->error < 0) return future->error;
  if (value != NULL) *value = future->outcome.value;
  return 0;
}

int eddy_future_exception(eddy_future *future, int *error)
{
  if (future == NULL || error == NULL) return EDDY_EINVAL;
  if (future->state == EDDY__PENDING) {
    return eddy_raise(EDDY_EINVALIDSTATE, "exception: the future is pending");
  }
  if (future->state == EDDY__CANCELLED) return EDDY_ECANCELLED;
  future->retrieved = true;
  *error = future->error;
  return 0;
}

const char *eddy_future_message(const eddy_future *future)
{
  return future->error == 0 ? "" : eddy__outcome_message(&future->outcome, future->error);
}

const eddy_error_part *eddy_future_error_parts(const eddy_future *future)
{
  return future->error == 0 ? NULL : eddy__outcome_parts(&future->outcome, future->error);
}

static int call(void *arg)
{
  struct callback *callback = arg;
  return callback->fn(callback->future, callback->arg);
}

static int run_callback(void *arg)
{
  struct callback *callback = arg;
  eddy_future *future = callback->future;
  eddy__list_remove(&callback->owned.link);
  int rc = callback->context == NULL
               ? callback->fn(future, callback->arg)
               : eddy__context_call(callback->context, call, callback);
  free_callback(callback);
  eddy_future_unref(future);
  return rc;
}

static void discard_callback(struct eddy__owned *owned)
{
  struct callback *callback = EDDY__ENTRY(owned, struct callback, owned);
  eddy_future_unref(callback->future);
  free_callback(callback);
}

static void queue_callback(struct eddy__done *done)
{
  struct callback *callback = EDDY__ENTRY(done, struct callback, done);
  if (callback->future->loop->closed) {
    free_callback(callback); /* nothing runs there any more */
    return;
  }
  eddy_future_ref(callback->future);
  eddy__loop_own(callback->future->loop, &callback->owned, discard_callback);
  eddy__loop_push(callback->future->loop, run_callback, callback);
}

int eddy_future_add_done_callback(eddy_future *future, eddy_done_fn *fn, void *arg)
{
  if (future == NULL || fn == NULL) return EDDY_EINVAL;
  int rc = eddy__loop_usable(future->loop);
  if (rc < 0) return rc;
  struct callback *callback = eddy__alloc(sizeof(*callback));
  if (callback == NULL) return EDDY_ENOMEM;
  *callback = (struct callback){
      .done.complete = queue_callback, .future = future, .fn = fn, .arg = arg};
  rc = eddy__context_capture(&callback->context);
  if (rc == 0) rc = eddy__loop_book(future->loop);
  if (rc < 0) {
    free_callback(callback);
    return rc;
  }
  eddy__list_init(&callback->done.link);
  if (future->state == EDDY__PENDING) {
    eddy__future_add(future, &callback->done);
  } else {
    queue_callback(&callback->done);
  }
  return 0;
}

size_t eddy_future_remove_done_callback(eddy_future *future, eddy_done_fn *fn, void *arg)
{
  size_t removed = 0;
  if (future->state != EDDY__PENDING) return 0;
  struct eddy__link *link = future->callbacks.next;
  while (link != &future->callbacks) {
    struct callback *callback = EDDY__ENTRY(link, struct callback, done.link);
    link = link->next;
    if (callback->done.complete != queue_callback) continue;
    if (callback->fn != fn || callback->arg != arg) continue;
    eddy__list_remove(&callback->done.link);
    eddy__loop_unbook(future->loop);
    free_callback(callback);
    removed++;
  }
  return removed;
}

eddy_loop *eddy_future_get_loop(const eddy_future *future)
{
  return future->loop;
}
