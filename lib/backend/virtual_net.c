#include "backend/virtual_net.h"

#include <string.h>

#include "backend/virtual_address.h"

/*
 * A descriptor is FIRST_FD + generation * SLOTS_MAX + slot: above every number a kernel
 * gives, and not given again before its slot was used GENERATIONS times.
 */
#define FIRST_FD (1 << 30)
#define SLOTS_MAX (1u << 20)
#define GENERATIONS (1u << 10)
#define SLOTS_MIN 16u

void eddy__vnet_init(struct eddy__vnet *net, eddy_loop *loop)
{
  memset(net, 0, sizeof(*net));
  net->loop = loop;
  eddy__pool_init(&net->socks, sizeof(struct eddy__vsock));
  eddy__list_init(&net->all);
  eddy__list_init(&net->touched);
  eddy__list_init(&net->listeners);
  eddy__list_init(&net->posts);
}

void eddy__vnet_fini(struct eddy__vnet *net)
{
  struct eddy__link *link;
  while ((link = eddy__list_first(&net->all)) != NULL) {
    eddy__vsock_free(net, EDDY__ENTRY(link, struct eddy__vsock, all));
  }
  eddy__free(net->slots);
  net->slots = NULL;
  net->slot_count = 0;
  eddy__pool_fini(&net->socks);
}

static struct eddy__vslot *slot_of(const struct eddy__vnet *net, int fd)
{
  return &net->slots[(unsigned)fd % SLOTS_MAX];
}

int eddy__vnet_find(const struct eddy__vnet *net, int fd, struct eddy__vsock **out)
{
  if (fd < 0) return EDDY_EBADF;
  if (fd < FIRST_FD) return EDDY_ENOTSUP;
  if ((unsigned)fd % SLOTS_MAX >= net->slot_count) return EDDY_EBADF;
  struct eddy__vsock *sock = slot_of(net, fd)->sock;
  if (sock == NULL || sock->fd != fd) return EDDY_EBADF;
  *out = sock;
  return 0;
}

static void slot_give_back(struct eddy__vnet *net, size_t index)
{
  net->slots[index].sock = NULL;
  net->slots[index].next_free = net->slot_count;
  if (net->first_free == net->slot_count) {
    net->first_free = index;
  } else {
    net->slots[net->last_free].next_free = index;
  }
  net->last_free = index;
}

/* Called only when every slot is taken. */
static int slots_grow(struct eddy__vnet *net)
{
  if (net->slot_count == SLOTS_MAX) return EDDY_EMFILE;
  size_t old = net->slot_count;
  size_t count = old == 0 ? SLOTS_MIN : old * 2;
  struct eddy__vslot *slots = eddy__realloc(net->slots, count * sizeof(*slots));
  if (slots == NULL) return EDDY_ENOMEM;
  net->slots = slots;
  net->slot_count = count;
  net->first_free = count;
  for (size_t i = old; i < count; i++) {
    slots[i].generation = 0;
    slot_give_back(net, i);
  }
  return 0;
}

int eddy__vsock_number(struct eddy__vnet *net, struct eddy__vsock *sock)
{
  if (net->first_free == net->slot_count) {
    int rc = slots_grow(net);
    if (rc < 0) return rc;
  }
  size_t index = net->first_free;
  struct eddy__vslot *slot = &net->slots[index];
  net->first_free = slot->next_free;
  slot->sock = sock;
  sock->fd = FIRST_FD + (int)(slot->generation * SLOTS_MAX + index);
  slot->generation = (slot->generation + 1) % GENERATIONS;
  return 0;
}

struct eddy__vsock *eddy__vsock_new(struct eddy__vnet *net, int family)
{
  struct eddy__vsock *sock = eddy__pool_get(&net->socks);
  if (sock == NULL) return NULL;
  memset(sock, 0, sizeof(*sock));
  sock->fd = -1;
  sock->family = family;
  sock->kind = EDDY__VSOCK_FRESH;
  eddy__list_init(&sock->touched);
  eddy__list_init(&sock->queued);
  eddy__list_append(&net->all, &sock->all);
  return sock;
}

