/* eddy compare: the same workloads on two backends, in turns. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/figures.h"
#include "tools/launch.h"
#include "tools/tool.h"

static const char help[] =
    "eddy compare - what two schedulers cost, and what they do differently\n"
    "\n"
    "  eddy compare [-b A,B] [-w WORKLOAD,...] [-r ROUNDS] [-s SCALE] [-o REPORT.html]\n"
    "               [-k DIRECTORY]\n"
    "\n"
    "Runs each workload on the backends A and B in turns, each time in a process of its "
    "own,\n"
    "and once more of each, shorter, under trace. Prints a table: processor time an\n"
    "operation (the median of the rounds), polls an operation, operations tried on\n"
    "descriptors, memory, how late timers were, how long steps were ready before they "
    "ran,\n"
    "and whether the order of the steps was the same.\n"
    "\n"
    "  -b A,B    the backends; else native/uv,uv/uv\n"
    "  -w LIST   the workloads; else all: call_soon, timers, sleep, queue, spawn, echo\n"
    "  -r N      rounds, 5 unless told otherwise; 1 to 101\n"
    "  -s SCALE  percent of the usual number of operations; 100 unless told otherwise\n"
    "  -o FILE   writes the report: one file that any browser opens, without a network\n"
    "  -k DIR    keeps the traces there, for `eddy diff` and `eddy trace -r`\n"
    "\n"
    "The exit status is 0, or 2 in case of trouble: a workload that does not verify "
    "gives\n"
    "no figures.\n";

struct wishes {
  char *backends;
  char *workloads;
  size_t rounds;
  unsigned long scale;
  const char *report;
  const char *keep;
};

static int understand(int argc, char **argv, struct wishes *wishes)
{
  int option;
  optind = 1;
  while ((option = getopt(argc, argv, "b:w:r:s:o:k:h")) != -1) {
    if (option == 'b') wishes->backends = optarg;
    if (option == 'w') wishes->workloads = optarg;
    if (option == 'r') wishes->rounds = strtoul(optarg, NULL, 10);
    if (option == 's') wishes->scale = strtoul(optarg, NULL, 10);
    if (option == 'o') wishes->report = optarg;
    if (option == 'k') wishes->keep = optarg;
    if (option == 'h') return 1;
    if (option == '?') return TOOL_TROUBLE;
  }
  bool good = optind == argc && wishes->rounds >= 1 && wishes->rounds <= MOST_ROUNDS &&
              wishes->scale >= 1 && wishes->scale <= 10000;
  return good ? 0 : TOOL_TROUBLE;
}

static int choose(const struct wishes *wishes, struct figures *figures)
{
  size_t capacity = 0;
  char *comma = strchr(wishes->backends, ',');
  if (comma == NULL || strchr(comma + 1, ',') != NULL)
    return tool_trouble("-b %s: two names of backends are needed", wishes->backends);
  *comma = '\0';
  figures->backends[0] = wishes->backends;
  figures->backends[1] = comma + 1;
  char *rest = wishes->workloads;
  for (char *name; (name = strtok_r(rest, ",", &rest)) != NULL;) {
    const struct workload *workload = workload_find(name);
    if (workload == NULL) return tool_trouble("there is no workload %s", name);
    figures->comparisons = tool_grow(
        figures->comparisons, figures->count, &capacity, sizeof(*figures->comparisons));
    figures->comparisons[figures->count] = (struct comparison){.workload = workload};
    figures->count++;
  }
  return figures->count > 0 ? 0 : tool_trouble("no workload is chosen");
}

/* Runs a workload in a child; its figures go to `output`. */
static int run_child(const struct workload *workload, const char *backend,
    unsigned long count, const char *trace, int output)
{
  char *chosen = tool_text("EDDY_BACKEND=%s", backend);
  char *traced = tool_text("EDDY_TRACE=%s", trace);
  char *number = tool_text("%lu", count);
  char *name = tool_text("%s", workload->name);
  char *const argv[] = {tool_program, (char[]){"workload"}, name, number, NULL};
  char *const variables[] = {chosen, traced, NULL};
  long child = launch(argv, variables, output);
  int rc = child > 0 && launch_wait(child) == 0 ? 0 : TOOL_TROUBLE;
  if (rc != 0 && child > 0) (void)tool_trouble("%s on %s has failed", name, backend);
  free(chosen);
  free(traced);
  free(number);
  free(name);
  return rc;
}

static int measure(const struct workload *workload, const char *backend,
    unsigned long scale, size_t round, struct side *side)
{
  FILE *output = tmpfile();
  char name[32];
  double value;
  if (output == NULL) return tool_trouble("no temporary file: %s", strerror(errno));
  (void)fcntl(fileno(output), F_SETFD, FD_CLOEXEC);
  unsigned long count = workload->count * scale / 100;
  int rc = run_child(workload, backend, count > 0 ? count : 1, "", fileno(output));
  rewind(output);
  while (rc == 0 && fscanf(output, "%31s %lf", name, &value) == 2) {
    if (strcmp(name, "cost") == 0) side->cost[round] = value;
    if (strcmp(name, "polls") == 0) side->polls = value;
    if (strcmp(name, "iterations") == 0) side->iterations = value;
    if (strcmp(name, "memory") == 0) side->memory = value;
  }
  (void)fclose(output);
  return rc;
}

