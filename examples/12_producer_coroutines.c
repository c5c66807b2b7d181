/*
 * 12: producer and consumer as tasks.
 *
 * The two functions of 05 are back, loops and all, without a lock. eddy_queue_get waits
 * for an item, and only the task that called it; the end is an error like any other, so
 * that the consumer's loop ends by it. eddy_queue_put could wait as well, if the queue
 * had a maxsize.
 *
 * What is bad about it: nothing by itself. But how does a coroutine get
 * along with the callbacks of 02?
 *
 * Next: 13_own_task and 14_tasks, where both are one.
 */
#include <stdio.h>

#include <eddy.h>

#define UNIT EDDY_MS(10)

static int producer(void *queue)
{
  int rc = 0;
  for (int n = 0; rc == 0 && n < 10; n++) {
    printf("Producing %d\n", n);
    rc = eddy_queue_put(queue, eddy_int(n));
    if (rc == 0) rc = eddy_sleep(UNIT);
  }
  if (rc == 0) puts("Producer done");
  eddy_queue_shutdown(
      queue, false); /* also after an error: the consumer must not wait on */
  return rc;
}

static int consumer(void *queue)
{
  int rc;
  for (eddy_value item; (rc = eddy_queue_get(queue, &item)) == 0;) {
    printf("Consuming %d\n", (int)item.i);
  }
  if (rc != EDDY_EQUEUESHUTDOWN) return rc;
  puts("Consumer done");
  return 0;
}

static int program(void *queue)
{
  eddy_task *a = NULL, *b = NULL;
  int rc = eddy_create_task(producer, queue, &a);
  if (rc == 0) rc = eddy_create_task(consumer, queue, &b);
  if (rc == 0) rc = eddy_task_await(a, NULL);
  if (rc == 0) rc = eddy_task_await(b, NULL);
  eddy_task_unref(a);
  eddy_task_unref(b);
  return rc;
}

int main(void)
{
  eddy_queue *queue = NULL;
  int rc = eddy_queue_new(NULL, &queue);
  if (rc == 0) rc = eddy_run(program, queue);
  if (rc < 0) fprintf(stderr, "12_producer_coroutines: %s\n", eddy_message(rc));
  eddy_queue_unref(queue); /* no task is left now, whatever happened */
  return rc < 0;
}
