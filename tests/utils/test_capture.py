import copy
import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pymoo.core.population import Population
from pymoo.termination.default import DefaultMultiObjectiveTermination
from pymoo.util.sliding_window import SlidingWindow

from carsmoo.utils.capture import capture, restore
from carsmoo.utils.trees import difference, pack, unpack


class Part:
    def __init__(self, value: int = 0, whole: Any = None) -> None:
        self.value = value
        self.whole = whole


def through_text(thing: object) -> Any:
    """Return a captured state as it comes out of its text and arrays."""
    return unpack(*pack(capture(thing)))


def test_plain_data_come_back_as_they_were() -> None:
    held = {
        "none": None,
        "flag": True,
        "count": 3,
        "rate": 0.1 + 0.2,
        "endless": float("inf"),
        "text": 'a "quoted" ü',
        "array": np.arange(6, dtype=np.int32).reshape(2, 3).T,
        "empty": np.empty((0, 3)),
        "scalar": np.float32(0.1),
        "texts": np.array([["a", "bc"]]),
        "list": [1, [2.5, "x"], None],
        "tuple": (1, (2,)),
        "set": {3, 1, 2},
        "map": {1: "one", "two": [2], "none": None},
    }
    other = SimpleNamespace(**dict.fromkeys(held))
    restore(other, through_text(SimpleNamespace(**held)))
    for name, value in held.items():
        got = getattr(other, name)
        assert type(got) is type(value)
        if isinstance(value, np.ndarray):
            assert got.dtype == value.dtype
            assert np.array_equal(got, value)
        else:
            assert got == value


def test_what_looks_like_the_mark_of_an_array_comes_back() -> None:
    for held in ({"array": np.arange(3)}, {"array": "text"}, {"as it is": 1}, {"as it is": {"array": [np.ones(2)]}}):
        part = Part()
        part.__dict__ = copy.deepcopy(held)
        again = Part()
        again.__dict__ = copy.deepcopy(held)
        restore(SimpleNamespace(part=again), through_text(SimpleNamespace(part=part)))
        assert difference(capture(part), capture(again)) is None
        text, arrays = pack(held)
        assert difference(held, unpack(text, arrays)) is None


def test_objects_are_filled_in_place_and_stay_the_same_object_where_they_were() -> None:
    part = Part(5)
    part.whole = part
    tree = through_text(SimpleNamespace(first=part, second=part, parts=[Part(1), Part(2)]))
    mine = Part()
    mine.whole = mine
    fresh = SimpleNamespace(first=mine, second=None, parts=[Part(), Part()])
    restore(fresh, tree)
    assert fresh.first is mine
    assert fresh.second is mine
    assert mine.whole is mine
    assert (mine.value, [one.value for one in fresh.parts]) == (5, [1, 2])


def test_individuals_keep_what_they_hold_and_who_they_are() -> None:
    pop = Population.new("X", np.arange(6).reshape(3, 2))
    pop.set("F", np.array([[0.1, 2.0], [0.3, 1.0], [np.inf, 0.0]]))
    pop[0].set("parents", np.empty(0, dtype=int))
    pop[1].set("parents", np.array([0, 2]))
    pop[2].evaluated.add("F")
    fresh = SimpleNamespace(pop=None, opt=None)
    restore(fresh, through_text(SimpleNamespace(pop=pop, opt=pop[[1]])))
    assert fresh.opt[0] is fresh.pop[1]
    for name in ("X", "F"):
        assert np.array_equal(fresh.pop.get(name), pop.get(name))
        assert fresh.pop.get(name).dtype == pop.get(name).dtype
    assert fresh.pop[1].get("parents").tolist() == [0, 2]
    assert fresh.pop[2].get("parents") is None
    assert [one.evaluated for one in fresh.pop] == [set(), set(), {"F"}]


def test_generators_and_windows_go_on_where_they_were() -> None:
    random_state, window = np.random.default_rng(3), SlidingWindow(2)
    random_state.random(7)
    for value in (1.0, 2.0, 3.0):
        window.append(value)
    tree = through_text(SimpleNamespace(random_state=random_state, window=window))
    expected = random_state.random(4)
    fresh = SimpleNamespace(random_state=np.random.default_rng(0), window=SlidingWindow(2))
    restore(fresh, tree)
    assert np.array_equal(fresh.random_state.random(4), expected)
    fresh.window.append(4.0)
    assert list(fresh.window) == [3.0, 4.0]


