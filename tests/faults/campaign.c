#include "campaign.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <uv.h>

#define TRIES 3
#define TOLD_OF_A_CASE 2 /* problems that are told in full */

/* The fault of one kind at each place in turn. */
struct series {
  const char *campaign;
  const char *name;
  enum faults_kind kind;
  bool lasting;
  unsigned layouts; /* a bit for each under which it is run */
};

static const struct series all_series[] = {
    {"memory", "memory", FAULTS_MEMORY, false, 15},
    {"memory", "memory", FAULTS_MEMORY, true, 9},
    {"libuv", "libuv", FAULTS_LIBUV, false, 15},
    {"libuv", "libuv", FAULTS_LIBUV, true, 9},
    {"libuv", "budget", FAULTS_BUDGET, false, 13},
    {"cancel", "before", FAULTS_CANCEL_BEFORE, false, 1},
    {"cancel", "parked", FAULTS_CANCEL_PARKED, false, 1},
    {"cancel", "woken", FAULTS_CANCEL_WOKEN, false, 1},
};
#define SERIES (sizeof all_series / sizeof all_series[0])

/* What the workers share. */
static struct shared {
  atomic_size_t next; /* the next case to be taken */
  atomic_ulong cases;
  atomic_ulong runs;
  atomic_ulong injected;
  atomic_ulong injected_of[SERIES];
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

/* What decides how a run ends in which libuv had no memory for these needs: the worst of them, be
 * it the first or one of another thread. */
static enum faults_need decisive(unsigned needs)
{
  enum faults_need worst = FAULTS_NEED_OTHER;
  for (unsigned i = FAULTS_NEEDS; i-- > 0;) {
    enum faults_need need = (enum faults_need)i;
    if ((needs >> i & 1) != 0 && faults_expected(need) >= faults_expected(worst))
      worst = need;
  }
  return worst;
}

static void name_needs(unsigned needs, char *text, size_t size)
{
  size_t length = strlen(text);
  for (unsigned i = 0; i < FAULTS_NEEDS; i++) {
    if ((needs >> i & 1) == 0) continue;
    length += (size_t)snprintf(text + length, length < size ? size - length : 0,
        "; libuv had none for its '%s'", faults_needs[i]);
  }
}

/* eddy tries the memory out before libuv needs it: what is short may still be taken by another
 * thread in the moment between. */
static bool taken_by_another(
    const struct faults_plan *plan, const struct faults_outcome *out)
{
  enum faults_need need = decisive(atomic_load(&out->result.needs));
  return plan->kind == FAULTS_BUDGET && atomic_load(&out->result.threads) > 1 &&
         faults_expected(need) != FAULTS_SURVIVES;
}

static void judge_libuv(struct worker *worker, struct test_case *test,
    const struct series *series, const struct faults_plan *plan,
    struct faults_outcome *out)
{
  unsigned needs = atomic_load(&out->result.needs);
  enum faults_need need = decisive(needs);
  enum faults_expected expected = FAULTS_SURVIVES;
  bool failed = plan->kind == FAULTS_LIBUV && out->result.injected > 0;
  bool well = out->verdict == FAULTS_WELL;
  if (!well && taken_by_another(plan, out)) failed = true;
  if (failed) expected = faults_expected(need);
  bool aborted = out->verdict == FAULTS_DIED && strstr(out->detail, "signal 6 ") != NULL;
  if (expected == FAULTS_UNDEFINED) {
    if (out->verdict != FAULTS_HUNG) aborted = true;
  } else if (expected == FAULTS_DIES && well) {
    snprintf(out->detail, sizeof out->detail, "libuv %s survives, which was not expected",
        uv_version_string());
  }
  if (expected == FAULTS_SURVIVES ? !well : !aborted) {
    char what[320];
    snprintf(what, sizeof what, "%s", out->detail);
    name_needs(needs, what, sizeof what);
    tell(worker, test, series, plan, what);
  } else if (failed) {
    atomic_fetch_add(well ? &shared->survived[need] : &shared->died[need], 1);
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
  atomic_fetch_add(&shared->injected_of[series - all_series], injected);
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

/* How many places of a case are tried: the first ones, then some of the others by chance.
 * Neither takes much longer than so many seconds: few cases are that slow. */
static const struct sweep {
  unsigned long first;
  unsigned long others;
  time_t seconds;
} full_sweep = {400, 100, 5}, other_sweep = {400, 25, 1}, short_sweep = {3, 3, 1};

static const struct sweep *sweep_of(const struct worker *worker)
{
  if (worker->campaign->is_short) return &short_sweep;
  return worker->layout == 0 ? &full_sweep : &other_sweep;
}

static void tell_sampled(const struct worker *worker, const struct test_case *test,
    const struct series *series, unsigned long runs, unsigned long count)
{
  char line[256];
  if (worker->campaign->is_short || worker->layout > 0) return;
  snprintf(line, sizeof line, "%s, %s %s: %lu of %lu places were tried\n", test->name,
      series->name, series->lasting ? "lasting" : "once", runs, count);
  write_all(line);
}

/* The places that are left: a few, by chance. Returns how many were tried. */
static unsigned long run_others(struct worker *worker, struct test_case *test,
    const struct series *series, unsigned long done, unsigned long count)
{
  const struct sweep *sweep = sweep_of(worker);
  unsigned long seed = count;
  for (const char *c = test->name; *c != '\0'; c++)
    seed = seed * 31 + (unsigned char)*c;
  time_t end = time(NULL) + sweep->seconds;
  unsigned long left = count - done;
  unsigned long tried = 0;
  for (; tried < sweep->others && tried < left && time(NULL) <= end; tried++) {
    unsigned long at = left <= sweep->others ? tried : next_random(&seed) % left;
    (void)run_one(worker, test, series, done + 1 + at, NULL);
  }
  return tried;
}

static void run_series(
    struct worker *worker, struct test_case *test, const struct series *series)
{
  const struct sweep *sweep = sweep_of(worker);
  unsigned long count = 0;
  (void)run_one(worker, test, series, (unsigned long)-1, &count);
  time_t end = time(NULL) + sweep->seconds;
  unsigned long at = 1;
  while (at <= count && at <= sweep->first && time(NULL) <= end)
    (void)run_one(worker, test, series, at++, NULL);
  if (at <= count) {
    unsigned long others = run_others(worker, test, series, at - 1, count);
    if (at - 1 + others < count)
      tell_sampled(worker, test, series, at - 1 + others, count);
  } else if (!worker->campaign->is_short) {
    /* The count may differ from run to run: until nothing is left to fail. */
    while (at < count + 100 && run_one(worker, test, series, at++, NULL))
      ;
  }
}

/* Every amount of memory that is just too little for something. */
static void run_budgets(struct worker *worker, struct test_case *test,
    const struct series *series, const size_t *steps, size_t count)
{
  size_t most = worker->campaign->is_short ? 4 : 1000;
  size_t stride = count > most ? count / most : 1;
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

/* The layouts under which the series is run; virtual sockets have no descriptors. */
static unsigned layouts_of(const struct campaign *campaign, const struct series *series)
{
  if (strcmp(series->campaign, campaign->name) != 0) return 0;
  return test_is_virtual() ? series->layouts & 9 : series->layouts;
}

static void run_case(struct worker *worker, struct test_case *test)
{
  worker->told = 0;
  atomic_fetch_add(&shared->cases, 1);
  struct faults_plan none = {FAULTS_NONE, false, 0};
  struct faults_outcome out;
  /* A case that once fails by itself, on a busy machine, is no matter of this campaign. */
  int tries = 0;
  do {
    faults_run(test, &none, false, &out);
  } while (out.verdict != FAULTS_WELL && ++tries < TRIES);
  if (out.verdict != FAULTS_WELL) {
    tell(worker, test, NULL, &none, out.detail);
    return;
  }
  static size_t steps[FAULTS_STEPS];
  size_t step_count = out.result.step_count;
  memcpy(steps, out.result.steps, step_count * sizeof steps[0]);
  for (size_t i = 0; i < SERIES; i++) {
    const struct series *series = &all_series[i];
    if ((layouts_of(worker->campaign, series) >> worker->layout & 1) == 0) continue;
    if (series->kind == FAULTS_BUDGET) {
      run_budgets(worker, test, series, steps, step_count);
    } else {
      run_series(worker, test, series);
    }
  }
}

/* Which layout of how many this is. */
struct share {
  size_t mine;
  size_t of;
};

static void work(const struct campaign *campaign, size_t layout, struct share share)
{
  struct worker worker = {.campaign = campaign, .layout = layout};
  faults_end_with_parent();
  if (!faults_prepare()) _exit(70);
  faults_occupy(layout);
  size_t number = 0;
  size_t index = 0;
  size_t mine = atomic_fetch_add(&shared->next, 1);
  for (struct test_case *test = test_cases(); test != NULL; test = test->next) {
    if (!selected(campaign, test) || test_unfit(test) != NULL) continue;
    /* In a short campaign each case has one of the layouts, in turn. */
    if (campaign->is_short && number++ % share.of != share.mine) continue;
    if (index++ < mine) continue;
    run_case(&worker, test);
    mine = atomic_fetch_add(&shared->next, 1);
  }
  _exit(0);
}

/* ---- the campaign ---- */

static size_t find_layout(const char *name)
{
  size_t layout = 0;
  while (faults_layouts[layout] != NULL && strcmp(faults_layouts[layout], name) != 0)
    layout++;
  return layout;
}

static void sum_up(const struct campaign *campaign, size_t layout)
{
  printf("%s %s, descriptors %s: %lu cases, %lu runs with a fault", test_backend(),
      campaign->name, faults_layouts[layout], shared->cases, shared->injected);
  printf("; %lu made the case give up, %lu left its loop without hope", shared->gave_up,
      shared->stopped);
  for (size_t i = 0; i < FAULTS_NEEDS; i++) {
    if (shared->died[i] > 0)
      printf("; libuv's '%s' ended the process %lu times, as expected", faults_needs[i],
          shared->died[i]);
    if (shared->survived[i] > 0)
      printf("; libuv's '%s' survived %lu times", faults_needs[i], shared->survived[i]);
  }
  printf("; %lu problems\n", shared->problems);
  fflush(stdout);
}

/* Returns whether every worker could do its work. */
static bool run_layout(const struct campaign *campaign, size_t layout, struct share share)
{
  memset(shared, 0, sizeof *shared);
  fflush(stdout);
  bool good = true;
  for (int i = 0; i < campaign->jobs; i++) {
    pid_t worker = fork();
    if (worker == 0) work(campaign, layout, share);
    good = good && worker > 0;
  }
  int status;
  while (wait(&status) > 0) {
    good = good && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  return good;
}

/* Whether every series could inject something. */
static bool all_inject(const struct campaign *campaign, const unsigned long *injected_of)
{
  bool good = true;
  for (size_t i = 0; i < SERIES; i++) {
    if (layouts_of(campaign, &all_series[i]) == 0 || injected_of[i] > 0) continue;
    printf("FAILED: no fault of the series '%s' could be injected anywhere\n",
        all_series[i].name);
    good = false;
  }
  return good;
}

/* The layouts that are asked for, a bit for each. */
static unsigned layouts_wanted(const struct campaign *campaign)
{
  unsigned wanted = 0;
  for (size_t i = 0; i < SERIES; i++)
    wanted |= layouts_of(campaign, &all_series[i]);
  if (campaign->layout != NULL) wanted &= 1u << find_layout(campaign->layout);
  return wanted;
}

int faults_campaign(const struct campaign *campaign)
{
  unsigned wanted = layouts_wanted(campaign);
  if (wanted == 0) {
    fprintf(stderr, "there is no campaign '%s', or no such layout\n", campaign->name);
    return 2;
  }
  shared = mmap(
      NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return 70;
  unsigned long problems = 0, cases = 0, injected = 0, injected_of[SERIES] = {0};
  struct share share = {0, (size_t)__builtin_popcount(wanted)};
  for (size_t layout = 0; faults_layouts[layout] != NULL; layout++) {
    if ((wanted >> layout & 1) == 0) continue;
    if (!run_layout(campaign, layout, share)) return 70;
    share.mine++;
    sum_up(campaign, layout);
    problems += shared->problems;
    cases += shared->cases;
    injected += shared->injected;
    for (size_t i = 0; i < SERIES; i++)
      injected_of[i] += shared->injected_of[i];
  }
  if (cases == 0) {
    fputs("no case matches\n", stderr);
    return 2;
  }
  if (campaign->pattern_count == 0 && !all_inject(campaign, injected_of)) problems++;
  printf("%lu runs with a fault, %lu problems\n", injected, problems);
  return problems == 0 ? 0 : 1;
}

/* ---- one run, to be looked at ---- */

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
