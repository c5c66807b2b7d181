/* Datagrams as the system has them. */
#include "backend/socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/socket_system.h"

/* So many datagrams are taken by one system call at most. */
#define BATCH 16

static int prepare(int fd, sa_family_t family, const eddy_datagram_options *options)
{
  int rc = 0;
  if (options->reuse_port) {
#ifdef SO_REUSEPORT
    rc = eddy__set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
#else
    rc = EDDY_ENOTSUP;
#endif
  }
  if (rc == 0 && options->broadcast)
    rc = eddy__set_option(fd, SOL_SOCKET, SO_BROADCAST, 1);
  if (rc == 0 && family == AF_INET6) {
    rc = eddy__set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, options->dual_stack ? 0 : 1);
  }
  return rc;
}

static int bind_socket(int fd, const eddy_address *address)
{
  const struct sockaddr *system = eddy__system_address(address);
  if (bind(fd, system, address->length) == 0) return 0;
  int rc = eddy__last_error();
  if (rc != EDDY_EADDRINUSE || !eddy__socket_remove_stale(address, SOCK_DGRAM)) return rc;
  return bind(fd, system, address->length) == 0 ? 0 : eddy__last_error();
}

int eddy__socket_open_datagram(
    const eddy_address *address, const eddy_datagram_options *options, int *out)
{
  static const eddy_datagram_options defaults;
  const struct sockaddr *system = eddy__system_address(address);
  if (options == NULL) options = &defaults;
  int fd = -1;
  int rc = eddy__socket_new(system->sa_family, SOCK_DGRAM, &fd);
  if (rc < 0) return rc;
  rc = prepare(fd, system->sa_family, options);
  if (rc == 0 && !options->unbound) rc = bind_socket(fd, address);
  if (rc < 0) {
    close(fd);
    return rc;
  }
  *out = fd;
  return 0;
}

static unsigned length_of(socklen_t length)
{
  size_t most = sizeof(((eddy_address *)0)->storage.bytes);
  return (unsigned)(length < most ? length : most);
}

static int pending_or_error(void)
{
  return errno == EAGAIN || errno == EWOULDBLOCK ? EDDY_PENDING : eddy__last_error();
}

static int attempt_recvfrom(eddy_op *op)
{
  eddy_address from = {0};
  struct iovec part = {.iov_base = op->buffer, .iov_len = op->size};
  struct msghdr message = {.msg_name = from.storage.bytes,
      .msg_namelen = sizeof(from.storage.bytes),
      .msg_iov = &part,
      .msg_iovlen = 1};
  ssize_t got;
  do {
    got = recvmsg(op->fd, &message, MSG_DONTWAIT);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return pending_or_error();
  from.length = length_of(message.msg_namelen);
  if (op->address != NULL) *op->address = from;
  op->result = got;
  return (message.msg_flags & MSG_TRUNC) != 0 ? EDDY_EMSGSIZE : 0;
}

static int attempt_sendto(eddy_op *op)
{
  const struct sockaddr *to = NULL;
  socklen_t length = 0;
  if (op->address != NULL) {
    to = eddy__system_address(op->address);
    length = op->address->length;
  }
  ssize_t sent;
  do {
    sent = sendto(op->fd, op->buffer, op->size, EDDY__SEND_FLAGS, to, length);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) return pending_or_error();
  op->result = sent;
  return 0;
}

#if defined(__linux__) || defined(__FreeBSD__) || defined(__NetBSD__)
static int attempt_batch(eddy_op *op)
{
  struct mmsghdr messages[BATCH];
  struct iovec parts[BATCH];
  eddy_datagram *datagrams = op->buffer;
  unsigned count = op->size < BATCH ? (unsigned)op->size : BATCH;
  for (unsigned i = 0; i < count; i++) {
    parts[i] = (struct iovec){
        .iov_base = datagrams[i].data, .iov_len = datagrams[i].size};
    messages[i].msg_hdr = (struct msghdr){.msg_name = datagrams[i].from.storage.bytes,
        .msg_namelen = sizeof(datagrams[i].from.storage.bytes),
        .msg_iov = &parts[i],
        .msg_iovlen = 1};
  }
  int got;
  do {
    got = (int)recvmmsg(op->fd, messages, count, MSG_DONTWAIT, NULL);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return pending_or_error();
  for (int i = 0; i < got; i++) {
    datagrams[i].size = messages[i].msg_len;
    datagrams[i].cut = (messages[i].msg_hdr.msg_flags & MSG_TRUNC) != 0;
    datagrams[i].from.length = length_of(messages[i].msg_hdr.msg_namelen);
  }
  op->result = got;
  return 0;
}
#else
/* One: an error behind it stays for the next call. */
static int attempt_batch(eddy_op *op)
{
  eddy_datagram *datagram = op->buffer;
  eddy_op one = {.fd = op->fd,
      .buffer = datagram->data,
      .size = datagram->size,
      .address = &datagram->from};
  int rc = attempt_recvfrom(&one);
  datagram->cut = rc == EDDY_EMSGSIZE;
  if (rc != 0 && !datagram->cut) return rc;
  datagram->size = (size_t)one.result;
  op->result = 1;
  return 0;
}
#endif

int eddy__socket_attempt_datagram(eddy_op *op)
{
  switch (op->kind) {
  case EDDY_OP_RECVFROM:
    return attempt_recvfrom(op);
  case EDDY_OP_SENDTO:
    return attempt_sendto(op);
  case EDDY_OP_RECV_BATCH:
    return attempt_batch(op);
  default:
    return EDDY_EINVAL;
  }
}
