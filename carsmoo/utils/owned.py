"""Protection of others' files: only files of a kind that carsmoo writes, recognised by content, are overwritten."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_DOCUMENTS = (
    {"objectives", "about", "networks"},  # a front
    {"source", "generation", "supernet", "params", "alone", "networks"},  # rank fidelity
    {"source", "generation", "supernet", "alone", "networks"},  # that of before
    {"format", "file", "genotype", "network", "data", "recipe", "accuracy", "costs", "versions"},  # a card
)
"""Fields of JSON documents."""

TABLE = (
    *("problem", "algorithm", "n"),
    *("hv_25", "hv_50", "hv_75", "igd_25", "igd_50", "igd_75"),
    "evaluations",
    *("size_10", "size_90", "p_hv", "a12", "p_size"),
    "seconds",
)
"""Columns of a comparison's table; those of earlier versions lack the last one."""

LATENCY = "latency table"
"""Kind of a latency table, whatever its ending."""

_EVENT = {"event", "at"}
"""Fields of the first line of a search's log; that of a training is known by what its checkpoint tells."""


def require_own(*paths: Path, kind: str | None = None) -> None:
    """Check that files may be written: each is not there yet, or is of the kind that is written there.

    A symbolic link may be there too; it is replaced, and what it leads to is left alone.

    Args:
        *paths: of the files.
        kind: their ending, such as ``".html"``, where the paths may have another, or :data:`LATENCY`.

    Raises:
        FileExistsError: naming the first that holds something else.
        OSError: if it cannot be read.
    """
    for path in paths:
        if not path.is_symlink() and path.exists() and not (path.is_file() and is_own(path, kind)):
            raise FileExistsError(f"{path}: expected no file, or one of carsmoo to replace, got something else")


def is_own(path: Path, kind: str | None = None) -> bool:
    """Return whether a file is of the kind that carsmoo writes with an ending, its own unless ``kind`` says another.

    Raises:
        OSError: if it cannot be read.
    """
    kind = kind or path.suffix
    with path.open("rb") as file:
        if kind == ".safetensors":
            return b'"carsmoo"' in file.read(min(int.from_bytes(file.read(8), "little"), 1 << 24))
        if kind == ".jsonl":
            line = file.readline(1 << 24)
            return not line or set(_document(line)) >= _EVENT
        if kind == ".html":
            return b'<meta name="generator" content="carsmoo ' in file.read(4096)
        content = file.read()
    if kind == LATENCY:
        return "carsmoo_latency" in _document(content)
    if kind == ".json":
        return set(_document(content)) in _DOCUMENTS
    first = content.split(b"\n", 1)[0].rstrip(b"\r")
    marks = {
        ".png": content.startswith(b"\x89PNG") and b"Software\0" + CREATOR.encode() in content,
        ".pdf": content.startswith(b"%PDF") and b"/Creator (" + CREATOR.encode() + b")" in content,
        ".csv": first.endswith(b",genotype") or first in (",".join(TABLE).encode(), ",".join(TABLE[:-1]).encode()),
        ".tex": content.startswith((rb"\begin{tabular}{llrrrrrr}", rb"\begin{tabular}{llrrrrrrr}")),
    }
    return marks.get(kind, False)


def _document(content: bytes) -> dict[str, Any]:
    """Return a JSON document; one without fields for anything else."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


CREATOR = "carsmoo"
"""What PNG, PDF and SVG files name as the program that made them."""
