/* The command table. */
#include "cli/run.h"

#define END                                                                                                  \
    {                                                                                                        \
        NULL, 0, NULL, NULL                                                                                  \
    }

const struct cli_option cli_globals[] = {
    {"server", 0, "URL", "address of the server (else $RECOURSE_SERVER, else http://127.0.0.1:7070)"},
    {"ca", 0, "FILE",
     "who may vouch for an https server: PEM (else $RECOURSE_CA, else those that the system trusts)"},
    {"actor", 0, "NAME",
     "who is acting, for the record (else $RECOURSE_ACTOR, else whom the token is for, else your login "
     "name)"},
    {"token-file", 0, "FILE",
     "file with the token (else $RECOURSE_TOKEN, else none); - is standard input. There is no option for the "
     "token itself: "
     "what stands on a command line is seen by everybody who runs ps"},
    {"namespace", 0, "NAME",
     "the namespace to work in (else $RECOURSE_NAMESPACE, else the token's own, else default)"},
    {"json", 0, NULL, "answers as JSON"},
    {"quiet", 'q', NULL, "only what a script needs"},
    {"yes", 'y', NULL, "do not ask"},
    {"help", 'h', NULL, "help"},
    END,
};

const struct cli_variable cli_variables[] = {
    {"RECOURSE_SERVER", "address of the server, where `--server` is not given"},
    {"RECOURSE_CA", "who may vouch for an https server, where `--ca` is not given"},
    {"RECOURSE_ACTOR", "who is acting, where `--actor` is not given"},
    {"RECOURSE_TOKEN", "the token, where `--token-file` is not given"},
    {"RECOURSE_NAMESPACE", "the namespace to work in, where `--namespace` is not given"},
    {"RECOURSE_CONFIG", "the file of settings of the server, where `--config` is not given"},
    {"NO_COLOR",
     "no colours where it is not empty; there are none either where standard output is no terminal"},
    {"COLUMNS", "width of what is printed where standard output is no terminal"},
    {NULL, NULL},
};

/* of what reads the settings: serve, config, doctor */
#define CONFIG_OPTION                                                                                        \
    {                                                                                                        \
        "config", 0, "FILE", "the file of settings (else $RECOURSE_CONFIG, else none)", NULL                 \
    }
static const struct cli_option setting_options[] = {
    CONFIG_OPTION,
#define RC_SETTING(name, flag, kind, low, high, otherwise, when, arg, text) {flag, 0, arg, text, otherwise},
#include "settings.def"
    END,
};
static const struct cli_option doctor_options[] = {
    CONFIG_OPTION,
    {"deep", 0, NULL, "read a store of more than 1 GiB through, too"},
#include "settings.def" /* NOLINT(readability-duplicate-include): a list, taken once for each use */
#undef RC_SETTING
    END,
};
static const struct cli_option apply_options[] = {
    {"dry-run", 0, NULL, "say what would change, and change nothing"},
    {"prune", 0, NULL, "take out of force what the directory does not have"},
    {"reason", 'm', "TEXT", "why, for the record"},
    END,
};
#define WAIT_OPTION                                                                                          \
    {                                                                                                        \
        "wait", 'w', "TIME", "wait until it has ended or a person is needed, so long at most: 30s, 10m",     \
            NULL                                                                                             \
    }
