/* eddy_workers_run: workers from their start to the signal that ends them. */
#include <eddy/event.h>
#include <eddy/run.h>
#include <eddy/wait.h>
#include <eddy/watch.h>
#include <signal.h>

#include "run/workers.h"

#include "base/outcome.h"
#include "base/self.h"

struct supervisor {
  const eddy_workers_options *options;
  eddy_fn *fn;
  void *arg;
  eddy_time timeout;
  eddy_event *asked;     /* a signal has come */
  eddy_workers *workers; /* NULL: not started */
  bool late;             /* one request was not enough */
};

static int on_signal(void *asked)
{
  eddy_event_set(asked);
  return 0;
}

static int await_signal(void *asked)
{
  return eddy_event_wait(asked);
}

/* Waits for a signal or the future, whichever is first, and no longer than so. */
static int await_either(struct supervisor *self, eddy_future *future, eddy_time timeout)
{
  eddy_task *signalled;
  int rc = eddy_create_task(await_signal, self->asked, &signalled);
  if (rc < 0) return rc;
  eddy_future *first[] = {future, eddy_task_future(signalled)};
  rc = eddy_wait(first, 2, timeout, EDDY_FIRST_COMPLETED, NULL);
  (void)eddy_task_cancel(signalled, NULL);
  eddy_task_unref(signalled);
  return rc;
}

/* A future of this loop that is done when all workers have ended; `failures`: or one has failed. */
static int follow(eddy_workers *workers, bool failures, eddy_future **out)
{
  eddy_thread_future *told;
  int rc = eddy_thread_future_new(&told);
  if (rc < 0) return rc;
  rc = eddy_wrap_future(told, NULL, out);
  if (rc == 0) eddy__workers_tell(workers, told, failures);
  eddy_thread_future_unref(told);
  return rc;
}

/* Waits for what makes them end. */
static int await_reason(struct supervisor *self)
{
  eddy_future *over;
  int rc = follow(self->workers, true, &over);
  if (rc < 0) return rc;
  rc = await_either(self, over, EDDY_NEVER);
  (void)eddy_future_cancel(over, NULL);
  eddy_future_unref(over);
  return rc;
}

/* Has those that have not ended do so. */
static int drain(struct supervisor *self)
{
  eddy_future *ended;
  int rc = follow(self->workers, false, &ended);
  if (rc < 0) return rc;
  eddy_event_clear(self->asked);
  eddy_workers_cancel(self->workers);
  rc = await_either(self, ended, self->timeout);
  if (rc >= 0 && !eddy_future_done(ended)) {
    self->late = true;
    eddy_workers_cancel(self->workers);
    rc = eddy_wait(&ended, 1, EDDY_NEVER, EDDY_ALL_COMPLETED, NULL);
  }
  if (rc < 0) (void)eddy_future_cancel(ended, NULL);
  eddy_future_unref(ended);
  return rc;
}

static int supervise(void *arg)
{
  struct supervisor *self = arg;
  eddy_loop *loop = eddy_get_running_loop();
  int rc = eddy_loop_add_signal_handler(loop, SIGINT, on_signal, self->asked);
  if (rc < 0) return rc;
  rc = eddy_loop_add_signal_handler(loop, SIGTERM, on_signal, self->asked);
  if (rc < 0) return rc;
  /* It blocks for a moment; there is nothing else on this loop. */
  rc = eddy_workers_start(self->options, self->fn, self->arg, &self->workers);
  if (rc < 0) return rc;
  rc = await_reason(self);
  if (rc >= 0) rc = drain(self);
  if (rc >= 0) return rc;
  eddy_workers_cancel(self->workers); /* and waits when this loop has ended */
  eddy_workers_cancel(self->workers);
  return rc;
}

int eddy_workers_run(
    const eddy_workers_options *options, eddy_fn *fn, void *arg, eddy_time timeout)
{
  struct supervisor self = {.options = options, .fn = fn, .arg = arg, .timeout = timeout};
  if (eddy__self.loop != NULL) {
    return eddy_raise(
        EDDY_ERUNNING, "workers run: a loop is running in this thread already");
  }
  int rc = eddy_event_new(&self.asked);
  if (rc < 0) return rc;
  const eddy_loop_options *own = options != NULL ? options->loop : NULL;
  rc = eddy_run_with(supervise, &self, own, NULL, NULL);
  if (rc >= 0) rc = eddy_workers_join(self.workers, 0);
  if (rc >= 0 && self.late) rc = EDDY_ETIMEDOUT;
  eddy_workers_free(self.workers);
  eddy_event_unref(self.asked);
  return rc;
}
