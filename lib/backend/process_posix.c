/*
 * Child processes with posix_spawn.
 *
 * Not uv_spawn: it takes the process's SIGCHLD, which is the program's. A child is waited for
 * by its own pid alone, so that nobody's other children are touched.
 */
#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/syscall.h>
#endif

#include <eddy/error.h>

#include "base/alloc.h"

#define FIRST_OWN_FD 3 /* below are the standard descriptors */

#if defined(__GLIBC__) && defined(__GLIBC_PREREQ)
#if __GLIBC_PREREQ(2, 34)
#define HAS_CLOSEFROM 1
#endif
#endif

extern char **environ;

/* ---- descriptors ---- */

/* Moves a descriptor up, out of the way of the standard ones. It is closed on failure. */
static int move_up(int *fd)
{
  if (*fd >= FIRST_OWN_FD) return 0;
  int moved = fcntl(*fd, F_DUPFD_CLOEXEC, FIRST_OWN_FD);
  int rc = moved < 0 ? -errno : 0;
  close(*fd);
  *fd = moved;
  return rc;
}

int eddy__child_pipe(int *reader, int *writer)
{
  int fds[2];
#ifdef __APPLE__
  if (pipe(fds) != 0) return -errno;
  (void)fcntl(fds[0], F_SETFD, FD_CLOEXEC);
  (void)fcntl(fds[1], F_SETFD, FD_CLOEXEC);
#else
  if (pipe2(fds, O_CLOEXEC) != 0) return -errno;
#endif
  int rc = move_up(&fds[0]);
  if (rc < 0) {
    close(fds[1]);
    return rc;
  }
  rc = move_up(&fds[1]);
  if (rc < 0) {
    close(fds[0]);
    return rc;
  }
  *reader = fds[0];
  *writer = fds[1];
  return 0;
}

void eddy__child_close(int fd)
{
  if (fd >= 0) close(fd);
}

/* ---- where the program is ---- */

static const char *find_variable(const char *const *env, const char *name)
{
  size_t length = strlen(name);
  for (; *env != NULL; env++) {
    if (strncmp(*env, name, length) == 0 && (*env)[length] == '=')
      return *env + length + 1;
  }
  return NULL;
}

/* The program's path, from eddy__alloc: looked for in the PATH that it is given, as CPython
 * does. */
static int find_program(const char *name, const char *const *env, char **out)
{
  if (*name == '\0') return EDDY_ENOENT;
  const char *path = strchr(name, '/') == NULL ? find_variable(env, "PATH") : "";
  if (path == NULL) path = "/bin:/usr/bin";
  size_t room = strlen(path) + strlen(name) + 2;
  char *text = eddy__alloc(room);
  if (text == NULL) return EDDY_ENOMEM;
  int rc = EDDY_ENOENT;
  if (strchr(name, '/') != NULL) {
    strcpy(text, name);
    *out = text;
    return 0;
  }
  while (true) {
    size_t length = strcspn(path, ":");
    memcpy(text, path, length);
    text[length] = '\0';
    if (length > 0) strcat(text, "/");
    strcat(text, name);
    if (access(text, X_OK) == 0) {
      *out = text;
      return 0;
    }
    if (errno == EACCES) rc = EDDY_EACCES;
    if (path[length] == '\0') break;
    path += length + 1;
  }
  eddy__free(text);
  return rc;
}

/* ---- starting ---- */

/* Has child descriptor `to` be what `from` is. *copy: made for it, to be closed. */
static int place_fd(posix_spawn_file_actions_t *actions, int from, int to, int *copy)
{
  if (from == EDDY__CHILD_INHERIT) return 0;
  if (from == EDDY__CHILD_NULL)
    return -posix_spawn_file_actions_addopen(actions, to, "/dev/null", O_RDWR, 0);
  /* One below 3 may be replaced before its turn comes. */
  if (from < FIRST_OWN_FD) {
    *copy = fcntl(from, F_DUPFD_CLOEXEC, FIRST_OWN_FD);
    if (*copy < 0) return -errno;
    from = *copy;
  }
  return -posix_spawn_file_actions_adddup2(actions, from, to);
}

static bool is_passed(const struct eddy__child_options *options, int fd)
{
  for (size_t i = 0; i < options->pass_count; i++) {
    if (options->pass_fds[i] == fd) return true;
  }
  return false;
}

