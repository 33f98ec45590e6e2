"""How people see a flow of blocks on the command line: the tree of its steps at 80 and 120 columns, pages of it, what a roll back would
undo, and what explain says of an item."""
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from kit import PATIENCE, RECOURSE, case, contains, dependency, equal, main, true  # noqa: E402

TREE = """
flow: tree
payload: { type: object, required: [n], properties: { n: { type: integer }, items: { type: array, maxItems: 300, items: { type: string } } } }
key: "${payload.n}"
on_failure: keep
steps:
  - id: both
    parallel:
      - { id: left, call: hub, timeout: 5s, with: { method: POST, path: /repos/acme/web/pulls, body: { title: t, head: "left-${payload.n}", base: main } },
          undo: { with: { method: PATCH, path: "/repos/acme/web/pulls/1", body: { state: closed } } } }
      - id: line
        linear:
          - { id: facts, set: { a: 1 } }
          - { id: nap, sleep: 1ms }
  - id: route
    choose:
      - if: payload.n == 0
        steps: [ { id: never, set: { a: 2 } } ]
      - else: []
  - id: way
    choose:
      - if: payload.n == 0
        steps: [ { id: first, set: { a: 3 } } ]
      - if: payload.n > 0
        steps: [ { id: second, set: { a: 4 } } ]
      - else: []
  - id: orders
    each: "${payload.items}"
    max: 300
    on_error: continue
    steps:
      - id: whole
        linear:
          - { id: make, call: hub, timeout: 5s, external_id: number, outputs: { number: "${response.body.number}" },
              with: { method: POST, path: /repos/acme/web/pulls, body: { title: t, head: "${item}", base: main } },
              undo: { with: { method: PATCH, path: "/repos/acme/web/pulls/${outputs.number}", body: { state: closed } } } }
"""

AT_80 = """
STEP         STATE      TRIES  AT          NOTE
both         succeeded         (parallel)  2 of 2 branches done
  left       succeeded  1      hub
  line       succeeded         (linear)
    facts    succeeded         (set)
    nap      succeeded         (sleep)
route        succeeded         (choose)    took else
  never      skipped           (set)       another branch was chosen
way          succeeded         (choose)    took case 2 of 2
  first      skipped           (set)       another branch was chosen
  second     succeeded         (set)
orders       succeeded         (each)      2 of 3 items done, 1 failed
  [0].whole  succeeded         (linear)
    make     succeeded  1      hub         2
  [1].whole  rejected          (linear)    the answer's status says so
    make     rejected   1      hub         the answer's status says so
  [2].whole  succeeded         (linear)
    make     succeeded  1      hub         3
"""


def shown(server, width, *argv):
    got = subprocess.run([str(RECOURSE), *argv], env=dict(server.cli_env, COLUMNS=str(width)), capture_output=True, text=True, timeout=PATIENCE)
    true(got.returncode in (0, 8), f"{argv}: {got}")
    long = ("payload ", "Failed\"")  # JSON without a blank is not broken
    lines = [line for line in got.stdout.splitlines() if not line.lstrip().startswith(long)]
    true(max(len(line) for line in lines) <= width, f"wider than {width}: {got.stdout}")
    return got.stdout


def table(text):
    """The table of steps, without the blanks at the ends of its lines."""
    lines = [line.rstrip() for line in text.splitlines()]
    first = next(i for i, line in enumerate(lines) if line.startswith("STEP "))
    return lines[first:lines.index("", first) if "" in lines[first:] else len(lines)]


def prepare(world):
    hub = world.standin()
    defs = world.write(tree=TREE, hub=dependency("hub", f"http://127.0.0.1:{hub.port}", concurrent=1))
    server = world.server(defs=defs).start()
    hub.faults({"match": "bad", "method": "POST", "fault": "422", "times": 9})
    return server, hub


@case("show draws the tree; steps, explain and rollback name what is in it")
def tree(world):
    server, hub = prepare(world)
    id = server.api.submit("tree", {"n": 1, "items": ["a", "bad", "c"]}).must(201).json["id"]
    server.api.until_state(id, "partial")
    want = AT_80.strip().splitlines()
    equal(table(shown(server, 80, "show", id)), want, "at 80 columns")
    equal(table(shown(server, 120, "show", id)), want, "at 120 columns")
    true("[0]" not in shown(server, 80, "watch", id), "a picture of a loop is one line")
    equal(shown(server, 80, "steps", id, "--state", "rejected", "--quiet"), "orders[1].whole rejected\norders[1].make rejected\n", "steps")
    contains(shown(server, 80, "steps", id, "--limit", "2"), "there are more: add --after 2\n")
    said = shown(server, 80, "explain", id)
    contains(said, 'Step "orders[1].make" was refused.')
    contains(said, 'For the item    "bad"')
    plan = server.cli("rollback", id, "--yes", "--reason", "not wanted")
    for line in ("1. orders[2].make at hub, made 3", "1. orders[0].make at hub, made 2", "2. left at hub"):
        contains(plan, line)


@case("a long list is cut, and says how to see the rest")
def long_list(world):
    server, hub = prepare(world)
    id = server.api.submit("tree", {"n": 1, "items": [f"i{i}" for i in range(150)]}).must(201).json["id"]
    server.api.until_state(id, "completed")
    said = shown(server, 80, "show", id)
    total = server.api.command(id)["steps_total"]
    after = server.api.command(id)["steps_next"]
    equal(total, 11 + 2 * 150, "steps")
    contains(said, f"and {total - 200} more: recourse steps {id} --after {after}")
    contains(shown(server, 80, "steps", id, "--after", str(after), "--limit", "200"), "orders[149].make")
    contains(shown(server, 80, "explain", id), " and 141 more (recourse steps")


if __name__ == "__main__":
    os.environ.pop("NO_COLOR", None)
    main()
