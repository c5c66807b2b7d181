/*
 * 05: producer and consumer, in two threads.
 *
 * One makes a number every unit, the other takes it. Between them stands a queue, and
 * since two threads use it, it needs a mutex, and a condition on which an empty-handed
 * consumer sleeps. The end is announced by a mark among the items.
 *
 * What is bad about it: forget the mutex once, or signal the condition at the wrong
 * moment, and the program fails one time in a thousand. An end mark serves one consumer
 * only; with three of them two would wait for ever.
 *
 * Next: 06_producer_callbacks needs no lock at all, and a close that everybody notices.
 */
#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <stdio.h>
#include <time.h>

enum { ITEMS = 10, END = -1 };

/* Room for everything that is ever put in: a put need not wait. */
struct queue {
  pthread_mutex_t mutex;
  pthread_cond_t filled;
  int items[ITEMS + 1];
  int first, last;
};

static void put(struct queue *queue, int item)
{
  pthread_mutex_lock(&queue->mutex);
  queue->items[queue->last++] = item;
  pthread_cond_signal(&queue->filled);
  pthread_mutex_unlock(&queue->mutex);
}

static int get(struct queue *queue)
{
  pthread_mutex_lock(&queue->mutex);
  while (queue->first == queue->last)
    pthread_cond_wait(&queue->filled, &queue->mutex);
  int item = queue->items[queue->first++];
  pthread_mutex_unlock(&queue->mutex);
  return item;
}

static void rest(void)
{
  struct timespec left = {0, 10000000L};
  while (nanosleep(&left, &left) != 0) {
    /* A signal came in between: sleep on for what is left. */
  }
}

static void *producer(void *queue)
{
  for (int n = 0; n < ITEMS; n++) {
    printf("Producing %d\n", n);
    put(queue, n);
    rest();
  }
  puts("Producer done");
  put(queue, END);
  return NULL;
}

static void *consumer(void *queue)
{
  for (int item; (item = get(queue)) != END;)
    printf("Consuming %d\n", item);
  puts("Consumer done");
  return NULL;
}

int main(void)
{
  static struct queue queue = {
      .mutex = PTHREAD_MUTEX_INITIALIZER, .filled = PTHREAD_COND_INITIALIZER};
  pthread_t taker;
  if (pthread_create(&taker, NULL, consumer, &queue) != 0) {
    fputs("05_producer_threads: no thread to be had\n", stderr);
    return 1;
  }
  producer(&queue);
  pthread_join(taker, NULL);
  return 0;
}
