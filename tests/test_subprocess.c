/* Child processes for protocols. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "children.h"

EDDY_TASK_TEST_KERNEL(subprocess, protocol_is_told_everything_in_order)
{
  struct child *child = new_child();
  CHECK_OK(start_shell(child, "read go; echo hello; echo oops >&2; exit 7", NULL));
  CHECK_TRACE("made");
  CHECK(eddy_subprocess_transport_get_pid(child->transport) > 0);
  eddy_transport *input = eddy_subprocess_transport_get_pipe_transport(
      child->transport, 0);
  CHECK_OK(eddy_transport_write(input, "go\n", 3));
  CHECK_OK(wait_until(&child->released));
  CHECK_STR(child->text[1], "hello\n");
  CHECK_STR(child->text[2], "oops\n");
  CHECK_EQ(child->pipes_lost, 7);
  CHECK_EQ(child->exits, 1);
  CHECK_EQ(child->lost, 1);
  CHECK_EQ(child->error, 0);
  CHECK_EQ(child->last, 'L');
  return child_returned(child, 7);
}

EDDY_TASK_TEST(subprocess, without_pipes_it_is_lost_when_it_has_ended)
{
  struct child *child = new_child();
  CHECK_OK(start_shell(child, "exit 3", &no_pipes));
  CHECK_PTR(eddy_subprocess_transport_get_pipe_transport(child->transport, 1), NULL);
  CHECK_OK(wait_until(&child->exits));
  CHECK_OK(wait_until(&child->released));
  CHECK_TRACE("made exited lost");
  return child_returned(child, 3);
}

EDDY_TASK_TEST(subprocess, return_code_of_a_signal_is_negative)
{
  struct child *child = new_child();
  CHECK_OK(start_shell(child, "exec sleep 100", &no_pipes));
  int code = 1234;
  CHECK(!eddy_subprocess_transport_get_returncode(child->transport, &code));
  CHECK_EQ(code, 1234);
  CHECK_OK(eddy_subprocess_transport_kill(child->transport));
  CHECK_OK(wait_until(&child->released));
  CHECK_OK(child_returned(child, -SIGKILL));
  child = new_child();
  CHECK_OK(start_shell(child, "exec sleep 100", &no_pipes));
  CHECK_OK(eddy_subprocess_transport_terminate(child->transport));
  CHECK_OK(wait_until(&child->released));
  CHECK_OK(child_returned(child, -SIGTERM));
  child = new_child();
  CHECK_OK(start_shell(child, "exec sleep 100", &no_pipes));
  CHECK_OK(eddy_subprocess_transport_send_signal(child->transport, SIGHUP));
  CHECK_OK(wait_until(&child->released));
  return child_returned(child, -SIGHUP);
}

EDDY_TASK_TEST(subprocess, signals_after_the_end_find_no_process)
{
  struct child *child = new_child();
  CHECK_OK(start_shell(child, "exit 0", &no_pipes));
  CHECK_OK(wait_until(&child->exits));
  CHECK_CODE(
      eddy_subprocess_transport_send_signal(child->transport, SIGTERM), EDDY_ESRCH);
  CHECK_CONTAINS(eddy_message(EDDY_ESRCH), "has ended");
  CHECK_CODE(eddy_subprocess_transport_terminate(child->transport), EDDY_ESRCH);
  CHECK_CODE(eddy_subprocess_transport_kill(child->transport), EDDY_ESRCH);
  eddy_transport_close(child->transport);
  return child_returned(child, 0);
}

EDDY_TASK_TEST(subprocess, signal_to_one_that_has_just_ended_is_no_error)
{
  struct child *child = new_child();
  siginfo_t info;
  CHECK_OK(start_shell(child, "exec sleep 100", &no_pipes));
  id_t pid = (id_t)eddy_subprocess_transport_get_pid(child->transport);
  CHECK_EQ(kill((pid_t)pid, SIGUSR1), 0);
  CHECK_EQ(waitid(P_PID, pid, &info, WEXITED | WNOWAIT), 0);
  CHECK_OK(eddy_subprocess_transport_send_signal(child->transport, SIGTERM));
  CHECK_OK(wait_until(&child->released));
  return child_returned(child, -SIGUSR1);
}

EDDY_TASK_TEST(subprocess, invalid_signal_is_an_error)
{
  struct child *child = new_child();
  CHECK_OK(start_shell(child, "exec sleep 100", &no_pipes));
  CHECK_CODE(eddy_subprocess_transport_send_signal(child->transport, 12345), EDDY_EINVAL);
  eddy_transport_close(child->transport);
  CHECK_OK(wait_until(&child->released));
  return child_returned(child, -SIGKILL);
}

EDDY_TASK_TEST(subprocess, closing_kills_one_that_runs)
{
  struct child *child = new_child();
  CHECK_OK(start_shell(child, "trap '' TERM; exec sleep 100", &no_pipes));
  test_trace_clear();
  eddy_transport_close(child->transport);
  CHECK(eddy_transport_is_closing(child->transport));
  eddy_transport_close(child->transport);
  CHECK_OK(wait_until(&child->released));
  CHECK_TRACE("exited lost");
  return child_returned(child, -SIGKILL);
}

EDDY_TASK_TEST(subprocess, closing_one_that_has_ended_keeps_its_code)
{
  struct child *child = new_child();
  siginfo_t info;
  CHECK_OK(start_shell(child, "exec sleep 100", &no_pipes));
  id_t pid = (id_t)eddy_subprocess_transport_get_pid(child->transport);
  CHECK_EQ(kill((pid_t)pid, SIGUSR1), 0);
  CHECK_EQ(waitid(P_PID, pid, &info, WEXITED | WNOWAIT), 0);
  eddy_transport_close(child->transport);
  CHECK_OK(wait_until(&child->released));
  return child_returned(child, -SIGUSR1);
}

EDDY_TASK_TEST_KERNEL(subprocess, pipe_to_its_stdin_feeds_it)
{
  struct child *child = new_child();
  CHECK_OK(start_shell(child, "cat; echo end", NULL));
  eddy_transport *in = eddy_subprocess_transport_get_pipe_transport(child->transport, 0);
  CHECK(in != NULL);
  CHECK_PTR(eddy_subprocess_transport_get_pipe_transport(child->transport, 3), NULL);
  CHECK_OK(eddy_transport_write(in, "some data", 9));
  CHECK_OK(eddy_transport_write_eof(in));
  CHECK_OK(wait_until(&child->released));
  CHECK_STR(child->text[1], "some dataend\n");
  CHECK(eddy_transport_is_closing(in));
  return child_returned(child, 0);
}

EDDY_TASK_TEST_KERNEL(subprocess, stdin_that_is_closed_by_the_child_is_a_lost_pipe)
{
  struct child *child = new_child();
  CHECK_OK(start_shell(child, "exec <&-; exec sleep 100", NULL));
  CHECK_OK(wait_until(&child->pipes_lost));
  CHECK_EQ(child->pipes_lost, 1);
  CHECK_EQ(child->exits, 0);
  eddy_transport_close(child->transport);
  CHECK_OK(wait_until(&child->released));
  CHECK_EQ(child->pipes_lost, 7);
  return 0;
}

EDDY_TASK_TEST_KERNEL(subprocess, input_that_is_not_read_pauses_the_protocol)
{
  enum { SIZE = 1000 * 1000 };
  struct child *child = new_child();
  char *bytes = test_new(SIZE);
  CHECK_OK(start_shell(child, "exec sleep 100", NULL));
  test_trace_clear();
  eddy_transport *in = eddy_subprocess_transport_get_pipe_transport(child->transport, 0);
  CHECK_OK(eddy_transport_write(in, bytes, SIZE));
  CHECK_TRACE("pause");
  CHECK_OK(eddy_subprocess_transport_kill(child->transport));
  CHECK_OK(wait_until(&child->released));
  CHECK_EQ(child->pipe_error, EDDY_EPIPE);
  return child_returned(child, -SIGKILL);
}

EDDY_TASK_TEST_KERNEL(subprocess, grandchild_with_a_pipe_delays_only_connection_lost)
{
  struct child *child = new_child();
  CHECK_OK(start_shell(child, "sleep 100 & echo $!; exit 4", NULL));
  CHECK_OK(wait_until(&child->exits));
  CHECK_OK(child_returned(child, 4));
  CHECK_OK(wait_for_text(child, 1));
  CHECK_OK(look_around());
  CHECK_EQ(child->lost, 0);
  CHECK_EQ(child->pipes_lost & 6, 0);
  eddy_transport_close(child->transport);
  CHECK_OK(wait_until(&child->released));
  CHECK_EQ(child->pipes_lost, 7);
  CHECK_EQ(kill((pid_t)strtol(child->text[1], NULL, 10), SIGKILL), 0);
  return 0;
}

EDDY_TASK_TEST_KERNEL(subprocess, paused_output_waits_in_the_pipe)
{
  struct child *child = new_child();
  enum { SIZE = 1000 * 1000 };
  CHECK_OK(start_shell(child, "head -c 1000000 /dev/zero", NULL));
  eddy_transport *out = eddy_subprocess_transport_get_pipe_transport(child->transport, 1);
  eddy_transport_pause_reading(out);
  CHECK_OK(look_around());
  size_t before = child->size[1];
  CHECK(before < SIZE);
  CHECK_EQ(child->exits, 0);
  CHECK_OK(eddy_transport_resume_reading(out));
  CHECK_OK(wait_until(&child->released));
  CHECK_EQ(child->size[1], SIZE);
  return child_returned(child, 0);
}

EDDY_TASK_TEST_KERNEL(subprocess, errors_of_the_protocol_are_reported_only)
{
  struct child *child = new_child();
  eddy_loop_set_exception_handler(eddy_get_running_loop(), trace_report, NULL);
  child->fail = EDDY_EPERM;
  CHECK_OK(start_shell(child, "echo x", &only_out));
  CHECK_OK(wait_until(&child->released));
  CHECK_CONTAINS(test_trace(), "report(connection_made failed)");
  CHECK_CONTAINS(test_trace(), "report(pipe_data_received failed)");
  CHECK_CONTAINS(test_trace(), "report(pipe_connection_lost failed)");
  CHECK_CONTAINS(test_trace(), "report(process_exited failed)");
  CHECK_CONTAINS(test_trace(), "report(connection_lost failed)");
  test_trace_clear();
  return child_returned(child, 0);
}

EDDY_TASK_TEST(subprocess, status_taken_by_somebody_else_is_255_with_a_report)
{
  struct child *child = new_child();
  int status;
  eddy_loop_set_exception_handler(eddy_get_running_loop(), trace_report, NULL);
  CHECK_OK(start_shell(child, "exec sleep 100", &no_pipes));
  test_trace_clear();
  pid_t pid = (pid_t)eddy_subprocess_transport_get_pid(child->transport);
  CHECK_EQ(kill(pid, SIGUSR1), 0);
  CHECK_EQ(waitpid(pid, &status, 0), pid);
  CHECK_OK(eddy_subprocess_transport_send_signal(child->transport, SIGTERM));
  CHECK_OK(wait_until(&child->released));
  CHECK_CONTAINS(test_trace(), "was taken by somebody else: 255 is reported");
  test_trace_clear();
  return child_returned(child, 255);
}

EDDY_TASK_TEST(subprocess, loop_that_is_closed_first_kills_and_reaps)
{
  struct child *child = new_child();
  CHECK_OK(start_shell(child, "trap '' TERM; exec sleep 100", &no_pipes));
  return 0; /* support.c counts children */
}

