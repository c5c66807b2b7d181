/* A trace file (eddy/trace.h) in memory. */
#ifndef EDDY_TOOLS_READ_H
#define EDDY_TOOLS_READ_H

#include <eddy/trace.h>

/* A task that occurs. */
struct read_task {
  char *name; /* "Task-3", or its own */
  const char *site;
  uint32_t parent;
};

/* One loop's trace. */
struct read_loop {
  uint32_t number;
  uint32_t process;
  const char *backend;
  bool in_virtual_time;
  /* But for texts and what describes the loop and its tasks' names. */
  eddy_trace_event *events;
  size_t count;
  size_t capacity;
  char **texts; /* by number; 0: "" */
  size_t texts_count;
  size_t texts_capacity;
  struct read_task *tasks; /* by number */
  size_t tasks_count;      /* the highest number and one */
  size_t tasks_capacity;
  size_t created;
  uint64_t counted[EDDY_TRACE_STEPS + 1];
  bool ended; /* the counters came: it is complete */
};

struct read_file {
  struct read_loop *loops;
  size_t count;
  size_t capacity;
};

/* Reads a file's loops behind those that are there: 0, or TOOL_TROUBLE with what was wrong said.
 * A file that ends in the middle is read as far as it goes. */
int read_trace(const char *name, struct read_file *file);
void read_free(struct read_file *file);

/* A text by its number; "" if it has none. */
const char *read_text(const struct read_loop *loop, uint64_t number);

/* A task's name, also of one that no event describes. */
const char *read_task_name(struct read_loop *loop, uint32_t number);

/* The word for an eddy_op_kind. */
const char *read_operation(unsigned kind);

#endif
