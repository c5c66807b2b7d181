/*
 * Stacks on Windows: each is a reservation of its own whose lowest pages are never
 * committed, so running past the end is an access violation.
 */
#include "ctx/ctx.h"

#include <eddy/error.h>
#include <windows.h>

#include "base/alloc.h"
#include "ctx/annotate.h"

#define DEFAULT_BYTES ((size_t)64 * 1024)
#define LEAST_BYTES ((size_t)32 * 1024)
#define MOST_BYTES (SIZE_MAX / 64)
#define PAGE ((size_t)4096)
#define GUARD_BYTES (4 * PAGE)
#define WARM_ALWAYS 64

struct eddy__stacks {
  size_t bytes;
  size_t used;
  size_t idle;
  struct eddy__stack *newest; /* idle ones, linked by next */
};

int eddy__stacks_new(size_t size, struct eddy__stacks **out)
{
  if (size == 0) size = DEFAULT_BYTES;
  if (size < LEAST_BYTES) size = LEAST_BYTES;
  if (size > MOST_BYTES) return EDDY_ENOMEM;
  struct eddy__stacks *stacks = eddy__alloc(sizeof(*stacks));
  if (stacks == NULL) return EDDY_ENOMEM;
  stacks->bytes = (size + PAGE - 1) / PAGE * PAGE;
  *out = stacks;
  return 0;
}

static struct eddy__stack *map_stack(struct eddy__stacks *stacks)
{
  struct eddy__stack *stack = eddy__alloc(sizeof(*stack));
  if (stack == NULL) return NULL;
  char *base = VirtualAlloc(
      NULL, GUARD_BYTES + stacks->bytes, MEM_RESERVE, PAGE_NOACCESS);
  if (base == NULL) goto fail_reserve;
  if (VirtualAlloc(base + GUARD_BYTES, stacks->bytes, MEM_COMMIT, PAGE_READWRITE) == NULL)
    goto fail_commit;
  stack->low = base + GUARD_BYTES;
  stack->high = stack->low + stacks->bytes;
  stack->owner = stacks;
  return stack;
fail_commit:
  VirtualFree(base, 0, MEM_RELEASE);
fail_reserve:
  eddy__free(stack);
  return NULL;
}

static void unmap_stack(struct eddy__stack *stack)
{
  VirtualFree(stack->low - GUARD_BYTES, 0, MEM_RELEASE);
  eddy__free(stack);
}

/* Unmaps the idle stacks below the newest `keep` ones. */
static void unmap_older(struct eddy__stacks *stacks, size_t keep)
{
  struct eddy__stack **link = &stacks->newest;
  for (size_t i = 0; i < keep && *link != NULL; i++)
    link = &(*link)->next;
  struct eddy__stack *stack = *link;
  *link = NULL;
  while (stack != NULL) {
    struct eddy__stack *next = stack->next;
    unmap_stack(stack);
    stacks->idle--;
    stack = next;
  }
}

void eddy__stacks_free(struct eddy__stacks *stacks)
{
  if (stacks == NULL) return;
  unmap_older(stacks, 0);
  eddy__free(stacks);
}

struct eddy__stack *eddy__stack_get(struct eddy__stacks *stacks)
{
  struct eddy__stack *stack = stacks->newest;
  if (stack != NULL) {
    stacks->newest = stack->next;
    stacks->idle--;
  } else {
    stack = map_stack(stacks);
    if (stack == NULL) return NULL;
  }
  stacks->used++;
  return stack;
}

/* The newest, on which the caller may still run, is among those that stay. Waiting until
 * there are twice as many keeps the cost of the walk away from single calls. */
void eddy__stack_put(struct eddy__stack *stack)
{
  struct eddy__stacks *stacks = stack->owner;
  stack->next = stacks->newest;
  stacks->newest = stack;
  stacks->used--;
  stacks->idle++;
  if (stacks->idle >= (size_t)2 * WARM_ALWAYS && stacks->idle > stacks->used * 2)
    unmap_older(stacks, stacks->idle / 2);
}

bool eddy__stacks_trim(struct eddy__stacks *stacks)
{
  unmap_older(stacks, WARM_ALWAYS);
  return false;
}

void eddy__stacks_get_stats(
    const struct eddy__stacks *stacks, struct eddy__stacks_stats *stats)
{
  stats->used = stacks->used;
  stats->idle = stacks->idle;
  stats->bytes = stacks->bytes;
  stats->touched = (stacks->used + stacks->idle) * PAGE;
  stats->guard = stacks->used + stacks->idle == 0 ? "none" : "reserve";
}

bool eddy__stack_intact(const struct eddy__stack *stack)
{
  (void)stack;
  return true;
}
