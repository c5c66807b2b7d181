/*
 * The walk from callbacks to sockets: what its stages claim and the examples do not print.
 */
#include <stdio.h>

#include "kinds.h"

/* ---- one thread ---- */

/* The threads of this process; 0 where the system does not tell. */
static int count_threads(void)
{
  char line[256];
  int threads = 0;
  FILE *file = fopen("/proc/self/status", "r");
  if (file == NULL) return 0;
  while (threads == 0 && fgets(line, sizeof line, file) != NULL) {
    if (sscanf(line, "Threads: %d", &threads) != 1) threads = 0;
  }
  fclose(file);
  return threads;
}

static int threads_before;

static int check_threads(void *left)
{
  int *count = left;
  CHECK_EQ(count_threads(), threads_before);
  trace("%d", *count);
  if (--*count == 0) return 0;
  return eddy_loop_call_later(
      eddy_get_running_loop(), EDDY_MS(1), check_threads, count, NULL);
}

EDDY_TEST(walk, callbacks_run_in_the_one_thread_there_is)
{
  eddy_loop *loop;
  int *left = test_new(sizeof *left);
  threads_before = count_threads();
  *left = 3;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(eddy_loop_call_soon(loop, check_threads, left, NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_EQ(count_threads(), threads_before);
  CHECK_TRACE("3 2 1");
  return 0;
}

static int check_threads_and_wait(void *arg)
{
  const int *fds = arg;
  char byte;
  size_t got;
  CHECK_OK(eddy_sleep(EDDY_MS(1)));
  CHECK_EQ(count_threads(), threads_before);
  CHECK_OK(eddy_sock_recv(fds[0], &byte, 1, &got));
  CHECK_EQ(count_threads(), threads_before);
  return 0;
}

EDDY_TASK_TEST(walk, tasks_and_sockets_need_no_second_thread)
{
  eddy_task *task;
  int *here = test_new(2 * sizeof(int)), *there = test_new(2 * sizeof(int));
  threads_before = count_threads();
  CHECK_OK(test_pair(here));
  CHECK_OK(test_pair(there));
  CHECK_OK(test_task(check_threads_and_wait, there, &task));
  CHECK_OK(eddy_sleep(EDDY_MS(2)));
  CHECK_OK(eddy_sock_sendall(here[1], "x", 1));
  CHECK_OK(eddy_sock_sendall(there[1], "x", 1));
  CHECK_OK(check_threads_and_wait(here));
  return eddy_task_await(task, NULL);
}

/* ---- a put does not call who waits ---- */

struct rounds {
  eddy_queue *queue;
  int64_t left;
  int depth, deepest;
  const char *lowest, *highest; /* where the stack has been */
};

static int next_round(eddy_result result, void *arg)
{
  struct rounds *self = arg;
  char here;
  if (result.error < 0) return result.error;
  if (++self->depth > self->deepest) self->deepest = self->depth;
  if (self->lowest == NULL || &here < self->lowest) self->lowest = &here;
  if (self->highest == NULL || &here > self->highest) self->highest = &here;
  if (--self->left > 0) {
    CHECK_OK(eddy_queue_get_cb(NULL, self->queue, next_round, self));
    CHECK_OK(eddy_queue_put_nowait(self->queue, eddy_int(self->left)));
  }
  self->depth--;
  return 0;
}

static int play(int64_t rounds, struct rounds *self)
{
  eddy_loop *loop;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(test_queue(0, &self->queue));
  self->left = rounds;
  CHECK_OK(eddy_queue_get_cb(loop, self->queue, next_round, self));
  CHECK_OK(eddy_queue_put_nowait(self->queue, eddy_int(0)));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_EQ(self->left, 0);
  return 0;
}

EDDY_TEST(walk, hundred_rounds_nest_one_deep)
{
  struct rounds *rounds = test_new(sizeof *rounds);
  CHECK_OK(play(100, rounds));
  CHECK_EQ(rounds->deepest, 1);
  return 0;
}

EDDY_TEST(walk, million_rounds_need_no_more_stack_than_one)
{
  struct rounds *rounds = test_new(sizeof *rounds);
  CHECK_OK(play(1000000, rounds));
  CHECK_EQ(rounds->deepest, 1);
  CHECK_BETWEEN(0, rounds->highest - rounds->lowest, 4096);
  return 0;
}

/* The same between two tasks, and no memory is left behind: the queue holds one item. */
struct pong {
  eddy_frame frame;
  eddy_queue *in, *out;
  int64_t rounds;
  eddy_value ball;
  int rc;
};

static int pong(eddy_frame *frame)
{
  struct pong *self = (struct pong *)frame;
  EDDY_BEGIN(frame);
  for (; self->rounds > 0; self->rounds--) {
    EDDY_AWAIT(frame, self->rc, eddy_queue_get(self->in, &self->ball));
    if (self->rc < 0) EDDY_RAISE(frame, self->rc);
    EDDY_AWAIT(frame, self->rc, eddy_queue_put(self->out, self->ball));
    if (self->rc < 0) EDDY_RAISE(frame, self->rc);
  }
  EDDY_END(frame);
}

static int pong_body(void *arg)
{
  struct pong *self = arg;
  for (; self->rounds > 0; self->rounds--) {
    CHECK_OK(eddy_queue_get(self->in, &self->ball));
    CHECK_OK(eddy_queue_put(self->out, self->ball));
  }
  return 0;
}

static int play_pong(enum kind kind)
{
  struct pong *players[2];
  eddy_queue *queues[2];
  eddy_task *tasks[2];
  for (int i = 0; i < 2; i++) {
    CHECK_OK(test_queue(1, &queues[i]));
    players[i] = test_new(sizeof *players[i]);
  }
  for (int i = 0; i < 2; i++) {
    players[i]->in = queues[i];
    players[i]->out = queues[1 - i];
    players[i]->rounds = 100000;
    CHECK_OK(start_kind(kind, pong_body, pong, &players[i]->frame, &tasks[i]));
  }
  CHECK_OK(eddy_queue_put(queues[0], eddy_int(7)));
  CHECK_OK(eddy_task_await(tasks[0], NULL));
  CHECK_OK(eddy_task_await(tasks[1], NULL));
  CHECK_EQ(players[1]->ball.i, 7);
  CHECK_EQ(eddy_queue_qsize(queues[0]), 1);
  /* A step for each wait, and none in vain. */
  CHECK_BETWEEN(100000, eddy_task_steps(tasks[0]), 100001);
  CHECK_BETWEEN(100000, eddy_task_steps(tasks[1]), 100001);
  return 0;
}

EDDY_TASK_TEST(walk, tasks_hand_a_ball_to_and_fro_without_end)
{
  return each_kind(play_pong);
}

/* ---- stage 15: tasks wait in line, and do not ask in vain ---- */

static int take_two(const char *name, eddy_queue *queue)
{
  for (int i = 0; i < 2; i++) {
    eddy_value item;
    CHECK_OK(eddy_queue_get(queue, &item));
    trace("%s got %d;", name, (int)item.i);
  }
  return 0;
}

static int first_consumer(void *queue)
{
  return take_two("first", queue);
}

static int second_consumer(void *queue)
{
  return take_two("second", queue);
}

EDDY_TASK_TEST(walk, items_go_to_who_has_waited_longest)
{
  eddy_queue *queue;
  eddy_task *tasks[2];
  CHECK_OK(test_queue(0, &queue));
  CHECK_OK(test_task(first_consumer, queue, &tasks[0]));
  CHECK_OK(test_task(second_consumer, queue, &tasks[1]));
  CHECK_OK(settle());
  for (int i = 0; i < 4; i++) {
    CHECK_OK(eddy_queue_put(queue, eddy_int(i)));
    CHECK_OK(eddy_sleep(0));
  }
  CHECK_OK(settle());
  CHECK_TRACE("first got 0; second got 1; first got 2; second got 3;");
  return 0;
}

static int poll_queue(void *queue)
{
  int turns = 0;
  for (; eddy_queue_empty(queue) && turns < 1000; turns++) {
    CHECK_OK(eddy_sleep(0));
  }
  trace("asked:%d", turns);
  return 0;
}

static int produce_late(void *queue)
{
  CHECK_OK(eddy_sleep(EDDY_MS(10)));
  trace("late");
  return eddy_queue_put_nowait(queue, eddy_int(0));
}

static int consume(void *queue)
{
  eddy_value item;
  CHECK_OK(eddy_queue_get(queue, &item));
  trace("got:%d", (int)item.i);
  return 0;
}

/* Asking again and again takes a thousand turns; waiting takes the two that are needed. */
EDDY_TASK_TEST_VIRTUAL(walk, waiting_costs_nothing_where_asking_costs_every_turn)
{
  eddy_queue *queue;
  eddy_task *asker, *waiter, *producer;
  CHECK_OK(test_queue(0, &queue));
  CHECK_OK(test_task(produce_late, queue, &producer));
  CHECK_OK(test_task(poll_queue, queue, &asker));
  CHECK_OK(test_task(consume, queue, &waiter));
  CHECK_OK(eddy_task_await(waiter, NULL));
  CHECK_EQ(eddy_task_steps(asker), 1001);
  CHECK_EQ(eddy_task_steps(waiter), 2);
  CHECK_TRACE("asked:1000 late got:0");
  return 0;
}

/* ---- stage 16: woken does not mean served ---- */

static int contested(void *queue)
{
  eddy_value item;
  int rc = eddy_queue_get(queue, &item);
  trace(rc == EDDY_EQUEUESHUTDOWN ? "saw the close" : "took %d", (int)item.i);
  return 0;
}

EDDY_TASK_TEST(walk, who_is_woken_looks_again)
{
  eddy_queue *queue;
  eddy_task *task;
  eddy_value item;
  CHECK_OK(test_queue(0, &queue));
  CHECK_OK(test_task(contested, queue, &task));
  CHECK_OK(settle());
  CHECK_OK(eddy_queue_put_nowait(queue, eddy_int(1)));
  CHECK_OK(eddy_queue_get_nowait(queue, &item));
  trace("taken by another;");
  CHECK_OK(settle());
  eddy_queue_shutdown(queue, false);
  CHECK_OK(settle());
  CHECK_TRACE("taken by another; saw the close");
  return 0;
}

/* ---- stage 23: callbacks and tasks in one loop ---- */

#define UNIT EDDY_MS(4)

enum { LINES = 47 };

static struct {
  const char *lines[LINES + 1];
  int count;
} printed;

static int print(const char *format, int n)
{
  char *line = test_new(32);
  snprintf(line, 32, format, n);
  CHECK(printed.count < LINES);
  printed.lines[printed.count++] = line;
  return 0;
}

static int producer(void *queue)
{
  for (int n = 0; n < 10; n++) {
    CHECK_OK(print("Producing %d", n));
    CHECK_OK(eddy_queue_put(queue, eddy_int(n)));
    CHECK_OK(eddy_sleep(UNIT));
  }
  CHECK_OK(print("Producer done", 0));
  eddy_queue_shutdown(queue, false);
  return 0;
}

static int consumer(void *queue)
{
  eddy_value item;
  int rc;
  while ((rc = eddy_queue_get(queue, &item)) == 0) {
    CHECK_OK(print("Consuming %d", (int)item.i));
  }
  CHECK_CODE(rc, EDDY_EQUEUESHUTDOWN);
  return print("Consumer done", 0);
}

static int countdown(void *arg)
{
  int *n = arg;
  if (*n == 0) return 0;
  CHECK_OK(print("Down %d", (*n)--));
  return eddy_loop_call_later(eddy_get_running_loop(), 4 * UNIT, countdown, arg, NULL);
}

static int countup(void *arg)
{
  int *n = arg;
  if (*n == 20) return 0;
  CHECK_OK(print("Up %d", (*n)++));
  return eddy_loop_call_later(eddy_get_running_loop(), UNIT, countup, arg, NULL);
}

static const char *const expected[LINES] = {"Producing 0", "Consuming 0", "Down 5",
    "Up 0", "Up 1", "Producing 1", "Consuming 1", "Up 2", "Producing 2", "Consuming 2",
    "Up 3", "Producing 3", "Consuming 3", "Down 4", "Up 4", "Producing 4", "Consuming 4",
    "Up 5", "Producing 5", "Consuming 5", "Up 6", "Producing 6", "Consuming 6", "Up 7",
    "Producing 7", "Consuming 7", "Down 3", "Up 8", "Producing 8", "Consuming 8", "Up 9",
    "Producing 9", "Consuming 9", "Up 10", "Producer done", "Consumer done", "Up 11",
    "Down 2", "Up 12", "Up 13", "Up 14", "Up 15", "Down 1", "Up 16", "Up 17", "Up 18",
    "Up 19"};

/* The next line from `from` on that begins with the word. */
static int find_word(const char *const *lines, const char *word, int from)
{
  while (from < LINES && strncmp(lines[from], word, strlen(word)) != 0)
    from++;
  return from;
}

/* On a real clock the timers may drift against each other, but each keeps its own order. */
static int compare_by_word(void)
{
  static const char *const words[] = {
      "Producing", "Consuming", "Producer", "Consumer", "Down", "Up"};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    int want = -1, got = -1;
    do {
      want = find_word(expected, words[i], want + 1);
      got = find_word(printed.lines, words[i], got + 1);
      CHECK_EQ(want == LINES, got == LINES);
      if (want < LINES) CHECK_STR(printed.lines[got], expected[want]);
    } while (want < LINES);
  }
  return 0;
}

EDDY_TEST(walk, callbacks_and_tasks_share_a_loop)
{
  eddy_loop *loop;
  eddy_queue *queue;
  eddy_task *tasks[2];
  int *down = test_new(sizeof *down), *up = test_new(sizeof *up);
  printed.count = 0;
  *down = 5;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(test_queue(0, &queue));
  CHECK_OK(test_loop_task(loop, producer, queue, &tasks[0]));
  CHECK_OK(test_loop_task(loop, consumer, queue, &tasks[1]));
  CHECK_OK(eddy_loop_call_soon(loop, countdown, down, NULL));
  CHECK_OK(eddy_loop_call_soon(loop, countup, up, NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_OK(eddy_task_result(tasks[0], NULL));
  CHECK_OK(eddy_task_result(tasks[1], NULL));
  CHECK_EQ(printed.count, LINES);
  if (!test_is_virtual()) return compare_by_word();
  for (int i = 0; i < LINES; i++) {
    CHECK_STR(printed.lines[i], expected[i]);
  }
  CHECK_EQ(eddy_loop_time(loop), 20 * UNIT);
  return 0;
}
