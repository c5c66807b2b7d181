/* Barriers as objects: arguments, messages, references, loops, and what is said of them. */
#include "stage.h"

static void unref_barrier(void *barrier)
{
  eddy_barrier_unref(barrier);
}

static int test_barrier(size_t parties, eddy_barrier **out)
{
  int rc = eddy_barrier_new(parties, out);
  if (rc == 0) test_defer_late(unref_barrier, *out);
  return rc;
}

EDDY_TASK_TEST(barrier_life, arguments_are_checked)
{
  eddy_barrier *barrier = NULL;
  CHECK_CODE(eddy_barrier_new(1, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_barrier_new(0, &barrier), EDDY_EINVAL);
  CHECK_STR(eddy_message(EDDY_EINVAL), "barrier: it takes 1 task or more, not 0");
  CHECK_PTR(barrier, NULL);
  CHECK_CODE(eddy_barrier_wait(NULL, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_barrier_reset(NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_barrier_abort(NULL), EDDY_EINVAL);
  eddy_barrier_unref(NULL);
  return 0;
}

EDDY_TEST(barrier_life, new_one_is_empty_and_whole_and_a_wait_needs_a_task)
{
  eddy_barrier *barrier;
  CHECK_OK(test_barrier(SIZE_MAX, &barrier));
  CHECK_EQ(eddy_barrier_parties(barrier), SIZE_MAX);
  CHECK_EQ(eddy_barrier_n_waiting(barrier), 0);
  CHECK(!eddy_barrier_broken(barrier));
  CHECK_CODE(eddy_barrier_wait(barrier, NULL), EDDY_ENOTASK);
  CHECK_PTR(eddy_barrier_ref(barrier), barrier);
  eddy_barrier_unref(barrier);
  CHECK_OK(eddy_barrier_abort(barrier));
  CHECK(eddy_barrier_broken(barrier));
  CHECK_OK(eddy_barrier_reset(barrier));
  CHECK(!eddy_barrier_broken(barrier));
  return 0;
}

struct party {
  eddy_barrier *barrier;
  size_t index;
};

static int come(void *arg)
{
  struct party *self = arg;
  return eddy_barrier_wait(self->barrier, &self->index);
}

static int start_party(size_t parties, struct party **out, eddy_task **task)
{
  struct party *party = test_new(sizeof *party);
  CHECK_OK(test_barrier(parties, &party->barrier));
  party->index = 77;
  CHECK_OK(test_task(come, party, task));
  CHECK_OK(eddy_sleep(0));
  *out = party;
  return 0;
}

EDDY_TASK_TEST(barrier_life, broken_one_says_why_and_gives_no_index)
{
  struct party *party = NULL;
  eddy_task *task;
  CHECK_OK(start_party(2, &party, &task));
  CHECK_OK(eddy_barrier_reset(party->barrier));
  CHECK_CODE(eddy_task_await(task, NULL), EDDY_EBROKENBARRIER);
  CHECK_CONTAINS(eddy_message(EDDY_EBROKENBARRIER), "barrier wait: barrier ");
  CHECK_CONTAINS(eddy_message(EDDY_EBROKENBARRIER), " was reset");
  CHECK_EQ(party->index, 77);
  CHECK_OK(start_party(2, &party, &task));
  CHECK_OK(eddy_barrier_abort(party->barrier));
  CHECK_CODE(eddy_task_await(task, NULL), EDDY_EBROKENBARRIER);
  CHECK_CONTAINS(eddy_message(EDDY_EBROKENBARRIER), " was aborted");
  CHECK_EQ(party->index, 77);
  CHECK_CODE(eddy_barrier_wait(party->barrier, &party->index), EDDY_EBROKENBARRIER);
  CHECK_CONTAINS(
      eddy_message(EDDY_EBROKENBARRIER), " is broken; eddy_barrier_reset makes");
  CHECK_EQ(party->index, 77);
  return 0;
}

EDDY_TASK_TEST(barrier_life, index_need_not_be_asked_for)
{
  struct party *party = NULL;
  eddy_task *task;
  CHECK_OK(start_party(2, &party, &task));
  CHECK_OK(eddy_barrier_wait(party->barrier, NULL));
  CHECK_OK(eddy_task_await(task, NULL));
  CHECK_EQ(party->index, 0);
  return 0;
}

EDDY_TASK_TEST(barrier_life, waiter_names_it_and_how_many_came)
{
  char text[80];
  struct party *party = NULL;
  eddy_task *task;
  CHECK_OK(start_party(3, &party, &task));
  CHECK_CONTAINS(eddy_task_waits_for(task, text, sizeof text), "barrier ");
  CHECK_CONTAINS(text, " (1 of 3 came)");
  eddy_task_cancel(task, NULL);
  CHECK_CODE(eddy_task_await(task, NULL), EDDY_ECANCELLED);
  CHECK_EQ(party->index, 77);
  return 0;
}

static void drop_party(void *arg)
{
  struct party *party = arg;
  eddy_barrier_unref(party->barrier);
  party->barrier = NULL;
}

EDDY_TASK_TEST(barrier_life, waiter_keeps_it)
{
  struct party *party = test_new(sizeof *party);
  eddy_task *task;
  CHECK_OK(eddy_barrier_new(2, &party->barrier));
  test_defer_late(drop_party, party);
  CHECK_OK(test_task(come, party, &task));
  CHECK_OK(eddy_sleep(0));
  CHECK_OK(eddy_barrier_abort(party->barrier));
  drop_party(party);
  CHECK_CODE(eddy_task_await(task, NULL), EDDY_EBROKENBARRIER);
  return 0;
}

static int meet(void *barrier)
{
  struct party *party = test_new(sizeof *party);
  eddy_task *task;
  party->barrier = barrier;
  CHECK_OK(test_task(come, party, &task));
  CHECK_OK(eddy_barrier_wait(barrier, NULL));
  return eddy_task_await(task, NULL);
}

static int meet_in_vain(void *barrier)
{
  CHECK_CODE(eddy_barrier_wait(barrier, NULL), EDDY_EOTHERLOOP);
  CHECK_CONTAINS(eddy_message(EDDY_EOTHERLOOP),
      "barrier wait: it is used by the tasks of another loop");
  CHECK_EQ(eddy_barrier_n_waiting(barrier), 0);
  return 0;
}

EDDY_TEST(barrier_life, belongs_to_the_loop_on_which_someone_waited_first)
{
  eddy_barrier *barrier;
  CHECK_OK(test_barrier(2, &barrier));
  CHECK_OK(eddy_run(meet, barrier));
  return eddy_run(meet_in_vain, barrier);
}

static int meet_nobody(void *barrier)
{
  return eddy_barrier_wait(barrier, NULL);
}

EDDY_TEST(barrier_life, of_one_belongs_to_no_loop)
{
  eddy_barrier *barrier;
  CHECK_OK(test_barrier(1, &barrier));
  CHECK_OK(eddy_run(meet_nobody, barrier));
  return eddy_run(meet_nobody, barrier);
}

EDDY_TASK_TEST_VIRTUAL(barrier_life, timeout_around_a_wait_takes_the_task_out_again)
{
  eddy_barrier *barrier;
  eddy_timeout scope;
  CHECK_OK(test_barrier(2, &barrier));
  CHECK_OK(eddy_timeout_enter(&scope, EDDY_S(5)));
  int rc = eddy_barrier_wait(barrier, NULL);
  CHECK_CODE(eddy_timeout_exit(&scope, rc), EDDY_ETIMEDOUT);
  CHECK_EQ(eddy_loop_time(eddy_get_running_loop()), EDDY_S(5));
  CHECK_EQ(eddy_barrier_n_waiting(barrier), 0);
  CHECK(!eddy_barrier_broken(barrier));
  return 0;
}