def test_a_termination_of_many_parts_comes_back() -> None:
    one, other = DefaultMultiObjectiveTermination(), DefaultMultiObjectiveTermination()
    one.f.termination.data = {"ideal": np.array([0.0, 1.0]), "feas": True}
    one.f.history.append(0.25)
    restore(SimpleNamespace(termination=other), through_text(SimpleNamespace(termination=one)))
    assert other.f.termination.data["ideal"].tolist() == [0.0, 1.0]
    assert list(other.f.history) == [0.25]
    assert other.criteria[2] is other.f


def test_what_is_no_plain_data_is_named() -> None:
    with pytest.raises(
        TypeError, match=r"^tools/1/value: expected plain data, or an object made of it, got generator$"
    ):
        capture(SimpleNamespace(tools=[1, Part(k for k in "ab")]))  # type: ignore[arg-type]
    lenient = capture(SimpleNamespace(tool=(k for k in "ab")), lenient=True)
    assert lenient["attributes"]["tool"] == {"code": "generator"}


def test_a_class_may_have_moved_to_another_module_since() -> None:
    moved = type("Part", (Part,), {"__module__": "elsewhere", "__qualname__": Part.__qualname__})
    fresh = SimpleNamespace(part=moved(0))
    restore(fresh, through_text(SimpleNamespace(part=Part(3))))
    assert type(fresh.part) is moved
    assert fresh.part.value == 3


def test_another_making_is_refused_by_its_place() -> None:
    tree = capture(SimpleNamespace(part=Part(1)))
    with pytest.raises(ValueError, match=r"^part: expected Part, got NoneType$"):
        restore(SimpleNamespace(part=None), tree)
    with pytest.raises(ValueError, match=r"^part: expected Part, got SlidingWindow$"):
        restore(SimpleNamespace(part=SlidingWindow(1)), tree)


def test_differences_name_the_place_and_both_values() -> None:
    def tree(value: Any, generator: int = 0) -> Any:
        return capture(SimpleNamespace(part=Part(value), random_state=np.random.default_rng(generator)))

    assert difference(tree(3), tree(3, generator=1)) is None
    assert difference(tree(3), tree(4)) == "part/value: expected 3, got 4"
    assert difference(tree(3), tree(3.0)) == "part/value: expected 3, got 3.0"
    assert difference(tree(float("nan")), tree(float("nan"))) is None
    assert difference(tree([1, 2]), tree([1, 3])) == "part/value/1: expected 2, got 3"
    assert difference(tree({"a": 1}), tree({"a": 2})) == "part/value/a: expected 1, got 2"
    assert difference(tree(np.zeros(2)), tree(np.ones(2))) == "part/value: expected [0.0, 0.0], got [1.0, 1.0]"
    found = difference(tree(Part), tree(SlidingWindow))
    assert found is not None
    assert found.startswith("part/value/code: expected ")


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{}",
        "null",
        '{"attributes": 3, "individuals": {"n": 0, "columns": {}}}',
        '{"attributes": {"part": {"object": "os.system", "attributes": {}}}, "individuals": {"n": 0, "columns": {}}}',
        '{"attributes": {"part": {"code": "os.system"}}, "individuals": {"n": 0, "columns": {}}}',
        '{"attributes": {"part": {"again": "x"}}, "individuals": {"n": 0, "columns": {}}}',
        '{"attributes": {"part": {"pickle": "x"}}, "individuals": {"n": 0, "columns": {}}}',
        '{"attributes": {"part": {"population": [7]}}, "individuals": {"n": 1, "columns": {}}}',
        '{"attributes": {"part": {"array": "gone"}}, "individuals": {"n": 0, "columns": {}}}',
        '{"attributes": {}, "individuals": {"n": -1, "columns": {"_X": {}}}}',
        json.dumps({"attributes": {"part": None}, "individuals": {}}),
    ],
)
def test_what_was_not_captured_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(ValueError, match="expected") as caught:
        restore(SimpleNamespace(part=Part()), unpack(text, {}))
    assert "\n" not in str(caught.value)
