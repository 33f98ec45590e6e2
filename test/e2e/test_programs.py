"""Steps that programs do: what they are given, what their end means, who may run, and what is left when the server goes."""
import json
import stat

from kit import ROOT, case, contains, equal, eventually, main, true

NOTHING_LEFT = "the program and its child are gone"


def script(world, name, text):
    path = world.dir / name
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return path


def dependency(*programs, more=""):
    return f"dependency: tools\nkind: program\nprograms: [{', '.join(str(p) for p in programs)}]\ngrace: 1s\n{more}"


def allowed(*programs):
    return [word for p in programs for word in ("--allow-program", str(p))]


def flow(name, program, more="", timeout="20s"):
    return f"""flow: {name}
steps:
- id: do
  call: tools
  timeout: {timeout}
  with: {{ program: {program}, args: ["${{payload.n}}", "two words; $(id)"], input: {{ n: "${{payload.n}}" }}, output: json }}
{more}"""


def alive(pid):
    try:
        return open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@case("a program gets arguments, input and its key, and its output is the step's")
def life(world):
    tool = script(world, "tool", 'IFS= read -r line || :\n'
                  'printf \'{"args": "%s|%s", "line": %s, "key": "%s", "attempt": "%s", "home": "%s", "token": "%s"}\\n\' '
                  '"$1" "$2" "${line:-null}" "$RECOURSE_IDEMPOTENCY_KEY" "$RECOURSE_ATTEMPT" "${HOME-none}" "${#TOKEN}"\n')
    (world.dir / "secrets").mkdir()
    (world.dir / "secrets/token").write_text("hush-hush-hush")
    more = "environment: { TOKEN: \"${secret('token')}\" }\n"
    outputs = '  outputs: { said: "${response.body}", code: "${response.status}" }\n'
    defs = world.write(tools=dependency(tool, more=more), do=flow("do.it", tool, outputs + "  repeatable: true\n"))
    server = world.server(defs=defs, more=[*allowed(tool), "--secrets", world.dir / "secrets"]).start()
    # `read` needs the line feed that JSON does not end with: what it got is in the variable all the same
    id = server.api.submit("do.it", {"n": "7"}, "k").must(201).json["id"]
    found = server.api.until_state(id, "completed")
    outputs = found["steps"][0]["outputs"]
    attempt = server.api.explain(id)["attempts"][0]
    said = outputs["said"]
    equal(said["args"], "7|two words; $(id)", "arguments")
    equal(said["line"], {"n": "7"}, "input")
    equal(said["key"], attempt["idempotency_key"], "the key")
    equal((said["attempt"], said["home"], said["token"]), ("1", "none", "14"), "the environment")
    equal(outputs["code"], 0, "exit code")
    true("hush-hush" not in json.dumps(server.api.history(id)), "the secret is in the history")


@case("what an exit code means, and what a person reads")
def codes(world):
    tool = script(world, "tool", 'echo "code $1" >&2\ntest "$1" = TERM && kill -TERM $$\n'
                  f'test "$1" = 75 && ! test -e {world.dir}/again && touch {world.dir}/again && exit 75\n'
                  'test "$1" = 75 && exit 0\nexit $1\n')
    retry = "  retry: { delay: 50ms, backoff: constant, jitter: none, limit: { attempts: 2 } }\n"
    defs = world.write(tools=dependency(tool, more="outcomes: { 9: unknown, 10: succeeded }\n"), do=flow("do.it", tool, retry))
    server = world.server(defs=defs, more=allowed(tool)).start()
    api = server.api
    for n, state, words in (("0", "completed", None), ("1", "rejected", "exit code 1: code 1"), ("75", "completed", None),
                            ("9", "review", "exit code 9: code 9"), ("10", "completed", None),
                            ("TERM", "review", "signal 15 (SIGTERM): code TERM")):
        id = api.submit("do.it", {"n": n}, n).must(201).json["id"]
        equal(api.until_resting(id)["state"], state, f"state after {n}")
        if words:
            contains(json.dumps(api.command(id)), words, f"the command after {n}")
            contains(server.cli("explain", id), words, f"explain after {n}")
    true((world.dir / "again").exists(), "75 has never been answered")


@case("what the operator has not listed neither comes into force nor runs")
def floor(world):
    tool, other = script(world, "tool", "echo 1\n"), script(world, "other", f"touch {world.dir}/ran\n")
    defs = world.write(tools=dependency(tool, other), do=flow("do.it", other))
    server = world.server(defs=defs, more=allowed(tool))
    contains(server.refuses_to_start(), f"this server does not allow the program {other} (--allow-program)")
    server.more = allowed(tool, other)
    server.start()
    text = dependency(tool, "/bin/sh")
    answer = server.api.post("/v1/definitions", {"files": [{"source": "t.yaml", "text": text}]})
    contains(answer.problem(422, "invalid")["detail"], "does not allow the program /bin/sh")
    contains(server.cli("doctor", "--defs", defs, "--store", server.store, code=1), "is not allowed here")
    # the list has become shorter: what is in force already does not run either
    for more, words in ((allowed(tool), "this server does not allow"), ([], "not configured to perform requests of this kind")):
        server.stop()
        server.more, server.defs = more, None
        server.start()
        id = server.api.submit("do.it", {"n": "1"}, f"k{len(more)}").must(201).json["id"]
        found = server.api.until_resting(id)
        equal(found["state"], "failed", "state")
        contains(json.dumps(found), words)
        contains(json.dumps(found), "configuration")
    true(not (world.dir / "ran").exists(), "it ran")


