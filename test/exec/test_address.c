/* Which addresses are public: one row for each block, at its edges and just outside. */
#include "kit.h"

#include "exec/http/address.h"

#include <arpa/inet.h>

static const struct {
    const char *text;
    bool is_public;
} rows[] = {
    {"8.8.8.8", true},
    {"1.1.1.1", true},
    {"0.0.0.0", false},
    {"0.255.255.255", false},
    {"1.0.0.0", true},
    {"9.255.255.255", true},
    {"10.0.0.0", false},
    {"10.255.255.255", false},
    {"11.0.0.0", true},
    {"100.63.255.255", true},
    {"100.64.0.0", false},
    {"100.127.255.255", false},
    {"100.128.0.0", true},
    {"126.255.255.255", true},
    {"127.0.0.1", false},
    {"127.255.255.255", false},
    {"128.0.0.0", true},
    {"168.63.129.16", false},
    {"168.63.129.17", true},
    {"169.253.255.255", true},
    {"169.254.169.254", false},
    {"169.255.0.0", true},
    {"172.15.255.255", true},
    {"172.16.0.0", false},
    {"172.31.255.255", false},
    {"172.32.0.0", true},
    {"192.0.0.8", false},
    {"192.0.1.0", true},
    {"192.0.2.1", false},
    {"192.88.99.1", false},
    {"192.167.255.255", true},
    {"192.168.0.0", false},
    {"192.168.255.255", false},
    {"192.169.0.0", true},
    {"198.17.255.255", true},
    {"198.18.0.0", false},
    {"198.19.255.255", false},
    {"198.20.0.0", true},
    {"198.51.100.7", false},
    {"203.0.113.7", false},
    {"223.255.255.255", true},
    {"224.0.0.1", false},
    {"239.255.255.255", false},
    {"240.0.0.1", false},
    {"255.255.255.255", false},
    {"::", false},
    {"::1", false},
    {"::127.0.0.1", false},
    {"::8.8.8.8", false},
    {"::ffff:127.0.0.1", false},
    {"::ffff:10.0.0.1", false},
    {"::ffff:169.254.169.254", false},
    {"::ffff:8.8.8.8", true},
    {"64:ff9b::7f00:1", false},
    {"64:ff9b::a9fe:a9fe", false},
    {"64:ff9b::808:808", true},
    {"64:ff9b:1::808:808", false},
    {"2002:7f00:1::1", false},
    {"2002:a9fe:a9fe::", false},
    {"2002:808:808::1", true},
    {"2001::1", false},
    {"2001:1ff::1", false},
    {"2001:200::1", true},
    {"2001:db8::1", false},
    {"2001:db9::1", true},
    {"2606:4700::1111", true},
    {"3fff::1", false},
    {"3fff:1000::1", true},
    {"4000::1", false},
    {"1fff::1", false},
    {"fc00::1", false},
    {"fd00:ec2::254", false},
    {"fe80::1", false},
    {"fec0::1", false},
    {"ff02::1", false},
};

static void each_block(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sockaddr_in v4 = {.sin_family = AF_INET};
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
        bool is_v4 = inet_pton(AF_INET, rows[i].text, &v4.sin_addr) == 1;
        if (!is_v4) assert_int_equal(inet_pton(AF_INET6, rows[i].text, &v6.sin6_addr), 1);
        const struct sockaddr *address = is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
        if (http_address_public(address) != rows[i].is_public) fail_msg("%s", rows[i].text);
        if (http_address_text_public(rows[i].text) != rows[i].is_public) fail_msg("%s as text", rows[i].text);
    }
}

static void what_is_no_address(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "localhost",
                                        "8.8.8",
                                        "127.1",
                                        "0x7f.1",
                                        "8.8.8.8 ",
                                        "::ffff:8.8.8.8.8",
                                        "fe80::1%eth0",
                                        "%",
                                        "1111111111111111111111111111111111111111111111111111"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_false(http_address_text_public(texts[i]));
    assert_true(http_address_text_public("2606:4700::1111%3"));
    struct sockaddr local = {.sa_family = AF_UNIX};
    assert_false(http_address_public(&local));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_block), cmocka_unit_test(what_is_no_address)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
