"""The error codes as people read them: spec/problems.def has a text for each of spec/status.def, and docs/problems.md is made of
both. `problems.py --write` writes the document."""
import json
import re
import sys
from pathlib import Path

from tree import Tree, spec_rows

DOCUMENT = "docs/problems.md"
HEAD = """# Problems

Every error that the API answers is a problem document (RFC 9457). Its `type` is `/problems/` and one of the codes below, which never
change; a server answers `GET /problems/CODE` with the same text. `code` is the last part of `type`, `title` the line beside it,
`detail` what is special this time, and `errors`, where it is there, a list with a JSON pointer to each field.

*Worth repeating* means: the same request, with the same key, may succeed later without anybody changing anything. Such an answer has
the header `Retry-After`.

(This page is made of `spec/status.def` and `spec/problems.def`: `python3 test/structure/problems.py --write`.)
"""


def codes(tree):
    """{name: (slug, status, retryable, title)} in the order of the list."""
    return {a[0]: (a[1], int(a[2]), a[3] == "1", a[4].rstrip(".")) for macro, a, _ in spec_rows(tree, "status.def")
            if macro == "RC_STATUS" and a[0] != "RC_OK"}


def texts(tree):
    found = re.findall(r'RC_PROBLEM\(\s*(RC_\w+),((?:\s*"(?:\\.|[^"\\])*")+)\)', tree.code("spec/problems.def"))
    return [(name, "".join(json.loads(part) for part in re.findall(r'"(?:\\.|[^"\\])*"', text))) for name, text in found]


def render(tree):
    parts, help = [HEAD], dict(texts(tree))
    for name, (slug, status, retryable, title) in codes(tree).items():
        repeat = "worth repeating" if retryable else "not worth repeating as it is"
        parts.append(f"## {slug}\n\n**{title}.** HTTP {status}, {repeat}.\n\n{help.get(name, '')}\n")
    return "\n".join(parts)


def check_texts(tree):
    """every error code has one text that says what to do, and no other has"""
    names = [name for name, _ in texts(tree)]
    for name in codes(tree):
        if names.count(name) != 1:
            yield f"spec/problems.def: {names.count(name)} texts for {name}"
    for name in set(names) - set(codes(tree)):
        yield f"spec/problems.def: {name} is not in spec/status.def"
    for name, text in texts(tree):
        if not re.match(r"[A-Z].{40,600}\.$", text):
            yield f"spec/problems.def: the text of {name} is no sentence, or too long"


def check_document(tree):
    """docs/problems.md is made of both lists"""
    if not tree.has(DOCUMENT) or tree.text(DOCUMENT) != render(tree):
        yield f"{DOCUMENT}: is not what python3 test/structure/problems.py --write writes"


if __name__ == "__main__":
    root = Path(__file__).resolve().parents[2]
    if sys.argv[1:] != ["--write"]:
        sys.exit("usage: problems.py --write")
    (root / DOCUMENT).write_text(render(Tree(root)))
