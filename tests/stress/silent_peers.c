/*
 * 10,000 peers that connect and say nothing, as many at once as there are descriptors for. Each
 * is shown out when its time is up, others are served meanwhile, and nothing is left of them:
 * no task, no buffer, no descriptor, no memory that grows with their number. The backend is the
 * environment's.
 */
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>

#include "ctx/annotate.h" /* whether the build is a sanitizer's */
#include "stress.h"

enum { PEERS = 10000, WAVES = 5, SPARE = 200, BACKLOG = 1000 };

static struct {
  int begun, ended, silent; /* handlers, those that gave up waiting */
  int peers[PEERS];
  eddy_time patience; /* of the handlers that begin now */
} service = {.patience = EDDY_MS(200)};

static int handle(eddy_stream_reader *reader, eddy_stream_writer *writer, void *unused)
{
  eddy_timeout scope;
  const char *line;
  size_t size;
  (void)unused;
  service.begun++;
  int rc = eddy_timeout_enter(&scope, service.patience);
  if (rc == 0)
    rc = eddy_timeout_exit(&scope, eddy_stream_reader_readline(reader, &line, &size));
  if (rc == 0 && size > 0) rc = eddy_stream_writer_write(writer, line, size);
  if (rc == EDDY_ETIMEDOUT) service.silent++;
  service.ended++;
  return rc == EDDY_ETIMEDOUT ? 0 : rc;
}

static void connect_peer(const eddy_address *address, int *fd)
{
  need(eddy_sock_open(address, fd), "open");
  need(eddy_sock_connect(*fd, address), "connect");
}

/* Somebody who has something to say. */
static void be_served(const eddy_address *address)
{
  int fd;
  char text[6];
  eddy_time patience = service.patience;
  service.patience = EDDY_S(60); /* however busy the machine is */
  connect_peer(address, &fd);
  need(eddy_sock_sendall(fd, "hello\n", 6), "send");
  for (size_t size = 0, got; size < 6; size += got) {
    need(eddy_sock_recv(fd, text + size, 6 - size, &got), "receive");
    expect(got > 0, "a client is served");
  }
  expect(memcmp(text, "hello\n", 6) == 0, "a client is served well");
  need(eddy_sock_close(fd), "close");
  service.patience = patience;
}

static void be_silent(const eddy_address *address, int count)
{
  int silent = service.silent, begun = service.begun;
  for (int i = 0; i < count; i++) {
    connect_peer(address, &service.peers[i]);
  }
  while (service.begun < begun + count) {
    need(eddy_sleep(EDDY_MS(1)), "sleep");
  }
  be_served(address);
  for (int i = 0; i < count; i++) {
    char byte;
    size_t got = 1;
    need(eddy_sock_recv(service.peers[i], &byte, 1, &got), "receive");
    expect(got == 0, "a silent peer sees the end of its connection");
    need(eddy_sock_close(service.peers[i]), "close");
  }
  expect(service.silent == silent + count, "every silent peer was waited for");
}

/* ---- before and after ---- */

struct counts {
  size_t tasks, buffers, operations;
  long descriptors;
};

static struct counts count(void)
{
  struct counts counts = {0};
  eddy_loop_stats stats;
  eddy_loop_get_stats(eddy_get_running_loop(), &stats);
  counts.tasks = stats.tasks;
  counts.buffers = stats.buffers;
  counts.operations = stats.operations;
  for (int fd = 0; fd < 2 * PEERS + SPARE; fd++) {
    counts.descriptors += fcntl(fd, F_GETFD) >= 0;
  }
  return counts;
}

static void expect_nothing_left(const struct counts *before)
{
  struct counts after;
  for (int i = 0; i < 1000; i++) {
    after = count();
    if (memcmp(&after, before, sizeof(after)) == 0) return;
    need(eddy_sleep(EDDY_MS(10)), "sleep");
  }
  fprintf(stderr, "tasks %zu, buffers %zu, operations %zu, descriptors %ld are left\n",
      after.tasks - before->tasks, after.buffers - before->buffers,
      after.operations - before->operations, after.descriptors - before->descriptors);
  exit(1);
}

/* Sanitizers keep freed memory for a while: that does not count. */
static long peak_memory(void)
{
  struct rusage usage;
#ifdef EDDY__SANITIZED
  return 0;
#endif
  return getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_maxrss : 0;
}

static int run(void *at_once)
{
  const eddy_server_options how = {.backlog = BACKLOG};
  const eddy_stream_options options = {.server = &how};
  eddy_server *server;
  eddy_address address;
  int most = *(int *)at_once;
  need(eddy_start_server(handle, NULL, "127.0.0.1", 0, &options, &server), "serve");
  need(eddy_sock_getsockname(eddy_server_sockets(server, NULL)[0], &address), "address");
  be_served(&address);
  be_silent(&address, 1);
  need(eddy_sleep(EDDY_MS(100)), "sleep");
  struct counts before = count();
  be_silent(&address, most); /* what a crowd takes once it may keep */
  expect_nothing_left(&before);
  long memory = peak_memory();
  for (int total = 0; total < PEERS; total += most) {
    be_silent(&address, most);
  }
  expect_nothing_left(&before);
  expect(peak_memory() - memory < 32L * 1024, "memory does not grow with every peer");
  expect(service.begun == service.ended, "every handler has ended");
  eddy_server_close(server);
  need(eddy_server_wait_closed(server), "wait_closed");
  eddy_server_unref(server);
  return 0;
}

int main(void)
{
  struct rlimit limit;
  int most = PEERS / WAVES;
  need(getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
  if (limit.rlim_max < 2 * (rlim_t)most + SPARE) most = ((int)limit.rlim_max - SPARE) / 2;
  limit.rlim_cur = 2 * (rlim_t)most + SPARE;
  if (limit.rlim_cur < limit.rlim_max)
    need(setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
  need(eddy_run(run, &most), "run");
  printf("silent_peers: ok, %d in all, %d at once\n", service.silent, most);
  return 0;
}
