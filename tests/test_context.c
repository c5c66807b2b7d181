/* Context values: what tasks, callbacks and threads see of what others have set. */
#include <uv.h>

#include "kinds.h"
#include "tasks.h"

static eddy_context_var *var; /* the case's; its fallback is 0 */

static void unref_var(void *object)
{
  eddy_context_var_unref(object);
}

static int test_var(eddy_context_var **out)
{
  eddy_value zero = eddy_int(0);
  int rc = eddy_context_var_new("var", &zero, out);
  if (rc == 0) test_defer_late(unref_var, *out);
  return rc;
}

static void unref_context(void *context)
{
  eddy_context_unref(context);
}

/* A copy of the current context. */
static int test_context(eddy_context **out)
{
  int rc = eddy_copy_context(out);
  if (rc == 0) test_defer_late(unref_context, *out);
  return rc;
}

static int set(int64_t value)
{
  return eddy_context_var_set(var, eddy_int(value), NULL);
}

static int64_t get(void)
{
  eddy_value value = eddy_int(-1);
  return eddy_context_var_get(var, &value) == 0 ? value.i : -2;
}

static int show(void *name)
{
  trace("%s%d", (const char *)name, (int)get());
  return 0;
}

static int soon(eddy_fn *fn, void *arg)
{
  return eddy_loop_call_soon(eddy_get_running_loop(), fn, arg, NULL);
}

/* ---- variables ---- */

EDDY_TEST(context, variable_has_its_fallback_until_it_is_set)
{
  eddy_value value;
  CHECK_OK(test_var(&var));
  CHECK_STR(eddy_context_var_name(var), "var");
  CHECK_EQ(get(), 0);
  eddy_context_token token;
  CHECK_OK(eddy_context_var_set(var, eddy_int(1), &token));
  CHECK_EQ(get(), 1);
  CHECK_OK(eddy_context_var_reset(var, &token));
  CHECK_EQ(get(), 0);
  CHECK_OK(eddy_context_var_get(var, &value));
  return 0;
}

static eddy_context_var *bare;

EDDY_TEST(context, variable_without_a_fallback_has_no_value)
{
  eddy_value value = eddy_int(5);
  CHECK_OK(eddy_context_var_new("request", NULL, &bare));
  test_defer_late(unref_var, bare);
  CHECK_CODE(eddy_context_var_get(bare, &value), EDDY_ENOENT);
  CHECK_CONTAINS(eddy_message(EDDY_ENOENT), "'request'");
  CHECK_EQ(value.i, 5);
  return 0;
}

EDDY_TASK_TEST(context, values_are_set_replaced_and_reset_in_order)
{
  eddy_context_token first, second;
  CHECK_OK(test_var(&var));
  CHECK_OK(eddy_context_var_set(var, eddy_int(1), &first));
  CHECK_OK(eddy_context_var_set(var, eddy_int(2), &second));
  CHECK_OK(show("a"));
  CHECK_OK(eddy_context_var_reset(var, &second));
  CHECK_OK(show("b"));
  CHECK_OK(eddy_context_var_reset(var, &first));
  CHECK_OK(show("c"));
  CHECK_TRACE("a2 b1 c0");
  return 0;
}

static eddy_context_var *many[20];

EDDY_TASK_TEST(context, variables_do_not_disturb_each_other)
{
  eddy_context *copy;
  eddy_value value;
  for (int i = 0; i < 20; i++) {
    CHECK_OK(test_var(&many[i]));
    CHECK_OK(eddy_context_var_set(many[i], eddy_int(i), NULL));
  }
  CHECK_OK(test_context(&copy));
  CHECK_EQ(eddy_context_count(copy), 20);
  for (int i = 0; i < 20; i++) {
    CHECK_OK(eddy_context_var_set(many[i], eddy_int(100 + i), NULL));
  }
  for (int i = 0; i < 20; i++) {
    CHECK_OK(eddy_context_var_get(many[i], &value));
    CHECK_EQ(value.i, 100 + i);
    CHECK_OK(eddy_context_get(copy, many[i], &value));
    CHECK_EQ(value.i, i);
  }
  return 0;
}

/* ---- callbacks ---- */

