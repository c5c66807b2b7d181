/*
 * Files, without holding up the loop: every call is carried out by a thread of the loop's own,
 * four at most, which do nothing else; libuv makes the system's calls. Meanwhile the loop has
 * work, and virtual time stands still. Under every backend the files are the system's.
 *
 * A call can be cancelled at once. What its thread has begun it still carries to the end, with
 * memory of its own: the caller's buffers are not touched any more. What the file has seen of it
 * then, or will see, is not known; each call says what that means.
 *
 * asyncio has no calls for files: these stand in for what programs do with to_thread. Errors
 * have a message that names the call and the file. All calls return, besides what they say,
 * EDDY_ECANCELLED; EDDY_ENOTASK; EDDY_EINVAL; EDDY_ENOMEM; EDDY_EAGAIN (no thread can be
 * started), and the system's codes.
 */
#ifndef EDDY_FILE_H
#define EDDY_FILE_H

#include <eddy/loop.h>

/** How to open a file; may be combined with `|`. READ, WRITE or both are needed. */
enum eddy_file_flags {
  EDDY_FILE_READ = 1,
  EDDY_FILE_WRITE = 2,
  EDDY_FILE_CREATE = 4,    /* make it if it is not there */
  EDDY_FILE_EXCLUSIVE = 8, /* with CREATE: EDDY_EEXIST if it is */
  EDDY_FILE_TRUNCATE = 16, /* drop what is in it */
  EDDY_FILE_APPEND = 32,   /* write at the end, wherever that is then */
};

typedef enum eddy_file_kind {
  EDDY_FILE_OTHER = 0,
  EDDY_FILE_REGULAR,
  EDDY_FILE_DIRECTORY,
  EDDY_FILE_LINK,
} eddy_file_kind;

/** What is known of a file. */
typedef struct eddy_file_status {
  eddy_file_kind kind;
  uint64_t size;
  uint64_t device;
  uint64_t inode;
  unsigned mode;     /* the permission bits */
  eddy_time changed; /* when its content was, in nanoseconds since 1970 */
} eddy_file_status;

EDDY_BEGIN_DECLS

/**
 * Opens a file; the descriptor is close-on-exec. A cancelled call opens none (one that was made
 * by EDDY_FILE_CREATE may stay).
 *
 * Context   coroutine; suspends, as every call here.
 * path      borrowed until the call suspends, as every path here.
 * flags     of eddy_file_flags.
 * mode      the permissions of a new file, less the process's umask: 0666.
 * file      owned: eddy_file_close.
 * Returns   0; EDDY_ENOENT, EDDY_EEXIST, EDDY_EACCES, EDDY_EISDIR, EDDY_EMFILE ...
 */
EDDY_API int eddy_file_open(const char *path, unsigned flags, unsigned mode, int *file);

/** Closes it. Also if the call fails (but not with EDDY_ENOTASK) or is cancelled, the
 * descriptor is gone. Returns 0;
 * EDDY_EBADF; EDDY_EIO, EDDY_ENOSPC (what was written before did not reach the disk). */
EDDY_API int eddy_file_close(int file);

/**
 * Reads at the file's position and moves that on. After a cancelled call the position is not
 * known.
 *
 * got       how many bytes; 0 at the end of the file.
 * Returns   0; EDDY_EBADF (not open for reading), EDDY_EISDIR, EDDY_EIO ...
 * Cost      the bytes are copied once more than by a call that may block.
 */
EDDY_API int eddy_file_read(int file, void *buffer, size_t size, size_t *got);

/** Reads at `offset`; the file's position does not matter and stays. EDDY_ESPIPE: it has no
 * positions. */
EDDY_API int eddy_file_pread(
    int file, void *buffer, size_t size, uint64_t offset, size_t *got);

/** Writes all of it at the file's position and moves that on. After a failed or cancelled call
 * an unknown part was or will be written. Returns 0; EDDY_ENOSPC, EDDY_EFBIG, EDDY_EBADF ... */
EDDY_API int eddy_file_write(int file, const void *data, size_t size);

/** Writes all of it at `offset`; the file's position does not matter and stays. */
EDDY_API int eddy_file_pwrite(int file, const void *data, size_t size, uint64_t offset);

/** Waits until everything written is on the disk. */
EDDY_API int eddy_file_sync(int file);

/** Cuts the file, or extends it with zeros. */
EDDY_API int eddy_file_truncate(int file, uint64_t size);

/** What is known of a file; symbolic links are followed. */
EDDY_API int eddy_file_stat(const char *path, eddy_file_status *out);

/** The same of an open one. */
EDDY_API int eddy_file_fstat(int file, eddy_file_status *out);

/** Gives a file another name, in place of what has that name. A cancelled call may take effect,
 * here and below. Returns 0; EDDY_ENOENT, EDDY_EXDEV ... */
EDDY_API int eddy_file_rename(const char *from, const char *to);

/** Removes a file. */
EDDY_API int eddy_file_unlink(const char *path);

/** Makes a directory. mode: its permissions, 0777. */
EDDY_API int eddy_file_mkdir(const char *path, unsigned mode);

/** Removes an empty directory. Returns 0; EDDY_ENOTEMPTY ... */
EDDY_API int eddy_file_rmdir(const char *path);

/**
 * Reads a whole file.
 *
 * limit     so many bytes at most, else EDDY_EFBIG and nothing is read: a program should know
 *           how much it can take.
 * data      owned: eddy_file_free; a NUL follows the last byte.
 * size      without that NUL.
 */
EDDY_API int eddy_file_read_all(
    const char *path, size_t limit, void **data, size_t *size);

/** Writes a whole file: it is made or replaced with exactly these bytes, not atomically. */
EDDY_API int eddy_file_write_all(const char *path, const void *data, size_t size);

/** Lets go of what eddy_file_read_all gave. NULL is allowed. Any thread. */
EDDY_API void eddy_file_free(void *data);

EDDY_END_DECLS

#endif
