/* eddy diff: where two traces of a program part. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/figures.h"
#include "tools/launch.h"
#include "tools/tool.h"

static const char help[] =
    "eddy diff - say where two traces part, and why\n"
    "\n"
    "  eddy diff [-l N] [-a] [-c N] [-q] [-o REPORT.html] A.trace B.trace\n"
    "\n"
    "Lines up two traces of one program, perhaps on two schedulers, step by step: which "
    "task\n"
    "or callback ran, and what it waited for then. Times do not count, nor how the steps "
    "were\n"
    "divided into iterations. Prints whether the order is the same; if not, the first\n"
    "difference, the rule that decided it, and the two side by side, as\n"
    "\n"
    "     12   3  Task-2 runs, waits for timer    |   12   3  timer of Task-3\n"
    "\n"
    "where the numbers are the step and the iteration, and the bar in the middle marks "
    "what\n"
    "differs (< and >: only in A, only in B).\n"
    "\n"
    "  -l N  the N-th loop of each trace; else the first\n"
    "  -a    all of it, not only what is near to the first difference\n"
    "  -c N  N lines before the first difference and three times as many behind it; else "
    "5\n"
    "  -q    only the verdict\n"
    "  -o F  writes the report that `eddy compare` writes of its workloads: both on one "
    "axis\n"
    "\n"
    "The exit status is 0 if they are the same, 1 if not, 2 in case of trouble.\n";

struct wishes {
  size_t loop;
  size_t context;
  bool all;
  bool quiet;
  const char *report;
};

static int understand(int argc, char **argv, struct wishes *wishes)
{
  int option;
  optind = 1;
  while ((option = getopt(argc, argv, "l:c:aqo:h")) != -1) {
    switch (option) {
    case 'l':
      wishes->loop = strtoul(optarg, NULL, 10);
      break;
    case 'c':
      wishes->context = strtoul(optarg, NULL, 10);
      break;
    case 'a':
      wishes->all = true;
      break;
    case 'q':
      wishes->quiet = true;
      break;
    case 'o':
      wishes->report = optarg;
      break;
    case 'h':
      return 1;
    default:
      return TOOL_TROUBLE;
    }
  }
  return optind + 2 == argc ? 0 : TOOL_TROUBLE;
}

#define WIDTH 46

static void print_side(const struct diff_lines *lines, long place, bool left)
{
  char text[WIDTH + 1] = "";
  if (place >= 0) {
    const struct diff_line *line = &lines->lines[place];
    snprintf(
        text, sizeof(text), "%7ld %5" PRIu64 "  %s", place + 1, line->turn, line->text);
  }
  printf(left ? "%-*s" : "%.*s", WIDTH, text);
}

static void print_row(const struct diff *diff, const struct diff_row *row)
{
  bool differs = diff_row_differs(diff, row);
  print_side(&diff->a, row->a, true);
  printf(" %c ", !differs ? ' ' : row->a < 0 ? '>' : row->b < 0 ? '<' : '|');
  print_side(&diff->b, row->b, false);
  putchar('\n');
}

static void print(const struct diff *diff, struct read_loop *a, struct read_loop *b,
    const struct wishes *wishes)
{
  char *reason = diff_reason(diff, diff->first);
  bool same = diff->differences == 0;
  if (same) {
    printf("same order: %zu steps and callbacks\n", diff->a.count);
  } else {
    printf("first difference at step %zu: %s\n", diff->first + 1, reason);
    printf("%zu of %zu lines differ\n", diff->differences, diff->count);
  }
  free(reason);
  if (wishes->quiet || (same && !wishes->all)) return;
  size_t from = 0, to = diff->count;
  if (!wishes->all) {
    from = diff->first > wishes->context ? diff->first - wishes->context : 0;
    to = diff->first + 3 * wishes->context + 1;
  }
  char left[WIDTH + 1];
  snprintf(left, sizeof(left), "A: %s", a->backend);
  printf("\n%-*s   B: %s\n", WIDTH, left, b->backend);
  for (size_t i = from; i < to && i < diff->count; i++)
    print_row(diff, &diff->rows[i]);
}

/* Of a trace, not of rounds: the whole program is one operation, done once. */
static void take_numbers(struct side *side)
{
  struct summary *summary = &side->summary;
  summary_make(figures_loop(side), summary);
  for (int i = 0; i < NUMBERS; i++)
    side->numbers[i][0] = NAN;
  figures_take(side, summary, 0, 1);
  side->numbers[NUMBER_COST][0] = (double)summary->running;
  side->numbers[NUMBER_POLLS][0] = (double)summary->polls;
  side->grown[0] = NAN;
}

static int report(struct comparison *one, char **names, const struct wishes *wishes)
{
  const struct workload workload = {
      launch_base(names[0]), "run", "two traces of one program", 1, 1, NULL, false};
  struct figures figures = {.rounds = 1, .count = 1, .comparisons = one};
  one->workload = &workload;
  figures_begin(&figures);
  figures.labels[NUMBER_COST].name = "time in steps";
  for (int i = 0; i < 2; i++) {
    figures.backends[i] = figures_loop(&one->sides[i])->backend;
    figures.traces[i] = names[i];
    take_numbers(&one->sides[i]);
  }
  figures.command = tool_text(
      "eddy diff -l %zu -o %s %s %s", wishes->loop, wishes->report, names[0], names[1]);
  int rc = report_write(wishes->report, &figures);
  free(figures.command);
  for (int i = 0; i < 2; i++)
    summary_free(&one->sides[i].summary);
  return rc;
}

static int compare(char **names, const struct wishes *wishes)
{
  struct comparison *one = tool_memory(1, sizeof(*one));
  int rc = 0;
  for (int i = 0; rc == 0 && i < 2; i++) {
    struct read_file *file = &one->sides[i].file;
    one->sides[i].loop = wishes->loop - 1;
    rc = read_trace(names[i], file);
    if (rc == 0 && wishes->loop > file->count)
      rc = tool_trouble("%s has %zu loops", names[i], file->count);
  }
  if (rc == 0) {
    struct read_loop *a = figures_loop(&one->sides[0]), *b = figures_loop(&one->sides[1]);
    diff_make(a, b, &one->diff);
    print(&one->diff, a, b, wishes);
    rc = one->diff.differences == 0 ? TOOL_SAME : TOOL_DIFFERENT;
    if (wishes->report != NULL && report(one, names, wishes) != 0) rc = TOOL_TROUBLE;
    diff_free(&one->diff);
  }
  read_free(&one->sides[0].file);
  read_free(&one->sides[1].file);
  free(one);
  return rc;
}

int tool_diff(int argc, char **argv)
{
  struct wishes wishes = {.loop = 1, .context = 5};
  bool asks = argc > 1 && strcmp(argv[1], "--help") == 0;
  int rc = asks ? 1 : understand(argc, argv, &wishes);
  if (rc == 0 && wishes.loop > 0) return compare(argv + optind, &wishes);
  fputs(help, rc == 1 ? stdout : stderr);
  return rc == 1 ? 0 : TOOL_TROUBLE;
}
