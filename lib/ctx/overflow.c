/*
 * The report of a stack overflow.
 *
 * The handler runs on a signal stack, since the one in use is full. It takes no lock and
 * allocates nothing, and when it returns the faulting instruction runs once more, now
 * with the default action: the process dies of the same signal at the same place as it
 * would have without eddy, and a core file shows it.
 */
#include "ctx/ctx.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ctx/annotate.h"
#include "ctx/slab.h"

#define SIGNAL_STACK_BYTES ((size_t)64 * 1024)

#ifndef MAP_ANONYMOUS
#define MAP_ANONYMOUS MAP_ANON
#endif

static const char *(*_Atomic describe_running)(void);

/* ---- the report ---- */

struct line {
  char text[512];
  size_t length;
};

static void append(struct line *line, const char *text)
{
  while (*text != '\0' && line->length < sizeof(line->text))
    line->text[line->length++] = *text++;
}

static void append_number(struct line *line, size_t number)
{
  char digits[24];
  size_t i = sizeof(digits);
  digits[--i] = '\0';
  do {
    digits[--i] = (char)('0' + number % 10);
  } while ((number /= 10) > 0);
  append(line, digits + i);
}

static void write_line(struct line *line)
{
  size_t done = 0;
  while (done < line->length) {
    ssize_t n = write(STDERR_FILENO, line->text + done, line->length - done);
    if (n <= 0) return;
    done += (size_t)n;
  }
}

static void report(size_t bytes, const char *how)
{
  const char *(*describe)(void) = atomic_load(&describe_running);
  const char *name = describe != NULL ? describe() : NULL;
  struct line line = {.length = 0};
  append(&line, "eddy: stack overflow in ");
  append(&line, name != NULL ? name : "a coroutine");
  append(&line, how);
  append(&line, " (stack of ");
  append_number(&line, bytes / 1024);
  append(&line,
      " KiB): raise eddy_loop_options.stack_size, or keep large arrays and deep "
      "recursion off the stack\n");
  write_line(&line);
}

static void on_fault(int number, siginfo_t *info, void *context)
{
  (void)context;
  int saved = errno;
  size_t bytes = eddy__slab_find_guard((uintptr_t)info->si_addr);
  if (bytes > 0)
    report(bytes, "");
  else if ((bytes = eddy__slab_find_broken()) > 0)
    report(bytes, " or another one, seen after the fact since the stack has no guard");
  struct sigaction action;
  memset(&action, 0, sizeof(action));
  action.sa_handler = SIG_DFL;
  sigaction(number, &action, NULL);
  /* A signal that somebody sent does not come again by itself. */
  if (info->si_code <= 0) raise(number);
  errno = saved;
}

/* ---- the signal stack ---- */

static pthread_key_t signal_stack_key;
static atomic_bool signal_stack_key_made;

static void free_signal_stack(void *memory)
{
  stack_t now;
  if (sigaltstack(NULL, &now) == 0 && now.ss_sp == memory) {
    stack_t none = {.ss_flags = SS_DISABLE, .ss_size = SIGNAL_STACK_BYTES};
    if (sigaltstack(&none, NULL) != 0) return;
  }
  munmap(memory, SIGNAL_STACK_BYTES);
}

/* Without a signal stack an overflow simply goes unexplained. */
static void give_signal_stack(void)
{
  stack_t now;
  if (sigaltstack(NULL, &now) != 0 || (now.ss_flags & SS_DISABLE) == 0) return;
  void *memory = mmap(NULL, SIGNAL_STACK_BYTES, PROT_READ | PROT_WRITE,
      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return;
  stack_t ours = {.ss_sp = memory, .ss_size = SIGNAL_STACK_BYTES};
  if (pthread_setspecific(signal_stack_key, memory) != 0) goto fail;
  if (sigaltstack(&ours, NULL) == 0) return;
  pthread_setspecific(signal_stack_key, NULL);
fail:
  munmap(memory, SIGNAL_STACK_BYTES);
}

/* ---- installing ---- */

/* A handler that somebody else has, or wants to have, is left alone. */
static void take_signal(int number)
{
  struct sigaction action;
  if (sigaction(number, NULL, &action) != 0 || (action.sa_flags & SA_SIGINFO) != 0 ||
      action.sa_handler != SIG_DFL)
    return;
  memset(&action, 0, sizeof(action));
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  sigaction(number, &action, NULL);
}

static void install(void)
{
  if (pthread_key_create(&signal_stack_key, free_signal_stack) != 0) return;
  atomic_store(&signal_stack_key_made, true);
  take_signal(SIGSEGV);
  take_signal(SIGBUS); /* what some systems send for a guard page */
}

void eddy__overflow_watch(const char *(*describe)(void))
{
#ifdef EDDY__SANITIZED
  (void)describe;
  (void)install;
  (void)give_signal_stack;
#else
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  int saved = errno;
  atomic_store(&describe_running, describe);
  (void)pthread_once(&once, install);
  if (atomic_load(&signal_stack_key_made)) give_signal_stack();
  errno = saved;
#endif
}
