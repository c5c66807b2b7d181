/* What `eddy compare` has found out, or `eddy diff` about two traces. */
#ifndef EDDY_TOOLS_FIGURES_H
#define EDDY_TOOLS_FIGURES_H

#include "tools/diff.h"
#include "tools/summary.h"
#include "tools/workload.h"

#define MOST_ROUNDS 101

/* The numbers of each round; NAN: there is none. */
enum figures_number {
  NUMBER_COST,  /* nanoseconds an operation */
  NUMBER_POLLS, /* an operation */
  NUMBER_TRIED, /* operations on descriptors, an operation; of the traced run, as below */
  NUMBER_MEMORY,  /* MiB: the largest resident size */
  NUMBER_LATE,    /* nanoseconds: timers, from due to fired, p99 */
  NUMBER_WAITING, /* nanoseconds: steps, from ready to run, p99 */
  NUMBERS
};

struct figures_label {
  const char *name;
  const char *unit; /* "ns": a duration */
};

/* A workload on a backend. */
struct side {
  double numbers[NUMBERS][MOST_ROUNDS];
  double grown[MOST_ROUNDS]; /* bytes an operation: of the largest resident size */
  struct read_file file;     /* the trace that is shown, of the last round */
  size_t loop;               /* which of the file's */
  struct summary summary;
};

struct comparison {
  const struct workload *workload;
  struct side sides[2];
  struct diff diff;
};

struct figures {
  const char *backends[2];
  const char *traces[2]; /* their names, where no workload was run; or NULL */
  size_t rounds;
  struct comparison *comparisons;
  size_t count;
  char *command; /* that repeats it */
  struct figures_label labels[NUMBERS];
};

/* The least, the median and the most of what is a number. */
struct figures_spread {
  size_t count;
  double least, median, most;
};
struct figures_spread figures_spread(const double *values, size_t count);

/* Sets the names of the numbers. */
void figures_begin(struct figures *figures);

/* What a trace says of a round. */
void figures_take(
    struct side *side, const struct summary *summary, size_t round, double operations);

struct read_loop *figures_loop(struct side *side);

/* The terminal's table. */
void figures_print(struct figures *figures);

/* The report: 0, or TOOL_TROUBLE with what was wrong said. */
int report_write(const char *name, struct figures *figures);

#endif
