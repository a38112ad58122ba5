"""``carsmoo predict``: the classes of images."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from carsmoo.cli.common import Space, show_whole
from carsmoo.cli.own_space import ops_of, space_at
from carsmoo.cli.tables import table_of


def predict(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A trained network's folder or .safetensors file.")],
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Files of images.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with the probabilities of all classes.")] = False,
    space: Space = None,
) -> None:
    """Print the class that a trained network gives each image, its probability, and the next best."""
    from carsmoo.nets.models.serialization import load

    found = load(model, ops_of(space_at(space))).predict([*images])
    if as_json:
        rows = [{"file": str(file), **asdict(one)} for file, one in zip(images, found, strict=True)]
        print(json.dumps(rows, indent=1))
        return
    table = table_of(["file", "class", "probability", "next best"], left=("file", "class", "next best"))
    for file, one in zip(images, found, strict=True):
        following = [f"{name} {p:.1%}" for name, p in one.ranked()[1:2]]
        texts = str(file), one.label, f"{one.probability:.1%}", "".join(following) or "-"
        table.add_row(*map(Text, texts))  # a name may look like markup
    table.columns[0].overflow = "fold"  # the end of a file's name tells it from others
    show_whole(table)
