/* Whole programs of tasks: those of the lesson, and long ones. */
#include "tasks.h"

#define UNIT EDDY_S(1)

/* ---- countdown and countup, turn by turn ---- */

static int count_down(void *arg)
{
  (void)arg;
  for (int n = 5; n > 0; n--) {
    trace("Down%d", n);
    CHECK_OK(eddy_sleep(0));
  }
  return 0;
}

static int count_up(void *arg)
{
  (void)arg;
  for (int n = 0; n < 20; n++) {
    trace("Up%d", n);
    CHECK_OK(eddy_sleep(0));
  }
  return 0;
}

EDDY_TASK_TEST(program, two_tasks_take_turns)
{
  eddy_task *down, *up;
  CHECK_OK(test_task(count_down, NULL, &down));
  CHECK_OK(test_task(count_up, NULL, &up));
  trace("created");
  CHECK_OK(eddy_task_await(up, NULL));
  CHECK_TRACE("created Down5 Up0 Down4 Up1 Down3 Up2 Down2 Up3 Down1 Up4 Up5 Up6 Up7 Up8 "
              "Up9 Up10 Up11 Up12 Up13 Up14 Up15 Up16 Up17 Up18 Up19");
  CHECK_EQ(eddy_task_steps(down) + eddy_task_steps(up), 27);
  return 0;
}

/* ---- a producer and a consumer in tasks, beside callbacks ---- */

static int produce(void *queue)
{
  for (int n = 0; n < 10; n++) {
    trace("Producing%d", n);
    CHECK_OK(eddy_queue_put(queue, eddy_int(n)));
    CHECK_OK(eddy_sleep(UNIT));
  }
  trace("Producer-done");
  eddy_queue_shutdown(queue, false);
  return eddy_return(eddy_int(10));
}

static int consume(void *queue)
{
  int64_t total = 0;
  eddy_value item;
  int rc;
  while ((rc = eddy_queue_get(queue, &item)) == 0) {
    trace("Consuming%d", (int)item.i);
    total += item.i;
  }
  CHECK_CODE(rc, EDDY_EQUEUESHUTDOWN);
  trace("Consumer-done");
  return eddy_return(eddy_int(total));
}

struct counter {
  int n;
  int end;
};

static int down_again(void *arg)
{
  struct counter *counter = arg;
  if (counter->n == 0) return 0;
  trace("Down%d", counter->n--);
  return eddy_loop_call_later(
      eddy_get_running_loop(), 4 * UNIT, down_again, counter, NULL);
}

static int up_again(void *arg)
{
  struct counter *counter = arg;
  if (counter->n == counter->end) return 0;
  trace("Up%d", counter->n++);
  return eddy_loop_call_later(eddy_get_running_loop(), UNIT, up_again, counter, NULL);
}

EDDY_TASK_TEST_VIRTUAL(program, callbacks_and_tasks_share_one_queue)
{
  struct counter *down = test_new(sizeof *down), *up = test_new(sizeof *up);
  eddy_queue *queue;
  eddy_task *producer, *consumer;
  eddy_value value;
  down->n = 5;
  up->end = 20;
  CHECK_OK(test_queue(0, &queue));
  CHECK_OK(test_task(produce, queue, &producer));
  CHECK_OK(test_task(consume, queue, &consumer));
  CHECK_OK(test_call_soon(down_again, down));
  CHECK_OK(test_call_soon(up_again, up));
  CHECK_OK(eddy_task_await(producer, &value));
  CHECK_EQ(value.i, 10);
  CHECK_OK(eddy_task_await(consumer, &value));
  CHECK_EQ(value.i, 45);
  CHECK_EQ(eddy_task_steps(producer), 11);
  CHECK_EQ(eddy_task_steps(consumer), 11);
  CHECK_OK(eddy_sleep(20 * UNIT));
  CHECK_TRACE(
      "Producing0 Consuming0 Down5 Up0 Up1 Producing1 Consuming1 Up2 Producing2 "
      "Consuming2 Up3 Producing3 Consuming3 Down4 Up4 Producing4 Consuming4 Up5 "
      "Producing5 Consuming5 Up6 Producing6 Consuming6 Up7 Producing7 Consuming7 Down3 "
      "Up8 Producing8 Consuming8 Up9 Producing9 Consuming9 Up10 Producer-done "
      "Consumer-done Up11 Down2 Up12 Up13 Up14 Up15 Down1 Up16 Up17 Up18 Up19");
  return 0;
}

/* ---- a value read before a wait is old after it ---- */

/* One thread is no protection across a wait: what was read before it may have changed. In
 * `total = total + one()` C even leaves open which of the two is read first, so take the
 * result into a variable, then use it. */
static int64_t total;

static int64_t one(void)
{
  return eddy_sleep(0) == 0 ? 1 : 0;
}

static int add_across_a_wait(void *arg)
{
  int64_t before = total;
  (void)arg;
  total = before + one();
  return 0;
}

static int add_after_the_wait(void *arg)
{
  int64_t result = one();
  (void)arg;
  total += result;
  return 0;
}

static int run_hundred(eddy_fn *fn)
{
  eddy_task *task = NULL;
  total = 0;
  for (int i = 0; i < 100; i++) {
    int rc = test_task(fn, NULL, &task);
    if (rc < 0) return rc;
  }
  return eddy_task_await(task, NULL);
}

