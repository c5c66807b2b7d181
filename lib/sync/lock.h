/* Locks from the inside: what conditions and barriers do with them. */
#ifndef EDDY_SYNC_LOCK_H
#define EDDY_SYNC_LOCK_H

#include <eddy/lock.h>

#include "sync/line.h"

struct eddy_lock {
  size_t refs;
  unsigned holds;  /* releases until it is free: 0 or 1, but see eddy__lock_share */
  eddy_loop *loop; /* eddy__bind */
  struct eddy__link line;

  /* Who acquired it last, for reports. That task may be gone. */
  struct {
    eddy_loop *loop; /* referenced: an id is of one loop */
    uint64_t id;
    const char *site; /* a literal */
    char name[32];    /* cut; empty: it had none */
  } acquirer;
};

/*
 * The parts of an acquire, for calls that have to do more: eddy__lock_try; if that fails a wait
 * in lock->line, once lock->loop is bound; and eddy__lock_woken when it is over.
 */

/* Takes the lock if that needs no waiting. */
bool eddy__lock_try(eddy_lock *lock, const eddy_task *task);

/* After a wait that ended with rc: takes the lock, or wakes the next one that waits for it.
 * Returns rc. */
int eddy__lock_woken(eddy_lock *lock, eddy_task *task, int rc);

/* Counts the task as one more who has the lock. For a task that must have it to go on, but is
 * being closed and cannot wait: its release, and that of the other one, both succeed. */
void eddy__lock_share(eddy_lock *lock);

/* The lock is locked. */
void eddy__lock_release(eddy_lock *lock);

/* Says which lock it is and who acquired it. */
void eddy__lock_describe(const eddy_lock *lock, char *text, size_t size);

#endif
