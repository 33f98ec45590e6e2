"""One definition each: the words of states and the codes of errors stand in spec/ and are spelled nowhere else in src/.

words-allowed.txt holds the places where the same word means something else, each with its reason.
"""
import re

from tree import line_of, spec_rows

STATES = ("RC_COMMAND_STATE", "RC_STEP_STATE", "RC_PHASE")
COMMON = {"none"}  # too plain a word to belong to anybody


def literals(tree):
    for path in tree.under("src", ".c", ".h"):
        text = tree.code(path)
        for match in re.finditer(r'"((?:\\.|[^"\\\n])*)"', text):
            yield path, line_of(text, match.start()), match.group(1)


def spelled_out(tree, slugs):
    excepted = tree.reasons("words-allowed.txt")
    for path, line, literal in literals(tree):
        if literal in slugs and f"{path} {literal}" not in excepted:
            yield f'{path}:{line}: "{literal}" is defined in spec/{slugs[literal]}'


def state_slugs(tree):
    return {a[1]: "states.def" for macro, a, _ in spec_rows(tree, "states.def") if macro in STATES and a[1] not in COMMON}


def status_slugs(tree):
    return {a[1]: "status.def" for macro, a, _ in spec_rows(tree, "status.def") if macro == "RC_STATUS"}


def check_states(tree):
    """no state is spelled out in src/"""
    return spelled_out(tree, state_slugs(tree))


def check_statuses(tree):
    """no error code is spelled out in src/"""
    return spelled_out(tree, status_slugs(tree))


def check_exceptions(tree):
    """words-allowed.txt names only what is there"""
    there = {f"{path} {literal}" for path, _, literal in literals(tree)}
    for what in tree.reasons("words-allowed.txt"):
        if what not in there:
            yield f"words-allowed.txt: {what} does not occur"
