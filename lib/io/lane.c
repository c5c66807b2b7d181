#include "io/lane.h"

/* How many threads of each kind there are at most. */
static const struct {
  size_t width;
  const char *name;
} lanes[EDDY__LANES] = {
    [EDDY__LANE_NAMES] = {8, "eddy-names"},
    [EDDY__LANE_FILES] = {4, "eddy-files"},
};

static void discard_lanes(struct eddy__owned *owned)
{
  struct eddy__lanes *self = EDDY__ENTRY(owned, struct eddy__lanes, owned);
  for (int i = 0; i < EDDY__LANES; i++) {
    eddy_executor_unref(self->executors[i]);
  }
  eddy__free(self);
}

int eddy__lanes_open(eddy_loop *loop, struct eddy__lanes **out)
{
  if (loop->lanes == NULL) {
    struct eddy__lanes *self = eddy__alloc(sizeof(*self));
    if (self == NULL) return EDDY_ENOMEM;
    eddy__loop_own(loop, &self->owned, discard_lanes);
    loop->lanes = self;
  }
  *out = loop->lanes;
  return 0;
}

static int get_executor(eddy_loop *loop, enum eddy__lane lane, eddy_executor **out)
{
  struct eddy__lanes *self;
  int rc = eddy__lanes_open(loop, &self);
  if (rc < 0) return rc;
  if (self->executors[lane] == NULL) {
    eddy_executor_options options = {
        .max_workers = lanes[lane].width, .thread_name_prefix = lanes[lane].name};
    rc = eddy_executor_new(&options, &self->executors[lane]);
    if (rc < 0) return rc;
  }
  *out = self->executors[lane];
  return 0;
}

void eddy__call_unref(struct eddy__call *call)
{
  if (atomic_fetch_sub_explicit(&call->refs, 1, memory_order_acq_rel) > 1) return;
  call->type->free(call);
}

/* Lets go of the reference of a task that went on or turned away, or of a thread. */
static void unref_call(void *call)
{
  eddy__call_unref(call);
}

static int run_call(void *arg)
{
  struct eddy__call *call = arg;
  int rc = call->type->run(call);
  /* Where it is needed the future holds the record, too. */
  if (rc == 0) (void)eddy_return(eddy_ptr(call));
  eddy__call_unref(call);
  return rc;
}

static int start_call(
    eddy_loop *loop, enum eddy__lane lane, struct eddy__call *call, eddy_future **out)
{
  static const eddy_job_options options = {.unstarted = unref_call};
  eddy_executor *executor;
  atomic_store_explicit(&call->refs, 2, memory_order_relaxed);
  int rc = get_executor(loop, lane, &executor);
  if (rc == 0) {
    rc = eddy_loop_run_in_executor_with(loop, executor, run_call, call, &options, out);
  }
  if (rc < 0) {
    call->type->free(call);
    return rc;
  }
  eddy__job_future_on_free(*out, unref_call, call);
  return 0;
}

static void describe_call(const eddy_task *task, char *text, size_t size)
{
  const struct eddy__call *call = eddy__job_future_arg(task->wait.object);
  call->type->describe(call, text, size);
}

static const struct eddy__wait_type call_wait = {
    eddy__await_cancel, describe_call, eddy__await_end, "thread"};

int eddy__lane_run(eddy_task *task, bool resumed, enum eddy__lane lane,
    struct eddy__call *call, struct eddy__call **done)
{
  eddy_future *future;
  if (resumed) {
    task->wait.resumed = true; /* the wait is that of eddy__await_as */
    future = eddy_future_ref(task->wait.object);
  } else {
    int rc = start_call(task->future.loop, lane, call, &future);
    if (rc < 0) return rc;
  }
  eddy_value value;
  int rc = eddy__await_as(future, &value, &call_wait);
  if (rc == 0) {
    *done = value.p;
    atomic_fetch_add_explicit(&(*done)->refs, 1, memory_order_relaxed);
  }
  eddy_future_unref(future);
  return rc;
}
