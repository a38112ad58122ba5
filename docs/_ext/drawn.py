"""Sphinx extension: draw the figures and write the command line's help before the pages are read."""

from pathlib import Path

import commands
import figures


def generate(app):
    """Put everything that is made by a script into ``docs/_generated``, which is not kept in git."""
    out = Path(app.srcdir) / "_generated"
    out.mkdir(exist_ok=True)
    (out / "cli.md").write_text(commands.as_markdown(), encoding="utf-8")
    figures.draw_all(out)


def find_home(app, env, node, contnode):
    """Resolve a short name in a docstring, such as Checkpoint, whichever of carsmoo's modules it is documented in."""
    if node.get("refdomain") != "py" or node.hasattr("refspecific"):
        return None
    node["refspecific"] = True
    domain = env.get_domain("py")
    where = node.get("refdoc"), app.builder, node["reftype"], node["reftarget"]
    return domain.resolve_xref(env, *where, node, contnode)


def setup(app):
    """Register with Sphinx."""
    app.connect("builder-inited", generate)
    app.connect("missing-reference", find_home)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
