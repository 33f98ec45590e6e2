"""Each call of the system fails in turn, in the real server: the n-th call of a kind fails, once or from then on, over a whole life:
start, submit, batch, attempts, a check, an action, a read, stop. The server never dies by a signal and never hangs; what it answers is
an answer or a problem; one that has not ended says why, or works again as soon as nothing fails any more; and afterwards everything that was
acknowledged is there, every submission can be repeated, and nothing was done twice.

Here it is memory, files and threads, with a sample that each_call.py draws; the network is in test_each_call_of_network.py."""
from each_call import draw, try_every
from kit import case, main

# the highest n that is drawn, and how many are
MOST = {"memory": 12000, "sql memory": 20000, "open": 80, "read": 300, "write": 600, "sync": 80, "truncate": 12, "rename": 8, "map": 6,
        "thread": 6}
DRAWN = {"memory": 18, "sql memory": 8, "open": 8, "read": 6, "write": 10, "sync": 8, "truncate": 3, "rename": 3, "map": 3, "thread": 4}


@case("a sample of calls fails, once or from then on: a clear end, nothing lost, nothing twice")
def sample(world):
    draw(world, DRAWN, MOST)


@case("every call fails, until none is left", long=True)
def every(world):
    try_every(world, DRAWN)


if __name__ == "__main__":
    main()
