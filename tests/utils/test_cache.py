"""Measurements kept for the next time."""

from pathlib import Path

import pytest

from carsmoo.utils.cache import read_cached, write_cached


def test_a_cached_text_comes_back_and_nothing_but_time_depends_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert read_cached("a/b.json") is None
    write_cached("a/b.json", "é")
    assert read_cached("a/b.json") == "é"
    assert (tmp_path / "carsmoo" / "a" / "b.json").is_file()
    (tmp_path / "carsmoo" / "odd").write_bytes(b"\xff")
    assert read_cached("odd") is None
    write_cached("odd/below", "x")  # there is a file in the way
    assert read_cached("odd/below") is None
