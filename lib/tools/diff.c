#include "tools/diff.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tools/texts.h"
#include "tools/tool.h"

#define AHEAD 400 /* how far behind a difference the two are looked for a place to meet */
#define AGREE 3   /* so many equal lines are one */

struct collector {
  struct labels labels;
  struct diff_lines *lines;
  eddy_time *due;                  /* of timers, by number */
  const eddy_trace_event **queued; /* of tasks: what queued the step */
  eddy_time *due_of;               /* of tasks: the timer behind that, or EDDY_NEVER */
  size_t *line_of;                 /* of tasks: where its step stands, and one */
  eddy_time running_due;           /* of the callback that runs */
  uint64_t turn;
};

static struct diff_line *add(
    struct collector *at, const eddy_trace_event *run, char *text)
{
  struct diff_lines *lines = at->lines;
  lines->lines = tool_grow(
      lines->lines, lines->count, &lines->capacity, sizeof(*lines->lines));
  struct diff_line *line = &lines->lines[lines->count++];
  *line = (struct diff_line){
      .text = text, .run = run, .turn = at->turn, .due = EDDY_NEVER};
  return line;
}

static void run_callback(struct collector *at, const eddy_trace_event *event)
{
  const eddy_trace_event *queued;
  char *text = label_callback(&at->labels, event, &queued);
  struct diff_line *line = add(at, event, text);
  line->queued = queued;
  bool timer = queued != NULL && queued->detail == EDDY_TRACE_BY_TIMER &&
               queued->other < at->labels.timers_count;
  at->running_due = timer ? at->due[queued->other] : EDDY_NEVER;
  line->due = at->running_due;
}

static void run_step(struct collector *at, const eddy_trace_event *event)
{
  char *text = tool_text("%s runs", read_task_name(at->labels.loop, event->task));
  struct diff_line *line = add(at, event, text);
  line->queued = at->queued[event->task];
  line->due = at->due_of[event->task];
  at->line_of[event->task] = at->lines->count;
}

/* What a step led to becomes part of its line. */
static void step_over(struct collector *at, uint32_t task, const char *outcome)
{
  size_t place = at->line_of[task];
  at->line_of[task] = 0;
  if (place == 0) return;
  char **text = &at->lines->lines[place - 1].text;
  char *longer = tool_text("%s, %s", *text, outcome);
  free(*text);
  *text = longer;
}

static void see(struct collector *at, const eddy_trace_event *event)
{
  char *text, *outcome;
  labels_see(&at->labels, event);
  switch (event->kind) {
  case EDDY_TRACE_TURN:
    at->turn = event->value;
    break;
  case EDDY_TRACE_BOOKED:
    if (event->other < at->labels.timers_count)
      at->due[event->other] = (eddy_time)event->value;
    break;
  case EDDY_TRACE_QUEUED:
    if (event->task == 0) break;
    at->queued[event->task] = event;
    at->due_of[event->task] = event->detail == EDDY_TRACE_BY_CALLBACK ? at->running_due
                                                                      : EDDY_NEVER;
    break;
  case EDDY_TRACE_RUN:
    if (event->task == 0) run_callback(at, event);
    if (event->task != 0) run_step(at, event);
    break;
  case EDDY_TRACE_PARKED:
    text = label_wait(&at->labels, event);
    outcome = tool_text("waits for %s", text);
    step_over(at, event->task, outcome);
    free(outcome);
    free(text);
    break;
  case EDDY_TRACE_ENDED:
    step_over(at, event->task, event->value == 0 ? "ends" : "ends with an error");
    break;
  default:
    break;
  }
}

static void collect(struct read_loop *loop, struct diff_lines *lines)
{
  struct collector at = {.lines = lines, .running_due = EDDY_NEVER};
  for (size_t i = 0; i < loop->count; i++) {
    (void)read_task_name(loop, loop->events[i].task);
  }
  labels_begin(&at.labels, loop);
  at.due = tool_memory(at.labels.timers_count, sizeof(*at.due));
  at.queued = tool_memory(loop->tasks_count, sizeof(*at.queued));
  at.due_of = tool_memory(loop->tasks_count, sizeof(*at.due_of));
  at.line_of = tool_memory(loop->tasks_count, sizeof(*at.line_of));
  for (size_t i = 0; i < loop->tasks_count; i++)
    at.due_of[i] = EDDY_NEVER;
  for (size_t i = 0; i < loop->count; i++)
    see(&at, &loop->events[i]);
  for (size_t i = 0; i < lines->count; i++)
    lines->lines[i].hash = texts_hash(lines->lines[i].text);
  labels_end(&at.labels);
  free(at.due);
  free(at.queued);
  free(at.due_of);
  free(at.line_of);
}

static void add_row(struct diff *diff, long a, long b)
{
  diff->rows = tool_grow(diff->rows, diff->count, &diff->capacity, sizeof(*diff->rows));
  diff->rows[diff->count++] = (struct diff_row){a, b};
}

/* Whether the two go on alike from here on. */
static bool agree(const struct diff *diff, size_t a, size_t b)
{
  for (size_t i = 0; i < AGREE; i++) {
    bool a_over = a + i >= diff->a.count, b_over = b + i >= diff->b.count;
    if (a_over || b_over) return a_over && b_over;
    if (diff->a.lines[a + i].hash != diff->b.lines[b + i].hash) return false;
  }
  return true;
}

/* The nearest place at which they meet again; the ends, if there is none. */
static void meet(const struct diff *diff, size_t *a, size_t *b)
{
  for (size_t sum = 1; sum <= AHEAD; sum++) {
    for (size_t step = 0; step <= sum; step++) {
      size_t x = *a + step, y = *b + (sum - step);
      if (x > diff->a.count || y > diff->b.count || !agree(diff, x, y)) continue;
      *a = x;
      *b = y;
      return;
    }
  }
  size_t left_a = diff->a.count - *a, left_b = diff->b.count - *b;
  *a += left_a < AHEAD ? left_a : AHEAD;
  *b += left_b < AHEAD ? left_b : AHEAD;
}

bool diff_row_differs(const struct diff *diff, const struct diff_row *row)
{
  if (row->a < 0 || row->b < 0) return true;
  return diff->a.lines[row->a].hash != diff->b.lines[row->b].hash;
}

void diff_make(struct read_loop *a, struct read_loop *b, struct diff *diff)
{
  *diff = (struct diff){0};
  collect(a, &diff->a);
  collect(b, &diff->b);
  size_t x = 0, y = 0;
  while (x < diff->a.count || y < diff->b.count) {
    bool both = x < diff->a.count && y < diff->b.count;
    if (both && diff->a.lines[x].hash == diff->b.lines[y].hash) {
      add_row(diff, (long)x++, (long)y++);
      continue;
    }
    size_t to_x = x, to_y = y;
    meet(diff, &to_x, &to_y);
    while (x < to_x || y < to_y) {
      long left = x < to_x ? (long)x++ : -1;
      long right = y < to_y ? (long)y++ : -1;
      add_row(diff, left, right);
    }
  }
  diff->first = diff->count;
  for (size_t i = diff->count; i-- > 0;) {
    if (!diff_row_differs(diff, &diff->rows[i])) continue;
    diff->first = i;
    diff->differences++;
  }
}

void diff_free(struct diff *diff)
{
  struct diff_lines *both[2] = {&diff->a, &diff->b};
  for (int i = 0; i < 2; i++) {
    for (size_t k = 0; k < both[i]->count; k++)
      free(both[i]->lines[k].text);
    free(both[i]->lines);
  }
  free(diff->rows);
}
