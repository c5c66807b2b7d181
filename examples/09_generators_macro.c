/*
 * 09, without stacks: the same generators as one struct each.
 *
 * Between EDDY_BEGIN and EDDY_END the body is one big `switch`; EDDY_YIELD notes the line
 * and returns, and the next call jumps back behind it. Such a generator is a struct of
 * some tens of bytes: a million of them are an array.
 *
 * What is bad about it: the body's local variables do not survive a yield, so all of them
 * are fields; a yield has to stand in the body itself, never in a function that it calls,
 * not inside a `switch`, and at most one on a line.
 *
 * Next: 10_generator_scheduler goes on with stacks.
 */
#include <stdio.h>

#include <eddy.h>

struct countdown {
  eddy_frame frame; /* first, so that a pointer to it is one to the struct */
  int n;
};

static int countdown(eddy_frame *frame)
{
  struct countdown *self = (struct countdown *)frame;
  EDDY_BEGIN(frame);
  for (; self->n > 0; self->n--) {
    EDDY_YIELD(frame, eddy_int(self->n));
    if (frame->error < 0) EDDY_RAISE(frame, frame->error); /* closed, or thrown into */
  }
  EDDY_END(frame);
}

struct adder {
  eddy_frame frame;
  int64_t total;
};

/* Adds what is sent, until that is 0; the sum so far is yielded, and returned at last. */
static int adder(eddy_frame *frame)
{
  struct adder *self = (struct adder *)frame;
  EDDY_BEGIN(frame);
  for (;;) {
    EDDY_YIELD(frame, eddy_int(self->total));
    if (frame->error < 0) EDDY_RAISE(frame, frame->error);
    if (frame->in.i == 0) EDDY_RETURN(frame, eddy_int(self->total));
    self->total += frame->in.i;
  }
  EDDY_END(frame);
}

struct careful {
  eddy_frame frame;
  int n;
};

static int careful(eddy_frame *frame)
{
  struct careful *self = (struct careful *)frame;
  EDDY_BEGIN(frame);
  for (self->n = 1; frame->error == 0; self->n++) {
    EDDY_YIELD(frame, eddy_int(self->n));
  }
  puts("cleanup ran");
  EDDY_RAISE(frame, frame->error);
  EDDY_END(frame);
}

/* Takes an error for an event, and lives on; but not when it is closed. */
static int listener(eddy_frame *frame)
{
  EDDY_BEGIN(frame);
  while (frame->error != EDDY_EGENERATOREXIT) {
    EDDY_YIELD(frame, eddy_ptr(frame->error == 0 ? "waiting" : "saw trouble"));
  }
  EDDY_RAISE(frame, frame->error);
  EDDY_END(frame);
}

/* ---- what one can do with them ---- */

static int print_next(eddy_frame *frame, const char *label)
{
  eddy_value value;
  int rc = eddy_frame_next(frame, &value);
  if (rc == 0) printf("%s: %d\n", label, (int)value.i);
  if (rc == EDDY_STOP) printf("%s: finished\n", label);
  return rc;
}

static int show_next(void)
{
  struct countdown five = {.n = 5}, two = {.n = 2};
  int rc;
  eddy_frame_init(&five.frame, countdown);
  for (eddy_value v; (rc = eddy_frame_next(&five.frame, &v)) == 0;) {
    printf("T-minus %d\n", (int)v.i);
  }
  eddy_frame_init(&two.frame, countdown);
  for (int i = 0; rc >= 0 && i < 4; i++)
    rc = print_next(&two.frame, "next");
  return rc < 0 ? rc : 0;
}

static int show_send(void)
{
  struct adder sum = {.total = 0};
  eddy_value total = eddy_int(0);
  eddy_frame_init(&sum.frame, adder);
  /* It has not reached the yield that would take a value. */
  int early = eddy_frame_send(&sum.frame, eddy_int(10), &total);
  printf("a value sent before the first yield: %s\n",
      early == EDDY_EINVAL ? "refused" : "accepted");
  int rc = eddy_frame_next(&sum.frame, &total);
  if (rc == 0) printf("start: %d\n", (int)total.i);
  for (int sent = 10; rc == 0 && sent > 0; sent -= 5) {
    rc = eddy_frame_send(&sum.frame, eddy_int(sent), &total);
    if (rc == 0) printf("send %d: %d\n", sent, (int)total.i);
  }
  if (rc == 0) rc = eddy_frame_send(&sum.frame, eddy_int(0), &total);
  if (rc == EDDY_STOP) printf("finished with %d\n", (int)total.i);
  return rc < 0 ? rc : 0;
}

static int show_close(void)
{
  struct careful numbers;
  eddy_frame_init(&numbers.frame, careful);
  int rc = print_next(&numbers.frame, "next");
  if (rc == 0) rc = eddy_frame_close(&numbers.frame);
  if (rc == 0) rc = print_next(&numbers.frame, "after close");
  return rc < 0 ? rc : 0;
}

static int show_throw(void)
{
  eddy_frame frame; /* it has no variables of its own */
  eddy_value word;
  eddy_frame_init(&frame, listener);
  int rc = eddy_frame_next(&frame, &word);
  if (rc == 0) printf("next: %s\n", (char *)word.p);
  if (rc == 0) rc = eddy_frame_throw(&frame, EDDY_EIO, &word);
  if (rc == 0) printf("throw: %s\n", (char *)word.p);
  if (rc == 0) rc = eddy_frame_next(&frame, &word);
  if (rc == 0) printf("next: %s\n", (char *)word.p);
  return rc == 0 ? eddy_frame_close(&frame) : rc;
}

int main(void)
{
  int rc = show_next();
  if (rc == 0) rc = show_send();
  if (rc == 0) rc = show_close();
  if (rc == 0) rc = show_throw();
  if (rc < 0) fprintf(stderr, "09_generators_macro: %s\n", eddy_strerror(rc));
  return rc < 0;
}
