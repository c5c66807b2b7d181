/*
 * What the report tells of two traces step by step. Rows of numbers are told as differences from
 * the number before where they mostly grow: that is half of the report's size.
 *
 *   rows      for each run of rows that are alike: the first, how many, the kind (0 the same,
 *             1 different, 2 left out), how many of those left out differ
 *   pairs     of each different row, which sides have a line: 1 A, 2 B, 3 both
 *   reasons   of each run of different rows
 *   gaps      of each run that is left out: the numbers of the lines behind it, A's and B's
 *   steps     of each side: lines, iterations, tasks, and the events of the first lines
 *   texts     by number
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tools/fairness.h"
#include "tools/report.h"
#include "tools/spans.h"
#include "tools/texts.h"
#include "tools/thin.h"
#include "tools/tool.h"

#define FAIR 300         /* tasks in the panel of fairness */
#define REPLAYED 400     /* lines whose events are told */
#define REPLAY_MOST 3000 /* of those events */

struct view {
  FILE *file;
  struct texts texts;
  struct read_loop *loop;
  const struct diff_lines *of;
  struct spans spans;
  size_t *kept; /* lines that are told, in order */
  size_t count;
  long *place; /* of every line among them, or -1 */
};

static void open_row(FILE *file, const char *name)
{
  fprintf(file, "\"%s\":[", name);
}

static void put(FILE *file, bool *more, int64_t number)
{
  fprintf(file, *more ? ",%" PRId64 : "%" PRId64, number);
  *more = true;
}

static void close_row(FILE *file)
{
  fputs("],", file);
}

/* ---- lines ---- */

static void keep_line(struct view *view, long line)
{
  if (line < 0) return;
  view->place[line] = (long)view->count;
  view->kept[view->count++] = (size_t)line;
}

static void keep_lines(
    struct view *view, const struct diff *diff, const struct thin *thin, bool of_a)
{
  view->kept = tool_memory(view->of->count, sizeof(*view->kept));
  view->place = tool_memory(view->of->count, sizeof(*view->place));
  for (size_t i = 0; i < view->of->count; i++)
    view->place[i] = -1;
  for (size_t i = 0; i < thin->count; i++) {
    const struct thin_run *run = &thin->runs[i];
    for (size_t row = run->from; run->kind != THIN_LEFT_OUT && row < run->to; row++)
      keep_line(view, of_a ? diff->rows[row].a : diff->rows[row].b);
  }
}

static const struct diff_line *line_at(const struct view *view, size_t i)
{
  return &view->of->lines[view->kept[i]];
}

/* What there is to say but for the task's name. */
static const char *rest_of(struct view *view, const struct diff_line *line)
{
  if (line->run->task == 0) return line->text;
  size_t name = strlen(read_task_name(view->loop, line->run->task));
  const char *rest = line->text + name + strlen(" runs");
  return strncmp(rest, ", ", 2) == 0 ? rest + 2 : rest;
}

static int64_t number_of(struct view *view, size_t i, int column)
{
  const struct diff_line *line = line_at(view, i);
  const struct span *span = &view->spans.lines[view->kept[i]];
  long from = span->from >= 0 ? view->place[span->from] : -1;
  switch (column) {
  case 0:
    return line->run->task;
  case 1:
    return (int64_t)texts_number(&view->texts, rest_of(view, line));
  case 2:
    return line->queued != NULL ? line->run->time - line->queued->time : -1;
  case 3:
    return span->over - line->run->time;
  case 4:
    return line->queued != NULL ? line->queued->detail : -1;
  default:
    return from >= 0 ? (int64_t)i - from : 0;
  }
}

/* `begun` is told as changes, and begins with the time of the trace's first event. */
static void tell_lines(struct view *view)
{
  static const char *const columns[] = {"task", "text", "ready", "ran", "cause", "from"};
  eddy_time last = view->loop->count > 0 ? view->loop->events[0].time : 0;
  bool more = false;
  fprintf(view->file, "\"total\":%zu,", view->of->count);
  open_row(view->file, "begun");
  for (size_t i = 0; i < view->count; i++) {
    put(view->file, &more, line_at(view, i)->run->time - last);
    last = line_at(view, i)->run->time;
  }
  close_row(view->file);
  for (int column = 0; column < 6; column++) {
    more = false;
    open_row(view->file, columns[column]);
    for (size_t i = 0; i < view->count; i++)
      put(view->file, &more, number_of(view, i, column));
    close_row(view->file);
  }
}

/* ---- iterations ---- */

static void tell_turn(struct view *view, const struct spans_turn *turn, size_t lines,
    size_t kept, bool *more)
{
  const int64_t numbers[] = {(int64_t)turn->number,
      turn->begun - view->loop->events[0].time, turn->steps, turn->of_io, turn->of_timers,
      turn->others, turn->polling, turn->idle, (int64_t)turn->polls,
      (int64_t)turn->reported, (int64_t)turn->tried, (int64_t)lines, (int64_t)kept};
  for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
    put(view->file, more, numbers[i]);
}

