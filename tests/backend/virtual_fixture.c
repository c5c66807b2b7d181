#include "virtual_fixture.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/alloc.h"
#include "base/pool.h"

/* ---- a heap that can fail ---- */

long fail_after = -1; /* so many allocations succeed before one fails; -1: all do */
size_t blocks;

static bool allowed(void)
{
  if (fail_after < 0) return true;
  return fail_after-- != 0;
}

void *eddy__realloc(void *block, size_t size)
{
  if (!allowed()) return NULL;
  void *moved = realloc(block, size);
  if (moved != NULL && block == NULL) blocks++;
  return moved;
}

void *eddy__alloc(size_t size)
{
  void *block = eddy__realloc(NULL, size);
  if (block != NULL) memset(block, 0, size);
  return block;
}

void eddy__free(void *block)
{
  if (block != NULL) blocks--;
  free(block);
}

char *eddy__strdup(const char *text)
{
  size_t size = strlen(text) + 1;
  char *copy = eddy__realloc(NULL, size);
  return copy == NULL ? NULL : memcpy(copy, text, size);
}

void eddy__pool_init(struct eddy__pool *pool, size_t size)
{
  *pool = (struct eddy__pool){.size = size};
}

void eddy__pool_fini(struct eddy__pool *pool)
{
  (void)pool;
}

void *eddy__pool_get(struct eddy__pool *pool)
{
  void *block = eddy__realloc(NULL, pool->size);
  if (block != NULL) memset(block, 0xa5, pool->size);
  return block;
}

void eddy__pool_put(struct eddy__pool *pool, void *block)
{
  (void)pool;
  eddy__free(block);
}

/* ---- a loop that only writes down ---- */

static int loop_stands_for;
eddy_loop *const loop = (eddy_loop *)(void *)&loop_stands_for;
eddy_op *signalled[64];
size_t signals;
int caught[16];
size_t catches;
atomic_size_t holds;

void eddy_backend_signal(eddy_loop *of, eddy_op *op)
{
  if (of != loop) abort();
  signalled[signals++ % 64] = op;
}

void eddy_backend_caught(eddy_loop *of, int signum)
{
  if (of != loop) abort();
  caught[catches++ % 16] = signum;
}

size_t eddy_backend_holds(const eddy_loop *of)
{
  if (of != loop) abort();
  return atomic_load(&holds);
}

/* ---- helpers ---- */

const eddy_io *const io = &eddy__io_virtual;
void *self;
bool case_failed;

void verify(bool ok, const char *text, const char *function, int line)
{
  if (ok) return;
  case_failed = true;
  printf("%s:%d: not so: %s\n", function, line, text);
}

void begin(void)
{
  fail_after = -1;
  signals = catches = 0;
  atomic_store(&holds, 0);
  self = calloc(1, io->loop_size);
  if (self == NULL || io->open(self, loop, NULL) != 0) abort();
}

void end(void)
{
  io->close(self);
  free(self);
  self = NULL;
  OK(blocks == 0);
}

/* How many operations the next poll signals. */
size_t poll_now(void)
{
  signals = 0;
  io->poll(self, 0);
  return signals;
}

eddy_op *op_new(eddy_op_kind kind, int fd)
{
  eddy_op *op = calloc(1, sizeof(*op) + io->op_size);
  if (op == NULL) abort();
  op->kind = kind;
  op->fd = fd;
  return op;
}

int start(eddy_op *op)
{
  return io->start(self, op);
}

/* A receive or send of one go: bytes, or a code (EDDY_PENDING as -1). */
long transfer(eddy_op_kind kind, int fd, void *buffer, size_t size)
{
  eddy_op *op = op_new(kind, fd);
  op->buffer = buffer;
  op->size = size;
  int rc = start(op);
  if (rc == EDDY_PENDING) io->cancel(self, op);
  long got = rc == EDDY_PENDING ? -1 : rc < 0 ? rc : (long)op->result;
  free(op);
  return got;
}

long do_recv(int fd, void *buffer, size_t size)
{
  return transfer(EDDY_OP_RECV, fd, buffer, size);
}

long do_send(int fd, const char *text)
{
  return transfer(EDDY_OP_SEND, fd, (void *)(uintptr_t)text, strlen(text));
}

void fill(int fd)
{
  static char data[LIMIT];
  OK(transfer(EDDY_OP_SEND, fd, data, sizeof(data)) == LIMIT);
}

eddy_address ip4(const char *host, int port)
{
  eddy_address address = {.length = sizeof(struct sockaddr_in)};
  struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  inet_pton(AF_INET, host, &in.sin_addr);
  memcpy(address.storage.bytes, &in, sizeof(in));
  return address;
}

eddy_address ip6(const char *host, int port)
{
  eddy_address address = {.length = sizeof(struct sockaddr_in6)};
  struct sockaddr_in6 in = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
  inet_pton(AF_INET6, host, &in.sin6_addr);
  memcpy(address.storage.bytes, &in, sizeof(in));
  return address;
}

eddy_address local(const char *path)
{
  struct sockaddr_un un = {.sun_family = AF_UNIX};
  strcpy(un.sun_path, path);
  eddy_address address = {.length = sizeof(un)};
  memcpy(address.storage.bytes, &un, sizeof(un));
  return address;
}

int port_of(const eddy_address *address)
{
  struct sockaddr_in in;
  memcpy(&in, address->storage.bytes, sizeof(in));
  return ntohs(in.sin_port); /* at the same place in both families */
}

bool same(const eddy_address *a, const eddy_address *b)
{
  return a->length == b->length && memcmp(&a->storage, &b->storage, a->length) == 0;
}

int listen_at(eddy_address address)
{
  int fd = -1;
  int rc = io->sock_listen(self, &address, NULL, &fd);
  return rc < 0 ? rc : fd;
}

int open_for(eddy_address address)
{
  int fd = -1;
  OK(io->sock_open(self, &address, &fd) == 0);
  return fd;
}

/* Connects in one poll: 0, a code, or EDDY_PENDING (given up then). */
int connect_to(int fd, eddy_address address)
{
  eddy_op *op = op_new(EDDY_OP_CONNECT, fd);
  op->address = &address;
  int rc = start(op);
  if (rc == EDDY_PENDING) {
    if (poll_now() > 0) {
      rc = io->finish(self, op);
    } else {
      io->cancel(self, op);
    }
  }
  free(op);
  return rc;
}

int accept_from(int fd, eddy_address *peer)
{
  eddy_op *op = op_new(EDDY_OP_ACCEPT, fd);
  op->address = peer;
  int rc = start(op);
  if (rc == EDDY_PENDING) io->cancel(self, op);
  int connection = rc == EDDY_PENDING ? -1 : rc < 0 ? rc : (int)op->result;
  free(op);
  return connection;
}

void pair(int fds[2])
{
  OK(io->sock_pair(self, fds) == 0);
}

int run_cases(const struct test_case *cases, size_t count)
{
  int passed = 0, failed = 0;
  for (size_t i = 0; i < count; i++) {
    case_failed = false;
    begin();
    cases[i].run();
    end();
    if (case_failed) printf("FAILED %s\n", cases[i].name);
    *(case_failed ? &failed : &passed) += 1;
  }
  printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}
