#include "io/connector.h"

#include <stdio.h>
#include <string.h>

#include "io/net.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/message.h"
#include "base/outcome.h"

enum attempt_state { UNTRIED = 0, TRYING, ANSWERED, FAILED };

/* One address. */
struct attempt {
  struct eddy__connector *connector;
  eddy_address address;
  int family;
  enum attempt_state state;
  int fd;
  int error;
  eddy_op *op;
  char *message; /* of the error; NULL without memory */
};

struct eddy__connector {
  eddy_loop *loop;
  eddy_task *task;
  bool all_errors;
  bool next_is_due;   /* the delay since the last attempt began is over */
  eddy_address local; /* length 0: none */
  eddy_time delay;    /* 0: none */
  eddy_timer timer;
  size_t count;
  size_t next;
  struct attempt attempts[];
};

/* ---- the order of the addresses ---- */

/* The place of the next unused address of a family; count if there is none. */
static size_t find_family(
    const eddy_addrinfo *list, size_t count, const bool *used, int family)
{
  size_t i = 0;
  while (i < count && (used[i] || list[i].family != family)) {
    i++;
  }
  return i;
}

/* Writes the places of the addresses in the order of the attempts: `ahead` of the first family,
 * then the families take turns, in the order in which they first appear. */
static void interleave(
    const eddy_addrinfo *list, size_t count, size_t ahead, bool *used, size_t *order)
{
  size_t done = 0;
  for (size_t i; done + 1 < ahead; done++) {
    i = find_family(list, count, used, list[0].family);
    if (i == count) break;
    used[i] = true;
    order[done] = i;
  }
  while (done < count) {
    for (size_t i = 0; i < count; i++) {
      /* Each family once in this round: at the place of its first address. */
      size_t first = 0;
      while (list[first].family != list[i].family) {
        first++;
      }
      size_t found = first == i ? find_family(list, count, used, list[i].family) : count;
      if (found == count) continue;
      used[found] = true;
      order[done++] = found;
    }
  }
}

static int fill_attempts(struct eddy__connector *connector, const eddy_addrinfo *list,
    size_t count, size_t ahead)
{
  size_t *order = NULL;
  if (ahead > 0) {
    order = eddy__alloc(count * (sizeof(*order) + sizeof(bool)));
    if (order == NULL) return EDDY_ENOMEM;
    interleave(list, count, ahead, (bool *)(void *)(order + count), order);
  }
  for (size_t i = 0; i < count; i++) {
    struct attempt *attempt = &connector->attempts[i];
    const eddy_addrinfo *info = &list[order != NULL ? order[i] : i];
    attempt->connector = connector;
    attempt->address = info->address;
    attempt->family = info->family;
    attempt->fd = -1;
  }
  eddy__free(order);
  return 0;
}

/* ---- attempts ---- */

static void wake(struct eddy__connector *connector)
{
  eddy__wait_woken(connector->task, 0);
}

static int on_answer(void *arg)
{
  struct attempt *attempt = arg;
  eddy__op_ran(attempt->connector->loop, attempt->op);
  attempt->state = ANSWERED;
  wake(attempt->connector);
  return 0;
}

static int on_delay(void *arg)
{
  struct eddy__connector *connector = EDDY__ENTRY(arg, struct eddy__connector, timer);
  eddy__timer_ran(&connector->timer);
  connector->next_is_due = true;
  wake(connector);
  return 0;
}

static void end_attempt(struct attempt *attempt)
{
  eddy_loop *loop = attempt->connector->loop;
  if (attempt->op != NULL) eddy__op_free(loop, attempt->op);
  attempt->op = NULL;
  if (attempt->fd >= 0) eddy__net_close_fd(loop, attempt->fd);
  attempt->fd = -1;
}

static void fail(struct attempt *attempt, int error, const char *what)
{
  char peer[EDDY_ADDRESS_TEXT], text[EDDY_ADDRESS_TEXT + 96];
  end_attempt(attempt);
  attempt->state = FAILED;
  attempt->error = error;
  snprintf(text, sizeof(text), "%s %s: %s", what,
      eddy_address_format(&attempt->address, peer, sizeof(peer)), eddy_strerror(error));
  attempt->message = eddy__strdup(text);
}

