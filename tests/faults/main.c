/*
 * Campaigns of injected faults.
 *
 *     eddy_tests_faults [OPTION ...] CAMPAIGN [CASE | SUITE ...]
 *     eddy_tests_faults --at KIND:once|lasting:LAYOUT:NUMBER CASE
 *
 * CAMPAIGN is memory, libuv or cancel; the second form makes one run, in this process. The
 * backend is taken from EDDY_BACKEND. Options:
 *
 *     --short          of each case the first faults and a few others
 *     --jobs N         processes that work side by side (1)
 *     --limit SECONDS  for one run (60)
 *     --layout NAME    under this layout of descriptors only
 *     --expected FILE  what libuv does when its allocations fail
 *     --verbose        a line for every run
 *
 * Exit status: 0 when all runs ended well or as expected, 1 when one did not, 2 when no case
 * matches, 70 when the campaign itself cannot go on.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "campaign.h"

static int usage(void)
{
  fputs("usage: eddy_tests_faults [--short] [--jobs N] [--expected FILE] [--verbose]\n"
        "           memory|libuv|cancel [CASE | SUITE ...]\n"
        "       eddy_tests_faults --at KIND:once|lasting:LAYOUT:NUMBER CASE\n",
      stderr);
  return 2;
}

static int warm_up_body(void)
{
  return 0;
}

/* What the harness and libuv keep for good is made before anything is counted. */
static bool warm_up(void)
{
  static struct test_case nothing = {
      "faults.warm_up", "any", false, warm_up_body, "", NULL};
  return test_run(&nothing, false) == 0;
}

int main(int argc, char **argv)
{
  struct campaign campaign = {.jobs = 1, .program = argv[0]};
  const char *at = NULL;
  int i = 1;
  for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
    const char *value = i + 1 < argc ? argv[i + 1] : NULL;
    if (strcmp(argv[i], "--short") == 0) {
      campaign.is_short = true;
    } else if (strcmp(argv[i], "--verbose") == 0) {
      campaign.verbose = true;
    } else if (value == NULL) {
      return usage();
    } else {
      if (strcmp(argv[i], "--jobs") == 0) {
        campaign.jobs = atoi(value);
      } else if (strcmp(argv[i], "--expected") == 0) {
        if (!faults_read_expected(value)) return 70;
      } else if (strcmp(argv[i], "--limit") == 0) {
        faults_time_limit = (unsigned)atoi(value);
      } else if (strcmp(argv[i], "--layout") == 0) {
        campaign.layout = value;
      } else if (strcmp(argv[i], "--at") == 0) {
        at = value;
      } else {
        return usage();
      }
      i++;
    }
  }
  if (i >= argc) return usage();
  faults_take_libuv();
  if (!faults_raise_limit()) {
    fputs("faults: 2,048 descriptors are needed (ulimit -n)\n", stderr);
    return 70;
  }
  if (!faults_prepare() || !warm_up()) return 70;
  int status;
  if (at != NULL) {
    status = faults_repeat(at, argv[i]);
  } else {
    campaign.name = argv[i];
    campaign.patterns = argv + i + 1;
    campaign.pattern_count = argc - i - 1;
    status = faults_campaign(&campaign);
  }
  fflush(NULL);
  _exit(status); /* what the harness keeps until the end is no leak */
}
