"""What commands share: options, printing, the genotype that a user names, and joining other processes."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from carsmoo.cli.own_space import ops_of, space_at
from carsmoo.config.search import SearchConfig
from carsmoo.config.toml import read_toml
from carsmoo.runs.directory import RunDirectory
from carsmoo.runs.signals import handled
from carsmoo.space.architecture import Architecture
from carsmoo.space.genotype import Genotype
from carsmoo.space.known import architecture_of_json
from carsmoo.space.nas_bench_201 import NASBench201Space
from carsmoo.space.search_space import SearchSpace
from carsmoo.zoo import GENOTYPES

if TYPE_CHECKING:
    from carsmoo.nets.distributed.group import Group

Space = Annotated[
    str | None,
    typer.Option(
        "--space", metavar="FILE:NAME", help="A space of one's own, such as spaces.py:chain; its file is executed."
    ),
]
RunDir = Annotated[Path, typer.Argument(metavar="DIR", help="Directory of a run.")]
Preset = Annotated[str, typer.Option(help="Settings to start from: demo, clutter, cifar10-paper, smoke.")]
Config = Annotated[Path | None, typer.Option(help="TOML file with settings.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", help="One setting, such as network.channels=16; last word over all.")
]
Inexact = Annotated[
    bool, typer.Option("--inexact", help="Go on with other versions, device or threads: the last bits may differ.")
]


def show(table: Table, width: int = 0) -> None:
    """Print a table, as wide as the terminal but no narrower than ``width``."""
    Console(width=max(Console().width, width)).print(table)


def show_whole(table: Table) -> None:
    """Print a table as wide as the terminal; where there is none, such as in a file, each row as one line."""
    console = Console()
    if console.is_terminal:
        console.print(table)
        return
    for column in table.columns:
        column.width = None
    wide = Console(width=10_000, file=io.StringIO(), color_system=None)
    with wide.capture() as lines:
        wide.print(table)
    for line in lines.get().splitlines():
        print(line.rstrip())


def preset_of(name: str, file: Path | None, space: SearchSpace | None = None) -> SearchConfig:
    """Return a preset of a search, in a space of one's own if given, with the settings of a TOML file over it."""
    settings = {} if file is None else read_toml(file)
    plan = SearchConfig.preset(name)
    return plan.updated(settings) if space is None else plan.in_space(space, settings)


def genotype_of(text: str, space: SearchSpace | None = None) -> Architecture:
    """Return the architecture of a published name, of a genotype's text, of NAS-Bench-201's, or of the JSON of any.

    In a space of one's own its texts and its JSON are read. Anything else is refused.
    """
    if text in GENOTYPES:
        return GENOTYPES[text]
    if space is not None:
        own: Architecture = (space.from_json if text.lstrip()[:1] == "{" else space.parse)(text)
        return own
    start = text.lstrip()[:1]
    if start == "|":
        cell: Architecture = NASBench201Space().parse(text)
        return cell
    if start == "{":
        return architecture_of_json(text)
    if "(" not in text:
        raise ValueError(f"genotype: expected one of {', '.join(GENOTYPES)}, or Genotype(...), got {text!r}")
    return Genotype.parse(text)


def run_at(path: Path, space: str | None = None) -> RunDirectory:
    """Return the directory of a run, checked to be there, which is read with a space of one's own if one is named.

    Raises:
        FileNotFoundError: if it is not.
        ValueError: as :func:`space_at`.
    """
    if not os.path.exists(path):  # Path.exists raises OSError for a name that is too long
        raise FileNotFoundError(f"run: expected the directory of a run, got {path}: no such directory")
    return RunDirectory(path, ops_of(space_at(space)))


def path_or_genotype(text: str, space: SearchSpace | None = None) -> Path | Architecture:
    """Return the path that a text names, if there is one, or else the architecture that it names or is.

    In a space of one's own whatever is no path is one of its architectures.

    Raises:
        FileNotFoundError: for what looks like a path, or is no genotype and no name of one.
        ValueError: for a genotype that is damaged.
    """
    if os.path.exists(text):
        return Path(text)
    if space is not None:
        try:
            return genotype_of(text, space)
        except ValueError as error:
            raise ValueError(f"{error}; and no file or directory is there either") from None
    is_document = "Genotype(" in text or text.lstrip()[:1] in ("{", "|")
    if not is_document and (os.sep in text or (os.altsep or os.sep) in text):
        raise FileNotFoundError(f"run: expected a directory or a genotype, got {text}: no such directory")
    if is_document or text in GENOTYPES or "(" in text:
        return genotype_of(text)
    raise FileNotFoundError(
        f"genotype: expected one of {', '.join(GENOTYPES)}, Genotype(...) or a directory, got {text!r}: no such "
        "genotype or directory"
    )


@contextmanager
def together(device: str | None) -> Iterator[Group]:
    """Join the processes that were launched together, for as long as the context lasts."""
    from carsmoo.nets.distributed.group import joined

    with ExitStack() as stack:
        with handled(signal.SIG_DFL, signal.SIGINT):  # what waits here for others is deaf to Python's handlers
            group = stack.enter_context(joined(device))
        yield group


def saying(group: Group) -> Callable[[str], None]:
    """Return what prints a line on rank 0, and nothing on others."""
    return print if group.is_main else lambda text: None
