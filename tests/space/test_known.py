import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from carsmoo import DARTSSpace, Front, SearchSpace
from carsmoo.space.known import architecture_of, architecture_of_text, space_of
from carsmoo.zoo import GENOTYPES
from tests.support.operations import OPS
from tests.support.spaces import CELL, CHAIN, FORKED, OWN, SPACES, Forked, drawn


@pytest.mark.parametrize("space", [DARTSSpace(nodes=2, ops=OPS), CHAIN, CELL, OWN])
def test_our_spaces_are_read_by_the_kind_that_they_name(space: SearchSpace) -> None:
    plain = json.loads(json.dumps(space.to_plain()))
    assert space_of(plain, space.ops) == space
    assert space_of(plain, space) is space


def test_a_space_of_ones_own_is_given() -> None:
    plain = json.loads(json.dumps(FORKED.to_plain()))
    assert space_of(plain, FORKED) is FORKED
    for other in ((), Forked(3)):
        with pytest.raises(ValueError, match=r"^space: expected DARTSSpace, .* or the space given, got 'Forked'"):
            space_of(plain, other)


@pytest.mark.parametrize(
    ("plain", "says"),
    [
        (None, "space: expected the arguments of DARTSSpace, got None"),
        ({"kind": "DARTSSpace", "nodes": 4}, r"space: expected the arguments of DARTSSpace, .* \('ops'\)"),
        ({"kind": "NASBench201Space", "nodes": 4}, "space: expected the arguments of NASBench201Space"),
        ({"kind": "ChainSpace"}, r"space: expected the arguments of ChainSpace, .* \('stages'\)"),
        (
            {"kind": "ChainSpace", "stages": [{}], "head": 8},
            r"space: expected the arguments of ChainSpace, .* \('ops'\)",
        ),
        ({"kind": "ChainSpace", "stages": 3, "head": 8}, "space: expected the arguments of ChainSpace"),
        ({**CHAIN.to_plain(), "depth": 3}, "space: expected the arguments of ChainSpace, .*depth"),
        ({"kind": ["ChainSpace"]}, "space: expected DARTSSpace, NASBench201Space or ChainSpace"),
        (OWN.to_plain(), "ops: expected skip, .* 'ghost_3x3'"),
    ],
)
def test_other_data_are_refused_in_one_line(plain: Any, says: str) -> None:
    with pytest.raises(ValueError, match=f"^{says}") as caught:
        space_of(plain)
    assert "\n" not in str(caught.value)


def test_architectures_of_files_name_their_space() -> None:
    for space in SPACES.values():
        one = space.decode(space.xu)
        assert architecture_of(json.loads(one.to_json()), space) == one
        assert architecture_of_text(str(one), space) == one
    own = OWN.decode(OWN.xu)
    assert architecture_of(json.loads(own.to_json()), OWN.ops) == own
    for space in (CHAIN, CELL):
        assert architecture_of(json.loads(space.decode(space.xu).to_json())).space == space
    genotype = GENOTYPES["CARS-A"]
    assert architecture_of(json.loads(genotype.to_json())) == genotype == architecture_of_text(str(genotype))


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES.keys())
def test_fronts_of_them_are_files(space: SearchSpace, tmp_path: Path) -> None:
    some = list(dict.fromkeys(drawn(space, 4)))
    F = np.stack([np.arange(len(some)), -np.arange(len(some))], axis=1) / 7.0
    front = Front.from_objectives(some, F, ("error", "params"), ("", ""), {})
    for ending in ("json", "csv"):
        path = tmp_path / f"front.{ending}"
        (front.to_json if ending == "json" else front.to_csv)(path)
        again = Front.load(path, ops=space)
        assert again.genotypes == front.genotypes
        assert np.array_equal(again.F, front.F)
    if not space.own_operations and space is not FORKED:
        assert Front.load(tmp_path / "front.json").genotypes == front.genotypes
    else:
        with pytest.raises(ValueError, match=r"front\.json: (space|ops): expected"):
            Front.load(tmp_path / "front.json")
    with pytest.raises(ValueError, match=r"front\.csv: genotype: expected"):
        Front.load(tmp_path / "front.csv")
    assert str(some[0]) in (tmp_path / "front.csv").read_text().replace('""', '"')
