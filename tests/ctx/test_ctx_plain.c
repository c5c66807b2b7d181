/*
 * The stack switch and the stacks, in a program without a test framework: it runs under
 * emulators and on systems where there is none.
 *
 *     test_ctx_plain            all cases; the last line is `N passed, M failed`
 *     test_ctx_plain NAME       one case; exits 2 if there is none of that name
 *     test_ctx_plain --list     the names
 *
 * NO_REGISTERS_S: built without registers.S.
 */
#include "ctx/ctx.h"

#include <errno.h>
#include <fenv.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctx/annotate.h"

#if defined(__GLIBC__) && !defined(__UCLIBC__)
#include <execinfo.h>
#define HAVE_BACKTRACE 1
#endif

#ifdef _WIN32
#include <windows.h>
#else
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctx/slab.h"
#endif

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#define CHECK(condition)                                                                 \
  do {                                                                                   \
    if (!(condition)) {                                                                  \
      printf("  line %d: %s\n", __LINE__, #condition);                                   \
      return false;                                                                      \
    }                                                                                    \
  } while (0)

static const char *skip_reason;

#define SKIP(reason)                                                                     \
  do {                                                                                   \
    skip_reason = (reason);                                                              \
    return true;                                                                         \
  } while (0)

static bool on_valgrind(void)
{
#ifdef RUNNING_ON_VALGRIND
  return RUNNING_ON_VALGRIND != 0;
#else
  return false;
#endif
}

/* ---- a coroutine as small as it gets ---- */

struct co {
  struct eddy__ctx here;
  struct eddy__ctx *back;
  struct eddy__stack *stack;
  int (*body)(struct co *self, int sent);
  void *data;
  bool ended;
};

static void run_co(void *arg, int sent)
{
  struct co *self = arg;
  int result = self->body(self, sent);
  struct eddy__ctx gone;
  self->ended = true;
  eddy__stack_put(self->stack);
  eddy__ctx_leave(&gone, self->back, result);
}

static bool init_co(struct co *self, struct eddy__stacks *stacks,
    int (*body)(struct co *self, int sent), void *data)
{
  memset(self, 0, sizeof(*self));
  self->stack = eddy__stack_get(stacks);
  if (self->stack == NULL) return false;
  self->body = body;
  self->data = data;
  eddy__ctx_make(&self->here, self->stack, run_co, self);
  return true;
}

static int resume_co(struct co *self, int sent)
{
  struct eddy__ctx back = {0};
  self->back = &back;
  return eddy__ctx_switch(&back, &self->here, sent);
}

static int yield_value(struct co *self, int value)
{
  return eddy__ctx_switch(&self->here, self->back, value);
}

/* ---- switching ---- */

static int add_up(struct co *self, int sent)
{
  int sum = 0;
  while (sent != 0) {
    sum += sent;
    sent = yield_value(self, sum);
  }
  return -sum;
}

static bool values_are_sent_and_returned(struct eddy__stacks *stacks)
{
  struct co co;
  CHECK(init_co(&co, stacks, add_up, NULL));
  CHECK(resume_co(&co, 3) == 3);
  CHECK(resume_co(&co, 4) == 7);
  CHECK(resume_co(&co, INT_MAX - 7) == INT_MAX);
  CHECK(resume_co(&co, -INT_MAX) == 0);
  CHECK(resume_co(&co, 5) == 5);
  CHECK(!co.ended);
  CHECK(resume_co(&co, 0) == -5);
  CHECK(co.ended);
  return true;
}

/* What a task that is its own successor does. */
static int switch_to_itself(struct co *self, int sent)
{
  volatile int kept = sent;
  int got = eddy__ctx_switch(&self->here, &self->here, sent + 1);
  return got == sent + 1 && kept == sent ? yield_value(self, got) : -1;
}

static bool a_context_may_switch_to_itself(struct eddy__stacks *stacks)
{
  struct co co;
  struct eddy__ctx here = {0};
  CHECK(init_co(&co, stacks, switch_to_itself, NULL));
  CHECK(resume_co(&co, 3) == 4);
  CHECK(resume_co(&co, 5) == 5);
  CHECK(co.ended);
  CHECK(eddy__ctx_switch(&here, &here, 6) == 6);
  return true;
}

#ifndef NO_REGISTERS_S
size_t test_registers_changed(void (*call)(void *), void *arg, uint64_t seed);

static void yield_once(void *arg)
{
  yield_value(arg, 0);
}

static void resume_once(void *arg)
{
  resume_co(arg, 0);
}

static int hold_registers(struct co *self, int sent)
{
  (void)sent;
  size_t changed = 0;
  for (uint64_t round = 0; round < 20; round++)
    changed += test_registers_changed(
        yield_once, self, UINT64_C(0xc0ffee0000000000) + round);
  return (int)changed;
}
#endif

static bool registers_are_kept(struct eddy__stacks *stacks)
{
#ifdef NO_REGISTERS_S
  (void)stacks;
  SKIP("no assembly for this processor");
#else
  struct co co;
  size_t changed = 0;
  CHECK(init_co(&co, stacks, hold_registers, NULL));
  for (uint64_t round = 0; round < 20; round++)
    changed += test_registers_changed(
        resume_once, &co, UINT64_C(0x0bad0000deed0000) + round);
  CHECK(changed == 0);
  CHECK(resume_co(&co, 0) == 0);
  CHECK(co.ended);
  return true;
#endif
}

static int round_down(struct co *self, int sent)
{
  (void)sent;
  int inherited = fegetround();
  fesetround(FE_DOWNWARD);
  yield_value(self, inherited);
  int first = fegetround();
  fesetround(FE_TOWARDZERO);
  yield_value(self, first);
  return fegetround();
}

static bool check_rounding(struct eddy__stacks *stacks)
{
  struct co co;
  CHECK(init_co(&co, stacks, round_down, NULL));
  CHECK(fesetround(FE_UPWARD) == 0);
  CHECK(resume_co(&co, 0) == FE_TONEAREST);
  CHECK(fegetround() == FE_UPWARD);
  volatile double one = 1, three = 3;
  volatile double up = one / three;
  CHECK(resume_co(&co, 0) == FE_DOWNWARD);
  CHECK(fegetround() == FE_UPWARD);
  CHECK(fesetround(FE_TONEAREST) == 0);
  volatile double nearest = one / three;
  CHECK(up > nearest || on_valgrind()); /* it keeps the mode, and rounds to nearest */
  CHECK(resume_co(&co, 0) == FE_TOWARDZERO);
  CHECK(fegetround() == FE_TONEAREST);
  return true;
}

#if defined(__x86_64__)
#define FLUSH_TO_ZERO 0x8000U
#define CONTROL 0xffc0U

static int flush_to_zero(struct co *self, int sent)
{
  (void)sent;
  unsigned inherited = _mm_getcsr() & CONTROL;
  _mm_setcsr(_mm_getcsr() | FLUSH_TO_ZERO);
  yield_value(self, (int)inherited);
  return (int)(_mm_getcsr() & CONTROL);
}

static bool check_mxcsr(struct eddy__stacks *stacks)
{
  unsigned before = _mm_getcsr();
  _mm_setcsr(before | FLUSH_TO_ZERO);
  unsigned possible = _mm_getcsr() & FLUSH_TO_ZERO;
  _mm_setcsr(before);
  if (possible == 0) return true; /* valgrind has no such bit */
  struct co co;
  CHECK(init_co(&co, stacks, flush_to_zero, NULL));
  CHECK(resume_co(&co, 0) == (int)(before & CONTROL));
  CHECK((_mm_getcsr() & CONTROL) == (before & CONTROL));
  CHECK(resume_co(&co, 0) == (int)((before & CONTROL) | FLUSH_TO_ZERO));
  CHECK((_mm_getcsr() & CONTROL) == (before & CONTROL));
  return true;
}
#else
static bool check_mxcsr(struct eddy__stacks *stacks)
{
  (void)stacks;
  return true;
}
#endif

static bool check_control_words(struct eddy__stacks *stacks)
{
  bool good = check_rounding(stacks);
  fesetround(FE_TONEAREST);
  return good && check_mxcsr(stacks);
}

#if defined(__x86_64__) && !defined(_WIN32) && !defined(NO_REGISTERS_S)
/* The assembly has two ways of loading mxcsr and picks one by processor. */
extern unsigned char eddy__ctx_loads_cheaply;

static bool control_words_are_kept(struct eddy__stacks *stacks)
{
  CHECK(check_control_words(stacks));
  unsigned char picked = eddy__ctx_loads_cheaply;
  eddy__ctx_loads_cheaply = !picked;
  bool good = check_control_words(stacks);
  eddy__ctx_loads_cheaply = picked;
  return good;
}
#else
static bool control_words_are_kept(struct eddy__stacks *stacks)
{
  return check_control_words(stacks);
}
#endif

static int set_errno(struct co *self, int sent)
{
  (void)sent;
  yield_value(self, errno);
  errno = EDOM;
  return 0;
}

static bool errno_is_left_alone(struct eddy__stacks *stacks)
{
  struct co co;
  CHECK(init_co(&co, stacks, set_errno, NULL));
  errno = ERANGE;
  CHECK(resume_co(&co, 0) == ERANGE);
  CHECK(errno == ERANGE);
  resume_co(&co, 0);
  CHECK(errno == EDOM);
  return true;
}

/* ---- what runs on a stack ---- */

static size_t dig(struct co *self, char *low, size_t depth)
{
  volatile char frame[256];
  frame[0] = (char)depth;
  frame[255] = (char)depth;
  size_t deepest = depth;
  if ((char *)__builtin_frame_address(0) - low > 12 * 1024)
    deepest = dig(self, low, depth + 1);
  else
    yield_value(self, (int)depth);
  return frame[0] == (char)depth && frame[255] == (char)depth ? deepest : 0;
}

static int recurse(struct co *self, int sent)
{
  (void)sent;
  return (int)dig(self, self->stack->low, 1);
}

static bool recursion_uses_the_whole_stack(struct eddy__stacks *stacks)
{
  struct co co;
  CHECK(init_co(&co, stacks, recurse, NULL));
  int depth = resume_co(&co, 0);
#ifdef EDDY__SANITIZED
  CHECK(depth >= 10); /* frames are several times larger */
#else
  CHECK(depth > (co.stack->high - co.stack->low - 16 * 1024) / 512);
#endif
  CHECK(eddy__stack_intact(co.stack));
  CHECK(resume_co(&co, 0) == depth);
  CHECK(co.ended);
  return true;
}

static int print(struct co *self, int sent)
{
  char *text = self->data;
  return snprintf(text, 80, "%.3f %g %d", (double)sent / 8, 1e300, 42);
}

static bool snprintf_of_a_double_works(struct eddy__stacks *stacks)
{
  struct co co;
  char text[80];
  CHECK(init_co(&co, stacks, print, text));
  CHECK(resume_co(&co, 25) == 15);
  CHECK(strcmp(text, "3.125 1e+300 42") == 0);
  return true;
}

struct inner {
  struct co co;
  struct co *outer;
};

/* Parks the outer coroutine while the inner one's stack is in use, as a task does that waits
 * inside a generator's body. */
static int park_outer(struct co *self, int sent)
{
  struct inner *inner = self->data;
  int got = yield_value(inner->outer, sent + 1);
  yield_value(self, got + 1);
  return got + 2;
}

static int nest(struct co *self, int sent)
{
  struct inner inner = {.outer = self};
  if (!init_co(&inner.co, self->data, park_outer, &inner)) return -1;
  int got = resume_co(&inner.co, sent + 1);
  int last = resume_co(&inner.co, 0);
  return inner.co.ended && last == got + 1 ? got : -2;
}

static bool a_context_may_park_on_another_stack(struct eddy__stacks *stacks)
{
  struct co co;
  CHECK(init_co(&co, stacks, nest, stacks));
  CHECK(resume_co(&co, 10) == 12);
  CHECK(resume_co(&co, 20) == 21);
  CHECK(co.ended);
  return true;
}

#if defined(HAVE_BACKTRACE) || defined(_WIN32)
static __attribute__((noinline)) int count_frames(void)
{
  void *frames[64];
#ifdef _WIN32
  int count = CaptureStackBackTrace(0, 64, frames, NULL);
#else
  int count = backtrace(frames, 64);
#endif
  __asm__ volatile("" ::: "memory");
  return count;
}

static int count_below(int levels);
static int (*volatile count_one_below)(int levels) = count_below; /* never inlined */

static int count_below(int levels)
{
  int count = levels > 0 ? count_one_below(levels - 1) : count_frames();
  __asm__ volatile("" ::: "memory"); /* keeps the call from becoming a jump */
  return count;
}

static int count(struct co *self, int sent)
{
  volatile int frames = count_one_below(
      sent); /* stored, so that no call is a tail call */
  sent = yield_value(self, frames);
  frames = count_one_below(sent);
  return frames;
}
#endif

static bool backtrace_ends_at_the_trampoline(struct eddy__stacks *stacks)
{
#if defined(HAVE_BACKTRACE) || defined(_WIN32)
  struct co co;
  CHECK(init_co(&co, stacks, count, NULL));
  int first = resume_co(&co, 3);
  int second = resume_co(&co, 13);
  CHECK(first >= 6);
  CHECK(first <= 12);
  CHECK(second == first + 10);
  return true;
#else
  (void)stacks;
  SKIP("no backtrace() here");
#endif
}

/* ---- many ---- */

static int wait_once(struct co *self, int sent)
{
  int number = sent;
  sent = yield_value(self, number);
  return number + sent;
}

static bool check_many(struct eddy__stacks *stacks, struct co *all, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    CHECK(init_co(&all[i], stacks, wait_once, NULL));
    CHECK(resume_co(&all[i], (int)i) == (int)i);
  }
  struct eddy__stacks_stats stats;
  eddy__stacks_get_stats(stacks, &stats);
  CHECK(stats.used == count);
  for (size_t i = 0; i < count; i++)
    CHECK(resume_co(&all[i], 7) == (int)i + 7);
  for (size_t i = 0; i < count; i++)
    CHECK(all[i].ended);
  eddy__stacks_get_stats(stacks, &stats);
  CHECK(stats.used == 0);
  return true;
}