@case("a program that is too slow is ended with all that it started")
def timeout(world):
    tool = script(world, "tool", f"trap '' TERM\n(trap '' TERM; while :; do sleep 1; done) &\necho $$ $! >{world.dir}/part\n"
                  f"mv {world.dir}/part {world.dir}/pids\nwait\nwait\n")
    times = ("500ms", "4s", "30s")  # a busy machine may need more until it has begun
    defs = world.write(tools=dependency(tool), **{f"do{i}": flow(f"do.it{i}", tool, timeout=t) for i, t in enumerate(times)})
    server = world.server(defs=defs, more=allowed(tool)).start()
    for i in range(len(times)):
        id = server.api.submit(f"do.it{i}", {"n": "1"}, "k").must(201).json["id"]
        contains(json.dumps(server.api.until_state(id, "review", most=90)), "did not end in time")
        if (world.dir / "pids").exists():
            break
    pids = (world.dir / "pids").read_text().split()
    eventually(lambda: not any(alive(p) for p in pids), NOTHING_LEFT)


LASTS = """echo $$ >>{dir}/began
(trap '' TERM; echo $$ >/dev/null; while :; do sleep 1; done) &
echo $$ $! >{dir}/part
mv {dir}/part {dir}/pids
wait
"""


@case("kill -9 of the server ends its programs, and what they did is unknown")
def killed(world):
    tool = script(world, "tool", LASTS.format(dir=world.dir))
    probe = script(world, "probe", f"wc -l <{world.dir}/began\n")
    check = (f"  check:\n    with: {{ program: {probe}, args: ['${{payload.n}}'] }}\n    reads: true\n"
             "    happened: int(response.body) == 1\n")
    defs = world.write(tools=dependency(tool, probe), do=flow("do.it", tool, check, timeout="10m"))
    server = world.server(defs=defs, more=allowed(tool, probe)).start()
    id = server.api.submit("do.it", {"n": "1"}, "k").must(201).json["id"]
    pids = eventually(lambda: (world.dir / "pids").exists() and (world.dir / "pids").read_text().split(), "it has begun")
    true(all(alive(p) for p in pids), "they run")
    server.kill()
    eventually(lambda: not any(alive(p) for p in pids), NOTHING_LEFT)
    server.start()
    found = server.api.until_state(id, "completed")  # the check found that it had begun, once
    contains(json.dumps(found), "check_happened", "the command")
    equal((world.dir / "began").read_text().count("\n"), 1, "times that it began")


@case("a server that stops gives its programs the time of the drain, and ends them")
def stopped(world):
    tool = script(world, "tool", LASTS.format(dir=world.dir))
    defs = world.write(tools=dependency(tool), do=flow("do.it", tool, timeout="10m"))
    server = world.server(defs=defs, more=[*allowed(tool), "--drain", "200ms"]).start()
    id = server.api.submit("do.it", {"n": "1"}, "k").must(201).json["id"]
    pids = eventually(lambda: (world.dir / "pids").exists() and (world.dir / "pids").read_text().split(), "it has begun")
    equal(server.stop(), 0, "exit code")
    eventually(lambda: not any(alive(p) for p in pids), NOTHING_LEFT)
    server.start()
    contains(json.dumps(server.api.until_state(id, "review")), "cannot_be_checked")


SYSTEMCTL = """#!/bin/sh
# the part of systemctl that the example uses: show --property=P --value -- UNIT; restart -- UNIT
cd {dir}
case $1 in
show) case "$2 $5" in
    "--property=LoadState web") echo loaded ;;
    "--property=LoadState "*) echo not-found ;;
    "--property=ActiveState "*) echo active ;;
    "--property=InvocationID "*) cat starts ;;
    esac ;;
restart)
    echo "$(($(cat starts) + 1))" >starts
    test -e fail && exit 1
    exit 0 ;;
esac
"""


@case("the example restarts a unit, once")
def example(world):
    systemctl = world.dir / "systemctl"
    systemctl.write_text(SYSTEMCTL.format(dir=world.dir))
    systemctl.chmod(0o755)
    (world.dir / "starts").write_text("1\n")
    folder, tools = ROOT / "examples/programs", []
    for name in ("restart-unit", "unit-state"):
        tools.append(script(world, name, (folder / name).read_text().replace("systemctl", str(systemctl))))
        true((folder / name).stat().st_mode & stat.S_IXUSR, f"{name} can be run")
    texts = {name: (folder / f"{name}.yaml").read_text().replace("/usr/local/lib/recourse", str(world.dir)) for name in ("host", "restart")}
    server = world.server(defs=world.write(**texts), more=allowed(*tools)).start()
    api = server.api

    def restart(unit):
        return api.until_resting(api.submit("service.restart", {"unit": unit}).must(201).json["id"])

    equal(restart("web")["state"], "completed", "state")
    equal((world.dir / "starts").read_text(), "2\n", "starts")
    equal(restart("wbe; touch x")["state"], "rejected", "state of a unit that is not there")
    (world.dir / "fail").touch()  # it is restarted, and systemctl does not say so
    found = restart("web")
    equal(found["state"], "completed", "settled by the check")
    contains(json.dumps(found), "check_happened")
    equal((world.dir / "starts").read_text(), "3\n", "starts")


if __name__ == "__main__":
    main()
