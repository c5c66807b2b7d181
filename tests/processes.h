/* Child processes of tasks under test. */
#ifndef EDDY_TEST_PROCESSES_H
#define EDDY_TEST_PROCESSES_H

#include <unistd.h>

#include "children.h"

static const eddy_subprocess_options all_pipes = {
    .in = EDDY_SUBPROCESS_PIPE, .out = EDDY_SUBPROCESS_PIPE, .err = EDDY_SUBPROCESS_PIPE};
static const eddy_subprocess_options in_and_out = {
    .in = EDDY_SUBPROCESS_PIPE, .out = EDDY_SUBPROCESS_PIPE};
static const eddy_subprocess_options out_alone = {.out = EDDY_SUBPROCESS_PIPE};

static inline void unref_process(void *process)
{
  eddy_process_unref(process);
}

/* A process that is let go of when the test is over. */
static inline int start_process(
    const char *command, const eddy_subprocess_options *options, eddy_process **out)
{
  *out = NULL;
  int rc = eddy_create_subprocess_shell(command, options, out);
  if (rc == 0) test_defer_late(unref_process, *out);
  return rc;
}

/* Waits for its end. */
static inline int ends_with(eddy_process *process, int expected)
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
static inline int says(eddy_process *process, const char *input, const char *expected)
{
  eddy_process_output output = {0};
  CHECK_OK(eddy_process_communicate(process, input, strlen(input), &output));
  CHECK_EQ(output.out_size, strlen(expected));
  CHECK_MEM(output.out, expected, output.out_size);
  CHECK_EQ(output.returncode, 0);
  return 0;
}

#endif
