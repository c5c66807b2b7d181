/*
 * Campaigns of injected faults: what their parts share. README.md says what a campaign is
 * and what counts as an error.
 */
#ifndef EDDY_TESTS_FAULTS_H
#define EDDY_TESTS_FAULTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <eddy.h>

#include "support.h"

/* ---- plans: one fault ---- */

enum faults_kind {
  FAULTS_NONE,
  FAULTS_MEMORY,        /* an allocation of eddy's */
  FAULTS_LIBUV,         /* an allocation of libuv's */
  FAULTS_BUDGET,        /* whichever of the two would exceed so many bytes in all */
  FAULTS_CANCEL_BEFORE, /* a task is cancelled when it is about to be suspended, */
  FAULTS_CANCEL_PARKED, /* soon after it was suspended, */
  FAULTS_CANCEL_WOKEN,  /* or between being woken and running */
};

struct faults_plan {
  enum faults_kind kind;
  bool lasting;     /* every later allocation fails, too */
  unsigned long at; /* the fault's number, counted from 1; BUDGET: the bytes there are */
};

/* What libuv wanted memory for: told by the call, see expected_libuv.txt. */
enum faults_need {
  FAULTS_NEED_LOOP,         /* the inside of a loop: calloc */
  FAULTS_NEED_FIRST_TABLE,  /* the table of descriptors, at first: realloc of nothing */
  FAULTS_NEED_LARGER_TABLE, /* the same, growing: realloc */
  FAULTS_NEED_OTHER,        /* anything else: malloc */
  FAULTS_NEEDS
};

/* So many different amounts of memory a run may need, for the budget series. */
#define FAULTS_STEPS 4096

/* What a run tells its parent; in memory that both share. */
struct faults_result {
  unsigned long count;    /* places where the plan's kind of fault could have been */
  unsigned long injected; /* faults that were */
  unsigned long failed_checks;
  atomic_ulong idle;   /* how often a loop was stopped because it would wait for ever */
  atomic_uint threads; /* that allocated while the plan was carried out */
  atomic_uint needs;   /* what libuv's allocations that failed were for: a bit for each */
  int code;            /* the first code that a check did not like */
  bool ended;
  char check[160];   /* where the first check failed */
  char problem[640]; /* what is wrong; empty: nothing */
  /* The rest only where no fault was to be: how many bytes were live, each time that they
   * were more than ever before. */
  size_t step_count;
  size_t steps[FAULTS_STEPS];
};

extern struct faults_result *faults_result;

/* Records what is wrong, the first time it is called. Any thread. */
void faults_problem(const char *format, ...) EDDY_PRINTF(1, 2);

/* ---- inject.c: allocations that fail ---- */

/* From now on the plan is carried out, until faults_disarm. */
void faults_arm(const struct faults_plan *plan);
void faults_disarm(void);

/* Counts one place where a fault of this kind could be, and says whether it is to be. */
bool faults_due(enum faults_kind kind);

/* Zeroed memory in eddy's name. */
void *faults_calloc(size_t count, size_t size);

/* What this thread allocates while it is on is nobody's business. */
void faults_suspend(bool on);

/* Whether the fault has been injected. */
bool faults_injected(void);

/* Has libuv allocate through here; before libuv is used for anything. */
void faults_take_libuv(void);

/* Remembers for each allocation where it was made. Slow. */
void faults_trace(void);

/* What is live now counts as nobody's; what is added to it later and cannot be reached from
 * the library's own variables is lost, and faults_look_for_leaks reports it. */
void faults_mark_live(void);
void faults_look_for_leaks(void);

/* While it is on, faults_result->steps are recorded. */
void faults_record_steps(bool on);

/* Prints the stack of the caller, without so many of its frames, with names where the system
 * has addr2line. */
void faults_print_stack(void *const *frames, int count);

/* ---- hooks.c: inside the library and the harness ---- */

/* The child's state before the next run. */
void faults_reset_hooks(void);

/* ---- held.c: what the case was given ---- */

/* Lets go of what the case has not let go of itself. */
void faults_release_held(void);

/* ---- layout.c: which descriptor numbers are free ---- */

/* The names, ended by NULL. */
extern const char *const faults_layouts[];

/* Raises the limit of descriptors as far as the layouts need; false if it cannot be. */
bool faults_raise_limit(void);

/* Occupies numbers, for the rest of the process's life. */
void faults_occupy(size_t layout);

/* Marks what is open now, and looks whether anything else is open later. */
void faults_mark_open(void);
void faults_look_for_open(void);

/* ---- run.c: one run in a child ---- */

enum faults_verdict {
  FAULTS_WELL,    /* it ended, and nothing was left behind */
  FAULTS_PROBLEM, /* faults_result says what */
  FAULTS_DIED,    /* by the signal or status in `detail` */
  FAULTS_HUNG,
};

struct faults_outcome {
  enum faults_verdict verdict;
  struct faults_result result;
  char detail[160];
};

/* Runs the case in a child of its own. NONE: without faults, and checks count. */
void faults_run(struct test_case *test, const struct faults_plan *plan, bool traced,
    struct faults_outcome *out);

/* The same in this process, for a debugger. Returns the exit status. */
int faults_run_here(struct test_case *test, const struct faults_plan *plan);

/* What the last child wrote to stderr, cut to size. */
void faults_read_output(char *text, size_t size);

/* Has the calling process end when its parent does. */
void faults_end_with_parent(void);

/* Prepares what faults_run needs. Returns false if the system does not provide it. */
bool faults_prepare(void);

/* How long a run may take, in seconds. */
extern unsigned faults_time_limit;

#endif
