/*
 * Slabs: pieces of address space cut into stacks of one size, each with a guard below it.
 *
 * A slab is one mapping whatever number of stacks it holds; memory is taken page by page
 * when a stack is used. The guards are made when a stack is first handed out, by the best
 * of three means, since a process may have only some 65,000 mappings.
 */
#ifndef EDDY_CTX_SLAB_H
#define EDDY_CTX_SLAB_H

#include "base/list.h"
#include "ctx/ctx.h"

enum eddy__guard {
  EDDY__GUARD_MADVISE,  /* MADV_GUARD_INSTALL: real, and free of charge */
  EDDY__GUARD_MPROTECT, /* real, but splits the mapping: two more per stack */
  EDDY__GUARD_CANARY    /* nothing stops an overflow; it shows afterwards */
};

struct eddy__slab;

/* A stack in use or warm, with what its arena keeps about it. It lies above the stack, in a page
 * that the stack needs anyway, and goes when that is given back to the system. */
struct eddy__slot {
  struct eddy__stack stack; /* first: a pointer to it is a pointer to the slot */
  struct eddy__slab *slab;
  struct eddy__slot *newer; /* among the warm ones; stack.next is the older neighbour */
};

/* What is kept about every stack. */
struct eddy__place {
  uint16_t colder; /* the next cold one, see eddy__slab */
  uint8_t guard;   /* enum eddy__guard: what this stack really has */
};

struct eddy__slab {
  struct eddy__link link; /* in the arena's list of slabs with room, or of full ones */
  char *base;
  struct eddy__stacks *owner;
  size_t bytes; /* of one stack, the slot above it included */
  size_t guard; /* bytes below each stack */
  size_t count;
  size_t fresh; /* slots from here on were never used */
  size_t busy;  /* in use or warm */
  size_t cold;  /* the first cold one's place, plus one; 0: there is none */
  enum eddy__guard kind;
  struct eddy__place places[];
};

/* The bytes of guard that go with stacks of so many usable bytes; both are whole pages.
 */
size_t eddy__slab_guard_bytes(size_t bytes);

size_t eddy__page_bytes(void);

/* A slab of at most `count` stacks (fewer where address space is short), or NULL. */
struct eddy__slab *eddy__slab_map(struct eddy__stacks *owner, size_t count, size_t bytes);

/* No stack of it may be in use. */
void eddy__slab_unmap(struct eddy__slab *slab);

/* A stack that is cold, else one that was never used, with its guard; there must be one. */
struct eddy__slot *eddy__slab_take(struct eddy__slab *slab);

/* Makes it cold: its pages, the slot with them, go back to the system. */
void eddy__slot_cool(struct eddy__slot *slot);

/* What guards this stack. */
enum eddy__guard eddy__slot_guard(const struct eddy__slot *slot);

/* From now on no better means than this one is used in new slabs; for tests. */
void eddy__guard_limit(enum eddy__guard best);

/* What a signal handler can learn about an address; takes no lock and allocates nothing.
 * Returns the usable bytes of the stack in whose guard it lies, or 0. */
size_t eddy__slab_find_guard(uintptr_t address);

/* Likewise: the usable bytes of a stack without a guard that has overflowed, or 0. */
size_t eddy__slab_find_broken(void);

/* Whether the words below a stack without a guard are as they were mapped. */
bool eddy__canary_intact(const char *low);

#endif
