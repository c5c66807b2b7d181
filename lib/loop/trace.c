#include "loop/trace.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/self.h"

#define EVENTS 4096
#define FEWEST 64
#define KNOWN 64          /* constant texts at first */
#define LONGEST_TEXT 1024 /* the rest of it is cut */
#define HAND_ON_AFTER EDDY_MS(200)

_Static_assert(sizeof(eddy_trace_event) == 32, "two fit a cache line");
_Static_assert(EDDY_TRACE_COUNTED < 32, "a kind has five bits in a file");

/* The trace records no more; the loop lets go of it later, in its own time. */
EDDY__COLD static void end_early(struct eddy__trace *trace, int rc)
{
  if (trace->error != 0) return;
  trace->error = rc;
  fprintf(stderr, "eddy: a trace ends after %llu events: %s\n",
      (unsigned long long)trace->handed_on, eddy_strerror(rc));
  fflush(stderr);
}

static void hand_on(struct eddy__trace *trace)
{
  size_t count = trace->count;
  trace->count = 0;
  if (count == 0 || trace->error != 0) return;
  int rc = trace->sink(trace->arg, trace->events, count);
  if (rc < 0) {
    end_early(trace, rc);
  } else {
    trace->handed_on += count;
  }
}

void eddy__trace_put(eddy_loop *loop, eddy_trace_kind kind, unsigned detail,
    uint32_t task, uint32_t other, uint64_t value)
{
  struct eddy__trace *trace = loop->trace;
  if (trace->error != 0) return;
  if (trace->count == trace->capacity) hand_on(trace);
  if (trace->cause == EDDY_TRACE_BY_OUTSIDE) eddy__trace_look(loop);
  trace->events[trace->count++] = (eddy_trace_event){
      .time = trace->now,
      .task = task,
      .other = other,
      .value = value,
      .loop = trace->loop,
      .kind = (uint8_t)kind,
      .detail = (uint8_t)detail,
  };
}

uint32_t eddy__trace_text(eddy_loop *loop, const char *text)
{
  struct eddy__trace *trace = loop->trace;
  if (text == NULL || trace->error != 0) return 0;
  size_t size = strlen(text);
  if (size > LONGEST_TEXT) size = LONGEST_TEXT;
  size_t slots = (size + sizeof(eddy_trace_event) - 1) / sizeof(eddy_trace_event);
  if (trace->capacity - trace->count < slots + 1) hand_on(trace);
  eddy__trace_put(loop, EDDY_TRACE_TEXT, 0, 0, ++trace->texts, size);
  memset(&trace->events[trace->count], 0, slots * sizeof(eddy_trace_event));
  memcpy(&trace->events[trace->count], text, size);
  trace->count += slots;
  return trace->texts;
}

static struct eddy__trace_known *find_known(struct eddy__trace *trace, const void *text)
{
  size_t mask = trace->known_capacity - 1;
  size_t at = (size_t)(((uintptr_t)text >> 3) * 0x9e3779b97f4a7c15u >> 20);
  while (trace->known[at & mask].text != NULL && trace->known[at & mask].text != text) {
    at++;
  }
  return &trace->known[at & mask];
}

static int grow_known(struct eddy__trace *trace)
{
  struct eddy__trace_known *old = trace->known;
  size_t capacity = trace->known_capacity;
  trace->known = eddy__alloc(2 * capacity * sizeof(*old));
  if (trace->known == NULL) {
    trace->known = old;
    return EDDY_ENOMEM;
  }
  trace->known_capacity = 2 * capacity;
  for (size_t i = 0; i < capacity; i++) {
    if (old[i].text != NULL) *find_known(trace, old[i].text) = old[i];
  }
  eddy__free(old);
  return 0;
}

uint32_t eddy__trace_constant(eddy_loop *loop, const char *text)
{
  struct eddy__trace *trace = loop->trace;
  if (text == NULL || trace->error != 0) return 0;
  struct eddy__trace_known *known = find_known(trace, text);
  if (known->text != NULL) return known->number;
  if (2 * trace->known_count >= trace->known_capacity) {
    if (grow_known(trace) < 0) {
      end_early(trace, EDDY_ENOMEM);
      return 0;
    }
    known = find_known(trace, text);
  }
  trace->known_count++;
  known->text = text;
  known->number = eddy__trace_text(loop, text);
  return known->number;
}

uint32_t eddy__trace_self(void)
{
  return eddy__self.task != NULL ? eddy__self.loop->hooks->trace_id(eddy__self.task) : 0;
}