static bool thousands_run_side_by_side(struct eddy__stacks *stacks)
{
#ifdef EDDY__TSAN
  size_t count = 200; /* each is a thread to it */
#else
  size_t count = 5000;
#endif
  struct co *all = calloc(count, sizeof(*all));
  CHECK(all != NULL);
  bool good = check_many(stacks, all, count) && check_many(stacks, all, count);
  free(all);
  return good;
}

#ifndef _WIN32
static void *run_in_thread(void *arg)
{
  struct eddy__stacks *stacks;
  if (eddy__stacks_new(0, &stacks) != 0) return NULL;
  bool good = true;
  for (int i = 0; i < 50 && good; i++)
    good = values_are_sent_and_returned(stacks);
  eddy__stacks_free(stacks);
  return good ? arg : NULL;
}
#endif

static bool threads_have_contexts_of_their_own(struct eddy__stacks *stacks)
{
#ifndef _WIN32
  pthread_t threads[4];
  size_t good = 0;
  for (size_t i = 0; i < 4; i++)
    CHECK(pthread_create(&threads[i], NULL, run_in_thread, stacks) == 0);
  for (size_t i = 0; i < 4; i++) {
    void *result;
    CHECK(pthread_join(threads[i], &result) == 0);
    good += result == stacks;
  }
  CHECK(good == 4);
  return true;
#else
  (void)stacks;
  SKIP("no POSIX threads");
#endif
}

