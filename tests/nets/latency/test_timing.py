"""Measuring with a clock of our own."""

from carsmoo.cost.latency_table import Timing
from carsmoo.nets.latency.timing import WARMUP, TimedLayer, alternately, measure
from carsmoo.utils.progress import Step


class Fake:
    """A clock that stands still but for what works add to it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.order: list[str] = []

    def __call__(self) -> float:
        return self.now

    def work(self, name: str, seconds: list[float]) -> TimedLayer:
        times = iter(seconds)

        def prepare() -> None:
            self.now += 100.0
            self.order.append(f"prepare {name}")

        def run() -> None:
            self.now += next(times)
            self.order.append(name)

        return TimedLayer(prepare, run)


def test_medians_and_quartiles_are_of_the_rounds_after_the_warm_up() -> None:
    clock, rounds = Fake(), 5
    before = [50.0] * WARMUP
    works = {
        "a": clock.work("a", [*before, 0.005, 0.001, 0.002, 0.004, 9.0]),
        "b": clock.work("b", [*before, *[0.5] * rounds]),
    }
    heard: list[Step] = []
    found = measure(works, rounds, clock=clock, listener=heard.append, wait=lambda: None)
    assert found == {"a": Timing(4.0, 2.0, 5.0), "b": Timing(500.0, 500.0, 500.0)}
    assert [(step.done, step.total) for step in heard] == [(k + 1, WARMUP + rounds) for k in range(WARMUP + rounds)]
    pairs = list(zip(clock.order[::2], clock.order[1::2], strict=True))
    assert all(first == f"prepare {second}" for first, second in pairs)
    turns = [second for _, second in pairs]
    assert all(set(turns[k : k + 2]) == {"a", "b"} for k in range(0, len(turns), 2))
    assert len({tuple(turns[k : k + 2]) for k in range(0, len(turns), 2)}) == 2  # in different orders


def test_groups_alternate_and_share_their_rounds_out_among_the_blocks() -> None:
    clock = Fake()
    groups = [({"a": clock.work("a", [1.0] * 9)}, 5), ({"b": clock.work("b", [0.5] * 9)}, 2)]
    heard: list[Step] = []
    found = alternately(groups, 3, clock=clock, listener=heard.append)
    assert found == [{"a": Timing(1000.0, 1000.0, 1000.0)}, {"b": Timing(500.0, 500.0, 500.0)}]
    rounds = [name for name in clock.order if not name.startswith("prepare")]
    turns = [("a", 2), ("b", 1), ("a", 2), ("b", 1), ("a", 1)]
    assert rounds == [name for name, share in turns for _ in range(WARMUP + share)]
    assert [(step.done, step.total) for step in heard] == [(k + 1, len(rounds)) for k in range(len(rounds))]


def test_a_device_that_works_by_itself_is_waited_for() -> None:
    clock = Fake()
    pending: list[float] = []

    def wait() -> None:
        clock.now += sum(pending)
        pending.clear()

    work = TimedLayer(lambda: pending.append(7.0), lambda: pending.append(0.25))
    assert measure({"a": work}, 3, clock=clock, wait=wait)["a"] == Timing(250.0, 250.0, 250.0)
