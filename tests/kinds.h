/* Tasks of both kinds of coroutine in one test: whatever holds for one must for the other. */
#ifndef EDDY_TEST_KINDS_H
#define EDDY_TEST_KINDS_H

#include <stdio.h>

#include "eddy_test.h"

enum kind { STACKFUL, STACKLESS, MIXED };

/* Runs the scenario with tasks of each kind, and with both at once: nothing may differ. */
static inline int each_kind(int (*scenario)(enum kind kind))
{
  static const char *const names[] = {"stackful", "stackless", "mixed"};
  for (enum kind kind = STACKFUL; kind <= MIXED; kind++) {
    int rc = scenario(kind);
    if (rc == 0) continue;
    fprintf(stderr, "the failure was with %s coroutines\n", names[kind]);
    return rc;
  }
  return 0;
}

/* Lets everything that is ready, and what that makes ready, have its turn. */
static inline int settle(void)
{
  for (int i = 0; i < 6; i++) {
    CHECK_OK(eddy_sleep(0));
  }
  return 0;
}

static inline void unref_kind(void *task)
{
  eddy_task_unref(task);
}

/*
 * A task of this kind: body(frame), or frame_body on the frame; of two that are MIXED one is
 * of each kind. The frame is the first member of a struct from test_new.
 */
static inline int start_kind(enum kind kind, eddy_fn *body, eddy_frame_fn *frame_body,
    eddy_frame *frame, eddy_task **out)
{
  static unsigned started;
  if (kind == STACKFUL || (kind == MIXED && started++ % 2 == 0)) {
    return test_task(body, frame, out);
  }
  eddy_task *task;
  eddy_frame_init(frame, frame_body);
  CHECK_OK(eddy_loop_create_task_coro(NULL, &frame->coro, NULL, &task));
  test_defer_late(unref_kind, task);
  *out = task;
  return 0;
}

#endif