/* Leaves the passed descriptors open; the others from FIRST_OWN_FD on are closed. */
static int place_passed(
    posix_spawn_file_actions_t *actions, const struct eddy__child_options *options)
{
  int rc = 0, rest = FIRST_OWN_FD;
  for (size_t i = 0; i < options->pass_count && rc == 0; i++) {
    int fd = options->pass_fds[i];
#ifdef POSIX_SPAWN_CLOEXEC_DEFAULT
    rc = -posix_spawn_file_actions_addinherit_np(actions, fd);
#else
    rc = -posix_spawn_file_actions_adddup2(actions, fd, fd); /* clears close-on-exec */
#endif
    if (fd >= rest) rest = fd + 1;
  }
#ifdef HAS_CLOSEFROM
  if (options->inherit_fds) return rc;
  for (int fd = FIRST_OWN_FD; fd < rest && rc == 0; fd++) {
    int flags = is_passed(options, fd) ? -1 : fcntl(fd, F_GETFD);
    if (flags < 0 || (flags & FD_CLOEXEC) != 0) continue; /* it is closed by itself */
    rc = -posix_spawn_file_actions_addclose(actions, fd);
  }
  if (rc == 0) rc = -posix_spawn_file_actions_addclosefrom_np(actions, rest);
#else
  (void)is_passed;
#endif
  return rc;
}

static int fill_actions(posix_spawn_file_actions_t *actions,
    const struct eddy__child_options *options, int copies[3])
{
  int rc = 0;
  for (int i = 0; i < 3 && rc == 0; i++) {
    if (options->fds[i] == EDDY__CHILD_STDOUT) {
      rc = -posix_spawn_file_actions_adddup2(actions, 1, i);
    } else {
      rc = place_fd(actions, options->fds[i], i, &copies[i]);
    }
  }
  if (rc == 0) rc = place_passed(actions, options);
  if (rc == 0 && options->cwd != NULL)
    rc = -posix_spawn_file_actions_addchdir_np(actions, options->cwd);
  return rc;
}

static int fill_attributes(
    posix_spawnattr_t *attributes, const struct eddy__child_options *options)
{
  sigset_t all, none;
  short flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
  sigfillset(&all);
  sigemptyset(&none);
  if (options->new_session) flags |= POSIX_SPAWN_SETSID;
#ifdef POSIX_SPAWN_CLOEXEC_DEFAULT
  if (!options->inherit_fds) flags |= POSIX_SPAWN_CLOEXEC_DEFAULT;
#endif
  int rc = -posix_spawnattr_setsigdefault(attributes, &all);
  if (rc == 0) rc = -posix_spawnattr_setsigmask(attributes, &none);
  if (rc == 0) rc = -posix_spawnattr_setflags(attributes, flags);
  return rc;
}

/* As spawn(file, ...) with everything filled in. */
static int spawn(const char *file, const char *const *env,
    const struct eddy__child_options *options, long *pid)
{
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  int copies[3] = {-1, -1, -1};
  pid_t child = -1;
  int rc = -posix_spawn_file_actions_init(&actions);
  if (rc < 0) return rc;
  rc = -posix_spawnattr_init(&attributes);
  if (rc < 0) goto fail_attributes;
  rc = fill_actions(&actions, options, copies);
  if (rc == 0) rc = fill_attributes(&attributes, options);
  if (rc == 0) {
    rc = -posix_spawn(&child, file, &actions, &attributes,
        (char *const *)(uintptr_t)options->argv, (char *const *)(uintptr_t)env);
  }
  if (rc == 0) *pid = child;
  for (int i = 0; i < 3; i++) {
    eddy__child_close(copies[i]);
  }
  posix_spawnattr_destroy(&attributes);
fail_attributes:
  posix_spawn_file_actions_destroy(&actions);
  return rc;
}

int eddy__child_start(const struct eddy__child_options *options, long *pid)
{
  const char *const *env = options->env;
  if (env == NULL) env = (const char *const *)environ;
  char *file;
  int rc = find_program(options->argv[0], env, &file);
  if (rc < 0) return rc;
  rc = spawn(file, env, options, pid);
  eddy__free(file);
  return rc;
}

/* ---- its end ---- */

int eddy__child_descriptor(long pid, int *fd)
{
#if defined(__linux__) && defined(SYS_pidfd_open)
  long got = syscall(SYS_pidfd_open, (pid_t)pid, 0u);
  if (got < 0) return -errno;
  *fd = (int)got;
  return 0;
#else
  (void)pid;
  (void)fd;
  return EDDY_ENOSYS;
#endif
}

void eddy__child_await(long pid)
{
  siginfo_t info;
  while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
  }
}

bool eddy__child_reap(long pid, int *returncode, bool *stolen)
{
  int status = 0;
  pid_t got;
  do {
    got = waitpid((pid_t)pid, &status, WNOHANG);
  } while (got < 0 && errno == EINTR);
  if (got == 0) return false;
  *stolen = got < 0;
  if (*stolen) {
    *returncode = 255;
  } else {
    *returncode = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
  }
  return true;
}

int eddy__child_signal(long pid, int signum)
{
  return kill((pid_t)pid, signum) == 0 ? 0 : -errno;
}
