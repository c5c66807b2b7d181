/* Callbacks on signals: eddy_loop_add_signal_handler. */
#include "eddy_test.h"

#include <signal.h>

static eddy_loop *loop; /* the case's */

static int handle_once(void *text)
{
  trace("%s", (const char *)text);
  CHECK(eddy_loop_remove_signal_handler(loop, SIGUSR1));
  return 0;
}

static int raise_usr1(void *unused)
{
  (void)unused;
  trace("raise");
  CHECK_EQ(raise(SIGUSR1), 0);
  return 0;
}

static uint64_t iteration(void)
{
  eddy_loop_stats stats;
  eddy_loop_get_stats(loop, &stats);
  return stats.iterations;
}

/* ---- when it runs ---- */

static uint64_t raised_at;

static int raise_and_note(void *unused)
{
  raised_at = iteration();
  return raise_usr1(unused);
}

static int handle_and_note(void *text)
{
  trace("+%d", (int)(iteration() - raised_at));
  return handle_once(text);
}

EDDY_TEST(signal, handler_runs_two_iterations_after_a_raise_in_a_callback)
{
  CHECK_OK(test_loop(&loop));
  CHECK_OK(eddy_loop_add_signal_handler(loop, SIGUSR1, handle_and_note, "handler"));
  CHECK_OK(eddy_loop_call_soon(loop, raise_and_note, NULL, NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("raise +2 handler");
  return 0;
}

static int tick(void *arg)
{
  int number = (int)(intptr_t)arg;
  trace("k%d", number);
  if (number == 6) return 0;
  return eddy_loop_call_soon(loop, tick, (void *)(intptr_t)(number + 1), NULL);
}

/* Where every boundary polls, the whole order is CPython's. */
EDDY_TEST_VIRTUAL(signal, handler_takes_its_turn_among_ready_callbacks)
{
  CHECK_OK(test_loop(&loop));
  CHECK_OK(eddy_loop_add_signal_handler(loop, SIGUSR1, handle_once, "handler"));
  CHECK_OK(eddy_loop_call_soon(loop, raise_usr1, NULL, NULL));
  CHECK_OK(eddy_loop_call_soon(loop, tick, (void *)(intptr_t)1, NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("raise k1 k2 k3 handler k4 k5 k6");
  return 0;
}

static int look_around(void *unused)
{
  (void)unused;
  trace("current:%d", eddy_get_running_loop() == loop);
  trace("task:%d", eddy_current_task() != NULL);
  return handle_once("handler");
}

EDDY_TEST(signal, handler_is_an_ordinary_callback)
{
  CHECK_OK(test_loop(&loop));
  CHECK_OK(eddy_loop_add_signal_handler(loop, SIGUSR1, look_around, NULL));
  CHECK_OK(eddy_loop_call_soon(loop, raise_usr1, NULL, NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("raise current:1 task:0 handler");
  return 0;
}

static int handle_three(void *count)
{
  trace("handler");
  if (++*(int *)count == 3) CHECK(eddy_loop_remove_signal_handler(loop, SIGUSR1));
  return 0;
}

EDDY_TEST(signal, each_signal_runs_the_handler_once)
{
  int count = 0;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(eddy_loop_add_signal_handler(loop, SIGUSR1, handle_three, &count));
  for (int i = 0; i < 3; i++)
    CHECK_OK(eddy_loop_call_soon(loop, raise_usr1, NULL, NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_EQ(count, 3);
  CHECK_TRACE("raise raise raise handler handler handler");
  return 0;
}

EDDY_TEST(signal, signal_before_the_run_is_not_lost)
{
  CHECK_OK(test_loop(&loop));
  CHECK_OK(eddy_loop_add_signal_handler(loop, SIGUSR1, handle_once, "handler"));
  CHECK_EQ(raise(SIGUSR1), 0);
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("handler");
  return 0;
}

EDDY_TEST(signal, handler_set_keeps_the_loop_running)
{
  CHECK_OK(test_loop(&loop));
  CHECK_OK(eddy_loop_add_signal_handler(loop, SIGUSR1, handle_once, "handler"));
  CHECK_OK(eddy_loop_call_later(loop, EDDY_MS(1), raise_usr1, NULL, NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("raise handler");
  return 0;
}

/* ---- several ---- */

static int remove_usr2(void *text)
{
  trace("%s", (const char *)text);
  CHECK(eddy_loop_remove_signal_handler(loop, SIGUSR2));
  return 0;
}

static int raise_both(void *unused)
{
  (void)unused;
  CHECK_EQ(raise(SIGUSR2), 0);
  CHECK_EQ(raise(SIGUSR1), 0);
  return 0;
}

EDDY_TEST(signal, signals_run_their_own_handlers_in_the_order_they_came)
{
  CHECK_OK(test_loop(&loop));
  CHECK_OK(eddy_loop_add_signal_handler(loop, SIGUSR1, handle_once, "1"));
  CHECK_OK(eddy_loop_add_signal_handler(loop, SIGUSR2, remove_usr2, "2"));
  CHECK_OK(eddy_loop_call_soon(loop, raise_both, NULL, NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("2 1");
  return 0;
}

EDDY_TEST(signal, adding_again_replaces_the_handler)
{
  CHECK_OK(test_loop(&loop));
  CHECK_OK(eddy_loop_add_signal_handler(loop, SIGUSR1, handle_once, "old"));
  CHECK_OK(eddy_loop_add_signal_handler(loop, SIGUSR1, handle_once, "new"));
  CHECK_OK(eddy_loop_call_soon(loop, raise_usr1, NULL, NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK(!eddy_loop_remove_signal_handler(loop, SIGUSR1));
  CHECK_TRACE("raise new");
  return 0;
}

static int fail(void *unused)
{
  (void)unused;
  (void)handle_once("failing");
  return EDDY_EIO;
}

static int note_error(eddy_loop *of, const eddy_exception_context *context, void *arg)
{
  (void)of;
  (void)arg;
  trace("%s", eddy_err_name(context->error));
  return 0;
}

EDDY_TEST(signal, error_of_a_handler_goes_to_the_exception_handler)
{
  CHECK_OK(test_loop(&loop));
  eddy_loop_set_exception_handler(loop, note_error, NULL);
  CHECK_OK(eddy_loop_add_signal_handler(loop, SIGUSR1, fail, NULL));
  CHECK_OK(eddy_loop_call_soon(loop, raise_usr1, NULL, NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("raise failing EIO");
  return 0;
}

/* ---- removing ---- */

static bool has_default_action(void)
{
  struct sigaction now;
  return sigaction(SIGUSR1, NULL, &now) == 0 && now.sa_handler == SIG_DFL;
}

EDDY_TEST(signal, remove_gives_the_signal_its_default_action_back)
{
  CHECK_OK(test_loop(&loop));
  CHECK(!eddy_loop_remove_signal_handler(loop, SIGUSR1));
  CHECK_OK(eddy_loop_add_signal_handler(loop, SIGUSR1, handle_once, "handler"));
  CHECK(!has_default_action());
  CHECK(eddy_loop_remove_signal_handler(loop, SIGUSR1));
  CHECK(has_default_action());
  CHECK(!eddy_loop_remove_signal_handler(loop, SIGUSR1));
  CHECK_OK(eddy_loop_run(loop)); /* has nothing to wait for */
  return 0;
}

EDDY_TEST(signal, close_gives_the_signal_its_default_action_back)
{
  CHECK_OK(test_loop(&loop));
  CHECK_OK(eddy_loop_add_signal_handler(loop, SIGUSR1, handle_once, "handler"));
  CHECK_OK(eddy_loop_close(loop));
  CHECK(has_default_action());
  CHECK(!eddy_loop_remove_signal_handler(loop, SIGUSR1));
  return 0;
}

static int raise_and_remove(void *text)
{
  CHECK_OK(raise_usr1(NULL));
  return handle_once(text);
}

EDDY_TEST(signal, handler_removed_after_the_raise_does_not_run)
{
  CHECK_OK(test_loop(&loop));
  CHECK_OK(eddy_loop_add_signal_handler(loop, SIGUSR1, handle_once, "handler"));
  CHECK_OK(eddy_loop_call_soon(loop, raise_and_remove, "removed", NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("raise removed");
  return 0;
}

/* The handler's callback is queued, and an earlier one removes it. */
static int remove_in_turn(void *arg)
{
  int turns = (int)(intptr_t)arg;
  if (turns == 0) return handle_once("removed");
  return eddy_loop_call_soon(loop, remove_in_turn, (void *)(intptr_t)(turns - 1), NULL);
}

EDDY_TEST_VIRTUAL(signal, handler_removed_in_its_own_iteration_does_not_run)
{
  for (int turns = 0; turns < 3; turns++) {
    CHECK_OK(test_loop(&loop));
    CHECK_OK(eddy_loop_add_signal_handler(loop, SIGUSR1, handle_once, "handler"));
    CHECK_OK(eddy_loop_call_soon(loop, raise_usr1, NULL, NULL));
    CHECK_OK(remove_in_turn((void *)(intptr_t)(turns + 1)));
    CHECK_OK(eddy_loop_run(loop));
    CHECK_TRACE("raise removed");
  }
  return 0;
}

static int remove_and_add(void *unused)
{
  (void)unused;
  CHECK_OK(handle_once("removed"));
  CHECK_OK(eddy_loop_add_signal_handler(loop, SIGUSR1, handle_once, "new"));
  return eddy_loop_call_later(loop, EDDY_MS(1), raise_usr1, NULL, NULL);
}

EDDY_TEST(signal, handler_can_be_added_again_after_it_was_removed)
{
  CHECK_OK(test_loop(&loop));
  CHECK_OK(eddy_loop_add_signal_handler(loop, SIGUSR1, handle_once, "old"));
  CHECK_OK(eddy_loop_call_soon(loop, remove_and_add, NULL, NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("removed raise new");
  return 0;
}

EDDY_TEST(signal, loop_may_be_closed_while_a_handler_is_queued)
{
  CHECK_OK(test_loop(&loop));
  CHECK_OK(eddy_loop_add_signal_handler(loop, SIGUSR1, handle_once, "handler"));
  CHECK_EQ(raise(SIGUSR1), 0);
  eddy_loop_stop(loop);
  CHECK_OK(eddy_loop_run(loop)); /* takes the signal in; the handler is due later */
  CHECK_OK(eddy_loop_close(loop));
  CHECK_TRACE("");
  return 0;
}

/* ---- what is refused ---- */

EDDY_TEST(signal, signals_that_cannot_be_caught_are_refused)
{
  CHECK_OK(test_loop(&loop));
  CHECK_CODE(eddy_loop_add_signal_handler(loop, SIGKILL, handle_once, ""), EDDY_EINVAL);
  CHECK_CODE(eddy_loop_add_signal_handler(loop, SIGSTOP, handle_once, ""), EDDY_EINVAL);
  CHECK_CODE(eddy_loop_add_signal_handler(loop, 0, handle_once, ""), EDDY_EINVAL);
  CHECK_CODE(eddy_loop_add_signal_handler(loop, -1, handle_once, ""), EDDY_EINVAL);
  CHECK_CODE(eddy_loop_add_signal_handler(loop, 12345, handle_once, ""), EDDY_EINVAL);
  CHECK(!eddy_loop_remove_signal_handler(loop, SIGKILL));
  CHECK(!eddy_loop_remove_signal_handler(loop, 0));
  CHECK(!eddy_loop_remove_signal_handler(loop, -1));
  CHECK_OK(eddy_loop_run(loop)); /* none of them is waited for */
  return 0;
}

EDDY_TEST(signal, bad_arguments_are_refused)
{
  CHECK_OK(test_loop(&loop));
  CHECK_CODE(eddy_loop_add_signal_handler(NULL, SIGUSR1, handle_once, ""), EDDY_EINVAL);
  CHECK_CODE(eddy_loop_add_signal_handler(loop, SIGUSR1, NULL, ""), EDDY_EINVAL);
  CHECK(!eddy_loop_remove_signal_handler(loop, SIGUSR1));
  return 0;
}

static int complete(void *future)
{
  CHECK_OK(handle_once("handler"));
  return eddy_future_set_result(future, eddy_int(7));
}

EDDY_TASK_TEST(signal, handler_can_wake_a_task)
{
  eddy_future *future;
  eddy_value value;
  loop = eddy_get_running_loop();
  CHECK_OK(test_future(NULL, &future));
  CHECK_OK(eddy_loop_add_signal_handler(loop, SIGUSR1, complete, future));
  CHECK_OK(eddy_loop_call_soon(loop, raise_usr1, NULL, NULL));
  CHECK_OK(eddy_await(future, &value));
  CHECK_EQ(value.i, 7);
  CHECK_TRACE("raise handler");
  return 0;
}
