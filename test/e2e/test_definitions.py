"""Definitions: apply, dry run, versions of commands that run, removal, mistakes, SIGHUP."""
import re
import signal

from kit import case, contains, dependency, equal, eventually, main, simple_flow, true

HEAD = '{ title: t, head: "%s-${payload.n}", base: main }'


def flow(branch="b", more="timeout: 5s", name="send"):
    return simple_flow(name, path="/repos/acme/web/pulls", body=HEAD % branch, more=more)


def start(world, text=None, concurrent=8, with_defs=True):
    hub = world.standin()
    folder = world.write(send=text or flow(), github=dependency("github", f"http://127.0.0.1:{hub.port}", concurrent=concurrent))
    return world.server(defs=folder if with_defs else None).start(), hub, folder


def in_force(api):
    return {(d["kind"], d["name"]): d["version"] for d in api.get("/v1/definitions").must(200).json["definitions"]}


def apply(api, *texts, **more):
    return api.post("/v1/definitions", {"files": [{"source": f"file{i}.yaml", "text": t} for i, t in enumerate(texts)], **more})


def made(hub):
    return [p["head"]["ref"] for p in reversed(hub.pulls("web"))]


@case("apply: what changes is shown, then stored as a new version")
def applying(world):
    server, hub, folder = start(world, with_defs=False)
    api = server.api
    equal(in_force(api), {}, "at the beginning")
    api.submit("send", {"n": 1}).problem(404, "not-found")
    said = server.cli("apply", folder, "--dry-run")
    contains(said, "send")
    equal(in_force(api), {}, "after a dry run")
    contains(server.cli("apply", folder, "-y"), "github")
    equal(in_force(api), {("flow", "send"): 1, ("dependency", "github"): 1}, "after apply")
    server.cli("apply", folder, "-y")
    equal(in_force(api), {("flow", "send"): 1, ("dependency", "github"): 1}, "nothing has changed, nothing is stored")

    world.write(send=flow("other"))
    dry = server.cli("apply", folder, "--dry-run", json_out=True)
    equal((dry["applied"], dry["changed"]), (False, 1), "dry run")
    change = next(c for c in dry["changes"] if c["change"] == "change")
    true(re.search(r"^-.*b-\$", change["diff"], re.M) and re.search(r"^\+.*other-\$", change["diff"], re.M), f"no diff: {change}")
    equal(in_force(api)[("flow", "send")], 1, "after the second dry run")
    said = server.cli("apply", folder, "-y")
    contains(said, "other-$")
    equal(in_force(api)[("flow", "send")], 2, "version")
    versions = api.get("/v1/definitions/flow/send").must(200).json["versions"]
    equal([(v["version"], v["active"]) for v in versions], [(2, True), (1, False)], "versions")
    version = api.get("/v1/definitions/flow/send/versions/2").must(200).json
    equal(version["text"], flow("other"), "the text as it was written")
    api.get("/v1/definitions/flow/nobody").problem(404, "not-found")
    api.until_state(api.submit("send", {"n": 1}).must(201).json["id"], "completed")
    equal(made(hub), ["other-1"], "what the new version does")
    server.kill()
    server.start()
    equal(in_force(api), {("flow", "send"): 2, ("dependency", "github"): 1}, "after kill -9, without --defs")