static int record(const struct workload *workload, const char *backend, const char *place,
    struct side *side)
{
  char *name = tool_text("%s/%s-%s.trace", place, workload->name, backend);
  for (char *c = name + strlen(place) + 1; *c != '\0'; c++) {
    if (*c == '/') *c = '-';
  }
  FILE *nothing = fopen("/dev/null", "we");
  int output = nothing != NULL ? fileno(nothing) : -1;
  int rc = run_child(workload, backend, workload->traced, name, output);
  if (nothing != NULL) (void)fclose(nothing);
  if (rc == 0) rc = read_trace(name, &side->file);
  if (rc == 0) summary_make(&side->file.loops[0], &side->summary);
  free(name);
  return rc;
}

/* A line that is written over, where somebody looks. */
static void progress(const char *what, size_t done, size_t of)
{
  if (isatty(STDERR_FILENO) == 0) return;
  fprintf(stderr, "\r\033[K%s", of == 0 ? "" : what);
  if (of > 0) fprintf(stderr, "  %zu of %zu", done, of);
  fflush(stderr);
}

static int measure_all(
    struct figures *figures, const struct wishes *wishes, const char *place)
{
  int rc = 0;
  size_t of = figures->count * 2 * (figures->rounds + 1), done = 0;
  for (size_t round = 0; rc == 0 && round <= figures->rounds; round++) {
    for (size_t i = 0; rc == 0 && i < 2 * figures->count; i++) {
      struct comparison *one = &figures->comparisons[i / 2];
      /* The one that is first changes from round to round. */
      size_t which = (i + round) % 2;
      struct side *side = &one->sides[which];
      progress(one->workload->name, done++, of);
      if (round < figures->rounds) {
        rc = measure(one->workload, figures->backends[which], wishes->scale, round, side);
      } else {
        rc = record(one->workload, figures->backends[which], place, side);
      }
    }
  }
  progress("", 0, 0);
  for (size_t i = 0; rc == 0 && i < figures->count; i++) {
    struct comparison *one = &figures->comparisons[i];
    diff_make(&one->sides[0].file.loops[0], &one->sides[1].file.loops[0], &one->diff);
  }
  return rc;
}

static void free_figures(struct figures *figures)
{
  for (size_t i = 0; i < figures->count; i++) {
    struct comparison *one = &figures->comparisons[i];
    diff_free(&one->diff);
    for (int k = 0; k < 2; k++) {
      summary_free(&one->sides[k].summary);
      read_free(&one->sides[k].file);
    }
  }
  free(figures->comparisons);
  free(figures->command);
}

/* The traces of a directory that was only made for them. */
static void remove_traces(const struct figures *figures, const char *place)
{
  for (size_t i = 0; i < 2 * figures->count; i++) {
    char *name = tool_text("%s-%s.trace", figures->comparisons[i / 2].workload->name,
        figures->backends[i % 2]);
    for (char *c = name; *c != '\0'; c++) {
      if (*c == '/') *c = '-';
    }
    char *path = tool_text("%s/%s", place, name);
    (void)unlink(path);
    free(path);
    free(name);
  }
  (void)rmdir(place);
}

int tool_compare(int argc, char **argv)
{
  char backends[] = "native/uv,uv/uv";
  char all[] = "call_soon,timers,sleep,queue,spawn,echo";
  char made[] = "/tmp/eddy-compare-XXXXXX";
  struct wishes wishes = {
      .backends = backends, .workloads = all, .rounds = 5, .scale = 100};
  struct figures figures = {0};
  bool asks = argc > 1 && strcmp(argv[1], "--help") == 0;
  int rc = asks ? 1 : understand(argc, argv, &wishes);
  if (rc != 0) {
    fputs(help, rc == 1 ? stdout : stderr);
    return rc == 1 ? 0 : TOOL_TROUBLE;
  }
  figures.rounds = wishes.rounds;
  figures.command = tool_text("eddy compare -b %s -w %s -r %zu -s %lu", wishes.backends,
      wishes.workloads, wishes.rounds, wishes.scale);
  rc = choose(&wishes, &figures);
  const char *place = wishes.keep != NULL ? wishes.keep : mkdtemp(made);
  if (rc == 0 && place == NULL) rc = tool_trouble("no directory: %s", strerror(errno));
  if (rc == 0) rc = measure_all(&figures, &wishes, place);
  if (rc == 0) figures_print(&figures);
  if (rc == 0 && wishes.report != NULL) rc = report_write(wishes.report, &figures);
  if (wishes.keep == NULL && place != NULL) remove_traces(&figures, place);
  free_figures(&figures);
  return rc;
}

int tool_workload(int argc, char **argv)
{
  const struct workload *workload = argc == 3 ? workload_find(argv[1]) : NULL;
  unsigned long count = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
  if (workload == NULL || count == 0)
    return tool_trouble("eddy workload NAME COUNT: what `eddy compare` runs");
  return workload_run(workload, count);
}
