/* The virtual io half, spoken to through its table: time, wake, signals, descriptors, and
 * allocations that fail. */
#include "virtual_fixture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>
#ifdef __linux__
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

/* ---- time, wake, signals ---- */

static void time_is_0_at_open_and_jumps_by_the_timeout(void)
{
  OK(io->now(self) == 0);
  io->poll(self, EDDY_MS(5));
  OK(io->now(self) == EDDY_MS(5));
  io->poll(self, 0);
  OK(io->now(self) == EDDY_MS(5));
  io->poll(self, 1);
  OK(io->now(self) == EDDY_MS(5) + 1);
  io->poll(self, EDDY_NEVER - 1);
  OK(io->now(self) == EDDY_NEVER - 1);
  OK(io->features == EDDY_IO_VIRTUAL_TIME && !io->alive(self));
  OK(io->uv_loop(self) == NULL && io->busy == NULL);
}

static void time_stands_still_while_something_is_reported(void)
{
  int fds[2];
  char c;
  pair(fds);
  eddy_op *op = op_new(EDDY_OP_RECV, fds[0]);
  op->buffer = &c;
  op->size = 1;
  OK(start(op) == EDDY_PENDING);
  OK(do_send(fds[1], "x") == 1);
  io->poll(self, EDDY_S(1));
  OK(io->now(self) == 0 && signals == 1 && signalled[0] == op);
  OK(io->finish(self, op) == 0 && op->result == 1 && c == 'x');
  io->poll(self, EDDY_S(1));
  OK(io->now(self) == EDDY_S(1));
  free(op);
}

static void wakes_before_a_poll_end_that_poll_and_no_other(void)
{
  io->wake(self);
  io->wake(self);
  io->poll(self, EDDY_NEVER);
  OK(io->now(self) == 0);
  io->poll(self, 7);
  OK(io->now(self) == 7);
  io->wake(self);
  io->poll(self, 0);
  io->poll(self, 7);
  OK(io->now(self) == 14);
}

static void wake_soon(void *arg)
{
  (void)arg;
  uv_sleep(20);
  io->wake(self);
}

static void kill_soon(void *arg)
{
  uv_sleep(20);
  kill(getpid(), *(int *)arg);
}

static void a_hold_makes_the_poll_block_until_woken(void)
{
  uv_thread_t thread;
  atomic_store(&holds, 1);
  for (int i = 0; i < 3; i++) {
    OK(uv_thread_create(&thread, wake_soon, NULL) == 0);
    io->poll(self, EDDY_MS(1));
    OK(io->now(self) == 0);
    uv_thread_join(&thread);
  }
  atomic_store(&holds, 0);
  io->poll(self, EDDY_MS(1));
  OK(io->now(self) == EDDY_MS(1));
}

static void never_blocks_until_woken(void)
{
  uv_thread_t thread;
  OK(uv_thread_create(&thread, wake_soon, NULL) == 0);
  io->poll(self, EDDY_NEVER);
  OK(io->now(self) == 0);
  uv_thread_join(&thread);
}

static atomic_int wakes_seen;

static void wake_often(void *arg)
{
  atomic_int *sent = arg;
  for (int i = 0; i < 2000; i++) {
    atomic_fetch_add_explicit(sent, 1, memory_order_relaxed);
    io->wake(self);
  }
  atomic_store(&wakes_seen, 1);
  io->wake(self);
}

static void no_wake_is_lost_between_threads(void)
{
  for (int with_signals = 0; with_signals < 2; with_signals++) {
    uv_thread_t thread;
    atomic_int sent;
    atomic_init(&sent, 0);
    atomic_store(&wakes_seen, 0);
    if (with_signals) OK(io->signal_start(self, SIGUSR2) == 0);
    OK(uv_thread_create(&thread, wake_often, &sent) == 0);
    /* A lost wake would leave this waiting for ever. */
    while (atomic_load(&wakes_seen) == 0)
      io->poll(self, EDDY_NEVER);
    uv_thread_join(&thread);
    OK(atomic_load(&sent) == 2000);
    io->poll(self, 0);
    if (with_signals) io->signal_stop(self, SIGUSR2);
  }
  OK(io->now(self) == 0);
}