/* The attempt's answer is there, or was at once. Whether it is a connection. */
static bool conclude(struct attempt *attempt, int rc)
{
  if (rc == EDDY_PENDING) {
    attempt->state = TRYING;
    return false;
  }
  if (rc == 0) return true;
  fail(attempt, rc, "connect");
  return false;
}

static int bind_local(const struct attempt *attempt)
{
  const struct eddy__connector *connector = attempt->connector;
  eddy_loop *loop = connector->loop;
  if (connector->local.length == 0) return 0;
  if (loop->io->sock_bind == NULL) return EDDY_ENOTSUP;
  return loop->io->sock_bind(loop->io_state, attempt->fd, &connector->local);
}

/* Begins an attempt. Whether there is a connection at once. */
static bool begin(struct attempt *attempt)
{
  eddy_loop *loop = attempt->connector->loop;
  int rc = loop->io->sock_open(loop->io_state, &attempt->address, &attempt->fd);
  if (rc < 0) {
    attempt->fd = -1;
    fail(attempt, rc, "open a socket for");
    return false;
  }
  rc = bind_local(attempt);
  if (rc < 0) {
    fail(attempt, rc, "bind to the local address, to reach");
    return false;
  }
  attempt->op = eddy__op_new(loop);
  if (attempt->op == NULL) {
    fail(attempt, EDDY_ENOMEM, "connect");
    return false;
  }
  attempt->op->kind = EDDY_OP_CONNECT;
  attempt->op->fd = attempt->fd;
  attempt->op->address = &attempt->address;
  return conclude(attempt, eddy__op_start(loop, attempt->op, on_answer, attempt));
}

/* ---- the whole ---- */

int eddy__connector_new(eddy_task *task, const eddy_addrinfo *list, size_t count,
    const eddy_connection_options *options, struct eddy__connector **out)
{
  eddy_address local = {.length = 0};
  int rc = 0;
  if (options->local_host != NULL) {
    rc = eddy_address_parse(options->local_host, options->local_port, &local);
    if (rc < 0) return rc;
  }
  struct eddy__connector *connector = eddy__alloc(
      sizeof(*connector) + count * sizeof(connector->attempts[0]));
  if (connector == NULL) return EDDY_ENOMEM;
  connector->loop = task->future.loop;
  connector->task = task;
  connector->all_errors = options->all_errors;
  connector->local = local;
  connector->delay = options->happy_eyeballs_delay;
  connector->count = count;
  eddy__timer_init(&connector->timer, on_delay);
  size_t ahead = options->interleave;
  if (ahead == 0 && connector->delay > 0) ahead = 1;
  rc = fill_attempts(connector, list, count, ahead);
  if (rc < 0) {
    eddy__free(connector);
    return rc;
  }
  *out = connector;
  return 0;
}

void eddy__connector_free(struct eddy__connector *connector)
{
  if (connector == NULL) return;
  eddy__timer_stop(connector->loop, &connector->timer);
  for (size_t i = 0; i < connector->count; i++) {
    end_attempt(&connector->attempts[i]);
    eddy__free(connector->attempts[i].message);
  }
  eddy__free(connector);
}

static int win(struct attempt *attempt, int *fd, eddy_address *peer)
{
  *fd = attempt->fd;
  *peer = attempt->address;
  attempt->fd = -1;
  return 0;
}

