import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from carsmoo.utils.run_store import RunStore


class Notes(RunStore):
    kind = "notebook"
    fields = {"made": dict}  # noqa: RUF012
    names = ("notes.txt",)


DOCUMENT = {"made": {"x": np.arange(3.0), "list": [1, {"y": 0.1}]}}


def test_a_document_comes_back_with_its_arrays_and_those_beside_it(tmp_path: Path) -> None:
    store = Notes(tmp_path)
    assert store.read() is None
    store.lock()
    store.write(7, DOCUMENT, {"weights/a": np.ones(2)})
    found = store.read()
    assert found is not None
    saved, document = found
    assert (saved.number, document["format"], document["made"]["list"]) == (7, 2, [1, {"y": 0.1}])
    assert document["made"]["x"].tolist() == [0.0, 1.0, 2.0]
    assert saved.arrays["weights/a"].tolist() == [1.0, 1.0]
    store.require_same("notes", DOCUMENT["made"], document["made"])
    with pytest.raises(ValueError, match=rf"^{tmp_path}: notes is not that of the run: z: expected 1, got 2$"):
        store.require_same("notes", {"z": 1}, {"z": 2})


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"made": {}}, "expected a notebook of format 2, got format 1"),
        ({"made": {}, "format": 3}, "expected a notebook of format 2, got format 3"),
        ({"format": 2}, "expected a notebook with a fitting 'made', got another or none"),
        ({"made": [], "format": 2}, "expected a notebook with a fitting 'made', got another or none"),
        ([2], "expected a notebook, got something else"),
    ],
)
def test_what_is_no_document_of_its_kind_is_refused(document: Any, says: str, tmp_path: Path) -> None:
    store = Notes(tmp_path)
    store.lock()
    store.save(1, json.dumps(document), {})
    with pytest.raises(ValueError, match=f"{says}$"):
        store.read()


def test_what_killed_writes_of_its_files_have_left_is_removed_and_all_else_told(tmp_path: Path) -> None:
    mark = "carsmoo-0123456789abcdef"
    for name in ("mine.txt", f".notes.txt.{mark}", f".mine.txt.{mark}"):
        (tmp_path / name).touch()
    store = Notes(tmp_path)
    assert [path.name for path in store.others()] == [f".mine.txt.{mark}", "mine.txt"]
    store.lock()
    (store.folder / "model.safetensors").touch()
    assert [path.name for path in store.others()] == [f".mine.txt.{mark}", "mine.txt", "model.safetensors"]
    assert not (tmp_path / f".notes.txt.{mark}").exists()


def test_the_log_is_cut_back_to_what_a_checkpoint_tells(tmp_path: Path) -> None:
    store = Notes(tmp_path)
    assert store.log_size() is None
    for event in ("start", "end"):
        store.append(event=event, at=1.5)
    size = store.log_size()
    store.cut_log(len('{"event": "start", "at": 1.5}\n'))
    assert store.log_path.read_text() == '{"event": "start", "at": 1.5}\n'
    with pytest.warns(RuntimeWarning, match=f"expected {size} bytes, got 30; part of the log is lost"):
        store.cut_log(size)
    store.log_path.write_text("mine, and longer than it was\n")
    store.cut_log(None)
    assert store.log_path.read_text() == "mine, and longer than it was\n"
