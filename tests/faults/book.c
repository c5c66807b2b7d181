#include "book.h"

#include <execinfo.h>
#include <link.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "faults.h"

#define MOST (1u << 18)  /* entries; the pages of those not used cost nothing */
#define SLOTS (4 * MOST) /* a power of two */
#define FRAMES 24

struct entry {
  char *block;
  size_t size;
  unsigned long born; /* counts up */
  void **frames;      /* while tracing: FRAMES of them, ended by NULL */
  enum faults_owner owner;
  bool reached;
};

/* The entries stand close together; a table finds them by address, with open addressing. */
static struct entry entries[MOST];
static uint32_t slots[SLOTS]; /* the entry's index plus 1; 0: none */
static atomic_flag lock = ATOMIC_FLAG_INIT;

static struct {
  uint32_t count; /* of the entries */
  unsigned long born;
  unsigned long mark; /* entries up to this one are not looked at */
  size_t live;        /* entries after the mark */
  size_t bytes;       /* of the heap, after the mark */
  bool traced;
  bool recording;
} book;

static void lock_book(void)
{
  while (atomic_flag_test_and_set_explicit(&lock, memory_order_acquire)) {
  }
}

static void unlock_book(void)
{
  atomic_flag_clear_explicit(&lock, memory_order_release);
}

/* Blocks that are neighbours have slots that are. */
static size_t home_of(const char *block)
{
  return (uintptr_t)block >> 4 & (SLOTS - 1);
}

/* The slot of the block, or the one where it would be put. */
static size_t find_slot(const char *block)
{
  size_t slot = home_of(block);
  while (slots[slot] != 0 && entries[slots[slot] - 1].block != block) {
    slot = (slot + 1) & (SLOTS - 1);
  }
  return slot;
}

static void record_step(void)
{
  struct faults_result *result = faults_result;
  if (!book.recording || result->step_count == FAULTS_STEPS) return;
  if (result->step_count > 0 && book.bytes <= result->steps[result->step_count - 1])
    return;
  result->steps[result->step_count++] = book.bytes;
}

void faults_book_add(void *block, size_t size, enum faults_owner owner)
{
  void **frames = NULL;
  if (book.traced) {
    frames = calloc(FRAMES, sizeof(*frames));
    if (frames != NULL) (void)backtrace(frames, FRAMES - 1);
  }
  lock_book();
  if (book.count == MOST) {
    fputs("faults: more live allocations than the book has room for\n", stderr);
    _Exit(70);
  }
  entries[book.count++] = (struct entry){block, size, ++book.born, frames, owner, false};
  slots[find_slot(block)] = book.count;
  book.live++;
  if (owner != FAULTS_MAPPED) book.bytes += size;
  record_step();
  unlock_book();
}

/* Empties a slot, and moves those behind it that would not be found any more. */
static void empty_slot(size_t gap)
{
  size_t slot = gap;
  for (;;) {
    slot = (slot + 1) & (SLOTS - 1);
    if (slots[slot] == 0) break;
    size_t home = home_of(entries[slots[slot] - 1].block);
    if (((slot - home) & (SLOTS - 1)) < ((slot - gap) & (SLOTS - 1))) continue;
    slots[gap] = slots[slot];
    gap = slot;
  }
  slots[gap] = 0;
}

/* Takes the entry out; the last one moves to its place. */
static void remove_entry(size_t slot)
{
  struct entry *entry = &entries[slots[slot] - 1];
  const struct entry *last = &entries[book.count - 1];
  if (entry != last) slots[find_slot(last->block)] = slots[slot];
  *entry = *last;
  empty_slot(slot);
  book.count--;
}

size_t faults_book_remove(void *block, enum faults_owner owner)
{
  struct entry entry = {0};
  lock_book();
  size_t slot = find_slot(block);
  if (slots[slot] != 0) {
    entry = entries[slots[slot] - 1];
    if (entry.born > book.mark) {
      book.live--;
      if (owner != FAULTS_MAPPED) book.bytes -= entry.size;
    }
    remove_entry(slot);
  }
  unlock_book();
  if (entry.block == NULL) {
    faults_problem(
        "%p is let go of, but is not live memory of the library or libuv", block);
  } else if (entry.owner != owner) {
    faults_problem("%p is let go of by another means than it was got by", block);
  }
  free(entry.frames);
  return entry.size;
}

size_t faults_book_bytes(void)
{
  lock_book();
  size_t bytes = book.bytes;
  unlock_book();
  return bytes;
}

void faults_record_steps(bool on)
{
  book.recording = on;
}

void faults_mark_live(void)
{
  book.mark = book.born;
  book.live = 0;
  book.bytes = 0;
}

/* ---- what is lost ---- */

/* The library's variables: its object files were given sections of these names. */
extern char __start_eddy_data[] __attribute__((weak));
extern char __stop_eddy_data[] __attribute__((weak));
extern char __start_eddy_bss[] __attribute__((weak));
extern char __stop_eddy_bss[] __attribute__((weak));

static struct entry **candidates;
static size_t candidate_count;