EDDY_TASK_TEST(context, callback_sees_what_was_set_when_it_was_scheduled)
{
  CHECK_OK(test_var(&var));
  CHECK_OK(soon(show, "before"));
  CHECK_OK(set(1));
  CHECK_OK(soon(show, "soon"));
  CHECK_OK(eddy_loop_call_later(eddy_get_running_loop(), 0, show, "later", NULL));
  CHECK_OK(set(2));
  CHECK_OK(eddy_sleep(EDDY_MS(2)));
  CHECK_TRACE("before0 soon1 later1");
  return 0;
}

static int show_done(eddy_future *future, void *name)
{
  (void)future;
  return show(name);
}

EDDY_TASK_TEST(context, done_callback_sees_what_was_set_when_it_was_added)
{
  eddy_future *future;
  CHECK_OK(test_var(&var));
  CHECK_OK(test_future(NULL, &future));
  CHECK_OK(eddy_future_add_done_callback(future, show_done, "none"));
  CHECK_OK(set(1));
  CHECK_OK(eddy_future_add_done_callback(future, show_done, "one"));
  CHECK_OK(eddy_future_add_done_callback(future, show_done, "removed"));
  CHECK_EQ(eddy_future_remove_done_callback(future, show_done, "removed"), 1);
  CHECK_OK(set(2));
  CHECK_OK(eddy_future_set_result(future, eddy_int(0)));
  CHECK_OK(set(3));
  CHECK_OK(eddy_future_add_done_callback(future, show_done, "late"));
  CHECK_OK(eddy_sleep(0));
  CHECK_TRACE("none0 one1 late3");
  return 0;
}

static int change(void *name)
{
  CHECK_OK(show(name));
  CHECK_OK(set(9));
  CHECK_OK(show(name));
  return soon(show, "inner");
}

EDDY_TASK_TEST(context, what_a_callback_sets_stays_in_its_copy)
{
  CHECK_OK(test_var(&var));
  CHECK_OK(soon(change, "bare"));
  CHECK_OK(soon(show, "next"));
  CHECK_OK(set(1));
  CHECK_OK(soon(change, "copy"));
  CHECK_OK(soon(show, "next"));
  CHECK_OK(eddy_sleep(0));
  CHECK_OK(eddy_sleep(0));
  CHECK_TRACE("bare0 bare9 next0 copy1 copy9 next1 inner9 inner9");
  CHECK_EQ(get(), 1);
  return 0;
}

static eddy_loop *posted_to;

static void post_from_thread(void *name)
{
  if (set(6) != 0 || eddy_loop_call_soon_threadsafe(posted_to, change, name) != 0 ||
      set(7) != 0)
    test_failed(__FILE__, __LINE__, "post %s", (const char *)name);
}

EDDY_TASK_TEST(context, post_of_another_thread_brings_its_context_along)
{
  uv_thread_t thread;
  posted_to = eddy_get_running_loop();
  CHECK_OK(test_var(&var));
  CHECK_OK(set(1));
  CHECK_OK(uv_thread_create(&thread, post_from_thread, "post"));
  CHECK_OK(uv_thread_join(&thread));
  CHECK_OK(settle());
  CHECK_TRACE("post6 post9 inner9");
  CHECK_EQ(get(), 1);
  return 0;
}

static void unref_handle(void *handle)
{
  eddy_handle_unref(handle);
}

EDDY_TASK_TEST(context, handle_tells_its_context)
{
  eddy_handle *handle, *empty;
  eddy_value value;
  CHECK_OK(test_var(&var));
  CHECK_OK(eddy_loop_call_soon(eddy_get_running_loop(), show, "empty", &empty));
  test_defer_late(unref_handle, empty);
  eddy_context *context = eddy_handle_get_context(empty);
  CHECK(context != NULL);
  CHECK_EQ(eddy_context_count(context), 0);
  CHECK_OK(set(3));
  CHECK_OK(eddy_loop_call_soon(eddy_get_running_loop(), change, "cb", &handle));
  test_defer_late(unref_handle, handle);
  CHECK_OK(eddy_context_get(eddy_handle_get_context(handle), var, &value));
  CHECK_EQ(value.i, 3);
  CHECK_OK(eddy_sleep(0));
  CHECK_OK(eddy_context_get(eddy_handle_get_context(handle), var, &value));
  CHECK_EQ(value.i, 9);
  return 0;
}

EDDY_TASK_TEST(context, cancelled_and_dropped_callbacks_let_go_of_theirs)
{
  eddy_handle *handle;
  CHECK_OK(test_var(&var));
  CHECK_OK(set(1));
  CHECK_OK(eddy_loop_call_later(eddy_get_running_loop(), EDDY_S(9), show, "x", &handle));
  eddy_handle_cancel(handle);
  eddy_handle_unref(handle);
  CHECK_OK(eddy_loop_call_later(eddy_get_running_loop(), EDDY_S(9), show, "y", NULL));
  return 0; /* that there is nothing left is for the leak checker */
}