/* ---- stacks ---- */

static bool the_last_stack_comes_first(struct eddy__stacks *stacks)
{
  struct eddy__stack *a = eddy__stack_get(stacks);
  struct eddy__stack *b = eddy__stack_get(stacks);
  CHECK(a != NULL && b != NULL && a != b);
  CHECK((uintptr_t)a->high % 16 == 0);
  CHECK(a->high - a->low >= 60 * 1024);
  eddy__stack_put(a);
  eddy__stack_put(b);
  CHECK(eddy__stack_get(stacks) == b);
  CHECK(eddy__stack_get(stacks) == a);
  eddy__stack_put(a);
  eddy__stack_put(b);
  return true;
}

static bool sizes_are_rounded_and_refused(struct eddy__stacks *unused)
{
  (void)unused;
  struct eddy__stacks *stacks = NULL;
  struct eddy__stacks_stats stats;
  CHECK(eddy__stacks_new(1, &stacks) == 0);
  eddy__stacks_get_stats(stacks, &stats);
  CHECK(stats.bytes == 32 * 1024 || stats.bytes == 64 * 1024); /* 64 KiB pages */
  CHECK(strcmp(stats.guard, "none") == 0);
  CHECK(stats.used == 0 && stats.idle == 0);
  eddy__stacks_free(stacks);
  stacks = NULL;
  CHECK(eddy__stacks_new(SIZE_MAX, &stacks) < 0);
  CHECK(eddy__stacks_new(SIZE_MAX - 4096, &stacks) < 0);
  CHECK(stacks == NULL);
  eddy__stacks_free(NULL);
  return true;
}

