/* eddy_run_coroutine_threadsafe: a task and a thread future that follow each other. */
#include "io/thread_future.h"
#include "task/task.h"

#include "base/outcome.h"
#include "loop/context.h"

/*
 * The call is started on the loop by a post, which its memory holds; a cancellation from another
 * thread uses the same post again. It goes when its task's end has been dealt with, or with the
 * loop. The future's lock guards what other threads look at.
 */
struct call {
  struct eddy__posted posted;
  struct eddy__thread_done follower; /* of the thread future */
  struct eddy__done done;            /* of the task */
  struct eddy__owned owned;          /* once started */
  eddy_loop *loop;
  eddy_thread_future *future; /* referenced */
  eddy_task *task;            /* referenced; NULL before it is started */
  eddy_task_body body;
  eddy_task_options options; /* a copy: the name owned, the context referenced */
  char *name;
  bool posting; /* `posted` is under way with a cancellation */
  bool over;    /* the task's end has been dealt with */
};

static void free_call(struct call *call)
{
  eddy_thread_future_unref(call->future);
  eddy_context_unref(call->options.context);
  eddy__free(call->name);
  eddy__free(call);
}

/* Nothing will come of the call: whoever waits for it must not wait for ever. */
static void give_up(struct call *call)
{
  eddy_outcome none = {0};
  (void)eddy__thread_future_leave(call->future, &call->follower);
  eddy__thread_future_complete(call->future, true, EDDY_ECANCELLED, &none);
}

/* ---- the thread future's end reaches the task ---- */

static int cancel_task(void *arg)
{
  struct call *call = arg;
  call->posting = false;
  if (call->over) {
    free_call(call);
  } else {
    (void)eddy_task_cancel(call->task, NULL);
  }
  return 0;
}

/* The loop is closed before that; a call that is not over is on its list still. */
static void discard_cancel(struct eddy__posted *posted)
{
  struct call *call = EDDY__ENTRY(posted, struct call, posted);
  call->posting = false;
  if (call->over) free_call(call);
}

static void future_ended(struct eddy__thread_done *done, bool cancelled)
{
  struct call *call = EDDY__ENTRY(done, struct call, follower);
  if (!cancelled) return; /* by the task itself */
  call->posting = true;
  call->posted.fn = cancel_task;
  call->posted.discard = discard_cancel;
  (void)eddy__loop_post(call->loop, &call->posted);
}

/* ---- the task's end reaches the thread future ---- */

static int hand_over(void *arg)
{
  struct call *call = arg;
  eddy_future *source = &call->task->future;
  eddy_outcome outcome = {.value = source->outcome.value};
  eddy__list_remove(&call->owned.link);
  (void)eddy__thread_future_leave(call->future, &call->follower);
  source->retrieved = true;
  eddy__outcome_copy_message(&source->outcome, source->error, &outcome);
  eddy__thread_future_complete(
      call->future, source->state == EDDY__CANCELLED, source->error, &outcome);
  eddy__outcome_clear(&outcome);
  eddy_task_unref(call->task);
  call->over = true;
  if (!call->posting) free_call(call);
  return 0;
}

static void task_ended(struct eddy__done *done)
{
  struct call *call = EDDY__ENTRY(done, struct call, done);
  eddy__loop_push(call->loop, hand_over, call);
}

/* The loop is closed before that. */
static void discard_call(struct eddy__owned *owned)
{
  struct call *call = EDDY__ENTRY(owned, struct call, owned);
  eddy__list_remove(&call->done.link);
  give_up(call);
  eddy_task_unref(call->task);
  free_call(call);
}

/* ---- the start ---- */

/* There will be no task: nobody else lets go of what was handed over to it. */
static void let_go(const struct call *call)
{
  const eddy_task_body *body = &call->body;
  if (call->options.unstarted == NULL) return;
  call->options.unstarted(body->fn != NULL ? body->arg : body->coro);
}

