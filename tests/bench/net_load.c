/*
 * The client of the network rows: plain sockets, asked over and over, on a core of its own.
 *
 *     bench_net_load WORKLOAD --port P --pid SERVER [--connections N] [--size B] [--depth D]
 *                    [--milliseconds T] [--tls CERTIFICATE]
 *
 *     echo       N connections; each sends D messages at once and waits for all of them
 *     one_shot   16 at a time: connect, one message, close
 *     idle       N connections that have said one message each and then keep still
 *     udp        16 sockets with D datagrams under way each
 *
 * With --tls the connections are TLS (built with OpenSSL only), and the server has to show this
 * certificate.
 *
 * Every byte that comes back is compared. Prints `cpu_us` (processor time of the server for
 * each message, read from the server's own clock before and after T milliseconds or three
 * messages of each connection, whichever takes longer), `p50_us` (of the time
 * from sending to having all D back) and `rate`; idle prints `bytes` (the growth of the
 * server's resident memory for each connection).
 */
#define _GNU_SOURCE

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "../../examples/raise_limit.h"
#include "bench.h"
#include "net_tls.h"

#define PATTERN 65521 /* prime: neighbouring messages begin at unrelated places */
#define OPENING_MAX 64
#define SLOTS 16
#define LEAST 500 /* messages: a figure of fewer says little, however long they took */
#define LATENCIES 65536
#define PATIENCE UINT64_C(60000000000) /* a run that takes longer has failed */

struct connection {
  int fd;
  unsigned number;
  unsigned turn; /* messages, or groups of them, that were begun */
  size_t sent;
  size_t received;
  uint64_t started;
  struct net_tls *tls; /* or NULL */
  enum { CLOSED, TALKING, RESTING, ENDING } stage;
};

static struct {
  unsigned port;
  unsigned pid;
  unsigned connections;
  unsigned size;
  unsigned depth;
  unsigned milliseconds;
  const char *certificate; /* NULL: no TLS */
} options = {.connections = 64, .size = 64, .depth = 1, .milliseconds = 500};

static struct {
  struct sockaddr_in address;
  struct connection *all;
  unsigned char *pattern;
  unsigned char *reply;
  clockid_t clock; /* the server's */
  uint64_t deadline;
  uint64_t answered; /* messages */
  uint64_t samples;
  double latencies[LATENCIES];
} load;

/* ---- measuring ---- */

struct mark {
  uint64_t time;
  uint64_t cpu;
  uint64_t answered;
};

static struct mark mark_now(void)
{
  struct timespec cpu;
  bench_check(clock_gettime(load.clock, &cpu) == 0, "the server's clock");
  return (struct mark){.time = bench_now(),
      .cpu = (uint64_t)cpu.tv_sec * 1000000000u + (uint64_t)cpu.tv_nsec,
      .answered = load.answered};
}

static int compare(const void *a, const void *b)
{
  double x = *(const double *)a;
  double y = *(const double *)b;
  return (x > y) - (x < y);
}

static void note_latency(uint64_t started)
{
  load.latencies[load.samples++ % LATENCIES] = (double)(bench_now() - started) / 1e3;
}

static void print_figures(struct mark begin, struct mark end)
{
  double messages = (double)(end.answered - begin.answered);
  size_t samples = load.samples < LATENCIES ? (size_t)load.samples : LATENCIES;
  bench_check(messages > 0 && samples > 0, "no message came back in time");
  qsort(load.latencies, samples, sizeof(load.latencies[0]), compare);
  bench_print("cpu_us", (double)(end.cpu - begin.cpu) / 1e3 / messages);
  bench_print("p50_us", load.latencies[samples / 2]);
  bench_print("rate", messages * 1e9 / (double)(end.time - begin.time));
}

static void check_patience(void)
{
  bench_check(bench_now() < load.deadline, "the server does not answer");
}

/* Resident bytes of the server, exactly. */
static double resident(void)
{
  char path[64], line[256];
  double kilobytes = -1;
  snprintf(path, sizeof(path), "/proc/%u/smaps_rollup", options.pid);
  FILE *file = fopen(path, "r");
  bench_check(file != NULL, "the server's memory cannot be read");
  while (fgets(line, sizeof(line), file) != NULL) {
    if (strncmp(line, "Rss:", 4) == 0) kilobytes = strtod(line + 4, NULL);
  }
  fclose(file);
  return kilobytes * 1024;
}

