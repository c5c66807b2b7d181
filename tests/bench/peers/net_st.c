/*
 * State Threads as an echo service: a thread for each connection.
 *
 *     bench_net_st [BUFFER]
 */
#define _GNU_SOURCE

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <st.h>
#include <sys/socket.h>

#include "../../../examples/raise_limit.h"
#include "../bench.h"

#define STACK 65536
#define SMALL 1024

static size_t buffer_size = SMALL;

static void echo_with(st_netfd_t peer, char *data)
{
  ssize_t size;
  while ((size = st_read(peer, data, buffer_size, ST_UTIME_NO_TIMEOUT)) > 0) {
    if (st_write(peer, data, (size_t)size, ST_UTIME_NO_TIMEOUT) != size) break;
  }
  st_netfd_close(peer);
}

static void *echo_small(void *peer)
{
  char data[SMALL];
  echo_with(peer, data);
  return NULL;
}

static void *echo_large(void *peer)
{
  char *data = malloc(buffer_size);
  bench_check(data != NULL, "memory");
  echo_with(peer, data);
  free(data);
  return NULL;
}

/* Signals are handed to a thread through a pipe, as its documentation has it. */
static int signal_pipe[2];

static void on_signal(int signum)
{
  char byte = (char)signum;
  if (write(signal_pipe[1], &byte, 1) < 0) _exit(1);
}

static void *wait_for_signal(void *unused)
{
  char byte;
  (void)unused;
  st_netfd_t end = st_netfd_open(signal_pipe[0]);
  bench_check(end != NULL, "signal pipe");
  st_read(end, &byte, 1, ST_UTIME_NO_TIMEOUT);
  exit(0);
}

/* epoll, unless the package was built without it, as Debian's is: then poll, since select has
 * room for 1,024 descriptors only. */
static void choose_poller(void)
{
  st_set_eventsys(ST_EVENTSYS_ALT);
  if (st_get_eventsys_name()[0] == '\0') st_set_eventsys(ST_EVENTSYS_POLL);
}

int main(int argc, char **argv)
{
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t length = sizeof(address);
  struct sigaction action = {.sa_handler = on_signal};
  int on = 1;
  raise_limit(65536);
  if (argc > 1) buffer_size = strtoul(argv[1], NULL, 10);
  bench_check(buffer_size > 0, "usage: bench_net_st [BUFFER]");
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bench_check(fd >= 0 && bind(fd, (struct sockaddr *)&address, length) == 0 &&
                  listen(fd, 1024) == 0 &&
                  getsockname(fd, (struct sockaddr *)&address, &length) == 0,
      "listen");
  choose_poller();
  bench_check(st_init() == 0, "st_init");
  bench_check(pipe(signal_pipe) == 0 && sigaction(SIGTERM, &action, NULL) == 0, "signal");
  bench_check(st_thread_create(wait_for_signal, NULL, 0, STACK) != NULL, "create");
  st_netfd_t listener = st_netfd_open_socket(fd);
  bench_check(listener != NULL, "listener");
  printf("listening on 127.0.0.1:%u (State Threads)\n", ntohs(address.sin_port));
  fflush(stdout);
  for (;;) {
    st_netfd_t peer = st_accept(listener, NULL, NULL, ST_UTIME_NO_TIMEOUT);
    bench_check(peer != NULL, "accept");
    setsockopt(st_netfd_fileno(peer), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    void *(*echo)(void *) = buffer_size <= SMALL ? echo_small : echo_large;
    bench_check(st_thread_create(echo, peer, 0, STACK) != NULL, "create");
  }
}
