/* Codes, their names and texts; messages attached to errors. */
#include "eddy_test.h"

#include <pthread.h>

struct code {
  int code;
  const char *name;
  const char *text;
};

static const struct code codes[] = {
#define EDDY_X(name, number, text) {EDDY_##name, #name, text},
    EDDY_SYSTEM_ERROR_MAP(EDDY_X) EDDY_ERROR_MAP(EDDY_X)
#undef EDDY_X
};

enum { CODES = sizeof codes / sizeof codes[0] };

EDDY_UNIT_TEST(error, every_code_is_negative_and_has_its_own_name_and_text)
{
  for (int i = 0; i < CODES; i++) {
    CHECK(codes[i].code < 0);
    CHECK_STR(eddy_err_name(codes[i].code), codes[i].name);
    CHECK_STR(eddy_strerror(codes[i].code), codes[i].text);
    for (int j = 0; j < i; j++) {
      CHECK(codes[i].code != codes[j].code);
      CHECK(!test_same_text(codes[i].text, codes[j].text));
    }
  }
  return 0;
}

EDDY_UNIT_TEST(error, system_codes_are_the_negated_errno)
{
  CHECK_EQ(EDDY_ENOENT, -ENOENT);
  CHECK_EQ(EDDY_EINVAL, -EINVAL);
  CHECK_EQ(EDDY_ETIMEDOUT, -ETIMEDOUT);
  return 0;
}

EDDY_UNIT_TEST(error, codes_of_asyncio_stay_what_they_are)
{
  CHECK_EQ(EDDY_ECANCELLED, -5000);
  CHECK_EQ(EDDY_EINVALIDSTATE, -5001);
  CHECK_EQ(EDDY_EQUEUEEMPTY, -5002);
  CHECK_EQ(EDDY_EQUEUEFULL, -5003);
  CHECK_EQ(EDDY_EQUEUESHUTDOWN, -5004);
  CHECK_EQ(EDDY_EDEADLOCK, -5009);
  CHECK_EQ(EDDY_ENOTASK, -5010);
  CHECK_EQ(EDDY_EGENERATOREXIT, -5011);
  CHECK_EQ(EDDY_ERUNTIME, -5019);
  return 0;
}

EDDY_UNIT_TEST(error, what_is_no_code_of_eddys_has_a_text_too)
{
  CHECK_STR(eddy_strerror(0), "success");
  CHECK_STR(eddy_strerror(-123456), "unknown error");
  CHECK_STR(eddy_strerror(INT32_MIN), "unknown error");
  CHECK_STR(eddy_strerror(77), "unknown error");
  CHECK_STR(eddy_err_name(0), "EUNKNOWN");
  CHECK_STR(eddy_err_name(-123456), "EUNKNOWN");
  CHECK(eddy_strerror(EDDY_STOP) != NULL);
  CHECK(eddy_strerror(EDDY_PENDING) != NULL);
  return 0;
}

/* ---- outside a loop: the thread's ---- */

EDDY_UNIT_TEST(error, message_outside_a_loop_is_the_threads)
{
  CHECK_EQ(eddy_raise(EDDY_EIO, "disk %d is on fire", 3), EDDY_EIO);
  CHECK_STR(eddy_message(EDDY_EIO), "disk 3 is on fire");
  CHECK_STR(eddy_message(EDDY_ENOENT), eddy_strerror(EDDY_ENOENT));
  CHECK_STR(eddy_message(EDDY_EIO), "disk 3 is on fire");
  CHECK_EQ(eddy_raise(EDDY_ENOENT, "gone"), EDDY_ENOENT);
  CHECK_STR(eddy_message(EDDY_EIO), eddy_strerror(EDDY_EIO));
  CHECK_STR(eddy_message(0), "success");
  return 0;
}

