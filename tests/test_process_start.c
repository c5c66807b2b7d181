/* How a task starts a child process, and what the child is given. */
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "processes.h"

EDDY_TASK_TEST(
    process_start, program_that_cannot_be_started_is_an_error_and_leaves_nothing)
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

EDDY_TASK_TEST_KERNEL(process_start, program_that_cannot_be_started_leaves_no_pipe)
{
  eddy_process *process = NULL;
  const char *missing[] = {"no-such-program-of-eddys", NULL};
  int before = dup(0);
  CHECK_EQ(close(before), 0);
  CHECK_CODE(eddy_create_subprocess_exec(missing, &all_pipes, &process), EDDY_ENOENT);
  int after = dup(0);
  CHECK_EQ(close(after), 0);
  CHECK_EQ(after, before);
  return 0;
}

EDDY_TASK_TEST(process_start, options_that_make_no_sense_are_refused)
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

EDDY_TASK_TEST_VIRTUAL(process_start, pipes_are_refused_where_there_are_none)
{
  eddy_process *process = NULL;
  CHECK_CODE(eddy_create_subprocess_shell(":", &out_alone, &process), EDDY_ENOTSUP);
  CHECK_CONTAINS(eddy_message(EDDY_ENOTSUP), "has no pipes to a child");
  return 0;
}

EDDY_TASK_TEST_KERNEL(process_start, stderr_can_go_where_stdout_goes)
{
  eddy_process *process;
  eddy_subprocess_options options = {
      .out = EDDY_SUBPROCESS_PIPE, .err = EDDY_SUBPROCESS_STDOUT};
  CHECK_OK(start_process("echo a; echo b >&2", &options, &process));
  CHECK_PTR(eddy_process_stderr(process), NULL);
  return says(process, "", "a\nb\n");
}

EDDY_TASK_TEST_KERNEL(process_start, devnull_has_nothing_to_read_and_takes_everything)
{
  eddy_process *process;
  eddy_subprocess_options options = {.in = EDDY_SUBPROCESS_DEVNULL,
      .out = EDDY_SUBPROCESS_PIPE,
      .err = EDDY_SUBPROCESS_DEVNULL};
  CHECK_OK(start_process("cat; echo lost >&2; echo end", &options, &process));
  CHECK_OK(says(process, "", "end\n"));
  options = (eddy_subprocess_options){
      .out = EDDY_SUBPROCESS_DEVNULL, .err = EDDY_SUBPROCESS_PIPE};
  eddy_process_output output;
  CHECK_OK(start_process("echo lost; echo end >&2", &options, &process));
  CHECK_OK(eddy_process_communicate(process, NULL, 0, &output));
  CHECK_EQ(output.err_size, 4);
  CHECK_PTR(output.out, NULL);
  return 0;
}

EDDY_TASK_TEST_KERNEL(process_start, descriptors_of_ours_become_its_own)
{
  eddy_process *process;
  int fds[2];
  char text[8] = {0};
  CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
  test_fd(fds[0]);
  test_fd(fds[1]);
  eddy_subprocess_options options = {.out = fds[1], .err = fds[1]};
  CHECK_OK(start_process("echo a; echo b >&2", &options, &process));
  CHECK_OK(ends_with(process, 0));
  CHECK_EQ(read(fds[0], text, sizeof text), 4);
  CHECK_STR(text, "a\nb\n");
  return 0;
}

EDDY_TASK_TEST_KERNEL(process_start, environment_and_directory_are_given)
{
  eddy_process *process;
  const char *env[] = {"FOO=bar", "PATH=/usr/bin:/bin", NULL};
  eddy_subprocess_options options = {.out = EDDY_SUBPROCESS_PIPE, .env = env, .cwd = "/"};
  CHECK_OK(start_process("echo $FOO $HOME; pwd", &options, &process));
  CHECK_OK(says(process, "", "bar\n/\n"));
  const char *argv[] = {"env", NULL};
  CHECK_OK(eddy_create_subprocess_exec(argv, &options, &process));
  test_defer_late(unref_process, process);
  return says(process, "", "FOO=bar\nPATH=/usr/bin:/bin\n");
}

EDDY_TASK_TEST_KERNEL(process_start, program_is_looked_for_in_the_path_it_is_given)
{
  eddy_process *process = NULL;
  const char *env[] = {"PATH=/no/such/directory:/etc", NULL};
  const char *argv[] = {"cat", NULL};
  eddy_subprocess_options options = {.env = env};
  CHECK_CODE(eddy_create_subprocess_exec(argv, &options, &process), EDDY_ENOENT);
  return 0;
}

EDDY_TASK_TEST(process_start, session_of_its_own_can_be_had)
{
  eddy_process *process;
  eddy_subprocess_options options = {.start_new_session = true};
  CHECK_OK(start_process("exec sleep 100", &options, &process));
  pid_t pid = (pid_t)eddy_process_pid(process);
  CHECK_EQ(getsid(pid), pid);
  CHECK_OK(eddy_process_kill(process));
  return ends_with(process, -SIGKILL);
}

EDDY_TASK_TEST_KERNEL(process_start, has_no_descriptors_but_its_own)
{
  eddy_process *process;
  int leaking = dup(0); /* not close-on-exec */
  char command[120];
  CHECK(leaking >= 0);
  test_fd(leaking);
  snprintf(command, sizeof command,
      "test -e /proc/self/fd/%d && echo open || echo closed", leaking);
  CHECK_OK(start_process(command, &in_and_out, &process));
  CHECK_OK(says(process, "", "closed\n"));
  eddy_subprocess_options options = in_and_out;
  options.inherit_fds = true;
  CHECK_OK(start_process(command, &options, &process));
  return says(process, "", "open\n");
}

EDDY_TASK_TEST(process_start, signals_have_their_default_action_and_none_is_blocked)
{
  eddy_process *process;
  struct sigaction before, ignore = {.sa_handler = SIG_IGN};
  sigset_t set, old;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  CHECK_EQ(sigaction(SIGPIPE, &ignore, &before), 0);
  CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, &old), 0);
  int rc = start_process("kill -PIPE $$; exit 1", NULL, &process);
  if (rc == 0) rc = ends_with(process, -SIGPIPE);
  if (rc == 0) rc = start_process("kill -TERM $$; exit 1", NULL, &process);
  if (rc == 0) rc = ends_with(process, -SIGTERM);
  CHECK_EQ(pthread_sigmask(SIG_SETMASK, &old, NULL), 0);
  CHECK_EQ(sigaction(SIGPIPE, &before, NULL), 0);
  return rc;
}

static int create(void *out)
{
  return eddy_create_subprocess_shell("trap '' TERM; exec sleep 100", NULL, out);
}

EDDY_TASK_TEST(process_start, cancelled_start_kills_and_reaps)
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

EDDY_TASK_TEST(
    process_start, start_that_is_cancelled_twice_ends_at_once_and_is_reaped_later)
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

EDDY_TEST(process_start, cannot_be_started_outside_a_task)
{
  eddy_process *process;
  CHECK_CODE(eddy_create_subprocess_shell("exit", NULL, &process), EDDY_ENOTASK);
  return 0;
}

EDDY_TASK_TEST_KERNEL(process_start, input_can_be_opened_as_a_file)
{
  eddy_process *process;
  CHECK_OK(start_process("cat /dev/stdin", &in_and_out, &process));
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

EDDY_TASK_TEST(process_start, child_after_fork_starts_processes_of_its_own)
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
