/*
 * 06: producer and consumer, on callbacks.
 *
 * The loop calls one function at a time, so the queue needs no lock. A consumer that
 * finds it empty leaves a function there: eddy_queue_get_cb calls it with the next item,
 * or with an error, in an eddy_result. The end is no mark among the items any more: a
 * shut down queue hands out what is left, refuses what comes, and tells everybody who
 * waits.
 *
 * A put never calls the waiting function itself, it queues it with the loop. Otherwise a
 * consumer that puts, woken by a producer that gets, would nest one call deeper each
 * time.
 *
 * What is bad about it: where are the two loops of 05? The producer's has become a
 * function that books itself, its variable a field; the consumer's hides in the last line
 * of consume.
 *
 * Next: 07_callback_cost shows where that leads, 12_producer_coroutines gives the loops
 * back.
 */
#include <stdio.h>
#include <string.h>

#include <eddy.h>

#define UNIT EDDY_MS(10)

static eddy_loop *loop;

struct producer {
  eddy_queue *queue;
  int n;
};

static int produce(void *arg)
{
  struct producer *self = arg;
  if (self->n == 10) {
    puts("Producer done");
    eddy_queue_shutdown(self->queue, false);
    return 0;
  }
  printf("Producing %d\n", self->n);
  int rc = eddy_queue_put_nowait(self->queue, eddy_int(self->n++));
  if (rc < 0) return rc;
  return eddy_loop_call_later(loop, UNIT, produce, self, NULL);
}

static int consume(eddy_result result, void *queue)
{
  if (result.error == EDDY_EQUEUESHUTDOWN) {
    puts("Consumer done");
    return 0;
  }
  if (result.error != 0) return result.error;
  printf("Consuming %d\n", (int)result.value.i);
  return eddy_queue_get_cb(loop, queue, consume, queue);
}

static int start_consumer(void *queue)
{
  return eddy_queue_get_cb(loop, queue, consume, queue);
}

static int run_producer_and_consumer(void)
{
  struct producer producer = {.n = 0};
  int rc = eddy_queue_new(NULL, &producer.queue);
  if (rc == 0) rc = eddy_loop_call_soon(loop, produce, &producer, NULL);
  if (rc == 0) rc = eddy_loop_call_soon(loop, start_consumer, producer.queue, NULL);
  if (rc == 0) rc = eddy_loop_run(loop);
  eddy_queue_unref(producer.queue);
  return rc;
}

static const char *in_words(int error)
{
  return error == EDDY_EQUEUESHUTDOWN ? "closed" : eddy_strerror(error);
}

static int print_got(eddy_result result, void *unused)
{
  (void)unused;
  const char *got = result.error != 0 ? in_words(result.error) : result.value.p;
  printf("get after close: %s\n", got);
  return 0;
}

/* After a shutdown the item that was left is still delivered, then the error. */
static int get_after_close(void)
{
  eddy_queue *queue = NULL;
  int rc = eddy_queue_new(NULL, &queue);
  if (rc == 0) rc = eddy_queue_put_nowait(queue, eddy_ptr("last"));
  if (rc == 0) {
    eddy_queue_shutdown(queue, false);
    int refused = eddy_queue_put_nowait(queue, eddy_ptr("too late"));
    printf("put after close: %s\n", refused < 0 ? in_words(refused) : "accepted");
    rc = eddy_queue_get_cb(loop, queue, print_got, NULL);
  }
  if (rc == 0) rc = eddy_queue_get_cb(loop, queue, print_got, NULL);
  if (rc == 0) rc = eddy_loop_run(loop);
  eddy_queue_unref(queue);
  return rc;
}

static char woken[16]; /* the names of the getters that were told, " A B C" */

static int note_woken(eddy_result result, void *name)
{
  if (result.error == EDDY_EQUEUESHUTDOWN) strcat(woken, name);
  return 0;
}

/* A shutdown reaches every getter, not only the first. */
static int close_wakes_all(void)
{
  static char names[3][3] = {" A", " B", " C"};
  eddy_queue *queue = NULL;
  int rc = eddy_queue_new(NULL, &queue);
  for (int i = 0; rc == 0 && i < 3; i++) {
    rc = eddy_queue_get_cb(loop, queue, note_woken, names[i]);
  }
  eddy_queue_shutdown(queue, false);
  if (rc == 0) rc = eddy_loop_run(loop);
  if (rc == 0) printf("getters woken by close:%s\n", woken);
  eddy_queue_unref(queue);
  return rc;
}

int main(void)
{
  int rc = eddy_loop_new(NULL, &loop);
  if (rc == 0) rc = run_producer_and_consumer();
  if (rc == 0) rc = get_after_close();
  if (rc == 0) rc = close_wakes_all();
  if (rc != 0) fprintf(stderr, "06_producer_callbacks: %s\n", eddy_message(rc));
  eddy_loop_free(loop);
  return rc != 0;
}
