/*
 * A process of the trace is a process here; a loop is a thread of it, with a slice for each step,
 * callback and poll; a task is a row of its own with a slice for its life and inside that one for
 * each thing it waits for. Arrows lead from who queued a step to the step.
 */
#include "tools/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/label.h"
#include "tools/tool.h"

#define DEPTH 64

struct writer {
  FILE *file;
  struct read_loop *loop;
  struct labels labels;
  size_t events;
  uint64_t arrows;
  uint64_t *arrow_of; /* by task: the arrow that waits for its step, or 0 */
  char **waits;       /* by task: what it waits for, whose slice is open */
  struct {
    const eddy_trace_event *begun;
    char *name;
  } running[DEPTH]; /* a step, and the first steps of eager tasks in it */
  size_t depth;
  const eddy_trace_event *poll;
  int64_t ready;
};

static void quoted(FILE *file, const char *text)
{
  fputc('"', file);
  for (; *text != '\0'; text++) {
    unsigned char c = (unsigned char)*text;
    if (c == '"' || c == '\\') {
      fprintf(file, "\\%c", c);
    } else if (c < 0x20 || c == 0x7f) {
      fprintf(file, "\\u%04x", c);
    } else {
      fputc(c, file);
    }
  }
  fputc('"', file);
}

/* An event up to its own fields; times are in microseconds. */
static void begin(
    struct writer *writer, const char *phase, const char *name, eddy_time time)
{
  fprintf(writer->file, "%s{\"ph\":\"%s\",\"pid\":%" PRIu32 ",\"tid\":%" PRIu32,
      writer->events++ > 0 ? ",\n" : "\n", phase, writer->loop->process,
      writer->loop->number);
  fprintf(writer->file, ",\"ts\":%" PRId64 ".%03d,\"name\":", time / 1000,
      (int)(time % 1000));
  quoted(writer->file, name);
}

static void end(struct writer *writer)
{
  fputc('}', writer->file);
}

static void metadata(struct writer *writer, const char *kind, const char *text)
{
  begin(writer, "M", kind, 0);
  fputs(",\"args\":{\"name\":", writer->file);
  quoted(writer->file, text);
  fputc('}', writer->file);
  end(writer);
}

/* A slice of the loop's row. */
static void slice(struct writer *writer, const char *category, const char *name,
    eddy_time from, eddy_time to)
{
  begin(writer, "X", name, from);
  eddy_time took = to > from ? to - from : 0;
  fprintf(writer->file, ",\"cat\":\"%s\",\"dur\":%" PRId64 ".%03d", category, took / 1000,
      (int)(took % 1000));
}

/* The beginning ("b") or end ("e") of a slice of a task's row. */
static void of_task(struct writer *writer, const char *phase, uint32_t task,
    const char *name, eddy_time time)
{
  begin(writer, phase, name, time);
  fprintf(writer->file, ",\"cat\":\"task\",\"id\":\"%" PRIu32 ".%" PRIu32 "\"",
      writer->loop->number, task);
}

static void close_wait(struct writer *writer, uint32_t task, eddy_time time)
{
  if (writer->waits[task] == NULL) return;
  of_task(writer, "e", task, writer->waits[task], time);
  end(writer);
  free(writer->waits[task]);
  writer->waits[task] = NULL;
}

static void open_wait(struct writer *writer, uint32_t task, char *what, eddy_time time)
{
  close_wait(writer, task, time);
  writer->waits[task] = what;
  of_task(writer, "b", task, what, time);
  end(writer);
}

static void arrow(
    struct writer *writer, const char *phase, uint64_t number, eddy_time time)
{
  begin(writer, phase, "wake", time);
  fprintf(writer->file, ",\"cat\":\"wake\",\"id\":%" PRIu64 "%s", number,
      phase[0] == 'f' ? ",\"bp\":\"e\"" : "");
  end(writer);
}

static void count_ready(struct writer *writer, int change, eddy_time time)
{
  writer->ready += change;
  begin(writer, "C", "ready", time);
  fprintf(writer->file, ",\"args\":{\"entries\":%" PRId64 "}", writer->ready);
  end(writer);
}

static void queued(struct writer *writer, const eddy_trace_event *event)
{
  count_ready(writer, 1, event->time);
  if (event->task == 0) return;
  if (event->detail != EDDY_TRACE_BY_OUTSIDE) {
    writer->arrow_of[event->task] = ++writer->arrows;
    arrow(writer, "s", writer->arrows, event->time);
  }
  if (writer->waits[event->task] != NULL)
    open_wait(writer, event->task, tool_text("ready"), event->time);
}

static void run(struct writer *writer, const eddy_trace_event *event)
{
  if (writer->ready > 0) count_ready(writer, -1, event->time);
  if (writer->depth == DEPTH) return;
  char **name = &writer->running[writer->depth].name;
  writer->running[writer->depth++].begun = event;
  if (event->task == 0) {
    *name = label_callback(&writer->labels, event, NULL);
    return;
  }
  *name = tool_text("%s", read_task_name(writer->loop, event->task));
  close_wait(writer, event->task, event->time);
  if (writer->arrow_of[event->task] != 0)
    arrow(writer, "f", writer->arrow_of[event->task], event->time);
  writer->arrow_of[event->task] = 0;
}

/* A step or callback is over. */
static void ran(struct writer *writer, const eddy_trace_event *event, const char *outcome)
{
  const eddy_trace_event *begun = writer->depth > 0
                                      ? writer->running[writer->depth - 1].begun
                                      : NULL;
  if (begun == NULL || begun->task != event->task) return;
  char *name = writer->running[--writer->depth].name;
  slice(writer, event->task != 0 ? "step" : "callback", name, begun->time, event->time);
  free(name);
  fputs(",\"args\":{\"then\":", writer->file);
  quoted(writer->file, outcome);
  if (event->task != 0) {
    fprintf(writer->file, ",\"task\":%" PRIu32 ",\"site\":", event->task);
    quoted(writer->file, writer->loop->tasks[event->task].site);
  }
  fputc('}', writer->file);
  end(writer);
}

