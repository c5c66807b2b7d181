/* What the stress programs share: they end at the first thing that is wrong. */
#ifndef EDDY_STRESS_H
#define EDDY_STRESS_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <eddy.h>

static inline void need(int rc, const char *what)
{
  if (rc == 0) return;
  fprintf(stderr, "%s: %d (%s)\n", what, rc, rc < 0 ? eddy_message(rc) : "");
  exit(1);
}

static inline void expect(bool condition, const char *what)
{
  if (condition) return;
  fprintf(stderr, "not so: %s\n", what);
  exit(1);
}

/* Errors that nobody looks at are part of it. */
static inline int ignore(eddy_loop *loop, const eddy_exception_context *context, void *arg)
{
  (void)loop;
  (void)context;
  (void)arg;
  return 0;
}

static inline eddy_loop *new_loop(void)
{
  eddy_loop *loop;
  need(eddy_loop_new(NULL, &loop), "eddy_loop_new");
  eddy_loop_set_exception_handler(loop, ignore, NULL);
  return loop;
}

#endif
