"""The command ``carsmoo``: its subcommands, and what a program's end tells.

Exit codes: 0 done; 2 the input is wrong (one line says what was expected and what was given); 1 a search could not go
on, such as on a full disk (one line says why), or ``doctor`` found an operation that fails; 130 and 143 interrupted by
SIGINT and SIGTERM (runs/signals.py).
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated

import typer

from carsmoo.cli.compare import compare
from carsmoo.cli.config import config
from carsmoo.cli.cost import cost, zoo
from carsmoo.cli.doctor import doctor
from carsmoo.cli.export import export
from carsmoo.cli.latency import latency
from carsmoo.cli.predict import predict
from carsmoo.cli.report import report
from carsmoo.cli.search import plot, resume, search
from carsmoo.cli.train import fidelity, train
from carsmoo.utils.launch import Launch
from carsmoo.utils.validation import StoppedError

PATIENCE = 10.0
"""Seconds that a process launched with others leaves the first of its host to say what is wrong with the input."""

app = typer.Typer(
    help="Multi-objective neural architecture search on a training supernet.",
    invoke_without_command=True,
    rich_markup_mode=None,
)
COMMANDS = (search, resume, plot, report, train, fidelity, export, predict, compare, cost, zoo, config, doctor)
for command in COMMANDS:
    app.command()(command)
app.add_typer(latency, name="latency")


def _tell_version(asked: bool) -> None:
    if asked:
        print(f"carsmoo {version('carsmoo')}")
        raise typer.Exit


@app.callback()
def carsmoo(
    context: typer.Context,
    tell_version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Multi-objective neural architecture search on a training supernet (CARS, pNSGA-III, pymoo)."""
    if context.invoked_subcommand is None:
        print(context.get_help())


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code; what the user got wrong is one line on standard error."""
    sys.exit(_run(list(sys.argv[1:] if argv is None else argv)))


def _run(argv: list[str]) -> int:
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")  # a file may hold less than Unicode
    usage_error: type[Exception] = typer.BadParameter.__mro__[2]  # the base of what typer raises for wrong arguments
    code = 2
    try:
        return int(app(argv, prog_name="carsmoo", standalone_mode=False) or 0)
    except usage_error as error:
        say = getattr(error, "format_message", error.__str__)
        message = str(say())
    except (ValueError, TypeError, OSError, ImportError) as error:
        if os.environ.get("CARSMOO_DEBUG"):
            raise
        message = str(error)
    except StoppedError as error:
        if os.environ.get("CARSMOO_DEBUG"):
            raise
        message, code = str(error), 1
    except (KeyboardInterrupt, typer.Abort):
        return 130
    launch = _place()
    try:
        if launch.local_rank > 0 and code == 2:  # most likely the first of this host says the same, which ends them all
            time.sleep(PATIENCE)
    except KeyboardInterrupt:
        return 130
    where = f"rank {launch.rank}: " if launch.rank > 0 else ""
    print(f"carsmoo: {where}" + " ".join(message.split()), file=sys.stderr)
    return code


def _place() -> Launch:
    """Return the place among the processes launched; that of one by itself where it cannot be read."""
    try:
        return Launch.here()
    except ValueError:  # told already, by what joins the others
        return Launch()