static void wake_from_handler(int signum)
{
  (void)signum;
  io->wake(self);
}

static void wake_may_be_called_by_a_signal_handler(void)
{
  struct sigaction action, old;
  memset(&action, 0, sizeof(action));
  action.sa_handler = wake_from_handler;
  sigaction(SIGUSR1, &action, &old);
  raise(SIGUSR1);
  io->poll(self, EDDY_NEVER);
  uv_thread_t thread;
  int signum = SIGUSR1;
  OK(uv_thread_create(&thread, kill_soon, &signum) == 0);
  io->poll(self, EDDY_NEVER);
  OK(io->now(self) == 0);
  uv_thread_join(&thread);
  sigaction(SIGUSR1, &old, NULL);
}

static void a_pending_signal_is_reported_before_time_jumps(void)
{
  OK(io->signal_start(self, SIGUSR1) == 0);
  OK(io->signal_start(self, SIGUSR2) == 0);
  io->poll(self, 5);
  OK(catches == 0 && io->now(self) == 5);
  raise(SIGUSR1);
  io->poll(self, 5);
  OK(catches == 1 && caught[0] == SIGUSR1 && io->now(self) == 5);
  io->poll(self, 5);
  OK(catches == 1 && io->now(self) == 10);
  raise(SIGUSR2);
  io->poll(self, 0);
  OK(catches == 2 && caught[1] == SIGUSR2);
  io->signal_stop(self, SIGUSR1);
  io->signal_stop(self, SIGUSR1);
  OK(io->signal_start(self, SIGUSR1) == 0);
  OK(io->signal_start(self, SIGUSR1) == 0);
  raise(SIGUSR1);
  io->poll(self, EDDY_NEVER);
  OK(catches == 3 && caught[2] == SIGUSR1);
  raise(SIGUSR1); /* never read: closing must cope */
}

static void a_blocked_poll_ends_by_a_signal_or_a_wake(void)
{
  uv_thread_t thread;
  int signum = SIGUSR1;
  OK(io->signal_start(self, SIGUSR1) == 0);
  OK(uv_thread_create(&thread, kill_soon, &signum) == 0);
  while (catches == 0)
    io->poll(self, EDDY_NEVER);
  uv_thread_join(&thread);
  OK(catches == 1 && io->now(self) == 0);
  OK(uv_thread_create(&thread, wake_soon, NULL) == 0);
  io->poll(self, EDDY_NEVER);
  uv_thread_join(&thread);
  OK(catches == 1 && io->now(self) == 0);
  io->signal_stop(self, SIGUSR1);
  atomic_store(&holds, 1);
  OK(uv_thread_create(&thread, wake_soon, NULL) == 0);
  io->poll(self, 3);
  uv_thread_join(&thread);
  OK(io->now(self) == 0);
}

static void a_signal_that_cannot_be_caught_is_refused(void)
{
  OK(io->signal_start(self, SIGKILL) == EDDY_EINVAL);
  OK(io->signal_start(self, 0) == EDDY_EINVAL);
  OK(io->signal_start(self, -3) == EDDY_EINVAL);
  OK(io->signal_start(self, 100000) == EDDY_EINVAL);
  io->signal_stop(self, SIGKILL);
  io->signal_stop(self, 0);
  io->poll(self, 9);
  OK(io->now(self) == 9);
}

#if defined(__SANITIZE_THREAD__)
#define HAS_HELPERS true /* a thread and system calls of the tool's own */
#elif defined(__has_feature)
#define HAS_HELPERS __has_feature(thread_sanitizer)
#else
#define HAS_HELPERS false
#endif

static bool can_forbid_system_calls(void)
{
#ifdef __linux__
  const char *preload = getenv("LD_PRELOAD");
  return !HAS_HELPERS && (preload == NULL || strstr(preload, "vgpreload") == NULL);
#else
  return false;
#endif
}

