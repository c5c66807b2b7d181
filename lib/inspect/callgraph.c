#include <eddy/callgraph.h>

#include <eddy/inspect.h>
#include <limits.h>
#include <string.h>

#include "task/task.h"

/* ---- edges ---- */

/* Each knows the records of one kind of waiter on a future's list. */
static eddy_future *(*const finders[])(struct eddy__done *done) = {eddy__await_waiter,
    eddy__gather_waiter, eddy__shield_waiter, eddy__wait_waiter, eddy__wait_for_waiter,
    eddy__as_completed_waiter, eddy__task_group_waiter};

/* What waits through this record, or NULL: a callback of the program's own. */
static eddy_future *find_waiter(struct eddy__done *done)
{
  eddy_future *waiter = NULL;
  for (size_t i = 0; i < sizeof(finders) / sizeof(finders[0]) && waiter == NULL; i++) {
    waiter = finders[i](done);
  }
  return waiter;
}

/* The first waiter whose record comes after this place of a future's list, which is moved on
 * to it; NULL if there is none. The list of a future that is done holds something else. */
static eddy_future *next_waiter(eddy_future *future, struct eddy__link **place)
{
  eddy_future *waiter = NULL;
  if (future->state != EDDY__PENDING) return NULL;
  while (waiter == NULL && (*place)->next != &future->callbacks) {
    *place = (*place)->next;
    waiter = find_waiter(EDDY__ENTRY(*place, struct eddy__done, link));
  }
  return waiter;
}

static bool has_waiter(eddy_future *future)
{
  struct eddy__link *place = &future->callbacks;
  return next_waiter(future, &place) != NULL;
}

/* ---- capture ---- */

/* A graph: its first node is what the program holds. While it is being built the nodes move,
 * so that they name each other and their texts by index; finish puts pointers in place. */
struct graph {
  char *text; /* every string of it */
  size_t count;
  eddy_call_graph nodes[];
};

/* A node under construction. */
struct node {
  eddy_future *future; /* referenced */
  size_t awaits;       /* index; its own for the first node */
  size_t awaited_by;   /* index of the first waiter */
  size_t count;
  size_t level;
  size_t name, site, waits_for; /* offsets into the text */
  bool repeated;
  bool cut;
};

struct builder {
  struct node *nodes;
  size_t count, capacity;
  char *text;
  size_t length, room;
};

static void drop_builder(struct builder *builder)
{
  for (size_t i = 0; i < builder->count; i++) {
    eddy_future_unref(builder->nodes[i].future);
  }
  eddy__free(builder->nodes);
  eddy__free(builder->text);
}

static int add_node(struct builder *builder, eddy_future *future, size_t awaits)
{
  if (builder->count == builder->capacity) {
    size_t capacity = builder->capacity > 0 ? 2 * builder->capacity : 8;
    struct node *nodes = eddy__realloc(builder->nodes, capacity * sizeof(*nodes));
    if (nodes == NULL) return EDDY_ENOMEM;
    builder->nodes = nodes;
    builder->capacity = capacity;
  }
  struct node *node = &builder->nodes[builder->count++];
  *node = (struct node){.future = eddy_future_ref(future), .awaits = awaits};
  if (builder->count > 1) node->level = builder->nodes[awaits].level + 1;
  return 0;
}

/* Adds the waiters of a node, which are then neighbours. */
static int expand(struct builder *builder, size_t index)
{
  eddy_future *future = builder->nodes[index].future;
  size_t first = builder->count;
  struct eddy__link *place = &future->callbacks;
  eddy_future *waiter;
  builder->nodes[index].awaited_by = first;
  while ((waiter = next_waiter(future, &place)) != NULL) {
    int rc = add_node(builder, waiter, index);
    if (rc < 0) return rc;
  }
  builder->nodes[index].count = builder->count - first;
  return 0;
}

/* The node after this one on the way from the top down; the first when there is none. */
static size_t next_node(const struct node *nodes, size_t index)
{
  if (nodes[index].count > 0) return nodes[index].awaited_by;
  while (index > 0) {
    const struct node *below = &nodes[nodes[index].awaits];
    if (index + 1 < below->awaited_by + below->count) return index + 1;
    index = nodes[index].awaits;
  }
  return 0;
}

