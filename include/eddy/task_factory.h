/* How a loop makes its tasks: a factory of the program's own, and the eager one. */
#ifndef EDDY_TASK_FACTORY_H
#define EDDY_TASK_FACTORY_H

#include <eddy/task.h>

/** What a task is to run: a function on a stack of its own, or a coroutine. */
typedef struct eddy_task_body {
  eddy_fn *fn; /* NULL: coro */
  void *arg;
  eddy_coro *coro;
} eddy_task_body;

/**
 * Makes a task for eddy_create_task and its kin, on a loop that takes work.
 *
 * body      borrowed for the call.
 * options   borrowed for the call; NULL: none.
 * out       never NULL; owned by the caller: what eddy_task_new gives.
 * arg       the factory's own.
 * Returns   0, or a negative code, which becomes that of eddy_create_task.
 */
typedef int eddy_task_factory(eddy_loop *loop, const eddy_task_body *body,
    const eddy_task_options *options, eddy_task **out, void *arg);

EDDY_BEGIN_DECLS

/**
 * Makes a task whatever the loop's factory is: what a factory calls.
 *
 * With options.eager_start, on the running loop, the task's first step runs inside this
 * call, as the task: eddy_current_task, the message and the value of the caller are put
 * back when it suspends or ends. A task that ends in it is done on return and was never
 * queued; its error is stored, not returned. A function runs on its own stack there too, a
 * coroutine on that of the caller.
 *
 * asyncio   asyncio.Task()
 * Context   the loop's thread.
 * loop      NULL: the running one; one that does not run starts no task eagerly.
 * body      borrowed for the call; what it points to is kept as with eddy_create_task.
 * options   borrowed; NULL: none.
 * out       owned: eddy_task_unref; NULL: the loop alone owns it. Set when the first step
 *           is over.
 * Returns   0; EDDY_EINVAL (body NULL, or not one of both); as eddy_create_task.
 * Cost      as eddy_create_task; an eager start switches twice.
 */
EDDY_API EDDY_NODISCARD int eddy_task_new(eddy_loop *loop, const eddy_task_body *body,
    const eddy_task_options *options, eddy_task **out);

/** Sets who makes the loop's tasks: every eddy_create_task of any kind goes through it; NULL:
 * eddy_task_new. asyncio: loop.set_task_factory(). Loop thread. */
EDDY_API void eddy_loop_set_task_factory(
    eddy_loop *loop, eddy_task_factory *factory, void *arg);

/** The factory set and its argument; NULL if there is none.
 * asyncio: loop.get_task_factory(). */
EDDY_API eddy_task_factory *eddy_loop_get_task_factory(
    const eddy_loop *loop, void **arg);

/**
 * A factory whose tasks start eagerly, but for those created with EDDY_EAGER_START_FALSE:
 * `eddy_loop_set_task_factory(loop, eddy_eager_task_factory, NULL)`.
 *
 * asyncio   asyncio.eager_task_factory
 * Returns   as eddy_task_new.
 */
EDDY_API EDDY_NODISCARD int eddy_eager_task_factory(eddy_loop *loop,
    const eddy_task_body *body, const eddy_task_options *options, eddy_task **out,
    void *arg);

EDDY_END_DECLS

#endif