#ifdef __linux__
/* In the child, which the kernel kills at its first system call other than exit. */
static int poll_without_system_calls(eddy_op *op)
{
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) return 2;
  for (int i = 0; i < 100; i++) {
    io->poll(self, 0);
    io->poll(self, EDDY_MS(1));
    io->wake(self);
    io->poll(self, EDDY_NEVER);
    if (io->start(self, op) != EDDY_PENDING) return 1;
    io->poll(self, EDDY_S(1));
    if (io->finish(self, op) != 0) return 1;
  }
  return io->now(self) == EDDY_MS(100) ? 0 : 1;
}
#endif

static void a_poll_makes_no_system_call(void)
{
  if (!can_forbid_system_calls()) {
    printf("not run with this tool: %s\n", __func__);
    return;
  }
#ifdef __linux__
  int fds[2], status = -1;
  pair(fds);
  OK(do_send(fds[0], "x") == 1);
  eddy_op *op = op_new(EDDY_OP_READABLE, fds[1]);
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) syscall(SYS_exit, poll_without_system_calls(op));
  OK(child > 0 && waitpid(child, &status, 0) == child);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 2) {
    printf("not run where system calls cannot be forbidden: %s\n", __func__);
  } else {
    OK(status == 0);
  }
  free(op);
#endif
}

/* ---- descriptors ---- */

static void every_call_answers(int fd, int code)
{
  char c = 'x';
  eddy_address address = ip4("127.0.0.1", 1);
  for (int kind = EDDY_OP_READABLE; kind <= EDDY_OP_CONNECT; kind++) {
    eddy_op *op = op_new((eddy_op_kind)kind, fd);
    op->buffer = &c;
    op->size = 1;
    op->address = &address;
    OK(start(op) == code);
    free(op);
  }
  OK(io->sock_name(self, fd, false, &address) == code);
  OK(io->sock_name(self, fd, true, &address) == code);
  OK(io->sock_shutdown(self, fd, EDDY_SHUTDOWN_BOTH) == code);
  OK(io->sock_close(self, fd) == code);
}

static void a_kernel_descriptor_is_refused_and_a_closed_one_is_bad(void)
{
  int fds[2];
  every_call_answers(0, EDDY_ENOTSUP);
  every_call_answers(1 << 20, EDDY_ENOTSUP);
  every_call_answers(-1, EDDY_EBADF);
  every_call_answers(INT32_MAX, EDDY_EBADF);
  pair(fds);
  OK(fds[0] >= 1 << 24 && fds[1] >= 1 << 24 && fds[0] != fds[1]);
  OK(io->sock_close(self, fds[0]) == 0);
  every_call_answers(fds[0], EDDY_EBADF);
  OK(do_recv(fds[1], fds, 1) == 0);
}

static void a_closed_number_is_not_soon_given_again(void)
{
  int first[2], fds[2];
  pair(first);
  OK(io->sock_close(self, first[0]) == 0 && io->sock_close(self, first[1]) == 0);
  for (int i = 0; i < 1000; i++) {
    pair(fds);
    OK(fds[0] != first[0] && fds[1] != first[0] && fds[0] != first[1]);
    OK(io->sock_close(self, fds[0]) == 0 && io->sock_close(self, fds[1]) == 0);
  }
}

static void many_sockets_are_open_at_once_and_close_frees_them(void)
{
  static int fds[3000][2];
  for (int i = 0; i < 3000; i++)
    pair(fds[i]);
  for (int i = 0; i < 3000; i += 7)
    OK(do_send(fds[i][0], "text") == 4);
  char text[8];
  for (int i = 0; i < 3000; i++) {
    OK(do_recv(fds[i][1], text, sizeof(text)) == (i % 7 == 0 ? 4 : -1));
  }
  for (int i = 0; i < 3000; i += 2)
    OK(io->sock_close(self, fds[i][0]) == 0);
  for (int i = 1; i < 3000; i += 2)
    OK(do_send(fds[i][0], "left in the buffer") > 0);
}

static void listeners_and_calls_left_open_are_freed(void)
{
  eddy_address at = ip4("127.0.0.1", 80);
  eddy_listen_options one = {.backlog = 1};
  int listener;
  OK(io->sock_listen(self, &at, &one, &listener) == 0);
  OK(connect_to(open_for(at), at) == 0);
  eddy_op *op = op_new(EDDY_OP_CONNECT, open_for(at));
  op->address = &at;
  OK(start(op) == EDDY_PENDING && poll_now() == 0);
  end(); /* with a call that waits for room, against the rules */
  free(op);
  begin();
}

