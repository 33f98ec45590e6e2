"""The kill campaign: a real server, a real stand-in and a real disk, clients that submit, repeat, contradict, batch and act, faults outside,
and kill -9 at any moment; again and again everything that clients saw, the outside saw and the store has is held against the invariants by
recourse_check. Then the negative controls: the same with a protection taken away must be found out.

RC_KILLS: how many kills with something in flight (default by RC_TIER: 20, 300, 10000). RC_KILL_SEED replays a schedule, without it
RC_SEED says which; clients and the kernel's timing are not part of it."""
import os
import random
import re
import shutil
import time
from collections import Counter
from pathlib import Path

from killed import MARKERS, SECRET, SEED, TIER, Campaign, kept_for_later, must_hold
from kit import Failure, case, changed, main, note, true

KILLS = int(os.environ.get("RC_KILLS", {"quick": 20, "ci": 300, "campaign": 10000}.get(TIER, 20)))
CHECK_EVERY = 50   # kills
FRESH_EVERY = 400  # a new store, so that a check of all of it stays cheap


@case(f"{KILLS} kills under load, with faults: every invariant holds")
def kills(world):
    note(f"RC_KILL_SEED={SEED} RC_KILLS={KILLS}")
    rng, start = random.Random(SEED), time.monotonic()
    tally, counts, done, hits, number, checks, looked = Counter(), Counter(), 0, 0, 0, 0, Counter()
    try:
        while hits < KILLS:
            campaign = Campaign(world, number, rng)
            number += 1
            checked = 0
            while campaign.hits + hits < KILLS and campaign.hits < FRESH_EVERY:
                campaign.step()
                if campaign.hits - checked >= CHECK_EVERY and campaign.hits + hits < KILLS:
                    must_hold(campaign.check_dead(), f"after {campaign.kills} kills")
                    checked = campaign.hits
                    checks += 1
                if campaign.clients.problems:
                    break
            found = campaign.finish()
            must_hold(found, "at the end")
            checks += 1
            done, hits = done + campaign.kills, hits + campaign.hits
            tally.update(campaign.tally)
            tally.update(campaign.clients.did)
            tally["stand-in killed"] += campaign.hub.kills
            tally["calls cut off"] += campaign.history.not_known
            counts.update(found["counts"])
            looked.update(found["looked"])
            tally.update(f"fault {(e['fault'] or 'none').split(':')[0]}" for e in campaign.hub.journal())
    except Failure:
        kept_for_later(world)
        raise
    note(", ".join(f"{n} {what}" for what, n in sorted(tally.items())))
    note(", ".join(f"{what} {n}" for what, n in counts.items()))
    fired = {what.removeprefix("fault ") for what in tally}
    if KILLS >= 100:  # fewer need not meet everything
        true({m.split(":")[0] for m in MARKERS} <= fired, f"faults that never fired: {({m.split(':')[0] for m in MARKERS}) - fired}")
        for what in ("killed by signal", "killed at a call", "killed while it starts", "killed at once again", "calls cut off"):
            true(tally[what], f"nothing was {what}")
        for name in ("acknowledged-is-kept", "answer-follows-commit", "other-payload-conflicts", "action-is-kept", "attempt-before-effect",
                     "no-blind-repeat", "record-is-true", "done-once", "undo-in-reverse", "cancel-stops", "crash-anywhere", "comes-to-rest",
                     "no-secret"):
            true(looked[name], f"{name} had nothing to look at")
    true(tally["attempts in flight"], "no attempt was in flight at a kill")
    for figure, value in (("kills", done), ("kills_in_flight", hits), ("kill_commands", counts["commands"]), ("kill_attempts_lost", counts["lost"]),
                          ("kill_checks", checks), ("kill_seconds", int(time.monotonic() - start))):
        note(f"figure {figure} {value}")


# ---- negative controls: a protection is taken away, and that must be found ---------------------------------------------------

BLIND = "    repeatable: true # promised: false\n"


