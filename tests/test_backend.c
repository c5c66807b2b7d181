/* Which backend a loop gets. */
#include "owned.h"

#include <stdlib.h>
#include <uv.h>

static eddy_loop *loop; /* the case's */

/* ---- names ---- */

/* The name that a loop with this option gets; NULL, and the code, if there is none. */
static const char *name_of(const char *option, int *rc)
{
  eddy_loop_options options = {.backend = option};
  eddy_loop_stats stats;
  eddy_loop *made = NULL;
  *rc = eddy_loop_new(&options, &made);
  if (*rc < 0) return NULL;
  eddy_loop_get_stats(made, &stats);
  eddy_loop_free(made);
  return stats.backend;
}

EDDY_TEST(backend, loop_gets_the_backend_it_names)
{
  static const char *const names[] = {
      "native/uv", "uv/uv", "native/virtual", "native/poll"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    int rc;
    const char *name = name_of(names[i], &rc);
    CHECK_OK(rc);
    CHECK_STR(name, names[i]);
  }
  return 0;
}

EDDY_UNIT_TEST(backend, unknown_names_are_refused_by_name)
{
  static const char *const names[] = {"native", "uv", "native/", "/uv", "/", "NATIVE/UV",
      "native/uv ", "native/uv/uv", "no-such/thing"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    int rc;
    CHECK_PTR(name_of(names[i], &rc), NULL);
    CHECK_CODE(rc, EDDY_EINVAL);
    CHECK_CONTAINS(eddy_message(rc), names[i]);
    CHECK_CONTAINS(eddy_message(rc), "native/uv, uv/uv, native/virtual");
  }
  return 0;
}

EDDY_UNIT_TEST(backend, pair_that_cannot_work_is_refused_with_the_reason)
{
  int rc;
  CHECK_PTR(name_of("uv/virtual", &rc), NULL);
  CHECK_CODE(rc, EDDY_EINVAL);
  CHECK_CONTAINS(eddy_message(rc), "uv/virtual");
  CHECK_CONTAINS(eddy_message(rc), "real clock");
  CHECK_PTR(name_of("uv/poll", &rc), NULL);
  CHECK_CODE(rc, EDDY_EINVAL);
  CHECK_CONTAINS(eddy_message(rc), "need libuv to wait");
  CHECK_PTR(name_of("uv/kqueue", &rc), NULL);
  CHECK_CODE(rc, EDDY_EINVAL);
  CHECK_CONTAINS(eddy_message(rc), "need libuv to wait");
  return 0;
}

/* Which of the two there is depends on the system, or on the test program (tests/kqueue). */
EDDY_UNIT_TEST(backend, poller_of_another_system_is_refused_with_the_reason)
{
  static const char *const pollers[] = {"epoll", "kqueue"};
  for (size_t i = 0; i < sizeof pollers / sizeof pollers[0]; i++) {
    char pair[32];
    int rc;
    snprintf(pair, sizeof pair, "native/%s", pollers[i]);
    const char *name = name_of(pair, &rc);
    if (rc == 0) {
      CHECK_STR(name, pair);
    } else {
      CHECK_CODE(rc, EDDY_EINVAL);
      CHECK_CONTAINS(eddy_message(rc), "this system has no");
      CHECK_CONTAINS(eddy_message(rc), pollers[i]);
    }
  }
  return 0;
}

static void restore_environment(void *value)
{
  if (value == NULL) {
    unsetenv("EDDY_BACKEND");
  } else {
    setenv("EDDY_BACKEND", value, 1);
  }
}

/* Keeps the environment's EDDY_BACKEND for the time after the test. */
static void keep_environment(void)
{
  const char *value = getenv("EDDY_BACKEND");
  char *copy = NULL;
  if (value != NULL) {
    copy = test_new(strlen(value) + 1);
    memcpy(copy, value, strlen(value) + 1);
  }
  test_defer(restore_environment, copy);
}

EDDY_TEST(backend, option_outranks_the_environment_and_that_the_default)
{
  int rc;
  keep_environment();
  unsetenv("EDDY_BACKEND");
  const char *usual = name_of("native/epoll", &rc) != NULL ? "native/epoll" : "native/uv";
  CHECK_STR(name_of(NULL, &rc), usual);
  CHECK_EQ(setenv("EDDY_BACKEND", "native/virtual", 1), 0);
  CHECK_STR(name_of(NULL, &rc), "native/virtual");
  CHECK_STR(name_of("uv/uv", &rc), "uv/uv");
  CHECK_EQ(setenv("EDDY_BACKEND", "", 1), 0);
  CHECK_STR(name_of(NULL, &rc), usual);
  return 0;
}

EDDY_UNIT_TEST(backend, unknown_name_in_the_environment_is_refused)
{
  int rc;
  keep_environment();
  CHECK_EQ(setenv("EDDY_BACKEND", "magic/wand", 1), 0);
  CHECK_PTR(name_of(NULL, &rc), NULL);
  CHECK_CODE(rc, EDDY_EINVAL);
  CHECK_CONTAINS(eddy_message(rc), "magic/wand");
  return 0;
}

EDDY_TEST(backend, hosts_loop_needs_libuv_for_both_halves)
{
  uv_loop_t host;
  CHECK_OK(uv_loop_init(&host));
  eddy_loop_options options = {.backend = "native/uv", .uv_loop = &host};
  int rc = eddy_loop_new(&options, &loop);
  options.backend = "native/virtual";
  int other = eddy_loop_new(&options, &loop);
  CHECK_OK(uv_loop_close(&host));
  CHECK_CODE(rc, EDDY_EINVAL);
  CHECK_CODE(other, EDDY_EINVAL);
  CHECK_CONTAINS(eddy_message(EDDY_EINVAL), "uv/uv");
  return 0;
}

EDDY_TEST(backend, libuvs_loop_can_be_had_where_there_is_one)
{
  CHECK_OK(test_loop(&loop));
  CHECK_EQ(eddy_loop_uv(loop) == NULL, test_is_virtual());
  return 0;
}

static void close_timer(void *arg)
{
  uv_handle_t *timer = arg;
  if (!uv_is_closing(timer)) uv_close(timer, NULL);
}

static void on_timer(uv_timer_t *timer)
{
  trace("%s", (const char *)timer->data);
  close_timer(timer);
}

static int start_timer(void *timer)
{
  trace("eddy");
  return uv_timer_start(timer, on_timer, 1, 0);
}

EDDY_TEST_KERNEL(backend, other_users_of_libuvs_loop_keep_it_running)
{
  uv_timer_t *timer = test_new(sizeof *timer);
  CHECK_OK(test_loop(&loop));
  CHECK(eddy_loop_uv(loop) != NULL);
  CHECK_OK(uv_timer_init(eddy_loop_uv(loop), timer));
  test_defer(close_timer, timer);
  timer->data = "libuv";
  CHECK_OK(eddy_loop_call_soon(loop, start_timer, timer, NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("eddy libuv");
  return 0;
}
