#include "campaign.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <uv.h>

#define SHORT_FIRST 12
#define SHORT_OTHERS 12
#define TOLD_OF_A_CASE 2 /* problems that are told in full */

/* The fault of one kind at each place in turn. */
struct series {
  const char *campaign;
  const char *name;
  enum faults_kind kind;
  bool lasting;
};

static const struct series all_series[] = {
    {"memory", "memory", FAULTS_MEMORY, false},
    {"memory", "memory", FAULTS_MEMORY, true},
    {"libuv", "libuv", FAULTS_LIBUV, false},
    {"libuv", "libuv", FAULTS_LIBUV, true},
    {"libuv", "budget", FAULTS_BUDGET, false},
    {"cancel", "before", FAULTS_CANCEL_BEFORE, false},
    {"cancel", "parked", FAULTS_CANCEL_PARKED, false},
    {"cancel", "woken", FAULTS_CANCEL_WOKEN, false},
};
#define SERIES (sizeof all_series / sizeof all_series[0])

/* What the workers share. */
static struct shared {
  atomic_size_t next; /* the next case to be taken */
  atomic_ulong cases;
  atomic_ulong runs;
  atomic_ulong injected;
  atomic_ulong gave_up; /* cases that a fault made fail by their own checks */
  atomic_ulong stopped; /* whose loop would have waited for ever */
  atomic_ulong problems;
  atomic_ulong died[FAULTS_NEEDS];     /* as expected */
  atomic_ulong survived[FAULTS_NEEDS]; /* as expected */
} * shared;

struct worker {
  const struct campaign *campaign;
  size_t layout;
  unsigned told; /* of the case at hand */
};

/* ---- telling ---- */

static void plan_text(const struct worker *worker, const struct series *series,
    unsigned long at, char text[80])
{
  snprintf(text, 80, "%s:%s:%s:%lu", series->name, series->lasting ? "lasting" : "once",
      faults_layouts[worker->layout], at);
}

static void write_all(const char *text)
{
  size_t length = strlen(text);
  while (length > 0) {
    ssize_t written = write(STDOUT_FILENO, text, length);
    if (written <= 0) return;
    text += written;
    length -= (size_t)written;
  }
}

static void tell(struct worker *worker, struct test_case *test,
    const struct series *series, const struct faults_plan *plan, const char *what)
{
  atomic_fetch_add(&shared->problems, 1);
  if (++worker->told > TOLD_OF_A_CASE) return;
  static char text[20000];
  char which[80] = "none:once:plain:0";
  if (series != NULL) plan_text(worker, series, plan->at, which);
  int length = snprintf(text, sizeof text,
      "FAILED: %s on %s, %s: %s\n"
      "  again: EDDY_BACKEND=%s %s --at %s %s\n",
      test->name, test_backend(), which, what, test_backend(), worker->campaign->program,
      which, test->name);
  struct faults_outcome again;
  faults_run(test, plan, true, &again);
  static char output[8000];
  faults_read_output(output, sizeof output);
  for (char *line = strtok(output, "\n"); line != NULL; line = strtok(NULL, "\n")) {
    if (length > (int)sizeof text - 300) break;
    length += snprintf(text + length, sizeof text - (size_t)length, "  | %.250s\n", line);
  }
  write_all(text);
}

/* ---- judging ---- */

static void judge_libuv(struct worker *worker, struct test_case *test,
    const struct series *series, const struct faults_plan *plan,
    struct faults_outcome *out)
{
  enum faults_need need = out->result.need;
  bool aborted = out->verdict == FAULTS_DIED && strstr(out->detail, "signal 6 ") != NULL;
  bool death = plan->kind == FAULTS_LIBUV && out->result.injected > 0 &&
               faults_expected_to_die(need);
  char what[256];
  if (death && out->verdict == FAULTS_WELL) {
    snprintf(what, sizeof what,
        "libuv %s survives a failure of '%s', which was not expected",
        uv_version_string(), faults_needs[need]);
    tell(worker, test, series, plan, what);
  } else if (death ? !aborted : out->verdict != FAULTS_WELL) {
    snprintf(
        what, sizeof what, "%s (libuv's '%s' failed)", out->detail, faults_needs[need]);
    tell(worker, test, series, plan, what);
  } else if (out->result.injected > 0 && plan->kind == FAULTS_LIBUV) {
    atomic_fetch_add(death ? &shared->died[need] : &shared->survived[need], 1);
  }
}

