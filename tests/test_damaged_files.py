"""Files that are not what they should be: each is named in one line, by the library and by the commands."""

import itertools
import json
import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from carsmoo import (
    Front,
)
from carsmoo.config.toml import read_toml
from carsmoo.problems.surrogate import NASBench301
from carsmoo.problems.tabular import CurveTable, NASBenchMacro, deep_resnets, metaqnn, naap440
from carsmoo.zoo import GENOTYPES
from tests.support.commands import call
from tests.support.wrong_calls import DEEP, HUGE, check, compared, contents

DATA = Path(os.environ.get("CARSMOO_DATA", "nowhere"))
A = GENOTYPES["CARS-A"]
GENOTYPE = json.loads(A.to_json())
ENTRIES = {"".join(map(str, row)): {"mean_acc": 90.0, "params": 1e6} for row in itertools.product(range(3), repeat=8)}


def front_json(**change: Any) -> str:
    networks = [{"objectives": {"error": 0.1}, "genotype": GENOTYPE}]
    return json.dumps({"objectives": {"error": "fraction"}, "about": {}, "networks": networks, **change})


def measured(value: Any) -> str:
    return front_json(networks=[{"objectives": {"error": value}, "genotype": GENOTYPE}])


curves = partial(CurveTable.read, cost="c", accuracy="a{}")

FILES: dict[str, tuple[str, bytes | str, Callable[[str], object], str]] = {
    "TOML, bytes": ("x.toml", b"\xff\xfe", read_toml, "expected TOML, got 'utf-8' codec"),
    "TOML, deep": ("x.toml", f"a = {DEEP}", read_toml, "expected TOML, got"),
    "TOML, endless": ("x.toml", f"seed = {HUGE}", read_toml, "expected TOML, got"),
    "front, bytes": ("f.json", b"\xff\x00", Front.load, "expected a front, got something else"),
    "front, cut": ("f.json", front_json()[:99], Front.load, "expected a front, got something else"),
    "front, deep": ("f.json", DEEP, Front.load, "expected a front, got something else"),
    "front, NaN": ("f.json", measured(np.nan), Front.load, "expected numbers, got NaN"),
    "front, infinity": ("f.json", measured(np.inf), Front.load, "expected finite numbers, got inf"),
    "front, endless": ("f.json", measured(10**400), Front.load, "expected a front, got something else .*Overflow"),
    "front, about": ("f.json", front_json(about="ab"), Front.load, "expected units as texts and 'about' as an object"),
    "front, no objectives": (
        "f.json",
        front_json(objectives={}, networks=[]),
        Front.load,
        "expected different objectiv",
    ),
    "front, CSV, bytes": ("f.csv", b"\xff\x00", Front.load, "expected a front, got something else"),
    "front, CSV, empty": ("f.csv", "", Front.load, "expected a last column 'genotype', got ''"),
    "front, CSV, cut": (
        "f.csv",
        f'error,params,genotype\n0.1,"{A}"\n',
        Front.load,
        "expected 3 values in row 1, got 2",
    ),
    "front, CSV, NaN": ("f.csv", f'error,genotype\nnan,"{A}"\n', Front.load, "expected numbers, got NaN"),
    "front, CSV, a name twice": ("f.csv", f'error,error,genotype\n1,1,"{A}"\n', Front.load, "expected different objec"),
    "curves, bytes": ("c.csv", b"\xff\xfe", curves, "expected CSV, got something else"),
    "curves, empty": ("c.csv", "", curves, "expected columns c and a1, got "),
    "curves, a cut row": ("c.csv", "c,a1,a2\n1,1,1\n1,1", curves, "expected 3 values in row 2, got more or fewer"),
    "curves, a long row": ("c.csv", "c,a1\n1,1,1\n1,1\n", curves, "expected 2 values in row 1, got more or fewer"),
    "curves, NaN": ("c.csv", "c,a1\n1,1\n1,nan\n", curves, "expected finite numbers, got NaN"),
    "curves, an endless field": ("c.csv", f'c,a1\n1,"{DEEP}{DEEP}', curves, "expected CSV, got something else"),
    "curves, a name of two lines": ("c.csv", 'c,"a\n1"\n1,2\n', curves, "expected columns c and a1, got "),
    "macro, cut": ("m.json", json.dumps(ENTRIES)[:1000], NASBenchMacro, "expected JSON, got something else"),
    "macro, bytes": ("m.json", b"\xff\x00", NASBenchMacro, "expected JSON, got something else"),
    "macro, deep": ("m.json", DEEP, NASBenchMacro, "expected JSON, got something else"),
    "macro, a list": ("m.json", "[]", NASBenchMacro, "expected all 6561 networks"),
    "macro, one too few": (
        "m.json",
        json.dumps({key: entry for key, entry in ENTRIES.items() if key != "22222222"}),
        NASBenchMacro,
        "expected all 6561 networks, got none under '22222222'",
    ),
    "macro, NaN": (
        "m.json",
        json.dumps({**ENTRIES, "00000000": {"mean_acc": np.nan, "params": 1}}),
        NASBenchMacro,
        "expected finite numbers, got NaN",
    ),
    "stored run, bytes": ("p--a--0.json", b"\xff", lambda path: compared(store="."), "expected a stored run"),
    "stored run, another's": (
        "p--a--0.json",
        json.dumps(
            {"problem": "q", "algorithm": "a", "seed": 0, "evaluations": [1], "populations": [[[1.0, 2.0]]]}
            | {"reference": None, "seconds": 1.0}
        ),
        lambda path: compared(store="."),
        "expected a stored run, got another one's",
    ),
    "stored run, empty": (
        "p--a--0.json",
        json.dumps(
            {"problem": "p", "algorithm": "a", "seed": 0, "evaluations": [], "populations": []}
            | {"reference": None, "seconds": 1.0}
        ),
        lambda path: compared(store="."),
        "expected a stored run",
    ),
}


