/* Child processes for tasks. */
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "children.h"
#include "kinds.h"

#define MEGABYTE ((size_t)1000 * 1000)

static const eddy_subprocess_options pipes = {
    .in = EDDY_SUBPROCESS_PIPE, .out = EDDY_SUBPROCESS_PIPE, .err = EDDY_SUBPROCESS_PIPE};
static const eddy_subprocess_options in_and_out = {
    .in = EDDY_SUBPROCESS_PIPE, .out = EDDY_SUBPROCESS_PIPE};
static const eddy_subprocess_options out_alone = {.out = EDDY_SUBPROCESS_PIPE};

static void unref_process(void *process)
{
  eddy_process_unref(process);
}

/* A process that is let go of when the test is over. */
static int shell(
    const char *command, const eddy_subprocess_options *options, eddy_process **out)
{
  *out = NULL;
  int rc = eddy_create_subprocess_shell(command, options, out);
  if (rc == 0) test_defer_late(unref_process, *out);
  return rc;
}

/* Waits for its end. */
static int ends_with(eddy_process *process, int expected)
{
  int code = -1000;
  CHECK_OK(eddy_process_wait(process, &code));
  CHECK_EQ(code, expected);
  code = -1000;
  CHECK(eddy_process_returncode(process, &code));
  CHECK_EQ(code, expected);
  return 0;
}

/* Its whole output is this text. */
static int says(eddy_process *process, const char *input, const char *expected)
{
  eddy_process_output output = {0};
  CHECK_OK(eddy_process_communicate(process, input, strlen(input), &output));
  CHECK_EQ(output.out_size, strlen(expected));
  CHECK_MEM(output.out, expected, output.out_size);
  CHECK_EQ(output.returncode, 0);
  return 0;
}

EDDY_TASK_TEST_KERNEL(process, is_written_to_and_read_from)
{
  eddy_process *process;
  const char *data;
  size_t size;
  const char *argv[] = {"cat", NULL};
  CHECK_OK(eddy_create_subprocess_exec(argv, &in_and_out, &process));
  test_defer_late(unref_process, process);
  CHECK(eddy_process_pid(process) > 0);
  CHECK(!eddy_process_returncode(process, NULL));
  CHECK(eddy_process_stderr(process) == NULL);
  CHECK_OK(eddy_stream_writer_write(eddy_process_stdin(process), "some data", 9));
  CHECK_OK(eddy_stream_writer_drain(eddy_process_stdin(process)));
  eddy_stream_writer_close(eddy_process_stdin(process));
  CHECK_OK(eddy_stream_reader_readall(eddy_process_stdout(process), &data, &size));
  CHECK_EQ(size, 9);
  CHECK_MEM(data, "some data", 9);
  CHECK_OK(eddy_stream_writer_wait_closed(eddy_process_stdin(process)));
  return ends_with(process, 0);
}

EDDY_TASK_TEST_KERNEL(process, communicate_feeds_it_and_gives_both_outputs)
{
  eddy_process *process;
  eddy_process_output output;
  CHECK_OK(shell("cat; echo oops >&2; exit 3", &pipes, &process));
  CHECK_OK(eddy_process_communicate(process, "data", 4, &output));
  CHECK_EQ(output.out_size, 4);
  CHECK_MEM(output.out, "data", 4);
  CHECK_EQ(output.err_size, 5);
  CHECK_MEM(output.err, "oops\n", 5);
  CHECK_EQ(output.returncode, 3);
  return 0;
}

EDDY_TASK_TEST_KERNEL(process, communicate_without_input_closes_its_stdin)
{
  eddy_process *process;
  CHECK_OK(shell("cat; echo end", &in_and_out, &process));
  CHECK_OK(says(process, "", "end\n"));
  CHECK_OK(shell("echo alone", &out_alone, &process));
  return says(process, "there is no pipe for this", "alone\n");
}

EDDY_TASK_TEST(process, communicate_without_pipes_waits)
{
  eddy_process *process;
  eddy_process_output output;
  CHECK_OK(shell("exit 9", NULL, &process));
  CHECK_PTR(eddy_process_stdin(process), NULL);
  CHECK_PTR(eddy_process_stdout(process), NULL);
  CHECK_OK(eddy_process_communicate(process, NULL, 0, &output));
  CHECK_PTR(output.out, NULL);
  CHECK_EQ(output.returncode, 9);
  return ends_with(process, 9);
}