static int fail(struct call *call, int rc)
{
  eddy_outcome outcome = {0};
  eddy__outcome_copy_message(&call->loop->outcome, rc, &outcome);
  let_go(call);
  eddy__thread_future_complete(call->future, false, rc, &outcome);
  eddy__outcome_clear(&outcome);
  free_call(call);
  return rc; /* for the loop's exception handler */
}

static int start(void *arg)
{
  struct call *call = arg;
  eddy_loop *loop = call->loop;
  int rc = eddy__loop_book(loop);
  if (rc < 0) return fail(call, rc);
  const eddy_task_body *body = &call->body;
  rc = body->fn != NULL
           ? eddy_loop_create_task_with(
                 loop, body->fn, body->arg, &call->options, &call->task)
           : eddy_loop_create_task_coro(loop, body->coro, &call->options, &call->task);
  if (rc < 0) {
    eddy__loop_unbook(loop);
    return fail(call, rc);
  }
  eddy__loop_own(loop, &call->owned, discard_call);
  call->done.complete = task_ended;
  eddy__list_init(&call->done.link);
  if (eddy_task_done(call->task)) {
    task_ended(&call->done);
  } else {
    eddy__future_add(&call->task->future, &call->done);
  }
  call->follower.complete = future_ended;
  eddy__thread_future_follow(call->future, &call->follower);
  return 0;
}

/* The loop is closed before the start. */
static void discard_start(struct eddy__posted *posted)
{
  struct call *call = EDDY__ENTRY(posted, struct call, posted);
  eddy_outcome none = {0};
  let_go(call);
  eddy__thread_future_complete(call->future, true, EDDY_ECANCELLED, &none);
  free_call(call);
}

/* The caller's may be gone when the task is made. */
static int keep_options(struct call *call, const eddy_task_options *options)
{
  if (options == NULL) return 0;
  call->options = *options;
  if (options->name != NULL) {
    call->name = eddy__strdup(options->name);
    if (call->name == NULL) return EDDY_ENOMEM;
    call->options.name = call->name;
  }
  if (options->context != NULL) (void)eddy_context_ref(options->context);
  return 0;
}

int eddy_run_coroutine_threadsafe_with(eddy_loop *loop, const eddy_task_body *body,
    const eddy_task_options *options, eddy_thread_future **out)
{
  if (loop == NULL || body == NULL || (body->fn == NULL) == (body->coro == NULL)) {
    return EDDY_EINVAL;
  }
  if (loop->closed || loop->inherited) return eddy__loop_refusal(loop);
  struct call *call = eddy__alloc(sizeof(*call));
  if (call == NULL) return EDDY_ENOMEM;
  int rc = keep_options(call, options);
  if (rc < 0) goto fail_options;
  rc = eddy__thread_future_new(loop, &call->future);
  if (rc < 0) goto fail_future;
  rc = eddy__context_capture(&call->posted.context);
  if (rc < 0) goto fail_context;
  call->loop = loop;
  call->body = *body;
  call->posted.fn = start;
  call->posted.arg = call;
  call->posted.discard = discard_start;
  eddy_thread_future *future = eddy_thread_future_ref(call->future);
  rc = eddy__loop_post(loop, &call->posted);
  if (rc < 0) {
    eddy_thread_future_unref(future);
    eddy_context_unref(call->posted.context);
    goto fail_context;
  }
  /* From the loop's own thread it keeps its order with eddy_loop_call_soon. */
  if (eddy__self.loop == loop) eddy__posts_collect(loop);
  if (out != NULL) {
    *out = future;
  } else {
    eddy_thread_future_unref(future);
  }
  return 0;
fail_context:
  eddy_thread_future_unref(call->future);
fail_future:
  eddy_context_unref(call->options.context);
  eddy__free(call->name);
fail_options:
  eddy__free(call);
  return rc;
}

#undef eddy_run_coroutine_threadsafe

int eddy_run_coroutine_threadsafe(
    eddy_loop *loop, eddy_fn *fn, void *arg, eddy_thread_future **out)
{
  eddy_task_body body = {.fn = fn, .arg = arg};
  return eddy_run_coroutine_threadsafe_with(loop, &body, NULL, out);
}