static const struct cli_option submit_options[] = {
    {"key", 'k', "KEY", "idempotency key (else the flow's own)"},
    {"payload", 'p', "JSON", "the payload; @FILE reads a file, - reads standard input"},
    {"ref", 'r', "NAME=VALUE", "a label to search by (may be repeated)"},
    {"run-at", 0, "TIME", "begin no sooner than this: 2026-01-31T12:00:00Z, by the server's wall clock"},
    {"run-in", 0, "SPAN", "begin when this has passed: 90s, 30m, 7d"},
    {"priority", 0, "N", "how urgent it is, 0 to 9, instead of what the flow says"},
    {"deadline", 0, "SPAN", "how long it may take from its begin on, instead of what the flow says"},
    WAIT_OPTION,
    END,
};
static const struct cli_option signal_options[] = {
    {"key", 'k', "KEY", "idempotency key: the same key is the same signal (wanted)"},
    {"payload", 'p', "JSON", "what comes with it; @FILE reads a file, - reads standard input"},
    END,
};
static const struct cli_option list_options[] = {
    {"state", 's', "STATES", "only these states, with commas between them"},
    {"type", 't', "TYPE", "only this type"},
    {"ref", 'r', "NAME=VALUE", "only with this label"},
    {"why", 0, "REASONS", "only what hangs on one of these: timeout, server_error, …"},
    {"dependency", 'd', "NAME", "only what hangs on a step at this dependency"},
    {"owner", 'o', "NAME", "only what this person looks after"},
    {"submitter", 0, "NAME", "only what was submitted on behalf of this one"},
    {"since", 0, "TIME",
     "only what was created then or later: 2026-11-21T09:45:00Z, or 2h for two hours ago"},
    {"until", 0, "TIME", "only what was created before that"},
    {"limit", 'n', "N", "rows of a page, up to 200", "50"},
    {"cursor", 0, "CURSOR", "the page behind this one"},
    END,
};
static const struct cli_option show_options[] = {
    {"type", 't', "TYPE", "ID is the key of a command of this type"},
    WAIT_OPTION,
    END,
};
static const struct cli_option attempts_options[] = {
    {"after", 0, "N", "only attempts behind so many"},
    {"limit", 'n', "N", "rows of a page, up to 200", "50"},
    END,
};
static const struct cli_option steps_options[] = {
    {"state", 's', "STATES", "only steps in these states, with commas between them: failed,rejected"},
    {"after", 0, "N", "only those behind this place"},
    {"limit", 'n', "N", "rows of a page, up to 200", "50"},
    END,
};
static const struct cli_option events_options[] = {
    {"state", 's', "STATES", "only changes to one of these states, with commas between them"},
    {"type", 't', "TYPE", "only commands of this type"},
    {"id", 0, "ID", "only this command"},
    {"after", 0, "N", "begin behind this event; 0 is the very beginning. Else: what happens from now on"},
    {"limit", 'n', "N", "end after so many events"},
    END,
};
static const struct cli_option history_options[] = {
    {"after", 0, "N", "only records behind this revision"},
    END,
};
static const struct cli_option worker_options[] = {
    {"queue", 0, "NAME", "ask this queue (required; may be repeated)"},
    {"programs", 0, "FILE", "what may run: a JSON object of tasks and their programs (required)"},
    {"capability", 0, "NAME", "declare this one (may be repeated)"},
    {"parallel", 0, "N", "tasks at a time, up to 64", "1"},
    {"name", 0, "NAME", "how it calls itself (else the host's name)"},
    END,
};
static const struct cli_option eval_options[] = {
    {"context", 'c', "FILE",
     "a JSON object: its members are the names that EXPR may use; - is standard input"},
    {"type", 't', NULL, "the static type too"},
    END,
};
static const struct cli_option audit_options[] = {
    {"command", 0, "ID", "list: only entries about this command"},
    {"limit", 'n', "N", "list: entries of a page, up to 200 (50)"},
    {"before", 0, "N", "list: only entries before this number"},
    {"store", 0, "FILE", "the store: list reads it instead of asking the server; verify always does"},
    {"pin", 0, "N:HASH", "verify: entry N must have this hash, as an earlier verification printed it"},
    END,
};
static const struct cli_option backup_options[] = {
    {"store", 0, "FILE", "the store (recourse.db)"},
    {"force", 0, NULL, "write over FILE where it is there; never over a store that is in use"},
    END,
};
static const struct cli_option restore_options[] = {
    {"store", 0, "FILE", "the store (recourse.db)"},
    END,
};
static const struct cli_option export_options[] = {
    {"store", 0, "FILE", "the store (recourse.db)"},
    {"out", 'o', "FILE", "where to; must not be there (standard output)"},
    {"audit", 0, NULL, "the record of what people did, too"},
    {"type", 't', "TYPE", "only commands of this type"},
    {"state", 's', "STATES", "only in these states, with commas between them"},
    {"since", 0, "TIME", "only made at or after this time, like 2026-11-21T00:00:00Z"},
    {"until", 0, "TIME", "only made before this time"},
    END,
};
static const struct cli_option import_options[] = {
    {"store", 0, "FILE", "the new store (required); nothing may be there"},
    END,
};
static const struct cli_option purge_options[] = {
    {"older-than", 0, "TIME", "last changed longer ago than this: 90d, 12h"},
    {"ref", 'r', "NAME=VALUE", "with this label: of a customer who asks to be forgotten"},
    {"state", 's', "STATES",
     "only these states, with commas between them; each one in which a command has ended"},
    {"type", 't', "TYPE", "only this type"},
    {"dry-run", 0, NULL, "say what would be purged, and purge nothing"},
    {"compact", 0, NULL, "then write the store anew, so that the bytes are gone from its files"},
    {"reason", 'm', "TEXT", "why, for the record"},
    END,
};
static const struct cli_option bulk_options[] = {
    {"state", 's', "STATES",
     "preview: commands in these states, with commas between them; list: bulks in these"},
    {"type", 't', "TYPE", "preview: commands of this type"},
    {"ref", 'r', "NAME=VALUE", "preview: commands with this label"},
    {"why", 0, "REASONS", "preview: commands that hang on one of these: timeout, server_error, …"},
    {"dependency", 'd', "NAME", "preview: commands that hang on a step at this dependency"},
    {"owner", 'o', "NAME", "preview: commands that this person looks after"},
    {"submitter", 0, "NAME", "preview: commands that were submitted on behalf of this one"},
    {"since", 0, "TIME", "preview: commands that were created then or later; 2h: two hours ago"},
    {"until", 0, "TIME", "preview: commands that were created before that"},
    {"all", 0, NULL, "preview: all commands, whatever they are"},
    {"id", 0, "ID", "preview: this command (may be repeated)"},
    {"ids", 0, "FILE", "preview: the commands in this file, one id a line; - is standard input"},
    {"limit", 'n', "N",
     "preview: at most so many commands, up to 1000 (required); list, items: rows of a page"},
    {"reason", 'm', "TEXT", "why, for the record (preview: required, it stands in every command's history)"},
    {"key", 'k', "KEY", "preview: idempotency key; the same key is the same bulk (else a new one)"},
    {"step", 0, "STEP", "preview check, skip, approve, deny, answer: which step, where several are possible"},
    {"accept", 0, NULL, "preview resolve: end each command as it is"},
    {"to", 0, "NAME", "preview assign: who looks after them from now on"},
    {"due", 0, "TIME", "preview due: until when, RFC 3339"},
    {"answer", 0, "TEXT", "preview answer: what is said to each"},
    {"version", 0, "N", "preview move: to which version of their flow"},
    {"rate", 0, "N", "run, resume: commands per second, up to 100", "5"},
    {"stop-at", 0, "PERCENT", "run, resume: it stops when more than this share of a wave goes wrong", "20"},
    {"even-if-changed", 0, NULL, "run: act also on commands that have changed since the preview"},
    {"follow", 'f', NULL, "run, resume, show: stay until it has ended, with its progress"},
    {"result", 0, "RESULTS", "items: only these results, with commas between them"},
    {"after", 0, "N", "items: only items behind this number"},
    {"before", 0, "CURSOR", "list: the page behind this one"},
    END,
};
static const struct cli_option act_options[] = {
    {"reason", 'm', "TEXT", "why, for the record"},
    {"key", 'k', "KEY", "idempotency key of this action: it is done once"},
    END,
};
static const struct cli_option step_options[] = {
    {"reason", 'm', "TEXT", "why, for the record"},
    {"key", 'k', "KEY", "idempotency key of this action: it is done once"},
    {"step", 's', "STEP", "which step, where several are possible"},
    END,
};
static const struct cli_option retry_options[] = {
    {"reason", 'm', "TEXT", "why, for the record"},
    {"key", 'k', "KEY", "idempotency key of this action: it is done once"},
    {"step", 's', "STEP", "only this step or block; what else has failed stays as it is"},
    END,
};
static const struct cli_option roll_back_options[] = {
    {"reason", 'm', "TEXT", "why, for the record"},
    {"key", 'k', "KEY", "idempotency key of this action: it is done once"},
    {"step", 's', "STEP", "back to this step or block only: it and what comes behind it"},
    END,
};
static const struct cli_option decide_options[] = {
    {"reason", 'm', "TEXT", "why, for the record"},
    {"key", 'k', "KEY", "idempotency key of this action: it is done once"},
    {"step", 's', "STEP", "which step, where several are possible"},
    {"digest", 0, "HEX", "of what you have seen before; it is refused where that is not what is there now"},
    END,
};
static const struct cli_option move_options[] = {
    {"to", 0, "VERSION", "to this version (else to the newest one in force)"},
    {"plan", 0, NULL, "show what it would do, and do nothing"},
    {"reason", 'm', "TEXT", "why, for the record"},
    {"key", 'k', "KEY", "idempotency key of this action: it is done once"},
    {"digest", 0, "HEX",
     "of the plan that you have seen before; it is refused where that is not what is there now"},
    END,
};
static const struct cli_option resolve_options[] = {
    {"reason", 'm', "TEXT", "the evidence (required): where did you look, what did you see?"},
    {"key", 'k', "KEY", "idempotency key of this action: it is done once"},
    {"step", 's', "STEP", "which step, where several are possible"},
    {"happened", 0, NULL, "the step happened; the flow goes on behind it"},
    {"did-not-happen", 0, NULL, "the step did not happen; it is tried again or given up as the flow says"},
    {"accept", 0, NULL, "end the whole command as it is now"},
    {"external-id", 0, "ID", "what the step made outside (with --happened)"},
    {"outputs", 0, "JSON", "the step's outputs as an object (with --happened); @FILE, -"},
    END,
};

