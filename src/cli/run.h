#pragma once
/* What the commands of the command line share. Internal to cli/. */
#include "cli/cli.h"
#include "cli/screen.h"
#include "client/client.h"
#include "codec/write.h"

enum { CLI_ARENA = 512 << 20, CLI_MAX_PATH = 4096 };

struct cli {
    const struct cli_host *host;
    const struct cli_args *args;
    const char *server;
    const char *actor; /* as it was given; cli_actor() knows more */
    bool json, quiet, yes;
    bool held;           /* an answer has said that the store is held */
    unsigned timeout_ms; /* of a call; 0: the client's default. Before the first call */
    struct rc_arena *arena;
    struct rc_client *client; /* opened at the first call */
    struct screen screen;
};

/* Who is acting: as it was given; else whom the token is for (NULL), else the login name. */
const char *cli_actor(struct cli *);

/* What was given, else the variable of the environment, else the third. */
const char *cli_first_of(const char *given, const char *variable, const char *otherwise);
const char *cli_server(const struct cli_args *);
RC_MUST
int cli_parse(int argc, char **argv, struct cli_args *);
const struct cli_command *cli_find(const char *name);
/* The command that may have been meant; p is NULL where none is near. */
struct rc_sv cli_near_command(const char *name);

/* ---- the server (call.c): 0, or the exit code after saying what was wrong */

struct cli_reply {
    struct rc_client_answer answer;
    enum rc_status status;
};
RC_MUST
int cli_get(struct cli *, struct cli_reply *, const char *format, ...) RC_PRINTF(3, 4);
RC_MUST
int cli_post(struct cli *, struct cli_reply *, const char *path, const struct rc_buf *body, const char *etag);
/* Lines of JSON; so is the answer, of which the reply has the text. */
RC_MUST
int cli_post_lines(struct cli *, struct cli_reply *, const char *path, const struct rc_buf *body);
/* PUT and DELETE. */
RC_MUST
int cli_send(struct cli *, struct cli_reply *, const char *method, const char *path,
             const struct rc_buf *body);
/* Asks without saying anything on failure. */
RC_MUST
enum rc_status cli_ask(struct cli *, struct cli_reply *, const char *method, const char *path,
                       struct rc_sv body, const char *etag, struct rc_error *);
/* Follows a stream of events; says nothing on failure. */
RC_MUST
enum rc_status cli_follow(struct cli *, const char *path, rc_client_take *, void *context, struct rc_error *);
/* Says an error, with the problem's list of errors; returns the exit code. */
int cli_fail(struct cli *, const struct cli_reply *, const struct rc_error *);
int cli_usage(struct cli *, const char *format, ...) RC_PRINTF(2, 3);
/* Says why errno keeps a file from being opened or read; returns the exit code. */
int cli_no_file(const char *path);
/* The answer as it came, for --json. */
void cli_put_raw(struct cli *, const struct cli_reply *);
/* Starts a JSON body. */
struct rc_json cli_body(struct cli *, struct rc_buf *);
/* Asks a person, on a terminal only; true without one, and with --yes. */
RC_MUST
bool cli_confirm(struct cli *, const char *question);

/* ---- values of answers: empty or 0 where the member is not there */

struct rc_sv cli_text(const struct cel_value *object, const char *name);
bool cli_bool(const struct cel_value *object, const char *name);
uint64_t cli_number(const struct cel_value *object, const char *name);
struct cel_value cli_member(const struct cel_value *object, const char *name);

