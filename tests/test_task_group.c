/* Task groups (rules 44 to 50): the order of things. The traces are CPython's. */
#include "groups.h"

/* Plays the text with tasks of each kind, and of both at once: nothing may differ. */
static int expect(const char *text, const char *cancels, const char *events)
{
  for (int kind = 0; kind <= TEST_KINDS; kind++) {
    CHECK_OK(play_group(kind, text, cancels));
    CHECK_TRACE(events);
  }
  return 0;
}

/* ---- exit waits (rules 18, 44) ---- */

EDDY_TASK_TEST(task_group, exit_of_an_empty_group_does_not_suspend)
{
  return expect("g[|B0rp]", "", "B1 g=0:1");
}

EDDY_TASK_TEST(task_group, exit_comes_three_iterations_after_immediate_children_were_made)
{
  CHECK_OK(expect("g[a0rp|B0rp]", "", "B1 a2 g=0:4"));
  return expect("g[a0rp b0rp c0rp d0rp e0rp|B0rp]", "", "B1 a2 b2 c2 d2 e2 g=0:4");
}

EDDY_TASK_TEST(task_group, exit_waits_for_the_last_child)
{
  return expect("g[a3rp b1rp|B2rp]", "", "b3 B3 a5 g=0:7");
}

EDDY_TASK_TEST(task_group, children_may_add_siblings_while_exit_waits)
{
  CHECK_OK(expect("g[a0np|B0rp]", "", "B1 a2 x4 g=0:6")); /* the last one does */
  return expect("g[a1np b3rp|B0rp]", "", "B1 a3 x5 b5 g=0:7");
}

EDDY_TASK_TEST(task_group, body_may_outlast_its_children)
{
  return expect("g[a0rp b1rp c2rp d3rp|B9rp]", "", "a2 b3 c4 d5 B10 g=0:10");
}

EDDY_TASK_TEST(task_group, cancelled_child_is_no_error)
{
  return expect("g[a1cp b2rp|B0rp]", "", "B1 a3 b4 g=0:6");
}

/* ---- a child fails (rules 45, 46, 47) ---- */

EDDY_TASK_TEST(task_group, first_error_cancels_the_siblings_in_creation_order)
{
  return expect("g[a1fp b-rp c-rp d0rp|B0rp]", "", "B1 d2 a3 b!5 c!5 g=(a):7");
}

EDDY_TASK_TEST(task_group, first_error_cancels_the_body_and_takes_that_back)
{
  CHECK_OK(expect("g[a0fp|B-rp]", "", "a2 B!4 g=(a):4"));
  return expect("g[a1fp b-rp c-rp d0rp|B-rp]", "", "d2 a3 b!5 c!5 B!5 g=(a):7");
}

EDDY_TASK_TEST(task_group, one_error_is_a_group_error_too)
{
  return expect("g[a0fp|B0rp]", "", "B1 a2 g=(a):4");
}

EDDY_TASK_TEST(task_group, group_error_has_all_errors_in_order_of_completion)
{
  return expect("g[a1fp b1fp c-re d-rv|B-rp]", "", "a3 b3 c!5 d!5 B!5 g=(a,b,c,d):9");
}

EDDY_TASK_TEST(task_group, body_that_swallows_the_internal_cancel_does_not_hide_the_error)
{
  return expect("g[a1fp b-rp|B-rs]", "", "a3 b!5 B!5 g=(a):7");
}

EDDY_TASK_TEST(task_group, exit_waits_for_siblings_that_clean_up)
{
  return expect("g[a1fp b-rw|B-rp]", "", "a3 b!5 B!5 g=(a):9");
}

EDDY_TASK_TEST(task_group, sibling_made_before_the_error_is_noted_is_cancelled_unstarted)
{
  return expect("g[a1fp b1np|B-rp]", "", "a3 b3 B!5 g=(a):6");
}

/* ---- the body fails (rule 46) ---- */

EDDY_TASK_TEST(task_group, error_of_the_body_cancels_the_children_and_is_wrapped)
{
  CHECK_OK(expect("g[a-rp|B1fp]", "", "B2 a!3 g=(B):5"));
  return expect("g[|B0fp]", "", "B1 g=(B):1");
}

EDDY_TASK_TEST(task_group, error_of_the_body_joins_those_of_the_children_as_the_last)
{
  return expect("g[a-re b-re|B1fp]", "", "B2 a!3 b!3 g=(a,b,B):5");
}

