/* One iteration after another: poll, queue what was found, run what was ready. */
#include "loop/loop.h"

#include <errno.h>
#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/outcome.h"
#include "base/self.h"
#include "base/thread.h"
#include "loop/context.h"
#include "loop/trace.h"

/* How many callbacks may run before the backend is asked again, and how long they may take. */
#define POLL_AFTER 64
#define SLOW_BATCH EDDY_US(50)
#define LONGEST_POLL EDDY_S(24 * 3600)

bool eddy__loop_next_turn(eddy_loop *loop)
{
  if (loop->ring.head < loop->poll_at && eddy__posts_waiting(loop))
    eddy__posts_collect(loop);
  if (!eddy__loop_turn_is_due(loop)) return false;
  eddy__loop_begin_turn(loop);
  return true;
}

/* Decides how long the next callbacks may do without a poll, from how long the last took. One that
 * was left out because of the time decides nothing. */
static void plan_poll(eddy_loop *loop, eddy_time batch, bool polled)
{
  if (polled) loop->polls_often = batch > SLOW_BATCH;
  bool each_time = loop->polls_often || (loop->io->features & EDDY_IO_VIRTUAL_TIME) != 0;
  bool next = each_time || loop->guest || loop->stopping || loop->taken != NULL ||
              loop->earliest <= loop->seen;
  loop->poll_at = next ? 0 : loop->ring.head + POLL_AFTER;
}

/* Queues what happened, in the order: other threads, I/O, timers. */
static void collect(eddy_loop *loop, bool polled)
{
  eddy_time last = loop->clock;
  /* Without a poll, the time at which that was decided: no timer is due yet. */
  loop->clock = polled ? eddy__loop_now(loop) : loop->seen;
  if (polled) loop->polled = loop->clock;
  eddy__trace_cause(loop, EDDY_TRACE_BY_THREAD);
  if (eddy__posts_waiting(loop)) eddy__posts_collect(loop);
  eddy__trace_cause(loop, EDDY_TRACE_BY_IO);
  eddy__ops_collect(loop);
  eddy__trace_cause(loop, EDDY_TRACE_BY_TIMER);
  eddy__timers_collect(loop);
  plan_poll(loop, loop->clock - last, polled);
  eddy__loop_begin_turn(loop);
}

void eddy__loop_nudge(eddy_loop *loop)
{
  EDDY_CHECK(!loop->inherited, "a future, queue or task of a loop inherited by fork was "
                               "used in the child; make new ones "
                               "there, or leave the child with _exit or exec");
  if (loop->trace != NULL) eddy__trace_queued(loop);
  if (loop->closed || (loop->nudge & EDDY__NUDGE_AWAY) == 0) return;
  if (loop->running) {
    loop->io->wake(loop->io_state);
  } else {
    loop->io->busy(loop->io_state, true);
  }
}

/* With slow batches each boundary would poll, also one right after the last poll: a task that
 * waits for a descriptor has its step an iteration after the poll that found it ready. What a poll
 * would find comes before a timer that is due, so then there is one. */
static bool polled_just_now(eddy_loop *loop)
{
  if (!loop->polls_often || loop->guest) return false;
  if ((loop->io->features & EDDY_IO_VIRTUAL_TIME) != 0) return false;
  eddy_time now = eddy__loop_now(loop);
  return now - loop->polled < SLOW_BATCH && loop->earliest > now;
}

/* Whether it counts as a poll. */
static bool poll_backend(eddy_loop *loop, eddy_time timeout)
{
  bool ready = loop->ring.head != loop->ring.tail;
  if (ready && loop->io->quiet != NULL && loop->io->quiet(loop->io_state)) return true;
  if (ready && polled_just_now(loop)) return false;
  loop->polls++;
  if (loop->trace != NULL) eddy__trace_poll(loop, timeout);
  loop->nudge |= EDDY__NUDGE_AWAY;
  loop->io->poll(loop->io_state, timeout);
  loop->nudge &= (uint8_t)~EDDY__NUDGE_AWAY;
  if (loop->trace != NULL) eddy__trace_polled(loop);
  return true;
}

/* Looks whose callback was slow, and says so. Debug mode only. */
static void report_slow(eddy_loop *loop, struct eddy__entry entry, eddy_time took)
{
  if (took < loop->slow_callback) return;
  char message[96];
  eddy_task *task = NULL;
  if (loop->hooks != NULL && entry.fn == loop->hooks->step) {
    task = entry.arg;
    snprintf(
        message, sizeof(message), "a step of the task took %.3f s", (double)took / 1e9);
  } else {
    snprintf(message, sizeof(message), "callback %p(%p) took %.3f s",
        *(void **)(void *)&entry.fn, entry.arg, (double)took / 1e9);
  }
  eddy__loop_report(loop, message, 0, NULL, task, NULL, NULL);
}