/* Walks from the top down, each future's waiters once: a future that was met is marked. */
static int collect(struct builder *builder, size_t limit)
{
  size_t index = 0;
  do {
    struct node *node = &builder->nodes[index];
    if (node->future->marked) {
      node->repeated = true;
    } else if (limit > 0 && node->level == limit) {
      node->cut = has_waiter(node->future);
    } else {
      node->future->marked = true;
      int rc = expand(builder, index);
      if (rc < 0) return rc;
    }
    index = next_node(builder->nodes, index);
  } while (index > 0);
  return 0;
}

/* Keeps a string; *offset says where. */
static int keep(struct builder *builder, const char *text, size_t *offset)
{
  size_t size = strlen(text) + 1;
  if (builder->room - builder->length < size) {
    size_t room = 2 * builder->room + size + 64;
    char *bytes = eddy__realloc(builder->text, room);
    if (bytes == NULL) return EDDY_ENOMEM;
    builder->text = bytes;
    builder->room = room;
  }
  memcpy(builder->text + builder->length, text, size);
  *offset = builder->length;
  builder->length += size;
  return 0;
}

static int describe(struct builder *builder, struct node *node)
{
  char text[200];
  eddy_task *task = eddy__future_task(node->future);
  eddy__future_describe(node->future, text, sizeof(text));
  int rc = keep(builder, text, &node->name);
  if (rc < 0 || task == NULL) return rc;
  if (task->site != NULL) rc = keep(builder, task->site, &node->site);
  if (rc < 0) return rc;
  (void)eddy_task_waits_for(task, text, sizeof(text));
  return keep(builder, text, &node->waits_for);
}

static struct graph *finish(const struct builder *builder)
{
  struct graph *graph = eddy__alloc(
      sizeof(*graph) + builder->count * sizeof(graph->nodes[0]));
  if (graph == NULL) return NULL;
  graph->text = builder->text;
  graph->count = builder->count;
  for (size_t i = 0; i < builder->count; i++) {
    const struct node *node = &builder->nodes[i];
    eddy_task *task = eddy__future_task(node->future);
    graph->nodes[i] = (eddy_call_graph){.future = node->future,
        .task = task,
        .name = graph->text + node->name,
        .repeated = node->repeated,
        .cut = node->cut,
        .count = node->count};
    eddy_call_graph *out = &graph->nodes[i];
    if (task != NULL && task->site != NULL) out->site = graph->text + node->site;
    if (task != NULL) out->waits_for = graph->text + node->waits_for;
    if (i > 0) out->awaits = &graph->nodes[node->awaits];
    if (node->count > 0) out->awaited_by = &graph->nodes[node->awaited_by];
  }
  return graph;
}

int eddy_capture_call_graph(eddy_future *future, size_t limit, eddy_call_graph **out)
{
  if (out == NULL) return EDDY_EINVAL;
  if (future == NULL && eddy__self.loop == NULL) {
    return eddy_raise(EDDY_ENOLOOP,
        "call graph: no loop is running in this thread, so there "
        "is no current task; name a future");
  }
  if (future == NULL && eddy__self.task == NULL) {
    *out = NULL;
    return 0;
  }
  if (future == NULL) future = &eddy__self.task->future;
  struct builder builder = {0};
  struct graph *graph = NULL;
  int rc = add_node(&builder, future, 0);
  if (rc == 0) rc = collect(&builder, limit);
  for (size_t i = 0; i < builder.count; i++) {
    builder.nodes[i].future->marked = false;
  }
  for (size_t i = 0; i < builder.count && rc == 0; i++) {
    rc = describe(&builder, &builder.nodes[i]);
  }
  if (rc == 0) graph = finish(&builder);
  if (graph == NULL) {
    drop_builder(&builder);
    return EDDY_ENOMEM;
  }
  eddy__free(builder.nodes);
  *out = graph->nodes;
  return 0;
}

void eddy_call_graph_free(eddy_call_graph *node)
{
  if (node == NULL) return;
  struct graph *graph = EDDY__ENTRY(node, struct graph, nodes);
  for (size_t i = 0; i < graph->count; i++) {
    eddy_future_unref(graph->nodes[i].future);
  }
  eddy__free(graph->text);
  eddy__free(graph);
}

