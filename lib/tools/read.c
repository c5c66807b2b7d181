#include "tools/read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <eddy/version.h>

#include "tools/tool.h"
#include "tools/unpack.h"

#define MOST_TEXTS (1u << 28)

static struct read_loop *find_loop(struct read_file *file, size_t first, uint32_t number)
{
  for (size_t i = first; i < file->count; i++) {
    if (file->loops[i].number == number) return &file->loops[i];
  }
  return NULL;
}

const char *read_text(const struct read_loop *loop, uint64_t number)
{
  if (number >= loop->texts_count || loop->texts[number] == NULL) return "";
  return loop->texts[number];
}

const char *read_operation(unsigned kind)
{
  static const char *const names[] = {"readable", "writable", "recv", "send", "accept",
      "connect", "read", "write", "recvfrom", "sendto", "recv batch", "sendfile"};
  return kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "operation";
}

static struct read_task *task_at(struct read_loop *loop, uint32_t number)
{
  while (loop->tasks_count <= number) {
    loop->tasks = tool_grow(
        loop->tasks, loop->tasks_count, &loop->tasks_capacity, sizeof(*loop->tasks));
    loop->tasks[loop->tasks_count++] = (struct read_task){.site = ""};
  }
  return &loop->tasks[number];
}

const char *read_task_name(struct read_loop *loop, uint32_t number)
{
  struct read_task *task = task_at(loop, number);
  if (task->name == NULL) task->name = tool_text("Task-%u", number);
  return task->name;
}

static void name_task(struct read_loop *loop, uint32_t number, uint64_t text)
{
  if (text == 0) return;
  struct read_task *task = task_at(loop, number);
  free(task->name);
  task->name = tool_text("%s", read_text(loop, text));
}

static void keep_text(
    struct read_loop *loop, uint32_t number, const char *text, size_t size)
{
  while (loop->texts_count <= number) {
    loop->texts = tool_grow(
        loop->texts, loop->texts_count, &loop->texts_capacity, sizeof(*loop->texts));
    loop->texts[loop->texts_count++] = NULL;
  }
  free(loop->texts[number]);
  loop->texts[number] = tool_text("%.*s", (int)size, text);
}

static void keep_event(struct read_loop *loop, const eddy_trace_event *event)
{
  loop->events = tool_grow(
      loop->events, loop->count, &loop->capacity, sizeof(*loop->events));
  loop->events[loop->count++] = *event;
}

/* What describes rather than happens. Whether it was that alone. */
static bool describe(struct read_loop *loop, const eddy_trace_event *event)
{
  struct read_task *task;
  switch (event->kind) {
  case EDDY_TRACE_LOOP:
    loop->backend = read_text(loop, event->other);
    loop->in_virtual_time = event->detail != 0;
    return true;
  case EDDY_TRACE_TASK:
    task = task_at(loop, event->task);
    task->parent = event->other;
    task->site = read_text(loop, event->value >> 32);
    name_task(loop, event->task, event->value & 0xffffffffu);
    (void)read_task_name(loop, event->task);
    loop->created++;
    return false;
  case EDDY_TRACE_NAME:
    name_task(loop, event->task, event->value);
    return true;
  case EDDY_TRACE_COUNTED:
    if (event->other <= EDDY_TRACE_STEPS) loop->counted[event->other] = event->value;
    loop->ended = true;
    return true;
  default:
    return false;
  }
}

/* The loop whose event this is; made anew by its first. NULL: the file is none. */
static struct read_loop *loop_of(
    struct read_file *file, size_t first, const eddy_trace_event *event)
{
  if (event->kind != EDDY_TRACE_BEGIN) return find_loop(file, first, event->loop);
  if (event->value != EDDY_TRACE_MAGIC || event->other != EDDY_TRACE_FORMAT) return NULL;
  file->loops = tool_grow(
      file->loops, file->count, &file->capacity, sizeof(*file->loops));
  struct read_loop *loop = &file->loops[file->count++];
  *loop = (struct read_loop){
      .number = event->loop, .process = event->task, .backend = ""};
  return loop;
}

static int take_in(struct read_file *file, struct unpack *from)
{
  size_t first = file->count;
  eddy_trace_event event;
  const char *text;
  while (unpack_next(from, &event, &text)) {
    struct read_loop *loop = loop_of(file, first, &event);
    if (loop == NULL) return TOOL_TROUBLE;
    if (event.kind == EDDY_TRACE_TEXT) {
      if (event.other <= MOST_TEXTS)
        keep_text(loop, event.other, text, (size_t)event.value);
    } else if (event.kind != EDDY_TRACE_BEGIN && !describe(loop, &event)) {
      keep_event(loop, &event);
    }
  }
  return from->bad || file->count == first ? TOOL_TROUBLE : 0;
}

int read_trace(const char *name, struct read_file *file)
{
  FILE *stream = fopen(name, "rb");
  if (stream == NULL) return tool_trouble("%s cannot be opened", name);
  unsigned char *bytes = NULL;
  size_t count = 0, capacity = 0, got;
  do {
    bytes = tool_grow(bytes, count, &capacity, 1);
    got = fread(bytes + count, 1, capacity - count, stream);
    count += got;
  } while (got > 0);
  (void)fclose(stream);
  struct unpack from = {.at = bytes, .end = bytes + count};
  int rc = take_in(file, &from);
  free(bytes);
  if (rc == 0) return 0;
  return tool_trouble(
      "%s is no trace of eddy's, or one of another version's (here it is %s)", name,
      eddy_version());
}

void read_free(struct read_file *file)
{
  for (size_t i = 0; i < file->count; i++) {
    struct read_loop *loop = &file->loops[i];
    for (size_t k = 0; k < loop->texts_count; k++)
      free(loop->texts[k]);
    for (size_t k = 0; k < loop->tasks_count; k++)
      free(loop->tasks[k].name);
    free(loop->texts);
    free(loop->tasks);
    free(loop->events);
  }
  free(file->loops);
  *file = (struct read_file){0};
}
