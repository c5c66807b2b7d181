/*
 * A kqueue is an epoll of two others, one for each filter. As with the real one a registration
 * ends when its number is closed, whoever else has the file: that is why close is replaced (by
 * the linker, in the objects of the test alone).
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/event.h>
#include <unistd.h>

#define KQUEUES 64
#define MOST 256

enum { READ, WRITE };

static struct kq {
  pid_t owner; /* no child has it; 0: a free place */
  int fd, filters[2];
} kqueues[KQUEUES];

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

int __real_close(int fd);
int __wrap_close(int fd);

static int make(struct kq *kq)
{
  int fds[3];
  int count = 0;
  while (count < 3 && (fds[count] = epoll_create1(EPOLL_CLOEXEC)) >= 0) {
    count++;
  }
  struct epoll_event event = {.events = EPOLLIN};
  for (int f = READ; count == 3 && f <= WRITE; f++) {
    if (epoll_ctl(fds[0], EPOLL_CTL_ADD, fds[1 + f], &event) < 0) abort();
  }
  if (count == 3) {
    *kq = (struct kq){getpid(), fds[0], {fds[1], fds[2]}};
    return fds[0];
  }
  int error = errno;
  while (count > 0) {
    __real_close(fds[--count]);
  }
  errno = error;
  return -1;
}

int kqueue(void)
{
  int fd = -1, place = 0;
  pthread_mutex_lock(&mutex);
  while (place < KQUEUES && kqueues[place].owner == getpid()) {
    place++;
  }
  errno = ENOMEM;
  if (place < KQUEUES) fd = make(&kqueues[place]);
  pthread_mutex_unlock(&mutex);
  return fd;
}

/* Number by number, as a process ends them. */
int __wrap_close(int fd)
{
  pid_t self = getpid();
  int error = errno;
  for (int place = 0; place < KQUEUES; place++) {
    struct kq *kq = &kqueues[place];
    if (kq->owner != self) continue;
    pthread_mutex_lock(&mutex);
    for (int f = READ; kq->owner == self && f <= WRITE; f++) {
      if (kq->fd == fd) {
        __real_close(kq->filters[f]);
      } else {
        (void)epoll_ctl(kq->filters[f], EPOLL_CTL_DEL, fd, NULL);
      }
    }
    if (kq->fd == fd) *kq = (struct kq){0};
    pthread_mutex_unlock(&mutex);
  }
  errno = error;
  return __real_close(fd);
}

static struct kq *find(int fd)
{
  for (int place = 0; place < KQUEUES; place++) {
    if (kqueues[place].owner == getpid() && kqueues[place].fd == fd)
      return &kqueues[place];
  }
  return NULL;
}

/* Nothing is ever registered twice: native/kqueue knows what is. */
static int change(const struct kq *kq, const struct kevent *wanted)
{
  int fd = (int)wanted->ident;
  int filter = wanted->filter == EVFILT_READ ? READ : WRITE;
  struct epoll_event event = {.events = filter == READ ? EPOLLIN | EPOLLRDHUP : EPOLLOUT,
      .data.u64 = (uint64_t)(uintptr_t)wanted->udata << 32 | (uint32_t)fd};
  if ((wanted->flags & EV_CLEAR) != 0) event.events |= EPOLLET;
  int how = (wanted->flags & EV_DELETE) != 0 ? EPOLL_CTL_DEL : EPOLL_CTL_ADD;
  int rc = epoll_ctl(kq->filters[filter], how, fd, &event);
  if (rc < 0 && errno == EEXIST) {
    fprintf(stderr, "kqueue: ERROR: %d is registered twice\n", fd);
    abort();
  }
  return rc;
}

static int take(const struct kq *kq, int filter, struct kevent *events, int room)
{
  struct epoll_event got[MOST];
  int count = epoll_wait(kq->filters[filter], got, room < MOST ? room : MOST, 0);
  for (int i = 0; i < count; i++) {
    uint32_t ends = EPOLLHUP | EPOLLERR | (filter == READ ? EPOLLRDHUP : 0u);
    EV_SET(&events[i], (uint32_t)got[i].data.u64,
        filter == READ ? EVFILT_READ : EVFILT_WRITE,
        (got[i].events & ends) != 0 ? EV_EOF : 0, 0, 0,
        (void *)(uintptr_t)(got[i].data.u64 >> 32));
  }
  return count > 0 ? count : 0;
}

int kevent(int fd, const struct kevent *changes, int change_count, struct kevent *events,
    int event_count, const struct timespec *timeout)
{
  const struct kq *kq = find(fd);
  for (int i = 0; i < change_count; i++) {
    if (change(kq, &changes[i]) < 0) return -1;
  }
  if (event_count == 0) return 0;
  struct epoll_event any;
  int rc = epoll_pwait2(fd, &any, 1, timeout, NULL);
  if (rc <= 0) return rc;
  rc = take(kq, READ, events, event_count / 2);
  return rc + take(kq, WRITE, events + rc, event_count - rc);
}
