/* Traces: what is told, in which order, and how they end. */
#include "capture.h"

#define TEXTS 64

/* What a sink has taken in. */
static struct told {
  eddy_loop *loop;
  size_t events;
  size_t kinds[EDDY_TRACE_COUNTED + 1];
  uint64_t counted[EDDY_TRACE_STEPS + 1];
  char texts[TEXTS][64];
  bool quiet; /* no words */
  int fail_after;
} told;

static const char *text_of(uint64_t number)
{
  return number < TEXTS ? told.texts[number] : "?";
}

/* Times are told in milliseconds: they are whole ones in virtual time. */
static int ms(uint64_t time)
{
  return (int)(time / 1000000);
}

static void word(const eddy_trace_event *event)
{
  static const char *const causes[] = {"", "t", "c", "x", "io", "timer"};
  switch (event->kind) {
  case EDDY_TRACE_TASK:
    trace("task%u<%u", event->task, event->other);
    return;
  case EDDY_TRACE_QUEUED:
    if (event->task != 0) trace("q%u:%s", event->task, causes[event->detail]);
    if (event->task == 0) trace("q:%s", causes[event->detail]);
    return;
  case EDDY_TRACE_RUN:
    if (event->task != 0) trace("run%u", event->task);
    return;
  case EDDY_TRACE_PARKED:
    trace("park%u(%s)", event->task, text_of(event->other));
    return;
  case EDDY_TRACE_ENDED:
    trace("end%u", event->task);
    return;
  case EDDY_TRACE_CANCEL:
    trace("cancel%u<%u", event->task, event->other);
    return;
  case EDDY_TRACE_BOOKED:
    trace("book@%d", ms(event->value));
    return;
  case EDDY_TRACE_FIRED:
    trace("fire@%d", ms((uint64_t)event->time));
    return;
  case EDDY_TRACE_STOPPED:
    trace("stop@%d", ms(event->value));
    return;
  default:
    return;
  }
}

static int take_in(void *arg, const eddy_trace_event *events, size_t count)
{
  (void)arg;
  if (told.fail_after > 0 && --told.fail_after == 0) return EDDY_EIO;
  for (size_t i = 0; i < count; i++) {
    const eddy_trace_event *event = &events[i];
    told.events++;
    told.kinds[event->kind]++;
    if (event->kind == EDDY_TRACE_TEXT) {
      size_t size = (size_t)event->value;
      if (event->other < TEXTS && size < sizeof(told.texts[0]))
        memcpy(told.texts[event->other], event + 1, size);
      i += (size + sizeof(*event) - 1) / sizeof(*event);
    } else if (event->kind == EDDY_TRACE_COUNTED) {
      told.counted[event->other] = event->value;
    } else if (!told.quiet) {
      word(event);
    }
  }
  return 0;
}

static int begin(eddy_loop *loop)
{
  const eddy_trace_options options = {.sink = take_in};
  told = (struct told){.loop = loop};
  return eddy_loop_trace_start(loop, &options);
}

static int sleeper(void *ms_long)
{
  return eddy_sleep(EDDY_MS(*(int *)ms_long));
}

static int spawn_and_wait(void *ms_long)
{
  eddy_task *task;
  CHECK_OK(test_task(sleeper, ms_long, &task));
  return eddy_task_await(task, NULL);
}

