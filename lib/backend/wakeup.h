/* What another thread writes to so that a sleep on descriptors ends. */
#ifndef EDDY_BACKEND_WAKEUP_H
#define EDDY_BACKEND_WAKEUP_H

struct eddy__wakeup {
  int reader; /* readable after a send */
  int writer;
};

int eddy__wakeup_open(struct eddy__wakeup *wakeup);
void eddy__wakeup_close(struct eddy__wakeup *wakeup);

/* Any thread. */
void eddy__wakeup_send(const struct eddy__wakeup *wakeup);

/* Takes what was sent. Needless where the reader is watched for edges. */
void eddy__wakeup_drain(const struct eddy__wakeup *wakeup);

#endif
