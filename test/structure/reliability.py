"""docs/RELIABILITY.md is what scripts/reliability.py makes of docs/reliability.json, and nobody wrote into it."""
import importlib.util
import json


def script(tree):
    spec = importlib.util.spec_from_file_location("reliability", tree.root / "scripts" / "reliability.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def check_made_by_the_script(tree):
    """docs/RELIABILITY.md is made by the script"""
    facts = json.loads(tree.text("docs/reliability.json"))
    if tree.text("docs/RELIABILITY.md") != script(tree).render(facts):
        yield "docs/RELIABILITY.md: is not what scripts/reliability.py makes of docs/reliability.json"


def check_found(tree):
    """every line of docs/found.md begins with its date, newest first"""
    dates = [entry[:10] for entry in script(tree).of_tree(tree.root)["found"]]
    if dates != sorted(dates, reverse=True):
        yield "docs/found.md: the newest stands first"
    for date in dates:
        if not (len(date) == 10 and date[4] == date[7] == "-" and date.replace("-", "").isdigit()):
            yield f"docs/found.md: an entry begins with its date, as in 2026-11-21, not with {date}"