EDDY_TEST_VIRTUAL(trace, tells_every_decision_in_order)
{
  static int length = 5;
  eddy_loop *loop;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(begin(loop));
  CHECK_OK(eddy_loop_create_task(loop, spawn_and_wait, &length, NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_OK(eddy_loop_trace_stop(loop));
  CHECK_TRACE("task1<0 q1: run1 task2<1 q2:t park1(future) run2 book@5 park2(timer) "
              "fire@5 q:timer q2:c run2 end2 q1:t run1 end1");
  return 0;
}

static int cancel_it(void *ms_long)
{
  eddy_task *task;
  CHECK_OK(test_task(sleeper, ms_long, &task));
  CHECK_OK(eddy_sleep(0));
  CHECK(eddy_task_cancel(task, NULL));
  CHECK_CODE(eddy_task_await(task, NULL), EDDY_ECANCELLED);
  return 0;
}

EDDY_TEST_VIRTUAL(trace, tells_of_a_cancelled_task_and_its_timer)
{
  static int length = 50;
  eddy_loop *loop;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(begin(loop));
  CHECK_OK(eddy_loop_create_task(loop, cancel_it, &length, NULL));
  CHECK_OK(eddy_loop_run(loop));
  CHECK_OK(eddy_loop_trace_stop(loop));
  CHECK_TRACE("task1<0 q1: run1 task2<1 q2:t q1:t park1() run2 book@50 park2(timer) run1 "
              "cancel2<1 q2:t park1(future) run2 stop@50 end2 q1:t run1 end1");
  return 0;
}

/* A bit of everything: yields, a queue, callbacks, sockets. */
static int worker(void *queue)
{
  for (int i = 0; i < 20; i++) {
    CHECK_OK(eddy_sleep(0));
    CHECK_OK(eddy_queue_put(queue, eddy_int(i)));
  }
  return 0;
}

static int busy(void *unused)
{
  eddy_queue *queue;
  eddy_value item;
  int fds[2];
  char byte;
  size_t got;
  (void)unused;
  CHECK_OK(test_queue(0, &queue));
  CHECK_OK(test_pair(fds));
  CHECK_OK(eddy_create_task(worker, queue, NULL));
  for (int i = 0; i < 20; i++)
    CHECK_OK(eddy_queue_get(queue, &item));
  CHECK_OK(eddy_sock_sendall(fds[1], "x", 1));
  CHECK_OK(eddy_sock_recv(fds[0], &byte, 1, &got));
  return eddy_sleep(EDDY_MS(1));
}

EDDY_TASK_TEST(trace, counts_as_the_statistics_do)
{
  eddy_loop *loop = eddy_get_running_loop();
  eddy_loop_stats before, after;
  eddy_task *task;
  CHECK_OK(begin(loop));
  told.quiet = true;
  eddy_loop_get_stats(loop, &before);
  CHECK_OK(test_task(busy, NULL, &task));
  CHECK_OK(eddy_task_await(task, NULL));
  eddy_loop_get_stats(loop, &after);
  CHECK_OK(eddy_loop_trace_stop(loop));
  CHECK_EQ(told.counted[EDDY_TRACE_STEPS], after.steps - before.steps);
  CHECK_EQ(told.counted[EDDY_TRACE_POLLS], after.polls - before.polls);
  CHECK_EQ(told.kinds[EDDY_TRACE_POLL], after.polls - before.polls);
  CHECK_EQ(told.kinds[EDDY_TRACE_POLLED], told.kinds[EDDY_TRACE_POLL]);
  CHECK_EQ(told.kinds[EDDY_TRACE_TASK], 3); /* the main task was there already */
  CHECK_EQ(told.kinds[EDDY_TRACE_ENDED], 2);
  /* Each callback that runs is over; so is each step, but for the one that ends the trace. */
  CHECK_EQ(told.kinds[EDDY_TRACE_RUN] - 1, told.kinds[EDDY_TRACE_RAN] +
                                               told.kinds[EDDY_TRACE_PARKED] +
                                               told.kinds[EDDY_TRACE_ENDED]);
  return 0;
}

static int do_nothing(void *unused)
{
  (void)unused;
  return 0;
}

EDDY_TASK_TEST(trace, tells_of_an_eager_step_inside_another)
{
  const eddy_task_options options = {
      .name = "eager", .eager_start = EDDY_EAGER_START_TRUE};
  eddy_loop *loop = eddy_get_running_loop();
  CHECK_OK(begin(loop));
  CHECK_OK(eddy_loop_create_task_with(loop, do_nothing, NULL, &options, NULL));
  CHECK_OK(eddy_loop_trace_stop(loop));
  CHECK_TRACE("task1<0 task2<1 run2 end2");
  return 0;
}

static int rename_self(void *unused)
{
  (void)unused;
  return eddy_task_set_name(eddy_current_task(), "second");
}

EDDY_TASK_TEST(trace, tells_names_and_where_tasks_were_made)
{
  const eddy_task_options options = {.name = "first", .site = "there.c:1 make"};
  eddy_loop *loop = eddy_get_running_loop();
  eddy_task *task;
  CHECK_OK(begin(loop));
  CHECK_OK(eddy_loop_create_task_with(loop, rename_self, NULL, &options, &task));
  int rc = eddy_task_await(task, NULL);
  eddy_task_unref(task);
  CHECK_OK(rc);
  CHECK_OK(eddy_loop_trace_stop(loop));
  bool first = false, second = false, site = false;
  for (int i = 0; i < TEXTS; i++) {
    first = first || strcmp(told.texts[i], "first") == 0;
    second = second || strcmp(told.texts[i], "second") == 0;
    site = site || strcmp(told.texts[i], "there.c:1 make") == 0;
  }
  CHECK(first && second && site);
  CHECK_EQ(told.kinds[EDDY_TRACE_NAME], 1);
  return 0;
}

EDDY_TASK_TEST(trace, of_a_loop_is_one_at_a_time)
{
  eddy_loop *loop = eddy_get_running_loop();
  const eddy_trace_options neither = {0}, both = {.file = "x", .sink = take_in};
  CHECK_CODE(eddy_loop_trace_start(loop, NULL), EDDY_EINVAL);
  CHECK_CODE(eddy_loop_trace_start(loop, &neither), EDDY_EINVAL);
  CHECK_CODE(eddy_loop_trace_start(loop, &both), EDDY_EINVAL);
  CHECK_CODE(eddy_loop_trace_start(NULL, &neither), EDDY_EINVAL);
  CHECK_OK(eddy_loop_trace_stop(loop));
  CHECK_OK(begin(loop));
  CHECK_CODE(begin(loop), EDDY_EBUSY);
  CHECK_OK(eddy_loop_trace_stop(loop));
  CHECK_OK(begin(loop));
  CHECK_OK(eddy_loop_trace_stop(loop));
  return 0;
}

EDDY_TASK_TEST(trace, ends_when_its_sink_fails_and_the_program_goes_on)
{
  const eddy_trace_options options = {.sink = take_in, .buffer = 64};
  eddy_loop *loop = eddy_get_running_loop();
  told = (struct told){.quiet = true, .fail_after = 2};
  struct capture *capture = capture_begin();
  int rc = eddy_loop_trace_start(loop, &options);
  for (int i = 0; rc == 0 && i < 200; i++)
    rc = eddy_sleep(0);
  const char *text = capture_end(capture);
  CHECK_OK(rc);
  CHECK_CONTAINS(text, "eddy: a trace ends after ");
  CHECK_CONTAINS(text, "input/output error");
  CHECK_BETWEEN(1, told.events, 64);
  CHECK_CODE(eddy_loop_trace_stop(loop), EDDY_EIO);
  return 0;
}
