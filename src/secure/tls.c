/* TLS on OpenSSL (tls.h). A session holds a reference to the context that it began with, so that a reload takes nothing away. */
#include "secure/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>

struct rc_tls {
    pthread_mutex_t lock; /* guards the context */
    SSL_CTX *context;
    char *certificate, *key;
};

/* OpenSSL's handle is the session; the casts stand here and nowhere else. */
static SSL *inside(const struct rc_tls_session *session)
{
    return (SSL *)(uintptr_t)session;
}

/* ---- context ------------------------------------------------------------------------------------------- */

/* The first error of OpenSSL says most; the queue is empty afterwards. */
static enum rc_status fail_ssl(struct rc_error *err, const char *what, const char *path)
{
    unsigned long code = ERR_get_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    ERR_clear_error();
    return rc_fail(err, RC_INVALID, "%s %s: %s", what, path, reason ? reason : "cannot be used");
}

static enum rc_status check_file(const char *path, const char *what, bool secret, struct rc_error *err)
{
    struct stat info;
    FILE *file = fopen(path, "re");
    if (!file)
        return rc_fail(err, errno == ENOENT ? RC_NOT_FOUND : RC_IO, "%s %s: %s", what, path, strerror(errno));
    bool known = fstat(fileno(file), &info) == 0;
    (void)fclose(file);
    if (!known || !S_ISREG(info.st_mode)) return rc_fail(err, RC_IO, "%s %s is no regular file", what, path);
    if (secret && info.st_mode & (S_IROTH | S_IWOTH))
        return rc_fail(err, RC_FORBIDDEN, "%s %s: everybody may read it (chmod o-rw)", what, path);
    return RC_OK;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type is OpenSSL's */
static int no_passphrase(char *buffer, int size, int writing, void *context)
{
    (void)buffer, (void)size, (void)writing, (void)context;
    return 0; /* nobody is there to type one: the key cannot be read, and that is said */
}

/* What we speak, where the client asks; a client that asks for something else is served all the same. */
static int choose_protocol(SSL *ssl, const unsigned char **ret, unsigned char *ret_n,
                           const unsigned char *offered, unsigned n, void *context)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen = NULL;
    (void)ssl, (void)context;
    if (SSL_select_next_proto(&chosen, ret_n, ours, sizeof ours - 1, offered, n) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *ret = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static bool configure(SSL_CTX *context)
{
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                                     SSL_OP_IGNORE_UNEXPECTED_EOF);
    /* an answer that did not fit is sent again from wherever its rest stands; idle connections hold no buffers */
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF); /* tickets need no memory */
    SSL_CTX_set_default_passwd_cb(context, no_passphrase);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
    return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!PSK:!SRP") == 1;
}

static enum rc_status check_times(SSL_CTX *context, const char *path, struct rc_error *err)
{
    const X509 *own = SSL_CTX_get0_certificate(context);
    if (!own || X509_cmp_current_time(X509_get0_notAfter(own)) <= 0)
        return rc_fail(err, RC_INVALID, "certificate %s has expired", path);
    return RC_OK;
}

static enum rc_status load(const char *certificate, const char *key, SSL_CTX **ret, struct rc_error *err)
{
    enum rc_status status = check_file(certificate, "certificate", false, err);
    if (status == RC_OK) status = check_file(key, "key", true, err);
    if (status != RC_OK) return status;
    ERR_clear_error();
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (!context || !configure(context))
        status = rc_fail(err, RC_NOMEM, "TLS cannot be set up");
    else if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1)
        status = fail_ssl(err, "certificate", certificate);
    else if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1 ||
             SSL_CTX_check_private_key(context) != 1)
        status = fail_ssl(err, "key", key);
    else
        status = check_times(context, certificate, err);
    if (status == RC_OK)
        *ret = context;
    else
        SSL_CTX_free(context);
    return status;
}