#define BURST 3000

static bool idle_stacks_are_given_back(struct eddy__stacks *unused)
{
  (void)unused;
  struct eddy__stacks *stacks;
  struct eddy__stacks_stats stats;
  static struct eddy__stack *taken[BURST];
  CHECK(eddy__stacks_new(0, &stacks) == 0);
  for (int round = 0; round < 2; round++) {
    for (int i = 0; i < BURST; i++) {
      taken[i] = eddy__stack_get(stacks);
      CHECK(taken[i] != NULL);
      taken[i]->high[-1] = 1;
    }
    for (int i = 0; i < BURST; i++)
      eddy__stack_put(taken[i]);
  }
  eddy__stacks_get_stats(stacks, &stats);
  CHECK(stats.used == 0);
  size_t after_burst = stats.idle;
  /* A quiet time: one task after the other. */
  for (int i = 0; i < 4 * BURST; i++) {
    struct eddy__stack *stack = eddy__stack_get(stacks);
    CHECK(stack != NULL);
    stack->low[0] = 1;
    eddy__stack_put(stack);
  }
  eddy__stacks_get_stats(stacks, &stats);
  CHECK(stats.used == 0);
  CHECK(stats.idle < after_burst || stats.idle <= 128);
  while (eddy__stacks_trim(stacks)) {
  }
  eddy__stacks_get_stats(stacks, &stats);
  CHECK(stats.idle < after_burst / 2 || stats.idle <= 64);
  for (int i = 0; i < BURST; i++) {
    taken[i] = eddy__stack_get(stacks);
    CHECK(taken[i] != NULL);
    memset(taken[i]->low, 1, 64);
  }
  for (int i = 0; i < BURST; i++)
    eddy__stack_put(taken[i]);
  eddy__stacks_free(stacks);
  return true;
}

