import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from carsmoo.utils import files
from carsmoo.utils.files import Store, append, cut, flushed_size, write_whole

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


def test_saving_goes_on_after_a_damaged_one_which_stays(tmp_path: Path) -> None:
    made = Store(tmp_path)
    for number in (1, 2):
        made.save(number, "{}", {"number": np.array(number)})
    damaged = made.files()[1]
    damaged.write_bytes(b"mine")
    made.save(2, "{}", {"number": np.array(22)})
    found = made.newest()
    assert found is not None
    assert (found.arrays["number"], found.damaged) == (22, ())
    for number in (3, 4):
        made.save(number, "{}", {})
    assert damaged.read_bytes() == b"mine"
    assert [path.name[:6] for path in made.files() if path != damaged] == ["000003", "000004"]


DIGEST = "0123456789abcdef" * 2
FOREIGN = (
    *("model.safetensors", "weights-1.safetensors", "000001-mine.safetensors", "notes.txt"),
    *(f"000000-{DIGEST}.safetensors", f"000001-{DIGEST}.safetensors", f"999999-{DIGEST}.safetensors"),
    *(f".000001-{DIGEST}.safetensors", f"000001-{DIGEST}.safetensors.bak"),
)


def test_what_others_wrote_is_neither_counted_nor_removed(tmp_path: Path) -> None:
    for name in FOREIGN:
        (tmp_path / name).write_bytes(b"mine")
    (tmp_path / f"000002-{DIGEST}.safetensors").symlink_to("notes.txt")
    made = Store(tmp_path)
    made.lock()
    for number in range(1, 5):
        made.save(number, "{}", {"number": np.array(number)})
    own = {path.name for path in tmp_path.iterdir() if path.is_file()} - {*FOREIGN, "lock"}
    assert sorted(name[:6] for name in own) == ["000002", "000003", "000004"]
    found = made.newest()
    assert found is not None
    assert found.arrays["number"] == 4
    made.remove()
    assert {path.name for path in tmp_path.iterdir()} == {*FOREIGN, f"000002-{DIGEST}.safetensors"}
    assert all((tmp_path / name).read_bytes() == b"mine" for name in FOREIGN)


def test_a_removed_store_leaves_nothing_of_its_own(tmp_path: Path) -> None:
    left = tmp_path / "saves" / f".000001-{DIGEST}.safetensors.carsmoo-{DIGEST[:16]}"  # of a write that was killed
    left.parent.mkdir()
    left.write_bytes(b"half")
    made = Store(tmp_path / "saves")
    assert made.foreign() == []
    made.lock()
    assert not left.exists()
    made.save(1, "{}", ARRAYS)
    made.remove()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_a_lock_is_not_taken_for_one_that_is_something_else(kind: str, tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    if kind == "folder":
        lock.mkdir()
    else:
        (tmp_path / ("lock" if kind == "file" else "mine")).write_text("mine")
    if kind == "link":
        lock.symlink_to("mine")
    assert lock in Store(tmp_path).foreign()
    with pytest.raises(FileExistsError, match=r"lock: expected a lock, got something else of this name"):
        Store(tmp_path).lock()
    if kind != "folder":
        assert lock.read_text() == "mine"


def test_no_link_is_written_through(tmp_path: Path) -> None:
    victim, link = tmp_path / "victim", tmp_path / "file"
    victim.write_bytes(b"mine")
    (tmp_path / ".file").symlink_to(victim)
    link.symlink_to(victim)
    for write in (append, cut):
        with pytest.raises(FileExistsError, match="file: expected a file, got a symbolic link"):
            write(link, b"new" if write is append else 0)
    with pytest.raises(FileExistsError, match="file: expected a file, got a symbolic link"):
        flushed_size(link)
    write_whole(link, b"new")
    assert (link.is_symlink(), link.read_bytes(), victim.read_bytes()) == (False, b"new", b"mine")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".file", "file", "victim"]
    (tmp_path / "folder").mkdir()
    (tmp_path / "saves").symlink_to("folder")
    with pytest.raises(FileExistsError, match="saves: expected a folder, got a symbolic link"):
        Store(tmp_path / "saves").lock()
    assert list((tmp_path / "folder").iterdir()) == []


def test_a_file_is_begun_gone_on_with_and_cut(tmp_path: Path) -> None:
    path = tmp_path / "log"
    append(path, b"one\n")
    append(path, b"two\n")
    assert flushed_size(path) == 8
    cut(path, 4)
    assert path.read_bytes() == b"one\n"


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
        monkeypatch.setattr(files.Path, "open", lambda path, mode: FullFile(path))
    else:
        monkeypatch.setattr(files.Path, failing, fail)
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
from carsmoo.utils.files import Store
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
    assert mine.lock()
    assert not mine.lock()  # the same one may
    mine.unlock()
    mine.lock()


def test_any_thread_lets_go_of_a_lock(tmp_path: Path) -> None:
    first = Store(tmp_path)
    thread = threading.Thread(target=first.lock)
    thread.start()
    thread.join()
    with pytest.raises(BlockingIOError):
        Store(tmp_path).lock()
    first.unlock()
    assert Store(tmp_path).lock()


def test_another_store_of_this_process_is_kept_out_as_long_as_somebody_holds_the_first(tmp_path: Path) -> None:
    first, second = Store(tmp_path), Store(tmp_path)
    first.lock()
    with pytest.raises(BlockingIOError, match="expected no other run in this directory, got one that is going on"):
        second.lock()
    second.unlock()
    with pytest.raises(BlockingIOError):
        second.lock()
    ring = [first]
    ring.append(ring)  # type: ignore[arg-type]  # a circle, as finished runs are
    del first, ring
    assert second.lock()
