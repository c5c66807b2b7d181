/*
 * 16: one program, three loops.
 *
 * The program of 14 three times, each time on a loop chosen by name: "SCHEDULER/IO".
 *
 *   native/uv       eddy's own timers over libuv's sockets
 *   uv/uv           libuv keeps the timers as well and drives the iteration
 *   native/virtual  time jumps to the next deadline, so the run takes none
 *
 * By name also native/epoll and native/uring (Linux), native/kqueue (macOS, BSDs) and native/poll,
 * which wait without libuv. A loop that no name was given is native/epoll on Linux, else native/uv.
 *
 * Nothing in the tasks says on which of them they run, and given the same events they run
 * in the same order. With names as arguments it takes those. A program that leaves the
 * choice open takes the name in the environment's EDDY_BACKEND: so do all the other
 * examples.
 *
 * What is bad about it: on a real clock two chains of sleeps drift against each other and
 * their lines change places. Whoever tests an order should do so on native/virtual.
 *
 * Next: 17_streams is 15 with whole lines.
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

static int run_on(const char *backend)
{
  eddy_loop_options options = {.backend = backend};
  fflush(stdout);
  fprintf(stderr, "--- %s\n", backend);
  eddy_queue *queue = NULL;
  int rc = eddy_queue_new(NULL, &queue);
  if (rc == 0) rc = eddy_run_with(program, queue, &options, NULL, NULL);
  if (rc < 0) fprintf(stderr, "16_backends: %s: %s\n", backend, eddy_message(rc));
  eddy_queue_unref(queue);
  return rc;
}

int main(int argc, char **argv)
{
  const char *const all[] = {"native/uv", "uv/uv", "native/virtual"};
  int rc = 0;
  if (argc > 1) {
    for (int i = 1; rc == 0 && i < argc; i++)
      rc = run_on(argv[i]);
  } else {
    for (int i = 0; rc == 0 && i < 3; i++)
      rc = run_on(all[i]);
  }
  return rc < 0;
}
