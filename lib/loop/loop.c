#include "loop/loop.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/outcome.h"
#include "base/self.h"
#include "loop/trace.h"

static int choose_backend(const eddy_loop_options *options, const eddy_backend **out)
{
  if (options->custom != NULL) {
    *out = options->custom;
    return 0;
  }
  const char *name = options->backend;
  if (name == NULL) name = getenv("EDDY_BACKEND");
  if (name == NULL || name[0] == '\0')
    name = options->uv_loop != NULL ? "uv/uv" : eddy__backend_usual;
  *out = eddy__backend_find(name);
  if (*out == NULL) return EDDY_EINVAL;
  if (options->uv_loop != NULL && strcmp(name, "uv/uv") != 0) {
    return eddy_raise(EDDY_EINVAL,
        "eddy_loop_new: a host's uv_loop needs the backend \"uv/uv\", not \"%s\"", name);
  }
  return 0;
}

static bool debug_by_environment(void)
{
  const char *value = getenv("EDDY_DEBUG");
  return value != NULL && value[0] != '\0' && strcmp(value, "0") != 0;
}

static void init_fields(eddy_loop *loop, const eddy_loop_options *options)
{
  loop->refs = 1;
  loop->earliest = EDDY_NEVER;
  loop->arrived_tail = &loop->arrived;
  eddy__list_init(&loop->signals);
  eddy__list_init(&loop->owned);
  eddy__list_init(&loop->failed);
  eddy__list_init(&loop->all_tasks);
  loop->slow_callback = EDDY_MS(100);
  loop->guest = options->uv_loop != NULL;
  loop->nudge = loop->guest ? EDDY__NUDGE_AWAY : 0;
  loop->stack_size = options->stack_size;
  loop->overflow_report = !options->no_overflow_report;
  loop->process = eddy__process_id();
  loop->maker = &eddy__self;
  loop->debug = options->debug || debug_by_environment();
  eddy__loop_set_pace(loop);
  loop->special = loop->debug;
}

int eddy_loop_new(const eddy_loop_options *options, eddy_loop **out)
{
  static const eddy_loop_options defaults;
  if (out == NULL) return EDDY_EINVAL;
  if (options == NULL) options = &defaults;
  const eddy_backend *backend;
  int rc = choose_backend(options, &backend);
  if (rc < 0) return rc;
  eddy_loop *loop = eddy__alloc(sizeof(*loop));
  if (loop == NULL) return EDDY_ENOMEM;
  init_fields(loop, options);
  loop->backend_name = backend->name;
  loop->scheduler = backend->scheduler;
  loop->io = backend->io;
  eddy__pool_init(&loop->handles, sizeof(struct eddy_handle));
  eddy__pool_init(&loop->ops, sizeof(eddy_op) + loop->io->op_size);
  loop->io_state = eddy__alloc(loop->io->loop_size);
  rc = EDDY_ENOMEM;
  if (loop->io_state == NULL) goto fail_io_state;
  loop->scheduler_state = eddy__alloc(loop->scheduler->loop_size);
  if (loop->scheduler_state == NULL) goto fail_scheduler_state;
  rc = loop->io->open(loop->io_state, loop, options);
  if (rc < 0) goto fail_io;
  rc = loop->scheduler->open(loop->scheduler_state, loop);
  if (rc < 0) goto fail_scheduler;
  rc = eddy__fork_watch(loop);
  if (rc < 0) goto fail_watch;
  loop->clock = eddy__loop_now(loop);
  eddy__trace_by_environment(loop);
  *out = loop;
  return 0;
fail_watch:
  loop->scheduler->close(loop->scheduler_state);
fail_scheduler:
  loop->io->close(loop->io_state);
fail_io:
  eddy__free(loop->scheduler_state);
fail_scheduler_state:
  eddy__free(loop->io_state);
fail_io_state:
  eddy__free(loop);
  return rc;
}

/* Drops what is booked and queued, unrun. */
static void drop_queued(eddy_loop *loop)
{
  eddy__posts_discard(loop);
  eddy__handles_discard(loop);
  struct eddy__link *link;
  while ((link = eddy__list_first(&loop->owned)) != NULL) {
    struct eddy__owned *owned = EDDY__ENTRY(link, struct eddy__owned, link);
    eddy__list_remove(link);
    owned->discard(owned);
  }
  eddy__ready_clear(loop);
}

int eddy_loop_close(eddy_loop *loop)
{
  if (loop == NULL) return EDDY_EINVAL;
  if (loop->closed) return 0;
  if (loop->running) return EDDY_ERUNNING;
  loop->closed = true;
  loop->special = true;
  /* In a child after fork everything is a copy, but what the kernel keeps for the backend is
   * the parent's, and to clean up would take it from there: the copy is left alone. */
  if (loop->process != eddy__process_id()) return 0;
  while (atomic_load(&loop->visitors) > 0) {
    /* No visit is longer than a wake-up. */
  }
  if (loop->hooks != NULL) loop->hooks->close_tasks(loop);
  eddy__watches_close(loop);
  eddy__signals_close(loop);
  drop_queued(loop);
  eddy__fds_fini(&loop->claimed);
  eddy__futures_report(loop);
  (void)eddy_loop_trace_stop(loop);
  loop->scheduler->close(loop->scheduler_state);
  loop->io->close(loop->io_state);
  eddy__outcome_clear(&loop->outcome);
  eddy__free(loop->scheduler_state);
  eddy__free(loop->io_state);
  loop->scheduler_state = NULL;
  loop->io_state = NULL;
  return 0;
}