/* ---- tasks ---- */

struct child {
  eddy_frame frame;
  int rc;
};

static int child_body(void *unused)
{
  (void)unused;
  CHECK_OK(show("child"));
  CHECK_OK(set(4));
  CHECK_OK(eddy_sleep(0));
  CHECK_OK(show("child"));
  return soon(show, "fromchild");
}

static int child_frame(eddy_frame *frame)
{
  struct child *self = (struct child *)frame;
  EDDY_BEGIN(frame);
  self->rc = show("child");
  if (self->rc == 0) self->rc = set(4);
  EDDY_AWAIT(frame, self->rc, eddy_sleep(0));
  EDDY_RAISE(frame, show("child") == 0 ? soon(show, "fromchild") : EDDY_ERUNTIME);
  EDDY_END(frame);
}

static int child_has_a_copy(enum kind kind)
{
  struct child *child = test_new(sizeof *child);
  eddy_task *task;
  eddy_value value;
  CHECK_OK(test_var(&var));
  CHECK_OK(set(3));
  CHECK_OK(start_kind(kind, child_body, child_frame, &child->frame, &task));
  CHECK_OK(set(5));
  CHECK_OK(eddy_task_await(task, NULL));
  CHECK_OK(show("main"));
  CHECK_OK(eddy_sleep(0));
  CHECK_OK(eddy_context_get(eddy_task_get_context(task), var, &value));
  CHECK_EQ(value.i, 4);
  CHECK_TRACE("child3 child4 fromchild4 main5");
  return 0;
}

EDDY_TASK_TEST(context, task_has_a_copy_of_its_creators_and_keeps_it_over_waits)
{
  CHECK_OK(child_has_a_copy(STACKFUL));
  return child_has_a_copy(STACKLESS);
}

static int set_in_task(void *unused)
{
  (void)unused;
  CHECK_EQ(get(), 0);
  return set(1);
}

EDDY_TASK_TEST(context, task_whose_creator_set_nothing_starts_empty)
{
  eddy_task *task;
  CHECK_OK(test_var(&var));
  CHECK_OK(test_task(set_in_task, NULL, &task));
  CHECK_OK(set(7));
  CHECK_OK(eddy_task_await(task, NULL));
  CHECK_EQ(get(), 7);
  return 0;
}

static int add_ten(void *unused)
{
  (void)unused;
  CHECK_OK(set(get() + 10));
  CHECK_OK(eddy_sleep(0));
  return show("a");
}

EDDY_TASK_TEST(context, tasks_may_share_a_given_context)
{
  eddy_task *tasks[2];
  eddy_value value;
  eddy_task_options options = {.site = EDDY_SITE("add_ten")};
  CHECK_OK(test_var(&var));
  CHECK_OK(set(8));
  CHECK_OK(test_context(&options.context));
  for (int i = 0; i < 2; i++)
    CHECK_OK(test_loop_task_at(NULL, add_ten, NULL, &options, &tasks[i]));
  CHECK_PTR(eddy_task_get_context(tasks[0]), options.context);
  for (int i = 0; i < 2; i++)
    CHECK_OK(eddy_task_await(tasks[i], NULL));
  CHECK_TRACE("a28 a28");
  CHECK_EQ(get(), 8);
  CHECK_OK(eddy_context_get(options.context, var, &value));
  CHECK_EQ(value.i, 28);
  return 0;
}

static int main_task(void *unused)
{
  (void)unused;
  CHECK_OK(show("main"));
  CHECK_OK(set(2));
  CHECK_OK(eddy_sleep(0));
  return show("main");
}

static eddy_context_token of_thread;

static void reset_of_thread(void *unused)
{
  (void)unused;
  if (eddy_context_var_reset(var, &of_thread) != 0) test_failed(__FILE__, __LINE__, "reset");
}

/* Sets the value in the thread's own context, until the body has ended. */
static int set_in_thread(int64_t value)
{
  int rc = eddy_context_var_set(var, eddy_int(value), &of_thread);
  if (rc == 0) test_defer(reset_of_thread, NULL);
  return rc;
}

