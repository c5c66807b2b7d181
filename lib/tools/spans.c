#include "tools/spans.h"

#include <stdlib.h>

#include "tools/tool.h"

#define DEPTH 64 /* a step, and the first steps of eager tasks in it */

struct walk {
  struct read_loop *loop;
  const struct diff_lines *of;
  struct spans *spans;
  long *owner;       /* by event: the line that runs then, or -1 */
  size_t next;       /* line */
  long stack[DEPTH]; /* lines that run, the innermost last */
  size_t depth;
  struct spans_turn turn; /* being gathered */
  bool named;             /* it has its number */
  eddy_time polled_at;
  bool may_sleep;
};

static long running(const struct walk *walk)
{
  return walk->depth > 0 ? walk->stack[walk->depth - 1] : -1;
}

static void end_turn(struct walk *walk, eddy_time now)
{
  struct spans *spans = walk->spans;
  if (walk->named) {
    spans->turns = tool_grow(
        spans->turns, spans->turns_count, &spans->turns_capacity, sizeof(*spans->turns));
    spans->turns[spans->turns_count++] = walk->turn;
    walk->turn = (struct spans_turn){.begun = now};
  }
  walk->named = false;
}

static void begin_line(struct walk *walk, eddy_time now)
{
  if (walk->next == walk->of->count) return;
  walk->spans->lines[walk->next].over = now;
  if (walk->depth < DEPTH) walk->stack[walk->depth++] = (long)walk->next;
  walk->next++;
}

/* What the outermost line took belongs to the turn. */
static void count_line(struct walk *walk, const struct diff_line *line, int64_t took)
{
  unsigned cause = line->queued != NULL ? line->queued->detail : EDDY_TRACE_BY_OUTSIDE;
  if (line->run->task != 0) {
    walk->turn.steps += took;
  } else if (cause == EDDY_TRACE_BY_IO) {
    walk->turn.of_io += took;
  } else if (cause == EDDY_TRACE_BY_TIMER) {
    walk->turn.of_timers += took;
  } else {
    walk->turn.others += took;
  }
}

static void end_line(struct walk *walk, const eddy_trace_event *event)
{
  long at = running(walk);
  if (at < 0) return;
  const struct diff_line *line = &walk->of->lines[at];
  if (line->run->task != event->task) return;
  walk->depth--;
  walk->spans->lines[at].over = event->time;
  if (walk->depth == 0) count_line(walk, line, event->time - line->run->time);
}

static void of_poll(struct walk *walk, const eddy_trace_event *event)
{
  if (event->kind == EDDY_TRACE_POLL) {
    end_turn(walk, event->time);
    walk->polled_at = event->time;
    walk->may_sleep = event->value != 0;
    walk->turn.polls++;
    return;
  }
  int64_t took = event->time - walk->polled_at;
  *(walk->may_sleep ? &walk->turn.idle : &walk->turn.polling) += took;
  walk->turn.reported += event->other;
}

static void add_cancel(struct walk *walk, const eddy_trace_event *event)
{
  struct spans *spans = walk->spans;
  spans->cancels = tool_grow(spans->cancels, spans->cancels_count,
      &spans->cancels_capacity, sizeof(*spans->cancels));
  spans->cancels[spans->cancels_count++] = (struct spans_cancel){
      running(walk), event->task, event->time};
}

static void see(struct walk *walk, const eddy_trace_event *event)
{
  switch (event->kind) {
  case EDDY_TRACE_TURN:
    if (walk->named) end_turn(walk, event->time);
    walk->turn.number = event->value;
    walk->turn.first_line = walk->next;
    walk->named = true;
    break;
  case EDDY_TRACE_RUN:
    begin_line(walk, event->time);
    break;
  case EDDY_TRACE_RAN:
  case EDDY_TRACE_PARKED:
  case EDDY_TRACE_ENDED:
    end_line(walk, event);
    break;
  case EDDY_TRACE_POLL:
  case EDDY_TRACE_POLLED:
    of_poll(walk, event);
    break;
  case EDDY_TRACE_TRIED:
    walk->turn.tried++;
    break;
  case EDDY_TRACE_TASK:
    walk->spans->created[event->task] = running(walk);
    break;
  case EDDY_TRACE_CANCEL:
    add_cancel(walk, event);
    break;
  default:
    break;
  }
}

void spans_make(
    struct read_loop *loop, const struct diff_lines *lines, struct spans *spans)
{
  *spans = (struct spans){.count = lines->count};
  spans->lines = tool_memory(lines->count, sizeof(*spans->lines));
  spans->created = tool_memory(loop->tasks_count, sizeof(*spans->created));
  for (size_t i = 0; i < loop->tasks_count; i++)
    spans->created[i] = -1;
  struct walk walk = {.loop = loop, .of = lines, .spans = spans};
  walk.owner = tool_memory(loop->count, sizeof(*walk.owner));
  if (loop->count > 0) walk.turn.begun = loop->events[0].time;
  for (size_t i = 0; i < loop->count; i++) {
    see(&walk, &loop->events[i]);
    walk.owner[i] = running(&walk);
  }
  end_turn(&walk, 0);
  for (size_t i = 0; i < lines->count; i++) {
    const eddy_trace_event *queued = lines->lines[i].queued;
    spans->lines[i].from = queued != NULL ? walk.owner[queued - loop->events] : -1;
  }
  free(walk.owner);
}

void spans_free(struct spans *spans)
{
  free(spans->lines);
  free(spans->turns);
  free(spans->created);
  free(spans->cancels);
}
