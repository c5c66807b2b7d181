#include "io/file_call.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <uv.h>

#include "base/outcome.h"

/* One read gives so many bytes at most. */
#define READ_MOST ((size_t)1 << 30)

static const char *const names[] = {[EDDY__FILE_OPEN] = "open",
    [EDDY__FILE_CLOSE] = "close",
    [EDDY__FILE_READ] = "read",
    [EDDY__FILE_WRITE] = "write",
    [EDDY__FILE_SYNC] = "sync",
    [EDDY__FILE_TRUNCATE] = "truncate",
    [EDDY__FILE_STAT] = "stat",
    [EDDY__FILE_FSTAT] = "stat",
    [EDDY__FILE_RENAME] = "rename",
    [EDDY__FILE_UNLINK] = "unlink",
    [EDDY__FILE_MKDIR] = "mkdir",
    [EDDY__FILE_RMDIR] = "rmdir",
    [EDDY__FILE_READ_ALL] = "read",
    [EDDY__FILE_WRITE_ALL] = "write"};

static struct eddy__file_call *file_call_of(struct eddy__call *call)
{
  return (struct eddy__file_call *)(void *)call;
}

/* Ends a request of libuv's that was made without a loop: its result. */
static int64_t finish(uv_fs_t *request)
{
  int64_t result = request->result;
  uv_fs_req_cleanup(request);
  return result;
}

static int close_file(int file)
{
  uv_fs_t request;
  (void)uv_fs_close(NULL, &request, file, NULL);
  return (int)finish(&request);
}

/* ---- open files ---- */

static int open_file(struct eddy__file_call *self, unsigned flags, unsigned mode)
{
  uv_fs_t request;
  int how = UV_FS_O_RDONLY;
  if ((flags & EDDY_FILE_WRITE) != 0) {
    how = (flags & EDDY_FILE_READ) != 0 ? UV_FS_O_RDWR : UV_FS_O_WRONLY;
  }
  if ((flags & EDDY_FILE_CREATE) != 0) how |= UV_FS_O_CREAT;
  if ((flags & EDDY_FILE_EXCLUSIVE) != 0) how |= UV_FS_O_EXCL;
  if ((flags & EDDY_FILE_TRUNCATE) != 0) how |= UV_FS_O_TRUNC;
  if ((flags & EDDY_FILE_APPEND) != 0) how |= UV_FS_O_APPEND;
  (void)uv_fs_open(NULL, &request, self->from, how, (int)mode, NULL);
  int64_t result = finish(&request);
  if (result < 0) return (int)result;
  self->file = (int)result;
  return 0;
}

/* Reads once: the number of bytes, or a code. */
static int64_t read_once(int file, void *bytes, size_t size, int64_t offset)
{
  uv_fs_t request;
  uv_buf_t buffer = uv_buf_init(bytes, size < INT_MAX ? (unsigned)size : INT_MAX);
  (void)uv_fs_read(NULL, &request, file, &buffer, 1, offset, NULL);
  return finish(&request);
}

static int read_some(struct eddy__file_call *self)
{
  if (self->size > READ_MOST) self->size = READ_MOST;
  self->bytes = eddy__realloc(NULL, self->size + 1);
  if (self->bytes == NULL) return EDDY_ENOMEM;
  int64_t got = read_once(self->file, self->bytes, self->size, self->offset);
  if (got < 0) return (int)got;
  self->size = (size_t)got;
  return 0;
}

static int write_whole(struct eddy__file_call *self)
{
  char *bytes = self->bytes;
  int64_t offset = self->offset;
  size_t left = self->size;
  do {
    uv_fs_t request;
    uv_buf_t buffer = uv_buf_init(bytes, left < INT_MAX ? (unsigned)left : INT_MAX);
    (void)uv_fs_write(NULL, &request, self->file, &buffer, 1, offset, NULL);
    int64_t written = finish(&request);
    if (written < 0) return (int)written;
    bytes += written;
    left -= (size_t)written;
    if (offset >= 0) offset += written;
  } while (left > 0);
  return 0;
}

/* ---- whole files ---- */

static int too_large(const struct eddy__file_call *self)
{
  return eddy_raise(EDDY_EFBIG, "read %.200s: the file has more than %zu bytes",
      self->from, self->size);
}

static int read_whole(struct eddy__file_call *self)
{
  char *bytes = NULL;
  size_t capacity = 0, count = 0;
  int rc = open_file(self, EDDY_FILE_READ, 0);
  while (rc == 0) {
    if (count + 1 >= capacity) {
      capacity = capacity == 0 ? 8192 : capacity * 2;
      char *larger = eddy__realloc(bytes, capacity);
      if (larger == NULL) rc = EDDY_ENOMEM;
      if (larger != NULL) bytes = larger;
      if (rc < 0) break;
    }
    int64_t got = read_once(self->file, bytes + count, capacity - count - 1, -1);
    if (got < 0) rc = (int)got;
    if (got <= 0) break;
    count += (size_t)got;
    if (count > self->size) rc = too_large(self);
  }
  if (rc < 0) {
    eddy__free(bytes);
    return rc;
  }
  bytes[count] = '\0';
  self->bytes = bytes;
  self->size = count;
  return 0;
}

static int replace_whole(struct eddy__file_call *self)
{
  int rc = open_file(self, EDDY_FILE_WRITE | EDDY_FILE_CREATE | EDDY_FILE_TRUNCATE, 0666);
  if (rc == 0) rc = write_whole(self);
  if (rc < 0) return rc;
  int file = self->file;
  self->file = -1;
  return close_file(file);
}

/* ---- names and what is known ---- */

