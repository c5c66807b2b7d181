/* A kind of transport as a library outside would make it: bytes written come back in upper
 * case, when the program asks for them. */
#include <ctype.h>

#include <eddy/transport_type.h>

#include "transports.h"

struct mirror {
  char bytes[64];
  size_t size;
  bool reading;
  int closed;
  int *destroyed;
};

static struct mirror *mirror_of(const eddy_transport *transport)
{
  return eddy_transport_state(transport);
}

static int mirror_write(
    eddy_transport *transport, const eddy_buffer *pieces, size_t count)
{
  struct mirror *mirror = mirror_of(transport);
  for (size_t i = 0; i < count; i++) {
    const char *bytes = pieces[i].data;
    for (size_t k = 0; k < pieces[i].size && mirror->size < sizeof mirror->bytes; k++) {
      mirror->bytes[mirror->size++] = (char)toupper((unsigned char)bytes[k]);
    }
  }
  eddy_transport_grew(transport);
  return 0;
}

/* Gives back what was written. */
static void mirror_flush(eddy_transport *transport)
{
  struct mirror *mirror = mirror_of(transport);
  size_t size = mirror->size;
  mirror->size = 0;
  (void)eddy_transport_received(transport, mirror->bytes, size);
  eddy_transport_shrank(transport);
}

static void mirror_close(eddy_transport *transport)
{
  eddy_transport_set_closing(transport);
  eddy_transport_lose(transport, 0);
}

static void mirror_abort(eddy_transport *transport, int error)
{
  mirror_of(transport)->size = 0;
  eddy_transport_lose(transport, error);
}

static int mirror_set_reading(eddy_transport *transport, bool on)
{
  mirror_of(transport)->reading = on;
  return 0;
}

static size_t mirror_buffered(const eddy_transport *transport)
{
  return mirror_of(transport)->size;
}

static const void *mirror_info(const eddy_transport *transport, const char *name)
{
  return strcmp(name, "mirror") == 0 ? mirror_of(transport) : NULL;
}

static void mirror_closed(eddy_transport *transport)
{
  mirror_of(transport)->closed++;
}

static void mirror_destroy(eddy_transport *transport)
{
  ++*mirror_of(transport)->destroyed;
}

static const eddy_transport_type mirror_type = {
    .name = "mirror",
    .state_size = sizeof(struct mirror),
    .write = mirror_write,
    .close = mirror_close,
    .abort = mirror_abort,
    .set_reading = mirror_set_reading,
    .buffered = mirror_buffered,
    .extra_info = mirror_info,
    .closed = mirror_closed,
    .destroy = mirror_destroy,
};

static int new_mirror(
    eddy_loop *loop, struct peer *peer, int **destroyed, eddy_transport **out)
{
  *destroyed = test_new(sizeof **destroyed);
  CHECK_OK(eddy_transport_new(loop, &mirror_type, &peer_protocol, peer, out));
  mirror_of(*out)->destroyed = *destroyed;
  test_defer_late(unref_transport, *out);
  return 0;
}

