/*
 * 14: everything at once: four tasks, a queue and timers in one loop.
 *
 * A task is a future, too: whoever awaits it gets what it returned, or its error.
 * Awaiting one that has finished takes no time. What a task did can be counted: the
 * consumer was resumed 11 times, once to start, nine times for an item (the first was
 * there already) and once for the end; nobody asked it in vain.
 *
 * The order is asyncio's: an item put now wakes its consumer in the next iteration, so
 * whoever was due together with the producer comes first. It is the same on every
 * backend; with a real clock only the timers themselves may drift against each other.
 *
 * What is bad about it: it only waits for itself.
 *
 * Next: 15_echo waits for the network.
 */
#include <inttypes.h>
#include <stdio.h>

#include <eddy.h>

#define UNIT EDDY_MS(10)

static int producer(void *queue)
{
  int n = 0, rc = 0;
  for (; rc == 0 && n < 10; n++) {
    printf("Producing %d\n", n);
    rc = eddy_queue_put(queue, eddy_int(n));
    if (rc == 0) rc = eddy_sleep(UNIT);
  }
  if (rc == 0) puts("Producer done");
  eddy_queue_shutdown(queue, false);
  return rc == 0 ? eddy_return(eddy_int(n)) : rc;
}

static int consumer(void *queue)
{
  int64_t sum = 0;
  int rc;
  for (eddy_value item; (rc = eddy_queue_get(queue, &item)) == 0; sum += item.i) {
    printf("Consuming %d\n", (int)item.i);
  }
  if (rc != EDDY_EQUEUESHUTDOWN) return rc;
  puts("Consumer done");
  return eddy_return(eddy_int(sum));
}

static int countdown(void *unused)
{
  int rc = 0;
  (void)unused;
  for (int n = 5; rc == 0 && n > 0; n--) {
    printf("Down %d\n", n);
    rc = eddy_sleep(4 * UNIT);
  }
  return rc;
}

static int countup(void *unused)
{
  int rc = 0;
  (void)unused;
  for (int n = 0; rc == 0 && n < 20; n++) {
    printf("Up %d\n", n);
    rc = eddy_sleep(UNIT);
  }
  return rc;
}

static int print_task(const char *name, eddy_task *task)
{
  eddy_value value;
  int rc = eddy_task_result(task, &value);
  if (rc < 0) return rc;
  printf("%s finished with %d in %" PRIu64 " steps\n", name, (int)value.i,
      eddy_task_steps(task));
  return 0;
}

static int program(void *queue)
{
  enum { TASKS = 4 };
  eddy_fn *const fns[TASKS] = {producer, consumer, countdown, countup};
  eddy_task *tasks[TASKS] = {NULL};
  int rc = 0;
  for (int i = 0; rc == 0 && i < TASKS; i++) {
    rc = eddy_create_task(fns[i], queue, &tasks[i]);
  }
  for (int i = 0; rc == 0 && i < TASKS; i++)
    rc = eddy_task_await(tasks[i], NULL);
  if (rc == 0) rc = print_task("producer", tasks[0]);
  if (rc == 0) rc = print_task("consumer", tasks[1]);
  for (int i = 0; i < TASKS; i++)
    eddy_task_unref(tasks[i]);
  return rc;
}

int main(void)
{
  eddy_queue *queue = NULL;
  int rc = eddy_queue_new(NULL, &queue);
  if (rc == 0) rc = eddy_run(program, queue);
  if (rc < 0) fprintf(stderr, "14_tasks: %s\n", eddy_message(rc));
  eddy_queue_unref(queue); /* no task is left now, whatever happened */
  return rc < 0;
}
