#pragma once
/* recourse doctor: looks at what the server needs of its machine, its files and its neighbours, and says what to do. Changes
 * nothing but a file of its own beside the store, which it removes. Internal to server/. Single-threaded. */
#include "server/settings.h"

#include "flow/dependency.h"
#include "store/store.h"

enum doctor_level { DOCTOR_OK, DOCTOR_WARNING, DOCTOR_ERROR };
enum { DOCTOR_TEXT = 640, DOCTOR_FINDINGS = 256 };

struct doctor_finding {
    enum doctor_level level;
    const char *check;
    struct rc_sv text, advice; /* advice is empty where there is nothing to do */
};

struct doctor {
    const struct cli_args *args;
    struct configuration *configuration;
    const struct settings *settings;
    struct rc_arena *arena;
    const char *check; /* the one that runs */
    const char *version;
    char store[4096], folder[4096]; /* of the store: its path, its directory */
    struct rc_reader *reader;       /* NULL: there is no store, or it cannot be read */
    bool store_is_there;
    rc_us high_water;                                /* of the store; 0: not known */
    const struct flow_dependency *const *dependency; /* that the definitions have */
    uint32_t ndependencies;
    struct doctor_finding found[DOCTOR_FINDINGS];
    uint32_t n, left_out;
};

/* Adds a finding of the check that runs. `advice` says what to do; NULL: nothing. */
void doctor_say(struct doctor *, enum doctor_level, const char *advice, const char *format, ...)
    RC_PRINTF(4, 5);

/* ---- the checks, in their order */
typedef void doctor_check(struct doctor *);
doctor_check doctor_settings;                                                          /* doctor.c */
doctor_check doctor_disk, doctor_fsync, doctor_limits, doctor_clock;                   /* doctor_machine.c */
doctor_check doctor_store, doctor_permissions, doctor_certificate, doctor_definitions; /* doctor_files.c */
doctor_check doctor_dependencies, doctor_server;                                       /* doctor_reach.c */

/* recourse doctor */
int doctor_run(const struct cli_args *);
