/*
 * 02, by hand: a loop in one small file, without eddy.
 *
 * It has what 03 and 02 used: a queue of functions that are ready (call_soon), a list of
 * timers (call_later), and run, which takes from both. The list of timers is kept in
 * three ways here:
 *
 * 1. Sorted again after each booking. Right, and slow: the work grows with the square.
 * 2. As a heap: a tree in an array in which nobody is due after its children. Booking and
 *    taking out cost only a walk from leaf to root. But equal deadlines lose their order.
 * 3. As a heap that compares the booking's number when deadlines are equal.
 *
 * The third is what eddy has. What is bad about this one: fixed arrays, no cancel, no
 * sockets to wait for, and a clock that only jumps.
 *
 * Next: 04_ties sees the third rule in eddy.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { LIMIT = 2048, TIMERS = 2000 };

typedef void callback(void *arg);

struct entry {
  int64_t deadline;
  uint64_t number; /* 1 is the first booking */
  callback *fn;
  void *arg;
};

static struct entry ready[LIMIT], timers[LIMIT];
static size_t ready_first, ready_count, timer_count;
static uint64_t bookings;
static int64_t now;
static bool as_heap, by_number; /* which of the three ways */
static long comparisons;

static void require_room(size_t count)
{
  if (count < LIMIT) return;
  fputs("02_own_loop: no room\n", stderr);
  exit(1);
}

/* Negative: a is due before b. qsort wants exactly this form. */
static int compare(const void *left, const void *right)
{
  const struct entry *a = left, *b = right;
  comparisons++;
  if (a->deadline != b->deadline) return a->deadline < b->deadline ? -1 : 1;
  if (!by_number || a->number == b->number) return 0;
  return a->number < b->number ? -1 : 1;
}

static void swap(size_t i, size_t j)
{
  struct entry entry = timers[i];
  timers[i] = timers[j];
  timers[j] = entry;
}

/* The last entry rises above every parent that is due after it. */
static void rise(void)
{
  for (size_t i = timer_count - 1; i > 0; i = (i - 1) / 2) {
    if (compare(&timers[i], &timers[(i - 1) / 2]) >= 0) return;
    swap(i, (i - 1) / 2);
  }
}

/* The first entry sinks below every child that is due before it. */
static void sink(void)
{
  for (size_t i = 0, child; (child = 2 * i + 1) < timer_count; i = child) {
    bool right = child + 1 < timer_count &&
                 compare(&timers[child + 1], &timers[child]) < 0;
    if (right) child++;
    if (compare(&timers[child], &timers[i]) >= 0) return;
    swap(i, child);
  }
}

static void call_soon(callback *fn, void *arg)
{
  require_room(ready_count);
  ready[(ready_first + ready_count++) % LIMIT] = (struct entry){.fn = fn, .arg = arg};
}

static void call_later(int64_t delay, callback *fn, void *arg)
{
  require_room(timer_count);
  timers[timer_count++] = (struct entry){now + delay, ++bookings, fn, arg};
  if (as_heap) {
    rise();
  } else {
    qsort(timers, timer_count, sizeof timers[0], compare);
  }
}

static struct entry take_timer(void)
{
  struct entry entry = timers[0];
  timer_count--;
  if (as_heap) {
    timers[0] = timers[timer_count];
    sink();
  } else {
    for (size_t i = 0; i < timer_count; i++)
      timers[i] = timers[i + 1];
  }
  return entry;
}

static void run(void)
{
  while (ready_count > 0 || timer_count > 0) {
    /* Nobody is ready: this is where a real loop sleeps until the next deadline. */
    if (ready_count == 0 && now < timers[0].deadline) now = timers[0].deadline;
    while (timer_count > 0 && timers[0].deadline <= now) {
      struct entry due = take_timer();
      call_soon(due.fn, due.arg);
    }
    /* Only what is ready by now: one who queues himself again and again must not
     * keep the timers waiting. */
    for (size_t turn = ready_count; turn > 0; turn--) {
      struct entry entry = ready[ready_first];
      ready_first = (ready_first + 1) % LIMIT;
      ready_count--;
      entry.fn(entry.arg);
    }
  }
}

/* ---- the three ways compared ---- */

static int order[TIMERS], order_count;

static void note(void *arg)
{
  order[order_count++] = *(int *)arg;
}

/* Books TIMERS different deadlines, shuffled, and runs; returns how many comparisons it
 * took. The deadlines are those of numbers[i] = i, so that the order noted should be 1,
 * 2, 3 ... */
static long run_shuffled(bool heap)
{
  static int numbers[TIMERS];
  uint32_t random = 1;
  for (int i = 0; i < TIMERS; i++)
    numbers[i] = i + 1;
  for (uint32_t i = TIMERS - 1; i > 0; i--) {
    random = random * 1664525u + 1013904223u;
    uint32_t j = (random >> 8) % (i + 1);
    int number = numbers[i];
    numbers[i] = numbers[j];
    numbers[j] = number;
  }
  as_heap = heap;
  comparisons = 0;
  order_count = 0;
  for (int i = 0; i < TIMERS; i++)
    call_later(numbers[i], note, &numbers[i]);
  run();
  return comparisons;
}

static bool in_order(int count)
{
  for (int i = 0; i < count; i++) {
    if (order[i] != i + 1) return false;
  }
  return order_count == count;
}

static void say(void *text)
{
  puts(text);
}

static void book_ties(void *unused)
{
  static char ties[9][6] = {
      "tie A", "tie B", "tie C", "tie D", "tie E", "tie F", "tie G", "tie H", "tie I"};
  (void)unused;
  call_later(3, say, "later");
  for (int i = 0; i < 9; i++)
    call_later(2, say, ties[i]);
  call_later(1, say, "earlier");
}

int main(void)
{
  long sorted = run_shuffled(false);
  bool same = in_order(TIMERS);
  long heap = run_shuffled(true);
  same = same && in_order(TIMERS);
  printf("same order: %s\n", same ? "yes" : "no");
  printf("heap needs under a tenth of the comparisons: %s\n",
      heap < sorted / 10 ? "yes" : "no");

  static int numbers[9];
  order_count = 0;
  for (int i = 0; i < 9; i++) {
    numbers[i] = i + 1;
    call_later(1, note, &numbers[i]);
  }
  run();
  printf("heap on the deadline alone keeps the order: %s\n", in_order(9) ? "yes" : "no");

  by_number = true;
  call_soon(book_ties, NULL);
  run();
  return 0;
}
