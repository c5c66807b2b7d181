/*
 * What the tests of the virtual io half share: a heap that can fail, a loop that only
 * writes down what it is told, and one io half under test. They link
 * lib/backend/virtual*.c and libuv, and nothing else of the library.
 */
#ifndef EDDY_TESTS_VIRTUAL_FIXTURE_H
#define EDDY_TESTS_VIRTUAL_FIXTURE_H

#include <stdatomic.h>

#include "backend/virtual.h"

/* The bytes one direction of a stream takes. */
#define LIMIT 65536

extern const eddy_io *const io;
extern eddy_loop *const loop;
extern void *self; /* the state of the half */

extern long fail_after; /* so many allocations succeed before one fails; -1: all do */
extern size_t blocks;   /* allocated now */

extern eddy_op *signalled[64]; /* since the last poll_now */
extern size_t signals;
extern int caught[16];
extern size_t catches;
extern atomic_size_t holds; /* what the loop says of them */

extern bool case_failed;
void verify(bool ok, const char *text, const char *function, int line);
#define OK(condition) verify((condition), #condition, __func__, __LINE__)

/* Opens the half; closes it and looks for blocks left behind. */
void begin(void);
void end(void);

/* How many operations the next poll signals. */
size_t poll_now(void);

/* An operation of the caller's, to be freed. */
eddy_op *op_new(eddy_op_kind kind, int fd);
int start(eddy_op *op);

/* A receive or send of one go: bytes, a code, or -1 if it would have to wait. */
long transfer(eddy_op_kind kind, int fd, void *buffer, size_t size);
long do_recv(int fd, void *buffer, size_t size);
long do_send(int fd, const char *text);

/* Sends until the stream is full. */
void fill(int fd);

eddy_address ip4(const char *host, int port);
eddy_address ip6(const char *host, int port);
eddy_address local(const char *path);
int port_of(const eddy_address *address);
bool same(const eddy_address *a, const eddy_address *b);

/* A descriptor or a code. */
int listen_at(eddy_address address);
int open_for(eddy_address address);

/* Connects in one poll: 0, a code, or EDDY_PENDING (given up then). */
int connect_to(int fd, eddy_address address);

/* A descriptor, a code, or -1 if it would have to wait. */
int accept_from(int fd, eddy_address *peer);

void pair(int fds[2]);

struct test_case {
  const char *name;
  void (*run)(void);
};

#define CASE(function)                                                                   \
  {                                                                                      \
#function, function                                                                  \
  }

/* Runs them, prints "N passed, M failed", and returns what main returns. */
int run_cases(const struct test_case *cases, size_t count);

#endif
