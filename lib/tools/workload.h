/* What `eddy compare` measures: small programs, each run in a process of its own. */
#ifndef EDDY_TOOLS_WORKLOAD_H
#define EDDY_TOOLS_WORKLOAD_H

#include <stdbool.h>
#include <stddef.h>

struct workload {
  const char *name;
  const char *operation; /* what is counted */
  const char *purpose;
  unsigned long count;  /* how many, when it is measured */
  unsigned long traced; /* and when it is traced */
  int (*body)(void *unused);
  bool lesson; /* only traced: something to look at step by step */
};

extern const struct workload workloads[];
extern const size_t workloads_count;
extern const struct workload lessons[]; /* lesson.c */
extern const size_t lessons_count;

const struct workload *workload_find(const char *name);

/* Runs it in this process and prints its figures, a name and a number a line. */
int workload_run(const struct workload *workload, unsigned long count);

#endif
