#include <eddy/semaphore.h>

#include <stdint.h>
#include <stdio.h>

#include "sync/line.h"

struct eddy_semaphore {
  size_t refs;
  size_t value;    /* units that nobody has, and that were handed to nobody */
  size_t bound;    /* SIZE_MAX: none */
  eddy_loop *loop; /* eddy__bind */
  struct eddy__link line;
};

static int new_semaphore(const char *call, int value, bool bounded, eddy_semaphore **out)
{
  if (out == NULL) return EDDY_EINVAL;
  if (value < 0) {
    return eddy_raise(
        EDDY_EINVAL, "%s: it starts with 0 units or more, not %d", call, value);
  }
  eddy_semaphore *semaphore = eddy__alloc(sizeof(*semaphore));
  if (semaphore == NULL) return EDDY_ENOMEM;
  semaphore->refs = 1;
  semaphore->value = (size_t)value;
  semaphore->bound = bounded ? (size_t)value : SIZE_MAX;
  eddy__list_init(&semaphore->line);
  *out = semaphore;
  return 0;
}

int eddy_semaphore_new(int value, eddy_semaphore **out)
{
  return new_semaphore("semaphore", value, false, out);
}

int eddy_bounded_semaphore_new(int value, eddy_semaphore **out)
{
  return new_semaphore("bounded semaphore", value, true, out);
}

eddy_semaphore *eddy_semaphore_ref(eddy_semaphore *semaphore)
{
  semaphore->refs++;
  return semaphore;
}

void eddy_semaphore_unref(eddy_semaphore *semaphore)
{
  if (semaphore == NULL || --semaphore->refs > 0) return;
  eddy__unbind(semaphore->loop);
  eddy__free(semaphore);
}

/* There is a unit: hands it to the first that waits for one. Returns whether there is such. */
static bool hand_over(eddy_semaphore *semaphore)
{
  struct eddy__link *line = &semaphore->line;
  for (struct eddy__link *link = line->next; link != line; link = link->next) {
    eddy_task *task = eddy__line_task(link);
    if (!eddy__line_waits(task)) continue;
    semaphore->value--;
    eddy__line_wake(task);
    return true;
  }
  return false;
}

static void describe_acquire(const eddy_task *task, char *text, size_t size)
{
  snprintf(text, size, "semaphore %p", task->wait.object);
}

/* A task that was woken has its unit; if it ends with an error it gives the unit back. Whoever
 * came meanwhile had to stand in line, and is woken while there are units. */
static int end_acquire(eddy_task *task, int rc)
{
  eddy_semaphore *semaphore = task->wait.object;
  bool woken = eddy__line_leave(task);
  if (rc < 0 && woken) semaphore->value++;
  while (semaphore->value > 0 && hand_over(semaphore)) {
  }
  eddy_semaphore_unref(semaphore);
  return rc;
}

static const struct eddy__wait_type acquire_wait = {
    eddy__line_cancel, describe_acquire, end_acquire, "semaphore"};

int eddy_semaphore_acquire(eddy_semaphore *semaphore)
{
  int rc;
  bool resumed;
  eddy_task *task = eddy__wait_begin(&resumed, &rc);
  if (task == NULL) return rc;
  if (resumed) return end_acquire(task, rc);
  if (semaphore == NULL) return EDDY_EINVAL;
  if (!eddy_semaphore_locked(semaphore)) {
    semaphore->value--;
    return 0;
  }
  rc = eddy__bind(&semaphore->loop, task->future.loop, "semaphore acquire");
  if (rc < 0) return rc;
  eddy_semaphore_ref(semaphore);
  return eddy__line_wait(&semaphore->line, task, &acquire_wait, semaphore);
}

int eddy_semaphore_release(eddy_semaphore *semaphore)
{
  if (semaphore == NULL) return EDDY_EINVAL;
  if (semaphore->value >= semaphore->bound) {
    return eddy_raise(EDDY_EINVAL,
        "semaphore release: semaphore %p has all its %zu units; release it once for each "
        "acquire",
        (void *)semaphore, semaphore->bound);
  }
  semaphore->value++;
  (void)hand_over(semaphore);
  return 0;
}

bool eddy_semaphore_locked(const eddy_semaphore *semaphore)
{
  return semaphore->value == 0 || !eddy__line_is_void(&semaphore->line);
}
