/* Places for what a case owns itself: what is left in them is let go of when it is over. */
#ifndef EDDY_TEST_OWNED_H
#define EDDY_TEST_OWNED_H

#include "eddy_test.h"

struct owned_handles {
  size_t count;
  eddy_handle *handles[];
};

static inline void owned_unref_handles(void *arg)
{
  struct owned_handles *owned = arg;
  for (size_t i = 0; i < owned->count; i++)
    eddy_handle_unref(owned->handles[i]);
}

/* Empty places for so many handles. Whoever lets go of one earlier empties its place. */
static inline eddy_handle **test_handles(size_t count)
{
  struct owned_handles *owned = test_new(sizeof *owned + count * sizeof(eddy_handle *));
  owned->count = count;
  test_defer_late(owned_unref_handles, owned);
  return owned->handles;
}

static inline void owned_free_loop(void *place)
{
  eddy_loop_free(*(eddy_loop **)place);
}

/* An empty place for a loop. Whoever frees it earlier empties the place. */
static inline eddy_loop **test_loop_place(void)
{
  eddy_loop **place = test_new(sizeof *place);
  test_defer(owned_free_loop, place);
  return place;
}

#endif