static const struct cli_option note_options[] = {
    {"key", 'k', "KEY", "idempotency key of this action: it is done once"},
    END,
};
static const struct cli_option edit_options[] = {
    {"payload", 'p', "JSON", "the payload as it should be (required); @FILE reads a file, - standard input"},
    {"ref", 'r', "NAME=VALUE", "a label of the successor (may be repeated); without, those of the original"},
    {"reason", 'm', "TEXT", "why, for the record"},
    {"key", 'k', "KEY", "idempotency key of this action: it is done once"},
    END,
};

static const struct cli_option token_options[] = {
    {"role", 0, "ROLE", "submitter, worker, viewer, operator or admin (create; required)"},
    {"bind", 0, "NAMESPACE", "the only namespace that it works in (create; else all)"},
    {"act-as", 0, NULL, "it may name another actor (create)"},
    {"expires", 0, "TIME", "when it stops working, RFC 3339 (create; else never)"},
    {"lifetime", 0, "SPAN", "the same as a span of time, 90d for example (create)"},
    {"store", 0, "FILE", "write into the store itself, while no server has it: for the first token (create)"},
    {"reason", 'm', "TEXT", "why, for the record (create)"},
    END,
};
static const struct cli_option namespace_options[] = {
    {"max-open", 0, "N", "commands that may be open at a time; 0: any number (create, set)"},
    {"max-bytes", 0, "BYTES", "bytes of histories that may be stored; 0: any number (create, set)"},
    {"max-rate", 0, "N", "new commands per second; 0: any number (create, set)"},
    {"reason", 'm', "TEXT", "why, for the record (create, set)"},
    END,
};

