#include "sync/line.h"

/* As eddy__wait_wake, which takes the task off its list. */
static void wake_in_place(eddy_task *task, int status)
{
  struct eddy__link *before = task->wait.done.link.prev;
  eddy__wait_wake(task, status);
  eddy__list_prepend(before, &task->wait.done.link);
}

int eddy__line_wait(struct eddy__link *line, eddy_task *task,
    const struct eddy__wait_type *type, void *object)
{
  eddy__list_append(line, &task->wait.done.link);
  return eddy__wait(task, type, object);
}

bool eddy__line_leave(eddy_task *task)
{
  eddy__list_remove(&task->wait.done.link);
  return task->wait.granted;
}

void eddy__line_wake(eddy_task *task)
{
  task->wait.granted = true;
  wake_in_place(task, 0);
}

void eddy__line_notify(struct eddy__link *line, size_t n)
{
  struct eddy__link *next;
  for (struct eddy__link *link = line->next; n > 0 && link != line; link = next) {
    next = link->next;
    eddy_task *task = eddy__line_task(link);
    if (!eddy__line_waits(task)) continue;
    eddy__wait_wake(task, 0);
    n--;
  }
}

bool eddy__line_cancel(eddy_task *task, const char *message)
{
  eddy__task_set_cancel_message(task, message);
  wake_in_place(task, EDDY_ECANCELLED);
  return true;
}

bool eddy__line_is_void(const struct eddy__link *line)
{
  for (struct eddy__link *link = line->next; link != line; link = link->next) {
    const eddy_task *task = eddy__line_task(link);
    if (eddy__line_waits(task) || task->wait.granted) return false;
  }
  return true;
}

int eddy__bind_first(eddy_loop **slot, eddy_loop *loop, const char *what)
{
  if (*slot == NULL) {
    eddy__loop_ref(loop);
    *slot = loop;
    return 0;
  }
  return eddy_raise(EDDY_EOTHERLOOP, "%s: it is used by the tasks of another loop", what);
}

void eddy__unbind(eddy_loop *loop)
{
  if (loop != NULL) eddy__loop_unref(loop);
}