static void parked(struct writer *writer, const eddy_trace_event *event)
{
  char *what = label_wait(&writer->labels, event);
  ran(writer, event, what);
  open_wait(writer, event->task, what, event->time);
}

static void created(struct writer *writer, const eddy_trace_event *event)
{
  of_task(
      writer, "b", event->task, read_task_name(writer->loop, event->task), event->time);
  fputs(",\"args\":{\"created at\":", writer->file);
  quoted(writer->file, writer->loop->tasks[event->task].site);
  fputs(",\"by\":", writer->file);
  quoted(
      writer->file, event->other != 0 ? read_task_name(writer->loop, event->other) : "");
  fputc('}', writer->file);
  end(writer);
  open_wait(writer, event->task, tool_text("ready"), event->time);
}

static void ended(struct writer *writer, const eddy_trace_event *event)
{
  int code = (int)(int64_t)event->value;
  ran(writer, event, code == 0 ? "ended" : eddy_err_name(code));
  close_wait(writer, event->task, event->time);
  of_task(
      writer, "e", event->task, read_task_name(writer->loop, event->task), event->time);
  end(writer);
}

static void instant(struct writer *writer, const eddy_trace_event *event, char *name)
{
  begin(writer, "i", name, event->time);
  fputs(",\"s\":\"t\"", writer->file);
  end(writer);
  free(name);
}

static void fired(struct writer *writer, const eddy_trace_event *event)
{
  begin(writer, "i", "timer fires", event->time);
  fprintf(writer->file,
      ",\"s\":\"t\",\"args\":{\"timer\":%" PRIu32 ",\"late ns\":%" PRId64 "}",
      event->other, event->time - (eddy_time)event->value);
  end(writer);
}

static void polled(struct writer *writer, const eddy_trace_event *event)
{
  if (writer->poll == NULL) return;
  slice(writer, "poll", "poll", writer->poll->time, event->time);
  fprintf(writer->file, ",\"args\":{\"operations\":%" PRIu32 "}", event->other);
  end(writer);
  writer->poll = NULL;
}

static void write_event(struct writer *writer, const eddy_trace_event *event)
{
  switch (event->kind) {
  case EDDY_TRACE_TASK:
    created(writer, event);
    break;
  case EDDY_TRACE_QUEUED:
    queued(writer, event);
    break;
  case EDDY_TRACE_RUN:
    run(writer, event);
    break;
  case EDDY_TRACE_RAN:
    ran(writer, event, event->other != 0 ? "an error" : "done");
    break;
  case EDDY_TRACE_PARKED:
    parked(writer, event);
    break;
  case EDDY_TRACE_ENDED:
    ended(writer, event);
    break;
  case EDDY_TRACE_CANCEL:
    instant(
        writer, event, tool_text("cancel %s", read_task_name(writer->loop, event->task)));
    break;
  case EDDY_TRACE_FIRED:
    fired(writer, event);
    break;
  case EDDY_TRACE_POLL:
    writer->poll = event;
    break;
  case EDDY_TRACE_POLLED:
    polled(writer, event);
    break;
  case EDDY_TRACE_TRIED:
    instant(writer, event,
        tool_text("%s on descriptor %u: %s", read_operation(event->detail), event->other,
            (int64_t)event->value == 0 ? "done"
            : (int64_t)event->value == EDDY_PENDING
                ? "waits"
                : eddy_err_name((int)(int64_t)event->value)));
    break;
  default:
    break;
  }
}

static void write_loop(struct writer *writer, struct read_loop *loop)
{
  for (size_t i = 0; i < loop->count; i++) {
    /* Whoever is named is there, and the rows below are large enough. */
    (void)read_task_name(loop, loop->events[i].task);
  }
  writer->loop = loop;
  labels_begin(&writer->labels, loop);
  writer->arrow_of = tool_memory(loop->tasks_count, sizeof(*writer->arrow_of));
  writer->waits = tool_memory(loop->tasks_count, sizeof(*writer->waits));
  char *name = tool_text("loop %" PRIu32 " (%s)", loop->number, loop->backend);
  metadata(writer, "thread_name", name);
  free(name);
  for (size_t i = 0; i < loop->count; i++) {
    labels_see(&writer->labels, &loop->events[i]);
    write_event(writer, &loop->events[i]);
  }
  eddy_time last = loop->count > 0 ? loop->events[loop->count - 1].time : 0;
  for (uint32_t task = 0; task < loop->tasks_count; task++)
    close_wait(writer, task, last);
  labels_end(&writer->labels);
  free(writer->arrow_of);
  free(writer->waits);
  while (writer->depth > 0)
    free(writer->running[--writer->depth].name);
  writer->poll = NULL;
  writer->ready = 0;
}

int json_write(const char *name, struct read_file *file, size_t *events)
{
  struct writer writer = {.file = fopen(name, "wbe")};
  if (writer.file == NULL) return tool_trouble("%s cannot be written", name);
  fputs("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[", writer.file);
  for (size_t i = 0; i < file->count; i++) {
    write_loop(&writer, &file->loops[i]);
  }
  fputs("\n]}\n", writer.file);
  bool good = fflush(writer.file) == 0 && ferror(writer.file) == 0;
  good = fclose(writer.file) == 0 && good;
  *events = writer.events;
  return good ? 0 : tool_trouble("%s: the disk is full, or failed", name);
}
