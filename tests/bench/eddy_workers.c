/*
 * What several loops in as many threads do, on the backend that EDDY_BACKEND names:
 *
 *     bench_eddy_workers reuse_port|hand_over WORKERS [WORK]
 *         an echo service, a task per connection; each worker listens on the port by itself, or
 *         one more loop accepts and hands the connections over. WORK: steps of a computation for
 *         each message. Prints where it listens, and ends on SIGTERM.
 *
 *     bench_eddy_workers WORKLOAD COUNT
 *         loops_1       an item goes from a loop to another and one comes back: there is one
 *                       under way at a time
 *         loops_1024    from a loop to another, with room for so many
 *         threads_1, threads_1024    the same between two threads without a loop
 */
#define _DEFAULT_SOURCE

#include <eddy.h>
#include <signal.h>
#include <stdatomic.h>

#include <uv.h>

#include "bench.h"

#define BACKLOG 1024
#define MESSAGE 1024

/* ---- the service ---- */

static struct {
  size_t workers;
  uint64_t work;
  eddy_thread_queue *ports; /* the first worker's, for the others */
  eddy_workers *handed;     /* whom connections are handed to */
} service;

/* A step depends on the one before. */
static uint64_t compute(const char *data)
{
  uint64_t x = (unsigned char)data[0] + BENCH_SEED;
  for (uint64_t i = 0; i < service.work; i++)
    (void)bench_random(&x);
  return x;
}

static int echo(void *arg)
{
  int fd = (int)(intptr_t)arg;
  char data[MESSAGE];
  size_t size = 0;
  int rc = service.handed != NULL ? eddy_sock_adopt(fd) : 0;
  while (
      rc == 0 && (rc = eddy_sock_recv(fd, data, sizeof(data), &size)) == 0 && size > 0) {
    if (service.work > 0) bench_check(compute(data) != 0, "the computation");
    rc = eddy_sock_sendall(fd, data, size);
  }
  eddy_sock_close(fd);
  return rc == EDDY_ECONNRESET || rc == EDDY_EPIPE ? 0 : rc;
}

static void drop(void *arg)
{
  eddy_sock_close((int)(intptr_t)arg);
}

static const eddy_task_options connection = {.unstarted = drop, .site = "echo"};

static void print_listening(int port)
{
  printf("listening on 127.0.0.1:%d (eddy)\n", port);
  fflush(stdout);
}

static int port_of(int listener, int *port)
{
  eddy_address address;
  int rc = eddy_sock_getsockname(listener, &address);
  if (rc == 0) *port = eddy_address_port(&address);
  return rc;
}

/* The first worker gets a port of the system's choice and tells the others. */
static int agree_on_port(int *listener)
{
  const eddy_listen_options options = {.backlog = BACKLOG, .reuse_port = true};
  eddy_value told = eddy_int(0);
  int port = 0, rc = 0;
  if (eddy_worker_index() > 0) rc = eddy_thread_queue_get(service.ports, &told);
  if (rc == 0) rc = eddy_sock_listen("127.0.0.1", (int)told.i, &options, listener);
  if (rc < 0 || eddy_worker_index() > 0) return rc;
  rc = port_of(*listener, &port);
  for (size_t i = 1; i < service.workers && rc == 0; i++)
    rc = eddy_thread_queue_put(service.ports, eddy_int(port));
  return rc;
}

static atomic_size_t listening;

static int serve_reuse_port(void *unused)
{
  int listener, fd, port = 0;
  (void)unused;
  int rc = agree_on_port(&listener);
  if (rc < 0) return rc;
  rc = port_of(listener, &port);
  /* The client is not to come before all are there. */
  if (rc == 0 && atomic_fetch_add(&listening, 1) + 1 == service.workers)
    print_listening(port);
  while (rc == 0 && (rc = eddy_sock_accept(listener, &fd, NULL)) == 0)
    rc = eddy_loop_create_task_with(NULL, echo, (void *)(intptr_t)fd, &connection, NULL);
  eddy_sock_close(listener);
  return rc;
}

static int run_reuse_port(void)
{
  const eddy_workers_options options = {.count = service.workers};
  int rc = eddy_thread_queue_new(0, &service.ports);
  if (rc == 0) rc = eddy_workers_run(&options, serve_reuse_port, NULL, EDDY_S(1));
  eddy_thread_queue_unref(service.ports);
  return rc;
}

static int wait_for_the_end(void *unused)
{
  (void)unused;
  return eddy_sleep(EDDY_NEVER);
}

static int stop(void *main_task)
{
  (void)eddy_task_cancel(main_task, NULL);
  return 0;
}

static int accept_and_hand_over(void *unused)
{
  const eddy_listen_options options = {.backlog = BACKLOG};
  int listener, fd, port = 0;
  (void)unused;
  int rc = eddy_loop_add_signal_handler(
      eddy_get_running_loop(), SIGTERM, stop, eddy_current_task());
  if (rc == 0) rc = eddy_sock_listen("127.0.0.1", 0, &options, &listener);
  if (rc < 0) return rc;
  rc = port_of(listener, &port);
  if (rc == 0) print_listening(port);
  while (rc == 0 && (rc = eddy_sock_accept(listener, &fd, NULL)) == 0) {
    const eddy_task_body body = {.fn = echo, .arg = (void *)(intptr_t)fd};
    rc = eddy_workers_create_task_with(
        service.handed, EDDY_WORKERS_NEXT, &body, &connection, NULL);
  }
  eddy_sock_close(listener);
  return rc == EDDY_ECANCELLED ? 0 : rc;
}

