/*
 * Who waits for whom: from a future up to everything that waits for it.
 *
 * Nothing is recorded for this while a program runs: the graph is read off what futures keep
 * anyway, when someone asks. An edge is there from the call that waits (eddy_await, a wait
 * for several, a gather, a shield, a task group) until what is waited for is done.
 */
#ifndef EDDY_CALLGRAPH_H
#define EDDY_CALLGRAPH_H

#include <stdio.h>

#include <eddy/future.h>

/** A future, and what waits for it, as things stood when the graph was captured. */
typedef struct eddy_call_graph {
  /** Borrowed: the graph keeps it. */
  eddy_future *future;
  /** The future as a task; NULL if it is none. */
  eddy_task *task;
  /** "task 'fetch'", "gather 0x5581f02c", "future 0x5581f0e0". */
  const char *name;
  /** Where the task was created, "file:line text"; NULL: not known, or not a task. */
  const char *site;
  /** What the task was doing, as eddy_task_waits_for; NULL if it is not a task. */
  const char *waits_for;
  /** Its waiters stand where it is met first, walking from the top down: it waits for itself
   * in the end, or there are two ways to it. */
  bool repeated;
  /** It has waiters which `limit` left out. */
  bool cut;
  /** What it waits for, one step nearer to the future that was asked for; NULL for that. */
  const struct eddy_call_graph *awaits;
  /** The `count` nodes that wait for it, those that began earlier first. */
  const struct eddy_call_graph *awaited_by;
  size_t count;
} eddy_call_graph;

EDDY_BEGIN_DECLS

/**
 * Takes down what waits for a future, what waits for that, and so on.
 *
 * A ring of tasks that wait for each other is walked once: its last node is `repeated`.
 *
 * asyncio   asyncio.capture_call_graph() (FutureCallGraph; a C function leaves no frames to
 *           list, so a node has its creation site and its wait in their place)
 * Context   the loop's thread.
 * future    NULL: the current task.
 * limit     how many levels of waiters are followed; 0: all.
 * out       owned: eddy_call_graph_free; NULL when there is neither a future nor a task.
 * Returns   0; EDDY_ENOLOOP (future NULL, no loop running); EDDY_EINVAL (out NULL);
 *           EDDY_ENOMEM.
 * Cost      O(nodes) time and memory.
 */
EDDY_API EDDY_NODISCARD int eddy_capture_call_graph(
    eddy_future *future, size_t limit, eddy_call_graph **out);

/** Frees a whole graph: the node that eddy_capture_call_graph gave. NULL is allowed. */
EDDY_API void eddy_call_graph_free(eddy_call_graph *graph);

/**
 * Writes the graph as text, a line for each node, a waiter below what it waits for:
 *
 *     task 'leaf', created at main.c:20 leaf: timer, due in 1.500 s
 *     <- gather 0x5581f02c
 *     |- task 'a', created at main.c:41 caller: gather 0x5581f02c
 *     `- task 'b', created at main.c:42 caller: gather 0x5581f02c
 *        <- task 'main', created at main.c:60 run: task 'b'
 *
 * A node shown before ends in "(shown above)", one whose waiters `limit` left out in "...".
 *
 * asyncio   asyncio.format_call_graph()
 * Context   as eddy_capture_call_graph.
 * text      cut to `size`, always terminated unless size is 0.
 * Returns   the length of the whole text, as snprintf; as eddy_capture_call_graph. 0, with an
 *           empty text: there is neither a future nor a current task.
 */
EDDY_API EDDY_NODISCARD int eddy_format_call_graph(
    eddy_future *future, size_t limit, char *text, size_t size);

/** Writes the same text to a stream; blocks as stdio does. asyncio:
 * asyncio.print_call_graph(). Returns 0, or as eddy_capture_call_graph. */
EDDY_API EDDY_NODISCARD int eddy_print_call_graph(
    eddy_future *future, size_t limit, FILE *file);

EDDY_END_DECLS

#endif
