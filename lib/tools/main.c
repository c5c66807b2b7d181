/* eddy: traces of programs, and their comparison. */
#include <stdio.h>
#include <string.h>

#include <eddy/version.h>

#include "tools/tool.h"

static const struct {
  const char *name;
  int (*run)(int argc, char **argv);
  const char *purpose;
} commands[] = {
    {"trace", tool_trace, "run a program and record what its schedulers decide"},
    {"diff", tool_diff, "say where two traces part, and why"},
    {"compare", tool_compare, "measure workloads on two backends and show what differs"},
    {"workload", tool_workload, "run one of those workloads (what `eddy compare` does)"},
};

char *tool_program;

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void help(FILE *file)
{
  fputs("eddy: what schedulers do, recorded and compared\n\n"
        "  eddy COMMAND [ARGUMENTS]\n\n",
      file);
  for (size_t i = 0; i < COMMANDS; i++) {
    fprintf(file, "  %-10s %s\n", commands[i].name, commands[i].purpose);
  }
  fputs("\n`eddy COMMAND --help` tells more; `eddy --version` says which eddy it is.\n",
      file);
}

int main(int argc, char **argv)
{
  tool_program = argv[0];
  if (argc < 2) {
    help(stderr);
    return TOOL_TROUBLE;
  }
  if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
    help(stdout);
    return 0;
  }
  if (strcmp(argv[1], "--version") == 0) {
    printf("eddy %s\n", eddy_version());
    return 0;
  }
  for (size_t i = 0; i < COMMANDS; i++) {
    if (strcmp(argv[1], commands[i].name) == 0)
      return commands[i].run(argc - 1, argv + 1);
  }
  return tool_trouble("there is no command %s; `eddy --help` lists them", argv[1]);
}