EDDY_TEST(context, threads_context_is_copied_by_the_main_task_and_stays_as_it_is)
{
  CHECK_OK(test_var(&var));
  CHECK_OK(set_in_thread(1));
  CHECK_OK(eddy_run(main_task, NULL));
  CHECK_TRACE("main1 main2");
  CHECK_EQ(get(), 1);
  return 0;
}

EDDY_TEST(context, what_was_set_after_scheduling_is_not_seen_by_the_run)
{
  eddy_loop *loop;
  CHECK_OK(test_var(&var));
  CHECK_OK(test_loop(&loop));
  CHECK_OK(eddy_loop_call_soon(loop, show, "soon", NULL));
  CHECK_OK(set_in_thread(1));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_TRACE("soon0");
  return 0;
}

static int ends_with_closed_loop(void *unused)
{
  (void)unused;
  int rc = eddy_sleep(EDDY_S(9));
  CHECK_OK(show("closing"));
  return rc;
}

static int set_and_start(void *unused)
{
  (void)unused;
  CHECK_OK(set(5));
  CHECK_OK(eddy_create_task(ends_with_closed_loop, NULL, NULL));
  return soon(show, "never");
}

EDDY_TEST(context, task_that_is_ended_with_its_loop_still_has_its_context)
{
  eddy_loop *loop;
  CHECK_OK(test_var(&var));
  CHECK_OK(test_loop(&loop));
  trace_reports(loop);
  CHECK_OK(eddy_loop_call_soon(loop, set_and_start, NULL, NULL));
  eddy_loop_stop(loop);
  CHECK_OK(eddy_loop_run(loop));
  eddy_loop_stop(loop);
  CHECK_OK(eddy_loop_run(loop));
  test_trace_clear();
  CHECK_OK(eddy_loop_close(loop));
  CHECK_TRACE("[a task was destroyed but it is pending] closing5");
  return 0;
}

/* ---- contexts ---- */

static int set_seven(void *unused)
{
  (void)unused;
  CHECK_OK(set(7));
  return show("run");
}

EDDY_TASK_TEST(context, run_sets_values_in_the_context_and_nowhere_else)
{
  eddy_context *context;
  eddy_value value;
  CHECK_OK(test_var(&var));
  CHECK_OK(set(5));
  CHECK_OK(test_context(&context));
  CHECK_OK(eddy_context_run(context, set_seven, NULL));
  CHECK_OK(show("main"));
  CHECK_OK(eddy_context_get(context, var, &value));
  CHECK_EQ(value.i, 7);
  CHECK_TRACE("run7 main5");
  return 0;
}

static int wait_in_context(void *unused)
{
  (void)unused;
  CHECK_OK(set(7));
  CHECK_OK(eddy_sleep(0));
  return show("run");
}

EDDY_TASK_TEST(context, function_that_runs_in_a_context_may_wait)
{
  eddy_context *context;
  CHECK_OK(test_var(&var));
  CHECK_OK(set(5));
  CHECK_OK(test_context(&context));
  CHECK_OK(soon(show, "meanwhile"));
  CHECK_OK(eddy_context_run(context, wait_in_context, NULL));
  CHECK_OK(show("main"));
  CHECK_TRACE("meanwhile5 run7 main5");
  return 0;
}

static int enter_again(void *context)
{
  return eddy_context_run(context, show, "twice");
}

static int enter_through_another(void *context)
{
  eddy_context *other;
  CHECK_OK(test_context(&other));
  return eddy_context_run(other, enter_again, context);
}

EDDY_TASK_TEST(context, context_that_is_entered_cannot_be_entered_again)
{
  eddy_context *context;
  CHECK_OK(test_var(&var));
  CHECK_OK(test_context(&context));
  CHECK_CODE(eddy_context_run(context, enter_again, context), EDDY_ERUNTIME);
  CHECK_CONTAINS(eddy_message(EDDY_ERUNTIME), "entered already");
  CHECK_CODE(eddy_context_run(context, enter_through_another, context), EDDY_ERUNTIME);
  context = eddy_task_get_context(eddy_current_task());
  CHECK_CODE(eddy_context_run(context, show, "own"), EDDY_ERUNTIME);
  CHECK_TRACE("");
  return 0;
}

static int fail(void *unused)
{
  (void)unused;
  return eddy_raise(EDDY_EIO, "inside");
}

EDDY_TASK_TEST(context, error_of_the_function_passes_through_run)
{
  eddy_context *context;
  CHECK_OK(test_context(&context));
  CHECK_CODE(eddy_context_run(context, fail, NULL), EDDY_EIO);
  CHECK_STR(eddy_message(EDDY_EIO), "inside");
  return 0;
}

