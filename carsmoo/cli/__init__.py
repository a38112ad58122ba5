"""The command line, and the only package that prints."""

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line, see :func:`carsmoo.cli.entry.main`; Ctrl-C while it is imported ends it as later."""
    try:
        from carsmoo.cli.entry import main as run
    except KeyboardInterrupt:
        sys.exit(130)
    run(argv)