/* What tells callbacks apart: the function that the program gave. */
static uint64_t callback_of(struct eddy__entry entry)
{
  eddy_fn *fn = entry.fn;
  if (fn == eddy__handle_run) fn = ((eddy_handle *)entry.arg)->fn;
  return (uint64_t)(uintptr_t) * (void **)(void *)&fn;
}

static bool is_step(const eddy_loop *loop, struct eddy__entry entry)
{
  return loop->hooks != NULL && entry.fn == loop->hooks->step;
}

void eddy__trace_queued(eddy_loop *loop)
{
  struct eddy__trace *trace = loop->trace;
  struct eddy__entry entry = loop->ring.entries[(loop->ring.tail - 1) & loop->ring.mask];
  unsigned cause = trace->cause;
  uint32_t by = trace->cause_of;
  if (eddy__self.task != NULL && eddy__self.loop == loop) {
    cause = EDDY_TRACE_BY_TASK;
    by = eddy__trace_self();
  }
  uint32_t task = 0;
  uint64_t value = 0;
  if (is_step(loop, entry)) {
    loop->hooks->trace_new(loop, entry.arg);
    task = loop->hooks->trace_id(entry.arg);
  } else {
    value = callback_of(entry);
  }
  eddy__trace_put(loop, EDDY_TRACE_QUEUED, cause, task, by, value);
}

/* A step or callback may begin or end the trace: it is looked for anew behind each. */
int eddy__trace_run(
    eddy_loop *loop, struct eddy__entry entry, int (*run)(struct eddy__entry entry))
{
  struct eddy__trace *trace = loop->trace;
  bool step = is_step(loop, entry);
  uint64_t callback = step ? 0 : callback_of(entry);
  if (trace->turn != loop->iterations) {
    trace->turn = loop->iterations;
    eddy__trace_put(loop, EDDY_TRACE_TURN, 0, 0, 0, loop->iterations);
  }
  if (step) {
    loop->hooks->trace_run(loop, entry.arg);
  } else {
    eddy__trace_put(loop, EDDY_TRACE_RUN, 0, 0, 0, callback);
  }
  trace->cause = EDDY_TRACE_BY_CALLBACK;
  trace->cause_of = 0;
  int rc = run(entry);
  trace = loop->trace;
  if (trace == NULL) return rc;
  eddy__trace_look(loop);
  if (!step) {
    eddy__trace_put(loop, EDDY_TRACE_RAN, 0, 0, rc < 0, callback);
  } else if (trace->running != 0) {
    loop->hooks->trace_parked(loop, entry.arg);
  }
  return rc;
}

void eddy__trace_poll(eddy_loop *loop, eddy_time timeout)
{
  struct eddy__trace *trace = loop->trace;
  /* The loop has time, or whoever watches the file has waited for long enough. */
  bool often = trace->count >= trace->capacity / 2 && timeout != 0;
  if (often || trace->now - trace->handed_at >= HAND_ON_AFTER) {
    trace->handed_at = trace->now;
    hand_on(trace);
  }
  eddy__trace_put(loop, EDDY_TRACE_POLL, 0, 0, 0, (uint64_t)timeout);
  trace->cause = EDDY_TRACE_BY_IO;
}

void eddy__trace_polled(eddy_loop *loop)
{
  uint32_t count = 0;
  eddy__trace_look(loop);
  for (const eddy_op *op = loop->arrived; op != NULL; op = op->next) {
    count++;
  }
  eddy__trace_put(loop, EDDY_TRACE_POLLED, 0, 0, count, 0);
}

void eddy__trace_op(eddy_loop *loop, eddy_trace_kind kind, const eddy_op *op, int rc)
{
  uint32_t by = kind == EDDY_TRACE_TRIED ? eddy__trace_self() : 0;
  eddy__trace_put(loop, kind, op->kind, by, (uint32_t)op->fd, (uint64_t)(int64_t)rc);
  loop->trace->cause_of = (uint32_t)op->fd;
}

void eddy__trace_timer(eddy_loop *loop, eddy_trace_kind kind, const eddy_timer *timer)
{
  uint32_t by = kind == EDDY_TRACE_FIRED ? 0 : eddy__trace_self();
  uint32_t number = (uint32_t)timer->sequence + 1;
  eddy__trace_put(loop, kind, 0, by, number, (uint64_t)timer->deadline);
  loop->trace->cause_of = number;
}

