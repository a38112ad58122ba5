import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from carsmoo import store
from carsmoo.store import Store, write_whole

ARRAYS = {
    "turned": np.arange(6.0).reshape(2, 3).T,
    "one": np.array(7),
    "flags": np.array([True, False]),
    "empty": np.empty((0, 3), dtype=np.float32),
}


def test_a_save_comes_back_and_two_are_kept(tmp_path: Path) -> None:
    made = Store(tmp_path / "saves")
    assert made.newest() is None
    made.lock()
    for number in range(1, 5):
        made.save(number, f'{{"number": {number}}}', ARRAYS)
    assert [path.name[:6] for path in made.files()] == ["000003", "000004"]
    found = made.newest()
    assert found is not None
    assert (found.number, found.text, found.damaged) == (4, '{"number": 4}', ())
    for name, expected in ARRAYS.items():
        assert found.arrays[name].dtype == expected.dtype
        assert np.array_equal(found.arrays[name], expected)
    assert set(found.arrays) == set(ARRAYS)
    made.unlock()


def damages(content: bytes) -> list[bytes]:
    flipped = [content[:k] + bytes([content[k] ^ 1]) + content[k + 1 :] for k in range(0, len(content), 97)]
    return [b"", content[: len(content) // 2], content[:-1], content + b"\0", *flipped]


def test_a_damaged_save_is_noticed_and_the_one_before_used(tmp_path: Path) -> None:
    made = Store(tmp_path)
    for number in (1, 2):
        made.save(number, "{}", {**ARRAYS, "number": np.array(number)})
    before, last = made.files()
    content = last.read_bytes()
    for damage in damages(content):
        last.write_bytes(damage)
        found = made.newest()
        assert found is not None
        assert found.arrays["number"] == 1
        assert found.damaged == (last.name,)
    last.write_bytes(content)
    for damage in damages(before.read_bytes()):
        before.write_bytes(damage)
        found = made.newest()
        assert found is not None
        assert (found.number, found.damaged) == (2, ())
    last.write_bytes(content[:-1])
    with pytest.raises(ValueError, match="expected a save that is whole, got only damaged ones") as caught:
        made.newest()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["folder", "dangling"])
def test_what_is_no_file_is_passed_over(kind: str, tmp_path: Path) -> None:
    made = Store(tmp_path)
    for number in (1, 2):
        made.save(number, "{}", {"number": np.array(number)})
    last = made.files()[1]
    last.unlink()
    last.mkdir() if kind == "folder" else last.symlink_to("nowhere")
    found = made.newest()
    assert found is not None
    assert (found.arrays["number"], found.damaged) == (1, (last.name,))


def test_a_renamed_save_is_not_taken_for_a_newer_one(tmp_path: Path) -> None:
    made = Store(tmp_path)
    for number in (1, 2):
        made.save(number, "{}", {"number": np.array(number)})
    before, last = made.files()
    before.rename(tmp_path / f"000003-{last.name.partition('-')[2]}")
    found = made.newest()
    assert found is not None
    assert found.arrays["number"] == 2


def test_saving_goes_on_after_a_damaged_one_which_then_goes(tmp_path: Path) -> None:
    made = Store(tmp_path)
    for number in (1, 2):
        made.save(number, "{}", {"number": np.array(number)})
    made.files()[1].write_bytes(b"")
    made.save(2, "{}", {"number": np.array(22)})
    found = made.newest()
    assert found is not None
    assert (found.arrays["number"], found.damaged) == (22, ())
    assert len(made.files()) == 2


@pytest.mark.parametrize("failing", ["open", "write", "fsync", "replace"])
def test_a_write_that_fails_leaves_what_was_there(
    failing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_whole(path, b"old")

    def fail(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    if failing == "fsync":
        monkeypatch.setattr(os, "fsync", fail)
    elif failing == "write":
        monkeypatch.setattr(store.Path, "open", lambda *args: FullFile(tmp_path / ".file"))
    else:
        monkeypatch.setattr(store.Path, failing, fail)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


class FullFile:
    """A file on a disk that takes one byte."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> "FullFile":
        return self

    def __exit__(self, *caught: object) -> None:
        return None

    def write(self, content: bytes) -> None:
        with open(self.path, "wb") as file:
            file.write(content[:1])
        raise OSError(28, "No space left on device")


HOLDER = """
import sys
from carsmoo.store import Store
store = Store(sys.argv[1])
store.lock()
print("locked", flush=True)
sys.stdin.read()
"""


def test_another_process_is_kept_out_until_this_one_ends(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "locked\n"
    mine = Store(tmp_path)
    with pytest.raises(BlockingIOError, match="expected no other run in this directory, got one that is going on"):
        mine.lock()
    holder.kill()
    holder.communicate()
    mine.lock()
    Store(tmp_path).lock()  # the same process may
    mine.unlock()