@case("a command keeps the version that it started with")
def versions(world):
    server, hub, folder = start(world, concurrent=1)
    api = server.api
    hub.faults({"match": "old-1", "fault": "slow:700"}, {"match": "b-1", "fault": "slow:700"})
    old = [api.submit("send", {"n": n}).must(201).json["id"] for n in (1, 2)]
    eventually(lambda: hub.fired("slow"), "the first is in flight")
    equal(api.command(old[1])["state"], "pending", "the second has not left")
    apply(api, flow("new"), (folder / "github.yaml").read_text()).must(200)
    versions = api.get("/v1/definitions/flow/send").must(200).json["versions"]
    equal([(v["version"], v["active"]) for v in versions], [(2, True), (1, False)], "versions")
    new = api.submit("send", {"n": 3}).must(201).json["id"]
    server.kill()
    server.start()
    api.until_state(old[0], "review")  # it was out when the server was killed
    api.act(old[0], "resolve", verdict="did_not_happen", reason="test").must(200)
    for id, version in ((old[0], 1), (old[1], 1), (new, 2)):
        done = api.until_state(id, "completed")
        equal(done["flow"], {"name": "send", "version": version}, "version")
    equal(sorted(made(hub)), ["b-1", "b-1", "b-2", "new-3"], "made; the first one twice, as a person said so")
    uses = api.get("/v1/definitions/flow/send").must(200).json["versions"]
    # the third one came with the directory at the restart
    equal([(v["version"], v["commands"], v["not_ended"]) for v in uses], [(3, 0, 0), (2, 1, 0), (1, 2, 0)], "how much each is used")
    diff = api.get("/v1/definitions/flow/send/versions/2/diff").must(200).json
    equal((diff["from"], diff["same"]), (1, False), "compared with the one before")
    true(re.search(r"^-.*b-", diff["diff"], re.M) and re.search(r"^\+.*new-", diff["diff"], re.M), f"no diff: {diff}")
    back = api.get("/v1/definitions/flow/send/versions/1/diff?from=2").must(200).json
    true(re.search(r"^\+.*b-", back["diff"], re.M), f"the other way round: {back}")
    first = api.get("/v1/definitions/flow/send/versions/1/diff").must(200).json
    true(first["from"] is None and all(line.startswith(("+", "@@")) for line in first["diff"].splitlines()), f"all new: {first}")
    same = api.get("/v1/definitions/flow/send/versions/1/diff?from=1").must(200).json
    equal((same["same"], same["diff"]), (True, ""), "the same")
    page = api.get("/v1/definitions/flow/send?limit=2").must(200).json
    equal((page["versions"][1]["version"], page["next"]), (2, 2), "a page")
    page = api.get(f"/v1/definitions/flow/send?limit=1&before={page['next']}").must(200).json
    equal((page["versions"][0]["version"], page["next"]), (1, None), "the last page")
    for path in ("flow/send/versions/0", "flow/send/versions/4", "flow/send/versions/x", "flow/send/versions/99999999999999999999",
                 "flow/nobody/versions/1", "fluss/send/versions/1", "dependency/send", "flow/send/versions/2/diff?from=9"):
        api.get(f"/v1/definitions/{path}").problem(404, "not-found")
    api.get("/v1/definitions/flow/send/versions/2/diff?from=0").problem(400, "malformed")


@case("a flow may come alone: its dependency is looked for among those in force")
def alone(world):
    server, _, folder = start(world)
    post = lambda text, **more: server.api.post("/v1/definitions", {"files": [{"source": "f.yaml", "text": text}], **more})
    equal(post(flow(name="second")).must(200).json["added"], 1, "added")
    server.api.submit("second", {"n": 7}).must(201)
    wrong = post(flow(name="third").replace("call: github", "call: githup")).problem(422, "invalid")
    contains(wrong["errors"][0]["detail"], "github", "the hint")
    # what would be taken out of force in the same request is not there
    problem = post(flow(name="send"), prune=True).problem(422, "invalid")
    contains(problem["errors"][0]["detail"], "'github' is not defined", "the reason")


@case("what has ended under an older version is read, repeated and rolled back after a restart")
def older_versions(world):
    undo = ('timeout: 5s\noutputs: { number: "${response.body.number}" }\n'
            'undo: { with: { method: PATCH, path: "/repos/acme/web/pulls/${outputs.number}", body: { state: closed } } }')
    server, hub, folder = start(world, flow("first", more=undo))
    api = server.api
    old = api.submit("send", {"n": 1}).must(201).json["id"]
    done = api.until_state(old, "completed")
    world.write(send=flow("second", more=undo))
    server.cli("apply", folder, "-y")
    server.restart()
    equal(api.command(old), done, "the command")
    true(api.history(old) and api.explain(old), "history and explanation")
    equal(api.submit("send", {"n": 1}).must(200).json["id"], old, "a repeat")
    api.act(old, "roll_back").must(200)
    equal(api.until_state(old, "rolled_back")["flow"]["version"], 1, "version")
    equal([p["state"] for p in hub.pulls("web")], ["closed"], "pull requests")


@case("a definition in use is not removed, and the refusal says how many hold it")
def removal(world):
    server, hub, folder = start(world)
    api = server.api
    hub.faults(*[{"match": "b-", "fault": "hang"}] * 3)
    ids = [api.submit("send", {"n": n}).must(201).json["id"] for n in (1, 2, 3)]
    eventually(lambda: len(hub.fired("hang")) == 3, "three are in flight")
    refused = apply(api, dependency("github", f"http://127.0.0.1:{hub.port}"), prune=True).problem(409, "in-use")
    contains(str(refused), "is held by 3 commands", "the refusal")
    world.write(send=None)
    contains(server.cli("apply", folder, "--prune", "-y", code=3), "is held by 3 commands", "the refusal")
    equal(in_force(api), {("flow", "send"): 1, ("dependency", "github"): 1}, "in force")
    server.cli("apply", folder, "-y")
    equal(in_force(api)[("flow", "send")], 1, "without --prune nothing is removed")
    for id in ids:
        api.until_state(id, "review")
        api.act(id, "resolve", verdict="accepted_as_is", reason="test").must(200)
    contains(server.cli("apply", folder, "--prune", "-y"), "send")
    equal(in_force(api), {("dependency", "github"): 1}, "in force in the end")
    api.submit("send", {"n": 4}).problem(404, "not-found")
    equal(api.command(ids[0])["state"], "resolved", "what has ended can still be read")
    true(api.history(ids[0]), "with its history")
    server.restart()
    equal(api.command(ids[0])["flow"], {"name": "send", "version": 1}, "after a restart")


