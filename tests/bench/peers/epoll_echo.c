/*
 * The floor of the network rows: an edge-triggered epoll loop and nothing else. One
 * buffer, every descriptor armed once, a short read taken as drained; for datagrams
 * recvmmsg, and a sendto for each. Prints where it listens, and ends on SIGTERM.
 *
 *     bench_epoll_echo [udp]
 */
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../../examples/raise_limit.h"

#define EVENTS 1024

static volatile sig_atomic_t stopped;
static char buffer[65536];
static char spoiled; /* 1: what comes back is wrong on purpose (broken.py) */

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
    buffer[0] ^= spoiled;
    if (n <= 0 || send_all(fd, buffer, (size_t)n) < 0) break;
    if ((size_t)n < sizeof(buffer) && !(events & EPOLLRDHUP)) return;
  }
  close(fd);
}

/* ---- datagrams ---- */

#define BATCH 16

static void echo_datagrams(int fd)
{
  static struct sockaddr_in peers[BATCH];
  static struct iovec parts[BATCH];
  static struct mmsghdr messages[BATCH];
  int got;
  do {
    for (int i = 0; i < BATCH; i++) {
      parts[i] = (struct iovec){buffer + i * 4096, 4096};
      messages[i].msg_hdr = (struct msghdr){.msg_name = &peers[i],
          .msg_namelen = sizeof(peers[i]),
          .msg_iov = &parts[i],
          .msg_iovlen = 1};
    }
    got = recvmmsg(fd, messages, BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < got; i++) {
      buffer[i * 4096] ^= spoiled;
      if (sendto(fd, parts[i].iov_base, messages[i].msg_len, 0,
              (struct sockaddr *)&peers[i], sizeof(peers[i])) < 0)
        die("sendto");
    }
  } while (got == BATCH);
}

/* ---- the program ---- */

static int open_socket(int type)
{
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t length = sizeof(address);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) < 0 ||
      (type == SOCK_STREAM && listen(fd, 1024) < 0) ||
      getsockname(fd, (struct sockaddr *)&address, &length) < 0)
    die("listen");
  printf("listening on 127.0.0.1:%u (epoll)\n", ntohs(address.sin_port));
  fflush(stdout);
  return fd;
}

int main(int argc, char **argv)
{
  static struct epoll_event events[EVENTS];
  bool udp = argc > 1 && strcmp(argv[1], "udp") == 0;
  struct sigaction action = {.sa_handler = stop};
  sigaction(SIGTERM, &action, NULL);
  raise_limit(65536);
  spoiled = getenv("EDDY_BENCH_BREAK") != NULL;
  int first = open_socket(udp ? SOCK_DGRAM : SOCK_STREAM);
  int poller = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN | (udp ? EPOLLET : 0), .data.fd = first};
  if (poller < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, first, &event) < 0) die("epoll");
  while (!stopped) {
    int n = epoll_wait(poller, events, EVENTS, -1);
    for (int i = 0; i < n; i++) {
      if (events[i].data.fd != first) {
        echo(events[i].data.fd, events[i].events);
      } else if (udp) {
        echo_datagrams(first);
      } else {
        accept_all(poller, first);
      }
    }
  }
  return 0;
}
