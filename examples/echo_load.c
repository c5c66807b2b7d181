/*
 * A load client for an echo service. It uses nothing of eddy: plain sockets and poll, so
 * that what it says about a server is evidence.
 *
 *     echo_load [--host H] [--port P] [--connections N] [--requests M] [--size B]
 *               [--timeout SECONDS] [--spin]
 *
 * It opens N connections, at most 64 of them unanswered at a time, and proves each alive
 * with one message. Once all are open at the same time, each sends M messages of B bytes,
 * one after the other, and every byte that comes back is compared. At the end each
 * connection is half-closed, and the server has to close its side without sending
 * anything more.
 *
 * --spin asks the sockets over and over instead of sleeping in poll: for benchmarks,
 * where the client has a core of its own.
 *
 * Exit code: 0 if every byte was right, 1 if not or if the time was up, 2 for bad
 * options.
 */
#define _DEFAULT_SOURCE

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "raise_limit.h"

#define OPENING_MAX 64
/* Prime, so that neighbouring messages start at unrelated places. */
#define PATTERN 65521
#define FINE 64 /* a latency is kept to one part in this many */
#define BUCKETS (64 * FINE)

enum stage {
  CLOSED,     /* not opened yet, or finished */
  CONNECTING, /* until the socket can be written to */
  TALKING,    /* a message is under way */
  WAITING,    /* opened and proved; waits until all are */
  ENDING,     /* half-closed; the server's end of input is due */
};

struct connection {
  enum stage stage;
  unsigned number;
  unsigned turn; /* messages answered, the first one included */
  size_t sent;
  size_t received;
  uint64_t started; /* when the message under way was begun */
};

static struct {
  const char *host;
  unsigned port;
  unsigned connections;
  unsigned requests;
  unsigned size;
  unsigned timeout;
  bool spin;
} options = {"127.0.0.1", 7000, 1000, 100, 64, 60, false};

static struct {
  struct sockaddr_in address;
  struct connection *all;
  /* Of the same index; fd is -1 while there is nothing to wait for. */
  struct pollfd *polled;
  unsigned char *pattern;
  unsigned char *reply;
  unsigned next;    /* the first not opened yet */
  unsigned opening; /* opened, not proved yet */
  unsigned proved;
  unsigned finished;
  uint64_t begun; /* when all were open */
  uint64_t answered;
  uint64_t latencies[BUCKETS];
} load;

static uint64_t now(void)
{
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

_Noreturn static void fail(const struct connection *connection, const char *format, ...)
{
  va_list list;
  fprintf(stderr, "echo_load: ");
  if (connection != NULL)
    fprintf(stderr, "connection %u, message %u: ", connection->number, connection->turn);
  va_start(list, format);
  vfprintf(stderr, format, list);
  va_end(list);
  fprintf(stderr, "\n");
  exit(1);
}

/* ---- latencies: buckets that widen with the value ---- */

static unsigned bucket_of(uint64_t ns)
{
  unsigned shift = 0;
  while (ns >> shift >= 2 * FINE)
    shift++;
  return shift * FINE + (unsigned)(ns >> shift);
}

static double bucket_us(unsigned bucket)
{
  if (bucket < 2 * FINE) return bucket / 1e3;
  unsigned shift = bucket / FINE - 1;
  uint64_t low = (uint64_t)(bucket - shift * FINE) << shift;
  return ((double)low + (double)((uint64_t)1 << shift) / 2) / 1e3;
}

static double percentile(double part)
{
  uint64_t rank = (uint64_t)((double)load.answered * part);
  uint64_t seen = 0;
  for (unsigned i = 0; i < BUCKETS; i++) {
    seen += load.latencies[i];
    if (seen > rank) return bucket_us(i);
  }
  return 0;
}

/* ---- one connection ---- */

static const unsigned char *message_of(const struct connection *connection)
{
  uint64_t place = connection->number * (uint64_t)977 + connection->turn * (uint64_t)131;
  return load.pattern + place % PATTERN;
}

/* Sends what the socket takes. Says whether all of the message is on its way. */
static bool push(struct connection *connection, struct pollfd *polled)
{
  const unsigned char *message = message_of(connection);
  while (connection->sent < options.size) {
    ssize_t n = send(polled->fd, message + connection->sent,
        options.size - connection->sent, MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) return false;
      fail(connection, "send: %s", strerror(errno));
    }
    connection->sent += (size_t)n;
  }
  return true;
}

