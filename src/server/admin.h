#pragma once
/* Offline administration: commands that work on a store's file themselves, whether or not a server runs on it. Each takes
 * the parsed command line of its row in cli/commands.c, writes to standard output and standard error, and returns an exit
 * code (enum cli_exit). Internal to server/. */
#include "cli/cli.h"
#include "store/store.h"

/* recourse audit verify, and list where --store is given */
int audit_run(const struct cli_args *);

/* A stored definition parsed, in the arena; RC_DAMAGED where it is not one. (definition.c) */
struct rc_new_definition;
RC_MUST
enum rc_status definition_parse(const struct rc_definition *, struct rc_arena *,
                                struct rc_new_definition *ret, struct rc_error *);

/* recourse export, recourse import */
int export_run(const struct cli_args *);
int import_run(const struct cli_args *);
/* recourse backup, recourse restore */
int backup_run(const struct cli_args *);
int restore_run(const struct cli_args *);

/* The store that command line, environment, file of settings or default name; NULL after saying what is wrong with these.
 * Valid until the next call. */
const char *admin_store(const struct cli_args *);
/* Says what went wrong; returns the exit code. */
int admin_fail(const struct cli_args *, const struct rc_error *);
/* recourse token create --store */
int token_create(const struct cli_args *);
