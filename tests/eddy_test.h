/*
 * How a test is written. A case names its suite and is a sentence:
 *
 *     EDDY_TASK_TEST(queue, get_waits_until_put)
 *     {
 *       eddy_queue *queue;
 *       CHECK_OK(test_queue(0, &queue));
 *       CHECK_EQ(eddy_queue_qsize(queue), 0);
 *       return 0;
 *     }
 *
 * The body is a function that returns int, and so is everything eddy calls back. A check
 * that fails reports itself, marks the case as failed and returns EDDY_ERUNTIME from the
 * function it stands in, be that the body, a task or a callback. A body that returns
 * anything but 0 has failed too, and so has one that leaves a descriptor open.
 *
 * A body may therefore be left early, while other tasks run on: what those point to must
 * be static or come from test_new (support.h), never a local variable of the body.
 *
 *     EDDY_TEST              runs outside a loop, once per backend
 *     EDDY_TASK_TEST         is the main task of eddy_run, once per backend
 *     EDDY_UNIT_TEST         needs no loop at all: runs once
 *     ..._VIRTUAL            on native/virtual only
 *     ..._KERNEL             on every backend but native/virtual
 *     ..._ON(suite, name, "uv/uv")   on that backend only
 *
 * The backend under test is in the environment's EDDY_BACKEND, where eddy itself looks.
 */
#ifndef EDDY_TEST_H
#define EDDY_TEST_H

#include <inttypes.h>
#include <string.h>

#include <eddy.h>

#include "support.h"

/* The build finds the cases by these words: a case is written with one of them. */
#define EDDY_TEST(suite, name) EDDY_TEST_CASE_(suite, name, "any", false)
#define EDDY_TEST_VIRTUAL(suite, name) EDDY_TEST_CASE_(suite, name, "virtual", false)
#define EDDY_TEST_KERNEL(suite, name) EDDY_TEST_CASE_(suite, name, "kernel", false)
#define EDDY_TEST_ON(suite, name, backend) EDDY_TEST_CASE_(suite, name, backend, false)
#define EDDY_TASK_TEST(suite, name) EDDY_TEST_CASE_(suite, name, "any", true)
#define EDDY_TASK_TEST_VIRTUAL(suite, name) EDDY_TEST_CASE_(suite, name, "virtual", true)
#define EDDY_TASK_TEST_KERNEL(suite, name) EDDY_TEST_CASE_(suite, name, "kernel", true)
#define EDDY_TASK_TEST_ON(suite, name, backend)                                          \
  EDDY_TEST_CASE_(suite, name, backend, true)
#define EDDY_UNIT_TEST(suite, name) EDDY_TEST_CASE_(suite, name, "unit", false)

#define EDDY_TEST_CASE_(suite, name, where, in_task)                                     \
  static int test_##suite##_##name(void);                                                \
  static struct test_case test_case_##suite##_##name = {#suite "." #name, where,         \
      in_task, test_##suite##_##name, EDDY_SITE(#suite "." #name), NULL};                \
  __attribute__((constructor)) static void test_add_##suite##_##name(void)               \
  {                                                                                      \
    test_register(&test_case_##suite##_##name);                                          \
  }                                                                                      \
  static int test_##suite##_##name(void)

#define CHECK(condition)                                                                 \
  do {                                                                                   \
    if (!(condition)) return test_failed(__FILE__, __LINE__, "CHECK(%s)", #condition);   \
  } while (0)

/* Two integers are equal. */
#define CHECK_EQ(a, b)                                                                   \
  do {                                                                                   \
    int64_t test_a_ = (int64_t)(a), test_b_ = (int64_t)(b);                              \
    if (test_a_ != test_b_)                                                              \
      return test_failed(__FILE__, __LINE__,                                             \
          "CHECK_EQ(%s, %s): %" PRId64 " is not %" PRId64, #a, #b, test_a_, test_b_);    \
  } while (0)

/* An integer is at least low and at most high. */
#define CHECK_BETWEEN(low, a, high)                                                      \
  do {                                                                                   \
    int64_t test_low_ = (int64_t)(low), test_a_ = (int64_t)(a);                          \
    int64_t test_high_ = (int64_t)(high);                                                \
    if (test_a_ < test_low_ || test_a_ > test_high_)                                     \
      return test_failed(__FILE__, __LINE__,                                             \
          "CHECK_BETWEEN(%s, %s, %s): %" PRId64 " is not in %" PRId64 "..%" PRId64,      \
          #low, #a, #high, test_a_, test_low_, test_high_);                              \
  } while (0)

/* Two pointers are equal. */
#define CHECK_PTR(a, b)                                                                  \
  do {                                                                                   \
    const void *test_a_ = (a), *test_b_ = (b);                                           \
    if (test_a_ != test_b_)                                                              \
      return test_failed(__FILE__, __LINE__, "CHECK_PTR(%s, %s): %p is not %p", #a, #b,  \
          test_a_, test_b_);                                                             \
  } while (0)

/* Two strings are equal; NULL equals NULL alone. */
#define CHECK_STR(a, b)                                                                  \
  do {                                                                                   \
    const char *test_a_ = (a), *test_b_ = (b);                                           \
    if (!test_same_text(test_a_, test_b_))                                               \
      return test_failed(__FILE__, __LINE__,                                             \
          "CHECK_STR(%s, %s):\n  \"%s\"\nis not\n  \"%s\"", #a, #b,                      \
          test_a_ ? test_a_ : "(null)", test_b_ ? test_b_ : "(null)");                   \
  } while (0)

/* A string has another one in it. */
#define CHECK_CONTAINS(text, part)                                                       \
  do {                                                                                   \
    const char *test_a_ = (text), *test_b_ = (part);                                     \
    if (test_a_ == NULL || strstr(test_a_, test_b_) == NULL)                             \
      return test_failed(__FILE__, __LINE__,                                             \
          "CHECK_CONTAINS(%s, %s):\n  \"%s\"\nis not in\n  \"%s\"", #text, #part,        \
          test_b_, test_a_ ? test_a_ : "(null)");                                        \
  } while (0)

/* Two stretches of memory hold the same bytes. */
#define CHECK_MEM(a, b, size)                                                            \
  do {                                                                                   \
    if (memcmp((a), (b), (size)) != 0)                                                   \
      return test_failed(                                                                \
          __FILE__, __LINE__, "CHECK_MEM(%s, %s, %s): they differ", #a, #b, #size);      \
  } while (0)

/* A call returns 0. */
#define CHECK_OK(call) CHECK_CODE(call, 0)

/* A call returns this code of eddy's. */
#define CHECK_CODE(call, code)                                                           \
  do {                                                                                   \
    int test_rc_ = (call), test_code_ = (code);                                          \
    if (test_rc_ != test_code_)                                                          \
      return test_failed_code(__FILE__, __LINE__, #call, test_rc_, test_code_);          \
  } while (0)

/* The trace so far, its words joined by single spaces, is this; the trace is then empty.
 */
#define CHECK_TRACE(expected)                                                            \
  do {                                                                                   \
    const char *test_b_ = (expected);                                                    \
    if (!test_same_text(test_trace(), test_b_))                                          \
      return test_failed(__FILE__, __LINE__, "CHECK_TRACE:\n  \"%s\"\nis not\n  \"%s\"", \
          test_trace(), test_b_);                                                        \
    test_trace_clear();                                                                  \
  } while (0)

#endif
