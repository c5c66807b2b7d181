/*
 * 15: an echo server and its clients: sockets, a queue and timers in one loop.
 *
 * Every connection has a task, which reads as if it had the program to itself; each call
 * of eddy_sock_ that has to wait lets the others run. The loop sleeps until the nearest
 * deadline or until a socket is ready, whichever comes first, so the timer below ticks
 * on. `15_echo 100` sends a hundred clients at once. On native/virtual the sockets are in
 * memory, and the same program needs no network at all.
 *
 * What is bad about it: a message is what one recv happened to bring. On a real network
 * it may come in pieces, and a server has to look for its end. eddy_sock_sendall, on the
 * other side, does not stop half-way as send may.
 *
 * Next: 16_backends runs one program on three loops.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <eddy.h>

#define UNIT EDDY_MS(10)

enum { LIMIT = 100 };

static const char *const words[] = {"one", "two", "three"};
static bool aloud;
static int ticks;
static int listener;
static eddy_address address; /* the listener's */
static eddy_queue *ended;    /* an item for each connection that the server has closed */

/* A plain callback, beside all the tasks. */
static int tick(void *unused)
{
  ticks++;
  return eddy_loop_call_later(eddy_get_running_loop(), UNIT, tick, unused, NULL);
}

/* ---- the server ---- */

static int connection(void *arg)
{
  int fd = (int)(intptr_t)arg;
  char text[64] = "Got:";
  size_t got;
  int rc;
  while ((rc = eddy_sock_recv(fd, text + 4, sizeof text - 4, &got)) == 0 && got > 0) {
    rc = eddy_sock_sendall(fd, text, got + 4);
    if (rc < 0) break;
  }
  eddy_sock_close(fd);
  if (rc < 0) return rc;
  return eddy_queue_put(ended, eddy_int(0));
}

/* Takes connections until it is cancelled. */
static int server(void *unused)
{
  (void)unused;
  for (int fd, rc;;) {
    rc = eddy_sock_accept(listener, &fd, NULL);
    if (rc < 0) return rc;
    rc = eddy_create_task(connection, (void *)(intptr_t)fd, NULL);
    if (rc < 0) {
      eddy_sock_close(fd);
      return rc;
    }
  }
}

/* ---- the clients ---- */

/* Sends a word and receives as many bytes as the answer should have. */
static int ask(int fd, const char *word, char *answer)
{
  size_t length = strlen(word), got = 1, total = 0;
  int rc = eddy_sock_sendall(fd, word, length);
  while (rc == 0 && got > 0 && total < length + 4) {
    rc = eddy_sock_recv(fd, answer + total, length + 4 - total, &got);
    if (rc == 0) total += got;
  }
  answer[total] = '\0';
  return rc;
}

static int talk(int fd)
{
  int rc = eddy_sock_connect(fd, &address), correct = 0;
  for (int i = 0; rc == 0 && i < 3; i++) {
    char answer[64];
    rc = ask(fd, words[i], answer);
    if (rc < 0) break;
    if (aloud) puts(answer);
    if (strncmp(answer, "Got:", 4) == 0 && strcmp(answer + 4, words[i]) == 0) correct++;
    rc = eddy_sleep(2 * UNIT);
  }
  return rc == 0 ? eddy_return(eddy_int(correct == 3)) : rc;
}

static int client(void *unused)
{
  (void)unused;
  int fd;
  int rc = eddy_sock_open(&address, &fd);
  if (rc < 0) return rc;
  rc = talk(fd);
  eddy_sock_close(fd);
  return rc;
}

/* Runs them all at once, and waits until the server has closed their connections, too. */
static int run_clients(int count)
{
  eddy_task *tasks[LIMIT] = {NULL};
  eddy_value correct;
  int answered = 0, rc = 0;
  for (int i = 0; rc == 0 && i < count; i++) {
    rc = eddy_create_task(client, NULL, &tasks[i]);
  }
  for (int i = 0; rc == 0 && i < count; i++) {
    rc = eddy_task_await(tasks[i], &correct);
    if (rc == 0) answered += (int)correct.i;
  }
  for (int i = 0; rc == 0 && i < count; i++) {
    eddy_value item;
    rc = eddy_queue_get(ended, &item);
    if (rc == 0 && aloud) puts("Connection closed");
  }
  if (rc == 0 && !aloud) printf("answered correctly: %d of %d\n", answered, count);
  for (int i = 0; i < count; i++)
    eddy_task_unref(tasks[i]);
  return rc;
}

static int program(void *clients)
{
  eddy_task *task = NULL;
  int rc = eddy_sock_listen("127.0.0.1", 0, NULL, &listener);
  if (rc < 0) return rc;
  rc = eddy_sock_getsockname(listener, &address); /* the system has chosen the port */
  if (rc == 0) rc = tick(NULL);
  if (rc == 0) rc = eddy_create_task(server, NULL, &task);
  if (rc == 0) rc = run_clients(*(int *)clients);
  if (rc == 0 && aloud) printf("timers ran meanwhile: %s\n", ticks > 1 ? "yes" : "no");
  if (task != NULL) {
    eddy_task_cancel(task, NULL);
    eddy_task_await(task, NULL);
  }
  eddy_task_unref(task);
  eddy_sock_close(listener);
  return rc;
}

int main(int argc, char **argv)
{
  int clients = argc > 1 ? atoi(argv[1]) : 1;
  aloud = argc == 1;
  if (clients < 1 || clients > LIMIT) {
    fprintf(stderr, "usage: 15_echo [1 to %d clients]\n", LIMIT);
    return 2;
  }
  int rc = eddy_queue_new(NULL, &ended);
  if (rc == 0) rc = eddy_run(program, &clients);
  if (rc < 0) fprintf(stderr, "15_echo: %s\n", eddy_message(rc));
  eddy_queue_unref(ended); /* no task is left now, whatever happened */
  return rc < 0;
}
