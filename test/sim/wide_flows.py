"""Definitions of every kind of step, block and start, for the kill campaign over all paths; each command has repositories of its own at the
stand-in, and numbers of its own at the workers and programs."""
from flows import PLAIN, TWO

PAYLOAD = """payload:
  type: object
  required: [n, title]
  properties: { n: { type: integer }, title: { type: string } }
"""
TRIES = "{ delay: 30ms, max_delay: 500ms, limit: { attempts: 12 } }"
CHECKS = "{ delay: 100ms, backoff: constant, limit: { attempts: 60 } }"
AT_REST = "settle: 1s, timeout: 500ms"  # behind that whatever was slow outside is done


def pull(id, repo, head=None, title="t", more=""):
    """A pull request that is asked for where it is unknown, and closed where it is taken back. In the flow style of YAML, so that it fits everywhere."""
    path, head = f"/repos/acme/{repo}/pulls", head or id
    return (f'{{ id: {id}, call: github, timeout: 500ms, retry: {TRIES},'
            f' with: {{ method: POST, path: "{path}", body: {{ title: "{title}", head: "{head}", base: main }} }},'
            f' outputs: {{ number: "${{response.body.number}}" }},'
            f' check: {{ with: {{ method: GET, path: "{path}", query: {{ head: "acme:{head}", state: open }} }}, {AT_REST}, retry: {CHECKS},'
            f' inconclusive: "type(response.body) != list", happened: size(response.body) == 1, contradictory: size(response.body) > 1,'
            f' outputs: {{ number: "${{response.body[0].number}}" }} }},'
            f' undo: {{ with: {{ method: PATCH, path: "{path}/${{outputs.number}}", body: {{ state: closed }} }}, repeatable: true,'
            f' timeout: 500ms, retry: {{ delay: 50ms, max_delay: 500ms, limit: {{ attempts: 20 }} }} }}{more} }}')


def flow(name, steps, more=""):
    return f'flow: {name}\n{PAYLOAD}key: "{name}/${{payload.n}}"\n{more}steps:\n{steps}'


def of(letter):
    return f"{letter}${{payload.n}}"


TITLE = "${payload.title}"
BLOCKS = flow("blocks", f"""  - {pull("a", of("b"))}
  - id: beside
    parallel:
      - {pull("left", of("b"))}
      - id: line
        linear:
          - {pull("right", of("b"))}
          - {{ id: fact, set: {{ of: "${{steps.right.outputs.number}}" }} }}
          - {pull("far", of("b"), title=TITLE)}
    undo: block
  - id: way
    choose:
      - if: payload.n % 2 == 0
        steps:
          - {pull("even", of("b"))}
      - else: [{{ id: odd, set: {{ odd: true }} }}]
  - id: items
    each: "${{[1, 2, 3]}}"
    max: 5
    width: 2
    undo: failed_branch
    steps:
      - {pull("item", of("b"), head="item-${index}")}
  - id: passes
    repeat: {{ max: 4, every: 50ms, until: steps.look.outputs.last }}
    steps:
      - {pull("pass", of("b"), head="pass-${index}")}
      - {{ id: look, set: {{ last: "${{index >= 1}}" }} }}
  - {pull("z", of("b"), title=TITLE)}
""", "on_failure: roll_back\n")
FAMILY = flow("family", f"""  - {pull("before", of("f"))}
  - id: sub
    flow: middle
    with: {{ n: "${{payload.n}}", title: "${{payload.title}}" }}
    outputs: {{ number: "${{child.outputs.own.number}}" }}
  - {pull("behind", of("f"))}
""")
MIDDLE = flow("middle", f"""  - id: deeper
    flow: leaf
    with: {{ n: "${{payload.n}}", title: "${{payload.title}}" }}
  - {pull("own", of("m"))}
""")
LEAF = flow("leaf", f"""  - {pull("first", of("l"))}
  - {pull("second", of("l"), title=TITLE)}
""", "on_failure: roll_back\n")
WAITS = flow("waits", f"""  - id: go
    wait: {{ signal: go, id: "${{payload.n}}" }}
    within: 4m
    outputs: {{ key: "${{signal.key}}" }}
  - {{ id: pause, sleep: 300ms }}
  - {pull("then", of("w"), title=TITLE)}
""")
PEOPLE = flow("people", f"""  - {{ id: allow, approve: {{ need: 1 }} }}
  - {pull("paid", of("v"), title=TITLE)}
  - {{ id: ask, escalate: {{ question: "what now?", answers: [go, stop] }} }}
  - {pull("told", of("v"), head="told-${steps.ask.outputs.answer}")}
""")
CONFIRMED = flow("confirmed", f"""  - {pull("a", of("c"), title=TITLE)}
  - id: there
    confirm:
      call: github
      with: {{ method: GET, path: "/repos/acme/c${{payload.n}}/pulls", query: {{ head: "acme:late", state: open }} }}
      holds: size(response.body) == 1
      timeout: 500ms
    every: 300ms
    within: 4m
  - {pull("b", of("c"))}
""")


