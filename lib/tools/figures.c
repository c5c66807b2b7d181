#include "tools/figures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/tool.h"

static int compare_doubles(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

double figures_median(const double *values, size_t count)
{
  double sorted[MOST_ROUNDS];
  if (count == 0) return 0;
  memcpy(sorted, values, count * sizeof(*values));
  qsort(sorted, count, sizeof(*sorted), compare_doubles);
  return count % 2 == 1 ? sorted[count / 2]
                        : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
}

static void print_times(
    const char *label, const struct summary_times *a, const struct summary_times *b)
{
  const struct summary_times *both[2] = {a, b};
  if (a->count == 0 && b->count == 0) return;
  printf("    %-20s", label);
  for (int i = 0; i < 2; i++) {
    const struct summary_times *times = both[i];
    char text[64];
    snprintf(text, sizeof(text), "%s, %s",
        tool_time((double)tool_rank(times->all, times->count, 0.5)),
        tool_time((double)tool_rank(times->all, times->count, 0.99)));
    printf(" %22s", text);
  }
  printf("\n");
}

static void print_numbers(const char *label, double a, double b)
{
  printf("    %-20s %22.3f %22.3f", label, a, b);
  if (a > 0 && b > 0) printf("   %.2f", a / b);
  printf("\n");
}

static void print_one(const struct figures *figures, const struct comparison *one)
{
  const struct side *a = &one->sides[0], *b = &one->sides[1];
  double cost_a = figures_median(a->cost, figures->rounds);
  double cost_b = figures_median(b->cost, figures->rounds);
  double traced = (double)one->workload->traced;
  printf("  %s (%s)\n", one->workload->name, one->workload->purpose);
  char *label = tool_text("ns a %s", one->workload->operation);
  print_numbers(label, cost_a, cost_b);
  free(label);
  print_numbers("polls an operation", a->polls, b->polls);
  print_numbers("operations tried", (double)a->summary.tried / traced,
      (double)b->summary.tried / traced);
  print_numbers("memory, MiB", a->memory / 1024, b->memory / 1024);
  print_times("timer late p50, p99", &a->summary.late, &b->summary.late);
  print_times("ready to run p50, p99", &a->summary.waiting, &b->summary.waiting);
  char *reason = diff_reason(&one->diff);
  if (one->diff.differences == 0) {
    printf("    same order: %zu steps and callbacks\n", one->diff.a.count);
  } else {
    printf("    first difference at step %zu: %s\n", one->diff.first + 1, reason);
  }
  free(reason);
}

void figures_print(const struct figures *figures)
{
  printf("\n  %-22s %22s %22s   A/B\n", "", figures->backends[0], figures->backends[1]);
  for (size_t i = 0; i < figures->count; i++)
    print_one(figures, &figures->comparisons[i]);
}