EDDY__COLD static void report_error(eddy_loop *loop, int rc)
{
  eddy__loop_report(loop, "error in a callback", rc,
      eddy__outcome_detail(&loop->outcome, rc), NULL, NULL, NULL);
}

static int run_simply(struct eddy__entry entry)
{
  return entry.fn(entry.arg);
}

/* With an eye on the clock. */
static int run_timed(struct eddy__entry entry)
{
  eddy_loop *loop = eddy__self.loop;
  eddy_time start = eddy__clock_now();
  int rc = entry.fn(entry.arg);
  report_slow(loop, entry, eddy__clock_now() - start);
  return rc;
}

/* In debug mode, traced, or both. */
EDDY__COLD static int run_watched(eddy_loop *loop, struct eddy__entry entry)
{
  int (*run)(struct eddy__entry entry) = loop->debug ? run_timed : run_simply;
  return loop->trace != NULL ? eddy__trace_run(loop, entry, run) : run(entry);
}

static void run_entry(eddy_loop *loop, struct eddy__entry entry)
{
  eddy__self.outcome = &loop->outcome;
  int rc = loop->watched ? run_watched(loop, entry) : entry.fn(entry.arg);
  EDDY_CHECK(eddy__self.loop == loop,
      "a loop inherited by fork went on in the child; leave the child with _exit or "
      "exec, or "
      "start a loop of its own with eddy_run and then _exit");
  if (rc != 0) report_error(loop, rc);
  eddy__context_end();
}

/* Runs this iteration, and those after it that need no poll. */
static void run_ready(eddy_loop *loop)
{
  for (;;) {
    if (!eddy__loop_in_turn(loop) && eddy__loop_peek(loop) == NULL) return;
    struct eddy__entry entry = *eddy__loop_head(loop);
    eddy__loop_pop(loop);
    loop->ring.bookings--;
    if (entry.fn != NULL) run_entry(loop, entry);
  }
}

/* One iteration. Of the posts that the ring had no memory for, one is run all the same: they
 * are late, but the loop gets on. */
static void run_turn(eddy_loop *loop)
{
  struct eddy__entry entry;
  run_ready(loop);
  if (loop->taken != NULL && eddy__posts_take_stranded(loop, &entry))
    run_entry(loop, entry);
}

/* Whether nothing but this loop's own tasks could ever make anything ready. */
static bool nothing_can_happen(eddy_loop *loop)
{
  return loop->ring.head == loop->ring.tail && !eddy__posts_waiting(loop) &&
         loop->arrived == NULL && loop->scheduler->count(loop->scheduler_state) == 0 &&
         loop->user_signals == 0 && atomic_load(&loop->holds) == 0 &&
         !loop->io->alive(loop->io_state);
}

/* Whether this thread is the only one that can do anything. One of the library's own that has
 * ended is counted as resting until it is reaped, though the system has none any more: it would
 * hide another. One that ends while they are counted is seen the second time. */
static bool is_alone(void)
{
  for (int look = 0; look < 2; look++) {
    eddy__threads_reap();
    if (eddy__thread_count() != 1) return false;
  }
  return true;
}

/* Nothing can happen any more: decides whether the run ends (true) and with what. */
static bool conclude(eddy_loop *loop, enum eddy__run_mode mode, int *rc)
{
  switch (mode) {
  case EDDY__RUN_FOREVER:
    return false;
  case EDDY__RUN_UNTIL_IDLE:
    if (loop->tasks == 0) return true;
    eddy__report_deadlock(loop, "the loop ends with tasks that nothing can wake");
    *rc = EDDY_EDEADLOCK;
    return true;
  default:
    break;
  }
  bool alone = is_alone();
  /* A thread that has ended just now may have posted before. */
  if (alone && !nothing_can_happen(loop)) return false;
  if (!loop->reported || alone) {
    eddy__report_deadlock(
        loop, alone ? "deadlock: every task waits and nothing can wake any of them"
                    : "deadlock, unless another thread comes to help (one that "
                      "will should call eddy_loop_hold)");
    loop->reported = true;
  }
  if (alone) *rc = EDDY_EDEADLOCK;
  return alone;
}