/* ---- the commands */
int cli_run_program(struct cli *, const struct cli_args *); /* what the host gives by this name */
int cli_run_queue(struct cli *, const struct cli_args *);
int cli_run_hold(struct cli *, const struct cli_args *);
int cli_run_schedule(struct cli *, const struct cli_args *);
int cli_run_purge(struct cli *, const struct cli_args *);
int cli_run_bulk(struct cli *, const struct cli_args *);
int cli_run_audit(struct cli *, const struct cli_args *);
int cli_run_apply(struct cli *, const struct cli_args *);
int cli_run_submit(struct cli *, const struct cli_args *);
int cli_run_signal(struct cli *, const struct cli_args *);
int cli_run_signals(struct cli *, const struct cli_args *);
int cli_run_lanes(struct cli *, const struct cli_args *);
int cli_run_batch(struct cli *, const struct cli_args *);
int cli_run_list(struct cli *, const struct cli_args *);
int cli_run_show(struct cli *, const struct cli_args *);
int cli_run_explain(struct cli *, const struct cli_args *);
int cli_run_history(struct cli *, const struct cli_args *);
int cli_run_action(struct cli *, const struct cli_args *);
int cli_run_whoami(struct cli *, const struct cli_args *);
int cli_run_token(struct cli *, const struct cli_args *);
int cli_run_namespace(struct cli *, const struct cli_args *);
int cli_run_attempts(struct cli *, const struct cli_args *);
int cli_run_steps(struct cli *, const struct cli_args *);
int cli_run_definitions(struct cli *, const struct cli_args *);
int cli_run_events(struct cli *, const struct cli_args *);
int cli_run_watch(struct cli *, const struct cli_args *);
int cli_run_ready(struct cli *, const struct cli_args *);
int cli_run_version(struct cli *, const struct cli_args *);
int cli_run_help(struct cli *, const struct cli_args *);

int cli_run_man(struct cli *, const struct cli_args *);
int cli_run_completion(struct cli *, const struct cli_args *);

#define CLI_ABOUT "durable commands that can be confirmed, retried, reconciled and rolled back"
/* What an exit code means. */
const char *cli_exit_text(int code);

/* wait.c: --wait */
struct cli_wait {
    bool asked;
    rc_us until; /* by the monotonic clock */
};
RC_MUST
int cli_read_wait(struct cli *, struct cli_wait *ret);
/* "?wait=…" of the next request; empty where nobody waits or the time is over. */
struct rc_sv cli_wait_query(struct cli *, const struct cli_wait *);
/* Nothing happens before somebody does something. */
bool cli_rests(const struct cel_value *command);
/* Asks again until the command that was answered rests or the time is over; the last answer. */
RC_MUST
int cli_wait_on(struct cli *, const struct cli_wait *, struct cli_reply *io_reply);
int cli_wait_exit(const struct cli_wait *, const struct cel_value *command);

/* topics.c: what `recourse help` teaches beside the commands */
struct cli_topic {
    const char *name, *title;
    const char *text; /* paragraphs, one a line; a line that begins with two blanks is shown as it is */
};
extern const struct cli_topic cli_topics[]; /* ends with name NULL */

/* help.c */
void cli_put_help(struct cli *);
void cli_put_command_help(struct cli *, const struct cli_command *);

/* Options that say which commands, and what the API calls them; ends with option NULL. */
struct cli_filter {
    const char *option, *query;
    bool time; /* may also be a span before now: "2h" */
};
extern const struct cli_filter cli_filters[];
/* What was given for one, as the API wants it; p is NULL where nothing was. */
struct rc_sv cli_filter_text(struct cli *, const struct cli_filter *);
/* GET of the path with what was given for these (the last one has option NULL). */
RC_MUST
int cli_get_filtered(struct cli *, struct cli_reply *, const char *path, const struct cli_filter *);

/* words of a command's head, shared by show, explain and actions */
void cli_put_head(struct cli *, const struct cel_value *command);
void cli_put_state(struct cli *, const struct cel_value *command); /* with a line end */
/* Who is asked for what, of an explanation; the digest of what is shown there, empty where there is none, or more than one. (people.c) */
/* move.c: asks for the plan of a move, and shows it. */
int cli_show_move(struct cli *, struct rc_sv id, struct cli_reply *);
void cli_put_asks(struct cli *, const struct cel_value *body);
/* Its place in its lane, and its priority, where it has one. */
void cli_put_lane(struct cli *, const struct cel_value *body);
struct rc_sv cli_digest_of(const struct cel_value *body, bool answer, const char *step);
/* As a tree, with an empty line before it; the items and passes of loops where they are wanted. (tree.c) */
void cli_put_steps(struct cli *, const struct cel_value *command, bool loops);
struct rc_sv cli_refs_text(struct cli *, struct cel_value refs); /* "customer=7 project=42" */
/* Writes the member "refs" from the options --ref. */
RC_MUST
int cli_put_refs(struct cli *, struct rc_json *, const struct cli_args *);
/* Writes a member whose value is given as JSON, @FILE or "-" by an option; nothing where the option is not there. */
RC_MUST
int cli_put_json_option(struct cli *, struct rc_json *, const char *option, const char *name);