EDDY_TASK_TEST(task_group, body_that_turns_the_internal_cancel_into_an_error_adds_it)
{
  return expect("g[a1fp|B-re]", "", "a3 B!5 g=(a,B):5");
}

EDDY_TASK_TEST(task_group, body_that_cancels_itself_is_passed_on)
{
  return expect("g[|B0cp]", "", "B1 g=ECANCELLED:1");
}

/* ---- the parent is cancelled (rules 48, 49) ---- */

EDDY_TASK_TEST(task_group, cancel_of_the_parent_ends_the_children_and_goes_on)
{
  CHECK_OK(expect("g[a-rp b-rp|B-rp]", "3", "B!4 a!5 b!5 g=ECANCELLED/1:7"));
  return expect("g[a-rp b-rp|B0rp]", "3", "B1 a!5 b!5 g=ECANCELLED/1:7");
}

EDDY_TASK_TEST(task_group, cancel_of_a_parent_without_children_goes_on)
{
  CHECK_OK(expect("g[|B-rp]", "3", "B!4 g=ECANCELLED/1:4"));
  return expect("g[|B-re]", "3", "B!4 g=(B)/1:4 g~5"); /* into an error */
}

EDDY_TASK_TEST(task_group, group_error_wins_over_a_cancel_which_is_delivered_again)
{
  CHECK_OK(expect("g[a-re b-rp|B-rp]", "3", "B!4 a!5 b!5 g=(a)/1:7 g~8"));
  CHECK_OK(expect("g[a-re b-rp|B0rp]", "3", "B1 a!5 b!5 g=(a)/1:7 g~8"));
  return expect("g[a1fp b-rw|B-rp]", "4", "a3 b!5 B!5 g=(a)/1:9 g~10");
}

EDDY_TASK_TEST(task_group, child_may_fail_while_the_cancelled_body_cleans_up)
{
  return expect("g[a2fp|B-rw]", "2", "B!3 a4 g=(a)/1:5 g~6");
}

EDDY_TASK_TEST(task_group, error_and_cancel_in_one_iteration_count_once)
{
  return expect("g[a1fp|B-rp]", "3", "a3 B!4 g=(a)/1:4 g~5");
}

EDDY_TASK_TEST(task_group, more_cancels_while_exit_waits_do_not_end_the_wait_but_count)
{
  CHECK_OK(expect("g[a-rw b-rp|B0rp]", "356", "B1 a!5 b!5 g=ECANCELLED/3:9"));
  CHECK_OK(expect("g[a-rv b-rp|B0rp]", "356", "B1 a!5 b!5 g=(a)/3:9 g~10"));
  return expect("g[a1fp b-rw|B-rp]", "45", "a3 b!5 B!5 g=(a)/2:9 g~10");
}

EDDY_TASK_TEST_VIRTUAL(task_group, cancel_that_the_body_swallows_cancels_no_child)
{
  return expect("g[a-rp|B-rs]", "3", "B!4 a12 g=0/1:14");
}

/* ---- groups in groups ---- */

EDDY_TASK_TEST(task_group, error_of_a_group_is_one_error_of_the_group_around_it)
{
  CHECK_OK(expect("g[h[a1fp b-rp|c-rp]|B0rp]", "", "B1 a4 b!6 c!6 h=(a):8 g=((a)):10"));
  CHECK_OK(expect("g[b-rp|h[a1fp|c-rp]]", "", "a3 c!5 h=(a):5 b!6 g=((a)):8"));
  return expect("g[h[a-rp|c-rp] i[b2fp|d-rp]|B-rp]", "",
      "b5 d!7 i=(b):7 c!9 B!9 a!10 h=ECANCELLED/1:12 g=((b)):14");
}

EDDY_TASK_TEST(task_group, groups_in_one_task_are_cancelled_from_the_inside_out)
{
  CHECK_OK(
      expect("g[|h[a-re b-re|B-rp]]", "3", "B!4 a!5 b!5 h=(a,b)/1:7 g=((a,b))/1:7 g~8"));
  CHECK_OK(expect("g[c-rp|h[a-re b-re|B-rp]]", "3",
      "B!4 a!5 b!5 h=(a,b)/1:7 c!8 g=((a,b))/1:10 g~11"));
  return expect("g[a-rp|h[b1fp|B0rp]]", "", "B1 b3 h=(b):5 a!6 g=((b)):8");
}

