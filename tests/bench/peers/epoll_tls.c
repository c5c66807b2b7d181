/*
 * The floor of the TLS rows: an epoll loop and OpenSSL, nothing else. One buffer, the
 * descriptors armed once, as much read at a time as there is (read ahead), no buffers for idle
 * connections. Prints where it listens, and ends on SIGTERM.
 *
 *     bench_epoll_tls CERTIFICATE_AND_KEY
 */
#define _GNU_SOURCE

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "../../../examples/raise_limit.h"
#include "../bench.h"

#define EVENTS 1024

static volatile sig_atomic_t stopped;
static char buffer[65536];
static SSL_CTX *tls;

static void stop(int signum)
{
  (void)signum;
  stopped = 1;
}

static void end(SSL *connection)
{
  int fd = SSL_get_fd(connection);
  (void)SSL_shutdown(connection);
  SSL_free(connection);
  close(fd);
}

/* Sends everything, waiting for this one socket if it has to. Says whether that went well. */
static int send_all(SSL *connection, int size)
{
  for (int sent = 0; sent < size;) {
    int n = SSL_write(connection, buffer + sent, size - sent);
    if (n > 0) {
      sent += n;
      continue;
    }
    if (SSL_get_error(connection, n) != SSL_ERROR_WANT_WRITE) return 0;
    struct pollfd room = {.fd = SSL_get_fd(connection), .events = POLLOUT};
    poll(&room, 1, -1);
  }
  return 1;
}

static void echo(SSL *connection)
{
  do {
    int n = SSL_read(connection, buffer, sizeof(buffer)); /* the handshake comes first */
    if (n <= 0) {
      int error = SSL_get_error(connection, n);
      if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) end(connection);
      return;
    }
    if (!send_all(connection, n)) {
      end(connection);
      return;
    }
  } while (SSL_has_pending(connection));
}

static void accept_all(int poller, int listener)
{
  int fd;
  while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    SSL *connection = SSL_new(tls);
    bench_check(connection != NULL && SSL_set_fd(connection, fd) == 1, "SSL_new");
    SSL_set_accept_state(connection);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    bench_check(epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
  }
}

int main(int argc, char **argv)
{
  static struct epoll_event events[EVENTS];
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t length = sizeof(address);
  struct sigaction action = {.sa_handler = stop};
  bench_check(argc == 2, "usage: bench_epoll_tls CERTIFICATE_AND_KEY");
  signal(SIGPIPE, SIG_IGN);
  sigaction(SIGTERM, &action, NULL);
  raise_limit(65536);
  tls = SSL_CTX_new(TLS_server_method());
  bench_check(tls != NULL, "SSL_CTX_new");
  bench_check(SSL_CTX_use_certificate_chain_file(tls, argv[1]) == 1 &&
                  SSL_CTX_use_PrivateKey_file(tls, argv[1], SSL_FILETYPE_PEM) == 1,
      "the certificate");
  SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE |
                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                            SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(tls, 1);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  bench_check(listener >= 0 && bind(listener, (struct sockaddr *)&address, length) == 0 &&
                  listen(listener, 1024) == 0 &&
                  getsockname(listener, (struct sockaddr *)&address, &length) == 0,
      "listen");
  int poller = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
  bench_check(
      poller >= 0 && epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event) == 0, "epoll");
  printf("listening on 127.0.0.1:%u (epoll, OpenSSL)\n", ntohs(address.sin_port));
  fflush(stdout);
  while (!stopped) {
    int n = epoll_wait(poller, events, EVENTS, -1);
    for (int i = 0; i < n; i++) {
      if (events[i].data.ptr == NULL) {
        accept_all(poller, listener);
      } else {
        echo(events[i].data.ptr);
      }
    }
  }
  return 0;
}
