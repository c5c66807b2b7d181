/* What a cancellation says: its own message, or none. */
#include "stage.h"

EDDY_TASK_TEST(cancel_message, request_without_one_does_not_show_that_of_an_earlier_one)
{
  STAGE(1, 2,
      "a:turn=ECANCELLED(one)@2 a:turn=ECANCELLED@3 a:turn=ECANCELLED(two)@4 "
      "a:turn=ECANCELLED(own)@5 a:event=ECANCELLED@6",
      "a: ?1 ?1 ?1 cancel:a:own ?1 cancel:a ?event;"
      "b: cancel:a:one 1 cancel:a 1 cancel:a:two");
  STAGE(0, 2, "a:take=ECANCELLED(one)@3 a:event=ECANCELLED@5 a:take=ECANCELLED@7",
      "a: ?take ?event ?take;"
      "b: 1 cancel:a:one 2 cancel:a 2 cancel:a");
  return 0;
}

struct body {
  eddy_frame frame; /* first */
  eddy_future *future;
  eddy_task *task;
  int rc;
};

/* Is cancelled with a message, waits for a future that is cancelled without, ends cancelled. */
static int end_without_words(eddy_frame *frame)
{
  struct body *self = (struct body *)frame;
  EDDY_BEGIN(frame);
  EDDY_AWAIT(frame, self->rc, eddy_sleep(EDDY_NEVER));
  trace("%s", eddy_message(self->rc));
  EDDY_AWAIT(frame, self->rc, eddy_await(self->future, NULL));
  trace("%s", eddy_message(self->rc));
  (void)eddy_task_cancel(self->task, "again");
  EDDY_AWAIT(frame, self->rc, eddy_sleep(0));
  trace("%s", eddy_message(self->rc));
  (void)eddy_task_cancel(self->task, NULL); /* returns without waiting: ends cancelled */
  EDDY_END(frame);
}

EDDY_TASK_TEST(cancel_message, future_or_end_without_one_shows_none_either)
{
  for (int kind = 0; kind < TEST_KINDS; kind++) {
    struct body *body = test_new(sizeof *body);
    CHECK_OK(test_future(NULL, &body->future));
    CHECK_OK(test_frame_task(kind, body, end_without_words, &body->task));
    CHECK_OK(eddy_sleep(0));
    CHECK(eddy_task_cancel(body->task, "once"));
    CHECK_OK(eddy_sleep(0));
    CHECK(eddy_future_cancel(body->future, NULL));
    CHECK_CODE(eddy_task_await(body->task, NULL), EDDY_ECANCELLED);
    CHECK_STR(eddy_message(EDDY_ECANCELLED), "cancelled");
    CHECK_TRACE("once cancelled again");
  }
  return 0;
}
