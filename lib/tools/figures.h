/* What `eddy compare` has found out. */
#ifndef EDDY_TOOLS_FIGURES_H
#define EDDY_TOOLS_FIGURES_H

#include "tools/diff.h"
#include "tools/summary.h"
#include "tools/workload.h"

#define MOST_ROUNDS 101

/* A workload on a backend. */
struct side {
  double cost[MOST_ROUNDS]; /* nanoseconds of processor time an operation, by round */
  double polls;             /* an operation; of the last round, as the next two */
  double iterations;
  double memory;         /* the largest resident size, in KiB */
  struct read_file file; /* of the traced run */
  struct summary summary;
};

struct comparison {
  const struct workload *workload;
  struct side sides[2];
  struct diff diff;
};

struct figures {
  const char *backends[2];
  size_t rounds;
  struct comparison *comparisons;
  size_t count;
  char *command; /* that repeats it */
};

double figures_median(const double *values, size_t count);

/* The terminal's table. */
void figures_print(const struct figures *figures);

/* The report: 0, or TOOL_TROUBLE with what was wrong said. */
int report_write(const char *name, const struct figures *figures);

#endif
