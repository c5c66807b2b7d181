/*
 * TLS: a layer (eddy/layer.h) over OpenSSL 3, in a library of its own, eddy-tls.
 *
 *     eddy_tls_context *context;
 *     int rc = eddy_tls_context_new_client(&context);
 *     if (rc < 0) return rc;
 *     eddy_connection_options connection = {.tls = eddy_tls_layer(context)};
 *     eddy_stream_options options = {.connection = &connection};
 *     rc = eddy_open_connection("example.org", 443, &options, &reader, &writer);
 *
 * From there on nothing is different: streams, protocols and servers are the ones of
 * eddy/stream.h, eddy/protocol.h and eddy/server.h.
 *
 * What is always so:
 *
 * - TLS 1.2 at least. No renegotiation, no compression.
 * - A client trusts the system's authorities, and checks the peer's certificate and that it was
 *   made out to the name or address the connection was asked for (`host`, or `server_hostname`).
 *   Only eddy_tls_context_accept_any_name and _accept_any_certificate change that.
 * - The handshake may take 60 s, the end 30 s; the options of the calls have other times.
 * - eddy_transport_close sends what is queued and close_notify, and waits for the peer's;
 *   connection_lost(0) comes after that. What the peer sends meanwhile is dropped. As in asyncio
 *   there is no half-close: when the peer ends, eof_received is called and the connection closed.
 * - A connection that the peer ends without close_notify is lost with EDDY_ETRUNCATED, since
 *   anyone on the way could have cut it (eddy_tls_context_ignore_truncation).
 * - A connection that is idle holds no buffer, neither of eddy's nor of OpenSSL's.
 *
 * Errors, from the call that connects or starts TLS, or told to connection_lost; eddy_message
 * says what OpenSSL found:
 *
 *     EDDY_ECERTIFICATE   expired, made out to another name, unknown authority, ...
 *     EDDY_ETLS           anything else that TLS does not allow: no common version, not TLS at
 *                         all, a record that was tampered with, the peer's alert
 *     EDDY_ECONNRESET     the peer has ended the connection in the middle of the handshake
 *     EDDY_ECONNABORTED   the handshake took too long, or the connection was closed meanwhile
 *     EDDY_ETRUNCATED     see above
 *     EDDY_ETIMEDOUT      the peer did not end TLS in time, after a close
 *     EDDY_ENOMEM
 *
 * eddy_transport_get_extra_info knows, from connection_made on and as long as the transport is
 * referenced:
 *
 *     "ssl_object"   SSL *, to be asked, not to be used for reading, writing or shutting down
 *     "sslcontext"   eddy_tls_context * (before connection_made, too)
 *     "peercert"     X509 *, the peer's certificate; NULL: it has shown none
 *     "cipher"       const char *, "TLS_AES_256_GCM_SHA384"
 *     "version"      const char *, "TLSv1.3"
 *     "alpn"         const char *, the protocol that was agreed on; NULL: none
 *
 * Threads: one thread makes a context ready; from its first server or connection on, any number of
 * loops in as many threads use it at once, and nothing of it is changed any more but the session
 * (eddy_tls_context_set_session). Workers that serve one port share one context: a client's
 * session is then resumed by all of them, since the keys of its tickets are the context's. References
 * to contexts and sessions are counted for any thread; a connection is its loop's. With an
 * SSL_CTX of the caller's the callbacks set on it are called in each of these threads. No
 * global state of OpenSSL's is touched.
 *
 * This header is not part of eddy.h.
 */
#ifndef EDDY_TLS_H
#define EDDY_TLS_H

#include <eddy/layer.h>

/* OpenSSL's SSL_CTX and SSL_SESSION. */
struct ssl_ctx_st;
struct ssl_session_st;

typedef struct eddy_tls_context eddy_tls_context;
typedef struct eddy_tls_session eddy_tls_session;

EDDY_BEGIN_DECLS

/* ---- contexts ---- */

/**
 * Makes a context for clients: the system's authorities are trusted, names are checked.
 *
 * asyncio   ssl.create_default_context()
 * Context   any thread.
 * out       owned: eddy_tls_context_unref; connections and servers hold references of their own.
 * Returns   0; EDDY_EINVAL; EDDY_ENOMEM; EDDY_ETLS.
 */
EDDY_API EDDY_NODISCARD int eddy_tls_context_new_client(eddy_tls_context **out);

/**
 * Makes a context for servers. It needs a certificate: eddy_tls_context_load_cert_chain.
 *
 * asyncio   ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
 * Returns   as eddy_tls_context_new_client.
 */
EDDY_API EDDY_NODISCARD int eddy_tls_context_new_server(eddy_tls_context **out);

/**
 * Makes a context of the caller's own SSL_CTX, for clients, servers or both. It is not changed
 * (but see eddy_tls_context_add_server_name), and what eddy insists on is set on each
 * connection: TLS 1.2 at least, no renegotiation, and for clients the check of certificate and
 * name, even if the SSL_CTX says SSL_VERIFY_NONE, as it does when nobody has said otherwise.
 *
 * ssl_ctx   a reference to it is taken.
 * Returns   as eddy_tls_context_new_client.
 */
EDDY_API EDDY_NODISCARD int eddy_tls_context_from_ssl_ctx(
    struct ssl_ctx_st *ssl_ctx, eddy_tls_context **out);

/** The SSL_CTX, borrowed, for what has no function here. */
EDDY_API struct ssl_ctx_st *eddy_tls_context_ssl_ctx(const eddy_tls_context *context);

/** One more reference. Any thread. */
EDDY_API eddy_tls_context *eddy_tls_context_ref(eddy_tls_context *context);