EDDY_TASK_TEST_KERNEL(subprocess, loop_that_is_closed_first_closes_the_pipes)
{
  struct child *child = new_child();
  CHECK_OK(start_shell(child, "cat", NULL));
  return 0;
}

EDDY_TASK_TEST_KERNEL(subprocess, program_is_started_with_its_arguments)
{
  struct child *child = new_child();
  const char *argv[] = {"printf", "%s|", "a b", "$HOME", "", NULL};
  eddy_transport *transport = NULL;
  void *self = NULL;
  CHECK_OK(eddy_loop_subprocess_exec(
      eddy_get_running_loop(), child_factory, child, argv, &only_out, &transport, &self));
  test_defer_late(unref_transport, transport);
  CHECK_PTR(transport, child->transport);
  CHECK_PTR(self, child);
  CHECK_OK(wait_until(&child->released));
  CHECK_STR(child->text[1], "a b|$HOME||");
  return child_returned(child, 0);
}

EDDY_TASK_TEST_KERNEL(subprocess, child_is_talked_to)
{
  struct child *child = new_child();
  CHECK_OK(start_shell(child, "while read -r x; do echo got $x; done", NULL));
  eddy_transport *in = eddy_subprocess_transport_get_pipe_transport(child->transport, 0);
  CHECK_OK(eddy_transport_write(in, "one\n", 4));
  CHECK_OK(wait_for_text(child, 1));
  CHECK_STR(child->text[1], "got one\n");
  CHECK_OK(eddy_transport_write(in, "two\n", 4));
  eddy_transport_close(in);
  CHECK_OK(wait_until(&child->released));
  CHECK_STR(child->text[1], "got one\ngot two\n");
  return child_returned(child, 0);
}