#ifdef EDDY__ASAN
static int end_at_once(struct co *self, int sent)
{
  (void)self;
  return sent;
}

static const void *poison_in(const struct eddy__stack *stack)
{
  return __asan_region_is_poisoned(stack->low, (size_t)(stack->high - stack->low));
}

/* Frames that were left for good leave poison. Who is given that memory next by the system
 * must not find it. */
static bool poison_ends_with_its_stack(struct eddy__stacks *unused)
{
  (void)unused;
  struct eddy__stacks *stacks;
  static struct co cos[BURST];
  static struct eddy__stack places[BURST];
  CHECK(eddy__stacks_new(0, &stacks) == 0);
  for (int i = 0; i < BURST; i++) {
    CHECK(init_co(&cos[i], stacks, end_at_once, NULL));
    places[i] = *cos[i].stack;
  }
  for (int i = 0; i < BURST; i++)
    CHECK(resume_co(&cos[i], 1) == 1);
  CHECK(poison_in(&places[BURST - 1]) != NULL);
  for (int i = 0; i < 10 && eddy__stacks_trim(stacks); i++) {
  }
  eddy__stacks_free(stacks);
  for (int i = 0; i < BURST; i++)
    CHECK(poison_in(&places[i]) == NULL);
  return true;
}
#endif

