#include <eddy/event.h>

#include <stdint.h>
#include <stdio.h>

#include "sync/line.h"

struct eddy_event {
  size_t refs;
  bool set;
  eddy_loop *loop; /* eddy__bind */
  struct eddy__link line;
};

int eddy_event_new(eddy_event **out)
{
  if (out == NULL) return EDDY_EINVAL;
  eddy_event *event = eddy__alloc(sizeof(*event));
  if (event == NULL) return EDDY_ENOMEM;
  event->refs = 1;
  eddy__list_init(&event->line);
  *out = event;
  return 0;
}

eddy_event *eddy_event_ref(eddy_event *event)
{
  event->refs++;
  return event;
}

void eddy_event_unref(eddy_event *event)
{
  if (event == NULL || --event->refs > 0) return;
  eddy__unbind(event->loop);
  eddy__free(event);
}

void eddy_event_set(eddy_event *event)
{
  if (event == NULL) return;
  event->set = true;
  eddy__line_notify(&event->line, SIZE_MAX);
}

void eddy_event_clear(eddy_event *event)
{
  if (event != NULL) event->set = false;
}

bool eddy_event_is_set(const eddy_event *event)
{
  return event->set;
}

static void describe_wait(const eddy_task *task, char *text, size_t size)
{
  snprintf(text, size, "event %p", task->wait.object);
}

static int end_wait(eddy_task *task, int rc)
{
  eddy_event_unref(task->wait.object);
  return rc;
}

static const struct eddy__wait_type event_wait = {NULL, describe_wait, end_wait, "event"};

int eddy_event_wait(eddy_event *event)
{
  int rc;
  bool resumed;
  eddy_task *task = eddy__wait_begin(&resumed, &rc);
  if (task == NULL) return rc;
  if (resumed) return end_wait(task, rc);
  if (event == NULL) return EDDY_EINVAL;
  if (event->set) return 0;
  rc = eddy__bind(&event->loop, task->future.loop, "event wait");
  if (rc < 0) return rc;
  eddy_event_ref(event);
  return eddy__line_wait(&event->line, task, &event_wait, event);
}
