/*
 * The demo: one echo service, one program, two schedulers side by side.
 *
 *     eddy_demo [--connections N] [--requests M] [--size B] [--rounds R]
 *               [--backend NAME]...
 *
 * native/uv and uv/uv have libuv's sockets both, so what is different is the scheduler: eddy's
 * and libuv's. Beside them stands what a program gets here that names none, if that is another.
 *
 * For each backend in turn it starts echo_server, lets echo_load open N connections to it
 * and verify every byte, ends the server with a signal and reads what it cost: CPU time
 * from the kernel, iterations and polls from the server's own statistics. Rounds run
 * forwards and backwards (A B B A), so that a machine that warms up or slows down favours
 * nobody, and end the server with SIGTERM and SIGINT by turns. It ends with "demo: ok",
 * or says what failed and exits with 1. echo_server and echo_load are looked for beside
 * this program.
 */
#define _DEFAULT_SOURCE

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <eddy.h>

#include "raise_limit.h"

#define BACKENDS 4
/* For a server to start or to end; the load has its own limit. */
#define PATIENCE_MS 20000
#define TEXT 4096

/* What one backend did, summed over the rounds. */
struct column {
  const char *backend;
  unsigned long long requests;
  unsigned long long iterations;
  unsigned long long polls;
  double cpu_us;
  double seconds;
  double p50_us; /* of each round; printed as their mean */
  double p99_us;
};

/* A program running, and the end of the pipe that its standard output goes to. */
struct child {
  const char *name;
  pid_t pid;
  int output;
  char text[TEXT];
  size_t length;
};

static unsigned connections = 1000;
static unsigned requests = 100;
static unsigned size = 64;
static unsigned rounds = 2;
static const char *directory = ".";
static const char
    *usual; /* what a program gets that names no backend; NULL: did not look */

static struct child server = {.name = "echo_server", .pid = -1};
static struct child client = {.name = "echo_load", .pid = -1};

_Noreturn static void fail(const char *format, ...)
{
  va_list list;
  fflush(stdout);
  fprintf(stderr, "demo: failed: ");
  va_start(list, format);
  vfprintf(stderr, format, list);
  va_end(list);
  fprintf(stderr, "\n");
  if (server.pid > 0) kill(server.pid, SIGKILL);
  if (client.pid > 0) kill(client.pid, SIGKILL);
  exit(1);
}

/* ---- children ---- */

static void start(struct child *child, char **arguments)
{
  char path[TEXT];
  int ends[2];
  if (snprintf(path, sizeof(path), "%s/%s", directory, child->name) >= (int)sizeof(path))
    fail("the path of %s is too long", child->name);
  if (pipe(ends) < 0) fail("pipe: %s", strerror(errno));
  child->length = 0;
  child->text[0] = '\0';
  child->pid = fork();
  if (child->pid < 0) fail("fork: %s", strerror(errno));
  if (child->pid == 0) {
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    close(ends[1]);
    arguments[0] = path;
    execv(path, arguments);
    fprintf(stderr, "demo: cannot start %s: %s\n", path, strerror(errno));
    _exit(127);
  }
  close(ends[1]);
  child->output = ends[0];
}

/* Reads a piece of what the child prints; false at the end of its output. */
static bool hear(struct child *child, int patience_ms)
{
  struct pollfd polled = {.fd = child->output, .events = POLLIN};
  int rc;
  do {
    rc = poll(&polled, 1, patience_ms);
  } while (rc < 0 && errno == EINTR);
  if (rc == 0) fail("%s said nothing for %d s", child->name, patience_ms / 1000);
  ssize_t n = read(child->output, child->text + child->length, TEXT - 1 - child->length);
  if (n < 0) fail("reading from %s: %s", child->name, strerror(errno));
  child->length += (size_t)n;
  child->text[child->length] = '\0';
  return n > 0;
}

/* Hears the child out and takes its exit code, which has to be 0, and its use of the CPU.
 */
