#include <string.h>

#include "tls/tls.h"

static size_t take(
    unsigned char *out, size_t size, const unsigned char *from, size_t there)
{
  size_t part = size < there ? size : there;
  if (part > 0) memcpy(out, from, part);
  return part;
}

/* That nothing more comes is not said here: what it means depends on what was to come. */
static int bio_read(BIO *bio, char *out, size_t size, size_t *got)
{
  struct eddy__tls *tls = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  if (eddy__bytes_size(&tls->incoming) > 0) {
    *got = take((unsigned char *)out, size, eddy__bytes_first(&tls->incoming),
        eddy__bytes_size(&tls->incoming));
    eddy__bytes_drop(eddy__tls_loop(tls), &tls->incoming, *got);
    return 1;
  }
  *got = take((unsigned char *)out, size, tls->chunk, tls->chunk_size);
  if (*got == 0) {
    BIO_set_retry_read(bio);
    return 0;
  }
  tls->chunk += *got;
  tls->chunk_size -= *got;
  return 1;
}

static int bio_write(BIO *bio, const char *data, size_t size, size_t *sent)
{
  struct eddy__tls *tls = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  if (eddy__bytes_append(eddy__tls_loop(tls), &tls->outgoing, data, size) < 0) {
    tls->no_memory = true;
    return 0;
  }
  *sent = size;
  return 1;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
  (void)bio;
  (void)number;
  (void)pointer;
  return command == BIO_CTRL_FLUSH;
}

static int bio_create(BIO *bio)
{
  BIO_set_init(bio, 1);
  return 1;
}

/* A type of one's own would be a number taken from the whole process. */
BIO_METHOD *eddy__tls_bio_method(void)
{
  BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "eddy");
  if (method == NULL) return NULL;
  if (BIO_meth_set_read_ex(method, bio_read) &&
      BIO_meth_set_write_ex(method, bio_write) && BIO_meth_set_ctrl(method, bio_ctrl) &&
      BIO_meth_set_create(method, bio_create)) {
    return method;
  }
  BIO_meth_free(method);
  return NULL;
}
