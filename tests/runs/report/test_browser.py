"""The report of one run in headless Chromium."""

from pathlib import Path
from typing import Any

import pytest

from carsmoo.runs.report.data import extract
from carsmoo.runs.report.page import render
from tests.support.browser import CONTRAST, DESKTOP, PHONE, Page
from tests.support.run_directories import ABOUT, front, make

pytest.importorskip("plotly", reason="needs plotly: pip install 'carsmoo[report]'")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = make(tmp_path_factory.mktemp("runs") / "first")
    final = front({**ABOUT, "split": "test", "weights": "stand-alone", "epoch": 90}, CARSA=0.09, CARSD=0.08, CARSH=0.04)
    final.to_json(path / "final-front.json")
    (path / "report.html").write_text(render(extract(path)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def page(browser: Any, run: Path) -> Page:
    return Page(browser, run / "report.html")


@pytest.mark.end_to_end
def test_it_opens_offline_loads_nothing_and_complains_of_nothing(page: Page) -> None:
    page.open()
    urls = page.requests()
    assert page.path.as_uri() in urls
    assert all(url.startswith(("file:", "data:", "blob:")) for url in urls)
    assert page.complaints() == []
    assert page.texts("h1") == ["first"]
    assert page.run("return document.querySelectorAll('.js-plotly-plot').length") == 6


def test_pointing_at_a_network_shows_its_cells_and_figures(page: Page) -> None:
    page.open()
    page.mouse(1)
    assert page.texts("#network h3") == ["Network 2 of 3"]
    values = [text.replace("\N{NO-BREAK SPACE}", " ") for text in page.texts("#network .value")]
    assert values == ["10.00 %", "2.000 M", "8.00 %"]
    assert page.texts("#network .about") == [
        "search-validation split, weights of the supernet, epoch 4",
        "",
        "test split, stand-alone, epoch 90",
    ]
    assert page.run("return document.querySelectorAll('#network svg').length") == 2
    genotype = extract(page.path.parent).front.genotypes[1]
    operations = [op for op, _ in genotype.normal + genotype.reduce if op != "none"]
    drawn = page.texts("#network svg .op")
    assert sorted(text.split()[0] for text in drawn) == sorted(op.split("_")[0] for op in operations)
    page.mouse(0)
    assert page.texts("#network h3") == ["Network 1 of 3"]


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_labels_of_cells_lie_clear_of_boxes_and_each_other(page: Page, size: tuple[int, int]) -> None:
    page.open(size)
    for k in range(3):
        page.run("show(arguments[0])", k)
        hidden = page.run(
            "return [...document.querySelectorAll('#network svg')].map(svg => {"
            " const boxes = [...svg.querySelectorAll('rect, .op')].map(e => e.getBoundingClientRect());"
            " return boxes.filter((a, i) => boxes.some((b, j) => j < i && a.left + 2 < b.right && b.left + 2 < a.right"
            "  && a.top + 3 < b.bottom && b.top + 3 < a.bottom)).length; })"
        )
        assert hidden == [0, 0]


@pytest.mark.end_to_end
def test_a_click_pins_and_two_are_side_by_side(page: Page) -> None:
    page.open()
    page.mouse(0, click=True)
    assert page.texts("#compare-hint") == ["Pin one more to compare."]
    page.mouse(2, click=True)
    assert page.texts("#pinned h3") == ["ANetwork 1 of 3Unpin", "BNetwork 3 of 3Unpin"]
    left, right = page.run(
        "return [...document.querySelectorAll('#pinned .network')].map(e => e.getBoundingClientRect().toJSON())"
    )
    assert left["top"] == right["top"]
    assert left["right"] < right["left"]
    assert page.run("return document.querySelectorAll('#pinned svg').length") == 4
    said = page.texts("#pinned .network:last-child .about")[0].replace("\N{NO-BREAK SPACE}", " ")
    assert said.startswith("+15.00 points against A; search-validation split")
    page.mouse(1, click=True)  # a third takes the place of the one pinned longest
    assert page.texts("#pinned h3") == ["ANetwork 2 of 3Unpin", "BNetwork 3 of 3Unpin"]
    page.mouse(1, click=True)
    assert page.texts("#pinned h3") == ["BNetwork 3 of 3Unpin"]
    assert page.texts(".pin button") == ["Pin", "Pin", "B"]


@pytest.mark.end_to_end
def test_the_slider_changes_the_front(page: Page) -> None:
    page.open()
    assert page.texts("#generation-says")[0].startswith("3 of 3, epoch 4, 3 of 4 on the front")
    drawn = "return Array.from(document.getElementById('generations-plot').data[3].y)"
    assert page.run(drawn) == [20, 10, 5]
    page.tab_to("#generation")
    page.keys("Left")
    assert page.run(drawn) == pytest.approx([40, 30, 20])
    page.keys("Home")
    assert page.texts("#generation-says")[0].startswith("1 of 3, epoch 2, 2 of 4 on the front")
    assert page.run(drawn) == [80, 60]


@pytest.mark.end_to_end
def test_everything_goes_by_keyboard_with_a_visible_focus(page: Page) -> None:
    page.open()
    page.tab_to("#points")
    outline = "const s = getComputedStyle(document.activeElement); return [s.outlineStyle, parseFloat(s.outlineWidth)]"
    assert page.run(outline) == ["solid", 3]
    page.keys("Home")
    assert page.texts("#network h3") == ["Network 3 of 3"]  # the smallest comes first
    page.keys("Enter", "Right", "Right", "Enter")
    assert page.texts("#pinned h3") == ["ANetwork 3 of 3Unpin", "BNetwork 1 of 3Unpin"]
    active = page.run("return document.getElementById(document.activeElement.getAttribute('aria-activedescendant'))")
    assert active.get_attribute("aria-selected") == "true"
    assert "error 5.00" in active.get_attribute("textContent")
    page.keys("Escape")
    assert page.texts("#pinned h3") == []
    page.tab_to(".pin button")
    assert page.run(outline) == ["solid", 3]
    page.keys("Down", "Enter")
    assert page.texts("#pinned h3") == ["ANetwork 2 of 3Unpin"]
    assert page.run("return document.activeElement.getAttribute('aria-pressed')") == "true"


def test_on_a_phone_nothing_is_wider_than_the_screen_and_a_tap_pins(page: Page) -> None:
    page.open(PHONE)
    page.tap(0)
    page.tap(2)
    assert [text[1:14] for text in page.texts("#pinned h3")] == ["Network 1 of ", "Network 3 of "]
    assert page.run("return [document.documentElement.scrollWidth, innerWidth]") == [390, 390]
    small = page.run(
        "return [...document.querySelectorAll('body *')].filter(e => e.children.length === 0 && e.textContent.trim()"
        " && e.getClientRects().length && !e.closest('.hidden, script, style')"
        " && parseFloat(getComputedStyle(e).fontSize) < 11.9).map(e => e.textContent)"
    )
    assert small == []
    assert page.complaints() == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_text_stands_out_and_controls_have_names(page: Page, dark: bool) -> None:
    page.open(dark=dark)
    page.run("pin(0); pin(1)")
    paper = page.run("return getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(20, 22, 26)" if dark else "rgb(255, 255, 255)")
    assert page.run(CONTRAST) == []
    tree = page.browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    controls = ("button", "slider", "listbox", "option", "link", "checkbox", "image", "table")
    named = [(n["role"]["value"], n.get("name", {}).get("value", "")) for n in tree if not n["ignored"]]
    assert {role for role, _ in named} >= set(controls) - {"table"}
    unnamed = [n for n in tree if not n["ignored"] and n["role"]["value"] in controls[:-1]]
    assert [n for n in unnamed if not n.get("name", {}).get("value", "").strip()] == []


@pytest.mark.parametrize("name", ["front.csv", "front.json"])
def test_a_download_is_the_runs_file(page: Page, name: str) -> None:
    page.open()
    page.run("document.querySelector(`a[download='${arguments[0]}']`).click()", name)
    assert page.saved(name) == (page.path.parent / name).read_bytes()
