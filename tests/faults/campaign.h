/* A campaign: a fault at each place of each case, under each layout of descriptors. */
#ifndef EDDY_TESTS_FAULTS_CAMPAIGN_H
#define EDDY_TESTS_FAULTS_CAMPAIGN_H

#include "faults.h"

struct campaign {
  const char *name; /* "memory", "libuv" or "cancel" */
  const char *program;
  char **patterns; /* of cases; none: all */
  int pattern_count;
  int jobs;
  const char *layout; /* only this one; NULL: all */
  bool is_short;
  bool verbose;
};

/* Returns the exit status. */
int faults_campaign(const struct campaign *campaign);

/* One run in this process. Returns the exit status. */
int faults_repeat(const char *plan, const char *name);

/* ---- expected.c ---- */

/* Reads the lines for the version of libuv that is running. */
bool faults_read_expected(const char *path);

/* What becomes of the process when libuv's allocation fails: it may go on, libuv ends it, or
 * nobody can tell. */
enum faults_expected { FAULTS_SURVIVES, FAULTS_DIES, FAULTS_UNDEFINED };

enum faults_expected faults_expected(enum faults_need need);

extern const char *const faults_needs[FAULTS_NEEDS];

#endif
