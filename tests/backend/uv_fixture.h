/*
 * What the tests of the native scheduler and of the uv halves share: a stand-in for the
 * loop, which drives the halves through their vtables and writes down what they report.
 */
#ifndef EDDY_TESTS_UV_FIXTURE_H
#define EDDY_TESTS_UV_FIXTURE_H

#include <uv.h>

#include "backend/native.h"
#include "backend/uv.h"

enum { IDLE, PENDING, SIGNALLED };

struct eddy_loop {
  const eddy_scheduler *scheduler;
  const eddy_io *io;
  void *scheduler_state;
  void *io_state;
  eddy_op *arrived[64];
  size_t arrivals;
  int caught[8];
  size_t signals;
  size_t holds;
  /* Under a host: what the steps found. */
  void (*turn)(eddy_loop *loop);
  size_t turns;
  char trace[256];
  size_t ready;
};

extern int passed;
extern int failed;

/* Counts the check and prints one that failed; whether it held. */
bool check(bool ok, const char *text, int line);
#define CHECK(condition) check((condition), #condition, __LINE__)

/* The io half that is tested: libuv's at first. */
extern const eddy_io *tested_io;

/* A loop over this scheduler and the io half, in the host's libuv loop unless NULL.
 * open_loop ends the program if it fails. */
int try_open(eddy_loop *loop, const eddy_scheduler *scheduler, uv_loop_t *host);
void open_loop(eddy_loop *loop, const eddy_scheduler *scheduler, uv_loop_t *host);
void close_loop(eddy_loop *loop);

/* Operations, as the loop calls them. */
int start(eddy_loop *loop, eddy_op *op, eddy_op_kind kind, int fd);
int finish(eddy_loop *loop, eddy_op *op);
void cancel(eddy_loop *loop, eddy_op *op);

/* Polls and returns how many operations were signalled. */
size_t poll_loop(eddy_loop *loop, eddy_time timeout);

/* Polls until something was signalled, for at most a few seconds. */
size_t poll_until_signal(eddy_loop *loop);

/* CPU time: what spinning costs and sleeping does not. */
eddy_time cpu_used(void);

uint64_t next_random(void);

/* test_backend_sockets.c, test_backend_guest.c */
void test_sockets(void);
void test_guests(void);

#endif
