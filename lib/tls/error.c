#include <stdio.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "tls/tls.h"

const char *eddy__tls_peer(const struct eddy__tls *tls, char *text, size_t size)
{
  const char *name = SSL_is_server(tls->ssl)
                         ? NULL
                         : SSL_get_servername(tls->ssl, TLSEXT_NAMETYPE_host_name);
  eddy_address address;
  if (name != NULL) {
    snprintf(text, size, "%s", name);
  } else if (tls->lower != NULL &&
             eddy_transport_get_peername(tls->lower, &address) == 0) {
    (void)eddy_address_format(&address, text, size);
  } else {
    snprintf(text, size, "the peer");
  }
  return text;
}

/* The reason of the first error, which the others follow from. */
static const char *reason_of(unsigned long error, char *text, size_t size)
{
  const char *reason = ERR_reason_error_string(error);
  if (reason != NULL) return reason;
  ERR_error_string_n(error, text, size);
  return text;
}

static bool out_of_memory(unsigned long error)
{
  return ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE;
}

/* The peer's certificate, and what is wrong with it. */
static int raise_certificate(
    const struct eddy__tls *tls, const char *call, const char *peer)
{
  long result = SSL_get_verify_result(tls->ssl);
  return eddy_raise(EDDY_ECERTIFICATE, "%s with %s: the certificate is refused: %s", call,
      peer, X509_verify_cert_error_string(result));
}

/* The error that says most of those in the queue, which is empty afterwards; 0: there is none. A
 * refused certificate and a lack of memory come first, then what the protocol says, which may
 * have others in front of it that it follows from. */
static unsigned long take_error(void)
{
  unsigned long found = 0, error;
  bool final = false;
  while ((error = ERR_get_error()) != 0) {
    bool ssl = ERR_GET_LIB(error) == ERR_LIB_SSL;
    bool decides = out_of_memory(error) ||
                   (ssl && ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED);
    bool better = found == 0 || (ssl && ERR_GET_LIB(found) != ERR_LIB_SSL);
    if (!final && (decides || better)) found = error;
    final = final || decides;
  }
  return found;
}

int eddy__tls_raise(const struct eddy__tls *tls, const char *call, int why)
{
  char peer[EDDY_ADDRESS_TEXT + 256], text[160];
  unsigned long error = take_error();
  (void)eddy__tls_peer(tls, peer, sizeof(peer));
  if (tls->no_memory || (error != 0 && out_of_memory(error))) {
    return eddy_raise(EDDY_ENOMEM, "%s with %s: not enough memory", call, peer);
  }
  if (error == 0) {
    return eddy_raise(EDDY_ETLS,
        "%s with %s: OpenSSL asks for something (%d) that is not "
        "supported",
        call, peer, why);
  }
  if (ERR_GET_LIB(error) == ERR_LIB_SSL &&
      ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED) {
    return raise_certificate(tls, call, peer);
  }
  bool alert = ERR_GET_LIB(error) == ERR_LIB_SSL &&
               ERR_GET_REASON(error) > SSL_AD_REASON_OFFSET;
  return eddy_raise(EDDY_ETLS, "%s with %s: %s%s", call, peer,
      alert ? "the peer says: " : "", reason_of(error, text, sizeof(text)));
}

int eddy__tls_raise_plain(const char *call, const char *object)
{
  char text[160];
  unsigned long error = ERR_peek_error();
  unsigned long last = ERR_peek_last_error();
  ERR_clear_error();
  if (error == 0 || out_of_memory(error) || out_of_memory(last)) return EDDY_ENOMEM;
  int code = EDDY_ETLS;
  const char *reason = reason_of(error, text, sizeof(text));
  if (ERR_SYSTEM_ERROR(error)) {
    code = -ERR_GET_REASON(error);
    reason = eddy_strerror(code);
  }
  return eddy_raise(code, "%s%s%s: %s", call, object != NULL ? " " : "",
      object != NULL ? object : "", reason);
}
