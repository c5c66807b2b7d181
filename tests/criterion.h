/* What the generated list of criterion tests is made of. */
#ifndef EDDY_TEST_CRITERION_H
#define EDDY_TEST_CRITERION_H

#include <criterion/criterion.h>

#include "support.h"

/* A criterion test around one registered case. The case runs to its end and reports
 * itself; criterion learns the outcome afterwards, so that nothing jumps out of a task's
 * stack. */
#define EDDY_CRITERION_CASE(suite, name)                                                 \
  Test(suite, name)                                                                      \
  {                                                                                      \
    struct test_case *test = test_find(#suite "." #name);                                \
    cr_assert(test != NULL, "the case is not linked in");                                \
    int failures = test_run(test, false);                                                \
    cr_assert(failures == 0, "%d checks failed", failures);                              \
  }

#endif
