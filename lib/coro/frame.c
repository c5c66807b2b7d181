/* Stackless coroutines: the function is the step, the struct is the frame. */
#include <eddy/coro.h>

#include "base/outcome.h"
#include "base/self.h"

enum { LINE_ENDED = -1, LINE_START = 0 };

/* One step of a body that has not ended. */
static int step(eddy_frame *frame, eddy_value in, int error)
{
  frame->in = in;
  frame->error = error;
  eddy_outcome *outer = eddy__self.outcome;
  eddy__self.outcome = &frame->coro.outcome;
  frame->running = true;
  int rc = frame->fn(frame);
  frame->running = false;
  eddy__self.outcome = outer;
  if (rc < 0) frame->line = LINE_ENDED;
  return rc;
}

static int frame_send(eddy_coro *self, eddy_value in, int error, eddy_value *out)
{
  eddy_frame *frame = (eddy_frame *)self;
  if (frame->running) return EDDY_EBUSY;
  if (frame->line == LINE_ENDED) {
    if (error != 0) return error;
    *out = eddy_int(0);
    return EDDY_STOP;
  }
  if (frame->line == LINE_START && error != 0) {
    frame->line = LINE_ENDED;
    return error;
  }
  int rc = step(frame, in, error);
  if (rc == 0 || rc == EDDY_STOP) *out = frame->out;
  return rc;
}

static void frame_close(eddy_coro *self)
{
  (void)eddy_frame_close((eddy_frame *)self);
  eddy__outcome_clear(&self->outcome);
}

static const eddy_coro_type frame_type = {"stackless", frame_send, frame_close};

void eddy_frame_init(eddy_frame *frame, eddy_frame_fn *fn)
{
  *frame = (eddy_frame){.coro = {.type = &frame_type}, .fn = fn};
}

/* After a step that no task made: when the body has ended, the message of its error goes to
 * whoever made the step, for nobody frees a frame. */
static int hand_over(eddy_frame *frame, int rc)
{
  if (frame->line != LINE_ENDED) return rc;
  if (rc < 0) eddy__outcome_pass_on(&frame->coro.outcome, rc);
  eddy__outcome_clear(&frame->coro.outcome);
  return rc;
}

int eddy_frame_send(eddy_frame *frame, eddy_value in, eddy_value *out)
{
  if (frame == NULL) return EDDY_EINVAL;
  if (frame->line == LINE_START && in.u != 0) {
    return eddy_raise(EDDY_EINVAL, "send: the generator has not reached its first yield");
  }
  eddy_value value;
  int rc = frame_send(&frame->coro, in, 0, &value);
  if ((rc == 0 || rc == EDDY_STOP) && out != NULL) *out = value;
  return hand_over(frame, rc);
}

int eddy_frame_next(eddy_frame *frame, eddy_value *out)
{
  return eddy_frame_send(frame, eddy_int(0), out);
}

int eddy_frame_throw(eddy_frame *frame, int error, eddy_value *out)
{
  if (frame == NULL || error >= 0) return EDDY_EINVAL;
  eddy_value value;
  int rc = frame_send(&frame->coro, eddy_int(0), error, &value);
  if ((rc == 0 || rc == EDDY_STOP) && out != NULL) *out = value;
  return hand_over(frame, rc);
}

int eddy_frame_close(eddy_frame *frame)
{
  if (frame == NULL) return EDDY_EINVAL;
  if (frame->running) return EDDY_EBUSY;
  if (frame->line == LINE_ENDED) return 0;
  if (frame->line == LINE_START) {
    frame->line = LINE_ENDED;
    return 0;
  }
  int rc = hand_over(frame, step(frame, eddy_int(0), EDDY_EGENERATOREXIT));
  frame->line = LINE_ENDED;
  eddy__outcome_clear(&frame->coro.outcome);
  if (rc == EDDY_STOP || rc == EDDY_EGENERATOREXIT) return 0;
  if (rc < 0) return rc;
  return eddy_raise(EDDY_ERUNTIME, "close: the generator yielded instead of ending");
}
