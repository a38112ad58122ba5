"""Extras: packages that not everybody needs, and the line that installs them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


def install_line(extra: str) -> str:
    """Return the command that installs an extra."""
    return f"pip install 'carsmoo[{extra}]'"


def missing(what: str, package: str, extra: str) -> ModuleNotFoundError:
    """Return the error of a package that is not installed.

    Args:
        what: what needs it.
        package: its name.
        extra: the extra that brings it.
    """
    return ModuleNotFoundError(f"{what}: expected the package {package}, got none; {install_line(extra)}")


@contextmanager
def needing(what: str, extra: str) -> Iterator[None]:
    """Return a context to import an extra's packages in.

    Args:
        what: what needs them.
        extra: the extra that brings them.

    Raises:
        ModuleNotFoundError: naming the first that is not installed, and the line that installs it.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise missing(what, str(error.name).partition(".")[0], extra) from None
