"""Networks of other spaces than DARTS's in a report's page in headless Chromium."""

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from carsmoo import ChainSpace, Front, NASBench201Space, SearchSpace, Stage
from carsmoo.config.search import SearchConfig
from carsmoo.runs.directory import RunDirectory
from carsmoo.runs.report.page import render
from carsmoo.runs.report.several import extract_each
from tests.support.browser import CONTRAST, DESKTOP, PHONE, Page
from tests.support.run_directories import ABOUT, NAMES, UNITS, events, write_log

pytestmark = pytest.mark.end_to_end
pytest.importorskip("plotly", reason="needs plotly: pip install 'carsmoo[report]'")

CHAIN = ChainSpace(stages=(Stage(1, 2), Stage(2, 3, 2)))
SVG = "{http://www.w3.org/2000/svg}"


def make(path: Path, space: SearchSpace, *vectors: list[int]) -> Path:
    """Write the directory of a run whose front holds these architectures."""
    run = RunDirectory.create(path, SearchConfig(space=space))
    F = [[0.1 * (k + 1), 3.0 - k] for k in range(len(vectors))]
    run.write_front(Front.from_objectives([space.decode(x) for x in vectors], F, NAMES, UNITS, ABOUT))
    write_log(path, events())
    return path


@pytest.fixture(scope="module")
def pages(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Page]:
    folder = tmp_path_factory.mktemp("spaces")
    runs = {
        "chain": [make(folder / "chain", CHAIN, [1, 0, 2, 0, 1], [1, 0, 0, 0, 2])],
        "cell": [make(folder / "cell", NASBench201Space(), [3, 0, 1, 4, 2, 1], [3, 0, 1, 4, 2, 0])],
    }
    runs["both"] = runs["chain"] + runs["cell"]
    found = {}
    for name, paths in runs.items():
        path = folder / f"{name}.html"
        path.write_text(render(*extract_each(paths)), encoding="utf-8")
        found[name] = Page(browser, path)
    return found


def test_a_chain_is_a_row_of_boxes_whose_differences_are_marked(pages: dict[str, Page]) -> None:
    page = pages["chain"]
    page.open()
    page.run("show(0); pin(0); pin(1)")
    assert page.texts("#network h4") == ["Chain"]
    drawn = ["stem", "mb 3×3 e3", "skip", "mb 5×5 e6", "skip", "mb 3×3 e3", "head", "classifier"]
    assert page.texts("#network svg .row text") == drawn
    assert page.texts("#network svg .group text")[0] == "stage 1"
    assert page.texts("#network svg .absent text") == ["skip", "skip"]
    words = page.texts("#pinned p.differs")
    assert words[0] == "Marked, what B has not: mb 5×5 e6 at block 1 of stage 2; mb 3×3 e3 at block 3 of stage 2."
    marked = "#pinned .network:last-child svg .differs text"
    assert page.texts(marked) == ["skip, 1×1", "mb 5×5 e6"]
    assert "see its picture" in page.texts("#front .lead")[0]
    assert page.complaints() == []


def test_a_cell_of_nas_bench_201_shows_its_edges_and_not_the_absent_one(pages: dict[str, Page]) -> None:
    page = pages["cell"]
    page.open()
    page.run("show(1); pin(0); pin(1)")
    assert sorted(page.texts("#network svg .op")) == ["avg 3×3", "nor 1×1", "nor 3×3", "skip"]
    assert page.texts("#pinned p.differs") == [
        "Marked, what B has not: skip of 2 at node 3.",
        "Nothing here that A has not.",
    ]
    assert page.texts("#pinned svg .op.differs") == ["skip"]


def test_pictures_are_saved(pages: dict[str, Page]) -> None:
    page = pages["chain"]
    page.open()
    page.run("show(1)")
    for kind in ("svg", "png"):
        page.click(f"#network .save [data-kind='{kind}']")
    text = page.saved("chain-picture-of-network-2.svg").decode()
    drawing = ET.fromstring(text)
    assert [element.text for element in drawing.findall(f"{SVG}text")] == ["Chain"]
    assert "mb 5×5 e6" in [element.text for element in drawing.iter(f"{SVG}text")]
    assert "var(" not in text
    assert page.saved("chain-picture-of-network-2.png")[:4] == b"\x89PNG"


@pytest.mark.parametrize("name", ["chain", "cell", "both"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_nothing_is_wider_than_the_screen_and_boxes_keep_apart(
    pages: dict[str, Page], name: str, size: tuple[int, int]
) -> None:
    page = pages[name]
    page.open(size, dark=True)
    page.run("show(0); pin(0); pin(data.networks.length - 1)")
    assert page.run("return document.documentElement.scrollWidth") == size[0]
    assert page.run(CONTRAST) == []
    hidden = page.run(
        "return [...document.querySelectorAll('#network svg')].map(svg => {"
        " const boxes = [...svg.querySelectorAll('g:not(.group) > rect, .op')].map(e => e.getBoundingClientRect());"
        " return boxes.filter((a, i) => boxes.some((b, j) => j < i && a.left + 2 < b.right && b.left + 2 < a.right"
        "  && a.top + 3 < b.bottom && b.top + 3 < a.bottom)).length; })"
    )
    assert hidden == [0]
    assert page.complaints() == []
    if name == "both":
        assert page.texts("#pinned p.differs") == []  # of different spaces
