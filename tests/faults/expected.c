/* What libuv does when an allocation of its own fails, by version (expected_libuv.txt). */
#include "campaign.h"

#include <stdio.h>
#include <string.h>

#include <uv.h>

const char *const faults_needs[FAULTS_NEEDS] = {
    "loop", "first-table", "larger-table", "other"};

static bool dies[FAULTS_NEEDS];

static bool read_line(
    const char *line, unsigned *from, unsigned *to, char *need, char *outcome)
{
  unsigned low, high;
  if (sscanf(line, "1.%u-1.%u %31s %31s", &low, &high, need, outcome) != 4) {
    high = 9999;
    if (sscanf(line, "1.%u- %31s %31s", &low, need, outcome) != 3) return false;
  }
  *from = low;
  *to = high;
  return strcmp(outcome, "dies") == 0 || strcmp(outcome, "survives") == 0;
}

bool faults_read_expected(const char *path)
{
  unsigned minor = uv_version() >> 8 & 0xff;
  bool known[FAULTS_NEEDS] = {false};
  char line[256];
  FILE *file = fopen(path, "r");
  if (file == NULL) {
    perror(path);
    return false;
  }
  bool good = true;
  while (good && fgets(line, sizeof line, file) != NULL) {
    unsigned from, to;
    char need[32], outcome[32];
    if (line[0] == '#' || line[0] == '\n') continue;
    good = read_line(line, &from, &to, need, outcome);
    if (!good) fprintf(stderr, "%s: not understood: %s", path, line);
    if (!good || minor < from || minor > to) continue;
    for (size_t i = 0; i < FAULTS_NEEDS; i++) {
      if (strcmp(need, faults_needs[i]) != 0) continue;
      known[i] = true;
      dies[i] = strcmp(outcome, "dies") == 0;
    }
  }
  fclose(file);
  for (size_t i = 0; i < FAULTS_NEEDS; i++) {
    if (good && !known[i]) {
      fprintf(stderr, "%s says nothing of '%s' for libuv %s\n", path, faults_needs[i],
          uv_version_string());
      good = false;
    }
  }
  return good;
}

bool faults_expected_to_die(enum faults_need need)
{
  return dies[need];
}
