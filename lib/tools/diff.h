/* Two traces of one program, lined up. */
#ifndef EDDY_TOOLS_DIFF_H
#define EDDY_TOOLS_DIFF_H

#include "tools/label.h"

/* What a scheduler did, in a line that is the same in every run that did the same. */
struct diff_line {
  char *text;
  uint64_t hash; /* of the text */
  const eddy_trace_event *run;
  const eddy_trace_event *queued; /* what queued it; NULL: not known */
  uint64_t turn;
  eddy_time due; /* of the timer behind it, or EDDY_NEVER */
};

struct diff_lines {
  struct diff_line *lines;
  size_t count;
  size_t capacity;
};

/* One row of the two columns; -1: nothing stands there. */
struct diff_row {
  long a, b;
};

struct diff {
  struct diff_lines a, b;
  struct diff_row *rows;
  size_t count;
  size_t capacity;
  size_t differences; /* rows that differ */
  size_t first;       /* the first of them */
};

void diff_make(struct read_loop *a, struct read_loop *b, struct diff *diff);
void diff_free(struct diff *diff);
bool diff_row_differs(const struct diff *diff, const struct diff_row *row);

/* The rule that decided the difference that begins with this row, in words. To be freed. */
char *diff_reason(const struct diff *diff, size_t row);

#endif