#ifndef _WIN32

static bool take_many(struct eddy__stacks *stacks, size_t count, const char **guard)
{
  struct eddy__stacks_stats stats;
  struct eddy__stack *first = NULL;
  for (size_t i = 0; i < count; i++) {
    struct eddy__stack *stack = eddy__stack_get(stacks);
    CHECK(stack != NULL);
    stack->next = first;
    first = stack;
  }
  eddy__stacks_get_stats(stacks, &stats);
  CHECK(stats.used == count);
  *guard = stats.guard;
  while (first != NULL) {
    struct eddy__stack *next = first->next;
    eddy__stack_put(first);
    first = next;
  }
  return true;
}

/* More than a process may have mappings, at two for each stack. */
static bool check_more_than_mappings(enum eddy__guard best, const char *expected)
{
  struct eddy__stacks *stacks;
  const char *guard = "";
  eddy__guard_limit(best);
  int rc = eddy__stacks_new(0, &stacks);
  bool good = rc == 0 && take_many(stacks, 36000, &guard);
  if (rc == 0) eddy__stacks_free(stacks);
  eddy__guard_limit(EDDY__GUARD_MADVISE);
  CHECK(good);
  CHECK(expected == NULL || strcmp(guard, expected) == 0);
  return true;
}

static bool there_may_be_more_stacks_than_mappings(struct eddy__stacks *unused)
{
  (void)unused;
#ifdef EDDY__SANITIZED
  SKIP("takes long under sanitizers");
#endif
  if (on_valgrind()) SKIP("valgrind has a limit of its own");
  CHECK(check_more_than_mappings(EDDY__GUARD_MADVISE, NULL));
  CHECK(check_more_than_mappings(EDDY__GUARD_MPROTECT, "canary"));
  CHECK(check_more_than_mappings(EDDY__GUARD_CANARY, "canary"));
  return true;
}

static bool a_canary_shows_an_overflow(struct eddy__stacks *unused)
{
  (void)unused;
  struct eddy__stacks *stacks;
  struct eddy__stacks_stats stats;
  eddy__guard_limit(EDDY__GUARD_CANARY);
  CHECK(eddy__stacks_new(0, &stacks) == 0);
  struct eddy__stack *lowest = eddy__stack_get(stacks);
  struct eddy__stack *stack = eddy__stack_get(stacks);
  eddy__guard_limit(EDDY__GUARD_MADVISE);
  CHECK(lowest != NULL && stack != NULL);
  eddy__stacks_get_stats(stacks, &stats);
  CHECK(strcmp(stats.guard, "canary") == 0);
  CHECK(eddy__stack_intact(lowest));
  memset(stack->low, 1, 64);
  CHECK(eddy__stack_intact(stack));
  CHECK(eddy__slab_find_broken() == 0);
  *(stack->low - 16) = 1;
  CHECK(!eddy__stack_intact(stack));
  CHECK(eddy__slab_find_broken() == stats.bytes);
  eddy__stack_put(stack);
  eddy__stack_put(lowest);
  eddy__stacks_free(stacks);
  CHECK(eddy__slab_find_broken() == 0);
  return true;
}

