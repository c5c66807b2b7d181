/* eddy diff: where two traces of a program part. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/diff.h"
#include "tools/tool.h"

static const char help[] =
    "eddy diff - say where two traces part, and why\n"
    "\n"
    "  eddy diff [-l N] [-a] [-c N] [-q] A.trace B.trace\n"
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
    "\n"
    "The exit status is 0 if they are the same, 1 if not, 2 in case of trouble.\n";

struct wishes {
  size_t loop;
  size_t context;
  bool all;
  bool quiet;
};

static int understand(int argc, char **argv, struct wishes *wishes)
{
  int option;
  optind = 1;
  while ((option = getopt(argc, argv, "l:c:aqh")) != -1) {
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
  char *reason = diff_reason(diff);
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

static int compare(char **names, const struct wishes *wishes)
{
  struct read_file files[2] = {{0}, {0}};
  int rc = 0;
  for (int i = 0; rc == 0 && i < 2; i++) {
    rc = read_trace(names[i], &files[i]);
    if (rc == 0 && wishes->loop > files[i].count)
      rc = tool_trouble("%s has %zu loops", names[i], files[i].count);
  }
  if (rc == 0) {
    struct diff diff;
    struct read_loop *a = &files[0].loops[wishes->loop - 1];
    struct read_loop *b = &files[1].loops[wishes->loop - 1];
    diff_make(a, b, &diff);
    print(&diff, a, b, wishes);
    rc = diff.differences == 0 ? TOOL_SAME : TOOL_DIFFERENT;
    diff_free(&diff);
  }
  read_free(&files[0]);
  read_free(&files[1]);
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
