import base64
import json
import os
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from carsmoo.runs.directory import RunDirectory
from carsmoo.runs.report.data import extract
from carsmoo.runs.report.document import document
from carsmoo.runs.report.page import render, write_report
from carsmoo.utils.durations import duration
from carsmoo.zoo import GENOTYPES
from tests.support.run_directories import ABOUT, events, front, make, write_log

pytest.importorskip("plotly", reason="needs plotly: pip install 'carsmoo[report]'")
EVIL = "</script><img src=x onerror=alert(1)>&\"'"


class Page(HTMLParser):
    """What a page's elements refer to, its texts by element, and its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.refers: list[str] = []
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.events: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        named = ("src", "href", "srcset", "data", "poster", "action")
        self.refers += [value or "" for name, value in attrs if name in named]
        self.events += [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("runs") / "first")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are texts")
def test_a_name_that_is_no_utf_8_is_escaped(tmp_path: Path) -> None:
    path = make(tmp_path / os.fsdecode(b"s\xff"))
    write_report([path], tmp_path / "report.html")
    assert "s\\xff" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert extract(path).name == "s\\xff"


def test_nothing_is_loaded(run: Path) -> None:
    page = Page(render(extract(run)))
    assert page.refers
    assert all(place.startswith(("#", "data:")) for place in page.refers)
    assert not {"iframe", "object", "embed", "base"} & set(page.tags)


def test_the_figures_have_units_and_say_what_they_belong_to(run: Path) -> None:
    words = " ".join(" ".join(Page(render(extract(run))).texts).split())
    assert "5.00 %" in words.replace("\N{NO-BREAK SPACE}", " ")
    assert "Error: search-validation split, weights of the supernet, epoch 4." in words
    assert "7.00 % test split, weights of the supernet, epoch 4" in words
    assert "seed 3" in words
    assert re.search(r"Started [^.]*UTC\. (Ended|Not ended)", words)
    assert "learning_rate" in words
    for phase, share in (("warm-up", 20), ("training", 25), ("scoring", 30), ("rest", 25)):
        assert f"{phase} {duration(share / 5)} {share} %" in words.replace("\N{NO-BREAK SPACE}", " ")


def test_own_weights_are_not_called_the_supernets(tmp_path: Path) -> None:
    about = {"weights": "own", "scores": "main effects of these networks"}
    path = make(tmp_path / "run", settings={"training": {"weights": "own"}}, **about)
    words = " ".join(" ".join(Page(render(extract(path))).texts).split())
    weights = "main effects of these networks, each network's own weights, as they were in their time."
    assert f"Search-validation split, {weights}" in words
    assert "supernet" not in words.replace("n_supernets", "").replace("supernet_epochs", "")


def test_probes_are_named_with_the_time_that_they_took(tmp_path: Path) -> None:
    path, told = make(tmp_path / "run", settings={"training": {"probes": 32}}), events()
    spent = next(k for k, event in enumerate(told) if "spent" in event)
    told[spent] = {**told[spent], "spent": {**told[spent]["spent"], "probes": 2.0}}
    write_log(path, told)
    words = " ".join(" ".join(Page(render(extract(path))).texts).split())
    assert "; 32 probes; protection" in words
    assert f"probes {duration(2.0)} 10 %" in words.replace("\N{NO-BREAK SPACE}", " ")
    assert "networks trained alone for a moment, against whose order the search's is held" in words


def test_trust_is_a_row_a_generation_and_a_sentence_where_it_is_low_in_the_end(run: Path, tmp_path: Path) -> None:
    words = " ".join(" ".join(Page(render(extract(run))).texts).split())
    assert "2 0.80 0.62 – 0.50 120 3 0.37 0.11 -0.20 0.25 240" in words
    assert "The order of these networks is mostly noise: two halves of what scores them agree with tau 0.11;" in words
    path = make(tmp_path / "run")
    write_log(path, [{k: v for k, v in event.items() if k != "trust"} for event in events()])
    words = " ".join(Page(render(extract(path))).texts)
    assert "Trust" not in words
    assert "noise" not in words


def test_the_downloads_are_the_runs_files(run: Path) -> None:
    links = [place for place in Page(render(extract(run))).refers if ";base64," in place]
    contents = [base64.b64decode(link.partition(",")[2]) for link in links]
    assert contents == [(run / "front.csv").read_bytes(), (run / "front.json").read_bytes()]


def test_the_same_run_gives_the_same_page(run: Path) -> None:
    assert render(extract(run)) == render(extract(run))


def test_text_from_files_stays_text(tmp_path: Path) -> None:
    path = make(tmp_path / "run", split=EVIL, data=EVIL)
    log = [json.loads(line) for line in (path / "log.jsonl").read_text().splitlines()]
    log[0]["versions"] = {EVIL: EVIL}
    write_log(path, log)
    made = front({**ABOUT, "split": EVIL})
    object.__setattr__(made, "names", ("error", EVIL))
    RunDirectory(path).write_front(made)
    text = render(extract(path))
    page = Page(text)
    assert "img" not in page.tags
    assert page.events == []
    assert page.tags.count("script") == 3
    assert any(EVIL in words for words in page.texts)
    held = json.loads(next(words for words in page.texts if words.startswith('{"columns"')))
    assert held["columns"][1]["name"] == EVIL


def test_the_drawn_data_are_plain_and_whole(run: Path) -> None:
    drawn = json.loads(json.dumps(document(extract(run)), allow_nan=False))
    assert [network["F"] for network in drawn["networks"]] == [[0.05, 3.0], [0.1, 2.0], [0.2, 1.0]]
    assert drawn["networks"][0]["text"] == str(GENOTYPES["CARS-H"])
    assert [one["title"] for one in drawn["networks"][0]["pictures"]] == ["normal cell", "reduction cell"]
    assert [generation["front"] for generation in drawn["runs"][0]["generations"]] == [[0, 1], [0, 1, 2], [0, 1, 2]]


def test_networks_trained_in_full_are_told_with_their_split(tmp_path: Path) -> None:
    path = make(tmp_path / "run")
    about = {"split": "test", "weights": "stand-alone", "epoch": [90, 90, 80], "kendall": {"tau": 0.333}}
    front(about, CARSH=0.0123).to_json(path / "final-front.json")
    words = " ".join(" ".join(Page(render(extract(path))).texts).split())
    assert "Trained in full: test split, stand-alone, epochs 80 to 90." in words
    assert "So few networks (n = 3, fewer than 6) tell nothing of how their orders agree." in words
    assert "tau between" not in words
    told = document(extract(path))["networks"]
    assert told[2]["trainedAbout"] == "test split, stand-alone, epoch 80"
    assert "1.23" in words


def test_a_missing_library_is_one_line_that_names_the_extra(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    with pytest.raises(ImportError, match=r"^report: expected the package plotly, .* 'carsmoo\[report\]'$"):
        render(extract(run))
