/*
 * An example (EXAMPLE names its source) in which each line that it prints is preceded by
 * a look at the number of the process's threads: more than one ends it with 1.
 */
#include <stdio.h>
#include <stdlib.h>

#include <eddy.h>

static void require_one_thread(void)
{
  static int reported;
  char line[256];
  int threads = 0;
  FILE *file = fopen("/proc/self/status", "r");
  if (file != NULL) {
    while (threads == 0 && fgets(line, sizeof line, file) != NULL) {
      if (sscanf(line, "Threads: %d", &threads) != 1) threads = 0;
    }
    fclose(file);
  }
  if (threads != reported) fprintf(stderr, "Threads: %d\n", threads);
  reported = threads;
  if (threads != 1) exit(1);
}

#define printf(...) (require_one_thread(), printf(__VA_ARGS__))
#define puts(text) (require_one_thread(), puts(text))
#include EXAMPLE
