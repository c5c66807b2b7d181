/* libevent as an echo service: persistent events, recv and send. */
#define _GNU_SOURCE

#include <errno.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>

#include "../../../examples/raise_limit.h"
#include "../bench.h"

static struct event_base *base;
static char buffer[65536];

struct connection {
  struct event *event;
};

static void end(struct connection *connection, evutil_socket_t fd)
{
  event_free(connection->event);
  close(fd);
  free(connection);
}

static void on_readable(evutil_socket_t fd, short events, void *arg)
{
  (void)events;
  for (;;) {
    ssize_t size = recv(fd, buffer, sizeof(buffer), 0);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) break;
    for (ssize_t sent = 0; sent < size;) {
      ssize_t n = send(fd, buffer + sent, (size_t)(size - sent), MSG_NOSIGNAL);
      if (n < 0 && errno != EAGAIN) {
        end(arg, fd);
        return;
      }
      if (n > 0) sent += n;
    }
    /* libevent does not hand on EPOLLRDHUP: the end of input comes as an event of its own. */
    if ((size_t)size < sizeof(buffer)) return;
  }
  end(arg, fd);
}

static void on_connection(struct evconnlistener *listener, evutil_socket_t fd,
    struct sockaddr *address, int length, void *arg)
{
  int on = 1;
  (void)listener;
  (void)address;
  (void)length;
  (void)arg;
  struct connection *connection = malloc(sizeof(*connection));
  bench_check(connection != NULL, "memory");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  connection->event = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, connection);
  bench_check(
      connection->event != NULL && event_add(connection->event, NULL) == 0, "event");
}

static void on_signal(evutil_socket_t signum, short events, void *arg)
{
  (void)signum;
  (void)events;
  (void)arg;
  event_base_loopbreak(base);
}

int main(void)
{
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t length = sizeof(address);
  raise_limit(65536);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  base = event_base_new();
  bench_check(base != NULL, "base");
  struct evconnlistener *listener = evconnlistener_new_bind(base, on_connection, NULL,
      LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 1024, (struct sockaddr *)&address,
      (int)length);
  bench_check(listener != NULL, "listen");
  bench_check(getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&address,
                  &length) == 0,
      "getsockname");
  struct event *signal = evsignal_new(base, SIGTERM, on_signal, NULL);
  bench_check(signal != NULL && event_add(signal, NULL) == 0, "signal");
  printf("listening on 127.0.0.1:%u (libevent)\n", ntohs(address.sin_port));
  fflush(stdout);
  event_base_dispatch(base);
  event_free(signal);
  evconnlistener_free(listener);
  event_base_free(base);
  return 0;
}