static void begin(struct connection *connection, struct pollfd *polled)
{
  connection->stage = TALKING;
  connection->sent = 0;
  connection->received = 0;
  connection->started = now();
  polled->events = push(connection, polled) ? POLLIN : POLLIN | POLLOUT;
}

static void answered(struct connection *connection, struct pollfd *polled)
{
  connection->turn++;
  if (connection->turn == 1) {
    connection->stage = WAITING;
    load.opening--;
    load.proved++;
    return;
  }
  uint64_t taken = now() - connection->started;
  unsigned bucket = bucket_of(taken);
  load.latencies[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
  load.answered++;
  if (connection->turn <= options.requests) {
    begin(connection, polled);
    return;
  }
  connection->stage = ENDING;
  polled->events = POLLIN;
  if (shutdown(polled->fd, SHUT_WR) < 0)
    fail(connection, "shutdown: %s", strerror(errno));
}

static void pull(struct connection *connection, struct pollfd *polled)
{
  size_t room = options.size - connection->received;
  /* Asks for a byte more than is due: a server that says too much is found out. */
  ssize_t n = recv(polled->fd, load.reply, room + 1, 0);
  if (n < 0) {
    if (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK) return;
    fail(connection, "recv: %s", strerror(errno));
  }
  if (connection->stage == ENDING) {
    if (n > 0) fail(connection, "the server sent more than it was sent");
    close(polled->fd);
    polled->fd = -1;
    connection->stage = CLOSED;
    load.finished++;
    return;
  }
  if (n == 0) fail(connection, "the server closed the connection");
  if ((size_t)n > room) fail(connection, "the server sent more than it was sent");
  if (connection->received + (size_t)n > connection->sent)
    fail(connection, "the answer came before the question");
  if (memcmp(load.reply, message_of(connection) + connection->received, (size_t)n) != 0)
    fail(connection, "a byte came back changed");
  connection->received += (size_t)n;
  if (connection->received == options.size) answered(connection, polled);
}

static void connected(struct connection *connection, struct pollfd *polled)
{
  int error = 0;
  socklen_t length = sizeof(error);
  if (getsockopt(polled->fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0) error = errno;
  if (error != 0) fail(connection, "connect: %s", strerror(error));
  begin(connection, polled);
}

static void open_one(struct connection *connection, struct pollfd *polled)
{
  int on = 1;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) fail(connection, "socket: %s", strerror(errno));
  if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0 ||
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0)
    fail(connection, "cannot set up the socket: %s", strerror(errno));
  polled->fd = fd;
  polled->events = POLLOUT;
  connection->stage = CONNECTING;
  load.opening++;
  if (connect(fd, (struct sockaddr *)&load.address, sizeof(load.address)) == 0) {
    begin(connection, polled);
  } else if (errno != EINPROGRESS) {
    fail(connection, "connect: %s", strerror(errno));
  }
}

/* ---- all of them ---- */

static void attend(unsigned i, short events)
{
  struct connection *connection = &load.all[i];
  struct pollfd *polled = &load.polled[i];
  if (connection->stage == CONNECTING) {
    if (events != 0) connected(connection, polled);
    return;
  }
  if (connection->stage == WAITING) {
    if (events != 0) fail(connection, "the server spoke unasked, or hung up");
    return;
  }
  if (connection->stage == TALKING && (events & POLLOUT) && push(connection, polled))
    polled->events = POLLIN;
  if (events & (POLLIN | POLLHUP | POLLERR)) pull(connection, polled);
}

static void start_all(void)
{
  load.begun = now();
  for (unsigned i = 0; i < options.connections; i++)
    begin(&load.all[i], &load.polled[i]);
}