static bool no_memory_gives_null(struct eddy__stacks *unused)
{
  (void)unused;
#ifdef EDDY__SANITIZED
  SKIP("sanitizers need the address space");
#else
  if (on_valgrind()) SKIP("valgrind needs the address space");
  fflush(stdout);
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    struct rlimit limit = {(rlim_t)2 << 30, (rlim_t)2 << 30};
    struct eddy__stacks *stacks;
    size_t count = 0;
    if (setrlimit(RLIMIT_AS, &limit) != 0 || eddy__stacks_new(0, &stacks) != 0) _exit(1);
    while (count < 100000 && eddy__stack_get(stacks) != NULL)
      count++;
    _exit(count >= 1000 && count < 100000 && eddy__stack_get(stacks) == NULL ? 0 : 2);
  }
  int status;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  if (WEXITSTATUS(status) == 2) SKIP("the address space cannot be limited here");
  CHECK(WEXITSTATUS(status) == 0);
  return true;
#endif
}

/* ---- overflow ---- */

static const char *name_of_what_runs(void)
{
  return "task greedy";
}

static __attribute__((noinline)) int overflow(struct co *self, int sent)
{
  volatile char frame[512];
  frame[0] = (char)sent;
  frame[511] = (char)sent;
  if (sent < 0) return 0;
  return overflow(self, sent + 1) + frame[(sent + frame[0]) % 512 & 511];
}

static void overflow_in_child(int output)
{
  struct rlimit no_core = {0, 0};
  struct eddy__stacks *stacks;
  struct co co;
  setrlimit(RLIMIT_CORE, &no_core);
  dup2(output, STDERR_FILENO);
  eddy__overflow_watch(name_of_what_runs);
  if (eddy__stacks_new(0, &stacks) != 0 || !init_co(&co, stacks, overflow, NULL))
    _exit(1);
  resume_co(&co, 0);
  _exit(0);
}

/* Fills `text` with what a child that overflows a stack wrote, and returns its status. */
static int watch_overflow(char *text, size_t size)
{
  int ends[2];
  int status = -1;
  size_t length = 0;
  fflush(stdout);
  if (pipe(ends) != 0) return -1;
  pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    overflow_in_child(ends[1]);
  }
  close(ends[1]);
  for (;;) {
    ssize_t n = read(ends[0], text + length, size - 1 - length);
    if (n <= 0) break;
    length += (size_t)n;
  }
  text[length] = '\0';
  close(ends[0]);
  if (child < 0 || waitpid(child, &status, 0) != child) return -1;
  return status;
}

static bool check_overflow(enum eddy__guard best)
{
  if (on_valgrind()) SKIP("valgrind ends the program in its own way");
  char text[8192];
  eddy__guard_limit(best);
  int status = watch_overflow(text, sizeof(text));
  eddy__guard_limit(EDDY__GUARD_MADVISE);
#ifdef EDDY__SANITIZED
  CHECK(!WIFEXITED(status) || WEXITSTATUS(status) != 0);
  CHECK(strstr(text, "Sanitizer") != NULL);
#else
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGSEGV || WTERMSIG(status) == SIGBUS);
  CHECK(strstr(text, "eddy: stack overflow in task greedy") != NULL);
  CHECK(strstr(text, "(stack of 64 KiB): raise eddy_loop_options.stack_size") != NULL);
  CHECK(best == EDDY__GUARD_CANARY || strstr(text, "greedy (stack") != NULL);
#endif
  return true;
}

