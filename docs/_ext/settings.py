"""All settings as tables, as ``carsmoo config`` prints them."""

from carsmoo.config.documented import settings_of
from carsmoo.config.retraining import TrainingRecipe
from carsmoo.config.search import SearchConfig


def as_markdown():
    """Return a table for each section of a search's settings, and one for those of full training."""
    sections = {}
    for setting in settings_of(SearchConfig()):
        sections.setdefault(setting.key.rpartition(".")[0] or "search", []).append(setting)
    sections["full training (a recipe)"] = list(settings_of(TrainingRecipe()))
    return "\n".join(_table(name, settings) for name, settings in sections.items())


def _table(name, settings):
    rows = [f"| `{one.key}` | {_code(one.value)} | {_cell(one.kind)} | {_cell(one.meaning)} |" for one in settings]
    head = ["| setting | value | type | meaning |", "|---|---|---|---|"]
    return "\n".join([f"## {name}\n", *head, *rows, ""])


def _code(value):
    return "" if value is None else f"`{value}`"


def _cell(text):
    return text.replace("|", "\\|").replace("[", "\\[").replace("*", "\\*")
