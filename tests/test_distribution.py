"""What people install from: each file names what is there, and agrees with ``pyproject.toml``."""

import json
import re
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from carsmoo.config.toml import read_toml

ROOT = Path(__file__).parent.parent
PROJECT = read_toml(ROOT / "pyproject.toml")["project"]
NEEDED = {one.name: one for one in map(Requirement, PROJECT["dependencies"])}


@pytest.fixture(scope="module")
def steps() -> list[tuple[str, str]]:
    """Return the instructions of the Dockerfile with what they are given."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"), flags=re.M).replace("\\\n", " ")
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in text.splitlines()) if word]


def test_the_container_runs_the_command_as_a_user_who_owns_the_runs(steps: list[tuple[str, str]]) -> None:
    last = steps[max(k for k, (word, _) in enumerate(steps) if word == "FROM") :]
    given = dict(last)
    assert given["USER"] not in ("root", "0")
    assert json.loads(given["ENTRYPOINT"]) == [*PROJECT["scripts"]] == ["carsmoo"]
    assert json.loads(given["VOLUME"]) == ["/data", "/runs"]
    order = [word for word, _ in last]
    owned = next(k for k, (_, rest) in enumerate(last) if f"chown {given['USER']} /data /runs" in rest)
    assert owned < order.index("USER")
    assert owned < order.index("VOLUME")  # what is changed in a volume afterwards is lost
    assert "RUN" not in order[order.index("USER") :]


def test_the_container_is_made_of_files_and_extras_that_there_are(steps: list[tuple[str, str]]) -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    copied = [name for word, rest in steps if word == "COPY" for name in rest.split()[:-1]]
    assert set(copied) >= {"pyproject.toml", PROJECT["readme"], "LICENSE", "carsmoo"}
    for name in copied:
        assert (ROOT / name).exists()
        assert f"!{name}" in ignored
    (extras,) = (found for _, rest in steps for found in re.findall(r"\.whl\)\[([\w,]+)\]", rest))
    assert set(extras.split(",")) <= set(PROJECT["optional-dependencies"])
    (torch,) = (rest for word, rest in steps if word == "RUN" and "torchvision" in rest)
    assert "whl/cpu" in torch


def test_conda_brings_what_pip_would_and_pip_the_package() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    *conda, by_pip = environment["dependencies"]
    assert [re.sub(r"\[\w+\]$", "", one) for one in by_pip["pip"]] == ["."]
    assert set(re.findall(r"\[(\w+)\]", by_pip["pip"][0])) <= set(PROJECT["optional-dependencies"])
    found = {one.name: one for one in (Requirement(text.replace(" ", "")) for text in conda)}
    assert str(found.pop("python").specifier) == PROJECT["requires-python"]
    assert found.pop("pip")
    for name, one in found.items():
        need = NEEDED[{"pytorch": "torch", "matplotlib-base": "matplotlib"}.get(name, name)]
        assert one.specifier == need.specifier
