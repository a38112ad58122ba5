"""The command line, and the only package that prints."""

from carsmoo.cli.entry import main

__all__ = ["main"]
