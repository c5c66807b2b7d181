/* The recorder behind eddy/trace.h. Nothing here is called on a loop that is not traced, but for
 * the tests `loop->trace != NULL` where that costs nothing that counts. While a loop is traced
 * its ring reports each entry (EDDY__NUDGE_TRACE) and no step goes straight to the next. */
#ifndef EDDY_LOOP_TRACE_H
#define EDDY_LOOP_TRACE_H

#include <eddy/trace.h>

#include "loop/loop.h"

/* A constant text and its number. */
struct eddy__trace_known {
  const void *text;
  uint32_t number;
};

struct eddy__trace {
  eddy_trace_event *events;
  size_t count;
  size_t capacity;
  eddy_trace_sink *sink;
  void *arg;
  void (*close)(void *arg); /* NULL: nothing to close */
  int error;                /* with which it has ended; it then records no more */
  uint32_t loop;
  uint32_t texts;
  struct eddy__trace_known *known; /* open addressing; capacity a power of two */
  size_t known_count;
  size_t known_capacity;
  uint32_t running; /* the task whose step is under way and not over, or 0 */
  uint32_t cause_of;
  eddy_time now; /* as last read: at the end of what ran, and behind a poll */
  uint8_t cause; /* who queues what is queued now, unless a task runs */
  uint64_t turn; /* the last iteration told */
  eddy_loop_stats before;
  uint64_t handed_on;
  eddy_time handed_at;
};

/* ---- trace.c ---- */

void eddy__trace_put(eddy_loop *loop, eddy_trace_kind kind, unsigned detail,
    uint32_t task, uint32_t other, uint64_t value);

/* The number of a text: of a constant one, told once, or of any. NULL: 0. */
uint32_t eddy__trace_constant(eddy_loop *loop, const char *text);
uint32_t eddy__trace_text(eddy_loop *loop, const char *text);

/* Who runs, for `other` of what it does: a task's number or 0. */
uint32_t eddy__trace_self(void);

/* The ring's last entry has just been queued. */
void eddy__trace_queued(eddy_loop *loop);

/* Runs an entry between its beginning and its end. */
int eddy__trace_run(
    eddy_loop *loop, struct eddy__entry entry, int (*run)(struct eddy__entry entry));

/* Before and after the backend is asked. */
void eddy__trace_poll(eddy_loop *loop, eddy_time timeout);
void eddy__trace_polled(eddy_loop *loop);

void eddy__trace_op(eddy_loop *loop, eddy_trace_kind kind, const eddy_op *op, int rc);
void eddy__trace_timer(eddy_loop *loop, eddy_trace_kind kind, const eddy_timer *timer);

/* Reads the clock. */
static inline void eddy__trace_look(eddy_loop *loop)
{
  loop->trace->now = loop->io->now(loop->io_state);
}

/* Who queues from now on, where no task runs. */
static inline void eddy__trace_cause(eddy_loop *loop, enum eddy_trace_cause cause)
{
  if (loop->trace == NULL) return;
  loop->trace->cause = (uint8_t)cause;
  loop->trace->cause_of = 0;
}

/* ---- trace_file.c ---- */

/* Opens the file: fills in the trace's sink. `shared`: it is the process's, which this loop is
 * perhaps not the first to write. 0 or a code. */
int eddy__trace_open(struct eddy__trace *trace, const char *name, bool shared);

/* A loop is made: traces it if the environment says so. What fails is reported. */
void eddy__trace_by_environment(eddy_loop *loop);

#endif