/* The errors of all attempts as a group. */
static int raise_group(const struct eddy__connector *connector)
{
  struct eddy_message *group = eddy__message_new_group("create_connection");
  if (group == NULL) return EDDY_ENOMEM;
  for (size_t i = 0; i < connector->count; i++) {
    const struct attempt *attempt = &connector->attempts[i];
    char peer[EDDY_ADDRESS_TEXT];
    eddy_outcome said = {0};
    struct eddy__part *part = i == 0 ? eddy__message_own_part(group)
                                     : eddy__alloc(sizeof(*part));
    if (part == NULL) break; /* what there is memory for */
    eddy__outcome_set_message(&said, attempt->error, attempt->message);
    eddy__part_fill(part, attempt->error, &said,
        eddy_address_format(&attempt->address, peer, sizeof(peer)), 0, NULL);
    eddy__message_add(group, part);
    eddy__outcome_clear(&said);
  }
  eddy_outcome raised = {.message = group};
  eddy__outcome_pass_on(&raised, EDDY_EGROUP);
  eddy__outcome_clear(&raised);
  return EDDY_EGROUP;
}

static const char *message_of(const struct attempt *attempt)
{
  return attempt->message != NULL ? attempt->message : eddy_strerror(attempt->error);
}

/* One message if all are alike, else "connect 127.0.0.1:80: refused; connect [::1]:80: ..." */
static int raise_together(const struct eddy__connector *connector)
{
  const struct attempt *attempts = connector->attempts;
  char text[512] = "";
  size_t used = 0, alike = 0;
  for (size_t i = 0; i < connector->count; i++) {
    if (strcmp(message_of(&attempts[i]), message_of(&attempts[0])) == 0) alike++;
  }
  size_t listed = alike == connector->count ? 1 : connector->count;
  for (size_t i = 0; i < listed && used < sizeof(text); i++) {
    used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i > 0 ? "; " : "",
        message_of(&attempts[i]));
  }
  return eddy_raise(attempts[0].error, "%s", text);
}

/* All attempts have failed. */
static int give_up(const struct eddy__connector *connector)
{
  if (connector->all_errors) return raise_group(connector);
  return raise_together(connector);
}

/* Takes in what was answered: the first connection, or NULL. */
static struct attempt *take_answers(struct eddy__connector *connector)
{
  for (size_t i = 0; i < connector->next; i++) {
    struct attempt *attempt = &connector->attempts[i];
    if (attempt->state != ANSWERED) continue;
    if (conclude(attempt, eddy__op_finish(connector->loop, attempt->op))) return attempt;
  }
  return NULL;
}

/* Whether the turn of the next address has come: the last one has failed, or takes long. */
static bool next_turn(const struct eddy__connector *connector)
{
  if (connector->next == connector->count) return false;
  if (connector->next == 0 || connector->next_is_due) return true;
  return connector->attempts[connector->next - 1].state == FAILED;
}

/* Has the next attempt begin after the delay. Without memory it begins after a failure. */
static void start_delay(struct eddy__connector *connector)
{
  connector->next_is_due = false;
  eddy__timer_stop(connector->loop, &connector->timer);
  if (connector->delay <= 0 || connector->next == connector->count) return;
  eddy_time when = eddy__time_after(eddy__loop_now(connector->loop), connector->delay);
  (void)eddy__timer_start(connector->loop, &connector->timer, when);
}

int eddy__connector_advance(
    struct eddy__connector *connector, int *fd, eddy_address *peer)
{
  struct attempt *winner = take_answers(connector);
  if (winner != NULL) return win(winner, fd, peer);
  while (next_turn(connector)) {
    struct attempt *attempt = &connector->attempts[connector->next++];
    if (begin(attempt)) return win(attempt, fd, peer);
    start_delay(connector);
  }
  for (size_t i = 0; i < connector->next; i++) {
    if (connector->attempts[i].state == TRYING) return EDDY_PENDING;
  }
  return give_up(connector);
}

static void describe(const eddy_task *task, char *text, size_t size)
{
  const struct eddy__connector *connector = task->wait.object;
  char peer[EDDY_ADDRESS_TEXT];
  size_t last = connector->next > 0 ? connector->next - 1 : 0;
  snprintf(text, size, "connect to %s, address %zu of %zu",
      eddy_address_format(&connector->attempts[last].address, peer, sizeof(peer)),
      last + 1, connector->count);
}

const struct eddy__wait_type eddy__connector_wait = {NULL, describe, NULL, "connect"};
