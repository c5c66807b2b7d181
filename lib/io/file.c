/* The calls of eddy/file.h. What their threads do is in file_call.c. */
#include "io/file_call.h"

#include <string.h>

#include "base/outcome.h"

/*
 * Begins or continues a call, up to its end: 0, with *out to be let go of by end; else a code.
 * `call` is copied into a record when the call is new; its paths and bytes are copied, too.
 */
static int carry_out(const struct eddy__file_call *wanted, struct eddy__file_call **out)
{
  int rc;
  bool resumed;
  struct eddy__call *done;
  struct eddy__file_call *call = NULL;
  eddy_task *task = eddy__wait_begin(&resumed, &rc);
  if (task == NULL) return rc;
  if (!resumed) {
    rc = eddy__file_call_new(wanted, &call);
    if (rc < 0) return rc;
  }
  rc = eddy__lane_run(
      task, resumed, EDDY__LANE_FILES, call != NULL ? &call->call : NULL, &done);
  if (rc == 0) *out = (struct eddy__file_call *)(void *)done;
  return rc;
}

static void end(struct eddy__file_call *call)
{
  eddy__call_unref(&call->call);
}

/* A call that gives nothing but its code. */
static int simple(const struct eddy__file_call *wanted)
{
  struct eddy__file_call *call = NULL;
  int rc = carry_out(wanted, &call);
  if (rc == 0) end(call);
  return rc;
}

int eddy_file_open(const char *path, unsigned flags, unsigned mode, int *file)
{
  struct eddy__file_call *call = NULL;
  if (path == NULL || file == NULL) return EDDY_EINVAL;
  if ((flags & (EDDY_FILE_READ | EDDY_FILE_WRITE)) == 0) {
    return eddy_raise(
        EDDY_EINVAL, "open %.200s: neither for reading nor for writing", path);
  }
  int rc = carry_out(&(struct eddy__file_call){.kind = EDDY__FILE_OPEN,
                         .from = path,
                         .file = -1,
                         .flags = flags,
                         .mode = mode},
      &call);
  if (rc != 0) return rc;
  *file = call->file;
  call->file = -1;
  end(call);
  return 0;
}

int eddy_file_close(int file)
{
  if (file < 0) return eddy__fail(EDDY_EBADF, "close", "descriptor", file);
  return simple(&(struct eddy__file_call){.kind = EDDY__FILE_CLOSE, .file = file});
}

static int read_at(int file, void *buffer, size_t size, int64_t offset, size_t *got)
{
  struct eddy__file_call *call = NULL;
  if ((buffer == NULL && size > 0) || got == NULL || offset < -1) return EDDY_EINVAL;
  int rc = carry_out(
      &(struct eddy__file_call){
          .kind = EDDY__FILE_READ, .file = file, .size = size, .offset = offset},
      &call);
  if (rc != 0) return rc;
  if (call->size > 0) memcpy(buffer, call->bytes, call->size);
  *got = call->size;
  end(call);
  return 0;
}

int eddy_file_read(int file, void *buffer, size_t size, size_t *got)
{
  return read_at(file, buffer, size, -1, got);
}

/* An offset that the system can have. */
static int64_t offset_of(uint64_t offset)
{
  return offset <= INT64_MAX ? (int64_t)offset : -2;
}

int eddy_file_pread(int file, void *buffer, size_t size, uint64_t offset, size_t *got)
{
  return read_at(file, buffer, size, offset_of(offset), got);
}

static int write_at(int file, const void *data, size_t size, int64_t offset)
{
  if ((data == NULL && size > 0) || offset < -1) return EDDY_EINVAL;
  return simple(&(struct eddy__file_call){.kind = EDDY__FILE_WRITE,
      .file = file,
      .source = data,
      .size = size,
      .offset = offset});
}

int eddy_file_write(int file, const void *data, size_t size)
{
  return write_at(file, data, size, -1);
}

int eddy_file_pwrite(int file, const void *data, size_t size, uint64_t offset)
{
  return write_at(file, data, size, offset_of(offset));
}

int eddy_file_sync(int file)
{
  return simple(&(struct eddy__file_call){.kind = EDDY__FILE_SYNC, .file = file});
}

int eddy_file_truncate(int file, uint64_t size)
{
  if (size > INT64_MAX) return EDDY_EINVAL;
  return simple(&(struct eddy__file_call){
      .kind = EDDY__FILE_TRUNCATE, .file = file, .offset = (int64_t)size});
}

static int get_status(const struct eddy__file_call *wanted, eddy_file_status *out)
{
  struct eddy__file_call *call = NULL;
  int rc = carry_out(wanted, &call);
  if (rc != 0) return rc;
  *out = call->status;
  end(call);
  return 0;
}

int eddy_file_stat(const char *path, eddy_file_status *out)
{
  if (path == NULL || out == NULL) return EDDY_EINVAL;
  return get_status(
      &(struct eddy__file_call){.kind = EDDY__FILE_STAT, .from = path}, out);
}

int eddy_file_fstat(int file, eddy_file_status *out)
{
  if (out == NULL) return EDDY_EINVAL;
  return get_status(
      &(struct eddy__file_call){.kind = EDDY__FILE_FSTAT, .file = file}, out);
}

int eddy_file_rename(const char *from, const char *to)
{
  if (from == NULL || to == NULL) return EDDY_EINVAL;
  return simple(
      &(struct eddy__file_call){.kind = EDDY__FILE_RENAME, .from = from, .to = to});
}

int eddy_file_unlink(const char *path)
{
  if (path == NULL) return EDDY_EINVAL;
  return simple(&(struct eddy__file_call){.kind = EDDY__FILE_UNLINK, .from = path});
}

int eddy_file_mkdir(const char *path, unsigned mode)
{
  if (path == NULL) return EDDY_EINVAL;
  return simple(
      &(struct eddy__file_call){.kind = EDDY__FILE_MKDIR, .from = path, .mode = mode});
}

int eddy_file_rmdir(const char *path)
{
  if (path == NULL) return EDDY_EINVAL;
  return simple(&(struct eddy__file_call){.kind = EDDY__FILE_RMDIR, .from = path});
}

int eddy_file_read_all(const char *path, size_t limit, void **data, size_t *size)
{
  struct eddy__file_call *call = NULL;
  if (path == NULL || data == NULL || size == NULL) return EDDY_EINVAL;
  int rc = carry_out(
      &(struct eddy__file_call){
          .kind = EDDY__FILE_READ_ALL, .from = path, .file = -1, .size = limit},
      &call);
  if (rc != 0) return rc;
  *data = call->bytes;
  *size = call->size;
  call->bytes = NULL;
  end(call);
  return 0;
}

int eddy_file_write_all(const char *path, const void *data, size_t size)
{
  if (path == NULL || (data == NULL && size > 0)) return EDDY_EINVAL;
  return simple(&(struct eddy__file_call){.kind = EDDY__FILE_WRITE_ALL,
      .from = path,
      .file = -1,
      .source = data,
      .size = size,
      .offset = -1});
}

void eddy_file_free(void *data)
{
  eddy__free(data);
}
