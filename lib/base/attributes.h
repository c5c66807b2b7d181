/* What compilers are told beyond C11, where they listen. */
#ifndef EDDY_BASE_ATTRIBUTES_H
#define EDDY_BASE_ATTRIBUTES_H

#if defined(__GNUC__)
/* On the path of every switch, where a call costs as much as the work. */
#define EDDY__INLINE static inline __attribute__((always_inline))
#define EDDY__COLD __attribute__((cold, noinline))
#define EDDY__NOINLINE __attribute__((noinline))
#define EDDY__NORETURN __attribute__((noreturn))
#define EDDY__PREFETCH(address) __builtin_prefetch(address)
#else
#define EDDY__INLINE static inline
#define EDDY__COLD
#define EDDY__NOINLINE
#define EDDY__NORETURN
#define EDDY__PREFETCH(address) ((void)(address))
#endif

#endif