static double finish(struct child *child, int patience_ms)
{
  struct rusage usage;
  int status;
  while (hear(child, patience_ms))
    continue;
  close(child->output);
  if (wait4(child->pid, &status, 0, &usage) < 0) fail("wait4: %s", strerror(errno));
  child->pid = -1;
  if (WIFSIGNALED(status))
    fail("%s was killed by signal %d", child->name, WTERMSIG(status));
  if (WEXITSTATUS(status) != 0)
    fail("%s ended with exit code %d", child->name, WEXITSTATUS(status));
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/* The number behind `key` in what the child printed. */
static double figure(const struct child *child, const char *key)
{
  const char *place = strstr(child->text, key);
  if (place == NULL) fail("%s did not print %s", child->name, key);
  return strtod(place + strlen(key), NULL);
}

/* ---- a round ---- */

static void run_load(const char *port)
{
  char n[16];
  char m[16];
  char b[16];
  char *arguments[] = {NULL, "--port", (char *)port, "--connections", n, "--requests", m,
      "--size", b, "--timeout", "120", NULL};
  snprintf(n, sizeof(n), "%u", connections);
  snprintf(m, sizeof(m), "%u", requests);
  snprintf(b, sizeof(b), "%u", size);
  start(&client, arguments);
  finish(&client, 150000);
}

static void run_server(struct column *column, int end_signal)
{
  char *arguments[] = {
      NULL, "--port", "0", "--stats", "--backend", (char *)column->backend, NULL};
  char port[16];
  start(&server, arguments);
  do {
    if (!hear(&server, PATIENCE_MS)) {
      finish(&server, PATIENCE_MS);
      fail("%s ended before it listened", server.name);
    }
  } while (strchr(server.text, '\n') == NULL);
  snprintf(port, sizeof(port), "%.0f", figure(&server, "listening on 127.0.0.1:"));
  run_load(port);
  if (kill(server.pid, end_signal) < 0) fail("kill: %s", strerror(errno));
  double cpu_us = finish(&server, PATIENCE_MS);

  double messages = (double)connections * requests;
  double bytes = (double)connections * (requests + 1.0) * size;
  if (figure(&client, "requests=") != messages)
    fail("echo_load sent %.0f messages instead of %.0f", figure(&client, "requests="),
        messages);
  if (figure(&server, "connections=") != connections ||
      figure(&server, "bytes=") != bytes)
    fail("%s counted %.0f connections and %.0f bytes instead of %u and %.0f", server.name,
        figure(&server, "connections="), figure(&server, "bytes="), connections, bytes);
  column->requests += (unsigned long long)messages;
  column->iterations += (unsigned long long)figure(&server, "iterations=");
  column->polls += (unsigned long long)figure(&server, "polls=");
  column->cpu_us += cpu_us;
  column->seconds += figure(&client, "seconds=");
  column->p50_us += figure(&client, "p50_us=");
  column->p99_us += figure(&client, "p99_us=");
}

/* ---- the table ---- */

enum row { REQUESTS, CPU, P50, P99, RATE, ITERATIONS, POLLS, ROWS };

static double cell(const struct column *column, enum row row)
{
  switch (row) {
  case REQUESTS:
    return (double)column->requests;
  case CPU:
    return column->cpu_us / (double)column->requests;
  case P50:
    return column->p50_us / rounds;
  case P99:
    return column->p99_us / rounds;
  case RATE:
    return (double)column->requests / column->seconds;
  case ITERATIONS:
    return (double)column->iterations;
  case POLLS:
  default:
    return (double)column->polls;
  }
}

static void print_table(const struct column *columns, unsigned count)
{
  static const char *const names[ROWS] = {"requests", "CPU per request, us", "p50, us",
      "p99, us", "requests a second", "iterations", "polls"};
  printf("%-24s", "");
  for (unsigned i = 0; i < count; i++)
    printf("%16s", columns[i].backend);
  printf("\n");
  for (int row = 0; row < ROWS; row++) {
    printf("%-24s", names[row]);
    for (unsigned i = 0; i < count; i++)
      printf("%16.*f", row == CPU ? 2 : 0, cell(&columns[i], (enum row)row));
    printf("\n");
  }
  printf("%-24s", "every byte verified");
  for (unsigned i = 0; i < count; i++)
    printf("%16s", "yes");
  printf("\n");
}

/* ---- options ---- */

static unsigned number_of(const char *option, const char *text)
{
  char *end;
  unsigned long value = strtoul(text, &end, 10);
  if (end == text || *end != '\0' || *text == '-' || value == 0 || value > 1000000)
    fail("%s takes a number from 1 to 1000000", option);
  return (unsigned)value;
}

static unsigned choose_backends(struct column *columns)
{
  eddy_loop_stats stats;
  eddy_loop *loop;
  unsetenv("EDDY_BACKEND");
  int rc = eddy_loop_new(NULL, &loop);
  if (rc < 0) fail("%s", eddy_message(rc));
  eddy_loop_get_stats(loop, &stats);
  eddy_loop_free(loop);
  columns[0].backend = "native/uv";
  columns[1].backend = "uv/uv";
  columns[2].backend = usual = stats.backend;
  bool other = strcmp(stats.backend, "native/uv") != 0 &&
               strcmp(stats.backend, "uv/uv") != 0;
  return other ? 3 : 2;
}

static unsigned parse(int argc, char **argv, struct column *columns)
{
  unsigned count = 0;
  for (int i = 1; i < argc; i += 2) {
    const char *option = argv[i];
    const char *value = i + 1 < argc ? argv[i + 1] : "";
    if (strcmp(option, "--connections") == 0) {
      connections = number_of(option, value);
    } else if (strcmp(option, "--requests") == 0) {
      requests = number_of(option, value);
    } else if (strcmp(option, "--size") == 0) {
      size = number_of(option, value);
    } else if (strcmp(option, "--rounds") == 0) {
      rounds = number_of(option, value);
    } else if (strcmp(option, "--backend") == 0 && count < BACKENDS) {
      columns[count++].backend = value;
    } else {
      fail("unknown option, or too many backends: %s", option);
    }
  }
  return count > 0 ? count : choose_backends(columns);
}

int main(int argc, char **argv)
{
  struct column columns[BACKENDS] = {0};
  unsigned count = parse(argc, argv, columns);
  char *slash = strrchr(argv[0], '/');
  if (slash != NULL) {
    *slash = '\0';
    directory = argv[0];
  }
  unsigned long allowed = raise_limit(connections + 64ul);
  if (allowed < connections + 64ul)
    fail("%u connections need %u descriptors, the hard limit is %lu", connections,
        connections + 64, allowed);
  printf("echo service: %u connections, %u messages of %u bytes on each, %u rounds\n",
      connections, requests, size, rounds);
  fflush(stdout);
  for (unsigned round = 0; round < rounds; round++) {
    for (unsigned i = 0; i < count; i++) {
      unsigned turn = round % 2 == 0 ? i : count - 1 - i;
      run_server(&columns[turn], round % 2 == 0 ? SIGTERM : SIGINT);
    }
  }
  print_table(columns, count);
  if (usual != NULL) printf("%s is what a program gets that names none\n", usual);
  printf("demo: ok\n");
  return 0;
}
