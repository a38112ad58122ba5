"""Reading a front that was written as JSON or as CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from carsmoo.space.architecture import Architecture, Vocabulary
from carsmoo.space.known import architecture_of, architecture_of_text
from carsmoo.utils.validation import short


class FrontParts(NamedTuple):
    """What a file holds of a :class:`~carsmoo.Front`, in the order of its fields."""

    genotypes: tuple[Architecture, ...]
    F: NDArray[np.float64]
    names: tuple[str, ...]
    units: tuple[str, ...]
    about: dict[str, Any]


def read_front(path: Path, ops: Vocabulary) -> FrontParts:
    """Read what :meth:`carsmoo.Front.to_json` or :meth:`carsmoo.Front.to_csv` wrote, by the ending.

    Args:
        path: the file.
        ops: operations that may occur, or the space.

    Raises:
        ValueError: if the file is not such a front.
        OSError: if it cannot be read.
    """
    try:
        text = (path / "front.json" if path.is_dir() else path).read_bytes().decode()
        return _from_csv(text, ops) if path.suffix == ".csv" else _from_json(text, ops)
    except (KeyError, TypeError, AttributeError, OverflowError, RecursionError, csv.Error) as error:
        raise ValueError(f"{path}: expected a front, got something else ({error!r})") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: expected a front, got something else ({error})") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _from_json(text: str, ops: Vocabulary) -> FrontParts:
    document = json.loads(text)
    names, units = tuple(document["objectives"]), tuple(document["objectives"].values())
    networks = document["networks"]
    rows = [[float(network["objectives"][name]) for name in names] for network in networks]
    genotypes = tuple(architecture_of(network["genotype"], ops) for network in networks)
    if not isinstance(document["about"], dict) or not all(isinstance(unit, str) for unit in units):
        raise ValueError("expected units as texts and 'about' as an object, got others")
    return FrontParts(genotypes, _checked(rows, names), names, units, document["about"])


def _from_csv(text: str, ops: Vocabulary) -> FrontParts:
    header, *rows = list(csv.reader(io.StringIO(text, newline=""))) or [[]]
    names = tuple(header[:-1])
    if header[-1:] != ["genotype"]:
        raise ValueError(f"expected a last column 'genotype', got {short(', '.join(header))}")
    cut = next((k for k, row in enumerate(rows, 1) if len(row) != len(header)), 0)
    if cut:
        raise ValueError(f"expected {len(header)} values in row {cut}, got {len(rows[cut - 1])}")
    values = [[float(value) for value in row[:-1]] for row in rows]
    genotypes = tuple(architecture_of_text(row[-1], ops) for row in rows)
    return FrontParts(genotypes, _checked(values, names), names, ("",) * len(names), {})


def _checked(rows: Sequence[Sequence[float]], names: Sequence[str]) -> NDArray[np.float64]:
    """Return the objectives, (n, m), of different names and finite."""
    F = np.array(rows, dtype=np.float64).reshape(len(rows), len(names))
    if not names or len(set(names)) < len(names):
        raise ValueError(f"expected different objectives, got {list(names)}")
    require_finite("", F)
    return F


def require_finite(where: str, F: NDArray[np.float64]) -> None:
    """Check that objectives are finite numbers; ``where`` begins the message.

    Raises:
        ValueError: if one is not.
    """
    if np.isnan(F).any():
        raise ValueError(f"{where}expected numbers, got NaN")
    if np.isinf(F).any():  # three objectives with an infinity crash moocore
        raise ValueError(f"{where}expected finite numbers, got {F[np.isinf(F)][0]}")
