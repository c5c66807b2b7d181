#include "tools/summary.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tools/tool.h"

/* Where a task stands. */
struct task_state {
  eddy_time since; /* it waits, or is queued */
  eddy_time begun;
  const char *what;
  bool waits;
  bool ready;
  eddy_time queued;
};

static void add_time(struct summary_times *times, int64_t took)
{
  times->all = tool_grow(times->all, times->count, &times->capacity, sizeof(*times->all));
  times->all[times->count++] = took;
}

static struct summary_reason *reason_of(struct summary *summary, const char *what)
{
  for (size_t i = 0; i < summary->reasons_count; i++) {
    if (strcmp(summary->reasons[i].what, what) == 0) return &summary->reasons[i];
  }
  summary->reasons = tool_grow(summary->reasons, summary->reasons_count,
      &summary->reasons_capacity, sizeof(*summary->reasons));
  struct summary_reason *reason = &summary->reasons[summary->reasons_count++];
  *reason = (struct summary_reason){.what = tool_text("%s", what)};
  return reason;
}

static void add_wait(
    struct summary *summary, uint32_t task, const char *what, int64_t took)
{
  reason_of(summary, what)->total += took;
  struct summary_wait *last = &summary->longest[SUMMARY_LONGEST - 1];
  if (last->what != NULL && took <= last->took) return;
  free(last->what);
  *last = (struct summary_wait){task, tool_text("%s", what), took};
  for (size_t i = SUMMARY_LONGEST - 1; i > 0; i--) {
    struct summary_wait *upper = &summary->longest[i - 1], *lower = upper + 1;
    if (upper->what != NULL && upper->took >= lower->took) break;
    struct summary_wait swapped = *upper;
    *upper = *lower;
    *lower = swapped;
  }
}

static void task_event(struct read_loop *loop, struct summary *summary,
    struct task_state *state, const eddy_trace_event *event)
{
  switch (event->kind) {
  case EDDY_TRACE_QUEUED:
    if (state->waits)
      add_wait(summary, event->task, state->what, event->time - state->since);
    state->waits = false;
    state->ready = true;
    state->queued = event->time;
    break;
  case EDDY_TRACE_RUN:
    summary->steps++;
    if (state->ready) add_time(&summary->waiting, event->time - state->queued);
    state->ready = false;
    state->begun = event->time;
    break;
  case EDDY_TRACE_PARKED:
    summary->running += event->time - state->begun;
    state->what = event->other == 0 ? "its turn" : read_text(loop, event->other);
    reason_of(summary, state->what)->count++;
    state->waits = !state->ready;
    state->since = event->time;
    break;
  case EDDY_TRACE_ENDED:
    summary->ended++;
    summary->running += event->time - state->begun;
    break;
  case EDDY_TRACE_CANCEL:
    summary->cancels++;
    break;
  default:
    break;
  }
}

static void loop_event(struct summary *summary, const eddy_trace_event *event)
{
  switch (event->kind) {
  case EDDY_TRACE_RUN:
    summary->callbacks += event->task == 0;
    break;
  case EDDY_TRACE_TURN:
    summary->turns++;
    break;
  case EDDY_TRACE_POLL:
    summary->polls++;
    add_time(&summary->busy, event->time - summary->answered_at);
    summary->polled_at = event->time;
    break;
  case EDDY_TRACE_POLLED:
    summary->polling += event->time - summary->polled_at;
    summary->answered_at = event->time;
    summary->operations += event->other;
    break;
  case EDDY_TRACE_TRIED:
    summary->tried++;
    break;
  case EDDY_TRACE_FIRED:
    add_time(&summary->late, event->time - (eddy_time)event->value);
    break;
  default:
    break;
  }
}

static void sort(struct summary_times *times)
{
  if (times->count > 0)
    qsort(times->all, times->count, sizeof(*times->all), tool_compare_numbers);
}

