#include "tools/figures.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/tool.h"

static int compare_doubles(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

struct figures_spread figures_spread(const double *values, size_t count)
{
  double sorted[MOST_ROUNDS];
  struct figures_spread spread = {0};
  for (size_t i = 0; i < count && i < MOST_ROUNDS; i++) {
    if (!isnan(values[i])) sorted[spread.count++] = values[i];
  }
  if (spread.count == 0) return spread;
  qsort(sorted, spread.count, sizeof(*sorted), compare_doubles);
  size_t half = spread.count / 2;
  spread.least = sorted[0];
  spread.most = sorted[spread.count - 1];
  spread.median = spread.count % 2 == 1 ? sorted[half]
                                        : (sorted[half - 1] + sorted[half]) / 2;
  return spread;
}

void figures_begin(struct figures *figures)
{
  const struct figures_label labels[NUMBERS] = {
      [NUMBER_COST] = {"processor time", "ns"},
      [NUMBER_POLLS] = {"polls", ""},
      [NUMBER_TRIED] = {"descriptor calls", ""},
      [NUMBER_MEMORY] = {"memory", "MiB"},
      [NUMBER_LATE] = {"timers late, p99", "ns"},
      [NUMBER_WAITING] = {"ready to run, p99", "ns"},
  };
  memcpy(figures->labels, labels, sizeof(labels));
}

static double rank(const struct summary_times *times)
{
  return times->count == 0 ? NAN : (double)tool_rank(times->all, times->count, 0.99);
}

void figures_take(
    struct side *side, const struct summary *summary, size_t round, double operations)
{
  side->numbers[NUMBER_TRIED][round] = (double)summary->tried / operations;
  side->numbers[NUMBER_LATE][round] = rank(&summary->late);
  side->numbers[NUMBER_WAITING][round] = rank(&summary->waiting);
}

struct read_loop *figures_loop(struct side *side)
{
  return &side->file.loops[side->loop];
}

static char *number_text(double value, const char *unit)
{
  bool duration = strcmp(unit, "ns") == 0;
  if (duration && value < 100) return tool_text("%.1f ns", value);
  if (duration) return tool_text("%s", tool_time(value));
  return tool_text(value != 0 && value < 0.01 ? "%.1e" : "%.2f", value);
}

/* "35.8 ns (35.2 ns - 36.3 ns)", or "-". To be freed. */
static char *spread_text(const double *values, size_t count, const char *unit)
{
  struct figures_spread spread = figures_spread(values, count);
  if (spread.count == 0) return tool_text("-");
  char *least = number_text(spread.least, unit), *most = number_text(spread.most, unit);
  char *median = number_text(spread.median, unit);
  char *text = spread.count == 1 ? tool_text("%s", median)
                                 : tool_text("%s (%s - %s)", median, least, most);
  free(least);
  free(median);
  free(most);
  return text;
}

static void print_number(
    struct figures *figures, const struct comparison *one, enum figures_number number)
{
  const struct figures_label *label = &figures->labels[number];
  const double *a = one->sides[0].numbers[number], *b = one->sides[1].numbers[number];
  double of_a = figures_spread(a, figures->rounds).median;
  double of_b = figures_spread(b, figures->rounds).median;
  char *left = spread_text(a, figures->rounds, label->unit);
  char *right = spread_text(b, figures->rounds, label->unit);
  bool none = strcmp(left, "-") == 0 && strcmp(right, "-") == 0;
  char *name = strcmp(label->unit, "MiB") == 0 ? tool_text("%s, MiB", label->name)
                                               : tool_text("%s", label->name);
  if (!none) printf("    %-18s %29s %29s", name, left, right);
  if (!none && of_a > 0 && of_b > 0) printf("   %.2f", of_a / of_b);
  if (!none) printf("\n");
  free(name);
  free(left);
  free(right);
}

/* The distribution of the round that is shown. */
static void print_times(
    const char *label, const struct summary_times *a, const struct summary_times *b)
{
  const struct summary_times *both[2] = {a, b};
  if (a->count == 0 && b->count == 0) return;
  printf("    %-18s", label);
  for (int i = 0; i < 2; i++) {
    char text[96];
    snprintf(text, sizeof(text), "%s, %s, %s",
        tool_time((double)tool_rank(both[i]->all, both[i]->count, 0.5)),
        tool_time((double)tool_rank(both[i]->all, both[i]->count, 0.99)),
        tool_time((double)tool_rank(both[i]->all, both[i]->count, 1)));
    printf(" %29s", text);
  }
  printf("\n");
}

/* "<10us 8, <1ms 1": how many there are up to each power of ten. To be freed. */
static char *bins_text(const struct summary_times *times)
{
  static const char *const names[] = {"<10us", "<100us", "<1ms", "<10ms", "more"};
  size_t bins[5] = {0};
  char *text = tool_text("%s", "");
  for (size_t i = 0; i < times->count; i++) {
    int bin = 0;
    for (int64_t limit = 10000; bin < 4 && times->all[i] >= limit; limit *= 10)
      bin++;
    bins[bin]++;
  }
  for (int i = 0; i < 5; i++) {
    if (bins[i] == 0) continue;
    char *longer = tool_text(
        "%s%s%s %zu", text, text[0] != '\0' ? ", " : "", names[i], bins[i]);
    free(text);
    text = longer;
  }
  return text;
}

static void print_lags(const struct summary_times *a, const struct summary_times *b)
{
  char *left = bins_text(a), *right = bins_text(b);
  printf("    %-18s  %28s  %28s\n", "lag", left, right);
  free(left);
  free(right);
}

static void print_one(struct figures *figures, const struct comparison *one)
{
  const struct summary *a = &one->sides[0].summary, *b = &one->sides[1].summary;
  printf("  %s (%s; a %s)\n", one->workload->name, one->workload->purpose,
      one->workload->operation);
  for (int i = 0; i < NUMBERS; i++)
    print_number(figures, one, (enum figures_number)i);
  print_times("late p50 p99 most", &a->late, &b->late);
  print_times("lag p50 p99 most", &a->busy, &b->busy);
  print_lags(&a->busy, &b->busy);
  if (one->diff.differences == 0) {
    printf("    same order: yes, %zu steps and callbacks\n", one->diff.a.count);
    return;
  }
  char *reason = diff_reason(&one->diff, one->diff.first);
  printf("    first difference at step %zu: %s\n", one->diff.first + 1, reason);
  free(reason);
}

void figures_print(struct figures *figures)
{
  printf("\n  %-20s %29s %29s   A/B\n", "median (least - most)", figures->backends[0],
      figures->backends[1]);
  for (size_t i = 0; i < figures->count; i++) {
    if (!figures->comparisons[i].workload->lesson)
      print_one(figures, &figures->comparisons[i]);
  }
}
