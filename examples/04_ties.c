/*
 * 04: equal deadlines.
 *
 * Nine callbacks are booked for one instant, between an earlier and a later one. eddy
 * promises what Python leaves open: first booked, first run, on every backend, and also
 * after one in the middle was cancelled. 02_own_loop shows how: every booking gets a
 * number, and the heap compares (deadline, number).
 *
 * What is bad about it: nothing; one can rely on it. But an order that a program needs is
 * better written down than hidden in the order of bookings.
 *
 * Next: 05_producer_threads, where one side has to wait for the other.
 */
#include <stdio.h>

#include <eddy.h>

static int say(void *text)
{
  puts(text);
  return 0;
}

/* Not in the order in which they will run, and with one that will not run at all. */
static int book(eddy_loop *loop)
{
  static char ties[][6] = {"tie A", "tie B", "tie C", "tie D", "cut", "tie E", "tie F",
      "tie G", "tie H", "tie I"};
  eddy_time start = eddy_loop_time(loop);
  eddy_handle *cut = NULL;
  int rc = eddy_loop_call_at(loop, start + EDDY_MS(30), say, "later", NULL);
  for (int i = 0; rc == 0 && i < 10; i++) {
    eddy_handle **handle = i == 4 ? &cut : NULL;
    rc = eddy_loop_call_at(loop, start + EDDY_MS(20), say, ties[i], handle);
  }
  if (rc == 0) rc = eddy_loop_call_at(loop, start + EDDY_MS(10), say, "earlier", NULL);
  eddy_handle_cancel(cut);
  eddy_handle_unref(cut);
  return rc;
}

int main(void)
{
  eddy_loop *loop = NULL;
  int rc = eddy_loop_new(NULL, &loop);
  if (rc == 0) rc = book(loop);
  if (rc == 0) rc = eddy_loop_run(loop);
  if (rc != 0) fprintf(stderr, "04_ties: %s\n", eddy_message(rc));
  eddy_loop_free(loop);
  return rc != 0;
}
