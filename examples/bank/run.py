"""A bank on a mainframe: a strict line, in which another person approves each step that changes something, and a record says who.

What must hold: nothing is booked that nobody has approved, or that the one who ordered it has approved; each booking happens once,
also where its answer is lost or Recourse is killed; a denial puts the books back as they were; and between any two steps nobody has
to ask where the money is."""
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import stage
from stage import Fault, Outside, Person, expect, say, wait_for


class Mainframe:
    def __init__(self):
        self.lock, self.balance, self.done, self.records = threading.Lock(), {"A": 100, "B": 0}, set(), {}

    def answer(self, method, path, body):
        parts = path.strip("/").split("/")
        with self.lock:
            if parts[0] == "accounts":
                return 200, {"balance": self.balance[parts[1]]}
            if parts[0] == "records":
                self.records[tuple(parts[1:])] = body
                return 200, {}
            what = tuple(parts[1:])
            if method == "GET":
                return (200, {"done": True}) if what in self.done else (404, {"error": "no such booking"})
            self.done.add(what)
            self.balance[body["account"]] += body["amount"] * (-1 if what[1] == "debit" else 1)
            return 200, {}


books = Mainframe()


def world():
    return Outside(books.answer, [Fault("POST /orders/o-1/debit", "lost"), Fault("POST /orders/o-1/credit", "error")])


def ordered(person, order, amount):
    status, body = person.ask("POST", "/v1/commands", {"type": "bank.move", "payload": {"order": order, "from": "A", "to": "B", "amount": amount}})
    expect(status == 201, f"{person.name} orders {order}")
    return body["id"]


def asked_at(server, id, step):
    return wait_for(lambda: [a for a in server.get(f"/v1/commands/{id}/explain")["asks"] if a["step"] == step],
                    f"people are asked at {step}")


def ends(server, id, state):
    command = server.rests(id)
    expect(command["state"] == state, f"it is over: {command['display']}")


def show(server, outside):
    anna, bert = Person(server, "anna", "operator"), Person(server, "bert", "operator")
    cora, dora = Person(server, "cora", "operator"), Person(server, "dora", "admin")

    say("Anna orders 30 from A to B. Two others must approve the debit:")
    id = ordered(anna, "o-1", 30)
    released = asked_at(server, id, "allow_debit")[0]["releases"]
    expect(released[0]["with"]["body"] == {"account": "A", "amount": 30, "seen": 100}, "they are shown what is booked")
    expect(anna.decide(id) == 409, "anna cannot approve her own order")
    expect(bert.decide(id) == 200 and bert.decide(id) == 409, "bert has one vote")
    expect(books.balance == {"A": 100, "B": 0}, "nothing is booked yet")

    say("\nRecourse is killed between the two approvals, and the answer to the debit is lost:")
    server.kill()
    expect(cora.decide(id) == 200, "bert's approval still counts")
    asked_at(server, id, "allow_credit")
    expect(books.balance == {"A": 70, "B": 0}, "debited once")
    expect(outside.times_asked("POST /orders/o-1/debit") == 1, "asked for once: a check has found it")
    expect(books.records[("o-1", "debit")] == {"amount": 30, "approved_by": ["bert", "cora"]}, "the record says who approved it")
    expect(cora.decide(id) == 409, "the credit is an admin's to approve")
    expect(dora.decide(id) == 200, "dora approves it")
    ends(server, id, "completed")
    expect(books.balance == {"A": 70, "B": 30}, "credited once, though the mainframe stumbled")
    expect(books.records[("o-1", "credit")]["approved_by"] == ["dora"], "the record says who approved it")

    say("\nThe credit of a second order is denied:")
    id = ordered(anna, "o-2", 50)
    for one in (bert, cora):
        expect(one.decide(id) == 200, f"{one.name} approves the debit")
    asked_at(server, id, "allow_credit")
    expect(books.balance == {"A": 20, "B": 30}, "debited")
    expect(dora.decide(id, "deny") == 200, "dora denies the credit")
    ends(server, id, "rolled_back")
    expect(books.balance == {"A": 70, "B": 30}, "the money is back")


if __name__ == "__main__":
    stage.main(__doc__, sys.modules[__name__], show, stage.Guarded)
