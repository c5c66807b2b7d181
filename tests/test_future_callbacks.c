/* Done callbacks that are taken back. */
#include "tasks.h"

static int trace_name(eddy_future *future, void *name)
{
  (void)future;
  return trace_fn(name);
}

/* Any of three callbacks, added one, two and three times, can be removed. */
EDDY_TASK_TEST(future_callbacks, can_be_removed_from_any_place)
{
  static char *names[] = {"a", "b", "c"};
  static const char *const left[] = {"b c b c c", "a c c c", "a b b", "a b c b c c"};
  for (size_t without = 0; without <= 3; without++) {
    eddy_future *future;
    CHECK_OK(test_future(NULL, &future));
    for (size_t round = 0; round < 3; round++) {
      for (size_t i = round; i < 3; i++)
        CHECK_OK(eddy_future_add_done_callback(future, trace_name, names[i]));
    }
    if (without < 3) {
      size_t removed = eddy_future_remove_done_callback(
          future, trace_name, names[without]);
      CHECK_EQ(removed, without + 1);
    }
    CHECK_OK(eddy_future_set_result(future, eddy_int(1)));
    CHECK_OK(eddy_sleep(0));
    CHECK_TRACE(left[without]);
  }
  return 0;
}
