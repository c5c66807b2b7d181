/* eddy trace: runs a program, or takes a trace that is there, and shows what it did. */
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/json.h"
#include "tools/launch.h"
#include "tools/read.h"
#include "tools/summary.h"
#include "tools/tool.h"

static const char help[] =
    "eddy trace - run a program and record what its schedulers decide\n"
    "\n"
    "  eddy trace [-o NAME] [-b BACKEND] PROGRAM [ARGUMENT ...]\n"
    "  eddy trace -r NAME.trace [-o NAME]\n"
    "\n"
    "PROGRAM uses eddy. It runs with EDDY_TRACE set; when it has ended there are\n"
    "\n"
    "  NAME.trace   every decision, for `eddy diff` and `eddy trace -r`\n"
    "  NAME.json    the same for Perfetto (https://ui.perfetto.dev) and "
    "chrome://tracing:\n"
    "               a row for each loop with its steps, callbacks and polls, a row for "
    "each\n"
    "               task with what it waited for, arrows from who woke to whom\n"
    "\n"
    "and a summary on stderr: tasks, steps, what was waited for and for how long, how "
    "late\n"
    "timers were, how long steps were ready before they ran. Children of PROGRAM that "
    "use\n"
    "eddy are in NAME.json and in the summary too.\n"
    "\n"
    "  -o NAME      how the files are named; else as PROGRAM, in this directory\n"
    "  -b BACKEND   sets EDDY_BACKEND: native/uv, uv/uv, native/virtual, ...\n"
    "  -r FILE      no program is run: the trace is there\n"
    "  -q           no summary\n"
    "\n"
    "The exit status is PROGRAM's; 2 if there is nothing to show.\n";

struct wishes {
  const char *name;
  const char *backend;
  const char *read;
  bool quiet;
};

/* Reads the options; returns where the program's name stands, or -1 (`*status` to end with). */
static int understand(int argc, char **argv, struct wishes *wishes, int *status)
{
  int option;
  if (argc > 1 && strcmp(argv[1], "--help") == 0) {
    fputs(help, stdout);
    *status = 0;
    return -1;
  }
  *status = TOOL_TROUBLE;
  optind = 1;
  while ((option = getopt(argc, argv, "+o:b:r:qh")) != -1) {
    switch (option) {
    case 'o':
      wishes->name = optarg;
      break;
    case 'b':
      wishes->backend = optarg;
      break;
    case 'r':
      wishes->read = optarg;
      break;
    case 'q':
      wishes->quiet = true;
      break;
    default:
      fputs(help, option == 'h' ? stdout : stderr);
      if (option == 'h') *status = 0;
      return -1;
    }
  }
  if (optind < argc || wishes->read != NULL) return optind;
  fputs(help, stderr);
  return -1;
}

/* Writes NAME.json and the summary of what was read. */
static int show(struct read_file *file, const char *name, bool quiet)
{
  size_t events;
  char *json = tool_text("%s.json", name);
  int rc = json_write(json, file, &events);
  for (size_t i = 0; rc == 0 && !quiet && i < file->count; i++) {
    struct summary summary;
    summary_make(&file->loops[i], &summary);
    summary_print(&file->loops[i], &summary, stderr);
    summary_free(&summary);
  }
  if (rc == 0) fprintf(stderr, "eddy: %s has %zu events\n", json, events);
  free(json);
  return rc;
}

/* Reads the traces of the program, which becomes NAME.trace, and of its children. */
static int gather(struct read_file *file, const char *name, long process)
{
  char *own = tool_text("%s.trace.%ld", name, process);
  char *kept = tool_text("%s.trace", name);
  char *pattern = tool_text("%s.trace.[0-9]*", name);
  glob_t found;
  int rc = TOOL_TROUBLE;
  if (rename(own, kept) == 0) rc = read_trace(kept, file);
  if (glob(pattern, 0, NULL, &found) == 0) {
    for (size_t i = 0; i < found.gl_pathc; i++) {
      if (read_trace(found.gl_pathv[i], file) == 0) rc = 0;
      (void)unlink(found.gl_pathv[i]);
    }
    globfree(&found);
  }
  free(pattern);
  free(kept);
  free(own);
  return rc;
}

static int run(const struct wishes *wishes, const char *name, char **program, int *status)
{
  struct read_file file = {0};
  char *trace = tool_text("EDDY_TRACE=%s.trace.%%p", name);
  char *backend = tool_text("EDDY_BACKEND=%s", wishes->backend ? wishes->backend : "");
  char *const variables[] = {trace, wishes->backend ? backend : NULL, NULL};
  /* Interrupts are the program's; what it has done until then is shown. */
  (void)signal(SIGINT, SIG_IGN);
  (void)signal(SIGQUIT, SIG_IGN);
  long process = launch(program, variables, -1);
  int rc = TOOL_TROUBLE;
  if (process > 0) {
    *status = launch_wait(process);
    rc = gather(&file, name, process);
    if (rc != 0)
      (void)tool_trouble(
          "%s has made no loop of eddy's, so there is no trace", program[0]);
  }
  if (rc == 0) rc = show(&file, name, wishes->quiet);
  read_free(&file);
  free(backend);
  free(trace);
  return rc;
}

int tool_trace(int argc, char **argv)
{
  struct wishes wishes = {0};
  int status;
  int first = understand(argc, argv, &wishes, &status);
  if (first < 0) return status;
  const char *about = wishes.read != NULL ? wishes.read : argv[first];
  char *name = tool_text("%s", wishes.name != NULL ? wishes.name : launch_base(about));
  size_t size = strlen(name);
  if (wishes.read != NULL && size > 6 && strcmp(name + size - 6, ".trace") == 0)
    name[size - 6] = '\0';
  int rc;
  if (wishes.read != NULL) {
    struct read_file file = {0};
    rc = read_trace(wishes.read, &file);
    if (rc == 0) rc = show(&file, name, wishes.quiet);
    read_free(&file);
    status = 0;
  } else {
    rc = run(&wishes, name, argv + first, &status);
  }
  free(name);
  return rc != 0 ? rc : status;
}
