"""A search space of one's own that a command is given: an object of a Python file."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

from carsmoo.space.architecture import Vocabulary
from carsmoo.space.genotype import PRIMITIVES
from carsmoo.space.search_space import SearchSpace
from carsmoo.utils.trees import brief
from carsmoo.utils.validation import shown


def space_at(text: str | None) -> SearchSpace | None:
    """Return the space that ``FILE:NAME`` names, None for None.

    The file is imported as the module of its name, so that other processes find its functions too; nothing but the
    command line's own word makes it run.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: for another form, a file that fails, a name that it does not have, or what is no space.
    """
    if text is None:
        return None
    where, _, name = text.rpartition(":")
    file = Path(where)
    if not name.isidentifier() or file.suffix != ".py" or not file.stem.isidentifier():
        raise ValueError(f"space: expected FILE:NAME such as spaces.py:chain, got {shown(text)}")
    if not file.is_file():
        raise FileNotFoundError(f"space: expected a Python file, got {where}: no such file")
    folder = str(file.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        module = import_module(file.stem)
    except (Exception, SystemExit) as error:
        raise ValueError(f"space: expected a file that can be imported, got {where} ({brief(error)})") from error
    if Path(getattr(module, "__file__", None) or "").resolve() != file.resolve():
        raise ValueError(f"space: expected a file whose name no other module has, got {where}")
    space = getattr(module, name, None)
    if not isinstance(space, SearchSpace):
        raise ValueError(f"space: expected a SearchSpace named {name} in {where}, got {shown(space)}")  # noqa: TRY004
    return space


def ops_of(space: SearchSpace | None) -> Vocabulary:
    """Return what architectures of files are read with: a space of one's own, or else our operations."""
    return PRIMITIVES if space is None else space
