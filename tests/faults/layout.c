/* Which numbers a new descriptor gets: the lowest that nobody occupies. */
#include "faults.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Looked at before and after a run; beyond the highest number that any layout leads to. */
#define NUMBERS 2048

const char *const faults_layouts[] = {"plain", "from-64", "from-1018", "hole", NULL};

static bool open_before[NUMBERS];

bool faults_raise_limit(void)
{
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
  if (limit.rlim_cur < NUMBERS) {
    limit.rlim_cur = limit.rlim_max < NUMBERS ? limit.rlim_max : NUMBERS;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
  }
  return limit.rlim_cur >= NUMBERS;
}

static void occupy(int first, int last)
{
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = first; fd <= last; fd++) {
    if (fcntl(fd, F_GETFD) < 0 && dup3(null, fd, O_CLOEXEC) < 0) {
      perror("faults: occupying descriptors");
      _Exit(70);
    }
  }
  if (null < first || null > last) close(null);
}

void faults_occupy(size_t layout)
{
  switch (layout) {
  case 1:
    occupy(0, 63);
    break;
  case 2: /* just below where eddy's and libuv's tables of 1,024 end */
    occupy(0, 1017);
    break;
  case 3: { /* the first nine are low, those after them high */
    int low = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close(low);
    occupy(low + 9, 1017);
    break;
  }
  default:
    break;
  }
}

/* One system call for all of them. */
static void look(bool open[NUMBERS])
{
  static struct pollfd states[NUMBERS];
  for (int fd = 0; fd < NUMBERS; fd++) {
    states[fd].fd = fd;
    states[fd].events = 0;
  }
  if (poll(states, NUMBERS, 0) < 0) {
    perror("faults: poll");
    _Exit(70);
  }
  for (int fd = 0; fd < NUMBERS; fd++) {
    open[fd] = (states[fd].revents & POLLNVAL) == 0;
  }
}

void faults_mark_open(void)
{
  look(open_before);
}

void faults_look_for_open(void)
{
  static bool now[NUMBERS];
  look(now);
  for (int fd = 0; fd < NUMBERS; fd++) {
    if (now[fd] == open_before[fd]) continue;
    char link[64];
    char target[128] = "?";
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, target, sizeof target - 1);
    if (length >= 0) target[length] = '\0';
    faults_problem(now[fd] ? "descriptor %d was left open: %s"
                           : "descriptor %d was closed, but is not the case's: %s",
        fd, target);
  }
}
