/* eddy_sock_sendfile: by the system, or by reading and sending. */
#include "io/sock.h"

#include <unistd.h>

#include <eddy/file.h>

#include "base/alloc.h"
#include "base/outcome.h"

/* The system is asked for so much at a time, so that others have their turn. */
#define NATIVE_BLOCK ((size_t)1 << 20)
/* So much is read and sent at a time, as in asyncio. */
#define BLOCK ((size_t)256 * 1024)

enum phase { NATIVE, READING, SENDING };

/* A call under way. While it waits, task->op->address points to it, which neither a SEND nor a
 * SENDFILE has a use for. */
struct sendfile {
  eddy_file_part part; /* where it is in the file */
  int64_t left;        /* bytes at most; INT64_MAX: up to the end */
  size_t sent;
  enum phase phase;
  size_t got; /* of the block, read and not sent */
  unsigned char *block;
};

static size_t at_most(const struct sendfile *self, size_t block)
{
  return self->left < (int64_t)block ? (size_t)self->left : block;
}

static void advance(struct sendfile *self, size_t size)
{
  self->part.offset += (int64_t)size;
  self->sent += size;
  if (self->left != INT64_MAX) self->left -= (int64_t)size;
}

/* One system call's worth: 0, with *size moved (0: the end), EDDY_PENDING or a code. */
static int send_natively(struct sendfile *self, int fd, size_t *size)
{
  struct eddy__sock_call call;
  int rc = eddy__sock_begin(&call, EDDY_OP_SENDFILE, fd);
  if (rc != 0) return rc;
  eddy_op *op = call.task->op;
  if (!call.resumed) {
    eddy__sock_describe(
        op, EDDY_OP_SENDFILE, fd, &self->part, at_most(self, NATIVE_BLOCK));
  }
  rc = eddy__sock_carry_out(&call);
  if (rc == 0) *size = (size_t)op->result;
  return rc;
}

/* The next step of the fallback: as send_natively. */
static int send_by_hand(struct sendfile *self, int fd, size_t *size)
{
  if (self->block == NULL) self->block = eddy__realloc(NULL, BLOCK);
  if (self->block == NULL) return EDDY_ENOMEM;
  if (self->phase == READING) {
    int rc = eddy_file_pread(self->part.file, self->block, at_most(self, BLOCK),
        (uint64_t)self->part.offset, &self->got);
    *size = 0;
    if (rc != 0 || self->got == 0) return rc;
    self->phase = SENDING;
  }
  int rc = eddy_sock_sendall(fd, self->block, self->got);
  if (rc != 0) return rc;
  self->phase = READING;
  *size = self->got;
  return 0;
}

/* Goes on to the end: 0, EDDY_PENDING or a code. */
static int carry_on(struct sendfile *self, int fd, bool no_fallback)
{
  while (self->left > 0) {
    size_t size = 0;
    int rc = self->phase == NATIVE ? send_natively(self, fd, &size)
                                   : send_by_hand(self, fd, &size);
    if (rc == EDDY_ENOTSUP && self->phase == NATIVE && self->sent == 0 && !no_fallback) {
      self->phase = READING;
      continue;
    }
    if (rc != 0) return rc;
    if (size == 0) return 0; /* the end of the file */
    advance(self, size);
  }
  return 0;
}

static int begin(eddy_task *task, int file, const eddy_sendfile_options *options,
    struct sendfile **out)
{
  if (options->offset < 0 || options->count < 0) {
    return eddy_raise(EDDY_EINVAL, "sendfile: neither offset nor count may be negative");
  }
  if (task->op == NULL) task->op = eddy__op_new(task->future.loop);
  if (task->op == NULL) return EDDY_ENOMEM;
  struct sendfile *self = eddy__alloc(sizeof(*self));
  if (self == NULL) return EDDY_ENOMEM;
  self->part = (eddy_file_part){file, options->offset};
  self->left = options->count > 0 ? options->count : INT64_MAX;
  *out = self;
  return 0;
}

int eddy_sock_sendfile(
    int fd, int file, const eddy_sendfile_options *options, size_t *sent)
{
  static const eddy_sendfile_options whole;
  int rc;
  bool resumed;
  struct sendfile *self = NULL;
  if (options == NULL) options = &whole;
  eddy_task *task = eddy__wait_begin(&resumed, &rc);
  if (task == NULL) return rc;
  if (resumed) {
    task->wait.resumed = true; /* the wait is that of a call inside */
    self = (struct sendfile *)(void *)task->op->address;
    rc = 0;
  } else {
    rc = begin(task, file, options, &self);
  }
  if (rc < 0) return rc;
  rc = carry_on(self, fd, options->no_fallback);
  if (rc == EDDY_PENDING) {
    task->op->address = (eddy_address *)(void *)self;
    return rc;
  }
  if (self->sent > 0) (void)lseek(file, (off_t)self->part.offset, SEEK_SET);
  if (sent != NULL && (rc == 0 || self->sent > 0)) *sent = self->sent;
  eddy__free(self->block);
  eddy__free(self);
  return rc;
}