/* One pass over the sockets: those that poll reports, or with --spin each of them. */
static void pass(uint64_t deadline)
{
  bool spinning = options.spin && load.begun != 0;
  uint64_t time = now();
  if (time >= deadline)
    fail(NULL,
        "time is up after %u s: %u of %u connections open, %llu answers, %u finished",
        options.timeout, load.proved, options.connections,
        (unsigned long long)load.answered, load.finished);
  if (!spinning) {
    int rc = poll(
        load.polled, options.connections, (int)((deadline - time) / 1000000 + 1));
    if (rc < 0 && errno != EINTR) fail(NULL, "poll: %s", strerror(errno));
    if (rc <= 0) return;
  }
  for (unsigned i = 0; i < options.connections; i++) {
    if (load.polled[i].fd < 0) continue;
    short events = spinning ? load.polled[i].events : load.polled[i].revents;
    if (events != 0) attend(i, events);
  }
}

static void run(void)
{
  uint64_t deadline = now() + options.timeout * (uint64_t)1000000000u;
  while (load.finished < options.connections) {
    while (load.next < options.connections && load.opening < OPENING_MAX) {
      open_one(&load.all[load.next], &load.polled[load.next]);
      load.next++;
    }
    pass(deadline);
    if (load.begun == 0 && load.proved == options.connections) start_all();
  }
}

static void prepare(void)
{
  size_t pattern = PATTERN + (size_t)options.size;
  load.address.sin_family = AF_INET;
  load.address.sin_port = htons((uint16_t)options.port);
  if (inet_pton(AF_INET, options.host, &load.address.sin_addr) != 1)
    fail(NULL, "not an IPv4 address: %s", options.host);
  if (raise_limit(options.connections + 64ul) < options.connections + 16ul)
    fail(NULL, "%u connections are more than this process may open", options.connections);
  load.all = calloc(options.connections, sizeof(*load.all));
  load.polled = calloc(options.connections, sizeof(*load.polled));
  load.pattern = malloc(pattern);
  load.reply = malloc((size_t)options.size + 1);
  if (load.all == NULL || load.polled == NULL || load.pattern == NULL ||
      load.reply == NULL)
    fail(NULL, "not enough memory");
  uint32_t state = 2463534242u;
  for (size_t i = 0; i < pattern; i++) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    load.pattern[i] = (unsigned char)(state >> 11);
  }
  for (unsigned i = 0; i < options.connections; i++) {
    load.all[i].number = i;
    load.polled[i].fd = -1;
  }
}

static unsigned number_of(const char *option, const char *text, unsigned most)
{
  char *end;
  unsigned long value = strtoul(text, &end, 10);
  if (end == text || *end != '\0' || *text == '-' || value == 0 || value > most) {
    fprintf(stderr, "echo_load: %s takes a number from 1 to %u\n", option, most);
    exit(2);
  }
  return (unsigned)value;
}

static void parse(int argc, char **argv)
{
  for (int i = 1; i < argc; i++) {
    const char *option = argv[i];
    const char *value = i + 1 < argc ? argv[i + 1] : "";
    if (strcmp(option, "--spin") == 0) {
      options.spin = true;
      continue;
    }
    i++;
    if (strcmp(option, "--host") == 0) {
      options.host = value;
    } else if (strcmp(option, "--port") == 0) {
      options.port = number_of(option, value, 65535);
    } else if (strcmp(option, "--connections") == 0) {
      options.connections = number_of(option, value, 1000000);
    } else if (strcmp(option, "--requests") == 0) {
      options.requests = number_of(option, value, 1000000000);
    } else if (strcmp(option, "--size") == 0) {
      options.size = number_of(option, value, 16777216);
    } else if (strcmp(option, "--timeout") == 0) {
      options.timeout = number_of(option, value, 86400);
    } else {
      fprintf(stderr, "echo_load: unknown option: %s\n", option);
      exit(2);
    }
  }
}

int main(int argc, char **argv)
{
  parse(argc, argv);
  prepare();
  run();
  double seconds = (double)(now() - load.begun) / 1e9;
  double rate = (double)load.answered / seconds;
  double p50 = percentile(0.50);
  double p99 = percentile(0.99);
  printf(
      "load connections=%u requests=%llu size=%u seconds=%.3f p50_us=%.1f p99_us=%.1f\n",
      options.connections, (unsigned long long)load.answered, options.size, seconds, p50,
      p99);
  printf(
      "%llu messages of %u bytes on %u connections, every byte verified: %.0f a second, "
      "p50 %.0f us, p99 %.0f us\n",
      (unsigned long long)load.answered, options.size, options.connections, rate, p50,
      p99);
  return 0;
}
