/*
 * Stacks for one loop: the last one given back goes out first, its pages still warm.
 *
 * How many idle ones may stay warm follows the use. A burst of tasks that comes again and
 * again finds its stacks warm each time; stacks that a whole round of use did not need
 * are cooled, two with each one given back, so that no single call takes long. A program
 * that falls silent says so with eddy__stacks_trim.
 */
#include "ctx/ctx.h"

#include <eddy/error.h>

#include "base/alloc.h"
#include "ctx/annotate.h"
#include "ctx/slab.h"

#ifdef EDDY__SANITIZED
#define DEFAULT_BYTES ((size_t)256 * 1024)
#else
#define DEFAULT_BYTES ((size_t)64 * 1024)
#endif
#define LEAST_BYTES ((size_t)32 * 1024)
#define MOST_BYTES (SIZE_MAX / 64)

#define FIRST_SLAB 16 /* stacks; each further slab has four times as many, up to: */
#define SLAB_BYTES ((size_t)64 * 1024 * 1024)

#define WARM_ALWAYS 64
#define TRIM_AT_ONCE 500 /* about a millisecond */
#define LEAST_ROUND 1024

struct eddy__stacks {
  size_t bytes;
  size_t used;
  size_t warm;
  struct eddy__slot *newest; /* the warm ones, linked by stack.next and newer */
  struct eddy__slot *oldest;
  size_t round_left; /* stacks to be given back until the round ends */
  size_t round_low;  /* the fewest warm ones of this round */
  size_t surplus;    /* warm ones that the last round did not need */
  size_t slab_count;
  size_t next_slab;       /* stacks in it */
  enum eddy__guard guard; /* the weakest that a stack of these has */
  struct eddy__link open; /* slabs with a stack that is neither in use nor warm */
  struct eddy__link full;
};

int eddy__stacks_new(size_t size, struct eddy__stacks **out)
{
  size_t page = eddy__page_bytes();
  if (size == 0) size = DEFAULT_BYTES;
  if (size < LEAST_BYTES) size = LEAST_BYTES;
  if (size > MOST_BYTES) return EDDY_ENOMEM;
  struct eddy__stacks *stacks = eddy__alloc(sizeof(*stacks));
  if (stacks == NULL) return EDDY_ENOMEM;
  stacks->bytes = (size + page - 1) / page * page;
  stacks->next_slab = FIRST_SLAB;
  stacks->round_left = LEAST_ROUND;
  eddy__list_init(&stacks->open);
  eddy__list_init(&stacks->full);
  *out = stacks;
  return 0;
}

/* ---- warm ones ---- */

static void push_warm(struct eddy__stacks *stacks, struct eddy__slot *slot)
{
  struct eddy__slot *older = stacks->newest;
  slot->newer = NULL;
  slot->stack.next = older != NULL ? &older->stack : NULL;
  if (older != NULL)
    older->newer = slot;
  else
    stacks->oldest = slot;
  stacks->newest = slot;
  stacks->warm++;
}

static struct eddy__slot *pop_newest(struct eddy__stacks *stacks)
{
  struct eddy__slot *slot = stacks->newest;
  struct eddy__slot *older = (struct eddy__slot *)(void *)slot->stack.next;
  stacks->newest = older;
  if (older != NULL)
    older->newer = NULL;
  else
    stacks->oldest = NULL;
  stacks->warm--;
  return slot;
}

static struct eddy__slot *pop_oldest(struct eddy__stacks *stacks)
{
  struct eddy__slot *slot = stacks->oldest;
  stacks->oldest = slot->newer;
  if (slot->newer != NULL)
    slot->newer->stack.next = NULL;
  else
    stacks->newest = NULL;
  stacks->warm--;
  return slot;
}

static void unmap_all(struct eddy__link *list)
{
  struct eddy__link *link;
  while ((link = eddy__list_first(list)) != NULL) {
    eddy__list_remove(link);
    eddy__slab_unmap(EDDY__ENTRY(link, struct eddy__slab, link));
  }
}

void eddy__stacks_free(struct eddy__stacks *stacks)
{
  if (stacks == NULL) return;
  while (stacks->newest != NULL)
    eddy__annotate_unmapped(&pop_newest(stacks)->stack);
  unmap_all(&stacks->open);
  unmap_all(&stacks->full);
  eddy__free(stacks);
}

/* Gives the pages of the longest idle stack back, and its slab if that was the last one.
 */