/* ---- memory ---- */

/* One of everything that allocates. Each step that fails must say so, change nothing and
 * succeed when it is tried again. Returns how many steps failed. */
static int everything_once(void)
{
  eddy_address at = ip4("127.0.0.1", 0);
  int fds[2] = {-7, -7}, listener = -7, client = -7, connection, failures = 0;
  char text[8];
  int rc;
#define STEP(call)                                                                       \
  while ((rc = (call)) == EDDY_ENOMEM)                                                   \
  failures++
  STEP(io->sock_pair(self, fds));
  OK(rc == 0 && fds[0] > 0);
  STEP((int)do_send(fds[0], "text"));
  OK(rc == 4 && do_recv(fds[1], text, 8) == 4);
  STEP(io->sock_listen(self, &at, NULL, &listener));
  OK(rc == 0 && io->sock_name(self, listener, false, &at) == 0);
  STEP(io->sock_open(self, &at, &client));
  OK(rc == 0);
  STEP(connect_to(client, at));
  OK(rc == 0);
  for (int i = 0; i < 14; i++)
    STEP(io->sock_open(self, &at, fds));
  STEP(accept_from(listener, NULL));
  connection = rc;
  OK(connection > 0);
  STEP((int)do_send(client, "x"));
  OK(rc == 1 && do_recv(connection, text, 8) == 1);
  STEP(io->signal_start(self, SIGUSR1));
  OK(rc == 0);
#undef STEP
  return failures;
}

static void every_allocation_may_fail(void)
{
  long n = 0;
  for (;; n++) {
    fail_after = n;
    int failures = everything_once();
    bool reached = fail_after < 0;
    fail_after = -1;
    OK(failures == (reached ? 1 : 0));
    end();
    begin();
    if (!reached || case_failed) break;
  }
  OK(n > 10);
}

/* Grows a filled ring whose contents wrap; the data must survive the failure. */
static void a_failed_growth_keeps_the_data(void)
{
  int fds[2];
  char text[600], big[512];
  memset(big, 'b', sizeof(big));
  pair(fds);
  OK(transfer(EDDY_OP_SEND, fds[0], big, 200) == 200 &&
      do_recv(fds[1], text, 150) == 150);
  OK(transfer(EDDY_OP_SEND, fds[0], big, 150) == 150);
  fail_after = 0;
  OK(transfer(EDDY_OP_SEND, fds[0], big, 300) == EDDY_ENOMEM);
  fail_after = -1;
  OK(transfer(EDDY_OP_SEND, fds[0], big, 300) == 300);
  OK(do_recv(fds[1], text, sizeof(text)) == 500 && memcmp(text, big, 500) == 0);
}

/* ---- all ---- */

static const struct test_case cases[] = {
    CASE(time_is_0_at_open_and_jumps_by_the_timeout),
    CASE(time_stands_still_while_something_is_reported),
    CASE(wakes_before_a_poll_end_that_poll_and_no_other),
    CASE(a_hold_makes_the_poll_block_until_woken),
    CASE(never_blocks_until_woken),
    CASE(no_wake_is_lost_between_threads),
    CASE(wake_may_be_called_by_a_signal_handler),
    CASE(a_pending_signal_is_reported_before_time_jumps),
    CASE(a_blocked_poll_ends_by_a_signal_or_a_wake),
    CASE(a_signal_that_cannot_be_caught_is_refused),
    CASE(a_poll_makes_no_system_call),
    CASE(a_kernel_descriptor_is_refused_and_a_closed_one_is_bad),
    CASE(a_closed_number_is_not_soon_given_again),
    CASE(many_sockets_are_open_at_once_and_close_frees_them),
    CASE(listeners_and_calls_left_open_are_freed),
    CASE(every_allocation_may_fail),
    CASE(a_failed_growth_keeps_the_data),
};

int main(void)
{
  return run_cases(cases, sizeof(cases) / sizeof(cases[0]));
}
