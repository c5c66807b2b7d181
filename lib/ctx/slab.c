#include "ctx/slab.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/alloc.h"
#include "ctx/annotate.h"

#ifndef MAP_NORESERVE
#define MAP_NORESERVE 0
#endif
#ifndef MAP_STACK
#define MAP_STACK 0
#endif
#ifndef MAP_ANONYMOUS
#define MAP_ANONYMOUS MAP_ANON
#endif

/* Linux 6.13; the headers of older systems do not know it. */
#define ADVICE_GUARD_INSTALL 102
#define ADVICE_NONSENSE 32102

/* Two mappings each, of the 65,530 that Linux allows a process by default. */
#define MPROTECT_STACKS 16000

#define GUARD_PAGES 5
#define CANARY_BYTES 128

/* Stacks of equal size would all have their busiest lines in the same few cache sets, so
 * their tops are spread over the topmost page. */
#define TOP_STEP 128
#define TOP_STEPS 12

/* A slot as it lies above its stack, which ends 16-byte aligned. */
#define SLOT_BYTES ((sizeof(struct eddy__slot) + 15) / 16 * 16)

#define RANGES 4096

/* The live slabs, for the signal handler. Entries are claimed and released by `low`
 * alone: 0 is free, 1 is being filled in. A slab that finds no entry has overflows
 * unexplained. */
static struct range {
  atomic_uintptr_t low;
  atomic_uintptr_t high;
  atomic_size_t bytes;
  atomic_size_t guard;
  atomic_bool canary;
} ranges[RANGES];

static atomic_size_t mprotect_stacks;
static atomic_int best_guard = EDDY__GUARD_MADVISE;

size_t eddy__page_bytes(void)
{
  long page = sysconf(_SC_PAGESIZE);
  return page > 0 ? (size_t)page : 4096;
}

/* An odd number of pages from stack to stack: with a power of two all their tops would
 * compete for the same few entries of the processor's address cache. */
size_t eddy__slab_guard_bytes(size_t bytes)
{
  size_t page = eddy__page_bytes();
  size_t pages = GUARD_PAGES;
  if ((bytes / page + pages) % 2 == 0) pages++;
  return pages * page;
}

/* ---- guards ---- */

/* Emulators claim success for any advice, and a kernel's word is cheap to check: a system
 * call that writes to a guarded page must fail. */
static bool probe_guard_install(void)
{
  size_t page = eddy__page_bytes();
  size_t bytes = sizeof(struct utsname) > page ? 4 * page : page;
  char *map = mmap(
      NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED) return false;
  bool works = madvise(map, bytes, ADVICE_NONSENSE) != 0 && errno == EINVAL &&
               madvise(map, bytes, ADVICE_GUARD_INSTALL) == 0 &&
               uname((struct utsname *)(void *)map) != 0 && errno == EFAULT;
  munmap(map, bytes);
  return works;
}

static bool guard_install_works(void)
{
  static atomic_int known; /* 0: not asked yet; threads that ask at once agree */
  int answer = atomic_load_explicit(&known, memory_order_relaxed);
  if (answer == 0) {
    int saved = errno;
    answer = probe_guard_install() ? 1 : -1;
    errno = saved;
    atomic_store_explicit(&known, answer, memory_order_relaxed);
  }
  return answer > 0;
}

void eddy__guard_limit(enum eddy__guard best)
{
  atomic_store(&best_guard, (int)best);
}

static bool may_mprotect(void)
{
  return atomic_load(&mprotect_stacks) < MPROTECT_STACKS;
}

static enum eddy__guard choose_guard(void)
{
  int best = atomic_load(&best_guard);
  if (best == EDDY__GUARD_MADVISE && guard_install_works()) return EDDY__GUARD_MADVISE;
  if (best != EDDY__GUARD_CANARY && may_mprotect()) return EDDY__GUARD_MPROTECT;
  return EDDY__GUARD_CANARY;
}

static bool install_mprotect(char *guard, size_t bytes)
{
  if (mprotect(guard, bytes, PROT_NONE) != 0) return false;
  atomic_fetch_add(&mprotect_stacks, 1);
  return true;
}

/* A kernel may refuse either call for one range (locked memory, too many mappings): then
 * this stack has the next best. The lowest stack of a slab without guards has one all the
 * same where that can be had: what lies below belongs to somebody else. */
static enum eddy__guard install_guard(struct eddy__slab *slab, size_t index, char *guard)
{
  if (slab->kind == EDDY__GUARD_MADVISE &&
      madvise(guard, slab->guard, ADVICE_GUARD_INSTALL) == 0)
    return EDDY__GUARD_MADVISE;
  bool wanted = index == 0 || (slab->kind != EDDY__GUARD_CANARY && may_mprotect());
  if (wanted && install_mprotect(guard, slab->guard)) return EDDY__GUARD_MPROTECT;
  return EDDY__GUARD_CANARY;
}

/* The canary is what fresh memory holds, so that setting it touches no page. A call that
 * runs past the end leaves at least one return address or saved register there. */
bool eddy__canary_intact(const char *low)
{
  const volatile uint64_t *word = (const volatile void *)(low - CANARY_BYTES);
  uint64_t all = 0;
  for (size_t i = 0; i < CANARY_BYTES / sizeof(*word); i++)
    all |= word[i];
  return all == 0;
}

/* ---- the signal handler's view ---- */

static void publish(const struct eddy__slab *slab)
{
  uintptr_t low = (uintptr_t)slab->base;
  for (size_t i = 0; i < RANGES; i++) {
    struct range *range = &ranges[i];
    uintptr_t vacant = 0;
    if (!atomic_compare_exchange_strong(&range->low, &vacant, 1)) continue;
    atomic_store(&range->high, low + slab->count * (slab->guard + slab->bytes));
    atomic_store(&range->bytes, slab->bytes);
    atomic_store(&range->guard, slab->guard);
    atomic_store(&range->canary, slab->kind == EDDY__GUARD_CANARY);
    atomic_store(&range->low, low);
    return;
  }
}

