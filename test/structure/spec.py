"""The lists of spec/ in themselves: states that can be reached and left, words that are unique, numbers that stay."""
import re
from collections import Counter

from tree import spec_rows

# list, its edges, where everything begins
MACHINES = (
    ("RC_COMMAND_STATE", "RC_COMMAND_EDGE", "RC_ABSENT"),
    ("RC_STEP_STATE", "RC_STEP_EDGE", "RC_STEP_IDLE"),
    ("RC_PHASE", "RC_PHASE_EDGE", "RC_PHASE_NONE"),
    ("RC_BULK_STATE", "RC_BULK_EDGE", "RC_BULK_PREVIEW"),
)
# enums outside spec/ whose numbers are stored
STORED_ENUMS = (
    ("src/core/change.h", "rc_change_kind"),
    ("src/core/message.h", "rc_verdict"),
    ("src/flow/flow.h", "flow_kind"),
    ("src/store/store.h", "rc_def_kind"),
    ("src/defs/defs.h", "defs_kind"),
)


def lists(tree, *files):
    """{macro: [(arguments, line)]} in order."""
    found = {}
    for name in files or ("states.def", "words.def", "status.def"):
        for macro, arguments, line in spec_rows(tree, name):
            found.setdefault(macro, []).append((arguments, f"spec/{name}:{line}"))
    return found


def edges(rows, edge):
    return [(a[0], a[1], where) for a, where in rows.get(edge, [])]


def reach(edges_, start):
    seen, todo = {start}, [start]
    while todo:
        at = todo.pop()
        for a, b, _ in edges_:
            if a == at and b not in seen:
                seen.add(b)
                todo.append(b)
    return seen


def check_edges(tree):
    """every edge joins two states that are there, once"""
    rows = lists(tree, "states.def")
    for states, edge, _ in MACHINES + (("RC_STEP_STATE", "RC_BLOCK_EDGE", ""),):
        names = {a[0] for a, _ in rows[states]}
        seen = set()
        for a, b, where in edges(rows, edge):
            for name in (a, b):
                if name not in names:
                    yield f"{where}: {name} is not in the list of {states}"
            if (a, b) in seen or a == b:
                yield f"{where}: {a} to {b} stands there twice or leads nowhere"
            seen.add((a, b))


def check_reachable(tree):
    """every state can be reached from the first one"""
    rows = lists(tree, "states.def")
    for states, edge, start in MACHINES:
        seen = reach(edges(rows, edge), start)
        for a, where in rows[states]:
            if a[0] not in seen:
                yield f"{where}: {a[0]} cannot be reached from {start}"
    block = edges(rows, "RC_BLOCK_EDGE")
    for a, _, where in block:
        if a not in reach(block, "RC_STEP_IDLE"):
            yield f"{where}: no block ever is in {a}"


def check_ways_out(tree):
    """every state of a command or a bulk that has not ended can be left, and an end can be reached from it"""
    rows = lists(tree, "states.def")
    for states, edge in (("RC_COMMAND_STATE", "RC_COMMAND_EDGE"), ("RC_BULK_STATE", "RC_BULK_EDGE")):
        ended = {a[0] for a, _ in rows[states] if a[2] == "1"}
        ways = edges(rows, edge)
        for a, where in rows[states]:
            if a[0] not in ended and not reach(ways, a[0]) & ended:
                yield f"{where}: no way leads from {a[0]} to an end"


def check_unique(tree):
    """codes and words are unique within their list"""
    for macro, rows in lists(tree).items():
        if macro.endswith("_EDGE") or macro == "RC_GRANT":
            continue
        for column in (0, 1):
            for word, n in Counter(a[column] for a, _ in rows).items():
                if n > 1:
                    yield f"spec: {word} stands {n} times in the list of {macro}"


def check_grants(tree):
    """a role is granted a permission once, and both are there"""
    rows, seen = lists(tree, "words.def"), set()
    for (role, permission), where in rows["RC_GRANT"]:
        for name, macro in ((role, "RC_ROLE"), (permission, "RC_PERMISSION")):
            if name not in {a[0] for a, _ in rows[macro]}:
                yield f"{where}: {name} is not in the list of {macro}"
        if (role, permission) in seen or permission == "RC_PERMIT_OPEN":
            yield f"{where}: {role} is granted {permission} twice, or without need"
        seen.add((role, permission))


