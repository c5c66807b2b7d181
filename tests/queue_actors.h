/*
 * Tasks that get from, put into and join a queue, and say when they begin, so that a trace reads
 * like that of the same program on asyncio.
 */
#ifndef EDDY_TEST_QUEUE_ACTORS_H
#define EDDY_TEST_QUEUE_ACTORS_H

#define QUEUE eddy_queue
#define QUEUE_CALL(verb) eddy_queue_##verb
#define SAYS_BEGIN true

#include "actors.h"

/* A queue for tests about references: *slot is dropped by drop_queue, at the latest when
 * the test is over. */
static inline int own_queue(size_t maxsize, eddy_queue ***slot)
{
  eddy_queue_options options = {.maxsize = maxsize};
  *slot = test_new(sizeof **slot);
  CHECK_OK(eddy_queue_new(&options, *slot));
  test_defer_late(drop_queue, *slot);
  return 0;
}

#endif
