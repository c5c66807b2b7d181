/*
 * What AddressSanitizer, LeakSanitizer and Valgrind are told about stacks. Everything
 * here costs nothing in a build without the tool. The switches themselves: annotate.c.
 */
#ifndef EDDY_CTX_ANNOTATE_H
#define EDDY_CTX_ANNOTATE_H

#include "ctx/ctx.h"

#if defined(__SANITIZE_ADDRESS__)
#define EDDY__ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EDDY__ASAN 1
#endif
#endif

#if defined(__SANITIZE_THREAD__)
#define EDDY__TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define EDDY__TSAN 1
#endif
#endif

#if defined(EDDY__ASAN) || defined(EDDY__TSAN)
#define EDDY__SANITIZED 1
#endif

#if defined(__has_include) && !defined(EDDY__SANITIZED)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif

#ifdef EDDY__ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#endif

#ifdef EDDY__TSAN
#include <sanitizer/tsan_interface.h>
#endif

/* The stack exists now; said once, before it is first handed out. */
static inline void eddy__annotate_mapped(struct eddy__stack *stack)
{
#ifdef VALGRIND_STACK_REGISTER
  stack->sanitizer_id = VALGRIND_STACK_REGISTER(stack->low, stack->high);
#else
  (void)stack;
#endif
}

/* The memory goes back to the system, before it is given: what frames that were left for good
 * poisoned is clean for whoever gets it next, which AddressSanitizer does not see to. */
static inline void eddy__annotate_unmapped(struct eddy__stack *stack)
{
#if defined(VALGRIND_STACK_DEREGISTER)
  VALGRIND_STACK_DEREGISTER(stack->sanitizer_id);
#elif defined(EDDY__ASAN)
  __asan_unpoison_memory_region(stack->low, (size_t)(stack->high - stack->low));
#else
  (void)stack;
#endif
}

/* The stack is handed out: what the last user left poisoned is fit for use again, and
 * what only its frames point to is not lost. */
static inline void eddy__annotate_taken(struct eddy__stack *stack)
{
#ifdef EDDY__ASAN
  size_t size = (size_t)(stack->high - stack->low);
  __asan_unpoison_memory_region(stack->low, size);
  __lsan_register_root_region(stack->low, size);
#else
  (void)stack;
#endif
}

static inline void eddy__annotate_given(struct eddy__stack *stack)
{
#ifdef EDDY__ASAN
  __lsan_unregister_root_region(stack->low, (size_t)(stack->high - stack->low));
#else
  (void)stack;
#endif
}

#endif
