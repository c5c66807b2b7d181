/* What a child gets beside its standard descriptors, and what its transport is asked. */
#include <fcntl.h>

#include "processes.h"

/* A descriptor whose number is above this one, close-on-exec or not. */
static int number_above(int low, bool close_on_exec, int *out)
{
  *out = fcntl(1, close_on_exec ? F_DUPFD_CLOEXEC : F_DUPFD, low);
  CHECK(*out >= low);
  test_fd(*out);
  return 0;
}

/* Starts a shell that says "o" for each of the three that is open in it, else "c". */
static int look_at(
    const int fds[3], const int *pass, size_t count, bool inherit, const char *expected)
{
  eddy_process *process;
  eddy_process_output output;
  char command[300];
  eddy_subprocess_options options = {.out = EDDY_SUBPROCESS_PIPE,
      .inherit_fds = inherit,
      .pass_fds = pass,
      .pass_count = count};
  snprintf(command, sizeof command,
      "for i in %d %d %d; do if test -e /proc/self/fd/$i; then printf o; else printf c; "
      "fi; done",
      fds[0], fds[1], fds[2]);
  CHECK_OK(eddy_create_subprocess_shell(command, &options, &process));
  test_defer_late(unref_process, process);
  CHECK_OK(eddy_process_communicate(process, NULL, 0, &output));
  CHECK_EQ(output.returncode, 0);
  CHECK_EQ(output.out_size, 3);
  CHECK_MEM(output.out, expected, 3);
  return 0;
}

EDDY_TASK_TEST_KERNEL(process_fds, descriptors_that_are_passed_on_keep_their_numbers)
{
  int fds[3];
  CHECK_OK(number_above(50, true, &fds[0]));
  CHECK_OK(number_above(60, false, &fds[1]));
  CHECK_OK(number_above(70, true, &fds[2]));
  CHECK_OK(look_at(fds, NULL, 0, false, "ccc"));
  CHECK_OK(look_at(fds, &fds[0], 1, false, "occ"));
  CHECK_OK(look_at(fds, &fds[2], 1, false, "cco")); /* the one between is closed */
  CHECK_OK(look_at(fds, fds, 3, false, "ooo"));
  CHECK_OK(look_at(fds, NULL, 0, true, "coc"));
  CHECK_OK(look_at(fds, &fds[2], 1, true, "coo"));
  CHECK((fcntl(fds[2], F_GETFD) & FD_CLOEXEC) != 0); /* ours are as they were */
  return 0;
}

EDDY_TASK_TEST_KERNEL(process_fds, passed_one_is_what_it_is_here)
{
  eddy_process *process;
  eddy_process_output output;
  int fds[2], rc = 0;
  char command[60], text[6] = "";
  CHECK_EQ(pipe(fds), 0);
  CHECK_EQ(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
  eddy_subprocess_options options = {.pass_fds = &fds[1], .pass_count = 1};
  snprintf(command, sizeof command, "echo hello >/dev/fd/%d", fds[1]);
  rc = eddy_create_subprocess_shell(command, &options, &process);
  if (rc == 0) {
    test_defer_late(unref_process, process);
    rc = eddy_process_communicate(process, NULL, 0, &output);
    if (rc == 0 && read(fds[0], text, 5) != 5) rc = EDDY_EIO;
  }
  close(fds[0]);
  close(fds[1]);
  CHECK_OK(rc);
  CHECK_STR(text, "hello");
  return 0;
}

EDDY_TASK_TEST(process_fds, what_cannot_be_passed_on_is_refused)
{
  eddy_process *process = NULL;
  int fds[] = {2, -1, 1 << 30}; /* the system has no such number */
  for (size_t i = 0; i < 3; i++) {
    eddy_subprocess_options options = {.pass_fds = &fds[i], .pass_count = 1};
    CHECK_CODE(eddy_create_subprocess_shell("exit 0", &options, &process),
        i < 2 ? EDDY_EINVAL : EDDY_EBADF);
  }
  eddy_subprocess_options options = {.pass_count = 1};
  CHECK_CODE(eddy_create_subprocess_shell("exit 0", &options, &process), EDDY_EINVAL);
  CHECK(process == NULL);
  return 0;
}

EDDY_TASK_TEST(process_fds, transport_says_which_child_it_is_of)
{
  eddy_transport *transport;
  eddy_subprocess_options options = {.in = EDDY_SUBPROCESS_DEVNULL,
      .out = EDDY_SUBPROCESS_DEVNULL,
      .err = EDDY_SUBPROCESS_DEVNULL};
  struct peer *peer = new_peer("");
  CHECK_OK(eddy_loop_subprocess_shell(
      NULL, peer_factory, peer, "exit 0", &options, &transport, NULL));
  test_defer_late(unref_transport, transport);
  const long *pid = eddy_transport_get_extra_info(transport, "subprocess");
  CHECK(pid != NULL);
  CHECK_EQ(*pid, eddy_subprocess_transport_get_pid(transport));
  CHECK(*pid > 0);
  CHECK(eddy_transport_get_extra_info(transport, "socket") == NULL);
  CHECK_OK(wait_until(&peer->released));
  CHECK_EQ(*pid, eddy_subprocess_transport_get_pid(transport)); /* and afterwards */
  return 0;
}
