/* libev as an echo service: a read watcher for each connection, one shared buffer, recv and
 * send; a short read is taken as drained. */
#define _GNU_SOURCE

#include <errno.h>
#include <ev.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>

#include "../../../examples/raise_limit.h"
#include "../bench.h"

static char buffer[65536];

static void end(struct ev_loop *loop, ev_io *watcher)
{
  ev_io_stop(loop, watcher);
  close(watcher->fd);
  free(watcher);
}

/* libev's epoll is level-triggered: what is left comes as another event, the end of input, too. */
static void on_readable(struct ev_loop *loop, ev_io *watcher, int events)
{
  (void)events;
  ssize_t size = recv(watcher->fd, buffer, sizeof(buffer), 0);
  if (size < 0 && errno == EAGAIN) return;
  if (size <= 0) {
    end(loop, watcher);
    return;
  }
  for (ssize_t sent = 0; sent < size;) {
    ssize_t n = send(watcher->fd, buffer + sent, (size_t)(size - sent), MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) {
      end(loop, watcher);
      return;
    }
    if (n > 0) sent += n;
  }
}

static void on_connection(struct ev_loop *loop, ev_io *listener, int events)
{
  int on = 1, fd;
  (void)events;
  while ((fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
    ev_io *watcher = malloc(sizeof(*watcher));
    bench_check(watcher != NULL, "memory");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    ev_io_init(watcher, on_readable, fd, EV_READ);
    ev_io_start(loop, watcher);
  }
}

static void on_signal(struct ev_loop *loop, ev_signal *watcher, int events)
{
  (void)watcher;
  (void)events;
  ev_break(loop, EVBREAK_ALL);
}

int main(void)
{
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t length = sizeof(address);
  static ev_io listener;
  static ev_signal stop;
  raise_limit(65536);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  bench_check(fd >= 0 && bind(fd, (struct sockaddr *)&address, length) == 0 &&
                  listen(fd, 1024) == 0 &&
                  getsockname(fd, (struct sockaddr *)&address, &length) == 0,
      "listen");
  struct ev_loop *loop = ev_default_loop(EVBACKEND_EPOLL);
  bench_check(loop != NULL, "loop");
  ev_io_init(&listener, on_connection, fd, EV_READ);
  ev_io_start(loop, &listener);
  ev_signal_init(&stop, on_signal, SIGTERM);
  ev_signal_start(loop, &stop);
  printf("listening on 127.0.0.1:%u (libev)\n", ntohs(address.sin_port));
  fflush(stdout);
  ev_run(loop, 0);
  return 0;
}