/* Those with lines that are told, thirteen numbers each. */
static void tell_turns(struct view *view)
{
  const struct spans *spans = &view->spans;
  bool more = false;
  size_t kept = 0;
  fprintf(view->file, "\"turnsTotal\":%zu,", spans->turns_count);
  open_row(view->file, "turns");
  for (size_t i = 0; i < spans->turns_count; i++) {
    const struct spans_turn *turn = &spans->turns[i];
    size_t end = i + 1 < spans->turns_count ? turn[1].first_line : view->of->count;
    size_t first = kept;
    while (kept < view->count && view->kept[kept] < end)
      kept++;
    if (kept > first) tell_turn(view, turn, end - turn->first_line, kept - first, &more);
  }
  close_row(view->file);
}

/* ---- tasks ---- */

static bool has_own_name(struct view *view, uint32_t task)
{
  char usual[32];
  snprintf(usual, sizeof(usual), "Task-%" PRIu32, task);
  return strcmp(usual, read_task_name(view->loop, task)) != 0;
}

/* Number less the one before, parent, creation site, the line that made it and one, or 0. */
static void tell_tasks(struct view *view, const bool *told)
{
  struct read_loop *loop = view->loop;
  bool more = false;
  uint32_t last = 0;
  open_row(view->file, "tasks");
  for (uint32_t task = 1; task < loop->tasks_count; task++) {
    if (!told[task]) continue;
    long made = view->spans.created[task];
    put(view->file, &more, task - last);
    put(view->file, &more, loop->tasks[task].parent);
    put(view->file, &more, (int64_t)texts_number(&view->texts, loop->tasks[task].site));
    put(view->file, &more, made >= 0 ? view->place[made] + 1 : 0);
    last = task;
  }
  close_row(view->file);
  fputs("\"names\":{", view->file);
  more = false;
  for (uint32_t task = 1; task < loop->tasks_count; task++) {
    if (!told[task] || !has_own_name(view, task)) continue;
    fprintf(view->file, "%s\"%" PRIu32 "\":", more ? "," : "", task);
    report_text(view->file, read_task_name(loop, task));
    more = true;
  }
  fputs("},", view->file);
}

static long line_of_run(const struct view *view, const eddy_trace_event *run)
{
  size_t low = 0, high = view->of->count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (view->of->lines[middle].run < run) low = middle + 1;
    if (view->of->lines[middle].run >= run) high = middle;
  }
  return low < view->of->count && view->of->lines[low].run == run ? (long)low : -1;
}

/* The tasks that ran longest: number, steps, how long, ready at most, where that was and one. */
static void tell_fairness(struct view *view, bool *told)
{
  size_t count;
  struct fairness *all = fairness_make(view->loop, &count);
  bool more = false;
  fprintf(view->file, "\"fairTotal\":%zu,", count);
  open_row(view->file, "fair");
  for (size_t i = 0; i < count && i < FAIR; i++) {
    long line = all[i].longest_run != NULL ? line_of_run(view, all[i].longest_run) : -1;
    told[all[i].task] = true;
    put(view->file, &more, all[i].task);
    put(view->file, &more, (int64_t)all[i].steps);
    put(view->file, &more, all[i].ran);
    put(view->file, &more, all[i].longest);
    put(view->file, &more, line >= 0 ? view->place[line] + 1 : 0);
  }
  close_row(view->file);
  free(all);
}

/* Line, task, time. */
static void tell_cancels(struct view *view)
{
  bool more = false;
  open_row(view->file, "cancels");
  for (size_t i = 0; i < view->spans.cancels_count && i < FAIR; i++) {
    const struct spans_cancel *cancel = &view->spans.cancels[i];
    put(view->file, &more, cancel->from >= 0 ? view->place[cancel->from] : -1);
    put(view->file, &more, cancel->task);
    put(view->file, &more, cancel->time - view->loop->events[0].time);
  }
  close_row(view->file);
}

/* ---- the first lines' events, for the ready queue and the timers ---- */

/* The line that each event queues; -1: none does. To be freed. */
static long *queued_lines(const struct view *view)
{
  long *lines = tool_memory(view->loop->count, sizeof(*lines));
  for (size_t i = 0; i < view->loop->count; i++)
    lines[i] = -1;
  for (size_t i = 0; i < view->of->count; i++) {
    const eddy_trace_event *queued = view->of->lines[i].queued;
    if (queued != NULL) lines[queued - view->loop->events] = (long)i;
  }
  return lines;
}

/* What the page knows of: 0 queued (line), 1 runs, 2 over, 3 timer booked (number, due), 4 fired
 * (number), 5 taken back (number), 6 poll. */