/* ---- text ---- */

/* Where text goes: to a stream, or to memory as far as there is room. */
struct writer {
  FILE *file;
  char *text;
  size_t size;
  size_t length;
};

static void put(struct writer *writer, const char *text)
{
  size_t length = strlen(text);
  if (writer->file != NULL) {
    fputs(text, writer->file);
  } else if (writer->length < writer->size) {
    size_t room = writer->size - writer->length - 1;
    size_t part = length < room ? length : room;
    memcpy(writer->text + writer->length, text, part);
    writer->text[writer->length + part] = '\0';
  }
  writer->length += length;
}

/* Whether it is the last of those that wait for the same. */
static bool is_last(const eddy_call_graph *node)
{
  const eddy_call_graph *below = node->awaits;
  return below == NULL || node + 1 == below->awaited_by + below->count;
}

static bool has_siblings(const eddy_call_graph *node)
{
  return node->awaits != NULL && node->awaits->count > 1;
}

/* The lines of trees that the node stands in, from the outermost on: a chain of single
 * waiters goes straight down, only those that wait side by side are moved to the right. The
 * way up is as long as the chain, so it is kept: `nodes` are those with siblings. */
struct trail {
  const eddy_call_graph **nodes;
  size_t count, capacity;
};

static int push(struct trail *trail, const eddy_call_graph *node)
{
  if (trail->count == trail->capacity) {
    size_t capacity = trail->capacity > 0 ? 2 * trail->capacity : 8;
    const eddy_call_graph **nodes = eddy__realloc(
        trail->nodes, capacity * sizeof(*nodes));
    if (nodes == NULL) return EDDY_ENOMEM;
    trail->nodes = nodes;
    trail->capacity = capacity;
  }
  trail->nodes[trail->count++] = node;
  return 0;
}

static void put_node(
    struct writer *writer, const struct trail *trail, const eddy_call_graph *node)
{
  bool branch = has_siblings(node);
  for (size_t i = 0; i + branch < trail->count; i++) {
    put(writer, is_last(trail->nodes[i]) ? "   " : "|  ");
  }
  if (branch) {
    put(writer, is_last(node) ? "`- " : "|- ");
  } else if (node->awaits != NULL) {
    put(writer, "<- ");
  }
  put(writer, node->name);
  if (node->site != NULL) {
    put(writer, ", created at ");
    put(writer, node->site);
  }
  if (node->waits_for != NULL) {
    put(writer, ": ");
    put(writer, node->waits_for);
  }
  put(writer, node->repeated ? " (shown above)\n" : node->cut ? " ...\n" : "\n");
}

static int put_graph(struct writer *writer, const eddy_call_graph *node)
{
  struct trail trail = {0};
  int rc = 0;
  while (node != NULL && rc == 0) {
    if (has_siblings(node)) rc = push(&trail, node);
    if (rc == 0) put_node(writer, &trail, node);
    if (node->count > 0) {
      node = node->awaited_by;
      continue;
    }
    bool last;
    do {
      if (has_siblings(node)) trail.count--;
      last = is_last(node);
      node = last ? node->awaits : node + 1;
    } while (last && node != NULL);
  }
  eddy__free(trail.nodes);
  return rc;
}

static int write_graph(struct writer *writer, eddy_future *future, size_t limit)
{
  eddy_call_graph *graph;
  int rc = eddy_capture_call_graph(future, limit, &graph);
  if (rc < 0) return rc;
  rc = put_graph(writer, graph);
  eddy_call_graph_free(graph);
  return rc;
}

int eddy_format_call_graph(eddy_future *future, size_t limit, char *text, size_t size)
{
  if (text == NULL && size > 0) return EDDY_EINVAL;
  struct writer writer = {.text = text, .size = size};
  if (size > 0) text[0] = '\0';
  int rc = write_graph(&writer, future, limit);
  if (rc < 0) return rc;
  return writer.length < INT_MAX ? (int)writer.length : INT_MAX;
}

int eddy_print_call_graph(eddy_future *future, size_t limit, FILE *file)
{
  if (file == NULL) return EDDY_EINVAL;
  struct writer writer = {.file = file};
  return write_graph(&writer, future, limit);
}