EDDY_TASK_TEST(transport_type, a_transport_of_ones_own_is_one)
{
  struct peer *a = new_peer("");
  eddy_transport *t;
  int *destroyed;
  eddy_address name;
  CHECK_OK(new_mirror(eddy_get_running_loop(), a, &destroyed, &t));
  CHECK_PTR(eddy_transport_get_type(t), &mirror_type);
  CHECK_PTR(eddy_transport_get_extra_info(t, "mirror"), eddy_transport_state(t));
  CHECK_EQ(eddy_transport_get_fd(t), -1);
  CHECK_CODE(eddy_transport_get_sockname(t, &name), EDDY_ENOTSUP);
  CHECK_CODE(eddy_transport_write_eof(t), EDDY_ENOTSUP);
  CHECK(!eddy_transport_can_write_eof(t));
  eddy_transport_made(t);
  CHECK_OK(eddy_transport_set_write_buffer_limits(t, 4, 2));
  CHECK_OK(eddy_transport_write(t, "abc", 3));
  CHECK_OK(eddy_transport_write(t, "de", 2));
  mirror_flush(t);
  CHECK_TRACE("made pause data(5) resume");
  CHECK_MEM(a->bytes, "ABCDE", 5);
  eddy_transport_pause_reading(t);
  CHECK(!mirror_of(t)->reading);
  CHECK_OK(eddy_transport_resume_reading(t));
  CHECK(mirror_of(t)->reading);
  eddy_transport_received_eof(t);
  eddy_transport_received_eof(t);
  CHECK_TRACE("eof");
  CHECK(eddy_transport_is_closing(t));
  CHECK_EQ(mirror_of(t)->closed, 0);
  CHECK_OK(eddy_sleep(0));
  CHECK_TRACE("lost");
  CHECK_EQ(mirror_of(t)->closed, 1);
  CHECK_EQ(a->released, 1);
  CHECK_EQ(*destroyed, 0);
  return 0;
}

EDDY_TASK_TEST(transport_type, writing_resumes_at_the_low_mark)
{
  struct peer *a = new_peer("");
  eddy_transport *t;
  int *destroyed;
  CHECK_OK(new_mirror(eddy_get_running_loop(), a, &destroyed, &t));
  CHECK_OK(eddy_transport_set_write_buffer_limits(t, 4, 2));
  CHECK_OK(eddy_transport_write(t, "abcde", 5));
  mirror_of(t)->size = 3;
  eddy_transport_shrank(t);
  CHECK_TRACE("pause");
  mirror_of(t)->size = 2;
  eddy_transport_shrank(t);
  CHECK_TRACE("resume");
  eddy_transport_shrank(t);
  CHECK_TRACE("");
  eddy_transport_abort(t);
  CHECK_OK(eddy_sleep(0));
  CHECK_EQ(a->released, 1);
  return 0;
}

static int fail_it(void *arg)
{
  eddy_transport *transport = arg;
  eddy_transport_fail(transport, EDDY_EPROTO, "the mirror broke");
  eddy_transport_fail(transport, EDDY_EIO, "and once more");
  return 0;
}

static int note(eddy_loop *loop, const eddy_exception_context *context, void *arg)
{
  (void)loop;
  (void)arg;
  trace("report(%s)", context->message);
  return 0;
}

EDDY_TASK_TEST(transport_type, a_failure_is_reported_once_and_ends_it)
{
  struct peer *a = new_peer("");
  eddy_transport *t;
  int *destroyed;
  eddy_loop_set_exception_handler(eddy_get_running_loop(), note, NULL);
  CHECK_OK(new_mirror(eddy_get_running_loop(), a, &destroyed, &t));
  CHECK_OK(eddy_loop_call_soon(eddy_get_running_loop(), fail_it, t, NULL));
  CHECK_OK(settle());
  CHECK_TRACE("report(the mirror broke) lost(EPROTO)");
  return 0;
}

EDDY_TEST(transport_type, a_loop_that_is_closed_lets_go_of_it)
{
  struct peer *a = new_peer("");
  eddy_loop *loop;
  eddy_transport *t;
  int *destroyed;
  CHECK_OK(test_loop(&loop));
  CHECK_OK(new_mirror(loop, a, &destroyed, &t));
  CHECK_OK(eddy_loop_close(loop));
  CHECK_EQ(mirror_of(t)->closed, 1);
  CHECK_EQ(a->released, 1);
  CHECK_EQ(a->lost, 0);
  CHECK_CODE(eddy_transport_new(loop, &mirror_type, &peer_protocol, a, &t), EDDY_ECLOSED);
  CHECK_CODE(eddy_transport_new(NULL, &mirror_type, &peer_protocol, a, &t), EDDY_EINVAL);
  return 0;
}
