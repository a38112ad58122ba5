"""``carsmoo doctor``: what this machine has, and whether it computes what it should."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, metadata, version
from typing import TYPE_CHECKING

import typer
from packaging.requirements import Requirement
from rich.table import Table
from rich.text import Text

from carsmoo.cli.common import show_whole
from carsmoo.cli.tables import table_of
from carsmoo.runs.snapshot import versions
from carsmoo.utils.cache import cache_folder
from carsmoo.utils.extras import install_line

if TYPE_CHECKING:
    import torch


def doctor() -> None:
    """Print versions, device and extras, and test each operation on this machine; exit code 1 if one fails."""
    import torch
    from joblib import cpu_count

    from carsmoo.nets.latency.timed_layers import device_name
    from carsmoo.nets.models.device import pick

    device, cpu = pick(None), torch.device("cpu")
    rows = {**versions(), "python": platform.python_version(), "torch": torch.__version__}
    rows["torchvision"] = version("torchvision")
    rows["CPU"] = f"{device_name(cpu)}, {torch.backends.cpu.get_cpu_capability()}"
    rows["threads"] = f"{torch.get_num_threads()} on {cpu_count()} processors"
    rows["device"] = "cpu" if device == cpu else f"{device}, {device_name(device)}"
    rows["cache"] = str(cache_folder() or "none, for want of a home directory")
    told = metadata("carsmoo")
    for extra, missing in missing_of(told.get_all("Provides-Extra") or (), told.get_all("Requires-Dist") or ()):
        rows[f"extra {extra}"] = f"needs {', '.join(missing)}: {install_line(extra)}" if missing else "installed"
    table = Table.grid(padding=(0, 2))
    for name, text in rows.items():
        table.add_row(Text(name), Text(text))
    show_whole(table)
    _test(device)


def missing_of(extras: Iterable[str], requirements: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield each extra of a package with those of its requirements that are not installed as it wants them.

    Args:
        extras: their names.
        requirements: all that the package requires, as its metadata tell it.
    """
    parsed = [Requirement(text) for text in requirements]
    for extra in extras:
        yield extra, [f"{need.name}{need.specifier}" for need in parsed if _is_of(need, extra) and not _is_met(need)]


def _is_of(requirement: Requirement, extra: str) -> bool:
    marker = requirement.marker
    return marker is not None and marker.evaluate({"extra": extra}) and not marker.evaluate({"extra": ""})


def _is_met(requirement: Requirement) -> bool:
    try:
        return requirement.specifier.contains(version(requirement.name), prereleases=True)
    except PackageNotFoundError:
        return False


def _test(device: torch.device) -> None:
    """Print a row an operation of the self-test; end with exit code 1 if one failed."""
    from carsmoo.nets.models.self_test import TOLERANCE, check_operations

    found = list(check_operations(device))
    formats = list(dict.fromkeys(one.memory_format for one in found))
    table = table_of(["operation", *formats, "self-test"], left=["operation", "self-test"])
    whole = True
    for operation in dict.fromkeys(one.operation for one in found):
        of = [one for one in found if one.operation == operation]
        failures = dict.fromkeys(one.failure for one in of if one.failure)
        passed = all(one.passed for one in of)
        whole &= passed
        verdict = "; ".join(["pass" if passed else "FAIL", *failures])
        table.add_row(operation, *(f"{one.difference:.1e}" for one in of), Text(verdict))
    print(
        f"\nlargest difference of an output or gradient from float64, forward and backward; up to {TOLERANCE:g} passes"
    )
    show_whole(table)
    if not whole:
        raise typer.Exit(1)
