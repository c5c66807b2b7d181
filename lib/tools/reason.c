/* Why two traces part. */
#include <stdlib.h>
#include <string.h>

#include "tools/diff.h"
#include "tools/tool.h"

#define GRAIN EDDY_MS(1) /* libuv's timers count whole milliseconds */

/* The same line in the other trace, behind the difference; NULL: it is not there. */
static const struct diff_line *counterpart(
    const struct diff_lines *lines, size_t from, const struct diff_line *line)
{
  for (size_t i = from; i < lines->count && i < from + 1000; i++) {
    if (lines->lines[i].hash == line->hash) return &lines->lines[i];
  }
  return NULL;
}

static bool by(const struct diff_line *line, enum eddy_trace_cause cause)
{
  return line->queued != NULL && line->queued->detail == cause;
}

static bool timed(const struct diff_line *line)
{
  return line->due != EDDY_NEVER;
}

/* How far apart the two timers are in one of the traces. */
static eddy_time apart(const struct diff_line *x, const struct diff_line *y)
{
  return x->due > y->due ? x->due - y->due : y->due - x->due;
}

static char *of_timers(const struct diff_line *a, const struct diff_line *b,
    const struct diff_line *a_in_b, const struct diff_line *b_in_a)
{
  /* Both timers as A has them, and as B has them. */
  eddy_time in_a = b_in_a != NULL ? apart(a, b_in_a) : EDDY_NEVER;
  eddy_time in_b = a_in_b != NULL ? apart(a_in_b, b) : EDDY_NEVER;
  if (in_a == 0 && in_b == 0)
    return tool_text("a tie: both timers are due at the same time in A and in B");
  if (in_a == 0 || in_b == 0) {
    eddy_time other = in_a == 0 ? in_b : in_a;
    return tool_text(
        "a tie: due at the same time in %s, the two timers are %s apart in %s",
        in_a == 0 ? "A" : "B", other == EDDY_NEVER ? "far" : tool_time((double)other),
        in_a == 0 ? "B" : "A");
  }
  eddy_time nearest = in_a < in_b ? in_a : in_b;
  if (nearest < GRAIN) {
    return tool_text(
        "the clock's grain: the two timers are only %s apart, less than the "
        "millisecond in which a scheduler may take them for equal, or in which "
        "two runs drift",
        tool_time((double)nearest));
  }
  return tool_text("timers: the two are due %s apart in A and %s in B",
      in_a == EDDY_NEVER ? "far" : tool_time((double)in_a),
      in_b == EDDY_NEVER ? "far" : tool_time((double)in_b));
}

/* The line with which a side goes on from a row; -1: it has none. */
static long next_of(const struct diff *diff, size_t row, bool of_a)
{
  for (size_t i = row; i < diff->count; i++) {
    long line = of_a ? diff->rows[i].a : diff->rows[i].b;
    if (line >= 0) return line;
  }
  return -1;
}

char *diff_reason(const struct diff *diff, size_t row)
{
  if (row >= diff->count) return tool_text("they are the same");
  long left = next_of(diff, row, true), right = next_of(diff, row, false);
  if (left < 0 || right < 0)
    return tool_text(
        "%s ends here, %s goes on", left < 0 ? "A" : "B", left < 0 ? "B" : "A");
  const struct diff_line *a = &diff->a.lines[left], *b = &diff->b.lines[right];
  const struct diff_line *a_in_b = counterpart(&diff->b, (size_t)right, a);
  const struct diff_line *b_in_a = counterpart(&diff->a, (size_t)left, b);
  bool io = by(a, EDDY_TRACE_BY_IO) || by(b, EDDY_TRACE_BY_IO);
  if (timed(a) && timed(b) && (a->run->task == 0) != (b->run->task == 0))
    return tool_text(
        "the clock: %s found this timer due in the same poll as the one before, %s in "
        "a later one",
        a->run->task == 0 ? "A" : "B", a->run->task == 0 ? "B" : "A");
  if (timed(a) && timed(b)) return of_timers(a, b, a_in_b, b_in_a);
  if (io && (timed(a) || timed(b)))
    return tool_text(
        "I/O and a timer: %s finds the descriptor ready first, %s the timer due",
        by(a, EDDY_TRACE_BY_IO) ? "A" : "B", by(a, EDDY_TRACE_BY_IO) ? "B" : "A");
  if (io)
    return tool_text("I/O: it was ready in another poll, or reported in another order");
  if (by(a, EDDY_TRACE_BY_THREAD) || by(b, EDDY_TRACE_BY_THREAD))
    return tool_text("another thread: what it posted came at another time");
  if (timed(a) || timed(b))
    return tool_text("a timer that is due in %s while %s goes on without",
        timed(a) ? "A" : "B", timed(a) ? "B" : "A");
  if (a_in_b == NULL && b_in_a == NULL)
    return tool_text("the steps themselves differ: not the order, but what was done");
  return tool_text("the order in which they were queued");
}