/* Makes a run and judges it. Returns whether the fault was injected. */
static bool run_one(struct worker *worker, struct test_case *test,
    const struct series *series, unsigned long at, unsigned long *count)
{
  struct faults_plan plan = {series->kind, series->lasting, at};
  struct faults_outcome out;
  faults_run(test, &plan, false, &out);
  bool injected = out.result.injected > 0;
  if (count != NULL) *count = out.result.count;
  atomic_fetch_add(&shared->runs, 1);
  atomic_fetch_add(&shared->injected, injected);
  atomic_fetch_add(&shared->gave_up, injected && out.result.failed_checks > 0);
  atomic_fetch_add(&shared->stopped, out.result.idle > 0);
  if (series->kind == FAULTS_LIBUV || series->kind == FAULTS_BUDGET) {
    judge_libuv(worker, test, series, &plan, &out);
  } else if (out.verdict != FAULTS_WELL) {
    tell(worker, test, series, &plan, out.detail);
  }
  if (worker->campaign->verbose) {
    char which[80];
    char line[512];
    plan_text(worker, series, at, which);
    snprintf(line, sizeof line,
        "%s %s: %lu possible, %lu injected%s, idle %lu, %lu checks, %s [%s]\n",
        test->name, which, out.result.count, out.result.injected,
        out.result.ended ? "" : ", not ended", out.result.idle, out.result.failed_checks,
        out.result.check, out.result.code != 0 ? eddy_err_name(out.result.code) : "");
    write_all(line);
  }
  /* A process that died may not have said so. */
  return injected || out.verdict == FAULTS_DIED || out.verdict == FAULTS_HUNG;
}

/* ---- which places ---- */

/* Numbers that are the same each time for the same case. */
static unsigned long next_random(unsigned long *seed)
{
  *seed = *seed * 6364136223846793005u + 1442695040888963407u;
  return *seed >> 33;
}

static void run_some(struct worker *worker, struct test_case *test,
    const struct series *series, unsigned long count)
{
  unsigned long seed = count;
  for (const char *c = test->name; *c != '\0'; c++)
    seed = seed * 31 + (unsigned char)*c;
  for (unsigned long at = 1; at <= count && at <= SHORT_FIRST; at++)
    (void)run_one(worker, test, series, at, NULL);
  if (count <= SHORT_FIRST) return;
  unsigned long others = count - SHORT_FIRST;
  for (unsigned i = 0; i < SHORT_OTHERS && i < others; i++) {
    unsigned long at = others <= SHORT_OTHERS ? i : next_random(&seed) % others;
    (void)run_one(worker, test, series, SHORT_FIRST + 1 + at, NULL);
  }
}

static void run_series(
    struct worker *worker, struct test_case *test, const struct series *series)
{
  unsigned long count = 0;
  (void)run_one(worker, test, series, (unsigned long)-1, &count);
  if (worker->campaign->is_short) {
    run_some(worker, test, series, count);
    return;
  }
  for (unsigned long at = 1; run_one(worker, test, series, at, NULL) || at < count;
       at++) {
  }
}

/* Every amount of memory that is just too little for something. */
static void run_budgets(struct worker *worker, struct test_case *test,
    const struct series *series, const size_t *steps, size_t count)
{
  size_t stride = worker->campaign->is_short && count > 12 ? count / 12 : 1;
  for (size_t i = 0; i < count; i += stride)
    (void)run_one(worker, test, series, steps[i] - 1, NULL);
}

static bool selected(const struct campaign *campaign, const struct test_case *test)
{
  if (campaign->pattern_count == 0) return true;
  for (int i = 0; i < campaign->pattern_count; i++) {
    size_t length = strlen(campaign->patterns[i]);
    if (strncmp(test->name, campaign->patterns[i], length) != 0) continue;
    if (test->name[length] == '\0' || test->name[length] == '.') return true;
  }
  return false;
}

static void run_case(struct worker *worker, struct test_case *test)
{
  worker->told = 0;
  atomic_fetch_add(&shared->cases, 1);
  struct faults_plan none = {FAULTS_NONE, false, 0};
  struct faults_outcome out;
  faults_run(test, &none, false, &out);
  if (out.verdict != FAULTS_WELL) {
    tell(worker, test, NULL, &none, out.detail);
    return;
  }
  static size_t steps[FAULTS_STEPS];
  size_t step_count = out.result.step_count;
  memcpy(steps, out.result.steps, step_count * sizeof steps[0]);
  for (size_t i = 0; i < SERIES; i++) {
    const struct series *series = &all_series[i];
    if (strcmp(series->campaign, worker->campaign->name) != 0) continue;
    if (series->kind == FAULTS_BUDGET) {
      run_budgets(worker, test, series, steps, step_count);
    } else {
      run_series(worker, test, series);
    }
  }
}