/* ---- tokens ---- */

static eddy_context_token token;

static int reset_here(void *unused)
{
  (void)unused;
  return eddy_context_var_reset(var, &token);
}

EDDY_TASK_TEST(context, token_is_good_once_for_its_variable_and_in_its_context)
{
  static eddy_context_var *other;
  eddy_context *context;
  CHECK_OK(test_var(&var));
  CHECK_OK(test_var(&other));
  CHECK_OK(set(5));
  CHECK_OK(test_context(&context));
  CHECK_OK(eddy_context_var_set(var, eddy_int(8), &token));
  CHECK_CODE(eddy_context_run(context, reset_here, NULL), EDDY_EINVAL);
  CHECK_CONTAINS(eddy_message(EDDY_EINVAL), "another context");
  CHECK_CODE(eddy_context_var_reset(other, &token), EDDY_EINVAL);
  CHECK_CONTAINS(eddy_message(EDDY_EINVAL), "not one of variable");
  CHECK_EQ(get(), 8);
  CHECK_OK(eddy_context_var_reset(var, &token));
  CHECK_EQ(get(), 5);
  CHECK_CODE(eddy_context_var_reset(var, &token), EDDY_ERUNTIME);
  CHECK_CONTAINS(eddy_message(EDDY_ERUNTIME), "used before");
  return 0;
}

/* ---- threads ---- */

static int see_and_set(void *name)
{
  CHECK_OK(show(name));
  return set(77);
}

struct call {
  eddy_frame frame;
  int rc;
};

static int call_body(void *unused)
{
  (void)unused;
  CHECK_OK(set(8));
  CHECK_OK(eddy_to_thread(see_and_set, "thread", NULL));
  return show("task");
}

static int call_frame(eddy_frame *frame)
{
  struct call *self = (struct call *)frame;
  EDDY_BEGIN(frame);
  self->rc = set(8);
  EDDY_AWAIT(frame, self->rc, eddy_to_thread(see_and_set, "thread", NULL));
  EDDY_RAISE(frame, show("task"));
  EDDY_END(frame);
}

static int copied_to_thread(enum kind kind)
{
  struct call *call = test_new(sizeof *call);
  eddy_task *task;
  CHECK_OK(test_var(&var));
  CHECK_OK(start_kind(kind, call_body, call_frame, &call->frame, &task));
  CHECK_OK(eddy_task_await(task, NULL));
  CHECK_TRACE("thread8 task8");
  return 0;
}

EDDY_TASK_TEST(context, to_thread_copies_the_callers_context)
{
  return each_kind(copied_to_thread);
}

EDDY_TASK_TEST(context, jobs_of_an_executor_start_empty)
{
  CHECK_OK(test_var(&var));
  CHECK_OK(set(8));
  for (int i = 0; i < 2; i++) {
    eddy_future *future;
    CHECK_OK(eddy_loop_run_in_executor(
        eddy_get_running_loop(), NULL, see_and_set, "job", &future));
    int rc = eddy_await(future, NULL);
    eddy_future_unref(future);
    CHECK_OK(rc);
  }
  CHECK_TRACE("job0 job0");
  return 0;
}

/* ---- bad input ---- */

EDDY_TEST(context, bad_arguments_are_refused)
{
  eddy_context *context;
  eddy_value value;
  CHECK_OK(test_var(&var));
  CHECK_CODE(eddy_context_var_new(NULL, NULL, &bare), EDDY_EINVAL);
  CHECK_CODE(eddy_context_var_new("x", NULL, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_context_var_get(NULL, &value), EDDY_EINVAL);
  CHECK_CODE(eddy_context_var_get(var, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_context_var_set(NULL, eddy_int(1), NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_context_var_reset(var, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_context_new(NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_copy_context(NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_context_copy(NULL, &context), EDDY_EINVAL);
  CHECK_CODE(eddy_context_run(NULL, show, "x"), EDDY_EINVAL);
  CHECK_OK(eddy_context_new(&context));
  test_defer_late(unref_context, context);
  CHECK_CODE(eddy_context_run(context, NULL, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_context_get(context, var, &value), EDDY_ENOENT);
  CHECK_EQ(eddy_context_count(context), 0);
  eddy_context_unref(NULL);
  eddy_context_var_unref(NULL);
  return 0;
}