EDDY_TASK_TEST_KERNEL(process, communicate_ignores_that_its_input_is_not_read)
{
  eddy_process *process;
  char *input = test_new(MEGABYTE);
  CHECK_OK(shell("exec <&-; exit 4", &in_and_out, &process));
  CHECK_OK(eddy_process_communicate(process, input, MEGABYTE, NULL));
  return ends_with(process, 4);
}

EDDY_TASK_TEST_KERNEL(process, communicate_takes_floods_on_both_pipes)
{
  eddy_process *process;
  eddy_process_output output;
  char *input = test_new(MEGABYTE);
  CHECK_OK(shell("head -c 1000000 /dev/zero >&2; cat; head -c 1000000 /dev/zero >&2",
      &pipes, &process));
  CHECK_OK(eddy_process_communicate(process, input, MEGABYTE, &output));
  CHECK_EQ(output.out_size, MEGABYTE);
  CHECK_EQ(output.err_size, 2 * MEGABYTE);
  CHECK_EQ(output.returncode, 0);
  return 0;
}

static int communicate(void *process)
{
  return eddy_process_communicate(process, NULL, 0, NULL);
}

EDDY_TASK_TEST_KERNEL(process, communicate_can_be_cancelled_and_repeated)
{
  eddy_process *process;
  eddy_task *task;
  CHECK_OK(shell("echo one; read x; echo two", &in_and_out, &process));
  CHECK_OK(test_task(communicate, process, &task));
  CHECK_OK(eddy_sleep(0));
  CHECK_CODE(eddy_process_communicate(process, NULL, 0, NULL), EDDY_ERUNTIME);
  CHECK(eddy_task_cancel(task, NULL));
  CHECK_CODE(eddy_task_await(task, NULL), EDDY_ECANCELLED);
  return says(process, "", "one\ntwo\n");
}

EDDY_TASK_TEST(process, wait_gives_the_code_to_every_task_at_once)
{
  eddy_process *process;
  eddy_task *tasks[2];
  CHECK_OK(shell("exec sleep 100", NULL, &process));
  CHECK_OK(test_task(communicate, process, &tasks[0]));
  CHECK_OK(eddy_sleep(0));
  CHECK_OK(eddy_process_kill(process));
  CHECK_OK(ends_with(process, -SIGKILL));
  CHECK_OK(eddy_task_await(tasks[0], NULL));
  return 0;
}

static int wait_for_it(void *process)
{
  return eddy_process_wait(process, NULL);
}

EDDY_TASK_TEST(process, wait_can_be_cancelled_and_the_child_goes_on)
{
  eddy_process *process;
  eddy_task *task;
  CHECK_OK(shell("exec sleep 100", NULL, &process));
  CHECK_OK(test_task(wait_for_it, process, &task));
  CHECK_OK(eddy_sleep(0));
  CHECK(eddy_task_cancel(task, NULL));
  CHECK_CODE(eddy_task_await(task, NULL), EDDY_ECANCELLED);
  CHECK(!eddy_process_returncode(process, NULL));
  CHECK_OK(eddy_process_terminate(process));
  CHECK_OK(ends_with(process, -SIGTERM));
  CHECK_CODE(eddy_process_send_signal(process, SIGTERM), EDDY_ESRCH);
  CHECK_CODE(eddy_process_terminate(process), EDDY_ESRCH);
  CHECK_CODE(eddy_process_kill(process), EDDY_ESRCH);
  return 0;
}

EDDY_TASK_TEST_KERNEL(process, one_that_ignores_sigterm_is_killed_in_the_end)
{
  eddy_process *process;
  eddy_timeout scope;
  const char *line;
  size_t size;
  CHECK_OK(shell("trap '' TERM; echo ready; exec sleep 100", &out_alone, &process));
  CHECK_OK(eddy_stream_reader_readline(eddy_process_stdout(process), &line, &size));
  CHECK_OK(eddy_process_terminate(process));
  CHECK_OK(eddy_timeout_enter(&scope, EDDY_MS(20)));
  int rc = eddy_process_wait(process, NULL);
  CHECK_CODE(eddy_timeout_exit(&scope, rc), EDDY_ETIMEDOUT);
  CHECK_OK(eddy_process_kill(process));
  return ends_with(process, -SIGKILL);
}

