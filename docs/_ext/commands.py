"""The command line as a page: what each command's ``--help`` prints, in the order of the commands."""

import os

import typer
from typer.testing import CliRunner

from carsmoo.cli.entry import app


def as_markdown():
    """Return a section a command."""
    sections = []
    for name in typer.main.get_command(app).commands:
        with_width = {**os.environ, "COLUMNS": "88", "NO_COLOR": "1", "TERM": "dumb"}
        shown = CliRunner().invoke(app, [name, "--help"], prog_name="carsmoo", env=with_width)
        if shown.exit_code != 0:
            raise RuntimeError(f"carsmoo {name} --help: expected exit code 0, got {shown.exit_code}")
        sections.append(f"## carsmoo {name}\n\n```text\n{shown.output.strip()}\n```\n")
    return "\n".join(sections)