EDDY_TASK_TEST(program, additions_across_a_wait_are_lost)
{
  CHECK_OK(run_hundred(add_across_a_wait));
  CHECK_EQ(total, 1);
  CHECK_OK(run_hundred(add_after_the_wait));
  CHECK_EQ(total, 100);
  return 0;
}

/* ---- long runs ---- */

struct side {
  eddy_frame frame;
  eddy_queue *in;
  eddy_queue *out;
  eddy_value item;
  int rounds;
  int rc;
};

/* Takes an item and passes it on, again and again. */
static int pass_on(eddy_frame *frame)
{
  struct side *self = (struct side *)frame;
  EDDY_BEGIN(frame);
  for (; self->rounds > 0; self->rounds--) {
    EDDY_AWAIT(frame, self->rc, eddy_queue_get(self->in, &self->item));
    if (self->rc < 0) EDDY_RAISE(frame, self->rc);
    EDDY_AWAIT(frame, self->rc, eddy_queue_put(self->out, self->item));
    if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  }
  EDDY_END(frame);
}

/* How far down the loop's own stack is when it runs a callback. */
static uintptr_t loop_stack;

static int note_stack(void *arg)
{
  char here;
  (void)arg;
  loop_stack = (uintptr_t)(void *)&here;
  return 0;
}

static int loop_stack_now(uintptr_t *out)
{
  int rc = test_call_soon(note_stack, NULL);
  if (rc == 0) rc = eddy_sleep(0);
  *out = loop_stack;
  return rc;
}

EDDY_TASK_TEST(program, million_rounds_leave_the_stack_where_it_was)
{
  enum { ROUNDS = 500000 }; /* two passes each */
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct side *sides = test_new(2 * sizeof *sides);
    eddy_queue *there, *back;
    eddy_task *tasks[2];
    eddy_loop_stats before, after;
    uintptr_t depth_before, depth_after;
    CHECK_OK(test_queue(1, &there));
    CHECK_OK(test_queue(1, &back));
    for (int i = 0; i < 2; i++) {
      sides[i].in = i == 0 ? there : back;
      sides[i].out = i == 0 ? back : there;
      sides[i].rounds = ROUNDS;
      CHECK_OK(test_frame_task(kind, &sides[i], pass_on, &tasks[i]));
    }
    CHECK_OK(loop_stack_now(&depth_before));
    eddy_loop_get_stats(eddy_get_running_loop(), &before);
    CHECK_OK(eddy_queue_put(there, eddy_int(1)));
    CHECK_OK(eddy_task_await(tasks[1], NULL));
    eddy_loop_get_stats(eddy_get_running_loop(), &after);
    CHECK_OK(loop_stack_now(&depth_after));
    CHECK(depth_before == depth_after);
    CHECK(after.stacks <= before.stacks);
    CHECK(after.steps - before.steps >= 2 * ROUNDS - 2);
    CHECK(eddy_task_done(tasks[0]));
  }
  return 0;
}

/* Tasks come and go: their stacks are used again. */
static int do_nothing(void *arg)
{
  (void)arg;
  return 0;
}

EDDY_TASK_TEST(program, tasks_that_come_and_go_share_few_stacks)
{
  eddy_loop_stats stats;
  for (int i = 0; i < 20000; i++) {
    eddy_task *task;
    CHECK_OK(eddy_create_task(do_nothing, NULL, &task));
    int rc = eddy_task_await(task, NULL);
    eddy_task_unref(task);
    CHECK_OK(rc);
  }
  eddy_loop_get_stats(eddy_get_running_loop(), &stats);
  CHECK_EQ(stats.tasks, 1);
  CHECK(stats.stacks + stats.stacks_idle <= 4);
  return 0;
}

static int add_one(void *arg)
{
  CHECK_OK(eddy_sleep(0));
  ++*(int *)arg;
  return 0;
}

EDDY_TASK_TEST(program, thousand_tasks_at_once_all_get_their_turn)
{
  int *count = test_new(sizeof *count);
  eddy_loop_stats stats;
  for (int i = 0; i < 1000; i++)
    CHECK_OK(eddy_create_task(add_one, count, NULL));
  CHECK_OK(eddy_sleep(0));
  CHECK_EQ(*count, 0);
  eddy_loop_get_stats(eddy_get_running_loop(), &stats);
  CHECK_EQ(stats.tasks, 1001);
  CHECK_OK(eddy_sleep(0));
  CHECK_EQ(*count, 1000);
  CHECK_OK(eddy_sleep(0));
  eddy_loop_get_stats(eddy_get_running_loop(), &stats);
  CHECK_EQ(stats.tasks, 1);
  return 0;
}

/* ---- no memory for a stack ---- */

static void count_unstarted(void *arg)
{
  ++*(int *)arg;
}

EDDY_TEST(program, task_without_a_stack_ends_with_enomem)
{
  eddy_loop_options options = {.stack_size = (size_t)1 << 47};
  eddy_task_options hook = {.unstarted = count_unstarted};
  int *count = test_new(sizeof *count);
  eddy_loop *loop;
  eddy_task *task;
  CHECK_OK(eddy_loop_new(&options, &loop));
  int rc = test_loop_task_at(loop, add_one, count, &hook, &task);
  if (rc == 0) {
    rc = eddy_loop_run(loop);
    if (rc == 0) rc = eddy_task_result(task, NULL);
    ++*count;
  }
  eddy_loop_free(loop);
  CHECK_CODE(rc, EDDY_ENOMEM);
  CHECK(*count == 0 || *count == 2);
  return 0;
}