EDDY_TASK_TEST_KERNEL(process, wait_does_not_wait_for_a_grandchild_that_has_the_pipe)
{
  eddy_process *process;
  const char *line;
  size_t size;
  CHECK_OK(shell("sleep 100 & echo $!; exit 6", &out_alone, &process));
  CHECK_OK(ends_with(process, 6));
  eddy_stream_reader *out = eddy_process_stdout(process);
  CHECK_OK(eddy_stream_reader_readline(out, &line, &size));
  CHECK(!eddy_stream_reader_at_eof(out));
  CHECK_EQ(kill((pid_t)strtol(line, NULL, 10), SIGKILL), 0);
  CHECK_OK(eddy_stream_reader_readline(out, &line, &size));
  CHECK_EQ(size, 0);
  CHECK(eddy_stream_reader_at_eof(out));
  return 0;
}

EDDY_TASK_TEST_KERNEL(process, output_can_be_read_after_its_end)
{
  eddy_process *process;
  const char *data;
  size_t size;
  CHECK_OK(shell("echo 1; echo 2", &out_alone, &process));
  CHECK_OK(ends_with(process, 0));
  CHECK_OK(eddy_stream_reader_readall(eddy_process_stdout(process), &data, &size));
  CHECK_EQ(size, 4);
  CHECK_MEM(data, "1\n2\n", 4);
  return 0;
}

EDDY_TASK_TEST_KERNEL(process, flood_that_nobody_reads_fills_the_limit_and_no_more)
{
  eddy_process *process;
  eddy_subprocess_options options = out_alone;
  options.limit = 1000;
  char byte;
  size_t got;
  CHECK_OK(shell("exec head -c 1000000 /dev/zero", &options, &process));
  eddy_stream_reader *out = eddy_process_stdout(process);
  CHECK_OK(eddy_stream_reader_read(out, &byte, 1, &got));
  CHECK_OK(look_around());
  CHECK(eddy_stream_reader_buffered(out) < (size_t)512 * 1024);
  CHECK(!eddy_process_returncode(process, NULL));
  eddy_process_output output;
  CHECK_OK(eddy_process_communicate(process, NULL, 0, &output));
  CHECK_EQ(output.out_size, MEGABYTE - 1);
  return ends_with(process, 0);
}

EDDY_TASK_TEST_KERNEL(process, broken_stdin_is_an_error_of_drain)
{
  eddy_process *process;
  char *bytes = test_new(MEGABYTE);
  CHECK_OK(shell("exec <&-; exec sleep 100", &in_and_out, &process));
  eddy_stream_writer *in = eddy_process_stdin(process);
  int rc = 0;
  for (int i = 0; i < 1000 && rc == 0; i++) {
    CHECK_OK(eddy_stream_writer_write(in, bytes, MEGABYTE));
    rc = eddy_stream_writer_drain(in);
  }
  CHECK(rc == EDDY_EPIPE || rc == EDDY_ECONNRESET);
  CHECK_OK(eddy_process_kill(process));
  return ends_with(process, -SIGKILL);
}

EDDY_TASK_TEST_KERNEL(process, dropped_process_goes_on_and_is_reaped_by_the_loop)
{
  eddy_process *process = NULL;
  siginfo_t info;
  CHECK_OK(eddy_create_subprocess_shell("cat; exit 1", &in_and_out, &process));
  eddy_process_unref(process); /* closes its stdin, which ends it */
  for (int i = 0; i < 20000; i++) {
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0) return 0;
    CHECK_OK(eddy_sleep(EDDY_MS(1)));
  }
  CHECK(false);
  return 0;
}

/* ---- how it is started ---- */