static bool an_overflow_is_reported_by_name(struct eddy__stacks *unused)
{
  (void)unused;
#ifdef EDDY__TSAN
  SKIP("ThreadSanitizer has the signal and a shadow stack of its own");
#endif
  CHECK(check_overflow(EDDY__GUARD_MADVISE));
  CHECK(check_overflow(EDDY__GUARD_MPROTECT));
  return true;
}

static bool an_overflow_without_a_guard_is_reported(struct eddy__stacks *unused)
{
  (void)unused;
#ifdef EDDY__SANITIZED
  SKIP("sanitizers report it in their own way");
#endif
  /* Runs down through its neighbours until it leaves the slab. */
  return check_overflow(EDDY__GUARD_CANARY);
}

static bool a_handler_of_the_program_stays(struct eddy__stacks *unused)
{
  (void)unused;
#ifdef EDDY__SANITIZED
  SKIP("nothing is installed under sanitizers");
#else
  fflush(stdout);
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    struct sigaction action;
    if (signal(SIGSEGV, SIG_IGN) == SIG_ERR) _exit(1);
    eddy__overflow_watch(name_of_what_runs);
    if (sigaction(SIGSEGV, NULL, &action) != 0) _exit(2);
    _exit(action.sa_handler == SIG_IGN ? 0 : 3);
  }
  int status;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  return true;
#endif
}

#endif

/* ---- running ---- */

struct test {
  const char *name;
  bool (*run)(struct eddy__stacks *stacks);
};

#define TEST(name)                                                                       \
  {                                                                                      \
#name, name                                                                          \
  }

static const struct test tests[] = {
    TEST(values_are_sent_and_returned),
    TEST(a_context_may_switch_to_itself),
    TEST(registers_are_kept),
    TEST(control_words_are_kept),
    TEST(errno_is_left_alone),
    TEST(recursion_uses_the_whole_stack),
    TEST(snprintf_of_a_double_works),
    TEST(a_context_may_park_on_another_stack),
    TEST(backtrace_ends_at_the_trampoline),
    TEST(thousands_run_side_by_side),
    TEST(threads_have_contexts_of_their_own),
    TEST(the_last_stack_comes_first),
    TEST(sizes_are_rounded_and_refused),
    TEST(idle_stacks_are_given_back),
#ifdef EDDY__ASAN
    TEST(poison_ends_with_its_stack),
#endif
#ifndef _WIN32
    TEST(there_may_be_more_stacks_than_mappings),
    TEST(a_canary_shows_an_overflow),
    TEST(no_memory_gives_null),
    TEST(an_overflow_is_reported_by_name),
    TEST(an_overflow_without_a_guard_is_reported),
    TEST(a_handler_of_the_program_stays),
#endif
};

static bool run_test(const struct test *test)
{
  struct eddy__stacks *stacks;
  skip_reason = NULL;
  if (eddy__stacks_new(0, &stacks) != 0) return false;
  bool good = test->run(stacks);
  eddy__stacks_free(stacks);
  if (!good)
    printf("FAIL %s\n", test->name);
  else if (skip_reason != NULL)
    printf("skip %s: %s\n", test->name, skip_reason);
  else
    printf("ok   %s\n", test->name);
  return good;
}

int main(int argc, char **argv)
{
  int passed = 0, failed = 0, skipped = 0;
  const char *only = argc > 1 ? argv[1] : NULL;
  for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
    if (only != NULL && strcmp(only, "--list") == 0) {
      puts(tests[i].name);
      continue;
    }
    if (only != NULL && strcmp(only, tests[i].name) != 0) continue;
    if (!run_test(&tests[i]))
      failed++;
    else if (skip_reason != NULL)
      skipped++;
    else
      passed++;
  }
  if (only != NULL && strcmp(only, "--list") == 0) return 0;
  if (passed + failed + skipped == 0) {
    fprintf(stderr, "there is no case %s\n", only);
    return 2;
  }
  if (skipped > 0) printf("%d skipped\n", skipped);
  printf("%d passed, %d failed\n", passed, failed);
  return failed > 0 ? 1 : 0;
}