void eddy__vsock_unwire(struct eddy__vsock *sock)
{
  struct eddy__vwire *wire = sock->wire;
  sock->wire = NULL;
  if (wire != NULL && --wire->refs == 0) eddy__free(wire);
}

static void unlink_all(struct eddy__link *list)
{
  struct eddy__link *link;
  while ((link = eddy__list_first(list)) != NULL)
    eddy__list_remove(link);
}

void eddy__vsock_free(struct eddy__vnet *net, struct eddy__vsock *sock)
{
  eddy__list_remove(&sock->all);
  eddy__list_remove(&sock->touched);
  eddy__list_remove(&sock->queued);
  eddy__vsock_unwire(sock);
  if (sock->listener != NULL) {
    eddy__list_remove(&sock->listener->link);
    unlink_all(&sock->listener->ready);
    unlink_all(&sock->listener->callers);
    eddy__free(sock->listener);
  }
  if (sock->post != NULL) eddy__vpost_free(sock);
  eddy__free(sock->bytes);
  eddy__free(sock->bound);
  eddy__pool_put(&net->socks, sock);
}

void eddy__vsock_close(struct eddy__vnet *net, struct eddy__vsock *sock)
{
  sock->closed = true;
  eddy__vsock_touch_reader(net, sock);
  eddy__vsock_touch_writer(net, sock);
  switch (sock->kind) {
  case EDDY__VSOCK_LISTENER:
    eddy__vsock_unlisten(net, sock);
    break;
  case EDDY__VSOCK_CALLING:
    eddy__vsock_hang_up(net, sock);
    break;
  case EDDY__VSOCK_STREAM:
    eddy__vsock_part(net, sock);
    break;
  case EDDY__VSOCK_DATAGRAM:
    eddy__vpost_leave(net, sock);
    break;
  case EDDY__VSOCK_FRESH:
    break;
  }
  if (sock->reader == NULL && sock->writer == NULL) eddy__vsock_free(net, sock);
}

int eddy__vnet_open(struct eddy__vnet *net, const eddy_address *address, int *fd)
{
  int family;
  int rc = eddy__vaddress_family(address, &family);
  if (rc < 0) return rc;
  struct eddy__vsock *sock = eddy__vsock_new(net, family);
  if (sock == NULL) return EDDY_ENOMEM;
  rc = eddy__vsock_number(net, sock);
  if (rc < 0) goto fail_number;
  *fd = sock->fd;
  return 0;
fail_number:
  eddy__vsock_free(net, sock);
  return rc;
}

int eddy__vnet_pair(struct eddy__vnet *net, int fds[2])
{
  int family = eddy__vaddress_unix_family();
  int rc = EDDY_ENOMEM;
  struct eddy__vsock *a = eddy__vsock_new(net, family);
  if (a == NULL) return rc;
  struct eddy__vsock *b = eddy__vsock_new(net, family);
  if (b == NULL) goto fail_b;
  rc = eddy__vsock_number(net, a);
  if (rc < 0) goto fail_number_a;
  rc = eddy__vsock_number(net, b);
  if (rc < 0) goto fail_number_b;
  a->kind = b->kind = EDDY__VSOCK_STREAM;
  a->peer = b;
  b->peer = a;
  fds[0] = a->fd;
  fds[1] = b->fd;
  return 0;
fail_number_b:
  slot_give_back(net, (unsigned)a->fd % SLOTS_MAX);
fail_number_a:
  eddy__vsock_free(net, b);
fail_b:
  eddy__vsock_free(net, a);
  return rc;
}

int eddy__vnet_close(struct eddy__vnet *net, int fd)
{
  struct eddy__vsock *sock;
  int rc = eddy__vnet_find(net, fd, &sock);
  if (rc < 0) return rc;
  slot_give_back(net, (unsigned)fd % SLOTS_MAX);
  sock->fd = -1;
  eddy__vsock_close(net, sock);
  return 0;
}
