/* The same over TLS: what may have left, and whom to trust. The certificate is made here and is good for 127.0.0.1. */
#include "kit.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#define POST   "{\"method\":\"POST\",\"path\":\"/x\",\"body\":{\"a\":1}}"
#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

static SSL_CTX *tls;
static char ca_file[] = "/tmp/recourse-test-ca-XXXXXX";
static atomic_int requests, seconds; /* seconds: those that were the second one on their connection */

static void must(bool fine)
{
    if (!fine) abort();
}

static X509 *make_certificate(EVP_PKEY *key)
{
    X509 *cert = X509_new();
    must(cert && X509_set_version(cert, 2) && ASN1_INTEGER_set(X509_get_serialNumber(cert), 1));
    must(X509_gmtime_adj(X509_getm_notBefore(cert), -60) && X509_gmtime_adj(X509_getm_notAfter(cert), 3600));
    X509_NAME *name = X509_get_subject_name(cert);
    must(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0));
    must(X509_set_issuer_name(cert, name) && X509_set_pubkey(cert, key));
    X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");
    X509_EXTENSION *authority = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
    must(names && authority && X509_add_ext(cert, names, -1) && X509_add_ext(cert, authority, -1));
    X509_EXTENSION_free(names);
    X509_EXTENSION_free(authority);
    must(X509_sign(cert, key, EVP_sha256()));
    return cert;
}

static int set_up(void **state)
{
    (void)state;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    must(key);
    X509 *cert = make_certificate(key);
    int fd = mkstemp(ca_file);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    must(file && PEM_write_X509(file, cert) && fclose(file) == 0);
    tls = SSL_CTX_new(TLS_server_method());
    must(tls && SSL_CTX_use_certificate(tls, cert) && SSL_CTX_use_PrivateKey(tls, key));
    X509_free(cert);
    EVP_PKEY_free(key);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    SSL_CTX_free(tls);
    return unlink(ca_file);
}

/* Reads one request; its body has the length that POST's has. */
static bool read_request(SSL *ssl)
{
    char text[4096];
    size_t n = 0;
    while (n < sizeof text - 1) {
        int got = SSL_read(ssl, text + n, (int)(sizeof text - 1 - n));
        if (got <= 0) return false;
        n += (size_t)got;
        text[n] = '\0';
        if (!strstr(text, "\r\n\r\n{\"a\":1}")) continue;
        requests++;
        return true;
    }
    return false;
}

static SSL *shake_hands(int fd)
{
    sigset_t pipe; /* only here: the executor must do without */
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, NULL);
    SSL *ssl = SSL_new(tls);
    must(ssl && SSL_set_fd(ssl, fd));
    if (SSL_accept(ssl) == 1) return ssl;
    SSL_free(ssl);
    return NULL;
}

static void serve_fine(struct server *server, int fd, int nth)
{
    (void)server, (void)nth;
    SSL *ssl = shake_hands(fd);
    while (ssl && read_request(ssl) && SSL_write(ssl, ANSWER, (int)strlen(ANSWER)) > 0) {
    }
    SSL_free(ssl);
}

static void serve_one_then_close_after_reading(struct server *server, int fd, int nth)
{
    (void)server;
    SSL *ssl = shake_hands(fd);
    if (ssl && read_request(ssl) && SSL_write(ssl, ANSWER, (int)strlen(ANSWER)) > 0 && read_request(ssl))
        seconds++;
    if (nth % 2) server_reset_at_close(fd);
    SSL_free(ssl);
}

static void serve_end_after_handshake(struct server *server, int fd, int nth)
{
    (void)server, (void)nth;
    SSL *ssl = shake_hands(fd);
    server_reset_at_close(fd);
    SSL_free(ssl);
}

static void serve_one_each(struct server *server, int fd, int nth)
{
    (void)server;
    SSL *ssl = shake_hands(fd);
    if (ssl && read_request(ssl) && SSL_write(ssl, ANSWER, (int)strlen(ANSWER)) > 0 && nth % 2 == 0) {
        usleep(20000);
        SSL_shutdown(ssl);
    }
    SSL_free(ssl);
}

struct world {
    struct kit kit;
    struct server *server;
    struct flow_dependency dependency;
    char base[64];
};

static void open_world(struct world *world, serve_fn *serve, const char *host, const char *ca)
{
    requests = seconds = 0;
    world->server = server_open("127.0.0.1", serve);
    world->dependency = kit_dependency(host, server_port(world->server));
    snprintf(world->base, sizeof world->base, "https://%s:%d", host, server_port(world->server));
    world->dependency.base = rc_sv_of(world->base);
    world->dependency.tls = true;
    kit_open(&world->kit, &(struct rc_http_options){.ca_file = ca});
}

static void close_world(struct world *world)
{
    kit_close(&world->kit);
    server_close(world->server);
}

static void expect(struct world *world, const char *said)
{
    struct rc_answer *answer = kit_call(&world->kit, &world->dependency, POST);
    if (strcmp(kit_said(answer), said) != 0)
        fail_msg("%s instead of %s: %.*s", kit_said(answer), said, RC_SV_ARG(answer->result.error));
    rc_arena_free(answer->arena);
}

static void trusted(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, serve_fine, "127.0.0.1", ca_file);
    for (int i = 0; i < 5; i++) expect(&world, "answered 200");
    assert_int_equal(requests, 5);
    assert_int_equal(server_connections(world.server), 1);
    close_world(&world);
}

static void not_trusted(void **state)
{
    (void)state;
    static const struct {
        const char *host, *ca, *said;
    } rows[] = {{"127.0.0.1", NULL, "not sent not_sent"},
                {"localhost", ca_file, "not sent not_sent"}, /* another name than the certificate's */
                {"127.0.0.1", "/nowhere/ca.pem", "not sent configuration"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world world;
        open_world(&world, serve_fine, rows[i].host, rows[i].ca);
        expect(&world, rows[i].said);
        assert_int_equal(requests, 0);
        close_world(&world);
    }
}

static void closed_while_idle(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, serve_one_each, "127.0.0.1", ca_file);
    for (int i = 0; i < 6; i++) {
        expect(&world, "answered 200");
        usleep(50000);
    }
    assert_int_equal(server_connections(world.server), 6);
    close_world(&world);
}

static void never_sent_twice(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, serve_one_then_close_after_reading, "127.0.0.1", ca_file);
    for (int i = 1; i <= 4; i++) {
        expect(&world, "answered 200");
        expect(&world, "sent connection_lost");
        assert_int_equal(requests, 2 * i);
        assert_int_equal(seconds, i); /* on a reused connection */
    }
    close_world(&world);
}

/* Writing to what has gone ends no process with SIGPIPE. */
static void ended_after_handshake(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, serve_end_after_handshake, "127.0.0.1", ca_file);
    for (int i = 0; i < 5; i++) {
        struct rc_answer *answer = kit_call(&world.kit, &world.dependency, POST);
        assert_int_not_equal(answer->result.reach, RC_ANSWERED);
        rc_arena_free(answer->arena);
    }
    close_world(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trusted), cmocka_unit_test(not_trusted), cmocka_unit_test(closed_while_idle),
        cmocka_unit_test(never_sent_twice), cmocka_unit_test(ended_after_handshake)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
