/* Which rows of a long comparison its report shows. */
#ifndef EDDY_TOOLS_THIN_H
#define EDDY_TOOLS_THIN_H

#include "tools/diff.h"

enum thin_kind { THIN_SAME, THIN_DIFFERS, THIN_LEFT_OUT };

/* Rows from `from` to before `to`, all alike. */
struct thin_run {
  size_t from, to;
  enum thin_kind kind;
  size_t differences; /* among those left out */
};

struct thin {
  struct thin_run *runs; /* all rows, in order */
  size_t count;
  size_t capacity;
  size_t kept; /* rows */
};

/* Keeps at most so many rows: the first, those around the first difference, the last, some around
 * each further difference and samples from the rest. All, if there are not more. */
void thin_make(const struct diff *diff, size_t most, struct thin *thin);
void thin_free(struct thin *thin);

#endif