BAD = [
    ("an unknown field", flow(more="timeout: 5s\nrepeatabel: true"), r"file0.yaml:12:5: .*repeatable", "invalid"),
    ("a wrong type", flow(more="timeout: soon"), r"file0.yaml:11:14: ", "invalid"),
    ("a duplicate key", flow(more="timeout: 5s\ntimeout: 6s"), r"file0.yaml:12:5: ", "malformed"),
    ("an alias", "a: &x 1\nb: *x\n", r"file0.yaml:1:", "malformed"),
    ("no YAML", "flow: [\n", r"file0.yaml:\d+:\d+: ", "malformed"),
    ("a misspelt payload field", flow().replace('head: "b-${payload.n}"', 'head: "${payload.m}"'), r"file0.yaml:10:\d+: .*\bn\b", "invalid"),
    ("what is not built yet", flow(more="when: {}"), r"file0.yaml:11:5: ", "not-supported"),
    ("two kinds of step in one", flow(more="parallel: []"), r"file0.yaml:11:5: .*'call' and 'parallel'", "invalid"),
]


@case("mistakes are told with file, line and column, and change nothing")
def mistakes(world):
    server, hub, folder = start(world)
    api = server.api
    before = in_force(api)
    for what, text, wanted, slug in BAD:
        got = apply(api, text)
        true(400 <= got.status < 500, f"{what}: {got}")
        problem = got.json
        errors = problem.get("errors") or [problem]
        told = [f"{e.get('source')}:{e.get('line')}:{e.get('column')}: {e.get('detail') or e.get('text') or e.get('message')}" for e in errors]
        true(any(re.search(wanted, line) for line in told), f"{what}: expected {wanted!r} in {told}")
        true(problem["type"].endswith(slug), f"{what}: expected {slug}: {problem}")
    world.write(bad=flow(name="other", more="timeout: soon"))
    said = server.cli("apply", folder, "-y", code=3)
    true(re.search(r"bad\.yaml:11:14: ", said), f"no place: {said}")
    equal(in_force(api), before, "in force")
    nobody = apply(api, flow(name="lonely").replace("call: github", "call: gitlab"))
    true(400 <= nobody.status < 500 and "gitlab" in nobody.text, f"an unknown dependency: {nobody}")
    equal(in_force(api), before, "in force")


@case("SIGHUP reads the directory again; a mistake leaves what was in force")
def hup(world):
    server, hub, folder = start(world)
    api = server.api
    world.write(send=flow("second"))
    server.process.p.send_signal(signal.SIGHUP)
    eventually(lambda: in_force(api)[("flow", "send")] == 2, "version 2 is in force")

    world.write(send=flow("third", more="timeout: soon"))
    server.process.p.send_signal(signal.SIGHUP)
    eventually(lambda: "send.yaml:11:14" in server.process.output, lambda: f"the place is in the log: {server.process.output}")
    equal(in_force(api)[("flow", "send")], 2, "version")
    api.until_state(api.submit("send", {"n": 1}).must(201).json["id"], "completed")
    equal(made(hub), ["second-1"], "what it does")

    world.write(send=flow("fourth"))
    server.process.p.send_signal(signal.SIGHUP)
    eventually(lambda: in_force(api)[("flow", "send")] == 3, "version 3 is in force")
    for _ in range(5):
        server.process.p.send_signal(signal.SIGHUP)
    api.until_state(api.submit("send", {"n": 2}).must(201).json["id"], "completed")
    equal(in_force(api)[("flow", "send")], 3, "version, where nothing has changed")


@case("definitions that cannot be used keep the server from starting, and say where")
def start_with_mistake(world):
    folder = world.write(send=flow(more="timeout: soon"))
    server = world.server(defs=folder)
    contains(server.refuses_to_start(), "send.yaml:11:14", "the log")
    missing = world.server(defs=world.dir / "nowhere")
    contains(missing.refuses_to_start(), "nowhere", "the log")


if __name__ == "__main__":
    main()
