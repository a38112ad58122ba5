"""``carsmoo config``: every setting, and what it means."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from carsmoo.cli.common import show_whole
from carsmoo.cli.tables import table_of
from carsmoo.config.documented import settings_of
from carsmoo.config.retraining import TrainingRecipe
from carsmoo.config.search import SearchConfig


def config(
    preset: Annotated[
        str | None, typer.Option(help="Settings of a search: demo, clutter, cifar10-paper, smoke. Default: demo.")
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(help="Those of full training instead: quick, clutter, cifar, imagenet.")
    ] = None,
) -> None:
    """Print every setting of a search or of full training as --set takes it, with its type and its meaning."""
    if preset is not None and recipe is not None:
        raise ValueError(f"recipe: expected --preset or --recipe, got both {preset!r} and {recipe!r}")
    plan = SearchConfig.preset(preset or "demo") if recipe is None else TrainingRecipe.preset(recipe)
    table = table_of(["setting", "type: meaning"], left=["setting", "type: meaning"])
    for key, value, kind, meaning in settings_of(plan):
        setting = key if value is None else f"{key} = {value}"
        table.add_row(Text(setting), Text(f"{kind}: {meaning}"))
        if value is not None and not value.startswith("["):  # lists alone are broken into lines
            table.columns[0].width = max(table.columns[0].width or 0, len(setting))
    show_whole(table)