def check_roles_documented(tree):
    """the table of roles in docs/security.md is that of words.def"""
    rows = lists(tree, "words.def")
    slug = {a[0]: a[1] for macro in ("RC_ROLE", "RC_PERMISSION") for a, _ in rows[macro]}
    granted = {(slug[role], slug[permission]) for (role, permission), _ in rows["RC_GRANT"]}
    table = [[cell.strip(" `") for cell in line.strip("|\n").split("|")] for line in tree.text("docs/security.md").splitlines()
             if re.match(r"\| (permission|`\w+`) \|", line) and line.count("|") == 8]
    roles, body = table[0][2:], {row[0]: row for row in table[1:]}
    for a, where in rows["RC_PERMISSION"]:
        row = body.pop(a[1], None)
        if a[1] == "open" and row is None:
            continue
        if row is None or not row[1].startswith(a[3]):  # a text is cut at its first comma
            yield f"{where}: docs/security.md has no row for {a[1]}, or another text"
            continue
        for role, cell in zip(roles, row[2:]):
            if (cell == "yes") != ((role, a[1]) in granted):
                yield f"docs/security.md: says of {role} and {a[1]} what {where} does not"
    for name in body:
        yield f"docs/security.md: {name} is no permission"


def check_statuses(tree):
    """errors have an HTTP status that fits and a text"""
    for a, where in lists(tree, "status.def")["RC_STATUS"]:
        code, _, http, retryable, text = a
        if code != "RC_OK" and not 400 <= int(http) <= 599:
            yield f"{where}: {code} is answered with {http}"
        if retryable == "1" and http not in ("408", "429", "502", "503", "504", "507"):
            yield f"{where}: {code} may be repeated but is answered with {http}"
        if not text:
            yield f"{where}: {code} has no text"


def enum_numbers(tree, path, name):
    match = re.search(r"enum " + name + r"\s*\{([^}]*)\}", tree.code(path))
    if not match:
        return
    value = -1
    for member in filter(None, (m.strip() for m in match.group(1).split(","))):
        code, _, number = member.partition("=")
        value = int(number, 0) if number else value + 1
        if not code.strip().endswith("_KINDS"):  # how many there are is not stored
            yield code.strip(), value


def numbers(tree):
    """Every number or word that is in somebody's store or script: {name: number}."""
    found = {}
    for macro, rows in lists(tree).items():
        if macro == "RC_STATUS":  # its words are promised, its numbers are not stored
            found.update({f"status {a[1]}": int(a[2]) for a, _ in rows})
        elif not macro.endswith("_EDGE") and macro not in ("RC_PERMISSION", "RC_GRANT"):
            found.update({f"{a[0]} {a[1]}": number for number, (a, _) in enumerate(rows)})
    for path, name in STORED_ENUMS:
        found.update(dict(enum_numbers(tree, path, name)))
    return found


def check_stored(tree):
    """numbers and words that are stored have not changed (stored-numbers.txt)"""
    now, promised = numbers(tree), {}
    for number, line in tree.table("stored-numbers.txt"):
        name, _, value = line.partition("=")
        promised[name.strip()] = int(value)
    for name, value in promised.items():
        if name not in now:
            yield f"stored-numbers.txt: {name} = {value} is not there any more, and stores may hold it"
        elif now[name] != value:
            yield f"stored-numbers.txt: {name} was {value} and is {now[name]} now"
    for name in now.keys() - promised.keys():
        yield f"stored-numbers.txt: add the line '{name} = {now[name]}'"


def check_fuzzed(tree):
    """every route of the API is asked for by an input of the fuzz target api"""
    if not tree.has("src/api/routes.c"):
        return
    inputs = [path for path in tree.files if path.parent.as_posix() == "test/fuzz/corpus/api"]
    asked = {(m[1], m[2]) for path in inputs for m in re.finditer(r"(?m)^([A-Z]+) (/[^\s?]*)", tree.text(path))}
    for method, address in re.findall(r'\{HTTP_([A-Z]+),\s*"([^"]+)"', tree.text("src/api/routes.c")):
        route = re.compile(re.sub(r"\{\w+\}", "[^/]+", address))
        if not any(method == of and route.fullmatch(what) for of, what in asked):
            yield f"src/api/routes.c: no input asks for {method} {address}"
