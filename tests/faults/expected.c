/* What libuv does when an allocation of its own fails, by version (expected_libuv.txt). */
#include "campaign.h"

#include <stdio.h>
#include <string.h>

#include <uv.h>

const char *const faults_needs[FAULTS_NEEDS] = {
    "loop", "first-table", "larger-table", "other"};

static const char *const outcomes[] = {[FAULTS_SURVIVES] = "survives",
    [FAULTS_DIES] = "dies",
    [FAULTS_UNDEFINED] = "undefined"};

static enum faults_expected expected[FAULTS_NEEDS];

static bool find_outcome(const char *name, enum faults_expected *out)
{
  for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++) {
    if (strcmp(name, outcomes[i]) != 0) continue;
    *out = (enum faults_expected)i;
    return true;
  }
  return false;
}

static bool read_line(const char *line, unsigned *from, unsigned *to, char need[32],
    enum faults_expected *outcome)
{
  char name[32];
  if (sscanf(line, "1.%u-1.%u %31s %31s", from, to, need, name) != 4) {
    *to = 9999;
    if (sscanf(line, "1.%u- %31s %31s", from, need, name) != 3) return false;
  }
  return find_outcome(name, outcome);
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
    char need[32];
    enum faults_expected outcome;
    if (line[0] == '#' || line[0] == '\n') continue;
    good = read_line(line, &from, &to, need, &outcome);
    if (!good) fprintf(stderr, "%s: not understood: %s", path, line);
    if (!good || minor < from || minor > to) continue;
    for (size_t i = 0; i < FAULTS_NEEDS; i++) {
      if (strcmp(need, faults_needs[i]) != 0) continue;
      known[i] = true;
      expected[i] = outcome;
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

enum faults_expected faults_expected(enum faults_need need)
{
  return expected[need];
}