/* ---- one connection ---- */

static int open_socket(unsigned number)
{
  int on = 1;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  bench_check(fd >= 0, "socket");
  /* Several addresses: there are only so many ports, and a closed one rests for a minute. */
  struct sockaddr_in own = {.sin_family = AF_INET};
  own.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + number % 16);
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
  bench_check(bind(fd, (struct sockaddr *)&own, sizeof(own)) == 0, "bind");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  int rc = connect(fd, (struct sockaddr *)&load.address, sizeof(load.address));
  bench_check(rc == 0 || errno == EINPROGRESS, "connect");
  return fd;
}

static const unsigned char *message_of(const struct connection *connection)
{
  uint64_t place = connection->number * (uint64_t)977 + connection->turn * (uint64_t)131;
  return load.pattern + place % PATTERN;
}

static size_t group_size(void)
{
  return (size_t)options.size * options.depth;
}

static void push(struct connection *connection)
{
  size_t left = group_size() - connection->sent;
  const unsigned char *data = message_of(connection) + connection->sent;
  ssize_t n = connection->tls != NULL
                  ? net_tls_send(connection->tls, data, left)
                  : send(connection->fd, data, left, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (n < 0) {
    /* Not connected yet counts as not yet. */
    bench_check(errno == EAGAIN || errno == ENOTCONN || errno == EINTR, "send");
    return;
  }
  connection->sent += (size_t)n;
}

static void begin(struct connection *connection)
{
  connection->stage = TALKING;
  connection->turn++;
  connection->sent = 0;
  connection->received = 0;
  connection->started = bench_now();
  push(connection);
}

/* Says whether all that is due has come back. */
static int pull(struct connection *connection)
{
  size_t due = group_size() - connection->received;
  /* A byte more than is due: a server that says too much is found out. */
  ssize_t n = connection->tls != NULL
                  ? net_tls_recv(connection->tls, load.reply, due + 1)
                  : recv(connection->fd, load.reply, due + 1, MSG_DONTWAIT);
  if (n < 0) {
    bench_check(errno == EAGAIN || errno == ENOTCONN || errno == EINTR, "recv");
    return 0;
  }
  bench_check(n > 0, "the server closed the connection");
  bench_check((size_t)n <= due, "the server sent more than it was sent");
  bench_check(
      connection->received + (size_t)n <= connection->sent, "an answer without question");
  bench_check(
      memcmp(load.reply, message_of(connection) + connection->received, (size_t)n) == 0,
      "a byte came back changed");
  connection->received += (size_t)n;
  if ((size_t)n < due) return 0;
  load.answered += options.depth;
  note_latency(connection->started);
  return 1;
}

/* Half-closes it, and waits until the server has closed its side without another byte. */
static void end(struct connection *connection)
{
  net_tls_end(connection->tls);
  connection->tls = NULL;
  bench_check(shutdown(connection->fd, SHUT_WR) == 0, "shutdown");
  connection->stage = ENDING;
}

static int ended(struct connection *connection)
{
  ssize_t n = recv(connection->fd, load.reply, 1, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  if (n > 0 && options.certificate != NULL) return 0; /* the peer's close_notify */
  bench_check(n == 0, "the server did not just close");
  close(connection->fd);
  connection->stage = CLOSED;
  return 1;
}

/* ---- many connections ---- */

/* Opens all, at most so many at a time, and has each say one message. */
static void open_all(void)
{
  unsigned next = 0, resting = 0;
  while (resting < options.connections) {
    while (next < options.connections && next - resting < OPENING_MAX) {
      load.all[next].number = next;
      load.all[next].fd = open_socket(next);
      load.all[next].tls = net_tls_new(load.all[next].fd);
      begin(&load.all[next]);
      next++;
    }
    for (unsigned i = 0; i < next; i++) {
      struct connection *connection = &load.all[i];
      if (connection->stage != TALKING) continue;
      if (connection->sent < group_size()) push(connection);
      if (!pull(connection)) continue;
      connection->stage = RESTING;
      resting++;
    }
    check_patience();
  }
}

/* One look at each connection; those that are answered go on, unless `last`. */
static unsigned pass(int last)
{
  unsigned talking = 0;
  for (unsigned i = 0; i < options.connections; i++) {
    struct connection *connection = &load.all[i];
    if (connection->stage != TALKING) continue;
    if (connection->sent < group_size()) push(connection);
    if (!pull(connection)) {
      talking++;
    } else if (last) {
      connection->stage = RESTING;
    } else {
      begin(connection);
      talking++;
    }
  }
  check_patience();
  return talking;
}

static void close_all(void)
{
  unsigned left = options.connections;
  for (unsigned i = 0; i < options.connections; i++) {
    end(&load.all[i]);
  }
  while (left > 0) {
    for (unsigned i = 0; i < options.connections; i++) {
      if (load.all[i].stage == ENDING && ended(&load.all[i])) left--;
    }
    check_patience();
  }
}

static void run_echo(void)
{
  uint64_t span = options.milliseconds * UINT64_C(1000000);
  open_all();
  for (unsigned i = 0; i < options.connections; i++) {
    begin(&load.all[i]);
  }
  /* A fifth more before, so that everything is warm. */
  uint64_t warm = bench_now() + span / 5;
  while (bench_now() < warm) {
    pass(0);
  }
  load.samples = 0;
  struct mark begin = mark_now();
  uint64_t least = begin.answered + LEAST + 3 * (uint64_t)options.connections;
  while (bench_now() < begin.time + span || load.answered < least) {
    pass(0);
  }
  struct mark end = mark_now();
  while (pass(1) > 0) {
  }
  print_figures(begin, end);
  close_all();
}

static void run_idle(void)
{
  unsigned most = options.connections;
  /* The first few pay for what there is once. */
  options.connections = 32;
  open_all();
  close_all();
  options.connections = most;
  struct timespec nap = {0, 300000000};
  nanosleep(&nap, NULL);
  double before = resident();
  open_all();
  nanosleep(&nap, NULL);
  bench_print("bytes", (resident() - before) / most);
  close_all();
}

static void run_one_shot(void)
{
  uint64_t span = options.milliseconds * UINT64_C(1000000);
  unsigned number = 0, open = 0;
  struct mark begin_mark = {0}, end_mark = {0};
  uint64_t warm = bench_now() + span / 5;
  do {
    uint64_t now = bench_now();
    if (begin_mark.time == 0 && now >= warm) begin_mark = mark_now();
    int over = begin_mark.time != 0 && now >= begin_mark.time + span &&
               load.answered > begin_mark.answered + LEAST;
    if (over && end_mark.time == 0) end_mark = mark_now();
    open = 0;
    for (unsigned i = 0; i < SLOTS; i++) {
      struct connection *slot = &load.all[i];
      if (slot->stage == CLOSED && !over) {
        slot->number = number++;
        slot->fd = open_socket(slot->number);
        slot->tls = net_tls_new(slot->fd);
        begin(slot);
      }
      if (slot->stage != TALKING) continue;
      if (slot->sent < group_size()) push(slot);
      if (pull(slot)) {
        net_tls_end(slot->tls);
        close(slot->fd);
        slot->stage = CLOSED;
      } else {
        open++;
      }
    }
    check_patience();
  } while (end_mark.time == 0 || open > 0);
  print_figures(begin_mark, end_mark);
}

/* ---- datagrams ---- */

/* Each is the pattern from where its number says, in order for each socket. */
struct udp {
  int fd;
  unsigned number;
  unsigned sent;
  unsigned received;
  uint64_t started[64];
};

static const unsigned char *datagram_of(const struct udp *udp, unsigned turn)
{
  return load.pattern + (udp->number * (uint64_t)977 + turn * (uint64_t)131) % PATTERN;
}

static void send_datagram(struct udp *udp)
{
  udp->started[udp->sent % 64] = bench_now();
  ssize_t n = send(udp->fd, datagram_of(udp, udp->sent), options.size, 0);
  bench_check(n == (ssize_t)options.size, "send");
  udp->sent++;
}

static unsigned pass_udp(struct udp *all, int last)
{
  unsigned under_way = 0;
  for (unsigned i = 0; i < SLOTS; i++) {
    struct udp *udp = &all[i];
    while (udp->sent < udp->received + options.depth && !last) {
      send_datagram(udp);
    }
    ssize_t n;
    while ((n = recv(udp->fd, load.reply, options.size + 1, MSG_DONTWAIT)) >= 0) {
      bench_check(n == (ssize_t)options.size, "a datagram of another size came back");
      bench_check(memcmp(load.reply, datagram_of(udp, udp->received), (size_t)n) == 0,
          "a datagram came back changed, or out of order");
      note_latency(udp->started[udp->received++ % 64]);
      load.answered++;
    }
    bench_check(errno == EAGAIN || errno == EINTR, "recv");
    under_way += udp->sent - udp->received;
  }
  check_patience();
  return under_way;
}

static void run_udp(void)
{
  static struct udp all[SLOTS];
  uint64_t span = options.milliseconds * UINT64_C(1000000);
  bench_check(options.depth <= 8, "--depth is at most 8 for udp: more might be lost");
  for (unsigned i = 0; i < SLOTS; i++) {
    all[i].number = i;
    all[i].fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bench_check(all[i].fd >= 0, "socket");
    int rc = connect(all[i].fd, (struct sockaddr *)&load.address, sizeof(load.address));
    bench_check(rc == 0, "connect");
  }
  uint64_t warm = bench_now() + span / 5;
  while (bench_now() < warm) {
    pass_udp(all, 0);
  }
  load.samples = 0;
  struct mark begin = mark_now();
  while (bench_now() < begin.time + span || load.answered < begin.answered + LEAST) {
    pass_udp(all, 0);
  }
  struct mark end = mark_now();
  while (pass_udp(all, 1) > 0) {
  }
  print_figures(begin, end);
}

/* ---- the program ---- */

static void prepare(void)
{
  size_t room = PATTERN + group_size();
  uint64_t state = BENCH_SEED;
  raise_limit(options.connections + 64ul);
  load.address.sin_family = AF_INET;
  load.address.sin_port = htons((uint16_t)options.port);
  load.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  load.pattern = bench_memory(room, 1);
  load.reply = bench_memory(group_size() + 1, 1);
  load.all = calloc(options.connections + SLOTS, sizeof(*load.all));
  bench_check(load.all != NULL, "memory");
  for (size_t i = 0; i < room; i++) {
    load.pattern[i] = (unsigned char)(bench_random(&state) >> 24);
  }
  bench_check(
      clock_getcpuclockid((pid_t)options.pid, &load.clock) == 0, "--pid is no process's");
  load.deadline = bench_now() + PATIENCE;
  if (options.certificate != NULL) net_tls_trust(options.certificate);
}

static int usage(void)
{
  fprintf(stderr, "usage: bench_net_load echo|one_shot|idle|udp --port P --pid SERVER\n"
                  "                      [--connections N] [--size B] [--depth D] "
                  "[--milliseconds T]\n"
                  "                      [--tls CERTIFICATE]\n");
  return 2;
}

int main(int argc, char **argv)
{
  static const struct {
    const char *name;
    unsigned *value;
  } known[] = {{"--port", &options.port}, {"--pid", &options.pid},
      {"--connections", &options.connections}, {"--size", &options.size},
      {"--depth", &options.depth}, {"--milliseconds", &options.milliseconds}};
  static const struct {
    const char *name;
    void (*run)(void);
  } workloads[] = {{"echo", run_echo}, {"one_shot", run_one_shot}, {"idle", run_idle},
      {"udp", run_udp}};
  for (int i = 2; i < argc; i += 2) {
    size_t k = 0;
    if (strcmp(argv[i], "--tls") == 0 && i + 1 < argc) {
      options.certificate = argv[i + 1];
      continue;
    }
    while (k < sizeof(known) / sizeof(known[0]) && strcmp(argv[i], known[k].name) != 0)
      k++;
    long value = i + 1 < argc ? strtol(argv[i + 1], NULL, 10) : 0;
    if (k == sizeof(known) / sizeof(known[0]) || value <= 0 || value > 100000000)
      return usage();
    *known[k].value = (unsigned)value;
  }
  for (size_t i = 0; argc > 1 && i < sizeof(workloads) / sizeof(workloads[0]); i++) {
    if (strcmp(argv[1], workloads[i].name) != 0) continue;
    if (options.port == 0 || options.port > 65535 || options.pid == 0) return usage();
    prepare();
    workloads[i].run();
    return 0;
  }
  return usage();
}
