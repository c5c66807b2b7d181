/*
 * 13, by hand: a task is a callback that drives a coroutine.
 *
 * There is no second scheduler any more. The loop of 02 knows nothing but callbacks, and
 * the callback of a task, step, resumes its generator once. A task that waits has
 * arranged before it stopped that somebody will book its step again: rest() books it with
 * eddy_loop_call_later, get() leaves the task with the queue, and put() books it with
 * eddy_loop_call_soon. One that has finished is simply not booked any more. So tasks and
 * callbacks stand in one queue, and either may wait for the other.
 *
 * What is bad about it: nobody can wait for such a task, cancel it, or learn that it
 * failed, except from the loop's report.
 *
 * Next: 14_tasks, with eddy's tasks, which can do all that.
 */
#include <stdio.h>

#include <eddy.h>

#define UNIT EDDY_MS(10)

static eddy_loop *loop;

/* ---- the task ---- */

struct task {
  eddy_fn *fn;
  void *arg;
  eddy_gen *gen;
  int steps;
  eddy_value result;
  struct task *next; /* while it waits for a queue */
};

static struct task *current; /* NULL between two steps */

static int step(void *arg)
{
  struct task *self = arg;
  self->steps++;
  current = self;
  int rc = eddy_gen_next(self->gen, &self->result);
  current = NULL;
  return rc == EDDY_STOP ? 0 : rc; /* an error goes to the loop, which reports it */
}

static int body(eddy_gen *gen, void *arg)
{
  struct task *self = arg;
  (void)gen;
  return self->fn(self->arg);
}

static int new_task(struct task *task, eddy_fn *fn, void *arg)
{
  *task = (struct task){.fn = fn, .arg = arg};
  int rc = eddy_gen_new(body, task, &task->gen);
  if (rc == 0) rc = eddy_loop_call_soon(loop, step, task, NULL);
  return rc;
}

/* Stops until somebody has booked the current task's step and its turn has come. */
static int suspend(void)
{
  return eddy_gen_yield(current->gen, eddy_int(0), NULL);
}

static int rest(int units)
{
  int rc = eddy_loop_call_later(loop, units * UNIT, step, current, NULL);
  return rc == 0 ? suspend() : rc;
}

/* ---- the queue ---- */

struct queue {
  int items[10]; /* as many as are ever put */
  size_t first, last;
  bool closed;
  struct task *waiting;
};

static int wake_one(struct queue *queue)
{
  struct task *task = queue->waiting;
  if (task == NULL) return 0;
  queue->waiting = task->next;
  return eddy_loop_call_soon(loop, step, task, NULL);
}

static int put(struct queue *queue, int item)
{
  queue->items[queue->last++] = item;
  return wake_one(queue);
}

static int close_queue(struct queue *queue)
{
  int rc = 0;
  queue->closed = true;
  while (rc == 0 && queue->waiting != NULL)
    rc = wake_one(queue);
  return rc;
}

static int get(struct queue *queue, int *item)
{
  while (queue->first == queue->last) {
    if (queue->closed) return EDDY_EQUEUESHUTDOWN;
    struct task **place = &queue->waiting;
    while (*place != NULL)
      place = &(*place)->next;
    current->next = NULL;
    *place = current;
    int rc = suspend();
    if (rc < 0) return rc;
  }
  *item = queue->items[queue->first++];
  return 0;
}

/* ---- the program ---- */

static int producer(void *queue)
{
  int n = 0;
  for (; n < 10; n++) {
    printf("Producing %d\n", n);
    int rc = put(queue, n);
    if (rc == 0) rc = rest(1);
    if (rc < 0) return rc;
  }
  puts("Producer done");
  int rc = close_queue(queue);
  return rc == 0 ? eddy_return(eddy_int(n)) : rc;
}

static int consumer(void *queue)
{
  int item, sum = 0, rc;
  while ((rc = get(queue, &item)) == 0) {
    printf("Consuming %d\n", item);
    sum += item;
  }
  if (rc != EDDY_EQUEUESHUTDOWN) return rc;
  puts("Consumer done");
  return eddy_return(eddy_int(sum));
}

static void print_task(const char *name, const struct task *task)
{
  printf("%s finished with %d in %d steps\n", name, (int)task->result.i, task->steps);
}

int main(void)
{
  struct queue queue = {.first = 0};
  struct task a = {.gen = NULL}, b = {.gen = NULL};
  int rc = eddy_loop_new(NULL, &loop);
  if (rc == 0) rc = new_task(&a, producer, &queue);
  if (rc == 0) rc = new_task(&b, consumer, &queue);
  if (rc == 0) rc = eddy_loop_run(loop);
  if (rc == 0) {
    print_task("producer", &a);
    print_task("consumer", &b);
  } else {
    fprintf(stderr, "13_own_task: %s\n", eddy_message(rc));
  }
  eddy_gen_free(a.gen);
  eddy_gen_free(b.gen);
  eddy_loop_free(loop);
  return rc != 0;
}