/** One reference less. NULL is allowed. Any thread. */
EDDY_API void eddy_tls_context_unref(eddy_tls_context *context);

/** What goes into the options of the calls that connect, serve or start TLS; borrowed from the
 * context. */
EDDY_API eddy_layer *eddy_tls_layer(eddy_tls_context *context);

/* ---- what is shown, and what is trusted ---- */

/**
 * Loads the certificate to be shown, with those of the authorities between it and the root, and
 * its private key.
 *
 * asyncio   SSLContext.load_cert_chain()
 * certfile, keyfile  PEM; keyfile NULL: it is in certfile, too.
 * Returns   0; EDDY_EINVAL; EDDY_ENOENT, EDDY_EACCES and the system's other codes with the file's
 *           name; EDDY_ETLS (not a certificate; the key is another one's; it has a password).
 */
EDDY_API EDDY_NODISCARD int eddy_tls_context_load_cert_chain(
    eddy_tls_context *context, const char *certfile, const char *keyfile);

/**
 * Trusts the authorities of a file or directory (one of them may be NULL), besides the others.
 *
 * asyncio   SSLContext.load_verify_locations(cafile, capath)
 * cafile    PEM, one or more certificates.
 * capath    a directory with hashed names, as `openssl rehash` makes it.
 * Returns   as eddy_tls_context_load_cert_chain.
 */
EDDY_API EDDY_NODISCARD int eddy_tls_context_load_verify_locations(
    eddy_tls_context *context, const char *cafile, const char *capath);

/** Servers: a client without a certificate of a trusted authority is sent away.
 * asyncio: SSLContext.verify_mode = ssl.CERT_REQUIRED. */
EDDY_API void eddy_tls_context_require_client_certificate(eddy_tls_context *context);

/** Clients: whoever has a certificate of a trusted authority is accepted, whatever its name. Any
 * owner of any such certificate can then read and change what is sent.
 * asyncio: SSLContext.check_hostname = False. */
EDDY_API void eddy_tls_context_accept_any_name(eddy_tls_context *context);

/** Clients: anyone is accepted. Whoever is on the way can read and change what is sent.
 * asyncio: SSLContext.verify_mode = ssl.CERT_NONE. */
EDDY_API void eddy_tls_context_accept_any_certificate(eddy_tls_context *context);

/** A connection that the peer ends without close_notify counts as ended in the right way:
 * eof_received is called, connection_lost is told 0. For protocols that know by themselves
 * whether all has come. asyncio always does so. */
EDDY_API void eddy_tls_context_ignore_truncation(eddy_tls_context *context);

/* ---- what is negotiated ---- */

/**
 * Sets the protocols for ALPN, the preferred one first. A server chooses the first of its own
 * that the client has, too; without one in common there is none, and the connection goes on.
 *
 * asyncio   SSLContext.set_alpn_protocols()
 * protocols 1 to 255 bytes each; copied.
 * Returns   0; EDDY_EINVAL; EDDY_ENOMEM; EDDY_ENOTSUP for a context of the caller's SSL_CTX.
 */
EDDY_API EDDY_NODISCARD int eddy_tls_context_set_alpn_protocols(
    eddy_tls_context *context, const char *const *protocols, size_t count);

/**
 * Servers: has another context serve the clients that ask for this name (SNI). Clients that ask
 * for a name that was not added, or for none, are served by this one.
 *
 * asyncio   SSLContext.sni_callback
 * name      "example.org", or "*.example.org" for every name of one more label; copied.
 * other     a reference to it is kept. Its certificate, authorities and ALPN protocols count,
 *           and whether it requires a client's certificate.
 * Returns   0; EDDY_EINVAL (no name; the same context); EDDY_ENOMEM.
 *           The SSL_CTX's servername callback is this library's from then on.
 */
EDDY_API EDDY_NODISCARD int eddy_tls_context_add_server_name(
    eddy_tls_context *context, const char *name, eddy_tls_context *other);

/* ---- sessions ---- */

/**
 * The session of a client's connection, with which a later one to the same server is shorter.
 * In TLS 1.3 it comes after the handshake: ask when something was received, or at the end.
 *
 * asyncio   SSLObject.session
 * out       owned: eddy_tls_session_unref.
 * Returns   0; EDDY_EINVAL; EDDY_ENOTSUP (not a TLS transport); EDDY_EINVALIDSTATE (there is none that can be used again); EDDY_ENOMEM.
 */
EDDY_API EDDY_NODISCARD int eddy_tls_get_session(
    const eddy_transport *transport, eddy_tls_session **out);

/** Clients: connections that are made from now on resume what `session` holds (a reference is kept;
 * NULL: nothing), if they ask for the name it was made with; those to others do without. The
 * certificate was checked when that was made, so `session` has to be of this context.
 * Any thread, also while others use the context.
 * Returns 0; EDDY_EINVAL (another context's). */
EDDY_API EDDY_NODISCARD int eddy_tls_context_set_session(
    eddy_tls_context *context, eddy_tls_session *session);

/** Whether the connection has resumed an earlier one's session. asyncio:
 * SSLObject.session_reused. */
EDDY_API bool eddy_tls_session_reused(const eddy_transport *transport);

/** OpenSSL's session, borrowed. */
EDDY_API struct ssl_session_st *eddy_tls_session_ssl(const eddy_tls_session *session);

/** One more reference. Any thread. */
EDDY_API eddy_tls_session *eddy_tls_session_ref(eddy_tls_session *session);

/** One reference less. NULL is allowed. Any thread. */
EDDY_API void eddy_tls_session_unref(eddy_tls_session *session);

EDDY_END_DECLS

#endif
