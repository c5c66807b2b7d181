/* System calls that are missing or forbidden, as the kernel, an emulator or a container may have
 * it. Linux only. */
#ifndef FORBID_H
#define FORBID_H

#include "capture.h"
#include "sock_calls.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>

/* From here on this call fails in this process. */
static inline int forbid_call(unsigned number, int error)
{
  struct sock_filter steps[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), /* the call's number */
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof steps / sizeof steps[0], steps};
  CHECK_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
  CHECK_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
  return 0;
}

/* Runs fn in a child, where it may forbid calls, and expects it to end well. */
static inline int in_child(eddy_fn *fn, void *arg)
{
  static struct child child;
  CHECK_OK(child_run(&child, fn, arg));
  if (child.status != 0) fputs(child.text, stderr);
  CHECK_EQ(child.status, 0);
  return 0;
}

/* In a task: the loop is on this backend for a reason that contains this, and does its work. */
static inline int echo_on(const char *backend, const char *reason)
{
  eddy_loop_stats stats;
  int fds[2];
  char byte = 0;
  eddy_loop_get_stats(eddy_get_running_loop(), &stats);
  CHECK_STR(stats.backend, backend);
  CHECK_CONTAINS(stats.backend_reason, reason);
  CHECK_OK(eddy_sleep(EDDY_MS(1)));
  CHECK_OK(eddy_sock_pair(fds));
  CHECK_OK(eddy_sock_sendall(fds[1], "x", 1));
  CHECK_OK(recv_all(fds[0], &byte, 1));
  CHECK_EQ(byte, 'x');
  return 0;
}

#endif
