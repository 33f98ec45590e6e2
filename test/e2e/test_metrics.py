"""/metrics: Prometheus' text format, names by its conventions, and each name in docs/operations.md."""
import re
import shutil
import subprocess

from kit import PR, ROOT, Skip, case, equal, main, pull, true


@case("names, types and texts are by Prometheus' conventions, and the document knows every name")
def conventions(world):
    server, hub = world.example()
    server.api.until_state(server.api.submit(PR, pull(1)).must(201).json["id"], "completed")
    answer = server.api.get("/metrics").must(200)
    true(answer.headers["Content-Type"].startswith("text/plain; version=0.0.4"), "content type")
    lines = answer.text.splitlines()
    kinds = dict(re.fullmatch(r"# TYPE (\S+) (counter|gauge|histogram|summary)", l).groups() for l in lines if l.startswith("# TYPE"))
    helps = dict(re.fullmatch(r"# HELP (\S+) (\S.*\.)", l).groups() for l in lines if l.startswith("# HELP"))
    true(len(kinds) > 15 and set(kinds) == set(helps), f"types and helps: {set(kinds) ^ set(helps)}")
    values = {}
    for line in lines:
        if not line.startswith("#"):
            name, labels, value = re.fullmatch(r'([a-z_]+)(\{[a-z_]+="[^"]*"(?:,[a-z_]+="[^"]*")*\})? (\d+(?:\.\d+)?)', line).groups()
            true((name, labels) not in values, f"{name}{labels} is there twice")
            values[name, labels] = float(value)
    for (name, _) in values:
        base = re.sub(r"_(bucket|sum|count)$", "", name) if name not in kinds else name
        kind = kinds[base]
        true(name.startswith("recourse_"), name)
        true(name.endswith("_total") == (kind == "counter"), f"{name} is a {kind}")
        true(not re.search(r"_(ms|us|millis|minutes|kb|mb)(_|$)", name), f"{name}: base units are seconds and bytes")
    equal(values["recourse_commands_submitted_total", None], 1, "commands submitted")
    page = (ROOT / "docs/operations.md").read_text()
    equal([name for name in kinds if f"`{name}`" not in page], [], "names that docs/operations.md does not have")
    equal([name for name in re.findall(r"`(recourse_[a-z_]+)`", page) if name not in kinds], [], "names that only docs/operations.md has")


@case("promtool finds nothing wrong")
def promtool(world):
    if not shutil.which("promtool"):
        raise Skip("promtool is not installed (Debian's package prometheus)")
    server = world.server().start()
    text = server.api.get("/metrics").must(200).text
    got = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=60)
    equal((got.returncode, got.stdout + got.stderr), (0, ""), "what promtool says")


if __name__ == "__main__":
    main()
