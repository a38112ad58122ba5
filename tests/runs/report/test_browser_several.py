"""The page of several runs in headless Chromium."""

from typing import Any

import numpy as np
import pytest

from carsmoo.runs.report.page import render
from carsmoo.runs.report.several import extract_each, hypervolumes
from tests.support.browser import CONTRAST, DESKTOP, PHONE, Page
from tests.support.run_directories import events, make, write_log

pytestmark = pytest.mark.end_to_end
pytest.importorskip("plotly", reason="needs plotly: pip install 'carsmoo[report]'")
FACTORS = (1.0, 0.8, 0.5)


@pytest.fixture(scope="module")
def page(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Page:
    folder = tmp_path_factory.mktemp("runs")
    paths = [make(folder / f"growth{seed}", seed, factor=factor) for seed, factor in enumerate(FACTORS)]
    paths.append(make(folder / "size", 0, {"algorithm": {"protection": "size"}}, 0.9))
    stopped = make(folder / "growth3", 3, factor=0.6)
    write_log(stopped, events()[:6])  # which two of three generations are scored of
    reports = extract_each([*paths, stopped])
    (folder / "report.html").write_text(render(*reports), encoding="utf-8")
    made = Page(browser, folder / "report.html")
    made.reports = reports
    return made


def traces(page: Page, plot: str) -> dict[str, list[float]]:
    """Return median, and the ends of its band, of each setting."""
    data = page.run("return document.getElementById(arguments[0]).data.map(t => [t.meta, Array.from(t.y)])", plot)
    at = [k for k, (meta, _) in enumerate(data) if str(meta).startswith("median")]
    return {data[k][0]: [data[k - 2][1], data[k][1], data[k - 1][1]] for k in at}


def test_seeds_of_a_setting_are_a_median_with_a_band(page: Page) -> None:
    page.open()
    assert page.complaints() == []
    assert page.texts("#runs tbody th") == [
        "1 protection growth",
        "2 protection size",
        *("growth0", "growth1", "growth2", "growth3", "size"),
    ]
    volumes = hypervolumes(page.reports)
    seeds = np.array([volumes[k][:2] for k in (0, 1, 2, 4)])  # as far as all have come
    drawn = traces(page, "hypervolume-plot")
    assert drawn["median 0"] == [pytest.approx(f(seeds, axis=0)) for f in (np.min, np.median, np.max)]
    assert drawn["median 1"] == [pytest.approx(volumes[3])] * 3
    assert page.run("return bandOf([[[0, 1]], [[0, 2]], [[0, 4]], [[0, 8]], [[0, 16]]])") == [
        {"x": 0, "low": 2, "middle": 4, "high": 8}  # quartiles of five or more
    ]
    assert page.run("return bandOf([[[0, 1], [2, 3]], [[1, 5]]]).map(b => [b.x, b.low, b.high])")[1:] == [
        [1, 1, 5],
        [2, 3, 5],
    ]
    names = "return document.getElementById('best-plot').data.filter(t => t.showlegend).map(t => t.name)"
    assert page.run(names) == ["protection growth", "protection size"]


def test_the_middle_front_is_what_half_of_the_runs_attain(page: Page) -> None:
    page.open()
    drawn = traces(page, "front-plot")["median 0"]
    # of four runs with errors 20, 10 and 5 % of 1, 2 and 3 M times 1, 0.8, 0.6 and 0.5, to the plot's right edge
    assert drawn[1] == pytest.approx([0.7 * error for error in (20, 10, 5, 5)])
    assert drawn[0] == pytest.approx([0.5 * error for error in (20, 10, 5, 5)])
    assert drawn[2] == pytest.approx([20, 10, 5, 5])


def test_networks_of_different_runs_are_pinned_and_runs_chosen(page: Page) -> None:
    page.open()
    page.run("pin(0); pin(9)")
    assert page.texts("#pinned h3") == ["ANetwork 1 of 3Unpin", "BNetwork 1 of 3Unpin"]
    assert page.texts("#pinned dl > div:first-child dd") == ["growth0", "protection growth", "size", "protection size"]
    assert page.texts("#pinned p.differs") == ["The same cell as B’s."] * 2 + ["The same cell as A’s."] * 2
    page.choose("#run", "4")
    assert page.texts("#generation-says")[0].startswith("1 of 1") or page.texts("#generation-says")[0].startswith(
        "2 of 2"
    )
    page.choose("#figure", "updates")
    assert traces(page, "trust-plot")["median 1"][1] == [120, 240.5]


@pytest.mark.parametrize(("size", "dark"), [(DESKTOP, True), (PHONE, False)], ids=["dark desktop", "phone"])
def test_it_fits_the_screen_and_text_stands_out(page: Page, size: tuple[int, int], dark: bool) -> None:
    page.open(size, dark=dark)
    page.run("document.querySelectorAll('details').forEach(e => { e.open = true; }); pin(0); pin(4)")
    page.settle()
    assert page.run("return document.documentElement.scrollWidth") == size[0]
    assert page.run(CONTRAST) == []