void eddy_loop_free(eddy_loop *loop)
{
  if (loop == NULL) return;
  EDDY_CHECK(!loop->running, "eddy_loop_free: the loop is running; stop it and free it "
                             "after its run has returned");
  (void)eddy_loop_close(loop);
  if (loop->inherited) return; /* what close has left alone still points to it */
  eddy__loop_unref(loop);
}

void eddy__loop_free_memory(eddy_loop *loop)
{
  eddy__fork_unwatch(loop);
  if (loop->hooks != NULL) loop->hooks->free_tasks(loop);
  eddy__pool_fini(&loop->handles);
  eddy__pool_fini(&loop->ops);
  eddy__free(loop);
}

int eddy__loop_refusal(const eddy_loop *loop)
{
  if (loop == NULL) return EDDY_EINVAL;
  if (loop->closed) return eddy__fail(EDDY_ECLOSED, "eddy", "loop", -1);
  if (loop->inherited) {
    return eddy_raise(
        EDDY_EOTHERTHREAD, "the loop was inherited by fork; make a new one in the child");
  }
  if (loop->debug && loop->thread != NULL && loop->thread != &eddy__self) {
    return eddy__fail(EDDY_EOTHERTHREAD, "eddy", "loop", -1);
  }
  return 0;
}

int eddy_loop_run(eddy_loop *loop)
{
  return eddy__loop_run(loop, EDDY__RUN_UNTIL_IDLE);
}

int eddy_loop_run_forever(eddy_loop *loop)
{
  return eddy__loop_run(loop, EDDY__RUN_FOREVER);
}

void eddy_loop_stop(eddy_loop *loop)
{
  loop->stopping = true;
  loop->poll_at = 0;
}

bool eddy_loop_is_running(const eddy_loop *loop)
{
  return loop->running;
}

bool eddy_loop_is_closed(const eddy_loop *loop)
{
  return loop->closed;
}

eddy_loop *eddy_get_running_loop(void)
{
  return eddy__self.loop;
}

eddy_time eddy_loop_time(const eddy_loop *loop)
{
  /* Reading the clock is remembered, which is no change that a caller could see. */
  return loop->closed ? loop->clock : eddy__loop_now((eddy_loop *)loop);
}

void eddy_loop_hold(eddy_loop *loop)
{
  atomic_fetch_add(&loop->holds, 1);
  /* A host's loop that has nothing else to do must hear of it before it is run. */
  bool outside = loop->guest && loop->maker == &eddy__self && !loop->running;
  if (outside && !loop->closed) loop->io->busy(loop->io_state, true);
}

void eddy_loop_release(eddy_loop *loop)
{
  /* The loop may end as soon as the last hold is gone: it has to wait for the wake-up. */
  bool open = eddy__loop_visit(loop);
  size_t before = atomic_fetch_sub(&loop->holds, 1);
  EDDY_CHECK(before > 0, "eddy_loop_release: called more often than eddy_loop_hold");
  if (before == 1 && open) loop->io->wake(loop->io_state);
  eddy__loop_visit_end(loop);
}

void eddy_backend_instead(eddy_loop *loop, const char *name, const char *reason)
{
  loop->backend_name = name;
  loop->backend_reason = reason;
}

size_t eddy_backend_holds(const eddy_loop *loop)
{
  return atomic_load(&loop->holds);
}

void eddy_loop_set_debug(eddy_loop *loop, bool on)
{
  loop->debug = on;
  eddy__loop_set_pace(loop);
  loop->special = on || loop->closed || loop->inherited;
}

bool eddy_loop_get_debug(const eddy_loop *loop)
{
  return loop->debug;
}

void eddy_loop_set_slow_callback_duration(eddy_loop *loop, eddy_time duration)
{
  loop->slow_callback = duration;
}

eddy_time eddy_loop_get_slow_callback_duration(const eddy_loop *loop)
{
  return loop->slow_callback;
}

void eddy_loop_get_stats(const eddy_loop *loop, eddy_loop_stats *stats)
{
  *stats = (eddy_loop_stats){
      .backend = loop->backend_name,
      .backend_reason = loop->backend_reason,
      .iterations = loop->iterations,
      .polls = loop->polls,
      .callbacks = loop->ring.head,
      .steps = loop->steps,
      .ready = (size_t)(loop->ring.tail - loop->ring.head),
      .timers = loop->closed ? 0 : loop->scheduler->count(loop->scheduler_state),
      .tasks = loop->tasks,
      .parked = eddy__ready_parked(loop),
      .operations = loop->operations,
      .holds = atomic_load(&loop->holds),
      .buffers = loop->buffers,
      .stack_guard = "none",
  };
  if (loop->hooks != NULL) loop->hooks->stats(loop, stats);
}

void *eddy_loop_uv(eddy_loop *loop)
{
  return loop->closed ? NULL : loop->io->uv_loop(loop->io_state);
}