enum rc_status rc_tls_open(const char *certificate, const char *key, struct rc_tls **ret,
                           struct rc_error *err)
{
    SSL_CTX *context = NULL;
    enum rc_status status = load(certificate, key, &context, err);
    if (status != RC_OK) return status;
    struct rc_tls *tls = calloc(1, sizeof *tls);
    if (!tls || !(tls->certificate = strdup(certificate)) || !(tls->key = strdup(key))) {
        if (tls) free(tls->certificate);
        free(tls);
        SSL_CTX_free(context);
        return rc_fail(err, RC_NOMEM, "out of memory");
    }
    pthread_mutex_init(&tls->lock, NULL);
    tls->context = context;
    *ret = tls;
    return RC_OK;
}

enum rc_status rc_tls_reload(struct rc_tls *tls, struct rc_error *err)
{
    SSL_CTX *context = NULL;
    enum rc_status status = load(tls->certificate, tls->key, &context, err);
    if (status != RC_OK) return status;
    pthread_mutex_lock(&tls->lock);
    SSL_CTX *old = tls->context;
    tls->context = context;
    pthread_mutex_unlock(&tls->lock);
    SSL_CTX_free(old);
    return RC_OK;
}

void rc_tls_close(struct rc_tls *tls)
{
    if (!tls) return;
    SSL_CTX_free(tls->context);
    pthread_mutex_destroy(&tls->lock);
    free(tls->certificate);
    free(tls->key);
    free(tls);
}

int64_t rc_tls_expires(struct rc_tls *tls)
{
    int days = 0, seconds = 0;
    pthread_mutex_lock(&tls->lock);
    const X509 *own = SSL_CTX_get0_certificate(tls->context);
    bool known = own && ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(own)) == 1;
    pthread_mutex_unlock(&tls->lock);
    return known ? (int64_t)time(NULL) + (int64_t)days * 86400 + seconds : 0;
}

/* ---- sessions ------------------------------------------------------------------------------------------ */

struct rc_tls_session *rc_tls_session_new(struct rc_tls *tls, int fd)
{
    pthread_mutex_lock(&tls->lock);
    SSL *ssl = SSL_new(tls->context);
    pthread_mutex_unlock(&tls->lock);
    if (!ssl || SSL_set_fd(ssl, fd) != 1) {
        SSL_free(ssl);
        ERR_clear_error();
        return NULL;
    }
    SSL_set_accept_state(ssl);
    return (struct rc_tls_session *)(void *)ssl;
}

void rc_tls_session_free(struct rc_tls_session *session)
{
    SSL_free(inside(session));
}

static int result(SSL *ssl, int got)
{
    int error = SSL_get_error(ssl, got);
    ERR_clear_error();
    if (error == SSL_ERROR_WANT_READ) return RC_TLS_READ;
    if (error == SSL_ERROR_WANT_WRITE) return RC_TLS_WRITE;
    return error == SSL_ERROR_ZERO_RETURN ? RC_TLS_END : RC_TLS_BROKEN;
}

int rc_tls_handshake(struct rc_tls_session *session)
{
    int got = SSL_accept(inside(session));
    return got == 1 ? 0 : result(inside(session), got);
}

int rc_tls_read(struct rc_tls_session *session, void *ret_bytes, uint32_t n)
{
    int got = SSL_read(inside(session), ret_bytes, n > INT32_MAX ? INT32_MAX : (int)n);
    return got > 0 ? got : result(inside(session), got);
}

int rc_tls_write(struct rc_tls_session *session, const void *bytes, uint32_t n)
{
    int got = SSL_write(inside(session), bytes, n > INT32_MAX ? INT32_MAX : (int)n);
    return got > 0 ? got : result(inside(session), got);
}

bool rc_tls_has_more(const struct rc_tls_session *session)
{
    return SSL_has_pending(inside(session)) == 1;
}

void rc_tls_goodbye(struct rc_tls_session *session)
{
    if (SSL_in_init(inside(session))) return; /* nobody to say it to */
    (void)SSL_shutdown(inside(session));
    ERR_clear_error();
}
