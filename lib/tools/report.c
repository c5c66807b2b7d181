/* The report: the template with the figures put in as one JavaScript object. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include <eddy/version.h>

#include "tools/fairness.h"
#include "tools/figures.h"
#include "tools/tool.h"

#define LINES 600     /* of each trace that the panels show; the rest is counted */
#define TASKS 300     /* in the panel of fairness */
#define QUANTILES 200 /* points of a curve */

extern const char eddy_report_template[]; /* report.html, by the build */
static const char place[] = "\"EDDY_REPORT_DATA\"";

/* A text as JSON, and fit to stand inside a script element. */
static void text(FILE *file, const char *words)
{
  fputc('"', file);
  for (; *words != '\0'; words++) {
    unsigned char c = (unsigned char)*words;
    if (c < 0x20 || c == '"' || c == '\\' || c == '<' || c == '>') {
      fprintf(file, "\\u%04x", c);
    } else {
      fputc(c, file);
    }
  }
  fputc('"', file);
}

static void member(FILE *file, const char *name, const char *words)
{
  fprintf(file, "\"%s\":", name);
  text(file, words);
  fputc(',', file);
}

/* The curve of sorted durations: their number, then so many quantiles, the largest last. */
static void curve(FILE *file, const struct summary_times *times)
{
  fprintf(file, "{\"count\":%zu,\"points\":[", times->count);
  for (int i = 0; times->count > 0 && i <= QUANTILES; i++) {
    int64_t value = tool_rank(times->all, times->count, (double)i / QUANTILES);
    fprintf(file, "%s%" PRId64, i > 0 ? "," : "", value);
  }
  fprintf(file,
      "],\"p50\":%" PRId64 ",\"p99\":%" PRId64 ",\"p999\":%" PRId64 ",\"most\":%" PRId64
      "}",
      tool_rank(times->all, times->count, 0.5), tool_rank(times->all, times->count, 0.99),
      tool_rank(times->all, times->count, 0.999), tool_rank(times->all, times->count, 1));
}

static const char *woken_by(struct read_loop *loop, const struct diff_line *line)
{
  if (line->queued == NULL || line->queued->detail != EDDY_TRACE_BY_TASK) return "";
  return read_task_name(loop, line->queued->other);
}

/* The lines: [text, iteration, who queued it, task or ""]. */
static void lines(FILE *file, struct read_loop *loop, const struct diff_lines *all)
{
  fputc('[', file);
  for (size_t i = 0; i < all->count && i < LINES; i++) {
    const struct diff_line *line = &all->lines[i];
    fprintf(file, "%s[", i > 0 ? ",\n" : "");
    text(file, line->text);
    fprintf(file, ",%" PRIu64 ",", line->turn);
    text(file, woken_by(loop, line));
    fputc(',', file);
    text(file, line->run->task != 0 ? read_task_name(loop, line->run->task) : "");
    fputc(']', file);
  }
  fputc(']', file);
}

/* [name, creation site, steps, nanoseconds run, longest ready], the longest run first. */
static void tasks(FILE *file, struct read_loop *loop)
{
  size_t count;
  struct fairness *all = fairness_make(loop, &count);
  fprintf(file, "\"tasksTotal\":%zu,\"tasks\":[", count);
  for (size_t i = 0; i < count && i < TASKS; i++) {
    fputs(i > 0 ? ",[" : "[", file);
    text(file, read_task_name(loop, all[i].task));
    fputc(',', file);
    text(file, loop->tasks[all[i].task].site);
    fprintf(
        file, ",%zu,%" PRId64 ",%" PRId64 "]", all[i].steps, all[i].ran, all[i].longest);
  }
  fputs("],", file);
  free(all);
}

static void side(
    FILE *file, const struct figures *figures, const struct comparison *one, int i)
{
  const struct side *at = &one->sides[i];
  const struct diff_lines *all = i == 0 ? &one->diff.a : &one->diff.b;
  fputs("{\"cost\":[", file);
  for (size_t k = 0; k < figures->rounds; k++)
    fprintf(file, "%s%.3f", k > 0 ? "," : "", at->cost[k]);
  fprintf(file, "],\"polls\":%.6f,\"iterations\":%.6f,\"memory\":%.0f,\"tried\":%.3f,",
      at->polls, at->iterations, at->memory,
      (double)at->summary.tried / (double)one->workload->traced);
  fprintf(file,
      "\"steps\":%zu,\"callbacks\":%zu,\"tracedPolls\":%zu,\"late\":", at->summary.steps,
      at->summary.callbacks, at->summary.polls);
  curve(file, &at->summary.late);
  fputs(",\"waiting\":", file);
  curve(file, &at->summary.waiting);
  fputc(',', file);
  tasks(file, &one->sides[i].file.loops[0]);
  fprintf(file, "\"total\":%zu,\"lines\":", all->count);
  lines(file, &one->sides[i].file.loops[0], all);
  fputc('}', file);
}

static void comparison(
    FILE *file, const struct figures *figures, const struct comparison *one)
{
  const struct diff *diff = &one->diff;
  char *reason = diff_reason(diff);
  fputc('{', file);
  member(file, "name", one->workload->name);
  member(file, "operation", one->workload->operation);
  member(file, "purpose", one->workload->purpose);
  member(file, "reason", reason);
  free(reason);
  fprintf(file,
      "\"count\":%lu,\"traced\":%lu,\"differences\":%zu,\"first\":%zu,\"rowsTotal\":%zu,",
      one->workload->count, one->workload->traced, diff->differences, diff->first,
      diff->count);
  fputs("\"rows\":[", file);
  bool more = false;
  for (size_t i = 0; i < diff->count; i++) {
    const struct diff_row *row = &diff->rows[i];
    if (row->a >= LINES || row->b >= LINES) continue;
    fprintf(file, "%s[%ld,%ld,%d]", more ? "," : "", row->a, row->b,
        diff_row_differs(diff, row));
    more = true;
  }
  fputs("],\"sides\":[", file);
  side(file, figures, one, 0);
  fputs(",\n", file);
  side(file, figures, one, 1);
  fputs("]}", file);
}

static void data(FILE *file, const struct figures *figures)
{
  struct utsname system;
  bool known = uname(&system) == 0;
  char *machine = known ? tool_text("%s %s on %s", system.sysname, system.release,
                              system.machine)
                        : tool_text("unknown");
  fputc('{', file);
  member(file, "version", eddy_version());
  member(file, "machine", machine);
  member(file, "command", figures->command);
  free(machine);
  fputs("\"backends\":[", file);
  text(file, figures->backends[0]);
  fputc(',', file);
  text(file, figures->backends[1]);
  fprintf(file, "],\"rounds\":%zu,\"workloads\":[\n", figures->rounds);
  for (size_t i = 0; i < figures->count; i++) {
    comparison(file, figures, &figures->comparisons[i]);
    fputs(i + 1 < figures->count ? ",\n" : "\n", file);
  }
  fputs("]}", file);
}

int report_write(const char *name, const struct figures *figures)
{
  const char *split = strstr(eddy_report_template, place);
  if (split == NULL)
    return tool_trouble("the report's template has no place for figures");
  FILE *file = fopen(name, "we");
  if (file == NULL) return tool_trouble("%s cannot be written", name);
  (void)fwrite(eddy_report_template, 1, (size_t)(split - eddy_report_template), file);
  data(file, figures);
  fputs(split + sizeof(place) - 1, file);
  bool good = fflush(file) == 0 && ferror(file) == 0;
  good = fclose(file) == 0 && good;
  return good ? 0 : tool_trouble("%s: the disk is full, or failed", name);
}
