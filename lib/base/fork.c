#include "base/fork.h"

#include <eddy/error.h>
#include <stdatomic.h>

#include "base/clock.h"

unsigned eddy__forks;

static void do_nothing(void)
{
}

static void count(void)
{
  eddy__forks++;
}

int eddy__forks_watch(void)
{
  static atomic_flag watched = ATOMIC_FLAG_INIT;
  if (atomic_flag_test_and_set(&watched)) return 0;
  int rc = eddy__on_fork(do_nothing, do_nothing, count);
  if (rc < 0) atomic_flag_clear(&watched);
  return rc;
}

int eddy__refuse_inherited(const char *call, const char *object)
{
  return eddy_raise(EDDY_EOTHERTHREAD, "%s: the %s was inherited by fork; make a new one",
      call, object);
}
