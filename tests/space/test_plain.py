"""Spaces as plain data: what is None is left out, and an architecture is read back in its own space only."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from carsmoo import DARTSSpace
from carsmoo.space.plain import json_of, plain_of, text_in_json


@dataclass
class Toy:
    nodes: int = 3
    names: list[Any] = field(default_factory=lambda: [{"a": None, "b": {"c": None, "d": 1}}, None])
    other: str | None = None


def test_what_is_none_in_mappings_is_left_out() -> None:
    assert plain_of(Toy()) == {"kind": "Toy", "nodes": 3, "names": [{"b": {"d": 1}}, None]}  # type: ignore[arg-type]
    assert plain_of(object()) == {"kind": "object"}  # type: ignore[arg-type]


def test_a_text_is_read_back_in_its_own_space() -> None:
    space = DARTSSpace().to_plain()
    written = json_of("some text", space)
    assert "\n" not in written
    assert text_in_json(written, space) == "some text"
    with pytest.raises(ValueError, match=r"^architecture: nodes of its space: expected 4, got 2$"):
        text_in_json(json.dumps({"space": {**space, "nodes": 2}, "architecture": "some text"}), space)
    with pytest.raises(ValueError, match=r"^architecture: expected a text, got 5$"):
        text_in_json(json.dumps({"space": space, "architecture": 5}), space)
