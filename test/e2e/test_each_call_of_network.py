"""Each call of the network fails in turn, in the real server and in what it waits with: test_each_call.py says what holds.

Once: a connection, an attempt or one request is lost. From then on: there are no descriptors left, or nothing comes through any more, until
that ends; the same process has to work again."""
from each_call import draw, try_every
from kit import case, main

MOST = {"socket": 40, "connect": 12, "accept": 16, "poll": 60, "receive": 40, "send": 40}
DRAWN = {"socket": 6, "connect": 4, "accept": 5, "poll": 7, "receive": 6, "send": 6}


@case("a sample of calls of the network fails, once or from then on: a clear end, nothing lost, nothing twice")
def sample(world):
    draw(world, DRAWN, MOST)


@case("every call of the network fails, until none is left", long=True)
def every(world):
    try_every(world, DRAWN)


if __name__ == "__main__":
    main()
