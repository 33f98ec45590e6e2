#pragma once
/* The command line: one table of commands from which help, man page and completion come, and one parser for
 * all of them. Knows the HTTP API only (client/); what runs without it (`serve`, `eval`) is given by the host. */
#include "base/arena.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdio.h>

enum cli_exit {
    CLI_OK = 0,
    CLI_ERROR = 1,       /* it did not work */
    CLI_USAGE = 2,       /* the command line is wrong; nothing was done */
    CLI_REFUSED = 3,     /* refused by rule: conflict, action not allowed, input not valid */
    CLI_NOT_FOUND = 4,   /* there is no such thing */
    CLI_UNREACHABLE = 5, /* no server, or it cannot take work now: nothing is known to have happened */
    CLI_DECLINED = 6,    /* a person said no */
    CLI_INCOMPLETE = 7,  /* with --wait: the command is there, and has not completed */
    CLI_PARTIAL = 8,     /* watch: completed, but something that was not critical did not happen */
    CLI_STUCK = 9,       /* watch: nothing happens until a person does something */
    CLI_UNDONE = 10,     /* watch: cancelled or rolled back */
    CLI_EXITS
};

enum { CLI_MAX_GIVEN = 64, CLI_MAX_INPUT = 1 << 20 };

struct cli_option {
    const char *name; /* without dashes; NULL ends a list */
    char letter;      /* 0: none */
    const char *arg;  /* name of its value; NULL: a switch */
    const char *text;
    const char *otherwise; /* what is meant where it is not given; NULL: the text says so */
};

/* A variable of the environment that the command line itself reads. */
struct cli_variable {
    const char *name, *text; /* name NULL ends the list */
};

struct cli;
struct cli_args;

struct cli_command {
    const char *name, *args; /* "submit", "TYPE" */
    const char *text;        /* one line */
    const char *help;        /* paragraphs; NULL: none */
    const struct cli_option *options;
    int least, most; /* operands */
    int (*run)(struct cli *, const struct cli_args *);
};

struct cli_args {
    const struct cli_command *command;
    const struct cli_option *given[CLI_MAX_GIVEN];
    const char *value[CLI_MAX_GIVEN];
    unsigned ngiven;
    char **operand;
    int noperands;
};

/* The last value given for an option, or NULL. */
const char *cli_value(const struct cli_args *, const char *name);
bool cli_has(const struct cli_args *, const char *name);
/* The values of an option that may be repeated: start with *io_at = 0; NULL after the last. */
const char *cli_each(const struct cli_args *, const char *name, unsigned *io_at);

/* What a command of the table does that works without a server: its options are those of its row. */
struct cli_program {
    const char *name;
    int (*run)(const struct cli_args *);
};

struct cli_host {
    const char *version;
    const struct cli_program *programs; /* ends with name NULL; one for every row with cli_run_program */
};

/* All of the program: parses, runs, returns the exit code. */
int cli_main(int argc, char **argv, const struct cli_host *);

/* Prints what `put` writes; where `json`, as the member `name` of an object, and nothing where it fails. Returns its exit
 * code. */
RC_MUST
int cli_page(bool json, const char *name, int (*put)(FILE *, void *), void *context);

/* An error on standard error as --json gives it: with the names that a problem of the API has. */
void cli_put_json_error(const struct rc_error *);

/* What scripts see of an error. */
int cli_exit_of(enum rc_status);
/* A client as the options and the environment say. */
struct rc_client;
RC_MUST
enum rc_status cli_open_client(const struct cli_args *, struct rc_arena *, struct rc_client **ret,
                               struct rc_error *);
/* Reads a file, "-" is standard input; at most CLI_MAX_INPUT bytes. 0, or the exit code after saying what was
 * wrong. */
RC_MUST
int cli_read_file(struct rc_arena *, const char *path, struct rc_sv *ret);

/* A page of the audit as the API gives it (AuditEntry), as a table. */
struct cel_value;
struct screen;
void cli_put_audit(struct screen *, struct rc_arena *, const struct cel_value *page);

extern const struct cli_command cli_commands[]; /* ends with name NULL */
extern const struct cli_option cli_globals[];
extern const struct cli_variable cli_variables[];