static int run_hand_over(void)
{
  const eddy_workers_options options = {.count = service.workers};
  int rc = eddy_workers_start(&options, wait_for_the_end, NULL, &service.handed);
  if (rc < 0) return rc;
  rc = eddy_run(accept_and_hand_over, NULL);
  int ended = eddy_workers_drain(service.handed, EDDY_S(1));
  eddy_workers_free(service.handed);
  return rc < 0 ? rc : ended;
}

/* ---- items from one side to the other ---- */

static struct {
  uint64_t count;
  eddy_thread_queue *there;
  eddy_thread_queue *back; /* NULL: nothing comes back before the end */
  eddy_thread_queue *ended;
  int (*put)(eddy_thread_queue *queue, eddy_value item);
  int (*get)(eddy_thread_queue *queue, eddy_value *item);
} items;

static int put_blocking(eddy_thread_queue *queue, eddy_value item)
{
  return eddy_thread_queue_put_blocking(queue, item, EDDY_NEVER);
}

static int get_blocking(eddy_thread_queue *queue, eddy_value *item)
{
  return eddy_thread_queue_get_blocking(queue, EDDY_NEVER, item);
}

static void need(int rc, const char *what)
{
  if (rc < 0) fprintf(stderr, "%s\n", eddy_message(rc));
  bench_check(rc >= 0, what);
}

static int send_items(void)
{
  eddy_value item;
  /* The other side is there. */
  need(items.get(items.ended, &item), "the beginning");
  uint64_t begun = bench_now();
  clock_t cpu = clock();
  for (uint64_t i = 0; i < items.count; i++) {
    need(items.put(items.there, eddy_int((int64_t)i)), "put");
    if (items.back == NULL) continue;
    need(items.get(items.back, &item), "get");
    bench_check(item.u == i, "the item that comes back");
  }
  need(items.get(items.ended, &item), "the end");
  bench_check(item.u == items.count, "every item arrives");
  uint64_t passed = items.count * (items.back != NULL ? 2 : 1);
  bench_print_since("ns", begun, passed);
  bench_print(
      "cpu_ns", (double)(clock() - cpu) * 1e9 / (double)CLOCKS_PER_SEC / (double)passed);
  return 0;
}

static int receive_items(void)
{
  eddy_value item;
  need(items.put(items.ended, eddy_int((int64_t)0)), "the beginning");
  for (uint64_t i = 0; i < items.count; i++) {
    need(items.get(items.there, &item), "get");
    bench_check(item.u == i, "items come in order");
    if (items.back != NULL) need(items.put(items.back, item), "put");
  }
  need(items.put(items.ended, eddy_int((int64_t)items.count)), "the end");
  return 0;
}

static int send_or_receive(void *unused)
{
  (void)unused;
  return eddy_worker_index() == 0 ? send_items() : receive_items();
}

static void receive_in_thread(void *unused)
{
  (void)unused;
  (void)receive_items();
}

static void pass_items(uint64_t count, size_t room, bool loops)
{
  const eddy_workers_options options = {.count = 2};
  items.count = count;
  items.put = loops ? eddy_thread_queue_put : put_blocking;
  items.get = loops ? eddy_thread_queue_get : get_blocking;
  need(eddy_thread_queue_new(room, &items.there), "a queue");
  need(eddy_thread_queue_new(1, &items.ended), "a queue");
  if (room == 1) need(eddy_thread_queue_new(room, &items.back), "a queue");
  if (loops) {
    need(eddy_workers_run(&options, send_or_receive, NULL, EDDY_S(1)), "the workers");
  } else {
    uv_thread_t thread;
    need(uv_thread_create(&thread, receive_in_thread, NULL), "a thread");
    (void)send_items();
    uv_thread_join(&thread);
  }
  eddy_thread_queue_unref(items.there);
  eddy_thread_queue_unref(items.back);
  eddy_thread_queue_unref(items.ended);
}

static void loops_1(uint64_t count)
{
  pass_items(count, 1, true);
}

static void loops_1024(uint64_t count)
{
  pass_items(count, 1024, true);
}

static void threads_1(uint64_t count)
{
  pass_items(count, 1, false);
}

static void threads_1024(uint64_t count)
{
  pass_items(count, 1024, false);
}

/* ---- the program ---- */

static int serve(int argc, char **argv)
{
  service.workers = (size_t)strtoull(argv[2], NULL, 10);
  if (argc > 3) service.work = strtoull(argv[3], NULL, 10);
  int rc = strcmp(argv[1], "reuse_port") == 0 ? run_reuse_port() : run_hand_over();
  if (rc < 0) fprintf(stderr, "bench_eddy_workers: %s\n", eddy_message(rc));
  return rc < 0;
}

int main(int argc, char **argv)
{
  static const bench_workload workloads[] = {{"loops_1", loops_1},
      {"loops_1024", loops_1024}, {"threads_1", threads_1},
      {"threads_1024", threads_1024}, {NULL, NULL}};
  bool serves = argc >= 3 &&
                (strcmp(argv[1], "reuse_port") == 0 || strcmp(argv[1], "hand_over") == 0);
  return serves ? serve(argc, argv) : bench_main(argc, argv, workloads);
}