static void fill_status(const uv_stat_t *from, eddy_file_status *out)
{
  switch (from->st_mode & 0170000) { /* as every system has it */
  case 0100000:
    out->kind = EDDY_FILE_REGULAR;
    break;
  case 0040000:
    out->kind = EDDY_FILE_DIRECTORY;
    break;
  case 0120000:
    out->kind = EDDY_FILE_LINK;
    break;
  default:
    out->kind = EDDY_FILE_OTHER;
  }
  out->size = from->st_size;
  out->device = from->st_dev;
  out->inode = from->st_ino;
  out->mode = (unsigned)(from->st_mode & 07777);
  out->changed = EDDY_S((eddy_time)from->st_mtim.tv_sec) + from->st_mtim.tv_nsec;
}

static int look_at(struct eddy__file_call *self)
{
  uv_fs_t request;
  if (self->kind == EDDY__FILE_STAT)
    (void)uv_fs_stat(NULL, &request, self->from, NULL);
  else
    (void)uv_fs_fstat(NULL, &request, self->file, NULL);
  if (request.result == 0) fill_status(&request.statbuf, &self->status);
  return (int)finish(&request);
}

static int change(struct eddy__file_call *self)
{
  uv_fs_t request;
  switch (self->kind) {
  case EDDY__FILE_SYNC:
    (void)uv_fs_fsync(NULL, &request, self->file, NULL);
    break;
  case EDDY__FILE_TRUNCATE:
    (void)uv_fs_ftruncate(NULL, &request, self->file, self->offset, NULL);
    break;
  case EDDY__FILE_RENAME:
    (void)uv_fs_rename(NULL, &request, self->from, self->to, NULL);
    break;
  case EDDY__FILE_UNLINK:
    (void)uv_fs_unlink(NULL, &request, self->from, NULL);
    break;
  case EDDY__FILE_MKDIR:
    (void)uv_fs_mkdir(NULL, &request, self->from, (int)self->mode, NULL);
    break;
  default:
    (void)uv_fs_rmdir(NULL, &request, self->from, NULL);
  }
  return (int)finish(&request);
}

/* ---- the call ---- */

static int carry_out(struct eddy__file_call *self)
{
  switch (self->kind) {
  case EDDY__FILE_OPEN:
    return open_file(self, self->flags, self->mode);
  case EDDY__FILE_CLOSE:
    return close_file(self->file);
  case EDDY__FILE_READ:
    return read_some(self);
  case EDDY__FILE_WRITE:
    return write_whole(self);
  case EDDY__FILE_STAT:
  case EDDY__FILE_FSTAT:
    return look_at(self);
  case EDDY__FILE_READ_ALL:
    return read_whole(self);
  case EDDY__FILE_WRITE_ALL:
    return replace_whole(self);
  default:
    return change(self);
  }
}

static int run(struct eddy__call *call)
{
  struct eddy__file_call *self = file_call_of(call);
  self->ran = true;
  int rc = carry_out(self);
  if (rc >= 0 || (rc == EDDY_EFBIG && self->kind == EDDY__FILE_READ_ALL)) return rc;
  if (self->from == NULL) {
    return eddy_raise(
        rc, "%s descriptor %d: %s", names[self->kind], self->file, eddy_strerror(rc));
  }
  return eddy_raise(
      rc, "%s %.200s: %s", names[self->kind], self->from, eddy_strerror(rc));
}

static void free_call(struct eddy__call *call)
{
  struct eddy__file_call *self = file_call_of(call);
  bool opened = self->kind == EDDY__FILE_OPEN || self->kind == EDDY__FILE_READ_ALL ||
                self->kind == EDDY__FILE_WRITE_ALL;
  bool unclosed = self->kind == EDDY__FILE_CLOSE && !self->ran;
  if (self->file >= 0 && (opened || unclosed)) (void)close_file(self->file);
  eddy__free((void *)(uintptr_t)self->from);
  eddy__free((void *)(uintptr_t)self->to);
  eddy__free(self->bytes);
  eddy__free(self);
}

static void describe(const struct eddy__call *call, char *text, size_t size)
{
  const struct eddy__file_call *self = (const struct eddy__file_call *)(const void *)call;
  if (self->from != NULL)
    snprintf(text, size, "%s of %s", names[self->kind], self->from);
  else
    snprintf(
        text, size, "%s of the file on descriptor %d", names[self->kind], self->file);
}

static const struct eddy__call_type file_type = {run, free_call, describe};

int eddy__file_call_new(
    const struct eddy__file_call *wanted, struct eddy__file_call **out)
{
  struct eddy__file_call *self = eddy__alloc(sizeof(*self));
  if (self == NULL) {
    if (wanted->kind == EDDY__FILE_CLOSE) (void)close_file(wanted->file);
    return EDDY_ENOMEM;
  }
  *self = *wanted;
  self->call.type = &file_type;
  self->from = wanted->from != NULL ? eddy__strdup(wanted->from) : NULL;
  self->to = wanted->to != NULL ? eddy__strdup(wanted->to) : NULL;
  if (wanted->source != NULL) self->bytes = eddy__realloc(NULL, wanted->size + 1);
  if (wanted->source != NULL && self->bytes != NULL) {
    memcpy(self->bytes, wanted->source, wanted->size);
  }
  if ((wanted->from != NULL && self->from == NULL) ||
      (wanted->to != NULL && self->to == NULL) ||
      (wanted->source != NULL && self->bytes == NULL)) {
    self->ran = true; /* nothing is to be closed */
    free_call(&self->call);
    return EDDY_ENOMEM;
  }
  *out = self;
  return 0;
}
