/*
 * 09: generators, functions that stop in the middle.
 *
 * A generator is an ordinary function with a stack of its own. At eddy_gen_yield it hands
 * a value to whoever asked, and stands still until it is asked again: next asks, send
 * brings a value in, throw an error, close asks it to clean up and end. The end is a
 * status, EDDY_STOP, so that Python's `for` is a `for` here, too.
 *
 * What is bad about it: the handle has to be passed to everybody who yields, and a yield
 * says nothing of why one stops. 10 and 11 put that right. A stack also needs memory;
 * 09_generators_macro prints the same lines without one.
 *
 * Next: 10_generator_scheduler makes a scheduler of it.
 */
#include <stdio.h>

#include <eddy.h>

static int countdown(eddy_gen *gen, void *arg)
{
  for (int n = *(int *)arg; n > 0; n--) {
    int rc = eddy_gen_yield(gen, eddy_int(n), NULL);
    if (rc < 0) return rc; /* closed, or thrown into */
  }
  return 0;
}

/* Adds what is sent, until that is 0; the sum so far is yielded, and returned at last. */
static int adder(eddy_gen *gen, void *unused)
{
  (void)unused;
  eddy_value total = eddy_int(0), sent;
  for (;;) {
    int rc = eddy_gen_yield(gen, total, &sent);
    if (rc < 0) return rc;
    if (sent.i == 0) return eddy_return(total);
    total.i += sent.i;
  }
}

static int careful(eddy_gen *gen, void *unused)
{
  (void)unused;
  int rc = 0;
  for (int n = 1; rc == 0; n++)
    rc = eddy_gen_yield(gen, eddy_int(n), NULL);
  puts("cleanup ran");
  return rc;
}

/* Takes an error for an event, and lives on; but not when it is closed. */
static int listener(eddy_gen *gen, void *unused)
{
  (void)unused;
  int rc = 0;
  while (rc != EDDY_EGENERATOREXIT) {
    rc = eddy_gen_yield(gen, eddy_ptr(rc == 0 ? "waiting" : "saw trouble"), NULL);
  }
  return rc;
}

/* ---- what one can do with them ---- */

static int print_next(eddy_gen *gen, const char *label)
{
  eddy_value value;
  int rc = eddy_gen_next(gen, &value);
  if (rc == 0) printf("%s: %d\n", label, (int)value.i);
  if (rc == EDDY_STOP) printf("%s: finished\n", label);
  return rc;
}

static int show_next(void)
{
  eddy_gen *gen = NULL;
  int from = 5;
  int rc = eddy_gen_new(countdown, &from, &gen);
  if (rc < 0) return rc;
  for (eddy_value v; (rc = eddy_gen_next(gen, &v)) == 0;)
    printf("T-minus %d\n", (int)v.i);
  eddy_gen_free(gen);
  if (rc < 0) return rc;

  from = 2;
  rc = eddy_gen_new(countdown, &from, &gen);
  if (rc < 0) return rc;
  for (int i = 0; rc >= 0 && i < 4; i++)
    rc = print_next(gen, "next");
  eddy_gen_free(gen);
  return rc < 0 ? rc : 0;
}

static int show_send(void)
{
  eddy_gen *gen = NULL;
  eddy_value total = eddy_int(0);
  int rc = eddy_gen_new(adder, NULL, &gen);
  if (rc < 0) return rc;
  /* It has not reached the yield that would take a value. */
  int early = eddy_gen_send(gen, eddy_int(10), &total);
  printf("a value sent before the first yield: %s\n",
      early == EDDY_EINVAL ? "refused" : "accepted");
  rc = eddy_gen_next(gen, &total);
  if (rc == 0) printf("start: %d\n", (int)total.i);
  for (int sent = 10; rc == 0 && sent > 0; sent -= 5) {
    rc = eddy_gen_send(gen, eddy_int(sent), &total);
    if (rc == 0) printf("send %d: %d\n", sent, (int)total.i);
  }
  if (rc == 0) rc = eddy_gen_send(gen, eddy_int(0), &total);
  if (rc == EDDY_STOP) printf("finished with %d\n", (int)total.i);
  eddy_gen_free(gen);
  return rc < 0 ? rc : 0;
}

static int show_close(void)
{
  eddy_gen *gen = NULL;
  int rc = eddy_gen_new(careful, NULL, &gen);
  if (rc < 0) return rc;
  rc = print_next(gen, "next");
  if (rc == 0) rc = eddy_gen_close(gen);
  if (rc == 0) rc = print_next(gen, "after close");
  eddy_gen_free(gen);
  return rc < 0 ? rc : 0;
}

static int show_throw(void)
{
  eddy_gen *gen = NULL;
  eddy_value word;
  int rc = eddy_gen_new(listener, NULL, &gen);
  if (rc < 0) return rc;
  rc = eddy_gen_next(gen, &word);
  if (rc == 0) printf("next: %s\n", (char *)word.p);
  if (rc == 0) rc = eddy_gen_throw(gen, EDDY_EIO, &word);
  if (rc == 0) printf("throw: %s\n", (char *)word.p);
  if (rc == 0) rc = eddy_gen_next(gen, &word);
  if (rc == 0) printf("next: %s\n", (char *)word.p);
  eddy_gen_free(gen);
  return rc < 0 ? rc : 0;
}

int main(void)
{
  int rc = show_next();
  if (rc == 0) rc = show_send();
  if (rc == 0) rc = show_close();
  if (rc == 0) rc = show_throw();
  if (rc < 0) fprintf(stderr, "09_generators: %s\n", eddy_strerror(rc));
  return rc < 0;
}
