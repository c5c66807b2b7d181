/*
 * Child processes.
 *
 * A child is watched by its own pid: through a descriptor where the system has one for
 * processes (Linux), else by a thread that waits for it. SIGCHLD is left to the program, and
 * other children are not touched. In the child signals have their default action, none is
 * blocked, and descriptors from 3 on are closed (where the system can; those that are not
 * close-on-exec stay open elsewhere).
 *
 * A child's transport ends when the child has ended and all its pipes are closed: a grandchild
 * that has inherited a pipe delays connection_lost, but neither process_exited nor waiting. If
 * the loop is closed first, the child is killed and reaped.
 *
 * On native/virtual there are children, but no pipes to them: a loop with a child waits for it
 * and virtual time stands still. EDDY_SUBPROCESS_PIPE is refused there with EDDY_ENOTSUP.
 */
#ifndef EDDY_SUBPROCESS_H
#define EDDY_SUBPROCESS_H

#include <eddy/stream.h>

/** What a child's stdin, stdout or stderr is, in place of a descriptor. */
enum eddy_subprocess_stdio {
  EDDY_SUBPROCESS_PIPE = -1,    /* a pipe to the loop */
  EDDY_SUBPROCESS_STDOUT = -2,  /* stderr: where stdout goes, too */
  EDDY_SUBPROCESS_DEVNULL = -3, /* nothing to read, what is written vanishes */
  EDDY_SUBPROCESS_INHERIT = -4, /* what this process has */
};

/** How to start a child; all zero: the defaults. Everything is borrowed for the call. */
typedef struct eddy_subprocess_options {
  /** Each: a descriptor above 0, which stays the caller's; an enum eddy_subprocess_stdio; or 0:
   * EDDY_SUBPROCESS_PIPE with eddy_loop_subprocess_..., else EDDY_SUBPROCESS_INHERIT.
   * asyncio: stdin, stdout, stderr */
  int in, out, err;
  const char *cwd;        /* its directory; NULL: ours */
  const char *const *env; /* "NAME=value", the last one NULL; NULL: ours */
  /** setsid, so that a signal from our terminal does not reach it. */
  bool start_new_session;
  bool inherit_fds; /* those from 3 on that are not close-on-exec stay open */
  /** Descriptors from 3 on that the child gets under the same numbers, close-on-exec or not; they
   * stay the caller's. NULL if there are none. asyncio: pass_fds */
  const int *pass_fds;
  size_t pass_count;
  size_t limit; /* of its readers (eddy_create_subprocess_...); 0: EDDY_STREAM_LIMIT */
} eddy_subprocess_options;

/** A child process for tasks. asyncio: asyncio.subprocess.Process. */
typedef struct eddy_process eddy_process;

/** What eddy_process_communicate gives. Both texts are borrowed from the process's readers: until
 * the next read from them, or until the process's last reference goes. */
typedef struct eddy_process_output {
  const char *out; /* NULL: stdout is no pipe. Not NUL-terminated. */
  size_t out_size;
  const char *err; /* likewise of stderr */
  size_t err_size;
  int returncode;
} eddy_process_output;

EDDY_BEGIN_DECLS

/* ---- for programs on callbacks ---- */

/**
 * Starts a program and makes a protocol instance and a transport for it. The protocol's
 * functions are connection_made, pipe_data_received, pipe_connection_lost, process_exited,
 * connection_lost, and pause_writing and resume_writing for its stdin.
 *
 * asyncio   loop.subprocess_exec()
 * Context   coroutine; suspends until connection_made was called. Starting takes as long as the
 *           system needs to load the program's file.
 * loop      NULL or the running one.
 * argv      the program and its arguments, the last one NULL. Without a slash the program is
 *           looked for in the PATH of options->env, or of ours.
 * options   NULL: the defaults.
 * transport owned: eddy_transport_unref (which ends nothing); NULL to ignore it.
 * self      the factory's instance, borrowed from the transport; NULL to ignore it.
 * Returns   0; what the factory returned; EDDY_ENOENT, EDDY_EACCES, EDDY_ENOMEM, ... (the
 *           program cannot be started; nothing is left); EDDY_EMFILE; EDDY_EBADF (a
 *           descriptor that is to be passed on is not open); EDDY_EINVAL;
 *           EDDY_ENOTSUP; EDDY_ENOTASK; EDDY_EOTHERLOOP;
 *           EDDY_ECANCELLED: the child was killed, and is reaped when this returns (unless the
 *           task is cancelled once more: then later).
 */
EDDY_API int eddy_loop_subprocess_exec(eddy_loop *loop, eddy_protocol_factory *factory,
    void *arg, const char *const argv[], const eddy_subprocess_options *options,
    eddy_transport **transport, void **self);

/** Has /bin/sh carry out a command. Never put text into it that comes from elsewhere.
 * asyncio: loop.subprocess_shell(). Everything else as eddy_loop_subprocess_exec. */
EDDY_API int eddy_loop_subprocess_shell(eddy_loop *loop, eddy_protocol_factory *factory,
    void *arg, const char *command, const eddy_subprocess_options *options,
    eddy_transport **transport, void **self);

/*
 * The transport is a child's from one of the calls above; with any other the answer is that of a
 * child that has ended (EDDY_EINVAL, 0, NULL, false).
 *
 * eddy_transport_get_extra_info: "subprocess" is the pid, a const long.
 *
 * eddy_transport_close closes its pipes and kills it if it runs; eddy_transport_abort does so
 * without sending what is queued. connection_lost follows when it has ended.
 */

/** asyncio: SubprocessTransport.get_pid(). */
EDDY_API long eddy_subprocess_transport_get_pid(const eddy_transport *transport);

