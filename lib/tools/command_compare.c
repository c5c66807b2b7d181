/* eddy compare: the same workloads on two backends, in turns. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/figures.h"
#include "tools/launch.h"
#include "tools/tool.h"

static const char help[] =
    "eddy compare - what two schedulers cost, and what they do differently\n"
    "\n"
    "  eddy compare [-b A,B] [-w WORKLOAD,...] [-r ROUNDS] [-s SCALE] [-t SCALE]\n"
    "               [-o REPORT.html] [-k DIRECTORY]\n"
    "\n"
    "Runs each workload on the backends A and B in turns, each time in a process of its "
    "own,\n"
    "and each time once more, shorter, under trace. Prints the median, the least and the "
    "most of\n"
    "the rounds: processor time an operation, polls an operation, calls on descriptors "
    "an\n"
    "operation, the largest resident memory, how late timers were and how long steps "
    "were "
    "ready\n"
    "before they ran (the 99th of 100); and whether the order of the steps was the same, "
    "or where\n"
    "it is different first, and why. Of the last round it prints how late timers were "
    "and "
    "how\n"
    "long the loop was busy between two polls (its lag), p50, p99 and most, and how many "
    "of "
    "these\n"
    "times were below 10 us, 100 us, 1 ms, 10 ms, and longer.\n"
    "\n"
    "  -b A,B    the backends; else native/uv,uv/uv: both on libuv's sockets, so that "
    "what is\n"
    "            different is the scheduler's. native/epoll,uv/uv compares what a "
    "program "
    "gets\n"
    "            on Linux with libuv alone\n"
    "  -w LIST   the workloads; else all: call_soon, yield, timers, sleep, queue, spawn, "
    "echo\n"
    "  -r N      rounds, 5 unless told otherwise; 1 to 101\n"
    "  -s SCALE  percent of the usual number of operations; 100 unless told otherwise\n"
    "  -t SCALE  the same of the runs under trace, which are shown step by step\n"
    "  -o FILE   writes the report: one file that any browser opens, without a network\n"
    "  -k DIR    keeps the traces there, for `eddy diff` and `eddy trace -r`\n"
    "\n"
    "`eddy diff -o REPORT.html A.trace B.trace` makes such a report of any program.\n"
    "\n"
    "The exit status is 0, or 2 in case of trouble: a workload that does not verify "
    "gives\n"
    "no figures.\n";

struct wishes {
  char *backends;
  char *workloads;
  size_t rounds;
  unsigned long scale;
  unsigned long traced;
  const char *report;
  const char *keep;
};

static int understand(int argc, char **argv, struct wishes *wishes)
{
  int option;
  optind = 1;
  while ((option = getopt(argc, argv, "b:w:r:s:t:o:k:h")) != -1) {
    if (option == 'b') wishes->backends = optarg;
    if (option == 'w') wishes->workloads = optarg;
    if (option == 'r') wishes->rounds = strtoul(optarg, NULL, 10);
    if (option == 's') wishes->scale = strtoul(optarg, NULL, 10);
    if (option == 't') wishes->traced = strtoul(optarg, NULL, 10);
    if (option == 'o') wishes->report = optarg;
    if (option == 'k') wishes->keep = optarg;
    if (option == 'h') return 1;
    if (option == '?') return TOOL_TROUBLE;
  }
  bool good = optind == argc && wishes->rounds >= 1 && wishes->rounds <= MOST_ROUNDS &&
              wishes->scale >= 1 && wishes->scale <= 10000 && wishes->traced >= 1 &&
              wishes->traced <= 1000000;
  return good ? 0 : TOOL_TROUBLE;
}

static void add(
    struct figures *figures, size_t *capacity, const struct workload *workload)
{
  figures->comparisons = tool_grow(
      figures->comparisons, figures->count, capacity, sizeof(*figures->comparisons));
  figures->comparisons[figures->count] = (struct comparison){.workload = workload};
  figures->count++;
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
    add(figures, &capacity, workload);
  }
  if (figures->count == 0) return tool_trouble("no workload is chosen");
  for (size_t i = 0; wishes->report != NULL && i < lessons_count; i++)
    add(figures, &capacity, &lessons[i]);
  return 0;
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

static unsigned long percent(unsigned long count, unsigned long of)
{
  return count * of / 100 > 0 ? count * of / 100 : 1;
}

static int measure(const struct workload *workload, const char *backend,
    unsigned long scale, size_t round, struct side *side)
{
  FILE *output = tmpfile();
  char name[32];
  double value;
  if (output == NULL) return tool_trouble("no temporary file: %s", strerror(errno));
  (void)fcntl(fileno(output), F_SETFD, FD_CLOEXEC);
  unsigned long count = percent(workload->count, scale);
  int rc = run_child(workload, backend, count, "", fileno(output));
  rewind(output);
  while (rc == 0 && fscanf(output, "%31s %lf", name, &value) == 2) {
    if (strcmp(name, "cost") == 0) side->numbers[NUMBER_COST][round] = value;
    if (strcmp(name, "polls") == 0) side->numbers[NUMBER_POLLS][round] = value;
    if (strcmp(name, "memory") == 0) side->numbers[NUMBER_MEMORY][round] = value;
    if (strcmp(name, "grown") == 0) side->grown[round] = value;
  }
  (void)fclose(output);
  return rc;
}

/* "timers-native-uv.trace" of the last round, which is shown; "timers-native-uv.1.trace" of
 * the first. To be freed. */
