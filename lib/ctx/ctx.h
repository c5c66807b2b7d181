/*
 * Switching between stacks, and the stacks themselves.
 *
 * A context is a place where execution was left. The switch saves what the platform's
 * calling convention asks a function to preserve, floating-point control words included,
 * and goes on at the other context. errno is not saved: a caller that needs it keeps it
 * itself.
 */
#ifndef EDDY_CTX_CTX_H
#define EDDY_CTX_CTX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"

/* ---- stacks ---- */

/* Stacks of one size for one loop (or one thread's generators), guarded at their low end.
 */
struct eddy__stacks;

/* A stack handed out. The record lies outside of it, where that can be above it. */
struct eddy__stack {
  char *low;  /* the lowest usable byte */
  char *high; /* one past the highest; 16-byte aligned */
  struct eddy__stacks *owner;
  struct eddy__stack *next; /* in the owner's list of idle ones */
  unsigned sanitizer_id;    /* valgrind's, when it runs */
  const void *inside;       /* its user's own */
};

/* size 0: 64 KiB, 256 KiB under sanitizers; rounded up to pages, at least 32 KiB.
 * Returns 0 or EDDY_ENOMEM. Nothing is mapped yet. */
int eddy__stacks_new(size_t size, struct eddy__stacks **out);

/* Unmaps everything; no stack may be in use. NULL is allowed. */
void eddy__stacks_free(struct eddy__stacks *stacks);

/* A stack, the one given back last if there is one (its pages are warm). NULL: no memory.
 */
struct eddy__stack *eddy__stack_get(struct eddy__stacks *stacks);

/* Gives a stack back; the code may still be running on it until the next switch. The
 * pages of stacks that lately stayed idle are handed back to the system, a few at a time.
 */
void eddy__stack_put(struct eddy__stack *stack);

/* Hands the pages of idle stacks back but for a few, for a loop that is about to sleep long.
 * Some hundred stacks a call; returns whether more are left. */
bool eddy__stacks_trim(struct eddy__stacks *stacks);

struct eddy__stacks_stats {
  size_t used;
  size_t idle;
  size_t bytes; /* usable bytes of one stack */
  /* Bytes of them in memory, as far as is known: a page of each in use or warm. */
  size_t touched;
  const char *guard; /* the weakest: "madvise", "mprotect", "canary"; on Windows
                        "reserve"; "none": nothing mapped yet */
};

void eddy__stacks_get_stats(
    const struct eddy__stacks *stacks, struct eddy__stacks_stats *stats);

/* Whether the stack's canary still stands; true for stacks with a real guard. */
bool eddy__stack_intact(const struct eddy__stack *stack);

/* ---- contexts ---- */

struct eddy__ctx {
  void *sp; /* where the registers were saved */
#ifdef EDDY_CTX_ANNOTATED
  /* For AddressSanitizer and ThreadSanitizer: the stack the context runs on. */
  const void *bottom;
  size_t size;
  void *fake_stack;
  void *fiber;
#endif
};

/* Whether a context whose work is done may be kept and entered again, and may be dropped
 * without a word. Sanitizers want to be told of its end (eddy__ctx_leave). */
#ifdef EDDY_CTX_ANNOTATED
#define EDDY__CTX_SPARES false
#else
#define EDDY__CTX_SPARES true
#endif

/* What a new context runs; it must never return, and gets what the first switch to it
 * sent. */
typedef void eddy__ctx_entry(void *arg, int sent);

/* Prepares a context that will run entry(arg, sent) on the stack. */
void eddy__ctx_make(
    struct eddy__ctx *ctx, struct eddy__stack *stack, eddy__ctx_entry *entry, void *arg);

/* Leaves for `to`; returns when someone switches to `from`, with what that one sent. They may
 * be one: it returns what it sent itself. */
int eddy__ctx_switch(struct eddy__ctx *from, struct eddy__ctx *to, int sent);

/* As eddy__ctx_switch, for a context that will never be returned to (its stack is about
 * to be reused): `from` is only told to the sanitizers. */
EDDY__NORETURN void eddy__ctx_leave(
    struct eddy__ctx *from, struct eddy__ctx *to, int sent);

/* ---- stack overflow ---- */

/*
 * Installs, once per process and only while SIGSEGV has its default action, a handler
 * that recognises an overflow of the stack in use and names its owner on stderr before
 * the process ends as it would have; gives the calling thread a signal stack if it has
 * none. Does nothing under sanitizers. `describe` (async-signal-safe) is asked for the
 * name of what was running.
 */
void eddy__overflow_watch(const char *(*describe)(void));

#endif