static const struct cli_option hold_options[] = {
    {"reason", 'm', "TEXT", "what was looked at, for the record (release; required)"},
    {"watch", 0, "SPAN", "how long repeats are pointed out, up to 90d (release; else 7d)"},
    END,
};

static const struct cli_option signals_options[] = {
    {"name", 0, "NAME", "list: only signals of this name"},
    {"id", 0, "ID", "list: only those for this external id"},
    {"since", 0, "TIME", "list: only those that came at or after this time, or so long ago: 2h"},
    {"until", 0, "TIME", "list: only those that came before it; 2d: that are older"},
    {"after", 0, "N", "list: only signals with higher numbers"},
    {"limit", 'n', "N", "list: signals of a page, up to 200 (50)"},
    {"reason", 0, "TEXT", "delete: why; kept in the audit"},
    END,
};
static const struct cli_option lanes_options[] = {
    {"type", 't', "FLOW", "only lanes of this flow"},
    {"key", 'k', "KEY", "only lanes with this concurrency key"},
    {"after", 0, "N", "go on behind this page"},
    {"limit", 'n', "N", "lanes of a page, up to 200 (50)"},
    END,
};
static const struct cli_option queue_options[] = {
    {"reason", 0, "TEXT", "pause, drain, resume: why; kept in the audit"},
    END,
};
static const struct cli_option schedule_options[] = {
    {"reason", 'm', "TEXT", "why, for the record (pause, resume, run)"},
    {"key", 'k', "KEY", "run: the same key is the same run, however often it is asked for"},
    END,
};

