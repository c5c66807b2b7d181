/*
 * A port prober: which TCP ports of a host answer?
 *
 *     prober [--host H] [--at-a-time N] [--timeout MS] [--progress] PORTS ...
 *
 * PORTS is a number or a range, "8000-8999". The host is this machine if none is named: probe
 * only what is yours.
 *
 * A task for each port would be the simplest; 60,000 of them at once would take all the
 * descriptors. So a unit of a semaphore is taken before a task is started, and given back when
 * it has ended. That bounds the tasks, too: the loop that starts them waits. The group
 * sees to it that none outlives the program's main task, which SIGINT and SIGTERM cancel.
 *
 * Found ports go to stdout, how far it is goes to stderr, if that is a terminal.
 */
#define _DEFAULT_SOURCE

#include <eddy.h>
#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "raise_limit.h"
#include "service.h"

enum { PORTS = 65536, AT_A_TIME = 200, SPARE = 32 };

static struct {
  const char *host;
  long at_a_time;
  long timeout; /* ms */
  bool progress;
  bool wanted[PORTS];
  char address[1025]; /* of the host */
  eddy_semaphore *units;
  int total, done;
  int open, closed, silent, failed;
  int running, most;
  char failure[200]; /* of the first one */
} prober = {.host = "127.0.0.1", .at_a_time = AT_A_TIME, .timeout = 1000};

/* ---- one port ---- */

/* A socket that tries to reach a port of its own machine may be given just that one as its
 * own, and so find itself. */
static bool found_itself(int fd)
{
  eddy_address own, peer;
  return eddy_sock_getsockname(fd, &own) == 0 && eddy_sock_getpeername(fd, &peer) == 0 &&
         own.length == peer.length && eddy_address_port(&own) == eddy_address_port(&peer);
}

static int attempt(int port)
{
  eddy_address address;
  eddy_timeout scope;
  int fd;
  int rc = eddy_address_parse(prober.address, port, &address);
  if (rc == 0) rc = eddy_sock_open(&address, &fd);
  if (rc < 0) return rc;
  rc = eddy_timeout_enter(&scope, EDDY_MS(prober.timeout));
  if (rc == 0) rc = eddy_timeout_exit(&scope, eddy_sock_connect(fd, &address));
  if (rc == 0 && found_itself(fd)) rc = EDDY_ECONNREFUSED;
  eddy_sock_close(fd);
  return rc;
}

static void count(int port, int rc)
{
  prober.done++;
  if (rc == 0) {
    prober.open++;
    if (prober.progress) fputs("\r\033[K", stderr);
    printf("open %d\n", port);
    fflush(stdout);
  } else if (rc == EDDY_ECONNREFUSED) {
    prober.closed++;
  } else if (rc == EDDY_ETIMEDOUT) {
    prober.silent++;
  } else if (prober.failed++ == 0) {
    snprintf(prober.failure, sizeof(prober.failure), "%s", eddy_message(rc));
  }
}

static void give_back(void *unused)
{
  (void)unused;
  int rc = eddy_semaphore_release(prober.units);
  if (rc < 0) fprintf(stderr, "prober: %s\n", eddy_message(rc));
}

static int probe(void *arg)
{
  int port = (int)(intptr_t)arg;
  prober.running++;
  if (prober.running > prober.most) prober.most = prober.running;
  int rc = attempt(port);
  prober.running--;
  if (rc != EDDY_ECANCELLED) count(port, rc);
  give_back(NULL);
  return rc == EDDY_ECANCELLED ? rc : 0;
}

/* ---- all of them ---- */

static int show_progress(void *unused)
{
  fprintf(stderr, "\r%d of %d ports, %d open, %d at the moment\033[K", prober.done,
      prober.total, prober.open, prober.running);
  fflush(stderr);
  return eddy_loop_call_later(
      eddy_get_running_loop(), EDDY_MS(100), show_progress, unused, NULL);
}

static int probe_all(void)
{
  /* A task that is cancelled before it ran at all gives its unit back here. */
  const eddy_task_options options = {.unstarted = give_back, .site = EDDY_SITE("probe")};
  eddy_task_group group = {0};
  int rc = eddy_task_group_enter(&group);
  if (rc < 0) return rc;
  for (int port = 1; rc == 0 && port < PORTS; port++) {
    if (!prober.wanted[port]) continue;
    rc = eddy_semaphore_acquire(prober.units);
    if (rc < 0) break;
    void *arg = (void *)(intptr_t)port;
    rc = eddy_task_group_create_task_with(&group, probe, arg, &options, NULL);
  }
  return eddy_task_group_exit(&group, rc);
}