EDDY_TASK_TEST_KERNEL(subprocess, its_pipe_can_be_closed_alone)
{
  struct child *child = new_child();
  CHECK_OK(start_shell(child, "read -r x; exec yes", NULL));
  eddy_transport *in = eddy_subprocess_transport_get_pipe_transport(child->transport, 0);
  eddy_transport_close(eddy_subprocess_transport_get_pipe_transport(child->transport, 1));
  CHECK_OK(settle());
  CHECK_EQ(child->pipes_lost, 2);
  CHECK_EQ(child->exits, 0);
  CHECK_OK(eddy_transport_write(in, "go\n", 3));
  CHECK_OK(wait_until(&child->released));
  return child_returned(child, -SIGPIPE);
}

static int no_protocol(void *arg, const eddy_protocol **protocol, void **self)
{
  (void)arg;
  (void)protocol;
  (void)self;
  return eddy_raise(EDDY_EPERM, "no protocol today");
}

EDDY_TASK_TEST(subprocess, bad_arguments_are_refused)
{
  struct child *child = new_child();
  const char *argv[] = {"true", NULL};
  CHECK_CODE(
      eddy_loop_subprocess_exec(NULL, NULL, NULL, argv, NULL, NULL, NULL), EDDY_EINVAL);
  CHECK_CODE(
      eddy_loop_subprocess_exec(NULL, child_factory, child, NULL, NULL, NULL, NULL),
      EDDY_EINVAL);
  CHECK_CODE(
      eddy_loop_subprocess_shell(NULL, child_factory, child, NULL, NULL, NULL, NULL),
      EDDY_EINVAL);
  CHECK_CODE(
      eddy_loop_subprocess_exec(NULL, no_protocol, NULL, argv, &no_pipes, NULL, NULL),
      EDDY_EPERM);
  eddy_loop *other;
  CHECK_OK(test_loop(&other));
  CHECK_CODE(
      eddy_loop_subprocess_exec(other, child_factory, child, argv, NULL, NULL, NULL),
      EDDY_EOTHERLOOP);
  CHECK_EQ(child->released, 0);
  CHECK_EQ(eddy_subprocess_transport_get_pid(NULL), 0);
  CHECK(!eddy_subprocess_transport_get_returncode(NULL, NULL));
  CHECK_PTR(eddy_subprocess_transport_get_pipe_transport(NULL, 0), NULL);
  CHECK_CODE(eddy_subprocess_transport_kill(NULL), EDDY_EINVAL);
  return 0;
}