const struct cli_command cli_commands[] = {
    {"serve", "", "run the server",
     "Starting is recovering: what was in flight when the server stopped, also by a crash, is settled "
     "first.\n"
     "SIGHUP reads settings and definitions again; SIGTERM stops: new work is refused, attempts in flight "
     "may "
     "end.\n"
     "Every option can also stand in the file of settings (`recourse config example`), with _ for -, and in "
     "the "
     "environment, as RECOURSE_ and its name in capitals, with _ for -. An option wins over the environment, "
     "that over "
     "the file, and the file over the default.",
     setting_options, 0, 0, cli_run_program},
    {"config", "check|show|example [FILE]", "check, show or begin a file of settings",
     "`check` says everything that is wrong with the file, the environment and the options, with its place; "
     "exit code 3 "
     "where there is something. `show` prints what `recourse serve` would go by, and where each value comes "
     "from. "
     "`example` prints a file with every setting, its meaning and its default.\n"
     "The options are those of `recourse serve`.",
     setting_options, 1, 2, cli_run_program},
    {"apply", "DIR", "bring definitions into force",
     "Shows what changes, then stores new versions. Commands that are under way keep the version that they "
     "started "
     "with.",
     apply_options, 1, 1, cli_run_apply},
    {"submit", "TYPE", "submit a command",
     "Safe to repeat: the same key and payload is the same command. The same key with another payload is "
     "refused.",
     submit_options, 1, 1, cli_run_submit},
    {"batch", "FILE", "submit many commands, one a line",
     "Each line is a JSON object with `type`, `payload` and, where the flow makes none, `key`; - is standard "
     "input. The "
     "lines are "
     "answered in order, and one that is refused harms no other: exit code 3 says that there was one. Safe "
     "to "
     "repeat.",
     NULL, 1, 1, cli_run_batch},
    {"signal", "NAME ID", "say that something has happened outside",
     "For the step that waits for it: the one whose `wait` names this signal, and has this external id. It "
     "is kept where nothing "
     "waits for it yet. Safe to repeat: the same key is the same signal.",
     signal_options, 2, 2, cli_run_signal},
    {"list", "", "list commands, newest first", NULL, list_options, 0, 0, cli_run_list},
    {"show", "ID", "show one command and its steps", "With `--type` by its key: the last use of the key.",
     show_options, 1, 1, cli_run_show},
    {"steps", "ID", "the steps and blocks of a command, page by page",
     "By their paths, in the order of the flow. Of loops, only items and passes that have begun.",
     steps_options, 1, 1, cli_run_steps},
    {"explain", "ID", "say what is wrong, what is safe, and what can be done",
     "The first thing to ask when something failed: what happened, whether the other side received it, "
     "whether a retry "
     "can make a duplicate, and which actions are possible now.",
     NULL, 1, 1, cli_run_explain},
    {"watch", "ID", "follow a command until it rests",
     "On a terminal its steps are drawn anew with every change; elsewhere there is a line for each. It ends "
     "when the command has ended, "
     "or when nothing happens until a person does something; the exit code says which.",
     NULL, 1, 1, cli_run_watch},
    {"events", "", "tell what happens, as it happens",
     "One line for each change of any command. When the server goes away it is waited for, and nothing is "
     "missed meanwhile. --json gives "
     "the events as JSON, one a line.",
     events_options, 0, 0, cli_run_events},
    {"attempts", "ID", "every attempt of a command, oldest first",
     "What it was for, when it left, what came of it, and the Idempotency-Key that went out with it, which "
     "the other side's log has.",
     attempts_options, 1, 1, cli_run_attempts},
    {"definitions", "[list|versions|show|diff] [NAME] [VERSION] [FROM]",
     "definitions, their versions and differences",
     "`list`: what is in force. `versions NAME`: every version, with how many commands were made with it. "
     "`show NAME [VERSION]`: the text. "
     "`diff NAME VERSION [FROM]`: what changed against the version before, or against FROM. NAME is a flow; "
     "dependency/NAME is a "
     "dependency.",
     NULL, 0, 4, cli_run_definitions},
    {"history", "ID", "everything that happened to a command, oldest first", NULL, history_options, 1, 1,
     cli_run_history},
    {"retry", "ID", "try again what did not succeed",
     "What succeeded is never done again. A step whose outcome is unknown is checked first, or repeated only "
     "where the "
     "flow says that this is safe. With --step only that step or block is tried again.",
     retry_options, 1, 1, cli_run_action},
    {"check", "ID", "ask the other side now what happened", NULL, step_options, 1, 1, cli_run_action},
    {"cancel", "ID", "start nothing new and settle what has left",
     "What has already left is not forgotten: it is settled by its check. Nothing is undone; that is "
     "`rollback`.",
     act_options, 1, 1, cli_run_action},
    {"rollback", "ID", "undo what happened, last first",
     "Shows which undos would run before anything is done. With --step what comes before that step stays "
     "done, "
     "and the command rests in review; `retry` does the part anew, with new idempotency keys.",
     roll_back_options, 1, 1, cli_run_action},
    {"resolve", "ID", "say with evidence what happened",
     "For outcomes that no check can settle. Look at the outside system first; what you say is believed and "
     "recorded "
     "with your name.",
     resolve_options, 1, 1, cli_run_action},
    {"skip", "ID", "leave out a step that did not happen, and go on",
     "Only for a step that is known not to have happened. The flow goes on behind it; steps that need it are "
     "left out, too, and the command ends as partial.",
     step_options, 1, 1, cli_run_action},
    {"edit", "ID", "submit it again with another payload, as its successor",
     "A new command with the same key takes the place of this one, in one commit, so that never both run. "
     "Possible only where nothing of this one has happened, or everything was undone. `recourse show ID "
     "--json` "
     "has the payload as it is.",
     edit_options, 1, 1, cli_run_action},
    {"assign", "ID NAME", "say who looks after a command", "An empty NAME, '', means nobody any more.",
     act_options, 2, 2, cli_run_action},
    {"note", "ID TEXT", "write something down beside a command", "It stands in the history, with your name.",
     note_options, 2, 2, cli_run_action},
    {"due", "ID TIME", "say until when a command should be settled",
     "TIME is like 2026-01-31T12:00:00Z; an empty one, '', means no time any more. It is for people and "
     "lists: the "
     "engine does "
     "not act on it.",
     act_options, 2, 2, cli_run_action},
    {"approve", "ID", "let go what stands behind an approval",
     "Shows what is released, and asks. It counts for what was shown and nothing else. Whoever has started "
     "the command cannot "
     "approve it, and one person has one vote; so people need tokens of their own.",
     decide_options, 1, 1, cli_run_action},
    {"deny", "ID", "do not let it go",
     "One denial ends the approval: the step is rejected. `retry` asks anew.", decide_options, 1, 1,
     cli_run_action},
    {"answer", "ID ANSWER", "answer the question of a command, and so say how it goes on",
     "ANSWER is one of those that the flow allows; `recourse explain ID` shows them with the evidence.",
     decide_options, 2, 2, cli_run_action},
    {"move", "ID", "go on with a newer version of its flow",
     "Shows what stays done, what runs again and what stands in the way, and asks. It counts for what was "
     "shown "
     "and nothing else. Nothing is undone: what is done, and what the new version does not have, is a "
     "refusal. Exit code 3 where something is in the way, with --plan, too.",
     move_options, 1, 1, cli_run_action},
    {"ready", "", "ask whether the server takes work",
     "For scripts and health checks: exit code 0 where it does, 5 where it does not, or not now. A server "
     "that is silent for 5 s is one "
     "that does not.",
     NULL, 0, 0, cli_run_ready},
    {"doctor", "", "look for what is wrong with machine, store, definitions and dependencies",
     "Works without a server, and beside one: settings, room and speed of the disk, limits, the store and "
     "its schema, the "
     "clock, who may read what, the certificate, the definitions, whether each dependency can be reached "
     "(name, connection "
     "and "
     "certificate; no request is sent), and whether the server is ready. Each line is fine, a warning or an "
     "error, with what "
     "to do. Exit code 1 where there is an error. Run it as the user of the server, with its options: "
     "`sudo -u recourse recourse doctor --config /etc/recourse/recourse.yaml`.",
     doctor_options, 0, 0, cli_run_program},
    {"eval", "EXPR", "evaluate one expression of a definition",
     "Works without a server. EXPR is a bare expression, as after `happened:`; of a text, only what stands "
     "between ${ and }. The value is printed as JSON. Put -- before an expression that begins with a minus.\n"
     "An expression that is wrong or cannot be evaluated gives exit code 3, with its line and column and a "
     "mark below the place; so does a context that is no JSON object.",
     eval_options, 1, 1, cli_run_program},
    {"queue", "list|show|pause|drain|resume [NAME]", "queues of workers: what waits, and why",
     "`pause` leases nothing more; workers wait. `drain` tells workers that ask to end. Both hold until "
     "`resume`, also when the server starts anew, and are in the audit.",
     queue_options, 1, 2, cli_run_queue},
    {"signals", "[list|delete] [NUMBER]", "signals that are kept until something waits for them",
     "Oldest first. `delete NUMBER` takes one away: nothing gets it, and its key is remembered, so that a "
     "repeat does not bring it back.",
     signals_options, 0, 2, cli_run_signals},
    {"lanes", "", "concurrency keys: who holds a place, and who waits",
     "The lanes of flows with `concurrency` in which somebody is at work or waits.", lanes_options, 0, 0,
     cli_run_lanes},
    {"worker", "", "do tasks of a queue with programs on this host",
     "Leases steps of dependencies of kind `worker`, runs the program that FILE lists for the task, and "
     "reports: exit code 0 is "
     "success, stdout the output; 75 is tried again; any other one is a rejection. A program gets the input "
     "as JSON on stdin. "
     "FILE: {\"resize\": {\"program\": \"/usr/bin/resize\", \"args\": [], \"output\": \"json\", \"timeout\": "
     "\"5m\"}}.\n"
     "What FILE does not list does not run. On SIGTERM what is under way is brought to its end.",
     worker_options, 0, 0, cli_run_program},
    {"bulk", "preview|run|show|items|pause|resume|cancel|list [ACTION|ID]",
     "act on many commands, with a preview",
     "`preview ACTION` freezes which commands are in it and says for each whether the action is possible, "
     "and "
     "if not, why. Nothing is done. `run ID` begins, within an hour: in waves that grow, 1, 2, 5, 10 "
     "commands "
     "and so on up to the rate, one a second. It stops by itself when too much of a wave goes wrong; what "
     "the "
     "preview had said already does not count. A command that has changed since the preview is left alone.\n"
     "A result `done` says that the action is on record, not that it has come to a good end: `items ID` "
     "shows "
     "what each command is now. A bulk survives a crash of the server: nothing is done twice, nothing is "
     "left "
     "out.\n"
     "ACTION is retry, check, cancel, rollback, resolve (with --accept), skip, assign, note, due, approve, "
     "deny, answer or move (with --version). With "
     "--follow the exit code is 0 only where the action was recorded for every command.",
     bulk_options, 1, 2, cli_run_bulk},
    {"audit", "list|verify", "what people did, and whether that record is whole",
     "`list` asks the server, newest first. `verify` reads the store's file itself, whether or not a server "
     "runs on it, and holds every entry against the one before it. The first that does not fit is named, "
     "with exit code 1. Somebody who can write the file can also write the whole record anew: keep the line "
     "that begins with `pin` somewhere else, and give it to a later verification.",
     audit_options, 1, 1, cli_run_audit},
    {"backup", "FILE", "copy the store into FILE, beside a running server or without one",
     "The copy is the store as it is at one moment, with every command that was acknowledged before. It is "
     "checked, "
     "synced, and there whole or not at all. `recourse restore` puts it in the place of a store.",
     backup_options, 1, 1, cli_run_program},
    {"restore", "FILE", "put a copy in the place of the store, while no server runs on it",
     "FILE is what `recourse backup` made, or another store that no server has open. It is checked first, "
     "and stays as it is. What stood "
     "there is kept under another name, which is printed. The server holds when it starts then: nothing "
     "leaves "
     "before a person has looked (`recourse hold`).",
     restore_options, 1, 1, cli_run_program},
    {"export", "", "write the store as lines of JSON",
     "Works on the store's file, beside a running server or without one: namespaces, definitions, every "
     "command "
     "with its whole history, what is left of purged ones, and with --audit the record of what people did. "
     "For "
     "all at one moment, export a backup.",
     export_options, 0, 0, cli_run_program},
    {"import", "FILE", "make a new store of an export",
     "FILE may be - for standard input. The store is made and checked before it is there; whatever is wrong "
     "in the "
     "export is refused with its line, and leaves nothing behind.",
     import_options, 1, 1, cli_run_program},
    {"purge", "", "take commands that have ended out of the store for good",
     "Wants --older-than or --ref. Says how many commands it will touch, and which for example, before it "
     "does "
     "it. Payloads, results, labels, keys and what people wrote about them are deleted; a number and a hash "
     "of "
     "the key stay, so that a repeat of the key is refused instead of running again. What has not ended is "
     "never purged.\n"
     "Purging frees the room within the store's files. Only --compact overwrites it: it writes the whole "
     "store anew, and nothing else is written meanwhile.",
     purge_options, 0, 0, cli_run_purge},
    {"whoami", "", "say who you are, and what you may do", NULL, NULL, 0, 0, cli_run_whoami},
    {"token", "create|list|show|revoke [NAME|ID]", "make, list, show and revoke tokens",
     "`create NAME --role ROLE` prints the token, once: the server keeps a hash of it. `> FILE` keeps "
     "it (umask 077 before, so that nobody else can read it). A token looks like rct_ID_SECRET; ID is no "
     "secret, and what `list`, "
     "`show` and `revoke` "
     "know it by. Revoking is in force at once.\n"
     "The first one is made where no server runs: `recourse token create NAME --role admin --store FILE`.\n"
     "Roles: submitter (a program that submits commands and looks at them), worker, viewer (looks), operator "
     "(acts on commands), "
     "admin (definitions, namespaces and tokens, too).",
     token_options, 1, 2, cli_run_token},
    {"namespace", "list|create|show|set|delete [NAME]", "make, limit and delete namespaces",
     "Keys, tokens and quotas are per namespace. `set` sets all quotas: one that is not named is taken away. "
     "`delete` works only "
     "where no command is stored and no token is bound to it.",
     namespace_options, 1, 2, cli_run_namespace},
    {"hold", "show|release [WINDOW]", "see what may be missing of a restored store, and let it go on",
     "A store that is an older state of itself, or came from elsewhere, holds: nothing leaves before a "
     "person has looked. "
     "`show` says why, which window of time nobody knows about, and what was under way when it began. "
     "`release WINDOW` "
     "lets it go on: what is unknown is asked for, repeated with the same key where the flow allows it, or "
     "left to a "
     "person.",
     hold_options, 1, 2, cli_run_hold},
    {"schedule", "list|show|pause|resume|run [FLOW SCHEDULE]",
     "see what starts by itself, pause it, or run it now",
     "Schedules stand in the definitions of flows. `show` has the next times; `pause` keeps what comes until "
     "`resume` from "
     "starting; `run` starts one now, outside of its times.",
     schedule_options, 1, 3, cli_run_schedule},
    {"man", "[COMMAND]", "print the manual's page of the program or of one command",
     "For man(1), which shows it with `recourse man submit | man -l -`. Installed are the same pages.", NULL,
     0, 1, cli_run_man},
    {"completion", "SHELL", "print the completion script of bash, zsh or fish",
     "Types are completed with what the server says (`recourse completion types` lists them). "
     "bash: `source <(recourse completion bash)`. zsh: save it as a file with the name _recourse in a folder "
     "of "
     "$fpath. fish: `recourse completion fish | source`.",
     NULL, 1, 1, cli_run_completion},
    {"version", "", "print the version", NULL, NULL, 0, 0, cli_run_version},
    {"help", "[COMMAND|TOPIC]", "help on everything, on one command, or on a topic",
     "With --json it prints the table of commands, options, exit codes and topics that all help is made of.",
     NULL, 0, 1, cli_run_help},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, NULL},
};