static char *trace_name(const struct workload *workload, const char *backend,
    const char *place, size_t round, size_t rounds)
{
  char *number = round + 1 == rounds || workload->lesson ? tool_text("%s", "")
                                                         : tool_text(".%zu", round + 1);
  char *name = tool_text("%s/%s-%s%s.trace", place, workload->name, backend, number);
  for (char *c = name + strlen(place) + 1; *c != '\0'; c++) {
    if (*c == '/') *c = '-';
  }
  free(number);
  return name;
}

static int record(const struct comparison *one, struct figures *figures, size_t which,
    unsigned long count, const char *name)
{
  FILE *nothing = fopen("/dev/null", "we");
  int output = nothing != NULL ? fileno(nothing) : -1;
  int rc = run_child(one->workload, figures->backends[which], count, name, output);
  if (nothing != NULL) (void)fclose(nothing);
  return rc;
}

/* Reads a round's trace; that of the last round is kept. */
static int take_in(
    struct side *side, const char *name, size_t round, size_t rounds, unsigned long count)
{
  read_free(&side->file);
  summary_free(&side->summary);
  side->summary = (struct summary){0};
  int rc = read_trace(name, &side->file);
  if (rc != 0) return rc;
  summary_make(figures_loop(side), &side->summary);
  if (round < rounds) figures_take(side, &side->summary, round, (double)count);
  return 0;
}

static int run_one(struct figures *figures, struct comparison *one, size_t which,
    size_t round, const struct wishes *wishes, const char *place)
{
  const struct workload *workload = one->workload;
  struct side *side = &one->sides[which];
  unsigned long count = percent(workload->traced, wishes->traced);
  if (workload->lesson && round + 1 < figures->rounds) return 0;
  char *name = trace_name(
      workload, figures->backends[which], place, round, figures->rounds);
  int rc = 0;
  if (!workload->lesson)
    rc = measure(workload, figures->backends[which], wishes->scale, round, side);
  if (rc == 0) rc = record(one, figures, which, count, name);
  if (rc == 0) rc = take_in(side, name, round, figures->rounds, count);
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
  size_t of = figures->count * 2 * figures->rounds, done = 0;
  for (size_t round = 0; rc == 0 && round < figures->rounds; round++) {
    for (size_t i = 0; rc == 0 && i < 2 * figures->count; i++) {
      struct comparison *one = &figures->comparisons[i / 2];
      progress(one->workload->name, done++, of);
      /* The one that is first changes from round to round. */
      rc = run_one(figures, one, (i + round) % 2, round, wishes, place);
    }
  }
  progress("", 0, 0);
  for (size_t i = 0; rc == 0 && i < figures->count; i++) {
    struct comparison *one = &figures->comparisons[i];
    diff_make(figures_loop(&one->sides[0]), figures_loop(&one->sides[1]), &one->diff);
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
  for (size_t i = 0; i < 2 * figures->count * figures->rounds; i++) {
    size_t round = i / (2 * figures->count), which = i % (2 * figures->count);
    char *name = trace_name(figures->comparisons[which / 2].workload,
        figures->backends[which % 2], place, round, figures->rounds);
    (void)unlink(name);
    free(name);
  }
  (void)rmdir(place);
}

int tool_compare(int argc, char **argv)
{
  char backends[] = "native/uv,uv/uv";
  char all[] = "call_soon,yield,timers,sleep,queue,spawn,echo";
  char made[] = "/tmp/eddy-compare-XXXXXX";
  struct wishes wishes = {
      .backends = backends, .workloads = all, .rounds = 5, .scale = 100, .traced = 100};
  struct figures figures = {0};
  bool asks = argc > 1 && strcmp(argv[1], "--help") == 0;
  int rc = asks ? 1 : understand(argc, argv, &wishes);
  if (rc != 0) {
    fputs(help, rc == 1 ? stdout : stderr);
    return rc == 1 ? 0 : TOOL_TROUBLE;
  }
  figures_begin(&figures);
  figures.rounds = wishes.rounds;
  figures.command = tool_text("eddy compare -b %s -w %s -r %zu -s %lu -t %lu -o %s",
      wishes.backends, wishes.workloads, wishes.rounds, wishes.scale, wishes.traced,
      wishes.report != NULL ? wishes.report : "report.html");
  rc = choose(&wishes, &figures);
  const char *place = wishes.keep != NULL ? wishes.keep : mkdtemp(made);
  if (rc == 0 && place == NULL) rc = tool_trouble("no directory: %s", strerror(errno));
  if (rc == 0 && wishes.keep != NULL && mkdir(place, 0777) != 0 && errno != EEXIST)
    rc = tool_trouble("%s: %s", place, strerror(errno));
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