EDDY_TASK_TEST(process, program_that_cannot_be_started_is_an_error_and_leaves_nothing)
{
  eddy_process *process = NULL;
  const char *missing[] = {"no-such-program-of-eddys", NULL};
  const char *nowhere[] = {"/no/such/program", "x", NULL};
  const char *directory[] = {"/", NULL};
  const char *nothing[] = {NULL};
  CHECK_CODE(eddy_create_subprocess_exec(missing, NULL, &process), EDDY_ENOENT);
  CHECK_CONTAINS(eddy_message(EDDY_ENOENT), "no-such-program-of-eddys");
  CHECK_CODE(eddy_create_subprocess_exec(nowhere, NULL, &process), EDDY_ENOENT);
  CHECK_CODE(eddy_create_subprocess_exec(directory, NULL, &process), EDDY_EACCES);
  CHECK_CODE(eddy_create_subprocess_exec(nothing, NULL, &process), EDDY_EINVAL);
  CHECK_CODE(eddy_create_subprocess_exec(NULL, NULL, &process), EDDY_EINVAL);
  CHECK_CODE(eddy_create_subprocess_exec(missing, NULL, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_create_subprocess_shell(NULL, NULL, &process), EDDY_EINVAL);
  CHECK_PTR(process, NULL);
  return 0;
}

EDDY_TASK_TEST_KERNEL(process, program_that_cannot_be_started_leaves_no_pipe)
{
  eddy_process *process = NULL;
  const char *missing[] = {"no-such-program-of-eddys", NULL};
  int before = dup(0);
  CHECK_EQ(close(before), 0);
  CHECK_CODE(eddy_create_subprocess_exec(missing, &pipes, &process), EDDY_ENOENT);
  int after = dup(0);
  CHECK_EQ(close(after), 0);
  CHECK_EQ(after, before);
  return 0;
}

EDDY_TASK_TEST(process, options_that_make_no_sense_are_refused)
{
  eddy_process *process = NULL;
  eddy_subprocess_options options = {.in = EDDY_SUBPROCESS_STDOUT};
  CHECK_CODE(eddy_create_subprocess_shell(":", &options, &process), EDDY_EINVAL);
  CHECK_CONTAINS(eddy_message(EDDY_EINVAL), "options.in");
  options = (eddy_subprocess_options){.err = -5};
  CHECK_CODE(eddy_create_subprocess_shell(":", &options, &process), EDDY_EINVAL);
  options = (eddy_subprocess_options){.cwd = "/no/such/directory"};
  CHECK_CODE(eddy_create_subprocess_shell(":", &options, &process), EDDY_ENOENT);
  options = (eddy_subprocess_options){.out = 1 << 24};
  CHECK_CODE(eddy_create_subprocess_shell(":", &options, &process), EDDY_EBADF);
  return 0;
}

EDDY_TASK_TEST_VIRTUAL(process, pipes_are_refused_where_there_are_none)
{
  eddy_process *process = NULL;
  CHECK_CODE(eddy_create_subprocess_shell(":", &out_alone, &process), EDDY_ENOTSUP);
  CHECK_CONTAINS(eddy_message(EDDY_ENOTSUP), "has no pipes to a child");
  return 0;
}

EDDY_TASK_TEST_VIRTUAL(process, virtual_time_stands_still_while_a_child_runs)
{
  eddy_process *process;
  eddy_time before = eddy_loop_time(eddy_get_running_loop());
  eddy_task *task;
  CHECK_OK(shell("sleep 0.05; exit 2", NULL, &process));
  CHECK_OK(test_task(wait_for_it, process, &task));
  CHECK_OK(eddy_task_await(task, NULL));
  CHECK_EQ(eddy_loop_time(eddy_get_running_loop()), before);
  return ends_with(process, 2);
}

EDDY_TASK_TEST_KERNEL(process, stderr_can_go_where_stdout_goes)
{
  eddy_process *process;
  eddy_subprocess_options options = {
      .out = EDDY_SUBPROCESS_PIPE, .err = EDDY_SUBPROCESS_STDOUT};
  CHECK_OK(shell("echo a; echo b >&2", &options, &process));
  CHECK_PTR(eddy_process_stderr(process), NULL);
  return says(process, "", "a\nb\n");
}

EDDY_TASK_TEST_KERNEL(process, devnull_has_nothing_to_read_and_takes_everything)
{
  eddy_process *process;
  eddy_subprocess_options options = {.in = EDDY_SUBPROCESS_DEVNULL,
      .out = EDDY_SUBPROCESS_PIPE,
      .err = EDDY_SUBPROCESS_DEVNULL};
  CHECK_OK(shell("cat; echo lost >&2; echo end", &options, &process));
  CHECK_OK(says(process, "", "end\n"));
  options = (eddy_subprocess_options){
      .out = EDDY_SUBPROCESS_DEVNULL, .err = EDDY_SUBPROCESS_PIPE};
  eddy_process_output output;
  CHECK_OK(shell("echo lost; echo end >&2", &options, &process));
  CHECK_OK(eddy_process_communicate(process, NULL, 0, &output));
  CHECK_EQ(output.err_size, 4);
  CHECK_PTR(output.out, NULL);
  return 0;
}

EDDY_TASK_TEST_KERNEL(process, descriptors_of_ours_become_its_own)
{
  eddy_process *process;
  int fds[2];
  char text[8] = {0};
  CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
  test_fd(fds[0]);
  test_fd(fds[1]);
  eddy_subprocess_options options = {.out = fds[1], .err = fds[1]};
  CHECK_OK(shell("echo a; echo b >&2", &options, &process));
  CHECK_OK(ends_with(process, 0));
  CHECK_EQ(read(fds[0], text, sizeof text), 4);
  CHECK_STR(text, "a\nb\n");
  return 0;
}

EDDY_TASK_TEST_KERNEL(process, environment_and_directory_are_given)
{
  eddy_process *process;
  const char *env[] = {"FOO=bar", "PATH=/usr/bin:/bin", NULL};
  eddy_subprocess_options options = {.out = EDDY_SUBPROCESS_PIPE, .env = env, .cwd = "/"};
  CHECK_OK(shell("echo $FOO $HOME; pwd", &options, &process));
  CHECK_OK(says(process, "", "bar\n/\n"));
  const char *argv[] = {"env", NULL};
  CHECK_OK(eddy_create_subprocess_exec(argv, &options, &process));
  test_defer_late(unref_process, process);
  return says(process, "", "FOO=bar\nPATH=/usr/bin:/bin\n");
}

EDDY_TASK_TEST_KERNEL(process, program_is_looked_for_in_the_path_it_is_given)
{
  eddy_process *process = NULL;
  const char *env[] = {"PATH=/no/such/directory:/etc", NULL};
  const char *argv[] = {"cat", NULL};
  eddy_subprocess_options options = {.env = env};
  CHECK_CODE(eddy_create_subprocess_exec(argv, &options, &process), EDDY_ENOENT);
  return 0;
}

EDDY_TASK_TEST(process, session_of_its_own_can_be_had)
{
  eddy_process *process;
  eddy_subprocess_options options = {.start_new_session = true};
  CHECK_OK(shell("exec sleep 100", &options, &process));
  pid_t pid = (pid_t)eddy_process_pid(process);
  CHECK_EQ(getsid(pid), pid);
  CHECK_OK(eddy_process_kill(process));
  return ends_with(process, -SIGKILL);
}

EDDY_TASK_TEST_KERNEL(process, has_no_descriptors_but_its_own)
{
  eddy_process *process;
  int leaking = dup(0); /* not close-on-exec */
  char command[120];
  CHECK(leaking >= 0);
  test_fd(leaking);
  snprintf(command, sizeof command,
      "test -e /proc/self/fd/%d && echo open || echo closed", leaking);
  CHECK_OK(shell(command, &in_and_out, &process));
  CHECK_OK(says(process, "", "closed\n"));
  eddy_subprocess_options options = in_and_out;
  options.inherit_fds = true;
  CHECK_OK(shell(command, &options, &process));
  return says(process, "", "open\n");
}

EDDY_TASK_TEST(process, signals_have_their_default_action_and_none_is_blocked)
{
  eddy_process *process;
  struct sigaction before, ignore = {.sa_handler = SIG_IGN};
  sigset_t set, old;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  CHECK_EQ(sigaction(SIGPIPE, &ignore, &before), 0);
  CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, &old), 0);
  int rc = shell("kill -PIPE $$; exit 1", NULL, &process);
  if (rc == 0) rc = ends_with(process, -SIGPIPE);
  if (rc == 0) rc = shell("kill -TERM $$; exit 1", NULL, &process);
  if (rc == 0) rc = ends_with(process, -SIGTERM);
  CHECK_EQ(pthread_sigmask(SIG_SETMASK, &old, NULL), 0);
  CHECK_EQ(sigaction(SIGPIPE, &before, NULL), 0);
  return rc;
}

