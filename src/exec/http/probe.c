/* Whether a dependency can be reached: name, connection and certificate, with the same rules about addresses as an attempt.
 * Nothing is asked of the other side. */
#include "exec/exec.h"

#include "base/clock.h"
#include "base/limits.h"
#include "exec/http/address.h"
#include "flow/dependency.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

enum { PROBE_MS = 5000 };

struct probe {
    const struct flow_dependency *dependency;
    char refused[INET6_ADDRSTRLEN];
};

static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)purpose;
    struct probe *probe = context;
    if (probe->dependency->allow_private || http_address_public(&address->addr))
        return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    (void)getnameinfo(&address->addr, (socklen_t)address->addrlen, probe->refused, sizeof probe->refused,
                      NULL, 0, NI_NUMERICHOST);
    return CURL_SOCKET_BAD;
}

static CURLcode set_up(CURL *e, struct probe *probe, const char *url, const char *ca_file, char *error)
{
    CURLcode c = curl_easy_setopt(e, CURLOPT_URL, url);
    if (!c) c = curl_easy_setopt(e, CURLOPT_CONNECT_ONLY, 1L);
    if (!c) c = curl_easy_setopt(e, CURLOPT_ERRORBUFFER, error);
    if (!c) c = curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    if (!c) c = curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    if (!c) c = curl_easy_setopt(e, CURLOPT_PROXY, "");
    if (!c) c = curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
    if (!c) c = curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (!c) c = curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)PROBE_MS);
    if (!c) c = curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)PROBE_MS);
    if (!c) c = curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    if (!c) c = curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, probe);
    if (!c && ca_file) c = curl_easy_setopt(e, CURLOPT_CAINFO, ca_file);
    return c;
}

enum rc_status rc_http_probe(const struct flow_dependency *dependency, const char *ca_file,
                             struct rc_http_probe *ret, struct rc_error *err)
{
    char url[RC_MAX_URL + 1], error[CURL_ERROR_SIZE] = "";
    struct probe probe = {.dependency = dependency};
    int n = snprintf(url, sizeof url, "%.*s", RC_SV_ARG(dependency->base));
    if (n < 0 || (size_t)n >= sizeof url) return rc_fail(err, RC_LIMIT, "its base is too long");
    CURL *easy = curl_easy_init();
    if (!easy) return rc_fail(err, RC_NOMEM, "out of memory");
    rc_us begun = rc_clock_monotonic();
    CURLcode code = set_up(easy, &probe, url, ca_file, error);
    if (!code) code = curl_easy_perform(easy);
    const char *address = NULL;
    enum rc_status status = RC_OK;
    if (code && probe.refused[0])
        status = rc_fail(err, RC_FORBIDDEN,
                         "the address %s is not public; the dependency does not allow private ones",
                         probe.refused);
    else if (code)
        status = rc_fail(err, code == CURLE_OUT_OF_MEMORY ? RC_NOMEM : RC_UNREACHABLE, "%s",
                         error[0] ? error : curl_easy_strerror(code));
    if (status == RC_OK) {
        (void)curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &address);
        ret->took = rc_clock_monotonic() - begun;
        snprintf(ret->address, sizeof ret->address, "%s", address ? address : "?");
    }
    curl_easy_cleanup(easy);
    return status;
}