@pytest.mark.parametrize("damaged", FILES.values(), ids=FILES.keys())
def test_a_damaged_file_is_named_in_one_line(
    damaged: tuple[str, bytes | str, Callable[[str], object], str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    name, text, read, says = damaged
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    reader: Callable[[str], object] = partial(NASBenchMacro, "params") if read is NASBenchMacro else read
    check((lambda: reader(name), ValueError, f"{re.escape(name)}: {says}"), monkeypatch, tmp_path)


def test_blocks_that_the_macro_space_does_not_have_are_refused(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text(json.dumps(ENTRIES))
    problem = NASBenchMacro(path=tmp_path / "m.json")
    assert problem.evaluate(np.full((2, 8), 2)).shape == (2, 2)
    for wrong, says in ((3, "got 3"), (-1, "got -1"), (0.5, "got 0.5"), (np.nan, "got nan")):
        with pytest.raises(ValueError, match=f"X: expected blocks 0, 1 or 2, {says}"):
            problem.evaluate(np.full((2, 8), wrong))
    with pytest.raises(ValueError, match=r"X: expected \(n, 8\), got \(2, 7\)"):
        problem.final_values(np.zeros((2, 7), int))


PUBLISHED: dict[str, tuple[str, Callable[[], object]]] = {
    "macro": ("nas-bench-macro/nas-bench-macro_cifar10.json", NASBenchMacro),
    "naap-440": ("naap-440/naap440v2.csv", naap440),
    "metaqnn": ("accelerating-nas/metaqnn_cifar10.csv", metaqnn),
    "deep-resnets": ("accelerating-nas/deep_resnets_cifar10.csv", deep_resnets),
    "nb301": ("nb301/model_v2.onnx", lambda: NASBench301().evaluate(np.zeros((1, 24), int))),
}


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize("share", ["nothing", "half", "a byte too little"])
def test_truncated_data_are_named(name: str, share: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file, make = PUBLISHED[name]
    if not (DATA / file).is_file():
        pytest.skip(f"needs {file} in CARSMOO_DATA")
    whole = (DATA / file).read_bytes()
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_bytes(whole[: {"nothing": 0, "half": len(whole) // 2}.get(share, len(whole.rstrip()) - 1)])
    monkeypatch.setenv("CARSMOO_DATA", str(tmp_path))
    check((make, ValueError, f"{re.escape(str(path))}: expected "), monkeypatch, tmp_path)


@pytest.mark.parametrize("name", [name for name, (file, _) in PUBLISHED.items() if file.endswith("csv")])
def test_rows_that_are_missing_are_noticed(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file, make = PUBLISHED[name]
    if not (DATA / file).is_file():
        pytest.skip(f"needs {file} in CARSMOO_DATA")
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_bytes(b"".join((DATA / file).read_bytes().splitlines(keepends=True)[:-1]))
    monkeypatch.setenv("CARSMOO_DATA", str(tmp_path))
    check((make, ValueError, f"{re.escape(str(path))}: expected .* rows of .* epochs, got"), monkeypatch, tmp_path)


# ---------------------------------------------------------------- commands that read what is there


COMMANDS: dict[str, tuple[list[str], str]] = {
    "search, a folder for a file": (["search", "--out", "run", "--config", "."], "Is a directory"),
    "search, bytes": (["search", "--out", "run", "--config", "bytes"], "bytes: expected TOML, got"),
    "search, cut TOML": (["search", "--out", "run", "--config", "cut"], "cut: expected TOML, got Invalid value"),
    "search, deep TOML": (["search", "--out", "run", "--config", "deep"], "deep: expected TOML, got"),
    "search, a name of two lines": (["search", "--out", "run", "--config", "lines"], "a b: expected one of algorithm"),
    "search, a date": (
        ["search", "--out", "run", "--config", "date"],
        "seed: expected an integer of at least 0, got dat",
    ),
    "search, into a file": (["search", "--out", "cut"], "out: expected a new or empty directory"),
    "search, below a file": (["search", "--out", "cut/run"], "Not a directory"),
    "search, damaged images": (["search", "--out", "run", "--set", "data=cifar10:images"], "/cifar-10-batches-py"),
    "resume, a file": (["resume", "cut"], "run: expected the directory of a run, got cut"),
    "resume, another folder": (["resume", "images"], "run: expected a directory with checkpoints, got images"),
    "plot, a file": (["plot", "cut"], "run: expected a directory with front.json, got cut"),
    "plot, a damaged front": (["plot", "damaged"], "front.json: expected a front, got something else"),
    "plot, no log": (["plot", "lost"], "run: expected a directory with log.jsonl, got lost"),
    "compare, a damaged run": (
        ["compare", "--problem", "trap", "--seeds", "1", "--jobs", "1", "--out", "stored"],
        "trap--growth--0.json: expected a stored run",
    ),
    "compare, below a file": (
        ["compare", "--problem", "trap", "--seeds", "1", "--jobs", "1", "--out", "cut"],
        "out: expected a directory, got the file cut",
    ),
    "compare, no data": (
        ["compare", "--problem", "macro", "--out", "run"],
        "nas-bench-macro_cifar10.json: expected images/nas-bench-macro",
    ),
}


@pytest.mark.parametrize(("argv", "says"), COMMANDS.values(), ids=COMMANDS.keys())
def test_a_command_on_damaged_files_writes_nothing(
    argv: list[str], says: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CARSMOO_DATA", "images")
    texts = {"cut": "a = [", "deep": f"a = {DEEP}", "lines": '"a\\nb" = 3\n', "date": "seed = 1979-05-27\n"}
    texts |= {"damaged/front.json": "{", "damaged/log.jsonl": "", "lost/front.json": front_json()}
    texts |= {"stored/runs/trap--growth--0.json": "{", "images/cifar-10-batches-py/data_batch_1": "cut"}
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    before = contents(tmp_path)
    assert call(*argv) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.startswith("carsmoo: ")
    assert error.count("\n") == 1
    assert contents(tmp_path) == before
