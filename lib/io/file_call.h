/* What a thread does for a call of eddy/file.h. */
#ifndef EDDY_IO_FILE_CALL_H
#define EDDY_IO_FILE_CALL_H

#include <eddy/file.h>

#include "io/lane.h"

enum eddy__file_call_kind {
  EDDY__FILE_OPEN, /* from, flags, mode -> file */
  EDDY__FILE_CLOSE,
  EDDY__FILE_READ,  /* file, size, offset (-1: the position) -> bytes, size */
  EDDY__FILE_WRITE, /* file, bytes, size, offset */
  EDDY__FILE_SYNC,
  EDDY__FILE_TRUNCATE, /* file, offset */
  EDDY__FILE_STAT,     /* from -> status */
  EDDY__FILE_FSTAT,
  EDDY__FILE_RENAME,
  EDDY__FILE_UNLINK,
  EDDY__FILE_MKDIR,
  EDDY__FILE_RMDIR,
  EDDY__FILE_READ_ALL,  /* from, size (the limit) -> bytes, size */
  EDDY__FILE_WRITE_ALL, /* from, bytes, size */
};

/* A call; also what one is asked for, with `source` in place of bytes. */
struct eddy__file_call {
  struct eddy__call call; /* first */
  enum eddy__file_call_kind kind;
  const char *from; /* in a record: the call's own copies */
  const char *to;
  const void *source;
  int file; /* -1: none. In a record of OPEN, READ_ALL and WRITE_ALL: to be closed with it */
  unsigned flags;
  unsigned mode;
  size_t size;
  int64_t offset;
  void *bytes;
  bool ran;
  eddy_file_status status;
};

/* A record of it, with copies of everything: 0 or EDDY_ENOMEM. */
int eddy__file_call_new(
    const struct eddy__file_call *wanted, struct eddy__file_call **out);

#endif