EDDY_UNIT_TEST(error, message_outside_a_loop_is_cut_to_200_bytes)
{
  char text[512];
  memset(text, 'x', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  CHECK_EQ(eddy_raise(EDDY_EIO, "%s", text), EDDY_EIO);
  CHECK_EQ(strlen(eddy_message(EDDY_EIO)), 199);
  return 0;
}

static void *raise_in_thread(void *arg)
{
  bool *ok = arg;
  *ok = test_same_text(eddy_message(EDDY_EIO), eddy_strerror(EDDY_EIO));
  (void)eddy_raise(EDDY_EIO, "the thread's");
  *ok = *ok && test_same_text(eddy_message(EDDY_EIO), "the thread's");
  return NULL;
}

EDDY_UNIT_TEST(error, threads_do_not_see_each_others_messages)
{
  bool ok = false;
  pthread_t thread;
  (void)eddy_raise(EDDY_EIO, "the main thread's");
  CHECK_EQ(pthread_create(&thread, NULL, raise_in_thread, &ok), 0);
  CHECK_EQ(pthread_join(thread, NULL), 0);
  CHECK(ok);
  CHECK_STR(eddy_message(EDDY_EIO), "the main thread's");
  return 0;
}

EDDY_UNIT_TEST(error, value_returned_outside_a_coroutine_is_dropped)
{
  CHECK_OK(eddy_return(eddy_int(7)));
  return 0;
}

/* ---- in a task: the task's ---- */

EDDY_TASK_TEST(error, message_in_a_task_may_be_long)
{
  char text[2000];
  memset(text, 'x', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  CHECK_EQ(eddy_raise(EDDY_EIO, "%s", text), EDDY_EIO);
  CHECK_STR(eddy_message(EDDY_EIO), text);
  return 0;
}

EDDY_TASK_TEST(error, raise_may_use_the_message_it_replaces)
{
  CHECK_EQ(eddy_raise(EDDY_EIO, "disk"), EDDY_EIO);
  CHECK_EQ(eddy_raise(EDDY_ENOENT, "page: %s", eddy_message(EDDY_EIO)), EDDY_ENOENT);
  CHECK_STR(eddy_message(EDDY_ENOENT), "page: disk");
  CHECK_STR(eddy_message(EDDY_EIO), eddy_strerror(EDDY_EIO));
  return 0;
}

static int raise_own(void *name)
{
  (void)eddy_raise(EDDY_EIO, "of %s", (const char *)name);
  CHECK_OK(eddy_sleep(0));
  CHECK_CONTAINS(eddy_message(EDDY_EIO), (const char *)name);
  return EDDY_EIO;
}

EDDY_TASK_TEST(error, each_task_keeps_its_own_message_across_a_wait)
{
  eddy_task *a, *b;
  CHECK_OK(test_task(raise_own, "a", &a));
  CHECK_OK(test_task(raise_own, "b", &b));
  CHECK_CODE(eddy_task_await(a, NULL), EDDY_EIO);
  CHECK_STR(eddy_message(EDDY_EIO), "of a");
  CHECK_CODE(eddy_task_await(b, NULL), EDDY_EIO);
  CHECK_STR(eddy_message(EDDY_EIO), "of b");
  CHECK_STR(eddy_future_message(eddy_task_future(a)), "of a");
  return 0;
}

static int return_values(void *arg)
{
  (void)arg;
  (void)eddy_return(eddy_double(1.5));
  return eddy_return(eddy_double(2.5)); /* the last one counts */
}

EDDY_TASK_TEST(error, return_gives_a_task_its_value)
{
  eddy_task *task;
  eddy_value value;
  CHECK_OK(test_task(return_values, NULL, &task));
  CHECK_OK(eddy_task_await(task, &value));
  CHECK(value.d > 2.4 && value.d < 2.6);
  return 0;
}

/* ---- in a callback ---- */

static int message_in_callback(void *arg)
{
  (void)arg;
  CHECK_STR(eddy_message(EDDY_EIO), eddy_strerror(EDDY_EIO));
  (void)eddy_raise(EDDY_EIO, "the callback's");
  CHECK_STR(eddy_message(EDDY_EIO), "the callback's");
  CHECK_OK(eddy_return(eddy_int(1)));
  trace("ran");
  return 0;
}

EDDY_TASK_TEST(error, message_of_a_task_is_not_seen_in_a_callback)
{
  (void)eddy_raise(EDDY_EIO, "the task's");
  CHECK_OK(eddy_loop_call_soon(eddy_get_running_loop(), message_in_callback, NULL, NULL));
  CHECK_OK(eddy_sleep(0));
  CHECK_STR(eddy_message(EDDY_EIO), "the task's");
  CHECK_TRACE("ran");
  return 0;
}

/* The library's own errors say what failed; the words are put together when asked for. */
EDDY_TASK_TEST(error, librarys_own_errors_carry_a_message)
{
  eddy_future *future;
  eddy_queue *queue;
  eddy_value value;
  CHECK_OK(test_future(NULL, &future));
  CHECK_CODE(eddy_future_result(future, NULL), EDDY_EINVALIDSTATE);
  CHECK_CONTAINS(eddy_message(EDDY_EINVALIDSTATE), "pending");
  CHECK_OK(test_queue(1, &queue));
  CHECK_CODE(eddy_queue_get_nowait(queue, &value), EDDY_EQUEUEEMPTY);
  CHECK_CONTAINS(eddy_message(EDDY_EQUEUEEMPTY), "queue");
  return 0;
}