EDDY_TASK_TEST(task_group, error_outside_cancels_the_group_inside)
{
  CHECK_OK(expect("g[a1fp|h[b-rp|B0rp]]", "", "B1 a3 b!6 h=ECANCELLED/1:8 g=(a):8"));
  CHECK_OK(expect("g[b1fp|h[a-rp|c-rp]]", "", "b3 c!5 a!6 h=ECANCELLED/1:8 g=(b):8"));
  return expect("g[a2fp|h[b-re|c-rp]]", "", "a4 c!6 b!7 h=(b)/1:9 g=(a,(b)):9");
}

EDDY_TASK_TEST(task_group, errors_in_both_groups_of_a_task_keep_the_outer_request)
{
  return expect("g[a0fp|h[b0fp|B-rp]]", "", "a2 b2 B!4 h=(b)/1:4 g=(a,(b)):4");
}

EDDY_TASK_TEST(task_group, cancel_of_both_groups_of_a_task_is_kept_by_both)
{
  CHECK_OK(expect("g[b1fp c-rw|h[a-rw|d-rp]]", "4",
      "b3 c!5 d!5 a!6 h=ECANCELLED/2:10 g=(b)/1:10 g~11"));
  return expect(
      "g[h[a-rp|c-rp]|B0rp]", "3", "B1 c!5 a!6 h=ECANCELLED/1:8 g=ECANCELLED/1:10");
}

/* ---- cancel (asyncio 3.15) ---- */

EDDY_TASK_TEST(task_group, cancel_ends_children_and_body_without_an_error)
{
  CHECK_OK(expect("g[a1kp b-rp|B-rp]", "", "a3 b!4 B!4 g=0:6"));
  CHECK_OK(expect("g[a1kp b-rp|B0rp]", "", "B1 a3 b!4 g=0:6"));
  CHECK_OK(expect("g[a0kp|B0rp]", "", "B1 a2 g=0:4"));
  CHECK_OK(expect("g[a2rp|B1kp]", "", "B2 a!3 g=0:5"));
  return expect("g[|B1kp]", "", "B2 g=0:2");
}

EDDY_TASK_TEST(task_group, cancel_does_not_hide_errors)
{
  return expect("g[a1kp b-re|B-rp]", "", "a3 b!4 B!4 g=(b):6");
}

EDDY_TASK_TEST(task_group, cancel_does_not_hide_a_cancel_from_outside)
{
  CHECK_OK(expect("g[a1kp b-rw|B-rp]", "4", "a3 b!4 B!4 g=ECANCELLED/1:8"));
  return expect(
      "g[b-rv|h[a-rp|B1kp]]", "3", "B2 a!3 h=ECANCELLED/1:4 b!5 g=(b)/1:9 g~10");
}

/* ---- eager children (rule 50, as in later releases than 3.13.0) ---- */

static int expect_eager(const char *text, const char *events)
{
  eddy_loop *loop = eddy_get_running_loop();
  eddy_loop_set_task_factory(loop, eddy_eager_task_factory, NULL);
  int rc = expect(text, "", events);
  eddy_loop_set_task_factory(loop, NULL, NULL);
  return rc;
}

EDDY_TASK_TEST(task_group, eager_child_that_has_ended_goes_through_a_queued_callback)
{
  CHECK_OK(expect_eager("g[a0rp b0rp|B0rp]", "a0 b0 B0 g=0:2"));
  CHECK_OK(expect_eager("g[a0rp|B2rp]", "a0 B2 g=0:2"));
  return expect_eager("g[h[a0rp|b0rp]|c0rp]", "a0 b0 c0 h=0:2 g=0:4");
}

EDDY_TASK_TEST(
    task_group, eager_child_that_has_failed_does_not_cancel_its_creator_at_once)
{
  CHECK_OK(expect_eager("g[a0fp|B0rp]", "a0 B0 g=(a):2"));
  return expect_eager("g[a0fp b-rp|B-rp]", "a0 b!2 B!2 g=(a):4");
}

EDDY_TASK_TEST(task_group, eager_child_may_cancel_the_group)
{
  return expect_eager("g[a0kp|B-rp]", "a0 B!1 g=0:1");
}