static bool replayed(
    const struct view *view, const eddy_trace_event *event, long line, int64_t *out)
{
  static const int kinds[32] = {[EDDY_TRACE_QUEUED] = 1,
      [EDDY_TRACE_RUN] = 2,
      [EDDY_TRACE_RAN] = 3,
      [EDDY_TRACE_PARKED] = 3,
      [EDDY_TRACE_ENDED] = 3,
      [EDDY_TRACE_BOOKED] = 4,
      [EDDY_TRACE_FIRED] = 5,
      [EDDY_TRACE_STOPPED] = 6,
      [EDDY_TRACE_POLL] = 7};
  if (kinds[event->kind] == 0) return false;
  out[0] = kinds[event->kind] - 1;
  out[1] = event->kind == EDDY_TRACE_QUEUED ? line : event->other;
  out[2] = event->kind == EDDY_TRACE_BOOKED
               ? (int64_t)event->value - view->loop->events[0].time
               : 0;
  return event->kind != EDDY_TRACE_QUEUED || line >= 0;
}

static void tell_replay(struct view *view)
{
  long *queued = queued_lines(view);
  bool more = false;
  open_row(view->file, "replay");
  for (size_t i = 0, lines = 0, told = 0; i < view->loop->count; i++) {
    const eddy_trace_event *event = &view->loop->events[i];
    int64_t numbers[3];
    lines += event->kind == EDDY_TRACE_RUN;
    if (lines > REPLAYED || told == REPLAY_MOST) break;
    if (!replayed(view, event, queued[i], numbers)) continue;
    for (int k = 0; k < 3; k++)
      put(view->file, &more, numbers[k]);
    told++;
  }
  close_row(view->file);
  free(queued);
}

/* ---- both sides, and the rows ---- */

static void tell_side(struct view *view)
{
  struct read_loop *loop = view->loop;
  bool *told = tool_memory(loop->tasks_count, sizeof(*told));
  fputc('{', view->file);
  for (size_t i = 0; i < view->count; i++)
    told[line_at(view, i)->run->task] = true;
  tell_lines(view);
  tell_turns(view);
  tell_fairness(view, told);
  tell_tasks(view, told);
  tell_cancels(view);
  tell_replay(view);
  fprintf(view->file, "\"complete\":%s}", loop->ended ? "true" : "false");
  free(told);
}

static void tell_rows(FILE *file, const struct diff *diff, const struct thin *thin)
{
  bool more = false;
  fprintf(file, "\"kept\":%zu,", thin->kept);
  open_row(file, "rows");
  for (size_t i = 0; i < thin->count; i++) {
    const struct thin_run *run = &thin->runs[i];
    put(file, &more, (int64_t)run->from);
    put(file, &more, (int64_t)(run->to - run->from));
    put(file, &more, run->kind);
    put(file, &more, run->kind == THIN_LEFT_OUT ? (int64_t)run->differences : 0);
  }
  close_row(file);
  fputs("\"pairs\":\"", file);
  for (size_t i = 0; i < thin->count; i++) {
    const struct thin_run *run = &thin->runs[i];
    for (size_t row = run->from; run->kind == THIN_DIFFERS && row < run->to; row++)
      fputc('0' + (diff->rows[row].a >= 0) + 2 * (diff->rows[row].b >= 0), file);
  }
  fputs("\",\"reasons\":[", file);
  more = false;
  for (size_t i = 0; i < thin->count; i++) {
    if (thin->runs[i].kind != THIN_DIFFERS) continue;
    char *reason = diff_reason(diff, thin->runs[i].from);
    if (more) fputc(',', file);
    report_text(file, reason);
    free(reason);
    more = true;
  }
  fputs("],", file);
}

/* The numbers of the lines behind what was left out, A's and B's. */
static void tell_gaps(FILE *file, const struct diff *diff, const struct thin *thin)
{
  bool more = false;
  long next[2] = {0, 0};
  open_row(file, "gaps");
  for (size_t i = 0; i < thin->count; i++) {
    const struct thin_run *run = &thin->runs[i];
    for (size_t row = run->from; row < run->to; row++) {
      next[0] += diff->rows[row].a >= 0;
      next[1] += diff->rows[row].b >= 0;
    }
    if (run->kind != THIN_LEFT_OUT) continue;
    put(file, &more, next[0]);
    put(file, &more, next[1]);
  }
  close_row(file);
}

void report_trace(FILE *file, struct comparison *one, size_t most)
{
  struct thin thin;
  struct view view = {.file = file};
  thin_make(&one->diff, most, &thin);
  tell_rows(file, &one->diff, &thin);
  tell_gaps(file, &one->diff, &thin);
  fputs("\"steps\":[", file);
  for (int i = 0; i < 2; i++) {
    view.loop = figures_loop(&one->sides[i]);
    view.of = i == 0 ? &one->diff.a : &one->diff.b;
    view.count = 0;
    spans_make(view.loop, view.of, &view.spans);
    keep_lines(&view, &one->diff, &thin, i == 0);
    if (i > 0) fputs(",\n", file);
    tell_side(&view);
    spans_free(&view.spans);
    free(view.kept);
    free(view.place);
  }
  fputs("],\"texts\":[", file);
  for (size_t i = 0; i < view.texts.count; i++) {
    if (i > 0) fputc(',', file);
    report_text(file, view.texts.all[i]);
  }
  fputc(']', file);
  texts_free(&view.texts);
  thin_free(&thin);
}
