/*
 * 12, by hand: a queue between tasks, on eddy's generators, mistakes included.
 *
 * 1. A consumer that asks the empty queue again and again keeps the scheduler so busy
 * that the sleeping producer is never looked at.
 * 2. So it has to leave the scheduler: the task goes to the queue's waiting list, and a
 * put moves the first one back to the ready queue. It is resumed when there is something.
 * 3. Woken does not mean served: somebody else may have taken the item meanwhile, or it
 * was a close that woke it. A get that tests with `if` takes from an empty queue; it has
 * to test again, with `while`.
 * 4. A close has to wake everybody who waits. Waking one, as a put does, leaves the
 * others waiting for ever.
 *
 * What is bad about it: nobody says so when tasks are left waiting; one has to count.
 *
 * Next: 12_producer_coroutines, with eddy's queue. If tasks of eddy are left waiting, its
 * loop ends with EDDY_EDEADLOCK and lists them.
 */
#include <stdio.h>

#include <eddy.h>

/* ---- the scheduler of 11_own_sleep, with one length of sleep and no clock ---- */

struct task {
  eddy_fn *fn;
  void *arg;
  eddy_gen *gen;
  struct task *next; /* in one of the lists, or in none while it runs */
};

struct list {
  struct task *first;
};

static struct task *current;
static struct list ready, sleeping;

static void append(struct list *list, struct task *task)
{
  struct task **place = &list->first;
  while (*place != NULL)
    place = &(*place)->next;
  task->next = NULL;
  *place = task;
}

static struct task *take(struct list *list)
{
  struct task *task = list->first;
  if (task != NULL) list->first = task->next;
  return task;
}

static int body(eddy_gen *gen, void *arg)
{
  struct task *task = arg;
  (void)gen;
  return task->fn(task->arg);
}

static int spawn(struct task *task, eddy_fn *fn, void *arg)
{
  *task = (struct task){.fn = fn, .arg = arg};
  int rc = eddy_gen_new(body, task, &task->gen);
  if (rc == 0) append(&ready, task);
  return rc;
}

/* Puts the current task in a list and goes on with the next one that is ready. */
static int wait_in(struct list *list)
{
  append(list, current);
  return eddy_gen_yield(current->gen, eddy_int(0), NULL);
}

static int run(void)
{
  int rc = 0;
  while (rc == 0) {
    current = take(&ready);
    if (current == NULL) current = take(&sleeping); /* only if nobody is ready */
    if (current == NULL) return 0;
    rc = eddy_gen_next(current->gen, NULL);
    if (rc == EDDY_STOP) rc = 0;
  }
  return rc;
}

/* ---- the queue ---- */

struct queue {
  int items[8];
  size_t first, last;
  bool closed;
  bool test_once;  /* mistake 3: `if` in place of `while` */
  bool wakes_once; /* mistake 4: close wakes as put does */
  struct list waiting;
};

static bool is_empty(const struct queue *queue)
{
  return queue->first == queue->last;
}

static bool wake_one(struct queue *queue)
{
  struct task *task = take(&queue->waiting);
  if (task != NULL) append(&ready, task);
  return task != NULL;
}

static void put(struct queue *queue, int item)
{
  queue->items[queue->last++] = item; /* room enough for all that this file puts */
  wake_one(queue);
}

static int get(struct queue *queue, int *item)
{
  while (is_empty(queue)) {
    if (queue->closed) return EDDY_EQUEUESHUTDOWN;
    int rc = wait_in(&queue->waiting);
    if (rc < 0) return rc;
    if (queue->test_once) break;
  }
  if (is_empty(queue)) return EDDY_EQUEUEEMPTY; /* without this line: any number at all */
  *item = queue->items[queue->first++];
  return 0;
}

static void close_queue(struct queue *queue)
{
  queue->closed = true;
  while (wake_one(queue) && !queue->wakes_once) {
    /* the next one */
  }
}

/* ---- 1: asking again and again ---- */

static int polling_consumer(void *arg)
{
  const struct queue *queue = arg;
  int turns = 0, rc = 0;
  for (; rc == 0 && is_empty(queue) && turns < 1000; turns++)
    rc = wait_in(&ready);
  if (turns == 1000) printf("polling consumer gave up after %d turns\n", turns);
  return rc;
}

static int late_producer(void *queue)
{
  int rc = wait_in(&sleeping);
  if (rc < 0) return rc;
  puts("late producer ran");
  put(queue, 0);
  return 0;
}

