/* Child processes for tasks. */
#include <signal.h>
#include <sys/wait.h>

#include "kinds.h"
#include "processes.h"

#define MEGABYTE ((size_t)1000 * 1000)

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
  CHECK_OK(start_process("cat; echo oops >&2; exit 3", &all_pipes, &process));
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
  CHECK_OK(start_process("cat; echo end", &in_and_out, &process));
  CHECK_OK(says(process, "", "end\n"));
  CHECK_OK(start_process("echo alone", &out_alone, &process));
  return says(process, "there is no pipe for this", "alone\n");
}

EDDY_TASK_TEST(process, communicate_without_pipes_waits)
{
  eddy_process *process;
  eddy_process_output output;
  CHECK_OK(start_process("exit 9", NULL, &process));
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
  CHECK_OK(start_process("exec <&-; exit 4", &in_and_out, &process));
  CHECK_OK(eddy_process_communicate(process, input, MEGABYTE, NULL));
  return ends_with(process, 4);
}

EDDY_TASK_TEST_KERNEL(process, communicate_takes_floods_on_both_pipes)
{
  eddy_process *process;
  eddy_process_output output;
  char *input = test_new(MEGABYTE);
  CHECK_OK(
      start_process("head -c 1000000 /dev/zero >&2; cat; head -c 1000000 /dev/zero >&2",
          &all_pipes, &process));
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
  CHECK_OK(start_process("echo one; read x; echo two", &in_and_out, &process));
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
  CHECK_OK(start_process("exec sleep 100", NULL, &process));
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
  CHECK_OK(start_process("exec sleep 100", NULL, &process));
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
  CHECK_OK(
      start_process("trap '' TERM; echo ready; exec sleep 100", &out_alone, &process));
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
  CHECK_OK(start_process("sleep 100 & echo $!; exit 6", &out_alone, &process));
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
  CHECK_OK(start_process("echo 1; echo 2", &out_alone, &process));
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
  CHECK_OK(start_process("exec head -c 1000000 /dev/zero", &options, &process));
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
  CHECK_OK(start_process("exec <&-; exec sleep 100", &in_and_out, &process));
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
  for (int i = 0; i < test_patience(); i++) {
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0) return 0;
    CHECK_OK(eddy_sleep(EDDY_MS(1)));
  }
  CHECK(false);
  return 0;
}

EDDY_TASK_TEST_VIRTUAL(process, virtual_time_stands_still_while_a_child_runs)
{
  eddy_process *process;
  eddy_time before = eddy_loop_time(eddy_get_running_loop());
  eddy_task *task;
  CHECK_OK(start_process("sleep 0.05; exit 2", NULL, &process));
  CHECK_OK(test_task(wait_for_it, process, &task));
  CHECK_OK(eddy_task_await(task, NULL));
  CHECK_EQ(eddy_loop_time(eddy_get_running_loop()), before);
  return ends_with(process, 2);
}

EDDY_TASK_TEST_KERNEL(process, reference_keeps_it_when_the_starter_lets_go)
{
  eddy_process *process;
  CHECK_OK(eddy_create_subprocess_shell("cat", &in_and_out, &process));
  test_defer_late(unref_process, eddy_process_ref(process));
  eddy_process_unref(process);
  CHECK(!eddy_process_returncode(process, NULL)); /* nothing has closed its stdin */
  return says(process, "data", "data");
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
  CHECK_OK(start_process("exec sleep 100", &all_pipes, &process));
  CHECK_OK(test_task(communicate, process, &task));
  CHECK_OK(start_process("trap '' TERM; exec sleep 100", NULL, &process));
  CHECK_OK(test_task(wait_for_it, process, &task));
  return eddy_sleep(0);
}
