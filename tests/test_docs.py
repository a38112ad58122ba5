"""The manual and the README run: each page's Python blocks in one namespace, and its commands, in an empty directory.

`console` blocks (lines that begin with ``$``) are run, in order with the Python blocks around them; `sh` blocks are
only parsed by the real command line. A Python block that begins with the name of a file, ``# spaces.py``, is written
there too. ``CARSProblem()`` without sizes, the demo, takes those of the preset ``smoke``.
"""

from __future__ import annotations

import inspect
import re
import shlex
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import typer
from sklearn.datasets import load_digits

import carsmoo
from carsmoo import NetworkConfig, SupernetTraining
from carsmoo.cli.entry import app, main
from carsmoo.config.search import SearchConfig

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# Pages that search and train for long.
LONG = {"distributed", "export", "index", "latency", "objective", "runs", "space", "trust", "tutorial", "weights"}
FENCE = re.compile(
    r"^(?:<!-- not run: (?P<why>.+) -->\n)?```(?P<kind>python|console|sh)\n(?P<text>.*?)^```$", re.M | re.S
)


def blocks(page: Path) -> list[tuple[int, str, str]]:
    """Return line, kind and text of each block of a page that is to be run or parsed."""
    source = page.read_text(encoding="utf-8")
    found = [m for m in FENCE.finditer(source) if not m["why"]]
    return [(source.count("\n", 0, m.start("text")) + 1, m["kind"], m["text"]) for m in found]


def commands(text: str) -> list[list[str]]:
    """Return the arguments of each carsmoo command in a block."""
    joined = text.replace("\\\n", " ")
    lines = [shlex.split(line.removeprefix("$ "), comments=True) for line in joined.splitlines()]
    return [words[1:] for words in lines if words[:1] == ["carsmoo"]]


def pages_with(*kinds: str) -> list[Path]:
    return [page for page in PAGES if any(kind in kinds for _, kind, _ in blocks(page))]


def pages_to_run() -> list[Any]:
    """Return the pages with blocks to run, each a parameter; those of LONG are left to the runs from end to end."""
    marks = [pytest.mark.end_to_end]
    pages = pages_with("python", "console")
    return [pytest.param(page, id=page.stem, marks=marks if page.stem in LONG else []) for page in pages]


@pytest.fixture
def smoke(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give what is made without sizes those of the preset smoke."""
    small = SearchConfig.preset("smoke")
    for kind, config in ((NetworkConfig, small.network), (SupernetTraining, small.training)):
        defaults = inspect.unwrap(kind.__init__).__kwdefaults__
        for field in fields(kind):
            monkeypatch.setitem(defaults, field.name, getattr(config, field.name))


@pytest.mark.usefixtures("smoke")
@pytest.mark.parametrize("page", pages_to_run())
def test_the_blocks_of_a_page_run(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    digits = load_digits()
    names = {"__name__": "page", "images": digits.images / 16, "labels": digits.target}
    for line, kind, text in blocks(page):
        if kind == "python":
            if file := re.match(r"# (\w+\.py)\n", text):
                Path(file[1]).write_text(text, encoding="utf-8")
            exec(compile("\n" * (line - 1) + text, str(page), "exec"), names)
        elif kind == "console":
            for words in commands(text):
                with pytest.raises(SystemExit) as end:
                    main(words)
                assert end.value.code == 0, f"{page.name}:{line}: {capsys.readouterr().err}"


@pytest.mark.parametrize("page", pages_with("console", "sh"), ids=lambda page: page.stem)
def test_the_commands_of_a_page_are_commands(page: Path) -> None:
    group = typer.main.get_command(app)
    for line, kind, text in blocks(page):
        for words in commands(text) if kind != "python" else []:
            name, *arguments = words
            assert name in group.commands, f"{page.name}:{line}: carsmoo {name}"
            group.commands[name].make_context(name, arguments)


def test_what_is_printed_beside_a_block_is_what_it_prints(capsys: pytest.CaptureFixture[str]) -> None:
    page = ROOT / "docs" / "pnsga3.md"
    first = next(text for _, kind, text in blocks(page) if kind == "python")
    exec(first, {})
    assert f"```text\n{capsys.readouterr().out}```" in page.read_text(encoding="utf-8")


def test_a_block_that_is_not_run_says_why() -> None:
    marked = [m["why"] for page in PAGES for m in FENCE.finditer(page.read_text(encoding="utf-8")) if m["why"]]
    assert all(len(why) > 10 for why in marked)


def test_every_public_name_is_in_the_reference() -> None:
    pages = "\n".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "api").glob("*.md"))
    missing = [name for name in carsmoo.__all__ if not re.search(rf":: carsmoo\.{name}\n", pages)]
    assert not missing


def test_links_lead_to_files() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target.strip()).exists(), f"{page.name}: {target}"


def test_the_citation_is_whole() -> None:
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    for field in ("cff-version: 1.2.0", "message:", "title:", "authors:", "license: Apache-2.0", "references:"):
        assert field in text
    assert f"version: {re.search(r'version = .(.+?).$', (ROOT / 'pyproject.toml').read_text(), re.M)[1]}" in text