static int run_polling(void)
{
  struct task a = {.gen = NULL}, b = {.gen = NULL};
  struct queue queue = {.first = 0};
  int rc = spawn(&a, late_producer, &queue);
  if (rc == 0) rc = spawn(&b, polling_consumer, &queue);
  if (rc == 0) rc = run();
  eddy_gen_free(a.gen);
  eddy_gen_free(b.gen);
  return rc;
}

/* ---- 2: the waiting list ---- */

struct getter {
  const char *name;
  struct queue *queue;
  int finished;
};

static int get_two(void *arg)
{
  const struct getter *self = arg;
  int rc = 0;
  for (int i = 0, item; rc == 0 && i < 2; i++) {
    rc = get(self->queue, &item);
    if (rc == 0) printf("%s got %d\n", self->name, item);
  }
  return rc;
}

static int put_four(void *queue)
{
  int rc = 0;
  for (int n = 0; rc == 0 && n < 4; n++) {
    put(queue, n);
    rc = wait_in(&ready);
  }
  return rc;
}

static int run_waiting(void)
{
  struct task a = {.gen = NULL}, b = {.gen = NULL}, c = {.gen = NULL};
  struct queue queue = {.first = 0};
  struct getter first = {.name = "first", .queue = &queue};
  struct getter second = {.name = "second", .queue = &queue};
  int rc = spawn(&a, get_two, &first);
  if (rc == 0) rc = spawn(&b, get_two, &second);
  if (rc == 0) rc = spawn(&c, put_four, &queue);
  if (rc == 0) rc = run();
  eddy_gen_free(a.gen);
  eddy_gen_free(b.gen);
  eddy_gen_free(c.gen);
  return rc;
}

/* ---- 3: testing once, and again ---- */

static int getter(void *arg)
{
  struct getter *self = arg;
  int item;
  int rc = get(self->queue, &item);
  if (rc == EDDY_EGENERATOREXIT) return rc; /* left waiting, and thrown away now */
  self->finished = 1;
  if (self->name == NULL) return 0;
  if (rc == EDDY_EQUEUEEMPTY) printf("%s: took from an empty queue\n", self->name);
  if (rc == EDDY_EQUEUESHUTDOWN) printf("%s: saw the close\n", self->name);
  return 0;
}

static int closer(void *queue)
{
  close_queue(queue);
  return 0;
}

/* Puts an item, which wakes the getter, and takes it back before the getter runs. */
static int contested(void *arg)
{
  struct queue *queue = arg;
  int item;
  put(queue, 0);
  int rc = get(queue, &item);
  if (rc < 0) return rc;
  puts("taken by contested");
  rc = wait_in(&ready);
  if (rc == 0) close_queue(queue);
  return rc;
}

static int run_getter(bool test_once, eddy_fn *other)
{
  struct task a = {.gen = NULL}, b = {.gen = NULL};
  struct queue queue = {.test_once = test_once};
  struct getter self = {.name = test_once ? "if" : "while", .queue = &queue};
  int rc = spawn(&a, getter, &self);
  if (rc == 0) rc = spawn(&b, other, &queue);
  if (rc == 0) rc = run();
  eddy_gen_free(a.gen);
  eddy_gen_free(b.gen);
  return rc;
}

/* ---- 4: close wakes one, or all ---- */

static int run_close(bool wakes_once)
{
  struct task tasks[4] = {{.gen = NULL}};
  struct queue queue = {.wakes_once = wakes_once};
  struct getter getters[3];
  int rc = 0;
  for (int i = 0; rc == 0 && i < 3; i++) {
    getters[i] = (struct getter){.queue = &queue};
    rc = spawn(&tasks[i], getter, &getters[i]);
  }
  if (rc == 0) rc = spawn(&tasks[3], closer, &queue);
  if (rc == 0) rc = run();
  if (rc == 0) {
    int finished = getters[0].finished + getters[1].finished + getters[2].finished;
    printf("close wakes %s: %d of 3 finished, %d stuck\n", wakes_once ? "one" : "all",
        finished, 3 - finished);
  }
  for (int i = 0; i < 4; i++)
    eddy_gen_free(tasks[i].gen);
  return rc;
}

int main(void)
{
  int rc = run_polling();
  if (rc == 0) rc = run_waiting();
  if (rc == 0) rc = run_getter(true, closer);
  if (rc == 0) rc = run_getter(false, closer);
  if (rc == 0) rc = run_getter(true, contested);
  if (rc == 0) rc = run_getter(false, contested);
  if (rc == 0) rc = run_close(true);
  if (rc == 0) rc = run_close(false);
  if (rc < 0) fprintf(stderr, "12_own_queue: %s\n", eddy_strerror(rc));
  return rc < 0;
}