void summary_make(struct read_loop *loop, struct summary *summary)
{
  *summary = (struct summary){.tasks = loop->created};
  if (loop->count > 0) summary->answered_at = loop->events[0].time;
  for (size_t i = 0; i < loop->count; i++) {
    (void)read_task_name(loop, loop->events[i].task);
  }
  struct task_state *states = tool_memory(loop->tasks_count, sizeof(*states));
  for (size_t i = 0; i < loop->count; i++) {
    const eddy_trace_event *event = &loop->events[i];
    loop_event(summary, event);
    bool of_task = event->kind != EDDY_TRACE_BOOKED && event->kind != EDDY_TRACE_TRIED;
    if (event->task != 0 && of_task)
      task_event(loop, summary, &states[event->task], event);
  }
  sort(&summary->late);
  sort(&summary->waiting);
  sort(&summary->busy);
  free(states);
}

void summary_free(struct summary *summary)
{
  for (size_t i = 0; i < summary->reasons_count; i++)
    free(summary->reasons[i].what);
  for (size_t i = 0; i < SUMMARY_LONGEST; i++)
    free(summary->longest[i].what);
  free(summary->reasons);
  free(summary->late.all);
  free(summary->waiting.all);
  free(summary->busy.all);
}

static void print_times(FILE *file, const char *label, const struct summary_times *times)
{
  if (times->count == 0) return;
  fprintf(file, "  %-22s p50 %s, p99 %s, most %s (%zu)\n", label,
      tool_time((double)tool_rank(times->all, times->count, 0.5)),
      tool_time((double)tool_rank(times->all, times->count, 0.99)),
      tool_time((double)times->all[times->count - 1]), times->count);
}

void summary_print(struct read_loop *loop, const struct summary *summary, FILE *file)
{
  fprintf(file, "loop %" PRIu32 " of process %" PRIu32 ", %s%s\n", loop->number,
      loop->process, loop->backend, loop->ended ? "" : " (the trace ends in the middle)");
  fprintf(file, "  %-22s %zu made, %zu ended, %zu requests to cancel\n", "tasks",
      summary->tasks, summary->ended, summary->cancels);
  fprintf(file, "  %-22s %zu, and %zu callbacks, in %zu iterations\n", "steps",
      summary->steps, summary->callbacks, summary->turns);
  fprintf(file, "  %-22s %s in steps, %s in polls\n", "time",
      tool_time((double)summary->running), tool_time((double)summary->polling));
  fprintf(file, "  %-22s %zu, which reported %zu operations; %zu were tried\n", "polls",
      summary->polls, summary->operations, summary->tried);
  bool adds_up = summary->steps == loop->counted[EDDY_TRACE_STEPS] &&
                 summary->polls == loop->counted[EDDY_TRACE_POLLS];
  if (loop->ended && !adds_up) {
    fprintf(file, "  %-22s the loop counted %" PRIu64 " steps and %" PRIu64 " polls\n",
        "it does not add up", loop->counted[EDDY_TRACE_STEPS],
        loop->counted[EDDY_TRACE_POLLS]);
  }
  print_times(file, "timers late by", &summary->late);
  print_times(file, "from ready to run", &summary->waiting);
  print_times(file, "busy between polls", &summary->busy);
  if (summary->reasons_count > 0) fputs("  waits\n", file);
  for (size_t i = 0; i < summary->reasons_count; i++) {
    const struct summary_reason *reason = &summary->reasons[i];
    fprintf(file, "    %-20s %zu, %s in all\n", reason->what, reason->count,
        tool_time((double)reason->total));
  }
  if (summary->longest[0].what != NULL) fputs("  longest\n", file);
  for (size_t i = 0; i < SUMMARY_LONGEST && summary->longest[i].what != NULL; i++) {
    const struct summary_wait *wait = &summary->longest[i];
    fprintf(file, "    %-20s %s for %s\n", read_task_name(loop, wait->task),
        tool_time((double)wait->took), wait->what);
  }
}