def work(id, dep, ask, more):
    """A step that is not done over HTTP: ask(what) is its request."""
    retry = "{ delay: 50ms, max_delay: 500ms, limit: { attempts: 12 } }"
    return (f'{{ id: {id}, call: {dep}, timeout: 20s, retry: {retry}, with: {ask("make")}, outputs: {{ n: "${{response.body.n}}" }},'
            f' check: {{ with: {ask("look")}, reads: true, settle: 1s, timeout: 20s, retry: {CHECKS}, happened: response.body.there,'
            f' outputs: {{ n: "${{response.body.n}}" }} }},'
            f' undo: {{ with: {ask("unmake")}, repeatable: true, timeout: 20s, retry: {retry} }}{more} }}')


def leased(what):
    return f'{{ task: {what}, input: "${{payload.n}}" }}'


def ran(tool):
    return lambda what: f'{{ program: {tool}, args: [{what}], input: "${{payload.n}}", output: json }}'


WORKED = flow("worked", f'  - {work("make", "images", leased, "")}\n')
SHELLED = flow("shelled", f'  - {work("make", "shell", leased, "")}\n')
LANES = {"queue": 2, "refuse": 1, "replace": 1}  # of the flows in_queue, ...: their limits


def lane(when_full):
    more = f'concurrency: {{ key: one, limit: {LANES[when_full]}, when_full: {when_full} }}\n'
    return flow(f"in_{when_full}", f"""  - {pull("a", of("i"))}
  - {{ id: pause, sleep: 500ms }}
  - {pull("b", of("i"), title=TITLE)}
""", more)


HURRY = flow("hurry", f"""  - {pull("a", of("h"), title=TITLE)}
  - {{ id: pause, sleep: {{ until: "${{duration('300ms')}}" }} }}
  - {pull("b", of("h"), title=TITLE)}
""", "deadline: 1500ms\non_deadline: roll_back\n")


def moved(number):
    """The odd ones are broken: the other side does not know what they ask for."""
    right = pull("second", of("o"))
    broken = right.replace("method: POST, path: \"/repos/", "method: POST, path: \"/nothing/")
    return flow("moved", f"""  - {pull("first", of("o"))}
  - {broken if number % 2 else right}
""").replace("flow: moved\n", f'flow: moved\ndescription: "{number}"\n')


SCHEDULES = {"tick": ("all", "allow"), "tock": ("latest", "skip"), "tack": ("all", "queue")}  # missed, overlap


def scheduled(name):
    missed, overlap = SCHEDULES[name]
    return (f'flow: {name}\nschedule:\n  - {{ id: {name}, cron: "* * * * *", missed: {missed}, overlap: {overlap} }}\n'
            f'steps:\n  - {{ id: pause, sleep: 400ms }}\n  - {pull("run", name, head="${command.key}")}\n')


def all_of(tool):
    """Definitions by name."""
    texts = {"plain": PLAIN, "two": TWO, "blocks": BLOCKS, "family": FAMILY, "middle": MIDDLE, "leaf": LEAF, "waits": WAITS, "people": PEOPLE,
             "confirmed": CONFIRMED, "worked": WORKED, "shelled": SHELLED, "hurry": HURRY, "moved": moved(0),
             "tool": flow("tool", f'  - {work("make", "tools", ran(tool), "")}\n'),
             "images": "dependency: images\nkind: worker\nlease: 5s\n", "shell": "dependency: shell\nkind: worker\nlease: 5s\n",
             "tools": f"dependency: tools\nkind: program\nprograms: [{tool}]\n"}
    texts.update((f"in_{how}", lane(how)) for how in LANES)
    texts.update((name, scheduled(name)) for name in SCHEDULES)
    return texts
