/* Why two traces part: rows of events made by hand, as two schedulers would write them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/diff.h"
#include "tools/tool.h"

enum { LEFT = 1, RIGHT = 2 }; /* two tasks */

static int failures;

static void add(struct read_loop *loop, eddy_trace_event event)
{
  loop->events = tool_grow(
      loop->events, loop->count, &loop->capacity, sizeof(*loop->events));
  loop->events[loop->count++] = event;
}

/* A task books the timer of its own number and waits for it. */
static void book(struct read_loop *loop, uint32_t task, uint64_t due)
{
  add(loop, (eddy_trace_event){.kind = EDDY_TRACE_RUN, .task = task});
  add(loop, (eddy_trace_event){
                .kind = EDDY_TRACE_BOOKED, .task = task, .other = task, .value = due});
  add(loop, (eddy_trace_event){.kind = EDDY_TRACE_PARKED, .task = task});
}

/* The callback of a task's timer, or of its descriptor, is queued. */
static void found(struct read_loop *loop, uint32_t task, unsigned cause)
{
  add(loop, (eddy_trace_event){.kind = EDDY_TRACE_QUEUED,
                .detail = (uint8_t)cause,
                .other = task,
                .value = 100 + task});
}

static void runs(struct read_loop *loop, uint32_t task)
{
  add(loop, (eddy_trace_event){.kind = EDDY_TRACE_RUN, .value = 100 + task});
  add(loop,
      (eddy_trace_event){
          .kind = EDDY_TRACE_QUEUED, .task = task, .detail = EDDY_TRACE_BY_CALLBACK});
  add(loop, (eddy_trace_event){.kind = EDDY_TRACE_RAN, .value = 100 + task});
}

static void both(struct read_loop *loop, uint32_t first, unsigned first_cause,
    uint32_t second, unsigned second_cause)
{
  found(loop, first, first_cause);
  found(loop, second, second_cause);
  runs(loop, first);
  runs(loop, second);
}

static void end(struct read_loop *loop)
{
  for (size_t i = 0; i < loop->tasks_count; i++)
    free(loop->tasks[i].name);
  free(loop->tasks);
  free(loop->events);
}

/* The two part at step 3, for this reason; or do not part, if it is NULL. */
static void expect(
    const char *what, struct read_loop *a, struct read_loop *b, const char *words)
{
  struct diff diff;
  diff_make(a, b, &diff);
  char *reason = diff_reason(&diff, diff.first);
  bool good = words == NULL ? diff.differences == 0
                            : diff.first == 2 && strstr(reason, words) != NULL;
  if (!good) {
    fprintf(stderr, "%s: at %zu, \"%s\" instead of \"%s\"\n", what, diff.first, reason,
        words != NULL ? words : "no difference");
    failures++;
  }
  free(reason);
  diff_free(&diff);
  end(a);
  end(b);
}

static void timers(const char *what, const uint64_t a_due[2], const uint64_t b_due[2],
    bool swapped, const char *words)
{
  struct read_loop a = {0}, b = {0};
  book(&a, LEFT, a_due[0]);
  book(&a, RIGHT, a_due[1]);
  book(&b, LEFT, b_due[0]);
  book(&b, RIGHT, b_due[1]);
  both(&a, LEFT, EDDY_TRACE_BY_TIMER, RIGHT, EDDY_TRACE_BY_TIMER);
  if (swapped) {
    both(&b, RIGHT, EDDY_TRACE_BY_TIMER, LEFT, EDDY_TRACE_BY_TIMER);
  } else {
    both(&b, LEFT, EDDY_TRACE_BY_TIMER, RIGHT, EDDY_TRACE_BY_TIMER);
  }
  expect(what, &a, &b, words);
}

static void other_cause(const char *what, unsigned cause, const char *words)
{
  struct read_loop a = {0}, b = {0};
  book(&a, LEFT, 1000);
  book(&a, RIGHT, 9000);
  book(&b, LEFT, 1000);
  book(&b, RIGHT, 9000);
  both(&a, LEFT, EDDY_TRACE_BY_TIMER, RIGHT, cause);
  both(&b, RIGHT, cause, LEFT, EDDY_TRACE_BY_TIMER);
  expect(what, &a, &b, words);
}

int main(void)
{
  const uint64_t equal[] = {5000000, 5000000}, near[] = {5000000, 5200000},
                 far[] = {5000000, 95000000}, late[] = {95000000, 5000000};
  timers("the same", near, near, false, NULL);
  timers("other times, same order", near, far, false, NULL);
  timers("a tie", equal, equal, true,
      "a tie: both timers are due at the same time in A and in B");
  timers("a tie in A", equal, near, true, "a tie: due at the same time in A");
  timers("the grain", near, near, true,
      "the clock's grain: the two timers are only 200 us apart");
  timers("far apart", far, late, true,
      "timers: the two are due 90 ms apart in A and 90 ms in B");
  other_cause(
      "I/O", EDDY_TRACE_BY_IO, "I/O and a timer: B finds the descriptor ready first");
  other_cause("a thread", EDDY_TRACE_BY_THREAD, "another thread");
  struct read_loop a = {0}, b = {0};
  book(&a, LEFT, 1);
  book(&a, RIGHT, 1);
  book(&b, LEFT, 1);
  book(&b, RIGHT, 1);
  runs(&a, LEFT);
  expect("one ends", &a, &b, "B ends here, A goes on");
  return failures > 0;
}