/* The host's first address, as text, so that a name is looked up once. */
static int find_host(void)
{
  const eddy_addrinfo_hints hints = {.type = SOCK_STREAM};
  eddy_addrinfo *list;
  size_t length;
  eddy_nameinfo name;
  int rc = eddy_loop_getaddrinfo(NULL, prober.host, NULL, &hints, &list, &length);
  if (rc < 0) return rc;
  rc = eddy_loop_getnameinfo(NULL, &list[0].address, NI_NUMERICHOST, &name);
  if (rc == 0) snprintf(prober.address, sizeof(prober.address), "%s", name.host);
  eddy_addrinfo_free(list);
  return rc;
}

static void print_summary(eddy_time took, bool stopped)
{
  if (prober.progress) fputs("\r\033[K", stderr);
  printf("%s%d of %d ports in %.2f s: %d open, %d closed, %d silent, %d failed; "
         "at most %d at a time\n",
      stopped ? "stopped: " : "", prober.done, prober.total,
      (double)took / (double)EDDY_S(1), prober.open, prober.closed, prober.silent,
      prober.failed, prober.most);
  if (prober.failed > 0) fprintf(stderr, "prober: first failure: %s\n", prober.failure);
}

static int run(void *unused)
{
  eddy_loop *loop = eddy_get_running_loop();
  eddy_time start = eddy_loop_time(loop);
  (void)unused;
  int rc = service_cancel_on_signals();
  if (rc == 0) rc = find_host();
  if (rc == 0) rc = eddy_semaphore_new((int)prober.at_a_time, &prober.units);
  if (rc < 0) return rc;
  if (prober.progress) rc = show_progress(NULL);
  if (rc == 0) rc = probe_all();
  eddy_semaphore_unref(prober.units);
  if (rc == 0 || rc == EDDY_ECANCELLED)
    print_summary(eddy_loop_time(loop) - start, rc < 0);
  return rc;
}

/* ---- the program ---- */

static int usage(const char *problem, const char *what)
{
  fprintf(stderr,
      "prober: %s%s\n"
      "usage: prober [--host H] [--at-a-time N] [--timeout MS] [--progress] PORTS ...\n",
      problem, what);
  return 2;
}

static bool add_ports(const char *text)
{
  char *end;
  long first = strtol(text, &end, 10), last = first;
  if (end == text || first < 1) return false;
  if (*end != '\0' && (*end != '-' || !service_number(end + 1, first, PORTS - 1, &last)))
    return false;
  if (last >= PORTS) return false;
  for (long port = first; port <= last; port++) {
    prober.total += prober.wanted[port] ? 0 : 1;
    prober.wanted[port] = true;
  }
  return true;
}

int main(int argc, char **argv)
{
  prober.progress = isatty(STDERR_FILENO);
  for (int i = 1; i < argc; i++) {
    const char *option = argv[i];
    if (strncmp(option, "--", 2) != 0) {
      if (!add_ports(option)) return usage("not ports: ", option);
    } else if (strcmp(option, "--progress") == 0) {
      prober.progress = true;
    } else if (i + 1 == argc) {
      return usage("not an option, or its value is missing: ", option);
    } else if (strcmp(option, "--host") == 0) {
      prober.host = argv[++i];
    } else if (strcmp(option, "--at-a-time") == 0) {
      if (!service_number(argv[++i], 1, PORTS, &prober.at_a_time))
        return usage("not a number of ports: ", argv[i]);
    } else if (strcmp(option, "--timeout") == 0) {
      if (!service_number(argv[++i], 1, 3600000, &prober.timeout))
        return usage("not a number of milliseconds: ", argv[i]);
    } else {
      return usage("unknown option: ", option);
    }
  }
  if (prober.total == 0) return usage("no ports are named", "");
  long limit = (long)raise_limit((unsigned long)prober.at_a_time + SPARE) - SPARE;
  if (prober.at_a_time > limit) prober.at_a_time = limit > 0 ? limit : 1;
  int rc = eddy_run(run, NULL);
  if (rc < 0 && rc != EDDY_ECANCELLED) fprintf(stderr, "prober: %s\n", eddy_message(rc));
  return rc < 0;
}
