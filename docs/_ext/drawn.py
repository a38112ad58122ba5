"""Sphinx extension: draw the figures and write the command line's help before the pages are read."""

from pathlib import Path

import commands
import figures
import notebooks
import settings


def generate(app):
    """Put everything that is made by a script into ``docs/_generated``, which is not kept in git."""
    out = Path(app.srcdir) / "_generated"
    out.mkdir(exist_ok=True)
    (out / "cli.md").write_text(commands.as_markdown(), encoding="utf-8")
    (out / "settings.md").write_text(settings.as_markdown(), encoding="utf-8")
    for path in sorted(Path(app.srcdir, "notebooks").glob("*.ipynb")):
        (out / f"{path.stem}.md").write_text(notebooks.as_markdown(path), encoding="utf-8")
    figures.draw_all(out)


def find_home(app, env, node, contnode):
    """Resolve a short name in a docstring: beside what the docstring is of, else wherever carsmoo has it."""
    if node.get("refdomain") != "py" or node.hasattr("refspecific"):
        return None
    domain, target = env.get_domain("py"), node["reftarget"]
    _, _, of = (node.source or "").partition("docstring of ")
    parts = of.split(":")[0].split(".")
    homes = [".".join([*parts[:k], target]) for k in range(len(parts), 0, -1)]
    found = next((name for name in homes if name in domain.objects), target)
    node["refspecific"] = True
    return domain.resolve_xref(env, node.get("refdoc"), app.builder, node["reftype"], found, node, contnode)


class PlainDocstrings:
    """Keeps napoleon from reading "Some words: more of them" under a value or a property as a type and its text."""

    def __init__(self):
        self.kept = None

    def before(self, app, what, name, obj, options, lines):
        """Keep the lines that napoleon would take apart, where it has no section to read."""
        plain = what in ("data", "attribute", "property") and not any(line.endswith(":") for line in lines)
        self.kept = list(lines) if plain else None

    def after(self, app, what, name, obj, options, lines):
        """Put them back."""
        if self.kept is not None:
            lines[:] = self.kept


def setup(app):
    """Register with Sphinx."""
    app.connect("builder-inited", generate)
    app.connect("missing-reference", find_home)
    plain = PlainDocstrings()
    app.connect("autodoc-process-docstring", plain.before, priority=400)  # napoleon has 500
    app.connect("autodoc-process-docstring", plain.after, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