static void retract(const struct eddy__slab *slab)
{
  for (size_t i = 0; i < RANGES; i++) {
    if (atomic_load(&ranges[i].low) != (uintptr_t)slab->base) continue;
    atomic_store(&ranges[i].low, 0);
    return;
  }
}

size_t eddy__slab_find_guard(uintptr_t address)
{
  for (size_t i = 0; i < RANGES; i++) {
    uintptr_t low = atomic_load(&ranges[i].low);
    if (low <= 1 || address < low || address >= atomic_load(&ranges[i].high)) continue;
    size_t bytes = atomic_load(&ranges[i].bytes);
    size_t guard = atomic_load(&ranges[i].guard);
    return (address - low) % (guard + bytes) < guard ? bytes : 0;
  }
  return 0;
}

size_t eddy__slab_find_broken(void)
{
  for (size_t i = 0; i < RANGES; i++) {
    uintptr_t low = atomic_load(&ranges[i].low);
    if (low <= 1 || !atomic_load(&ranges[i].canary)) continue;
    uintptr_t high = atomic_load(&ranges[i].high);
    size_t bytes = atomic_load(&ranges[i].bytes);
    size_t guard = atomic_load(&ranges[i].guard);
    /* Below the lowest one is, or may be, a real guard, which must not be read. */
    uintptr_t second = low + guard + bytes + guard;
    for (uintptr_t stack = second; stack < high; stack += bytes + guard)
      if (!eddy__canary_intact((const char *)stack)) return bytes;
  }
  return 0;
}

/* ---- slabs ---- */

/* Nothing but the pages that are touched counts: no reservation, and no huge page that
 * one small stack would fill with zeros. */
static char *map_stacks(size_t bytes)
{
  char *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (base == MAP_FAILED) return NULL;
#ifdef MADV_NOHUGEPAGE
  (void)madvise(base, bytes, MADV_NOHUGEPAGE); /* refused by kernels without huge pages */
#endif
  return base;
}

struct eddy__slab *eddy__slab_map(struct eddy__stacks *owner, size_t count, size_t bytes)
{
  size_t guard = eddy__slab_guard_bytes(bytes);
  if (count > UINT16_MAX) count = UINT16_MAX;
  struct eddy__slab *slab = eddy__alloc(
      sizeof(*slab) + count * sizeof(struct eddy__place));
  if (slab == NULL) return NULL;
  int saved = errno;
  do {
    slab->base = map_stacks(count * (guard + bytes));
  } while (slab->base == NULL && (count /= 2) > 0);
  errno = saved;
  if (slab->base == NULL) goto fail_map;
  eddy__list_init(&slab->link);
  slab->owner = owner;
  slab->bytes = bytes;
  slab->guard = guard;
  slab->count = count;
  slab->kind = choose_guard();
  publish(slab);
  return slab;
fail_map:
  eddy__free(slab);
  return NULL;
}

void eddy__slab_unmap(struct eddy__slab *slab)
{
  retract(slab);
  for (size_t i = 0; i < slab->fresh; i++) {
    if (slab->places[i].guard == EDDY__GUARD_MPROTECT)
      atomic_fetch_sub(&mprotect_stacks, 1);
  }
  int saved = errno;
  (void)munmap(slab->base, slab->count * (slab->guard + slab->bytes));
  errno = saved;
  eddy__free(slab);
}

static size_t take_cold(struct eddy__slab *slab)
{
  size_t index = slab->cold - 1;
  slab->cold = slab->places[index].colder;
  return index;
}

static size_t take_fresh(struct eddy__slab *slab)
{
  size_t index = slab->fresh++;
  int saved = errno;
  slab->places[index].guard = (uint8_t)install_guard(
      slab, index, slab->base + index * (slab->guard + slab->bytes));
  errno = saved;
  return index;
}

struct eddy__slot *eddy__slab_take(struct eddy__slab *slab)
{
  size_t index = slab->cold != 0 ? take_cold(slab) : take_fresh(slab);
  char *low = slab->base + index * (slab->guard + slab->bytes) + slab->guard;
  char *top = low + slab->bytes - index % TOP_STEPS * TOP_STEP - SLOT_BYTES;
  struct eddy__slot *slot = (struct eddy__slot *)(void *)top;
  *slot = (struct eddy__slot){
      .stack = {.low = low, .high = top, .owner = slab->owner}, .slab = slab};
  eddy__annotate_mapped(&slot->stack);
  return slot;
}

static size_t place_of(const struct eddy__slot *slot)
{
  const struct eddy__slab *slab = slot->slab;
  return (size_t)(slot->stack.low - slab->base) / (slab->guard + slab->bytes);
}

enum eddy__guard eddy__slot_guard(const struct eddy__slot *slot)
{
  return (enum eddy__guard)slot->slab->places[place_of(slot)].guard;
}

void eddy__slot_cool(struct eddy__slot *slot)
{
#ifdef __linux__
  int advice = MADV_DONTNEED;
#else
  int advice = MADV_FREE; /* there MADV_DONTNEED keeps the pages */
#endif
  struct eddy__slab *slab = slot->slab;
  size_t index = place_of(slot);
  int saved = errno;
  eddy__annotate_unmapped(&slot->stack);
  (void)madvise(slot->stack.low, slab->bytes, advice); /* it may keep them, too */
  errno = saved;
  slab->places[index].colder = (uint16_t)slab->cold;
  slab->cold = index + 1;
}
