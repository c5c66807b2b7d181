#include "tools/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/tool.h"

/* In the child: becomes the program, or tells the parent why not. */
static void become(char *const *argv, char *const *variables, int output, int news)
{
  bool good = output < 0 || dup2(output, STDOUT_FILENO) >= 0;
  for (; good && *variables != NULL; variables++) {
    good = putenv(*variables) == 0;
  }
  if (good) (void)execvp(argv[0], argv);
  int error = errno;
  if (write(news, &error, sizeof(error)) < 0) _exit(126);
  _exit(127);
}

long launch(char *const *argv, char *const *variables, int output)
{
  int news[2], error = 0;
  if (pipe(news) != 0) return tool_trouble("no pipe: %s", strerror(errno)), -1;
  (void)fcntl(news[0], F_SETFD, FD_CLOEXEC);
  (void)fcntl(news[1], F_SETFD, FD_CLOEXEC);
  (void)fflush(NULL);
  pid_t process = fork();
  if (process == 0) become(argv, variables, output, news[1]);
  (void)close(news[1]);
  if (process > 0 && read(news[0], &error, sizeof(error)) > 0) {
    (void)waitpid(process, NULL, 0);
    process = -1;
    errno = error;
  }
  (void)close(news[0]);
  if (process < 0) (void)tool_trouble("%s cannot be run: %s", argv[0], strerror(errno));
  return process;
}

int launch_wait(long process)
{
  int status;
  while (waitpid((pid_t)process, &status, 0) < 0) {
    if (errno != EINTR) return TOOL_TROUBLE;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

const char *launch_base(const char *path)
{
  const char *slash = strrchr(path, '/');
  return slash != NULL ? slash + 1 : path;
}