static void cool_oldest(struct eddy__stacks *stacks)
{
  struct eddy__slot *slot = pop_oldest(stacks);
  struct eddy__slab *slab = slot->slab;
  slab->busy--;
  eddy__list_remove(&slab->link);
  if (slab->busy == 0 && stacks->slab_count > 1) {
    stacks->slab_count--;
    eddy__annotate_unmapped(&slot->stack);
    eddy__slab_unmap(slab);
    return;
  }
  eddy__slot_cool(slot);
  eddy__list_append(&stacks->open, &slab->link);
}

/* ---- getting and giving back ---- */

static struct eddy__slab *add_slab(struct eddy__stacks *stacks)
{
  struct eddy__slab *slab = eddy__slab_map(stacks, stacks->next_slab, stacks->bytes);
  if (slab == NULL) return NULL;
  size_t most = SLAB_BYTES / (slab->bytes + slab->guard);
  stacks->next_slab *= 4;
  if (stacks->next_slab > most) stacks->next_slab = most > FIRST_SLAB ? most : FIRST_SLAB;
  stacks->slab_count++;
  eddy__list_append(&stacks->open, &slab->link);
  return slab;
}

static struct eddy__slot *take_cold(struct eddy__stacks *stacks)
{
  struct eddy__link *link = eddy__list_first(&stacks->open);
  struct eddy__slab *slab = link != NULL ? EDDY__ENTRY(link, struct eddy__slab, link)
                                         : add_slab(stacks);
  if (slab == NULL) return NULL;
  struct eddy__slot *slot = eddy__slab_take(slab);
  enum eddy__guard guard = eddy__slot_guard(slot);
  if (guard > stacks->guard) stacks->guard = guard;
  slab->busy++;
  if (slab->cold == 0 && slab->fresh == slab->count) {
    eddy__list_remove(&slab->link);
    eddy__list_append(&stacks->full, &slab->link);
  }
  return slot;
}

struct eddy__stack *eddy__stack_get(struct eddy__stacks *stacks)
{
  struct eddy__slot *slot;
  if (stacks->newest != NULL) {
    slot = pop_newest(stacks);
    if (stacks->warm < stacks->round_low) stacks->round_low = stacks->warm;
  } else {
    slot = take_cold(stacks);
    if (slot == NULL) return NULL;
    stacks->round_low = 0;
  }
  stacks->used++;
  eddy__annotate_taken(&slot->stack);
  return &slot->stack;
}

/* The stack that is given back is the newest and at least WARM_ALWAYS others are older,
 * so the one that still runs is never cooled. */
void eddy__stack_put(struct eddy__stack *stack)
{
  struct eddy__stacks *stacks = stack->owner;
  eddy__annotate_given(stack);
  stacks->used--;
  push_warm(stacks, (struct eddy__slot *)(void *)stack);
  if (--stacks->round_left == 0) {
    size_t all = stacks->used + stacks->warm;
    stacks->surplus = stacks->round_low > WARM_ALWAYS ? stacks->round_low - WARM_ALWAYS
                                                      : 0;
    stacks->round_left = all > LEAST_ROUND ? all : LEAST_ROUND;
    stacks->round_low = stacks->warm;
  }
  for (int i = 0; i < 2 && stacks->surplus > 0; i++) {
    stacks->surplus--;
    if (stacks->warm > WARM_ALWAYS) cool_oldest(stacks);
  }
}

bool eddy__stacks_trim(struct eddy__stacks *stacks)
{
  for (int i = 0; i < TRIM_AT_ONCE && stacks->warm > WARM_ALWAYS; i++)
    cool_oldest(stacks);
  stacks->surplus = 0;
  if (stacks->round_low > stacks->warm) stacks->round_low = stacks->warm;
  return stacks->warm > WARM_ALWAYS;
}

/* ---- questions ---- */

static size_t count_cold(const struct eddy__link *list)
{
  size_t cold = 0;
  for (const struct eddy__link *link = list->next; link != list; link = link->next) {
    const struct eddy__slab *slab = EDDY__ENTRY(link, const struct eddy__slab, link);
    cold += slab->fresh - slab->busy;
  }
  return cold;
}

void eddy__stacks_get_stats(
    const struct eddy__stacks *stacks, struct eddy__stacks_stats *stats)
{
  static const char *const names[] = {"madvise", "mprotect", "canary"};
  stats->used = stacks->used;
  stats->idle = stacks->warm + count_cold(&stacks->open);
  stats->bytes = stacks->bytes;
  stats->touched = (stacks->used + stacks->warm) * eddy__page_bytes();
  stats->guard = stacks->slab_count == 0 ? "none" : names[stacks->guard];
}

bool eddy__stack_intact(const struct eddy__stack *stack)
{
  const struct eddy__slot *slot = (const struct eddy__slot *)(const void *)stack;
  return eddy__slot_guard(slot) != EDDY__GUARD_CANARY || eddy__canary_intact(stack->low);
}
