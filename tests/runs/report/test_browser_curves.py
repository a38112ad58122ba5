"""Curves, full trainings, marked differences, parallel coordinates and saved pictures in headless Chromium."""

import struct
import xml.etree.ElementTree as ET
from collections import Counter
from typing import Any

import pytest

from carsmoo.runs.report.data import extract
from carsmoo.runs.report.page import render
from carsmoo.space.darts_picture import cell_picture
from tests.support.browser import CONTRAST, DESKTOP, PHONE, Page
from tests.support.run_directories import TRUST, make_with_three, train

pytestmark = pytest.mark.end_to_end
pytest.importorskip("plotly", reason="needs plotly: pip install 'carsmoo[report]'")


@pytest.fixture(scope="module")
def page(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Page:
    path = make_with_three(tmp_path_factory.mktemp("runs") / "three")
    train(path, 1, [2.0, 1.5, 1.2], [0.5, 0.4, 0.3])
    train(path, 3, [2.2, 1.8], [0.6, 0.5])
    page = path / "page.html"
    page.write_text(render(extract(path)), encoding="utf-8")
    return Page(browser, page)


def test_hypervolume_and_trust_are_curves_over_what_is_chosen(page: Page) -> None:
    page.open()
    generations = extract(page.path.parent).generations
    assert page.drawn("hypervolume-plot") == [pytest.approx([g.hypervolume for g in generations])]
    assert page.drawn("hypervolume-plot", "x") == [[1, 2, 3]]
    assert page.drawn("best-plot") == [pytest.approx([60, 20, 5])]
    assert page.drawn("trust-plot", "name") == ["expected tau", "tau of two halves", "with the one before"]
    assert page.drawn("trust-plot", "x") == [[2, 3], [2, 3], [3]]
    halves, successive = ([one[name] for one in TRUST if one[name] is not None] for name in ("halves", "successive"))
    assert page.drawn("trust-plot")[1:] == [halves, successive]
    for value, places in (("time", [5, 11, 17]), ("epoch", [2, 3, 4]), ("evaluations", [4, 12, 20])):
        page.choose("#over", value)
        assert page.drawn("hypervolume-plot", "x") == page.drawn("best-plot", "x") == [places]
        assert page.drawn("trust-plot", "x")[0] == places[1:]


def test_each_training_is_a_curve_and_a_click_shows_its_network(page: Page) -> None:
    page.open()
    page.run("show(1)")  # which was not trained
    page.settle()
    assert page.drawn("held-out-plot") == [[50, 40, 30], [60, 50]]
    assert page.drawn("trainings-plot") == [[2.0, 1.5, 1.2], [2.2, 1.8]]
    widths = "return document.getElementById('trainings-plot').data.map(t => [t.meta, t.line.width, t.line.dash])"
    assert page.run(widths) == [[0, 1.2, None], [2, 1.2, None]]
    page.click_drawn("trainings-plot", 2, 1.8)
    assert page.texts("#network h3") == ["Network 3 of 3"]
    assert page.run(widths) == [[0, 1.2, None], [2, 3, None]]
    page.run("pin(2); pin(0)")
    page.settle()
    assert sorted(page.run(widths)) == [[0, 3, "dash"], [2, 3, "solid"]]


def test_what_two_pinned_cells_differ_in_is_marked_in_both(page: Page) -> None:
    page.open()
    page.run("pin(0)")
    assert page.texts("#pinned p.differs") == []
    page.run("pin(2)")
    genotypes = extract(page.path.parent).front.genotypes
    cells = [(g.normal, g.reduce) for g in (genotypes[0], genotypes[2])]
    for slot in (0, 1):
        for k in (0, 1):
            own, other = (
                Counter((p // 2, *edge) for p, edge in enumerate(cells[one][k]) if edge[0] != "none")
                for one in (slot, 1 - slot)
            )
            place = f"#pinned .network:nth-child({slot + 1}) > div:nth-of-type({k + 1})"
            marked = [text.replace("×", "x").split()[0] for text in page.texts(f"{place} .op.differs")]
            expected = [op.split("_")[0] for _, op, _ in (own - other).elements()]
            assert Counter(marked) == Counter(expected)
            assert page.run(
                "return document.querySelectorAll(arguments[0]).length", f"{place} .cell path.differs"
            ) >= len(expected)
            (words,) = page.texts(f"{place} p.differs")
            assert words.startswith(f"Marked, what {'A' if slot else 'B'} has not: ")
    page.run("pin(2)")
    assert page.run("return document.querySelectorAll('p.differs, path.differs').length") == 0


def test_the_same_cells_say_so_and_a_swap_within_a_node_is_no_difference(page: Page) -> None:
    edges = (("sep_conv_3x3", 0), ("skip_connect", 1), ("none", 0), ("none", 1))
    one, joined = cell_picture("normal cell", edges, (2, 3)), cell_picture("normal cell", edges, (2,))
    swapped = cell_picture("normal cell", (*edges[1::-1], *edges[2:]), (2, 3))
    twice = cell_picture("normal cell", (edges[0], edges[0], *edges[2:]), (2, 3))
    page.open()
    told = page.run(
        "const [one, swapped, twice, joined] = arguments;"
        "return [differenceWords(one, swapped, 'B'), differenceWords(twice, one, 'B'),"
        " differenceWords(one, joined, 'A'), differenceWords(joined, one, 'A'),"
        " [...differing(twice.arrows, one.arrows)].map(place => twice.arrows[place].label)]",
        *(picture.to_plain() for picture in (one, swapped, twice, joined)),
    )
    assert told == [
        "The same cell as B’s.",
        "Marked, what B has not: sep 3×3 of c(k−2) at node 0.",
        "Marked, what A has not: node 1 in the output.",
        "Nothing here that A has not.",
        ["sep_conv_3x3"],
    ]


def test_three_objectives_are_parallel_coordinates_whose_lines_show_and_pin(page: Page) -> None:
    page.open()
    page.run("show(0)")
    page.settle()
    order = page.drawn("parallel-plot", "meta")
    assert order[-1] == 0  # what stands out comes last
    lines = dict(zip(order, page.drawn("parallel-plot"), strict=True))
    # errors 5, 10 and 20 %, parameters 3, 2 and 1 M, multiply-adds 10, 20 and 30 M
    assert lines == {0: pytest.approx([0, 1, 0]), 1: pytest.approx([1 / 3, 0.5, 0.5]), 2: pytest.approx([1, 0, 1])}
    page.click_drawn("parallel-plot", 2, 1)
    assert page.texts("#network h3") == ["Network 3 of 3"]
    assert page.texts("#pinned h3") == ["ANetwork 3 of 3Unpin"]


def test_plots_are_saved_as_they_are_seen(page: Page) -> None:
    page.open(dark=True)
    for name in ("front", "parallel", "trust"):
        width = page.run("return document.getElementById(arguments[0]).clientWidth", f"{name}-plot")
        for kind in ("svg", "png"):
            page.click(f"[data-save='{name}'] [data-kind='{kind}']")
        drawing = ET.fromstring(page.saved(f"three-{name}.svg"))
        assert drawing.tag == "{http://www.w3.org/2000/svg}svg"
        assert float(drawing.get("width", "0")) == width
        picture = page.saved(f"three-{name}.png")
        assert picture[:8] == b"\x89PNG\r\n\x1a\n"
        assert struct.unpack(">I", picture[16:20]) == (2 * width,)
    assert page.complaints() == []


def test_cells_are_saved_with_their_looks(page: Page) -> None:
    page.open()
    page.run("show(1); pin(0); pin(1)")
    for kind in ("svg", "png"):
        page.click(f"#pinned .save [data-kind='{kind}']", 1)
    text = page.saved("three-cells-of-network-2.svg").decode()
    drawing = ET.fromstring(text)
    svg = "{http://www.w3.org/2000/svg}"
    titles = [element.text for element in drawing.findall(f"{svg}text")]
    assert titles == ["Normal cell", "Reduction cell"]
    assert len(drawing.findall(f"{svg}svg")) == 2
    bold = [element.text for element in drawing.iter(f"{svg}text") if "font-weight: 700" in element.get("style", "")]
    assert len(bold) == page.run("return document.querySelectorAll('#pinned .network:last-child .op.differs').length")
    assert "var(" not in text
    assert "rgb(156, 66, 33)" in text
    assert page.saved("three-cells-of-network-2.png")[:4] == b"\x89PNG"
    assert page.complaints() == []


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_nothing_is_wider_than_the_screen_and_text_stands_out(page: Page, size: tuple[int, int]) -> None:
    page.open(size, dark=True)
    page.run("pin(0); pin(1)")
    assert page.run("return document.documentElement.scrollWidth") == size[0]
    assert page.run(CONTRAST) == []
