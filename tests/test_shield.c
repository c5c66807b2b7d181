/* Futures that keep a cancellation from going on (rules 18, 36). */
#include "waits.h"

static int await_shield(struct probe *self)
{
  return eddy_await(self->future, &self->value);
}

/* A shield that lives as long as the test. */
static int test_shield(eddy_future *inner, eddy_future **out)
{
  int rc = eddy_shield(inner, out);
  if (rc == 0) test_defer_late(test_unref_future, *out);
  return rc;
}

/* A probe that awaits a shield of a new future, futures[0]. */
static int shield_probe(struct probe **out)
{
  struct probe *probe = new_probe(await_shield);
  CHECK_OK(test_future(NULL, &probe->futures[0]));
  CHECK_OK(test_shield(probe->futures[0], &probe->future));
  *out = probe;
  return 0;
}

EDDY_TASK_TEST(shield, gives_the_result_at_three)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct probe *probe = NULL;
    CHECK_OK(shield_probe(&probe));
    probe->act = set_result;
    probe->act_arg = probe->futures[0];
    CHECK_OK(run_probe(kind, probe));
    CHECK_EQ(probe->value.i, 1);
    CHECK_TRACE("+3 ok");
  }
  return 0;
}
