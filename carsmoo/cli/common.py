"""What commands share: options, printing, the genotype that a user names, and joining other processes."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from carsmoo.config.search import SearchConfig
from carsmoo.config.toml import read_toml
from carsmoo.runs.signals import handled
from carsmoo.space.genotype import Genotype
from carsmoo.zoo import GENOTYPES

if TYPE_CHECKING:
    from carsmoo.nets.distributed.group import Group

RunDir = Annotated[Path, typer.Argument(metavar="DIR", help="Directory of a run.")]
Preset = Annotated[str, typer.Option(help="Settings to start from: demo, cifar10-paper, smoke.")]
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


def preset_of(name: str, file: Path | None) -> SearchConfig:
    """Return a preset of a search with the settings of a TOML file, if one is given, over it."""
    return SearchConfig.preset(name).updated({} if file is None else read_toml(file))


def genotype_of(text: str) -> Genotype:
    """Return the genotype of a published name, of its text or of its JSON; anything else is refused."""
    if text in GENOTYPES:
        return GENOTYPES[text]
    if "(" not in text and not text.lstrip().startswith("{"):
        raise ValueError(f"genotype: expected one of {', '.join(GENOTYPES)}, or Genotype(...), got {text!r}")
    return Genotype.from_json(text) if text.lstrip().startswith("{") else Genotype.parse(text)


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
