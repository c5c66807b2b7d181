/* Child processes as the system has them; defined in backend/process_posix.c. */
#ifndef EDDY_BASE_PROCESS_H
#define EDDY_BASE_PROCESS_H

#include <stdbool.h>
#include <stddef.h>

/* What a standard descriptor of the child is, when it is not a descriptor of ours. */
enum {
  EDDY__CHILD_INHERIT = -1,
  EDDY__CHILD_NULL = -2,   /* /dev/null */
  EDDY__CHILD_STDOUT = -3, /* stderr only: what stdout is */
};

struct eddy__child_options {
  const char *const *argv; /* argv[0] is looked for in PATH if there is no slash in it */
  const char *const *env;  /* "NAME=value", the last one NULL; NULL: ours */
  const char *cwd;         /* NULL: ours */
  int fds[3];
  bool new_session;
  bool inherit_fds;    /* those of ours that are not close-on-exec */
  const int *pass_fds; /* those from 3 on that it gets in any case */
  size_t pass_count;
};

/* A pipe, close-on-exec, none of whose ends is a standard descriptor. 0 or a code. */
int eddy__child_pipe(int *reader, int *writer);

void eddy__child_close(int fd);

/*
 * Starts a child. Signals have their default action in it and none is blocked; every descriptor
 * from 3 on is closed (where the system can), but for inherit_fds and pass_fds. 0, or why the program could
 * not be started: no child is left then.
 */
int eddy__child_start(const struct eddy__child_options *options, long *pid);

/* A descriptor that becomes readable when the child ends, close-on-exec; or a code where there
 * is none. */
int eddy__child_descriptor(long pid, int *fd);

/* Blocks the calling thread until the child has ended or is not ours any more. Takes nothing
 * away: its status is still to be reaped. */
void eddy__child_await(long pid);

/* Whether the child has ended, and its return code then: that of its exit, or minus a signal's
 * number; 255 with *stolen if somebody else has taken it. The pid may be another's afterwards. */
bool eddy__child_reap(long pid, int *returncode, bool *stolen);

/* Sends a signal to a child that has not been reaped. 0 or a code. */
int eddy__child_signal(long pid, int signum);

#endif
