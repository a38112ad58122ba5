"""A watched page in headless Chromium: it loads itself again and keeps what a reader chose."""

from pathlib import Path
from typing import Any

import pytest

from carsmoo.runs.directory import RunDirectory
from carsmoo.runs.report.data import extract
from carsmoo.runs.report.page import render
from tests.support.browser import Page
from tests.support.run_directories import events, front, make, write_log

pytestmark = pytest.mark.end_to_end
pytest.importorskip("plotly", reason="needs plotly: pip install 'carsmoo[report]'")
wait = pytest.importorskip("selenium.webdriver.support.wait", reason="needs selenium: pip install 'carsmoo[test]'")


@pytest.fixture
def page(browser: Any, tmp_path: Path) -> Page:
    run = make(tmp_path / "run")
    found = front()
    RunDirectory(run).write_front(found[1:])
    write_log(run, events()[:-3])
    (tmp_path / "page.html").write_text(render(extract(run), watched=True), encoding="utf-8")
    return Page(browser, tmp_path / "page.html")


def loaded_again(page: Page) -> bool:
    """Let the page look at its file, and return whether it has loaded it again."""
    page.run("window.before = true; data.reload = 1e-9")
    look = wait.WebDriverWait(page.browser, 4, poll_frequency=0.1)
    try:
        look.until(lambda _: page.run("return !('before' in window) && 'ready' in document.documentElement.dataset"))
    except wait.TimeoutException:
        return False
    return True


def test_it_loads_itself_again_and_shows_the_same_networks(page: Page) -> None:
    page.open()
    assert page.texts("#network h3") == ["Network 1 of 2"]
    page.run("show(1); pin(0); pin(1); document.querySelector('#network details').open = true")
    page.choose("#over", "time")
    page.run("document.getElementById('over').focus(); scrollTo({top: 500, behavior: 'instant'})")
    codes = page.texts("#pinned code")
    make_whole = page.path.parent / "run"
    RunDirectory(make_whole).write_front(front())  # a better one comes first
    write_log(make_whole, events()[:-1])
    page.path.write_text(render(extract(make_whole), watched=True), encoding="utf-8")
    assert loaded_again(page)
    assert page.texts("#network h3") == ["Network 3 of 3"]
    assert page.texts("#pinned h3") == ["ANetwork 2 of 3Unpin", "BNetwork 3 of 3Unpin"]
    assert page.texts("#pinned code") == codes
    assert page.texts("#generation-says")[0].startswith("3 of 3")
    assert page.drawn("best-plot", "x") == [[5, 11, 17]]
    assert page.run("return [document.activeElement.id, scrollY, document.querySelector('details').open]") == [
        "over",
        500,
        True,
    ]
    page.path.write_text(render(extract(make_whole)), encoding="utf-8")  # its watch has ended
    assert loaded_again(page)
    assert page.texts("#reload") == []
    assert page.run("return data.reload") is None
    assert page.complaints() == []


def test_it_can_be_told_to_stay(page: Page) -> None:
    page.open()
    page.run("document.getElementById('reload').click()")
    assert not loaded_again(page)
