/*
 * The floor of the network rows: an edge-triggered epoll loop and nothing else. One
 * buffer, every descriptor armed once, a short read taken as drained. Prints where it
 * listens as echo_server does, and ends on SIGTERM.
 */
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../../examples/raise_limit.h"

#define EVENTS 1024

static volatile sig_atomic_t stopped;
static char buffer[65536];

static void stop(int signum)
{
  (void)signum;
  stopped = 1;
}

static void die(const char *what)
{
  perror(what);
  exit(1);
}

static void accept_all(int poller, int listener)
{
  for (;;) {
    int on = 1;
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.fd = fd};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) < 0) die("epoll_ctl");
  }
}

/* Sends everything, waiting for this one socket if it has to: messages here are small. */
static int send_all(int fd, const char *data, size_t size)
{
  while (size > 0) {
    ssize_t n = send(fd, data, size, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) return -1;
    if (n > 0) {
      data += n;
      size -= (size_t)n;
    }
  }
  return 0;
}

static void echo(int fd, uint32_t events)
{
  for (;;) {
    ssize_t n = recv(fd, buffer, sizeof(buffer), 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0 || send_all(fd, buffer, (size_t)n) < 0) break;
    if ((size_t)n < sizeof(buffer) && !(events & EPOLLRDHUP)) return;
  }
  close(fd);
}

int main(void)
{
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t length = sizeof(address);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  struct sigaction action = {.sa_handler = stop};
  sigaction(SIGTERM, &action, NULL);
  raise_limit(65536);
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (listener < 0 || bind(listener, (struct sockaddr *)&address, length) < 0 ||
      listen(listener, 1024) < 0 ||
      getsockname(listener, (struct sockaddr *)&address, &length) < 0)
    die("listen");
  printf("listening on 127.0.0.1:%u (epoll)\n", ntohs(address.sin_port));
  fflush(stdout);
  int poller = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
  if (poller < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event) < 0) die("epoll");
  static struct epoll_event events[EVENTS];
  while (!stopped) {
    int n = epoll_wait(poller, events, EVENTS, -1);
    for (int i = 0; i < n; i++) {
      if (events[i].data.fd == listener) {
        accept_all(poller, listener);
      } else {
        echo(events[i].data.fd, events[i].events);
      }
    }
  }
  return 0;
}