def blind(text):
    """What the flows promise is taken back: everything may be repeated, and nothing is asked."""
    text = re.sub(r"(?m)^( *)check:\n(?:\1 +.*\n)+", "", text)
    text = re.sub(r"(?m)^    repeatable: false.*\n", "", text)
    head, *steps = text.split("  - id: ")
    blinded = (step if "\n    repeatable: true" in step else re.sub(r"(?m)^    timeout: 500ms\n", f"    timeout: 500ms\n{BLIND}", step)
               for step in steps)
    return "  - id: ".join([head, *blinded])


def promise(store, change):
    """The flows as they were promised, in a copy of the store: what ran had others."""
    with changed(store) as db:
        for id, text in db.execute("SELECT id, text FROM definition WHERE kind = 1").fetchall():
            db.execute("UPDATE definition SET text = ? WHERE id = ?", (change(text), id))


def unsettled(text):
    return text.replace("settle: 1s", "settle: 0s")


def leaking(text):
    return text.replace('base: main }', f'base: "{SECRET}" }}')


CONTROLS, CAUGHT = [], set()
LIVES = 3


def control(name, caught, **options):
    """A campaign of a few kills that must be found out by one of these invariants."""
    def run(world):
        """A life without its protection may come to a standstill before it shows what it does: then another one is lived."""
        seen = set()
        for life in range(LIVES):
            seen |= live(world, 1 + life, random.Random(f"{SEED}/{name}/{life}"))
            note(f"found: {sorted(seen)}")
            if seen & caught:
                break
        true(seen & caught, f"the control was not caught: {sorted(seen)}, wanted one of {sorted(caught)}")
        CAUGHT.add(name)

    def live(world, number, rng):
        campaign = Campaign(world, number, rng, **options)
        campaign.broken, seen = True, set()
        try:
            for _ in range(40):
                campaign.step()
                if campaign.kills % 3 == 0:
                    seen |= look(campaign)
                if seen & caught:
                    break
            if not seen & caught and 38 in caught:
                campaign.server.up()
                campaign.clients.stop()
                time.sleep(8)
                campaign.history.write(event="quiet")
                time.sleep(1.2)
                campaign.history.write(event="end")
                campaign.server.kill()
                seen |= {f["number"] for f in campaign.check("--bound", 1)["findings"]}
        finally:
            campaign.clients.stopping = True
            campaign.clients.running.set()
            campaign.clients.stop()
            campaign.server.kill()
        return seen

    def look(campaign):
        campaign.clients.running.clear()
        campaign.server.kill()
        campaign.dead("killed for a check")
        if "change" in options and options["change"] is blind:
            copy = world_copy(campaign)
            promise(copy, lambda text: text.replace(BLIND, BLIND.replace("true", "false")))
            campaign.server.store, kept = copy, campaign.server.store
            found = campaign.check()
            campaign.server.store = kept
        else:
            found = campaign.check()
        campaign.arm(None)
        campaign.server.launch()
        campaign.clients.running.set()
        for finding in found["findings"]:
            note(f"found {finding['number']} {finding['name']}: {finding['where']}")
        return {f["number"] for f in found["findings"]}

    CONTROLS.append(name)
    case(f"control: {name} is found out")(run)


def world_copy(campaign):
    to = campaign.world.dir / "copy.db"
    for end in ("", "-wal"):
        source = Path(f"{campaign.server.store}{end}")
        if source.exists():
            shutil.copy(source, f"{to}{end}")
    return to


control("answers before the commit", {1, 2}, control="early")
control("requests before the commit", {11}, control="early")
control("forgetting what left", {38}, control="forget")
control("repeating blindly", {16, 19}, change=blind)
control("believing a check too early", {18, 19}, change=unsettled, markers=["late:900"])
control("a secret that is stored", {39}, change=leaking)


@case("control: all of them were caught")
def controls(world):
    note(f"figure kill_controls {len(CONTROLS)}")
    note(f"figure kill_controls_caught {len(CAUGHT)}")
    true(CAUGHT == set(CONTROLS), f"controls that were not caught, or did not run: {set(CONTROLS) - CAUGHT}")
    _ = world


if __name__ == "__main__":
    main()
