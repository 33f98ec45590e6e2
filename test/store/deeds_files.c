/* The deeds on files: a store is opened, made, looked at, checked and backed up. */
#include "deeds_inside.h"

#include <stdio.h>
#include <unistd.h>

static void close_it(struct doing *doing)
{
    doing->digest = deeds_digest(doing->kit);
    kit_close(doing->kit);
}

static enum rc_status open_it(struct doing *doing, struct rc_error *err)
{
    return rc_sqlite_open(&doing->kit->options, &doing->kit->store, err);
}

static void copy_file(const char *from, const char *to)
{
    static char bytes[1 << 16];
    FILE *in = fopen(from, "r"), *out = fopen(to, "w");
    assert_true(in && out);
    for (size_t n; (n = fread(bytes, 1, sizeof bytes, in)) > 0;)
        assert_int_equal(fwrite(bytes, 1, n, out), n);
    assert_int_equal(fclose(out), 0);
    fclose(in);
}

/* The files as they are while the store is open, with a log: as a killed process leaves them. */
static void crash(struct doing *doing)
{
    static const char *const parts[] = {"", "-wal", ".lock"};
    struct kit *kit = doing->kit;
    char name[3][128], kept[3][128];
    define_again(doing);
    doing->digest = deeds_digest(kit);
    for (int i = 0; i < 3; i++) {
        snprintf(name[i], sizeof name[i], "%s%s", kit->path, parts[i]);
        snprintf(kept[i], sizeof kept[i], "%s.kept%s", kit->path, parts[i]);
        copy_file(name[i], kept[i]);
    }
    kit_close(kit);
    for (int i = 0; i < 3; i++) assert_int_equal(rename(kept[i], name[i]), 0);
}

static void remove_second(struct doing *doing)
{
    static const char *const names[] = {"", "-wal", "-shm", ".lock", ".reserve", ".part", ".new"};
    char name[128];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(name, sizeof name, "%s%s", doing->path, names[i]);
        unlink(name);
    }
}

static enum rc_status create(struct doing *doing, struct rc_error *err)
{
    struct rc_sqlite_options options = doing->kit->options;
    struct rc_store *second;
    options.path = doing->path;
    enum rc_status status = rc_sqlite_open(&options, &second, err);
    if (status == RC_OK) rc_store_close(second);
    return status;
}

static enum rc_status look(struct doing *doing, struct rc_error *err)
{
    struct rc_reader *reader;
    enum rc_status status = rc_sqlite_look(doing->kit->path, &reader, err);
    if (status == RC_OK) rc_reader_close(reader);
    return status;
}

static enum rc_status check(struct doing *doing, struct rc_error *err)
{
    struct rc_holdings kept;
    return rc_sqlite_check(doing->kit->path, &kept, err);
}

static enum rc_status back_up(struct doing *doing, struct rc_error *err)
{
    struct rc_holdings kept;
    return rc_sqlite_backup(doing->kit->path, doing->path, true, &kept, err);
}

static enum rc_status is_free(struct doing *doing, struct rc_error *err)
{
    return rc_sqlite_is_free(doing->path, err);
}

#define F(name, flags, prepare)                                                                              \
    {                                                                                                        \
#name, DEED_FILES | (flags), prepare, name                                                           \
    }
const struct deed file_deeds[] = {
    F(open_it, DEED_CLOSED, close_it),
    {"open_after_a_crash", DEED_FILES | DEED_CLOSED | DEED_CHECKS, crash, open_it},
    F(create, DEED_BESIDE, remove_second),
    F(look, DEED_BESIDE, NULL),
    F(check, DEED_BESIDE | DEED_CHECKS, NULL),
    F(back_up, DEED_BESIDE | DEED_CHECKS, remove_second),
    F(is_free, DEED_BESIDE, remove_second),
};
const unsigned file_deed_count = sizeof file_deeds / sizeof *file_deeds;
