/* Futures in the order in which they end (rules 18, 54). */
#include "waits.h"

static void unref_completions(void *completions)
{
  eddy_completions_unref(completions);
}

static int test_completions(
    eddy_future *const *futures, size_t count, eddy_time timeout, eddy_completions **out)
{
  int rc = eddy_as_completed(futures, count, timeout, out);
  if (rc == 0) test_defer_late(unref_completions, *out);
  return rc;
}

static int call_next(struct probe *self)
{
  return eddy_completions_next(self->completions, &self->future);
}

/* A probe that asks for the next of `count` new futures. */
static int next_probe(size_t count, eddy_time timeout, struct probe **out)
{
  struct probe *probe = new_probe(call_next);
  for (size_t i = 0; i < count; i++) {
    CHECK_OK(test_future(NULL, &probe->futures[i]));
  }
  probe->count = count;
  CHECK_OK(test_completions(probe->futures, count, timeout, &probe->completions));
  *out = probe;
  return 0;
}

EDDY_TASK_TEST(as_completed, future_set_at_one_resumes_at_three)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probe = NULL;
    CHECK_OK(next_probe(1, EDDY_NEVER, &probe));
    probe->act = set_result;
    probe->act_arg = probe->futures[0];
    CHECK_OK(run_probe(kind, probe));
    CHECK_PTR(probe->future, probe->futures[0]);
    CHECK_TRACE("+3 ok");
    CHECK_CODE(eddy_completions_next(probe->completions, &probe->future), EDDY_STOP);
  }
  return 0;
}