static int create(void *out)
{
  return eddy_create_subprocess_shell("trap '' TERM; exec sleep 100", NULL, out);
}

EDDY_TASK_TEST(process, cancelled_start_kills_and_reaps)
{
  eddy_process **process = test_new(sizeof *process);
  eddy_task *task;
  siginfo_t info;
  CHECK_OK(test_task(create, process, &task));
  CHECK_OK(eddy_sleep(0));
  CHECK(eddy_task_cancel(task, NULL));
  CHECK_CODE(eddy_task_await(task, NULL), EDDY_ECANCELLED);
  CHECK_PTR(*process, NULL);
  CHECK(waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0);
  return settle();
}

EDDY_TASK_TEST(process, start_that_is_cancelled_twice_ends_at_once_and_is_reaped_later)
{
  eddy_process **process = test_new(sizeof *process);
  eddy_task *task;
  CHECK_OK(test_task(create, process, &task));
  CHECK_OK(eddy_sleep(0));
  CHECK(eddy_task_cancel(task, NULL));
  CHECK_OK(eddy_sleep(0));
  CHECK(eddy_task_cancel(task, NULL) || eddy_task_done(task));
  CHECK_CODE(eddy_task_await(task, NULL), EDDY_ECANCELLED);
  CHECK_PTR(*process, NULL);
  return 0;
}

