#include "tools/thin.h"

#include <stdlib.h>
#include <string.h>

#include "tools/tool.h"

#define NEAR 4    /* rows on either side of a further difference */
#define SAMPLE 40 /* rows in a row */

struct choice {
  const struct diff *diff;
  unsigned char *kept; /* by row */
};

/* Keeps rows from `from` on, `count` of them or as many as `left` allows. */
static void keep(struct choice *choice, size_t from, size_t count, size_t *left)
{
  for (size_t i = from; count > 0 && i<choice->diff->count && * left> 0; i++, count--) {
    if (choice->kept[i] == 0) --*left;
    choice->kept[i] = 1;
  }
}

static void keep_around(
    struct choice *choice, size_t row, size_t before, size_t behind, size_t *left)
{
  size_t from = row > before ? row - before : 0;
  keep(choice, from, row - from + behind, left);
}

static void choose(struct choice *choice, size_t most)
{
  const struct diff *diff = choice->diff;
  size_t of_differences = most * 3 / 10, left = most - of_differences;
  keep(choice, 0, most / 5, &left);
  keep_around(choice, diff->first, most / 20, most / 10, &left);
  keep_around(choice, diff->count, most / 20, 0, &left);
  for (size_t i = diff->first; i < diff->count && of_differences > 0; i++) {
    if (diff_row_differs(diff, &diff->rows[i]))
      keep_around(choice, i, NEAR, NEAR + 1, &of_differences);
  }
  left += of_differences;
  size_t samples = left / SAMPLE;
  for (size_t i = 0; i < samples; i++)
    keep(choice, diff->count / samples * i, SAMPLE, &left);
}

static void add_row(struct thin *thin, size_t row, enum thin_kind kind, bool differs)
{
  struct thin_run *last = thin->count > 0 ? &thin->runs[thin->count - 1] : NULL;
  if (last == NULL || last->kind != kind) {
    thin->runs = tool_grow(thin->runs, thin->count, &thin->capacity, sizeof(*last));
    last = &thin->runs[thin->count++];
    *last = (struct thin_run){.from = row, .kind = kind};
  }
  last->to = row + 1;
  if (kind == THIN_LEFT_OUT) last->differences += differs;
  if (kind != THIN_LEFT_OUT) thin->kept++;
}

void thin_make(const struct diff *diff, size_t most, struct thin *thin)
{
  *thin = (struct thin){0};
  struct choice choice = {diff, tool_memory(diff->count, 1)};
  bool all = diff->count <= most;
  if (!all) choose(&choice, most);
  for (size_t i = 0; i < diff->count; i++) {
    bool differs = diff_row_differs(diff, &diff->rows[i]);
    bool left_out = !all && choice.kept[i] == 0;
    add_row(thin, i,
        left_out  ? THIN_LEFT_OUT
        : differs ? THIN_DIFFERS
                  : THIN_SAME,
        differs);
  }
  free(choice.kept);
}

void thin_free(struct thin *thin)
{
  free(thin->runs);
}