/* How long the next poll may sleep. */
static eddy_time poll_timeout(eddy_loop *loop)
{
  if (loop->ring.head != loop->ring.tail || loop->stopping) return 0;
  if (eddy__posts_waiting(loop) || loop->arrived != NULL) return 0;
  eddy_time next = loop->scheduler->next(loop->scheduler_state);
  if (next == EDDY_NEVER) return EDDY_NEVER;
  eddy_time now = eddy__loop_now(loop);
  /* The batch ends here; what is slept is not part of it. */
  if (now - loop->clock <= SLOW_BATCH) loop->clock = now;
  eddy_time timeout = next > now ? next - now : 0;
  return timeout < LONGEST_POLL ? timeout : LONGEST_POLL;
}

/* Nothing to do for now: gives memory of past bursts back, once a second at most and some at
 * a time. Whether there is more, which then comes before the sleep. */
static bool trim(eddy_loop *loop)
{
  if (loop->seen - loop->trimmed < EDDY_S(1)) return false;
  eddy__ready_shrink(loop);
  eddy__pool_trim(&loop->handles);
  eddy__pool_trim(&loop->ops);
  if (loop->hooks != NULL && loop->hooks->trim(loop)) return true;
  loop->trimmed = loop->seen;
  return false;
}

static int run_until_stopped(eddy_loop *loop, enum eddy__run_mode mode)
{
  bool looked = false; /* a poll that may not sleep has found nothing */
  int rc = 0;
  do {
    eddy_time timeout = poll_timeout(loop);
    if (timeout == EDDY_NEVER && nothing_can_happen(loop)) {
      if (looked && conclude(loop, mode, &rc)) return rc;
      if (!looked) timeout = 0;
      looked = true;
    } else {
      looked = false;
    }
    if (timeout != 0 && trim(loop)) timeout = 0;
    bool polled = poll_backend(loop, timeout);
    EDDY_CHECK(eddy__self.loop == loop, "a loop inherited by fork went on in the child");
    collect(loop, polled);
    uint64_t head = loop->ring.head;
    run_turn(loop);
    if (loop->ring.head != head)
      looked = false; /* since then, they may have done anything */
  } while (!loop->stopping);
  return rc;
}

int eddy__loop_may_run(const eddy_loop *loop)
{
  if (loop == NULL) return EDDY_EINVAL;
  if (loop->closed) return eddy__fail(EDDY_ECLOSED, "run", "loop", -1);
  if (loop->running || eddy__self.loop != NULL) return EDDY_ERUNNING;
  if (loop->process != eddy__process_id()) {
    return eddy_raise(
        EDDY_EOTHERTHREAD, "run: the loop was inherited by fork; make a new one");
  }
  if (loop->thread != NULL && loop->thread != &eddy__self) {
    return eddy_raise(
        EDDY_EOTHERTHREAD, "run: the loop belongs to the thread that ran it first");
  }
  return 0;
}

int eddy__loop_run(eddy_loop *loop, enum eddy__run_mode mode)
{
  int rc = eddy__loop_may_run(loop);
  if (rc < 0) return rc;
  loop->running = true;
  loop->thread = &eddy__self;
  loop->errno_place = &errno;
  eddy__self.loop = loop;
  eddy_outcome *outcome = eddy__self.outcome;
  loop->callers_context = eddy__self.context; /* it is no callback's */
  eddy__self.context = NULL;
  loop->clock = eddy__loop_now(loop);
  rc = run_until_stopped(loop, mode);
  loop->stopping = false;
  loop->running = false;
  eddy__trace_cause(loop, EDDY_TRACE_BY_OUTSIDE);
  if (loop->guest) loop->nudge |= EDDY__NUDGE_AWAY;
  eddy__self.loop = NULL;
  eddy__self.outcome = outcome;
  eddy__self.context = loop->callers_context;
  loop->callers_context = NULL;
  return rc;
}

void eddy_backend_turn(eddy_loop *loop)
{
  if (loop->running) return; /* eddy_loop_run itself drives the host's loop */
  if (loop->closed || loop->inherited) return;
  struct eddy__self outer = eddy__self;
  loop->thread = &eddy__self;
  loop->errno_place = &errno;
  loop->running = true;
  loop->nudge &= (uint8_t)~EDDY__NUDGE_AWAY;
  eddy__self = (struct eddy__self){.loop = loop};
  collect(loop, true);
  run_turn(loop);
  loop->stopping = false;
  loop->running = false;
  eddy__trace_cause(loop, EDDY_TRACE_BY_OUTSIDE);
  loop->nudge |= EDDY__NUDGE_AWAY;
  eddy__self = outer;
  bool ready = loop->ring.head != loop->ring.tail || eddy__posts_waiting(loop);
  loop->io->busy(loop->io_state, ready);
  if (!ready && loop->tasks > 0 && !loop->reported && nothing_can_happen(loop)) {
    eddy__report_deadlock(loop, "deadlock, unless the host's loop comes to help");
    loop->reported = true;
  }
}
