/*
 * Gets several URLs at the same time, with libcurl, each in a task:
 *
 *     curl_fetch [--timeout SECONDS] [--save DIRECTORY] URL ...
 *
 * It prints a line for each as it comes, "200 5120 http://127.0.0.1:7000/a", or what went wrong,
 * and --save writes the first one's contents to DIRECTORY/1, and so on. Exit code 0: all of them
 * came. SIGINT and SIGTERM cancel the main task, the group cancels the others, and each of these
 * takes its transfer out of libcurl.
 *
 * What is between libcurl and eddy is in eddy_curl.c.
 */
#include "eddy_curl.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct job {
  const char *url;
  int number;
};

static struct {
  eddy_curl *curl;
  eddy_time timeout;
  const char *directory;
  struct job *jobs;
  int count;
  int failed;
} program = {.timeout = EDDY_NEVER};

/* Without holding up the other transfers, however slow the disk is. */
static int save(const struct job *job, const struct eddy_curl_page *page)
{
  char path[4096];
  int size = snprintf(path, sizeof(path), "%s/%d", program.directory, job->number);
  if (size < 0 || (size_t)size >= sizeof(path)) return EDDY_ENAMETOOLONG;
  return eddy_file_write_all(path, page->data, page->size);
}

static int get(const struct job *job)
{
  eddy_timeout scope;
  struct eddy_curl_page page;
  int rc = eddy_timeout_enter(&scope, program.timeout);
  if (rc < 0) return rc;
  rc = eddy_timeout_exit(&scope, eddy_curl_fetch(program.curl, job->url, &page));
  if (rc < 0) return rc;
  if (program.directory != NULL) rc = save(job, &page);
  if (rc == 0) printf("%ld %zu %s\n", page.status, page.size, job->url);
  free(page.data);
  return rc;
}

/* One URL's task. That one fails does not end the others, so the group does not hear of it. */
static int run_job(void *arg)
{
  const struct job *job = arg;
  int rc = get(job);
  if (rc == EDDY_ECANCELLED) return rc;
  if (rc < 0) {
    program.failed++;
    fprintf(stderr, "curl_fetch: %s: %s\n", job->url, eddy_message(rc));
  }
  fflush(stdout);
  return 0;
}

static int get_all(void)
{
  eddy_task_group group = {0};
  int rc = eddy_task_group_enter(&group);
  if (rc < 0) return rc;
  for (int i = 0; i < program.count && rc == 0; i++) {
    rc = eddy_task_group_create_task(&group, run_job, &program.jobs[i], NULL);
  }
  return eddy_task_group_exit(&group, rc);
}

static int stop(void *main_task)
{
  eddy_task_cancel(main_task, "stopped by a signal");
  return 0;
}

static int run(void *unused)
{
  (void)unused;
  eddy_loop *loop = eddy_get_running_loop();
  int rc = eddy_loop_add_signal_handler(loop, SIGINT, stop, eddy_current_task());
  if (rc == 0)
    rc = eddy_loop_add_signal_handler(loop, SIGTERM, stop, eddy_current_task());
  if (rc == 0) rc = eddy_curl_new(&program.curl);
  if (rc < 0) return rc;
  rc = get_all();
  eddy_curl_free(program.curl);
  return rc;
}

static int usage(void)
{
  fprintf(stderr, "usage: curl_fetch [--timeout SECONDS] [--save DIRECTORY] URL ...\n");
  return 2;
}

static int parse(int argc, char **argv)
{
  int at = 1;
  for (; at + 1 < argc && strncmp(argv[at], "--", 2) == 0; at += 2) {
    if (strcmp(argv[at], "--timeout") == 0) {
      char *end;
      double seconds = strtod(argv[at + 1], &end);
      if (*end != '\0' || !(seconds > 0 && seconds < 1e6)) return -1;
      program.timeout = (eddy_time)(seconds * 1e9);
    } else if (strcmp(argv[at], "--save") == 0) {
      program.directory = argv[at + 1];
    } else {
      return -1;
    }
  }
  if (at >= argc || argv[at][0] == '-') return -1;
  program.count = argc - at;
  program.jobs = calloc((size_t)program.count, sizeof(struct job));
  if (program.jobs == NULL) return -1;
  for (int i = 0; i < program.count; i++) {
    program.jobs[i] = (struct job){.url = argv[at + i], .number = i + 1};
  }
  return 0;
}

int main(int argc, char **argv)
{
  if (parse(argc, argv) < 0) return usage();
  int rc = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? 0 : EDDY_ENOMEM;
  if (rc == 0) rc = eddy_run(run, NULL);
  curl_global_cleanup();
  free(program.jobs);
  if (rc < 0 && rc != EDDY_ECANCELLED)
    fprintf(stderr, "curl_fetch: %s\n", eddy_message(rc));
  return rc < 0 || program.failed > 0;
}