static void work(const struct campaign *campaign, size_t layout)
{
  struct worker worker = {.campaign = campaign, .layout = layout};
  faults_end_with_parent();
  if (!faults_prepare()) _exit(70);
  faults_occupy(layout);
  size_t index = 0;
  size_t mine = atomic_fetch_add(&shared->next, 1);
  for (struct test_case *test = test_cases(); test != NULL; test = test->next) {
    if (!selected(campaign, test) || test_unfit(test) != NULL) continue;
    if (index++ < mine) continue;
    run_case(&worker, test);
    mine = atomic_fetch_add(&shared->next, 1);
  }
  _exit(0);
}

/* ---- the campaign ---- */

static void sum_up(const struct campaign *campaign, size_t layout)
{
  printf("%s %s, descriptors %s: %lu cases, %lu runs with a fault", test_backend(),
      campaign->name, faults_layouts[layout], shared->cases, shared->injected);
  printf("; %lu made the case give up, %lu left its loop without hope", shared->gave_up,
      shared->stopped);
  for (size_t i = 0; i < FAULTS_NEEDS; i++) {
    if (shared->died[i] > 0)
      printf("; '%s' ended libuv's process %lu times, as expected", faults_needs[i],
          shared->died[i]);
    if (shared->survived[i] > 0)
      printf("; '%s' survived %lu times", faults_needs[i], shared->survived[i]);
  }
  printf("; %lu problems\n", shared->problems);
  fflush(stdout);
}

/* Returns whether every worker could do its work. */
static bool run_layout(const struct campaign *campaign, size_t layout)
{
  memset(shared, 0, sizeof *shared);
  fflush(stdout);
  bool good = true;
  for (int i = 0; i < campaign->jobs; i++) {
    pid_t worker = fork();
    if (worker == 0) work(campaign, layout);
    good = good && worker > 0;
  }
  int status;
  while (wait(&status) > 0) {
    good = good && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  return good;
}

int faults_campaign(const struct campaign *campaign)
{
  bool known = false;
  for (size_t i = 0; i < SERIES; i++)
    known = known || strcmp(all_series[i].campaign, campaign->name) == 0;
  if (!known) {
    fprintf(stderr, "there is no campaign '%s'\n", campaign->name);
    return 2;
  }
  shared = mmap(
      NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return 70;
  bool layouts = strcmp(campaign->name, "cancel") != 0;
  unsigned long problems = 0, cases = 0, injected = 0;
  for (size_t layout = 0; faults_layouts[layout] != NULL; layout++) {
    if (layout > 0 && !layouts) break;
    if (campaign->layout != NULL && strcmp(campaign->layout, faults_layouts[layout]) != 0)
      continue;
    if (!run_layout(campaign, layout)) return 70;
    sum_up(campaign, layout);
    problems += shared->problems;
    cases += shared->cases;
    injected += shared->injected;
  }
  if (cases == 0) {
    fputs("no case matches\n", stderr);
    return 2;
  }
  if (injected == 0 && campaign->pattern_count == 0) {
    printf("no fault could be injected anywhere: the hooks do not hook\n");
    return 1;
  }
  printf("%lu runs with a fault, %lu problems\n", injected, problems);
  return problems == 0 ? 0 : 1;
}

/* ---- one run, to be looked at ---- */

static size_t find_layout(const char *name)
{
  size_t layout = 0;
  while (faults_layouts[layout] != NULL && strcmp(faults_layouts[layout], name) != 0)
    layout++;
  return layout;
}

int faults_repeat(const char *text, const char *name)
{
  char kind[16], lasting[16], layout_name[16];
  struct faults_plan plan = {FAULTS_NONE, false, 0};
  if (sscanf(text, "%15[^:]:%15[^:]:%15[^:]:%lu", kind, lasting, layout_name, &plan.at) !=
      4) {
    fprintf(stderr, "'%s' is not KIND:once|lasting:LAYOUT:NUMBER\n", text);
    return 2;
  }
  for (size_t i = 0; i < SERIES; i++) {
    if (strcmp(all_series[i].name, kind) == 0) plan.kind = all_series[i].kind;
  }
  plan.lasting = strcmp(lasting, "lasting") == 0;
  size_t layout = find_layout(layout_name);
  struct test_case *test = test_find(name);
  if (test == NULL || faults_layouts[layout] == NULL) {
    fputs("no case matches, or no layout\n", stderr);
    return 2;
  }
  faults_occupy(layout);
  return faults_run_here(test, &plan);
}
