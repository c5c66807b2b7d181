/*
 * eddy_differential: runs scenarios and prints their traces, or compares them with those
 * that CPython left.
 *
 *     eddy_differential [--kind stackful|stackless|mixed] FILE ...
 *     eddy_differential [--kind ...] --expected TRACES FILE ...
 *
 * Without --kind, --expected compares with all three kinds of tasks.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenario.h"

static const char *const kind_names[TASK_KINDS] = {"stackful", "stackless", "mixed"};

enum { REPORTS = 5 }; /* how many differences are shown in full */

struct comparison {
  char *expected;   /* the file of traces */
  const char *next; /* in it: the traces stand in the order of the scenarios */
  long scenarios;
  long differences;
};

/* ---- comparing ---- */

/* The next trace, without its first line; *size is its length. NULL: it is another's. */
static const char *next_trace(
    struct comparison *comparison, const char *name, size_t *size)
{
  char header[128];
  const char *trace = comparison->next;
  snprintf(header, sizeof(header), "trace %s\n", name);
  if (strncmp(trace, header, strlen(header)) != 0) return NULL;
  trace += strlen(header);
  const char *end = strstr(trace - 1, "\ntrace ");
  *size = end != NULL ? (size_t)(end + 1 - trace) : strlen(trace);
  return trace;
}

static void print_line(const char *head, const char *text, const char *end)
{
  const char *stop = memchr(text, '\n', (size_t)(end - text));
  printf("%s%.*s\n", head, (int)((stop != NULL ? stop : end) - text), text);
}

/* Shows the first line that differs, with what stands around it and in the scenario. */
static void report(const struct scenario *scenario, const char *kind,
    const char *expected, size_t expected_size, const char *got, size_t got_size)
{
  size_t line = 0;
  size_t number = 1;
  for (size_t i = 0; i < expected_size && i < got_size && expected[i] == got[i]; i++) {
    if (expected[i] != '\n') continue;
    line = i + 1;
    number++;
  }
  printf(
      "--- %s (%s tasks): line %zu of the trace differs\n", scenario->name, kind, number);
  size_t context = line;
  for (int back = 0; back < 6 && context > 0; back++) {
    context--;
    while (context > 0 && got[context - 1] != '\n') {
      context--;
    }
  }
  while (context < line) {
    print_line("    ", got + context, got + got_size);
    context += strcspn(got + context, "\n") + 1;
  }
  print_line("  CPython: ", expected + line, expected + expected_size);
  print_line("  eddy:    ", got + line, got + got_size);
  int at = 1;
  for (const char *text = scenario->source.data; *text != '\0'; at++) {
    size_t size = strcspn(text, "\n");
    printf("  %3d | %.*s\n", at, (int)size, text);
    text += size + (text[size] == '\n');
  }
}

static void compare(struct comparison *comparison, const struct scenario *scenario,
    const char *kind, const struct text *trace)
{
  size_t size = 0;
  const char *expected = next_trace(comparison, scenario->name, &size);
  if (expected != NULL && size == trace->size && memcmp(expected, trace->data, size) == 0)
    return;
  comparison->differences++;
  if (comparison->differences > REPORTS) {
    printf("--- %s (%s tasks) differs, too\n", scenario->name, kind);
  } else if (expected == NULL) {
    printf("--- %s: the next trace is not its\n", scenario->name);
  } else {
    report(scenario, kind, expected, size, trace->data, trace->size);
  }
}

/* ---- running ---- */

static void run_one(
    struct scenario *scenario, enum task_kind kind, struct comparison *comparison)
{
  struct text trace = {0};
  text_add(&trace, "%s", "");
  int rc = world_run(scenario, kind, &trace);
  if (rc < 0) {
    printf("--- %s: %s\n", scenario->name, eddy_strerror(rc));
    comparison->differences++;
  } else if (comparison->expected != NULL) {
    compare(comparison, scenario, kind_names[kind], &trace);
  } else {
    printf("trace %s\n%s", scenario->name, trace.data);
  }
  fflush(stdout);
  free(trace.data);
}

static void skip_trace(struct comparison *comparison)
{
  if (comparison->expected == NULL) return;
  const char *end = strstr(comparison->next, "\ntrace ");
  comparison->next = end != NULL ? end + 1 : "";
}

static void run_file(const char *path, int kind, struct comparison *comparison)
{
  struct scenario *scenarios = scenarios_read(path);
  for (struct scenario *scenario = scenarios; scenario != NULL;
       scenario = scenario->next) {
    bool all = kind == TASK_KINDS && comparison->expected != NULL;
    enum task_kind first = all || kind == TASK_KINDS ? STACKFUL : (enum task_kind)kind;
    enum task_kind last = all ? MIXED : first;
    comparison->scenarios++;
    for (enum task_kind each = first; each <= last; each++) {
      run_one(scenario, each, comparison);
    }
    skip_trace(comparison);
  }
  scenarios_free(scenarios);
}

static int kind_of(const char *name)
{
  for (int kind = 0; kind < TASK_KINDS; kind++) {
    if (strcmp(name, kind_names[kind]) == 0) return kind;
  }
  fprintf(stderr, "eddy_differential: no such kind of task: %s\n", name);
  exit(2);
}

int main(int argc, char **argv)
{
  int kind = TASK_KINDS;
  struct comparison comparison = {0};
  int i = 1;
  for (; i + 1 < argc && argv[i][0] == '-'; i += 2) {
    if (strcmp(argv[i], "--kind") == 0) {
      kind = kind_of(argv[i + 1]);
    } else if (strcmp(argv[i], "--expected") == 0) {
      comparison.expected = file_read(argv[i + 1]);
      comparison.next = comparison.expected;
    } else {
      fprintf(stderr, "eddy_differential: no such option: %s\n", argv[i]);
      return 2;
    }
  }
  for (; i < argc; i++) {
    run_file(argv[i], kind, &comparison);
  }
  if (comparison.expected != NULL) {
    printf(
        "%ld scenarios, %ld differences\n", comparison.scenarios, comparison.differences);
  }
  free(comparison.expected);
  return comparison.scenarios == 0 || comparison.differences > 0;
}