/** Whether the child has ended, and its return code then: 0 to 255, or minus the number of the
 * signal that ended it; 255 if somebody else has taken its status, which is reported. NULL is
 * allowed. asyncio: SubprocessTransport.get_returncode(). */
EDDY_API bool eddy_subprocess_transport_get_returncode(
    const eddy_transport *transport, int *returncode);

/** The transport of the pipe at the child's descriptor 0, 1 or 2; borrowed for as long as the
 * child's transport. NULL: it has no pipe there.
 * asyncio: SubprocessTransport.get_pipe_transport(). */
EDDY_API eddy_transport *eddy_subprocess_transport_get_pipe_transport(
    const eddy_transport *transport, int fd);

/**
 * Sends a signal.
 *
 * asyncio   SubprocessTransport.send_signal()
 * Returns   0, also when the child has ended and the loop does not know yet; EDDY_ESRCH (it has
 *           ended); EDDY_EPERM; EDDY_EINVAL.
 */
EDDY_API int eddy_subprocess_transport_send_signal(eddy_transport *transport, int signum);

/** As eddy_subprocess_transport_send_signal with SIGTERM. */
EDDY_API int eddy_subprocess_transport_terminate(eddy_transport *transport);

/** As eddy_subprocess_transport_send_signal with SIGKILL. */
EDDY_API int eddy_subprocess_transport_kill(eddy_transport *transport);

/* ---- for tasks ---- */

/**
 * Starts a program.
 *
 *     const char *argv[] = {"sort", "-u", NULL};
 *     eddy_subprocess_options options = {.in = EDDY_SUBPROCESS_PIPE, .out = EDDY_SUBPROCESS_PIPE};
 *     eddy_process *process;
 *     int rc = eddy_create_subprocess_exec(argv, &options, &process);
 *
 * asyncio   create_subprocess_exec()
 * Context   coroutine; suspends until the child is there.
 * out       owned: eddy_process_unref. The loop keeps and reaps a child that nobody refers to;
 *           it is not killed (but when the loop is closed), its stdin is closed and what it
 *           writes to its pipes is dropped.
 * Returns   as eddy_loop_subprocess_exec.
 */
EDDY_API int eddy_create_subprocess_exec(
    const char *const argv[], const eddy_subprocess_options *options, eddy_process **out);

/** As eddy_create_subprocess_exec for a command that /bin/sh carries out. Never put text into it
 * that comes from elsewhere. asyncio: create_subprocess_shell(). */
EDDY_API int eddy_create_subprocess_shell(
    const char *command, const eddy_subprocess_options *options, eddy_process **out);

/** Its ends of the child's pipes, borrowed from the process; NULL where there is no pipe.
 * asyncio: Process.stdin, Process.stdout, Process.stderr. */
EDDY_API eddy_stream_writer *eddy_process_stdin(const eddy_process *process);
EDDY_API eddy_stream_reader *eddy_process_stdout(const eddy_process *process);
EDDY_API eddy_stream_reader *eddy_process_stderr(const eddy_process *process);

/** asyncio: Process.pid. */
EDDY_API long eddy_process_pid(const eddy_process *process);

/** As eddy_subprocess_transport_get_returncode. asyncio: Process.returncode. */
EDDY_API bool eddy_process_returncode(const eddy_process *process, int *returncode);

/**
 * Waits for the child's end: not for that of its pipes, which a grandchild may keep open. A
 * child that writes more than the pipe and the reader's limit hold does not end unless it is
 * read: eddy_process_communicate does that.
 *
 * asyncio   Process.wait()
 * Context   coroutine; any number of tasks may wait. Does not suspend if it has ended.
 * returncode  as eddy_subprocess_transport_get_returncode; NULL to ignore it.
 * Returns   0; EDDY_ECANCELLED (the child goes on); EDDY_ENOTASK; EDDY_EOTHERLOOP; EDDY_EINVAL.
 */
EDDY_API int eddy_process_wait(eddy_process *process, int *returncode);

/**
 * Writes the input to the child's stdin and closes that, reads its stdout and stderr to their
 * ends, and waits for its end. What is no pipe is left out. A child that does not read its input
 * is no error. All of its output is kept in memory.
 *
 * asyncio   Process.communicate()
 * Context   coroutine; suspends until all of that is done.
 * input     copied; NULL if size is 0.
 * output    filled on success; NULL to ignore it.
 * Returns   0; what broke a pipe; EDDY_ECANCELLED (the child goes on; what was read stays in the
 *           readers, and the call may be repeated without input); EDDY_ERUNTIME (a task waits in
 *           this call, or for one of the readers); EDDY_ENOMEM; EDDY_ENOTASK; EDDY_EOTHERLOOP;
 *           EDDY_EINVAL.
 */
EDDY_API int eddy_process_communicate(
    eddy_process *process, const void *input, size_t size, eddy_process_output *output);

/** As eddy_subprocess_transport_send_signal. asyncio: Process.send_signal(). */
EDDY_API int eddy_process_send_signal(eddy_process *process, int signum);

/** With SIGTERM. asyncio: Process.terminate(). */
EDDY_API int eddy_process_terminate(eddy_process *process);

/** With SIGKILL. asyncio: Process.kill(). */
EDDY_API int eddy_process_kill(eddy_process *process);

/** One more reference. */
EDDY_API eddy_process *eddy_process_ref(eddy_process *process);

/** One reference less; see eddy_create_subprocess_exec. NULL is allowed. */
EDDY_API void eddy_process_unref(eddy_process *process);

EDDY_END_DECLS

#endif