static void free_trace(struct eddy__trace *trace)
{
  if (trace->close != NULL) trace->close(trace->arg);
  eddy__free(trace->known);
  eddy__free(trace->events);
  eddy__free(trace);
}

static int new_trace(const eddy_trace_options *options, struct eddy__trace **out)
{
  static atomic_uint loops;
  struct eddy__trace *trace = eddy__alloc(sizeof(*trace));
  if (trace == NULL) return EDDY_ENOMEM;
  trace->capacity = options->buffer == 0       ? EVENTS
                    : options->buffer < FEWEST ? FEWEST
                                               : options->buffer;
  trace->known_capacity = KNOWN;
  trace->events = eddy__alloc(trace->capacity * sizeof(*trace->events));
  trace->known = eddy__alloc(KNOWN * sizeof(*trace->known));
  if (trace->events == NULL || trace->known == NULL) {
    free_trace(trace);
    return EDDY_ENOMEM;
  }
  trace->loop = atomic_fetch_add(&loops, 1) + 1;
  *out = trace;
  return 0;
}

/* What runs, and why, if it is not what was asked for. */
static uint32_t put_backend(eddy_loop *loop)
{
  char text[LONGEST_TEXT];
  if (loop->backend_reason == NULL) return eddy__trace_text(loop, loop->backend_name);
  (void)snprintf(
      text, sizeof(text), "%s, since %s", loop->backend_name, loop->backend_reason);
  return eddy__trace_text(loop, text);
}

int eddy__trace_begin(eddy_loop *loop, const eddy_trace_options *options, bool shared)
{
  struct eddy__trace *trace;
  int rc = new_trace(options, &trace);
  if (rc < 0) return rc;
  trace->sink = options->sink;
  trace->arg = options->arg;
  if (options->file != NULL) rc = eddy__trace_open(trace, options->file, shared);
  if (rc < 0) {
    free_trace(trace);
    return rc;
  }
  eddy_loop_get_stats(loop, &trace->before);
  loop->trace = trace;
  eddy__trace_look(loop);
  trace->handed_at = trace->now;
  if (loop->running) trace->cause = EDDY_TRACE_BY_CALLBACK;
  loop->nudge |= EDDY__NUDGE_TRACE;
  eddy__loop_set_pace(loop);
  uint32_t process = (uint32_t)eddy__process_id();
  bool in_virtual_time = (loop->io->features & EDDY_IO_VIRTUAL_TIME) != 0;
  eddy__trace_put(
      loop, EDDY_TRACE_BEGIN, 0, process, EDDY_TRACE_FORMAT, EDDY_TRACE_MAGIC);
  uint32_t name = put_backend(loop);
  eddy__trace_put(loop, EDDY_TRACE_LOOP, in_virtual_time, 0, name, trace->loop);
  if (loop->hooks != NULL) loop->hooks->trace_all(loop);
  return 0;
}

int eddy_loop_trace_start(eddy_loop *loop, const eddy_trace_options *options)
{
  int rc = eddy__loop_usable(loop);
  if (rc < 0) return rc;
  if (options == NULL || (options->file == NULL) == (options->sink == NULL))
    return EDDY_EINVAL;
  if (loop->trace != NULL && loop->trace->error == 0) {
    return eddy_raise(EDDY_EBUSY, "eddy_loop_trace_start: the loop is traced already; "
                                  "eddy_loop_trace_stop ends a trace");
  }
  if (loop->trace != NULL) (void)eddy_loop_trace_stop(loop);
  return eddy__trace_begin(loop, options, false);
}

int eddy_loop_trace_stop(eddy_loop *loop)
{
  if (loop == NULL || loop->trace == NULL || loop->inherited) return 0;
  struct eddy__trace *trace = loop->trace;
  eddy_loop_stats stats;
  eddy_loop_get_stats(loop, &stats);
  const uint64_t grown[] = {stats.iterations - trace->before.iterations,
      stats.polls - trace->before.polls, stats.steps - trace->before.steps};
  for (uint32_t i = 0; i < sizeof(grown) / sizeof(*grown); i++) {
    eddy__trace_put(loop, EDDY_TRACE_COUNTED, 0, 0, i, grown[i]);
  }
  hand_on(trace);
  int rc = trace->error;
  loop->trace = NULL;
  loop->nudge &= (uint8_t)~EDDY__NUDGE_TRACE;
  eddy__loop_set_pace(loop);
  free_trace(trace);
  return rc;
}