static int by_address(const void *a, const void *b)
{
  const char *first = (*(struct entry *const *)a)->block;
  const char *second = (*(struct entry *const *)b)->block;
  return (first > second) - (first < second);
}

static struct entry *find_candidate(const char *address)
{
  size_t low = 0;
  size_t high = candidate_count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    struct entry *entry = candidates[middle];
    if (address < entry->block) {
      high = middle;
    } else if (address >= entry->block + (entry->size > 0 ? entry->size : 1)) {
      low = middle + 1;
    } else {
      return entry;
    }
  }
  return NULL;
}

/* Marks what the words in this stretch point to, and what those point to. */
__attribute__((no_sanitize("address"))) static void reach(
    const char *from, const char *to)
{
  uintptr_t start = ((uintptr_t)from + sizeof(void *) - 1) &
                    ~(uintptr_t)(sizeof(void *) - 1);
  for (uintptr_t at = start; at + sizeof(void *) <= (uintptr_t)to; at += sizeof(void *)) {
    struct entry *entry = find_candidate(*(const char *const *)at);
    if (entry == NULL || entry->reached) continue;
    entry->reached = true;
    if (entry->owner != FAULTS_MAPPED) reach(entry->block, entry->block + entry->size);
  }
}

static void collect_candidates(void)
{
  candidates = calloc(book.live + 1, sizeof(*candidates));
  candidate_count = 0;
  if (candidates == NULL) return;
  for (size_t i = 0; i < book.count; i++) {
    if (entries[i].born > book.mark) candidates[candidate_count++] = &entries[i];
  }
  qsort(candidates, candidate_count, sizeof(*candidates), by_address);
}

/* A thread whose work nobody waits for any more may be about to let go of it. */
static void wait_for_threads(void)
{
  struct stat threads;
  for (int left = 300; left > 0 && book.live > 0; left--) {
    if (stat("/proc/self/task", &threads) != 0 || threads.st_nlink <= 3) return;
    usleep(1000);
  }
}

void faults_look_for_leaks(void)
{
  static const char *const owners[] = {[FAULTS_OF_EDDY] = "of eddy's",
      [FAULTS_OF_LIBUV] = "of libuv's",
      [FAULTS_MAPPED] = "mapped by eddy"};
  wait_for_threads();
  if (book.live == 0) return;
  collect_candidates();
  reach(__start_eddy_data, __stop_eddy_data);
  reach(__start_eddy_bss, __stop_eddy_bss);
  stack_t now;
  if (sigaltstack(NULL, &now) == 0) {
    /* The thread's signal stack stays until the thread ends. */
    struct entry *entry = find_candidate(now.ss_sp);
    if (entry != NULL) entry->reached = true;
  }
  size_t lost = 0;
  struct entry *first = NULL;
  for (size_t i = 0; i < candidate_count; i++) {
    struct entry *entry = candidates[i];
    if (entry->reached) continue;
    lost++;
    if (first == NULL || entry->born < first->born) first = entry;
    if (entry->frames == NULL) continue;
    fprintf(stderr, "lost: %zu bytes %s, got here:\n", entry->size, owners[entry->owner]);
    faults_print_stack(entry->frames, FRAMES);
  }
  if (first != NULL) {
    faults_problem(
        "%zu blocks are lost; the oldest has %zu bytes %s, and was the %lu. made", lost,
        first->size, owners[first->owner], first->born - book.mark);
  }
  free(candidates);
}

/* ---- stacks ---- */

void faults_book_trace(void)
{
  book.traced = true;
}

extern char __executable_start[];
extern char _end[];

static int note_bias(struct dl_phdr_info *info, size_t size, void *bias)
{
  (void)size;
  *(uintptr_t *)bias = info->dlpi_addr;
  return 1; /* the first one is the program */
}

/* In the words of addr2line where it is installed, else as bare addresses. */
void faults_print_stack(void *const *frames, int count)
{
  uintptr_t bias = 0;
  char command[1024];
  (void)dl_iterate_phdr(note_bias, &bias);
  int length = snprintf(command, sizeof command,
      "exec 2>/dev/null; f() { addr2line -s -f -p -i -e /proc/%ld/exe \"$@\" || echo "
      "\"$@\"; }; f",
      (long)getpid());
  for (int i = 0; i < count && frames[i] != NULL && length < (int)sizeof command - 32;
       i++) {
    const char *frame = frames[i];
    if (frame < __executable_start || frame >= _end) continue;
    length += snprintf(command + length, sizeof command - (size_t)length, " %#lx",
        (unsigned long)((uintptr_t)frame - bias - 1));
  }
  FILE *lines = popen(command, "r");
  if (lines == NULL) return;
  char line[512];
  while (fgets(line, sizeof line, lines) != NULL) {
    if (strstr(line, "faults_") == NULL) fprintf(stderr, "    %s", line);
  }
  pclose(lines);
}

void faults_print_here(void)
{
  void *frames[FRAMES] = {NULL};
  (void)backtrace(frames, FRAMES - 1);
  faults_print_stack(frames, FRAMES);
}