EDDY_TEST(process, cannot_be_started_outside_a_task)
{
  eddy_process *process;
  CHECK_CODE(eddy_create_subprocess_shell("exit", NULL, &process), EDDY_ENOTASK);
  return 0;
}

EDDY_TASK_TEST_KERNEL(process, input_can_be_opened_as_a_file)
{
  eddy_process *process;
  CHECK_OK(shell("cat /dev/stdin", &in_and_out, &process));
  return says(process, "data", "data");
}

static int start_and_end(void *arg)
{
  eddy_process *process = NULL;
  int code = -1;
  (void)arg;
  int rc = eddy_create_subprocess_shell("exit 7", NULL, &process);
  if (rc == 0) rc = eddy_process_wait(process, &code);
  eddy_process_unref(process);
  return rc < 0 ? rc : code == 7 ? 0 : EDDY_ERUNTIME;
}

EDDY_TASK_TEST(process, child_after_fork_starts_processes_of_its_own)
{
  int status = -1;
  pid_t pid = fork();
  CHECK(pid >= 0);
  if (pid == 0) _exit(eddy_run(start_and_end, NULL) == 0 ? 0 : 1);
  CHECK_EQ(waitpid(pid, &status, 0), pid);
  CHECK(WIFEXITED(status));
  CHECK_EQ(WEXITSTATUS(status), 0);
  return 0;
}

/* ---- stackless ---- */

struct frame {
  eddy_frame frame;
  eddy_process *process;
  eddy_process_output output;
  const eddy_subprocess_options *options;
  int code;
};

static int run_frame(eddy_frame *frame)
{
  struct frame *self = (struct frame *)frame;
  int rc;
  EDDY_BEGIN(frame);
  EDDY_AWAIT(frame, rc,
      eddy_create_subprocess_shell(
          "trap '' TERM; exec cat", self->options, &self->process));
  if (rc < 0) EDDY_RAISE(frame, rc);
  test_defer_late(unref_process, self->process);
  EDDY_AWAIT(frame, rc, eddy_process_communicate(self->process, "x", 1, &self->output));
  if (rc < 0) EDDY_RAISE(frame, rc);
  EDDY_AWAIT(frame, rc, eddy_process_wait(self->process, &self->code));
  if (rc < 0) EDDY_RAISE(frame, rc);
  trace("code %d", self->code);
  EDDY_END(frame);
}

EDDY_TASK_TEST_KERNEL(process, stackless_coroutine_starts_and_communicates)
{
  struct frame *self = test_new(sizeof *self);
  eddy_task *task = NULL;
  self->options = &in_and_out;
  self->code = -1;
  CHECK_OK(start_kind(STACKLESS, NULL, run_frame, &self->frame, &task));
  CHECK_OK(eddy_task_await(task, NULL));
  CHECK_TRACE("code 0");
  CHECK_EQ(self->output.out_size, 1);
  CHECK_MEM(self->output.out, "x", 1);
  return 0;
}

EDDY_TASK_TEST_KERNEL(process, stackless_start_that_is_cancelled_kills_and_reaps)
{
  struct frame *self = test_new(sizeof *self);
  eddy_task *task = NULL;
  siginfo_t info;
  self->options = &in_and_out;
  CHECK_OK(start_kind(STACKLESS, NULL, run_frame, &self->frame, &task));
  CHECK_OK(eddy_sleep(0));
  CHECK(eddy_task_cancel(task, NULL));
  CHECK_CODE(eddy_task_await(task, NULL), EDDY_ECANCELLED);
  CHECK(waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0);
  return settle();
}

EDDY_TASK_TEST_KERNEL(process, loop_that_is_closed_first_kills_all_children)
{
  eddy_process *process;
  eddy_task *task;
  CHECK_OK(shell("exec sleep 100", &pipes, &process));
  CHECK_OK(test_task(communicate, process, &task));
  CHECK_OK(shell("trap '' TERM; exec sleep 100", NULL, &process));
  CHECK_OK(test_task(wait_for_it, process, &task));
  return eddy_sleep(0);
}
