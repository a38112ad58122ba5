import json

import numpy as np
import pytest

from carsmoo.utils.generators import described, resumed


@pytest.mark.parametrize("kind", [np.random.PCG64, np.random.MT19937, np.random.Philox])
def test_it_goes_on_with_the_same_numbers_and_spawns_the_same_generators(kind: type[np.random.BitGenerator]) -> None:
    one, other = (np.random.Generator(kind(5)) for _ in range(2))
    one.random(7)
    one.spawn(2)
    told = json.loads(json.dumps(described(one)))
    assert resumed(other, told["generator"], told["spawned"], "here") is other
    for pair in ((one, other), (one.spawn(1)[0], other.spawn(1)[0])):
        numbers = [generator.integers(2**62, size=5).tolist() for generator in pair]
        assert numbers[0] == numbers[1]


def test_one_that_spawned_nothing_goes_on_where_there_is_no_generator_yet() -> None:
    one = np.random.default_rng(5)
    one.random(7)
    told = described(one)
    assert told["spawned"] is None
    assert resumed(None, told["generator"], None, "here").random() == one.random()


def test_another_kind_another_seed_and_one_that_spawned_more_are_refused() -> None:
    one = np.random.default_rng(5)
    one.spawn(1)
    told = described(one)
    with pytest.raises(ValueError, match=r"^here: expected a PCG64 generator, got another one$"):
        resumed(np.random.Generator(np.random.MT19937(5)), told["generator"], None, "here")
    with pytest.raises(ValueError, match=r"^here: expected a generator of seed 5, got one of 6$"):
        resumed(np.random.default_rng(6), told["generator"], told["spawned"], "here")
    further = np.random.default_rng(5)
    further.spawn(2)
    with pytest.raises(ValueError, match=r"^here: expected a generator of seed 5"):
        resumed(further, told["generator"], told["spawned"], "here")
