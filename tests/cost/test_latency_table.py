import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from carsmoo.cost.latency_table import Additivity, LatencyTable
from tests.cost.test_latency import made_up


def test_a_table_comes_back_from_its_file(tmp_path: Path) -> None:
    table = made_up(additivity=Additivity(30, 0.99, 0.03, 10), about={"torch": "2", "rounds": 3})
    table.write(tmp_path / "t.json")
    assert LatencyTable.read(tmp_path / "t.json") == table
    assert LatencyTable.from_json(table.to_json()).to_json() == table.to_json()
    rows = [line for line in table.to_json().splitlines() if '"kind"' in line]
    assert len(rows) == len(table.layers)  # a line a layer
    assert json.loads(table.to_json())["unit"] == "ms"


def changed(**change: Any) -> Callable[[dict[str, Any]], None]:
    return lambda document: document.update(change)


def row(**change: Any) -> Callable[[dict[str, Any]], None]:
    return lambda document: document["layers"][3].update(change)


DAMAGES: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "format": (changed(carsmoo_latency=1), "expected a table of format 2, got"),
    "a field less": (lambda document: document.pop("device"), "expected the fields .*device"),
    "a field more": (changed(colour="red"), "expected the fields .*colour"),
    "seconds": (changed(unit="s"), "expected ms at batch 1, got 's' at batch 1"),
    "batch": (changed(batch=8), "expected ms at batch 1, got 'ms' at batch 8"),
    "no device": (changed(device=None), "device: expected a name, got None"),
    "threads": (changed(threads=0), "threads: expected at least 1, got 0"),
    "layout": (changed(memory_format="spiral"), "memory_format: expected one of channels_last, contiguous, got 'spir"),
    "scale": (changed(scale=0), "scale: expected more than 0, got 0"),
    "between": (changed(between=float("nan")), "between: expected at least 0, and finite, got nan"),
    "about": (changed(about=[1]), r"about: expected texts and integers, got \[1\]"),
    "additivity": (changed(additivity={"networks": 3}), "expected a table, got something else"),
    "spearman": (
        changed(additivity=Additivity(3, 1.5, 0.1, 2)._asdict()),
        r"spearman: expected a number in \[-1, 1\], got 1.5",
    ),
    "space": (changed(space={"nodes": 0, "ops": ["none"]}), "nodes: expected an integer in 1..64, got 0"),
    "network": (changed(network=[]), "expected a table, got something else"),
    "layers": (changed(layers=3), "layers: expected a list of rows, got 3"),
    "no layers": (changed(layers=[]), r"layers: expected a list of rows, got \[\]"),
    "layers by name": (changed(layers={}), "layers: expected a list of rows, got {}"),
    "a row of nothing": (changed(layers=[None]), "layers: expected rows of kind, .*, got None"),
    "a kind": (row(kind="conv"), "kind: expected one of stem, .*, got 'conv'"),
    "a row's layout": (row(memory_format=3), "memory_format: expected one of channels_last, contiguous, got 3"),
    "half a channel": (row(c_in=0.5), "c_in: expected an integer of at least 1, got 0.5"),
    "a long stride": (row(stride=3), "stride: expected at most 2, got 3"),
    "a vast time": (row(ms=1e300, high=1e300), r"high: expected at most 1e\+06 ms, got 1e\+300"),
    "a vast scale": (changed(scale=1e300), r"layers: expected each to add at most 1e\+06 ms to a network, got \d"),
    "a vast gap": (changed(between=1e7), r"layers: expected each to add at most 1e\+06 ms to a network, got 1e\+07"),
    "a negative time": (row(ms=-1.0), "ms: expected at least 0, and finite, got -1.0"),
    "no time": (row(ms=None), "ms: expected a number of at least 0, got None"),
    "quartiles": (row(low=5.0), "ms: expected a median between its quartiles, got"),
    "a layer twice": (
        lambda document: document["layers"].append(document["layers"][0]),
        "layers: expected each once, got stem 1->24 at 9x7, stride 1, channels_last again",
    ),
}


@pytest.mark.parametrize(("damage", "says"), DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_table_is_named_in_one_line(
    damage: Callable[[dict[str, Any]], object], says: str, tmp_path: Path
) -> None:
    document = json.loads(made_up().to_json())
    damage(document)
    (tmp_path / "t.json").write_text(json.dumps(document))
    with pytest.raises(ValueError, match=f"t.json: .*{says}") as caught:
        LatencyTable.read(tmp_path / "t.json")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("content", [b"\xff\xfe", b"", b"[", b"[" * 100_000, b"[]", b"{}"])
def test_what_is_no_table_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "t.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"t\.json: .*expected a.*table.*, got"):
        LatencyTable.read(tmp_path / "t.json")
    with pytest.raises(
        FileNotFoundError, match=r"^latency: expected the file of a table, got .*no\.json: No such file"
    ):
        LatencyTable.read(tmp_path / "no.json")
    with pytest.raises(OSError, match=r"^latency: expected the file of a table, got .*: "):
        LatencyTable.read(tmp_path)
    with pytest.raises(TypeError, match="latency: expected the path of a table, got 3"):
        LatencyTable.read(3)  # type: ignore[arg-type]
